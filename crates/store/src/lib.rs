//! SQL for SQLite and PostgreSQL behind one concrete [`Store`]; one module per aggregate.
//!
//! # Adding a query
//!
//! 1. Find the aggregate's module, or add one: functions that take `&mut Tx` first and, where the
//!    rows belong to a tenant, a [`Tenant`] second. Lookups return `Option`, lists return `Vec`.
//! 2. Write the statement once, as a literal in `tx.query("…")`, with `$1`, `$2` … in both
//!    databases. Where dialects differ, use `tx.query_either(Either { sqlite: "…", postgres: "…" })`
//!    and say why.
//! 3. Read rows into a struct that derives `sqlx::FromRow`; it serves both databases.
//! 4. Tell the contract suite about it (`tests/it`); it runs on both.
//!
//! Things to note: `SUM` of a BIGINT is NUMERIC in PostgreSQL, so write
//! `CAST(COALESCE(SUM(x), 0) AS BIGINT)`; a parameter that is only compared with NULL needs a
//! `CAST`; JSON is bound and read as `sqlx::types::Json`; every UPDATE that must hit a row is
//! followed by [`Done::exactly_one`]. A test finds every literal and prepares it on both databases.

pub mod agents;
pub mod audit;
pub mod billings;
pub mod bundles;
pub mod caps;
pub mod cases;
pub mod catalog;
pub mod configs;
pub mod directory;
pub mod figures;
pub mod gateway;
pub mod identity;
pub mod invoices;
pub mod jobs;
pub mod keys;
pub mod knowledge;
pub mod ledger;
pub mod offerings;
pub mod orders;
pub mod organizations;
pub mod outbox;
pub mod payouts;
pub mod provider_figures;
pub mod providers;
pub mod reconciling;
pub mod refunds;
pub mod samples;
pub mod sandbox;
pub mod sites;
mod sql;
pub mod statements;
pub mod submissions;
pub mod subscriptions;
#[doc(hidden)]
pub use sql::testing;
mod tenant;
pub mod traces;

pub use sql::{Dialect, Done, Either, Error, Options, Query, Store, Tx};
pub use sqlx::postgres::PgListener as Listener;
pub use sqlx::types::Json;
pub use tenant::{Scope, Tenant};
