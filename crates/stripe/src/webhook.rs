//! Webhooks: whether one is Stripe's, and which object it is about.
//!
//! The signature is checked over the bytes as they came, before anything reads them.

use payments::signature::{self, BadSignature};
use secrecy::{ExposeSecret as _, SecretString};

use crate::endpoint::Mode;
use crate::objects::Event;

/// The secrets that webhooks are signed with: more than one while they are being replaced.
#[derive(Clone, Debug)]
pub struct Secrets(Vec<SecretString>);

/// A secret that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must hold the endpoint's signing secret, whsec_…; several are parted by commas")]
pub struct BadSecret;

/// Why a webhook is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadWebhook {
    /// It is not Stripe's, or old.
    #[error(transparent)]
    Signature(#[from] BadSignature),
    /// It is Stripe's, and no event.
    #[error("this is no event: {0}")]
    Body(String),
}

impl Secrets {
    /// Reads secrets that are parted by commas. With an empty one everybody could sign, so it is an error.
    pub fn parse(list: &SecretString) -> Result<Self, BadSecret> {
        let secrets: Vec<SecretString> =
            list.expose_secret().split(',').map(|secret| secret.trim().to_owned().into()).collect();
        let good = |secret: &SecretString| {
            let text = secret.expose_secret();
            text.len() >= 16 && text.bytes().all(|byte| byte.is_ascii_graphic())
        };
        if secrets.iter().all(good) { Ok(Self(secrets)) } else { Err(BadSecret) }
    }

    /// Verifies a webhook over its raw body at `now`, seconds since 1970, and reads it.
    pub fn open(&self, body: &[u8], header: &str, now: i64) -> Result<Event, BadWebhook> {
        let mut outcome = Err(BadSignature::NoSecret);
        for secret in &self.0 {
            outcome = signature::verify(secret.expose_secret().as_bytes(), body, header, now);
            if outcome.is_ok() {
                break;
            }
        }
        outcome?;
        serde_json::from_slice(body).map_err(|error| BadWebhook::Body(error.to_string()))
    }
}

/// Whose events an endpoint takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Those of our own account.
    Account,
    /// Those of providers' accounts.
    Connect,
}

impl Event {
    /// Tells whether it is for us: of our mode, and come to the endpoint that is meant for it.
    pub fn is_for(&self, mode: Mode, source: Source) -> bool {
        self.livemode == (mode == Mode::Live) && self.account.is_some() == (source == Source::Connect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_a_secret_of_tests";
    const NOW: i64 = 1_795_262_400;
    const BODY: &[u8] = br#"{"id":"evt_1","object":"event","type":"checkout.session.completed","livemode":false,"created":1,"data":{"object":{"id":"cs_1"}}}"#;

    fn secrets(list: &str) -> Secrets {
        Secrets::parse(&list.to_owned().into()).expect("secrets")
    }

    fn signed(secret: &str, body: &[u8], at: i64) -> String {
        signature::sign(secret.as_bytes(), body, at).expect("signed")
    }

    fn opened(body: &[u8], header: &str) -> Result<Event, BadWebhook> {
        secrets(SECRET).open(body, header, NOW)
    }

    #[track_caller]
    fn refused(body: &[u8], header: &str) {
        assert!(opened(body, header).is_err(), "{header:?}");
    }

    #[test]
    fn a_webhook_of_stripes_is_read() {
        let event = opened(BODY, &signed(SECRET, BODY, NOW)).expect("an event");
        assert_eq!((event.r#type.as_str(), event.object()), ("checkout.session.completed", Some("cs_1")));
        assert!(event.is_for(Mode::Test, Source::Account));
    }

    #[test]
    fn an_empty_secret_is_refused_before_anything_is_verified() {
        for list in
            ["", " ", ",", "whsec_a_secret_of_tests,", ",whsec_a_secret_of_tests", "short", "whsec_with a blank_in_it"]
        {
            assert!(Secrets::parse(&list.to_owned().into()).is_err(), "{list:?}");
        }
    }

    #[test]
    fn no_header_and_an_empty_one_are_refused() {
        refused(BODY, "");
        refused(BODY, ",");
        refused(BODY, "=");
    }

    #[test]
    fn a_wrong_secret_is_refused() {
        refused(BODY, &signed("whsec_another_secret_x", BODY, NOW));
    }

    #[test]
    fn the_old_scheme_alone_is_refused() {
        refused(BODY, &signed(SECRET, BODY, NOW).replace("v1=", "v0="));
    }

    #[test]
    fn a_time_that_is_missing_or_text_or_there_twice_is_refused() {
        let header = signed(SECRET, BODY, NOW);
        let mac = header.split_once(",v1=").expect("a signature").1;
        refused(BODY, &format!("v1={mac}"));
        refused(BODY, &format!("t=,v1={mac}"));
        refused(BODY, &format!("t=now,v1={mac}"));
        refused(BODY, &format!("t={NOW},t={NOW},v1={mac}"));
        refused(BODY, &format!("t=1,{header}"));
    }

    #[test]
    fn times_at_the_ends_of_what_can_be_counted_are_refused_without_a_panic() {
        for at in [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX] {
            refused(BODY, &signed(SECRET, BODY, at));
        }
        refused(BODY, &format!("t=9223372036854775808,v1={}", "0".repeat(64)));
    }

    #[test]
    fn a_webhook_of_more_than_five_minutes_ago_or_ahead_is_refused() {
        assert!(opened(BODY, &signed(SECRET, BODY, NOW - 300)).is_ok());
        assert!(opened(BODY, &signed(SECRET, BODY, NOW + 300)).is_ok());
        refused(BODY, &signed(SECRET, BODY, NOW - 301));
        refused(BODY, &signed(SECRET, BODY, NOW + 301));
    }

    #[test]
    fn one_right_signature_of_several_is_enough() {
        let header = signed(SECRET, BODY, NOW);
        let mac = header.split_once(",v1=").expect("a signature").1;
        assert!(opened(BODY, &format!("t={NOW},v1={},v1={mac}", "0".repeat(64))).is_ok());
        assert!(opened(BODY, &format!("t={NOW},v1={mac},v1={},v0=zz", "0".repeat(64))).is_ok());
        refused(BODY, &format!("t={NOW},v1={},v1={}", "0".repeat(64), "1".repeat(64)));
    }

    #[test]
    fn a_body_that_was_changed_by_one_byte_or_written_anew_is_refused() {
        let header = signed(SECRET, BODY, NOW);
        for place in 0..BODY.len() {
            let mut body = BODY.to_vec();
            body[place] ^= 1;
            refused(&body, &header);
        }
        let value: serde_json::Value = serde_json::from_slice(BODY).expect("JSON");
        refused(serde_json::to_string_pretty(&value).expect("JSON").as_bytes(), &header);
        refused(&[b"\xef\xbb\xbf", BODY].concat(), &header);
        refused(&[BODY, b"\n"].concat(), &header);
        refused(b"", &header);
    }

    #[test]
    fn what_is_signed_and_no_event_is_refused_without_a_panic() {
        let deep = "[".repeat(100_000);
        for body in [
            &b""[..],
            b"null",
            b"[]",
            b"{}",
            b"\xff\xfe",
            b"\xef\xbb\xbf{}",
            b"\x1f\x8b\x08\x00",
            deep.as_bytes(),
            br#"{"id":"../evt_1","type":"x"}"#,
            br#"{"id":"evt_1","id":"evt_2","type":"x"}"#,
            br#"{"id":"evt_1"}"#,
        ] {
            assert!(matches!(opened(body, &signed(SECRET, body, NOW)), Err(BadWebhook::Body(_))));
        }
    }

    #[test]
    fn fields_that_are_new_or_missing_and_types_that_nobody_knows_are_taken() {
        for body in [
            &br#"{"id":"evt_1","type":"a.type.of.tomorrow","data":{"object":{"no":"id"}},"new":[{}]}"#[..],
            br#"{"id":"evt_1","type":"v2.thin","object":"v2.core.event","data":{}}"#,
            br#"{"id":"evt_1","type":"balance.available","api_version":"1999-01-01"}"#,
        ] {
            assert!(opened(body, &signed(SECRET, body, NOW)).is_ok());
        }
    }

    #[test]
    fn while_a_secret_is_replaced_both_are_believed() {
        let both = secrets("whsec_a_new_secret_of_tests, whsec_a_secret_of_tests");
        assert!(both.open(BODY, &signed(SECRET, BODY, NOW), NOW).is_ok());
        assert!(both.open(BODY, &signed("whsec_a_new_secret_of_tests", BODY, NOW), NOW).is_ok());
        assert!(both.open(BODY, &signed("whsec_a_third_secret", BODY, NOW), NOW).is_err());
    }

    #[test]
    fn an_event_of_the_other_mode_or_for_the_other_endpoint_is_not_for_us() {
        let event = |json: &str| serde_json::from_str::<Event>(json).expect("an event");
        let ours = event(r#"{"id":"evt_1","type":"x","livemode":false}"#);
        assert!(ours.is_for(Mode::Test, Source::Account));
        assert!(!ours.is_for(Mode::Live, Source::Account) && !ours.is_for(Mode::Test, Source::Connect));
        let theirs = event(r#"{"id":"evt_1","type":"x","livemode":true,"account":"acct_1"}"#);
        assert!(theirs.is_for(Mode::Live, Source::Connect));
        assert!(!theirs.is_for(Mode::Live, Source::Account) && !theirs.is_for(Mode::Test, Source::Connect));
    }

    proptest::proptest! {
        #[test]
        fn no_header_that_was_not_signed_is_believed(header in ".{0,200}", body in proptest::collection::vec(0_u8.., 0..60)) {
            proptest::prop_assert!(secrets(SECRET).open(&body, &header, NOW).is_err());
        }
    }
}
