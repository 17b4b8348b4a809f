//! Payments that a buyer's bank takes back.
//!
//! A bank takes the money first and asks then, so a dispute is a refund that nobody here decided. When it is decided
//! for us, the refund is undone. What a newcomer gets wrong: a bank may only ask; then no money has moved.

use domain::ledger::{self as book, TransactionKind};
use domain::state::{CaseKind, DisputeState, RefundCause, RefundState};
use domain::{DisputeId, Money, RefundId, Timestamp};
use store::Tx;
use store::orders::{self, PaymentRow};
use store::refunds::{self as rows, DisputeRow};

use super::{Decision, decide, paid, undo};
use crate::cases;
use crate::clock::fresh_id;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::ledger::{self, Cause};
use crate::orders::letters;
use crate::payouts;
use crate::ports::RailDispute;

/// Believes what a rail says about a dispute.
pub(crate) async fn heard(
    ctx: &Ctx,
    tx: &mut Tx,
    payment: &PaymentRow,
    told: &RailDispute,
    now: Timestamp,
) -> Result<()> {
    orders::lock(tx, payment.order_id).await?;
    let payment = orders::payment(tx, payment.id).await?.ok_or(Error::NotFound("payment"))?;
    let known = rows::dispute(tx, &payment.rail, &told.reference).await?;
    let new = known.is_none();
    let mut row = DisputeRow {
        id: known.as_ref().map_or_else(|| DisputeId(fresh_id()), |known| known.id),
        rail: payment.rail.clone(),
        reference: told.reference.clone(),
        payment_id: payment.id,
        organization_id: payment.organization_id,
        provider_id: payment.provider_id,
        refund_id: known.as_ref().and_then(|known| known.refund_id),
        currency: payment.currency,
        amount_minor: told.amount.minor,
        fee_minor: told.fee_minor,
        state: told.state,
        reason: told.reason.clone(),
        due_by: told.due_by,
        created_at: known.as_ref().map_or(now, |known| known.created_at),
        modified_at: now,
    };
    let taken = match row.refund_id {
        Some(id) => rows::get(tx, id).await?.filter(|refund| refund.state != RefundState::Reversed),
        None => None,
    };
    match taken {
        None if told.withdrawn => row.refund_id = withdraw(tx, &payment, &row, now).await?,
        Some(refund) if !told.withdrawn => undo(tx, &refund, "The dispute was decided for us", now).await?,
        _ => {}
    }
    fee(tx, &row, now).await?;
    rows::save_dispute(tx, &row).await?;
    tell(ctx, tx, &payment, &row, new, now).await
}

/// Books what the bank has taken: of what is left of the payment, as more cannot be anyone's share.
async fn withdraw(tx: &mut Tx, payment: &PaymentRow, row: &DisputeRow, now: Timestamp) -> Result<Option<RefundId>> {
    let amount = Money::new(row.amount_minor.min(payment.left().minor), payment.currency);
    if amount.minor <= 0 {
        return Ok(row.refund_id);
    }
    let reason = format!("The buyer’s bank has taken it back ({}).", row.reason);
    let decision = Decision { cause: RefundCause::Dispute, reason: &reason, by: None };
    let refund = decide(tx, payment, amount, decision, now).await?;
    paid(tx, &refund, None, now).await?;
    Ok(Some(refund.id))
}

/// Books what the rail keeps for a dispute, or has given back of it.
async fn fee(tx: &mut Tx, row: &DisputeRow, now: Timestamp) -> Result<()> {
    let cause = Cause { book: &row.rail, kind: TransactionKind::DisputeFee, source: &row.id };
    if row.fee_minor == 0 {
        let by = TransactionKind::DisputeFeeReturned;
        return ledger::take_back(tx, cause, by, "The fee for a dispute came back", now).await;
    }
    if store::ledger::posted(tx, cause.book, cause.kind, &row.id.to_string()).await?.is_none() {
        let lines = book::fee(Money::new(row.fee_minor, row.currency));
        ledger::write(tx, cause, "The payment rail’s fee for a dispute", lines, now).await?;
    }
    Ok(())
}

/// Has a person look at it, and writes to who has sold.
async fn tell(ctx: &Ctx, tx: &mut Tx, payment: &PaymentRow, row: &DisputeRow, new: bool, now: Timestamp) -> Result<()> {
    let amount = Money::new(row.amount_minor, row.currency);
    let over = match row.state {
        DisputeState::Won => Some("The bank has decided for us; the money is back."),
        DisputeState::Lost => Some("The bank has decided for the buyer."),
        DisputeState::NeedsResponse | DisputeState::UnderReview => None,
    };
    let subject = row.id.to_string();
    if let Some(note) = over {
        if store::cases::close_of(tx, &row.rail, CaseKind::Dispute, &subject, note, now).await? || new {
            let text =
                format!("The dispute of {amount} is over. {note}\n{}\n", letters::order_page(ctx, payment.order_id));
            payouts::letter(tx, row.provider_id, format!("The dispute of {amount} is over"), text, now).await?;
        }
        return Ok(());
    }
    let until = row.due_by.map(|at| format!(" It hears us until {}.", at.readable())).unwrap_or_default();
    let todo = match row.state {
        DisputeState::UnderReview => "The bank looks at what we said.".to_owned(),
        _ => format!("The bank asks what we say to it; answer on the payment company’s pages.{until}"),
    };
    let found = cases::Found {
        kind: CaseKind::Dispute,
        subject,
        title: format!("{amount} are disputed: {}", row.reason),
        detail: todo,
        order: Some(payment.order_id),
    };
    cases::open(ctx, tx, &row.rail, found, now).await?;
    if new {
        let text = format!(
            "The bank of a buyer disputes a payment of {amount} ({}). Your share of it is set aside until the bank has decided; the operator answers it. What you know about the order helps:\n{}\n",
            row.reason,
            letters::order_page(ctx, payment.order_id)
        );
        payouts::letter(tx, row.provider_id, format!("A payment of {amount} is disputed"), text, now).await?;
    }
    Ok(())
}
