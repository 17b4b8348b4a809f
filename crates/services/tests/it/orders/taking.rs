//! What a rail says, believed once, in whatever order it comes.

use super::*;
use domain::state::PaymentState;
use services::ports::PaymentsError;

#[tokio::test]
async fn a_payment_makes_an_order_usable_at_once() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        let order = shop.buy(&t).await;
        pay(&t, &order, 2900).await;
        t.run_jobs().await;
        let order = shop.see(&t, &order).await;
        assert_eq!((order.state, order.checkout_url.clone()), (OrderState::Done, None));
        let notes: Vec<&str> = order.steps.iter().map(|step| step.note.as_str()).collect();
        assert_eq!(notes, ["Ordered.", "Paid with Visa •••• 4242.", "Ready to use."]);
        let payments = orders::payments(&t.ctx, &shop.buyer.who, shop.buyer.organization).await.unwrap();
        assert_eq!(payments.len(), 1);
        assert_eq!((payments[0].amount, payments[0].state), (dollars(2900), PaymentState::Succeeded));
        assert_eq!((payments[0].description.as_str(), payments[0].order_id), ("Helper — Starter", order.id));
        missing(orders::payments(&t.ctx, &shop.seller.who, shop.buyer.organization).await);
        assert!(conflict(orders::checkout(&t.ctx, &shop.buyer.who, order.id).await).contains("nothing to pay"));
    })
    .await;
}

#[tokio::test]
async fn an_event_that_comes_ten_times_is_one_payment_and_one_subscription() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        let order = shop.buy(&t).await;
        for round in 0..10 {
            pay(&t, &order, 2900).await;
            if round % 3 == 0 {
                t.run_jobs().await;
            }
        }
        // The same payment under the name of another event.
        let mut again = paid(&visit(&order), 2900);
        again["id"] = json!("told again");
        deliver(&t, again).await;
        t.run_jobs().await;
        assert_eq!(shop.subscriptions(&t).await.len(), 1);
        assert_eq!(orders::payments(&t.ctx, &shop.buyer.who, shop.buyer.organization).await.unwrap().len(), 1);
        assert!(t.payments.refunded().is_empty());
        assert_eq!(shop.see(&t, &order).await.steps.len(), 3);
    })
    .await;
}

#[tokio::test]
async fn an_event_that_is_not_the_rails_is_refused() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        let order = shop.buy(&t).await;
        let body = paid(&visit(&order), 2900).to_string();
        forbidden(orders::receive_event(&t.ctx, "fake", body.as_bytes(), "forged").await);
        missing(orders::receive_event(&t.ctx, "stripe", body.as_bytes(), "good").await);
        invalid(orders::receive_event(&t.ctx, "fake", b"no JSON", "good").await, "");
        assert_eq!(waiting_jobs(&t).await, (0, 0));
        deliver(&t, json!({"id": "e", "kind": "customer.created"})).await;
        t.run_jobs().await;
        assert_eq!((waiting_jobs(&t).await, shop.see(&t, &order).await.state), ((0, 0), OrderState::PendingConsumer));
    })
    .await;
}

#[tokio::test]
async fn a_page_that_expires_after_it_was_paid_changes_nothing() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        let order = shop.buy(&t).await;
        pay(&t, &order, 2900).await;
        t.run_jobs().await;
        deliver(&t, expired(&visit(&order))).await;
        t.run_jobs().await;
        assert_eq!((shop.see(&t, &order).await.state, shop.subscription(&t).await.state), (OrderState::Done, OK));
    })
    .await;
}

#[tokio::test]
async fn money_for_a_canceled_order_goes_back() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        let order = shop.buy(&t).await;
        orders::cancel(&t.ctx, &shop.buyer.who, order.id).await.unwrap();
        assert_eq!(t.payments.expired(), [visit(&order)]);
        pay(&t, &order, 2900).await;
        t.run_jobs().await;
        assert_eq!(t.payments.refunded(), [reference(&visit(&order))]);
        let payments = orders::payments(&t.ctx, &shop.buyer.who, shop.buyer.organization).await.unwrap();
        assert_eq!((payments.len(), payments[0].state), (1, PaymentState::Refunded));
        let order = shop.see(&t, &order).await;
        assert_eq!((order.state, shop.subscriptions(&t).await.len()), (OrderState::Canceled, 0));
        assert!(last_note(&order).contains("it goes back"), "{}", last_note(&order));
    })
    .await;
}

#[tokio::test]
async fn a_payment_of_another_amount_is_given_back_and_the_order_can_still_be_paid() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        for wrong in [1, 2899, 2901, 0] {
            let order = shop.buy(&t).await;
            pay(&t, &order, wrong).await;
            t.run_jobs().await;
            let seen = shop.see(&t, &order).await;
            assert_eq!(seen.state, OrderState::PendingConsumer);
            assert!(last_note(&seen).contains("$29"), "{}", last_note(&seen));
            // Of nothing there is nothing to give back.
            assert_eq!(t.payments.refunded().contains(&reference(&visit(&order))), wrong > 0);
        }
        let order = shop.buy(&t).await;
        let mut euros = paid(&visit(&order), 2900);
        euros["currency"] = json!("EUR");
        deliver(&t, euros).await;
        t.run_jobs().await;
        assert_eq!((shop.see(&t, &order).await.state, t.payments.refunded().len()), (OrderState::PendingConsumer, 4));
        assert!(shop.subscriptions(&t).await.is_empty());

        let url = orders::checkout(&t.ctx, &shop.buyer.who, order.id).await.unwrap();
        assert_ne!(Some(&url), order.checkout_url.as_ref());
        pay(&t, &shop.see(&t, &order).await, 2900).await;
        t.run_jobs().await;
        assert_eq!((shop.see(&t, &order).await.state, t.payments.refunded().len()), (OrderState::Done, 4));
    })
    .await;
}

#[tokio::test]
async fn of_two_payments_for_one_order_the_second_goes_back_and_the_first_stays() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        let order = shop.buy(&t).await;
        t.clock.advance_seconds(25 * 3600);
        orders::checkout(&t.ctx, &shop.buyer.who, order.id).await.unwrap();
        let again = shop.see(&t, &order).await;
        assert_ne!(visit(&order), visit(&again), "a page that is past its time is opened anew");
        pay(&t, &again, 2900).await;
        t.run_jobs().await;
        pay(&t, &order, 2900).await;
        t.run_jobs().await;
        assert_eq!(t.payments.refunded(), [reference(&visit(&order))]);
        assert_eq!((shop.see(&t, &order).await.state, shop.subscription(&t).await.state), (OrderState::Done, OK));
    })
    .await;
}

#[tokio::test]
async fn an_order_that_nobody_pays_is_canceled_after_a_day() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        let order = shop.buy(&t).await;
        t.payments.fail_next(PaymentsError::Unavailable("away".to_owned()));
        let pageless = shop.buy(&t).await;
        services::jobs::sweep(&t.ctx).await.unwrap();
        assert_eq!(shop.see(&t, &order).await.state, OrderState::PendingConsumer);
        t.clock.advance_seconds(24 * 3600);
        // A rail that is away keeps no order open.
        t.payments.fail_next(PaymentsError::Unavailable("away".to_owned()));
        services::jobs::sweep(&t.ctx).await.unwrap();
        for order in [&order, &pageless] {
            let order = shop.see(&t, order).await;
            assert_eq!((order.state, last_note(&order)), (OrderState::Canceled, "Not paid in time."));
        }
        pay(&t, &order, 2900).await;
        t.run_jobs().await;
        assert_eq!(t.payments.refunded(), [reference(&visit(&order))], "someone paid in the last second");
    })
    .await;
}

#[tokio::test]
async fn an_old_page_that_expires_does_not_cancel_an_order_with_a_new_one() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        let order = shop.buy(&t).await;
        t.clock.advance_seconds(25 * 3600);
        orders::checkout(&t.ctx, &shop.buyer.who, order.id).await.unwrap();
        deliver(&t, expired(&visit(&order))).await;
        t.run_jobs().await;
        services::jobs::sweep(&t.ctx).await.unwrap();
        assert_eq!(shop.see(&t, &order).await.state, OrderState::PendingConsumer);
        let new = shop.see(&t, &order).await;
        deliver(&t, expired(&visit(&new))).await;
        t.run_jobs().await;
        assert_eq!(shop.see(&t, &order).await.state, OrderState::Canceled);
    })
    .await;
}

#[tokio::test]
async fn a_refund_that_fails_is_tried_again_and_one_that_is_told_first_waits_for_its_payment() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        let order = shop.buy(&t).await;
        orders::cancel(&t.ctx, &shop.buyer.who, order.id).await.unwrap();
        deliver(&t, json!({"id": "r", "kind": "refunded", "reference": reference(&visit(&order))})).await;
        t.run_jobs().await;
        assert_eq!(waiting_jobs(&t).await, (1, 0));
        t.payments.fail_next(PaymentsError::Unavailable("away".to_owned()));
        pay(&t, &order, 2900).await;
        insist(&t).await;
        assert_eq!(waiting_jobs(&t).await, (0, 0));
        let payments = orders::payments(&t.ctx, &shop.buyer.who, shop.buyer.organization).await.unwrap();
        assert_eq!(payments[0].state, PaymentState::Refunded);
    })
    .await;
}

#[tokio::test]
async fn a_payment_for_a_visit_that_nobody_knows_is_set_aside_for_the_operator() {
    on_every_ctx(async |t| {
        let operator = t.operator().await;
        deliver(&t, paid("visit_77", 2900)).await;
        insist(&t).await;
        let jobs = services::operator::jobs(&t.ctx, &operator).await.unwrap();
        assert_eq!((jobs.len(), jobs[0].dead, jobs[0].attempts), (1, true, 12));
        assert!(jobs[0].last_error.contains("visit_77"), "{}", jobs[0].last_error);
    })
    .await;
}
