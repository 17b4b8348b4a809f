//! A Stripe for tests: customers, payment pages, payments, refunds and events, with keys that make requests happen
//! once, and with the faults of a network.
//!
//! Every request that comes and every answer that goes is held against Stripe's document; what does not fit is in
//! [`SimulatedStripe::problems`]. Its objects begin as Stripe's own examples.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::Response;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::document::{Document, nested};

/// What goes wrong with the next request that writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is done, and the answer is lost on the way.
    LostAnswer,
    /// It is not done, and the connection breaks.
    LostRequest,
    /// It is not done: 429.
    TooMany,
    /// It is not done: 409, another request of the key is under way.
    Conflict,
    /// It is done, and answered 500, which the key then keeps.
    KeptErrorAfter,
    /// It is not done, and answered 500, which the key then keeps.
    KeptErrorBefore,
    /// The key is not accepted: 401.
    WrongKey,
    /// It is done, and the answer is about another object.
    AnotherAnswer,
}

/// A request that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// `POST /v1/refunds`.
    pub operation: String,
    /// The form, or the question.
    pub content: String,
    /// The key.
    pub key: Option<String>,
    /// The version that was asked for.
    pub version: String,
}

/// The simulator; it ends with this.
#[derive(Debug)]
pub struct SimulatedStripe {
    /// Where it listens.
    pub address: SocketAddr,
    world: Arc<Mutex<World>>,
    server: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct World {
    now: i64,
    made: u64,
    objects: BTreeMap<String, Value>,
    events: Vec<Value>,
    /// What a key was used for and answered with.
    keys: HashMap<String, (String, u16, Value)>,
    faults: VecDeque<Fault>,
    received: Vec<Received>,
    problems: Vec<String>,
    /// How many lists are asked for before the balance says what is kept of a payment.
    slow_balance: bool,
    /// What can be transferred, in any currency.
    balance: i64,
    /// Providers' accounts that have paid everything out to a bank.
    emptied: BTreeSet<String>,
}

impl SimulatedStripe {
    /// Serves on a free port of this machine; its clock stands at `now`, seconds since 1970.
    pub async fn start(now: i64) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let world = Arc::new(Mutex::new(World { now, ..World::default() }));
        let router = Router::new().fallback(answer).with_state(world.clone());
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Self { address, world, server }
    }

    /// Returns where it is, as `stripe.api_base` wants it.
    pub fn base(&self) -> String {
        format!("http://{}/", self.address)
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// Sets the clock.
    pub fn set_now(&self, now: i64) {
        self.world().now = now;
    }

    /// Forgets the keys, as Stripe does after a day.
    pub fn forget_keys(&self) {
        self.world().keys.clear();
    }

    /// Has something go wrong with the next request that writes; several go wrong one after the other.
    pub fn fail_next(&self, fault: Fault) {
        self.world().faults.push_back(fault);
    }

    /// Has it not say what it keeps of payments, or say so again.
    pub fn withhold_balance(&self, withheld: bool) {
        self.world().slow_balance = withheld;
    }

    /// Returns what does not fit the document.
    pub fn problems(&self) -> Vec<String> {
        self.world().problems.clone()
    }

    /// Returns the requests that came.
    pub fn received(&self) -> Vec<Received> {
        self.world().received.clone()
    }

    /// Returns the objects of a kind, `refund`.
    pub fn objects(&self, kind: &str) -> Vec<Value> {
        self.world().objects.values().filter(|object| object["object"] == kind).cloned().collect()
    }

    /// Changes an object behind everybody's back.
    pub fn change(&self, id: &str, change: impl FnOnce(&mut Value)) {
        change(self.world().objects.get_mut(id).unwrap());
    }

    /// Pays on a payment page with a card: `4242…` always works, `…0341` only while its owner is there, `…0002` never.
    /// Says whether it is paid.
    pub fn pay(&self, session: &str, card: &str) -> bool {
        let mut world = self.world();
        let open = world
            .objects
            .get(session)
            .is_some_and(|visit| visit["status"] == "open" && visit["expires_at"].as_i64() > Some(world.now));
        if !open || card.ends_with("0002") {
            return false;
        }
        let visit = world.objects[session].clone();
        let method = world.method(visit["customer"].as_str().unwrap(), card);
        let payment = world.pay(
            &visit["payment_intent_data"],
            &visit["customer"],
            &visit["amount_total"],
            &visit["currency"],
            &method,
        );
        let visit = world.objects.get_mut(session).unwrap();
        visit["status"] = json!("complete");
        visit["payment_status"] = json!("paid");
        visit["url"] = Value::Null;
        visit["payment_intent"] = payment["id"].clone();
        let done = visit.clone();
        world.happened("checkout.session.completed", &done);
        true
    }

    /// Saves a card on a page for that.
    pub fn save(&self, session: &str, card: &str) {
        let mut world = self.world();
        let customer = world.objects[session]["customer"].as_str().unwrap().to_owned();
        world.method(&customer, card);
        let visit = world.objects.get_mut(session).unwrap();
        visit["status"] = json!("complete");
        visit["url"] = Value::Null;
        let done = visit.clone();
        world.happened("checkout.session.completed", &done);
    }

    /// Completes a visit with something that takes days.
    pub fn pay_slowly(&self, session: &str) {
        let mut world = self.world();
        let visit = world.objects[session].clone();
        let method = world.method(visit["customer"].as_str().unwrap(), "4242424242424242");
        let payment = world.pay(
            &visit["payment_intent_data"],
            &visit["customer"],
            &visit["amount_total"],
            &visit["currency"],
            &method,
        );
        let id = payment["id"].as_str().unwrap().to_owned();
        let payment = world.objects.get_mut(&id).unwrap();
        payment["status"] = json!("processing");
        payment["amount_received"] = json!(0);
        let visit = world.objects.get_mut(session).unwrap();
        visit["status"] = json!("complete");
        visit["payment_status"] = json!("unpaid");
        visit["payment_intent"] = json!(id);
        let done = visit.clone();
        world.happened("checkout.session.completed", &done);
    }

    /// Says how a visit ended that took days.
    pub fn settle(&self, session: &str, paid: bool) {
        let mut world = self.world();
        let id = world.objects[session]["payment_intent"].as_str().unwrap().to_owned();
        let payment = world.objects.get_mut(&id).unwrap();
        payment["status"] = json!(if paid { "succeeded" } else { "requires_payment_method" });
        payment["amount_received"] = if paid { payment["amount"].clone() } else { json!(0) };
        let visit = world.objects.get_mut(session).unwrap();
        visit["payment_status"] = json!(if paid { "paid" } else { "unpaid" });
        let visit = visit.clone();
        world.happened(
            if paid { "checkout.session.async_payment_succeeded" } else { "checkout.session.async_payment_failed" },
            &visit,
        );
    }

    /// Says what can be transferred to providers.
    pub fn set_balance(&self, minor: i64) {
        self.world().balance = minor;
    }

    /// Pays everything that an account has out to its bank, so that nothing is taken back from it any more.
    pub fn empty_account(&self, account: &str) {
        self.world().emptied.insert(account.to_owned());
    }

    /// Has a provider tell Stripe everything that it wants to know.
    pub fn finish_account(&self, account: &str) {
        self.change(account, |account| {
            account["capabilities"]["transfers"] = json!("active");
            account["payouts_enabled"] = json!(true);
            account["requirements"]["currently_due"] = json!([]);
            account["requirements"]["past_due"] = json!([]);
            account["requirements"]["disabled_reason"] = Value::Null;
        });
    }

    /// Gives a payment back in Stripe's own pages.
    pub fn refund_by_hand(&self, payment: &str) {
        self.world().refund(payment, None, &Value::Null).unwrap();
    }

    /// Gives a part of a payment back in Stripe's own pages.
    pub fn refund_part_by_hand(&self, payment: &str, minor: i64) {
        self.world().refund(payment, Some(minor), &Value::Null).unwrap();
    }

    /// Has a bank not take a refund: its money is with us again.
    pub fn fail_refund(&self, refund: &str) {
        let mut world = self.world();
        let amount = world.objects[refund]["amount"].as_i64().unwrap();
        let charge = world.objects[refund]["charge"].as_str().unwrap().to_owned();
        let held = world.objects.get_mut(&charge).unwrap();
        held["amount_refunded"] = json!(held["amount_refunded"].as_i64().unwrap() - amount);
        held["refunded"] = json!(false);
        let currency = held["currency"].clone();
        world.movement(amount, 0, &currency, refund);
        let failed = world.objects.get_mut(refund).unwrap();
        failed["status"] = json!("failed");
        let failed = failed.clone();
        world.happened("refund.updated", &failed);
        world.happened("refund.failed", &failed);
    }

    /// Returns what Stripe holds for us: all that has moved, less what it kept.
    pub fn held(&self) -> i64 {
        self.objects("balance_transaction").iter().map(|movement| movement["net"].as_i64().unwrap()).sum()
    }

    /// Has a buyer's bank dispute a payment, and take its money; returns the dispute.
    pub fn dispute(&self, payment: &str) -> String {
        let mut world = self.world();
        let charge = world.objects[payment]["latest_charge"].clone();
        let (amount, currency) = (world.objects[payment]["amount"].clone(), world.objects[payment]["currency"].clone());
        let id = world.id("dp_");
        let taken = world.movement(-amount.as_i64().unwrap(), 1500, &currency, &id);
        let mut dispute = example("dispute");
        set(
            &mut dispute,
            json!({"id": id, "amount": amount, "currency": currency, "charge": charge, "payment_intent": payment,
            "status": "needs_response", "reason": "fraudulent", "balance_transactions": [taken], "created": world.now,
            "is_charge_refundable": false, "payment_method_details": null}),
        );
        dispute["evidence_details"]["due_by"] = json!(world.now + 7 * 24 * 3600);
        let dispute = world.keep(dispute);
        world.happened("charge.dispute.created", &dispute);
        world.happened("charge.dispute.funds_withdrawn", &dispute);
        id
    }

    /// Has the bank decide a dispute; where it decides for us, the money comes back.
    pub fn decide_dispute(&self, dispute: &str, won: bool) {
        let mut world = self.world();
        let (amount, currency) = (world.objects[dispute]["amount"].clone(), world.objects[dispute]["currency"].clone());
        let back = won.then(|| world.movement(amount.as_i64().unwrap(), 0, &currency, dispute));
        let held = world.objects.get_mut(dispute).unwrap();
        held["status"] = json!(if won { "won" } else { "lost" });
        held["balance_transactions"].as_array_mut().unwrap().extend(back);
        let held = held.clone();
        if won {
            world.happened("charge.dispute.funds_reinstated", &held);
        }
        world.happened("charge.dispute.closed", &held);
    }

    /// Returns the events since a number of them, each as the body of a webhook.
    pub fn events_after(&self, known: usize) -> Vec<Vec<u8>> {
        self.world().events.iter().skip(known).map(|event| serde_json::to_vec(event).unwrap()).collect()
    }
}

impl Drop for SimulatedStripe {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn example(kind: &str) -> Value {
    let examples: Value = serde_json::from_str(include_str!("../../data/stripe/objects.json")).unwrap();
    examples[kind].clone()
}

/// Sets fields of an object.
fn set(object: &mut Value, fields: Value) {
    let Value::Object(fields) = fields else { return };
    for (name, value) in fields {
        object[&name] = value;
    }
}

type Refused = (u16, &'static str, &'static str, String);

impl World {
    fn id(&mut self, prefix: &str) -> String {
        self.made += 1;
        format!("{prefix}{:06}", self.made)
    }

    fn keep(&mut self, object: Value) -> Value {
        self.objects.insert(object["id"].as_str().unwrap().to_owned(), object.clone());
        object
    }

    fn happened(&mut self, kind: &str, object: &Value) {
        let mut event = example("event");
        let mut object = object.clone();
        object.as_object_mut().unwrap().remove("payment_intent_data");
        let id = self.id("evt_");
        set(
            &mut event,
            json!({"id": id, "type": kind, "created": self.now, "livemode": false, "data": {"object": object},
            "pending_webhooks": 1, "api_version": "2026-09-30.endive"}),
        );
        self.problems.extend(Document::get().problems_of_object("event", &event));
        self.events.push(event);
    }

    fn method(&mut self, customer: &str, card: &str) -> Value {
        let digits: String = card.chars().filter(char::is_ascii_digit).collect();
        let mut method = example("payment_method");
        let id = self.id("pm_");
        set(&mut method, json!({"id": id, "customer": customer, "created": self.now, "metadata": {}}));
        method["card"]["last4"] = json!(digits[digits.len() - 4..]);
        method["card"]["wallet"] = Value::Null;
        method["card"]["generated_from"] = Value::Null;
        self.keep(method)
    }

    /// Makes a payment that has succeeded.
    fn pay(&mut self, data: &Value, customer: &Value, amount: &Value, currency: &Value, method: &Value) -> Value {
        let (payment_id, charge_id) = (self.id("pi_"), self.id("ch_"));
        let minor = amount.as_i64().unwrap();
        let balance = self.movement(minor, (minor * 29 + 500) / 1000 + 30, currency, &charge_id);
        let mut charge = example("charge");
        set(
            &mut charge,
            json!({"id": charge_id, "amount": amount, "amount_captured": amount, "amount_refunded": 0, "refunded": false,
            "captured": true, "currency": currency, "customer": customer, "payment_intent": payment_id, "created": self.now,
            "payment_method": method["id"], "balance_transaction": balance["id"], "metadata": {}, "refunds": null, "shipping": null, "source": null,
                "transfer_data": null,
            "transfer_group": data["transfer_group"],
            "payment_method_details": {"type": "card", "card": {"brand": "visa", "last4": method["card"]["last4"]}}}),
        );
        let charge = self.keep(charge);
        let mut payment = example("payment_intent");
        set(
            &mut payment,
            json!({"id": payment_id, "amount": amount, "amount_received": amount, "currency": currency,
            "customer": customer, "payment_method": method["id"], "status": "succeeded", "latest_charge": charge_id,
            "metadata": data["metadata"], "description": data["description"], "transfer_group": data["transfer_group"],
            "created": self.now, "canceled_at": null, "last_payment_error": null, "next_action": null, "processing": null,
            "shipping": null, "transfer_data": null}),
        );
        let payment = self.keep(payment);
        self.happened("charge.succeeded", &charge);
        self.happened("payment_intent.succeeded", &payment);
        payment
    }

    /// Makes what something does to our balance.
    fn movement(&mut self, amount: i64, fee: i64, currency: &Value, source: &str) -> Value {
        let id = self.id("txn_");
        let mut movement = example("balance_transaction");
        set(
            &mut movement,
            json!({"id": id, "amount": amount, "currency": currency, "fee": fee, "net": amount - fee, "source": source,
            "created": self.now}),
        );
        self.keep(movement)
    }

    fn refund(&mut self, payment: &str, amount: Option<i64>, metadata: &Value) -> Result<Value, Refused> {
        let missing =
            || (404, "invalid_request_error", "resource_missing", format!("No such payment_intent: '{payment}'"));
        let charge =
            self.objects.get(payment).ok_or_else(missing)?["latest_charge"].as_str().unwrap_or_default().to_owned();
        let held = self.objects.get_mut(&charge).ok_or_else(missing)?;
        let left = held["amount"].as_i64().unwrap() - held["amount_refunded"].as_i64().unwrap();
        if left == 0 {
            return Err((
                400,
                "invalid_request_error",
                "charge_already_refunded",
                format!("Charge {charge} has already been refunded."),
            ));
        }
        let amount = amount.unwrap_or(left);
        if amount > left || amount <= 0 {
            let text = format!("Refund amount ({amount}) is greater than unrefunded amount on charge ({left})");
            return Err((400, "invalid_request_error", "", text));
        }
        held["amount_refunded"] = json!(held["amount_refunded"].as_i64().unwrap() + amount);
        held["refunded"] = json!(amount == left);
        let held = held.clone();
        let mut refund = example("refund");
        let id = self.id("re_");
        let metadata = if metadata.is_null() { json!({}) } else { metadata.clone() };
        set(
            &mut refund,
            json!({"id": id, "amount": amount, "currency": held["currency"], "charge": charge, "payment_intent": payment,
            "status": "succeeded", "metadata": metadata, "created": self.now}),
        );
        self.movement(-amount, 0, &held["currency"], &id);
        let refund = self.keep(refund);
        self.happened("charge.refunded", &held);
        self.happened("refund.updated", &refund);
        Ok(refund)
    }

    /// Does what a request asks for.
    fn act(&mut self, operation: &str, id: &str, asked: &Map<String, Value>) -> Result<Value, Refused> {
        let text = |name: &str| asked.get(name).cloned().unwrap_or(Value::Null);
        // A list is of one owner, or of some time, or of both.
        let seconds = |bound: &str| text("created")[bound].as_str().and_then(|text| text.parse::<i64>().ok());
        let (since, until) = (seconds("gte").unwrap_or(i64::MIN), seconds("lte").unwrap_or(i64::MAX));
        let asks = |name: &str, object: &Value| {
            let when = object["created"].as_i64().unwrap_or_default();
            asked.get(name).is_none_or(|wanted| object[name] == *wanted) && (since..=until).contains(&when)
        };
        let labels = match text("metadata") {
            Value::Null => json!({}),
            labels => labels,
        };
        let number = |name: &str| asked.get(name).and_then(Value::as_str).and_then(|text| text.parse::<i64>().ok());
        match operation {
            "POST /v1/customers" => {
                let mut customer = example("customer");
                let id = self.id("cus_");
                set(
                    &mut customer,
                    json!({"id": id, "email": text("email"), "metadata": labels, "created": self.now, "discount": null,
                    "shipping": null, "currency": null}),
                );
                Ok(self.keep(customer))
            }
            "POST /v1/customers/{customer}" => {
                self.found(id)?;
                let preferred = asked["invoice_settings"]["default_payment_method"].clone();
                let customer = self.objects.get_mut(id).unwrap();
                customer["invoice_settings"]["default_payment_method"] = preferred;
                Ok(customer.clone())
            }
            "POST /v1/payment_methods/{payment_method}/detach" => {
                let method = self.found(id)?;
                for object in self.objects.values_mut() {
                    if object["object"] == "customer" && object["invoice_settings"]["default_payment_method"] == *id {
                        object["invoice_settings"]["default_payment_method"] = Value::Null;
                    }
                }
                let detached = self.objects.get_mut(id).unwrap();
                detached["customer"] = Value::Null;
                let _ = method;
                Ok(detached.clone())
            }
            "POST /v1/checkout/sessions" if text("mode") == "setup" => {
                self.found(text("customer").as_str().unwrap_or_default())?;
                let mut session = example("checkout.session");
                let id = self.id("cs_test_");
                set(
                    &mut session,
                    json!({"id": id, "mode": "setup", "status": "open", "payment_status": "no_payment_required",
                    "customer": text("customer"), "client_reference_id": null, "metadata": labels, "amount_total": null,
                    "amount_subtotal": null, "currency": null, "success_url": text("success_url"),
                    "cancel_url": text("cancel_url"), "created": self.now, "expires_at": self.now + 86400,
                    "url": format!("https://checkout.stripe.com/c/pay/{id}"), "after_expiration": null, "consent": null,
                    "consent_collection": null, "customer_details": null, "invoice_creation": null, "payment_intent": null,
                    "shipping_cost": null, "total_details": null, "shipping_address_collection": null}),
                );
                Ok(self.keep(session))
            }
            "POST /v1/checkout/sessions" => {
                let expires = number("expires_at").unwrap_or_default() - self.now;
                if !(1800..=86400).contains(&expires) {
                    let text = "The `expires_at` timestamp must be between 30 minutes and 24 hours from now.";
                    return Err((400, "invalid_request_error", "", text.to_owned()));
                }
                if !self.objects.contains_key(text("customer").as_str().unwrap_or_default()) {
                    return Err((400, "invalid_request_error", "resource_missing", "No such customer".to_owned()));
                }
                let line = &asked["line_items"]["0"];
                let amount: i64 = line["price_data"]["unit_amount"].as_str().unwrap().parse().unwrap();
                let mut session = example("checkout.session");
                let id = self.id("cs_test_");
                set(
                    &mut session,
                    json!({"id": id, "mode": "payment", "status": "open", "payment_status": "unpaid",
                    "customer": text("customer"), "client_reference_id": text("client_reference_id"), "metadata": labels,
                    "amount_total": amount, "amount_subtotal": amount, "currency": line["price_data"]["currency"],
                    "success_url": text("success_url"), "cancel_url": text("cancel_url"), "created": self.now,
                    "expires_at": number("expires_at"), "url": format!("https://checkout.stripe.com/c/pay/{id}"),
                    "payment_intent_data": text("payment_intent_data"), "after_expiration": null, "consent": null,
                    "consent_collection": null, "customer_details": null, "invoice_creation": null, "payment_intent": null,
                    "shipping_cost": null, "total_details": null, "shipping_address_collection": null}),
                );
                Ok(self.keep(session))
            }
            "POST /v1/checkout/sessions/{session}/expire" => {
                let session = self.found(id)?;
                if session["status"] != "open" {
                    let text = "Only Checkout Sessions with a status in [\"open\"] can be expired.";
                    return Err((400, "invalid_request_error", "", text.to_owned()));
                }
                let session = self.objects.get_mut(id).unwrap();
                session["status"] = json!("expired");
                session["url"] = Value::Null;
                let session = session.clone();
                self.happened("checkout.session.expired", &session);
                Ok(session)
            }
            "POST /v1/payment_intents" => {
                let wanted = text("payment_method");
                // Stripe's own name for a card that works.
                let method = if wanted == "pm_card_visa" {
                    self.method(text("customer").as_str().unwrap_or_default(), "4242424242424242")
                } else {
                    self.found(wanted.as_str().unwrap_or_default())?
                };
                if method["customer"] != text("customer") {
                    return Err((
                        400,
                        "invalid_request_error",
                        "",
                        "The payment method belongs to another customer.".to_owned(),
                    ));
                }
                if method["card"]["last4"] == "0341" {
                    return Err((402, "card_error", "card_declined", "Your card was declined.".to_owned()));
                }
                let data = json!({"metadata": labels, "description": text("description"), "transfer_group": text("transfer_group")});
                let amount = json!(number("amount"));
                Ok(self.pay(&data, &text("customer"), &amount, &text("currency"), &method))
            }
            "POST /v1/refunds" => {
                let payment = text("payment_intent");
                self.refund(payment.as_str().unwrap_or_default(), number("amount"), &labels)
            }
            "POST /v1/accounts" => {
                let mut account = example("account");
                let id = self.id("acct_");
                set(
                    &mut account,
                    json!({"id": id, "email": text("email"), "metadata": labels, "created": self.now,
                    "capabilities": {"transfers": "inactive"}, "charges_enabled": false, "payouts_enabled": false}),
                );
                account["requirements"]["currently_due"] = json!(["external_account", "tos_acceptance.date"]);
                Ok(self.keep(account))
            }
            "POST /v1/billing_portal/configurations" => {
                let mut configuration = example("billing_portal.configuration");
                let id = self.id("bpc_");
                set(
                    &mut configuration,
                    json!({"id": id, "active": true, "is_default": false, "livemode": false, "metadata": labels,
                    "name": text("name"), "created": self.now, "updated": self.now}),
                );
                for (feature, asked) in text("features").as_object().into_iter().flatten() {
                    configuration["features"][feature]["enabled"] = json!(asked["enabled"] == "true");
                }
                Ok(self.keep(configuration))
            }
            "GET /v1/billing_portal/configurations" => Ok(self.list("billing_portal.configuration", |_| true)),
            "POST /v1/billing_portal/sessions" => {
                let customer = self.found(text("customer").as_str().unwrap_or_default())?;
                let configuration = self.found(text("configuration").as_str().unwrap_or_default())?;
                if configuration["active"] != true {
                    let text = "The portal configuration is not active.";
                    return Err((400, "invalid_request_error", "", text.to_owned()));
                }
                let mut session = example("billing_portal.session");
                let id = self.id("bps_");
                set(
                    &mut session,
                    json!({"id": id, "customer": customer["id"], "configuration": configuration["id"], "flow": null,
                    "livemode": false, "created": self.now, "return_url": text("return_url"),
                    "url": format!("https://billing.stripe.com/p/session/{id}")}),
                );
                Ok(session)
            }
            "POST /v1/account_links" => {
                let account = self.found(text("account").as_str().unwrap_or_default())?;
                let id = self.id("");
                let url = format!("https://connect.stripe.com/setup/e/{}/{id}", account["id"].as_str().unwrap());
                Ok(json!({"object": "account_link", "created": self.now, "expires_at": self.now + 300, "url": url}))
            }
            "POST /v1/accounts/{account}/login_links" => {
                let account = self.found(id)?;
                if account["capabilities"]["transfers"] != "active" {
                    let text = "Cannot create a login link for an account that has not completed onboarding.";
                    return Err((400, "invalid_request_error", "", text.to_owned()));
                }
                let number = self.id("");
                Ok(
                    json!({"object": "login_link", "created": self.now, "url": format!("https://connect.stripe.com/express/{number}")}),
                )
            }
            "POST /v1/transfers" => {
                let account = self.found(text("destination").as_str().unwrap_or_default())?;
                if account["capabilities"]["transfers"] != "active" {
                    let text = "Your destination account needs to have the transfers capability enabled.";
                    return Err((
                        400,
                        "invalid_request_error",
                        "insufficient_capabilities_for_transfer",
                        text.to_owned(),
                    ));
                }
                let amount = number("amount").unwrap_or_default();
                if amount > self.balance {
                    let text = "You have insufficient available funds in your Stripe account.";
                    return Err((400, "invalid_request_error", "balance_insufficient", text.to_owned()));
                }
                self.balance -= amount;
                let mut transfer = example("transfer");
                let id = self.id("tr_");
                self.movement(-amount, 0, &text("currency"), &id);
                set(
                    &mut transfer,
                    json!({"id": id, "amount": amount, "amount_reversed": 0, "currency": text("currency"),
                    "destination": text("destination"), "description": text("description"), "metadata": labels,
                    "created": self.now, "reversed": false, "source_transaction": null, "transfer_group": null,
                    "reversals": {"object": "list", "data": [], "has_more": false, "url": format!("/v1/transfers/{id}/reversals")}}),
                );
                Ok(self.keep(transfer))
            }
            "POST /v1/transfers/{id}/reversals" => {
                let transfer = self.found(id)?;
                let amount = number("amount").unwrap_or_default();
                let taken = transfer["amount_reversed"].as_i64().unwrap();
                if amount > transfer["amount"].as_i64().unwrap() - taken {
                    let text = format!("Reversal amount ({amount}) is greater than unreversed amount on transfer");
                    return Err((400, "invalid_request_error", "", text));
                }
                if transfer["destination"].as_str().is_some_and(|account| self.emptied.contains(account)) {
                    let text = "The destination account does not have a sufficient balance to reverse the transfer.";
                    return Err((400, "invalid_request_error", "balance_insufficient", text.to_owned()));
                }
                self.balance += amount;
                let mut reversal = example("transfer_reversal");
                let made = self.id("trr_");
                let movement = self.movement(amount, 0, &transfer["currency"], &made);
                set(
                    &mut reversal,
                    json!({"id": made, "amount": amount, "currency": transfer["currency"], "transfer": id,
                    "metadata": labels, "created": self.now, "balance_transaction": movement["id"],
                    "source_refund": null}),
                );
                let held = self.objects.get_mut(id).unwrap();
                held["amount_reversed"] = json!(taken + amount);
                held["reversed"] = json!(held["amount_reversed"] == held["amount"]);
                Ok(self.keep(reversal))
            }
            "GET /v1/transfers/{id}/reversals" => {
                Ok(self.list("transfer_reversal", |reversal| reversal["transfer"] == id))
            }
            "GET /v1/accounts" => Ok(self.list("account", |_| true)),
            "GET /v1/transfers" => Ok(self.list("transfer", |transfer| asks("destination", transfer))),
            "GET /v1/customers" => Ok(self.list("customer", |customer| customer["email"] == text("email"))),
            "GET /v1/checkout/sessions" => {
                Ok(self.list("checkout.session", |session| session["customer"] == text("customer")))
            }
            "GET /v1/payment_intents" => Ok(self.list("payment_intent", |payment| asks("customer", payment))),
            "GET /v1/refunds" => Ok(self.list("refund", |refund| asks("payment_intent", refund))),
            "GET /v1/customers/{customer}/payment_methods" => {
                Ok(self.list("payment_method", |method| method["customer"] == id))
            }
            "GET /v1/events" => {
                let since: i64 = text("created")["gte"].as_str().and_then(|text| text.parse().ok()).unwrap_or_default();
                let kinds: Vec<Value> =
                    text("types").as_object().into_iter().flatten().map(|(_, kind)| kind.clone()).collect();
                let wanted =
                    |event: &&Value| event["created"].as_i64() >= Some(since) && kinds.contains(&event["type"]);
                let mut data: Vec<Value> = self.events.iter().filter(wanted).rev().cloned().collect();
                if let Some(after) = asked.get("starting_after") {
                    let place = data.iter().position(|event| event["id"] == *after).map_or(0, |place| place + 1);
                    data.drain(..place);
                }
                // Three at a time, so that there always is a next page to turn to.
                let has_more = data.len() > 3;
                data.truncate(3);
                Ok(json!({"object": "list", "data": data, "has_more": has_more, "url": "/v1/events"}))
            }
            "GET /v1/account" => {
                let mut account = example("account");
                set(&mut account, json!({"charges_enabled": true, "payouts_enabled": true}));
                Ok(account)
            }
            reading if reading.starts_with("GET ") => self.found(id),
            other => Err((404, "invalid_request_error", "", format!("{other} is not simulated"))),
        }
    }

    fn found(&self, id: &str) -> Result<Value, Refused> {
        let missing = || (404, "invalid_request_error", "resource_missing", format!("No such object: '{id}'"));
        self.objects.get(id).cloned().ok_or_else(missing)
    }

    fn list(&self, kind: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let data: Vec<Value> =
            self.objects.values().filter(|object| object["object"] == kind && wanted(object)).rev().cloned().collect();
        json!({"object": "list", "data": data, "has_more": false, "url": "/v1/list"})
    }

    /// Puts objects where their ids are, as a request asked for, `payment_intent.latest_charge`.
    fn expand(&self, object: &mut Value, path: &str) {
        let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
        if first == "data" {
            for item in object["data"].as_array_mut().into_iter().flatten() {
                self.expand(item, rest.unwrap_or_default());
            }
            return;
        }
        let Some(place) = object.get_mut(first) else { return };
        if self.slow_balance && first == "balance_transaction" {
            *place = Value::Null;
        }
        if let Some(found) = place.as_str().and_then(|id| self.objects.get(id)) {
            *place = found.clone();
        }
        if let Some(rest) = rest {
            self.expand(place, rest);
        }
    }
}

fn refusal((status, kind, code, message): Refused) -> (u16, Value) {
    (status, json!({"error": {"type": kind, "code": code, "message": message}}))
}

async fn answer(
    State(world): State<Arc<Mutex<World>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut world = world.lock().unwrap();
    let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let (path, query) = (uri.path(), uri.query().unwrap_or_default());
    let body = String::from_utf8(body.to_vec()).unwrap();
    let document = Document::get();
    let name = document.operation(method.as_str(), path).map(|(name, _)| name);
    let writes = method == Method::POST;
    let content = if writes { body.clone() } else { query.to_owned() };
    let key = header("idempotency-key");
    let operation = name.unwrap_or_else(|| format!("{method} {path}"));
    world.received.push(Received {
        operation: operation.clone(),
        content: content.clone(),
        key: key.clone(),
        version: header("stripe-version").unwrap_or_default(),
    });
    let problems = document.problems_of_request(method.as_str(), path, query, &body);
    world.problems.extend(problems.iter().map(|problem| format!("{operation}: {problem}")));
    if header("authorization").is_none_or(|value| !value.starts_with("Bearer sk_test_")) {
        world.problems.push(format!("{operation}: no key"));
    }
    let fault = if writes { world.faults.pop_front() } else { None };
    match fault {
        Some(Fault::LostRequest) => return broken(),
        Some(Fault::TooMany) => {
            return told(
                429,
                &refusal((429, "invalid_request_error", "rate_limit", "Too many requests".to_owned())).1,
                false,
            );
        }
        Some(Fault::Conflict) => {
            return told(
                409,
                &refusal((
                    409,
                    "invalid_request_error",
                    "idempotency_key_in_use",
                    "Another request is in progress.".to_owned(),
                ))
                .1,
                false,
            );
        }
        Some(Fault::WrongKey) => {
            return told(401, &refusal((401, "invalid_request_error", "", "Invalid API Key".to_owned())).1, false);
        }
        _ => {}
    }
    if let Some((kept, status, said)) = key.as_ref().and_then(|key| world.keys.get(key)) {
        if *kept != format!("{path} {content}") {
            let text =
                "Keys for idempotent requests can only be used with the same parameters they were first used with.";
            return told(400, &refusal((400, "idempotency_error", "", text.to_owned())).1, false);
        }
        return told(*status, said, true);
    }
    let asked = nested(&content);
    // The id in the path, wherever it stands; of two the one that is asked about.
    let id = path.split('/').rfind(|part| {
        part.contains('_')
            && !["payment_intents", "payment_methods", "account_links", "login_links", "billing_portal"].contains(part)
    });
    let id = id.unwrap_or_default().to_owned();
    let (status, mut said) = match fault {
        Some(Fault::KeptErrorBefore) => refusal((500, "api_error", "", "An unknown error occurred".to_owned())),
        _ => match world.act(&operation, &id, &asked) {
            Ok(object) => (200, object),
            Err(refused) => refusal(refused),
        },
    };
    if status == 200 {
        for path in asked.get("expand").and_then(Value::as_object).into_iter().flatten() {
            world.expand(&mut said, path.1.as_str().unwrap());
        }
        if let Some(object) = said.as_object_mut() {
            object.remove("payment_intent_data");
        }
        for item in said["data"].as_array_mut().into_iter().flatten() {
            item.as_object_mut().unwrap().remove("payment_intent_data");
        }
        let problems = document.problems_of_answer(method.as_str(), path, &said);
        world.problems.extend(problems.iter().map(|problem| format!("the answer to {operation}: {problem}")));
    }
    let (status, mut said) = match fault {
        Some(Fault::KeptErrorAfter) => refusal((500, "api_error", "", "An unknown error occurred".to_owned())),
        _ => (status, said),
    };
    // What is not of the form, or not allowed, is not kept under the key.
    if let Some(key) = key.filter(|_| writes) {
        world.keys.insert(key, (format!("{path} {content}"), status, said.clone()));
    }
    match fault {
        Some(Fault::LostAnswer) => broken(),
        Some(Fault::AnotherAnswer) => {
            for name in ["client_reference_id", "amount", "payment_intent"] {
                if said.get(name).is_some() {
                    said[name] = if name == "amount" { json!(1) } else { json!("pi_another") };
                }
            }
            told(status, &said, false)
        }
        _ => told(status, &said, false),
    }
}

fn told(status: u16, said: &Value, replayed: bool) -> Response {
    let mut response = Response::builder()
        .status(StatusCode::from_u16(status).unwrap())
        .header("content-type", "application/json")
        .header("request-id", "req_simulated");
    if replayed {
        response = response.header("idempotent-replayed", "true");
    }
    response.body(Body::from(said.to_string())).unwrap()
}

/// An answer that breaks off.
fn broken() -> Response {
    let cut: Result<Bytes, std::io::Error> = Err(std::io::Error::other("the connection breaks"));
    Response::new(Body::from_stream(futures::stream::iter([Ok(Bytes::from_static(b"{\"id\": ")), cut])))
}
