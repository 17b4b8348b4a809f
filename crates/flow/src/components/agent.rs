//! Agent: a model that may call tools, again and again, until it answers.
//!
//! Text that a model has already said to the person before it calls a tool cannot be taken back, so while an
//! answer streams it stays in front of it; otherwise only the last words count, as in Langflow.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Map, Value as Json, json};
use time::OffsetDateTime;

use super::{Component, Kind, Outputs, calculator::Calculator, current_date::CurrentDate, models};
use crate::{
    check::Need,
    engine::{Call, ComponentError, Inputs},
    flow::{Field, Node},
    memory::Role,
    model::{ModelMessage, ModelRequest, Resolved, ToolCall},
    tool::{self, Tool},
    value::{Data, Message, Value, plain},
};

/// How often it asks its model where nothing is said.
const ITERATIONS: u64 = 15;
/// How many messages of history it reads where nothing is said.
const HISTORY: u64 = 100;
/// What it is told when there is nothing to answer.
const CONTINUE: &str = "Continue the conversation.";

#[derive(Debug)]
pub(super) struct Agent;

#[async_trait]
impl Component for Agent {
    fn types(&self) -> &'static [&'static str] {
        &["Agent", "AgentComponent"]
    }

    fn kind(&self) -> Kind {
        Kind::Model
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["response", "structured_response"]
    }

    fn tools(&self) -> &'static [(&'static str, &'static str)] {
        &[("Call_Agent", "response"), ("message_response", "response")]
    }

    fn needs(&self, node: &Node) -> Vec<Need> {
        models::needs(node)
    }

    fn missing(&self, node: &Node) -> Option<String> {
        let gated = tool::described(node).into_iter().flatten();
        let mut gated = gated.filter(|row| row["approval_actions"].as_array().is_some_and(|it| !it.is_empty()));
        gated.next().map(|_| "a tool that a person has to approve".into())
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let inputs = &call.inputs;
        let model = models::resolve(call)?;
        let mut tools = connected_tools(inputs);
        let clock = Node { id: "CurrentDate".into(), ..tool_node("timezone", "UTC", DATE) };
        let sums = Node { id: "Calculator".into(), ..tool_node("expression", "", SUMS) };
        let has = |tools: &[Arc<Tool>], name: &str| tools.iter().any(|it| it.schema.name == name);
        if inputs.flag("add_current_date_tool", false) && !has(&tools, "get_current_date") {
            tools.extend(tool::of_component(&clock, &CurrentDate, &Inputs::default()));
        }
        if inputs.flag("add_calculator_tool", false) && !has(&tools, "evaluate_expression") {
            tools.extend(tool::of_component(&sums, &Calculator, &Inputs::default()));
        }
        let system = prompt(call, &model);
        let mut outputs = Outputs::default();
        if call.wants("response") {
            let text = converse(call, &model, &tools, system.clone()).await?;
            outputs.add("response", Value::message(said(call, text)));
        }
        if call.wants("structured_response") {
            outputs.add("structured_response", Value::data(structured(call, &model, &tools, system).await?));
        }
        Ok(outputs)
    }
}

/// Tool Calling Agent: the agent of older versions, whose model and history are connected to it.
#[derive(Debug)]
pub(super) struct ToolCallingAgent;

#[async_trait]
impl Component for ToolCallingAgent {
    fn types(&self) -> &'static [&'static str] {
        &["ToolCallingAgent", "ToolCallingAgentComponent"]
    }

    fn kind(&self) -> Kind {
        Kind::Model
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["response"]
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let Some(Value::Model(model)) = call.inputs.value("llm") else {
            return Err(ComponentError::Failed("no model is connected to it".into()));
        };
        let tools = connected_tools(&call.inputs);
        let system = prompt(call, model);
        let text = converse(call, model, &tools, system).await?;
        Ok(Outputs::one("response", Value::message(said(call, text))))
    }
}

const DATE: &str = "Returns the current date and time in the selected timezone.";
const SUMS: &str = "Perform basic arithmetic operations on a given expression.";

/// Makes a node for a tool that every agent has.
fn tool_node(field: &str, value: &str, description: &str) -> Node {
    let field_of = Field { kind: "str".into(), value: json!(value), tool_mode: true, ..Field::default() };
    Node {
        description: description.into(),
        fields: std::iter::once((field.to_owned(), field_of)).collect(),
        ..Node::default()
    }
}

fn said(call: &Call<'_>, text: String) -> Message {
    Message { text, sender: "Machine".into(), sender_name: "AI".into(), session_id: call.request().session_id.clone() }
}

/// Returns the tools that are connected to an agent, each under a name of its own.
fn connected_tools(inputs: &Inputs) -> Vec<Arc<Tool>> {
    fn gather(value: &Value, into: &mut Vec<Arc<Tool>>) {
        match value {
            Value::Tools(tools) => into.extend(tools.iter().cloned()),
            Value::List(list) => list.iter().for_each(|it| gather(it, into)),
            _ => {}
        }
    }
    let mut tools = Vec::new();
    if let Some(value) = inputs.value("tools") {
        gather(value, &mut tools);
    }
    tool::tell_apart(tools)
}

fn prompt(call: &Call<'_>, model: &Resolved) -> String {
    let prompt = call.inputs.text("system_prompt").unwrap_or_default();
    if !prompt.contains('{') {
        return prompt;
    }
    // Replaced, not formatted: prompts have braces of their own.
    let today = OffsetDateTime::from(call.now()).date();
    let today = format!("{:04}-{:02}-{:02}", today.year(), u8::from(today.month()), today.day());
    prompt
        .replace("{current_date}", &today)
        .replace("{model_name}", &model.model)
        .replace("{optional_user_context}", "")
}

/// Talks with the model until it answers.
async fn converse(
    call: &Call<'_>,
    model: &Resolved,
    tools: &[Arc<Tool>],
    system: String,
) -> Result<String, ComponentError> {
    let inputs = &call.inputs;
    let mut messages = history(call).await?;
    let question = inputs.value("input_value").map(Value::as_text).unwrap_or_default();
    // What another agent said is a question here: no provider takes a request that ends with the model's turn.
    let question = if question.trim().is_empty() { CONTINUE.to_owned() } else { question };
    messages.push(ModelMessage::said(Role::User, question));
    let iterations = inputs.count("max_iterations").unwrap_or(ITERATIONS).max(1);
    let mut spoken = String::new();
    for _ in 0..iterations {
        let request = ModelRequest {
            system: system.clone(),
            messages: messages.clone(),
            temperature: inputs.number("temperature"),
            max_tokens: inputs.count("max_tokens").filter(|most| *most > 0),
            stream: true,
            tools: tools.iter().map(|it| it.schema.clone()).collect(),
            ..ModelRequest::default()
        };
        let mut answer = call.complete(model, request).await?;
        if answer.tool_calls.is_empty() {
            spoken.push_str(&answer.text);
            return Ok(spoken);
        }
        if call.streams() && !answer.text.is_empty() {
            call.say("\n\n").await?;
            spoken.push_str(&answer.text);
            spoken.push_str("\n\n");
        }
        for (at, wanted) in answer.tool_calls.iter_mut().enumerate() {
            if wanted.id.is_empty() {
                wanted.id = format!("call_{}_{at}", messages.len());
            }
        }
        messages.push(ModelMessage::calling(answer.text, answer.tool_calls.clone()));
        // Side by side, as in Langflow; the results stand in the order of the calls.
        let results = answer.tool_calls.iter().map(|wanted| use_tool(call, tools, wanted));
        for result in futures::future::join_all(results).await {
            messages.push(result?);
        }
    }
    // Langflow's words, which flows may look for.
    let limit = format!("Model call limits exceeded: run limit ({iterations}/{iterations})");
    spoken.push_str(&limit);
    call.say(&limit).await?;
    Ok(spoken)
}

async fn use_tool(call: &Call<'_>, tools: &[Arc<Tool>], wanted: &ToolCall) -> Result<ModelMessage, ComponentError> {
    let Some(tool) = tools.iter().find(|it| it.schema.name == wanted.name) else {
        let names: Vec<&str> = tools.iter().map(|it| it.schema.name.as_str()).collect();
        let told = format!("Error: {} is not a valid tool, try one of [{}].", wanted.name, names.join(", "));
        return Ok(ModelMessage::result(wanted.clone(), told));
    };
    let Json::Object(arguments) = &wanted.arguments else {
        let told = "Error: the arguments are not a JSON object. Please fix your mistakes.";
        return Ok(ModelMessage::result(wanted.clone(), told));
    };
    if let Some(told) = wrong_arguments(&tool.schema.parameters, arguments) {
        return Ok(ModelMessage::result(wanted.clone(), told));
    }
    let told = call.use_tool(tool, arguments).await?;
    Ok(ModelMessage::result(wanted.clone(), told))
}

/// Says what is wrong with a model's arguments; none when nothing is.
fn wrong_arguments(schema: &Json, arguments: &Map<String, Json>) -> Option<String> {
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str);
    let missing: Vec<&str> = required.filter(|name| !arguments.contains_key(*name)).collect();
    if missing.is_empty() {
        return None;
    }
    Some(format!("Error: the argument {} is missing. Please fix your mistakes.", missing.join(", ")))
}

/// Returns what was said before, as the model reads it.
async fn history(call: &Call<'_>) -> Result<Vec<ModelMessage>, ComponentError> {
    // An agent that is a tool was not part of the conversation.
    if call.is_tool() {
        return Ok(Vec::new());
    }
    if let Some(connected) = call.inputs.value("chat_history").or_else(|| call.inputs.value("memory")) {
        return Ok(connected.items().iter().filter_map(past).collect());
    }
    if !call.node.fields.contains_key("n_messages") {
        return Ok(Vec::new());
    }
    let most = call.inputs.count("n_messages").unwrap_or(HISTORY);
    let turns = if most == 0 { Vec::new() } else { call.before(usize::try_from(most).unwrap_or(usize::MAX)).await? };
    let said = turns.into_iter().filter(|turn| !turn.text.trim().is_empty());
    Ok(said.map(|turn| ModelMessage::said(turn.role, turn.text)).collect())
}

fn past(value: &Value) -> Option<ModelMessage> {
    let (text, sender) = match value {
        Value::Message(message) => (message.text.clone(), message.sender.clone()),
        Value::Data(data) => (data.text(), data.data.get("sender").map(plain).unwrap_or_default()),
        _ => return None,
    };
    let role = if sender == "User" { Role::User } else { Role::Agent };
    (!text.trim().is_empty()).then(|| ModelMessage::said(role, text))
}

/// Lets the agent answer with records of the author's schema.
async fn structured(
    call: &Call<'_>,
    model: &Resolved,
    tools: &[Arc<Tool>],
    system: String,
) -> Result<Data, ComponentError> {
    let rows = models::schema_rows(call.inputs.value("output_schema")).map_err(ComponentError::Failed)?;
    if rows.is_empty() {
        let content = call.inputs.value("input_value").map(Value::as_text).unwrap_or_default();
        return Ok(Data::new(Map::from_iter([("content".to_owned(), json!(content))])));
    }
    let schema = models::envelope(&rows, "Every record that matches the schema.");
    let mut parts: Vec<String> = Vec::new();
    parts.extend(Some(system).filter(|it| !it.is_empty()));
    parts.extend(call.inputs.text("format_instructions").map(|it| format!("Format instructions: {it}")));
    let schema = serde_json::to_string_pretty(&schema).unwrap_or_default();
    parts.push(format!(
        "You must respond ONLY with a JSON object matching this schema. Do not include explanations, markdown, or any text outside the JSON.\nSchema:\n{schema}"
    ));
    let content = converse(call, model, tools, parts.join("\n\n")).await?;
    let Some(found) = models::json_in(&content) else {
        let data = json!({"content": content, "error": "Try setting an output schema"});
        return Ok(Data::of_json(data));
    };
    let mut found = models::records(found);
    if let [Json::Object(_)] = found.as_slice() {
        return Ok(Data::of_json(found.remove(0)));
    }
    Ok(Data::new(Map::from_iter([("results".to_owned(), Json::Array(found))])))
}
