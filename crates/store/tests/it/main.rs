//! The store's contract, on both databases.

#![expect(clippy::disallowed_methods, reason = "tests act in any tenant's name")]

mod catalog;
mod schema;
mod statements;
mod walls;
