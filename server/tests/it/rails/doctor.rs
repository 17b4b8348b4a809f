//! `cmp billing doctor`, as an operator runs it.

use services::clock::{Clock as _, SystemClock};
use testkit::START;
use testkit::stripe::SimulatedStripe;
use tokio::process::Command;

/// Runs the doctor with variables; returns whether it is content, and what it says.
async fn doctor(variables: &[(&str, &str)], arguments: &[&str]) -> (bool, String) {
    let directory = tempfile::tempdir().expect("a directory");
    let mut command = Command::new(env!("CARGO_BIN_EXE_cmp"));
    command.args(["billing", "doctor"]).args(arguments).current_dir(directory.path()).envs(variables.iter().copied());
    let output = command.output().await.expect("it runs");
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    (output.status.success(), text)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_makes_a_payment_with_a_test_key_and_gives_it_back() {
    let stripe = SimulatedStripe::start(SystemClock.now().seconds()).await;
    let base = stripe.base();
    let variables = [
        ("STRIPE_API_KEY_SECRET", "sk_test_hunter2"),
        ("STRIPE_WEBHOOK_SECRET", "whsec_a_secret_of_tests"),
        ("STRIPE_API_BASE", base.as_str()),
    ];
    let (content, said) = doctor(&variables, &["--live-test"]).await;
    assert!(content, "{said}");
    for line in
        ["of test mode", "Stripe knows the key", "payment page was opened, once", "was charged $10.99", "given back"]
    {
        assert!(said.contains(line), "{line} in {said}");
    }
    assert!(!said.contains("hunter2") && !said.contains("whsec_a"), "{said}");
    assert_eq!((stripe.objects("refund").len(), stripe.problems()), (1, vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_looks_at_what_buyers_may_do_on_stripes_own_pages() {
    let stripe = SimulatedStripe::start(SystemClock.now().seconds()).await;
    let base = stripe.base();
    let key = ("STRIPE_API_KEY_SECRET", "sk_test_1");
    let webhook = ("STRIPE_WEBHOOK_SECRET", "whsec_a_secret_of_tests");
    let asked = async |configuration: &str, arguments: &[&str]| {
        let variables =
            [key, webhook, ("STRIPE_API_BASE", base.as_str()), ("STRIPE_PORTAL_CONFIGURATION", configuration)];
        doctor(&variables, arguments).await
    };
    let (content, said) = asked("", &[]).await;
    assert!(content && said.contains("set up when the first of them goes there"), "{said}");
    let (content, said) = asked("bpc_that_never_was", &[]).await;
    assert!(!content && said.contains("wrong stripe.portal_configuration: No such object"), "{said}");
    let (content, said) = asked("default", &[]).await;
    assert!(!content && said.contains("stripe.portal_configuration"), "{said}");
    // As the program sets them up.
    let endpoint = ::stripe::Endpoint::new("sk_test_1".to_owned().into(), Some(&base)).expect("an endpoint");
    let client = ::stripe::Client::new(endpoint, ::stripe::Pauses::default()).expect("a client");
    let call = ::stripe::calls::create_portal_configuration(server::adapters::stripe::PORTAL);
    client.send(&call, Some("one")).await.expect("set up");
    let made = stripe.objects("billing_portal.configuration").remove(0);
    let id = made["id"].as_str().expect("an id");
    for named in ["", id] {
        let (content, said) = asked(named, &["--live-test"]).await;
        assert!(content && said.contains(&format!("end or switch nothing: {id}")), "{said}");
        assert!(said.contains("pages were opened for the customer"), "{said}");
    }
    for (place, why) in [
        ("/features/subscription_cancel/enabled", "lets buyers end subscriptions"),
        ("/features/subscription_update/enabled", "lets buyers switch plans"),
        ("/active", "is not active"),
    ] {
        stripe.change(id, |made| {
            let value = made.pointer_mut(place).expect("a place");
            *value = (*value != true).into();
        });
        for named in ["", id] {
            let (content, said) = asked(named, &[]).await;
            assert!(!content && said.contains(&format!("wrong the portal configuration {id} {why}")), "{said}");
        }
        stripe.change(id, |was| *was = made.clone());
    }
    assert_eq!(stripe.problems(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_says_what_is_wrong() {
    let (content, said) = doctor(&[], &[]).await;
    assert!(content && said.contains("sandbox"), "{said}");
    let (content, said) = doctor(&[], &["--live-test"]).await;
    assert!(!content && said.contains("stripe.secret_key"), "{said}");
    let key = ("STRIPE_API_KEY_SECRET", "sk_test_1");
    let (content, said) = doctor(&[key], &[]).await;
    assert!(!content && said.contains("stripe.webhook_secret"), "{said}");
    let webhook = ("STRIPE_WEBHOOK_SECRET", "whsec_a_secret_of_tests");
    let nobody = ("STRIPE_API_BASE", "http://127.0.0.1:9/");
    let (content, said) = doctor(&[key, webhook, nobody], &[]).await;
    assert!(!content && said.contains("the account cannot be read"), "{said}");
    let stripe = SimulatedStripe::start(START.seconds()).await;
    let base = stripe.base();
    let live = ("STRIPE_API_KEY_SECRET", "sk_live_1");
    let (content, said) = doctor(&[live, webhook, ("STRIPE_API_BASE", &base)], &["--live-test"]).await;
    assert!(!content && said.contains("stripe.api_base"), "a live key is not sent in the open: {said}");
    assert!(stripe.received().is_empty());
}
