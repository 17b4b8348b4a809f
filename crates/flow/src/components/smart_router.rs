//! Smart Router: a model decides which of several ways a text goes; the others do not run.
//!
//! The question to the model is in our own words; what it is told (text, ways, their descriptions, the author's
//! instructions) and how its answer is read are Langflow's.

use std::fmt::Write as _;

use async_trait::async_trait;
use serde_json::{Map, Value as Json};

use super::{
    Component, Outputs, models,
    template::{render, single_braces},
};
use crate::{
    check::Need,
    engine::{Call, ComponentError},
    flow::Node,
    memory::Role,
    model::{ModelMessage, ModelRequest},
    value::{Message, Value, plain},
};

/// The output for what fits no way.
const ELSE: &str = "default_result";

#[derive(Debug)]
pub(super) struct SmartRouter;

/// A way that a text can go.
struct Way {
    name: String,
    description: String,
    said: String,
}

#[async_trait]
impl Component for SmartRouter {
    fn types(&self) -> &'static [&'static str] {
        &["SmartRouter", "SmartRouterComponent"]
    }

    fn needs(&self, node: &Node) -> Vec<Need> {
        models::needs(node)
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let inputs = &call.inputs;
        let text = inputs.text("input_text").unwrap_or_default();
        let rows = inputs.value("routes").map(Value::to_rows).unwrap_or_default();
        let ways: Vec<Way> = rows.iter().enumerate().map(|(at, row)| way(at, row)).collect();
        let taken = if ways.is_empty() { None } else { choice(call, &text, &ways).await? };

        let has_else = inputs.flag("enable_else_output", false);
        let instead = inputs.value("message").map(Value::to_message).filter(|it| !it.text.trim().is_empty());
        let said = |own: &str| match (&instead, own.trim()) {
            (Some(instead), _) => Message::text(instead.text.clone()),
            (None, "" | "none" | "None") => Message::text(text.clone()),
            (None, _) => Message::text(own),
        };
        let name = |at: usize| format!("category_{}_result", at + 1);
        let mut outputs = match taken {
            Some(at) => Outputs::one(&name(at), Value::message(said(&ways[at].said))),
            None if has_else => Outputs::one(ELSE, Value::message(said(""))),
            None => Outputs::default(),
        };
        for at in (0..ways.len()).filter(|at| Some(*at) != taken) {
            outputs = outputs.close(&name(at));
        }
        if taken.is_some() || !has_else {
            outputs = outputs.close(ELSE);
        }
        Ok(outputs)
    }
}

fn way(at: usize, row: &Map<String, Json>) -> Way {
    let text = |key: &str| row.get(key).map(plain).unwrap_or_default();
    let name = Some(text("route_category")).filter(|name| !name.is_empty());
    Way {
        name: name.unwrap_or_else(|| format!("Category {}", at + 1)),
        description: text("route_description"),
        said: text("output_value"),
    }
}

/// Asks the model for the way; none when it names none of them.
async fn choice(call: &Call<'_>, text: &str, ways: &[Way]) -> Result<Option<usize>, ComponentError> {
    let model = models::resolve(call)?;
    let mut question = String::from("Sort a text into one of these categories:\n");
    for Way { name, description, .. } in ways {
        // Writing into a String cannot fail.
        let _ = match description.trim() {
            "" => writeln!(question, "- \"{name}\""),
            description => writeln!(question, "- \"{name}\": {description}"),
        };
    }
    let _ = write!(
        question,
        "\nThe text:\n\"{text}\"\n\nAnswer with the exact name of the category that fits best and with nothing else. \
         If none of them fits well, answer \"NONE\"."
    );
    if let Some(more) = call.inputs.text("custom_prompt").filter(|it| !it.trim().is_empty()) {
        let names = ways.iter().map(|way| format!("\"{}\"", way.name)).collect::<Vec<_>>().join(", ");
        let pieces = single_braces(&more).map_err(ComponentError::Failed)?;
        let more = render(&pieces, |name| match name {
            "input_text" => Ok(text.to_owned()),
            "routes" => Ok(names.clone()),
            other => Err(format!("its instructions use {{{other}}}; they may use {{input_text}} and {{routes}}")),
        })
        .map_err(ComponentError::Failed)?;
        let _ = write!(question, "\n\nAlso:\n{more}");
    }
    let request = ModelRequest { messages: vec![ModelMessage::said(Role::User, question)], ..ModelRequest::default() };
    let answer = call.complete(&model, request).await?;
    let named = answer.text.trim().trim_matches('"').to_lowercase();
    Ok(ways.iter().position(|way| way.name.to_lowercase() == named))
}
