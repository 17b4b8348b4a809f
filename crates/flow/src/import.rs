//! Reads what Langflow exports into [`Flow`]s.
//!
//! Accepts a single flow, `{"flows": […]}`, a list of flows, bare `{"nodes", "edges"}`, and a ZIP of any of
//! these. Everything here runs on bytes that a stranger uploaded: sizes, depth and counts are bounded before
//! anything is built, and no input may panic.

mod archive;
mod graph;
mod groups;
mod handles;
mod secrets;
pub(crate) mod signals;
mod subflows;

use serde_json::Value as Json;

pub use self::secrets::without_secrets;
use crate::flow::Flow;

/// The bounds of an import.
pub mod limits {
    /// The most bytes of an upload, and of one file inside a ZIP.
    pub const BYTES: usize = 8 * 1024 * 1024;
    /// The most bytes that all files of a ZIP may unpack to.
    pub const UNPACKED_BYTES: usize = 4 * BYTES;
    /// The most files in a ZIP.
    pub const ARCHIVE_FILES: usize = 200;
    /// The most flows in one upload.
    pub const FLOWS: usize = 200;
    /// The deepest nesting of JSON.
    pub const DEPTH: usize = 100;
    /// The most nodes of a flow, groups expanded.
    pub const NODES: usize = 2_000;
    /// The most edges of a flow, groups expanded.
    pub const EDGES: usize = 10_000;
    /// The most fields of a node.
    pub const FIELDS: usize = 1_000;
    /// The most Run Flow components of flows that are imported together.
    pub const RUNS: usize = 50;
    /// The most connections of a flow that Studio shows no line for.
    pub const SIGNALS: usize = 500;
    /// The longest id.
    pub const ID_CHARS: usize = 200;
}

/// What was in an upload.
#[derive(Clone, Debug, PartialEq)]
pub struct Import {
    /// The flows, at least one.
    pub flows: Vec<Imported>,
}

/// One flow of an upload.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The flow as we keep and run it.
    pub flow: Flow,
    /// The export itself without its secrets, for a remote Langflow, which needs the Python.
    pub export: Json,
}

impl Import {
    /// Returns one of the flows with those of the upload that it runs.
    pub fn whole(&self, at: usize) -> Flow {
        subflows::whole(&self.flows, at)
    }

    /// Returns the flow of an upload that must hold exactly one, besides those that it runs.
    pub fn single(mut self) -> Result<Imported, ImportError> {
        if self.flows.len() > 1
            && let Some(main) = subflows::main(&self.flows)
        {
            let flow = self.whole(main);
            subflows::check(&flow)?;
            return Ok(Imported { flow, ..self.flows.swap_remove(main) });
        }
        match (self.flows.pop(), self.flows.is_empty()) {
            (Some(flow), true) => Ok(flow),
            (last, _) => {
                let mut names: Vec<String> = self.flows.iter().chain(&last).map(|it| it.flow.name.clone()).collect();
                names.truncate(10);
                Err(ImportError::Several { count: self.flows.len() + 1, names: names.join(", ") })
            }
        }
    }
}

/// Why an upload is not a flow. The text tells the person what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// Nothing was sent.
    #[error("the file is empty; export the flow from Langflow again (Share, then Export) and send the JSON file")]
    Empty,
    /// Too many bytes.
    #[error("the file is larger than {} MiB, the most that can be imported; remove embedded files from the flow", limits::BYTES / 1024 / 1024)]
    TooLarge,
    /// Nested too deep.
    #[error("the JSON is nested deeper than {} levels, which no Langflow export is", limits::DEPTH)]
    TooDeep,
    /// Not JSON.
    #[error("the file is not valid JSON (line {line}, column {column}); send the file exactly as Langflow exported it")]
    NotJson {
        /// Where, from 1.
        line: usize,
        /// Where, from 1.
        column: usize,
    },
    /// JSON, and not a flow.
    #[error("this is not a Langflow flow: {0}")]
    NotAFlow(String),
    /// More nodes than we take.
    #[error("the flow has more than {} components, the most that can be imported", limits::NODES)]
    TooManyNodes,
    /// More edges than we take.
    #[error("the flow has more than {} connections, the most that can be imported", limits::EDGES)]
    TooManyEdges,
    /// A ZIP that we do not read.
    #[error("the ZIP file cannot be imported: {0}")]
    Archive(String),
    /// One flow was wanted.
    #[error("the file holds {count} flows ({names}); export the one that you want to import")]
    Several {
        /// How many.
        count: usize,
        /// The first ten.
        names: String,
    },
}

/// Reads an export: JSON or ZIP, one flow or several.
pub fn parse(bytes: &[u8]) -> Result<Import, ImportError> {
    if bytes.len() > limits::BYTES {
        return Err(ImportError::TooLarge);
    }
    let mut flows = Vec::new();
    if archive::is_zip(bytes) {
        for (name, content) in archive::json_files(bytes)? {
            let document = read_json(&content).map_err(|error| ImportError::Archive(format!("{name}: {error}")))?;
            collect(document, &mut flows)?;
        }
        if flows.is_empty() {
            return Err(ImportError::Archive("it has no .json file with a flow in it".into()));
        }
    } else {
        collect(read_json(bytes)?, &mut flows)?;
    }
    Ok(Import { flows })
}

fn read_json(bytes: &[u8]) -> Result<Json, ImportError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(ImportError::Empty);
    }
    if nests_too_deep(bytes) {
        return Err(ImportError::TooDeep);
    }
    serde_json::from_slice(bytes).map_err(|error| ImportError::NotJson { line: error.line(), column: error.column() })
}

/// Tells whether brackets outside of strings nest deeper than allowed, without building anything.
fn nests_too_deep(bytes: &[u8]) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in bytes {
        match (in_string, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (true, b'"') => in_string = false,
            (false, b'"') => in_string = true,
            (false, b'{' | b'[') => {
                depth += 1;
                if depth > limits::DEPTH {
                    return true;
                }
            }
            (false, b'}' | b']') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// Finds the flows in a document, whichever form of export it is.
fn collect(document: Json, into: &mut Vec<Imported>) -> Result<(), ImportError> {
    let list = match document {
        Json::Array(list) => list,
        Json::Object(mut map) => match map.remove("flows") {
            Some(Json::Array(list)) => list,
            Some(_) => return Err(ImportError::NotAFlow("\"flows\" should be a list".into())),
            None => vec![Json::Object(map)],
        },
        _ => {
            return Err(ImportError::NotAFlow("the file should hold a JSON object with \"data\" in it".into()));
        }
    };
    if list.is_empty() {
        return Err(ImportError::NotAFlow("the list of flows is empty".into()));
    }
    if into.len() + list.len() > limits::FLOWS {
        return Err(ImportError::NotAFlow(format!("more than {} flows in one file", limits::FLOWS)));
    }
    for flow in list {
        into.push(read_flow(flow)?);
    }
    Ok(())
}

/// Reads an export that was imported before.
pub(crate) fn read(export: Json) -> Result<Imported, ImportError> {
    read_flow(export)
}

fn read_flow(mut export: Json) -> Result<Imported, ImportError> {
    let Some(map) = export.as_object_mut() else {
        return Err(ImportError::NotAFlow("a flow should be a JSON object".into()));
    };
    // The graph loader of Langflow takes bare nodes and edges; we give them the usual envelope.
    if !map.contains_key("data") && map.contains_key("nodes") {
        let nodes = map.shift_remove("nodes").unwrap_or_default();
        let edges = map.shift_remove("edges").unwrap_or_else(|| Json::Array(Vec::new()));
        map.insert("data".into(), serde_json::json!({ "nodes": nodes, "edges": edges }));
    }
    match map.get("data") {
        Some(Json::Object(data)) if data.get("nodes").is_some_and(Json::is_array) => {}
        Some(Json::Object(_)) => {
            return Err(ImportError::NotAFlow("it has no list of nodes in \"data\"".into()));
        }
        Some(Json::Null) => {
            return Err(ImportError::NotAFlow(
                "its \"data\" is empty; open it in Langflow, save it and export it again".into(),
            ));
        }
        _ => {
            return Err(ImportError::NotAFlow("it has no \"data\" with nodes and edges".into()));
        }
    }
    let secrets = secrets::remove(&mut export)?;
    let (nodes, edges) = groups::expand(&export)?;
    let flow = graph::build(&export, &nodes, &edges, secrets)?;
    Ok(Imported { flow, export })
}
