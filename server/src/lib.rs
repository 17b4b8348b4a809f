//! The program `cmp`: everything that speaks to the outside, and the only place that reads
//! configuration and builds concrete things.
//!
//! `cli` parses the command line, `config` reads settings, `build` plugs implementations into the
//! ports, `http` puts the doors together: the portal (`portal`), REST (`api`), the gateway and the
//! widget. A door is thin: who is asking, parse, call a use case, map the error.

pub mod adapters;
pub mod api;
pub mod assets;
pub mod build;
pub mod cli;
pub mod config;
pub mod gateway;
pub mod guard;
pub mod http;
pub mod json;
pub mod pace;
mod pdf;
pub mod portal;
pub mod telemetry;
pub mod upload;
pub mod webhooks;
pub mod widget;
