//! Every change that a buyer asks for: buying, switching plans, ending.
//!
//! An order moves only through the steps of [`OrderState::may_become`], and each step is an UPDATE
//! that names the state it leaves, so that two hands on one order cannot both succeed. What a
//! newcomer gets wrong: an event of a rail is a fact about money, not an order to us. It may come
//! twice, late, or for an order that is over; then the money goes back.

mod checkouts;
mod deciding;
mod events;
mod fulfilment;
pub(crate) mod letters;
mod placing;
mod reading;
mod together;

use domain::state::{OrderKind, OrderState};
use domain::{OrderId, OrganizationId, Permission, Timestamp};
use store::Tx;
use store::orders::{self as rows, OrderRow};

pub use checkouts::{ComingBack, Visit, checkout, visit};
pub(crate) use checkouts::{expire_checkouts, leads_back};
pub use deciding::{approve_as_consumer, approve_as_provider, cancel, reject_as_provider, retry};
pub(crate) use events::{catch_up, deliver_sandbox_event, handle_event, refuse};
pub use events::{pay_in_sandbox, receive_connect_event, receive_event};
pub(crate) use fulfilment::{abandon_renewal, end_with_period, finish_renewal, fulfil};
pub use placing::{Switched, place, switch_plan, terminate};
pub use reading::{OrderFilter, get, list, payments};
pub use together::{NewBundleOrder, place as place_bundle};

use crate::access::{Principal, on_behalf};
use crate::billing;
use crate::clock::fresh_id;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::jobs::{self, Job};

fn is_member(who: &Principal, organization: OrganizationId) -> bool {
    who.member(organization, Permission::View).is_ok()
}

/// Finds an order that the caller may see.
async fn visible(tx: &mut Tx, who: &Principal, id: OrderId) -> Result<OrderRow> {
    let operator = who.user()?.user.operator;
    rows::get(tx, id)
        .await?
        .filter(|row| operator || is_member(who, row.organization_id) || is_member(who, row.provider_id))
        .ok_or(Error::NotFound("order"))
}

/// Finds an order of which the caller may see the money: as its buyer, as its provider, as an operator.
pub(crate) async fn with_money(tx: &mut Tx, who: &Principal, id: OrderId) -> Result<OrderRow> {
    let operator = who.user()?.user.operator;
    let order = rows::get(tx, id).await?.ok_or(Error::NotFound("order"))?;
    let buys = who.member(order.organization_id, Permission::ViewBilling);
    let sells = who.member(order.provider_id, Permission::ViewBilling);
    match (buys, sells) {
        (Ok(_), _) | (_, Ok(_)) => Ok(order),
        _ if operator => Ok(order),
        (Err(Error::NotFound(_)), Err(error)) | (Err(error), Err(_)) => Err(error.hiding("order")),
    }
}

/// Finds an order of which the caller is the buyer.
async fn bought(tx: &mut Tx, who: &Principal, id: OrderId) -> Result<OrderRow> {
    let row = visible(tx, who, id).await?;
    who.member(row.organization_id, Permission::Buy).map_err(|error| error.hiding("order"))?;
    Ok(row)
}

/// Finds an order of which the caller is the provider.
async fn sold(tx: &mut Tx, who: &Principal, id: OrderId) -> Result<OrderRow> {
    let row = visible(tx, who, id).await?;
    who.member(row.provider_id, Permission::Sell).map_err(|error| error.hiding("order"))?;
    Ok(row)
}

/// Moves an order on and writes down why; an order that has moved meanwhile is a conflict.
async fn step(tx: &mut Tx, row: &OrderRow, to: OrderState, note: &str, error: &str, now: Timestamp) -> Result<()> {
    let conflict = || Error::Conflict(format!("This order is {}; it cannot become {to}.", row.state));
    if !row.state.may_become(to) || !rows::step(tx, row.id, row.state, to, error, now).await? {
        return Err(conflict());
    }
    rows::insert_step(tx, on_behalf(row.organization_id), fresh_id(), row.id, to, note, now).await?;
    Ok(())
}

/// Sends on an order for which nothing is owed any more.
async fn paid(ctx: &Ctx, tx: &mut Tx, row: &OrderRow, note: &str, now: Timestamp) -> Result<()> {
    if row.kind == OrderKind::Renew {
        billing::paid(tx, row, note, now).await
    } else if row.manual_approval && row.kind == OrderKind::Create {
        letters::waiting(ctx, tx, row, now).await?;
        step(tx, row, OrderState::PendingProvider, &format!("{note} The provider looks at it."), "", now).await
    } else {
        fulfilment::start(tx, row, note, now).await
    }
}

async fn enqueue_fulfilment(tx: &mut Tx, order: OrderId, now: Timestamp) -> Result<()> {
    // No `dedupe`: the job of an earlier try may not be gone yet, and must not swallow this one.
    jobs::enqueue(tx, &Job::Fulfil { order }, now, now, None).await
}
