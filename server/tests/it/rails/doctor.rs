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
