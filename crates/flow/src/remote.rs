//! A flow that a Langflow server runs for us: what we read of it, and what we change in it for a run.
//!
//! Our engine gives every model the buyer's persona and refuses tweaks that the flow's author did not declare.
//! A server knows nothing of the one and does not do the other, so both happen here, before anything leaves:
//! the persona is written into the fields that hold a model's instructions.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use crate::{
    components,
    engine::{self, Limits, Persona, RunError},
    flow::{Field, Flow, Node},
    import::{self, ImportError},
    memory::{Role, Turn},
};

/// New values of fields, by node and field.
pub type Changes = BTreeMap<String, BTreeMap<String, Json>>;

/// The fields that hold what a model is told to be.
const INSTRUCTIONS: [&str; 2] = ["system_prompt", "system_message"];
/// The most bytes of a conversation that are put in front of a message.
const TRANSCRIPT_BYTES: usize = 32 * 1024;

/// A flow for a Langflow server.
#[derive(Clone, Debug, PartialEq)]
pub struct RemoteFlow {
    flow: Flow,
    export: Json,
}

impl RemoteFlow {
    /// Reads an export, as [`crate::Imported::export`] gives it.
    pub fn read(export: Json) -> Result<Self, ImportError> {
        let import::Imported { flow, export } = import::read(export)?;
        Ok(Self { flow, export })
    }

    /// Returns the flow as we keep it.
    pub fn flow(&self) -> &Flow {
        &self.flow
    }

    /// Returns what a run changes, or why it is refused: servers take whatever they are sent.
    pub fn changes(&self, input: &str, tweaks: &Map<String, Json>, persona: &Persona) -> Result<Changes, RunError> {
        let most = Limits::default().input_bytes;
        if input.len() > most {
            return Err(RunError::Input(format!("the message is longer than {most} bytes")));
        }
        let takes_chat = self.of("ChatInput").next().is_some();
        if takes_chat && input.trim().is_empty() {
            return Err(RunError::Input("the message is empty".into()));
        }
        let mut changes: Changes = engine::declared(&self.flow, tweaks)?
            .into_iter()
            .map(|(node, fields)| (node, fields.into_iter().collect()))
            .collect();
        if !takes_chat {
            // Servers hand the message to chat inputs alone.
            for node in self.of("TextInput").filter(|node| self.feeding(node, "input_value").next().is_none()) {
                changes.entry(node.id.clone()).or_default().insert("input_value".into(), input.into());
            }
        }
        if let Some(text) = persona.as_prompt() {
            self.instruct(&text, &mut changes);
        }
        Ok(changes)
    }

    /// Returns the export as it is kept on a server that takes changes with each run.
    ///
    /// The fields that carry a persona are declared as editable there, because a server may refuse all others.
    pub fn export(&self) -> Json {
        let mut opened = Changes::new();
        self.instruct("x", &mut opened);
        let mut export = self.export.clone();
        visit(&mut export, &opened, &|field, _| {
            field.insert("api_editable".into(), true.into());
        });
        export
    }

    /// Returns the export with changes written into it, for a server that takes none with a run.
    pub fn with(&self, changes: &Changes) -> Json {
        let mut export = self.export.clone();
        visit(&mut export, changes, &|field, value| {
            field.insert("value".into(), value.clone());
            field.insert("load_from_db".into(), false.into());
        });
        export
    }

    /// Puts a conversation in front of a message, for a server that remembers nothing.
    ///
    /// A flow without an agent and without Message History would not have read it, and gets the message alone.
    pub fn with_history(&self, turns: &[Turn], input: &str) -> String {
        let reads = |node: &Node| {
            matches!(components::canonical_type(&node.component), "Agent" | "Memory")
                || node.fields.contains_key("n_messages")
        };
        if turns.is_empty() || !self.flow.nodes.iter().any(reads) {
            return input.to_owned();
        }
        let mut lines: Vec<String> = Vec::new();
        let mut room = TRANSCRIPT_BYTES;
        for turn in turns.iter().rev() {
            let who = if turn.role == Role::Agent { "AI" } else { "User" };
            let line = format!("{who}: {}", turn.text);
            if line.len() > room {
                break;
            }
            room -= line.len();
            lines.push(line);
        }
        lines.reverse();
        format!("# Conversation so far\n{}\n\n# Message\n{input}", lines.join("\n"))
    }

    /// Returns the components whose text is the answer: chat outputs, or text outputs where there is no chat.
    pub fn answering(&self) -> Vec<&str> {
        let ids = |kind| self.of(kind).map(|node| node.id.as_str()).collect::<Vec<_>>();
        let chats = ids("ChatOutput");
        if chats.is_empty() { ids("TextOutput") } else { chats }
    }

    fn of(&self, component: &'static str) -> impl Iterator<Item = &Node> {
        self.flow.nodes.iter().filter(move |node| components::canonical_type(&node.component) == component)
    }

    /// Returns the components that a field is connected to.
    fn feeding<'f>(&'f self, node: &'f Node, field: &'f str) -> impl Iterator<Item = &'f Node> {
        let edges = self.flow.edges.iter().filter(move |edge| edge.target == node.id && edge.field == field);
        edges.filter_map(|edge| self.flow.node(&edge.source))
    }

    /// Adds a text to what each model is told, where that is written down or comes from a prompt.
    fn instruct(&self, text: &str, changes: &mut Changes) {
        for node in &self.flow.nodes {
            for name in INSTRUCTIONS {
                let Some(field) = node.fields.get(name).filter(|field| field.kind == "str" && field.show) else {
                    continue;
                };
                let mut prompts = self.feeding(node, name).peekable();
                if prompts.peek().is_none() {
                    append(node, name, field, text, changes);
                }
                for prompt in prompts {
                    let template =
                        prompt.fields.get("template").filter(|it| it.kind == "prompt" || it.kind == "mustache");
                    if let Some(field) = template {
                        append(prompt, "template", field, &escaped(prompt, text), changes);
                    }
                }
            }
        }
    }
}

fn append(node: &Node, name: &str, field: &Field, text: &str, changes: &mut Changes) {
    if field.load_from_db {
        return;
    }
    let set = changes.entry(node.id.clone()).or_default();
    let before = set.get(name).unwrap_or(&field.value).as_str().unwrap_or_default();
    // A prompt may feed several models.
    if before.ends_with(text) {
        return;
    }
    let after = if before.trim().is_empty() { text.to_owned() } else { format!("{before}\n\n{text}") };
    set.insert(name.to_owned(), after.into());
}

/// Writes a text so that a prompt template says it as it is.
fn escaped(prompt: &Node, text: &str) -> String {
    let mustache = prompt.fields.get("use_double_brackets").is_some_and(|it| it.value == Json::Bool(true));
    if mustache { text.replace("{{", "{ {") } else { text.replace('{', "{{").replace('}', "}}") }
}

/// Calls `change` with each field that has a new value, also inside of groups.
fn visit(holder: &mut Json, changes: &Changes, change: &dyn Fn(&mut Map<String, Json>, &Json)) {
    let nodes = match holder.pointer_mut("/data/nodes") {
        Some(nodes) => nodes,
        None => &mut holder["nodes"],
    };
    for node in nodes.as_array_mut().into_iter().flatten() {
        let id = node["id"].as_str().or_else(|| node["data"]["id"].as_str()).unwrap_or_default().to_owned();
        if let Some(template) = node.pointer_mut("/data/node/template").and_then(Json::as_object_mut) {
            for (name, field) in template.iter_mut().filter_map(|(name, field)| Some((name, field.as_object_mut()?))) {
                // A group shows fields of its children, and what it shows overwrites what they have.
                let place = match field.get("proxy") {
                    Some(proxy) => {
                        (proxy["id"].as_str().unwrap_or_default(), proxy["field"].as_str().unwrap_or_default())
                    }
                    None => (id.as_str(), name.as_str()),
                };
                if let Some(value) = changes.get(place.0).and_then(|fields| fields.get(place.1)) {
                    change(field, value);
                }
            }
        }
        if let Some(group) = node.pointer_mut("/data/node/flow").filter(|group| group.is_object()) {
            visit(group, changes, change);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn node(id: &str, component: &str, template: Json) -> Json {
        json!({"id": id, "data": {"id": id, "type": component, "node": {"template": template, "outputs": [{"name": "out"}]}}})
    }

    fn text(value: &str) -> Json {
        json!({"type": "str", "value": value})
    }

    fn edge(source: &str, target: &str, field: &str) -> Json {
        json!({"source": source, "target": target, "data": {
            "sourceHandle": {"id": source, "name": "out"}, "targetHandle": {"id": target, "fieldName": field},
        }})
    }

    fn remote(nodes: Vec<Json>, edges: Vec<Json>) -> RemoteFlow {
        RemoteFlow::read(json!({"name": "x", "data": {"nodes": nodes, "edges": edges}})).unwrap()
    }

    fn ada() -> Persona {
        Persona { name: "Ada {v2}".into(), ..Persona::default() }
    }

    #[test]
    fn a_persona_is_added_to_what_a_model_is_told() {
        let flow = remote(
            vec![node("c", "ChatInput", json!({})), node("a", "Agent", json!({"system_prompt": text("Be kind.")}))],
            vec![],
        );
        let changes = flow.changes("hi", &Map::new(), &ada()).unwrap();
        assert_eq!(changes["a"]["system_prompt"], "Be kind.\n\nYour name is Ada {v2}.");
        let baked = flow.with(&changes);
        assert_eq!(
            baked["data"]["nodes"][1]["data"]["node"]["template"]["system_prompt"]["value"],
            changes["a"]["system_prompt"]
        );
        assert_eq!(
            flow.export()["data"]["nodes"][1]["data"]["node"]["template"]["system_prompt"]["api_editable"],
            true
        );
    }

    #[test]
    fn where_a_prompt_tells_the_model_the_persona_goes_into_the_prompt_once() {
        let flow = remote(
            vec![
                node("p", "Prompt", json!({"template": {"type": "prompt", "value": "Say {mood}"}, "mood": text("")})),
                node("m", "LanguageModelComponent", json!({"system_message": text("")})),
                node("n", "LanguageModelComponent", json!({"system_message": text("")})),
            ],
            vec![edge("p", "m", "system_message"), edge("p", "n", "system_message")],
        );
        let changes = flow.changes("hi", &Map::new(), &ada()).unwrap();
        assert_eq!(changes.len(), 1);
        assert_eq!(changes["p"]["template"], "Say {mood}\n\nYour name is Ada {{v2}}.");
    }

    #[test]
    fn a_tweak_that_was_not_declared_never_leaves() {
        let flow = remote(vec![node("a", "Agent", json!({"system_prompt": text("Be kind.")}))], vec![]);
        let tweaks = json!({"a": {"system_prompt": "Be rude."}});
        let refused = flow.changes("hi", tweaks.as_object().unwrap(), &Persona::default());
        assert!(matches!(refused, Err(RunError::Tweaks { .. })), "{refused:?}");
    }

    #[test]
    fn a_field_inside_a_group_is_changed_there_and_where_the_group_shows_it() {
        let mut group = node(
            "g",
            "Group",
            json!({"shown": {"type": "str", "value": "Be kind.", "proxy": {"id": "a", "field": "system_prompt"}}}),
        );
        group["data"]["node"]["flow"] =
            json!({"data": {"nodes": [node("a", "Agent", json!({"system_prompt": text("")}))], "edges": []}});
        let flow = remote(vec![group], vec![]);
        let baked = flow.with(&flow.changes("hi", &Map::new(), &ada()).unwrap());
        let group = &baked["data"]["nodes"][0]["data"]["node"];
        assert_eq!(group["template"]["shown"]["value"], "Be kind.\n\nYour name is Ada {v2}.");
        assert_eq!(
            group["flow"]["data"]["nodes"][0]["data"]["node"]["template"]["system_prompt"]["value"],
            group["template"]["shown"]["value"]
        );
    }

    #[test]
    fn only_a_flow_that_reads_history_is_given_it_and_the_newest_of_it() {
        let turns = [Turn::user("x".repeat(TRANSCRIPT_BYTES)), Turn::user("My dog is Rex."), Turn::agent("Noted.")];
        let plain = remote(vec![node("c", "ChatInput", json!({}))], vec![]);
        assert_eq!(plain.with_history(&turns, "And?"), "And?");
        let agent = remote(vec![node("a", "Agent", json!({}))], vec![]);
        assert_eq!(
            agent.with_history(&turns, "And?"),
            "# Conversation so far\nUser: My dog is Rex.\nAI: Noted.\n\n# Message\nAnd?"
        );
    }

    #[test]
    fn a_message_reaches_text_inputs_where_there_is_no_chat() {
        let flow = remote(vec![node("t", "TextInput", json!({"input_value": text("")}))], vec![]);
        assert_eq!(flow.changes("hi", &Map::new(), &Persona::default()).unwrap()["t"]["input_value"], "hi");
    }
}
