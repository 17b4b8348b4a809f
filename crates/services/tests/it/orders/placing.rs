//! Who may order what, and what an order begins as.

use super::*;

#[tokio::test]
async fn what_costs_nothing_is_carried_out_at_once() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        let order = orders::place(&t.ctx, &shop.buyer.who, shop.order(shop.offered.free_plan)).await.unwrap();
        assert_eq!((order.state, order.amount, order.checkout_url.clone()), (OrderState::Executing, dollars(0), None));
        assert_eq!(shop.subscription(&t).await.state, SubscriptionState::Creating);
        t.run_jobs().await;
        let order = shop.see(&t, &order).await;
        assert_eq!(states(&order), [OrderState::PendingConsumer, OrderState::Executing, OrderState::Done]);
        let subscription = shop.subscription(&t).await;
        assert_eq!((subscription.state, subscription.id), (OK, order.subscription_id.unwrap()));
        assert_eq!(subscription.config_id, order.config_id);
        assert!(order.config_id.is_some() && t.payments.opened().is_empty());
    })
    .await;
}

#[tokio::test]
async fn what_costs_something_waits_for_its_payment() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        let order = shop.buy(&t).await;
        assert_eq!((order.state, order.amount), (OrderState::PendingConsumer, dollars(2900)));
        let opened = t.payments.opened();
        assert_eq!(opened.len(), 1);
        assert_eq!((opened[0].order, opened[0].amount), (order.id, dollars(2900)));
        assert_eq!(opened[0].success_url, format!("http://cmp.test/marketplace-order/{}/", order.id));
        assert_eq!(opened[0].description, "Helper — Starter");
        t.run_jobs().await;
        assert!(shop.subscriptions(&t).await.is_empty());
        missing(orders::approve_as_consumer(&t.ctx, &shop.seller.who, order.id).await);
        assert!(
            conflict(orders::approve_as_consumer(&t.ctx, &shop.buyer.who, order.id).await).contains("Pay the order")
        );
    })
    .await;
}

#[tokio::test]
async fn only_what_is_on_sale_is_ordered_and_only_by_who_may_buy() {
    on_every_ctx(async |t| {
        let shop = Shop::with(&t, |form| OfferingForm { terms: "Be kind.".to_owned(), ..form }).await;
        let (ctx, buyer) = (&t.ctx, &shop.buyer.who);
        let good = NewOrder { accept_terms: true, ..shop.order(shop.offered.plan) };

        invalid(
            orders::place(ctx, buyer, NewOrder { accept_terms: false, ..good.clone() }).await,
            "accepting_terms_of_service",
        );
        invalid(orders::place(ctx, buyer, NewOrder { name: "x".repeat(81), ..good.clone() }).await, "name");
        let foreign = NewOrder { project_id: Some(shop.seller.project), ..good.clone() };
        invalid(orders::place(ctx, buyer, foreign).await, "project");
        let nothing = NewOrder { offering_id: domain::OfferingId(services::clock::fresh_id()), ..good.clone() };
        missing(orders::place(ctx, buyer, nothing).await);
        let unknown = NewOrder { plan_id: Some(PlanId(services::clock::fresh_id())), ..good.clone() };
        invalid(orders::place(ctx, buyer, unknown).await, "plan");

        let own = NewOrder { organization_id: shop.seller.organization, ..good.clone() };
        forbidden(orders::place(ctx, &shop.seller.who, own).await);
        missing(orders::place(ctx, &shop.seller.who, good.clone()).await);
        let visitor = orders::place(ctx, &services::Principal::Visitor, good.clone()).await;
        assert!(matches!(visitor, Err(Error::SignedOut)), "{visitor:?}");
        let member = invited(&t, &shop.buyer, "member@example.com").await;
        forbidden(orders::place(ctx, &member.who, good.clone()).await);

        provider::archive_plan(ctx, &shop.seller.who, shop.offered.plan).await.unwrap();
        invalid(orders::place(ctx, buyer, good.clone()).await, "plan");
        let cheapest = NewOrder { plan_id: None, ..good.clone() };
        provider::pause(ctx, &shop.seller.who, shop.offered.offering).await.unwrap();
        invalid(orders::place(ctx, buyer, cheapest.clone()).await, "offering");
        provider::unpause(ctx, &shop.seller.who, shop.offered.offering).await.unwrap();
        let order = orders::place(ctx, buyer, cheapest).await.unwrap();
        assert_eq!((order.plan_id, order.subscription_name.as_str()), (shop.offered.free_plan, "Helper"));
        assert_eq!(
            all_orders(&t, &shop.buyer, OrderFilter::default()).await.total,
            1,
            "what is refused leaves nothing"
        );
    })
    .await;
}

#[tokio::test]
async fn the_price_is_the_plans_when_it_was_ordered() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        let order = shop.buy(&t).await;
        provider::archive_plan(&t.ctx, &shop.seller.who, shop.offered.plan).await.unwrap();
        provider::pause(&t.ctx, &shop.seller.who, shop.offered.offering).await.unwrap();
        pay(&t, &order, 2900).await;
        t.run_jobs().await;
        assert_eq!(shop.see(&t, &order).await.state, OrderState::Done, "a price that was agreed is kept");
    })
    .await;
}

#[tokio::test]
async fn an_order_outlives_a_rail_that_is_away() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        t.payments.fail_next(services::ports::PaymentsError::Unavailable("away".to_owned()));
        let order = shop.buy(&t).await;
        assert_eq!((order.state, order.checkout_url.clone()), (OrderState::PendingConsumer, None));
        let url = orders::checkout(&t.ctx, &shop.buyer.who, order.id).await.unwrap();
        assert_eq!(
            orders::checkout(&t.ctx, &shop.buyer.who, order.id).await.unwrap(),
            url,
            "an open page is opened once"
        );
        assert_eq!(shop.see(&t, &order).await.checkout_url, Some(url));
        missing(orders::checkout(&t.ctx, &shop.seller.who, order.id).await);
        let member = invited(&t, &shop.buyer, "member@example.com").await;
        forbidden(orders::checkout(&t.ctx, &member.who, order.id).await);
    })
    .await;
}

/// Returns a member of someone's organization, who may look but not buy.
pub(super) async fn invited(t: &TestCtx, owner: &Seller, email: &str) -> Seller {
    use services::organizations;
    let person = t.register(email).await;
    organizations::invite(&t.ctx, &owner.who, owner.organization, email, domain::Role::Member).await.unwrap();
    let token = testkit::invitation_token(&t.ctx.store, &t.mailer, email).await;
    organizations::accept_invitation(&t.ctx, &person.who, &token).await.unwrap();
    t.run_jobs().await;
    t.refreshed(person).await
}
