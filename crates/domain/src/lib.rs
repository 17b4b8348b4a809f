//! The words of CMP as types: identifiers, money, time, states, roles, and what the pages show.
//!
//! Nothing here does I/O, reads a clock or makes a random number, and all of it builds for wasm:
//! the portal uses the same types in the browser. A string that means something has a type that
//! cannot hold a wrong one.

pub mod id;
pub mod ledger;
pub mod money;
pub mod pricing;
pub mod role;
pub mod state;
pub mod text;
pub mod time;
pub mod view;

mod text_enum;

pub use id::{
    AgentId, BundleId, CaseId, CategoryId, CheckoutId, CommissionRuleId, ConfigId, DisputeId, DocumentId, EarningId,
    FlowVersionId, InvitationId, InvocationId, InvoiceId, JobId, KeyId, LedgerTransactionId, OfferingId, OrderId,
    OrganizationId, PassageId, PaymentId, PayoutId, PayoutReversalId, PlanId, ProjectId, RefundId, ReviewId, SiteId,
    StatementId, SubmissionId, SubscriptionId, UserId, UserSessionId, UserTokenId,
};
pub use money::{BasisPoints, Currency, Money};
pub use role::{Permission, Role};
pub use text::{Color, Email, Origin, Rejected, Slug};
pub use time::{Day, Timestamp};
