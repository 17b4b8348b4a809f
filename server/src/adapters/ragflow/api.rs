//! Requests to a RAGFlow server: the key, its envelope, time, retries and bounds. Knows nothing of ours.
//!
//! What a newcomer gets wrong: the status says nothing. Almost every error comes with 200 and a `code` in the body,
//! and to some versions `{"code": 0, "data": false}` means that the key is wrong. What a message says changes between
//! versions and may be mangled, so it goes to the log, shortened, and is never looked into.

use std::time::Duration;

use futures::StreamExt as _;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, RequestBuilder, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

/// The most bytes of an answer.
const BODY_BYTES: usize = 32 * 1024 * 1024;
/// How often something is tried that may be repeated.
const TRIES: u32 = 3;
/// The first pause between tries; each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(250);
/// How long a request may take that moves no file.
const WITHIN: Duration = Duration::from_secs(20);
/// How long a file may take.
const UPLOAD: Duration = Duration::from_secs(90);
/// How long a question may take.
const QUESTION: Duration = Duration::from_secs(10);
/// Documents, and passages of one, that are asked for at once.
const PAGE: usize = 100;
/// Pages of documents that are asked for.
const PAGES: usize = 1000;
/// The most passages of one document that are taken: what is beyond, the server's own index does not list.
pub(super) const PASSAGES: usize = 10_000;
/// Passages that a question may find: from the fourth page on the server does not rank any more.
const FOUND: usize = 40;

/// Codes that may mean that something is not there, or not ours: which, depends on the version.
const NOT_THERE: [i64; 4] = [102, 103, 108, 404];
/// Codes that mean that the key is not taken.
const NO_KEY: [i64; 2] = [109, 401];
/// Codes of failures that may pass: an exception, a connection, the server itself.
const PASSING: [i64; 4] = [100, 105, 106, 500];

/// A RAGFlow server's address and key.
#[derive(Clone, Debug)]
pub(super) struct Api {
    client: reqwest::Client,
    base: String,
    key: SecretString,
}

/// What came of a request that did not succeed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// There was no connection.
    #[error("it cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// The connection broke or was too slow; something may have been done.
    #[error("the connection failed")]
    Broken(#[source] reqwest::Error),
    /// The key is not taken.
    #[error("it refuses the key")]
    Key,
    /// It says that something is wrong.
    #[error("it says {code}: {said}")]
    Said {
        /// Its code for it.
        code: i64,
        /// Its text, fit for a log.
        said: String,
    },
    /// It is something else than RAGFlow, or something stands before it.
    #[error("it answered {0}, and not as RAGFlow does")]
    Foreign(StatusCode),
}

impl Trouble {
    /// Tells whether something is not there, or not ours.
    pub(super) fn is_not_there(&self) -> bool {
        matches!(self, Self::Said { code, .. } if NOT_THERE.contains(code))
    }

    fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Broken(_) => true,
            Self::Foreign(status) => status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS,
            Self::Said { code, .. } => PASSING.contains(code),
            Self::Key => false,
        }
    }
}

/// A document as the server has it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RemoteDocument {
    pub(super) id: String,
    pub(super) name: String,
    /// How many passages it says it has made.
    pub(super) chunks: usize,
    pub(super) run: Run,
    /// What it says of the last step, fit for a log.
    pub(super) said: String,
}

/// How far a document is on the server.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Run {
    /// Nobody has asked for it.
    Unstarted,
    /// It is read; from 0 to 1.
    Running(f64),
    Done,
    /// It failed, or was cancelled.
    Failed,
}

/// A passage as the server has it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RemoteChunk {
    pub(super) id: String,
    pub(super) document: String,
    pub(super) text: String,
    /// The first and the last page, where it has any.
    pub(super) pages: Option<(i64, i64)>,
    /// Whether it may be found.
    pub(super) available: bool,
    /// What it was ranked by, and what its words and its meaning were worth; 0 where it was not found.
    pub(super) similarity: f64,
    pub(super) term: f64,
    pub(super) vector: f64,
}

impl Api {
    /// Speaks to the server at `base`.
    pub(super) fn new(base: &str, key: SecretString) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            // A redirect would take our key and the buyer's documents elsewhere.
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        let base = base.trim().trim_end_matches('/').trim_end_matches("/api/v1");
        Ok(Self { client, base: format!("{base}/api/v1"), key })
    }

    /// Asks something that takes the key and changes nothing.
    pub(super) async fn greet(&self) -> Result<(), Trouble> {
        self.once(self.request(Method::GET, "/datasets").query(&[("page", "1"), ("page_size", "1")])).await.map(drop)
    }

    /// Finds the dataset of a name; of several the oldest, which every process agrees on.
    pub(super) async fn dataset(&self, name: &str) -> Result<Option<String>, Trouble> {
        let query = [("name", name), ("page", "1"), ("page_size", "30"), ("orderby", "create_time"), ("desc", "false")];
        let found = match self.repeat(|| self.request(Method::GET, "/datasets").query(&query)).await {
            // Some versions answer an error where others answer an empty list.
            Err(trouble) if trouble.is_not_there() => return Ok(None),
            outcome => outcome?,
        };
        let mut found: Vec<&Value> =
            found.as_array().into_iter().flatten().filter(|dataset| dataset["name"] == name).collect();
        found.sort_by_key(|dataset| (dataset["create_time"].as_i64(), dataset["id"].as_str()));
        Ok(found.first().and_then(|dataset| dataset["id"].as_str()).map(str::to_owned))
    }

    /// Makes a dataset, and answers its id and what it is called, which may be another name if there was one.
    pub(super) async fn create_dataset(&self, name: &str, description: &str) -> Result<(String, String), Trouble> {
        let body = json!({"name": name, "description": description, "permission": "me", "chunk_method": "naive"});
        let made = self.once(self.request(Method::POST, "/datasets").json(&body)).await?;
        let text = |key: &str| made[key].as_str().map(str::to_owned);
        text("id").zip(text("name")).ok_or(Trouble::Foreign(StatusCode::OK))
    }

    /// Deletes a dataset.
    pub(super) async fn delete_dataset(&self, id: &str) -> Result<(), Trouble> {
        self.once(self.request(Method::DELETE, "/datasets").json(&json!({"ids": [id]}))).await.map(drop)
    }

    /// Finds the documents of a dataset whose names hold a text; none where there is no such dataset.
    pub(super) async fn documents(&self, dataset: &str, name_holds: &str) -> Result<Vec<RemoteDocument>, Trouble> {
        let path = format!("/datasets/{dataset}/documents");
        let mut all = Vec::new();
        for page in 1..=PAGES {
            let (page, size) = (page.to_string(), PAGE.to_string());
            let query = [("keywords", name_holds), ("page", &page), ("page_size", &size), ("orderby", "create_time")];
            let answer = match self.repeat(|| self.request(Method::GET, &path).query(&query)).await {
                Err(trouble) if trouble.is_not_there() => break,
                outcome => outcome?,
            };
            let some = answer["docs"].as_array().map(Vec::as_slice).unwrap_or_default();
            let documents = some.iter().filter_map(|document| self.read_document(document));
            all.extend(documents.filter(|document| document.name.contains(name_holds)));
            if some.len() < PAGE {
                break;
            }
        }
        Ok(all)
    }

    fn read_document(&self, document: &Value) -> Option<RemoteDocument> {
        let progress = document["progress"].as_f64().unwrap_or_default();
        // Words in some versions, digits in others; and either may be late.
        let run = match document["run"].as_str().unwrap_or_default() {
            "DONE" | "3" => Run::Done,
            "FAIL" | "4" | "CANCEL" | "2" => Run::Failed,
            _ if progress >= 1.0 => Run::Done,
            _ if progress < 0.0 => Run::Failed,
            "UNSTART" | "0" | "" => Run::Unstarted,
            _ => Run::Running(progress.clamp(0.0, 1.0)),
        };
        // One text in older versions, a list in newer ones.
        let said = match &document["progress_msg"] {
            Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
            other => other.as_str().unwrap_or_default().to_owned(),
        };
        Some(RemoteDocument {
            id: document["id"].as_str()?.to_owned(),
            name: document["name"].as_str()?.to_owned(),
            chunks: document["chunk_count"].as_u64().and_then(|count| usize::try_from(count).ok()).unwrap_or_default(),
            run,
            said: self.fit_for_a_log(&said),
        })
    }

    /// Sends a file, and answers the document that it has become. It isn't tried again: it may have arrived.
    pub(super) async fn upload(&self, dataset: &str, name: &str, bytes: &[u8]) -> Result<RemoteDocument, Trouble> {
        const CUT: &str = "cmp-4f1b0a6c9d2e47f3";
        let mut body = format!(
            "--{CUT}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
             content-type: application/octet-stream\r\n\r\n"
        )
        .into_bytes();
        body.extend_from_slice(bytes);
        body.extend_from_slice(format!("\r\n--{CUT}--\r\n").as_bytes());
        let request = self
            .request(Method::POST, &format!("/datasets/{dataset}/documents"))
            .header(CONTENT_TYPE, format!("multipart/form-data; boundary={CUT}"))
            .timeout(UPLOAD)
            .body(body);
        let answer = self.once(request).await?;
        let document = answer.as_array().and_then(|documents| documents.first());
        document.and_then(|document| self.read_document(document)).ok_or(Trouble::Foreign(StatusCode::OK))
    }

    /// Has a document read.
    pub(super) async fn start(&self, dataset: &str, document: &str) -> Result<(), Trouble> {
        let body = json!({"document_ids": [document]});
        self.once(self.request(Method::POST, &format!("/datasets/{dataset}/chunks")).json(&body)).await.map(drop)
    }

    /// Deletes documents; those that are gone are none of it. An empty list is not sent: several versions delete
    /// everything then.
    pub(super) async fn delete_documents(&self, dataset: &str, ids: &[String]) -> Result<(), Trouble> {
        if ids.is_empty() {
            return Ok(());
        }
        let request =
            || self.request(Method::DELETE, &format!("/datasets/{dataset}/documents")).json(&json!({ "ids": ids }));
        match self.repeat(request).await {
            Err(trouble) if !trouble.is_not_there() => Err(trouble),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Returns the passages of a document in their order.
    pub(super) async fn chunks(&self, dataset: &str, document: &str) -> Result<Vec<RemoteChunk>, Trouble> {
        let path = format!("/datasets/{dataset}/documents/{document}/chunks");
        let mut all: Vec<RemoteChunk> = Vec::new();
        let mut known = std::collections::HashSet::new();
        for page in 1..=PASSAGES / PAGE {
            let query = [("page", page.to_string()), ("page_size", PAGE.to_string())];
            let answer = self.repeat(|| self.request(Method::GET, &path).query(&query)).await?;
            let some = answer["chunks"].as_array().map(Vec::as_slice).unwrap_or_default();
            // Their order is not always the same, so that one may come on two pages.
            all.extend(some.iter().filter_map(chunk).filter(|chunk| known.insert(chunk.id.clone())));
            if some.len() < PAGE {
                break;
            }
        }
        Ok(all)
    }

    /// Finds passages in documents of a dataset, the best first.
    pub(super) async fn retrieve(
        &self,
        dataset: &str,
        documents: &[&str],
        question: &str,
        most: usize,
    ) -> Result<Vec<RemoteChunk>, Trouble> {
        let body = json!({
            "question": question,
            "dataset_ids": [dataset],
            "document_ids": documents,
            // So the oldest client calls them; whoever reads neither is seen through by what comes back.
            "documents": documents,
            "page": 1,
            "page_size": most.clamp(1, FOUND),
            "similarity_threshold": 0.2,
            "vector_similarity_weight": 0.3,
            "top_k": 1024,
            "keyword": false,
            // A text, because an older version takes everything else for yes.
            "highlight": "false",
        });
        let request = || self.request(Method::POST, "/retrieval").timeout(QUESTION).json(&body);
        let asked = tokio::time::timeout(QUESTION, self.repeat(request)).await;
        let answer = asked.unwrap_or(Err(Trouble::Foreign(StatusCode::GATEWAY_TIMEOUT)))?;
        Ok(answer["chunks"].as_array().into_iter().flatten().filter_map(chunk).collect())
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let address = format!("{}{path}", self.base);
        self.client.request(method, address).bearer_auth(self.key.expose_secret()).timeout(WITHIN)
    }

    /// Asks something that may be done twice: again when it may pass.
    async fn repeat(&self, request: impl Fn() -> RequestBuilder) -> Result<Value, Trouble> {
        let mut tried = 1;
        loop {
            match self.once(request()).await {
                Err(trouble) if trouble.may_pass() && tried < TRIES => {
                    tracing::debug!(tried, error = %trouble, "asking the RAGFlow server again");
                    tokio::time::sleep(PAUSE * 2_u32.pow(tried - 1)).await;
                }
                outcome => return outcome,
            }
            tried += 1;
        }
    }

    /// Asks once, and takes the answer out of its envelope.
    async fn once(&self, request: RequestBuilder) -> Result<Value, Trouble> {
        let response = request.send().await.map_err(|error| {
            let error = error.without_url();
            if error.is_connect() { Trouble::Unreachable(error) } else { Trouble::Broken(error) }
        })?;
        let status = response.status();
        let mut body = response.bytes_stream();
        let mut all = Vec::new();
        while let Some(piece) = body.next().await {
            all.extend_from_slice(&piece.map_err(|error| Trouble::Broken(error.without_url()))?);
            if all.len() > BODY_BYTES {
                return Err(Trouble::Foreign(status));
            }
        }
        let mut envelope: Value = serde_json::from_slice(&all).unwrap_or_default();
        let Some(code) = envelope["code"].as_i64() else {
            let refused = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
            return Err(if refused { Trouble::Key } else { Trouble::Foreign(status) });
        };
        if NO_KEY.contains(&code) || code == 0 && envelope["data"] == false {
            return Err(Trouble::Key);
        }
        if code != 0 {
            return Err(Trouble::Said {
                code,
                said: self.fit_for_a_log(envelope["message"].as_str().unwrap_or_default()),
            });
        }
        Ok(envelope["data"].take())
    }

    /// Shortens what the server said, and takes out our key and whatever else looks like one.
    fn fit_for_a_log(&self, said: &str) -> String {
        let key = self.key.expose_secret();
        let said = if key.is_empty() { said.to_owned() } else { said.replace(key, "[key]") };
        let words: Vec<&str> = said.split_whitespace().collect();
        flow::without_secrets(&words.join(" ")).chars().take(300).collect()
    }
}

/// Reads a passage. Fields have other names in a list than in an answer, and in other versions.
fn chunk(chunk: &Value) -> Option<RemoteChunk> {
    let share = |key: &str| chunk[key].as_f64().unwrap_or_default();
    let pages = chunk["positions"].as_array().into_iter().flatten().filter_map(|position| position[0].as_i64());
    let pages = pages.filter(|page| *page > 0).fold(None, |seen: Option<(i64, i64)>, page| {
        Some(seen.map_or((page, page), |(first, last)| (first.min(page), last.max(page))))
    });
    let is_off = chunk["available"] == false || chunk["available_int"] == 0;
    Some(RemoteChunk {
        id: chunk["id"].as_str()?.to_owned(),
        document: chunk["document_id"].as_str().or_else(|| chunk["doc_id"].as_str()).unwrap_or_default().to_owned(),
        text: chunk["content"].as_str().unwrap_or_default().to_owned(),
        pages,
        available: !is_off,
        similarity: share("similarity"),
        term: share("term_similarity"),
        vector: share("vector_similarity"),
    })
}
