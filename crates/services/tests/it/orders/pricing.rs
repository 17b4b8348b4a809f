//! Plans that cost more than the same each month: by use, by the year, after trying.

use super::*;
use domain::pricing::{BILLIONTHS, Interval, Meter, Part, Terms, Tier, UnitPrice};
use domain::state::Entitlement;
use domain::view::money::{CallsView, UsageBill};
use domain::{ConfigId, OrderId, SubscriptionId};
use services::billing;
use services::gateway::{UsageReport, report_usage};
use services::ledger;
use services::orders::Switched;

impl Shop {
    /// Opens a shop, and buys a plan of $29 a month that costs by use besides.
    async fn by_use(t: &TestCtx) -> (Self, SubscriptionView) {
        let shop = Self::open(t).await;
        let plan = shop.priced(t, "By use", dollars(2_900), by_use()).await;
        let bought = shop.bought(t, plan).await;
        (shop, bought)
    }

    async fn priced(&self, t: &TestCtx, name: &str, price: Money, terms: Terms) -> PlanId {
        let plan = PlanForm {
            id: None,
            name: name.to_owned(),
            description: String::new(),
            price,
            monthly_quota: None,
            requests_per_minute: None,
            documents: None,
            terms,
        };
        provider::save_plan(&t.ctx, &self.seller.who, self.offered.offering, plan).await.unwrap().id
    }
}

/// A thousand calls are included, and each beyond them costs ten cents; a million tokens written cost two dollars.
fn by_use() -> Terms {
    Terms {
        parts: vec![
            Part::Quota { meter: Meter::Calls, included: 1_000, beyond: UnitPrice(10 * BILLIONTHS) },
            Part::PerUnit { meter: Meter::OutputTokens, unit: UnitPrice(BILLIONTHS / 5_000) },
        ],
        ..Terms::default()
    }
}

async fn days_pass(t: &TestCtx, days: i64) {
    for _ in 0..days {
        t.clock.advance_seconds(DAY);
        services::jobs::sweep(&t.ctx).await.unwrap();
        t.run_jobs().await;
    }
}

/// Has a runtime report calls of an agent.
async fn used(t: &TestCtx, subscription: &SubscriptionView, calls: i64, output_tokens: i64, name: &str) {
    let config: ConfigId = subscription.config_id.unwrap();
    let mut left = calls;
    let mut round = 0;
    while left > 0 {
        let part = left.min(1_000);
        let report = UsageReport {
            config,
            request_id: Some(format!("{name}-{round}")),
            calls: part,
            input_tokens: 0,
            output_tokens: if round == 0 { output_tokens } else { 0 },
        };
        report_usage(&t.ctx, Some("a secret of the runtime"), &report).await.unwrap();
        left -= part;
        round += 1;
    }
}

async fn bill(t: &TestCtx, shop: &Shop, id: SubscriptionId) -> UsageBill {
    billing::usage_bill(&t.ctx, &shop.buyer.who, id).await.unwrap()
}

/// Returns what was charged so far without anyone being there, in order.
fn charged(t: &TestCtx) -> Vec<i64> {
    t.payments.charged().iter().map(|charge| charge.amount.minor).collect()
}

/// Returns the calls behind an order as its buyer and its provider see them: the same.
async fn behind(t: &TestCtx, shop: &Shop, order: OrderId) -> CallsView {
    let few = Paging::clamped(1, 20);
    let [seen, sold] = [&shop.buyer.who, &shop.seller.who].map(|who| billing::calls_of_order(&t.ctx, who, order, few));
    let (seen, sold) = (seen.await.unwrap(), sold.await.unwrap());
    assert_eq!(seen, sold);
    seen
}

async fn books_are_right(t: &TestCtx) {
    let check = ledger::check(&t.ctx, &t.operator().await).await.unwrap();
    assert!(check.holds(), "{check:?}");
}

#[tokio::test]
async fn what_was_used_is_on_the_next_bill_and_explained_line_by_line() {
    on_every_ctx(async |t| {
        let (shop, bought) = Shop::by_use(&t).await;
        used(&t, &bought, 1_500, 1_000_000, "first").await;
        let now = bill(&t, &shop, bought.id).await;
        assert_eq!(now.running.amount, dollars(500 * 10 + 200));
        let how: Vec<&str> = now.running.lines.iter().map(|line| line.how.as_str()).collect();
        assert_eq!(how, ["1,000 included, 500 beyond at $0.10", "$0.000002 each"]);
        assert_eq!(now.next.map(|(amount, _)| amount), Some(dollars(2_900)));
        days_pass(&t, 31).await;
        assert_eq!(charged(&t), [2_900 + 5_200]);
        let closed = bill(&t, &shop, bought.id).await;
        assert_eq!((closed.running.amount, closed.closed.len()), (dollars(0), 1));
        assert_eq!((closed.closed[0].amount, closed.closed[0].hash.len()), (dollars(5_200), 64));
        assert!(closed.closed[0].order_id.is_some());
        // The quota of the next month is a new one.
        used(&t, &bought, 1_001, 0, "second").await;
        days_pass(&t, 31).await;
        assert_eq!(charged(&t), [8_100, 2_900 + 10]);
        books_are_right(&t).await;
    })
    .await;
}

#[tokio::test]
async fn a_call_that_is_reported_late_is_on_the_next_bill_and_none_is_on_two() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        let terms = Terms {
            parts: vec![Part::PerUnit { meter: Meter::Calls, unit: UnitPrice(BILLIONTHS) }],
            ..Terms::default()
        };
        let plan = shop.priced(&t, "Each call", dollars(0), terms).await;
        let bought = shop.bought(&t, plan).await;
        // A free plan has no card: the first bill is paid on a page.
        used(&t, &bought, 300, 0, "early").await;
        used(&t, &bought, 300, 0, "early").await;
        days_pass(&t, 31).await;
        let order = shop.subscription(&t).await.period.unwrap().unpaid_order.unwrap();
        let seen = orders::get(&t.ctx, &shop.buyer.who, order).await.unwrap();
        assert_eq!(seen.amount, dollars(300), "the same report is counted once");
        orders::checkout(&t.ctx, &shop.buyer.who, order).await.unwrap();
        used(&t, &bought, 7, 0, "late").await;
        let seen = orders::get(&t.ctx, &shop.buyer.who, order).await.unwrap();
        pay(&t, &seen, 300).await;
        t.run_jobs().await;
        days_pass(&t, 31).await;
        assert_eq!(charged(&t), [7]);
        books_are_right(&t).await;
    })
    .await;
}

#[tokio::test]
async fn who_cancels_pays_for_what_was_used_and_no_more() {
    on_every_ctx(async |t| {
        let (shop, bought) = Shop::by_use(&t).await;
        used(&t, &bought, 1_100, 0, "a").await;
        billing::cancel_at_period_end(&t.ctx, &shop.buyer.who, bought.id).await.unwrap();
        days_pass(&t, 32).await;
        assert_eq!(charged(&t), [1_000]);
        let over = shop.subscription(&t).await;
        assert_eq!(over.state, domain::state::SubscriptionState::Terminated);
        days_pass(&t, 40).await;
        assert_eq!(charged(&t), [1_000]);
        books_are_right(&t).await;
    })
    .await;
}

#[tokio::test]
async fn who_cancels_and_cannot_pay_is_answered_no_more() {
    on_every_ctx(async |t| {
        let (shop, bought) = Shop::by_use(&t).await;
        used(&t, &bought, 1_100, 0, "a").await;
        billing::cancel_at_period_end(&t.ctx, &shop.buyer.who, bought.id).await.unwrap();
        t.payments.decline_charges(true);
        days_pass(&t, 32).await;
        let now = shop.subscription(&t).await.period.unwrap();
        assert_eq!(now.entitlement, Entitlement::Suspended);
        let order = now.unpaid_order.unwrap();
        orders::checkout(&t.ctx, &shop.buyer.who, order).await.unwrap();
        let seen = orders::get(&t.ctx, &shop.buyer.who, order).await.unwrap();
        assert_eq!(seen.amount, dollars(1_000));
        pay(&t, &seen, 1_000).await;
        t.run_jobs().await;
        assert_eq!(shop.subscription(&t).await.state, domain::state::SubscriptionState::Terminated);
        books_are_right(&t).await;
    })
    .await;
}

#[tokio::test]
async fn who_ends_it_now_pays_first_for_what_was_used() {
    on_every_ctx(async |t| {
        let (shop, bought) = Shop::by_use(&t).await;
        used(&t, &bought, 1_010, 0, "a").await;
        let order = orders::terminate(&t.ctx, &shop.buyer.who, bought.id).await.unwrap();
        assert_eq!((order.amount, order.state), (dollars(100), OrderState::PendingConsumer));
        assert_eq!(shop.subscription(&t).await.state, OK, "until it is paid");
        // Whoever does not pay goes on, and is asked for the same with the next period.
        days_pass(&t, 2).await;
        assert_eq!(shop.see(&t, &order).await.state, OrderState::Canceled);
        let order = orders::terminate(&t.ctx, &shop.buyer.who, bought.id).await.unwrap();
        assert_eq!(order.amount, dollars(100));
        pay(&t, &order, 100).await;
        t.run_jobs().await;
        assert_eq!(shop.subscription(&t).await.state, domain::state::SubscriptionState::Terminated);
        books_are_right(&t).await;
    })
    .await;
}

#[tokio::test]
async fn a_cheaper_plan_holds_when_the_period_is_over_and_can_be_taken_back_until_then() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        let big = shop.plan(&t, "Big", dollars(9_900)).await;
        let bought = shop.bought(&t, big).await;
        let who = &shop.buyer.who;
        let cheaper = shop.offered.plan;
        let changes = billing::changes(&t.ctx, who, bought.id).await.unwrap();
        let shown = changes.iter().find(|change| change.plan_id == cheaper).unwrap();
        let end = bought.period.as_ref().unwrap().end;
        assert_eq!((shown.now, shown.from), (dollars(0), Some(end)));
        let switched = orders::switch_plan(&t.ctx, who, bought.id, cheaper, Some(0)).await.unwrap();
        assert_eq!(switched, Switched::From(end));
        let now = shop.subscription(&t).await;
        assert_eq!((now.plan_id, now.period.unwrap().next_plan.as_deref()), (big, Some("Starter")));
        billing::keep_plan(&t.ctx, who, bought.id).await.unwrap();
        assert_eq!(shop.subscription(&t).await.period.unwrap().next_plan, None);
        orders::switch_plan(&t.ctx, who, bought.id, cheaper, None).await.unwrap();
        days_pass(&t, 31).await;
        assert_eq!(charged(&t), [2_900]);
        let now = shop.subscription(&t).await;
        assert_eq!((now.plan_id, now.period.unwrap().next_plan), (cheaper, None));
        books_are_right(&t).await;
    })
    .await;
}

#[tokio::test]
async fn what_was_used_on_one_plan_is_priced_by_it_whatever_plan_follows() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        let metered = shop.priced(&t, "By use", dollars(2_900), by_use()).await;
        let flat = shop.plan(&t, "Flat", dollars(9_900)).await;
        let bought = shop.bought(&t, metered).await;
        used(&t, &bought, 1_200, 0, "metered").await;
        let Switched::Ordered(order) =
            orders::switch_plan(&t.ctx, &shop.buyer.who, bought.id, flat, None).await.unwrap()
        else {
            panic!("a dearer plan is ordered")
        };
        pay(&t, &order, order.amount.minor).await;
        t.run_jobs().await;
        used(&t, &bought, 50_000, 0, "flat").await;
        days_pass(&t, 31).await;
        assert_eq!(charged(&t), [9_900 + 2_000]);
        books_are_right(&t).await;
    })
    .await;
}

#[tokio::test]
async fn a_plan_is_tried_once_and_then_paid() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        let terms = Terms { trial_days: 14, parts: vec![Part::Once { amount: 1_000 }], ..Terms::default() };
        let plan = shop.priced(&t, "Tried", dollars(2_900), terms).await;
        let bought = shop.bought(&t, plan).await;
        let period = bought.period.clone().unwrap();
        assert_eq!(period.end.seconds() - period.start.seconds(), 14 * DAY);
        days_pass(&t, 15).await;
        let now = shop.subscription(&t).await;
        let period = now.period.unwrap();
        assert_eq!(period.entitlement, Entitlement::Grace, "there is no card yet");
        let order = orders::get(&t.ctx, &shop.buyer.who, period.unpaid_order.unwrap()).await.unwrap();
        assert_eq!(order.amount, dollars(3_900));
        orders::checkout(&t.ctx, &shop.buyer.who, order.id).await.unwrap();
        let order = orders::get(&t.ctx, &shop.buyer.who, order.id).await.unwrap();
        pay(&t, &order, 3_900).await;
        t.run_jobs().await;
        days_pass(&t, 31).await;
        assert_eq!(charged(&t), [2_900]);
        // Ending it and coming back is no second trial.
        orders::terminate(&t.ctx, &shop.buyer.who, now.id).await.unwrap();
        t.run_jobs().await;
        let again = orders::place(&t.ctx, &shop.buyer.who, shop.order(plan)).await.unwrap();
        assert_eq!(again.amount, dollars(3_900));
        books_are_right(&t).await;
    })
    .await;
}

#[tokio::test]
async fn a_card_that_is_added_while_a_plan_is_tried_is_charged_when_that_is_over() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        let plan = shop.priced(&t, "Tried", dollars(2_900), Terms { trial_days: 14, ..Terms::default() }).await;
        let bought = shop.bought(&t, plan).await;
        days_pass(&t, 3).await;
        t.payments.save_card(shop.buyer.organization, "4444");
        days_pass(&t, 12).await;
        assert_eq!(charged(&t), [2_900]);
        let period = shop.subscription(&t).await.period.unwrap();
        assert_eq!((period.entitlement, period.unpaid_order), (Entitlement::Granted, None));
        assert_eq!(period.start, bought.period.unwrap().end);
        let paid = orders::payments(&t.ctx, &shop.buyer.who, shop.buyer.organization).await.unwrap();
        assert_eq!((paid.len(), paid[0].method.as_str()), (1, "Visa •••• 4444"));
        assert!(!letters(&t).iter().any(|subject| subject.contains("could not be charged")), "{:?}", letters(&t));
        books_are_right(&t).await;
    })
    .await;
}

#[tokio::test]
async fn a_card_that_is_added_when_nothing_could_be_charged_is_charged_at_the_next_try() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        let plan = shop.priced(&t, "Tried", dollars(2_900), Terms { trial_days: 14, ..Terms::default() }).await;
        shop.bought(&t, plan).await;
        days_pass(&t, 14).await;
        assert_eq!(letters(&t), ["$29 for Helper could not be charged"]);
        t.payments.save_card(shop.buyer.organization, "4444");
        days_pass(&t, 1).await;
        assert_eq!((charged(&t), letters(&t).len()), (vec![2_900], 1));
        let period = shop.subscription(&t).await.period.unwrap();
        assert_eq!((period.entitlement, period.unpaid_order), (Entitlement::Granted, None));
        books_are_right(&t).await;
    })
    .await;
}

#[tokio::test]
async fn a_year_is_paid_by_the_year() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        let terms = Terms { interval: Interval::Year, ..Terms::default() };
        let yearly = shop.priced(&t, "Yearly", dollars(29_000), terms).await;
        let bought = shop.bought(&t, yearly).await;
        let period = bought.period.clone().unwrap();
        assert_eq!((period.end.seconds() - period.start.seconds()) / DAY, 365);
        days_pass(&t, 40).await;
        assert_eq!(charged(&t), [0_i64; 0]);
        // A plan of another interval holds when the year is over.
        let monthly = shop.offered.plan;
        let switched = orders::switch_plan(&t.ctx, &shop.buyer.who, bought.id, monthly, None).await.unwrap();
        assert_eq!(switched, Switched::From(period.end));
        t.clock.advance_seconds(330 * DAY);
        days_pass(&t, 1).await;
        assert_eq!(charged(&t), [2_900]);
        let now = shop.subscription(&t).await.period.unwrap();
        assert_eq!((now.start, (now.end.seconds() - now.start.seconds()) / DAY), (period.end, 30));
        books_are_right(&t).await;
    })
    .await;
}

#[tokio::test]
async fn a_price_that_cannot_be_billed_is_refused() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        let save = async |terms: Terms| {
            let plan = PlanForm {
                id: None,
                name: "Wrong".to_owned(),
                description: String::new(),
                price: dollars(100),
                monthly_quota: None,
                requests_per_minute: None,
                documents: None,
                terms,
            };
            provider::save_plan(&t.ctx, &shop.seller.who, shop.offered.offering, plan).await
        };
        let tier = |up_to| Tier { up_to, unit: UnitPrice(1), flat: 0 };
        for parts in [
            vec![Part::Fixed { amount: 5 }],
            vec![Part::PerUnit { meter: Meter::Calls, unit: UnitPrice(-1) }],
            vec![Part::Package { meter: Meter::Calls, size: 0, amount: 1 }],
            vec![Part::Volume { meter: Meter::Calls, tiers: vec![tier(Some(5))] }],
            vec![Part::Graduated { meter: Meter::Calls, tiers: vec![tier(Some(5)), tier(Some(5)), tier(None)] }],
            vec![Part::Once { amount: 1 }; 21],
        ] {
            invalid(save(Terms { parts, ..Terms::default() }).await, "terms");
        }
        invalid(save(Terms { trial_days: -1, ..Terms::default() }).await, "terms");
        // Another price for those who have the plan is another plan.
        let plan = shop.priced(&t, "By use", dollars(2_900), by_use()).await;
        shop.bought(&t, plan).await;
        let form = PlanForm {
            id: Some(plan),
            name: "By use".to_owned(),
            description: String::new(),
            price: dollars(2_900),
            monthly_quota: None,
            requests_per_minute: None,
            documents: None,
            terms: Terms::default(),
        };
        let next = provider::save_plan(&t.ctx, &shop.seller.who, shop.offered.offering, form).await.unwrap();
        assert_ne!(next.id, plan);
    })
    .await;
}

#[tokio::test]
async fn every_call_that_is_billed_stands_behind_its_order_and_behind_no_other() {
    on_every_ctx(async |t| {
        let (shop, bought) = Shop::by_use(&t).await;
        used(&t, &bought, 1_500, 1_000_000, "first").await;
        days_pass(&t, 31).await;
        let first = bill(&t, &shop, bought.id).await.closed[0].order_id.unwrap();
        used(&t, &bought, 1_001, 0, "second").await;
        days_pass(&t, 31).await;
        let second = bill(&t, &shop, bought.id).await.closed[0].order_id.unwrap();
        let (one, two) = (behind(&t, &shop, first).await, behind(&t, &shop, second).await);
        assert_eq!((one.calls.total, one.calls.rows.len(), two.calls.total), (1_500, 20, 1_001));
        assert_eq!((one.statements.len(), one.statements[0].amount, one.within), (1, dollars(5_200), None));
        let stranger = t.register("stranger@example.com").await;
        let hidden = billing::calls_of_order(&t.ctx, &stranger.who, first, Paging::default()).await;
        assert!(matches!(hidden, Err(Error::NotFound(_))), "{hidden:?}");
    })
    .await;
}

#[tokio::test]
async fn behind_a_price_that_is_always_the_same_stand_the_calls_of_its_time() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        let bought = shop.bought(&t, shop.offered.plan).await;
        used(&t, &bought, 3, 0, "first").await;
        days_pass(&t, 31).await;
        used(&t, &bought, 2, 0, "second").await;
        let paid = orders::payments(&t.ctx, &shop.buyer.who, shop.buyer.organization).await.unwrap();
        let [renewal, first] = paid.as_slice() else { panic!("{paid:?}") };
        let (one, two) = (behind(&t, &shop, first.order_id).await, behind(&t, &shop, renewal.order_id).await);
        assert_eq!((one.calls.total, two.calls.total, one.statements.len()), (3, 2, 0));
        assert!(one.within.unwrap().1 <= two.within.unwrap().0);
    })
    .await;
}

#[tokio::test]
async fn a_statement_that_is_closed_while_calls_are_counted_bills_exactly_the_calls_behind_it() {
    on_every_ctx(async |t| {
        let shop = Shop::open(&t).await;
        let each = Part::PerUnit { meter: Meter::Calls, unit: UnitPrice(BILLIONTHS) };
        let terms = Terms { parts: vec![each], ..Terms::default() };
        let plan = shop.priced(&t, "Each call", dollars(0), terms).await;
        let bought = shop.bought(&t, plan).await;
        used(&t, &bought, 100, 0, "before").await;
        let calls = async |name: &str| {
            for round in 0..20 {
                used(&t, &bought, 5, 0, &format!("{name} {round}").replace(' ', "-")).await;
            }
        };
        let end = async || orders::terminate(&t.ctx, &shop.buyer.who, bought.id).await.unwrap();
        let ((), (), ended) = tokio::join!(Box::pin(calls("here")), Box::pin(calls("there")), Box::pin(end()));
        let behind = behind(&t, &shop, ended.id).await;
        assert_eq!(ended.amount, dollars(behind.calls.total));
        assert!((100..=300).contains(&behind.calls.total), "{}", behind.calls.total);
    })
    .await;
}
