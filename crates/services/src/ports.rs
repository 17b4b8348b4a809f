//! What the use cases need from outside, as traits. `server` plugs in an implementation of each.

use std::sync::Arc;

use async_trait::async_trait;
use domain::state::DisputeState;
use domain::view::agent::FlowReport;
use domain::view::knowledge::{Citation, FoundPassage};
use domain::view::trace::TraceStep;
use domain::{ConfigId, DocumentId, Email, Money, OrderId, OrganizationId, Timestamp};
use store::Tenant;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Runs flows. Embedded: `crates/flow`; remote: a Langflow server.
#[async_trait]
pub trait AgentRuntime: Send + Sync + std::fmt::Debug {
    /// Reads an export (JSON or ZIP) and says what is in it, and what will run it.
    async fn import(&self, export: &[u8], choice: RuntimeChoice) -> Result<ImportedFlow, ImportRefused>;

    /// Makes a flow version ready to run for a subscription; repeating it is harmless.
    async fn provision(&self, run: &Provision) -> Result<(), RuntimeError>;

    /// Runs a flow. Pieces of the answer go to `events` as they come; the whole is returned.
    ///
    /// The run ends when its time is up, when `cancel` says so, and when nobody takes events any more.
    async fn run(
        &self,
        request: RunRequest,
        events: mpsc::Sender<RunEvent>,
        cancel: CancellationToken,
    ) -> Result<RunOutput, RuntimeError>;

    /// Tells whether runs can be expected to work now.
    async fn health(&self) -> Result<(), RuntimeError>;
}

/// What a provider chose for a flow that our engine does not run whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuntimeChoice {
    /// Nothing runs it.
    #[default]
    Here,
    /// The Langflow server runs it, if the operator has set one up.
    Remote,
}

/// A flow that was read.
#[derive(Clone, Debug)]
pub struct ImportedFlow {
    /// The flow without secrets, as the runtime wants it back; nobody else reads it.
    pub flow: serde_json::Value,
    /// What is in it.
    pub report: FlowReport,
}

/// An export that could not be read; the text is for the provider.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct ImportRefused(pub String);

/// A flow version to make ready.
#[derive(Clone, Debug)]
pub struct Provision {
    /// The organization whose runs are kept apart.
    pub organization: domain::OrganizationId,
    /// The version.
    pub flow_version: domain::FlowVersionId,
    /// The flow.
    pub flow: Arc<serde_json::Value>,
}

/// One run.
#[derive(Clone, Debug)]
pub struct RunRequest {
    /// Whose run it is; a demo runs in the provider's name.
    pub organization: domain::OrganizationId,
    /// Which version; runtimes may cache what they make of it.
    pub flow_version: domain::FlowVersionId,
    /// The flow.
    pub flow: Arc<serde_json::Value>,
    /// What the person said.
    pub input: String,
    /// Whose conversation it is: the same session of another config is another one. None in a demo or preview.
    pub config: Option<domain::ConfigId>,
    /// The conversation.
    pub session_id: String,
    /// What was said before, oldest first.
    pub history: Vec<Turn>,
    /// Changes of declared fields.
    pub tweaks: serde_json::Map<String, serde_json::Value>,
    /// The buyer's persona.
    pub persona: Persona,
    /// The documents to answer from, where there are any.
    pub knowledge: Option<KnowledgeSource>,
    /// How long it may take.
    pub timeout: std::time::Duration,
    /// What its steps tell.
    pub trace: TraceDetail,
}

/// What the steps of a run tell of what goes through them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TraceDetail {
    /// Nothing: nobody keeps them.
    #[default]
    None,
    /// Of which kind and how large it is.
    Shapes,
    /// All of it.
    Texts,
}

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Turn {
    /// Whether the agent said it.
    pub agent: bool,
    /// What was said.
    pub text: String,
}

/// How the buyer wants the agent to be.
#[derive(Clone, Debug, Default)]
pub struct Persona {
    /// What it calls itself.
    pub name: String,
    /// `professional`, `friendly` or `casual`.
    pub tone: String,
    /// What it says first.
    pub greeting: String,
    /// What it should do or not do.
    pub instructions: String,
}

/// What happens while a flow runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunEvent {
    /// A piece of the answer.
    Token(String),
    /// A step began; its node's display name.
    Step(String),
    /// A step ended, or was cut off. Not every runtime tells.
    StepEnded(Box<TraceStep>),
}

/// What a run gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunOutput {
    /// The answer.
    pub text: String,
    /// Tokens read.
    pub input_tokens: i64,
    /// Tokens written.
    pub output_tokens: i64,
    /// The passages of the buyer's documents that the answer is from.
    pub citations: Vec<Citation>,
    /// Whether the documents were asked and had nothing to say.
    pub found_nothing: bool,
}

/// Why a run gave nothing. The text is for the caller and says nothing of the flow's inside.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The caller's input or tweaks were refused (422).
    #[error("{0}")]
    Refused(String),
    /// The flow or its model failed (502).
    #[error("{0}")]
    Failed(String),
    /// It took too long (504).
    #[error("{0}")]
    Timeout(String),
    /// The caller went away.
    #[error("the call was cancelled")]
    Cancelled,
}

/// Whose documents, and of which agent: nothing outside of it is ever searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnowledgeScope {
    /// Whose.
    pub tenant: Tenant,
    /// Of which agent.
    pub config: ConfigId,
}

/// Documents to answer from.
#[derive(Clone, Debug)]
pub enum KnowledgeSource {
    /// A buyer's.
    Base(KnowledgeScope),
    /// A visitor's, which are kept with the demo that they try.
    Loose(Arc<[LoosePassage]>),
}

/// A passage that is in no base.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LoosePassage {
    /// What its document is called.
    pub document: String,
    /// The headings above it, the outermost first.
    pub headings: Vec<String>,
    /// The page it begins on.
    pub page: Option<i64>,
    /// What it says.
    pub text: String,
    /// What it is written in.
    pub language: String,
}

/// What is looked for in documents.
#[derive(Clone, Debug, Default)]
pub struct KnowledgeQuery {
    /// The question.
    pub text: String,
    /// How many passages are wanted.
    pub most: usize,
    /// The documents to look in; every one if there are none.
    pub documents: Vec<DocumentId>,
}

/// Reads documents of buyers, and searches them. Embedded: `crates/knowledge` in our database; remote: RAGFlow.
#[async_trait]
pub trait KnowledgeBase: Send + Sync + std::fmt::Debug {
    /// Reads a document's content, makes it findable in place of what was found of it before, and writes that it is
    /// ready. Repeating it is harmless, and so is a document that is deleted meanwhile. What takes long answers that it
    /// is under way, and is asked again soon.
    async fn read(&self, scope: KnowledgeScope, document: DocumentId) -> Result<Reading, KnowledgeError>;

    /// Finds passages, the best first.
    async fn search(&self, scope: KnowledgeScope, query: &KnowledgeQuery) -> Result<Vec<FoundPassage>, KnowledgeError>;

    /// Tells whether documents are kept elsewhere too, so that [`forget`](Self::forget) has something to do.
    fn keeps_elsewhere(&self) -> bool {
        false
    }

    /// Deletes what is kept elsewhere of a document that is deleted here; harmless where nothing is.
    async fn forget(&self, _tenant: Tenant, _document: DocumentId) -> Result<(), KnowledgeError> {
        Ok(())
    }

    /// Lists documents that were read but cannot be found here, as after another base was chosen.
    async fn unread(&self) -> Result<Vec<(domain::OrganizationId, DocumentId)>, KnowledgeError> {
        Ok(Vec::new())
    }

    /// Reads a file that is kept in no base.
    async fn loose(&self, _name: &str, _content: &[u8]) -> Result<Vec<LoosePassage>, KnowledgeError> {
        Err(KnowledgeError::Unreadable("Files cannot be tried here.".to_owned()))
    }

    /// Finds such passages by their words, the best first.
    async fn search_loose(
        &self,
        _passages: &Arc<[LoosePassage]>,
        _query: &KnowledgeQuery,
    ) -> Result<Vec<FoundPassage>, KnowledgeError> {
        Ok(Vec::new())
    }

    /// Tells whether a model is asked what passages mean, so that [`embed`](Self::embed) has something to do.
    fn embeds(&self) -> bool {
        false
    }

    /// Asks the model about passages that it was not asked about, for less than a minute. They are found by their words
    /// meanwhile.
    async fn embed(&self, _scope: KnowledgeScope) -> Result<Embedded, KnowledgeError> {
        Ok(Embedded::All)
    }

    /// Lists the bases with passages that the model was not asked about, as after another one was chosen.
    async fn unembedded(&self) -> Result<Vec<(domain::OrganizationId, ConfigId)>, KnowledgeError> {
        Ok(Vec::new())
    }
}

/// A page of the web.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebPage {
    /// Where it is, after what led there.
    pub url: String,
    /// What it calls itself; empty where it does not.
    pub title: String,
    /// The page, or the file.
    pub content: Vec<u8>,
    /// The addresses that it leads to, in order, whole, each once.
    pub links: Vec<String>,
}

/// Reads pages that everybody may read, as their owners allow it. Always ours: our guarded client.
#[async_trait]
pub trait WebPages: Send + Sync + std::fmt::Debug {
    /// Fetches a page.
    async fn page(&self, url: &str) -> Result<WebPage, WebPageError>;
}

/// Why a page was not fetched; the texts are sentences for whoever wanted it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebPageError {
    /// There is none, not any more.
    #[error("{0}")]
    Gone(String),
    /// It is not to be read.
    #[error("{0}")]
    Refused(String),
    /// It may work later.
    #[error("{0}")]
    Unavailable(String),
}

/// How far a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// It can be found, or is gone.
    Done,
    /// It is being read elsewhere.
    UnderWay {
        /// How much of it, of a hundred.
        percent: i64,
    },
}

/// How far a base is with what its passages mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Embedded {
    /// The model was asked about all of them.
    All,
    /// There are more.
    Some,
    /// Somebody else is at it.
    Elsewhere,
}

/// Why a document was not read, or nothing could be searched.
#[derive(Clone, Debug, thiserror::Error)]
pub enum KnowledgeError {
    /// It never will be; the text is for whoever gave the document.
    #[error("{0}")]
    Unreadable(String),
    /// It may work later.
    #[error("{0}")]
    Unavailable(String),
}

/// Takes money. Embedded: the sandbox rail; production: Stripe.
#[async_trait]
pub trait Payments: Send + Sync + std::fmt::Debug {
    /// Returns the rail's name, `sandbox` or `stripe`.
    fn rail(&self) -> &'static str;

    /// Opens a checkout page. Repeating it with the same key gives the same page.
    async fn open_checkout(&self, request: CheckoutRequest) -> Result<OpenedCheckout, PaymentsError>;

    /// Closes a checkout page that is not paid; harmless when it is already closed.
    async fn expire_checkout(&self, session: &str) -> Result<(), PaymentsError>;

    /// Gives money back. The same key gives it back once, and is answered the same; [`PaymentsError::Refused`] says
    /// that it never will.
    async fn refund(&self, request: RefundRequest) -> Result<GivenBack, PaymentsError>;

    /// Verifies a delivered event over its raw bytes and reads it.
    fn read_event(&self, body: &[u8], signature: &str, now: Timestamp) -> Result<RailEvent, PaymentsError>;

    /// Charges one of an organization's methods, without its owner being there: the one that is charged first; else
    /// that of the earlier payment; else the newest. The same key charges once, and is answered the same.
    async fn charge(&self, request: ChargeRequest) -> Result<Charged, ChargeError>;

    /// Verifies an event that was delivered about a provider's account, and reads it.
    fn read_connect_event(&self, _body: &[u8], _signature: &str, _now: Timestamp) -> Result<RailEvent, PaymentsError> {
        Err(PaymentsError::BadSignature)
    }

    /// Reads again what an event is about, for rails whose events only say that something happened.
    async fn look(&self, _kind: &str, _object: &str) -> Result<RailEventContent, PaymentsError> {
        Ok(RailEventContent::Other)
    }

    /// Lists what has happened since a moment, for rails that keep their events: some may never have arrived.
    async fn events_since(&self, _since: Timestamp) -> Result<Vec<RailEvent>, PaymentsError> {
        Ok(Vec::new())
    }

    /// Lists what has moved from one moment until another, for rails that say so.
    async fn movements(&self, _from: Timestamp, _until: Timestamp) -> Result<Option<Vec<Movement>>, PaymentsError> {
        Ok(None)
    }

    /// Lists what an organization has paid with and may be charged again, newest first.
    async fn methods(&self, _of: OrganizationId) -> Result<Vec<SavedMethod>, PaymentsError> {
        Ok(Vec::new())
    }

    /// Opens a page where an organization saves something to pay with later, without paying.
    async fn open_saving(&self, _request: SavingRequest) -> Result<OpenedCheckout, PaymentsError> {
        Err(PaymentsError::Refused("this rail saves nothing to pay with".to_owned()))
    }

    /// Has one of an organization's methods charged from now on, whatever was paid with before.
    async fn prefer_method(&self, _of: OrganizationId, _id: &str) -> Result<(), PaymentsError> {
        Err(PaymentsError::Refused("this rail saves nothing to pay with".to_owned()))
    }

    /// Returns whose pages show a buyer what it pays with, besides ours: `Stripe`. Nothing where there are none.
    fn has_portal(&self) -> Option<&'static str> {
        None
    }

    /// Opens the pages about what an organization pays with; returns where they are, for its own eyes alone.
    async fn open_portal(&self, _request: PortalRequest) -> Result<String, PaymentsError> {
        Err(PaymentsError::Refused("this rail has no pages about what is paid with".to_owned()))
    }

    /// Forgets one of an organization's methods; harmless when it is gone already.
    async fn forget_method(&self, _of: OrganizationId, _id: &str) -> Result<(), PaymentsError> {
        Err(PaymentsError::Refused("this rail saves nothing to pay with".to_owned()))
    }
}

/// Who saves something to pay with.
#[derive(Clone, Debug)]
pub struct SavingRequest {
    /// Names the visit: the same key gives the same page.
    pub key: String,
    /// Whose it is.
    pub tenant: Tenant,
    /// Who is there.
    pub email: Email,
    /// Where the page leads once something is saved.
    pub success_url: String,
    /// Where it leads whoever leaves.
    pub cancel_url: String,
}

/// Who looks at what it pays with.
#[derive(Clone, Debug)]
pub struct PortalRequest {
    /// Whose methods they are.
    pub tenant: Tenant,
    /// Who is there.
    pub email: Email,
    /// Where the pages lead back to.
    pub return_url: String,
}

/// What an organization has paid with; nothing that anybody could pay with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedMethod {
    /// The rail's id of it.
    pub id: String,
    /// `card`, `sepa_debit` and others.
    pub kind: String,
    /// `visa`.
    pub brand: Option<String>,
    /// The last digits.
    pub last4: Option<String>,
    /// The month until whose end it holds.
    pub exp_month: Option<i64>,
    /// Of which year.
    pub exp_year: Option<i64>,
    /// Whether it is charged where nothing else is said.
    pub is_default: bool,
}

/// Pays providers. Embedded: the sandbox rail; production: Stripe Connect.
///
/// A rail that takes money and pays none out has no such port.
#[async_trait]
pub trait Payouts: Send + Sync + std::fmt::Debug {
    /// Opens a provider's account, and a page where it says where it is paid to. The same provider has one account,
    /// and a page that holds for a while each time.
    async fn open_account(&self, request: PayoutAccountRequest) -> Result<OpenedPayoutAccount, PaymentsError>;

    /// Says how an account stands.
    async fn account(&self, reference: &str) -> Result<PayoutAccountStatus, PaymentsError>;

    /// Opens the rail's own pages about an account, for its provider's eyes alone.
    async fn login_link(&self, _reference: &str) -> Result<String, PaymentsError> {
        Err(PaymentsError::Refused("this rail has no pages about accounts".to_owned()))
    }

    /// Pays out. The same key pays once, and is answered the same.
    async fn pay_out(&self, request: PayoutRequest) -> Result<PaidOut, PayoutError>;

    /// Takes something of a payout back, as far as it is on the provider's account still. The same key takes once, and
    /// is answered the same.
    async fn take_back(&self, _request: ReversalRequest) -> Result<PaidOut, PayoutError> {
        Err(PayoutError::Refused("This rail takes nothing back.".to_owned()))
    }
}

/// Whose account is opened.
#[derive(Clone, Debug)]
pub struct PayoutAccountRequest {
    /// Whose.
    pub provider: OrganizationId,
    /// By name.
    pub name: String,
    /// Where the rail writes to; may be empty.
    pub email: String,
    /// Where the rail's page leads back to.
    pub return_url: String,
    /// Where a page leads that is over: a fresh one is asked for there.
    pub refresh_url: String,
}

/// An account with its page.
#[derive(Clone, Debug)]
pub struct OpenedPayoutAccount {
    /// The rail's id of the account.
    pub reference: String,
    /// Where to send the provider; for its eyes alone.
    pub url: String,
    /// Until when the page can be opened, where the rail says so.
    pub expires_at: Option<Timestamp>,
}

/// How an account stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PayoutAccountStatus {
    /// Whether it can be paid to.
    pub ready: bool,
    /// What people read of where the money goes, `Bank account •••• 6789`; empty while that is not known.
    pub destination: String,
    /// What the rail still wants from the provider.
    pub due: Vec<Due>,
    /// Whether the rail pays the account out to a bank.
    pub pays_out: bool,
    /// Why the account may not do what it should, in the rail's word.
    pub disabled: Option<String>,
}

/// Something that the rail wants from a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The rail's word for it.
    pub code: String,
    /// The same as a sentence for the provider.
    pub text: String,
}

/// What is paid out.
#[derive(Clone, Debug)]
pub struct PayoutRequest {
    /// Names the payout.
    pub key: String,
    /// The rail's id of the account.
    pub account: String,
    /// How much.
    pub amount: Money,
    /// What the provider reads.
    pub description: String,
}

/// What is taken back of a payout.
#[derive(Clone, Debug)]
pub struct ReversalRequest {
    /// Names the reversal.
    pub key: String,
    /// The rail's id of the payout.
    pub payout: String,
    /// How much.
    pub amount: Money,
    /// What the provider reads.
    pub description: String,
}

/// Money that was paid out, or taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaidOut {
    /// The rail's id of it.
    pub reference: String,
}

/// Why nothing was paid out, or taken back.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PayoutError {
    /// It never will be: a sentence for the provider.
    #[error("{0}")]
    Refused(String),
    /// The rail did not do it.
    #[error(transparent)]
    Rail(#[from] PaymentsError),
}

/// What is charged without a page.
#[derive(Clone, Debug)]
pub struct ChargeRequest {
    /// Names the charge.
    pub key: String,
    /// Whose method is charged.
    pub of: OrganizationId,
    /// The rail's id of what it has paid last, where it has: buyers of before the rail kept customers are known by
    /// nothing else.
    pub earlier_payment: Option<String>,
    /// The order to pay.
    pub order: OrderId,
    /// How much.
    pub amount: Money,
    /// What the buyer reads.
    pub description: String,
}

/// Money that was taken without a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charged {
    /// The rail's id of the payment, for a refund.
    pub reference: String,
    /// How, `Visa •••• 4242`.
    pub method: String,
    /// What the rail keeps of it, in minor units of the same currency.
    pub fee_minor: i64,
}

/// Why a method was not charged.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ChargeError {
    /// It was declined: a sentence for its owner.
    #[error("{0}")]
    Declined(String),
    /// The rail did not do it.
    #[error(transparent)]
    Rail(#[from] PaymentsError),
}

impl ChargeError {
    /// Says that there is nothing that could be charged.
    pub fn no_method() -> Self {
        Self::Declined("There is no card to charge for it.".to_owned())
    }
}

/// What a checkout page is opened for.
#[derive(Clone, Debug)]
pub struct CheckoutRequest {
    /// Names the visit: the same key gives the same page.
    pub key: String,
    /// The order to pay.
    pub order: OrderId,
    /// Whose it is.
    pub tenant: Tenant,
    /// How much.
    pub amount: Money,
    /// What the buyer reads.
    pub description: String,
    /// Who is buying.
    pub email: Email,
    /// Where the buyer goes after paying.
    pub success_url: String,
    /// Where the buyer goes to leave.
    pub cancel_url: String,
    /// Until when the page may be paid.
    pub expires_at: Timestamp,
}

/// An open checkout page.
#[derive(Clone, Debug)]
pub struct OpenedCheckout {
    /// The rail's id of the visit.
    pub session: String,
    /// Where to send the buyer.
    pub url: String,
}

/// An event of a rail, reduced to what we act on.
#[derive(Clone, Debug, PartialEq)]
pub struct RailEvent {
    /// The rail's id of the event: the same event may come twice.
    pub id: String,
    /// The rail's word for it, `checkout.session.completed`.
    pub kind: String,
    /// What it says.
    pub content: RailEventContent,
    /// All of it, to be stored.
    pub payload: serde_json::Value,
}

/// Money that a rail says has moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movement {
    /// What it was.
    pub kind: MovementKind,
    /// The rail's id of it.
    pub reference: String,
    /// How much, above zero.
    pub amount: Money,
}

/// What moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MovementKind {
    /// A buyer has paid.
    Payment,
    /// A buyer was given something back.
    Refund,
    /// A provider was paid out.
    Payout,
    /// Something of that was taken back; told with the payout, whenever it was.
    Reversal,
}

/// A refund, as a rail knows it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RailRefund {
    /// The rail's id of it.
    pub reference: String,
    /// The key that it was asked for with; nothing where somebody did it on the rail's own pages.
    pub key: Option<String>,
    /// How much.
    pub amount: Money,
    /// Whether it is made or being made; one that is not has failed, and its money is with us.
    pub stands: bool,
}

/// A dispute, as a rail knows it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RailDispute {
    /// The rail's id of it.
    pub reference: String,
    /// How much is disputed.
    pub amount: Money,
    /// What the rail keeps for it, in minor units of the same currency.
    pub fee_minor: i64,
    /// Where it stands.
    pub state: DisputeState,
    /// The bank's word for why, `fraudulent`.
    pub reason: String,
    /// Until when the bank hears us.
    pub due_by: Option<Timestamp>,
    /// Whether the bank has the money now.
    pub withdrawn: bool,
}

/// What is given back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundRequest {
    /// Names the refund.
    pub key: String,
    /// The rail's id of the payment.
    pub payment: String,
    /// How much.
    pub amount: Money,
    /// Whether that is the whole payment.
    pub whole: bool,
}

/// Money that was given back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenBack {
    /// The rail's id of it.
    pub reference: String,
}

/// What an event says.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "says", rename_all = "snake_case")]
pub enum RailEventContent {
    /// A checkout page was paid.
    CheckoutPaid {
        /// The rail's id of the visit.
        session: String,
        /// The rail's id of the payment, for a refund.
        reference: String,
        /// How much was taken.
        amount: Money,
        /// How, `Visa •••• 4242`.
        method: String,
        /// What the rail keeps of it, in minor units of the same currency.
        #[serde(default)]
        fee_minor: i64,
    },
    /// A checkout page timed out or was left.
    CheckoutExpired {
        /// The rail's id of the visit.
        session: String,
    },
    /// Money was given back of a payment, or came back from there.
    Refunded {
        /// The rail's id of the payment.
        reference: String,
        /// Every refund of it that the rail knows; a rail that names none says that all of it went back.
        #[serde(default)]
        refunds: Vec<RailRefund>,
    },
    /// A buyer's bank takes a payment back, or asks about it.
    Disputed {
        /// The rail's id of the payment.
        reference: String,
        /// How the dispute stands now.
        dispute: RailDispute,
    },
    /// Something happened to an object, which is read again with [`Payments::look`] when the event is acted on.
    Bell {
        /// The rail's id of the object.
        object: String,
    },
    /// Something that we store and do not act on.
    Other,
}

/// Why a rail did not do it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PaymentsError {
    /// Never will: the text is for the operator.
    #[error("{0}")]
    Refused(String),
    /// May work later.
    #[error("{0}")]
    Unavailable(String),
    /// An event that is not the rail's.
    #[error("the event's signature is wrong")]
    BadSignature,
}

/// The sandbox rail's own payment page: what it shows, and what happens when someone pays.
#[async_trait]
pub trait SandboxPage: Send + Sync + std::fmt::Debug {
    /// Returns what the page shows; nothing when there is no such visit.
    async fn view(&self, session: &str) -> Result<Option<domain::view::order::SandboxCheckoutView>, PaymentsError>;

    /// Tries to pay with a card. Whoever succeeds has [`crate::jobs::Job::SandboxEvent`] queued.
    async fn pay(&self, session: &str, card: &SandboxCard) -> Result<SandboxPaid, SandboxRefused>;

    /// Returns an event about a visit that was paid, signed now; `kind` is the rail's word for what has happened.
    async fn event(&self, session: &str, kind: &str) -> Result<(Vec<u8>, String), PaymentsError>;

    /// Decides a dispute in the bank's place; returns the event that says so.
    async fn decide_dispute(&self, dispute: &str, won: bool) -> Result<(Vec<u8>, String), PaymentsError>;

    /// Returns what the page shows where a provider says where it is paid to; nothing when there is none.
    async fn payout_account(&self, page: &str)
    -> Result<Option<domain::view::order::SandboxPayoutView>, PaymentsError>;

    /// Takes a provider's bank account; returns where the provider goes next.
    async fn set_bank(&self, page: &str, bank: &SandboxBank) -> Result<String, SandboxRefused>;
}

/// What someone types into the sandbox's page for providers.
#[derive(Clone, Debug)]
pub struct SandboxBank {
    /// Whose bank account it is.
    pub holder: String,
    /// The bank: nine digits.
    pub routing: String,
    /// The account there.
    pub account: String,
}

/// What someone types into the sandbox's payment page.
#[derive(Clone, Debug)]
pub struct SandboxCard {
    /// The digits, spaces allowed.
    pub number: String,
    /// `MM/YY`.
    pub expiry: String,
    /// Three or four digits.
    pub cvc: String,
    /// The name on the card.
    pub name: String,
    /// Whether the card's owner has confirmed the payment at their bank, for cards that ask.
    pub confirmed: bool,
}

/// A payment of the sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SandboxPaid {
    /// Where the buyer goes next.
    pub success_url: String,
    /// The signed event that the rail delivers: body and signature.
    pub event: (Vec<u8>, String),
}

/// Why the sandbox did not take the money.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SandboxRefused {
    /// There is no such visit, or it is over.
    #[error("{0}")]
    Closed(String),
    /// The form is not filled in right.
    #[error("{1}")]
    Form(&'static str, String),
    /// The card was declined: a code like Stripe's, and a sentence.
    #[error("{1}")]
    Declined(&'static str, String),
    /// The card's owner must confirm first.
    #[error("your bank asks you to confirm this payment")]
    Confirm,
    /// The sandbox itself failed.
    #[error("{0}")]
    Failed(String),
}

/// Sends mail. Embedded: a directory of .eml files; production: SMTP.
#[async_trait]
pub trait Mailer: Send + Sync + std::fmt::Debug {
    /// Sends a message; an error means that it may be tried again.
    async fn send(&self, mail: &Mail) -> Result<(), MailError>;
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Mail {
    /// To whom.
    pub to: Email,
    /// About what.
    pub subject: String,
    /// Plain text.
    pub text: String,
}

/// A message that could not be sent.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct MailError(pub String);
