//! Tools: components that an agent may call, under which name, with which arguments.
//!
//! An export says what a component offers as tools in its field `tools_metadata`: names, descriptions and
//! schemas that the author saw and may have edited. What runs is still the component here; a row whose
//! `tags` name something that the component does not do is not offered to a model.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use serde_json::{Map, Value as Json, json};

use crate::{
    components::Component,
    engine::{Call, ComponentError, Inputs, ToolUse},
    flow::{Field, Node},
    model::ToolSchema,
    value::{Value, plain, python_json},
};

/// The longest name that providers take.
const NAME: usize = 64;
/// The most of an id that is put behind a name to tell two tools apart.
const SUFFIX: usize = 32;

/// A tool that an agent may call.
#[derive(Clone)]
pub struct Tool {
    /// What a model is told.
    pub(crate) schema: ToolSchema,
    /// The node that it is of.
    pub(crate) node: String,
    pub(crate) runs: Arc<dyn ToolRunner>,
}

impl fmt::Debug for Tool {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Tool").field("schema", &self.schema).field("node", &self.node).finish_non_exhaustive()
    }
}

/// What a tool does.
#[async_trait]
pub(crate) trait ToolRunner: Send + Sync {
    /// Runs with the arguments that a model wrote; the value is shown to the model.
    async fn run(&self, used: ToolUse<'_>) -> Result<Value, ComponentError>;
}

/// One output of a component as a tool.
struct ComponentTool {
    node: Node,
    component: &'static dyn Component,
    inputs: Inputs,
    output: &'static str,
}

#[async_trait]
impl ToolRunner for ComponentTool {
    async fn run(&self, used: ToolUse<'_>) -> Result<Value, ComponentError> {
        let mut inputs = self.inputs.clone();
        for (name, value) in used.arguments {
            // A model may only fill what the author, or the component itself, gave to it.
            let given = self.component.takes().iter().find(|(argument, _)| argument == name);
            if let Some((_, field)) = given {
                inputs.set(field, value.clone());
            } else if self.node.fields.get(name).is_some_and(|field| field.tool_mode) {
                inputs.set(name, value.clone());
            }
        }
        let call = Call::tool(&self.node, inputs, self.output, &used);
        let outputs = self.component.run(&call).await?;
        outputs
            .get(self.output)
            .cloned()
            .ok_or_else(|| ComponentError::Failed(format!("it has no output {:?}", self.output)))
    }
}

/// Writes a tool's result for a model: text as it is, everything else as JSON, spaced as Langflow's.
pub(crate) fn shown_to_model(value: &Value) -> String {
    match value {
        Value::Message(message) => message.text.clone(),
        Value::Json(Json::String(text)) => text.clone(),
        other => python_json(&other.to_json()),
    }
}

/// Returns the tools that a node offers.
pub(crate) fn of_component(node: &Node, component: &'static dyn Component, inputs: &Inputs) -> Vec<Arc<Tool>> {
    let made = |output: &'static str, name: &str, description: &str, parameters: Json| {
        let schema = ToolSchema { name: tool_name(name), description: description.to_owned(), parameters };
        let runs = ComponentTool { node: node.clone(), component, inputs: inputs.clone(), output };
        Arc::new(Tool { schema, node: node.id.clone(), runs: Arc::new(runs) })
    };
    let offers = component.tools();
    let described = described(node);
    let mut tools = Vec::new();
    for row in described.into_iter().flatten() {
        if row.get("status").and_then(Json::as_bool) == Some(false) {
            continue;
        }
        let text = |key: &str| row.get(key).and_then(Json::as_str).filter(|it| !it.is_empty());
        let tag = row.get("tags").and_then(|it| it.get(0)).and_then(Json::as_str).unwrap_or_default();
        if let Some((_, output)) = offers.iter().find(|(method, _)| is_method(tag, method)) {
            let name = text("name").unwrap_or(tag);
            let description = text("description").or_else(|| text("display_description")).unwrap_or_default();
            tools.push(made(output, name, description, parameters(node, row.get("args"))));
        }
    }
    if tools.is_empty() && described.is_none_or(Vec::is_empty) {
        for (method, output) in offers {
            let parameters = match component.takes() {
                [] => parameters(node, None),
                takes => taken(node, takes),
            };
            tools.push(made(output, method, &node.description, parameters));
        }
    }
    tools
}

/// Returns the rows of a node's `tools_metadata`; none where the export has no such field.
pub(crate) fn described(node: &Node) -> Option<&Vec<Json>> {
    node.fields.get("tools_metadata").and_then(|field| field.value.as_array())
}

/// Tells whether a row's tag means a method; older versions wrote the component's name before it.
pub(crate) fn is_method(tag: &str, method: &str) -> bool {
    tag == method || tag.rsplit_once('-').is_some_and(|(_, last)| last == method)
}

/// Gives tools of the same name different ones, as far as the ids of their nodes do.
pub(crate) fn tell_apart(tools: Vec<Arc<Tool>>) -> Vec<Arc<Tool>> {
    let count = |name: &str| tools.iter().filter(|it| it.schema.name == name).count();
    let mut taken: Vec<String> = tools.iter().map(|it| it.schema.name.clone()).collect();
    let mut named = Vec::with_capacity(tools.len());
    for (at, tool) in tools.iter().enumerate() {
        if count(&tool.schema.name) < 2 {
            named.push(tool.clone());
            continue;
        }
        let slug: String = tool.node.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        let slug = slug.trim_matches('_');
        let slug = &slug[slug.len().saturating_sub(SUFFIX)..];
        let suffix = if slug.is_empty() { (at + 1).to_string() } else { slug.to_owned() };
        let base = &tool.schema.name[..tool.schema.name.len().min(NAME - suffix.len() - 1)];
        let mut name = format!("{base}_{suffix}");
        let mut ordinal = 2;
        while taken.contains(&name) {
            let end = format!("_{suffix}_{ordinal}");
            name = format!("{}{end}", &base[..base.len().min(NAME.saturating_sub(end.len()))]);
            ordinal += 1;
        }
        taken.push(name.clone());
        let mut copy = (**tool).clone();
        copy.schema.name = name;
        named.push(Arc::new(copy));
    }
    named
}

/// Makes a name that providers take: letters, digits, `_` and `-`.
pub(crate) fn tool_name(name: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '-' };
    let name: String = name.chars().take(NAME).map(allowed).collect();
    if name.is_empty() { "tool".into() } else { name }
}

/// Returns the JSON schema of a tool's arguments: as exported, or made of the fields that a model may fill.
fn parameters(node: &Node, args: Option<&Json>) -> Json {
    let properties: Map<String, Json> = match args.and_then(Json::as_object).filter(|args| !args.is_empty()) {
        Some(args) => args.clone(),
        None => {
            let fields = node.fields.iter().filter(|(_, field)| field.tool_mode);
            fields.map(|(name, field)| (name.clone(), property(name, field))).collect()
        }
    };
    let required: Vec<&String> =
        properties.iter().filter(|(_, it)| it.get("default").is_none()).map(|(name, _)| name).collect();
    let mut schema = json!({"type": "object", "properties": properties});
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

/// Returns the schema of arguments that a component names itself; all of them are required.
fn taken(node: &Node, takes: &[(&str, &str)]) -> Json {
    let properties = takes.iter().map(|(argument, field)| {
        let field = node.fields.get(*field).cloned().unwrap_or_default();
        ((*argument).to_owned(), property(argument, &Field { required: true, ..field }))
    });
    let required: Vec<&str> = takes.iter().map(|(argument, _)| *argument).collect();
    json!({"type": "object", "properties": properties.collect::<Map<_, _>>(), "required": required})
}

fn property(name: &str, field: &Field) -> Json {
    let kind = match field.kind.as_str() {
        "int" => "integer",
        "float" | "slider" => "number",
        "bool" => "boolean",
        "dict" | "NestedDict" => "object",
        _ => "string",
    };
    let mut property =
        if field.list { json!({"type": "array", "items": {"type": kind}}) } else { json!({ "type": kind }) };
    property["title"] = json!(title(name));
    property["description"] = json!(field.info);
    if !field.required {
        property["default"] = match &field.value {
            Json::Null => json!(""),
            value if value.is_string() && kind != "string" => Json::Null,
            value => value.clone(),
        };
        if field.list && !field.value.is_array() {
            property["default"] = if plain(&field.value).is_empty() { json!("") } else { json!([field.value]) };
        }
    }
    property
}

/// `search_query` becomes `Search Query`.
fn title(name: &str) -> String {
    let words = name.split('_').filter(|word| !word.is_empty()).map(|word| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_uppercase().collect::<String>() + letters.as_str()).unwrap_or_default()
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nothing;

    #[async_trait]
    impl ToolRunner for Nothing {
        async fn run(&self, _: ToolUse<'_>) -> Result<Value, ComponentError> {
            Ok(Value::Json(Json::Null))
        }
    }

    fn tool(name: &str, node: &str) -> Arc<Tool> {
        let schema = ToolSchema { name: name.into(), description: String::new(), parameters: json!({}) };
        Arc::new(Tool { schema, node: node.into(), runs: Arc::new(Nothing) })
    }

    #[test]
    fn only_tools_of_the_same_name_are_renamed() {
        let tools = tell_apart(vec![tool("search", "Web-1"), tool("search", "Web-2"), tool("add", "Calc-1")]);
        let names: Vec<&str> = tools.iter().map(|it| it.schema.name.as_str()).collect();
        assert_eq!(names, ["search_Web_1", "search_Web_2", "add"]);
    }

    #[test]
    fn names_are_never_longer_than_providers_take() {
        let long = tool_name(&"x".repeat(200));
        let tools = tell_apart(vec![tool(&long, &"n".repeat(90)), tool(&long, &"n".repeat(90))]);
        assert!(tools.iter().all(|it| it.schema.name.len() <= NAME));
        assert_ne!(tools[0].schema.name, tools[1].schema.name);
        assert_eq!(tool_name("Call Agent!"), "Call-Agent-");
    }

    #[test]
    fn a_tag_may_have_the_name_of_its_component_before_it() {
        assert!(is_method("URL-fetch_content", "fetch_content"));
        assert!(is_method("fetch_content", "fetch_content"));
        assert!(!is_method("fetch_content_text", "fetch_content"));
    }
}
