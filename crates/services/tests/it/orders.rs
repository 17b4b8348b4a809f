//! Orders: buying, paying, switching, ending, and money that goes back.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bundling;
mod changing;
mod day;
mod deciding;
mod ledger;
mod machine;
mod payouts;
mod placing;
mod pricing;
mod provisioning;
mod reading;
mod refunding;
mod renewing;
mod simulating;
mod taking;

use domain::ledger::AccountCode;
use domain::state::{OrderState, SubscriptionState};
use domain::view::order::{NewOrder, OrderView, SubscriptionView};
use domain::view::provider::{OfferingForm, PlanForm};
use domain::view::{Page, Paging};
use domain::{Currency, Money, PlanId};
use serde_json::json;
use services::orders::{self, OrderFilter};
use services::subscriptions::{self, SubscriptionFilter};
use services::{Error, Result, provider};
use store::Scope;
use testkit::{Offered, Seller, TestCtx, on_every_ctx};

/// Someone who sells, and someone who buys.
#[derive(Debug)]
struct Shop {
    seller: Seller,
    offered: Offered,
    buyer: Seller,
}

impl Shop {
    async fn open(t: &TestCtx) -> Self {
        Self::with(t, |form| form).await
    }

    /// Opens a shop whose orders wait for the provider.
    async fn careful(t: &TestCtx) -> Self {
        Self::with(t, |form| OfferingForm { manual_approval: true, ..form }).await
    }

    async fn with(t: &TestCtx, change: impl Fn(OfferingForm) -> OfferingForm) -> Self {
        let seller = t.provider("seller@example.com").await;
        let offered = t.draft_offering(&seller, "Helper").await;
        let draft = provider::offering(&t.ctx, &seller.who, offered.offering).await.unwrap();
        provider::save_offering(&t.ctx, &seller.who, offered.offering, change(draft.form)).await.unwrap();
        t.list(&offered).await;
        t.run_jobs().await;
        let buyer = t.register("buyer@example.com").await;
        Self { seller, offered, buyer }
    }

    fn order(&self, plan: PlanId) -> NewOrder {
        NewOrder {
            organization_id: self.buyer.organization,
            project_id: None,
            offering_id: self.offered.offering,
            plan_id: Some(plan),
            name: String::new(),
            accept_terms: false,
        }
    }

    /// Orders the plan that costs $29.
    async fn buy(&self, t: &TestCtx) -> OrderView {
        orders::place(&t.ctx, &self.buyer.who, self.order(self.offered.plan)).await.unwrap()
    }

    /// Buys a plan to the end; returns what was bought.
    async fn bought(&self, t: &TestCtx, plan: PlanId) -> SubscriptionView {
        let order = orders::place(&t.ctx, &self.buyer.who, self.order(plan)).await.unwrap();
        if order.amount.minor > 0 {
            pay(t, &order, order.amount.minor).await;
        }
        t.run_jobs().await;
        self.subscription(t).await
    }

    /// Returns the order as its buyer sees it.
    async fn see(&self, t: &TestCtx, order: &OrderView) -> OrderView {
        orders::get(&t.ctx, &self.buyer.who, order.id).await.unwrap()
    }

    async fn subscriptions(&self, t: &TestCtx) -> Vec<SubscriptionView> {
        let filter = SubscriptionFilter::default();
        subscriptions::list(&t.ctx, &self.buyer.who, filter, Paging::clamped(1, 50)).await.unwrap().rows
    }

    /// Returns the only subscription.
    async fn subscription(&self, t: &TestCtx) -> SubscriptionView {
        let mut all = self.subscriptions(t).await;
        assert_eq!(all.len(), 1);
        all.remove(0)
    }

    /// Adds a plan.
    async fn plan(&self, t: &TestCtx, name: &str, price: Money) -> PlanId {
        let plan = PlanForm {
            id: None,
            name: name.to_owned(),
            description: String::new(),
            price,
            monthly_quota: None,
            requests_per_minute: None,
            terms: domain::pricing::Terms::default(),
            documents: None,
        };
        provider::save_plan(&t.ctx, &self.seller.who, self.offered.offering, plan).await.unwrap().id
    }
}

/// Returns the rail's id of the visit where an order is paid.
fn visit(order: &OrderView) -> String {
    order.checkout_url.as_deref().unwrap().rsplit('/').next().unwrap().to_owned()
}

/// Delivers an event of the rail.
async fn deliver(t: &TestCtx, event: serde_json::Value) {
    orders::receive_event(&t.ctx, "fake", event.to_string().as_bytes(), "good").await.unwrap();
}

/// Delivers the event of a payment; each visit has one, and one reference.
async fn pay(t: &TestCtx, order: &OrderView, minor: i64) {
    deliver(t, paid(&visit(order), minor)).await;
}

fn paid(visit: &str, minor: i64) -> serde_json::Value {
    json!({"id": format!("paid {visit}"), "kind": "paid", "session": visit, "reference": reference(visit), "amount": minor})
}

fn expired(visit: &str) -> serde_json::Value {
    json!({"id": format!("expired {visit}"), "kind": "expired", "session": visit})
}

fn reference(visit: &str) -> String {
    format!("payment of {visit}")
}

/// Runs jobs that failed again and again, until nothing waits or they gave up.
async fn insist(t: &TestCtx) {
    for _ in 0..16 {
        t.run_jobs().await;
        t.clock.advance_seconds(6 * 3600);
    }
    assert_eq!(waiting_jobs(t).await.0, 0);
}

/// Counts jobs: those that wait, and those that gave up.
async fn waiting_jobs(t: &TestCtx) -> (i64, i64) {
    let mut tx = t.ctx.store.read(Scope::System).await.unwrap();
    store::jobs::counts(&mut tx).await.unwrap()
}

/// Returns the balances that are not zero, as people read them; the books must be right.
async fn balances(t: &TestCtx) -> Vec<(AccountCode, i64)> {
    let operator = t.operator().await;
    let check = services::ledger::check(&t.ctx, &operator).await.unwrap();
    assert!(check.holds(), "{check:?}");
    let rows = services::ledger::balances(&t.ctx, &operator).await.unwrap();
    rows.into_iter().filter(|row| row.amount.minor != 0).map(|row| (row.account, row.amount.minor)).collect()
}

/// Lets days pass, and does what they bring.
async fn days_pass(t: &TestCtx, days: i64) {
    t.clock.advance_seconds(days * DAY);
    services::jobs::sweep(&t.ctx).await.unwrap();
    t.run_jobs().await;
}

async fn all_orders(t: &TestCtx, who: &Seller, filter: OrderFilter) -> Page<OrderView> {
    orders::list(&t.ctx, &who.who, filter, Paging::clamped(1, 50)).await.unwrap()
}

fn states(order: &OrderView) -> Vec<OrderState> {
    order.steps.iter().map(|step| step.state).collect()
}

fn last_note(order: &OrderView) -> &str {
    &order.steps.last().unwrap().note
}

#[track_caller]
fn invalid<T: std::fmt::Debug>(outcome: Result<T>, field: &str) {
    match outcome {
        Err(Error::Invalid(fields)) if fields.iter().any(|(name, _)| name == field) => {}
        other => panic!("{field} is wrong, but: {other:?}"),
    }
}

#[track_caller]
fn conflict<T: std::fmt::Debug>(outcome: Result<T>) -> String {
    match outcome {
        Err(Error::Conflict(text)) => text,
        other => panic!("a conflict was expected: {other:?}"),
    }
}

#[track_caller]
fn forbidden<T: std::fmt::Debug>(outcome: Result<T>) {
    assert!(matches!(outcome, Err(Error::Forbidden(_))), "{outcome:?}");
}

#[track_caller]
fn missing<T: std::fmt::Debug>(outcome: Result<T>) {
    assert!(matches!(outcome, Err(Error::NotFound(_))), "{outcome:?}");
}

/// Returns the subjects of letters to the buyer.
fn letters(t: &TestCtx) -> Vec<String> {
    let sent = t.mailer.sent();
    sent.iter().filter(|mail| mail.to.as_str() == "buyer@example.com").map(|mail| mail.subject.clone()).collect()
}

fn dollars(minor: i64) -> Money {
    Money::new(minor, Currency::Usd)
}

const DAY: i64 = 24 * 3600;

const OK: SubscriptionState = SubscriptionState::Ok;
