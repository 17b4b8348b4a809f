//! What Stripe is asked to do, each thing once.
//!
//! An operation has a name, and a row that is written before anything is sent: its bytes and, made of its name, its
//! key. Whoever asks for the operation again, after a lost answer, after a crash, has the same bytes sent under the
//! same key, and Stripe does it once. Stripe forgets a key after a day; from the 23rd hour on, and where it keeps an
//! error of its own under the key, what came of the operation is looked up by its name, and it is begun anew only when
//! nothing did. What a newcomer gets wrong: sending once more “to be safe” under a fresh key is how people are charged
//! twice.

use std::sync::Arc;

use domain::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use services::clock::Clock;
use services::ports::PaymentsError;
use store::outbox::{self as rows, OperationRow};
use store::{Scope, Store};
use stripe::objects::{Customer, List, Payment, PortalConfiguration, Refund, Session};
use stripe::{Call, Client, Refusal, Trouble};

/// For how long a key is believed to be known: an hour less than Stripe says.
const KEY_SECONDS: i64 = 23 * 3600;

/// Asks Stripe to do things.
#[derive(Clone)]
pub(super) struct Outbox {
    pub(super) store: Store,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) client: Client,
    pub(super) rail: &'static str,
}

/// Something to do once.
pub(super) struct Operation {
    /// Names it; it stands in the metadata of what comes of it.
    pub(super) name: String,
    /// What to send, if it was not sent before.
    pub(super) call: Call,
    /// Lists things among which it is found, should it have been done.
    pub(super) among: Call,
    /// Whether a no is the answer for good, and not a reason to ask anew.
    pub(super) no_is_final: bool,
}

/// Why an operation was not done.
#[derive(Debug)]
pub(super) enum Undone {
    /// Stripe says no.
    Refused(Refusal),
    /// It may be done already or later: ask again.
    Later(String),
}

impl From<Undone> for PaymentsError {
    fn from(undone: Undone) -> Self {
        match undone {
            Undone::Refused(Refusal { message, code, request_id, .. }) => {
                Self::Refused(format!("Stripe refuses it: {message} ({code}, request {request_id})"))
            }
            Undone::Later(why) => Self::Unavailable(why),
        }
    }
}

impl From<store::Error> for Undone {
    fn from(error: store::Error) -> Self {
        Self::Later(services::error::chain(&error))
    }
}

impl From<Trouble> for Undone {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Refused(refusal) => Self::Refused(refusal),
            Trouble::NotNow(why) | Trouble::Unclear { why, .. } => Self::Later(why),
        }
    }
}

/// What operations make.
pub(super) trait Made: DeserializeOwned + Send {
    /// Returns its id.
    fn id(&self) -> String;
    /// Returns the name of the operation that made it.
    fn operation(&self) -> Option<&str>;
    /// Asks for it by its id.
    fn by_id(id: &str) -> Option<Call>;
}

fn name(labels: &stripe::objects::Labels) -> Option<&str> {
    labels.get("operation").map(String::as_str)
}

impl Made for Customer {
    fn id(&self) -> String {
        self.id.to_string()
    }
    fn operation(&self) -> Option<&str> {
        name(&self.metadata)
    }
    fn by_id(id: &str) -> Option<Call> {
        stripe::CustomerId::parse(id).ok().map(|id| stripe::calls::customer(&id))
    }
}

impl Made for Session {
    fn id(&self) -> String {
        self.id.to_string()
    }
    fn operation(&self) -> Option<&str> {
        self.metadata.as_ref().and_then(name)
    }
    fn by_id(id: &str) -> Option<Call> {
        stripe::SessionId::parse(id).ok().map(|id| stripe::calls::session(&id))
    }
}

impl Made for Payment {
    fn id(&self) -> String {
        self.id.to_string()
    }
    fn operation(&self) -> Option<&str> {
        name(&self.metadata)
    }
    fn by_id(id: &str) -> Option<Call> {
        stripe::PaymentId::parse(id).ok().map(|id| stripe::calls::payment(&id))
    }
}

impl Made for Refund {
    fn id(&self) -> String {
        self.id.to_string()
    }
    fn operation(&self) -> Option<&str> {
        self.metadata.as_ref().and_then(name)
    }
    fn by_id(id: &str) -> Option<Call> {
        stripe::RefundId::parse(id).ok().map(|id| stripe::calls::refund(&id))
    }
}

impl Made for PortalConfiguration {
    fn id(&self) -> String {
        self.id.to_string()
    }
    fn operation(&self) -> Option<&str> {
        self.metadata.as_ref().and_then(name)
    }
    fn by_id(id: &str) -> Option<Call> {
        stripe::PortalConfigurationId::parse(id).ok().map(|id| stripe::calls::portal_configuration(&id))
    }
}

/// A no, as it is kept.
#[derive(Serialize, Deserialize)]
struct KeptNo {
    status: u16,
    kind: String,
    code: String,
    message: String,
    request_id: String,
}

impl Outbox {
    /// Does an operation, or answers what came of it before.
    pub(super) async fn perform<T: Made>(&self, operation: &Operation) -> Result<T, Undone> {
        let mut row = self.written(operation).await?;
        if row.state == "done" {
            let call = T::by_id(&row.outcome)
                .ok_or_else(|| Undone::Later(format!("{} made {:?}, which is no id", row.operation, row.outcome)))?;
            return Ok(self.client.read(&call).await?);
        }
        if row.state == "refused" {
            let no: Option<KeptNo> = serde_json::from_str(&row.outcome).ok();
            if let Some(KeptNo { status, kind, code, message, request_id }) = no.filter(|_| operation.no_is_final) {
                return Err(Undone::Refused(Refusal { status, kind, code, message, request_id }));
            }
            row = self.begun_anew(operation, &row).await?;
        }
        let now = self.clock.now();
        if row.sent_at.is_some_and(|sent| sent.plus_seconds(KEY_SECONDS) <= now) {
            match self.found(operation).await? {
                Some(made) => return self.done(operation, &row, made).await,
                None => row = self.begun_anew(operation, &row).await?,
            }
        }
        self.note_sent(operation, &row, now).await?;
        let call: Call = serde_json::from_value(row.call.0.clone())
            .map_err(|error| Undone::Later(format!("a kept request cannot be read: {error}")))?;
        let key = format!("{}:{}", operation.name, row.generation);
        match self.client.send(&call, Some(&key)).await.and_then(|answer| answer.read::<T>()) {
            Ok(made) => self.done(operation, &row, made).await,
            Err(Trouble::Refused(no)) => {
                let Refusal { status, kind, code, message, request_id } = no.clone();
                let kept = serde_json::to_string(&KeptNo { status, kind, code, message, request_id });
                self.end(operation, &row, "refused", &kept.unwrap_or_default()).await?;
                Err(Undone::Refused(no))
            }
            Err(Trouble::NotNow(why) | Trouble::Unclear { why, kept: false }) => Err(Undone::Later(why)),
            Err(Trouble::Unclear { why, kept: true }) => match self.found(operation).await? {
                Some(made) => self.done(operation, &row, made).await,
                None => {
                    self.begun_anew(operation, &row).await?;
                    Err(Undone::Later(why))
                }
            },
        }
    }

    /// Writes the operation, and returns it as whoever was first has written it.
    async fn written(&self, operation: &Operation) -> Result<OperationRow, Undone> {
        let call = serde_json::to_value(&operation.call).map_err(|error| Undone::Later(error.to_string()))?;
        let mut tx = self.store.write(Scope::System).await?;
        rows::insert(&mut tx, self.rail, &operation.name, &call, self.clock.now()).await?;
        let row = rows::get(&mut tx, self.rail, &operation.name).await?;
        tx.commit().await?;
        row.ok_or_else(|| Undone::Later("an operation is gone".to_owned()))
    }

    async fn note_sent(&self, operation: &Operation, row: &OperationRow, now: Timestamp) -> Result<(), Undone> {
        let mut tx = self.store.write(Scope::System).await?;
        rows::sent(&mut tx, self.rail, &operation.name, row.generation, now).await?;
        Ok(tx.commit().await?)
    }

    async fn begun_anew(&self, operation: &Operation, row: &OperationRow) -> Result<OperationRow, Undone> {
        let call = serde_json::to_value(&operation.call).map_err(|error| Undone::Later(error.to_string()))?;
        let mut tx = self.store.write(Scope::System).await?;
        rows::renew(&mut tx, self.rail, &operation.name, row.generation, &call, self.clock.now()).await?;
        let row = rows::get(&mut tx, self.rail, &operation.name).await?;
        tx.commit().await?;
        row.ok_or_else(|| Undone::Later("an operation is gone".to_owned()))
    }

    async fn done<T: Made>(&self, operation: &Operation, row: &OperationRow, made: T) -> Result<T, Undone> {
        self.end(operation, row, "done", &made.id()).await?;
        Ok(made)
    }

    async fn end(&self, operation: &Operation, row: &OperationRow, state: &str, outcome: &str) -> Result<(), Undone> {
        let mut tx = self.store.write(Scope::System).await?;
        let now = self.clock.now();
        rows::end(&mut tx, self.rail, &operation.name, row.generation, (state, outcome), now).await?;
        Ok(tx.commit().await?)
    }

    /// Looks for what came of an operation whose answer nobody heard.
    async fn found<T: Made>(&self, operation: &Operation) -> Result<Option<T>, Undone> {
        let list: List<T> = self.client.read(&operation.among).await?;
        let more = list.has_more;
        let found = list.data.into_iter().find(|made| made.operation() == Some(&operation.name));
        if found.is_none() && more {
            // Not to have seen it is not to know that it is not there.
            return Err(Undone::Later(format!("{} is not among the newest, and there are more", operation.name)));
        }
        Ok(found)
    }
}
