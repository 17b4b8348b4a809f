//! One type per kind of identifier, so that an order's id cannot be passed for an offering's.
//!
//! In SQL they are UUIDs; on the wire and in URLs 32 hexadecimal digits without hyphens, read back
//! with or without them, because Waldur clients send both.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// The text is not an identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an identifier: expected 32 hexadecimal digits")]
pub struct NotAnId;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(transparent))]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.simple().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                Uuid::try_parse(text).map(Self).map_err(|_| NotAnId)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

ids! {
    /// A person who can sign in.
    UserId;
    /// A signed-in browser.
    UserSessionId;
    /// A credential of a user for the REST API.
    UserTokenId;
    /// A tenant: buyers and providers are both organizations.
    OrganizationId;
    /// A folder of subscriptions inside an organization.
    ProjectId;
    /// An invitation to join an organization.
    InvitationId;
    /// One of the four kinds of product.
    CategoryId;
    /// What a provider makes.
    AgentId;
    /// One immutable imported flow of an agent.
    FlowVersionId;
    /// An agent on sale.
    OfferingId;
    /// One request to have an offering reviewed.
    SubmissionId;
    /// A price and quota of an offering.
    PlanId;
    /// A buyer's opinion of an offering.
    ReviewId;
    /// A change that a buyer asked for.
    OrderId;
    /// One visit to a payment rail's checkout page.
    CheckoutId;
    /// Money that a rail has taken.
    PaymentId;
    /// Money that goes back to a buyer: one payment can go back in pieces.
    RefundId;
    /// A payment that its buyer's bank has taken back.
    DisputeId;
    /// Products that are bought together.
    BundleId;
    /// Something about money that a person has to look at.
    CaseId;
    /// What a buyer has bought.
    SubscriptionId;
    /// The settings of one subscription.
    ConfigId;
    /// A credential of one config.
    KeyId;
    /// What a buyer gave an agent to answer from: a file, a question with its answer, an address.
    DocumentId;
    /// A piece of a document that is found and cited on its own.
    PassageId;
    /// Web pages that an agent answers from.
    SiteId;
    /// One call of an agent: the unit of metering, and the `request_id` of the API.
    InvocationId;
    /// Work that happens later.
    JobId;
    /// One transaction of the ledger.
    LedgerTransactionId;
    /// What a provider earns by one sale.
    EarningId;
    /// What was used of a subscription from one closing to the next.
    StatementId;
    /// Money that goes from the platform to a provider.
    PayoutId;
    /// Money of a payout that is taken back.
    PayoutReversalId;
    /// An invoice or a credit note.
    InvoiceId;
    /// A rule that says which share of a sale the platform keeps.
    CommissionRuleId;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_written_without_hyphens_and_read_with_or_without() {
        let id = OrderId(Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef));
        assert_eq!(id.to_string(), "0123456789abcdef0123456789abcdef");
        assert_eq!("01234567-89ab-cdef-0123-456789abcdef".parse(), Ok(id));
        assert_eq!(serde_json::to_string(&id).ok().as_deref(), Some("\"0123456789abcdef0123456789abcdef\""));
        assert_eq!("orders".parse::<OrderId>(), Err(NotAnId));
    }
}
