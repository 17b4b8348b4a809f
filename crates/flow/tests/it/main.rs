//! The flow engine from the outside: exports in, answers out, models and the web scripted.

#![expect(clippy::unwrap_used, reason = "a helper of a test may take what is there for granted, too")]

mod agent;
mod branches;
mod corpus;
mod hostile;
mod judges;
mod limits;
mod mcp;
mod order;
mod pages;
mod parts;
mod people;
mod signals;
mod subflows;
mod trace;
mod vectors;
mod wire;
