//! Each limit ends a run with an error of its own, and whatever ran beside ends with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use flow::{
    Engine, Event, Flow, Limit, Limits, ModelAnswer, ModelError, ModelProvider, ModelRequest, ModelSet, RunError,
    RunRequest, TokenSink,
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::parts::{back, calls, edge, flow, node, run, says, tool};

/// Repeats what it is asked; calls a tool as long as it has one; says nothing for ever when it is asked to hang.
#[derive(Debug, Default)]
struct Eager {
    open: AtomicUsize,
}

struct Open<'m>(&'m AtomicUsize);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl ModelProvider for Eager {
    async fn complete(&self, request: &ModelRequest, _: &dyn TokenSink) -> Result<ModelAnswer, ModelError> {
        self.open.fetch_add(1, Ordering::SeqCst);
        let _open = Open(&self.open);
        if request.system == "hang" {
            std::future::pending::<()>().await;
        }
        tokio::task::yield_now().await;
        match request.tools.first() {
            Some(tool) => Ok(calls(&[(tool.name.as_str(), json!({"expression": "1+1"}))])),
            None => Ok(says(&"word ".repeat(200))),
        }
    }
}

/// A flow with a model beside it that never answers.
fn beside(mut nodes: Vec<Value>, mut edges: Vec<Value>) -> Flow {
    nodes.push(node("in", "ChatInput", json!({"input_value": ""})));
    nodes.push(node("out", "ChatOutput", json!({"input_value": ""})));
    nodes.push(node("silent", "LanguageModelComponent", json!({"input_value": "", "system_message": "hang"})));
    nodes.push(node("never", "ChatOutput", json!({"input_value": ""})));
    edges.push(edge("in.message", "silent.input_value"));
    edges.push(edge("silent.text_output", "never.input_value"));
    flow(nodes, edges)
}

fn asking() -> Flow {
    let ask = node("ask", "LanguageModelComponent", json!({"input_value": ""}));
    beside(vec![ask], vec![edge("in.message", "ask.input_value"), edge("ask.text_output", "out.input_value")])
}

fn working() -> Flow {
    let sums = tool(
        "sums",
        "CalculatorComponent",
        json!({"expression": {"type": "str", "value": "", "tool_mode": true}}),
        json!([{"name": "sum", "tags": ["evaluate_expression"], "args": {"expression": {"type": "string"}}}]),
    );
    let agent = node(
        "agent",
        "Agent",
        json!({"input_value": "", "tools": {"type": "other", "value": "", "list": true}, "max_iterations": {"type": "int", "value": 1_000_000}}),
    );
    let edges = vec![
        edge("in.message", "agent.input_value"),
        edge("sums.component_as_tool", "agent.tools"),
        edge("agent.response", "out.input_value"),
    ];
    beside(vec![sums, agent], edges)
}

fn going_round() -> Flow {
    let whole = |number: i64| json!({"type": "int", "value": number});
    let nodes = vec![
        node(
            "split",
            "SplitText",
            json!({"separator": "\n", "chunk_size": whole(1), "chunk_overlap": whole(0), "clean_output": {"type": "bool", "value": true}}),
        ),
        node("loop", "LoopComponent", json!({"data": {"type": "other", "value": ""}})),
        node("show", "ParserComponent", json!({"pattern": "{text}", "mode": "Parser"})),
    ];
    let edges = vec![
        edge("in.message", "split.data_inputs"),
        edge("split.dataframe", "loop.data"),
        edge("loop.item", "show.input_data"),
        back("show.parsed_text", "loop"),
        edge("loop.done", "out.input_value"),
    ];
    beside(nodes, edges)
}

/// A limit, the flow that goes past it, what is said to it, and what it ends with.
fn cases() -> Vec<(Limits, Flow, &'static str, RunError, &'static str)> {
    let free = Limits::default();
    let second = Duration::from_secs(1);
    let limit = RunError::Limit;
    vec![
        (
            Limits { wall_time: second, ..free },
            asking(),
            "x",
            RunError::Timeout(second),
            "the flow did not finish in 1 seconds",
        ),
        (
            Limits { model_calls: 5, ..free },
            working(),
            "x",
            limit(Limit::ModelCalls(5)),
            "the run was ended: it asked its models more than 5 times",
        ),
        (
            Limits { tool_calls: 3, ..free },
            working(),
            "x",
            limit(Limit::ToolCalls(3)),
            "the run was ended: it used tools more than 3 times",
        ),
        (
            Limits { tokens: 7, ..free },
            working(),
            "x",
            limit(Limit::Tokens(7)),
            "the run was ended: its models used more than 7 tokens",
        ),
        (
            Limits { held_bytes: 120, ..free },
            going_round(),
            "one\ntwo\nthree\nfour\nfive",
            limit(Limit::HeldBytes(120)),
            "the run was ended: its components produced more than 120 bytes",
        ),
        (
            Limits { held_bytes: 900, ..free },
            asking(),
            "x",
            limit(Limit::AnswerBytes(900)),
            "the run was ended: its model wrote more than 900 bytes",
        ),
        (
            Limits { loop_iterations: 2, ..free },
            going_round(),
            "a\nb\nc",
            limit(Limit::LoopIterations(2)),
            "the run was ended: its loops went round more than 2 times",
        ),
        (
            Limits { input_bytes: 4, ..free },
            asking(),
            "12345",
            RunError::Input("the message is longer than 4 bytes".into()),
            "the message is longer than 4 bytes",
        ),
    ]
}

#[tokio::test(start_paused = true)]
async fn each_limit_has_an_error_of_its_own_and_leaves_nothing_running() {
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    for (limits, flow, input, wanted, words) in cases() {
        let model = Arc::new(Eager::default());
        let engine = Engine::new(Arc::new(ModelSet::new(model.clone(), "eager"))).with_limits(limits);
        let before = tasks();
        let (output, events) = run(&engine, &flow, input).await;
        let error = output.unwrap_err();
        assert_eq!((&error, error.to_string().as_str()), (&wanted, words));
        assert_eq!((model.open.load(Ordering::SeqCst), tasks()), (0, before), "something goes on after: {words}");
        if matches!(error, RunError::Input(_)) {
            assert_eq!(events, [], "nothing began");
            continue;
        }
        let silent = events.iter().find_map(|event| match event {
            Event::StepFinished(step) if step.node == "silent" => step.error.clone(),
            _ => None,
        });
        assert_eq!(silent, Some(format!("not finished when the run ended: {words}")));
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_its_caller_leaves_ends_at_once_and_leaves_nothing_running() {
    let model = Arc::new(Eager::default());
    let engine = Engine::new(Arc::new(ModelSet::new(model.clone(), "eager")));
    let (flow, cancel) = (asking(), CancellationToken::new());
    let run = engine.run(&flow, RunRequest::new("x", "s"), &flow::NoEvents, cancel.clone());
    let leaves = async {
        while model.open.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        cancel.cancel();
    };
    let (outcome, ()) = tokio::join!(run, leaves);
    assert_eq!(outcome.unwrap_err(), RunError::Cancelled);
    assert_eq!(model.open.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn who_reads_no_events_keeps_no_run_from_ending() {
    let engine = Engine::new(Arc::new(ModelSet::new(Arc::new(Eager::default()), "eager")));
    let engine = engine.with_limits(Limits { wall_time: Duration::from_secs(1), ..Limits::default() });
    // One place, and nobody who takes what is in it.
    let (events, _unread) = tokio::sync::mpsc::channel(1);
    let began = tokio::time::Instant::now();
    let outcome = engine.run(&asking(), RunRequest::new("x", "s"), &events, CancellationToken::new()).await;
    assert_eq!(outcome.unwrap_err(), RunError::Timeout(Duration::from_secs(1)));
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}
