//! What a provider has earned: each sale, and what of it is whose.

use domain::ledger::{AccountCode, Balance};
use domain::view::money::{EarningView, EarningsSummary, EarningsView, TaxMonth, TaxYear};
use domain::view::{Page, Paging};
use domain::{BasisPoints, Day, Money, OrganizationId, Permission};
use store::Scope;
use store::ledger::{self as rows, ListedEarning, PeriodTotals};

use super::commission::percent;
use crate::access::Principal;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::invoices;

/// More rows than this are not exported at once.
const EXPORTED: i64 = 100_000;

/// Returns what a provider has earned, newest first, with what it comes to.
pub async fn earnings(ctx: &Ctx, who: &Principal, provider: OrganizationId, paging: Paging) -> Result<EarningsView> {
    who.member(provider, Permission::ViewBilling)?;
    let paging = Paging::clamped(paging.page, paging.page_size);
    let book = ctx.payments.rail();
    // Which payout has paid it is read from the book, whose transactions nobody owns.
    let mut tx = ctx.store.read(Scope::System).await?;
    let total = rows::count_earnings(&mut tx, book, Some(provider)).await?;
    let found = rows::earnings(&mut tx, book, provider, paging.page_size, paging.offset()).await?;
    let totals = rows::earning_totals(&mut tx, book, Some(provider)).await?;
    let balances = rows::balances(&mut tx, book, Some(provider)).await?;
    let of = |account| amounts_on(&balances, account);
    Ok(EarningsView {
        held_back: of(AccountCode::ProviderPending),
        available: of(AccountCode::ProviderAvailable),
        owed: of(AccountCode::ProviderReceivable),
        totals: totals
            .into_iter()
            .map(|row| EarningsSummary {
                sales: row.sales,
                gross: Money::new(row.gross_minor, row.currency),
                tax: Money::new(row.tax_minor, row.currency),
                commission: Money::new(row.commission_minor, row.currency),
                net: Money::new(row.net_minor, row.currency),
            })
            .collect(),
        hold_days: ctx.settings.hold_days,
        sales: Page {
            rows: found.into_iter().map(view).collect(),
            total,
            page: paging.page,
            page_size: paging.page_size,
        },
    })
}

/// Returns what is on an account, by currency; nothing of a currency of which there is nothing.
pub(crate) fn amounts_on(balances: &[Balance], account: AccountCode) -> Vec<Money> {
    let mine = balances.iter().filter(|balance| balance.account == account && balance.amount.minor != 0);
    mine.map(|balance| balance.natural()).collect()
}

fn view(ListedEarning { earning: row, payout_id }: ListedEarning) -> EarningView {
    let money = |minor| Money::new(minor, row.currency);
    EarningView {
        id: row.id,
        order_id: row.order_id,
        sold: row.sold_at,
        buyer: row.organization_name,
        gross: money(row.gross_minor),
        tax: money(row.tax_minor),
        commission: money(row.commission_minor),
        rate: percent(BasisPoints(u16::try_from(row.commission_basis_points).unwrap_or(10_000))),
        net: money(row.net_minor),
        state: row.state,
        release: row.release_at,
        released: row.released_at,
        returned: row.returned_at,
        back: money(row.back_gross_minor),
        kept: money(row.net_minor - row.back_net_minor),
        payout_id,
        description: row.description,
    }
}

/// Returns everything that a provider has earned, for a table on its own machine.
pub async fn csv(ctx: &Ctx, who: &Principal, provider: OrganizationId) -> Result<Vec<EarningView>> {
    who.member(provider, Permission::ViewBilling)?;
    let mut tx = ctx.store.read(Scope::System).await?;
    let found = rows::earnings(&mut tx, ctx.payments.rail(), provider, EXPORTED, 0).await?;
    Ok(found.into_iter().map(view).collect())
}

/// Returns what a provider has earned in a year, month by month, for its taxes: from the ledger's own rows.
pub async fn tax_year(ctx: &Ctx, who: &Principal, provider: OrganizationId, year: i64) -> Result<TaxYear> {
    let member = who.member(provider, Permission::ViewBilling)?;
    if !(2000..=2200).contains(&year) {
        return Err(Error::invalid("year", "must be a year, 2026"));
    }
    let book = ctx.payments.rail();
    let mut tx = ctx.store.read(member.tenant).await?;
    let mut months = Vec::new();
    let mut from = Day::from_civil(year, 1, 1).start();
    let begin = from;
    for _ in 0..12 {
        let until = from.next_month_start();
        let found = rows::period_totals(&mut tx, book, provider, from, until).await?;
        let name = from.day().iso()[..7].to_owned();
        months.extend(found.into_iter().map(|row| month(name.clone(), row)));
        from = until;
    }
    // Asked for by itself, so that the sum is not ours.
    let totals = rows::period_totals(&mut tx, book, provider, begin, from).await?;
    Ok(TaxYear {
        year,
        provider: invoices::party(&mut tx, provider).await?,
        marketplace: invoices::seller(ctx),
        months,
        totals: totals.into_iter().map(|row| month(year.to_string(), row)).collect(),
    })
}

fn month(month: String, row: PeriodTotals) -> TaxMonth {
    let money = |minor| Money::new(minor, row.currency);
    TaxMonth {
        month,
        sales: row.sales,
        gross: money(row.gross_minor),
        back: money(row.back_minor),
        tax: money(row.tax_minor),
        commission: money(row.commission_minor),
        net: money(row.net_minor),
        paid: money(row.paid_minor),
    }
}
