//! Making what was bought usable, whatever fails on the way.

use super::*;
use domain::state::PaymentState;
use services::configs;
use services::jobs::Job;
use services::ports::RuntimeError;

#[tokio::test]
async fn a_runtime_that_fails_for_a_while_delays_and_loses_nothing() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        for _ in 0..3 {
            t.runtime.fail_provisioning(RuntimeError::Failed("restarting".to_owned()));
        }
        let order = shop.buy(&t).await;
        pay(&t, &order, 2900).await;
        t.run_jobs().await;
        assert_eq!(shop.see(&t, &order).await.state, OrderState::Executing);
        for seconds in [2, 8, 32] {
            t.clock.advance_seconds(seconds);
            t.run_jobs().await;
        }
        assert_eq!((shop.see(&t, &order).await.state, shop.subscription(&t).await.state), (OrderState::Done, OK));
        assert!(t.payments.refunded().is_empty());
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_set_up_is_paid_back() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        for _ in 0..4 {
            t.runtime.fail_provisioning(RuntimeError::Timeout("nobody answers".to_owned()));
        }
        let order = shop.buy(&t).await;
        pay(&t, &order, 2900).await;
        insist(&t).await;
        let seen = shop.see(&t, &order).await;
        assert_eq!(seen.state, OrderState::Erred);
        assert!(seen.error_message.contains("nobody answers") && last_note(&seen).contains("goes back"));
        let subscription = shop.subscription(&t).await;
        assert_eq!((subscription.state, subscription.config_id), (SubscriptionState::Erred, None));
        let payments = orders::payments(&t.ctx, &shop.buyer.who, shop.buyer.organization).await.unwrap();
        assert_eq!((t.payments.refunded().len(), payments[0].state), (1, PaymentState::Refunded));
        let letter = t.mailer.sent().pop().unwrap();
        assert_eq!(letter.subject, "Helper could not be set up");

        // Nobody pays for another plan of it; it can be cleared away.
        conflict(orders::switch_plan(&t.ctx, &shop.buyer.who, subscription.id, shop.offered.free_plan, None).await);
        orders::terminate(&t.ctx, &shop.buyer.who, subscription.id).await.unwrap();
        t.run_jobs().await;
        assert_eq!(shop.subscription(&t).await.state, SubscriptionState::Terminated);
    })
    .await;
}

#[tokio::test]
async fn a_new_agent_begins_with_what_its_offering_says() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        let named = NewOrder { name: "Our helper".to_owned(), ..shop.order(shop.offered.free_plan) };
        orders::place(&t.ctx, &shop.buyer.who, named).await.unwrap();
        t.run_jobs().await;
        let config = configs::of_subscription(&t.ctx, &shop.buyer.who, shop.subscription(&t).await.id).await.unwrap();
        let settings = config.settings;
        assert_eq!((settings.agent_name.as_str(), settings.greeting_message.as_str()), ("Our helper", "Hello!"));
        assert_eq!((settings.primary_color.as_str(), settings.live), ("#3B82F6", true));
    })
    .await;
}

#[tokio::test]
async fn a_job_that_runs_twice_does_its_work_once() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        let order = shop.buy(&t).await;
        pay(&t, &order, 2900).await;
        t.run_jobs().await;
        let now = t.ctx.now();
        for _ in 0..3 {
            let mut tx = t.ctx.store.write(Scope::System).await.unwrap();
            let event = Job::RailEvent { rail: "fake".to_owned(), event: format!("paid {}", visit(&order)) };
            for job in [Job::Fulfil { order: order.id }, event] {
                services::jobs::enqueue(&mut tx, &job, now, now, None).await.unwrap();
            }
            tx.commit().await.unwrap();
            assert_eq!(t.run_jobs().await, 2);
        }
        assert_eq!((waiting_jobs(&t).await, shop.see(&t, &order).await.steps.len()), ((0, 0), 3));
        assert_eq!((shop.subscription(&t).await.state, t.payments.refunded().len()), (OK, 0));
    })
    .await;
}
