//! Structured Output: a model's answer as records of the author's schema.
//!
//! The model has to call a tool whose arguments are the records, as in Langflow.

use async_trait::async_trait;
use serde_json::{Map, Value as Json};

use super::{Component, Kind, Outputs, models};
use crate::{
    check::Need,
    engine::{Call, ComponentError},
    flow::Node,
    memory::Role,
    model::{ModelMessage, ModelRequest, ToolSchema},
    tool::tool_name,
    value::{Data, Value},
};

#[derive(Debug)]
pub(super) struct StructuredOutput;

#[async_trait]
impl Component for StructuredOutput {
    fn types(&self) -> &'static [&'static str] {
        &["StructuredOutput", "StructuredOutputComponent"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["structured_output", "dataframe_output", "structured_output_dataframe"]
    }

    fn kind(&self) -> Kind {
        Kind::Plain
    }

    fn tools(&self) -> &'static [(&'static str, &'static str)] {
        &[("build_structured_output", "structured_output"), ("build_structured_dataframe", "dataframe_output")]
    }

    fn needs(&self, node: &Node) -> Vec<Need> {
        if node.fields.contains_key("llm") { Vec::new() } else { models::needs(node) }
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let records = extract(call).await?;
        let data = match records.as_slice() {
            [one] => Data::of_json(one.clone()),
            many => Data::new(Map::from_iter([("results".to_owned(), Json::Array(many.to_vec()))])),
        };
        let rows = records.into_iter().map(|it| Data::of_json(it).data).collect();
        let table = Value::table(rows);
        let mut outputs = Outputs::one("structured_output", Value::data(data));
        outputs.add("dataframe_output", table.clone());
        outputs.add("structured_output_dataframe", table);
        Ok(outputs)
    }
}

async fn extract(call: &Call<'_>) -> Result<Vec<Json>, ComponentError> {
    let failed = |message: &str| ComponentError::Failed(message.into());
    let inputs = &call.inputs;
    let rows = models::schema_rows(inputs.value("output_schema")).map_err(ComponentError::Failed)?;
    if rows.is_empty() {
        return Err(failed("the output schema cannot be empty"));
    }
    let name = tool_name(&inputs.text("schema_name").unwrap_or_else(|| "OutputModel".into()));
    let description = format!("A list of {name}.");
    let schema = ToolSchema {
        name: name.clone(),
        description: description.clone(),
        parameters: models::envelope(&rows, &description),
    };
    let model = models::resolve(call)?;
    let question = inputs.text("input_value").unwrap_or_default();
    let request = ModelRequest {
        system: inputs.text("system_prompt").unwrap_or_default(),
        messages: vec![ModelMessage::said(Role::User, question)],
        temperature: inputs.number("temperature"),
        tools: vec![schema],
        must_call: Some(name.clone()),
        ..ModelRequest::default()
    };
    let answer = call.complete(&model, request).await?;
    let called = answer.tool_calls.into_iter().find(|it| it.name == name).map(|it| it.arguments);
    // A model without tools may have written the records as text.
    let found = called.filter(Json::is_object).or_else(|| models::json_in(&answer.text));
    let records = found.map(models::records).unwrap_or_default();
    if records.is_empty() || !records.iter().all(Json::is_object) {
        return Err(failed("the model returned no structured output"));
    }
    Ok(records)
}
