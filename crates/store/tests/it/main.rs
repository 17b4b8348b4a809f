//! The store's contract, on both databases.

#![expect(clippy::disallowed_methods, reason = "tests act in any tenant's name")]

mod catalog;
mod gateway;
mod identity;
mod jobs;
mod knowledge;
mod ledger;
mod operator;
mod orders;
mod organizations;
mod schema;
mod statements;
mod traces;
mod walls;
