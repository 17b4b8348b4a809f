//! Combine Text: two texts with something between them.

use async_trait::async_trait;

use super::{Component, Outputs};
use crate::{
    engine::{Call, ComponentError},
    value::Value,
};

#[derive(Debug)]
pub(super) struct CombineText;

#[async_trait]
impl Component for CombineText {
    fn types(&self) -> &'static [&'static str] {
        &["CombineText", "CombineTextComponent"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["combined_text"]
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let text = |name: &str| call.inputs.text(name).unwrap_or_default();
        let between = call.inputs.any("delimiter").map_or_else(|| " ".into(), Value::as_text);
        let combined = format!("{}{between}{}", text("text1"), text("text2"));
        Ok(Outputs::one("combined_text", Value::text(combined)))
    }
}
