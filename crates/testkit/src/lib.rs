//! What tests are made of: both databases, a clock that stands still, and fakes of the ports.
//!
//! PostgreSQL is the cluster that `CMP_TEST_POSTGRES` names; `cargo xtask test` starts one. Without
//! it tests run on SQLite alone and say so, unless `CI` or `CMP_TEST_REQUIRE_POSTGRES` is set.

#![expect(clippy::missing_panics_doc, reason = "a test kit fails by panicking")]
#![expect(clippy::unwrap_used, reason = "a test kit fails by panicking")]

mod buyer;
mod catalog;
mod database;
mod fakes;
pub mod knowledge_contract;
mod ragflow_double;
pub mod runtime_contract;
mod scripted_model;
mod story;
pub mod stripe;

pub use buyer::{Bought, credential, page_credential, saying};
pub use catalog::Offered;
pub use database::{on_every_database, on_every_database_url};
pub use fakes::{FakePayments, MemoryMailer, PaidOutMoney, PlainKnowledge, ScriptedRuntime};
pub use ragflow_double::{RAGFLOW_KEY, RagflowDouble, RagflowVersion};
pub use scripted_model::ScriptedModel;
pub use story::{IP, PASSWORD, START, Seller, TestCtx, invitation_token, on_every_ctx, token_in};
