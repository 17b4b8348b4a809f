//! What only a company outside can do to us: lose answers, deliver events late, twice, backwards or never, and answer
//! about something else.

use domain::state::{OrderState, PaymentState};
use services::Error;
use services::ports::{ChargeError, Payments as _, PaymentsError, PayoutError};
use store::{Scope, jobs};
use testkit::stripe::Fault;

use super::{GOOD, Shop, order, stripe_rail, with_stripe};

const HOUR: i64 = 3600;
/// What can happen to a request that writes, and heals when it is asked for again.
const HEALING: [Fault; 7] = [
    Fault::LostAnswer,
    Fault::LostRequest,
    Fault::TooMany,
    Fault::Conflict,
    Fault::WrongKey,
    Fault::KeptErrorAfter,
    Fault::KeptErrorBefore,
];

/// Asks until it is done, as jobs do; a few times.
async fn until_done<T, E: std::fmt::Debug>(mut ask: impl AsyncFnMut() -> Result<T, E>) -> T {
    let mut last = None;
    for _ in 0..4 {
        match ask().await {
            Ok(done) => return done,
            Err(error) => last = Some(error),
        }
    }
    panic!("it never was done: {last:?}");
}

#[tokio::test]
async fn whatever_happens_to_an_answer_a_page_is_opened_once() {
    with_stripe(async |shop| {
        for fault in HEALING {
            let before = shop.stripe().objects("checkout.session").len();
            let key = format!("{fault:?}");
            shop.stripe().fail_next(fault);
            let first = shop.rail().open_checkout(shop.checkout(&key)).await;
            assert!(matches!(first, Err(PaymentsError::Unavailable(_))), "{fault:?}: {first:?}");
            until_done(async || shop.rail().open_checkout(shop.checkout(&key)).await).await;
            until_done(async || shop.rail().open_checkout(shop.checkout(&key)).await).await;
            assert_eq!(shop.stripe().objects("checkout.session").len(), before + 1, "{fault:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn whatever_happens_to_an_answer_a_month_is_charged_once() {
    with_stripe(async |shop| {
        assert!(shop.pay(GOOD).await);
        for fault in HEALING {
            let before = shop.stripe().objects("payment_intent").len();
            let request = shop.charge_request(&format!("{fault:?}")).await;
            shop.stripe().fail_next(fault);
            let first = shop.rail().charge(request.clone()).await;
            assert!(matches!(first, Err(ChargeError::Rail(_))), "{fault:?}: {first:?}");
            let charged = until_done(async || shop.rail().charge(request.clone()).await).await;
            let again = until_done(async || shop.rail().charge(request.clone()).await).await;
            assert_eq!(charged, again);
            assert_eq!(shop.stripe().objects("payment_intent").len(), before + 1, "{fault:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn whatever_happens_to_an_answer_a_payment_goes_back_once() {
    with_stripe(async |shop| {
        assert!(shop.pay(GOOD).await);
        for (number, fault) in HEALING.into_iter().enumerate() {
            let charged = shop.rail().charge(shop.charge_request(&format!("{fault:?}")).await).await.expect("charged");
            shop.stripe().fail_next(fault);
            assert!(shop.rail().refund(shop.whole(&charged.reference)).await.is_err(), "{fault:?}");
            until_done(async || shop.rail().refund(shop.whole(&charged.reference)).await).await;
            assert_eq!(shop.stripe().objects("refund").len(), number + 1, "{fault:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_buyer_is_made_known_once_by_two_processes_at_a_time() {
    with_stripe(async |shop| {
        let other = stripe_rail(&shop.t.ctx.store, &shop.t, &shop.stripe().base());
        let (one, two) =
            tokio::join!(shop.rail().open_checkout(shop.checkout("here")), other.open_checkout(shop.checkout("there")));
        assert!(one.is_ok() && two.is_ok());
        assert_eq!(shop.stripe().objects("customer").len(), 1);
        let customer = &shop.stripe().objects("customer")[0];
        assert_eq!(customer["metadata"]["organization"], shop.buyer.organization.to_string());
    })
    .await;
}

#[tokio::test]
async fn a_process_that_dies_before_it_hears_the_answer_sends_the_same_bytes_under_the_same_key() {
    with_stripe(async |shop| {
        assert!(shop.pay(GOOD).await);
        let request = shop.charge_request("month").await;
        shop.stripe().fail_next(Fault::LostAnswer);
        shop.rail().charge(request.clone()).await.expect_err("nobody heard it");
        // Another process, an hour later, would describe it otherwise; what was kept is what is sent.
        shop.pass(HOUR);
        let reborn = stripe_rail(&shop.t.ctx.store, &shop.t, &shop.stripe().base());
        let request = services::ports::ChargeRequest { description: "In other words".to_owned(), ..request };
        reborn.charge(request).await.expect("charged");
        let sent: Vec<_> = shop
            .stripe()
            .received()
            .into_iter()
            .filter(|received| received.operation == "POST /v1/payment_intents")
            .collect();
        assert_eq!(sent.len(), 2);
        assert_eq!(sent[0], sent[1]);
        assert_eq!(shop.stripe().objects("payment_intent").len(), 2);
    })
    .await;
}

#[tokio::test]
async fn what_was_begun_is_charged_although_its_card_is_gone_meanwhile() {
    with_stripe(async |shop| {
        shop.save(GOOD).await;
        let request = shop.charge_request("month").await;
        shop.stripe().fail_next(Fault::LostAnswer);
        shop.rail().charge(request.clone()).await.expect_err("nobody heard it");
        let of = shop.buyer.organization;
        let card = shop.rail().methods(of).await.expect("a list").remove(0);
        shop.rail().forget_method(of, &card.id).await.expect("forgotten");
        let charged = shop.rail().charge(request).await.expect("charged");
        assert_eq!(shop.stripe().objects("payment_intent")[0]["id"], *charged.reference);
        assert_eq!(shop.stripe().objects("payment_intent").len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_buyer_of_before_buyers_were_kept_is_charged_what_it_paid_with_until_it_says_otherwise() {
    with_stripe(async |shop| {
        assert!(shop.pay(GOOD).await);
        let mut tx = shop.t.ctx.store.write(Scope::System).await.expect("a transaction");
        for kept in ["DELETE FROM rail_customers", "DELETE FROM rail_operations"] {
            store::testing::texts(&mut tx, kept.to_owned()).await.expect("forgotten");
        }
        tx.commit().await.expect("committed");
        shop.stripe().forget_keys();
        let first = shop.rail().charge(shop.charge_request("month-1").await).await.expect("charged");
        assert!(first.method.ends_with("4242"), "{first:?}");
        // To Stripe, whoever adds a card now is somebody else.
        shop.save("5555 5555 5555 4444").await;
        assert_eq!(shop.stripe().objects("customer").len(), 2);
        let second = shop.rail().charge(shop.charge_request("month-2").await).await.expect("charged");
        assert!(second.method.ends_with("4242"), "{second:?}");
        let of = shop.buyer.organization;
        let card = shop.rail().methods(of).await.expect("a list").remove(0);
        shop.rail().prefer_method(of, &card.id).await.expect("preferred");
        let third = shop.rail().charge(shop.charge_request("month-3").await).await.expect("charged");
        assert!(third.method.ends_with("4444"), "{third:?}");
    })
    .await;
}

#[tokio::test]
async fn after_a_day_what_came_of_a_charge_is_looked_up_and_it_is_not_sent_again() {
    with_stripe(async |shop| {
        assert!(shop.pay(GOOD).await);
        let request = shop.charge_request("month").await;
        shop.stripe().fail_next(Fault::LostAnswer);
        shop.rail().charge(request.clone()).await.expect_err("nobody heard it");
        shop.pass(24 * HOUR);
        // Stripe does not know the key any more: the same bytes would charge once more.
        shop.stripe().forget_keys();
        let charged = shop.rail().charge(request).await.expect("found");
        assert_eq!((charged.method.as_str(), charged.fee_minor), ("Visa •••• 4242", 114));
        assert_eq!(shop.stripe().objects("payment_intent").len(), 2);
        let sent = shop.stripe().received();
        assert_eq!(sent.iter().filter(|one| one.operation == "POST /v1/payment_intents").count(), 1);
    })
    .await;
}

#[tokio::test]
async fn after_a_day_a_charge_of_which_nothing_came_is_made_under_another_key() {
    with_stripe(async |shop| {
        assert!(shop.pay(GOOD).await);
        let request = shop.charge_request("month").await;
        shop.stripe().fail_next(Fault::LostRequest);
        shop.rail().charge(request.clone()).await.expect_err("it never arrived");
        shop.pass(24 * HOUR);
        shop.stripe().forget_keys();
        shop.rail().charge(request).await.expect("charged");
        let keys: Vec<_> = shop
            .stripe()
            .received()
            .into_iter()
            .filter(|one| one.operation == "POST /v1/payment_intents")
            .filter_map(|one| one.key)
            .collect();
        assert_eq!(keys, ["charge:month:0", "charge:month:1"]);
        assert_eq!(shop.stripe().objects("payment_intent").len(), 2);
    })
    .await;
}

#[tokio::test]
async fn an_answer_about_something_else_is_refused() {
    with_stripe(async |shop| {
        shop.stripe().fail_next(Fault::AnotherAnswer);
        let page = shop.rail().open_checkout(shop.checkout("another")).await;
        assert!(matches!(page, Err(PaymentsError::Refused(_))), "{page:?}");
        assert!(shop.pay(GOOD).await);
        shop.stripe().fail_next(Fault::AnotherAnswer);
        let charged = shop.rail().charge(shop.charge_request("another").await).await;
        assert!(matches!(charged, Err(ChargeError::Rail(PaymentsError::Refused(_)))), "{charged:?}");
        let reference = shop.reference().await;
        shop.stripe().fail_next(Fault::AnotherAnswer);
        let refund = shop.rail().refund(shop.whole(&reference)).await;
        assert!(matches!(refund, Err(PaymentsError::Unavailable(_))), "it may have been made: {refund:?}");
    })
    .await;
}

#[tokio::test]
async fn an_identifier_that_would_ask_for_something_else_is_never_sent() {
    with_stripe(async |shop| {
        let before = shop.stripe().received().len();
        for wrong in ["../customers/cus_1?limit=1#", "pi_1/../../refunds", "", "ch_1"] {
            assert!(matches!(shop.rail().refund(shop.whole(wrong)).await, Err(PaymentsError::Refused(_))), "{wrong:?}");
        }
        for wrong in ["../events", "cs_1?expand[]=x", "pi_1"] {
            assert!(shop.rail().expire_checkout(wrong).await.is_err(), "{wrong:?}");
            assert!(shop.rail().look("checkout.session.completed", wrong).await.is_err(), "{wrong:?}");
        }
        assert_eq!(shop.stripe().received().len(), before);
    })
    .await;
}

#[tokio::test]
async fn events_that_come_a_hundred_times_at_once_pay_once() {
    with_stripe(async |shop| {
        let session = shop.session().await;
        assert!(shop.pay_at(&session, GOOD).await);
        let webhooks = shop.webhooks();
        let all = (0..100).flat_map(|_| &webhooks).map(|webhook| shop.receive(webhook));
        for outcome in futures::future::join_all(all).await {
            outcome.expect("taken");
        }
        shop.t.run_jobs().await;
        for webhook in &webhooks {
            shop.receive(webhook).await.expect("taken, and acted on before");
        }
        assert_eq!(shop.t.run_jobs().await, 0);
        assert_eq!((shop.state().await, shop.payments().await.len()), (OrderState::Done, 1));
        shop.books_hold().await;
    })
    .await;
}

#[tokio::test]
async fn events_that_come_backwards_lead_to_the_same() {
    with_stripe(async |shop| {
        let session = shop.session().await;
        assert!(shop.pay_at(&session, GOOD).await);
        let reference = shop.stripe().objects("payment_intent")[0]["id"].as_str().expect("an id").to_owned();
        shop.stripe().refund_by_hand(&reference);
        let mut webhooks = shop.webhooks();
        webhooks.reverse();
        for webhook in &webhooks {
            shop.receive(webhook).await.expect("taken");
            shop.t.run_jobs().await;
        }
        // The refund was heard of before its payment, and is tried again after it.
        shop.pass(60);
        shop.t.run_jobs().await;
        assert_eq!(shop.payments().await[0].0, PaymentState::Refunded);
        shop.books_hold().await;
    })
    .await;
}

#[tokio::test]
async fn an_event_that_is_never_delivered_is_asked_for() {
    with_stripe(async |shop| {
        let session = shop.session().await;
        assert!(shop.pay_at(&session, GOOD).await);
        drop(shop.webhooks());
        shop.pass(20 * 60);
        services::jobs::sweep(&shop.t.ctx).await.expect("swept");
        shop.t.run_jobs().await;
        assert_eq!((shop.state().await, shop.payments().await.len()), (OrderState::Done, 1));
        // More events than one page of the list holds, and those of before once more.
        for number in 0..4 {
            let request = shop.charge_request(&format!("month-{number}")).await;
            let charged = shop.rail().charge(request).await.expect("charged");
            shop.stripe().refund_by_hand(&charged.reference);
        }
        let reference = shop.reference().await;
        shop.stripe().refund_by_hand(&reference);
        shop.pass(20 * 60);
        services::jobs::sweep(&shop.t.ctx).await.expect("swept");
        shop.t.run_jobs().await;
        assert_eq!(shop.payments().await[0].0, PaymentState::Refunded);
    })
    .await;
}

#[tokio::test]
async fn what_an_event_says_is_not_believed_and_what_stripe_says_is() {
    with_stripe(async |shop| {
        let session = shop.session().await;
        // Signed with our secret, and saying that it is paid: it is not.
        let body = format!(
            r#"{{"id":"evt_forged","type":"checkout.session.completed","livemode":false,"data":{{"object":{{"id":"{session}",
            "status":"complete","payment_status":"paid","amount_total":2900,"metadata":{{"order":"{}"}}}}}}}}"#,
            shop.order.id
        );
        shop.receive(&shop.signed(body.into_bytes())).await.expect("taken");
        shop.t.run_jobs().await;
        assert_eq!((shop.state().await, shop.payments().await), (OrderState::PendingConsumer, vec![]));
    })
    .await;
}

#[tokio::test]
async fn an_event_of_live_mode_or_of_a_providers_account_is_stored_and_nothing_else() {
    with_stripe(async |shop| {
        let session = shop.session().await;
        assert!(shop.pay_at(&session, GOOD).await);
        drop(shop.webhooks());
        for (number, more) in [r#""livemode":true"#, r#""livemode":false,"account":"acct_1""#].into_iter().enumerate() {
            let body = format!(
                r#"{{"id":"evt_other{number}","type":"checkout.session.completed",{more},"data":{{"object":{{"id":"{session}"}}}}}}"#
            );
            shop.receive(&shop.signed(body.into_bytes())).await.expect("taken");
        }
        shop.t.run_jobs().await;
        assert_eq!(shop.state().await, OrderState::PendingConsumer);
    })
    .await;
}

#[tokio::test]
async fn a_visit_that_is_complete_and_not_paid_waits_for_its_money() {
    with_stripe(async |shop| {
        let session = shop.session().await;
        shop.stripe().pay_slowly(&session);
        shop.deliver().await;
        shop.t.run_jobs().await;
        assert_eq!((shop.state().await, shop.payments().await), (OrderState::PendingConsumer, vec![]));
        shop.stripe().settle(&session, true);
        shop.deliver().await;
        shop.t.run_jobs().await;
        assert_eq!((shop.state().await, shop.payments().await.len()), (OrderState::Done, 1));
    })
    .await;
}

#[tokio::test]
async fn a_visit_whose_money_never_comes_ends_its_order() {
    with_stripe(async |shop| {
        let session = shop.session().await;
        shop.stripe().pay_slowly(&session);
        shop.stripe().settle(&session, false);
        shop.deliver().await;
        shop.t.run_jobs().await;
        assert_eq!((shop.state().await, shop.payments().await), (OrderState::Canceled, vec![]));
    })
    .await;
}

#[tokio::test]
async fn a_payment_waits_until_it_is_known_what_stripe_keeps_of_it() {
    with_stripe(async |shop| {
        shop.stripe().withhold_balance(true);
        assert!(shop.pay(GOOD).await);
        assert_eq!(shop.state().await, OrderState::PendingConsumer);
        shop.stripe().withhold_balance(false);
        shop.pass(60);
        shop.t.run_jobs().await;
        assert_eq!(shop.state().await, OrderState::Done);
        shop.books_hold().await;
    })
    .await;
}

#[tokio::test]
async fn a_payment_of_another_amount_than_the_orders_goes_back() {
    with_stripe(async |shop| {
        let session = shop.session().await;
        shop.stripe().change(&session, |visit| visit["amount_total"] = 100.into());
        assert!(shop.pay_at(&session, GOOD).await);
        shop.deliver().await;
        shop.t.run_jobs().await;
        assert_eq!(
            (shop.state().await, shop.payments().await[0].0),
            (OrderState::PendingConsumer, PaymentState::Refunded)
        );
        assert_eq!(shop.stripe().objects("refund")[0]["amount"], 100);
        shop.books_hold().await;
    })
    .await;
}

#[tokio::test]
async fn a_payment_that_was_given_back_in_stripes_own_pages_is_given_back_here() {
    with_stripe(async |shop| {
        assert!(shop.pay(GOOD).await);
        let reference = shop.reference().await;
        shop.stripe().refund_by_hand(&reference);
        shop.deliver().await;
        shop.t.run_jobs().await;
        assert_eq!(shop.payments().await[0].0, PaymentState::Refunded);
        shop.rail().refund(shop.whole(&reference)).await.expect("it has gone back already");
    })
    .await;
}

#[tokio::test]
async fn an_event_that_cannot_be_acted_on_is_set_aside_and_replayed_by_an_operator_or_by_stripe() {
    with_stripe(async |shop| {
        let body = br#"{"id":"evt_early","type":"checkout.session.completed","livemode":false,"data":{"object":{"id":"cs_test_unknown"}}}"#;
        let webhook = shop.signed(body.to_vec());
        shop.receive(&webhook).await.expect("taken");
        let gave_up = async || {
            let mut tx = shop.t.ctx.store.read(Scope::System).await.expect("a transaction");
            let list = jobs::list(&mut tx, 100).await.expect("jobs");
            list.into_iter().find(|job| job.kind == "rail_event" && job.dead_at.is_some())
        };
        for _ in 0..12 {
            shop.t.run_jobs().await;
            shop.pass(6 * HOUR);
        }
        let dead = gave_up().await.expect("a job that gave up");
        assert!(dead.last_error.contains("No such"), "{}", dead.last_error);
        let operator = shop.t.operator().await;
        services::operator::retry_job(&shop.t.ctx, &operator, dead.id).await.expect("replayed");
        assert!(gave_up().await.is_none());
        for _ in 0..12 {
            shop.t.run_jobs().await;
            shop.pass(6 * HOUR);
        }
        // Delivered once more, it is tried once more, because nobody has acted on it.
        let webhook = shop.signed(webhook.0);
        shop.receive(&webhook).await.expect("taken");
        assert_eq!(shop.t.run_jobs().await, 1);
    })
    .await;
}

#[tokio::test]
async fn without_stripe_an_order_stays_and_is_paid_when_stripe_is_back() {
    with_stripe(async |shop| {
        shop.stripe().fail_next(Fault::LostRequest);
        let later = order(&shop.t, &shop.buyer, &shop.offered).await;
        assert_eq!((later.state, later.checkout_url.clone()), (OrderState::PendingConsumer, None));
        let url = services::orders::checkout(&shop.t.ctx, &shop.buyer.who, later.id).await.expect("a page");
        assert!(url.starts_with("https://checkout.stripe.com/"), "{url}");
    })
    .await;
}

#[tokio::test]
async fn stripes_page_leads_back_to_where_it_was_asked_to_and_the_one_before_is_closed() {
    with_stripe(async |shop| {
        let before = shop.session().await;
        let back = services::orders::ComingBack {
            success_url: Some("https://cmp.test/thanks/?visit={CHECKOUT_SESSION_ID}".to_owned()),
            cancel_url: None,
        };
        let visit = services::orders::visit(&shop.t.ctx, &shop.buyer.who, shop.order.id, back.clone()).await;
        let visit = visit.expect("a page");
        let find = |id: &str| {
            shop.stripe().objects("checkout.session").into_iter().find(|session| session["id"] == *id).expect("a visit")
        };
        assert_eq!(find(&before)["status"], "expired");
        let open = find(&visit.session);
        assert_eq!(open["success_url"], "https://cmp.test/thanks/?visit={CHECKOUT_SESSION_ID}");
        assert_eq!(open["cancel_url"], format!("https://cmp.test/marketplace-order/{}/", shop.order.id));
        let again = services::orders::visit(&shop.t.ctx, &shop.buyer.who, shop.order.id, back).await.expect("a page");
        assert_eq!(again, visit);
        // That the page before is over does not end the order.
        shop.deliver().await;
        shop.t.run_jobs().await;
        assert_eq!(shop.state().await, OrderState::PendingConsumer);
        assert!(shop.pay_at(&visit.session, GOOD).await);
        shop.deliver().await;
        shop.t.run_jobs().await;
        assert_eq!(shop.state().await, OrderState::Done);
    })
    .await;
}

#[tokio::test]
async fn a_provider_is_shown_stripes_own_pages_once_it_has_said_what_is_wanted() {
    with_stripe(async |shop| {
        let account = shop.open_account().await;
        let early = shop.payouts().login_link(&account.reference).await;
        assert!(matches!(early, Err(PaymentsError::Refused(_))), "{early:?}");
        shop.finish_account(&account).await;
        let url = shop.payouts().login_link(&account.reference).await.expect("a page");
        assert!(url.starts_with("https://connect.stripe.com/"), "{url}");
        assert!(shop.payouts().login_link("../accounts/acct_1").await.is_err());
        assert!(account.expires_at.is_some_and(|until| until > shop.t.ctx.now()));
    })
    .await;
}

#[tokio::test]
async fn what_was_paid_with_is_listed_without_anything_to_pay_with() {
    with_stripe(async |shop| {
        let list = async |shop: &Shop| {
            services::rail::methods(&shop.t.ctx, &shop.buyer.who, shop.buyer.organization).await.expect("a list")
        };
        assert!(list(shop).await.is_empty());
        assert!(shop.pay(GOOD).await);
        let methods = list(shop).await;
        assert_eq!((methods[0].brand.as_deref(), methods[0].last4.as_deref()), (Some("visa"), Some("4242")));
        let stranger = shop.t.register("stranger@example.com").await;
        let refused = services::rail::methods(&shop.t.ctx, &stranger.who, shop.buyer.organization).await;
        assert!(matches!(refused, Err(Error::NotFound(_))), "{refused:?}");
        let paging = domain::view::Paging::default();
        let theirs = services::rail::customers(&shop.t.ctx, &stranger.who, None, paging).await.expect("a list");
        assert_eq!((theirs.rows.len(), theirs.total), (0, 0));
        let refused =
            services::rail::customers(&shop.t.ctx, &stranger.who, Some(shop.buyer.organization), paging).await;
        assert!(matches!(refused, Err(Error::NotFound(_))), "{refused:?}");
        let known = services::rail::customers(&shop.t.ctx, &shop.buyer.who, None, paging).await.expect("a list");
        assert_eq!((known.total, known.rows[0].organization_id), (1, shop.buyer.organization));
        assert_eq!(known.rows[0].currency, Some(shop.order.amount.currency));
    })
    .await;
}

#[tokio::test]
async fn whatever_happens_to_an_answer_a_provider_is_paid_once() {
    with_stripe(async |shop| {
        let account = shop.open_account().await;
        assert!(account.url.starts_with("https://connect.stripe.com/"), "{}", account.url);
        shop.finish_account(&account).await;
        for (number, fault) in HEALING.into_iter().enumerate() {
            let key = format!("{fault:?}");
            shop.stripe().fail_next(fault);
            let first = shop.payouts().pay_out(shop.payout(&key, &account)).await;
            assert!(matches!(first, Err(PayoutError::Rail(_))), "{fault:?}: {first:?}");
            until_done(async || shop.payouts().pay_out(shop.payout(&key, &account)).await).await;
            assert_eq!(shop.stripe().objects("transfer").len(), number + 1, "{fault:?}");
        }
        shop.stripe().fail_next(Fault::AnotherAnswer);
        let another = shop.payouts().pay_out(shop.payout("another", &account)).await;
        assert!(matches!(another, Err(PayoutError::Rail(PaymentsError::Refused(_)))), "{another:?}");
    })
    .await;
}

#[tokio::test]
async fn whatever_happens_to_an_answer_a_payout_is_taken_back_once() {
    with_stripe(async |shop| {
        let account = shop.open_account().await;
        shop.finish_account(&account).await;
        let paid = shop.payouts().pay_out(shop.payout("one", &account)).await.expect("paid out");
        for (number, fault) in HEALING.into_iter().enumerate() {
            let take = async || shop.payouts().take_back(shop.reversal(&format!("{fault:?}"), &paid, 100)).await;
            shop.stripe().fail_next(fault);
            let first = take().await;
            assert!(matches!(first, Err(PayoutError::Rail(_))), "{fault:?}: {first:?}");
            let (taken, again) = (until_done(take).await, until_done(take).await);
            assert_eq!(taken, again);
            assert_eq!(shop.stripe().objects("transfer_reversal").len(), number + 1, "{fault:?}");
        }
        shop.stripe().fail_next(Fault::AnotherAnswer);
        let another = shop.payouts().take_back(shop.reversal("another", &paid, 100)).await;
        assert!(matches!(another, Err(PayoutError::Rail(PaymentsError::Refused(_)))), "{another:?}");
    })
    .await;
}

#[tokio::test]
async fn what_our_balance_does_not_hold_yet_is_paid_out_later() {
    with_stripe(async |shop| {
        let account = shop.open_account().await;
        shop.finish_account(&account).await;
        shop.stripe().set_balance(shop.order.amount.minor - 1);
        let early = shop.payouts().pay_out(shop.payout("one", &account)).await;
        assert!(matches!(early, Err(PayoutError::Rail(PaymentsError::Unavailable(_)))), "{early:?}");
        shop.stripe().set_balance(shop.order.amount.minor);
        shop.payouts().pay_out(shop.payout("one", &account)).await.expect("paid out");
    })
    .await;
}

#[tokio::test]
async fn a_part_that_was_given_back_in_stripes_own_pages_is_given_back_here() {
    with_stripe(async |shop| {
        assert!(shop.pay(GOOD).await);
        shop.stripe().refund_part_by_hand(&shop.reference().await, 900);
        shop.settle().await;
        let money = shop.money().await;
        assert_eq!((money.payments[0].left.minor, money.refunds.len()), (2000, 1));
        shop.give_back(Some(500)).await;
        shop.settle().await;
        assert_eq!((shop.money().await.payments[0].left.minor, shop.stripe().objects("refund").len()), (1500, 2));
        shop.books_hold().await;
    })
    .await;
}

#[tokio::test]
async fn what_stripe_has_and_the_ledger_has_not_is_a_case_and_the_other_way_round() {
    with_stripe(async |shop| {
        assert!(shop.pay(GOOD).await);
        shop.pass(2 * 3600);
        assert_eq!(shop.compare().await, 0);
        // A charge that no order knows, and a payment that Stripe says to know nothing of.
        shop.rail().charge(shop.charge_request("stray").await).await.expect("charged");
        assert_eq!(shop.compare().await, 1);
        let reference = shop.reference().await;
        shop.stripe().change(&reference, |payment| payment["status"] = "processing".into());
        assert_eq!(shop.compare().await, 2);
        shop.stripe().change(&reference, |payment| payment["status"] = "succeeded".into());
        assert_eq!(shop.compare().await, 1);
        shop.stripe().change(&reference, |payment| payment["amount_received"] = 2800.into());
        assert_eq!(shop.compare().await, 2);
    })
    .await;
}

#[tokio::test]
async fn stripes_own_pages_are_set_up_once_and_for_a_buyer_of_whom_it_has_not_heard() {
    with_stripe(async |shop| {
        let open =
            async || services::rail::open_portal(&shop.t.ctx, &shop.buyer.who, shop.buyer.organization, None).await;
        shop.stripe().fail_next(Fault::LostAnswer);
        assert!(matches!(open().await, Err(Error::Upstream(_))));
        for _ in 0..2 {
            open().await.expect("pages");
        }
        let set_up = shop.stripe().objects("billing_portal.configuration");
        assert_eq!(set_up.len(), 1);
        let features = &set_up[0]["features"];
        for (feature, can) in [
            ("payment_method_update", true),
            ("subscription_cancel", false),
            ("subscription_update", false),
            ("invoice_history", false),
            ("customer_update", false),
        ] {
            assert_eq!(features[feature]["enabled"], can, "{feature}");
        }
        let customers = shop.stripe().objects("customer");
        assert_eq!(customers.len(), 1);
        assert_eq!(customers[0]["metadata"]["organization"], shop.buyer.organization.to_string());
        // A month later, when Stripe has forgotten the key.
        shop.pass(30 * 24 * HOUR);
        shop.stripe().forget_keys();
        open().await.expect("pages");
        assert_eq!(shop.stripe().objects("billing_portal.configuration").len(), 1);
    })
    .await;
}

#[tokio::test]
async fn nobody_is_sent_to_pages_where_plans_could_be_switched_or_ended_past_us() {
    with_stripe(async |shop| {
        let (ctx, who, of) = (&shop.t.ctx, &shop.buyer.who, shop.buyer.organization);
        services::rail::open_portal(ctx, who, of, None).await.expect("pages");
        let pinned_to = |id: &str| {
            let id = ::stripe::PortalConfigurationId::parse(id).expect("an id");
            stripe_rail(&ctx.store, &shop.t, &shop.stripe().base()).with_portal(Some(id))
        };
        let opened =
            || shop.stripe().received().iter().filter(|one| one.operation.ends_with("portal/sessions")).count();
        let made = shop.stripe().objects("billing_portal.configuration").remove(0);
        let id = made["id"].as_str().expect("an id");
        for place in ["/active", "/features/subscription_cancel/enabled", "/features/subscription_update/enabled"] {
            // As somebody may have changed it in the dashboard.
            shop.stripe().change(id, |made| {
                let value = made.pointer_mut(place).expect("a place");
                *value = (*value != true).into();
            });
            let pinned = pinned_to(id);
            for rail in [shop.rail(), &pinned] {
                match rail.open_portal(shop.portal()).await {
                    Err(PaymentsError::Refused(why)) => assert!(why.contains(id), "{why}"),
                    other => panic!("{other:?}"),
                }
            }
            let refused = services::rail::open_portal(ctx, who, of, None).await;
            assert!(matches!(refused, Err(Error::Upstream(_))), "{refused:?}");
            shop.stripe().change(id, |was| *was = made.clone());
        }
        assert_eq!(opened(), 1);
        // What an operator names is used, and nothing else.
        pinned_to(id).open_portal(shop.portal()).await.expect("pages");
        let gone = pinned_to("bpc_gone").open_portal(shop.portal()).await;
        assert!(matches!(gone, Err(PaymentsError::Refused(_))), "{gone:?}");
    })
    .await;
}
