//! Who sees which orders and subscriptions.

use super::*;

#[tokio::test]
async fn an_order_is_seen_by_its_two_sides_and_by_operators() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        let order = shop.buy(&t).await;
        let (eve, operator) = (t.register("eve@example.com").await, t.operator().await);
        let seen = orders::get(&t.ctx, &shop.seller.who, order.id).await.unwrap();
        assert_eq!(seen.checkout_url, None, "where to pay is its buyer's business");
        assert_eq!(orders::get(&t.ctx, &operator, order.id).await.unwrap().id, order.id);
        missing(orders::get(&t.ctx, &eve.who, order.id).await);
        pay(&t, &order, 2900).await;
        t.run_jobs().await;
        assert_eq!(orders::get(&t.ctx, &shop.seller.who, order.id).await.unwrap().config_id, None);

        let all = OrderFilter::default();
        let of = |organization| OrderFilter { organization: Some(organization), ..all };
        let by = |provider| OrderFilter { provider: Some(provider), ..all };
        assert_eq!(all_orders(&t, &shop.buyer, all).await.total, 1);
        assert_eq!(all_orders(&t, &eve, all).await.total, 0);
        assert_eq!(all_orders(&t, &shop.seller, by(shop.seller.organization)).await.total, 1);
        let customer = OrderFilter { organization: Some(shop.buyer.organization), ..by(shop.seller.organization) };
        assert_eq!(all_orders(&t, &shop.seller, customer).await.total, 1);
        let done = OrderFilter { state: Some(OrderState::Done), ..of(shop.buyer.organization) };
        assert_eq!(all_orders(&t, &shop.buyer, done).await.total, 1);
        let canceled = OrderFilter { state: Some(OrderState::Canceled), ..of(shop.buyer.organization) };
        assert_eq!(all_orders(&t, &shop.buyer, canceled).await.total, 0);
        let paging = Paging::clamped(1, 10);
        missing(orders::list(&t.ctx, &eve.who, of(shop.buyer.organization), paging).await);
        missing(orders::list(&t.ctx, &eve.who, by(shop.seller.organization), paging).await);
        missing(orders::list(&t.ctx, &shop.seller.who, of(shop.buyer.organization), paging).await);
        assert_eq!(orders::list(&t.ctx, &operator, all, paging).await.unwrap().total, 1);
        assert_eq!(orders::list(&t.ctx, &operator, of(eve.organization), paging).await.unwrap().total, 0);
    })
    .await;
}

#[tokio::test]
async fn a_list_comes_newest_first_in_pages() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        let mut placed = Vec::new();
        for _ in 0..5 {
            t.clock.advance_seconds(1);
            placed.insert(0, shop.buy(&t).await.id);
        }
        let mut seen = Vec::new();
        for page in 1..=3 {
            let page =
                orders::list(&t.ctx, &shop.buyer.who, OrderFilter::default(), Paging::clamped(page, 2)).await.unwrap();
            assert_eq!(page.total, 5);
            seen.extend(page.rows.into_iter().map(|order| order.id));
        }
        assert_eq!(seen, placed);
    })
    .await;
}

#[tokio::test]
async fn a_subscription_is_seen_by_its_buyer_and_named_by_who_may_configure() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        let bought = shop.bought(&t, shop.offered.free_plan).await;
        let eve = t.register("eve@example.com").await;
        missing(subscriptions::get(&t.ctx, &eve.who, bought.id).await);
        missing(subscriptions::get(&t.ctx, &shop.seller.who, bought.id).await);
        missing(subscriptions::rename(&t.ctx, &eve.who, bought.id, "Mine").await);
        invalid(subscriptions::rename(&t.ctx, &shop.buyer.who, bought.id, " ").await, "name");
        let named = subscriptions::rename(&t.ctx, &shop.buyer.who, bought.id, " Our helper ").await.unwrap();
        assert_eq!(named.name, "Our helper");

        let paging = Paging::clamped(1, 10);
        let by = SubscriptionFilter { provider: Some(shop.seller.organization), ..SubscriptionFilter::default() };
        let sold = subscriptions::list(&t.ctx, &shop.seller.who, by, paging).await.unwrap();
        assert_eq!((sold.total, sold.rows[0].config_id), (1, None), "its settings are its buyer's business");
        missing(subscriptions::list(&t.ctx, &eve.who, by, paging).await);
        let of = SubscriptionFilter { organization: Some(shop.buyer.organization), ..SubscriptionFilter::default() };
        missing(subscriptions::list(&t.ctx, &eve.who, of, paging).await);
        let ended = SubscriptionFilter { state: Some(SubscriptionState::Terminated), ..of };
        assert_eq!(subscriptions::list(&t.ctx, &shop.buyer.who, ended, paging).await.unwrap().total, 0);
        let all =
            subscriptions::list(&t.ctx, &t.operator().await, SubscriptionFilter::default(), paging).await.unwrap();
        assert_eq!(all.total, 1);
    })
    .await;
}
