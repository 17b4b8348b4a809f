//! Requests held against Stripe's own document, and how they are sent.

mod requests;
mod sending;
mod signatures;
