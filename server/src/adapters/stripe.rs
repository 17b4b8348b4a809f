//! Stripe as the `Payments` port: payment pages, charges of what was paid with before, refunds, and events that say
//! which object to read again.
//!
//! What a newcomer gets wrong: what Stripe answers is checked against what it was asked. An answer about another
//! order, amount or currency is an error, whatever its status says.

mod outbox;
mod payouts;

use std::sync::Arc;

use async_trait::async_trait;
use domain::state::DisputeState;
use domain::{Currency, Money, OrganizationId, Timestamp};
use secrecy::SecretString;
use services::clock::Clock;
use services::ports::{
    ChargeError, ChargeRequest, Charged, CheckoutRequest, GivenBack, Movement, MovementKind, OpenedCheckout, Payments,
    PaymentsError, PortalRequest, RailDispute, RailEvent, RailEventContent, RailRefund, RefundRequest, SavedMethod,
    SavingRequest,
};
use sha2::Digest as _;
use store::{Scope, Store, Tenant, outbox as rows};
use stripe::calls::{self, NewCustomer, NewPayment, NewSession};
use stripe::objects::{
    self, Charge, Customer, Dispute, Event, Link, List, Method, Payment, PortalConfiguration, PortalSession, Refund,
    Reversal, Session, Transfer,
};
use stripe::webhook::{BadWebhook, Secrets, Source};
use stripe::{
    ChargeId, Client, CustomerId, DisputeId, EventId, MethodId, Mode, PaymentId, PortalConfigurationId, RefundId,
    SessionId, Trouble,
};

use outbox::{Operation, Outbox, Undone};

/// The events that lead to something.
const KINDS: [&str; 13] = [
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
    "charge.refunded",
    "charge.refund.updated",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
    "charge.dispute.closed",
];
/// How much earlier than asked for a page closes: Stripe allows a day by its own clock.
const CLOSES_EARLIER_SECONDS: i64 = 600;
/// How many pages of any other list are read.
const LIST_PAGES: usize = 1000;
/// Names how Stripe's own pages are set up by us; another number, and they are set up anew.
pub const PORTAL: &str = "portal:1";
/// How many pages of events are read in one go.
const PAGES: usize = 50;

/// Stripe.
pub struct StripeRail {
    outbox: Outbox,
    webhooks: Secrets,
    connect: Option<Secrets>,
    portal: Option<PortalConfigurationId>,
}

impl std::fmt::Debug for StripeRail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StripeRail").field("rail", &self.outbox.rail).finish_non_exhaustive()
    }
}

/// The secrets that events are signed with.
#[derive(Clone, Debug)]
pub struct WebhookSecrets {
    /// Of events of our own account.
    pub account: Secrets,
    /// Of events of providers' accounts, where they are delivered.
    pub connect: Option<Secrets>,
}

impl WebhookSecrets {
    /// Reads secrets; an error names the setting.
    pub fn parse(account: &SecretString, connect: Option<&SecretString>) -> Result<Self, (&'static str, String)> {
        let account = Secrets::parse(account).map_err(|error| ("stripe.webhook_secret", error.to_string()))?;
        let connect = connect
            .map(Secrets::parse)
            .transpose()
            .map_err(|error| ("stripe.connect_webhook_secret", error.to_string()))?;
        Ok(Self { account, connect })
    }
}

impl StripeRail {
    /// Makes the rail.
    pub fn new(store: Store, clock: Arc<dyn Clock>, client: Client, secrets: WebhookSecrets) -> Self {
        // Each rail has a book of its own, so pretended money never meets real money.
        let rail = match client.mode() {
            Mode::Live => "stripe",
            Mode::Test => "stripe-test",
        };
        let WebhookSecrets { account, connect } = secrets;
        Self { outbox: Outbox { store, clock, client, rail }, webhooks: account, connect, portal: None }
    }

    /// Sends buyers to Stripe's own pages as an operator has set them up, in place of our way.
    #[must_use]
    pub fn with_portal(self, portal: Option<PortalConfigurationId>) -> Self {
        Self { portal, ..self }
    }

    async fn read<T: serde::de::DeserializeOwned>(&self, call: &stripe::Call) -> Result<T, PaymentsError> {
        self.outbox.client.read(call).await.map_err(|trouble| Undone::from(trouble).into())
    }

    /// Reads a list to its end.
    async fn every<T: serde::de::DeserializeOwned, I>(
        &self,
        page: impl Fn(Option<&I>) -> stripe::Call,
        id: impl Fn(&T) -> I,
    ) -> Result<Vec<T>, PaymentsError> {
        let mut all = Vec::new();
        let mut after: Option<I> = None;
        for _ in 0..LIST_PAGES {
            let list: List<T> = self.read(&page(after.as_ref())).await?;
            after = list.data.last().map(&id);
            all.extend(list.data);
            if !list.has_more || after.is_none() {
                return Ok(all);
            }
        }
        Err(unclear(format!("a list has more than {LIST_PAGES} pages")))
    }

    /// Returns who Stripe knows a buyer as, making it known if it is not.
    async fn customer(&self, tenant: Tenant, email: &str) -> Result<CustomerId, PaymentsError> {
        let of = tenant.id();
        if let Some(known) = self.known_customer(of).await? {
            return Ok(known);
        }
        let Outbox { store, clock, rail, .. } = &self.outbox;
        let (name, organization) = (format!("customer:{of}"), of.to_string());
        let new = NewCustomer { operation: &name, organization: &organization, email };
        let call = calls::create_customer(new);
        let among = calls::customers_with(email);
        let operation = Operation { name: name.clone(), call, among, no_is_final: false };
        let made: Customer = self.outbox.perform(&operation).await?;
        let mut tx = store.write(Scope::System).await.map_err(unavailable)?;
        rows::insert_customer(&mut tx, tenant, rail, made.id.as_str(), email, clock.now())
            .await
            .map_err(unavailable)?;
        // Whoever was first has made it known; under one key it is the same.
        let known = rows::customer(&mut tx, rail, of).await.map_err(unavailable)?;
        tx.commit().await.map_err(unavailable)?;
        known.map_or(Ok(made.id), |known| CustomerId::parse(&known.customer).map_err(refused))
    }

    /// Returns who is charged, and with what, by a charge that was written down before.
    async fn begun(&self, operation: &str) -> Result<Option<Charging>, PaymentsError> {
        let Outbox { store, rail, .. } = &self.outbox;
        let mut tx = store.read(Scope::System).await.map_err(unavailable)?;
        let Some(row) = rows::get(&mut tx, rail, operation).await.map_err(unavailable)? else { return Ok(None) };
        let call: stripe::Call = serde_json::from_value(row.call.0).map_err(refused)?;
        let field = |name| call.field(name).unwrap_or_default();
        let customer = CustomerId::parse(&field("customer")).map_err(refused)?;
        let method = MethodId::parse(&field("payment_method")).map_err(refused)?;
        Ok(Some(Charging { customer, method }))
    }

    /// Returns who is charged, and with what: the method that an organization prefers, what was paid with last time,
    /// or the newest; nothing where there is none, or every one was taken away.
    async fn charging(
        &self,
        of: OrganizationId,
        earlier_payment: Option<&str>,
    ) -> Result<Option<Charging>, PaymentsError> {
        let earlier: Option<Payment> = match earlier_payment {
            Some(id) => Some(self.read(&calls::payment(&PaymentId::parse(id).map_err(refused)?)).await?),
            None => None,
        };
        let known = self.known_customer(of).await?;
        let payer = earlier.as_ref().and_then(Payment::customer).cloned();
        let paid_with = earlier.as_ref().and_then(Payment::method);
        let (mut preferred, mut again, mut newest) = (None, None, None);
        // What was paid before buyers were kept may be another customer's, as Stripe sees it.
        let payer = payer.filter(|payer| known.as_ref() != Some(payer));
        for id in known.into_iter().chain(payer) {
            let customer: Customer = self.read(&calls::customer(&id)).await?;
            let methods: List<Method> = self.read(&calls::methods_of(&id)).await?;
            for Method { id: method, .. } in methods.data {
                let place = if customer.preferred() == Some(&method) {
                    &mut preferred
                } else if paid_with == Some(&method) {
                    &mut again
                } else {
                    &mut newest
                };
                // The first is the newest.
                place.get_or_insert(Charging { customer: id.clone(), method });
            }
        }
        Ok(preferred.or(again).or(newest))
    }

    /// Returns who Stripe knows an organization as, if it does.
    async fn known_customer(&self, of: OrganizationId) -> Result<Option<CustomerId>, PaymentsError> {
        let Outbox { store, rail, .. } = &self.outbox;
        let mut tx = store.read(Scope::System).await.map_err(unavailable)?;
        let known = rows::customer(&mut tx, rail, of).await.map_err(unavailable)?;
        known.map(|known| CustomerId::parse(&known.customer).map_err(refused)).transpose()
    }

    /// Finds one of a buyer's methods by the name that came from outside.
    async fn method(&self, of: OrganizationId, id: &str) -> Result<Option<(CustomerId, MethodId)>, PaymentsError> {
        let id = MethodId::parse(id).map_err(refused)?;
        let Some(customer) = self.known_customer(of).await? else { return Ok(None) };
        let methods: List<Method> = self.read(&calls::methods_of(&customer)).await?;
        Ok(methods.data.iter().any(|method| method.id == id).then_some((customer, id)))
    }

    /// Returns how Stripe's own pages are set up: as an operator says, or as we have done it, once.
    ///
    /// It is looked at each time: whoever may change it in Stripe's dashboard may let buyers do there what they may not
    /// do past us.
    async fn portal_configuration(&self) -> Result<PortalConfigurationId, PaymentsError> {
        let configuration: PortalConfiguration = match &self.portal {
            Some(id) => self.read(&calls::portal_configuration(id)).await?,
            None => {
                let (name, call) = (PORTAL.to_owned(), calls::create_portal_configuration(PORTAL));
                let among = calls::portal_configurations();
                self.outbox.perform(&Operation { name, call, among, no_is_final: false }).await?
            }
        };
        let PortalConfiguration { id, .. } = &configuration;
        if self.portal.as_ref().is_some_and(|wanted| wanted != id) {
            return Err(another("portal configuration"));
        }
        match configuration.wrong() {
            Some(why) => Err(PaymentsError::Refused(format!(
                "the portal configuration {id} {why}: put it right in Stripe's dashboard, or name another one in \
                 stripe.portal_configuration"
            ))),
            None => Ok(configuration.id),
        }
    }

    /// Returns the event that a webhook is.
    fn open(&self, body: &[u8], header: &str, now: Timestamp, source: Source) -> Result<RailEvent, PaymentsError> {
        let secrets = match source {
            Source::Account => Some(&self.webhooks),
            Source::Connect => self.connect.as_ref(),
        };
        let secrets = secrets.ok_or(PaymentsError::BadSignature)?;
        let event = secrets.open(body, header, now.seconds()).map_err(|bad| match bad {
            BadWebhook::Signature(why) => {
                tracing::warn!(%why, "a webhook is not believed");
                PaymentsError::BadSignature
            }
            BadWebhook::Body(why) => PaymentsError::Refused(why),
        })?;
        Ok(self.rail_event(event, source, Some(body)))
    }

    fn rail_event(&self, event: Event, source: Source, body: Option<&[u8]>) -> RailEvent {
        let ours = event.is_for(self.outbox.client.mode(), source);
        if !ours {
            tracing::warn!(stripe.event = %event.id, "an event of another mode or account came, and is only stored");
        }
        let content = match event.object() {
            Some(object) if ours && KINDS.contains(&event.r#type.as_str()) => {
                RailEventContent::Bell { object: object.to_owned() }
            }
            _ => RailEventContent::Other,
        };
        // Nothing of the object but its id: it is read again, and it holds names and addresses of buyers.
        let payload = serde_json::json!({
            "id": event.id,
            "type": event.r#type,
            "created": event.created,
            "livemode": event.livemode,
            "account": event.account,
            "object": event.object(),
            "sha256": body.map(|body| hex::encode(sha2::Sha256::digest(body))),
        });
        RailEvent { id: event.id.to_string(), kind: event.r#type, content, payload }
    }

    /// Says what a visit to a payment page has come to.
    fn visit(session: Session) -> Result<RailEventContent, PaymentsError> {
        let name = session.id.to_string();
        match (session.status.as_deref(), session.payment_status.as_str()) {
            (Some("complete"), "paid") => {
                let payment = session.payment_intent.as_ref().and_then(Link::object);
                let payment = payment.ok_or_else(|| unclear(format!("{name} is paid, and has no payment")))?;
                let Paid { amount, method, fee_minor } = taken(payment)?;
                let reference = payment.id.to_string();
                Ok(RailEventContent::CheckoutPaid { session: name, reference, amount, method, fee_minor })
            }
            (Some("complete"), "unpaid") => {
                // It was paid with something that takes days: it still may, or it has failed.
                let payment = session.payment_intent.as_ref().and_then(Link::object);
                let failed = payment
                    .is_some_and(|payment| matches!(payment.status.as_str(), "requires_payment_method" | "canceled"));
                Ok(if failed { RailEventContent::CheckoutExpired { session: name } } else { RailEventContent::Other })
            }
            (Some("expired"), _) => Ok(RailEventContent::CheckoutExpired { session: name }),
            _ => Ok(RailEventContent::Other),
        }
    }

    /// Says what went back of a payment.
    async fn given_back(&self, payment: &PaymentId) -> Result<RailEventContent, PaymentsError> {
        let refunds: List<Refund> = self.read(&calls::refunds_of(payment)).await?;
        let mut told = Vec::with_capacity(refunds.data.len());
        for refund in refunds.data {
            told.push(RailRefund {
                amount: Money::new(refund.amount, known_currency(&refund.currency, &refund.id)?),
                stands: refund.holds(),
                key: refund.metadata.as_ref().and_then(|labels| labels.get("operation").cloned()),
                reference: refund.id.to_string(),
            });
        }
        // Without a name, all of it would have gone back.
        Ok(if told.is_empty() {
            RailEventContent::Other
        } else {
            RailEventContent::Refunded { reference: payment.to_string(), refunds: told }
        })
    }

    /// Says how a dispute stands.
    async fn disputed(&self, id: &DisputeId) -> Result<RailEventContent, PaymentsError> {
        let dispute: Dispute = self.read(&calls::dispute(id)).await?;
        if dispute.id != *id {
            return Err(another("dispute"));
        }
        let state = match dispute.status.trim_start_matches("warning_") {
            "needs_response" => DisputeState::NeedsResponse,
            "under_review" => DisputeState::UnderReview,
            // A bank that only asked asks no more.
            "won" | "closed" | "prevented" => DisputeState::Won,
            "lost" => DisputeState::Lost,
            other => return Err(unclear(format!("the dispute {id} is {other:?}, which we do not know"))),
        };
        let Some(payment) = dispute.payment() else { return Ok(RailEventContent::Other) };
        Ok(RailEventContent::Disputed {
            reference: payment.to_string(),
            dispute: RailDispute {
                reference: id.to_string(),
                amount: Money::new(dispute.amount, known_currency(&dispute.currency, id)?),
                fee_minor: dispute.fee(),
                state,
                reason: dispute.reason.clone(),
                due_by: dispute.evidence_details.as_ref().and_then(|e| e.due_by).map(Timestamp::from_seconds),
                withdrawn: dispute.withdrawn(),
            },
        })
    }
}

/// Who is charged, and with what.
struct Charging {
    customer: CustomerId,
    method: MethodId,
}

/// Reads a currency that something is sold in.
fn known_currency(name: &str, of: &impl std::fmt::Display) -> Result<Currency, PaymentsError> {
    name.to_ascii_uppercase().parse().map_err(|_| unclear(format!("{of} is in {name}, in which nothing is sold")))
}

/// What a payment took.
struct Paid {
    amount: Money,
    method: String,
    fee_minor: i64,
}

fn taken(payment: &Payment) -> Result<Paid, PaymentsError> {
    let id = &payment.id;
    let currency = known_currency(&payment.currency, id)?;
    let amount = Money::new(payment.amount_received, currency);
    let charge: &Charge =
        payment.latest_charge.as_ref().and_then(Link::object).ok_or_else(|| unclear(format!("{id} took nothing")))?;
    let balance = charge.balance_transaction.as_ref().and_then(Link::object);
    let balance = balance.ok_or_else(|| unclear(format!("what Stripe keeps of {id} is not known yet")))?;
    let fee_minor = if objects::is(&balance.currency, amount) {
        balance.fee
    } else {
        tracing::warn!(
            stripe.payment = %id,
            "Stripe's fee is in {}, and the sale in {currency}: the fee is not in the ledger", balance.currency
        );
        0
    };
    Ok(Paid { amount, method: charge.method(), fee_minor })
}

fn unavailable(error: store::Error) -> PaymentsError {
    PaymentsError::Unavailable(services::error::chain(&error))
}

fn refused(error: impl std::fmt::Display) -> PaymentsError {
    PaymentsError::Refused(error.to_string())
}

fn unclear(why: String) -> PaymentsError {
    PaymentsError::Unavailable(why)
}

/// Says that Stripe has answered about something else than it was asked for.
fn another(what: &str) -> PaymentsError {
    tracing::error!("Stripe has answered about another {what} than it was asked for");
    PaymentsError::Refused(format!("Stripe has answered about another {what} than it was asked for"))
}

#[async_trait]
impl Payments for StripeRail {
    fn rail(&self) -> &'static str {
        self.outbox.rail
    }

    async fn open_checkout(&self, request: CheckoutRequest) -> Result<OpenedCheckout, PaymentsError> {
        let customer = self.customer(request.tenant, request.email.as_str()).await?;
        let (name, order) = (format!("checkout:{}", request.key), request.order.to_string());
        let call = calls::create_session(NewSession {
            operation: &name,
            order: &order,
            customer: &customer,
            amount: request.amount,
            description: &request.description,
            success_url: &request.success_url,
            cancel_url: &request.cancel_url,
            expires_at: request.expires_at.seconds() - CLOSES_EARLIER_SECONDS,
        });
        let among = calls::sessions_of(&customer);
        let operation = Operation { name: name.clone(), call, among, no_is_final: false };
        let session: Session = self.outbox.perform(&operation).await?;
        let currency = session.currency.as_deref().unwrap_or_default();
        if session.client_reference_id.as_deref() != Some(&order)
            || session.amount_total != Some(request.amount.minor)
            || !objects::is(currency, request.amount)
        {
            return Err(another("payment page"));
        }
        let url = session.url.ok_or_else(|| PaymentsError::Refused("the payment page has closed".to_owned()))?;
        Ok(OpenedCheckout { session: session.id.to_string(), url })
    }

    async fn expire_checkout(&self, session: &str) -> Result<(), PaymentsError> {
        let id = SessionId::parse(session).map_err(refused)?;
        let key = format!("expire:{id}");
        match self.outbox.client.send(&calls::expire_session(&id), Some(&key)).await {
            // One that is closed already, or paid, is not closed again.
            Ok(_) | Err(Trouble::Refused(_)) => Ok(()),
            Err(trouble) => Err(Undone::from(trouble).into()),
        }
    }

    async fn refund(&self, request: RefundRequest) -> Result<GivenBack, PaymentsError> {
        let payment = PaymentId::parse(&request.payment).map_err(refused)?;
        let call = calls::create_refund(&request.key, &payment, (!request.whole).then_some(request.amount));
        let among = calls::refunds_of(&payment);
        let operation = Operation { name: request.key, call, among: among.clone(), no_is_final: false };
        let refund: Refund = match self.outbox.perform(&operation).await {
            // Somebody has given it back in Stripe's own pages.
            Err(Undone::Refused(no)) if no.code == "charge_already_refunded" => {
                let refunds: List<Refund> = self.read(&among).await?;
                let same = |refund: &Refund| refund.holds() && refund.amount == request.amount.minor;
                let made = refunds.data.into_iter().find(same);
                return made
                    .map(|refund| GivenBack { reference: refund.id.to_string() })
                    .ok_or_else(|| refused("It has been given back already, in other parts."));
            }
            Err(Undone::Refused(no)) => return Err(PaymentsError::Refused(no.message)),
            outcome => outcome?,
        };
        if refund.payment() != Some(&payment) || refund.amount != request.amount.minor {
            // It may have been made all the same, so that it is asked about again and not taken back.
            return Err(unclear(another("refund").to_string()));
        }
        if refund.holds() {
            return Ok(GivenBack { reference: refund.id.to_string() });
        }
        Err(PaymentsError::Refused(format!("The refund {} is {:?}.", refund.id, refund.status.unwrap_or_default())))
    }

    fn read_event(&self, body: &[u8], header: &str, now: Timestamp) -> Result<RailEvent, PaymentsError> {
        self.open(body, header, now, Source::Account)
    }

    fn read_connect_event(&self, body: &[u8], header: &str, now: Timestamp) -> Result<RailEvent, PaymentsError> {
        self.open(body, header, now, Source::Connect)
    }

    async fn charge(&self, request: ChargeRequest) -> Result<Charged, ChargeError> {
        let (name, order) = (format!("charge:{}", request.key), request.order.to_string());
        // What was begun is sent as it was, whatever is preferred or gone meanwhile.
        let charging = match self.begun(&name).await? {
            None => self.charging(request.of, request.earlier_payment.as_deref()).await?,
            begun => begun,
        };
        let Charging { customer, method } = charging.ok_or_else(ChargeError::no_method)?;
        let call = calls::create_payment(NewPayment {
            operation: &name,
            order: &order,
            customer: &customer,
            method: &method,
            amount: request.amount,
            description: &request.description,
        });
        let among = calls::payments_of(&customer);
        let operation = Operation { name: name.clone(), call, among, no_is_final: true };
        let payment: Payment = match self.outbox.perform(&operation).await {
            Err(Undone::Refused(no)) if no.kind == "card_error" => return Err(ChargeError::Declined(no.message)),
            Err(undone) => return Err(PaymentsError::from(undone).into()),
            Ok(payment) => payment,
        };
        if !payment.asks_for(request.amount) || payment.customer() != Some(&customer) {
            return Err(another("payment").into());
        }
        match payment.status.as_str() {
            "succeeded" => {
                // The list among which a lost answer was found does not say what Stripe keeps.
                let whole = payment.latest_charge.as_ref().is_some_and(|charge| charge.object().is_some());
                let payment = if whole { payment } else { self.read(&calls::payment(&payment.id)).await? };
                let Paid { amount, method, fee_minor } = taken(&payment)?;
                if amount != request.amount {
                    return Err(another("amount").into());
                }
                Ok(Charged { reference: payment.id.to_string(), method, fee_minor })
            }
            "processing" => Err(PaymentsError::Unavailable(format!("{} is under way", payment.id)).into()),
            _ => {
                let why = payment.last_payment_error.and_then(|error| error.message);
                Err(ChargeError::Declined(why.unwrap_or_else(|| "It has to be confirmed by its owner.".to_owned())))
            }
        }
    }

    async fn look(&self, kind: &str, object: &str) -> Result<RailEventContent, PaymentsError> {
        if kind.starts_with("checkout.session.") {
            let id = SessionId::parse(object).map_err(refused)?;
            let session: Session = self.read(&calls::session(&id)).await?;
            if session.id != id {
                return Err(another("payment page"));
            }
            return Self::visit(session);
        }
        if kind.starts_with("charge.dispute.") {
            return self.disputed(&DisputeId::parse(object).map_err(refused)?).await;
        }
        let payment = if kind == "charge.refunded" {
            let id = ChargeId::parse(object).map_err(refused)?;
            let charge: Charge = self.read(&calls::charge(&id)).await?;
            charge.payment().cloned()
        } else if matches!(kind, "charge.refund.updated" | "refund.updated" | "refund.failed") {
            let id = RefundId::parse(object).map_err(refused)?;
            let refund: Refund = self.read(&calls::refund(&id)).await?;
            refund.payment().cloned()
        } else {
            None
        };
        match payment {
            Some(payment) => self.given_back(&payment).await,
            None => Ok(RailEventContent::Other),
        }
    }

    async fn events_since(&self, since: Timestamp) -> Result<Vec<RailEvent>, PaymentsError> {
        let mut events = Vec::new();
        let mut after: Option<EventId> = None;
        for _ in 0..PAGES {
            let list: List<Event> = self.read(&calls::events_since(since.seconds(), &KINDS, after.as_ref())).await?;
            after = list.data.last().map(|event| event.id.clone());
            events.extend(list.data.into_iter().map(|event| self.rail_event(event, Source::Account, None)));
            if !list.has_more || after.is_none() {
                break;
            }
        }
        // As they happened: Stripe lists the newest first.
        events.reverse();
        Ok(events)
    }

    async fn movements(&self, from: Timestamp, until: Timestamp) -> Result<Option<Vec<Movement>>, PaymentsError> {
        let (from, until) = (from.seconds(), until.seconds());
        let mut all = Vec::new();
        let payments = self.every(|after| calls::payments_between(from, until, after), |one: &Payment| one.id.clone());
        for payment in payments.await?.into_iter().filter(|payment| payment.status == "succeeded") {
            let amount = Money::new(payment.amount_received, known_currency(&payment.currency, &payment.id)?);
            all.push(Movement { kind: MovementKind::Payment, reference: payment.id.to_string(), amount });
        }
        let refunds = self.every(|after| calls::refunds_between(from, until, after), |one: &Refund| one.id.clone());
        for refund in refunds.await?.into_iter().filter(Refund::holds) {
            let amount = Money::new(refund.amount, known_currency(&refund.currency, &refund.id)?);
            all.push(Movement { kind: MovementKind::Refund, reference: refund.id.to_string(), amount });
        }
        let transfers =
            self.every(|after| calls::transfers_between(from, until, after), |one: &Transfer| one.id.clone());
        for transfer in transfers.await? {
            let amount = Money::new(transfer.amount, known_currency(&transfer.currency, &transfer.id)?);
            all.push(Movement { kind: MovementKind::Payout, reference: transfer.id.to_string(), amount });
            if transfer.amount_reversed == 0 {
                continue;
            }
            let taken_back: List<Reversal> = self.read(&calls::reversals_of(&transfer.id)).await?;
            for reversal in taken_back.data {
                let amount = Money::new(reversal.amount, amount.currency);
                all.push(Movement { kind: MovementKind::Reversal, reference: reversal.id.to_string(), amount });
            }
        }
        Ok(Some(all))
    }

    async fn methods(&self, of: OrganizationId) -> Result<Vec<SavedMethod>, PaymentsError> {
        let Some(customer) = self.known_customer(of).await? else { return Ok(Vec::new()) };
        let list: List<Method> = self.read(&calls::methods_of(&customer)).await?;
        let known: Customer = self.read(&calls::customer(&customer)).await?;
        let saved = |Method { id, details }: Method| {
            let card = details.card;
            SavedMethod {
                is_default: known.preferred() == Some(&id),
                id: id.to_string(),
                kind: details.r#type,
                brand: card.as_ref().and_then(|card| card.brand.clone()),
                last4: card.as_ref().and_then(|card| card.last4.clone()),
                exp_month: card.as_ref().and_then(|card| card.exp_month),
                exp_year: card.as_ref().and_then(|card| card.exp_year),
            }
        };
        Ok(list.data.into_iter().map(saved).collect())
    }

    async fn open_saving(&self, request: SavingRequest) -> Result<OpenedCheckout, PaymentsError> {
        let customer = self.customer(request.tenant, request.email.as_str()).await?;
        let name = format!("saving:{}", request.key);
        let call = calls::create_saving(&name, &customer, &request.success_url, &request.cancel_url);
        // Nothing moves: another page for a second click harms nobody.
        let answer = self.outbox.client.send(&call, Some(&name)).await.and_then(|answer| answer.read());
        let session: Session = answer.map_err(|trouble| PaymentsError::from(Undone::from(trouble)))?;
        let url = session.url.ok_or_else(|| PaymentsError::Refused("the page has closed".to_owned()))?;
        Ok(OpenedCheckout { session: session.id.to_string(), url })
    }

    fn has_portal(&self) -> Option<&'static str> {
        Some("Stripe")
    }

    async fn open_portal(&self, request: PortalRequest) -> Result<String, PaymentsError> {
        let configuration = self.portal_configuration().await?;
        let customer = self.customer(request.tenant, request.email.as_str()).await?;
        // Nothing moves, and each way there holds for minutes: none is kept.
        let call = calls::open_portal(&customer, &configuration, &request.return_url);
        let answer = self.outbox.client.send(&call, None).await.and_then(|answer| answer.read());
        let session: PortalSession = answer.map_err(|trouble| PaymentsError::from(Undone::from(trouble)))?;
        if session.customer != customer || *session.configuration() != configuration {
            return Err(another("buyer's pages"));
        }
        Ok(session.url)
    }

    async fn prefer_method(&self, of: OrganizationId, id: &str) -> Result<(), PaymentsError> {
        let found = self.method(of, id).await?;
        let (customer, method) = found.ok_or_else(|| PaymentsError::Refused(format!("there is no {id:?}")))?;
        let sent = self.outbox.client.send(&calls::prefer_method(&customer, &method), None).await;
        sent.map(|_| ()).map_err(|trouble| PaymentsError::from(Undone::from(trouble)))
    }

    async fn forget_method(&self, of: OrganizationId, id: &str) -> Result<(), PaymentsError> {
        let Some((_, method)) = self.method(of, id).await? else { return Ok(()) };
        let sent = self.outbox.client.send(&calls::forget_method(&method), None).await;
        sent.map(|_| ()).map_err(|trouble| PaymentsError::from(Undone::from(trouble)))
    }
}
