//! Checkout pages of an order: opening one, and closing those that nobody paid at.

use domain::state::{CheckoutState, OrderState};
use domain::{CheckoutId, Money, OrderId};
use store::Scope;
use store::orders::{self as rows, CheckoutRow};

use super::bought;
use super::events::{abandon, expire};
use crate::access::{Principal, on_behalf};
use crate::clock::fresh_id;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::ports::CheckoutRequest;

/// How long a checkout page may be paid.
const CHECKOUT_SECONDS: i64 = 24 * 3600;

/// Returns where to pay an order, opening the page if none is open.
pub async fn checkout(ctx: &Ctx, who: &Principal, id: OrderId) -> Result<String> {
    let mut tx = ctx.store.read(Scope::System).await?;
    let row = bought(&mut tx, who, id).await?;
    if row.state != OrderState::PendingConsumer || row.amount_minor == 0 {
        return Err(Error::Conflict(format!("This order is {}; there is nothing to pay.", row.state)));
    }
    let now = ctx.now();
    let open = rows::checkout_of_order(&mut tx, id).await?;
    let visits = rows::count_checkouts(&mut tx, id).await?;
    drop(tx);
    if let Some(open) = open.filter(|open| open.state == CheckoutState::Open && open.expires_at > now) {
        return Ok(open.url);
    }
    let base = &ctx.settings.public_url;
    let expires_at = now.plus_seconds(CHECKOUT_SECONDS);
    let request = CheckoutRequest {
        // Two clicks open one page, and so does a second try after a crash.
        key: format!("{id}-{visits}"),
        order: id,
        tenant: on_behalf(row.organization_id),
        amount: Money::new(row.amount_minor, row.currency),
        description: format!("{} — {}", row.offering_name, row.plan_name),
        email: who.user()?.user.email.clone(),
        success_url: format!("{base}/marketplace-order/{id}/"),
        cancel_url: format!("{base}/marketplace-order/{id}/"),
        expires_at,
    };
    let opened = ctx.payments.open_checkout(request).await.map_err(|error| {
        tracing::warn!(order.id = %id, %error, "the payment rail opened no page");
        Error::Upstream("The payment page cannot be opened now. The order is kept; try again in a minute.".to_owned())
    })?;
    let checkout = CheckoutRow {
        id: CheckoutId(fresh_id()),
        order_id: id,
        organization_id: row.organization_id,
        rail: ctx.payments.rail().to_owned(),
        session: opened.session,
        url: opened.url.clone(),
        state: CheckoutState::Open,
        expires_at,
    };
    let mut tx = ctx.store.write(Scope::System).await?;
    rows::insert_checkout(&mut tx, on_behalf(row.organization_id), &checkout, now).await?;
    tx.commit().await?;
    Ok(opened.url)
}

/// Closes checkout pages that are past their time, and the orders that waited for them.
pub(crate) async fn expire_checkouts(ctx: &Ctx) -> Result<()> {
    let now = ctx.now();
    let mut tx = ctx.store.read(Scope::System).await?;
    let stale = rows::stale_checkouts(&mut tx, now, 100).await?;
    let forgotten = rows::forgotten(&mut tx, now.plus_seconds(-CHECKOUT_SECONDS), 100).await?;
    drop(tx);
    for checkout in stale {
        // A page that cannot be closed is closed here: should someone pay there all the same, the
        // event finds a canceled order, and the money goes back.
        if checkout.rail == ctx.payments.rail()
            && let Err(error) = ctx.payments.expire_checkout(&checkout.session).await
        {
            tracing::info!(order.id = %checkout.order_id, %error, "a checkout page could not be closed");
        }
        let mut tx = ctx.store.write(Scope::System).await?;
        expire(&mut tx, &checkout.rail, &checkout.session, now).await?;
        tx.commit().await?;
    }
    for order in forgotten {
        let mut tx = ctx.store.write(Scope::System).await?;
        rows::lock(&mut tx, order).await?;
        let open = rows::checkout_of_order(&mut tx, order).await?;
        if open.is_none_or(|open| open.state != CheckoutState::Open) {
            abandon(&mut tx, order, now).await?;
        }
        tx.commit().await?;
    }
    Ok(())
}
