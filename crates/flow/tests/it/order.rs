//! Every order in which branches end gives the same outputs.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use flow::{
    Engine, Flow, ModelAnswer, ModelError, ModelProvider, ModelRequest, ModelSet, NoEvents, RunOutput, RunRequest,
    TokenSink,
};
use proptest::prelude::*;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::parts::{edge, flow, node, says};

/// Answers with what it was asked, after a time that depends on it and on a seed.
#[derive(Debug)]
struct Slow(u64);

#[async_trait]
impl ModelProvider for Slow {
    async fn complete(&self, request: &ModelRequest, _: &dyn TokenSink) -> Result<ModelAnswer, ModelError> {
        let text = &request.messages[0].text;
        let mixed = text.bytes().fold(self.0, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
        if self.0 > 0 {
            tokio::time::sleep(Duration::from_millis(mixed % 97)).await;
        }
        Ok(says(&format!("[{text}]")))
    }
}

/// Makes a flow in which each component asks a model about what up to two earlier ones said.
fn graph(links: &[(usize, usize)]) -> Flow {
    let mut nodes = vec![node("in", "ChatInput", json!({"input_value": ""}))];
    let mut edges = Vec::new();
    let says = |index: usize| if index == 0 { "in.message".to_owned() } else { format!("m{}.text_output", index - 1) };
    for (index, (a, b)) in links.iter().enumerate() {
        let template = format!("{index}:{{a}},{{b}}");
        nodes.push(node(&format!("p{index}"), "Prompt", json!({"template": template, "a": "", "b": ""})));
        nodes.push(node(&format!("m{index}"), "LanguageModelComponent", json!({"input_value": ""})));
        edges.push(edge(&says(a % (index + 1)), &format!("p{index}.a")));
        edges.push(edge(&says(b % (index + 1)), &format!("p{index}.b")));
        edges.push(edge(&format!("p{index}.prompt"), &format!("m{index}.input_value")));
        if index % 2 == 0 {
            nodes.push(node(&format!("o{index}"), "ChatOutput", json!({"input_value": ""})));
            edges.push(edge(&format!("m{index}.text_output"), &format!("o{index}.input_value")));
        }
    }
    flow(nodes, edges)
}

fn outcome(flow: &Flow, seed: u64) -> RunOutput {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let engine = Engine::new(Arc::new(ModelSet::new(Arc::new(Slow(seed)), "slow")));
    let request = RunRequest::new("x", "s");
    runtime.block_on(engine.run(flow, request, &NoEvents, CancellationToken::new())).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn the_order_in_which_branches_end_changes_nothing(
        links in prop::collection::vec((0_usize..8, 0_usize..8), 1..8),
        seeds in prop::collection::vec(1_u64..1_000_000, 3),
    ) {
        let flow = graph(&links);
        let straight = outcome(&flow, 0);
        let mut ran: Vec<&str> = straight.steps.iter().map(|step| step.node.as_str()).collect();
        ran.sort_unstable();
        for seed in seeds {
            let other = outcome(&flow, seed);
            prop_assert_eq!(&other.text, &straight.text);
            prop_assert_eq!(&other.messages, &straight.messages);
            prop_assert_eq!(other.usage, straight.usage);
            let mut also: Vec<&str> = other.steps.iter().map(|step| step.node.as_str()).collect();
            also.sort_unstable();
            prop_assert_eq!(also, ran.clone());
        }
    }
}
