//! Months that are over, and what happens when the next one is not paid.

use super::*;
use domain::state::{Entitlement, OrderKind};
use domain::view::order::PeriodView;
use services::billing;
use services::ports::PaymentsError;

async fn days_pass(t: &TestCtx, days: i64) {
    t.clock.advance_seconds(days * DAY);
    settle(t).await;
}

async fn settle(t: &TestCtx) {
    services::jobs::sweep(&t.ctx).await.unwrap();
    t.run_jobs().await;
}

async fn period(t: &TestCtx, shop: &Shop) -> PeriodView {
    shop.subscription(t).await.period.unwrap()
}

/// Returns the orders of next periods, oldest first.
async fn renewals(t: &TestCtx, shop: &Shop) -> Vec<OrderView> {
    let filter = OrderFilter { kind: Some(OrderKind::Renew), ..OrderFilter::default() };
    let mut all = all_orders(t, &shop.buyer, filter).await.rows;
    all.reverse();
    all
}

async fn books_are_right(t: &TestCtx) {
    let check = services::ledger::check(&t.ctx, &t.operator().await).await.unwrap();
    assert!(check.holds(), "{check:?}");
}

#[tokio::test]
async fn a_month_that_is_over_is_charged_to_the_same_card_once() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        shop.bought(&t, shop.offered.plan).await;
        let first = period(&t, &shop).await;
        assert_eq!((first.start, first.until.as_str()), (t.ctx.now(), "21 Dec 2026"));
        days_pass(&t, 29).await;
        assert!(t.payments.charged().is_empty() && renewals(&t, &shop).await.is_empty());
        t.clock.advance_seconds(DAY);
        // Two processes, and again and again.
        let (one, other) = tokio::join!(services::jobs::sweep(&t.ctx), services::jobs::sweep(&t.ctx));
        one.unwrap();
        other.unwrap();
        settle(&t).await;
        let charged = t.payments.charged();
        assert_eq!((charged.len(), charged[0].amount), (1, dollars(2900)));
        let renewals = renewals(&t, &shop).await;
        assert_eq!((renewals.len(), renewals[0].state, renewals[0].amount), (1, OrderState::Done, dollars(2900)));
        let next = period(&t, &shop).await;
        assert_eq!((next.start, next.until.as_str()), (first.end, "21 Jan 2027"));
        assert_eq!((next.entitlement, next.unpaid_order), (Entitlement::Granted, None));
        let payments = orders::payments(&t.ctx, &shop.buyer.who, shop.buyer.organization).await.unwrap();
        assert_eq!(payments.len(), 2);
        let earned = services::ledger::earnings(&t.ctx, &shop.seller.who, shop.seller.organization, Paging::default());
        assert_eq!(earned.await.unwrap().sales.total, 2);
        books_are_right(&t).await;
        // Where nobody looked for three months, one month is asked for.
        days_pass(&t, 92).await;
        settle(&t).await;
        assert_eq!(t.payments.charged().len(), 2);
        assert!(period(&t, &shop).await.end > t.ctx.now());
        books_are_right(&t).await;
    })
    .await;
}

#[tokio::test]
async fn a_free_month_follows_a_free_month() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        shop.bought(&t, shop.offered.free_plan).await;
        days_pass(&t, 31).await;
        assert_eq!(period(&t, &shop).await.until, "21 Jan 2027");
        assert!(renewals(&t, &shop).await.is_empty() && t.payments.charged().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_declined_card_is_tried_again_and_the_agent_answers_for_a_week() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        shop.bought(&t, shop.offered.plan).await;
        t.payments.decline_charges(true);
        days_pass(&t, 30).await;
        let now = period(&t, &shop).await;
        assert_eq!((now.entitlement, now.unpaid_order.is_some()), (Entitlement::Grace, true));
        assert_eq!(letters(&t).last().unwrap(), "$29 for Helper could not be charged");
        let order = renewals(&t, &shop).await.remove(0);
        assert!(last_note(&shop.see(&t, &order).await).contains("declined"));
        // A day, two more, three more; and in between nothing.
        for (days, letters_sent) in [(0, 1), (1, 2), (1, 2), (1, 3), (3, 4), (0, 4)] {
            days_pass(&t, days).await;
            assert_eq!(letters(&t).len(), letters_sent, "{:?}", letters(&t));
        }
        assert_eq!(period(&t, &shop).await.entitlement, Entitlement::Grace);
        days_pass(&t, 1).await;
        assert_eq!(period(&t, &shop).await.entitlement, Entitlement::Suspended);
        assert_eq!(letters(&t).last().unwrap(), "Helper is suspended");

        // Paid by hand with another card: a new month begins today.
        t.payments.decline_charges(false);
        days_pass(&t, 2).await;
        assert!(t.payments.charged().is_empty(), "nobody is charged after the last try");
        orders::checkout(&t.ctx, &shop.buyer.who, order.id).await.unwrap();
        pay(&t, &shop.see(&t, &order).await, 2900).await;
        t.run_jobs().await;
        let now = period(&t, &shop).await;
        assert_eq!((now.entitlement, now.start, now.unpaid_order), (Entitlement::Granted, t.ctx.now(), None));
        assert_eq!(shop.see(&t, &order).await.state, OrderState::Done);
        books_are_right(&t).await;
        // The next month is charged to the card that was used last.
        days_pass(&t, 31).await;
        let last = reference(&format!("visit_{}", t.payments.opened().len()));
        assert_eq!(t.payments.charged()[0].earlier_payment, Some(last));
    })
    .await;
}

#[tokio::test]
async fn what_nobody_pays_for_three_weeks_ends() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        shop.bought(&t, shop.offered.plan).await;
        t.payments.decline_charges(true);
        days_pass(&t, 30).await;
        for _ in 0..20 {
            days_pass(&t, 1).await;
            assert_ne!(shop.subscription(&t).await.state, SubscriptionState::Terminated);
        }
        days_pass(&t, 1).await;
        settle(&t).await;
        let over = shop.subscription(&t).await;
        assert_eq!((over.state, over.period.unwrap().entitlement), (SubscriptionState::Terminated, Entitlement::Ended));
        let order = renewals(&t, &shop).await.remove(0);
        assert_eq!(order.state, OrderState::Canceled);
        days_pass(&t, 60).await;
        assert_eq!(renewals(&t, &shop).await.len(), 1);
        books_are_right(&t).await;
    })
    .await;
}

#[tokio::test]
async fn an_agent_that_is_suspended_answers_nobody_and_says_why() {
    on_every_ctx(async |t| {
        let bought = t.bought(None, 60).await;
        let key = t.secret_key(&bought).await;
        let mut tx = t.ctx.store.write(Scope::System).await.unwrap();
        let row = store::billings::get(&mut tx, bought.subscription).await.unwrap().unwrap();
        for (entitlement, answers) in
            [(Entitlement::Grace, true), (Entitlement::Suspended, false), (Entitlement::Granted, true)]
        {
            store::billings::update(&mut tx, &store::billings::BillingRow { entitlement, ..row.clone() })
                .await
                .unwrap();
            tx.commit().await.unwrap();
            services::gateway::forget_organization(&t.ctx, bought.buyer.organization);
            let answer = t.ask(&key.secret, testkit::saying("Hello")).await;
            match answer {
                Ok(_) => assert!(answers),
                Err(refused) => {
                    assert_eq!((answers, refused.status, refused.error.as_str()), (false, 402, "payment_overdue"));
                }
            }
            tx = t.ctx.store.write(Scope::System).await.unwrap();
        }
        drop(tx);
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_subscription_ends_with_its_month_unless_it_is_resumed() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        let bought = shop.bought(&t, shop.offered.plan).await;
        let (ctx, buyer) = (&t.ctx, &shop.buyer.who);
        for _ in 0..2 {
            billing::cancel_at_period_end(ctx, buyer, bought.id).await.unwrap();
        }
        assert!(period(&t, &shop).await.cancel_at_period_end);
        billing::resume(ctx, buyer, bought.id).await.unwrap();
        days_pass(&t, 30).await;
        assert_eq!((t.payments.charged().len(), shop.subscription(&t).await.state), (1, OK));
        billing::cancel_at_period_end(ctx, buyer, bought.id).await.unwrap();
        days_pass(&t, 30).await;
        assert_eq!(shop.subscription(&t).await.state, OK, "January has 31 days");
        days_pass(&t, 1).await;
        assert_eq!(shop.subscription(&t).await.state, SubscriptionState::Terminated);
        assert_eq!(t.payments.charged().len(), 1);
        conflict(billing::resume(ctx, buyer, bought.id).await);
        conflict(billing::cancel_at_period_end(ctx, buyer, bought.id).await);
        missing(billing::resume(ctx, &shop.seller.who, bought.id).await);
        let member = placing::invited(&t, &shop.buyer, "member@example.com").await;
        forbidden(billing::cancel_at_period_end(ctx, &member.who, bought.id).await);
        books_are_right(&t).await;
    })
    .await;
}

#[tokio::test]
async fn an_unpaid_month_can_be_ended_but_not_switched_or_canceled() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        let bought = shop.bought(&t, shop.offered.plan).await;
        let (ctx, buyer) = (&t.ctx, &shop.buyer.who);
        t.payments.decline_charges(true);
        days_pass(&t, 30).await;
        let order = renewals(&t, &shop).await.remove(0);
        conflict(orders::cancel(ctx, buyer, order.id).await);
        conflict(orders::switch_plan(ctx, buyer, bought.id, shop.offered.free_plan, None).await);
        conflict(billing::cancel_at_period_end(ctx, buyer, bought.id).await);
        // It waits for longer than an order that somebody forgot.
        days_pass(&t, 3).await;
        assert_eq!(shop.see(&t, &order).await.state, OrderState::PendingConsumer);
        orders::checkout(ctx, buyer, order.id).await.unwrap();
        let open = shop.see(&t, &order).await;
        orders::terminate(ctx, buyer, bought.id).await.unwrap();
        t.run_jobs().await;
        assert_eq!(shop.see(&t, &order).await.state, OrderState::Canceled);
        assert_eq!(shop.subscription(&t).await.state, SubscriptionState::Terminated);
        // Paid all the same: it goes back.
        pay(&t, &open, 2900).await;
        t.run_jobs().await;
        assert_eq!(t.payments.refunded(), [reference(&visit(&open))]);
        books_are_right(&t).await;
    })
    .await;
}

#[tokio::test]
async fn a_rail_that_is_away_is_asked_again_in_ten_minutes() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        shop.bought(&t, shop.offered.plan).await;
        t.payments.fail_next(PaymentsError::Unavailable("away".to_owned()));
        days_pass(&t, 30).await;
        assert_eq!((t.payments.charged().len(), letters(&t).len()), (0, 0));
        settle(&t).await;
        assert_eq!(t.payments.charged().len(), 0);
        t.clock.advance_seconds(600);
        settle(&t).await;
        assert_eq!(t.payments.charged().len(), 1);
        assert_eq!(period(&t, &shop).await.entitlement, Entitlement::Granted);
    })
    .await;
}

#[tokio::test]
async fn subscriptions_from_before_have_a_period_from_the_start_of_the_program() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        let bought = shop.bought(&t, shop.offered.plan).await;
        let mut tx = t.ctx.store.write(Scope::System).await.unwrap();
        store::testing::texts(&mut tx, "DELETE FROM billings".to_owned()).await.unwrap();
        tx.commit().await.unwrap();
        t.clock.advance_seconds(75 * DAY);
        assert_eq!(billing::catch_up(&t.ctx).await.unwrap(), 1);
        assert_eq!(billing::catch_up(&t.ctx).await.unwrap(), 0);
        let now = period(&t, &shop).await;
        assert_eq!((now.start, now.end), (bought.created.plus_months(2), bought.created.plus_months(3)));
        settle(&t).await;
        assert!(t.payments.charged().is_empty());
        days_pass(&t, 20).await;
        assert_eq!(t.payments.charged().len(), 1);
    })
    .await;
}
