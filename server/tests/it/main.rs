//! The program's doors, tried from outside: its own router over its own adapters, on both databases.

mod access;
mod app;
mod bodies;
mod extract;
mod flow_meaning;
mod gateway;
mod guard;
mod hostile_billing;
mod knowledge;
mod knowledge_contract;
mod langflow_double;
mod lists;
mod meaning;
mod pages;
#[cfg(feature = "stripe")]
mod rails;
mod runtime_contract;
mod sandbox;
mod story;
mod stripe_api;
#[cfg(feature = "stripe")]
mod stripe_webhooks;
mod traces;
mod web_pages;
mod widget;
