//! Use cases: the only place that decides who may do what, and what a change means.
//!
//! A server function and a REST handler are two doors to the same use case. Each use case is a free
//! function that takes [`Ctx`] first, then who is asking ([`Principal`] or a type that only
//! [`access`] makes), then the input; it opens its own transactions, and whatever must happen
//! later is a job row written in the same transaction.

pub mod access;
mod audit;
pub mod billing;
pub mod bundles;
pub mod caps;
pub mod cases;
pub mod catalog;
pub mod clock;
pub mod configs;
pub mod ctx;
pub mod error;
pub mod gateway;
pub mod identity;
pub mod invoices;
pub mod jobs;
pub mod keys;
pub mod knowledge;
pub mod ledger;
pub mod mail;
pub mod markdown;
pub mod operator;
pub mod orders;
pub mod organizations;
pub mod payouts;
pub mod ports;
pub mod provider;
pub mod rail;
pub mod refunds;
pub mod secret;
pub mod seed;
pub mod subscriptions;
pub mod throttle;

pub use access::Principal;
pub use ctx::{Ctx, Settings};
pub use error::{Error, Result};
