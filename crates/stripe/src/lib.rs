//! Stripe, as far as we use it: requests, how they are sent, what is read of the answers, and webhooks.
//!
//! Requests are built by the types of async-stripe, which know each parameter. Everything else is ours: a request is
//! bytes that can be kept and sent again as they are, an answer is read field by field as far as it matters, and what
//! became of a request is one of three things ([`Trouble`]). What a newcomer gets wrong: an event is not data. It says
//! that something happened to an object, and the object is read again.

pub mod calls;
mod client;
mod endpoint;
mod id;
pub mod objects;
pub mod webhook;

pub use calls::Call;
pub use client::{Answer, Client, Pauses, Refusal, Trouble};
pub use endpoint::{BadEndpoint, Endpoint, Mode};
pub use id::{
    AccountId, BadId, ChargeId, CustomerId, DisputeId, EventId, MethodId, PaymentId, PortalConfigurationId, RefundId,
    ReversalId, SessionId, TransferId,
};
