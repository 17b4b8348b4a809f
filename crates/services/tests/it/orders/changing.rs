//! Another plan, and the end.

use super::*;
use domain::OrderId;
use domain::state::OrderKind;
use services::orders::Switched;

/// Returns the order of a switch that was ordered.
fn ordered(outcome: Result<Switched>) -> OrderView {
    match outcome {
        Ok(Switched::Ordered(order)) => *order,
        other => panic!("an order was expected: {other:?}"),
    }
}

#[tokio::test]
async fn a_dearer_plan_is_paid_for_first() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        let bought = shop.bought(&t, shop.offered.free_plan).await;
        let order = ordered(orders::switch_plan(&t.ctx, &shop.buyer.who, bought.id, shop.offered.plan, None).await);
        assert_eq!(
            (order.kind, order.state, order.amount),
            (OrderKind::Update, OrderState::PendingConsumer, dollars(2900))
        );
        assert_eq!((order.old_plan_id, order.subscription_id), (Some(shop.offered.free_plan), Some(bought.id)));
        assert_eq!(shop.subscription(&t).await.plan_id, shop.offered.free_plan);
        pay(&t, &order, 2900).await;
        t.run_jobs().await;
        let now = shop.subscription(&t).await;
        assert_eq!((now.plan_id, now.state, now.monthly_quota), (shop.offered.plan, OK, Some(1_000)));
        assert_eq!(shop.see(&t, &order).await.state, OrderState::Done);
    })
    .await;
}

#[tokio::test]
async fn the_rest_of_the_month_is_paid_and_what_is_shown_is_what_is_charged() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        let big = shop.plan(&t, "Big", dollars(9900)).await;
        let bought = shop.bought(&t, shop.offered.plan).await;
        let (ctx, buyer) = (&t.ctx, &shop.buyer.who);
        t.clock.advance_seconds(10 * 24 * 3600);
        let shown = services::billing::changes(ctx, buyer, bought.id).await.unwrap();
        let free = shown.iter().find(|change| change.plan_id == shop.offered.free_plan).unwrap();
        assert_eq!(free.now, dollars(0), "nothing is paid back");
        let change = shown.iter().find(|change| change.plan_id == big).unwrap();
        // From the beginning of the first of December there are twenty days and a half of thirty left.
        assert_eq!((change.credit, change.debit, change.now), (dollars(-1982), dollars(6765), dollars(4783)));
        t.clock.advance_seconds(11 * 3600);
        assert_eq!(services::billing::changes(ctx, buyer, bought.id).await.unwrap(), shown, "all day long");
        conflict(orders::switch_plan(ctx, buyer, bought.id, big, Some(4782)).await);
        let order = ordered(orders::switch_plan(ctx, buyer, bought.id, big, Some(4783)).await);
        assert_eq!((order.amount, order.state), (dollars(4783), OrderState::PendingConsumer));
        pay(&t, &order, 4783).await;
        t.run_jobs().await;
        let now = shop.subscription(&t).await;
        assert_eq!((now.plan_id, now.period.unwrap().end), (big, bought.period.unwrap().end));
        missing(services::billing::changes(ctx, &shop.seller.who, bought.id).await);
    })
    .await;
}

#[tokio::test]
async fn a_provider_is_asked_about_purchases_alone() {
    on_every_ctx(async |t| {
        let shop = Shop::careful(&t).await;
        let order = shop.buy(&t).await;
        pay(&t, &order, 2900).await;
        t.run_jobs().await;
        orders::approve_as_provider(&t.ctx, &shop.seller.who, order.id).await.unwrap();
        t.run_jobs().await;
        let bought = shop.subscription(&t).await;
        let big = shop.plan(&t, "Big", dollars(9900)).await;
        let order = ordered(orders::switch_plan(&t.ctx, &shop.buyer.who, bought.id, big, None).await);
        pay(&t, &order, order.amount.minor).await;
        t.run_jobs().await;
        assert_eq!(shop.subscription(&t).await.plan_id, big);
    })
    .await;
}

#[tokio::test]
async fn a_switch_to_where_one_cannot_go_is_refused() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        let bought = shop.bought(&t, shop.offered.plan).await;
        let (ctx, buyer) = (&t.ctx, &shop.buyer.who);
        invalid(orders::switch_plan(ctx, buyer, bought.id, shop.offered.plan, None).await, "plan");
        invalid(orders::switch_plan(ctx, buyer, bought.id, PlanId(services::clock::fresh_id()), None).await, "plan");
        let gone = shop.plan(&t, "Gone", dollars(9900)).await;
        provider::archive_plan(ctx, &shop.seller.who, gone).await.unwrap();
        invalid(orders::switch_plan(ctx, buyer, bought.id, gone, None).await, "plan");
        missing(orders::switch_plan(ctx, &shop.seller.who, bought.id, shop.offered.free_plan, None).await);
        missing(orders::terminate(ctx, &shop.seller.who, bought.id).await);
        let member = placing::invited(&t, &shop.buyer, "member@example.com").await;
        forbidden(orders::switch_plan(ctx, &member.who, bought.id, shop.offered.free_plan, None).await);
        forbidden(orders::terminate(ctx, &member.who, bought.id).await);
    })
    .await;
}

#[tokio::test]
async fn one_order_at_a_time_changes_a_subscription() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        let bought = shop.bought(&t, shop.offered.free_plan).await;
        let (ctx, buyer) = (&t.ctx, &shop.buyer.who);
        let (one, other) = tokio::join!(
            orders::switch_plan(ctx, buyer, bought.id, shop.offered.plan, None),
            orders::switch_plan(ctx, buyer, bought.id, shop.offered.plan, None),
        );
        let (won, lost) = if one.is_ok() { (one, other) } else { (other, one) };
        assert!(conflict(lost).contains("not over yet"));
        let order = ordered(won);
        conflict(orders::terminate(ctx, buyer, bought.id).await);
        orders::cancel(ctx, buyer, order.id).await.unwrap();
        orders::terminate(ctx, buyer, bought.id).await.unwrap();
        t.run_jobs().await;

        // The switch is paid when there is nothing left to switch.
        pay(&t, &order, 2900).await;
        t.run_jobs().await;
        assert_eq!(t.payments.refunded(), [reference(&visit(&order))]);
        assert_eq!(shop.subscription(&t).await.state, SubscriptionState::Terminated);
    })
    .await;
}

#[tokio::test]
async fn the_end_takes_effect_at_once_and_the_gateway_hears_of_it() {
    on_every_ctx(async |t| {
        let bought = t.bought(None, 60).await;
        let key = t.secret_key(&bought).await;
        t.ask(&key.secret, testkit::saying("Hello")).await.unwrap();
        let order = orders::terminate(&t.ctx, &bought.buyer.who, bought.subscription).await.unwrap();
        assert_eq!((order.kind, order.amount), (OrderKind::Terminate, dollars(0)));
        t.run_jobs().await;
        let refused = t.ask(&key.secret, testkit::saying("Hello")).await.unwrap_err();
        assert_eq!(refused.status, 402, "{refused:?}");
        conflict(orders::terminate(&t.ctx, &bought.buyer.who, bought.subscription).await);
        let view = subscriptions::get(&t.ctx, &bought.buyer.who, bought.subscription).await.unwrap();
        assert_eq!(view.state, SubscriptionState::Terminated);
        let mut tx = t.ctx.store.read(Scope::System).await.unwrap();
        let changes = store::gateway::changes(&mut tx, domain::Timestamp(0)).await.unwrap();
        assert!(!changes.is_empty());
        drop(tx);
        bought.finish().await;
        missing(orders::get(&t.ctx, &t.register("eve@example.com").await.who, order.id).await);
        missing(orders::get(&t.ctx, &t.operator().await, OrderId(services::clock::fresh_id())).await);
    })
    .await;
}
