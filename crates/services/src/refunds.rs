//! Money that goes back to buyers: whole or in part, decided here, on the rail's own pages, or by a bank.
//!
//! Deciding and giving back are two steps. The decision is booked in its transaction, so that everyone's share is
//! set apart for the buyer; the rail is asked by a job, under a key of its own. What a newcomer gets wrong: money that
//! went back can come to us again, days later. Then everything is taken back, and a person decides anew.

pub(crate) mod disputes;

use domain::ledger::{self as book, AccountCode, Held, Shares, TransactionKind};
use domain::state::{CaseKind, EarningState, PaymentState, RefundCause, RefundState};
use domain::view::money::{OrderMoney, PaidView, RefundView};
use domain::view::{Page, Paging};
use domain::{CaseId, Money, OrderId, OrganizationId, PaymentId, Permission, RefundId, Timestamp, UserId};
use store::ledger::{self as books, EarningRow};
use store::orders::{self, PaymentRow};
use store::refunds::{self as rows, RefundRow, ReturnedRow};
use store::{Scope, Tx};

use crate::access::Principal;
use crate::audit;
use crate::cases;
use crate::clock::fresh_id;
use crate::ctx::Ctx;
use crate::error::{Checks, Error, Result};
use crate::invoices;
use crate::jobs::{self, Job};
use crate::ledger::{self, Cause};
use crate::orders::{letters, with_money};
use crate::payouts;
use crate::ports::{PaymentsError, RailRefund, RefundRequest};

/// Why money goes back, and who says so.
pub(crate) struct Decision<'a> {
    pub(crate) cause: RefundCause,
    /// What people read.
    pub(crate) reason: &'a str,
    pub(crate) by: Option<UserId>,
}

impl Decision<'_> {
    /// What the program decides by itself, because an order cannot be carried out.
    pub(crate) const OURS: Self = Self { cause: RefundCause::Decided, reason: "", by: None };
}

/// Decides that so much of a payment goes back, and books it. The caller holds the order's row, and has read the
/// payment after that.
pub(crate) async fn decide(
    tx: &mut Tx,
    payment: &PaymentRow,
    amount: Money,
    decision: Decision<'_>,
    now: Timestamp,
) -> Result<RefundRow> {
    let returned = rows::returned(tx, payment.id).await?;
    let left = Money::new(payment.amount_minor - returned.amount_minor, payment.currency);
    if amount.currency != payment.currency || amount.minor <= 0 || amount.minor > left.minor {
        return Err(Error::invalid("amount", format!("must be more than nothing, and {left} at most")));
    }
    // Where nobody has earned by it, the whole of it is due back already, and nobody gives a share.
    let earning = books::earning_of_payment(tx, payment.id).await?;
    let back = match &earning {
        Some(earning) => Some(shares(earning, &returned, amount)?),
        None => None,
    };
    let minor = |share: fn(Shares) -> Money| back.map_or(0, |back| share(back).minor);
    let row = RefundRow {
        id: RefundId(fresh_id()),
        payment_id: payment.id,
        order_id: payment.order_id,
        organization_id: payment.organization_id,
        provider_id: payment.provider_id,
        rail: payment.rail.clone(),
        currency: payment.currency,
        amount_minor: amount.minor,
        tax_minor: minor(Shares::tax),
        commission_minor: minor(Shares::commission),
        net_minor: minor(Shares::net),
        from_pending: earning.as_ref().is_some_and(|earning| earning.released_at.is_none()),
        cause: decision.cause,
        state: RefundState::Due,
        reference: None,
        reason: decision.reason.to_owned(),
        created_by: decision.by,
        created_at: now,
        settled_at: None,
    };
    rows::insert(tx, &row).await?;
    if let (Some(earning), Some(back)) = (&earning, back) {
        let held = if row.from_pending {
            Held::Back
        } else {
            Held::Released { available: ledger::balance_of(tx, earning, AccountCode::ProviderAvailable).await? }
        };
        let lines = book::refund_due(back, held, earning.provider_id);
        ledger::write(tx, by(&row, TransactionKind::RefundDue), &memo(earning, &row), lines, now).await?;
        invoices::credit_note(tx, payment, &row, now).await?;
    }
    if amount == left {
        orders::set_payment_state(tx, payment.id, PaymentState::Refunding, None).await?;
        if let Some(earning) = &earning {
            books::mark_returned(tx, earning.id, now).await?;
        }
    }
    Ok(row)
}

/// Decides that all that is left of a payment goes back, and has the rail do it.
pub(crate) async fn give_back_whole(tx: &mut Tx, payment: &PaymentRow, now: Timestamp) -> Result<()> {
    let left = payment.left();
    if payment.amount_minor == 0 {
        // There is nothing to ask the rail for.
        orders::set_payment_state(tx, payment.id, PaymentState::Refunded, Some(now)).await?;
    } else if left.minor > 0 {
        let row = decide(tx, payment, left, Decision::OURS, now).await?;
        queue(tx, row.id, now).await?;
    }
    Ok(())
}

async fn queue(tx: &mut Tx, refund: RefundId, now: Timestamp) -> Result<()> {
    jobs::enqueue(tx, &Job::Refund { refund }, now, now, Some(&format!("refund:{refund}"))).await
}

/// Divides what goes back of a sale of which something has gone back already.
fn shares(earning: &EarningRow, returned: &ReturnedRow, amount: Money) -> Result<Shares> {
    let frozen = |gross, tax, commission| Shares::frozen(Money::new(gross, earning.currency), tax, commission);
    frozen(earning.gross_minor, earning.tax_minor, earning.commission_minor)
        .and_then(|sale| {
            sale.refund(frozen(returned.amount_minor, returned.tax_minor, returned.commission_minor)?, amount.minor)
        })
        .map_err(Error::internal)
}

fn memo(earning: &EarningRow, row: &RefundRow) -> String {
    if row.reason.is_empty() { earning.description.clone() } else { format!("{}: {}", earning.description, row.reason) }
}

const fn by(row: &RefundRow, kind: TransactionKind) -> Cause<'_> {
    Cause { book: row.rail.as_str(), kind, source: &row.id }
}

/// Books that the rail has given a refund back.
pub(crate) async fn book_paid(tx: &mut Tx, row: &RefundRow, now: Timestamp) -> Result<()> {
    let lines = book::refund_paid(row.amount());
    ledger::write(tx, by(row, TransactionKind::RefundPaid), "Given back by the payment rail", lines, now).await
}

/// Writes down that the rail has given a refund back; a second time changes nothing.
pub(crate) async fn paid(tx: &mut Tx, row: &RefundRow, reference: Option<&str>, now: Timestamp) -> Result<()> {
    if !rows::step(tx, row.id, RefundState::Due, RefundState::Paid, reference, now).await? {
        return Ok(());
    }
    book_paid(tx, row, now).await?;
    payouts::queue_reversal(tx, &row.rail, (row.provider_id, row.currency), &row.id.to_string(), now).await?;
    let payment = orders::payment(tx, row.payment_id).await?.ok_or(Error::NotFound("payment"))?;
    if payment.left().minor == 0 && rows::returned(tx, payment.id).await?.due == 0 {
        orders::set_payment_state(tx, payment.id, PaymentState::Refunded, Some(now)).await?;
    }
    Ok(())
}

/// Takes a refund back, because its money came to us again or never left: everyone has their share again.
pub(crate) async fn undo(tx: &mut Tx, row: &RefundRow, why: &str, now: Timestamp) -> Result<()> {
    if !rows::step(tx, row.id, row.state, RefundState::Reversed, None, now).await? {
        return Err(Error::Conflict("This refund was changed at the same time; look again.".to_owned()));
    }
    if row.state == RefundState::Paid {
        ledger::take_back(tx, by(row, TransactionKind::RefundPaid), TransactionKind::RefundReturned, why, now).await?;
    }
    ledger::take_back(tx, by(row, TransactionKind::RefundDue), TransactionKind::RefundUndone, why, now).await?;
    let Some(earning) = books::earning_of_payment(tx, row.payment_id).await? else {
        // Nobody has earned by it, so it is owed to its buyer as before.
        orders::set_payment_state(tx, row.payment_id, PaymentState::Refunding, None).await?;
        return Ok(());
    };
    orders::set_payment_state(tx, row.payment_id, PaymentState::Succeeded, None).await?;
    if earning.state == EarningState::Returned {
        books::unmark_returned(tx, earning.id).await?;
    }
    // What came back to what is held back is released when its earning was.
    let released = if row.from_pending && earning.released_at.is_some() { row.net_minor } else { 0 };
    let owed = ledger::balance_of(tx, &earning, AccountCode::ProviderReceivable).await?;
    if released > 0 || owed < 0 {
        let lines = book::settle(Money::new(released, row.currency), owed, earning.provider_id);
        ledger::write(tx, by(row, TransactionKind::Settlement), &memo(&earning, row), lines, now).await?;
    }
    invoices::debit_note(tx, row, now).await
}

/// Gives a refund back; a job, so it may run twice, and the rail may tell of it first.
pub(crate) async fn send(ctx: &Ctx, id: RefundId) -> Result<()> {
    let mut tx = ctx.store.read(Scope::System).await?;
    let Some(row) = rows::get(&mut tx, id).await?.filter(|row| row.state == RefundState::Due) else {
        return Ok(());
    };
    let payment = orders::payment(&mut tx, row.payment_id).await?.ok_or(Error::NotFound("payment"))?;
    let alone = orders::payments_of_charge(&mut tx, &payment.rail, &payment.charge).await?.len() == 1;
    drop(tx);
    let request = RefundRequest {
        key: key_of(id),
        amount: row.amount(),
        whole: alone && row.amount_minor == payment.amount_minor,
        payment: payment.charge,
    };
    let outcome = ctx.payments.refund(request).await;
    let now = ctx.now();
    let mut tx = ctx.store.write(Scope::System).await?;
    orders::lock(&mut tx, row.order_id).await?;
    let Some(row) = rows::get(&mut tx, id).await?.filter(|row| row.state == RefundState::Due) else {
        return Ok(());
    };
    match outcome {
        Ok(done) => paid(&mut tx, &row, Some(&done.reference), now).await?,
        Err(PaymentsError::Refused(why)) => fail(ctx, &mut tx, &row, &why, now).await?,
        Err(error) => return Err(Error::internal(error)),
    }
    tx.commit().await?;
    Ok(())
}

/// Names a refund at the rail.
fn key_of(id: RefundId) -> String {
    format!("refund:{id}")
}

/// Takes a refund back that the rail could not make, and has a person look at it.
async fn fail(ctx: &Ctx, tx: &mut Tx, row: &RefundRow, why: &str, now: Timestamp) -> Result<()> {
    undo(tx, row, &format!("The refund failed: {why}"), now).await?;
    let found = cases::Found {
        kind: CaseKind::RefundFailed,
        subject: row.id.to_string(),
        title: format!("A refund of {} failed", row.amount()),
        detail: format!(
            "{why} The buyer does not have the money, and everyone has their share again. Give it back once more on the order’s page, or pay the buyer in another way."
        ),
        order: Some(row.order_id),
    };
    cases::open(ctx, tx, &row.rail, found, now).await
}

/// Believes what a rail says went back of a charge.
pub(crate) async fn heard(
    ctx: &Ctx,
    tx: &mut Tx,
    charge: &Charge<'_>,
    refunds: &[RailRefund],
    now: Timestamp,
) -> Result<()> {
    let payments = charge.hold(tx).await?;
    if refunds.is_empty() {
        // A rail that names no refund says that all of it went back.
        for payment in payments {
            if payment.left().minor > 0 {
                decide(tx, &payment, payment.left(), on_its_pages(), now).await?;
            }
            for row in rows::of_payment(tx, payment.id).await? {
                paid(tx, &row, None, now).await?;
            }
        }
        return Ok(());
    }
    for told in refunds {
        heard_one(ctx, tx, charge, told, now).await?;
    }
    Ok(())
}

/// What a rail has charged at once: for one order, or for several that were paid together.
pub(crate) struct Charge<'a> {
    pub(crate) rail: &'a str,
    /// The rail's own id.
    pub(crate) reference: &'a str,
}

impl Charge<'_> {
    /// Takes hold of its orders, and reads what it has paid; never nothing.
    ///
    /// # Errors
    ///
    /// When no payment of it is known: its own event may still be on its way, and this one is tried again after it.
    pub(crate) async fn hold(&self, tx: &mut Tx) -> Result<Vec<PaymentRow>> {
        // In this order, as everywhere: the orders, their payments, the book.
        for payment in orders::payments_of_charge(tx, self.rail, self.reference).await? {
            orders::lock(tx, payment.order_id).await?;
        }
        let payments = orders::payments_of_charge(tx, self.rail, self.reference).await?;
        if payments.is_empty() {
            return Err(Error::internal(format!("an event about the unknown payment {:?}", self.reference)));
        }
        Ok(payments)
    }
}

/// Divides what went back of a charge over its payments, in proportion to what is left of each.
fn divided(payments: &[PaymentRow], amount: Money) -> Result<Vec<(&PaymentRow, Money)>> {
    let lines: Vec<(PaymentId, i64)> = payments.iter().map(|payment| (payment.id, payment.left().minor)).collect();
    let parts = book::split(amount.minor, &lines).map_err(Error::internal)?;
    let parts = payments.iter().zip(parts).filter(|(_, minor)| *minor > 0);
    Ok(parts.map(|(payment, minor)| (payment, Money::new(minor, amount.currency))).collect())
}

/// Returns what is left of the payments of a charge.
fn left_of(payments: &[PaymentRow]) -> i64 {
    payments.iter().map(|payment| payment.left().minor).sum()
}

const fn on_its_pages() -> Decision<'static> {
    Decision { cause: RefundCause::Rail, reason: "Given back on the payment company’s own pages.", by: None }
}

async fn heard_one(ctx: &Ctx, tx: &mut Tx, charge: &Charge<'_>, told: &RailRefund, now: Timestamp) -> Result<()> {
    // What went back of one since the last may leave less of each.
    let payments = orders::payments_of_charge(tx, charge.rail, charge.reference).await?;
    let mut known = Vec::new();
    for payment in &payments {
        known.extend(rows::of_payment(tx, payment.id).await?);
    }
    let is_named = |row: &RefundRow| {
        let reference = row.reference.as_deref().map(|text| text.split_once('#').map_or(text, |(first, _)| first));
        reference == Some(&told.reference) || told.key.as_deref() == Some(key_of(row.id).as_str())
    };
    let mut found = false;
    for row in known.iter().filter(|row| is_named(row)) {
        found = true;
        if told.stands {
            paid(tx, row, Some(&told.reference), now).await?;
        } else if row.state != RefundState::Reversed {
            fail(ctx, tx, row, "The payment company could not give it back.", now).await?;
        }
    }
    if found || !told.stands {
        return Ok(());
    }
    let payment = payments.first().ok_or(Error::NotFound("payment"))?;
    if left_of(&payments) >= told.amount.minor && payment.currency == told.amount.currency {
        for (number, (payment, amount)) in divided(&payments, told.amount)?.into_iter().enumerate() {
            let row = decide(tx, payment, amount, on_its_pages(), now).await?;
            paid(tx, &row, Some(&numbered(&told.reference, number)), now).await?;
        }
        return Ok(());
    }
    // Somebody was faster on the rail's pages: what we were about to give back is given back.
    let same = known.iter().find(|row| row.state == RefundState::Due && row.amount() == told.amount);
    if let Some(row) = same {
        return paid(tx, row, Some(&told.reference), now).await;
    }
    let found = cases::Found {
        kind: CaseKind::Mismatch,
        subject: told.reference.clone(),
        title: format!("The payment company gave back {} more than we know of", told.amount),
        detail: format!("The refund {} of the payment {} is not in the ledger.", told.reference, payment.charge),
        order: Some(payment.order_id),
    };
    cases::open(ctx, tx, &payment.rail, found, now).await
}

/// Names one of the rows that something at a rail is divided into; the first has the rail's own name.
pub(crate) fn numbered(reference: &str, number: usize) -> String {
    if number == 0 { reference.to_owned() } else { format!("{reference}#{}", number + 1) }
}

/// Gives so much of a payment back, or all that is left of it where no amount is said: for operators, and for owners
/// of the organization that has sold.
pub async fn give_back(
    ctx: &Ctx,
    who: &Principal,
    payment: PaymentId,
    amount: Option<i64>,
    reason: &str,
) -> Result<RefundView> {
    let user = who.user()?.user.id;
    let now = ctx.now();
    let mut tx = ctx.store.write(Scope::System).await?;
    let seen = orders::payment(&mut tx, payment).await?.ok_or(Error::NotFound("payment"))?;
    if who.operator().is_err() {
        let mine = who.member(seen.organization_id, Permission::View).is_ok();
        who.member(seen.provider_id, Permission::ManagePayouts).map_err(|error| {
            if mine {
                Error::Forbidden("only who has sold it, or an operator, gives it back")
            } else {
                error.hiding("payment")
            }
        })?;
    }
    let mut checks = Checks::default();
    let reason = checks.line("reason", reason, 3, 300);
    checks.done()?;
    orders::lock(&mut tx, seen.order_id).await?;
    let seen = orders::payment(&mut tx, payment).await?.ok_or(Error::NotFound("payment"))?;
    if seen.rail != ctx.payments.rail() {
        return Err(Error::Conflict(format!("It was paid with {}, which is not in use any more.", seen.rail)));
    }
    if seen.left().minor == 0 {
        return Err(Error::Conflict("All of it has gone back already.".to_owned()));
    }
    let amount = Money::new(amount.unwrap_or(seen.left().minor), seen.currency);
    let decision = Decision { cause: RefundCause::Decided, reason: &reason, by: Some(user) };
    let row = decide(&mut tx, &seen, amount, decision, now).await?;
    queue(&mut tx, row.id, now).await?;
    let detail = format!("{amount}: {reason}");
    audit::note(ctx, &mut tx, Some(user), Some(seen.organization_id), "payment.refund", &payment.to_string(), &detail)
        .await?;
    let order = orders::get(&mut tx, seen.order_id).await?.ok_or(Error::NotFound("order"))?;
    letters::given_back(ctx, &mut tx, &order, amount, &reason, now).await?;
    tx.commit().await?;
    ctx.jobs_wake.notify_one();
    Ok(view(row))
}

/// Decides a dispute in the bank's place, where the rail is the sandbox.
pub async fn decide_in_sandbox(ctx: &Ctx, who: &Principal, case: CaseId, won: bool) -> Result<()> {
    who.operator()?;
    let page = ctx.sandbox.as_ref().ok_or(Error::NotFound("sandbox"))?;
    let mut tx = ctx.store.read(Scope::System).await?;
    let case = store::cases::get(&mut tx, case).await?.filter(|case| case.kind == CaseKind::Dispute);
    let subject = case.ok_or(Error::NotFound("case"))?.subject;
    let id = subject.parse().map_err(Error::internal)?;
    let dispute = rows::dispute_by_id(&mut tx, id).await?.ok_or(Error::NotFound("dispute"))?;
    drop(tx);
    let (body, signature) = page.decide_dispute(&dispute.reference, won).await.map_err(|error| match error {
        PaymentsError::Refused(why) => Error::Conflict(why),
        other => Error::internal(other),
    })?;
    crate::orders::receive_event(ctx, "sandbox", &body, &signature).await
}

/// Returns what was paid for an order and what went back, to its buyer, its provider and to operators.
pub async fn of_order(ctx: &Ctx, who: &Principal, id: OrderId) -> Result<OrderMoney> {
    let operator = who.user()?.user.operator;
    let mut tx = ctx.store.read(Scope::System).await?;
    let order = with_money(&mut tx, who, id).await?;
    let may_refund = operator || who.member(order.provider_id, Permission::ManagePayouts).is_ok();
    let mut payments = Vec::new();
    let mut refunds = Vec::new();
    for payment in orders::payments_of_order(&mut tx, id).await? {
        refunds.extend(rows::of_payment(&mut tx, payment.id).await?.into_iter().map(view));
        payments.push(PaidView {
            id: payment.id,
            amount: Money::new(payment.amount_minor, payment.currency),
            left: payment.left(),
            method: payment.method.clone(),
            reference: payment.charge.clone(),
            when: payment.created_at,
            refundable: may_refund && payment.rail == ctx.payments.rail() && payment.left().minor > 0,
        });
    }
    Ok(OrderMoney {
        order_id: id,
        description: format!("{} — {}", order.offering_name, order.plan_name),
        buyer: order.organization_name,
        provider: order.provider_name,
        payments,
        refunds,
    })
}

/// Which refunds are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RefundFilter {
    /// Of what this organization has bought.
    pub buyer: Option<OrganizationId>,
    /// Of what this one has sold.
    pub provider: Option<OrganizationId>,
}

/// Lists refunds, newest first: to operators all, to others those of what their organization has bought or sold.
pub async fn list(ctx: &Ctx, who: &Principal, filter: RefundFilter, paging: Paging) -> Result<Page<RefundView>> {
    if !who.user()?.user.operator {
        match (filter.buyer, filter.provider) {
            (Some(of), _) | (None, Some(of)) => drop(who.member(of, Permission::ViewBilling)?),
            (None, None) => drop(who.operator()?),
        }
    }
    let RefundFilter { buyer, provider } = filter;
    let rail = ctx.payments.rail();
    let paging = Paging::clamped(paging.page, paging.page_size);
    let mut tx = ctx.store.read(Scope::System).await?;
    let total = rows::count(&mut tx, rail, buyer, provider).await?;
    let found = rows::list(&mut tx, rail, buyer, provider, paging.page_size, paging.offset()).await?;
    Ok(Page { rows: found.into_iter().map(view).collect(), total, page: paging.page, page_size: paging.page_size })
}

fn view(row: RefundRow) -> RefundView {
    RefundView {
        amount: row.amount(),
        id: row.id,
        payment_id: row.payment_id,
        order_id: row.order_id,
        organization_id: row.organization_id,
        provider_id: row.provider_id,
        cause: row.cause,
        state: row.state,
        reason: row.reason,
        reference: row.reference.unwrap_or_default(),
        created: row.created_at,
        settled: row.settled_at,
    }
}
