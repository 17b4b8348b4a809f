//! The Stripe rail beside Stripe World, which somebody else has made: what both say to the same requests, and what a
//! change of plans comes to on either side. `cargo xtask prove stripe-world` asks Stripe World itself; the suite plays
//! what it answered then.

use std::time::Duration;

use ::stripe::calls::{self, NewCustomer, NewPayment};
use ::stripe::objects::{Customer, Refund};
use ::stripe::{Client, CustomerId, Endpoint, MethodId, Pauses, PaymentId, Trouble};
use domain::pricing::switch;
use domain::{Currency, Money, OrderId, Timestamp};
use serde_json::{Value, json};
use server::adapters::stripe::StripeRail;
use services::ports::{
    ChargeError, ChargeRequest, CheckoutRequest, Payments as _, PaymentsError, RailEventContent, RailRefund,
    RefundRequest,
};
use store::Tenant;
use testkit::stripe::StripeWorld;
use testkit::{START, Seller, TestCtx, on_every_database};

use super::stripe_rail;

/// A buyer of ours, our rail, and Stripe World behind it.
struct Beside {
    t: TestCtx,
    buyer: Seller,
    rail: StripeRail,
    client: Client,
    world: StripeWorld,
}

async fn beside(story: &str, told: impl AsyncFn(&Beside)) {
    on_every_database(async |store| {
        let t = TestCtx::new(store.clone()).await;
        let buyer = t.register("buyer@example.com").await;
        let world = StripeWorld::begin(story, START.seconds()).await;
        let rail = stripe_rail(&store, &t, &world.base());
        let endpoint = Endpoint::new("sk_test_1".to_owned().into(), Some(&world.base())).expect("an endpoint");
        let client = Client::new(endpoint, Pauses(Vec::<Duration>::new())).expect("a client");
        let beside = Beside { t, buyer, rail, client, world };
        told(&beside).await;
        beside.world.end().await;
    })
    .await;
}

const ORDER: u128 = 0x0190_0000_0000_7000_8000_0000_0000_0001;

fn order() -> OrderId {
    OrderId(uuid::Uuid::from_u128(ORDER))
}

fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::Usd)
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

impl Beside {
    #[expect(clippy::disallowed_methods, reason = "a test asks the rail without a use case")]
    fn checkout(&self) -> CheckoutRequest {
        CheckoutRequest {
            key: "one".to_owned(),
            order: order(),
            tenant: Tenant::assume_authorized(self.buyer.organization),
            amount: usd(2900),
            description: "Helper — Starter".to_owned(),
            email: self.buyer.email.parse().expect("an address"),
            success_url: "https://cmp.test/done/".to_owned(),
            cancel_url: "https://cmp.test/left/".to_owned(),
            expires_at: self.t.ctx.now().plus_days(1),
        }
    }

    /// Has a customer with a card, as one is after a visit to a payment page: both are made outside of our rail.
    async fn customer_with(&self, card: &str) -> (String, String) {
        let customer = text(&self.world.make("/v1/customers", "email=buyer%40example.com").await["id"]);
        let method = self.world.make("/v1/payment_methods", &format!("type=card&{card}")).await;
        let method = text(&method["id"]);
        self.world.make(&format!("/v1/payment_methods/{method}/attach"), &format!("customer={customer}")).await;
        (customer, method)
    }

    /// Asks for a month of a buyer whom our rail has not made known.
    fn charge(&self, key: &str, earlier_payment: &str, amount: i64) -> ChargeRequest {
        ChargeRequest {
            key: key.to_owned(),
            of: self.buyer.organization,
            earlier_payment: Some(earlier_payment.to_owned()),
            order: order(),
            amount: usd(amount),
            description: "The next month".to_owned(),
        }
    }

    /// Has something paid with a card while its owner is there.
    async fn paid(&self, amount: i64) -> String {
        let (customer, method) = self.customer_with("card[token]=tok_visa").await;
        let form = format!(
            "amount={amount}&currency=usd&customer={customer}&payment_method={method}&confirm=true&setup_future_usage=off_session&payment_method_types[0]=card"
        );
        text(&self.world.make("/v1/payment_intents", &form).await["id"])
    }
}

/// Asks for the whole of a payment of $29 back.
fn whole(payment: &str) -> RefundRequest {
    RefundRequest { key: format!("refund:{payment}"), payment: payment.to_owned(), amount: usd(2900), whole: true }
}

#[tokio::test]
async fn a_buyer_is_made_known_once_although_stripe_world_has_no_payment_pages() {
    beside("customers", async |beside| {
        for _ in 0..2 {
            let refused = beside.rail.open_checkout(beside.checkout()).await;
            assert!(matches!(refused, Err(PaymentsError::Refused(_))), "{refused:?}");
        }
        let list = beside.world.ask("GET", "/v1/customers?limit=10", "").await.body;
        let known: Vec<&Value> = list["data"].as_array().expect("a list").iter().collect();
        beside.world.note("buyers after two tries to open a payment page", 1, known.len(), "").await;
        let organization = beside.buyer.organization.to_string();
        assert_eq!(known[0]["metadata"]["organization"], *organization);
        assert_eq!(known[0]["metadata"]["operation"], *format!("customer:{organization}"));
        let why = "Stripe World has no Checkout, Connect, transfers or webhooks: our simulator stands for those";
        beside.world.note("a payment page", "opened", "404", why).await;
    })
    .await;
}

#[tokio::test]
async fn one_key_is_one_request_and_another_body_under_it_is_an_error() {
    beside("keys", async |beside| {
        let new = |email| calls::create_customer(NewCustomer { operation: "customer:1", organization: "1", email });
        let send = async |call, key| beside.client.send(&call, Some(key)).await;
        let made = async |call, key| send(call, key).await.and_then(|answer| answer.read::<Customer>());
        let first = made(new("a@example.com"), "key-1").await.expect("made");
        let again = made(new("a@example.com"), "key-1").await.expect("made");
        beside.world.note("the same key and body, twice", "one buyer", one(&first.id, &again.id), "").await;
        let other = made(new("a@example.com"), "key-2").await.expect("made");
        assert_ne!(first.id, other.id);
        let refused = made(new("b@example.com"), "key-1").await;
        let said = match &refused {
            Err(Trouble::Unclear { kept: true, .. }) => "idempotency_error",
            _ => "something else",
        };
        let theirs = beside.world.ask("GET", "/v1/customers?limit=10", "").await.body;
        beside.world.note("the same key, another body", said, "idempotency_error", "").await;
        let count = theirs["data"].as_array().map_or(0, Vec::len);
        beside.world.note("buyers then", 2, count, "").await;
        let read: Result<Customer, Trouble> = beside.client.read(&calls::customer(&first.id)).await;
        assert_eq!(read.expect("a buyer").id, first.id);
    })
    .await;
}

fn one(first: &CustomerId, again: &CustomerId) -> &'static str {
    if first == again { "one buyer" } else { "two buyers" }
}

#[tokio::test]
async fn what_was_paid_with_is_listed_as_stripe_world_keeps_it() {
    beside("methods", async |beside| {
        assert!(beside.rail.open_checkout(beside.checkout()).await.is_err());
        assert_eq!(beside.rail.methods(beside.buyer.organization).await.expect("a list"), []);
        let list = beside.world.ask("GET", "/v1/customers?limit=10", "").await.body;
        let customer = text(&list["data"][0]["id"]);
        let method = beside.world.make("/v1/payment_methods", "type=card&card[token]=tok_mastercard").await;
        let attach = format!("/v1/payment_methods/{}/attach", text(&method["id"]));
        beside.world.make(&attach, &format!("customer={customer}")).await;
        let ours = &beside.rail.methods(beside.buyer.organization).await.expect("a list")[0];
        let card = &method["card"];
        let shown = json!([ours.kind, ours.brand, ours.last4, ours.exp_month, ours.exp_year]);
        let theirs = json!([method["type"], card["brand"], card["last4"], card["exp_month"], card["exp_year"]]);
        beside.world.note("a card that was paid with", shown, theirs, "").await;
        let (of, id) = (beside.buyer.organization, ours.id.clone());
        assert!(!ours.is_default);
        beside.rail.prefer_method(of, &id).await.expect("preferred");
        let preferred = beside.rail.methods(of).await.expect("a list")[0].is_default;
        beside.world.note("whether a card is charged first, once that was said", true, preferred, "").await;
        beside.rail.forget_method(of, &id).await.expect("forgotten");
        let left = beside.rail.methods(of).await.expect("a list").len();
        beside.world.note("cards that are left when the only one is removed", 0, left, "").await;
        let known = beside.world.ask("GET", &format!("/v1/customers/{customer}"), "").await.body;
        let named = if known["invoice_settings"]["default_payment_method"] == *id { "still named" } else { "gone" };
        let why = "whether a method is there is looked up before it is charged, so that a name that was left behind harms nobody";
        beside.world.note("the card that was charged first, once it is removed", "not charged", named, why).await;
    })
    .await;
}

#[tokio::test]
async fn a_month_is_charged_once_and_costs_what_stripe_world_takes() {
    beside("charges", async |beside| {
        let earlier = beside.paid(2900).await;
        let first = beside.rail.charge(beside.charge("month-1", &earlier, 2900)).await.expect("charged");
        let again = beside.rail.charge(beside.charge("month-1", &earlier, 2900)).await.expect("charged");
        assert_eq!(first, again);
        let path = format!("/v1/payment_intents/{}?expand[0]=latest_charge.balance_transaction", first.reference);
        let theirs = beside.world.ask("GET", &path, "").await.body;
        assert_eq!((&theirs["status"], &theirs["amount_received"]), (&json!("succeeded"), &json!(2900)));
        assert_eq!(theirs["metadata"]["operation"], "charge:month-1");
        let fee = &theirs["latest_charge"]["balance_transaction"]["fee"];
        beside.world.note("what is kept of $29", first.fee_minor, fee.clone(), "").await;
        let brand = &theirs["latest_charge"]["payment_method_details"]["card"]["last4"];
        beside.world.note("the card that was charged", "4242", brand.clone(), "").await;
        assert_eq!(first.method, "Visa •••• 4242");
        let customer = text(&theirs["customer"]);
        let list = beside.world.ask("GET", &format!("/v1/payment_intents?customer={customer}&limit=10"), "").await;
        let count = list.body["data"].as_array().map_or(0, Vec::len);
        beside.world.note("payments after a month that was asked for twice", 2, count, "").await;
        // What the sandbox and the simulator keep is worked out by us, and has to be the same.
        for amount in [50, 99, 1000, 12_345, 999_999] {
            let key = format!("of-{amount}");
            let charged = beside.rail.charge(beside.charge(&key, &earlier, amount)).await.expect("charged");
            let ours = (amount * 29 + 500) / 1000 + 30;
            beside.world.note(&format!("what the sandbox keeps of {amount} cents"), ours, charged.fee_minor, "").await;
        }
        let why =
            "Stripe's document knows transfer_group of a payment, Stripe World does not: it is left out on the way";
        beside.world.note("transfer_group", "sent", "unknown parameter", why).await;
    })
    .await;
}

#[tokio::test]
async fn a_card_that_is_declined_is_declined_in_stripe_worlds_words_each_time() {
    beside("declined", async |beside| {
        let words = async |customer: &str| {
            let path = format!("/v1/payment_intents?customer={customer}&limit=10");
            let list = beside.world.ask("GET", &path, "").await.body;
            list["data"][0]["last_payment_error"]["message"].clone()
        };
        // A card that its owner has to confirm, where nobody is there.
        let (customer, method) = beside.customer_with("card[token]=tok_threeDSecure2Required").await;
        let form = format!(
            "amount=2900&currency=usd&customer={customer}&payment_method={method}&payment_method_types[0]=card"
        );
        let earlier = text(&beside.world.make("/v1/payment_intents", &form).await["id"]);
        let mut said = Vec::new();
        for _ in 0..2 {
            match beside.rail.charge(beside.charge("month", &earlier, 2900)).await {
                Err(ChargeError::Declined(why)) => said.push(why),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(said[0], said[1]);
        let theirs = words(&customer).await;
        beside.world.note("the words about authentication_required", said[0].clone(), theirs, "").await;
        // A card without money cannot be saved there, so it is charged without being kept.
        let customer = text(&beside.world.make("/v1/customers", "email=buyer%40example.com").await["id"]);
        let card = "type=card&card[token]=tok_visa_chargeDeclinedInsufficientFunds";
        let method = text(&beside.world.make("/v1/payment_methods", card).await["id"]);
        let payment = calls::create_payment(NewPayment {
            operation: "charge:poor",
            order: "1",
            customer: &CustomerId::parse(&customer).expect("an id"),
            method: &MethodId::parse(&method).expect("an id"),
            amount: usd(2900),
            description: "The next month",
        });
        let Err(Trouble::Refused(no)) = beside.client.send(&payment, Some("key")).await else { panic!("it was paid") };
        assert_eq!((no.status, no.kind.as_str()), (402, "card_error"));
        let theirs = words(&customer).await;
        beside.world.note("the words about insufficient_funds", no.message, theirs, "").await;
    })
    .await;
}

#[tokio::test]
async fn a_payment_goes_back_whole_and_in_parts_and_never_more_than_it() {
    beside("refunds", async |beside| {
        let payment = beside.paid(2900).await;
        for _ in 0..3 {
            beside.rail.refund(whole(&payment)).await.expect("given back");
        }
        let refunds = beside.world.ask("GET", &format!("/v1/refunds?payment_intent={payment}&limit=10"), "").await.body;
        let amounts: Vec<&Value> = refunds["data"].as_array().expect("a list").iter().map(|it| &it["amount"]).collect();
        beside.world.note("refunds of $29 that were asked for three times", json!([2900]), json!(amounts), "").await;

        let payment = beside.paid(2900).await;
        let id = PaymentId::parse(&payment).expect("an id");
        let part = async |key: &str, amount: Option<i64>| {
            let call = calls::create_refund(&format!("refund:{key}"), &id, amount.map(usd));
            beside.client.send(&call, Some(key)).await.and_then(|answer| answer.read::<Refund>())
        };
        let first = part("part-1", Some(1000)).await.expect("given back");
        let again = part("part-1", Some(1000)).await.expect("given back");
        assert_eq!((first.amount, &first.id), (1000, &again.id));
        assert!(first.holds() && first.payment() == Some(&id));
        let left = async || {
            let path = format!("/v1/payment_intents/{payment}?expand[0]=latest_charge");
            let payment = beside.world.ask("GET", &path, "").await.body;
            payment["latest_charge"]["amount_refunded"].clone()
        };
        beside.world.note("given back after a part that was asked for twice", 1000, left().await, "").await;
        let more = part("part-2", Some(1901)).await;
        let code = |refused: &Result<Refund, Trouble>| match refused {
            Err(Trouble::Refused(no)) => format!("{} {}", no.status, no.kind),
            other => format!("{other:?}"),
        };
        beside.world.note("a cent more than is left", code(&more), "400 invalid_request_error", "").await;
        beside.world.note("given back then", 1000, left().await, "").await;
        let rest = part("part-3", None).await.expect("given back");
        beside.world.note("the rest, without naming it", 1900, rest.amount, "").await;
        let over = part("part-4", None).await;
        assert!(matches!(&over, Err(Trouble::Refused(no)) if no.code == "charge_already_refunded"), "{over:?}");
        let gone = beside.rail.refund(whole(&payment)).await;
        assert!(matches!(&gone, Err(PaymentsError::Refused(why)) if why.contains("in other parts")), "{gone:?}");
    })
    .await;
}

#[tokio::test]
async fn what_happened_is_read_from_stripe_worlds_events_and_looked_at_again() {
    beside("events", async |beside| {
        let payment = beside.paid(2900).await;
        let made = beside.rail.refund(whole(&payment)).await.expect("given back");
        let events = beside.rail.events_since(START.plus_seconds(-60)).await.expect("a list");
        let kinds: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
        beside.world.note("the events of a refund that we act on", json!(["charge.refunded"]), json!(kinds), "").await;
        let RailEventContent::Bell { object } = &events[0].content else { panic!("{:?}", events[0]) };
        let seen = beside.rail.look("charge.refunded", object).await.expect("looked at");
        let key = Some(whole(&payment).key);
        let refund = RailRefund { reference: made.reference, key, amount: usd(2900), stands: true };
        assert_eq!(seen, RailEventContent::Refunded { reference: payment, refunds: vec![refund] });
    })
    .await;
}

#[tokio::test]
async fn what_is_not_there_or_not_of_the_form_is_refused_in_stripe_worlds_words() {
    beside("errors", async |beside| {
        let missing = beside.rail.refund(whole("pi_that_never_was")).await;
        assert!(matches!(&missing, Err(PaymentsError::Refused(why)) if why.contains("No such")), "{missing:?}");
        let gone = beside.rail.charge(beside.charge("gone", "pi_that_never_was", 2900)).await;
        assert!(matches!(gone, Err(ChargeError::Rail(PaymentsError::Refused(_)))), "{gone:?}");
        let unknown = beside.client.read::<Value>(&calls::payment(&PaymentId::parse("pi_nope").expect("an id"))).await;
        let Err(Trouble::Refused(no)) = unknown else { panic!("{unknown:?}") };
        assert_eq!((no.status, no.code.as_str()), (404, "resource_missing"));
        let earlier = beside.paid(2900).await;
        let small = beside.rail.charge(beside.charge("small", &earlier, 49)).await.is_ok();
        let why = "Stripe itself takes no less than 50 cents and refuses it, which leaves the order unpaid";
        beside.world.note("a charge of 49 cents", "asked for", if small { "taken" } else { "refused" }, why).await;
        let nobody = calls::create_customer(NewCustomer { operation: "c", organization: "1", email: "no address" });
        let known = beside.client.send(&nobody, Some("key")).await.is_ok();
        let why = "Stripe itself refuses it, and it cannot be written here: addresses are checked when people sign up";
        beside
            .world
            .note("a buyer whose address has no @", "never sent", if known { "taken" } else { "refused" }, why)
            .await;
        beside
            .world
            .note("a payment that is not there", "404 resource_missing", format!("{} {}", no.status, no.code), "")
            .await;
    })
    .await;
}

/// Old and new price in cents, the currency, the interval, and how far into the period, in parts of it.
const SWITCHES: [(i64, i64, &str, &str, i64, i64); 14] = [
    (2900, 9900, "usd", "month", 0, 1),
    (2900, 9900, "usd", "month", 1, 2),
    (2900, 9900, "usd", "month", 1, 3),
    (2900, 9900, "usd", "month", 99, 100),
    (1, 2, "usd", "month", 1, 3),
    (999, 1000, "eur", "month", 5, 7),
    (0, 2900, "usd", "month", 1, 7),
    (9999, 29900, "gbp", "month", 13, 31),
    (29_900, 99_900, "usd", "year", 17, 365),
    (120_000, 240_001, "eur", "year", 1, 2),
    (1_234_567, 7_654_321, "usd", "year", 200, 365),
    (333, 777, "usd", "month", 2_345_678, 2_678_400),
    (2900, 2900, "usd", "month", 1, 3),
    (9900, 2900, "usd", "month", 1, 3),
];

#[tokio::test]
async fn a_switch_in_the_middle_of_a_period_is_to_the_cent_what_stripe_worlds_invoice_says() {
    beside("switches", async |beside| {
        for (old, new, currency, interval, part, whole) in SWITCHES {
            let (customer, method) = beside.customer_with("card[token]=tok_visa").await;
            let price = async |amount: i64| {
                let form = format!("currency={currency}&unit_amount={amount}&recurring[interval]={interval}&product_data[name]=Plan");
                text(&beside.world.make("/v1/prices", &form).await["id"])
            };
            let (from, to) = (price(old).await, price(new).await);
            let form = format!("customer={customer}&items[0][price]={from}&default_payment_method={method}");
            let made = beside.world.make("/v1/subscriptions", &form).await;
            let item = &made["items"]["data"][0];
            let seconds = |name: &str| item[name].as_i64().expect("seconds");
            let (start, end) = (seconds("current_period_start"), seconds("current_period_end"));
            let at = start + (end - start) * part / whole;
            let form = format!(
                "items[0][id]={}&items[0][price]={to}&proration_behavior=always_invoice&proration_date={at}&expand[0]=latest_invoice",
                text(&item["id"])
            );
            let changed = beside.world.make(&format!("/v1/subscriptions/{}", text(&made["id"])), &form).await;
            let invoice = &changed["latest_invoice"];
            let lines = invoice["lines"]["data"].as_array().expect("lines");
            let amounts = || lines.iter().filter_map(|line| line["amount"].as_i64());
            // Of a plan that costs nothing there is no line.
            let (back, more): (i64, i64) =
                (amounts().filter(|amount| *amount < 0).sum(), amounts().filter(|amount| *amount > 0).sum());
            let currency: Currency = currency.to_uppercase().parse().expect("a currency");
            let period = (Timestamp::from_seconds(start), Timestamp::from_seconds(end));
            let ours = switch(
                Money::new(old, currency),
                Money::new(new, currency),
                period,
                Timestamp::from_seconds(at),
            );
            let what = format!("{old} to {new} {currency}, {part}/{whole} of a {interval}: back, new, due");
            let ours_due = ours.due().minor;
            let worked_out = json!([ours.credit.minor, ours.debit.minor, ours_due]);
            let theirs = json!([back, more, invoice["total"]]);
            let why = if worked_out == theirs { "" } else { "see the test" };
            beside.world.note(&what, worked_out, theirs, why).await;
            assert!(why.is_empty(), "{what}: {changed}");
        }
        let why = "we let a cheaper plan hold when the paid period is over, and charge and give back nothing now";
        beside.world.note("a cheaper plan in the middle of a period", "nothing", "a credit on the next invoice", why).await;
        let why = "the page and the preview say the same all day long, so days are not divided; the formula is the same";
        beside.world.note("the moment of a switch", "the beginning of its day", "its second", why).await;
    })
    .await;
}

#[tokio::test]
async fn months_and_years_end_when_stripe_worlds_do() {
    for (number, anchor) in
        ["2026-01-31", "2026-01-30", "2026-02-28", "2026-08-31", "2026-12-31", "2027-12-31", "2028-01-31", "2028-02-29"]
            .into_iter()
            .enumerate()
    {
        let anchor = domain::Day::from_iso(anchor).expect("a day");
        let now = anchor.start().plus_seconds(42);
        let world = StripeWorld::begin(&format!("periods-{number}"), now.seconds()).await;
        let customer = text(&world.make("/v1/customers", "email=buyer%40example.com").await["id"]);
        let method = text(&world.make("/v1/payment_methods", "type=card&card[token]=tok_visa").await["id"]);
        world.make(&format!("/v1/payment_methods/{method}/attach"), &format!("customer={customer}")).await;
        for (interval, months) in [("month", 1), ("year", 12)] {
            let form = format!("currency=usd&unit_amount=2900&recurring[interval]={interval}&product_data[name]=Plan");
            let price = text(&world.make("/v1/prices", &form).await["id"]);
            let form = format!("customer={customer}&items[0][price]={price}&default_payment_method={method}");
            let made = world.make("/v1/subscriptions", &form).await;
            let theirs = made["items"]["data"][0]["current_period_end"].as_i64().expect("seconds");
            let ours = now.plus_months(months);
            let theirs = Timestamp::from_seconds(theirs).rfc3339();
            world.note(&format!("a {interval} from {}", anchor.iso()), ours.rfc3339(), theirs, "").await;
        }
        world.end().await;
    }
}
