//! The components that run here: one file each, and one registry.
//!
//! To add one: write `components/<name>.rs` with a type that implements [`Component`], add it to [`ALL`],
//! and add its type to `data/generate-code-hashes.py`, whose table decides which code of it is known.

mod chat_input;
mod chat_output;
mod language_model;
mod memory;
mod prompt;
pub(crate) mod template;
mod text_input;
mod text_output;

use async_trait::async_trait;

use crate::{
    check::Need,
    engine::{Call, ComponentError, OutputMessage},
    flow::Node,
    value::Value,
};

/// Every component, in the order of Studio's menu.
static ALL: [&dyn Component; 7] = [
    &chat_input::ChatInput,
    &text_input::TextInput,
    &chat_output::ChatOutput,
    &text_output::TextOutput,
    &prompt::Prompt,
    &language_model::LanguageModel,
    &memory::Memory,
];

/// What a component is to the planner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Takes the caller's message.
    ChatInput,
    /// Asks a language model.
    Model,
    /// Is part of what the flow answers.
    Output,
    /// Anything else.
    Plain,
}

/// A component of Langflow, written again.
#[async_trait]
pub(crate) trait Component: Send + Sync + std::fmt::Debug {
    /// Returns its type and the other names that it has had, the type first.
    fn types(&self) -> &'static [&'static str];

    /// Returns what it is to the planner.
    fn kind(&self) -> Kind {
        Kind::Plain
    }

    /// Returns what a node needs from whoever installs the flow.
    fn needs(&self, _node: &Node) -> Vec<Need> {
        Vec::new()
    }

    /// Returns what keeps a node from running, for people.
    fn problems(&self, _node: &Node) -> Vec<String> {
        Vec::new()
    }

    /// Computes the outputs that are wanted.
    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError>;
}

/// What a component computed.
#[derive(Debug, Default)]
pub(crate) struct Outputs {
    values: Vec<(&'static str, Value)>,
    message: Option<OutputMessage>,
}

impl Outputs {
    /// Makes a single output.
    pub(crate) fn one(name: &'static str, value: Value) -> Self {
        Self { values: vec![(name, value)], message: None }
    }

    /// Adds an output.
    pub(crate) fn add(&mut self, name: &'static str, value: Value) {
        self.values.push((name, value));
    }

    /// Says that this is also what the flow answers.
    pub(crate) fn saying(mut self, message: OutputMessage) -> Self {
        self.message = Some(message);
        self
    }

    /// Returns an output by its name.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.values.iter().find(|(it, _)| *it == name).map(|(_, value)| value)
    }

    /// Returns all outputs.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &(&'static str, Value)> {
        self.values.iter()
    }

    /// Returns what the flow answers with it.
    pub(crate) fn message(&self) -> Option<&OutputMessage> {
        self.message.as_ref()
    }
}

/// Finds the implementation of a component type, under whichever name a flow uses for it.
pub(crate) fn find(component: &str) -> Option<&'static dyn Component> {
    let name = bare(component);
    ALL.iter().copied().find(|it| it.types().contains(&name))
}

/// Returns the type that a name stands for; unknown names stand for themselves.
pub(crate) fn canonical_type(component: &str) -> &str {
    match find(component) {
        Some(found) => found.types()[0],
        None => bare(component),
    }
}

/// Newer Langflow writes types of bundles as `ext:<bundle>:<Class>@<source>`.
fn bare(component: &str) -> &str {
    match component.strip_prefix("ext:").and_then(|rest| rest.split_once(':')) {
        Some((_, class)) => class.split('@').next().unwrap_or(class),
        None => component,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_is_found_under_each_of_its_names() {
        assert_eq!(canonical_type("Prompt"), "Prompt Template");
        assert_eq!(canonical_type("ext:core:ChatInput@official"), "ChatInput");
        assert_eq!(canonical_type("ext:openai:OpenAIModelComponent@official"), "OpenAIModelComponent");
        assert!(find("PythonREPLComponent").is_none());
    }

    #[test]
    fn no_name_belongs_to_two_components() {
        let mut names: Vec<&str> = ALL.iter().flat_map(|it| it.types()).copied().collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
