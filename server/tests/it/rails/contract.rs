//! The contract: the same of the sandbox and of Stripe.

use domain::Money;
use domain::state::{OrderState, PaymentState, RefundState, SubscriptionState};
use domain::view::Paging;
use services::ports::{ChargeError, PaidOut, PayoutError};
use services::subscriptions::{self, SubscriptionFilter};
use services::{Error, orders};

use super::{DECLINED, DISPUTED, GOOD, GOOD_ONCE, Outside, REFUND_FAILS, Shop, with_every_rail};

fn paid_with(last4: &str) -> Vec<(PaymentState, String)> {
    vec![(PaymentState::Succeeded, format!("Visa •••• {last4}"))]
}

#[tokio::test]
async fn the_same_key_opens_one_page_and_another_key_another() {
    with_every_rail(async |shop| {
        let first = shop.rail().open_checkout(shop.checkout("one")).await.expect("a page");
        let again = shop.rail().open_checkout(shop.checkout("one")).await.expect("a page");
        let other = shop.rail().open_checkout(shop.checkout("two")).await.expect("a page");
        assert_eq!((&first.session, &first.url), (&again.session, &again.url));
        assert_ne!(first.session, other.session);
    })
    .await;
}

#[tokio::test]
async fn a_page_that_is_paid_pays_its_order_and_the_books_hold_what_the_rail_keeps() {
    with_every_rail(async |shop| {
        assert!(shop.pay(GOOD).await);
        assert_eq!((shop.state().await, shop.payments().await), (OrderState::Done, paid_with("4242")));
        let operator = shop.t.operator().await;
        let balances = services::ledger::balances(&shop.t.ctx, &operator).await.expect("balances");
        let fees = balances.iter().find(|row| row.account.to_string() == "rail_fees").expect("fees");
        // 2.9 % and 30 cents of $29, as the sandbox and the simulated Stripe both keep it.
        assert_eq!(fees.amount, Money::new(114, shop.order.amount.currency));
        shop.books_hold().await;
    })
    .await;
}

#[tokio::test]
async fn a_card_that_is_declined_pays_nothing_and_the_next_one_does() {
    with_every_rail(async |shop| {
        assert!(!shop.pay(DECLINED).await);
        assert_eq!((shop.state().await, shop.payments().await), (OrderState::PendingConsumer, vec![]));
        assert!(shop.pay(GOOD).await);
        assert_eq!(shop.state().await, OrderState::Done);
    })
    .await;
}

#[tokio::test]
async fn a_page_that_was_closed_takes_no_money_and_closing_it_again_is_harmless() {
    with_every_rail(async |shop| {
        let session = shop.session().await;
        orders::cancel(&shop.t.ctx, &shop.buyer.who, shop.order.id).await.expect("canceled");
        shop.rail().expire_checkout(&session).await.expect("closed");
        assert!(!shop.pay_at(&session, GOOD).await);
        shop.deliver().await;
        shop.t.run_jobs().await;
        assert_eq!((shop.state().await, shop.payments().await), (OrderState::Canceled, vec![]));
    })
    .await;
}

#[tokio::test]
async fn a_page_that_is_paid_is_not_closed_any_more() {
    with_every_rail(async |shop| {
        let session = shop.session().await;
        assert!(shop.pay_at(&session, GOOD).await);
        shop.rail().expire_checkout(&session).await.expect("harmless");
        shop.deliver().await;
        shop.t.run_jobs().await;
        assert_eq!(shop.state().await, OrderState::Done);
    })
    .await;
}

#[tokio::test]
async fn a_payment_goes_back_once_however_often_it_is_asked_for() {
    with_every_rail(async |shop| {
        assert!(shop.pay(GOOD).await);
        let reference = shop.reference().await;
        for _ in 0..3 {
            shop.rail().refund(shop.whole(&reference)).await.expect("given back");
        }
        if let Outside::Stripe { stripe, .. } = &shop.outside {
            assert_eq!(stripe.objects("refund").len(), 1);
        }
        assert!(shop.rail().refund(shop.whole("pi_that_never_was")).await.is_err());
    })
    .await;
}

#[tokio::test]
async fn what_was_paid_for_an_order_that_is_over_goes_back() {
    with_every_rail(async |shop| {
        let session = shop.session().await;
        assert!(shop.pay_at(&session, GOOD).await);
        // The order ends before its payment is heard of.
        orders::cancel(&shop.t.ctx, &shop.buyer.who, shop.order.id).await.expect("canceled");
        shop.deliver().await;
        shop.t.run_jobs().await;
        shop.deliver().await;
        shop.t.run_jobs().await;
        assert_eq!((shop.state().await, shop.payments().await[0].0), (OrderState::Canceled, PaymentState::Refunded));
        shop.books_hold().await;
    })
    .await;
}

#[tokio::test]
async fn what_was_paid_with_is_charged_again_once_under_one_key() {
    with_every_rail(async |shop| {
        assert!(shop.pay(GOOD).await);
        let request = shop.charge_request("month-1").await;
        let first = shop.rail().charge(request.clone()).await.expect("charged");
        let again = shop.rail().charge(request).await.expect("charged");
        assert_eq!(first, again);
        assert_eq!((first.method.as_str(), first.fee_minor), ("Visa •••• 4242", 114));
        let other = shop.rail().charge(shop.charge_request("month-2").await).await.expect("charged");
        assert_ne!(first.reference, other.reference);
        if let Outside::Stripe { stripe, .. } = &shop.outside {
            assert_eq!(stripe.objects("payment_intent").len(), 3);
        }
    })
    .await;
}

#[tokio::test]
async fn a_card_that_is_declined_without_its_owner_is_declined_the_same_each_time() {
    with_every_rail(async |shop| {
        assert!(shop.pay(GOOD_ONCE).await);
        let request = shop.charge_request("month-1").await;
        let mut said = Vec::new();
        for _ in 0..2 {
            match shop.rail().charge(request.clone()).await {
                Err(ChargeError::Declined(why)) => said.push(why),
                other => panic!("{other:?}"),
            }
        }
        assert!(!said[0].is_empty());
        assert_eq!(said[0], said[1]);
    })
    .await;
}

#[tokio::test]
async fn what_the_rail_has_not_signed_is_not_believed() {
    with_every_rail(async |shop| {
        let body = br#"{"id":"evt_1","type":"checkout.session.completed","data":{"object":{"id":"cs_1"}}}"#.to_vec();
        let (_, header) = shop.signed(b"another body".to_vec());
        for header in ["", "t=1,v1=00", &header] {
            let refused = shop.receive(&(body.clone(), header.to_owned())).await;
            assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
        }
        assert_eq!(shop.t.run_jobs().await, 0);
    })
    .await;
}

async fn months_are_paid(shop: &Shop) {
    for month in 1..=3 {
        shop.pass(31 * 86_400);
        services::jobs::sweep(&shop.t.ctx).await.expect("swept");
        shop.deliver().await;
        shop.t.run_jobs().await;
        assert_eq!(shop.payments().await.len(), 1 + month, "month {month}");
    }
}

#[tokio::test]
async fn the_months_after_are_paid_with_the_same_card() {
    with_every_rail(async |shop| {
        assert!(shop.pay(GOOD).await);
        months_are_paid(shop).await;
        shop.books_hold().await;
    })
    .await;
}

#[tokio::test]
async fn a_month_whose_card_is_declined_can_be_paid_on_a_page() {
    with_every_rail(async |shop| {
        assert!(shop.pay(GOOD_ONCE).await);
        shop.pass(31 * 86_400);
        services::jobs::sweep(&shop.t.ctx).await.expect("swept");
        assert_eq!(shop.payments().await.len(), 1);
        let filter = subscriptions::SubscriptionFilter::default();
        let list = subscriptions::list(&shop.t.ctx, &shop.buyer.who, filter, domain::view::Paging::default()).await;
        let subscription = &list.expect("a list").rows[0];
        assert_eq!(subscription.state, SubscriptionState::Ok);
        let unpaid = subscription.period.as_ref().and_then(|period| period.unpaid_order).expect("an order to pay");
        orders::checkout(&shop.t.ctx, &shop.buyer.who, unpaid).await.expect("a page");
        let mut tx = shop.t.ctx.store.read(store::Scope::System).await.expect("a transaction");
        let visit = store::orders::checkout_of_order(&mut tx, unpaid).await.expect("a row").expect("a visit");
        drop(tx);
        assert!(shop.pay_at(&visit.session, GOOD).await);
        shop.deliver().await;
        shop.t.run_jobs().await;
        assert_eq!(shop.payments().await.len(), 2);
        shop.books_hold().await;
    })
    .await;
}

#[tokio::test]
async fn a_provider_has_one_account_which_is_ready_when_it_has_said_what_is_wanted() {
    with_every_rail(async |shop| {
        let (first, again) = (shop.open_account().await, shop.open_account().await);
        assert_eq!(first.reference, again.reference);
        let status = shop.payouts().account(&first.reference).await.expect("a status");
        assert!(!status.ready && status.destination.is_empty() && !status.due.is_empty(), "{status:?}");
        shop.finish_account(&again).await;
        let status = shop.payouts().account(&first.reference).await.expect("a status");
        assert!(status.ready && !status.destination.is_empty() && status.due.is_empty(), "{status:?}");
        assert!(shop.payouts().account("acct_that_never_was").await.is_err());
    })
    .await;
}

#[tokio::test]
async fn a_provider_is_paid_once_under_one_key_and_not_before_it_is_ready() {
    with_every_rail(async |shop| {
        let account = shop.open_account().await;
        let early = shop.payouts().pay_out(shop.payout("early", &account)).await;
        assert!(matches!(early, Err(PayoutError::Refused(_))), "{early:?}");
        shop.finish_account(&account).await;
        let first = shop.payouts().pay_out(shop.payout("one", &account)).await.expect("paid out");
        let again = shop.payouts().pay_out(shop.payout("one", &account)).await.expect("paid out");
        let other = shop.payouts().pay_out(shop.payout("two", &account)).await.expect("paid out");
        assert_eq!(first, again);
        assert_ne!(first, other);
    })
    .await;
}

#[tokio::test]
async fn of_a_payout_no_more_is_taken_back_than_there_is_and_once_under_one_key() {
    with_every_rail(async |shop| {
        let account = shop.open_account().await;
        shop.finish_account(&account).await;
        let paid = shop.payouts().pay_out(shop.payout("one", &account)).await.expect("paid out");
        let take = async |key: &str, minor| shop.payouts().take_back(shop.reversal(key, &paid, minor)).await;
        let first = take("a", 1000).await.expect("taken back");
        let (again, other) = (take("a", 1000).await.expect("the same"), take("b", 900).await.expect("taken back"));
        assert_eq!(first, again);
        assert_ne!(first, other);
        let more = take("c", 1001).await;
        assert!(matches!(more, Err(PayoutError::Refused(_))), "{more:?}");
        shop.pay_out_to_the_bank(&account);
        let late = take("d", 1).await;
        assert!(matches!(late, Err(PayoutError::Refused(_))), "{late:?}");
        assert_eq!(take("b", 900).await.expect("the same"), other);
        assert!(
            shop.payouts().take_back(shop.reversal("e", &PaidOut { reference: "tr_1".to_owned() }, 1)).await.is_err()
        );
    })
    .await;
}

#[tokio::test]
async fn what_was_paid_out_of_a_sale_that_goes_back_is_taken_back() {
    with_every_rail(async |shop| {
        shop.finish_account(&shop.open_account().await).await;
        let (who, seller) = (&shop.seller.who, shop.offered.provider);
        assert!(shop.pay(GOOD).await);
        shop.pass(15 * 24 * 3600);
        services::jobs::sweep(&shop.t.ctx).await.expect("released");
        let operator = shop.t.operator().await;
        // Whoever opens its page lets the rail be asked how the account stands; so does the run itself.
        services::payouts::open_account(&shop.t.ctx, who, seller).await.expect("an account");
        services::payouts::overview(&shop.t.ctx, who, seller, Paging::default()).await.expect("a page");
        assert_eq!(services::payouts::run(&shop.t.ctx, &operator).await.expect("run"), 1);
        shop.settle().await;
        shop.give_back(Some(1450)).await;
        shop.settle().await;
        let view = services::payouts::overview(&shop.t.ctx, who, seller, Paging::default()).await.expect("a page");
        let [payout] = view.payouts.rows.as_slice() else { panic!("{view:?}") };
        assert_eq!((payout.amount.minor, payout.reversed.minor, view.paid[0].minor), (2320, 1160, 1160));
        shop.books_hold().await;
        shop.pass(2 * 3600);
        assert_eq!(shop.compare().await, 0, "the rail says the same");
    })
    .await;
}

#[tokio::test]
async fn a_payment_goes_back_in_parts_and_never_more_than_there_is() {
    with_every_rail(async |shop| {
        assert!(shop.pay(GOOD).await);
        for part in [Some(1000), Some(900), None] {
            shop.give_back(part).await;
            shop.settle().await;
        }
        let money = shop.money().await;
        let parts: Vec<(i64, RefundState)> =
            money.refunds.iter().map(|refund| (refund.amount.minor, refund.state)).collect();
        assert_eq!(parts, [(1000, RefundState::Paid), (900, RefundState::Paid), (1000, RefundState::Paid)]);
        assert_eq!(shop.payments().await[0].0, PaymentState::Refunded);
        let mut more = shop.whole(&money.payments[0].reference);
        more.amount.minor = 1;
        more.whole = false;
        assert!(shop.rail().refund(more).await.is_err(), "nothing is left");
        shop.pass(2 * 3600);
        assert_eq!(shop.compare().await, 0, "the rail says the same");
    })
    .await;
}

#[tokio::test]
async fn a_refund_that_does_not_arrive_is_undone() {
    with_every_rail(async |shop| {
        assert!(shop.pay(REFUND_FAILS).await);
        shop.give_back(Some(1000)).await;
        shop.settle().await;
        shop.fail_refund().await;
        let money = shop.money().await;
        assert_eq!((money.refunds[0].state, money.payments[0].left), (RefundState::Reversed, shop.order.amount));
        shop.pass(2 * 3600);
        assert_eq!(shop.compare().await, 0);
        shop.books_hold().await;
    })
    .await;
}

#[tokio::test]
async fn one_charge_pays_for_the_products_of_a_bundle_and_what_goes_back_of_each_goes_back_of_it() {
    with_every_rail(async |shop| {
        let order = shop.order_bundle().await;
        assert!(shop.pay_at(&shop.session_of(order.id).await, GOOD).await);
        shop.settle().await;
        let together = order.together.expect("a bundle").orders;
        let operator = shop.t.operator().await;
        let mut paid = Vec::new();
        for (id, _, _) in &together {
            let seen = orders::get(&shop.t.ctx, &shop.buyer.who, *id).await.expect("the order");
            assert_eq!(seen.state, OrderState::Done);
            let money = services::refunds::of_order(&shop.t.ctx, &operator, *id).await.expect("the order");
            paid.push(money.payments.into_iter().next().expect("a payment"));
        }
        assert_eq!(paid.iter().map(|payment| payment.amount.minor).collect::<Vec<_>>(), [2500, 2500]);
        assert_eq!(paid[0].reference, paid[1].reference, "one charge");
        shop.books_hold().await;
        // All of one product, and a part of the other.
        for (payment, minor) in [(&paid[0], None), (&paid[1], Some(1000))] {
            let reason = "A reason.";
            services::refunds::give_back(&shop.t.ctx, &operator, payment.id, minor, reason).await.expect("decided");
        }
        shop.settle().await;
        if let Outside::Stripe { stripe, .. } = &shop.outside {
            assert_eq!(stripe.objects("refund").len(), 2);
        }
        let mut left = Vec::new();
        for (id, _, _) in &together {
            let money = services::refunds::of_order(&shop.t.ctx, &operator, *id).await.expect("the order");
            assert!(money.refunds.iter().all(|refund| refund.state == RefundState::Paid), "{:?}", money.refunds);
            left.push(money.payments[0].left.minor);
        }
        assert_eq!(left, [0, 1500]);
        shop.pass(2 * 3600);
        assert_eq!(shop.compare().await, 0);
        // A month later each renews with the card of that charge.
        shop.pass(31 * 24 * 3600);
        services::jobs::sweep(&shop.t.ctx).await.expect("swept");
        shop.settle().await;
        let all = orders::payments(&shop.t.ctx, &shop.buyer.who, shop.buyer.organization).await.expect("a list");
        assert_eq!(all.iter().filter(|payment| payment.amount.minor == 2500).count(), 4);
        shop.pass(2 * 3600);
        assert_eq!(shop.compare().await, 0);
        shop.books_hold().await;
    })
    .await;
}

#[tokio::test]
async fn a_disputed_payment_is_the_banks_until_it_decides() {
    for won in [false, true] {
        with_every_rail(async |shop| {
            assert!(shop.pay(DISPUTED).await);
            shop.dispute().await;
            let money = shop.money().await;
            assert_eq!((money.payments[0].left.minor, money.refunds[0].state), (0, RefundState::Paid));
            shop.books_hold().await;
            shop.decide(won).await;
            let left = if won { shop.order.amount.minor } else { 0 };
            assert_eq!(shop.money().await.payments[0].left.minor, left);
            shop.books_hold().await;
        })
        .await;
    }
}

async fn methods(shop: &Shop) -> Vec<(String, bool, String)> {
    let list = services::rail::methods(&shop.t.ctx, &shop.buyer.who, shop.buyer.organization).await.expect("a list");
    list.into_iter().map(|method| (method.last4.unwrap_or_default(), method.is_default, method.id)).collect()
}

#[tokio::test]
async fn what_is_preferred_is_charged_and_what_is_forgotten_is_not() {
    with_every_rail(async |shop| {
        let (ctx, who, of) = (&shop.t.ctx, &shop.buyer.who, shop.buyer.organization);
        assert!(shop.pay(GOOD).await);
        let paid_with = methods(shop).await;
        assert_eq!((paid_with.len(), paid_with[0].0.as_str(), paid_with[0].1), (1, "4242", false));
        // The only one of a subscription that is to be paid stays.
        let last = services::rail::forget_method(ctx, who, of, &paid_with[0].2).await;
        assert!(matches!(last, Err(Error::Conflict(_))), "{last:?}");
        shop.save("5555 5555 5555 4444").await;
        let both = methods(shop).await;
        assert_eq!((both.len(), both[0].0.as_str()), (2, "4444"));
        // Without a word, what was paid with is charged again.
        let first = shop.rail().charge(shop.charge_request("month-1").await).await.expect("charged");
        assert!(first.method.ends_with("4242"), "{first:?}");
        services::rail::prefer_method(ctx, who, of, &both[0].2).await.expect("preferred");
        assert!(methods(shop).await[0].1);
        let second = shop.rail().charge(shop.charge_request("month-2").await).await.expect("charged");
        assert!(second.method.ends_with("4444"), "{second:?}");
        services::rail::forget_method(ctx, who, of, &both[0].2).await.expect("forgotten");
        let third = shop.rail().charge(shop.charge_request("month-3").await).await.expect("charged");
        assert!(third.method.ends_with("4242"), "{third:?}");
        let gone = services::rail::prefer_method(ctx, who, of, &both[0].2).await;
        assert!(matches!(gone, Err(Error::NotFound(_))), "{gone:?}");
    })
    .await;
}

#[tokio::test]
async fn nobody_touches_what_others_pay_with() {
    with_every_rail(async |shop| {
        let ctx = &shop.t.ctx;
        assert!(shop.pay(GOOD).await);
        let id = methods(shop).await[0].2.clone();
        let stranger = shop.t.register("stranger@example.com").await;
        for of in [shop.buyer.organization, stranger.organization] {
            for refused in [
                services::rail::prefer_method(ctx, &stranger.who, of, &id).await,
                services::rail::forget_method(ctx, &stranger.who, of, &id).await,
            ] {
                assert!(matches!(refused, Err(Error::NotFound(_))), "{refused:?}");
            }
        }
        let rail = shop.rail();
        assert!(rail.prefer_method(stranger.organization, &id).await.is_err());
        for odd in ["", "pm_1/detach", "../customers/cus_1", "card"] {
            assert!(rail.prefer_method(shop.buyer.organization, odd).await.is_err(), "{odd:?}");
        }
        assert!(!methods(shop).await[0].1);
    })
    .await;
}

#[tokio::test]
async fn with_every_method_gone_a_month_is_declined_and_not_lost() {
    with_every_rail(async |shop| {
        assert!(shop.pay(GOOD).await);
        let id = methods(shop).await[0].2.clone();
        let before = shop.rail().charge(shop.charge_request("month-0").await).await.expect("charged");
        // As in the company's own pages, where nobody asks us.
        shop.rail().forget_method(shop.buyer.organization, &id).await.expect("forgotten");
        shop.rail().forget_method(shop.buyer.organization, &id).await.expect("harmless");
        let charged = shop.rail().charge(shop.charge_request("month-1").await).await;
        assert!(matches!(charged, Err(ChargeError::Declined(_))), "{charged:?}");
        // What was charged already is answered as it was.
        let again = shop.rail().charge(shop.charge_request("month-0").await).await.expect("charged");
        assert_eq!(again, before);
    })
    .await;
}

#[tokio::test]
async fn of_two_who_remove_the_last_two_methods_at_once_one_is_refused() {
    with_every_rail(async |shop| {
        let (ctx, who, of) = (&shop.t.ctx, &shop.buyer.who, shop.buyer.organization);
        assert!(shop.pay(GOOD).await);
        shop.save("5555 5555 5555 4444").await;
        let both = methods(shop).await;
        let (first, second) = tokio::join!(
            services::rail::forget_method(ctx, who, of, &both[0].2),
            services::rail::forget_method(ctx, who, of, &both[1].2),
        );
        let refused = [first, second].into_iter().filter(|done| matches!(done, Err(Error::Conflict(_)))).count();
        assert_eq!((refused, methods(shop).await.len()), (1, 1));
    })
    .await;
}

#[tokio::test]
async fn a_buyer_who_is_charged_no_more_may_remove_its_last_method() {
    with_every_rail(async |shop| {
        let (ctx, who, of) = (&shop.t.ctx, &shop.buyer.who, shop.buyer.organization);
        assert!(shop.pay(GOOD).await);
        let id = methods(shop).await[0].2.clone();
        let mine =
            subscriptions::list(ctx, who, SubscriptionFilter::default(), Paging::default()).await.expect("a list");
        let subscription = mine.rows[0].id;
        services::billing::cancel_at_period_end(ctx, who, subscription).await.expect("canceled");
        services::rail::forget_method(ctx, who, of, &id).await.expect("forgotten");
        // Whoever goes on after all is asked for the next month.
        services::billing::resume(ctx, who, subscription).await.expect("resumed");
        let charged = shop.rail().charge(shop.charge_request("month-1").await).await;
        assert!(matches!(charged, Err(ChargeError::Declined(_))), "{charged:?}");
    })
    .await;
}

#[tokio::test]
async fn a_card_that_was_saved_before_anything_was_paid_is_charged() {
    with_every_rail(async |shop| {
        let (ctx, who, of) = (&shop.t.ctx, &shop.buyer.who, shop.buyer.organization);
        let nothing = shop.rail().charge(shop.charge_request("month-1").await).await;
        assert!(
            matches!(&nothing, Err(ChargeError::Declined(why)) if why == "There is no card to charge for it."),
            "{nothing:?}"
        );
        shop.save(GOOD).await;
        let request = shop.charge_request("month-1").await;
        assert_eq!(request.earlier_payment, None);
        let first = shop.rail().charge(request.clone()).await.expect("charged");
        assert!(first.method.ends_with("4242"), "{first:?}");
        shop.save("5555 5555 5555 4444").await;
        let both = methods(shop).await;
        for (month, card) in [("month-2", &both[1]), ("month-3", &both[0])] {
            services::rail::prefer_method(ctx, who, of, &card.2).await.expect("preferred");
            let charged = shop.rail().charge(shop.charge_request(month).await).await.expect("charged");
            assert!(charged.method.ends_with(&card.0), "{charged:?}");
        }
        // What was charged already is answered as it was, with nothing to charge any more.
        for (_, _, id) in both {
            shop.rail().forget_method(of, &id).await.expect("forgotten");
        }
        assert_eq!(shop.rail().charge(request).await.expect("charged"), first);
        let gone = shop.rail().charge(shop.charge_request("month-4").await).await;
        assert!(matches!(gone, Err(ChargeError::Declined(_))), "{gone:?}");
    })
    .await;
}

#[tokio::test]
async fn a_buyer_goes_to_the_rails_own_pages_about_what_it_pays_with_and_comes_back() {
    with_every_rail(async |shop| {
        let (ctx, who, of) = (&shop.t.ctx, &shop.buyer.who, shop.buyer.organization);
        assert!(shop.pay(GOOD).await);
        let ours = format!("https://cmp.test/organizations/{of}/billing/methods/");
        let there = services::rail::open_portal(ctx, who, of, None).await.expect("pages");
        match &shop.outside {
            Outside::Sandbox => assert_eq!((there, shop.rail().has_portal()), (ours, None)),
            Outside::Stripe { stripe, .. } => {
                assert!(there.starts_with("https://billing.stripe.com/p/session/"), "{there}");
                let sent = stripe.received().pop().expect("a request");
                assert_eq!(sent.operation, "POST /v1/billing_portal/sessions");
                assert!(sent.content.ends_with(&format!("return_url={ours}")), "{}", sent.content);
            }
        }
        let mine =
            subscriptions::list(ctx, who, SubscriptionFilter::default(), Paging::default()).await.expect("a list");
        let id = mine.rows[0].id;
        services::rail::open_portal_of(ctx, who, id, Some("https://cmp.test/here/".to_owned())).await.expect("pages");
        let elsewhere = services::rail::open_portal_of(ctx, who, id, Some("https://evil.example/".to_owned())).await;
        assert!(matches!(elsewhere, Err(Error::Invalid(_))), "{elsewhere:?}");
        let stranger = shop.t.register("stranger@example.com").await;
        for refused in [
            services::rail::open_portal_of(ctx, &stranger.who, id, None).await,
            services::rail::open_portal_of(ctx, &shop.offered.seller, id, None).await,
            services::rail::open_portal(ctx, &stranger.who, of, None).await,
        ] {
            assert!(matches!(refused, Err(Error::NotFound(_))), "{refused:?}");
        }
    })
    .await;
}
