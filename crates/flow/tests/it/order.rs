//! Every order in which branches end gives the same outputs.

use std::ops::Add as _;
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

use crate::parts::{back, edge, flow, node, says};

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

/// Makes a flow of branches that are taken or not, loops with a model in them, and what joins them again.
fn ways(ways: &[(bool, bool, usize)]) -> Flow {
    let whole = |number: i64| json!({"type": "int", "value": number});
    let yes = json!({"type": "bool", "value": true});
    let mut nodes = vec![node("in", "ChatInput", json!({"input_value": ""}))];
    let mut edges = Vec::new();
    for (at, (taken, joins, rounds)) in ways.iter().enumerate() {
        let id = |name: &str| format!("{name}{at}");
        let matched = if *taken { "x" } else { "never said" };
        nodes.extend([
            node(
                &id("if"),
                "ConditionalRouter",
                json!({"input_text": "", "match_text": matched, "operator": "contains"}),
            ),
            node(&id("yes"), "LanguageModelComponent", json!({"input_value": ""})),
            node(&id("no"), "Prompt", json!({"template": format!("{at} no: {{said}}"), "said": ""})),
            node(&id("ask"), "LanguageModelComponent", json!({"input_value": ""})),
            node(&id("join"), "CombineText", json!({"text1": "", "text2": "", "delimiter": "|"})),
            node(&id("out"), "ChatOutput", json!({"input_value": ""})),
        ]);
        edges.extend([
            edge("in.message", &id("if").add(".input_text")),
            edge(&id("if").add(".true_result"), &id("yes").add(".input_value")),
            edge(&id("if").add(".false_result"), &id("no").add(".said")),
            edge(&id("no").add(".prompt"), &id("ask").add(".input_value")),
            edge(&id("yes").add(".text_output"), &id("join").add(".text1")),
            edge(&id("ask").add(".text_output"), &id("join").add(".text2")),
            edge(&id("join").add(".combined_text"), &id("out").add(".input_value")),
        ]);
        if *joins && at > 0 {
            // Two ways come together in one that waits for both.
            nodes.push(node(&id("both"), "CombineText", json!({"text1": "", "text2": "", "delimiter": "&"})));
            nodes.push(node(&id("sum"), "ChatOutput", json!({"input_value": ""})));
            edges.push(edge(&format!("join{}.combined_text", at - 1), &id("both").add(".text1")));
            edges.push(edge(&id("join").add(".combined_text"), &id("both").add(".text2")));
            edges.push(edge(&id("both").add(".combined_text"), &id("sum").add(".input_value")));
        }
        if *rounds > 0 {
            let items = (0..*rounds).map(|it| format!("{at}.{it}")).collect::<Vec<_>>().join("\n");
            nodes.extend([
                node(&id("items"), "Prompt", json!({"template": format!("{{said}}\n{items}"), "said": ""})),
                node(
                    &id("split"),
                    "SplitText",
                    json!({"separator": "\n", "chunk_size": whole(1), "chunk_overlap": whole(0), "clean_output": yes}),
                ),
                node(&id("loop"), "LoopComponent", json!({"data": {"type": "other", "value": ""}})),
                node(&id("show"), "ParserComponent", json!({"pattern": "{text}", "mode": "Parser"})),
                node(&id("each"), "LanguageModelComponent", json!({"input_value": ""})),
                node(&id("done"), "ChatOutput", json!({"input_value": ""})),
            ]);
            edges.extend([
                edge("in.message", &id("items").add(".said")),
                edge(&id("items").add(".prompt"), &id("split").add(".data_inputs")),
                edge(&id("split").add(".dataframe"), &id("loop").add(".data")),
                edge(&id("loop").add(".item"), &id("show").add(".input_data")),
                edge(&id("show").add(".parsed_text"), &id("each").add(".input_value")),
                back(&id("each").add(".text_output"), &id("loop")),
                edge(&id("loop").add(".done"), &id("done").add(".input_value")),
            ]);
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
        is_always_the_same(&graph(&links), &seeds)?;
    }

    #[test]
    fn the_order_in_which_ways_and_rounds_end_changes_nothing(
        parts in prop::collection::vec((any::<bool>(), any::<bool>(), 0_usize..4), 1..5),
        seeds in prop::collection::vec(1_u64..1_000_000, 3),
    ) {
        is_always_the_same(&ways(&parts), &seeds)?;
    }
}

fn is_always_the_same(flow: &Flow, seeds: &[u64]) -> Result<(), TestCaseError> {
    let ran = |output: &RunOutput| {
        let mut nodes: Vec<String> = output.steps.iter().map(|step| step.node.clone()).collect();
        nodes.sort_unstable();
        nodes
    };
    let straight = outcome(flow, 0);
    for seed in seeds {
        let other = outcome(flow, *seed);
        prop_assert_eq!(&other.text, &straight.text);
        prop_assert_eq!(&other.messages, &straight.messages);
        prop_assert_eq!(other.usage, straight.usage);
        prop_assert_eq!(ran(&other), ran(&straight));
    }
    Ok(())
}
