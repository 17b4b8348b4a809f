//! The sandbox rail: its pages, its cards, and events that arrive whatever dies in between.

use std::sync::Arc;

use domain::state::{OrderState, PaymentState};
use domain::view::order::{NewOrder, OrderView};
use payments::signature;
use server::adapters::sandbox::Sandbox;
use services::ctx::{Parts, Settings};
use services::ports::{Payments as _, PaymentsError, RefundRequest, SandboxCard, SandboxPage as _, SandboxRefused};
use services::{Ctx, Error, orders};
use store::Store;
use testkit::{Seller, TestCtx, on_every_database};

const SECRET: &[u8] = b"a secret of the sandbox";

/// A story that pays at the sandbox.
struct Story {
    t: TestCtx,
    rail: Arc<Sandbox>,
    buyer: Seller,
    order: OrderView,
}

impl Story {
    async fn begin(store: Store) -> Self {
        let fakes = TestCtx::new(store.clone()).await;
        let url = "http://cmp.test".to_owned();
        let rail =
            Arc::new(Sandbox::new(store.clone(), fakes.clock.clone(), url.clone(), "CMP".to_owned(), SECRET.to_vec()));
        let ctx = Ctx::new(Parts {
            store,
            clock: fakes.clock.clone(),
            runtime: fakes.runtime.clone(),
            knowledge: fakes.ctx.knowledge.clone(),
            web: fakes.web.clone(),
            payments: rail.clone(),
            payouts: Some(rail.clone()),
            sandbox: Some(rail.clone()),
            mailer: fakes.mailer.clone(),
            settings: Settings { public_url: url, argon2_memory_kib: 8, ..Settings::default() },
            gateway: services::gateway::Gateway::default(),
            jobs_wake: tokio::sync::Notify::new(),
        });
        let t = TestCtx { ctx, ..fakes };
        let seller = t.provider("seller@example.com").await;
        let offered = t.listed_offering(&seller).await;
        let buyer = t.register("buyer@example.com").await;
        let new = NewOrder {
            organization_id: buyer.organization,
            project_id: None,
            offering_id: offered.offering,
            plan_id: Some(offered.plan),
            name: String::new(),
            accept_terms: true,
        };
        let order = orders::place(&t.ctx, &buyer.who, new).await.expect("an order");
        t.run_jobs().await;
        Self { t, rail, buyer, order }
    }

    fn session(&self) -> String {
        let url = self.order.checkout_url.as_deref().expect("a page").trim_end_matches('/');
        url.rsplit('/').next().expect("a session").to_owned()
    }

    async fn state(&self) -> OrderState {
        orders::get(&self.t.ctx, &self.buyer.who, self.order.id).await.expect("the order").state
    }

    async fn pay(&self, number: &str, confirmed: bool) -> Result<String, SandboxRefused> {
        orders::pay_in_sandbox(&self.t.ctx, &self.session(), &card(number, confirmed)).await
    }

    async fn payments(&self) -> Vec<PaymentState> {
        let payments = orders::payments(&self.t.ctx, &self.buyer.who, self.buyer.organization).await.expect("a list");
        payments.into_iter().map(|payment| payment.state).collect()
    }
}

fn card(number: &str, confirmed: bool) -> SandboxCard {
    SandboxCard {
        number: number.to_owned(),
        expiry: "12/34".to_owned(),
        cvc: "123".to_owned(),
        name: "Ada Buyer".to_owned(),
        confirmed,
    }
}

const GOOD: &str = "4242 4242 4242 4242";

#[tokio::test]
async fn cards_are_declined_as_their_numbers_say_and_a_good_one_pays() {
    on_every_database(async |store| {
        let story = Story::begin(store).await;
        let page = story.rail.view(&story.session()).await.expect("a view").expect("a page");
        let amount = story.order.amount.to_string();
        assert_eq!((page.open, page.amount, page.description.as_str()), (true, amount, "Helper — Starter"));
        for (number, code) in [
            ("4000 0000 0000 0002", "card_declined"),
            ("4000 0000 0000 9995", "insufficient_funds"),
            ("4000 0000 0000 0069", "expired_card"),
            ("4000 0000 0000 0127", "incorrect_cvc"),
            ("4000 0000 0000 0119", "processing_error"),
        ] {
            let refused = story.pay(number, false).await;
            assert!(matches!(&refused, Err(SandboxRefused::Declined(word, _)) if *word == code), "{refused:?}");
        }
        let wrong = story.pay("4242 4242 4242 4241", false).await;
        assert!(matches!(wrong, Err(SandboxRefused::Form("number", _))), "{wrong:?}");
        assert_eq!(story.pay("4000 0025 0000 3155", false).await, Err(SandboxRefused::Confirm));
        assert_eq!((story.t.run_jobs().await, story.state().await), (0, OrderState::PendingConsumer));
        story.pay("4000 0025 0000 3155", true).await.expect("paid");
        story.t.run_jobs().await;
        assert_eq!(story.state().await, OrderState::Done);
        assert!(!story.rail.view(&story.session()).await.expect("a view").expect("a page").open);
        let nowhere = orders::pay_in_sandbox(&story.t.ctx, "cs_0", &card(GOOD, false)).await;
        assert!(matches!(nowhere, Err(SandboxRefused::Closed(_))), "{nowhere:?}");
    })
    .await;
}

#[tokio::test]
async fn a_process_that_dies_between_paying_and_telling_loses_nothing() {
    on_every_database(async |store| {
        let story = Story::begin(store).await;
        story.rail.pay(&story.session(), &card(GOOD, false)).await.expect("paid");
        // Here it dies: the event that `pay` returned is delivered by nobody.
        assert_eq!((story.t.run_jobs().await, story.state().await), (0, OrderState::PendingConsumer));
        story.t.clock.advance_seconds(5);
        story.t.run_jobs().await;
        assert_eq!((story.state().await, story.payments().await), (OrderState::Done, vec![PaymentState::Succeeded]));
    })
    .await;
}

#[tokio::test]
async fn paying_twice_is_one_payment() {
    on_every_database(async |store| {
        let story = Story::begin(store).await;
        for _ in 0..3 {
            let after = story.pay(GOOD, false).await.expect("paid");
            assert_eq!(after, format!("http://cmp.test/marketplace-order/{}/", story.order.id));
        }
        story.t.run_jobs().await;
        story.t.clock.advance_seconds(60);
        story.t.run_jobs().await;
        assert_eq!((story.state().await, story.payments().await), (OrderState::Done, vec![PaymentState::Succeeded]));
    })
    .await;
}

#[tokio::test]
async fn a_page_that_closed_takes_no_money() {
    on_every_database(async |store| {
        let story = Story::begin(store).await;
        orders::cancel(&story.t.ctx, &story.buyer.who, story.order.id).await.expect("canceled");
        let closed = story.pay(GOOD, false).await;
        assert!(matches!(closed, Err(SandboxRefused::Closed(_))), "{closed:?}");
        assert!(story.payments().await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn what_was_paid_for_nothing_is_refunded_at_the_rail() {
    on_every_database(async |store| {
        let story = Story::begin(store).await;
        let paid = story.rail.pay(&story.session(), &card(GOOD, false)).await.expect("paid");
        orders::cancel(&story.t.ctx, &story.buyer.who, story.order.id).await.expect("canceled");
        orders::receive_event(&story.t.ctx, "sandbox", &paid.event.0, &paid.event.1).await.expect("taken");
        story.t.run_jobs().await;
        assert_eq!((story.state().await, story.payments().await), (OrderState::Canceled, vec![PaymentState::Refunded]));
        let reference = story.session().replacen("cs_", "pi_", 1);
        let ask = |payment: &str| RefundRequest {
            key: "another".to_owned(),
            payment: payment.to_owned(),
            amount: story.order.amount,
            whole: true,
        };
        for payment in [reference.as_str(), "pi_0"] {
            let refused = story.rail.refund(ask(payment)).await;
            assert!(matches!(refused, Err(PaymentsError::Refused(_))), "{refused:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_event_is_believed_only_with_a_fresh_signature_over_these_very_bytes() {
    on_every_database(async |store| {
        let story = Story::begin(store).await;
        let (body, header) = story.rail.pay(&story.session(), &card(GOOD, false)).await.expect("paid").event;
        let take = async |body: &[u8], header: &str| orders::receive_event(&story.t.ctx, "sandbox", body, header).await;
        let mut changed = body.clone();
        changed.push(b' ');
        let now = story.t.ctx.now().seconds();
        let forged = signature::sign(b"another secret", &body, now).expect("signed");
        for (body, header) in [(&changed, header.as_str()), (&body, forged.as_str()), (&body, ""), (&body, "t=1,v1=00")]
        {
            let refused = take(body, header).await;
            assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
        }
        story.t.clock.advance_seconds(301);
        let old = take(&body, &header).await;
        assert!(matches!(old, Err(Error::Forbidden(_))), "{old:?}");
        let fresh = signature::sign(SECRET, &body, now + 301).expect("signed");
        for _ in 0..10 {
            take(&body, &fresh).await.expect("taken");
        }
        story.t.run_jobs().await;
        assert_eq!((story.state().await, story.payments().await.len()), (OrderState::Done, 1));
    })
    .await;
}
