//! Vector stores and embeddings: passages that are close to a question by what they mean.
//!
//! Langflow keeps an index beside itself, which is not part of an export. Here a store holds what the flow puts
//! into it while it runs; one that nothing is put into stands for the buyer's documents. Which model makes the
//! vectors is the host's decision, and where the host has none, words decide.

use async_trait::async_trait;
use serde_json::{Map, Value as Json, json};

use super::{Component, Outputs, memory_base::words};
use crate::{
    check::{Need, NeedKind},
    engine::{Call, ComponentError},
    flow::{Flow, Node},
    value::{Data, Value, plain},
};

/// The most passages, whatever is said.
const MOST: u64 = 100;

/// A component that stands for an embedding model.
#[derive(Debug)]
pub(super) struct EmbeddingModel {
    pub(super) types: &'static [&'static str],
}

#[async_trait]
impl Component for EmbeddingModel {
    fn types(&self) -> &'static [&'static str] {
        self.types
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["embeddings"]
    }

    fn needs(&self, node: &Node) -> Vec<Need> {
        vec![Need {
            kind: NeedKind::Embedding,
            name: String::new(),
            detail: String::new(),
            nodes: vec![node.id.clone()],
        }]
    }

    async fn run(&self, _: &Call<'_>) -> Result<Outputs, ComponentError> {
        Ok(Outputs::one("embeddings", Value::Embeddings))
    }
}

/// A store of passages.
#[derive(Debug)]
pub(super) struct VectorStore {
    pub(super) types: &'static [&'static str],
    /// How many passages are found where nothing is said.
    pub(super) found: u64,
}

#[async_trait]
impl Component for VectorStore {
    fn types(&self) -> &'static [&'static str] {
        self.types
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["search_results", "dataframe"]
    }

    fn tools(&self) -> &'static [(&'static str, &'static str)] {
        &[("search_documents", "search_results"), ("as_dataframe", "dataframe")]
    }

    fn needs(&self, node: &Node) -> Vec<Need> {
        vec![Need {
            kind: NeedKind::KnowledgeBase,
            name: String::new(),
            detail: String::new(),
            nodes: vec![node.id.clone()],
        }]
    }

    fn is_filled_by_flow(&self, flow: &Flow, node: &Node) -> bool {
        flow.edges.iter().any(|edge| edge.target == node.id && edge.field == "ingest_data")
    }

    fn missing(&self, node: &Node) -> Option<String> {
        let text = |name: &str| node.fields.get(name).map(|it| plain(&it.value)).filter(|it| !it.is_empty());
        if text("chroma_server_host").is_some() {
            return Some("a Chroma server".into());
        }
        text("search_type").filter(|it| it != "Similarity").map(|it| format!("a search by {it}"))
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let question = call.inputs.text("search_query").unwrap_or_default();
        let most = call.inputs.count("number_of_results").unwrap_or(self.found).clamp(1, MOST);
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let found = if question.trim().is_empty() { Vec::new() } else { search(call, &question, most).await? };
        let records = found.iter().map(|row| Value::data(Data::new(row.clone()))).collect();
        let mut outputs = Outputs::one("search_results", Value::List(records));
        outputs.add("dataframe", Value::table(found));
        Ok(outputs)
    }
}

async fn search(call: &Call<'_>, question: &str, most: usize) -> Result<Vec<Map<String, Json>>, ComponentError> {
    let documents: Vec<(String, Map<String, Json>)> =
        call.inputs.value("ingest_data").map(Value::items).unwrap_or_default().iter().map(document).collect();
    if documents.is_empty() {
        let passages = call.passages(question, most).await?;
        return Ok(passages
            .into_iter()
            .map(|passage| {
                let mut row = Map::new();
                for (key, value) in [("source", passage.title), ("url", passage.url)] {
                    if !value.is_empty() {
                        row.insert(key.into(), json!(value));
                    }
                }
                row.insert("text".into(), json!(passage.text));
                row
            })
            .collect());
    }
    let texts: Vec<&str> = documents.iter().map(|(text, _)| text.as_str()).collect();
    let places = closest(call, question, &texts, most).await?;
    Ok(places.into_iter().map(|at| documents[at].1.clone()).collect())
}

/// Returns the places of the texts that are closest to a question, the closest first.
pub(super) async fn closest(
    call: &Call<'_>,
    question: &str,
    texts: &[&str],
    most: usize,
) -> Result<Vec<usize>, ComponentError> {
    if texts.is_empty() || question.trim().is_empty() {
        return Ok((0..texts.len().min(most)).collect());
    }
    let mut places: Vec<(f64, usize)> = if call.can_embed() {
        let mut asked = texts.to_vec();
        asked.push(question);
        let mut vectors = call.embed(&asked).await?;
        let wanted = vectors.pop().unwrap_or_default();
        vectors.iter().enumerate().map(|(at, it)| (distance(it, &wanted), at)).collect()
    } else {
        let wanted = words(question);
        let shared = |text: &str| u32::try_from(words(text).intersection(&wanted).count()).unwrap_or(u32::MAX);
        let places = texts.iter().enumerate().map(|(at, text)| (-f64::from(shared(text)), at));
        places.filter(|(score, _)| *score < 0.0).collect()
    };
    // Of equally close ones the first.
    places.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    Ok(places.into_iter().take(most).map(|(_, at)| at).collect())
}

/// Returns a document's text, and the record that is found of it: its other fields, and the text as the last.
fn document(item: &Value) -> (String, Map<String, Json>) {
    let data = item.to_data();
    let text = data.text();
    let mut record = data.data;
    record.shift_remove(&data.text_key);
    record.insert("text".into(), json!(text));
    (text, record)
}

/// Returns the square of the distance between two vectors.
fn distance(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum()
}

/// Text Embedder: a message with its vector.
#[derive(Debug)]
pub(super) struct TextEmbedder;

#[async_trait]
impl Component for TextEmbedder {
    fn types(&self) -> &'static [&'static str] {
        &["TextEmbedderComponent"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["embeddings"]
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let text = call.inputs.text("message").unwrap_or_default();
        if text.is_empty() {
            return Err(ComponentError::Failed("there is no text to embed".into()));
        }
        let vector = call.embed(&[&text]).await?.pop().unwrap_or_default();
        Ok(Outputs::one("embeddings", Value::data(Data::of_json(json!({"text": text, "embeddings": vector})))))
    }
}

/// Embedding Similarity: how close two vectors are.
#[derive(Debug)]
pub(super) struct EmbeddingSimilarity;

#[async_trait]
impl Component for EmbeddingSimilarity {
    fn types(&self) -> &'static [&'static str] {
        &["EmbeddingSimilarityComponent"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["similarity_data"]
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let items = call.inputs.value("embedding_vectors").map(Value::items).unwrap_or_default();
        let [one, other] = items.as_slice() else {
            return Err(ComponentError::Failed("Exactly two embedding vectors are required.".into()));
        };
        let (one, other) = (one.to_data().data, other.to_data().data);
        let vector = |of: &Map<String, Json>| -> Vec<f64> {
            of.get("embeddings").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_f64).collect()
        };
        let (a, b) = (vector(&one), vector(&other));
        let score = if a.len() == b.len() {
            let pairs = || a.iter().zip(&b);
            let length = |it: &[f64]| it.iter().map(|it| it * it).sum::<f64>().sqrt();
            match call.inputs.text("similarity_metric").as_deref() {
                Some("Euclidean Distance") => {
                    json!({"euclidean_distance": pairs().map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()})
                }
                Some("Manhattan Distance") => {
                    json!({"manhattan_distance": pairs().map(|(a, b)| (a - b).abs()).sum::<f64>()})
                }
                _ => {
                    let product: f64 = pairs().map(|(a, b)| a * b).sum();
                    json!({"cosine_similarity": product / (length(&a) * length(&b))})
                }
            }
        } else {
            json!({"error": "Embeddings must have the same dimensions."})
        };
        let made = json!({
            "embedding_1": one.get("embeddings"), "embedding_2": other.get("embeddings"), "similarity_score": score,
        });
        let data = Data { text_key: "similarity_score".into(), ..Data::of_json(made) };
        Ok(Outputs::one("similarity_data", Value::data(data)))
    }
}
