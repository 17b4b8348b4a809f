//! Data Operations: what Text, JSON and Table Operations do, in one component.

use async_trait::async_trait;

use super::{
    Component, Outputs, data_operations, dataframe_operations,
    text_operations::{self, chosen},
};
use crate::{
    engine::{Call, ComponentError},
    flow::Node,
    value::{Data, Value},
};

#[derive(Debug)]
pub(super) struct Operations;

#[async_trait]
impl Component for Operations {
    fn types(&self) -> &'static [&'static str] {
        &["Operations", "OperationsComponent"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["message_output", "text_output", "data_output", "dataframe_output"]
    }

    fn missing(&self, node: &Node) -> Option<String> {
        let name = chosen(node.fields.get("operation").map(|it| &it.value)).unwrap_or_default();
        let all = [
            text_operations::OPERATIONS.as_slice(),
            data_operations::OPERATIONS.as_slice(),
            dataframe_operations::OPERATIONS.as_slice(),
        ];
        if name == data_operations::QUERY {
            return data_operations::missing_query(node, "query");
        }
        let is_written = name.is_empty() || all.iter().any(|it| it.contains(&name.as_str()));
        (!is_written).then(|| format!("the operation {name:?}"))
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let operation = match call.inputs.value("operation") {
            Some(Value::Json(json)) => chosen(Some(json)).unwrap_or_default(),
            _ => String::new(),
        };
        let failed = ComponentError::Failed;
        let nothing = || [Value::text(""), Value::data(Data::new(serde_json::Map::new())), Value::table(Vec::new())];
        let [mut text, mut data, mut rows] = nothing();
        if data_operations::OPERATIONS.contains(&operation.as_str()) {
            data = Value::data(Data::new(data_operations::operate(call, &operation).map_err(failed)?));
        } else if dataframe_operations::OPERATIONS.contains(&operation.as_str()) {
            rows = Value::table(dataframe_operations::operate(call, &operation).map_err(failed)?);
        } else {
            [text, data, rows] = text_operations::operate(call, &operation).map_err(failed)?.into_values();
        }
        let mut outputs = Outputs::one("message_output", text.clone());
        outputs.add("text_output", text);
        outputs.add("data_output", data);
        outputs.add("dataframe_output", rows);
        Ok(outputs)
    }
}
