//! What people decide: cancel, approve, refuse, try again.

use super::*;
use services::ports::RuntimeError;

#[tokio::test]
async fn a_careful_provider_is_asked_after_the_payment() {
    on_every_ctx(async |t| {
        let shop = Shop::careful(&t).await;
        let order = shop.buy(&t).await;
        assert!(
            conflict(orders::approve_as_provider(&t.ctx, &shop.seller.who, order.id).await).contains("does not wait")
        );
        pay(&t, &order, 2900).await;
        t.run_jobs().await;
        assert_eq!(shop.see(&t, &order).await.state, OrderState::PendingProvider);
        let letter = t.mailer.sent().pop().unwrap();
        assert_eq!(letter.to.as_str(), "seller@example.com");
        assert!(letter.text.contains(&format!("/providers/{}/orders/", shop.seller.organization)), "{}", letter.text);

        missing(orders::approve_as_provider(&t.ctx, &t.register("eve@example.com").await.who, order.id).await);
        missing(orders::approve_as_provider(&t.ctx, &shop.buyer.who, order.id).await);
        orders::approve_as_provider(&t.ctx, &shop.seller.who, order.id).await.unwrap();
        conflict(orders::approve_as_provider(&t.ctx, &shop.seller.who, order.id).await);
        conflict(orders::reject_as_provider(&t.ctx, &shop.seller.who, order.id, "too late").await);
        t.run_jobs().await;
        assert_eq!((shop.see(&t, &order).await.state, shop.subscription(&t).await.state), (OrderState::Done, OK));
    })
    .await;
}

#[tokio::test]
async fn what_a_provider_refuses_is_paid_back_with_a_reason() {
    on_every_ctx(async |t| {
        let shop = Shop::careful(&t).await;
        let order = shop.buy(&t).await;
        pay(&t, &order, 2900).await;
        t.run_jobs().await;
        invalid(orders::reject_as_provider(&t.ctx, &shop.seller.who, order.id, " ").await, "reason");
        missing(orders::reject_as_provider(&t.ctx, &shop.buyer.who, order.id, "I changed my mind").await);
        orders::reject_as_provider(&t.ctx, &shop.seller.who, order.id, "We are full.").await.unwrap();
        t.run_jobs().await;
        let seen = shop.see(&t, &order).await;
        assert_eq!((seen.state, seen.error_message.as_str()), (OrderState::Rejected, "We are full."));
        assert_eq!(t.payments.refunded(), [reference(&visit(&order))]);
        let letter = t.mailer.sent().pop().unwrap();
        assert_eq!(letter.to.as_str(), "buyer@example.com");
        assert!(letter.text.contains("We are full.") && letter.text.contains("$29"), "{}", letter.text);
        assert!(shop.subscriptions(&t).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn an_order_is_canceled_until_it_is_carried_out() {
    on_every_ctx(async |t| {
        let shop = Shop::careful(&t).await;
        let order = shop.buy(&t).await;
        pay(&t, &order, 2900).await;
        t.run_jobs().await;
        let member = placing::invited(&t, &shop.buyer, "member@example.com").await;
        forbidden(orders::cancel(&t.ctx, &member.who, order.id).await);
        missing(orders::cancel(&t.ctx, &shop.seller.who, order.id).await);
        orders::cancel(&t.ctx, &shop.buyer.who, order.id).await.unwrap();
        t.run_jobs().await;
        assert_eq!(t.payments.refunded(), [reference(&visit(&order))]);
        conflict(orders::cancel(&t.ctx, &shop.buyer.who, order.id).await);
        conflict(orders::approve_as_provider(&t.ctx, &shop.seller.who, order.id).await);

        let free = orders::place(&t.ctx, &shop.buyer.who, shop.order(shop.offered.free_plan)).await.unwrap();
        assert_eq!(free.state, OrderState::PendingProvider);
        orders::approve_as_provider(&t.ctx, &shop.seller.who, free.id).await.unwrap();
        t.run_jobs().await;
        conflict(orders::cancel(&t.ctx, &shop.buyer.who, free.id).await);
    })
    .await;
}

#[tokio::test]
async fn an_operator_tries_again_what_cost_nothing() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        let operator = t.operator().await;
        t.runtime.fail_provisioning(RuntimeError::Refused("no such model".to_owned()));
        let free = orders::place(&t.ctx, &shop.buyer.who, shop.order(shop.offered.free_plan)).await.unwrap();
        conflict(orders::retry(&t.ctx, &operator, free.id).await);
        t.run_jobs().await;
        assert_eq!(
            (shop.see(&t, &free).await.state, shop.subscription(&t).await.state),
            (OrderState::Erred, SubscriptionState::Erred)
        );
        forbidden(orders::retry(&t.ctx, &shop.buyer.who, free.id).await);
        orders::retry(&t.ctx, &operator, free.id).await.unwrap();
        t.run_jobs().await;
        assert_eq!((shop.see(&t, &free).await.state, shop.subscription(&t).await.state), (OrderState::Done, OK));

        t.runtime.fail_provisioning(RuntimeError::Refused("no such model".to_owned()));
        let order = shop.buy(&t).await;
        pay(&t, &order, 2900).await;
        t.run_jobs().await;
        assert!(conflict(orders::retry(&t.ctx, &operator, order.id).await).contains("gone back"));
    })
    .await;
}
