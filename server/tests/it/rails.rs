//! What every payment rail does: one story for the sandbox and for Stripe, whose outside is simulated.

mod contract;
mod doctor;
mod stripe;
mod stripe_world;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ::stripe::{Client, Endpoint, Pauses};
use domain::Money;
use domain::ledger::AccountCode;
use domain::state::{OrderState, PaymentState};
use domain::view::bundle::BundleForm;
use domain::view::money::OrderMoney;
use domain::view::order::{NewOrder, OrderView};
use payments::signature;
use server::adapters::sandbox::Sandbox;
use server::adapters::stripe::{StripeRail, WebhookSecrets};
use services::ctx::{Parts, Settings};
use services::ports::{
    ChargeRequest, CheckoutRequest, OpenedPayoutAccount, PaidOut, Payments, PayoutAccountRequest, PayoutRequest,
    Payouts, PortalRequest, RefundRequest, ReversalRequest, SandboxBank, SandboxCard, SandboxPage,
};
use services::{Ctx, bundles, orders};
use store::{Scope, Store, Tenant, orders as rows};
use testkit::stripe::SimulatedStripe;
use testkit::{Offered, Seller, TestCtx, on_every_database};

pub(super) const SECRET: &str = "whsec_a_secret_of_tests";
pub(super) const GOOD: &str = "4242 4242 4242 4242";
/// Works while its owner is there, and not afterwards.
pub(super) const GOOD_ONCE: &str = "4000 0000 0000 0341";
/// Its refunds do not arrive.
pub(super) const REFUND_FAILS: &str = "4000 0000 0000 5126";
/// Its owner says to have known nothing of it.
pub(super) const DISPUTED: &str = "4000 0000 0000 0259";
const DECLINED: &str = "4000 0000 0000 0002";

/// Who stands outside: the buyer at the payment page, and what delivers events.
enum Outside {
    Sandbox,
    Stripe { stripe: SimulatedStripe, delivered: Mutex<usize> },
}

/// A marketplace with a rail, a buyer, and an order that waits to be paid.
pub(super) struct Shop {
    pub(super) t: TestCtx,
    outside: Outside,
    pub(super) seller: Seller,
    pub(super) offered: Offered,
    pub(super) buyer: Seller,
    pub(super) order: OrderView,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    Sandbox,
    Stripe,
}

/// Runs a test with every rail on every database.
pub(super) async fn with_every_rail(test: impl AsyncFn(&Shop)) {
    for which in [Which::Sandbox, Which::Stripe] {
        on_every_database(async |store| {
            let shop = Shop::open(store, which).await;
            test(&shop).await;
            shop.fits_the_document();
        })
        .await;
    }
}

/// Runs a test with Stripe on every database.
pub(super) async fn with_stripe(test: impl AsyncFn(&Shop)) {
    on_every_database(async |store| {
        let shop = Shop::open(store, Which::Stripe).await;
        test(&shop).await;
        shop.fits_the_document();
    })
    .await;
}

impl Shop {
    async fn open(store: Store, which: Which) -> Self {
        let fakes = TestCtx::new(store.clone()).await;
        let url = "https://cmp.test".to_owned();
        type Rails = (Arc<dyn Payments>, Arc<dyn Payouts>, Option<Arc<dyn SandboxPage>>, Outside);
        let (payments, payouts, sandbox, outside): Rails = match which {
            Which::Sandbox => {
                let (clock, secret) = (fakes.clock.clone(), SECRET.as_bytes().to_vec());
                let rail = Arc::new(Sandbox::new(store.clone(), clock, url.clone(), "CMP".to_owned(), secret));
                (rail.clone(), rail.clone(), Some(rail), Outside::Sandbox)
            }
            Which::Stripe => {
                let stripe = SimulatedStripe::start(testkit::START.seconds()).await;
                let rail = Arc::new(stripe_rail(&store, &fakes, &stripe.base()));
                (rail.clone(), rail, None, Outside::Stripe { stripe, delivered: Mutex::new(0) })
            }
        };
        let ctx = Ctx::new(Parts {
            store,
            clock: fakes.clock.clone(),
            runtime: fakes.runtime.clone(),
            knowledge: fakes.ctx.knowledge.clone(),
            web: fakes.web.clone(),
            payments,
            payouts: Some(payouts),
            sandbox,
            mailer: fakes.mailer.clone(),
            settings: Settings { public_url: url, argon2_memory_kib: 8, ..Settings::default() },
            gateway: services::gateway::Gateway::default(),
            jobs_wake: tokio::sync::Notify::new(),
        });
        let t = TestCtx { ctx, ..fakes };
        let seller = t.provider("seller@example.com").await;
        let offered = t.listed_offering(&seller).await;
        let buyer = t.register("buyer@example.com").await;
        let order = order(&t, &buyer, &offered).await;
        t.run_jobs().await;
        Self { t, outside, seller, offered, buyer, order }
    }

    /// Returns Stripe, where it is the rail.
    pub(super) fn stripe(&self) -> &SimulatedStripe {
        match &self.outside {
            Outside::Stripe { stripe, .. } => stripe,
            Outside::Sandbox => panic!("the rail is the sandbox"),
        }
    }

    pub(super) fn fits_the_document(&self) {
        if let Outside::Stripe { stripe, .. } = &self.outside {
            assert_eq!(stripe.problems(), [""; 0]);
        }
    }

    /// Returns the rail's name of the visit at which the order may be paid.
    pub(super) async fn session(&self) -> String {
        self.session_of(self.order.id).await
    }

    /// Returns the rail's name of the visit at which an order may be paid.
    pub(super) async fn session_of(&self, order: domain::OrderId) -> String {
        let mut tx = self.t.ctx.store.read(Scope::System).await.expect("a transaction");
        let visit = rows::checkout_of_order(&mut tx, order).await.expect("a row");
        visit.expect("a visit").session
    }

    /// Has the buyer order a bundle at $50: what is sold here at $29, and the same of another provider.
    pub(super) async fn order_bundle(&self) -> OrderView {
        let (t, seller) = (&self.t, &self.offered.seller);
        let other = t.provider("other@example.com").await;
        let beside = t.draft_offering(&other, "Writer").await;
        t.list(&beside).await;
        let form = BundleForm {
            name: "Office".to_owned(),
            description: String::new(),
            price: Money::new(5000, self.order.amount.currency),
        };
        let bundle = bundles::create(&t.ctx, seller, self.offered.provider, form).await.expect("a draft").id;
        for plan in [self.offered.plan, beside.plan] {
            bundles::put(&t.ctx, seller, bundle, plan).await.expect("put in");
        }
        bundles::propose(&t.ctx, seller, bundle).await.expect("proposed");
        bundles::agree(&t.ctx, &other.who, bundle, beside.offering).await.expect("agreed");
        let order = orders::NewBundleOrder {
            organization_id: self.buyer.organization,
            project_id: None,
            bundle_id: bundle,
            accept_terms: true,
        };
        orders::place_bundle(&t.ctx, &self.buyer.who, order).await.expect("ordered")
    }

    /// Pays at a page with a card; tells whether the rail took it.
    pub(super) async fn pay_at(&self, session: &str, card: &str) -> bool {
        match &self.outside {
            Outside::Sandbox => {
                let card = SandboxCard {
                    number: card.to_owned(),
                    expiry: "12/34".to_owned(),
                    cvc: "123".to_owned(),
                    name: "Ada Buyer".to_owned(),
                    confirmed: false,
                };
                orders::pay_in_sandbox(&self.t.ctx, session, &card).await.is_ok()
            }
            Outside::Stripe { stripe, .. } => stripe.pay(session, card),
        }
    }

    /// Saves a card on the rail's page for that, as the buyer.
    pub(super) async fn save(&self, card: &str) {
        let of = self.buyer.organization;
        let url = services::rail::add_method(&self.t.ctx, &self.buyer.who, of).await.expect("a page");
        let session = url.trim_end_matches('/').rsplit('/').next().expect("its name");
        match &self.outside {
            Outside::Sandbox => assert!(self.pay_at(session, card).await),
            Outside::Stripe { stripe, .. } => stripe.save(session, card),
        }
        self.deliver().await;
        self.t.run_jobs().await;
    }

    /// Pays for the order, has the rail tell so, and does what follows.
    pub(super) async fn pay(&self, card: &str) -> bool {
        let paid = self.pay_at(&self.session().await, card).await;
        self.deliver().await;
        self.t.run_jobs().await;
        paid
    }

    /// Returns the events that the rail has not delivered yet, signed.
    pub(super) fn webhooks(&self) -> Vec<(Vec<u8>, String)> {
        let Outside::Stripe { stripe, delivered } = &self.outside else { return Vec::new() };
        let mut delivered = delivered.lock().expect("not poisoned");
        let events = stripe.events_after(*delivered);
        *delivered += events.len();
        events.into_iter().map(|body| self.signed(body)).collect()
    }

    pub(super) fn signed(&self, body: Vec<u8>) -> (Vec<u8>, String) {
        let header = signature::sign(SECRET.as_bytes(), &body, self.t.ctx.now().seconds()).expect("signed");
        (body, header)
    }

    pub(super) async fn receive(&self, (body, header): &(Vec<u8>, String)) -> services::Result<()> {
        orders::receive_event(&self.t.ctx, self.t.ctx.payments.rail(), body, header).await
    }

    /// Delivers what the rail has to tell; the sandbox does so by itself.
    pub(super) async fn deliver(&self) {
        for webhook in self.webhooks() {
            self.receive(&webhook).await.expect("taken");
        }
    }

    /// Returns what was paid for the order, and what went back.
    pub(super) async fn money(&self) -> OrderMoney {
        services::refunds::of_order(&self.t.ctx, &self.t.operator().await, self.order.id).await.expect("the order")
    }

    /// Gives so much back as an operator, or all of it.
    pub(super) async fn give_back(&self, minor: Option<i64>) {
        let payment = self.money().await.payments[0].id;
        let operator = self.t.operator().await;
        services::refunds::give_back(&self.t.ctx, &operator, payment, minor, "A reason.").await.expect("decided");
    }

    /// Compares the ledger with the rail; returns how many differences there are.
    pub(super) async fn compare(&self) -> usize {
        services::ledger::reconcile_now(&self.t.ctx, &self.t.operator().await).await.expect("compared")
    }

    /// Has a buyer's bank dispute what was paid, where the rail does not by itself.
    pub(super) async fn dispute(&self) {
        if let Outside::Stripe { stripe, .. } = &self.outside {
            stripe.dispute(&self.reference().await);
        }
        self.settle().await;
    }

    /// Has the bank decide.
    pub(super) async fn decide(&self, won: bool) {
        let operator = self.t.operator().await;
        let view =
            services::cases::list(&self.t.ctx, &operator, domain::view::Paging::default()).await.expect("a list");
        match &self.outside {
            Outside::Sandbox => {
                let case = view.cases.rows[0].id;
                services::refunds::decide_in_sandbox(&self.t.ctx, &operator, case, won).await.expect("decided");
            }
            Outside::Stripe { stripe, .. } => {
                stripe.decide_dispute(stripe.objects("dispute")[0]["id"].as_str().expect("an id"), won);
            }
        }
        self.settle().await;
    }

    /// Has a refund not arrive, where the rail does not see to it by itself.
    pub(super) async fn fail_refund(&self) {
        if let Outside::Stripe { stripe, .. } = &self.outside {
            stripe.fail_refund(stripe.objects("refund")[0]["id"].as_str().expect("an id"));
        }
        self.settle().await;
    }

    /// Lets everything that is under way arrive.
    pub(super) async fn settle(&self) {
        for _ in 0..3 {
            self.deliver().await;
            self.t.run_jobs().await;
            self.pass(60);
        }
    }

    /// Lets time pass, here and at the rail.
    pub(super) fn pass(&self, seconds: i64) {
        self.t.clock.advance_seconds(seconds);
        if let Outside::Stripe { stripe, .. } = &self.outside {
            stripe.set_now(self.t.ctx.now().seconds());
        }
    }

    pub(super) async fn state(&self) -> OrderState {
        orders::get(&self.t.ctx, &self.buyer.who, self.order.id).await.expect("the order").state
    }

    /// Lists how the organization's payments stand, and with what they were made.
    pub(super) async fn payments(&self) -> Vec<(PaymentState, String)> {
        let payments = orders::payments(&self.t.ctx, &self.buyer.who, self.buyer.organization).await.expect("a list");
        payments.into_iter().map(|payment| (payment.state, payment.method)).collect()
    }

    /// Returns the rail's name of the order's payment.
    pub(super) async fn reference(&self) -> String {
        self.paid().await.expect("a payment")
    }

    async fn paid(&self) -> Option<String> {
        let mut tx = self.t.ctx.store.read(Scope::System).await.expect("a transaction");
        let payments = rows::kept_payments(&mut tx, self.order.id).await.expect("rows");
        payments.last().map(|payment| payment.reference.clone())
    }

    /// Tells whether everything in the book of the rail is as it must be.
    pub(super) async fn books_hold(&self) {
        let operator = self.t.operator().await;
        let check = services::ledger::check(&self.t.ctx, &operator).await.expect("a check");
        assert!(check.holds(), "{:?}", check.findings);
        if let Outside::Stripe { stripe, .. } = &self.outside {
            // What the ledger says that Stripe holds is what Stripe's own movements add up to.
            let balances = services::ledger::balances(&self.t.ctx, &operator).await.expect("balances");
            let held = balances.iter().filter(|row| row.account == AccountCode::RailBalance);
            assert_eq!(held.map(|row| row.amount.minor).sum::<i64>(), stripe.held());
        }
    }

    #[expect(clippy::disallowed_methods, reason = "a test asks the rail without a use case")]
    pub(super) fn checkout(&self, key: &str) -> CheckoutRequest {
        CheckoutRequest {
            key: key.to_owned(),
            order: self.order.id,
            tenant: Tenant::assume_authorized(self.buyer.organization),
            amount: self.order.amount,
            description: "Helper — Starter".to_owned(),
            email: self.buyer.email.parse().expect("an address"),
            success_url: "https://cmp.test/done/".to_owned(),
            cancel_url: "https://cmp.test/left/".to_owned(),
            expires_at: self.t.ctx.now().plus_days(1),
        }
    }

    /// Asks for the whole of a payment of the order's amount back.
    pub(super) fn whole(&self, payment: &str) -> RefundRequest {
        let (key, payment) = (format!("refund of {payment}"), payment.to_owned());
        RefundRequest { key, payment, amount: self.order.amount, whole: true }
    }

    /// Asks for another month of the order's amount.
    pub(super) async fn charge_request(&self, key: &str) -> ChargeRequest {
        ChargeRequest {
            key: key.to_owned(),
            of: self.buyer.organization,
            earlier_payment: self.paid().await,
            order: self.order.id,
            amount: self.order.amount,
            description: "The next month".to_owned(),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "a test asks the rail without a use case")]
    pub(super) fn portal(&self) -> PortalRequest {
        PortalRequest {
            tenant: Tenant::assume_authorized(self.buyer.organization),
            email: self.buyer.email.parse().expect("an address"),
            return_url: "https://cmp.test/back/".to_owned(),
        }
    }

    pub(super) fn rail(&self) -> &dyn Payments {
        self.t.ctx.payments.as_ref()
    }

    pub(super) fn payouts(&self) -> &dyn Payouts {
        self.t.ctx.payouts.as_deref().expect("a rail that pays out")
    }

    /// Opens the provider's account.
    pub(super) async fn open_account(&self) -> OpenedPayoutAccount {
        let request = PayoutAccountRequest {
            provider: self.offered.provider,
            name: "Acme".to_owned(),
            email: "seller@example.com".to_owned(),
            return_url: "https://cmp.test/provider/payouts/".to_owned(),
            refresh_url: "https://cmp.test/provider/payouts/".to_owned(),
        };
        self.payouts().open_account(request).await.expect("an account")
    }

    /// Has the provider say on the rail's page what the rail wants to know.
    pub(super) async fn finish_account(&self, account: &OpenedPayoutAccount) {
        match &self.outside {
            Outside::Sandbox => {
                let page = account.url.trim_end_matches('/').rsplit('/').next().expect("a page");
                let bank = SandboxBank {
                    holder: "Acme".to_owned(),
                    routing: "110000000".to_owned(),
                    account: "000123456789".to_owned(),
                };
                self.t.ctx.sandbox.as_ref().expect("the sandbox").set_bank(page, &bank).await.expect("taken");
            }
            Outside::Stripe { stripe, .. } => {
                stripe.finish_account(&account.reference);
                stripe.set_balance(1_000_000);
            }
        }
    }

    /// Asks for so much of a payout back.
    pub(super) fn reversal(&self, key: &str, payout: &PaidOut, minor: i64) -> ReversalRequest {
        ReversalRequest {
            key: key.to_owned(),
            payout: payout.reference.clone(),
            amount: domain::Money::new(minor, self.order.amount.currency),
            description: "What you owe".to_owned(),
        }
    }

    /// Lets everything that is on the provider's account go on to its bank.
    pub(super) fn pay_out_to_the_bank(&self, account: &OpenedPayoutAccount) {
        match &self.outside {
            Outside::Sandbox => self.pass(2 * 24 * 3600),
            Outside::Stripe { stripe, .. } => stripe.empty_account(&account.reference),
        }
    }

    pub(super) fn payout(&self, key: &str, account: &OpenedPayoutAccount) -> PayoutRequest {
        PayoutRequest {
            key: key.to_owned(),
            account: account.reference.clone(),
            amount: self.order.amount,
            description: "What you have earned".to_owned(),
        }
    }
}

/// Returns the rail, as a process that has just begun makes it.
pub(super) fn stripe_rail(store: &Store, fakes: &TestCtx, base: &str) -> StripeRail {
    let endpoint = Endpoint::new("sk_test_1".to_owned().into(), Some(base)).expect("an endpoint");
    // One try: what a second one heals is a matter of the client's own tests.
    let client = Client::new(endpoint, Pauses(Vec::<Duration>::new())).expect("a client");
    let connect = "whsec_a_secret_of_connect".to_owned().into();
    let secrets = WebhookSecrets::parse(&SECRET.to_owned().into(), Some(&connect)).expect("secrets");
    StripeRail::new(store.clone(), fakes.clock.clone(), client, secrets)
}

pub(super) async fn order(t: &TestCtx, buyer: &Seller, offered: &Offered) -> OrderView {
    let new = NewOrder {
        organization_id: buyer.organization,
        project_id: None,
        offering_id: offered.offering,
        plan_id: Some(offered.plan),
        name: String::new(),
        accept_terms: true,
    };
    orders::place(&t.ctx, &buyer.who, new).await.expect("an order")
}
