//! Signatures of delivered events, in the form that Stripe uses: `t=SECONDS,v1=HEX`, where the hex
//! is HMAC-SHA-256 over `SECONDS.BODY` (docs.stripe.com/webhooks, "Verify manually").

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// How old an event may be, in seconds.
const TOLERANCE: i64 = 300;

/// Why an event is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSignature {
    /// There is no secret to check with; an empty one would let anyone sign.
    #[error("there is no webhook secret")]
    NoSecret,
    /// The header is not of the form.
    #[error("the signature is not of the form t=…,v1=…")]
    Form,
    /// Signed too long ago, or in the future.
    #[error("the signature is too old")]
    Old,
    /// Signed by someone else, or changed on the way.
    #[error("the signature does not fit the body")]
    Wrong,
}

fn mac(secret: &[u8], seconds: i64, body: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    mac.update(seconds.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    Some(mac)
}

/// Signs a body at `seconds` since 1970.
pub fn sign(secret: &[u8], body: &[u8], seconds: i64) -> Result<String, BadSignature> {
    if secret.is_empty() {
        return Err(BadSignature::NoSecret);
    }
    let mac = mac(secret, seconds, body).ok_or(BadSignature::NoSecret)?;
    Ok(format!("t={seconds},v1={}", hex::encode(mac.finalize().into_bytes())))
}

/// Turns a name into 48 hex digits that always are the same and that nobody without the secret can guess.
pub fn fingerprint(secret: &[u8], name: &str) -> Option<String> {
    if secret.is_empty() {
        return None;
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    mac.update(b"name:");
    mac.update(name.as_bytes());
    Some(hex::encode(&mac.finalize().into_bytes()[..24]))
}

/// Verifies a header over the raw body; one of several `v1` is enough, as while a secret is replaced.
pub fn verify(secret: &[u8], body: &[u8], header: &str, now_seconds: i64) -> Result<(), BadSignature> {
    if secret.is_empty() {
        return Err(BadSignature::NoSecret);
    }
    let mut seconds = None;
    let mut signatures = Vec::new();
    for part in header.split(',') {
        match part.trim().split_once('=') {
            // Twice, and nobody knows which one was signed.
            Some(("t", _)) if seconds.is_some() => return Err(BadSignature::Form),
            Some(("t", text)) => seconds = Some(text.parse::<i64>().map_err(|_| BadSignature::Form)?),
            Some(("v1", text)) => signatures.extend(hex::decode(text).ok()),
            _ => {}
        }
    }
    let seconds = seconds.ok_or(BadSignature::Form)?;
    if signatures.is_empty() {
        return Err(BadSignature::Form);
    }
    if now_seconds.saturating_sub(seconds).saturating_abs() > TOLERANCE {
        return Err(BadSignature::Old);
    }
    let fits = signatures
        .iter()
        .any(|signature| mac(secret, seconds, body).is_some_and(|mac| mac.verify_slice(signature).is_ok()));
    if fits { Ok(()) } else { Err(BadSignature::Wrong) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signed_body_verifies_and_a_changed_one_does_not() {
        let header = sign(b"secret", b"{}", 1000).expect("signed");
        assert_eq!(verify(b"secret", b"{}", &header, 1100), Ok(()));
        assert_eq!(verify(b"secret", b"{ }", &header, 1100), Err(BadSignature::Wrong));
        assert_eq!(verify(b"other", b"{}", &header, 1100), Err(BadSignature::Wrong));
        assert_eq!(verify(b"secret", b"{}", &header, 1000 + 301), Err(BadSignature::Old));
        assert_eq!(verify(b"secret", b"{}", "t=1000", 1000), Err(BadSignature::Form));
        assert_eq!(verify(b"secret", b"{}", &format!("t={},v1=00", i64::MIN), 1000), Err(BadSignature::Old));
    }

    #[test]
    fn an_empty_secret_signs_and_verifies_nothing() {
        assert_eq!(sign(b"", b"{}", 1), Err(BadSignature::NoSecret));
        assert_eq!(verify(b"", b"{}", "t=1,v1=00", 1), Err(BadSignature::NoSecret));
        assert_eq!(fingerprint(b"", "a name"), None);
    }

    #[test]
    fn a_fingerprint_depends_on_the_name_and_the_secret() {
        let of = |secret: &[u8], name| fingerprint(secret, name).expect("a secret");
        assert_eq!(of(b"secret", "order-0"), of(b"secret", "order-0"));
        assert_ne!(of(b"secret", "order-0"), of(b"secret", "order-1"));
        assert_ne!(of(b"secret", "order-0"), of(b"other", "order-0"));
        assert_eq!(of(b"secret", "order-0").len(), 48);
    }

    proptest::proptest! {
        #[test]
        fn no_header_panics_or_passes(header in ".{0,200}", body in ".{0,50}", now: i64) {
            proptest::prop_assert!(verify(b"secret", body.as_bytes(), &header, now).is_err());
        }
    }
}
