//! Run Flow, Sub Flow and Flow as Tool: another flow of the same export, for its answer or as a tool.
//!
//! It runs inside of the same run: limits, tokens and files are counted together. It has no conversation of its
//! own, and what its outputs say is what it gives, not what the person reads. Where the person reads that in turn,
//! its model has the buyer's persona and knowledge, as any model that is heard; as a tool it has not.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Map, Value as Json, json};

use super::{Component, Kind, Outputs};
use crate::{
    engine::{Call, ComponentError, ToolUse, Tweaks},
    flow::{Flow, Node},
    model::ToolSchema,
    tool::{self, Tool, ToolRunner, tool_name},
    value::{Value, plain},
};

/// What stands between the id of a node of the other flow and one of its fields or outputs.
const BETWEEN: char = '~';

#[derive(Debug)]
pub(crate) struct RunFlow;

#[async_trait]
impl Component for RunFlow {
    fn types(&self) -> &'static [&'static str] {
        &["RunFlow", "RunFlowComponent"]
    }

    fn kind(&self) -> Kind {
        Kind::Model
    }

    fn tools(&self) -> &'static [(&'static str, &'static str)] {
        &[("", "")]
    }

    fn brings_own_tools(&self) -> bool {
        true
    }

    fn missing(&self, node: &Node) -> Option<String> {
        let is_old = |name: &str| name.starts_with("flow_outputs") || name == "run_outputs";
        node.outputs.iter().any(|it| is_old(&it.name)).then(|| "outputs of an older version".into())
    }

    async fn bring_tools(&self, call: &Call<'_>) -> Result<Vec<Arc<Tool>>, ComponentError> {
        let flow = target(call.node, call.flows())?;
        let rows = tool::described(call.node).map(Vec::as_slice).unwrap_or_default();
        if rows.first().is_some_and(|row| row["status"] == Json::Bool(false)) {
            return Ok(Vec::new());
        }
        let text = |key: &str| rows.first().and_then(|row| row[key].as_str()).filter(|it| !it.is_empty());
        let name = text("name").map_or_else(|| format!("{}_tool", flow.name), str::to_owned);
        let about = || format!("Runs the flow {}. {}", flow.name, flow.description);
        let fields: Map<String, Json> = inputs(flow)
            .map(|node| {
                let about = format!("What is told to {}.", node.display_name);
                (format!("{}{BETWEEN}input_value", node.id), json!({"type": "string", "description": about}))
            })
            .collect();
        let required: Vec<&String> = fields.keys().collect();
        // As Langflow writes it: the fields of the other flow, in one argument.
        let parameters = json!({
            "type": "object",
            "properties": {"flow_tweak_data": {"type": "object", "properties": fields, "required": required}},
            "required": ["flow_tweak_data"],
        });
        let description = text("description").map_or_else(about, str::to_owned);
        let schema = ToolSchema { name: tool_name(&name), description, parameters };
        let runs = Arc::new(FlowTool { node: call.node.clone() });
        Ok(vec![Arc::new(Tool { schema, node: call.node.id.clone(), runs })])
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let flow = target(call.node, call.flows())?;
        let told = call.node.fields.keys().filter_map(|name| Some((name.clone(), json!(call.inputs.text(name)?))));
        let (said, tweaks) = told_to(flow, told);
        let given = call.run_flow(flow, said, tweaks).await?;
        let mut outputs = Outputs::default();
        for output in &call.node.outputs {
            let named = output.name.split_once(BETWEEN);
            let of = named.and_then(|(id, name)| given.iter().find(|(node, _)| node == id)?.1.get(name));
            outputs.add(&output.name, of.cloned().unwrap_or(Value::Json(Json::Null)));
        }
        Ok(outputs)
    }
}

/// Sub Flow: what was before Run Flow. What its outputs say are the items of a list.
#[derive(Debug)]
pub(super) struct SubFlow;

#[async_trait]
impl Component for SubFlow {
    fn types(&self) -> &'static [&'static str] {
        &["SubFlow", "SubFlowComponent"]
    }

    fn kind(&self) -> Kind {
        Kind::Model
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["flow_outputs"]
    }

    fn typed(&self) -> &'static [&'static str] {
        &["flow_name"]
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let flow = target(call.node, call.flows())?;
        let fields = call.node.fields.keys().filter(|name| name.contains('|'));
        let told = fields.filter_map(|name| Some((name.replacen('|', "~", 1), json!(call.inputs.text(name)?))));
        let (said, tweaks) = told_to(flow, told);
        let given = call.run_flow(flow, said, tweaks).await?;
        let said = given.iter().filter_map(|(_, it)| it.message()).map(|it| Value::text(it.text.clone()));
        Ok(Outputs::one("flow_outputs", Value::List(said.collect())))
    }
}

/// Flow as Tool: another flow for an agent, as it was before Run Flow.
#[derive(Debug)]
pub(super) struct FlowAsTool;

#[async_trait]
impl Component for FlowAsTool {
    fn types(&self) -> &'static [&'static str] {
        &["FlowTool", "FlowToolComponent"]
    }

    fn tools(&self) -> &'static [(&'static str, &'static str)] {
        &[("", "")]
    }

    fn brings_own_tools(&self) -> bool {
        true
    }

    fn typed(&self) -> &'static [&'static str] {
        &["flow_name", "tool_name"]
    }

    fn missing(&self, node: &Node) -> Option<String> {
        let ends = node.fields.get("return_direct").is_some_and(|field| field.value == true);
        ends.then(|| "an answer of the agent that is what the flow says".into())
    }

    async fn bring_tools(&self, call: &Call<'_>) -> Result<Vec<Arc<Tool>>, ComponentError> {
        let flow = target(call.node, call.flows())?;
        let fields = inputs(flow).map(|node| {
            let about = json!({"type": "string", "default": "", "description": node.description});
            (argument(node), about)
        });
        let parameters = json!({"type": "object", "properties": fields.collect::<Map<String, Json>>()});
        let name = call.inputs.text("tool_name").unwrap_or_else(|| flow.name.clone());
        let description = call.inputs.text("tool_description").unwrap_or_else(|| flow.description.clone());
        let schema = ToolSchema { name: tool_name(&name), description, parameters };
        let runs = Arc::new(OldFlowTool { node: call.node.clone() });
        Ok(vec![Arc::new(Tool { schema, node: call.node.id.clone(), runs })])
    }

    async fn run(&self, _: &Call<'_>) -> Result<Outputs, ComponentError> {
        Err(ComponentError::Failed("it is a tool, and no agent holds it".into()))
    }
}

/// Returns the argument of a Flow as Tool that is told to an input of the flow.
fn argument(node: &Node) -> String {
    node.display_name.to_lowercase().replace(' ', "_")
}

/// The tool of a Flow as Tool.
struct OldFlowTool {
    node: Node,
}

#[async_trait]
impl ToolRunner for OldFlowTool {
    async fn run(&self, used: ToolUse<'_>) -> Result<Value, ComponentError> {
        let call = Call::tool(&self.node, crate::engine::Inputs::default(), "", &used);
        let flow = target(&self.node, call.flows())?;
        let told = inputs(flow).filter_map(|node| {
            let said = used.arguments.get(&argument(node))?;
            Some((format!("{}{BETWEEN}input_value", node.id), said.clone()))
        });
        let (said, tweaks) = told_to(flow, told);
        let given = call.run_flow(flow, said, tweaks).await?;
        let said: Vec<&str> = given.iter().filter_map(|(_, it)| it.message()).map(|it| it.text.as_str()).collect();
        Ok(Value::text(format!("Flow run output:\n{}", said.join("\n"))))
    }
}

/// The name of a flow that a node runs.
#[derive(Clone, Debug)]
pub(crate) struct FlowName {
    id: String,
    name: String,
}

impl FlowName {
    /// Tells whether it is a flow's.
    pub(crate) fn means(&self, flow: &Flow) -> bool {
        if self.id.is_empty() || flow.id.is_empty() {
            !self.name.is_empty() && self.name == flow.name
        } else {
            self.id == flow.id
        }
    }
}

impl std::fmt::Display for FlowName {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{:?}", if self.name.is_empty() { &self.id } else { &self.name })
    }
}

/// Returns which flow a node runs; none of a node that runs none.
pub(crate) fn named(node: &Node) -> Option<FlowName> {
    let bare = super::bare(&node.component);
    let text = |name: &str| node.fields.get(name).map(|it| plain(&it.value)).unwrap_or_default();
    if RunFlow.types().contains(&bare) {
        Some(FlowName { id: text("flow_id_selected"), name: text("flow_name_selected") })
    } else if SubFlow.types().contains(&bare) || FlowAsTool.types().contains(&bare) {
        Some(FlowName { id: String::new(), name: text("flow_name") })
    } else {
        None
    }
}

/// Finds the place of the flow that a node runs.
pub(crate) fn find(node: &Node, flows: &[Flow]) -> Option<usize> {
    let name = named(node)?;
    flows.iter().position(|flow| name.means(flow))
}

fn target<'f>(node: &Node, flows: &'f [Flow]) -> Result<&'f Flow, ComponentError> {
    let missing = || ComponentError::Failed("the flow that it runs is not in the export".into());
    find(node, flows).map(|at| &flows[at]).ok_or_else(missing)
}

/// Returns what of a flow takes what is said to it.
fn inputs(flow: &Flow) -> impl Iterator<Item = &Node> {
    flow.nodes.iter().filter(|node| matches!(super::canonical_type(&node.component), "ChatInput" | "TextInput"))
}

/// Reads what is said to a flow: to its Chat Input, and what its Text Inputs hold. Nothing else of it can be set.
fn told_to(flow: &Flow, told: impl Iterator<Item = (String, Json)>) -> (String, Tweaks) {
    let mut said = String::new();
    let mut tweaks = Tweaks::new();
    for (field, value) in told {
        let Some((id, "input_value")) = field.split_once(BETWEEN) else { continue };
        match inputs(flow).find(|node| node.id == id) {
            Some(node) if super::canonical_type(&node.component) == "ChatInput" => said = plain(&value),
            Some(node) => {
                tweaks.entry(node.id.clone()).or_default().insert("input_value".into(), json!(plain(&value)));
            }
            None => {}
        }
    }
    if said.trim().is_empty() {
        let own = inputs(flow).find(|node| super::canonical_type(&node.component) == "ChatInput");
        said = own.and_then(|node| node.fields.get("input_value")).map(|it| plain(&it.value)).unwrap_or_default();
    }
    (said, tweaks)
}

/// Another flow as a tool.
struct FlowTool {
    node: Node,
}

#[async_trait]
impl ToolRunner for FlowTool {
    async fn run(&self, used: ToolUse<'_>) -> Result<Value, ComponentError> {
        let call = Call::tool(&self.node, crate::engine::Inputs::default(), "", &used);
        let flow = target(&self.node, call.flows())?;
        let inner = used.arguments.get("flow_tweak_data").and_then(Json::as_object);
        let all = inner.into_iter().flatten().chain(used.arguments);
        let (said, tweaks) = told_to(flow, all.map(|(name, value)| (name.clone(), value.clone())));
        let given = call.run_flow(flow, said, tweaks).await?;
        // What the flow says is what its outputs say.
        let said: Vec<&str> = given.iter().filter_map(|(_, it)| it.message()).map(|it| it.text.as_str()).collect();
        Ok(Value::text(said.join("\n\n")))
    }
}
