//! The calls behind what is paid: what a statement bills, or what was called in the time that a price pays for.

use domain::OrderId;
use domain::view::money::{CallView, CallsView};
use domain::view::{Page, Paging};
use store::statements::{self as rows, CallRow};
use store::{Scope, orders};

use super::statements::view;
use crate::access::Principal;
use crate::ctx::Ctx;
use crate::error::Result;
use crate::orders::with_money;

/// Returns what an order asks for that was used, and the calls behind it, to its buyer, its provider and to operators.
///
/// Where its statements bill calls, those are exactly the calls that they bill. Where the price is the same whatever is
/// used, they are the calls of the time from the order to the one for the next period.
pub async fn calls_of_order(ctx: &Ctx, who: &Principal, id: OrderId, paging: Paging) -> Result<CallsView> {
    let paging = Paging::clamped(paging.page, paging.page_size);
    let (limit, offset) = (paging.page_size, paging.offset());
    let mut tx = ctx.store.read(Scope::System).await?;
    let order = with_money(&mut tx, who, id).await?;
    let statements = rows::of_order(&mut tx, id).await?;
    let (calls, total, within) = if !statements.is_empty() {
        let calls = rows::calls_of_order(&mut tx, id, limit, offset).await?;
        (calls, rows::count_calls_of_order(&mut tx, id).await?, None)
    } else if let Some(subscription) = order.subscription_id {
        let until = orders::next_period(&mut tx, subscription, order.created_at).await?;
        let within = (order.created_at, until.unwrap_or_else(|| ctx.now().plus_seconds(1)));
        let calls = rows::calls_between(&mut tx, subscription, within, limit, offset).await?;
        (calls, rows::count_calls_between(&mut tx, subscription, within).await?, Some(within))
    } else {
        (Vec::new(), 0, None)
    };
    let call = |CallRow { id, source, input_tokens, output_tokens, elapsed_ms, started_at }: CallRow| CallView {
        id,
        source,
        input_tokens,
        output_tokens,
        elapsed_ms,
        started: started_at,
    };
    Ok(CallsView {
        statements: statements.into_iter().map(view).collect(),
        within,
        calls: Page {
            rows: calls.into_iter().map(call).collect(),
            total,
            page: paging.page,
            page_size: paging.page_size,
        },
    })
}
