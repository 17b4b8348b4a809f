//! Identifiers of Stripe's objects, checked before they stand in the path of a request.
//!
//! async-stripe puts an identifier into the path as it is: one that holds `/` or `?` would ask for something else.

use serde::{Deserialize, Serialize};

/// A text that is not the identifier that it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an identifier that begins with {}", .0.trim_end())]
pub struct BadId(&'static str);

fn fits(text: &str, prefixes: &[&str]) -> bool {
    prefixes.iter().any(|prefix| {
        text.strip_prefix(prefix).is_some_and(|rest| {
            (1..=200).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        })
    })
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $($prefix:literal)|+;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks a text.
            pub fn parse(text: &str) -> Result<Self, BadId> {
                if fits(text, &[$($prefix),+]) { Ok(Self(text.to_owned())) } else { Err(BadId(concat!($($prefix, " "),+))) }
            }

            /// Returns the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadId;

            fn try_from(text: String) -> Result<Self, BadId> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}

ids! {
    /// A visit to a payment page.
    SessionId = "cs_";
    /// A payment.
    PaymentId = "pi_";
    /// A buyer.
    CustomerId = "cus_";
    /// Money that goes back.
    RefundId = "re_" | "pyr_";
    /// A payment that its buyer's bank takes back.
    DisputeId = "dp_" | "du_";
    /// What a payment took.
    ChargeId = "ch_" | "py_";
    /// What something is paid with.
    MethodId = "pm_" | "card_" | "src_" | "ba_";
    /// Money that went from our balance to a provider's.
    TransferId = "tr_";
    /// Something of that taken back.
    ReversalId = "trr_";
    /// Something that happened.
    EventId = "evt_";
    /// An account with Stripe: ours, or a provider's.
    AccountId = "acct_";
    /// How Stripe's own pages for buyers are set up.
    PortalConfigurationId = "bpc_";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_holds_nothing_that_a_path_could_be_changed_with() {
        assert_eq!(SessionId::parse("cs_test_a1B2").map(|id| id.to_string()), Ok("cs_test_a1B2".to_owned()));
        for wrong in [
            "",
            "cs_",
            "pi_1",
            "CS_1",
            " cs_1",
            "cs_1 ",
            "cs_1/expire",
            "cs_1?limit=1#",
            "cs_../customers/cus_1",
            "cs_1%2f",
            "cs_1\n",
            "cs_é",
            "../customers/cus_1?limit=1#",
        ] {
            assert!(SessionId::parse(wrong).is_err(), "{wrong:?}");
        }
        assert!(SessionId::parse(&format!("cs_{}", "a".repeat(200))).is_ok());
        assert!(SessionId::parse(&format!("cs_{}", "a".repeat(201))).is_err());
    }

    #[test]
    fn an_identifier_of_another_kind_in_an_answer_is_refused() {
        assert!(serde_json::from_str::<PaymentId>("\"pi_1\"").is_ok());
        assert!(serde_json::from_str::<PaymentId>("\"ch_1\"").is_err());
        assert!(serde_json::from_str::<ChargeId>("\"py_1\"").is_ok());
    }
}
