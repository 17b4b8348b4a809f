//! Stripe without Stripe, for tests: its OpenAPI document, and a simulator whose requests and answers are held
//! against it.

mod document;
mod simulator;
mod tape;

pub use document::Document;
pub use simulator::{Fault, Received, SimulatedStripe};
pub use tape::{StripeWorld, WorldAnswer};
