//! Stores that are searched by meaning: what a flow puts into them, or the buyer's documents.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use flow::{EmbedError, Embedded, Embedder, Engine, Flow, Limit, Limits, NeedKind, Passage, RunError, RunRequest};
use serde_json::{Value, json};

use crate::parts::{Script, edge, engine, flow, node, run, run_with};

/// Knows that dogs are animals: one number for what is one, one for what is a house.
#[derive(Debug, Default)]
struct Meanings {
    asked: AtomicUsize,
    broken: bool,
}

#[async_trait]
impl Embedder for Meanings {
    async fn embed(&self, texts: &[&str]) -> Result<Embedded, EmbedError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let of = |text: &&str| {
            let text = text.to_lowercase();
            let says = |words: &[&str]| if words.iter().any(|it| text.contains(it)) { 1.0 } else { 0.0 };
            vec![says(&["dog", "cat", "animal"]), says(&["house", "roof"])]
        };
        let vectors = texts.iter().map(of).take(if self.broken { 1 } else { texts.len() }).collect();
        Ok(Embedded { vectors, tokens: texts.len() as u64 })
    }
}

fn number(number: i64) -> Value {
    json!({"type": "int", "value": number})
}

/// Splits what is stored by lines, puts it into a store and shows what is found for the message.
fn storing(lines: &str, most: i64) -> Flow {
    let handle = || json!({"type": "other", "value": "", "list": true});
    let nodes = vec![
        node("in", "ChatInput", json!({"input_value": ""})),
        node("text", "TextInput", json!({"input_value": lines})),
        node(
            "split",
            "SplitText",
            json!({"separator": "\n", "chunk_size": number(1), "chunk_overlap": number(0), "clean_output": {"type": "bool", "value": true}}),
        ),
        node("model", "OpenAIEmbeddings", json!({"model": "text-embedding-3-small"})),
        node(
            "store",
            "FAISS",
            json!({"ingest_data": handle(), "search_query": "", "embedding": {"type": "other", "value": ""}, "number_of_results": number(most)}),
        ),
        node("show", "ParserComponent", json!({"pattern": "{text}", "sep": "|", "mode": "Parser"})),
        node("out", "ChatOutput", json!({"input_value": ""})),
    ];
    let mut edges = vec![
        edge("in.message", "store.search_query"),
        edge("model.embeddings", "store.embedding"),
        edge("store.dataframe", "show.input_data"),
        edge("show.parsed_text", "out.input_value"),
    ];
    if !lines.is_empty() {
        edges.push(edge("text.text", "split.data_inputs"));
        edges.push(edge("split.dataframe", "store.ingest_data"));
    }
    flow(nodes, edges)
}

const LINES: &str = "A roof keeps the rain out.\nMy dog barks.\nCats sleep a lot.\nNothing of that.";

fn with_meanings() -> (Arc<Meanings>, Engine) {
    let meanings = Arc::new(Meanings::default());
    (meanings.clone(), engine(&Script::new(Vec::new())).with_embedder(meanings))
}

#[tokio::test]
async fn a_store_finds_what_means_the_same_among_what_the_flow_put_into_it() {
    let (meanings, engine) = with_meanings();
    let (output, _) = run(&engine, &storing(LINES, 2), "Which animals are there?").await;
    let output = output.unwrap();
    assert_eq!(output.text, "My dog barks.|Cats sleep a lot.");
    assert_eq!(meanings.asked.load(Ordering::SeqCst), 1);
    assert_eq!(output.usage.input_tokens, 5, "what the embedding model read is counted");
}

#[test]
fn a_store_that_the_flow_fills_needs_no_knowledge_base() {
    let kinds = |lines: &str| flow::check(&storing(lines, 2)).needs.iter().map(|it| it.kind).collect::<Vec<_>>();
    assert_eq!(kinds(LINES), [NeedKind::Embedding]);
    assert_eq!(kinds(""), [NeedKind::Embedding, NeedKind::KnowledgeBase]);
}

#[tokio::test]
async fn tokens_of_texts_that_are_embedded_count_for_the_limit_of_a_run() {
    let (_, engine) = with_meanings();
    let engine = engine.with_limits(Limits { tokens: 4, ..Limits::default() });
    let (output, _) = run(&engine, &storing(LINES, 2), "x").await;
    assert_eq!(output.unwrap_err(), RunError::Limit(Limit::Tokens(4)));
}

#[tokio::test]
async fn without_an_embedding_model_words_decide() {
    let engine = engine(&Script::new(Vec::new()));
    let (output, _) = run(&engine, &storing(LINES, 2), "Does your dog sleep?").await;
    assert_eq!(output.unwrap().text, "My dog barks.|Cats sleep a lot.");
}

#[tokio::test]
async fn a_store_that_nothing_is_put_into_stands_for_the_buyers_documents() {
    let (meanings, engine) = with_meanings();
    let mut request = RunRequest::new("How high?", "s");
    let passage = |text: &str| Passage { title: "Manual".into(), text: text.into(), url: String::new() };
    request.knowledge = Some(Arc::new(vec![passage("It is high."), passage("It is old."), passage("It is far.")]));
    let (output, _) = run_with(&engine, &storing("", 2), request).await;
    assert_eq!(output.unwrap().text, "It is high.|It is old.");
    assert_eq!(meanings.asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn vectors_count_as_questions_to_models_and_a_model_that_leaves_some_out_is_an_error() {
    let lines = (0..200).map(|at| format!("line {at}")).collect::<Vec<_>>().join("\n");
    let (_, engine) = with_meanings();
    let engine = engine.with_limits(Limits { model_calls: 3, ..Limits::default() });
    let (output, _) = run(&engine, &storing(&lines, 2), "x").await;
    assert_eq!(output.unwrap_err(), RunError::Limit(Limit::ModelCalls(3)));

    let broken = Arc::new(Meanings { broken: true, ..Meanings::default() });
    let (output, _) =
        run(&crate::parts::engine(&Script::new(Vec::new())).with_embedder(broken), &storing(LINES, 2), "x").await;
    assert!(output.unwrap_err().to_string().contains("too few vectors"));
}
