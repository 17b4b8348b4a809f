//! Payments that a buyer's bank takes back.
//!
//! A bank takes the money first and asks then, so a dispute is a refund that nobody here decided. When it is decided
//! for us, the refund is undone. What a newcomer gets wrong: a bank may only ask; then no money has moved.

use std::collections::BTreeSet;

use domain::ledger::{self as book, TransactionKind};
use domain::state::{CaseKind, DisputeState, RefundCause};
use domain::{DisputeId, Money, OrganizationId, RefundId, Timestamp};
use store::Tx;
use store::orders::PaymentRow;
use store::refunds::{self as rows, DisputeRow};

use super::{Charge, Decision, decide, divided, left_of, paid, undo};
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
    charge: &Charge<'_>,
    told: &RailDispute,
    now: Timestamp,
) -> Result<()> {
    let payments = charge.hold(tx).await?;
    let payment = payments.first().ok_or(Error::NotFound("payment"))?;
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
    rows::save_dispute(tx, &row).await?;
    let taken = rows::of_dispute(tx, row.id).await?;
    if taken.is_empty() && told.withdrawn {
        row.refund_id = withdraw(tx, &payments, &row, now).await?;
        rows::save_dispute(tx, &row).await?;
    } else if !told.withdrawn {
        for refund in taken {
            undo(tx, &refund, "The dispute was decided for us", now).await?;
        }
    }
    fee(tx, &row, now).await?;
    tell(ctx, tx, &payments, &row, new, now).await
}

/// Books what the bank has taken: of what is left of the charge, as more cannot be anyone's share. Returns the first
/// of the refunds that it is.
async fn withdraw(tx: &mut Tx, payments: &[PaymentRow], row: &DisputeRow, now: Timestamp) -> Result<Option<RefundId>> {
    let amount = Money::new(row.amount_minor.min(left_of(payments)), row.currency);
    let mut first = row.refund_id;
    if amount.minor <= 0 {
        return Ok(first);
    }
    let reason = format!("The buyer’s bank has taken it back ({}).", row.reason);
    for (payment, amount) in divided(payments, amount)? {
        let decision = Decision { cause: RefundCause::Dispute, reason: &reason, by: None };
        let refund = decide(tx, payment, amount, decision, now).await?;
        rows::set_dispute(tx, refund.id, row.id).await?;
        paid(tx, &refund, None, now).await?;
        first = first.or(Some(refund.id));
    }
    Ok(first)
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
async fn tell(
    ctx: &Ctx,
    tx: &mut Tx,
    payments: &[PaymentRow],
    row: &DisputeRow,
    new: bool,
    now: Timestamp,
) -> Result<()> {
    let page = letters::order_page(ctx, payments.first().ok_or(Error::NotFound("payment"))?.order_id);
    let sellers: BTreeSet<OrganizationId> = payments.iter().map(|payment| payment.provider_id).collect();
    let amount = Money::new(row.amount_minor, row.currency);
    let over = match row.state {
        DisputeState::Won => Some("The bank has decided for us; the money is back."),
        DisputeState::Lost => Some("The bank has decided for the buyer."),
        DisputeState::NeedsResponse | DisputeState::UnderReview => None,
    };
    let subject = row.id.to_string();
    if let Some(note) = over {
        if store::cases::close_of(tx, &row.rail, CaseKind::Dispute, &subject, note, now).await? || new {
            let text = format!("The dispute of {amount} is over. {note}\n{page}\n");
            for seller in sellers {
                payouts::letter(tx, seller, format!("The dispute of {amount} is over"), text.clone(), now).await?;
            }
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
        order: payments.first().map(|payment| payment.order_id),
    };
    cases::open(ctx, tx, &row.rail, found, now).await?;
    if new {
        let text = format!(
            "The bank of a buyer disputes a payment of {amount} ({}). Your share of it is set aside until the bank has decided; the operator answers it. What you know about the order helps:\n{page}\n",
            row.reason,
        );
        for seller in sellers {
            payouts::letter(tx, seller, format!("A payment of {amount} is disputed"), text.clone(), now).await?;
        }
    }
    Ok(())
}
