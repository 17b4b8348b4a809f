//! The sandbox rail as the `Payments` port: its objects in the database, its events signed and
//! delivered like those of a company outside.
//!
//! What a newcomer gets wrong: paying and telling of it are two steps, and the process can die
//! between them. So the delivery is queued in the transaction of the payment.

use std::sync::Arc;

use async_trait::async_trait;
use domain::Timestamp;
use domain::view::order::{SandboxCheckoutView, SandboxPayoutView};
use payments::sandbox::{Attempt, Bank, Card, Data, Event, Session, Status};
use payments::signature;
use serde::{Deserialize, Serialize};
use services::clock::Clock;
use services::jobs::{self, Job};
use services::ports::{
    ChargeError, ChargeRequest, Charged, CheckoutRequest, OpenedCheckout, OpenedPayoutAccount, PaidOut, Payments,
    PaymentsError, PayoutAccountRequest, PayoutAccountStatus, PayoutError, PayoutRequest, Payouts, RailEvent,
    RailEventContent, SandboxBank, SandboxCard, SandboxPage, SandboxPaid, SandboxRefused,
};
use store::{Scope, Store, Tx, sandbox as rows};

/// What the event of a paid visit is called.
const COMPLETED: &str = "checkout.session.completed";
/// When an event is delivered again that may not have got through.
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
        let object = serde_json::from_value(object).map_err(|error| PaymentsError::Refused(error.to_string()))?;
        Ok(Some((object, version)))
    }

    /// Writes a new object; one that is there stays as it is.
    async fn keep(&self, id: &str, object: &impl Serialize) -> Result<(), PaymentsError> {
        let object = serde_json::to_value(object).map_err(|error| PaymentsError::Refused(error.to_string()))?;
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

    /// Writes a session that was changed; an error when someone else changed it meanwhile.
    async fn save(&self, session: &Session, version: i64) -> Result<(), PaymentsError> {
        let mut tx = self.store.write(Scope::System).await.map_err(unavailable)?;
        Self::save_in(&mut tx, session, version).await?;
        tx.commit().await.map_err(unavailable)
    }

    /// Writes a session that was paid, and queues the delivery of its event, should ours not get through.
    async fn save_paid(&self, session: &Session, version: i64) -> Result<(), PaymentsError> {
        let now = self.clock.now();
        let mut tx = self.store.write(Scope::System).await.map_err(unavailable)?;
        Self::save_in(&mut tx, session, version).await?;
        let job = Job::SandboxEvent { session: session.id.clone() };
        jobs::enqueue(&mut tx, &job, now, now.plus_seconds(REDELIVERY_SECONDS), None)
            .await
            .map_err(|error| PaymentsError::Unavailable(services::error::chain(&error)))?;
        tx.commit().await.map_err(unavailable)
    }

    async fn save_in(tx: &mut Tx, session: &Session, version: i64) -> Result<(), PaymentsError> {
        let object = serde_json::to_value(session).map_err(|error| PaymentsError::Refused(error.to_string()))?;
        if !rows::update(tx, &session.id, &object, version).await.map_err(unavailable)? {
            return Err(PaymentsError::Unavailable("the payment was changed at the same time".to_owned()));
        }
        Ok(())
    }

    fn event(&self, kind: &str, session: &Session) -> Result<(Vec<u8>, String), PaymentsError> {
        let now = self.clock.now().seconds();
        // The same thing happens once, so its event has one id however often it is delivered.
        let id = format!("evt_{}_{}", kind.replace('.', "_"), session.id);
        let event = Event { id, r#type: kind.to_owned(), created: now, data: Data { object: session.clone() } };
        let body = serde_json::to_vec(&event).map_err(|error| PaymentsError::Refused(error.to_string()))?;
        let header =
            signature::sign(&self.secret, &body, now).map_err(|error| PaymentsError::Refused(error.to_string()))?;
        Ok((body, header))
    }
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
            success_url: request.success_url,
            cancel_url: request.cancel_url,
            expires_at: request.expires_at.seconds(),
            status: Status::Open,
            payment: None,
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

    async fn refund(&self, reference: &str) -> Result<(), PaymentsError> {
        // A payment is named after its session, so it is found without a list of payments.
        let session = reference.replacen("pi_", "cs_", 1);
        let Some((mut session, version)) = self.load::<Session>(&session).await? else {
            return Err(PaymentsError::Refused(format!("there is no payment {reference:?}")));
        };
        if !session.refund() {
            return Err(PaymentsError::Refused(format!("{reference:?} was never paid")));
        }
        self.save(&session, version).await
    }

    async fn charge(&self, request: ChargeRequest) -> Result<Charged, ChargeError> {
        let method_of = request.method_of.replacen("pi_", "cs_", 1);
        let Some((first, _)) = self.load::<Session>(&method_of).await? else {
            return Err(ChargeError::Declined("There is no such card.".to_owned()));
        };
        let id = self.name("cs", &request.key)?;
        let again = first
            .charge_again(id.clone(), request.order.to_string(), request.amount, request.description)
            .map_err(ChargeError::Declined)?;
        self.keep(&id, &again).await?;
        // Whoever was first has charged; the same key is answered the same.
        match self.load(&id).await? {
            Some((Session { payment: Some(payment), .. }, _)) => {
                Ok(Charged { reference: payment.id, method: payment.method, fee_minor: payment.fee_minor })
            }
            _ => Err(PaymentsError::Refused(format!("the charge {id:?} is gone")).into()),
        }
    }

    fn read_event(&self, body: &[u8], header: &str, now: Timestamp) -> Result<RailEvent, PaymentsError> {
        signature::verify(&self.secret, body, header, now.seconds()).map_err(|_| PaymentsError::BadSignature)?;
        let payload: serde_json::Value =
            serde_json::from_slice(body).map_err(|error| PaymentsError::Refused(error.to_string()))?;
        let event: Event =
            serde_json::from_value(payload.clone()).map_err(|error| PaymentsError::Refused(error.to_string()))?;
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
            ("charge.refunded", Some(payment)) => RailEventContent::Refunded { reference: payment.id },
            _ => RailEventContent::Other,
        };
        Ok(RailEvent { id: event.id, kind: event.r#type, content, payload })
    }
}

#[async_trait]
impl Payouts for Sandbox {
    async fn open_account(&self, request: PayoutAccountRequest) -> Result<OpenedPayoutAccount, PaymentsError> {
        let page = self.name("pp", &format!("payouts of {}", request.provider))?;
        let reference = self.name("acct", &page)?;
        let account = ProviderAccount { name: request.name, return_url: request.return_url, bank: None };
        self.keep(&reference, &account).await?;
        Ok(OpenedPayoutAccount { url: format!("{}/sandbox-payouts/{page}/", self.public_url), reference })
    }

    async fn account(&self, reference: &str) -> Result<PayoutAccountStatus, PaymentsError> {
        let Some((ProviderAccount { bank, .. }, _)) = self.load(reference).await? else {
            return Err(PaymentsError::Refused(format!("there is no account {reference:?}")));
        };
        Ok(match bank {
            Some(bank) => PayoutAccountStatus { ready: true, destination: bank.label(), due: Vec::new() },
            None => PayoutAccountStatus { due: vec!["Your bank account.".to_owned()], ..Default::default() },
        })
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
        self.keep(&reference, &Transfer { account, amount, description, failure }).await?;
        // Whoever was first has paid; the same key is answered the same.
        match self.load::<Transfer>(&reference).await? {
            Some((Transfer { failure: None, .. }, _)) => Ok(PaidOut { reference }),
            Some((Transfer { failure: Some(why), .. }, _)) => Err(PayoutError::Refused(why)),
            None => Err(PaymentsError::Refused(format!("the payout {reference:?} is gone")).into()),
        }
    }
}

#[async_trait]
impl SandboxPage for Sandbox {
    async fn view(&self, session: &str) -> Result<Option<SandboxCheckoutView>, PaymentsError> {
        let now = self.clock.now().seconds();
        Ok(self.load(session).await?.map(|(session, _): (Session, i64)| SandboxCheckoutView {
            open: session.is_open(now),
            session: session.id,
            description: session.description,
            amount: session.amount,
            merchant: session.merchant,
            success_url: session.success_url,
            cancel_url: session.cancel_url,
        }))
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
                if let Err(error) = self.save_paid(&session, version).await {
                    // Another page of the same visit may have been faster: then it is paid.
                    match self.load::<Session>(&session.id).await.map_err(failed)? {
                        Some((faster, _)) if faster.payment.is_some() => session = faster,
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
                return Err(SandboxRefused::Closed(
                    "This payment page has closed. Go back to your order to open a new one.".to_owned(),
                ));
            }
        }
        // Paying again delivers the event again; it is the same event.
        let event = self.event(COMPLETED, &session).map_err(failed)?;
        Ok(SandboxPaid { success_url: session.success_url, event })
    }

    async fn paid_event(&self, session: &str) -> Result<(Vec<u8>, String), PaymentsError> {
        match self.load::<Session>(session).await? {
            Some((session, _)) if session.payment.is_some() => self.event(COMPLETED, &session),
            _ => Err(PaymentsError::Refused(format!("the visit {session:?} was never paid"))),
        }
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
