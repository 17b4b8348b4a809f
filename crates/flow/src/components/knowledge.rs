//! Knowledge: passages that fit a question, of the buyer's documents and of what the flow adds while it runs.
//!
//! The knowledge base inside Langflow is not part of an export; what stands for it is what the host gives to the
//! run. What a flow adds is found in the same run, under the name of the base, and then gone: what an agent knows
//! for good is the buyer's, and the buyer adds it.

use async_trait::async_trait;
use serde_json::{Map, Value as Json, json};
use sha2::{Digest as _, Sha256};

use super::{Component, Outputs, vector_store::closest};
use crate::{
    check::{Need, NeedKind, knowledge_base_name},
    engine::{Call, ComponentError},
    flow::Node,
    value::{Data, Value, plain, python},
};

/// The output that says that something was added, to what waits for it.
pub(crate) const ADDED: &str = "added";
/// How many passages there are where nothing is said.
const PASSAGES: u64 = 5;
/// The most passages, whatever is said.
const MOST: u64 = 100;
/// What searches, or does as it is told.
pub(super) const SEARCHES: &[&str] = &["Knowledge", "KnowledgeBase", "KnowledgeRetrieval", "KBRetrieval"];
/// What adds and does nothing else.
pub(super) const ADDS: &[&str] =
    &["KnowledgeIngestion", "KnowledgeIngestionComponent", "KBIngestion", "KBIngestionComponent"];

/// What searches such a base and what adds to one, or what does as it is told.
#[derive(Debug)]
pub(crate) struct Knowledge {
    pub(super) types: &'static [&'static str],
}

#[async_trait]
impl Component for Knowledge {
    fn types(&self) -> &'static [&'static str] {
        self.types
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["retrieve_data", "dataframe_output", ADDED]
    }

    fn tools(&self) -> &'static [(&'static str, &'static str)] {
        &[("retrieve_data", "retrieve_data"), ("build_kb_info", "dataframe_output")]
    }

    fn needs(&self, node: &Node) -> Vec<Need> {
        let need =
            |name| Need { kind: NeedKind::KnowledgeBase, name, detail: String::new(), nodes: vec![node.id.clone()] };
        searches(node).map(need).into_iter().collect()
    }

    fn notes(&self, node: &Node) -> Option<String> {
        adds_to(node).map(|name| {
            let base = if name.is_empty() { "a knowledge base".into() } else { format!("the knowledge base {name}") };
            format!("adds to {base}; what it adds is found in the same answer and not kept after it")
        })
    }

    fn missing(&self, node: &Node) -> Option<String> {
        let filter = node.fields.get("metadata_filter").filter(|it| it.show).map(|it| plain(&it.value));
        filter.filter(|it| !it.trim().is_empty()).map(|_| "a filter by metadata".into())
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        // An agent that has it as a tool may choose what it does.
        let mode = call.inputs.text("mode").filter(|_| !is_of_one_mode(call.node));
        let adds = mode.map_or_else(|| adds_to(call.node).is_some(), |mode| mode.contains("Ingest"));
        let given = if adds { add(call)? } else { find(call).await? };
        let mut outputs = Outputs::one("retrieve_data", given.clone());
        outputs.add("dataframe_output", given);
        outputs.add(ADDED, Value::Json(Json::Bool(adds)));
        Ok(outputs)
    }
}

fn is_of_one_mode(node: &Node) -> bool {
    super::bare(&node.component) != "Knowledge"
}

/// Returns the name of the base that a node adds to; none of a node that does not.
pub(crate) fn adds_to(node: &Node) -> Option<String> {
    let bare = super::bare(&node.component);
    let mode = || node.fields.get("mode").map(|it| plain(&it.value)).unwrap_or_default();
    (ADDS.contains(&bare) || (bare == "Knowledge" && mode().contains("Ingest"))).then(|| knowledge_base_name(node))
}

/// Returns the name of the base that a node searches; none of a node that does not.
pub(crate) fn searches(node: &Node) -> Option<String> {
    let is_one = SEARCHES.contains(&super::bare(&node.component));
    (is_one && adds_to(node).is_none()).then(|| knowledge_base_name(node))
}

async fn find(call: &Call<'_>) -> Result<Value, ComponentError> {
    let question = call.inputs.text("search_query").unwrap_or_default();
    let most = call.inputs.count("top_k").unwrap_or(PASSAGES).clamp(1, MOST);
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let with_metadata = call.inputs.flag("include_metadata", true);
    let added = call.added_to(&knowledge_base_name(call.node));
    let texts: Vec<&str> = added.iter().map(|(text, _)| text.as_str()).collect();
    let mut rows: Vec<Map<String, Json>> = Vec::new();
    for at in closest(call, &question, &texts, most).await? {
        let (text, about) = &added[at];
        rows.push(Map::from_iter([("content".to_owned(), json!(text))]));
        if let Some(row) = rows.last_mut().filter(|_| with_metadata) {
            row.extend(about.clone());
        }
    }
    let missing = most - rows.len();
    let found = if missing > 0 { call.passages(&question, missing).await? } else { Vec::new() };
    rows.extend(found.into_iter().map(|passage| {
        let mut row = Map::from_iter([("content".to_owned(), json!(passage.text))]);
        if with_metadata {
            row.extend(Data::of_json(json!({"source": passage.title, "url": passage.url})).data);
        }
        row
    }));
    Ok(Value::table(rows))
}

/// Adds what is given to a base, row by row: what its author chose to be searched, and the rest about it.
fn add(call: &Call<'_>) -> Result<Value, ComponentError> {
    let inputs = &call.inputs;
    let rows = inputs.value("input_df").map(Value::to_rows).unwrap_or_default();
    let config = match inputs.value("column_config") {
        Some(Value::Json(Json::Array(rows))) => rows.clone(),
        _ => vec![json!({"column_name": "text", "vectorize": true, "identifier": true})],
    };
    let chosen = |what: &str| -> Vec<&str> {
        let is_set = |row: &&Json| match &row[what] {
            Json::String(flag) => {
                matches!(flag.trim().to_lowercase().as_str(), "true" | "1" | "yes" | "on" | "y" | "t")
            }
            flag => *flag == true,
        };
        config.iter().filter(is_set).filter_map(|row| row["column_name"].as_str()).collect()
    };
    let (searched, telling) = (chosen("vectorize"), chosen("identifier"));
    for column in config.iter().filter_map(|row| row["column_name"].as_str()) {
        if !rows.iter().any(|row| row.contains_key(column)) {
            return Err(ComponentError::Failed(format!("there is no column {column:?} in what is to be added")));
        }
    }
    let joined = |row: &Map<String, Json>, columns: &[&str]| {
        let there = columns.iter().filter_map(|it| row.get(*it)).filter(|it| !it.is_null());
        there.map(python).collect::<Vec<_>>().join(" ")
    };
    let name = knowledge_base_name(call.node);
    let mut known: Vec<String> =
        call.added_to(&name).iter().filter_map(|(_, about)| about.get("_id").map(plain)).collect();
    let keeps_same = inputs.flag("allow_duplicates", false);
    let mut new = Vec::new();
    for row in &rows {
        let text = joined(row, &searched);
        let told = if telling.is_empty() { text.clone() } else { joined(row, &telling) };
        let id = hex::encode(Sha256::digest(told.as_bytes()));
        if !keeps_same && known.contains(&id) {
            continue;
        }
        let rest = row.iter().filter(|(column, value)| !searched.contains(&column.as_str()) && !value.is_null());
        let mut about: Map<String, Json> = rest.map(|(column, value)| (column.clone(), json!(python(value)))).collect();
        about.insert("_id".into(), json!(id));
        known.push(id);
        new.push((text, about));
    }
    let count = new.len();
    call.add_to(&name, new)?;
    let (rows, skipped) = (rows.len(), rows.len() - count);
    Ok(Value::data(Data::of_json(json!({"kb_name": name, "rows": rows, "chunks_created": count, "skipped": skipped}))))
}
