//! Fakes of the ports that a test can steer and ask.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use domain::view::agent::{FlowClass, FlowReport, RemoteRuntime};
use domain::view::knowledge::FoundPassage;
use domain::view::trace::{TraceStep, TraceValue};
use domain::{DocumentId, OrganizationId, PassageId, Timestamp};
use services::ports::{
    AgentRuntime, ChargeError, ChargeRequest, Charged, CheckoutRequest, GivenBack, ImportRefused, ImportedFlow,
    KnowledgeBase, KnowledgeError, KnowledgeQuery, KnowledgeScope, LoosePassage, Mail, MailError, Mailer,
    OpenedCheckout, OpenedPayoutAccount, PaidOut, Payments, PaymentsError, PayoutAccountRequest, PayoutAccountStatus,
    PayoutError, PayoutRequest, Payouts, Provision, RailEvent, Reading, RefundRequest, ReversalRequest, RunEvent,
    RunOutput, RunRequest, RuntimeChoice, RuntimeError, SavedMethod, WebPage, WebPageError, WebPages,
};
use store::knowledge::{self as rows, PassageRow, ReadDocument};
use store::{Json, Store};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Runs nothing: answers what the test scripted, or a sentence about the session.
#[derive(Debug, Default)]
pub struct ScriptedRuntime {
    answers: Mutex<VecDeque<Result<RunOutput, RuntimeError>>>,
    provisioning: Mutex<VecDeque<RuntimeError>>,
    runs: Mutex<Vec<RunRequest>>,
    hold: Mutex<Option<Arc<tokio::sync::Semaphore>>>,
}

impl ScriptedRuntime {
    /// Scripts the next run.
    pub fn next_run(&self, answer: Result<RunOutput, RuntimeError>) {
        self.answers.lock().unwrap().push_back(answer);
    }

    /// Makes the next provisioning fail.
    pub fn fail_provisioning(&self, error: RuntimeError) {
        self.provisioning.lock().unwrap().push_back(error);
    }

    /// Makes runs wait until the returned semaphore gives a permit each.
    pub fn hold_runs(&self) -> Arc<tokio::sync::Semaphore> {
        let hold = Arc::new(tokio::sync::Semaphore::new(0));
        *self.hold.lock().unwrap() = Some(hold.clone());
        hold
    }

    /// Returns what was run so far.
    pub fn runs(&self) -> Vec<RunRequest> {
        self.runs.lock().unwrap().clone()
    }
}

#[async_trait]
impl AgentRuntime for ScriptedRuntime {
    async fn import(&self, export: &[u8], choice: RuntimeChoice) -> Result<ImportedFlow, ImportRefused> {
        let flow: serde_json::Value =
            serde_json::from_slice(export).map_err(|_| ImportRefused("this is not JSON".to_owned()))?;
        let verdict = match flow["verdict"].as_str() {
            Some(text) => text.parse().map_err(|_| ImportRefused("this is no flow".to_owned()))?,
            None => FlowClass::Native,
        };
        let report = FlowReport {
            verdict,
            flow_name: flow["name"].as_str().unwrap_or("A flow").to_owned(),
            node_count: 2,
            edge_count: 1,
            nodes: Vec::new(),
            edges: Vec::new(),
            needs: Vec::new(),
            problems: Vec::new(),
            notes: Vec::new(),
            secrets_removed: Vec::new(),
            remote: match (verdict, choice) {
                (FlowClass::Native | FlowClass::Invalid, _) => RemoteRuntime::None,
                (_, RuntimeChoice::Here) => RemoteRuntime::Offered,
                (_, RuntimeChoice::Remote) => RemoteRuntime::Chosen,
            },
        };
        let flow = if report.remote == RemoteRuntime::Chosen { serde_json::json!({ "elsewhere": flow }) } else { flow };
        Ok(ImportedFlow { flow, report })
    }

    async fn provision(&self, _: &Provision) -> Result<(), RuntimeError> {
        self.provisioning.lock().unwrap().pop_front().map_or(Ok(()), Err)
    }

    async fn run(
        &self,
        request: RunRequest,
        events: mpsc::Sender<RunEvent>,
        cancel: CancellationToken,
    ) -> Result<RunOutput, RuntimeError> {
        let scripted = self.answers.lock().unwrap().pop_front();
        let hold = self.hold.lock().unwrap().clone();
        let session = request.session_id.clone();
        // It tells everything, whatever it is asked to tell: what is kept of it is not a runtime's decision.
        let told = TraceValue {
            name: "input".to_owned(),
            kind: "message".to_owned(),
            bytes: 5,
            text: Some(request.input.clone()),
        };
        let step =
            TraceStep { node: "ask-1".to_owned(), name: "Ask".to_owned(), inputs: vec![told], ..TraceStep::default() };
        self.runs.lock().unwrap().push(request);
        if let Some(hold) = hold {
            tokio::select! {
                permit = hold.acquire() => permit.unwrap().forget(),
                () = cancel.cancelled() => return Err(RuntimeError::Cancelled),
            }
        }
        let _ = events.send(RunEvent::StepEnded(Box::new(step))).await;
        let output = scripted.unwrap_or_else(|| {
            Ok(RunOutput {
                text: format!("An answer in session {session}."),
                input_tokens: 3,
                output_tokens: 5,
                ..RunOutput::default()
            })
        })?;
        for word in output.text.split_inclusive(' ') {
            let _ = events.send(RunEvent::Token(word.to_owned())).await;
        }
        Ok(output)
    }

    async fn health(&self) -> Result<(), RuntimeError> {
        Ok(())
    }
}

/// Takes no money: remembers what it was asked for, and reads events that a test writes as JSON.
#[derive(Debug, Default)]
pub struct FakePayments {
    opened: Mutex<Vec<CheckoutRequest>>,
    refunded: Mutex<Vec<RefundRequest>>,
    expired: Mutex<Vec<String>>,
    failures: Mutex<VecDeque<PaymentsError>>,
    charged: Mutex<Vec<ChargeRequest>>,
    methods: Mutex<BTreeMap<OrganizationId, Vec<SavedMethod>>>,
    declining: Mutex<bool>,
    accounts: Mutex<BTreeMap<String, PayoutAccountStatus>>,
    payouts: Mutex<Vec<PayoutRequest>>,
    refusing: Mutex<Option<String>>,
    taken_back: Mutex<Vec<ReversalRequest>>,
    paid_out_money: Mutex<PaidOutMoney>,
}

/// Where money is that was paid out, when it is to be taken back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PaidOutMoney {
    /// At the provider's bank.
    #[default]
    Gone,
    /// On its account at the rail.
    Held,
    /// Nobody answers.
    NotTold,
}

impl FakePayments {
    /// Declines every charge from now on, or none any more.
    pub fn decline_charges(&self, declining: bool) {
        *self.declining.lock().unwrap() = declining;
    }

    /// Returns what was charged without a page, each key once.
    pub fn charged(&self) -> Vec<ChargeRequest> {
        self.charged.lock().unwrap().clone()
    }

    /// Saves a card for an organization, as if it had been to the rail's page; the newest is first.
    pub fn save_card(&self, of: OrganizationId, last4: &str) {
        let card = SavedMethod {
            id: format!("card {last4}"),
            kind: "card".to_owned(),
            brand: Some("visa".to_owned()),
            last4: Some(last4.to_owned()),
            exp_month: Some(12),
            exp_year: Some(2034),
            is_default: false,
        };
        self.methods.lock().unwrap().entry(of).or_default().insert(0, card);
    }

    /// Says how a provider's account stands from now on.
    pub fn set_account(&self, provider: OrganizationId, status: PayoutAccountStatus) {
        self.accounts.lock().unwrap().insert(format!("account of {provider}"), status);
    }

    /// Returns what was paid out, each key once.
    pub fn paid_out(&self) -> Vec<PayoutRequest> {
        self.payouts.lock().unwrap().clone()
    }

    /// Refuses every payout from now on, for a reason, or none any more.
    pub fn refuse_payouts(&self, why: Option<&str>) {
        *self.refusing.lock().unwrap() = why.map(str::to_owned);
    }

    /// Says where money that was paid out is from now on.
    pub fn set_paid_out_money(&self, place: PaidOutMoney) {
        *self.paid_out_money.lock().unwrap() = place;
    }

    /// Returns what was taken back of payouts, each key once.
    pub fn taken_back(&self) -> Vec<ReversalRequest> {
        self.taken_back.lock().unwrap().clone()
    }

    /// Makes the next call fail.
    pub fn fail_next(&self, error: PaymentsError) {
        self.failures.lock().unwrap().push_back(error);
    }

    /// Returns the checkout pages that were opened.
    pub fn opened(&self) -> Vec<CheckoutRequest> {
        self.opened.lock().unwrap().clone()
    }

    /// Returns the references of payments of which something was given back, once for each key.
    pub fn refunded(&self) -> Vec<String> {
        self.given_back().into_iter().map(|request| request.payment).collect()
    }

    /// Returns what was given back, each key once.
    pub fn given_back(&self) -> Vec<RefundRequest> {
        self.refunded.lock().unwrap().clone()
    }

    /// Returns the checkout pages that were closed.
    pub fn expired(&self) -> Vec<String> {
        self.expired.lock().unwrap().clone()
    }

    fn failure(&self) -> Result<(), PaymentsError> {
        self.failures.lock().unwrap().pop_front().map_or(Ok(()), Err)
    }
}

#[async_trait]
impl Payouts for FakePayments {
    async fn open_account(&self, request: PayoutAccountRequest) -> Result<OpenedPayoutAccount, PaymentsError> {
        self.failure()?;
        let reference = format!("account of {}", request.provider);
        self.accounts.lock().unwrap().entry(reference.clone()).or_default();
        Ok(OpenedPayoutAccount { url: format!("http://rail.test/{}", request.provider), reference, expires_at: None })
    }

    async fn account(&self, reference: &str) -> Result<PayoutAccountStatus, PaymentsError> {
        self.failure()?;
        let unknown = || PaymentsError::Refused(format!("there is no {reference}"));
        self.accounts.lock().unwrap().get(reference).cloned().ok_or_else(unknown)
    }

    async fn pay_out(&self, request: PayoutRequest) -> Result<PaidOut, PayoutError> {
        self.failure()?;
        if let Some(why) = self.refusing.lock().unwrap().clone() {
            return Err(PayoutError::Refused(why));
        }
        let reference = format!("transfer {}", request.key);
        let mut all = self.payouts.lock().unwrap();
        if !all.iter().any(|known| known.key == request.key) {
            all.push(request);
        }
        Ok(PaidOut { reference })
    }

    async fn take_back(&self, request: ReversalRequest) -> Result<PaidOut, PayoutError> {
        self.failure()?;
        match *self.paid_out_money.lock().unwrap() {
            PaidOutMoney::Gone => return Err(PayoutError::Refused("It has gone on to the bank.".to_owned())),
            PaidOutMoney::NotTold => return Err(PaymentsError::Unavailable("away".to_owned()).into()),
            PaidOutMoney::Held => {}
        }
        let reference = format!("reversal {}", request.key);
        let mut all = self.taken_back.lock().unwrap();
        if !all.iter().any(|known| known.key == request.key) {
            all.push(request);
        }
        Ok(PaidOut { reference })
    }
}

#[async_trait]
impl Payments for FakePayments {
    fn rail(&self) -> &'static str {
        "fake"
    }

    async fn open_checkout(&self, request: CheckoutRequest) -> Result<OpenedCheckout, PaymentsError> {
        self.failure()?;
        let mut opened = self.opened.lock().unwrap();
        let known = opened.iter().position(|known| known.key == request.key);
        let number = known.unwrap_or_else(|| {
            opened.push(request);
            opened.len() - 1
        });
        let session = format!("visit_{}", number + 1);
        Ok(OpenedCheckout { url: format!("http://rail.test/{session}"), session })
    }

    async fn expire_checkout(&self, session: &str) -> Result<(), PaymentsError> {
        self.failure()?;
        self.expired.lock().unwrap().push(session.to_owned());
        Ok(())
    }

    async fn refund(&self, request: RefundRequest) -> Result<GivenBack, PaymentsError> {
        self.failure()?;
        let reference = format!("back {}", request.key);
        let mut refunded = self.refunded.lock().unwrap();
        if !refunded.iter().any(|known| known.key == request.key) {
            refunded.push(request);
        }
        Ok(GivenBack { reference })
    }

    async fn charge(&self, request: ChargeRequest) -> Result<Charged, ChargeError> {
        self.failure()?;
        if *self.declining.lock().unwrap() {
            return Err(ChargeError::Declined("Your card was declined.".to_owned()));
        }
        let saved = self.methods(request.of).await?.into_iter().next().and_then(|card| card.last4);
        let last4 = match (&request.earlier_payment, saved) {
            (Some(_), _) => "4242".to_owned(),
            (None, Some(last4)) => last4,
            (None, None) => return Err(ChargeError::no_method()),
        };
        let reference = format!("charge {}", request.key);
        let charged = Charged { reference, method: format!("Visa •••• {last4}"), fee_minor: 0 };
        let mut all = self.charged.lock().unwrap();
        if !all.iter().any(|known| known.key == request.key) {
            all.push(request);
        }
        Ok(charged)
    }

    async fn methods(&self, of: OrganizationId) -> Result<Vec<SavedMethod>, PaymentsError> {
        Ok(self.methods.lock().unwrap().get(&of).cloned().unwrap_or_default())
    }

    fn read_event(&self, body: &[u8], signature: &str, _: Timestamp) -> Result<RailEvent, PaymentsError> {
        use domain::{Currency, Money};
        use services::ports::RailEventContent as Content;

        if signature != "good" {
            return Err(PaymentsError::BadSignature);
        }
        let payload: serde_json::Value =
            serde_json::from_slice(body).map_err(|error| PaymentsError::Refused(error.to_string()))?;
        let text = |name: &str| payload[name].as_str().unwrap_or_default().to_owned();
        let kind = text("kind");
        let content = match kind.as_str() {
            "paid" => Content::CheckoutPaid {
                session: text("session"),
                reference: text("reference"),
                amount: Money::new(
                    payload["amount"].as_i64().unwrap_or_default(),
                    text("currency").parse().unwrap_or(Currency::Usd),
                ),
                method: "Visa •••• 4242".to_owned(),
                fee_minor: payload["fee"].as_i64().unwrap_or_default(),
            },
            "expired" => Content::CheckoutExpired { session: text("session") },
            "refunded" => Content::Refunded {
                reference: text("reference"),
                refunds: serde_json::from_value(payload["refunds"].clone()).unwrap_or_default(),
            },
            "disputed" => Content::Disputed {
                reference: text("reference"),
                dispute: serde_json::from_value(payload["dispute"].clone())
                    .map_err(|error| PaymentsError::Refused(error.to_string()))?,
            },
            _ => Content::Other,
        };
        Ok(RailEvent { id: text("id"), kind, content, payload })
    }
}

/// Keeps mail in memory.
#[derive(Debug, Default)]
pub struct MemoryMailer(Mutex<Vec<Mail>>);

impl MemoryMailer {
    /// Returns what was sent.
    pub fn sent(&self) -> Vec<Mail> {
        self.0.lock().unwrap().clone()
    }
}

#[async_trait]
impl Mailer for MemoryMailer {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        self.0.lock().unwrap().push(mail.clone());
        Ok(())
    }
}

/// Documents of plain text, each one passage, found by any word of a question. A document that begins with
/// `unreadable` can't be read, and one that begins with `later` not yet.
#[derive(Debug)]
pub struct PlainKnowledge(Store);

impl PlainKnowledge {
    /// Keeps passages in a store.
    pub const fn new(store: Store) -> Self {
        Self(store)
    }
}

#[async_trait]
impl KnowledgeBase for PlainKnowledge {
    async fn read(&self, scope: KnowledgeScope, id: DocumentId) -> Result<Reading, KnowledgeError> {
        let mut tx = self.0.write(scope.tenant).await.unwrap();
        let Some(content) = rows::content(&mut tx, scope.tenant, id).await.unwrap() else { return Ok(Reading::Done) };
        let text = String::from_utf8(content).unwrap();
        if text.starts_with("unreadable") {
            return Err(KnowledgeError::Unreadable("It is unreadable.".to_owned()));
        }
        if text.starts_with("later") {
            return Err(KnowledgeError::Unavailable("it is later".to_owned()));
        }
        let passage = PassageRow {
            id: PassageId(services::clock::fresh_id()),
            document_id: id,
            headings: Json(Vec::new()),
            first_page: None,
            last_page: None,
            text,
            language: "en".to_owned(),
            analysis: Vec::new(),
            content_hash: Vec::new(),
        };
        let read = ReadDocument { language: "en".to_owned(), passages: vec![passage], ..ReadDocument::default() };
        rows::finish(&mut tx, scope.tenant, scope.config, id, &read, Timestamp(1)).await.unwrap();
        tx.commit().await.unwrap();
        Ok(Reading::Done)
    }

    async fn loose(&self, name: &str, content: &[u8]) -> Result<Vec<LoosePassage>, KnowledgeError> {
        let text = String::from_utf8(content.to_vec()).unwrap();
        if text.starts_with("unreadable") {
            return Err(KnowledgeError::Unreadable("It is unreadable.".to_owned()));
        }
        let document = name.to_owned();
        Ok(vec![LoosePassage { document, headings: Vec::new(), page: None, text, language: "en".to_owned() }])
    }

    async fn search(&self, scope: KnowledgeScope, query: &KnowledgeQuery) -> Result<Vec<FoundPassage>, KnowledgeError> {
        let mut tx = self.0.read(scope.tenant).await.unwrap();
        let mut found = Vec::new();
        for row in rows::ranked(&mut tx, scope.tenant, scope.config).await.unwrap() {
            let row = rows::cited(&mut tx, scope.tenant, scope.config, row.id).await.unwrap().unwrap();
            if query.text.split_whitespace().any(|word| row.text.contains(word)) {
                found.push(FoundPassage {
                    id: row.id,
                    document_id: row.document_id,
                    document_name: row.document_name,
                    document_url: row.document_url,
                    headings: Vec::new(),
                    page: None,
                    pieces: vec![row.text.clone()],
                    text: row.text,
                    matched: Vec::new(),
                    coverage: 100,
                    nearness: None,
                    score: 1.0,
                });
            }
        }
        Ok(found)
    }
}

/// A web of pages that a test writes.
#[derive(Debug, Default)]
pub struct FakeWeb(Mutex<BTreeMap<String, Result<WebPage, WebPageError>>>);

impl FakeWeb {
    /// Puts a page at an address, with the addresses that it leads to.
    pub fn put(&self, url: &str, title: &str, text: &str, links: &[&str]) {
        let page = WebPage {
            url: url.to_owned(),
            title: title.to_owned(),
            content: text.as_bytes().to_vec(),
            links: links.iter().map(|link| (*link).to_owned()).collect(),
        };
        self.0.lock().unwrap().insert(url.to_owned(), Ok(page));
    }

    /// Makes an address lead to another.
    pub fn lead(&self, url: &str, to: &str) {
        let page = WebPage { url: to.to_owned(), ..WebPage::default() };
        self.0.lock().unwrap().insert(url.to_owned(), Ok(page));
    }

    /// Makes an address fail.
    pub fn fail(&self, url: &str, error: WebPageError) {
        self.0.lock().unwrap().insert(url.to_owned(), Err(error));
    }
}

#[async_trait]
impl WebPages for FakeWeb {
    async fn page(&self, url: &str) -> Result<WebPage, WebPageError> {
        let missing = || Err(WebPageError::Gone("There is no such page (status 404).".to_owned()));
        self.0.lock().unwrap().get(url).cloned().unwrap_or_else(missing)
    }
}
