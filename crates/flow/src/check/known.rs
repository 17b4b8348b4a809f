//! Component types of Langflow that this engine does not run, and what to say about each.

use super::{Need, NeedKind};
use crate::flow::Node;

/// Components whose purpose is to execute code that somebody typed.
const NEVER: [&str; 16] = [
    "PythonREPLComponent",
    "PythonREPLTool",
    "PythonREPLToolComponent",
    "PythonFunction",
    "PythonFunctionComponent",
    "PythonCodeStructuredTool",
    "Smart Transform",
    "SmartTransform",
    "LambdaFilterComponent",
    "CSVAgent",
    "CodeActAgentSmolagents",
    "OpenDsStarAgent",
    "Cuga",
    "CustomComponent",
    "MCPStdio",
    "PythonAstREPLTool",
];

const WEB: [&str; 3] = ["GoogleSearchAPI", "SerpAPI", "WikidataAPI"];
const VECTORS: [&str; 9] = [
    "AstraDB",
    "AstraVectorStoreComponent",
    "Pinecone",
    "QdrantVectorStoreComponent",
    "Weaviate",
    "pgvector",
    "Milvus",
    "Redis",
    "AstraDBGraph",
];

/// Says why a node must not run at all; none when it is not one of those.
pub(super) fn never(node: &Node, component: &str) -> Option<(String, String)> {
    if component == "MCPTools" && is_stdio(node) {
        return Some((
            "it starts a program on the machine (an MCP server over standard input and output)".into(),
            "Use an MCP server over HTTP instead.".into(),
        ));
    }
    NEVER.contains(&component).then(|| {
        (
            "it executes code that is written in the flow, which is never done here".into(),
            "Replace it by components that need no code, or run the flow on a remote Langflow.".into(),
        )
    })
}

/// Says why a type is not run here, and what to do.
pub(super) fn unsupported(component: &str) -> (String, String) {
    const REMOTE: &str = "or run the flow on a remote Langflow.";
    let (reason, advice) = if WEB.contains(&component) {
        ("it reads from a service that this engine does not know", format!("Use Web Search or URL instead, {REMOTE}"))
    } else if VECTORS.contains(&component) {
        (
            "it keeps its index in a service that this engine does not know",
            format!(
                "Use Knowledge, FAISS or Chroma instead; documents that a buyer adds are searched by them. Or {}",
                &REMOTE[3..]
            ),
        )
    } else {
        ("this engine does not have this component", format!("Replace it by one that runs here, {REMOTE}"))
    };
    (reason.into(), advice)
}

/// Returns what a node that is not run here would need.
pub(super) fn needs(node: &Node, component: &str) -> Vec<Need> {
    let need = |kind, name: String| Need { kind, name, detail: String::new(), nodes: vec![node.id.clone()] };
    if WEB.contains(&component) { vec![need(NeedKind::Web, String::new())] } else { Vec::new() }
}

fn is_stdio(node: &Node) -> bool {
    let mode =
        node.fields.get("mode").and_then(|it| it.value.as_str()).is_some_and(|it| it.eq_ignore_ascii_case("stdio"));
    let command = node.fields.get("mcp_server").is_some_and(|it| {
        let config = it.value.get("config").unwrap_or(&it.value);
        config.get("command").is_some_and(|it| it.as_str().is_some_and(|it| !it.is_empty()))
    });
    mode || command
}
