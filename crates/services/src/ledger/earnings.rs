//! What a provider has earned: each sale, and what of it is whose.

use domain::ledger::{AccountCode, Balance};
use domain::view::money::{EarningView, EarningsSummary, EarningsView};
use domain::view::{Page, Paging};
use domain::{BasisPoints, Money, OrganizationId, Permission, Timestamp};
use store::ledger::{self as rows, EarningRow};

use super::commission::percent;
use crate::access::Principal;
use crate::ctx::Ctx;
use crate::error::Result;

/// More rows than this are not exported at once.
const EXPORTED: i64 = 100_000;

/// Returns what a provider has earned, newest first, with what it comes to.
pub async fn earnings(ctx: &Ctx, who: &Principal, provider: OrganizationId, paging: Paging) -> Result<EarningsView> {
    let member = who.member(provider, Permission::ViewBilling)?;
    let paging = Paging::clamped(paging.page, paging.page_size);
    let book = ctx.payments.rail();
    let mut tx = ctx.store.read(member.tenant).await?;
    let total = rows::count_earnings(&mut tx, book, Some(provider)).await?;
    let found = rows::earnings(&mut tx, book, Some(provider), paging.page_size, paging.offset()).await?;
    let totals = rows::earning_totals(&mut tx, book, Some(provider), Timestamp(0), Timestamp(i64::MAX)).await?;
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

fn view(row: EarningRow) -> EarningView {
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
        description: row.description,
    }
}

/// Returns everything that a provider has earned, for a table on its own machine.
pub async fn csv(ctx: &Ctx, who: &Principal, provider: OrganizationId) -> Result<Vec<EarningView>> {
    let member = who.member(provider, Permission::ViewBilling)?;
    let mut tx = ctx.store.read(member.tenant).await?;
    let found = rows::earnings(&mut tx, ctx.payments.rail(), Some(provider), EXPORTED, 0).await?;
    Ok(found.into_iter().map(view).collect())
}
