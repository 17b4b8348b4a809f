//! Small components for records and texts: pick one, keep some keys, make a list, find matches.

use async_trait::async_trait;
use serde_json::{Map, Value as Json, json};

use super::{
    Component, Outputs,
    text_operations::{matches, pattern},
};
use crate::{
    engine::{Call, ComponentError},
    value::{Data, Value, python},
};

/// Select Data: one of several records.
#[derive(Debug)]
pub(super) struct SelectData;

#[async_trait]
impl Component for SelectData {
    fn types(&self) -> &'static [&'static str] {
        &["SelectData", "SelectDataComponent"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["selected_data"]
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let index = call.inputs.count("data_index").unwrap_or(0);
        let items = call.inputs.value("data_list").map(Value::items).unwrap_or_default();
        let item = usize::try_from(index).ok().and_then(|index| items.get(index));
        let Some(item) = item else {
            return Err(ComponentError::Failed(format!("Selected index {index} is out of range.")));
        };
        Ok(Outputs::one("selected_data", Value::data(item.to_data())))
    }
}

/// Filter Data: some keys of a record.
#[derive(Debug)]
pub(super) struct FilterData;

#[async_trait]
impl Component for FilterData {
    fn types(&self) -> &'static [&'static str] {
        &["FilterData", "FilterDataComponent"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["filtered_data"]
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let wanted = call.inputs.texts("filter_criteria");
        let data = match call.inputs.value("data") {
            Some(Value::Data(data)) => data.data.clone(),
            _ => Map::new(),
        };
        let kept = data.into_iter().filter(|(key, _)| wanted.contains(key)).collect();
        Ok(Outputs::one("filtered_data", Value::data(Data::new(kept))))
    }
}

/// Create List: texts as records.
#[derive(Debug)]
pub(super) struct CreateList;

#[async_trait]
impl Component for CreateList {
    fn types(&self) -> &'static [&'static str] {
        &["CreateList", "CreateListComponent"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["list", "dataframe"]
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let texts = call.inputs.texts("texts");
        let rows: Vec<Map<String, Json>> = texts.into_iter().map(|it| Data::of_text(it).data).collect();
        let records = rows.iter().map(|row| Value::data(Data::new(row.clone()))).collect();
        let mut outputs = Outputs::one("list", Value::List(records));
        outputs.add("dataframe", Value::table(rows));
        Ok(outputs)
    }
}

/// Regex Extractor: what an expression finds in a text.
#[derive(Debug)]
pub(super) struct RegexExtractor;

#[async_trait]
impl Component for RegexExtractor {
    fn types(&self) -> &'static [&'static str] {
        &["RegexExtractorComponent"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["data", "text"]
    }

    fn tools(&self) -> &'static [(&'static str, &'static str)] {
        &[("extract_matches", "data"), ("get_matches_text", "text")]
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let text = call.inputs.text("input_text").unwrap_or_default();
        let wanted = call.inputs.text("pattern").unwrap_or_default();
        let found = if wanted.is_empty() { Ok(Vec::new()) } else { pattern(&wanted).map(|it| matches(&it, &text)) };
        let (records, text) = match found {
            Ok(found) => {
                let found: Vec<Json> = found.into_iter().filter(|it| *it != json!("")).collect();
                let lines: Vec<String> = found.iter().map(python).collect();
                let text = if lines.is_empty() { "No matches found".to_owned() } else { lines.join("\n") };
                (found.into_iter().map(|it| json!({ "match": it })).collect(), text)
            }
            Err(error) => (vec![json!({ "error": error })], error),
        };
        let records: Vec<Value> = records.into_iter().map(|it: Json| Value::data(Data::of_json(it))).collect();
        let mut outputs = Outputs::one("data", Value::List(records));
        outputs.add("text", Value::text(text));
        Ok(outputs)
    }
}
