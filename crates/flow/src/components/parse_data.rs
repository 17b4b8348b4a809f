//! Data to Message: records as text, by a template. The Parser of older versions.

use async_trait::async_trait;
use serde_json::{Map, Value as Json};

use super::{
    Component, Outputs,
    template::{columns, render},
};
use crate::{
    engine::{Call, ComponentError},
    flow::Node,
    value::{Data, Value, plain, python},
};

#[derive(Debug)]
pub(super) struct ParseData;

#[async_trait]
impl Component for ParseData {
    fn types(&self) -> &'static [&'static str] {
        &["ParseData", "ParseDataComponent"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["text", "data_list"]
    }

    fn problems(&self, node: &Node) -> Vec<String> {
        let template = node.fields.get("template").map(|it| plain(&it.value)).unwrap_or_default();
        columns(&template).err().into_iter().collect()
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let template = call.inputs.text("template").unwrap_or_else(|| "{text}".into());
        let pieces = columns(&template).map_err(ComponentError::Failed)?;
        let separator = call.inputs.any("sep").map_or_else(|| "\n".into(), Value::as_text);
        let items = call.inputs.value("data").map(Value::items).unwrap_or_default();
        let mut lines = Vec::new();
        let mut records = Vec::new();
        for item in items {
            let data = item.to_data();
            let shown = fields(&data);
            let line = render(&pieces, |name| Ok(shown.get(name).map(python).unwrap_or_default()));
            let line = line.map_err(ComponentError::Failed)?;
            let mut record = data;
            record.data.insert(record.text_key.clone(), Json::String(line.clone()));
            lines.push(line);
            records.push(Value::data(record));
        }
        let mut outputs = Outputs::one("text", Value::text(lines.join(&separator)));
        outputs.add("data_list", Value::List(records));
        Ok(outputs)
    }
}

/// What a template can show of a record: its fields, those of an inner `data`, and all of it as `data`.
fn fields(data: &Data) -> Map<String, Json> {
    let mut shown = data.data.clone();
    if let Some(inner) = data.data.get("data").and_then(Json::as_object) {
        shown.extend(inner.clone());
    } else if let Some(error) = data.data.get("error").filter(|it| !plain(it).is_empty()) {
        shown.insert("text".into(), error.clone());
    }
    shown.insert("data".into(), Json::Object(data.data.clone()));
    shown
}
