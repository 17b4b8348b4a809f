//! Documents: extract, chunk, embed, index, retrieve.
//!
//! A [`Document`] is what is left of a file when its format is forgotten; [`extract::worker::Worker`]
//! makes one of a file, in a process of its own. [`chunks`] cuts it into
//! passages; [`Analysis`] says which words each holds, [`embed::vectors`] asks a model what it means; a
//! [`Base`] ranks the passages of one knowledge base for a question and says why; [`snippet`] shows the
//! part that answers. Nothing here knows who owns a document or where it is stored, and the one thing a
//! newcomer would get wrong follows from it: whoever builds a [`Base`] decides what it can find, so the
//! passages of two tenants never meet in one.

pub mod analyze;
mod base;
mod chunk;
mod cite;
mod document;
pub mod embed;
mod endpoint;
pub mod extract;
mod highlight;
mod language;
mod lexical;
mod rerank;
mod stop;
pub mod tokens;
pub mod vector;

pub use analyze::{Analysis, Analyzer};
pub use base::{Base, Entry, Hit, HybridOptions, Id, Search};
pub use chunk::{Chunk, ChunkOptions, chunks, context};
pub use cite::cited;
pub use document::{Block, Body, Document};
pub use embed::Embedder;
pub use endpoint::EndpointError;
pub use highlight::{Snippet, snippet};
pub use language::Language;
pub use lexical::LexicalOptions;
pub use rerank::{HttpReranker, Reranker};
pub use vector::Vector;
