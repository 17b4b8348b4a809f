//! Component types of Langflow that this engine does not run, and what to say about each.

use super::{Need, NeedKind, knowledge_base_name};
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

const WEB: [&str; 12] = [
    "URLComponent",
    "URL",
    "UnifiedWebSearch",
    "WebSearch",
    "APIRequest",
    "TavilySearchComponent",
    "SearchComponent",
    "ArXivComponent",
    "RSSReaderSimple",
    "NewsSearch",
    "WikipediaAPI",
    "WikipediaComponent",
];
const KNOWLEDGE: [&str; 6] =
    ["Knowledge", "KnowledgeBase", "KnowledgeIngestion", "KnowledgeRetrieval", "MemoryBase", "KBIngestion"];
const MODELS: [&str; 10] = [
    "OpenAIModel",
    "OpenAIModelComponent",
    "AnthropicModel",
    "GoogleGenerativeAIModel",
    "GroqModel",
    "OllamaModel",
    "OllamaModelComponent",
    "MistralModel",
    "AzureOpenAIModel",
    "LMStudioModel",
];
const VECTORS: [&str; 12] = [
    "AstraDB",
    "AstraVectorStoreComponent",
    "FAISS",
    "Chroma",
    "Pinecone",
    "QdrantVectorStoreComponent",
    "Weaviate",
    "pgvector",
    "Milvus",
    "Redis",
    "EmbeddingModel",
    "OpenAIEmbeddings",
];
const AGENTS: [&str; 6] = ["Agent", "AgentComponent", "ToolCallingAgent", "MCPTools", "RunFlow", "SubFlow"];

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
        (
            "it reads from the web, which this engine does not do yet",
            format!("Put the content into a prompt or the agent's documents, {REMOTE}"),
        )
    } else if KNOWLEDGE.contains(&component) {
        (
            "it reads a knowledge base inside Langflow, which is not part of an export",
            format!("Remove it; documents that a buyer adds reach the model by themselves. Or {}", &REMOTE[3..]),
        )
    } else if MODELS.contains(&component) {
        ("it is the model of one vendor", format!("Replace it by the Language Model component, {REMOTE}"))
    } else if VECTORS.contains(&component) {
        (
            "it is a vector store or embedding, which this engine does not have yet",
            format!("Remove it; documents that a buyer adds are searched by themselves. Or {}", &REMOTE[3..]),
        )
    } else if AGENTS.contains(&component) {
        (
            "agents with tools are not run by this engine yet",
            format!("Use a Language Model with a Prompt where no tool is needed, {REMOTE}"),
        )
    } else {
        ("this engine does not have this component", format!("Replace it by one that runs here, {REMOTE}"))
    };
    (reason.into(), advice)
}

/// Returns what a node that is not run here would need.
pub(super) fn needs(node: &Node, component: &str) -> Vec<Need> {
    let need = |kind, name: String| Need { kind, name, detail: String::new(), nodes: vec![node.id.clone()] };
    if WEB.contains(&component) {
        vec![need(NeedKind::Web, String::new())]
    } else if KNOWLEDGE.contains(&component) {
        vec![need(NeedKind::KnowledgeBase, knowledge_base_name(node))]
    } else if MODELS.contains(&component) || component == "Agent" {
        let text = |name: &str| node.fields.get(name).and_then(|it| it.value.as_str()).filter(|it| !it.is_empty());
        let one = node.fields.get("model").and_then(|it| it.value.get(0));
        let provider = text("agent_llm").or_else(|| one.and_then(|it| it["provider"].as_str()));
        let model = text("model_name").or_else(|| one.and_then(|it| it["name"].as_str()));
        vec![Need::model(&node.id, provider, model)]
    } else {
        Vec::new()
    }
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
