//! Memory Base: what was said in this conversation that fits a question.
//!
//! Langflow searches a store by meaning; here the words decide, over the conversation that the host keeps.
//! It never looks beyond the caller's own conversation, whatever `filter_by_session` says.

use std::collections::HashSet;

use async_trait::async_trait;
use serde_json::json;

use super::{Component, Outputs};
use crate::{
    engine::{Call, ComponentError},
    memory::Role,
    value::{Data, Value},
};

/// How many messages are found where nothing is said.
const FOUND: u64 = 5;

#[derive(Debug)]
pub(super) struct MemoryBase;

#[async_trait]
impl Component for MemoryBase {
    fn types(&self) -> &'static [&'static str] {
        &["MemoryBase", "MemoryBaseComponent"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["retrieve_data"]
    }

    fn tools(&self) -> &'static [(&'static str, &'static str)] {
        &[("retrieve_memory", "retrieve_data")]
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let question = words(&call.inputs.text("search_query").unwrap_or_default());
        let most = usize::try_from(call.inputs.count("top_k").unwrap_or(FOUND)).unwrap_or(usize::MAX);
        let with_metadata = call.inputs.flag("include_metadata", true);
        let turns = call.before(usize::MAX).await?;
        let mut scored: Vec<(usize, usize)> = turns
            .iter()
            .enumerate()
            .map(|(index, turn)| (words(&turn.text).intersection(&question).count(), index))
            .filter(|(score, _)| *score > 0)
            .collect();
        // The best first; of equally good ones the newest.
        scored.sort_unstable_by(|a, b| b.cmp(a));
        let rows = scored.into_iter().take(most).map(|(score, index)| {
            let turn = &turns[index];
            let mut row = json!({ "content": turn.text });
            if with_metadata {
                let sender = if turn.role == Role::User { "User" } else { "Machine" };
                #[expect(clippy::cast_precision_loss, reason = "a share of a few words")]
                let share = score as f64 / question.len().max(1) as f64;
                row["sender"] = json!(sender);
                row["_score"] = json!(share);
            }
            Data::of_json(row).data
        });
        Ok(Outputs::one("retrieve_data", Value::table(rows.collect())))
    }
}

/// Returns the words of a text that are long enough to mean something.
pub(super) fn words(text: &str) -> HashSet<String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.chars().count() > 2);
    words.map(str::to_lowercase).collect()
}
