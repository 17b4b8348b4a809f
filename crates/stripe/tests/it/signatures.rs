//! Signatures beside Stripe's own library: `signatures.json` was made by npm's `stripe` 23.1.0, and
//! `cargo xtask prove stripe-signatures` has it make others, and verify ours.

use std::path::PathBuf;

use payments::signature;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use stripe::webhook::Secrets;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Signed {
    name: String,
    secret: String,
    at: i64,
    header: String,
    body: String,
}

impl Signed {
    fn is_believed(&self) -> bool {
        let secret: SecretString = self.secret.clone().into();
        let secrets = Secrets::parse(&secret).expect("a secret");
        secrets.open(self.body.as_bytes(), &self.header, self.at).is_ok()
    }
}

#[expect(clippy::disallowed_methods, reason = "the proof says where its files are")]
fn proof() -> Option<PathBuf> {
    std::env::var_os("CMP_STRIPE_SIGNATURES").map(Into::into)
}

fn official() -> Vec<Signed> {
    let text = match proof() {
        Some(directory) => std::fs::read_to_string(directory.join("official.json")).expect("a file"),
        None => include_str!("signatures.json").to_owned(),
    };
    serde_json::from_str(&text).expect("a list")
}

#[test]
fn what_stripes_own_library_has_signed_is_believed_and_what_was_changed_is_not() {
    let all = official();
    assert!(all.len() >= 24);
    for signed in &all {
        assert!(signed.is_believed(), "{}", signed.name);
        let changed = [
            Signed { body: format!("{} ", signed.body), ..signed.clone() },
            Signed { body: signed.body.replace("evt_1", "evt_2"), ..signed.clone() },
            Signed { header: signed.header.replace("v1=", "v0="), ..signed.clone() },
            Signed { secret: format!("{}x", signed.secret), ..signed.clone() },
            Signed { at: signed.at + 301, ..signed.clone() },
        ];
        assert!(!changed.iter().any(Signed::is_believed), "{}", signed.name);
    }
}

#[test]
fn we_sign_as_stripes_own_library_does() {
    let ours: Vec<Signed> = official()
        .into_iter()
        .map(|signed| {
            let header = signature::sign(signed.secret.as_bytes(), signed.body.as_bytes(), signed.at).expect("signed");
            assert!(signed.header.starts_with(&header), "{}", signed.name);
            Signed { header, ..signed }
        })
        .collect();
    if let Some(directory) = proof() {
        std::fs::write(directory.join("ours.json"), serde_json::to_vec(&ours).expect("JSON")).expect("written");
    }
}
