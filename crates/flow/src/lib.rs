//! Langflow JSON: parse, check, run.
//!
//! [`parse`] reads an export into [`Flow`]s, [`check`] says what this engine makes of each node, and
//! [`Engine::run`] runs a flow whose nodes are all native. The one thing a newcomer would get wrong:
//! no Python in a flow is ever executed. A component runs here because it was written again in Rust,
//! and only when the hash of its code is one that we know.

mod check;
mod components;
mod embed;
mod engine;
mod flow;
mod import;
mod jq;
mod memory;
pub mod model;
mod remote;
mod retrieve;
pub mod samples;
mod sql;
mod tool;
mod value;
mod web;

pub use check::{Need, NeedKind, NodeClass, NodeReport, Report, Verdict, check};
pub use embed::{EmbedError, Embedded, Embedder};
pub use engine::{
    Engine, Event, EventSink, Limit, Limits, NoEvents, OutputMessage, Persona, RunError, RunOutput, RunRequest,
    StepTrace, StepValue, TraceDetail, WrittenFile,
};
pub use flow::{Edge, Field, Flow, Node, Output, Position, RemovedSecret};
pub use import::{Import, ImportError, Imported, limits as import_limits, parse, without_secrets};
pub use memory::{MemoryError, MemoryStore, NoMemory, Role, Turn, TurnsMemory};
pub use model::{
    ModelAnswer, ModelChoice, ModelError, ModelMessage, ModelProvider, ModelRequest, ModelResolver, ModelSet, NoTokens,
    Resolved, TokenSink, ToolCall, ToolSchema, Usage, anthropic::Anthropic, gemini::Gemini, offline::Offline,
    ollama::Ollama, openai::OpenAiCompatible,
};
pub use remote::{Changes, RemoteFlow};
pub use retrieve::{Passage, RetrieveError, Retriever};
pub use sql::{Databases, NoDatabases, SqlError};
pub use tool::Tool;
pub use value::{Data, Message, Table, Value};
pub use web::{
    GuardedWeb, NoWeb, Web, WebError, WebMethod, WebPolicy, WebRequest, WebResponse, page_links, page_title,
};
