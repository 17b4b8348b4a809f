//! Implementations of the use cases' ports, made of the other crates.

mod kept;
pub mod knowledge;
pub mod langflow;
pub mod mailer;
pub mod pages;
pub mod ragflow;
pub mod routed;
pub mod runtime;
pub mod sandbox;
#[cfg(feature = "stripe")]
pub mod stripe;
