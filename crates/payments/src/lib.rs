//! Payment rails. Today the sandbox; Stripe comes behind the same shapes.
//!
//! A rail stands for a company outside: it keeps its own objects, tells what happened by signed
//! events, and knows nothing of orders beyond the reference that it was given.

pub mod sandbox;
pub mod signature;
