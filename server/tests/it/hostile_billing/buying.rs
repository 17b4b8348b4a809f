//! Buyers, and who pretends to be one.

use domain::Role;
use domain::state::{OrderState, PaymentState, SubscriptionState};
use services::{Error, billing, orders, organizations, subscriptions};

use crate::rails::{GOOD, Shop, with_every_rail};

async fn subscription(shop: &Shop) -> domain::view::order::SubscriptionView {
    let filter = subscriptions::SubscriptionFilter::default();
    let list = subscriptions::list(&shop.t.ctx, &shop.buyer.who, filter, domain::view::Paging::default()).await;
    list.expect("a list").rows.remove(0)
}

#[tokio::test]
async fn coming_back_from_the_page_says_nothing_whatever_the_address_says() {
    with_every_rail(async |shop| {
        // Looking is all that the page after paying does; nothing of the address is believed.
        for _ in 0..3 {
            orders::get(&shop.t.ctx, &shop.buyer.who, shop.order.id).await.expect("the order");
            shop.t.run_jobs().await;
        }
        assert_eq!((shop.state().await, shop.payments().await), (OrderState::PendingConsumer, vec![]));
    })
    .await;
}

#[tokio::test]
async fn what_is_taken_off_sale_before_it_is_paid_is_paid_back() {
    with_every_rail(async |shop| {
        let operator = shop.t.operator().await;
        let session = shop.session().await;
        services::operator::suspend_provider(&shop.t.ctx, &operator, shop.offered.provider, "It was a fraud.")
            .await
            .expect("suspended");
        assert!(shop.pay_at(&session, GOOD).await);
        shop.deliver().await;
        for _ in 0..2 {
            shop.t.run_jobs().await;
            shop.deliver().await;
        }
        let paid: Vec<PaymentState> = shop.payments().await.into_iter().map(|(state, _)| state).collect();
        assert_eq!((shop.state().await, paid), (OrderState::Rejected, vec![PaymentState::Refunded]));
        shop.books_hold().await;
    })
    .await;
}

#[tokio::test]
async fn who_has_left_the_organization_opens_no_page_and_what_was_paid_is_the_organizations() {
    with_every_rail(async |shop| {
        let friend = shop.t.register("friend@example.com").await;
        let of = shop.buyer.organization;
        organizations::invite(&shop.t.ctx, &shop.buyer.who, of, "friend@example.com", Role::Admin)
            .await
            .expect("invited");
        let token = testkit::invitation_token(&shop.t.ctx.store, &shop.t.mailer, "friend@example.com").await;
        organizations::accept_invitation(&shop.t.ctx, &friend.who, &token).await.expect("accepted");
        let friend = shop.t.refreshed(friend).await;
        orders::checkout(&shop.t.ctx, &friend.who, shop.order.id).await.expect("a page");
        organizations::remove_member(&shop.t.ctx, &shop.buyer.who, of, friend.user).await.expect("removed");
        let friend = shop.t.refreshed(friend).await;
        let refused = orders::checkout(&shop.t.ctx, &friend.who, shop.order.id).await;
        assert!(matches!(refused, Err(Error::NotFound(_))), "{refused:?}");
        // The page that was open is the order's, and whoever pays there pays for the organization.
        assert!(shop.pay(GOOD).await);
        assert_eq!((shop.state().await, shop.payments().await.len()), (OrderState::Done, 1));
    })
    .await;
}

#[tokio::test]
async fn what_has_ended_is_not_resumed_switched_or_ended_again() {
    with_every_rail(async |shop| {
        assert!(shop.pay(GOOD).await);
        let id = subscription(shop).await.id;
        let (ctx, who) = (&shop.t.ctx, &shop.buyer.who);
        let stranger = shop.t.register("stranger@example.com").await.who;
        for refused in [
            billing::cancel_at_period_end(ctx, &stranger, id).await,
            billing::resume(ctx, &stranger, id).await,
            billing::keep_plan(ctx, &stranger, id).await,
            orders::terminate(ctx, &stranger, id).await.map(|_| ()),
            orders::switch_plan(ctx, &stranger, id, shop.offered.free_plan, None).await.map(|_| ()),
        ] {
            assert!(matches!(refused, Err(Error::NotFound(_))), "{refused:?}");
        }
        orders::terminate(ctx, who, id).await.expect("ended");
        shop.t.run_jobs().await;
        assert_eq!(subscription(shop).await.state, SubscriptionState::Terminated);
        for refused in [
            billing::resume(ctx, who, id).await,
            billing::cancel_at_period_end(ctx, who, id).await,
            billing::keep_plan(ctx, who, id).await,
            orders::terminate(ctx, who, id).await.map(|_| ()),
            orders::switch_plan(ctx, who, id, shop.offered.free_plan, None).await.map(|_| ()),
        ] {
            assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn up_and_down_and_up_within_a_second_is_charged_as_it_was_shown_and_once() {
    with_every_rail(async |shop| {
        assert!(shop.pay(GOOD).await);
        let (ctx, who) = (&shop.t.ctx, &shop.buyer.who);
        let id = subscription(shop).await.id;
        // Down, back, down and back again: nothing is charged, and nothing is given back.
        for _ in 0..2 {
            orders::switch_plan(ctx, who, id, shop.offered.free_plan, None).await.expect("to come");
            billing::keep_plan(ctx, who, id).await.expect("kept");
        }
        shop.t.run_jobs().await;
        assert_eq!(shop.payments().await.len(), 1);
        let wrong = orders::switch_plan(ctx, who, id, shop.offered.free_plan, Some(-1)).await;
        assert!(matches!(wrong, Err(Error::Conflict(_))), "what was not shown is not ordered: {wrong:?}");
        assert_eq!(subscription(shop).await.plan_name, "Starter");
        shop.books_hold().await;
    })
    .await;
}
