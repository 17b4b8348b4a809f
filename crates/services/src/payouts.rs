//! Paying providers: where to, what, and what became of it.
//!
//! A payout pays all that is available to a provider in one currency. It is set apart in the ledger first, in the
//! transaction that writes it down, and the rail is asked by a job, under a key of its own. So nothing can be paid
//! twice, wherever the process dies, and what is on its way cannot be refunded from meanwhile.
//!
//! What a provider comes to owe after that is taken back, as far as the rail still has it: see `reversing`.
//!
//! What a newcomer gets wrong: whoever changes this takes the provider's account first, then the book.

mod reversing;
mod run;

use domain::ledger::AccountCode;
use domain::state::ProviderState;
use domain::view::money::PartyView;
use domain::view::payout::{PayoutAccountView, PayoutLine, PayoutStatement, PayoutView, PayoutsView};
use domain::view::{Page, Paging};
use domain::{Currency, EarningId, Money, OrganizationId, PayoutId, Permission, RefundId, Timestamp};
use store::ledger as books;
use store::payouts::{self as rows, AccountRow, LineRow, PayoutRow};
use store::{Json, Scope, Tenant, Tx, organizations, refunds};

use crate::access::Principal;
use crate::audit;
use crate::ctx::Ctx;
use crate::error::{Checks, Error, Result};
use crate::invoices;
use crate::ledger;
use crate::orders::{leads_back, letters};
use crate::ports::{Due, OpenedPayoutAccount, PaymentsError, PayoutAccountRequest, PayoutAccountStatus, Payouts};

pub(crate) use reversing::{queue as queue_reversal, recover};
pub use run::{hold, plan, run, send_again};
pub(crate) use run::{send, sweep};

/// For how many days nothing is paid to a destination that has replaced another: whoever has stolen an account
/// would be paid, and its owner has to have the time to read the letter.
const NEW_DESTINATION_DAYS: i64 = 2;

/// More lines than this are not printed.
const PRINTED: i64 = 5_000;

/// Returns the port, or says that there is none.
fn port(ctx: &Ctx) -> Result<&dyn Payouts> {
    let missing = || Error::Conflict("The payment rail of this marketplace pays no providers.".to_owned());
    ctx.payouts.as_deref().ok_or_else(missing)
}

/// Where a provider goes from the rail's page; its page of payouts where nothing is said.
#[derive(Clone, Debug, Default)]
pub struct BackFromAccount {
    /// When it is done.
    pub return_url: Option<String>,
    /// When the page is over, to ask for a fresh one.
    pub refresh_url: Option<String>,
}

/// Returns the rail's page where a provider says where it is paid to, opening its account the first time.
pub async fn open_account(ctx: &Ctx, who: &Principal, provider: OrganizationId) -> Result<String> {
    Ok(open_account_and_come_back(ctx, who, provider, BackFromAccount::default()).await?.url)
}

/// Does the same, and leads back as is asked.
pub async fn open_account_and_come_back(
    ctx: &Ctx,
    who: &Principal,
    provider: OrganizationId,
    back: BackFromAccount,
) -> Result<OpenedPayoutAccount> {
    let member = who.member(provider, Permission::ManagePayouts)?;
    let mut checks = Checks::default();
    let page = format!("{}/providers/{provider}/payouts/", ctx.settings.public_url);
    let mut back_to = |field: &str, url: Option<String>| match url {
        Some(url) => leads_back(ctx, &mut checks, field, url),
        None => page.clone(),
    };
    let return_url = back_to("return_url", back.return_url);
    let refresh_url = back_to("refresh_url", back.refresh_url);
    checks.done()?;
    let port = port(ctx)?;
    let mut tx = ctx.store.read(Scope::System).await?;
    let application = store::providers::application(&mut tx, provider).await?;
    if application.is_none_or(|row| row.state != ProviderState::Approved) {
        return Err(Error::Forbidden("this organization is not approved to sell"));
    }
    let organization = organizations::get(&mut tx, provider).await?.ok_or(Error::NotFound("organization"))?;
    drop(tx);
    let request =
        PayoutAccountRequest { provider, name: organization.name, email: organization.email, return_url, refresh_url };
    let opened = port.open_account(request).await.map_err(|error| {
        tracing::warn!(organization.id = %provider, %error, "the payment rail opened no account");
        Error::Upstream("The payment rail’s page cannot be opened now; try again in a minute.".to_owned())
    })?;
    let now = ctx.now();
    let row = AccountRow {
        provider_id: provider,
        book: ctx.payments.rail().to_owned(),
        reference: opened.reference.clone(),
        destination: String::new(),
        ready: false,
        due: Json(Vec::new()),
        held: String::new(),
        created_at: now,
        changed_at: Timestamp(0),
    };
    let mut tx = ctx.store.write(Scope::System).await?;
    rows::insert_account(&mut tx, &row).await?;
    let subject = provider.to_string();
    audit::note(ctx, &mut tx, Some(member.user), Some(provider), "payout.account", &subject, "").await?;
    tx.commit().await?;
    Ok(opened)
}

/// Returns the rail's own pages about a provider's account: what it holds, and when it is paid to the bank.
pub async fn login_link(ctx: &Ctx, who: &Principal, provider: OrganizationId) -> Result<String> {
    let member = who.member(provider, Permission::ManagePayouts)?;
    let port = port(ctx)?;
    let mut tx = ctx.store.read(member.tenant).await?;
    let account = rows::account(&mut tx, ctx.payments.rail(), provider).await?;
    drop(tx);
    let none = || Error::Conflict("There is no account yet; say where you are paid to first.".to_owned());
    let account = account.ok_or_else(none)?;
    let url = port.login_link(&account.reference).await.map_err(|error| {
        tracing::warn!(organization.id = %provider, %error, "the payment rail opens no pages about an account");
        match error {
            PaymentsError::Refused(_) => Error::Conflict(
                "The payment rail has no pages about this account yet; say first where you are paid to.".to_owned(),
            ),
            _ => Error::Upstream("The payment rail does not answer now; try again in a minute.".to_owned()),
        }
    })?;
    let mut tx = ctx.store.write(Scope::System).await?;
    let subject = provider.to_string();
    audit::note(ctx, &mut tx, Some(member.user), Some(provider), "payout.login", &subject, "").await?;
    tx.commit().await?;
    Ok(url)
}

/// How a provider's account stands with the rail, as it says now.
#[derive(Clone, Debug)]
pub struct Standing {
    /// What we know of it; nothing where there is none.
    pub account: Option<PayoutAccountView>,
    /// What the rail says; nothing where there is no account, or no answer.
    pub status: Option<PayoutAccountStatus>,
    /// What is held back.
    pub pending: Vec<Money>,
    /// What can be paid out.
    pub available: Vec<Money>,
    /// What is on its way.
    pub in_transit: Vec<Money>,
}

/// Returns how a provider's account stands, with what the rail wants in its own words, and the balance.
pub async fn standing(ctx: &Ctx, who: &Principal, provider: OrganizationId) -> Result<Standing> {
    let member = who.member(provider, Permission::ViewBilling)?;
    let (account, status) = account_of(ctx, member.tenant, provider).await?;
    let mut tx = ctx.store.read(member.tenant).await?;
    let balances = books::balances(&mut tx, ctx.payments.rail(), Some(provider)).await?;
    let of = |account| ledger::amounts_on(&balances, account);
    Ok(Standing {
        account,
        status,
        pending: of(AccountCode::ProviderPending),
        available: of(AccountCode::ProviderAvailable),
        in_transit: of(AccountCode::ProviderInTransit),
    })
}

/// Returns a provider's account as it stands now, and what the rail says of it where it answers.
async fn account_of(
    ctx: &Ctx,
    tenant: Tenant,
    provider: OrganizationId,
) -> Result<(Option<PayoutAccountView>, Option<PayoutAccountStatus>)> {
    let mut tx = ctx.store.read(tenant).await?;
    let known = rows::account(&mut tx, ctx.payments.rail(), provider).await?;
    drop(tx);
    let Some(known) = known else { return Ok((None, None)) };
    let (row, status) = look_again(ctx, known).await?;
    let view = PayoutAccountView {
        waits_until: waits_until(row.changed_at, ctx.now()),
        reference: row.reference,
        destination: row.destination,
        ready: row.ready,
        due: row.due.0,
        held: row.held,
    };
    Ok((Some(view), status))
}

/// Asks the rail how a provider's account stands, and writes it down; without an answer it is as it was known last.
async fn look_again(ctx: &Ctx, known: AccountRow) -> Result<(AccountRow, Option<PayoutAccountStatus>)> {
    let Some(port) = ctx.payouts.as_deref() else { return Ok((known, None)) };
    let status = match port.account(&known.reference).await {
        Ok(status) => status,
        Err(error) => {
            // What was known last is better than no page.
            tracing::warn!(organization.id = %known.provider_id, %error, "the payment rail did not say how an account stands");
            return Ok((known, None));
        }
    };
    let fresh = AccountRow {
        destination: status.destination.clone(),
        ready: status.ready,
        due: Json(in_words(&status.due)),
        ..known.clone()
    };
    if fresh == known {
        return Ok((known, Some(status)));
    }
    let now = ctx.now();
    let mut tx = ctx.store.write(Scope::System).await?;
    // Two pages may ask at once, and a letter is enough.
    books::take_hold(&mut tx, &known.book).await?;
    let before = rows::account(&mut tx, &known.book, known.provider_id).await?.unwrap_or(known);
    let mut fresh = AccountRow { held: before.held.clone(), changed_at: before.changed_at, ..fresh };
    if before.destination != fresh.destination {
        if !before.destination.is_empty() {
            fresh.changed_at = now;
        }
        tell_of_destination(ctx, &mut tx, &fresh, now).await?;
    }
    rows::update_account(&mut tx, &fresh).await?;
    tx.commit().await?;
    ctx.jobs_wake.notify_one();
    Ok((fresh, Some(status)))
}

/// Says what a rail wants, each thing once.
fn in_words(due: &[Due]) -> Vec<String> {
    let mut words: Vec<String> = due.iter().map(|due| due.text.clone()).collect();
    words.dedup();
    words
}

async fn tell_of_destination(ctx: &Ctx, tx: &mut Tx, row: &AccountRow, now: Timestamp) -> Result<()> {
    let page = format!("{}/providers/{}/payouts/", ctx.settings.public_url, row.provider_id);
    let text = format!(
        "What you earn at {} is paid to this from now on:\n\n{}\n\nIf that was not you, change your password and write to us at once. Where it has replaced another account, nothing is paid to it for {NEW_DESTINATION_DAYS} days:\n{page}\n",
        ctx.settings.site_name, row.destination
    );
    letter(tx, row.provider_id, format!("You are paid to {} now", row.destination), text, now).await
}

/// Writes to a provider; one without an address gets no letter.
pub(crate) async fn letter(
    tx: &mut Tx,
    provider: OrganizationId,
    subject: String,
    text: String,
    now: Timestamp,
) -> Result<()> {
    let organization = organizations::get(tx, provider).await?.ok_or(Error::NotFound("organization"))?;
    letters::send(tx, &organization.email, subject, text, now).await
}

/// Returns what a provider owes in a book, in minor units.
async fn owed(tx: &mut Tx, book: &str, provider: OrganizationId, currency: Currency) -> Result<i64> {
    Ok(books::balance(tx, book, AccountCode::ProviderReceivable, Some(provider), currency).await?)
}

/// Returns until when nothing is paid to a destination that is new.
fn waits_until(changed: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let until = changed.plus_days(NEW_DESTINATION_DAYS);
    (changed != Timestamp(0) && until > now).then_some(until)
}

/// Returns where a provider is paid to, and what was paid, newest first.
pub async fn overview(ctx: &Ctx, who: &Principal, provider: OrganizationId, paging: Paging) -> Result<PayoutsView> {
    let member = who.member(provider, Permission::ViewBilling)?;
    let may_change = who.member(provider, Permission::ManagePayouts).is_ok() && ctx.payouts.is_some();
    let paging = Paging::clamped(paging.page, paging.page_size);
    let book = ctx.payments.rail();
    let (account, _) = account_of(ctx, member.tenant, provider).await?;
    let mut tx = ctx.store.read(member.tenant).await?;
    let balances = books::balances(&mut tx, book, Some(provider)).await?;
    let of = |account| ledger::amounts_on(&balances, account);
    let total = rows::count(&mut tx, book, Some(provider)).await?;
    let found = rows::list(&mut tx, book, Some(provider), paging.page_size, paging.offset()).await?;
    Ok(PayoutsView {
        account,
        may_change,
        available: of(AccountCode::ProviderAvailable),
        in_transit: of(AccountCode::ProviderInTransit),
        paid: rows::paid(&mut tx, book, provider).await?,
        minimum: ctx.settings.payout_minimum,
        payouts: Page {
            rows: found.into_iter().map(view).collect(),
            total,
            page: paging.page,
            page_size: paging.page_size,
        },
    })
}

fn view(row: PayoutRow) -> PayoutView {
    PayoutView {
        amount: row.amount(),
        reversed: row.reversed(),
        id: row.id,
        provider_id: row.provider_id,
        provider: row.provider_name,
        destination: row.destination,
        state: row.state,
        reference: row.reference,
        failure: row.failure,
        created: row.created_at,
        settled: row.settled_at,
    }
}

/// Finds a payout for its provider and for operators.
async fn found(tx: &mut Tx, who: &Principal, id: PayoutId) -> Result<PayoutRow> {
    let operator = who.user()?.user.operator;
    let payout = rows::get(tx, id).await?.ok_or(Error::NotFound("payout"))?;
    if !operator {
        who.member(payout.provider_id, Permission::ViewBilling).map_err(|error| error.hiding("payout"))?;
    }
    Ok(payout)
}

/// A payout's statement as its provider keeps it: all of it, with both parties.
#[derive(Clone, Debug, PartialEq)]
pub struct PayoutDocument {
    /// The payout.
    pub payout: PayoutView,
    /// Who pays.
    pub payer: PartyView,
    /// Who is paid.
    pub provider: PartyView,
    /// What it pays, oldest first; their amounts add up to it.
    pub lines: Vec<PayoutLine>,
    /// Whether no money has moved.
    pub sandbox: bool,
}

/// Returns a payout's statement as a document, to its provider and to operators; one of more lines than a document
/// takes is refused.
pub async fn document(ctx: &Ctx, who: &Principal, id: PayoutId) -> Result<PayoutDocument> {
    let mut tx = ctx.store.read(Scope::System).await?;
    let payout = found(&mut tx, who, id).await?;
    if rows::count_lines(&mut tx, &payout).await? > PRINTED {
        return Err(Error::Conflict(format!(
            "It has more than {PRINTED} lines: read it page by page, or take the table of earnings along."
        )));
    }
    let mut lines = Vec::new();
    for row in rows::lines(&mut tx, &payout, PRINTED, 0).await? {
        lines.push(line(&mut tx, &payout, row).await?);
    }
    Ok(PayoutDocument {
        payer: invoices::seller(ctx),
        provider: invoices::party(&mut tx, payout.provider_id).await?,
        lines,
        sandbox: payout.book == "sandbox",
        payout: view(payout),
    })
}

/// Returns a payout with what it pays, to its provider and to operators.
pub async fn statement(ctx: &Ctx, who: &Principal, id: PayoutId, paging: Paging) -> Result<PayoutStatement> {
    let paging = Paging::clamped(paging.page, paging.page_size);
    let mut tx = ctx.store.read(Scope::System).await?;
    let payout = found(&mut tx, who, id).await?;
    let total = rows::count_lines(&mut tx, &payout).await?;
    let mut lines = Vec::new();
    for row in rows::lines(&mut tx, &payout, paging.page_size, paging.offset()).await? {
        lines.push(line(&mut tx, &payout, row).await?);
    }
    Ok(PayoutStatement {
        payout: view(payout),
        lines: Page { rows: lines, total, page: paging.page, page_size: paging.page_size },
    })
}

async fn line(tx: &mut Tx, payout: &PayoutRow, row: LineRow) -> Result<PayoutLine> {
    // Earnings are released under their own name, and go back under their refund's.
    let earning = match (row.source.parse::<EarningId>(), row.source.parse::<RefundId>()) {
        (Ok(earning), Ok(refund)) => match (books::earning(tx, earning).await?, refunds::get(tx, refund).await?) {
            (Some(earning), _) => Some(earning),
            (None, Some(refund)) => books::earning_of_payment(tx, refund.payment_id).await?,
            (None, None) => None,
        },
        _ => None,
    };
    Ok(PayoutLine {
        number: row.number,
        kind: row.kind,
        memo: row.memo,
        when: row.occurred_at,
        order_id: earning.as_ref().map(|earning| earning.order_id),
        gross: earning.as_ref().map(|earning| Money::new(earning.gross_minor, earning.currency)),
        buyer: earning.map(|earning| earning.organization_name).unwrap_or_default(),
        amount: Money::new(row.minor, payout.currency),
    })
}

/// Lists payouts to everyone, newest first.
pub async fn list(ctx: &Ctx, who: &Principal, paging: Paging) -> Result<Page<PayoutView>> {
    who.operator()?;
    let paging = Paging::clamped(paging.page, paging.page_size);
    let book = ctx.payments.rail();
    let mut tx = ctx.store.read(Scope::System).await?;
    let total = rows::count(&mut tx, book, None).await?;
    let found = rows::list(&mut tx, book, None, paging.page_size, paging.offset()).await?;
    Ok(Page { rows: found.into_iter().map(view).collect(), total, page: paging.page, page_size: paging.page_size })
}
