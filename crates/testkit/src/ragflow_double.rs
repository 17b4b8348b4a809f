//! A double of a RAGFlow server, made after its published API: its paths, its envelope, and the traps of three of its
//! versions. `cargo xtask prove ragflow` lets RAGFlow's own Python client check it.
//!
//! It reads texts, HTML and PDFs that say their words plainly; what else it is sent fails, as a damaged file does on a
//! real server. Reading is three looks at a document long, and what was read can be found one look later, so that no
//! test has to wait.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Json;
use axum::extract::{FromRequest as _, Multipart, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The key that the double takes.
pub const RAGFLOW_KEY: &str = "ragflow-key-of-the-double-0123456789";

/// Which version it behaves as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RagflowVersion {
    /// 0.14: an empty list of ids deletes everything, errors are told as code 0 or mangled, an empty dataset has no
    /// list of documents, and a document that was read can't be read again.
    V014,
    /// 0.22: a name that is taken is changed, most shapes are the later ones.
    V022,
    /// 0.27: statuses for wrong keys, nothing is deleted by accident.
    V027,
}

/// A double that listens; it ends with this.
#[derive(Debug)]
pub struct RagflowDouble {
    /// Where.
    pub address: SocketAddr,
    state: Arc<Double>,
    server: JoinHandle<()>,
}

#[derive(Debug)]
struct Double {
    version: RagflowVersion,
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    datasets: Vec<Dataset>,
    made: u64,
    /// `POST /path` of each request, and its body where that is JSON.
    heard: Vec<(String, Value)>,
    /// What the next requests are answered with.
    failures: VecDeque<(u16, &'static str)>,
}

#[derive(Debug)]
struct Dataset {
    id: String,
    name: String,
    description: Value,
    chunk_method: Value,
    made: u64,
    documents: Vec<Held>,
}

#[derive(Debug)]
struct Held {
    id: String,
    name: String,
    bytes: Vec<u8>,
    chunk_method: Value,
    run: Run,
    made: u64,
    chunks: Vec<HeldChunk>,
    /// Whether the index has taken up what was read.
    refreshed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Run {
    Unstarted,
    Running(u8),
    Cancelled,
    Done,
    Failed,
}

#[derive(Clone, Debug)]
struct HeldChunk {
    id: String,
    content: String,
    positions: Value,
    important: Value,
    questions: Value,
    available: bool,
}

/// What an answer is: data, or a code with its message.
type Outcome = Result<Option<Value>, (i64, String)>;

impl Drop for RagflowDouble {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl RagflowDouble {
    /// Listens on a free port of loopback.
    pub async fn start(version: RagflowVersion) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Double { version, inside: Mutex::default() });
        let router = axum::Router::new()
            .fallback(answer)
            .layer(axum::extract::DefaultBodyLimit::max(64 << 20))
            .with_state(state.clone());
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Self { address, state, server }
    }

    /// Returns the address of its API, as settings have it.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the requests so far whose line begins so.
    pub fn heard(&self, line: &str) -> Vec<Value> {
        let inside = self.state.inside();
        inside.heard.iter().filter(|(it, _)| it.starts_with(line)).map(|(_, body)| body.clone()).collect()
    }

    /// Answers a request to come with a status and a body.
    pub fn fail_next(&self, status: u16, body: &'static str) {
        self.state.inside().failures.push_back((status, body));
    }

    /// Returns the names of all datasets, each with those of its documents.
    pub fn held(&self) -> Vec<(String, Vec<String>)> {
        let inside = self.state.inside();
        let names = |dataset: &Dataset| dataset.documents.iter().map(|held| held.name.clone()).collect();
        inside.datasets.iter().map(|dataset| (dataset.name.clone(), names(dataset))).collect()
    }

    /// Loses the documents whose names hold a text, as when somebody deletes them on the server.
    pub fn lose(&self, name_holds: &str) {
        for dataset in &mut self.state.inside().datasets {
            dataset.documents.retain(|held| !held.name.contains(name_holds));
        }
    }

    /// Loses everything.
    pub fn lose_all(&self) {
        self.state.inside().datasets.clear();
    }
}

impl Double {
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap()
    }

    /// Tells what is wrong with a key, in this version's way.
    fn refusal(&self, headers: &HeaderMap) -> Option<(u16, Value)> {
        let told = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let words: Vec<&str> = told.unwrap_or_default().split_whitespace().collect();
        if words == ["Bearer", RAGFLOW_KEY] {
            return None;
        }
        let message = "Authentication error: API key is invalid!";
        Some(match self.version {
            RagflowVersion::V014 if told.is_none() => {
                (200, json!({"code": 100, "message": "AttributeError(\"'NoneType' object has no attribute 'split'\")"}))
            }
            RagflowVersion::V014 | RagflowVersion::V022 if words.len() != 2 => {
                (200, json!({"code": 0, "data": false, "message": "Please check your authorization format."}))
            }
            RagflowVersion::V014 | RagflowVersion::V022 => {
                (200, json!({"code": 109, "data": false, "message": message}))
            }
            RagflowVersion::V027 => (401, json!({"code": 401, "message": "<Unauthorized '401: Unauthorized'>"})),
        })
    }

    fn envelope(&self, outcome: Outcome) -> Response {
        let body = match outcome {
            Ok(None) => json!({"code": 0}),
            Ok(Some(data)) => json!({"code": 0, "data": data}),
            // It tries to say its own name less often.
            Err((code, message)) if self.version == RagflowVersion::V014 => {
                json!({"code": code, "message": message.replace("rag", "seceum").replace("RAG", "seceum")})
            }
            Err((code, message)) => json!({"code": code, "message": message}),
        };
        Json(body).into_response()
    }
}

async fn answer(State(double): State<Arc<Double>>, request: Request) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let line = format!("{method} {path}");
    let failure = double.inside().failures.pop_front();
    if let Some((status, body)) = failure {
        double.inside().heard.push((line, Value::Null));
        return (StatusCode::from_u16(status).unwrap(), body).into_response();
    }
    if let Some((status, body)) = double.refusal(request.headers()) {
        return (StatusCode::from_u16(status).unwrap(), Json(body)).into_response();
    }
    let query: HashMap<String, String> = request
        .uri()
        .query()
        .map(|query| axum::extract::Query::try_from_uri(&format!("http://x/?{query}").parse().unwrap()))
        .and_then(Result::ok)
        .map(|axum::extract::Query(pairs)| pairs)
        .unwrap_or_default();
    let is_form = request
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.to_str().is_ok_and(|kind| kind.starts_with("multipart/form-data")));
    let mut files = Vec::new();
    let mut body = Value::Null;
    if is_form {
        let mut form = Multipart::from_request(request, &()).await.unwrap();
        while let Some(field) = form.next_field().await.unwrap() {
            if field.name() == Some("file") {
                let name = field.file_name().unwrap_or_default().to_owned();
                files.push((name, field.bytes().await.unwrap().to_vec()));
            }
        }
    } else {
        let bytes = axum::body::to_bytes(request.into_body(), 32 << 20).await.unwrap_or_default();
        body = serde_json::from_slice(&bytes).unwrap_or_default();
    }
    let mut inside = double.inside();
    inside.heard.push((line, body.clone()));
    let Some(path) = path.strip_prefix("/api/v1/") else { return StatusCode::NOT_FOUND.into_response() };
    let parts: Vec<&str> = path.trim_end_matches('/').split('/').collect();
    let version = double.version;
    let outcome = match (method.as_str(), parts.as_slice()) {
        ("POST", ["datasets"]) => inside.create(version, &body),
        ("GET", ["datasets"]) => inside.list(version, &query),
        ("DELETE", ["datasets"]) => inside.delete(version, &body),
        ("POST", ["retrieval"]) => inside.retrieve(version, &body),
        (_, ["datasets", id, rest @ ..]) => {
            // Uploads look whether the dataset is there, and say otherwise what a program says that did not expect it.
            let missing = match (&method, rest) {
                (&Method::POST, ["documents"]) if version == RagflowVersion::V014 => {
                    (100, format!("LookupError(\"Can't find the dataset with ID {id}!\")"))
                }
                _ => (102, format!("You don't own the dataset {id}.")),
            };
            let mut made = inside.made;
            let known = inside.datasets.iter().any(|other| other.name == body["name"] && other.id != **id);
            match inside.datasets.iter_mut().find(|dataset| dataset.id == **id) {
                None => Err(missing),
                Some(_) if rest.is_empty() && known => {
                    Err((102, "Duplicated dataset name in updating dataset.".to_owned()))
                }
                Some(dataset) => {
                    if let (&Method::GET, ["documents", document]) = (&method, rest)
                        && let Some(held) = dataset.documents.iter().find(|held| held.id == **document)
                    {
                        let kind = [(header::CONTENT_TYPE, "application/octet-stream")];
                        return (kind, held.bytes.clone()).into_response();
                    }
                    let outcome = dataset.answer(version, &method, rest, &query, &body, files, &mut made);
                    inside.made = made;
                    outcome
                }
            }
        }
        _ => return (StatusCode::NOT_FOUND, Json(json!({"code": 404, "message": "Not Found"}))).into_response(),
    };
    drop(inside);
    double.envelope(outcome)
}

impl Inside {
    fn fresh(&mut self) -> (String, u64) {
        self.made += 1;
        (format!("{:032x}", u128::from(self.made) | 0xd0_0b1e << 96), self.made)
    }

    fn create(&mut self, version: RagflowVersion, body: &Value) -> Outcome {
        let mut name = body["name"].as_str().unwrap_or_default().trim().to_owned();
        if name.is_empty() || name.len() > 128 {
            return Err((101, "`name` is not valid".to_owned()));
        }
        if let Some(known) = body.as_object().and_then(|fields| {
            let known = [
                "name",
                "avatar",
                "description",
                "language",
                "embedding_model",
                "permission",
                "chunk_method",
                "parser_config",
            ];
            fields.keys().find(|key| !known.contains(&key.as_str())).cloned()
        }) {
            return Err((101, format!("Extra inputs are not permitted: {known}")));
        }
        if let Some(method) = body["chunk_method"].as_str().filter(|method| !METHODS.contains(method)) {
            return Err((101, format!("'{method}' is not in {METHODS:?}")));
        }
        if self.datasets.iter().any(|dataset| dataset.name == name) {
            if version == RagflowVersion::V014 {
                return Err((102, "Duplicated dataset name in creating dataset.".to_owned()));
            }
            name += "(1)";
        }
        let (id, made) = self.fresh();
        let chunk_method = body["chunk_method"].as_str().unwrap_or("naive").into();
        let dataset =
            Dataset { id, name, description: body["description"].clone(), chunk_method, made, documents: Vec::new() };
        let view = dataset.view();
        self.datasets.push(dataset);
        Ok(Some(view))
    }

    fn list(&self, version: RagflowVersion, query: &HashMap<String, String>) -> Outcome {
        let wanted = |key: &str| query.get(key).filter(|value| !value.is_empty());
        let found: Vec<&Dataset> = self
            .datasets
            .iter()
            .filter(|dataset| wanted("id").is_none_or(|id| dataset.id == *id))
            .filter(|dataset| wanted("name").is_none_or(|name| dataset.name == *name))
            .collect();
        if let (true, Some(unknown)) = (found.is_empty(), wanted("id").or(wanted("name"))) {
            let code = if version == RagflowVersion::V014 { 102 } else { 108 };
            return Err((code, format!("User doesn't own the dataset {unknown}")));
        }
        let mut views: Vec<Value> = found.into_iter().map(Dataset::view).collect();
        if wanted("desc").is_none_or(|desc| !desc.eq_ignore_ascii_case("false")) {
            views.reverse();
        }
        Ok(Some(page(views, query).into()))
    }

    fn delete(&mut self, version: RagflowVersion, body: &Value) -> Outcome {
        let ids = ids(&body["ids"]);
        if ids.is_empty() {
            if version < RagflowVersion::V027 || body["delete_all"] == true {
                self.datasets.clear();
            }
            return Ok(None);
        }
        if let Some(unknown) = ids.iter().find(|id| self.datasets.iter().all(|dataset| dataset.id != **id)) {
            return Err((102, format!("You don't own the dataset {unknown}")));
        }
        self.datasets.retain(|dataset| !ids.contains(&dataset.id));
        Ok(None)
    }

    fn retrieve(&self, version: RagflowVersion, body: &Value) -> Outcome {
        let (datasets, mut documents) = (ids(&body["dataset_ids"]), ids(&body["document_ids"]));
        if version == RagflowVersion::V014 && documents.is_empty() {
            // So its client calls them.
            documents = ids(&body["documents"]);
        }
        if datasets.is_empty() {
            return Err((102, "`dataset_ids` is required.".to_owned()));
        }
        let Some(question) = body["question"].as_str() else {
            return Err((102, "`question` is required.".to_owned()));
        };
        let mut searched = Vec::new();
        for id in &datasets {
            let dataset = self.datasets.iter().find(|dataset| dataset.id == *id);
            searched.push(dataset.ok_or_else(|| (102, format!("You don't own the dataset {id}.")))?);
        }
        let held = || searched.iter().flat_map(|dataset| dataset.documents.iter().map(move |held| (*dataset, held)));
        if let Some(foreign) = documents.iter().find(|id| held().all(|(_, held)| held.id != **id)) {
            return Err((102, format!("The datasets don't own the document {foreign}")));
        }
        let threshold = body["similarity_threshold"].as_f64().unwrap_or(0.2);
        let weight = body["vector_similarity_weight"].as_f64().unwrap_or(0.3);
        let asked = words(question);
        let search = |documents: &[String]| -> Vec<(f64, Value)> {
            let mut found = Vec::new();
            for (dataset, held) in held().filter(|(_, held)| held.refreshed) {
                if !documents.is_empty() && !documents.contains(&held.id) {
                    continue;
                }
                for chunk in held.chunks.iter().filter(|chunk| chunk.available) {
                    let there = words(&format!("{} {} {}", chunk.content, chunk.important, chunk.questions));
                    let common = asked.intersection(&there).count() as f64;
                    let term = if asked.is_empty() { 0.0 } else { common / asked.len() as f64 };
                    let vector = common / ((asked.len() * there.len()) as f64).sqrt().max(1.0);
                    let similarity = (1.0 - weight) * term + weight * vector;
                    if common == 0.0 || similarity < threshold {
                        continue;
                    }
                    let place = if version == RagflowVersion::V027 { "dataset_id" } else { "kb_id" };
                    let mut view = json!({
                        "id": chunk.id, "content": chunk.content, "document_id": held.id,
                        "document_keyword": held.name, "similarity": similarity, "term_similarity": term,
                        "vector_similarity": vector, "positions": chunk.positions, "image_id": "",
                        "important_keywords": chunk.important,
                    });
                    view[place] = json!(dataset.id);
                    // Anything but a text that says no is yes in the oldest.
                    let wants = &body["highlight"];
                    let says_no = wants.as_str().is_some_and(|text| text.eq_ignore_ascii_case("false"));
                    if !says_no && (version == RagflowVersion::V014 || *wants == true || wants == "true") {
                        view["highlight"] = json!(format!("<em>{}</em>", chunk.content));
                    }
                    found.push((similarity, view));
                }
            }
            found
        };
        let mut found = search(&documents);
        if found.is_empty() {
            // It tries harder, and forgets which documents it was asked about.
            found = search(&[]);
        }
        found.sort_by(|a, b| b.0.total_cmp(&a.0));
        let total = found.len();
        let size = usize::try_from(body["page_size"].as_u64().unwrap_or(30)).unwrap_or(30);
        let first = usize::try_from(body["page"].as_u64().unwrap_or(1)).unwrap_or(1).saturating_sub(1) * size;
        let chunks: Vec<Value> = found.into_iter().skip(first).take(size).map(|(_, view)| view).collect();
        Ok(Some(json!({"chunks": chunks, "doc_aggs": [], "total": total})))
    }
}

const METHODS: [&str; 13] = [
    "naive",
    "manual",
    "qa",
    "table",
    "paper",
    "book",
    "laws",
    "presentation",
    "picture",
    "one",
    "knowledge_graph",
    "email",
    "tag",
];

impl Dataset {
    fn view(&self) -> Value {
        json!({
            "id": self.id, "name": self.name, "description": self.description, "avatar": null,
            "chunk_method": self.chunk_method, "embedding_model": "BAAI/bge-large-zh-v1.5@BAAI", "language": "English",
            "permission": "me", "parser_config": {"chunk_token_num": 128, "delimiter": "\\n"}, "status": "1",
            "similarity_threshold": 0.2, "vector_similarity_weight": 0.3, "create_time": self.made * 1000,
            "document_count": self.documents.len(), "token_num": 0,
            "chunk_count": self.documents.iter().map(|held| held.chunks.len()).sum::<usize>(),
        })
    }

    #[expect(clippy::too_many_arguments, reason = "it is all of a request")]
    fn answer(
        &mut self,
        version: RagflowVersion,
        method: &Method,
        rest: &[&str],
        query: &HashMap<String, String>,
        body: &Value,
        files: Vec<(String, Vec<u8>)>,
        made: &mut u64,
    ) -> Outcome {
        match (method.as_str(), rest) {
            ("PUT", []) => {
                if let Some(name) = body["name"].as_str() {
                    name.clone_into(&mut self.name);
                }
                let view = self.view();
                Ok((version > RagflowVersion::V014).then_some(view))
            }
            ("POST", ["documents"]) => self.upload(version, files, made),
            ("GET", ["documents"]) => self.documents(version, query),
            ("DELETE", ["documents"]) => {
                let wanted = ids(&body["ids"]);
                if wanted.is_empty() {
                    if version < RagflowVersion::V027 || body["delete_all"] == true {
                        self.documents.clear();
                    }
                    return Ok(None);
                }
                let unknown = wanted.iter().find(|id| self.documents.iter().all(|held| held.id != **id)).cloned();
                self.documents.retain(|held| !wanted.contains(&held.id));
                match unknown {
                    Some(unknown) => Err((102, format!("Documents not found: ['{unknown}']"))),
                    None => Ok(None),
                }
            }
            ("POST", ["chunks"]) => self.each(&ids(&body["document_ids"]), |held| {
                let may = match version {
                    RagflowVersion::V014 => held.run == Run::Unstarted,
                    RagflowVersion::V022 | RagflowVersion::V027 => !matches!(held.run, Run::Running(_)),
                };
                if !may {
                    return Err((102, "Can't stop parsing document with progress at 0 or 100".to_owned()));
                }
                held.run = Run::Running(0);
                held.chunks.clear();
                held.refreshed = false;
                Ok(())
            }),
            ("DELETE", ["chunks"]) => {
                let stopped = self.each(&ids(&body["document_ids"]), |held| {
                    if !matches!(held.run, Run::Running(_)) {
                        return Err((102, "Can't stop parsing document with progress at 0 or 1".to_owned()));
                    }
                    held.run = Run::Cancelled;
                    Ok(())
                });
                // It has done it, and then trips over itself.
                if stopped.is_ok() && version == RagflowVersion::V014 {
                    return Err((100, "AttributeError(\"'list' object has no attribute 'id'\")".to_owned()));
                }
                stopped
            }
            (_, ["documents", id, rest @ ..]) => match self.documents.iter_mut().find(|held| held.id == **id) {
                Some(held) => held.answer(version, &self.id, method, rest, query, body),
                None => Err((102, format!("You don't own the document {id}."))),
            },
            _ => Err((404, "Not Found".to_owned())),
        }
    }

    fn each(&mut self, ids: &[String], mut work: impl FnMut(&mut Held) -> Result<(), (i64, String)>) -> Outcome {
        if ids.is_empty() {
            return Err((102, "`document_ids` is required".to_owned()));
        }
        for id in ids {
            let held = self.documents.iter_mut().find(|held| held.id == *id);
            work(held.ok_or_else(|| (102, format!("You don't own the document {id}.")))?)?;
        }
        Ok(None)
    }

    fn upload(&mut self, version: RagflowVersion, files: Vec<(String, Vec<u8>)>, made: &mut u64) -> Outcome {
        if files.is_empty() {
            return Err((101, "No file part!".to_owned()));
        }
        let mut views = Vec::new();
        for (name, bytes) in files {
            let (stem, ending) = name.rsplit_once('.').unwrap_or((&name, ""));
            if name.is_empty() || !READ.contains(&ending) {
                return Err((500, format!("{name}: This type of file has not been supported yet!")));
            }
            let mut called = name.clone();
            let mut again = 0;
            while self.documents.iter().any(|held| held.name == called) {
                again += 1;
                called = format!("{stem}({again}).{ending}");
            }
            *made += 1;
            let id = format!("{:032x}", u128::from(*made) | 0xd0_c0 << 96);
            let chunk_method = self.chunk_method.clone();
            let held = Held {
                id,
                name: called,
                bytes,
                chunk_method,
                run: Run::Unstarted,
                made: *made,
                chunks: Vec::new(),
                refreshed: false,
            };
            views.push(held.view(version, &self.id));
            self.documents.push(held);
        }
        Ok(Some(views.into()))
    }

    fn documents(&mut self, version: RagflowVersion, query: &HashMap<String, String>) -> Outcome {
        let wanted = |key: &str| query.get(key).filter(|value| !value.is_empty());
        if version == RagflowVersion::V014 && self.documents.is_empty() && wanted("id").is_none() {
            return Err((102, "You don't own the document None.".to_owned()));
        }
        let mut found = Vec::new();
        for held in &mut self.documents {
            let fits = wanted("id").is_none_or(|id| held.id == *id)
                && wanted("name").is_none_or(|name| held.name == *name)
                && wanted("keywords").is_none_or(|part| held.name.to_lowercase().contains(&part.to_lowercase()));
            if fits {
                // A look is a step.
                held.go_on();
                found.push((held.made, held.view(version, &self.id)));
            }
        }
        if let (true, Some(unknown)) = (found.is_empty(), wanted("id").or(wanted("name"))) {
            return Err((102, format!("You don't own the document {unknown}.")));
        }
        let total = found.len();
        if wanted("desc").is_none_or(|desc| !desc.eq_ignore_ascii_case("false")) {
            found.reverse();
        }
        let views = page(found.into_iter().map(|(_, view)| view).collect(), query);
        Ok(Some(json!({"total": total, "docs": views})))
    }
}

/// Endings of files that are taken.
const READ: [&str; 22] = [
    "pdf", "doc", "docx", "ppt", "pptx", "xls", "xlsx", "csv", "txt", "md", "mdx", "htm", "html", "json", "eml", "png",
    "jpg", "jpeg", "gif", "tif", "bmp", "webp",
];

impl Held {
    fn view(&self, version: RagflowVersion, dataset: &str) -> Value {
        let (word, digit, progress) = match self.run {
            Run::Unstarted => ("UNSTART", "0", 0.0),
            Run::Running(steps) => ("RUNNING", "1", f64::from(steps) * 0.3),
            Run::Cancelled => ("CANCEL", "2", 0.0),
            Run::Done => ("DONE", "3", 1.0),
            Run::Failed => ("FAIL", "4", -1.0),
        };
        let message = if self.run == Run::Failed { "[ERROR]Internal server error while chunking" } else { "" };
        let mut view = json!({
            "id": self.id, "name": self.name, "dataset_id": dataset, "size": self.bytes.len(), "type": "doc",
            "chunk_method": self.chunk_method, "chunk_count": self.chunks.len(), "token_count": 0,
            "progress": progress, "progress_msg": message, "run": word, "status": "1", "source_type": "local",
            "create_time": self.made * 1000, "process_duration": 0.0, "thumbnail": "", "created_by": "double",
            "parser_config": {"chunk_token_num": 128},
        });
        if version == RagflowVersion::V027 {
            view["progress_msg"] = json!([message]);
            view["run"] = json!(digit);
        }
        view
    }

    fn go_on(&mut self) {
        self.run = match self.run {
            Run::Running(steps) if steps < 3 => Run::Running(steps + 1),
            Run::Running(_) => match read(&self.name, &self.bytes) {
                Some(chunks) => {
                    self.chunks =
                        chunks.into_iter().map(|(content, positions)| self.chunk(content, positions)).collect();
                    Run::Done
                }
                None => Run::Failed,
            },
            other => other,
        };
    }

    fn chunk(&self, content: String, positions: Value) -> HeldChunk {
        let mut hasher = DefaultHasher::new();
        (&self.id, &content).hash(&mut hasher);
        let id = format!("{:016x}", hasher.finish());
        HeldChunk { id, content, positions, important: json!([]), questions: json!([]), available: true }
    }

    fn answer(
        &mut self,
        version: RagflowVersion,
        dataset: &str,
        method: &Method,
        rest: &[&str],
        query: &HashMap<String, String>,
        body: &Value,
    ) -> Outcome {
        match (method.as_str(), rest) {
            ("PUT", []) => {
                if let Some(name) = body["name"].as_str() {
                    let ending = |name: &str| name.rsplit_once('.').map(|(_, ending)| ending.to_owned());
                    if ending(name) != ending(&self.name) {
                        return Err((101, "The extension of file can't be changed".to_owned()));
                    }
                    name.clone_into(&mut self.name);
                }
                if let Some(method) = body["chunk_method"].as_str() {
                    if !METHODS.contains(&method) {
                        return Err((102, format!("`chunk_method` {method} doesn't exist")));
                    }
                    self.chunk_method = json!(method);
                    self.run = Run::Unstarted;
                }
                let view = self.view(version, dataset);
                Ok((version > RagflowVersion::V014).then_some(view))
            }
            ("GET", ["chunks"]) => {
                // The index takes up what was read between two looks.
                let shown = if self.refreshed { self.chunks.as_slice() } else { &[] };
                let views: Vec<Value> = shown
                    .iter()
                    .filter(|chunk| query.get("id").is_none_or(|id| id.is_empty() || chunk.id == *id))
                    .filter(|chunk| query.get("keywords").is_none_or(|part| chunk.content.contains(part.as_str())))
                    .map(|chunk| chunk.view(version, &self.id, &self.name))
                    .collect();
                let total = views.len();
                self.refreshed = true;
                Ok(Some(json!({"total": total, "chunks": page(views, query), "doc": self.view(version, dataset)})))
            }
            ("POST", ["chunks"]) => {
                let Some(content) = body["content"].as_str().filter(|content| !content.trim().is_empty()) else {
                    return Err((102, "`content` is required".to_owned()));
                };
                let mut chunk = self.chunk(content.to_owned(), json!([]));
                chunk.important = body["important_keywords"].clone();
                chunk.questions = body["questions"].clone();
                let view = chunk.view(version, &self.id, &self.name);
                self.chunks.push(chunk);
                self.refreshed = true;
                Ok(Some(json!({ "chunk": view })))
            }
            ("DELETE", ["chunks"]) => {
                let wanted = ids(&body["chunk_ids"]);
                if wanted.is_empty() && version == RagflowVersion::V027 {
                    return Ok(None);
                }
                self.chunks.retain(|chunk| !wanted.is_empty() && !wanted.contains(&chunk.id));
                Ok(None)
            }
            ("PUT", ["chunks", id]) => match self.chunks.iter_mut().find(|chunk| chunk.id == **id) {
                Some(chunk) => {
                    if let Some(content) = body["content"].as_str() {
                        content.clone_into(&mut chunk.content);
                    }
                    if let Some(available) = body.get("available") {
                        chunk.available = available == true || available == 1;
                    }
                    Ok(None)
                }
                None => Err((102, format!("You don't own the chunk {id}"))),
            },
            ("GET", []) => Err((102, "The dataset not own the document.".to_owned())),
            _ => Err((404, "Not Found".to_owned())),
        }
    }
}

impl HeldChunk {
    fn view(&self, version: RagflowVersion, document: &str, name: &str) -> Value {
        let mut view = json!({
            "id": self.id, "content": self.content, "document_id": document, "docnm_kwd": name,
            "important_keywords": self.important, "questions": self.questions, "image_id": "",
            "positions": self.positions, "available": self.available,
        });
        if version == RagflowVersion::V014 {
            view["important_keywords"] = json!("");
            if self.positions == json!([]) {
                view["positions"] = json!([""]);
            }
        }
        view
    }
}

/// Reads a file into passages with their places; nothing where it can't be.
fn read(name: &str, bytes: &[u8]) -> Option<Vec<(String, Value)>> {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending).unwrap_or_default();
    let pages: Vec<String> = match ending {
        "pdf" => {
            let text = String::from_utf8_lossy(bytes).into_owned();
            let streams =
                text.split("\nstream\n").skip(1).map(|rest| rest.split("endstream").next().unwrap_or_default());
            streams
                .map(|stream| {
                    let pieces = stream.split(") Tj").filter_map(|piece| piece.split_once('(').map(|(_, words)| words));
                    pieces.collect::<Vec<_>>().join(" ")
                })
                .collect()
        }
        "htm" | "html" => {
            let text = String::from_utf8(bytes.to_vec()).ok()?;
            let text: String = text
                .split('<')
                .map(|piece| piece.split_once('>').map_or(piece, |(_, after)| after))
                .collect::<Vec<_>>()
                .join(" ");
            vec![text]
        }
        "txt" | "md" | "mdx" | "csv" | "json" | "eml" => vec![String::from_utf8(bytes.to_vec()).ok()?],
        "png" | "jpg" | "jpeg" | "gif" | "tif" | "bmp" | "webp" => Vec::new(),
        _ => return None,
    };
    let mut chunks = Vec::new();
    for (text, page) in pages.iter().zip(1..) {
        let words: Vec<&str> = text.split_inclusive(char::is_whitespace).collect();
        for some in words.chunks(128) {
            let content = some.concat().trim().to_owned();
            if !content.is_empty() {
                // What has no pages is given its own number in their place.
                let at: i64 = if ending == "pdf" { page } else { i64::try_from(chunks.len()).unwrap_or(0) + 1 };
                chunks.push((content, json!([[at, at, at, at, at]])));
            }
        }
    }
    Some(chunks)
}

fn words(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.chars().count() > 2).map(str::to_lowercase).collect()
}

fn ids(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn page(all: Vec<Value>, query: &HashMap<String, String>) -> Vec<Value> {
    let number = |key: &str, other: usize| query.get(key).and_then(|text| text.parse().ok()).unwrap_or(other).max(1);
    let size = number("page_size", 30);
    all.into_iter().skip((number("page", 1) - 1) * size).take(size).collect()
}
