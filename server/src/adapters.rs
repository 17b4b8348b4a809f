//! Implementations of the use cases' ports, made of the other crates.

pub mod mailer;
pub mod runtime;
pub mod sandbox;
