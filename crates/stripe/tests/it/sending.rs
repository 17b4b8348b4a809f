//! How requests are sent: with the same bytes and key, as often as it can do no harm.

use std::time::Duration;

use stripe::calls::{self, NewCustomer};
use stripe::objects::Customer;
use stripe::{Answer, Call, Client, Endpoint, Pauses, PaymentId, Trouble};
use testkit::stripe::{Fault, SimulatedStripe};

const NOW: i64 = 1_795_262_400;

fn client(stripe: &SimulatedStripe, more_tries: usize) -> Client {
    let endpoint = Endpoint::new("sk_test_1".to_owned().into(), Some(&stripe.base())).expect("an endpoint");
    Client::new(endpoint, Pauses(vec![Duration::ZERO; more_tries])).expect("a client")
}

fn customer() -> Call {
    calls::create_customer(NewCustomer { operation: "customer:1", organization: "1", email: "ada@example.com" })
}

async fn send(stripe: &SimulatedStripe, more_tries: usize, key: Option<&str>) -> Result<Answer, Trouble> {
    client(stripe, more_tries).send(&customer(), key).await
}

#[tokio::test]
async fn a_request_is_sent_again_with_the_same_bytes_and_the_same_key_and_done_once() {
    let stripe = SimulatedStripe::start(NOW).await;
    for fault in [Fault::LostAnswer, Fault::LostRequest, Fault::TooMany, Fault::Conflict] {
        stripe.fail_next(fault);
        let key = format!("{fault:?}");
        let before = stripe.received().len();
        let made = send(&stripe, 1, Some(&key)).await.expect("done").read::<Customer>().expect("a customer");
        let sent = stripe.received().split_off(before);
        assert_eq!(sent.len(), 2, "{fault:?}");
        assert_eq!(sent[0], sent[1]);
        assert_eq!((sent[0].key.as_deref(), sent[0].version.as_str()), (Some(key.as_str()), calls::version().as_str()));
        assert!(made.id.as_str().starts_with("cus_"));
    }
    assert_eq!(stripe.objects("customer").len(), 4);
    assert_eq!(stripe.problems(), [""; 0]);
}

#[tokio::test]
async fn what_writes_is_never_sent_again_without_a_key() {
    let stripe = SimulatedStripe::start(NOW).await;
    stripe.fail_next(Fault::LostAnswer);
    assert!(matches!(send(&stripe, 5, None).await, Err(Trouble::Unclear { kept: false, .. })));
    assert_eq!(stripe.received().len(), 1);
}

#[tokio::test]
async fn a_failure_says_whether_it_may_have_been_done() {
    let stripe = SimulatedStripe::start(NOW).await;
    let outcome = async |fault| {
        stripe.fail_next(fault);
        send(&stripe, 0, Some(&format!("{fault:?}"))).await.expect_err("a fault")
    };
    assert!(matches!(outcome(Fault::LostAnswer).await, Trouble::Unclear { kept: false, .. }));
    assert!(matches!(outcome(Fault::LostRequest).await, Trouble::Unclear { kept: false, .. }));
    assert!(matches!(outcome(Fault::KeptErrorAfter).await, Trouble::Unclear { .. }));
    for fault in [Fault::TooMany, Fault::Conflict, Fault::WrongKey] {
        assert!(matches!(outcome(fault).await, Trouble::NotNow(_)), "{fault:?}");
    }
    let address = stripe.base();
    drop(stripe);
    let endpoint = Endpoint::new("sk_test_1".to_owned().into(), Some(&address)).expect("an endpoint");
    let nobody = Client::new(endpoint, Pauses(Vec::new())).expect("a client");
    let away = nobody.send(&customer(), Some("away")).await;
    assert!(matches!(&away, Err(Trouble::NotNow(why)) if why.contains("cannot be reached")), "{away:?}");
}

#[tokio::test]
async fn an_error_that_is_kept_under_the_key_is_told_apart_and_not_asked_for_again_and_again() {
    let stripe = SimulatedStripe::start(NOW).await;
    stripe.fail_next(Fault::KeptErrorBefore);
    let kept = send(&stripe, 4, Some("kept")).await;
    assert!(matches!(kept, Err(Trouble::Unclear { kept: true, .. })), "{kept:?}");
    assert_eq!(stripe.received().len(), 2);
}

#[tokio::test]
async fn the_same_key_for_other_bytes_is_to_be_looked_up() {
    let stripe = SimulatedStripe::start(NOW).await;
    send(&stripe, 0, Some("key")).await.expect("done");
    let other =
        calls::create_customer(NewCustomer { operation: "customer:2", organization: "2", email: "b@example.com" });
    let mixed = client(&stripe, 3).send(&other, Some("key")).await;
    assert!(matches!(mixed, Err(Trouble::Unclear { kept: true, .. })), "{mixed:?}");
    assert_eq!(stripe.objects("customer").len(), 1);
}

#[tokio::test]
async fn a_no_is_a_no_and_says_why() {
    let stripe = SimulatedStripe::start(NOW).await;
    let payment = PaymentId::parse("pi_missing").expect("an id");
    let no = client(&stripe, 3).send(&calls::create_refund("refund:1", &payment, None), Some("no")).await;
    let Err(Trouble::Refused(no)) = no else { panic!("{no:?}") };
    assert_eq!((no.status, no.code.as_str(), no.request_id.as_str()), (404, "resource_missing", "req_simulated"));
    assert_eq!(stripe.received().len(), 1);
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_no_answer() {
    let stripe = SimulatedStripe::start(NOW).await;
    let answer = send(&stripe, 0, Some("key")).await.expect("done");
    let trouble = answer.read::<stripe::objects::Refund>().expect_err("a customer is no refund");
    assert!(matches!(trouble, Trouble::Unclear { .. }));
}
