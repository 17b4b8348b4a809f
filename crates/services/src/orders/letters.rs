//! What people are written about orders, so that nobody has to look every day.

use domain::state::Entitlement;
use domain::{Email, Money, OrderId, Timestamp};
use store::Tx;
use store::orders::OrderRow;

use crate::ctx::Ctx;
use crate::error::Result;
use crate::mail;
use crate::ports::Mail;

/// Tells the provider that an order waits for its word.
pub(super) async fn waiting(ctx: &Ctx, tx: &mut Tx, row: &OrderRow, now: Timestamp) -> Result<()> {
    let (site, base) = (&ctx.settings.site_name, &ctx.settings.public_url);
    let subject = format!("An order for {} waits for you", row.offering_name);
    let text = format!(
        "{} has ordered {} ({}) at {site}. Accept or refuse the order here:\n{base}/providers/{}/orders/\n",
        row.organization_name, row.offering_name, row.plan_name, row.provider_id
    );
    send(tx, &row.provider_email, subject, text, now).await
}

/// Tells the buyer that the provider has refused the order.
pub(super) async fn refused(ctx: &Ctx, tx: &mut Tx, row: &OrderRow, reason: &str, now: Timestamp) -> Result<()> {
    let subject = format!("Your order for {} was refused", row.offering_name);
    let text = format!(
        "{} has refused your order for {}:\n\n{reason}\n\n{}",
        row.provider_name,
        row.offering_name,
        ending(ctx, row)
    );
    send(tx, &row.created_by_email, subject, text, now).await
}

/// Tells the buyer that what was ordered could not be set up.
pub(super) async fn failed(ctx: &Ctx, tx: &mut Tx, row: &OrderRow, why: &str, now: Timestamp) -> Result<()> {
    let subject = format!("{} could not be set up", row.offering_name);
    let text = format!("{why}\n\n{}", ending(ctx, row));
    send(tx, &row.created_by_email, subject, text, now).await
}

/// Tells the buyer that a period, or what was used in one, could not be charged, and where to pay it.
pub(crate) async fn to_pay(
    ctx: &Ctx,
    tx: &mut Tx,
    row: &OrderRow,
    entitlement: Entitlement,
    why: &str,
    now: Timestamp,
) -> Result<()> {
    let page = order_page(ctx, row.id);
    let amount = Money::new(row.amount_minor, row.currency);
    let subject = format!("{amount} for {} could not be charged", row.name);
    let text = format!(
        "{amount} is due for {}, and could not be charged: {why}\n\nPay it here, with any card:\n{page}\n{}",
        row.name,
        if entitlement == Entitlement::Grace { "\nThe agent goes on answering for a week.\n" } else { "" }
    );
    send(tx, &row.created_by_email, subject, text, now).await
}

/// Tells the buyer that an agent answers no more until its month is paid.
pub(crate) async fn suspended(ctx: &Ctx, tx: &mut Tx, row: &OrderRow, now: Timestamp) -> Result<()> {
    let page = order_page(ctx, row.id);
    let amount = Money::new(row.amount_minor, row.currency);
    let subject = format!("{} is suspended", row.name);
    let text = format!(
        "{} is not paid for this period and answers nobody now. It answers again as soon as {amount} is paid, and a new period begins on that day:\n{page}\n\nAfter two more weeks the subscription ends.\n",
        row.name
    );
    send(tx, &row.created_by_email, subject, text, now).await
}

/// Tells the buyer that money goes back.
pub(crate) async fn given_back(
    ctx: &Ctx,
    tx: &mut Tx,
    row: &OrderRow,
    amount: Money,
    reason: &str,
    now: Timestamp,
) -> Result<()> {
    let page = order_page(ctx, row.id);
    let subject = format!("{amount} for {} go back to you", row.offering_name);
    let text = format!(
        "We give {amount} back of what you paid for {}: {reason}\n\nIt takes your bank a few days. The order:\n{page}\n",
        row.offering_name
    );
    send(tx, &row.created_by_email, subject, text, now).await
}

/// Returns where an order is looked at.
pub(crate) fn order_page(ctx: &Ctx, id: OrderId) -> String {
    format!("{}/marketplace-order/{id}/", ctx.settings.public_url)
}

fn ending(ctx: &Ctx, row: &OrderRow) -> String {
    let page = order_page(ctx, row.id);
    let paid = Money::new(row.amount_minor, row.currency);
    if paid.is_zero() {
        format!("The order:\n{page}\n")
    } else {
        format!("We return the {paid} that you paid. The order:\n{page}\n")
    }
}

/// Queues a letter; an organization without an address gets none.
pub(crate) async fn send(tx: &mut Tx, to: &str, subject: String, text: String, now: Timestamp) -> Result<()> {
    let Ok(to) = to.parse::<Email>() else {
        return Ok(());
    };
    mail::enqueue(tx, now, Mail { to, subject, text }).await
}
