//! The sandbox rail as the `Payments` port: its objects in the database, its events signed and
//! delivered like those of a company outside.
//!
//! What a newcomer gets wrong: paying and telling of it are two steps, and the process can die
//! between them. So the delivery is queued in the transaction of the payment.

use std::iter;
use std::sync::Arc;

use async_trait::async_trait;
use domain::state::DisputeState;
use domain::view::order::{SandboxCheckoutView, SandboxPayoutView};
use domain::{Currency, Money, OrganizationId, Timestamp};
use payments::sandbox::{
    Attempt, Bank, Card, DISPUTE_FEE, Data, Dispute, Event, Fate, Payment, SavedCard, Session, Status, Wallet,
};
use payments::signature;
use serde::{Deserialize, Serialize};
use services::clock::Clock;
use services::jobs::{self, Job};
use services::ports::{
    ChargeError, ChargeRequest, Charged, CheckoutRequest, Due, GivenBack, Movement, MovementKind, OpenedCheckout,
    OpenedPayoutAccount, PaidOut, Payments, PaymentsError, PayoutAccountRequest, PayoutAccountStatus, PayoutError,
    PayoutRequest, Payouts, PortalRequest, RailDispute, RailEvent, RailEventContent, RailRefund, RefundRequest,
    ReversalRequest, SandboxBank, SandboxCard, SandboxPage, SandboxPaid, SandboxRefused, SavedMethod, SavingRequest,
};
use store::{Scope, Store, Tx, sandbox as rows};

/// What the event of a paid visit is called.
const COMPLETED: &str = "checkout.session.completed";
/// What the event is called when a bank has not taken a refund.
const REFUND_FAILED: &str = "refund.failed";
/// What the event is called when a bank disputes a payment, and when it has decided.
const DISPUTE_OPENED: &str = "charge.dispute.created";
const DISPUTE_CLOSED: &str = "charge.dispute.closed";
/// When an event is delivered that comes later, or again because it may not have got through.
const REDELIVERY_SECONDS: i64 = 5;

/// The sandbox rail.
pub struct Sandbox {
    store: Store,
    clock: Arc<dyn Clock>,
    public_url: String,
    merchant: String,
    secret: Vec<u8>,
}

/// A provider's account, as the rail keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct ProviderAccount {
    /// Our id of it; accounts of before this was kept have none.
    #[serde(default)]
    provider: String,
    name: String,
    return_url: String,
    bank: Option<Bank>,
}

/// Money that the rail pretends to have paid out, or why it has not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Transfer {
    account: String,
    amount: domain::Money,
    description: String,
    failure: Option<String>,
    /// When, seconds since 1970.
    #[serde(default)]
    at: i64,
    /// What was taken back of it.
    #[serde(default)]
    reversals: Vec<Reversal>,
}

/// What was taken back of a payout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Reversal {
    id: String,
    minor: i64,
}

/// For how long a payout stays on the provider's account, before its bank has it: as long as Stripe takes mostly.
const ON_ACCOUNT_SECONDS: i64 = 2 * 24 * 3600;

impl Transfer {
    /// Takes something back, as a no in words where that cannot be; tells whether it is new.
    fn take_back(&mut self, id: &str, minor: i64, now: i64) -> Result<bool, &'static str> {
        if self.reversals.iter().any(|known| known.id == id) {
            return Ok(false);
        }
        let left = self.amount.minor - self.reversals.iter().map(|known| known.minor).sum::<i64>();
        if self.failure.is_some() || minor > left {
            return Err("There is not so much of this payout.");
        }
        if self.at + ON_ACCOUNT_SECONDS <= now {
            return Err("It has gone on to the bank.");
        }
        self.reversals.push(Reversal { id: id.to_owned(), minor });
        Ok(true)
    }
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox").field("public_url", &self.public_url).finish_non_exhaustive()
    }
}

impl Sandbox {
    /// Makes the rail; `secret` signs its events.
    pub fn new(store: Store, clock: Arc<dyn Clock>, public_url: String, merchant: String, secret: Vec<u8>) -> Self {
        Self { store, clock, public_url, merchant, secret }
    }

    async fn load<T: serde::de::DeserializeOwned>(&self, id: &str) -> Result<Option<(T, i64)>, PaymentsError> {
        let mut tx = self.store.read(Scope::System).await.map_err(unavailable)?;
        let Some((object, version)) = rows::get(&mut tx, id).await.map_err(unavailable)? else {
            return Ok(None);
        };
        let object = serde_json::from_value(object).map_err(refused)?;
        Ok(Some((object, version)))
    }

    /// Writes a new object; one that is there stays as it is.
    async fn keep(&self, id: &str, object: &impl Serialize) -> Result<(), PaymentsError> {
        let object = serde_json::to_value(object).map_err(refused)?;
        let mut tx = self.store.write(Scope::System).await.map_err(unavailable)?;
        rows::insert(&mut tx, id, &object).await.map_err(unavailable)?;
        tx.commit().await.map_err(unavailable)
    }

    /// Names an object so that the same key is the same object, and nobody can guess it.
    fn name(&self, kind: &str, key: &str) -> Result<String, PaymentsError> {
        Ok(format!("{kind}_{}", signature::fingerprint(&self.secret, key).ok_or_else(no_secret)?))
    }

    /// Finds a provider's account by the page where its bank account is set.
    async fn account_of_page(&self, page: &str) -> Result<Option<(String, ProviderAccount, i64)>, PaymentsError> {
        let id = self.name("acct", page)?;
        Ok(self.load(&id).await?.map(|(account, version)| (id, account, version)))
    }

    /// Returns where a provider says where it is paid to.
    fn payout_page(&self, page: &str) -> String {
        format!("{}/sandbox-payouts/{page}/", self.public_url)
    }

    /// Writes a session that was changed; an error when someone else changed it meanwhile.
    async fn save(&self, session: &Session, version: i64) -> Result<(), PaymentsError> {
        let mut tx = self.store.write(Scope::System).await.map_err(unavailable)?;
        save_in(&mut tx, session, version).await?;
        tx.commit().await.map_err(unavailable)
    }

    /// Names a buyer's wallet.
    fn customer(&self, of: OrganizationId) -> Result<String, PaymentsError> {
        self.name("cus", &of.to_string())
    }

    /// Returns a buyer's cards.
    async fn wallet(&self, customer: &str) -> Result<Wallet, PaymentsError> {
        Ok(self.load(customer).await?.map(|(wallet, _)| wallet).unwrap_or_default())
    }

    /// Changes a buyer's cards; a `false` of the change writes nothing, and is told.
    async fn change_wallet(
        &self,
        customer: &str,
        change: impl FnOnce(&mut Wallet) -> bool + Send,
    ) -> Result<bool, PaymentsError> {
        let mut tx = self.store.write(Scope::System).await.map_err(unavailable)?;
        let changed = Self::change_wallet_in(&mut tx, customer, change).await?;
        tx.commit().await.map_err(unavailable)?;
        Ok(changed)
    }

    async fn change_wallet_in(
        tx: &mut Tx,
        customer: &str,
        change: impl FnOnce(&mut Wallet) -> bool + Send,
    ) -> Result<bool, PaymentsError> {
        let known = rows::get(tx, customer).await.map_err(unavailable)?;
        let (mut wallet, version) = match known {
            Some((object, version)) => (serde_json::from_value(object).map_err(refused)?, Some(version)),
            None => (Wallet::default(), None),
        };
        if !change(&mut wallet) {
            return Ok(false);
        }
        match version {
            Some(version) => update_in(tx, customer, &wallet, version, "the cards were").await?,
            None => {
                let object = serde_json::to_value(&wallet).map_err(refused)?;
                rows::insert(tx, customer, &object).await.map_err(unavailable)?;
            }
        }
        Ok(true)
    }

    /// Writes a session that was changed, and queues the delivery of events about it: those that come later, and
    /// those that may not get through now.
    async fn save_telling(&self, session: &Session, version: i64, kinds: &[&str]) -> Result<(), PaymentsError> {
        let mut tx = self.store.write(Scope::System).await.map_err(unavailable)?;
        save_in(&mut tx, session, version).await?;
        self.tell_in(&mut tx, session, kinds).await?;
        tx.commit().await.map_err(unavailable)
    }

    /// Queues the delivery of events about a session.
    async fn tell_in(&self, tx: &mut Tx, session: &Session, kinds: &[&str]) -> Result<(), PaymentsError> {
        let now = self.clock.now();
        for &kind in kinds {
            let job = Job::SandboxEvent { session: session.id.clone(), kind: kind.to_owned() };
            jobs::enqueue(tx, &job, now, now.plus_seconds(REDELIVERY_SECONDS), None)
                .await
                .map_err(|error| PaymentsError::Unavailable(services::error::chain(&error)))?;
        }
        Ok(())
    }

    /// Writes a session that was paid, and the card that it was paid with, and queues the delivery of events about it.
    async fn save_paid(
        &self,
        session: &mut Session,
        card: &Card,
        version: i64,
        kinds: &[&str],
    ) -> Result<(), PaymentsError> {
        let kept = match &session.customer {
            Some(customer) => {
                let (month, year) = card.expires();
                let id = self.name("pm", &format!("{customer} {} {month}/{year}", card.label()))?;
                Some((customer.clone(), SavedCard::new(id, card)))
            }
            None => None,
        };
        if let (Some(payment), Some((_, card))) = (&mut session.payment, &kept) {
            payment.card = Some(card.id.clone());
        }
        let mut tx = self.store.write(Scope::System).await.map_err(unavailable)?;
        save_in(&mut tx, session, version).await?;
        if let Some((customer, card)) = kept {
            let added = |wallet: &mut Wallet| {
                wallet.add(card);
                true
            };
            Self::change_wallet_in(&mut tx, &customer, added).await?;
        }
        // Of a card that was saved nobody waits to hear.
        let kinds = if session.saves { &[] } else { kinds };
        self.tell_in(&mut tx, session, kinds).await?;
        tx.commit().await.map_err(unavailable)
    }

    fn signed(&self, kind: &str, session: &Session) -> Result<(Vec<u8>, String), PaymentsError> {
        let now = self.clock.now().seconds();
        // The same thing happens once, so its event has one id however often it is delivered.
        let failed = session.payment.iter().flat_map(|payment| &payment.refunds).filter(|refund| refund.failed).count();
        let nth = if kind == REFUND_FAILED { format!("_{failed}") } else { String::new() };
        let id = format!("evt_{}_{}{nth}", kind.replace('.', "_"), session.id);
        let event = Event { id, r#type: kind.to_owned(), created: now, data: Data { object: session.clone() } };
        let body = serde_json::to_vec(&event).map_err(refused)?;
        let header = signature::sign(&self.secret, &body, now).map_err(refused)?;
        Ok((body, header))
    }
}

/// Writes a session that was changed.
async fn save_in(tx: &mut Tx, session: &Session, version: i64) -> Result<(), PaymentsError> {
    update_in(tx, &session.id, session, version, "the payment was").await
}

/// Writes an object that was changed; an error when someone else changed it meanwhile, who is told what, `the payment
/// was`.
async fn update_in(
    tx: &mut Tx,
    id: &str,
    object: &(impl Serialize + Sync),
    version: i64,
    what: &str,
) -> Result<(), PaymentsError> {
    let object = serde_json::to_value(object).map_err(refused)?;
    if rows::update(tx, id, &object, version).await.map_err(unavailable)? {
        return Ok(());
    }
    Err(PaymentsError::Unavailable(format!("{what} changed at the same time")))
}

fn refused(error: impl std::fmt::Display) -> PaymentsError {
    PaymentsError::Refused(error.to_string())
}

/// Says how a dispute stands. The bank has the money until it decides otherwise.
fn disputed(dispute: Dispute, currency: Currency) -> Result<RailDispute, PaymentsError> {
    let state: DisputeState =
        dispute.status.parse().map_err(|_| PaymentsError::Refused(format!("a dispute is {:?}", dispute.status)))?;
    Ok(RailDispute {
        reference: dispute.id,
        amount: Money::new(dispute.minor, currency),
        fee_minor: DISPUTE_FEE,
        withdrawn: state != DisputeState::Won,
        state,
        reason: dispute.reason,
        due_by: Some(Timestamp::from_seconds(dispute.due_by)),
    })
}

fn no_secret() -> PaymentsError {
    PaymentsError::Refused("the sandbox has no secret to sign with".to_owned())
}

fn unavailable(error: store::Error) -> PaymentsError {
    PaymentsError::Unavailable(services::error::chain(&error))
}

#[async_trait]
impl Payments for Sandbox {
    fn rail(&self) -> &'static str {
        "sandbox"
    }

    async fn open_checkout(&self, request: CheckoutRequest) -> Result<OpenedCheckout, PaymentsError> {
        let id = self.name("cs", &request.key)?;
        let session = Session {
            id: id.clone(),
            reference: request.order.to_string(),
            amount: request.amount,
            description: request.description,
            merchant: self.merchant.clone(),
            // As Stripe does.
            success_url: request.success_url.replace("{CHECKOUT_SESSION_ID}", &id),
            cancel_url: request.cancel_url,
            expires_at: request.expires_at.seconds(),
            status: Status::Open,
            payment: None,
            customer: Some(self.customer(request.tenant.id())?),
            saves: false,
        };
        self.keep(&id, &session).await?;
        Ok(OpenedCheckout { url: format!("{}/sandbox-checkout/{id}/", self.public_url), session: id })
    }

    async fn expire_checkout(&self, session: &str) -> Result<(), PaymentsError> {
        if let Some((mut session, version)) = self.load::<Session>(session).await? {
            session.expire();
            self.save(&session, version).await?;
        }
        Ok(())
    }

    async fn refund(&self, request: RefundRequest) -> Result<GivenBack, PaymentsError> {
        // A payment is named after its session, so it is found without a list of payments.
        let session = request.payment.replacen("pi_", "cs_", 1);
        let Some((mut session, version)) = self.load::<Session>(&session).await? else {
            return Err(PaymentsError::Refused(format!("There is no payment {:?}.", request.payment)));
        };
        let refund = session
            .refund(&request.key, request.amount.minor, self.clock.now().seconds())
            .map_err(PaymentsError::Refused)?;
        let fails = session.payment.as_ref().is_some_and(|payment| payment.fate == Fate::RefundsFail);
        self.save_telling(&session, version, if fails { &[REFUND_FAILED] } else { &[] }).await?;
        Ok(GivenBack { reference: refund.id })
    }

    async fn charge(&self, request: ChargeRequest) -> Result<Charged, ChargeError> {
        let id = self.name("cs", &request.key)?;
        // What was charged under the key stays charged, whatever became of the card.
        if self.load::<Session>(&id).await?.is_none() {
            let earlier = match &request.earlier_payment {
                Some(payment) => self.load::<Session>(&payment.replacen("pi_", "cs_", 1)).await?,
                None => None,
            };
            let earlier = earlier.and_then(|(visit, _)| visit.payment);
            let customer = self.customer(request.of)?;
            let wallet = self.wallet(&customer).await?;
            let means = wallet.charged(earlier.as_ref()).ok_or_else(ChargeError::no_method)?;
            let now = self.clock.now().seconds();
            let mut visit = Session {
                id: id.clone(),
                reference: request.order.to_string(),
                amount: request.amount,
                description: request.description,
                merchant: self.merchant.clone(),
                success_url: self.public_url.clone(),
                cancel_url: self.public_url.clone(),
                expires_at: now,
                status: Status::Open,
                payment: None,
                customer: Some(customer),
                saves: false,
            };
            visit.charge(means, id.replacen("cs_", "pi_", 1), now).map_err(ChargeError::Declined)?;
            self.keep(&id, &visit).await?;
        }
        // Whoever was first has charged; the same key is answered the same.
        match self.load(&id).await? {
            Some((Session { payment: Some(payment), .. }, _)) => {
                Ok(Charged { reference: payment.id, method: payment.method, fee_minor: payment.fee_minor })
            }
            _ => Err(PaymentsError::Refused(format!("the charge {id:?} is gone")).into()),
        }
    }

    async fn movements(&self, from: Timestamp, until: Timestamp) -> Result<Option<Vec<Movement>>, PaymentsError> {
        let visits = self.all::<Session>("cs_").await?;
        let transfers = self.all::<Transfer>("tr_").await?.into_iter();
        let paid_out =
            transfers.filter(|(_, transfer)| transfer.failure.is_none()).flat_map(|(reference, transfer)| {
                let Transfer { at, amount, reversals, .. } = transfer;
                let taken_back = reversals.into_iter().map(move |Reversal { id, minor }| {
                    let amount = Money::new(minor, amount.currency);
                    (at, Movement { kind: MovementKind::Reversal, reference: id, amount })
                });
                iter::once((at, Movement { kind: MovementKind::Payout, reference, amount })).chain(taken_back)
            });
        let all = visits.into_iter().flat_map(|(_, session)| moved(session)).chain(paid_out);
        let within = |at: i64| (from.seconds()..=until.seconds()).contains(&at);
        Ok(Some(all.filter(|(at, _)| within(*at)).map(|(_, movement)| movement).collect()))
    }

    fn read_event(&self, body: &[u8], header: &str, now: Timestamp) -> Result<RailEvent, PaymentsError> {
        signature::verify(&self.secret, body, header, now.seconds()).map_err(|_| PaymentsError::BadSignature)?;
        let payload: serde_json::Value = serde_json::from_slice(body).map_err(refused)?;
        let event: Event = serde_json::from_value(payload.clone()).map_err(refused)?;
        let session = event.data.object;
        let content = match (event.r#type.as_str(), session.payment) {
            (COMPLETED, Some(payment)) => RailEventContent::CheckoutPaid {
                session: session.id,
                reference: payment.id,
                amount: session.amount,
                method: payment.method,
                fee_minor: payment.fee_minor,
            },
            ("checkout.session.expired", _) => RailEventContent::CheckoutExpired { session: session.id },
            ("charge.refunded" | REFUND_FAILED, Some(payment)) => {
                let refunds = payment.refunds.iter().map(|refund| RailRefund {
                    reference: refund.id.clone(),
                    key: Some(refund.key.clone()),
                    amount: Money::new(refund.minor, session.amount.currency),
                    stands: !refund.failed,
                });
                RailEventContent::Refunded { refunds: refunds.collect(), reference: payment.id }
            }
            (DISPUTE_OPENED | DISPUTE_CLOSED, Some(Payment { id, dispute: Some(dispute), .. })) => {
                RailEventContent::Disputed { reference: id, dispute: disputed(dispute, session.amount.currency)? }
            }
            _ => RailEventContent::Other,
        };
        Ok(RailEvent { id: event.id, kind: event.r#type, content, payload })
    }

    async fn methods(&self, of: OrganizationId) -> Result<Vec<SavedMethod>, PaymentsError> {
        let wallet = self.wallet(&self.customer(of)?).await?;
        let preferred = wallet.preferred;
        let shown = |card: SavedCard| {
            let (brand, last4) = card.label.split_once(" •••• ").unwrap_or((card.label.as_str(), ""));
            SavedMethod {
                is_default: preferred.as_deref() == Some(card.id.as_str()),
                kind: "card".to_owned(),
                brand: Some(brand.to_lowercase()),
                last4: Some(last4.to_owned()),
                exp_month: Some(card.expires.0),
                exp_year: Some(card.expires.1),
                id: card.id,
            }
        };
        Ok(wallet.cards.into_iter().map(shown).collect())
    }

    async fn open_saving(&self, request: SavingRequest) -> Result<OpenedCheckout, PaymentsError> {
        let id = self.name("cs", &format!("saving {}", request.key))?;
        let session = Session {
            id: id.clone(),
            reference: String::new(),
            amount: Money::new(0, Currency::Usd),
            description: "A card for later payments".to_owned(),
            merchant: self.merchant.clone(),
            success_url: request.success_url,
            cancel_url: request.cancel_url,
            expires_at: self.clock.now().plus_days(1).seconds(),
            status: Status::Open,
            payment: None,
            customer: Some(self.customer(request.tenant.id())?),
            saves: true,
        };
        self.keep(&id, &session).await?;
        Ok(OpenedCheckout { url: format!("{}/sandbox-checkout/{id}/", self.public_url), session: id })
    }

    async fn open_portal(&self, request: PortalRequest) -> Result<String, PaymentsError> {
        // The sandbox has no page about cards but ours.
        Ok(format!("{}/organizations/{}/billing/methods/", self.public_url, request.tenant.id()))
    }

    async fn prefer_method(&self, of: OrganizationId, id: &str) -> Result<(), PaymentsError> {
        let known = self.change_wallet(&self.customer(of)?, |wallet| wallet.prefer(id)).await?;
        if known { Ok(()) } else { Err(PaymentsError::Refused(format!("there is no {id:?}"))) }
    }

    async fn forget_method(&self, of: OrganizationId, id: &str) -> Result<(), PaymentsError> {
        self.change_wallet(&self.customer(of)?, |wallet| wallet.forget(id)).await?;
        Ok(())
    }
}

impl Sandbox {
    /// Reads every object of a kind, by name.
    async fn all<T: serde::de::DeserializeOwned>(&self, prefix: &str) -> Result<Vec<(String, T)>, PaymentsError> {
        const AT_ONCE: i64 = 500;
        let mut found = Vec::new();
        let mut after = String::new();
        loop {
            let mut tx = self.store.read(Scope::System).await.map_err(unavailable)?;
            let page = rows::list(&mut tx, prefix, &after, AT_ONCE).await.map_err(unavailable)?;
            drop(tx);
            let Some((last, _)) = page.last() else { return Ok(found) };
            after.clone_from(last);
            for (id, object) in page {
                let object = serde_json::from_value(object).map_err(refused)?;
                found.push((id, object));
            }
        }
    }
}

/// Says what a visit has moved, and when, seconds since 1970.
fn moved(session: Session) -> Vec<(i64, Movement)> {
    let Some(payment) = session.payment else { return Vec::new() };
    let currency = session.amount.currency;
    let refunds = payment.refunds.into_iter().filter(|refund| !refund.failed).map(|refund| {
        let amount = Money::new(refund.minor, currency);
        (refund.at, Movement { kind: MovementKind::Refund, reference: refund.id, amount })
    });
    let paid = Movement { kind: MovementKind::Payment, reference: payment.id, amount: session.amount };
    [(payment.at, paid)].into_iter().chain(refunds).collect()
}

#[async_trait]
impl Payouts for Sandbox {
    async fn open_account(&self, request: PayoutAccountRequest) -> Result<OpenedPayoutAccount, PaymentsError> {
        let page = self.name("pp", &format!("payouts of {}", request.provider))?;
        let reference = self.name("acct", &page)?;
        let account = ProviderAccount {
            provider: request.provider.to_string(),
            name: request.name,
            return_url: request.return_url.clone(),
            bank: None,
        };
        self.keep(&reference, &account).await?;
        // The page is always the same; it leads back to where the provider came from last.
        if let Some((known, version)) = self.load::<ProviderAccount>(&reference).await?
            && (known.return_url != request.return_url || known.provider.is_empty())
        {
            let provider = request.provider.to_string();
            let account = ProviderAccount { provider, return_url: request.return_url, ..known };
            let object = serde_json::to_value(&account).map_err(refused)?;
            let mut tx = self.store.write(Scope::System).await.map_err(unavailable)?;
            rows::update(&mut tx, &reference, &object, version).await.map_err(unavailable)?;
            tx.commit().await.map_err(unavailable)?;
        }
        Ok(OpenedPayoutAccount { url: self.payout_page(&page), reference, expires_at: None })
    }

    async fn account(&self, reference: &str) -> Result<PayoutAccountStatus, PaymentsError> {
        let Some((ProviderAccount { bank, .. }, _)) = self.load(reference).await? else {
            return Err(PaymentsError::Refused(format!("there is no account {reference:?}")));
        };
        Ok(match bank {
            Some(bank) => {
                PayoutAccountStatus { ready: true, destination: bank.label(), pays_out: true, ..Default::default() }
            }
            None => {
                let bank = Due { code: "external_account".to_owned(), text: "Your bank account.".to_owned() };
                PayoutAccountStatus { due: vec![bank], ..Default::default() }
            }
        })
    }

    async fn login_link(&self, reference: &str) -> Result<String, PaymentsError> {
        let Some((ProviderAccount { provider, .. }, _)) = self.load(reference).await? else {
            return Err(PaymentsError::Refused(format!("there is no account {reference:?}")));
        };
        let page = self.name("pp", &format!("payouts of {provider}"))?;
        Ok(self.payout_page(&page))
    }

    async fn pay_out(&self, request: PayoutRequest) -> Result<PaidOut, PayoutError> {
        let PayoutRequest { key, account, amount, description } = request;
        let Some((ProviderAccount { bank, .. }, _)) = self.load(&account).await? else {
            return Err(PaymentsError::Refused(format!("there is no account {account:?}")).into());
        };
        let failure = match bank {
            Some(bank) => bank.refuses,
            None => Some("There is no bank account yet.".to_owned()),
        };
        let reference = self.name("tr", &key)?;
        let at = self.clock.now().seconds();
        let transfer = Transfer { account, amount, description, failure, at, reversals: Vec::new() };
        self.keep(&reference, &transfer).await?;
        // Whoever was first has paid; the same key is answered the same.
        match self.load::<Transfer>(&reference).await? {
            Some((Transfer { failure: None, .. }, _)) => Ok(PaidOut { reference }),
            Some((Transfer { failure: Some(why), .. }, _)) => Err(PayoutError::Refused(why)),
            None => Err(PaymentsError::Refused(format!("the payout {reference:?} is gone")).into()),
        }
    }

    async fn take_back(&self, request: ReversalRequest) -> Result<PaidOut, PayoutError> {
        let ReversalRequest { key, payout, amount, .. } = request;
        let Some((mut transfer, version)) = self.load::<Transfer>(&payout).await? else {
            return Err(PaymentsError::Refused(format!("there is no payout {payout:?}")).into());
        };
        let reference = self.name("trr", &key)?;
        if amount.currency != transfer.amount.currency {
            return Err(PayoutError::Refused(format!("The payout was made in {}.", transfer.amount.currency)));
        }
        let new = transfer.take_back(&reference, amount.minor, self.clock.now().seconds());
        if new.map_err(|why| PayoutError::Refused(why.to_owned()))? {
            let mut tx = self.store.write(Scope::System).await.map_err(unavailable)?;
            update_in(&mut tx, &payout, &transfer, version, "the payout was").await?;
            tx.commit().await.map_err(unavailable)?;
        }
        Ok(PaidOut { reference })
    }
}

/// Says what the page of a visit shows.
fn view(session: Session, now: i64) -> SandboxCheckoutView {
    let amount = session.amount.to_string();
    let pay = format!("Pay {amount}");
    let (note, words) = if session.saves {
        let words = [
            "Save a card",
            "Save card",
            "I confirm that this is my card",
            "This page is over",
            "To your payment methods",
        ];
        ("nothing is paid now".to_owned(), words)
    } else {
        let words = ["Pay with card", pay.as_str(), "I confirm this payment", "This payment is over", "To your order"];
        (format!("paid to {}, for the first month", session.merchant), words)
    };
    let [title, button, confirm, over, onward] = words.map(str::to_owned);
    SandboxCheckoutView {
        open: session.is_open(now),
        session: session.id,
        description: session.description,
        amount,
        note,
        title,
        button,
        confirm,
        over,
        onward,
        success_url: session.success_url,
        cancel_url: session.cancel_url,
    }
}

#[async_trait]
impl SandboxPage for Sandbox {
    async fn view(&self, session: &str) -> Result<Option<SandboxCheckoutView>, PaymentsError> {
        let now = self.clock.now().seconds();
        Ok(self.load(session).await?.map(|(session, _)| view(session, now)))
    }

    async fn pay(&self, session: &str, card: &SandboxCard) -> Result<SandboxPaid, SandboxRefused> {
        let failed = |error: PaymentsError| SandboxRefused::Failed(error.to_string());
        let now = self.clock.now();
        let (mut session, version): (Session, i64) = self
            .load(session)
            .await
            .map_err(failed)?
            .ok_or_else(|| SandboxRefused::Closed("There is no such payment page.".to_owned()))?;
        let (year, month, _) = now.day().civil();
        let checked = Card::parse(&card.number, &card.expiry, &card.cvc, &card.name, (year, month))
            .map_err(|error| SandboxRefused::Form(error.field, error.message.to_owned()))?;
        let payment = session.id.replacen("cs_", "pi_", 1);
        match session.pay(&checked, card.confirmed, payment, now.seconds()) {
            Attempt::Paid => {
                let disputed = session.payment.as_ref().is_some_and(|payment| payment.dispute.is_some());
                let kinds: &[&str] = if disputed { &[COMPLETED, DISPUTE_OPENED] } else { &[COMPLETED] };
                if let Err(error) = self.save_paid(&mut session, &checked, version, kinds).await {
                    // Another page of the same visit may have been faster: then it is paid.
                    match self.load::<Session>(&session.id).await.map_err(failed)? {
                        Some((faster, _)) if faster.status == Status::Complete => session = faster,
                        _ => return Err(failed(error)),
                    }
                }
            }
            Attempt::AlreadyPaid => {}
            Attempt::Confirm => return Err(SandboxRefused::Confirm),
            Attempt::Declined { code, message } => {
                return Err(SandboxRefused::Declined(code, message.to_owned()));
            }
            Attempt::Closed => {
                let from = if session.saves { "your payment methods" } else { "your order" };
                return Err(SandboxRefused::Closed(format!(
                    "This payment page has closed. Go back to {from} to open a new one."
                )));
            }
        }
        // Paying again delivers the event again; it is the same event.
        let event = self.signed(COMPLETED, &session).map_err(failed)?;
        Ok(SandboxPaid { success_url: session.success_url, event })
    }

    async fn event(&self, session: &str, kind: &str) -> Result<(Vec<u8>, String), PaymentsError> {
        let found = self.load::<Session>(session).await?;
        let Some((mut session, version)) = found.filter(|(session, _)| session.payment.is_some()) else {
            return Err(PaymentsError::Refused(format!("the visit {session:?} was never paid")));
        };
        if kind == REFUND_FAILED && session.fail_refunds() {
            self.save(&session, version).await?;
        }
        self.signed(kind, &session)
    }

    async fn decide_dispute(&self, dispute: &str, won: bool) -> Result<(Vec<u8>, String), PaymentsError> {
        let session = dispute.replacen("dp_", "cs_", 1);
        let Some((mut session, version)) = self.load::<Session>(&session).await? else {
            return Err(PaymentsError::Refused("There is no such dispute.".to_owned()));
        };
        if !session.decide_dispute(won) {
            return Err(PaymentsError::Refused("It is decided already.".to_owned()));
        }
        self.save_telling(&session, version, &[DISPUTE_CLOSED]).await?;
        self.signed(DISPUTE_CLOSED, &session)
    }

    async fn payout_account(&self, page: &str) -> Result<Option<SandboxPayoutView>, PaymentsError> {
        Ok(self.account_of_page(page).await?.map(|(_, account, _)| SandboxPayoutView {
            page: page.to_owned(),
            provider: account.name,
            merchant: self.merchant.clone(),
            destination: account.bank.map(|bank| bank.label()).unwrap_or_default(),
            return_url: account.return_url,
        }))
    }

    async fn set_bank(&self, page: &str, bank: &SandboxBank) -> Result<String, SandboxRefused> {
        let failed = |error: PaymentsError| SandboxRefused::Failed(error.to_string());
        let (id, mut account, version) = self
            .account_of_page(page)
            .await
            .map_err(failed)?
            .ok_or_else(|| SandboxRefused::Closed("There is no such page.".to_owned()))?;
        let bank = Bank::parse(&bank.holder, &bank.routing, &bank.account)
            .map_err(|error| SandboxRefused::Form(error.field, error.message.to_owned()))?;
        account.bank = Some(bank);
        let object = serde_json::to_value(&account).map_err(|error| SandboxRefused::Failed(error.to_string()))?;
        let save = async {
            let mut tx = self.store.write(Scope::System).await?;
            let same = rows::update(&mut tx, &id, &object, version).await?;
            tx.commit().await?;
            Ok(same)
        };
        if save.await.map_err(|error| failed(unavailable(error)))? {
            Ok(account.return_url)
        } else {
            Err(SandboxRefused::Failed("The account was changed at the same time; look again.".to_owned()))
        }
    }
}
