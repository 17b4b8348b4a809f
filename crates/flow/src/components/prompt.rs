//! Prompt Template: a text with variables, each of which is a field of the node.

use async_trait::async_trait;

use super::{
    Component, Outputs,
    template::{Piece, double_braces, render, single_braces},
};
use crate::{
    engine::{Call, ComponentError},
    flow::Node,
    value::{Message, Value, plain},
};

#[derive(Debug)]
pub(super) struct Prompt;

#[async_trait]
impl Component for Prompt {
    fn types(&self) -> &'static [&'static str] {
        &["Prompt Template", "Prompt", "PromptComponent"]
    }

    fn problems(&self, node: &Node) -> Vec<String> {
        let Some(template) = node.fields.get("template") else {
            return Vec::new();
        };
        let text = plain(&template.value);
        let double = node.fields.get("use_double_brackets").is_some_and(|it| it.value == true);
        match split(&text, double) {
            Err(message) => vec![message],
            Ok(pieces) => pieces
                .iter()
                .filter_map(|piece| match piece {
                    Piece::Variable(name) if !double && !node.fields.contains_key(*name) => {
                        Some(format!("its template uses {{{name}}}, which is not among its fields"))
                    }
                    _ => None,
                })
                .collect(),
        }
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let template = call.inputs.text("template").unwrap_or_default();
        let double = call.inputs.flag("use_double_brackets", false);
        let pieces = split(&template, double).map_err(ComponentError::Failed)?;
        let text = render(&pieces, |name| match call.inputs.any(name) {
            Some(value) => Ok(value.as_text()),
            // A mustache variable without a value is empty; one of `str.format` is an error. As in Langflow.
            None if double || call.node.fields.contains_key(name) => Ok(String::new()),
            None => Err(format!("its template uses {{{name}}}, which is not among its fields")),
        })
        .map_err(ComponentError::Failed)?;
        Ok(Outputs::one("prompt", Value::message(Message::text(text))))
    }
}

fn split(template: &str, double: bool) -> Result<Vec<Piece<'_>>, String> {
    if double { double_braces(template) } else { single_braces(template) }
}
