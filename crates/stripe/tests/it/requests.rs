//! Every request that is sent, held against Stripe's OpenAPI document.

use domain::{Currency, Money};
use stripe::calls::{self, NewAccount, NewCustomer, NewPayment, NewReversal, NewSession, NewTransfer};
use stripe::{
    AccountId, Call, ChargeId, CustomerId, DisputeId, EventId, MethodId, PaymentId, PortalConfigurationId, RefundId,
    ReversalId, SessionId, TransferId,
};
use testkit::stripe::Document;

const DESCRIPTION: &str = "Helper & Söhne — “Starter”, 100 % [new] = +1";

/// Every request, with texts in it that a form has to quote.
fn all() -> Vec<Call> {
    let customer = CustomerId::parse("cus_1").expect("an id");
    let session = SessionId::parse("cs_test_1").expect("an id");
    let payment = PaymentId::parse("pi_1").expect("an id");
    let amount = Money::new(2900, Currency::Eur);
    let new_session = NewSession {
        operation: "checkout:1-0",
        order: "0190",
        customer: &customer,
        amount,
        description: DESCRIPTION,
        success_url: "https://cmp.example/marketplace-order/0190/?session_id={CHECKOUT_SESSION_ID}",
        cancel_url: "https://cmp.example/marketplace-order/0190/",
        expires_at: 1_795_262_400,
    };
    let new_payment = NewPayment {
        operation: "charge:1-0",
        order: "0190",
        customer: &customer,
        method: &MethodId::parse("pm_1").expect("an id"),
        amount,
        description: DESCRIPTION,
    };
    let provider = AccountId::parse("acct_1").expect("an id");
    let event = EventId::parse("evt_1").expect("an id");
    let configuration = PortalConfigurationId::parse("bpc_1").expect("an id");
    vec![
        calls::create_customer(NewCustomer { operation: "customer:1", organization: "0190", email: "a+b@example.com" }),
        calls::customer(&customer),
        calls::customers_with("a+b@example.com"),
        calls::methods_of(&customer),
        calls::create_session(new_session),
        calls::session(&session),
        calls::expire_session(&session),
        calls::sessions_of(&customer),
        calls::create_saving("saving:1", &customer, "https://cmp.example/saved/", "https://cmp.example/left/"),
        calls::prefer_method(&customer, &MethodId::parse("pm_1").expect("an id")),
        calls::forget_method(&MethodId::parse("pm_1").expect("an id")),
        calls::create_payment(new_payment),
        calls::payment(&payment),
        calls::payments_of(&customer),
        calls::create_refund("refund:pi_1", &payment, None),
        calls::create_refund("refund:pi_1", &payment, Some(amount)),
        calls::refund(&RefundId::parse("re_1").expect("an id")),
        calls::refunds_of(&payment),
        calls::dispute(&DisputeId::parse("dp_1").expect("an id")),
        calls::payments_between(1_795_262_400, 1_795_348_800, None),
        calls::payments_between(1_795_262_400, 1_795_348_800, Some(&payment)),
        calls::refunds_between(1_795_262_400, 1_795_348_800, Some(&RefundId::parse("re_1").expect("an id"))),
        calls::transfers_between(1_795_262_400, 1_795_348_800, Some(&TransferId::parse("tr_1").expect("an id"))),
        calls::charge(&ChargeId::parse("ch_1").expect("an id")),
        calls::events_since(1_795_262_400, &["charge.refunded", "refund.failed"], None),
        calls::events_since(1_795_262_400, &["charge.refunded"], Some(&event)),
        calls::own_account(),
        calls::create_portal_configuration("portal:1"),
        calls::portal_configuration(&configuration),
        calls::portal_configurations(),
        calls::open_portal(&customer, &configuration, "https://cmp.example/organizations/0190/?a=b&c=d"),
        calls::create_account(NewAccount { operation: "account:1", provider: "0190", email: "seller@example.com" }),
        calls::create_account(NewAccount { operation: "account:1", provider: "0190", email: "" }),
        calls::account(&provider),
        calls::accounts(),
        calls::account_link(&provider, "https://cmp.example/again/", "https://cmp.example/back/"),
        calls::login_link(&provider),
        calls::create_transfer(NewTransfer {
            operation: "payout:1",
            account: &provider,
            amount,
            description: DESCRIPTION,
        }),
        calls::transfer(&TransferId::parse("tr_1").expect("an id")),
        calls::transfers_to(&provider),
        calls::create_reversal(NewReversal {
            operation: "reversal:1",
            transfer: &TransferId::parse("tr_1").expect("an id"),
            amount,
            description: DESCRIPTION,
        }),
        calls::reversal(&TransferId::parse("tr_1").expect("an id"), &ReversalId::parse("trr_1").expect("an id")),
        calls::reversals_of(&TransferId::parse("tr_1").expect("an id")),
    ]
}

fn path(call: &Call) -> String {
    format!("/v1{}", call.path)
}

#[test]
fn every_request_is_of_the_form_that_stripe_publishes() {
    for call in all() {
        let problems = Document::get().problems_of_request(call.method(), &path(&call), &call.query, &call.body);
        assert!(problems.is_empty(), "{call:?}: {problems:?}");
    }
}

#[test]
fn every_function_that_makes_a_request_is_held_against_the_document() {
    // A request that is added and not tried above is found here.
    let source = concat!(
        include_str!("../../src/calls.rs"),
        include_str!("../../src/calls/connect.rs"),
        include_str!("../../src/calls/portal.rs")
    );
    let made = source.lines().filter(|line| line.starts_with("pub fn ") && line.contains("-> Call"));
    let written = include_str!("requests.rs");
    for line in made {
        let name = line.trim_start_matches("pub fn ").split('(').next().expect("a name");
        assert!(written.contains(&format!("calls::{name}(")), "{name} is not tried");
    }
}

#[test]
fn what_is_charged_is_what_was_asked_for_and_in_its_currency() {
    let all = all();
    let session = all.iter().find(|call| call.path == "/checkout/sessions" && !call.reads).expect("a session");
    for field in
        ["[unit_amount]=2900", "[currency]=eur", "[quantity]=1", "mode=payment", "setup_future_usage]=off_session"]
    {
        assert!(decoded(&session.body).contains(field), "{field} in {}", session.body);
    }
    assert!(decoded(&session.body).contains(&format!("[name]={DESCRIPTION}")), "{}", session.body);
    // Stripe chooses what buyers can pay with, by what they have and where they are.
    assert!(!session.body.contains("payment_method_types"));
    let payment = all.iter().find(|call| call.path == "/payment_intents" && !call.reads).expect("a payment");
    for field in ["amount=2900", "currency=eur", "off_session=true", "confirm=true"] {
        assert!(payment.body.contains(field), "{field} in {}", payment.body);
    }
}

#[test]
fn on_stripes_own_pages_buyers_say_what_they_pay_with_and_nothing_else() {
    let call = calls::create_portal_configuration("portal:1");
    let form = decoded(&call.body);
    let features: Vec<&str> = form.split('&').filter(|field| field.starts_with("features")).collect();
    assert_eq!(
        features,
        [
            "features[customer_update][enabled]=false",
            "features[invoice_history][enabled]=false",
            "features[payment_method_update][enabled]=true",
            "features[subscription_cancel][enabled]=false",
            "features[subscription_update][enabled]=false",
        ]
    );
}

fn decoded(form: &str) -> String {
    let url = format!("http://x/?{form}");
    let url = reqwest::Url::parse(&url).expect("an address");
    url.query_pairs().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

#[test]
fn the_version_is_the_one_that_the_requests_were_made_from() {
    assert_eq!(calls::version(), "2026-09-30.endive");
}

#[test]
fn requests_of_other_forms_are_found() {
    let problems = |body: &str| Document::get().problems_of_request("POST", "/v1/checkout/sessions", "", body);
    assert!(problems("mode=payment").is_empty());
    for body in [
        "mode=payments",
        "mode=payment&price=5",
        "line_items[0][quantity]=1.5",
        "line_items[0][price_data][unit_amount]=10",
        "expires_at=soon",
        "payment_intent_data[setup_future_usage]=later",
        "metadata[a][b]=c",
    ] {
        assert!(!problems(body).is_empty(), "{body}");
    }
}
