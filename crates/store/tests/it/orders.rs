//! Orders, visits, payments, the inbox, subscriptions, and what the sandbox keeps.

use domain::state::{CheckoutState, OrderKind, OrderState, PaymentState, SubscriptionState};
use domain::{CheckoutId, Currency, OrderId, PaymentId, SubscriptionId, Timestamp};
use serde_json::json;
use store::orders::{self as rows, CheckoutRow, NewOrder, OrderQuery, PaymentRow};
use store::subscriptions::{self, NewSubscription, SubscriptionQuery};
use store::{Scope, Tenant, Tx, sandbox};
use testkit::{Offered, Seller, TestCtx, on_every_ctx};
use uuid::Uuid;

struct Story {
    offered: Offered,
    buyer: Seller,
    tenant: Tenant,
    now: Timestamp,
}

async fn story(t: &TestCtx) -> Story {
    let seller = t.provider("seller@example.com").await;
    let offered = t.listed_offering(&seller).await;
    let buyer = t.register("buyer@example.com").await;
    let tenant = Tenant::assume_authorized(buyer.organization);
    Story { offered, buyer, tenant, now: t.ctx.now() }
}

impl Story {
    async fn order(&self, tx: &mut Tx, number: u128) -> OrderId {
        let order = NewOrder {
            id: OrderId(Uuid::from_u128(number)),
            project: self.buyer.project,
            provider: self.offered.provider,
            offering: self.offered.offering,
            plan: self.offered.plan,
            old_plan: None,
            subscription: None,
            kind: OrderKind::Create,
            state: OrderState::PendingConsumer,
            name: "Ours".to_owned(),
            amount_minor: 2900,
            currency: Currency::Usd,
            created_by: self.buyer.user,
            now: self.now.plus_seconds(i64::try_from(number).expect("small")),
        };
        rows::insert(tx, self.tenant, &order).await.expect("a write");
        order.id
    }

    async fn visit(&self, tx: &mut Tx, order: OrderId, number: u128) -> CheckoutId {
        let visit = CheckoutRow {
            id: CheckoutId(Uuid::from_u128(number)),
            order_id: order,
            organization_id: self.buyer.organization,
            rail: "fake".to_owned(),
            session: format!("visit {number}"),
            url: "http://rail.test/".to_owned(),
            state: CheckoutState::Open,
            expires_at: self.now.plus_seconds(60),
            success_url: String::new(),
            cancel_url: String::new(),
        };
        let at = self.now.plus_seconds(i64::try_from(number).expect("small"));
        rows::insert_checkout(tx, self.tenant, &visit, at).await.expect("a write");
        visit.id
    }

    fn payment(&self, order: OrderId, number: u128) -> PaymentRow {
        PaymentRow {
            id: PaymentId(Uuid::from_u128(number)),
            order_id: order,
            organization_id: self.buyer.organization,
            provider_id: self.offered.provider,
            rail: "fake".to_owned(),
            reference: format!("payment {number}"),
            charge: format!("payment {number}"),
            amount_minor: 2900,
            currency: Currency::Usd,
            state: PaymentState::Succeeded,
            method: "Visa •••• 4242".to_owned(),
            created_at: self.now,
            back_minor: 0,
        }
    }
}

#[tokio::test]
async fn an_order_moves_only_from_where_it_is() {
    on_every_ctx(async |t| {
        let story = story(&t).await;
        let mut tx = t.ctx.store.write(Scope::System).await.expect("a transaction");
        let id = story.order(&mut tx, 1).await;
        rows::lock(&mut tx, id).await.expect("a lock");
        let row = rows::get(&mut tx, id).await.expect("a read").expect("an order");
        assert_eq!(
            (row.organization_id, row.provider_id, row.state),
            (story.buyer.organization, story.offered.provider, OrderState::PendingConsumer)
        );
        assert_eq!(
            (row.offering_name.as_str(), row.plan_name.as_str(), row.created_by.as_str()),
            ("Helper", "Starter", "buyer")
        );
        assert_eq!(
            (row.created_by_email.as_str(), row.provider_email.as_str()),
            ("buyer@example.com", "seller@example.com")
        );
        let (from, to) = (OrderState::PendingConsumer, OrderState::Executing);
        assert!(rows::step(&mut tx, id, from, to, "", story.now).await.expect("a write"));
        assert!(!rows::step(&mut tx, id, from, to, "", story.now).await.expect("a write"));
        rows::insert_step(&mut tx, story.tenant, Uuid::from_u128(1), id, to, "Paid.", story.now)
            .await
            .expect("a write");
        rows::insert_step(&mut tx, story.tenant, Uuid::from_u128(2), id, OrderState::Done, "Ready.", story.now)
            .await
            .expect("a write");
        let steps = rows::steps(&mut tx, id).await.expect("a read");
        assert_eq!(steps.iter().map(|step| step.note.as_str()).collect::<Vec<_>>(), ["Paid.", "Ready."]);
    })
    .await;
}

#[tokio::test]
async fn orders_are_listed_by_what_is_asked() {
    on_every_ctx(async |t| {
        let story = story(&t).await;
        let mut tx = t.ctx.store.write(Scope::System).await.expect("a transaction");
        for number in 1..=3 {
            story.order(&mut tx, number).await;
        }
        let all = OrderQuery::default();
        let listed = rows::list(&mut tx, &all, 2, 0).await.expect("a read");
        assert_eq!(listed.iter().map(|row| row.id.0.as_u128()).collect::<Vec<_>>(), [3, 2]);
        let queries = [
            (OrderQuery { organization: Some(story.buyer.organization), ..all }, 3),
            (OrderQuery { organization: Some(story.offered.provider), ..all }, 0),
            (OrderQuery { provider: Some(story.offered.provider), ..all }, 3),
            (OrderQuery { state: Some(OrderState::Done), ..all }, 0),
            (OrderQuery { kind: Some(OrderKind::Create), ..all }, 3),
            (OrderQuery { offering: Some(story.offered.offering), state: Some(OrderState::PendingConsumer), ..all }, 3),
        ];
        for (query, count) in queries {
            assert_eq!(rows::count(&mut tx, &query).await.expect("a count"), count, "{query:?}");
            let listed = rows::list(&mut tx, &query, 50, 0).await.expect("a read");
            assert_eq!(i64::try_from(listed.len()), Ok(count), "{query:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_visit_that_is_paid_stays_paid() {
    on_every_ctx(async |t| {
        let story = story(&t).await;
        let mut tx = t.ctx.store.write(Scope::System).await.expect("a transaction");
        let order = story.order(&mut tx, 1).await;
        assert_eq!(rows::forgotten(&mut tx, story.now.plus_seconds(1), 9).await.expect("a read"), [order]);
        assert!(rows::forgotten(&mut tx, story.now, 9).await.expect("a read").is_empty());
        let first = story.visit(&mut tx, order, 1).await;
        let second = story.visit(&mut tx, order, 2).await;
        assert!(rows::forgotten(&mut tx, story.now.plus_seconds(1), 9).await.expect("a read").is_empty());
        assert_eq!(rows::count_checkouts(&mut tx, order).await.expect("a count"), 2);
        let newest = rows::checkout_of_order(&mut tx, order).await.expect("a read").expect("a visit");
        assert_eq!(newest.id, second);
        let found = rows::checkout_of_session(&mut tx, "fake", "visit 1").await.expect("a read").expect("a visit");
        assert_eq!((found.id, found.order_id), (first, order));
        assert!(rows::checkout_of_session(&mut tx, "other", "visit 1").await.expect("a read").is_none());

        assert!(rows::stale_checkouts(&mut tx, story.now, 9).await.expect("a read").is_empty());
        assert_eq!(rows::stale_checkouts(&mut tx, story.now.plus_seconds(60), 9).await.expect("a read").len(), 2);
        rows::set_checkout_state(&mut tx, first, CheckoutState::Paid).await.expect("a write");
        rows::set_checkout_state(&mut tx, first, CheckoutState::Expired).await.expect("a write");
        let found = rows::checkout_of_session(&mut tx, "fake", "visit 1").await.expect("a read").expect("a visit");
        assert_eq!(found.state, CheckoutState::Paid);
        assert_eq!(rows::stale_checkouts(&mut tx, story.now.plus_seconds(60), 9).await.expect("a read").len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_payment_is_booked_once() {
    on_every_ctx(async |t| {
        let story = story(&t).await;
        let mut tx = t.ctx.store.write(Scope::System).await.expect("a transaction");
        let order = story.order(&mut tx, 1).await;
        let payment = story.payment(order, 1);
        assert!(rows::insert_payment(&mut tx, story.tenant, &payment).await.expect("a write"));
        let same = PaymentRow { id: PaymentId(Uuid::from_u128(9)), ..payment.clone() };
        assert!(!rows::insert_payment(&mut tx, story.tenant, &same).await.expect("a write"));
        assert!(rows::insert_payment(&mut tx, story.tenant, &story.payment(order, 2)).await.expect("a write"));
        assert_eq!(rows::kept_payments(&mut tx, order).await.expect("a read").len(), 2);
        rows::set_payment_state(&mut tx, payment.id, PaymentState::Refunded, Some(story.now)).await.expect("a write");
        assert_eq!(rows::kept_payments(&mut tx, order).await.expect("a read").len(), 1);
        let found = rows::payments_of_charge(&mut tx, "fake", "payment 1").await.expect("a read").remove(0);
        assert_eq!((found.id, found.state), (payment.id, PaymentState::Refunded));
        assert!(rows::payment(&mut tx, same.id).await.expect("a read").is_none());
        assert_eq!(rows::payments(&mut tx, story.tenant, 9).await.expect("a read").len(), 2);
        let other = Tenant::assume_authorized(story.offered.provider);
        assert!(rows::payments(&mut tx, other, 9).await.expect("a read").is_empty());
    })
    .await;
}

#[tokio::test]
async fn an_event_is_kept_and_acted_on_once() {
    on_every_ctx(async |t| {
        let mut tx = t.ctx.store.write(Scope::System).await.expect("a transaction");
        let (now, payload) = (t.ctx.now(), json!({"content": {"says": "other"}}));
        assert!(rows::insert_event(&mut tx, "fake", "e", "paid", &payload, now).await.expect("a write"));
        assert!(!rows::insert_event(&mut tx, "fake", "e", "paid", &json!({}), now).await.expect("a write"));
        assert!(rows::insert_event(&mut tx, "other", "e", "paid", &payload, now).await.expect("a write"));
        assert_eq!(rows::event(&mut tx, "fake", "e").await.expect("a read").expect("an event").payload.0, payload);
        assert!(rows::event(&mut tx, "fake", "f").await.expect("a read").is_none());
        assert!(rows::handle_event(&mut tx, "fake", "e", now).await.expect("a write"));
        assert!(!rows::handle_event(&mut tx, "fake", "e", now).await.expect("a write"));
        assert_eq!(rows::event(&mut tx, "fake", "e").await.expect("a read").expect("an event").handled_at, Some(now));
    })
    .await;
}

#[tokio::test]
async fn a_subscription_moves_only_from_where_it_is() {
    on_every_ctx(async |t| {
        let story = story(&t).await;
        let mut tx = t.ctx.store.write(Scope::System).await.expect("a transaction");
        let new = NewSubscription {
            id: SubscriptionId(Uuid::from_u128(1)),
            project: story.buyer.project,
            offering: story.offered.offering,
            plan: story.offered.plan,
            provider: story.offered.provider,
            flow_version: story.offered.version,
            name: "Ours".to_owned(),
            now: story.now,
        };
        subscriptions::insert(&mut tx, story.tenant, &new).await.expect("a write");
        let order = story.order(&mut tx, 1).await;
        assert!(!rows::has_open_order(&mut tx, new.id).await.expect("a read"));
        rows::set_subscription(&mut tx, order, new.id).await.expect("a write");
        assert!(rows::has_open_order(&mut tx, new.id).await.expect("a read"));
        rows::step(&mut tx, order, OrderState::PendingConsumer, OrderState::Canceled, "", story.now)
            .await
            .expect("a write");
        assert!(!rows::has_open_order(&mut tx, new.id).await.expect("a read"));

        subscriptions::lock(&mut tx, new.id).await.expect("a lock");
        let (from, to) = (SubscriptionState::Creating, SubscriptionState::Ok);
        assert!(subscriptions::step(&mut tx, new.id, from, to, "", story.now).await.expect("a write"));
        assert!(!subscriptions::step(&mut tx, new.id, from, to, "", story.now).await.expect("a write"));
        subscriptions::set_plan(&mut tx, new.id, story.offered.free_plan, story.now).await.expect("a write");
        subscriptions::rename(&mut tx, story.tenant, new.id, "Theirs", story.now).await.expect("a write");
        let stranger = Tenant::assume_authorized(story.offered.provider);
        assert!(subscriptions::rename(&mut tx, stranger, new.id, "Mine", story.now).await.is_err());
        let month = story.now.month_start();
        let row = subscriptions::get(&mut tx, new.id, month).await.expect("a read").expect("a subscription");
        assert_eq!((row.state, row.plan_id, row.name.as_str(), row.used), (to, story.offered.free_plan, "Theirs", 0));
        let all = SubscriptionQuery::default();
        for (query, count) in [
            (all, 1),
            (SubscriptionQuery { organization: Some(story.buyer.organization), ..all }, 1),
            (SubscriptionQuery { provider: Some(story.buyer.organization), ..all }, 0),
            (SubscriptionQuery { state: Some(SubscriptionState::Terminated), ..all }, 0),
        ] {
            assert_eq!(subscriptions::count(&mut tx, &query).await.expect("a count"), count, "{query:?}");
            let listed = subscriptions::list(&mut tx, &query, month, 9, 0).await.expect("a read");
            assert_eq!(i64::try_from(listed.len()), Ok(count), "{query:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_sandbox_changes_an_object_only_as_it_was_read() {
    on_every_ctx(async |t| {
        let mut tx = t.ctx.store.write(Scope::System).await.expect("a transaction");
        sandbox::insert(&mut tx, "cs_1", &json!({"a": 1})).await.expect("a write");
        sandbox::insert(&mut tx, "cs_1", &json!({"a": 2})).await.expect("a write");
        let (object, version) = sandbox::get(&mut tx, "cs_1").await.expect("a read").expect("an object");
        assert_eq!(object, json!({"a": 1}));
        assert!(sandbox::update(&mut tx, "cs_1", &json!({"a": 3}), version).await.expect("a write"));
        assert!(!sandbox::update(&mut tx, "cs_1", &json!({"a": 4}), version).await.expect("a write"));
        assert!(sandbox::get(&mut tx, "cs_2").await.expect("a read").is_none());
    })
    .await;
}
