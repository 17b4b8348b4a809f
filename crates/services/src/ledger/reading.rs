//! What the operator reads: what came in, what the platform earned, and the books line by line.

use std::collections::BTreeSet;

use domain::ledger::{AccountCode, AccountKind, TransactionKind};
use domain::view::money::{BalanceView, EntryView, RevenueRow, RevenueView, TransactionView};
use domain::view::{Page, Paging};
use domain::{Currency, Money, OrganizationId, Timestamp};
use store::ledger::{self as rows, Flow, TransactionQuery};
use store::{Scope, Tx};

use crate::access::Principal;
use crate::ctx::Ctx;
use crate::error::Result;

/// How many months the revenue page shows.
const MONTHS: usize = 6;

/// Which transactions are asked for; what is empty is not asked about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransactionFilter {
    /// About what.
    pub kind: Option<TransactionKind>,
    /// With a line on this account.
    pub account: Option<AccountCode>,
    /// With a line on an account of this organization.
    pub owner: Option<OrganizationId>,
}

/// Returns what the platform took and earned in each of the last months, newest first.
pub async fn revenue(ctx: &Ctx, who: &Principal) -> Result<RevenueView> {
    who.operator()?;
    let book = ctx.payments.rail();
    let mut tx = ctx.store.read(Scope::System).await?;
    let mut rows = Vec::new();
    let mut from = ctx.now().month_start();
    for _ in 0..MONTHS {
        let flows = rows::flows(&mut tx, book, from, from.next_month_start()).await?;
        rows.extend(of_month(&flows, from));
        from = Timestamp(from.0 - 1).month_start();
    }
    let monthly = store::figures::monthly(&mut tx).await?;
    Ok(RevenueView { book: book.to_owned(), monthly, rows })
}

/// Makes a row of each currency that moved in a month.
fn of_month(flows: &[Flow], month: Timestamp) -> Vec<RevenueRow> {
    let currencies: BTreeSet<Currency> = flows.iter().map(|flow| flow.currency).collect();
    let of = |currency: Currency, wanted: &dyn Fn(&Flow) -> bool| {
        let minor = flows.iter().filter(|flow| flow.currency == currency && wanted(flow)).map(|flow| flow.minor).sum();
        Money::new(minor, currency)
    };
    currencies
        .into_iter()
        .map(|currency| {
            let sold =
                of(currency, &|flow| flow.kind == TransactionKind::Sale && flow.account == AccountCode::RailBalance);
            // What is due back because of a sale; money that was never for one is not a refund.
            let returned = of(currency, &|flow| {
                matches!(flow.kind, TransactionKind::RefundDue | TransactionKind::RefundUndone)
                    && flow.account == AccountCode::RefundsDue
            });
            let commission = of(currency, &|flow| flow.account == AccountCode::Commission);
            let fees = of(currency, &|flow| flow.account == AccountCode::RailFees);
            let (commission, returned) = (-commission.minor, -returned.minor);
            RevenueRow {
                month: month.day().iso()[..7].to_owned(),
                sold,
                returned: Money::new(returned, currency),
                kept: Money::new(sold.minor - returned, currency),
                commission: Money::new(commission, currency),
                fees,
                net: Money::new(commission - fees.minor, currency),
            }
        })
        .collect()
}

/// Returns the balance of every account.
pub async fn balances(ctx: &Ctx, who: &Principal) -> Result<Vec<BalanceView>> {
    who.operator()?;
    let mut tx = ctx.store.read(Scope::System).await?;
    let balances = rows::balances(&mut tx, ctx.payments.rail(), None).await?;
    let mut views = Vec::new();
    for balance in balances {
        let owner = match balance.owner {
            Some(id) => store::organizations::get(&mut tx, id).await?.map(|row| row.name).unwrap_or_default(),
            None => String::new(),
        };
        views.push(BalanceView {
            account: balance.account,
            kind: match balance.account.kind() {
                AccountKind::Asset => "asset",
                AccountKind::Liability => "liability",
                AccountKind::Revenue => "revenue",
                AccountKind::Expense => "expense",
            }
            .to_owned(),
            owner_id: balance.owner,
            owner,
            amount: balance.natural(),
        });
    }
    Ok(views)
}

/// Lists transactions with their lines, newest first.
pub async fn transactions(
    ctx: &Ctx,
    who: &Principal,
    filter: TransactionFilter,
    paging: Paging,
) -> Result<Page<TransactionView>> {
    who.operator()?;
    let paging = Paging::clamped(paging.page, paging.page_size);
    let query = TransactionQuery {
        book: ctx.payments.rail().to_owned(),
        kind: filter.kind,
        account: filter.account,
        owner: filter.owner,
    };
    let mut tx = ctx.store.read(Scope::System).await?;
    let total = rows::count_transactions(&mut tx, &query).await?;
    let found = rows::transactions(&mut tx, &query, paging.page_size, paging.offset()).await?;
    let mut views = Vec::new();
    for row in found {
        views.push(view(&mut tx, row).await?);
    }
    Ok(Page { rows: views, total, page: paging.page, page_size: paging.page_size })
}

async fn view(tx: &mut Tx, row: rows::TransactionRow) -> Result<TransactionView> {
    let entries = rows::entries(tx, row.id).await?;
    Ok(TransactionView {
        id: row.id,
        number: row.number,
        kind: row.kind,
        source: row.source,
        reverses: row.reverses_id,
        memo: row.memo,
        occurred: row.occurred_at,
        hash: hex::encode(&row.hash),
        entries: entries
            .into_iter()
            .map(|entry| EntryView {
                account: entry.account,
                owner_id: entry.organization_id,
                owner: entry.organization_name,
                amount: Money::new(entry.amount_minor, entry.currency),
            })
            .collect(),
    })
}
