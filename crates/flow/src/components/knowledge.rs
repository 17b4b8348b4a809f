//! Knowledge: passages of the buyer's documents that fit a question.
//!
//! The knowledge base inside Langflow is not part of an export; what stands for it is what the host gives to
//! the run. A flow cannot add to it, so ingesting is not run here.

use async_trait::async_trait;
use serde_json::{Map, json};

use super::{Component, Outputs};
use crate::{
    check::{Need, NeedKind, knowledge_base_name},
    engine::{Call, ComponentError},
    flow::Node,
    value::{Data, Value, plain},
};

/// How many passages there are where nothing is said.
const PASSAGES: u64 = 5;
/// The most passages, whatever is said.
const MOST: u64 = 100;

#[derive(Debug)]
pub(super) struct Knowledge;

#[async_trait]
impl Component for Knowledge {
    fn types(&self) -> &'static [&'static str] {
        &["Knowledge", "KnowledgeBase", "KnowledgeRetrieval", "KBRetrieval"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["retrieve_data"]
    }

    fn tools(&self) -> &'static [(&'static str, &'static str)] {
        &[("retrieve_data", "retrieve_data")]
    }

    fn needs(&self, node: &Node) -> Vec<Need> {
        let name = knowledge_base_name(node);
        vec![Need { kind: NeedKind::KnowledgeBase, name, detail: String::new(), nodes: vec![node.id.clone()] }]
    }

    fn missing(&self, node: &Node) -> Option<String> {
        let field = |name: &str| node.fields.get(name).filter(|it| it.show).map(|it| plain(&it.value));
        if field("mode").as_deref() == Some("Ingest") {
            return Some("adding documents".into());
        }
        field("metadata_filter").filter(|it| !it.trim().is_empty()).map(|_| "a filter by metadata".into())
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let question = call.inputs.text("search_query").unwrap_or_default();
        let most = call.inputs.count("top_k").unwrap_or(PASSAGES).clamp(1, MOST);
        let found = call.passages(&question, usize::try_from(most).unwrap_or(usize::MAX)).await?;
        let with_metadata = call.inputs.flag("include_metadata", true);
        let rows = found.into_iter().map(|passage| {
            let mut row = Map::from_iter([("content".to_owned(), json!(passage.text))]);
            if with_metadata {
                row.extend(Data::of_json(json!({"source": passage.title, "url": passage.url})).data);
            }
            row
        });
        Ok(Outputs::one("retrieve_data", Value::table(rows.collect())))
    }
}
