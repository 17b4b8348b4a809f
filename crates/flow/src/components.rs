//! The components that run here: one file each, and one registry.
//!
//! To add one: write `components/<name>.rs` with a type that implements [`Component`], add it to [`ALL`],
//! and add its type to `data/generate-code-hashes.py`, whose table decides which code of it is known.

mod agent;
mod api_request;
mod arxiv;
mod batch_run;
mod calculator;
mod chat_input;
mod chat_output;
mod combine_text;
mod conditional_router;
mod current_date;
mod data_operations;
mod dataframe_operations;
mod file;
mod guardrails;
pub(crate) mod human_input;
mod json_cleaner;
pub(crate) mod knowledge;
mod language_model;
mod llm_selector;
mod load_text;
mod loop_items;
mod mcp;
mod memory;
mod memory_base;
mod message_to_data;
mod models;
mod operations;
mod parse_data;
mod parser;
mod pass;
mod prompt;
mod records;
mod rows;
pub(crate) mod run_flow;
mod save_to_file;
mod search_api;
pub(crate) mod signals;
mod small_data;
mod smart_router;
mod split_text;
mod sql;
mod structured_output;
mod tavily;
pub(crate) mod template;
mod text_input;
mod text_operations;
mod text_output;
mod text_splitters;
mod type_converter;
mod url;
mod vector_store;
mod vendor_model;
mod web_search;
mod webhook;
mod wikipedia;
mod yahoo_finance;

use async_trait::async_trait;

use self::{
    knowledge::Knowledge,
    search_api::SearchApi,
    text_splitters::TextSplitter,
    vector_store::{EmbeddingModel, VectorStore},
    vendor_model::VendorModel,
    yahoo_finance::YahooFinance,
};
use crate::{
    check::Need,
    engine::{Call, ComponentError, OutputMessage},
    flow::{Flow, Node},
    value::Value,
};

/// Every component, in the order of Studio's menu.
static ALL: &[&dyn Component] = &[
    &chat_input::ChatInput,
    &text_input::TextInput,
    &chat_output::ChatOutput,
    &text_output::TextOutput,
    &webhook::Webhook,
    &prompt::Prompt,
    &language_model::LanguageModel,
    &VendorModel { types: &["OpenAIModel", "OpenAIModelComponent"], provider: "OpenAI" },
    &VendorModel { types: &["AnthropicModel", "AnthropicModelComponent"], provider: "Anthropic" },
    &VendorModel {
        types: &["GoogleGenerativeAIModel", "GoogleGenerativeAIComponent"],
        provider: "Google Generative AI",
    },
    &VendorModel { types: &["OllamaModel", "ChatOllamaComponent"], provider: "Ollama" },
    &VendorModel { types: &["GroqModel", "GroqModelComponent"], provider: "Groq" },
    &VendorModel { types: &["MistralModel", "MistralAIModelComponent"], provider: "MistralAI" },
    &VendorModel { types: &["AzureOpenAIModel", "AzureChatOpenAIComponent"], provider: "Azure OpenAI" },
    &VendorModel { types: &["LMStudioModel", "LMStudioModelComponent"], provider: "LM Studio" },
    &VendorModel { types: &["NovitaModel", "NovitaModelComponent"], provider: "Novita AI" },
    &VendorModel { types: &["SambaNovaModel", "SambaNovaComponent"], provider: "SambaNova" },
    &VendorModel { types: &["DeepSeekModelComponent"], provider: "DeepSeek" },
    &VendorModel { types: &["OpenRouterComponent"], provider: "OpenRouter" },
    &agent::Agent,
    &agent::ToolCallingAgent,
    &memory::Memory,
    &memory::StoreMessage,
    &memory_base::MemoryBase,
    &Knowledge { types: knowledge::SEARCHES },
    &Knowledge { types: knowledge::ADDS },
    &EmbeddingModel { types: &["EmbeddingModel", "EmbeddingModelComponent"] },
    &EmbeddingModel { types: &["OpenAIEmbeddings", "OpenAIEmbeddingsComponent"] },
    &EmbeddingModel { types: &["OllamaEmbeddings", "OllamaEmbeddingsComponent"] },
    &VectorStore { types: &["FAISS", "FaissVectorStoreComponent"], found: 4 },
    &VectorStore { types: &["Chroma", "ChromaVectorStoreComponent"], found: 10 },
    &vector_store::TextEmbedder,
    &vector_store::EmbeddingSimilarity,
    &structured_output::StructuredOutput,
    &batch_run::BatchRun,
    &conditional_router::ConditionalRouter,
    &smart_router::SmartRouter,
    &llm_selector::LlmSelector,
    &guardrails::Guardrails,
    &human_input::HumanInput,
    &pass::Pass,
    &signals::Notify,
    &signals::Listen,
    &loop_items::Loop,
    &parser::Parser,
    &parse_data::ParseData,
    &type_converter::TypeConverter,
    &combine_text::CombineText,
    &message_to_data::MessageToData,
    &split_text::SplitText,
    &TextSplitter { types: &["CharacterTextSplitter", "CharacterTextSplitterComponent"], is_recursive: false },
    &TextSplitter {
        types: &["RecursiveCharacterTextSplitter", "RecursiveCharacterTextSplitterComponent"],
        is_recursive: true,
    },
    &text_operations::TextOperations,
    &operations::Operations,
    &data_operations::DataOperations,
    &data_operations::ParseJson,
    &dataframe_operations::DataFrameOperations,
    &small_data::SelectData,
    &small_data::FilterData,
    &small_data::CreateList,
    &small_data::RegexExtractor,
    &records::CreateData,
    &records::UpdateData,
    &records::MergeData,
    &load_text::LoadCsv,
    &load_text::LoadJson,
    &rows::DataToTable,
    &rows::ParseTable,
    &rows::ExtractKey,
    &rows::FilterValues,
    &json_cleaner::JsonCleaner,
    &pass::IdGenerator,
    &file::File,
    &file::Directory,
    &save_to_file::SaveToFile,
    &calculator::Calculator,
    &calculator::CalculatorTool,
    &current_date::CurrentDate,
    &url::Pages,
    &url::UrlContentFetcher,
    &web_search::WebSearch,
    &web_search::NewsSearch,
    &web_search::RssReader,
    &api_request::ApiRequest,
    &arxiv::ArXiv,
    &wikipedia::Wikipedia,
    &wikipedia::WikipediaApi,
    &YahooFinance {
        types: &["YfinanceComponent", "YahooFinanceComponent"],
        tools: &[
            ("fetch_content_dataframe", "dataframe"),
            ("fetch_content", "data"),
            ("fetch_content_text", "text"),
            ("as_dataframe", "dataframe"),
        ],
        takes: &[],
    },
    &YahooFinance {
        types: &["YahooFinanceTool", "YfinanceToolComponent"],
        tools: &[("yahoo_finance", "api_run_model")],
        takes: &[("symbol", "symbol"), ("method", "method"), ("num_news", "num_news")],
    },
    &tavily::Tavily,
    &SearchApi {
        types: &["SearchComponent"],
        tools: &[
            ("fetch_content_dataframe", "dataframe"),
            ("fetch_content", "data"),
            ("fetch_content_text", "text"),
            ("as_dataframe", "dataframe"),
        ],
        takes: &[],
    },
    &SearchApi {
        types: &["SearchAPI", "SearchAPIComponent"],
        tools: &[("search_api", "api_run_model")],
        takes: &[("query", "input_value")],
    },
    &sql::Sql,
    &run_flow::RunFlow,
    &run_flow::SubFlow,
    &run_flow::FlowAsTool,
    &mcp::McpTools,
];

/// What a component is to the planner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Takes the caller's message.
    ChatInput,
    /// Asks a language model.
    Model,
    /// Runs other components once for each item.
    Loop,
    /// Is part of what the flow answers.
    Output,
    /// Anything else.
    Plain,
}

/// A component of Langflow, written again.
#[async_trait]
pub(crate) trait Component: Send + Sync + std::fmt::Debug {
    /// Returns its type and the other names that it has had, the type first.
    fn types(&self) -> &'static [&'static str];

    /// Returns what it is to the planner.
    fn kind(&self) -> Kind {
        Kind::Plain
    }

    /// Returns what a node needs from whoever installs the flow.
    fn needs(&self, _node: &Node) -> Vec<Need> {
        Vec::new()
    }

    /// Tells whether the flow itself fills what the node reads, so that it needs nothing.
    fn is_filled_by_flow(&self, _flow: &Flow, _node: &Node) -> bool {
        false
    }

    /// Returns the outputs that it computes; empty when they depend on the node.
    fn outputs(&self) -> &'static [&'static str] {
        &[]
    }

    /// Returns what it offers to agents: the method that an export names, and the output that answers.
    fn tools(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// Returns which arguments its tools take, and the field that each fills; empty where the export says it.
    fn takes(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// Tells whether its tools are only known when it runs.
    fn brings_own_tools(&self) -> bool {
        false
    }

    /// Asks for the tools that are only known when it runs.
    async fn bring_tools(&self, _call: &Call<'_>) -> Result<Vec<std::sync::Arc<crate::tool::Tool>>, ComponentError> {
        Ok(Vec::new())
    }

    /// Returns a setting of a node that is not written here, `the mode "Ingest"`.
    fn missing(&self, _node: &Node) -> Option<String> {
        None
    }

    /// Returns the fields whose value has to be typed in: it is read before anything runs, so no line may fill it.
    fn typed(&self) -> &'static [&'static str] {
        &[]
    }

    /// Returns what is worth knowing of a node and keeps nothing from running, as what it does: `adds to …`.
    fn notes(&self, _node: &Node) -> Option<String> {
        None
    }

    /// Returns what keeps a node from running, for people.
    fn problems(&self, _node: &Node) -> Vec<String> {
        Vec::new()
    }

    /// Computes the outputs that are wanted.
    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError>;
}

/// What a component computed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outputs {
    values: Vec<(String, Value)>,
    message: Option<OutputMessage>,
    closed: Vec<String>,
}

impl Outputs {
    /// Makes a single output.
    pub(crate) fn one(name: &str, value: Value) -> Self {
        Self { values: vec![(name.to_owned(), value)], ..Self::default() }
    }

    /// Says that nothing behind an output runs, except what another output reaches, too.
    pub(crate) fn close(mut self, name: &str) -> Self {
        self.closed.push(name.to_owned());
        self
    }

    /// Returns the outputs behind which nothing runs.
    pub(crate) fn closed(&self) -> &[String] {
        &self.closed
    }

    /// Adds an output.
    pub(crate) fn add(&mut self, name: &str, value: Value) {
        self.values.push((name.to_owned(), value));
    }

    /// Says that this is also what the flow answers.
    pub(crate) fn saying(mut self, message: OutputMessage) -> Self {
        self.message = Some(message);
        self
    }

    /// Returns an output by its name.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.values.iter().find(|(it, _)| it == name).map(|(_, value)| value)
    }

    /// Returns all outputs.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &(String, Value)> {
        self.values.iter()
    }

    /// Returns what the flow answers with it.
    pub(crate) fn message(&self) -> Option<&OutputMessage> {
        self.message.as_ref()
    }
}

/// Finds the implementation of a component type, under whichever name a flow uses for it.
pub(crate) fn find(component: &str) -> Option<&'static dyn Component> {
    let name = bare(component);
    ALL.iter().copied().find(|it| it.types().contains(&name))
}

/// Returns the type that a name stands for; unknown names stand for themselves.
pub(crate) fn canonical_type(component: &str) -> &str {
    match find(component) {
        Some(found) => found.types()[0],
        None => bare(component),
    }
}

/// Newer Langflow writes types of bundles as `ext:<bundle>:<Class>@<source>`.
fn bare(component: &str) -> &str {
    match component.strip_prefix("ext:").and_then(|rest| rest.split_once(':')) {
        Some((_, class)) => class.split('@').next().unwrap_or(class),
        None => component,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_is_found_under_each_of_its_names() {
        assert_eq!(canonical_type("Prompt"), "Prompt Template");
        assert_eq!(canonical_type("ext:core:ChatInput@official"), "ChatInput");
        assert_eq!(canonical_type("ext:openai:OpenAIModelComponent@official"), "OpenAIModel");
        assert!(find("PythonREPLComponent").is_none());
    }

    #[test]
    fn no_name_belongs_to_two_components() {
        let mut names: Vec<&str> = ALL.iter().flat_map(|it| it.types()).copied().collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
