//! A Langflow server as the `AgentRuntime` port: `lfx serve`, or Langflow itself.
//!
//! What a newcomer would get wrong: a server keeps nobody apart for us. In Langflow each organization has a folder
//! with its own copy of a flow, and each conversation a session made of organization, config and our session; an
//! `lfx serve` remembers nothing and takes no changes with a run, so there a flow is placed as it is to run, and
//! the conversation goes in front of the message. Inputs and tweaks are checked here, because servers take
//! whatever they are sent.

mod answer;
mod http;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use domain::view::agent::{FlowClass, RemoteRuntime};
use domain::{FlowVersionId, OrganizationId};
use flow::{Changes, RemoteFlow};
use futures::StreamExt as _;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use services::ports::{
    AgentRuntime, ImportRefused, ImportedFlow, Provision, RunEvent, RunOutput, RunRequest, RuntimeChoice, RuntimeError,
};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::answer::{Answer, Events, Failure};
use self::http::{Http, Trouble};
use super::kept::KeptFlows;
use super::runtime;
use crate::config::{LangflowKind, LangflowSection};

/// What marks a stored flow as one for a Langflow server; the export is below it.
const MARK: &str = "langflow";
/// Flows that are kept read.
const KEPT: usize = 200;
/// Flows that we know to be on the server. `lfx serve` holds each in memory, so the oldest is taken off it.
const PLACED: usize = 500;
/// How long the server may take to say what it is.
const PROBE: Duration = Duration::from_secs(5);
/// How long it may take to read a flow.
const PLACE: Duration = Duration::from_secs(30);
/// The oldest version without known holes through which a caller gets at other callers' flows, or at the machine.
const SAFE: [u64; 3] = [1, 12, 3];

/// Tells whether a stored flow is for a Langflow server.
pub(super) fn is_for_langflow(flow: &Value) -> bool {
    flow.get(MARK).is_some()
}

/// Runs flows on a Langflow server.
#[derive(Debug)]
pub struct LangflowRuntime {
    http: Http,
    kind: LangflowKind,
    /// What the server is, once it has said so.
    server: tokio::sync::Mutex<Option<Server>>,
    flows: KeptFlows<RemoteFlow>,
    placed: Mutex<Placed>,
    /// Langflow's folders of organizations.
    folders: tokio::sync::Mutex<HashMap<OrganizationId, String>>,
}

/// What a server is and speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Server {
    /// `lfx serve`.
    Lfx,
    /// Langflow with `/api/v2/workflows`.
    Langflow,
    /// Langflow without.
    OldLangflow,
}

/// The flows that are on the server, oldest first.
#[derive(Debug, Default)]
struct Placed {
    known: HashSet<Uuid>,
    order: VecDeque<Uuid>,
}

impl Placed {
    /// Adds a flow, and returns the one that is one too many.
    fn add(&mut self, id: Uuid, most: usize) -> Option<Uuid> {
        // Two runs may have placed it side by side.
        if !self.known.insert(id) {
            return None;
        }
        self.order.push_back(id);
        let oldest = self.order.pop_front_if(|_| self.known.len() > most)?;
        self.known.remove(&oldest);
        Some(oldest)
    }

    fn forget(&mut self, id: Uuid) {
        if self.known.remove(&id) {
            self.order.retain(|known| *known != id);
        }
    }
}

impl LangflowRuntime {
    /// Makes the runtime; the server is asked what it is when it is first needed.
    pub fn new(settings: &LangflowSection) -> anyhow::Result<Self> {
        Ok(Self {
            http: Http::new(&settings.url, settings.api_key.clone().unwrap_or_default())?,
            kind: settings.kind,
            server: tokio::sync::Mutex::default(),
            flows: KeptFlows::new(KEPT),
            placed: Mutex::default(),
            folders: tokio::sync::Mutex::default(),
        })
    }

    fn flow(&self, version: FlowVersionId, stored: &Value) -> Result<Arc<RemoteFlow>, RuntimeError> {
        self.flows.get(version, || RemoteFlow::read(stored[MARK].clone()))
    }

    /// Returns what the server is; asked once, and again after it could not be reached.
    async fn server(&self) -> Result<Server, RuntimeError> {
        let mut known = self.server.lock().await;
        if let Some(server) = *known {
            return Ok(server);
        }
        let is_lfx = match self.kind {
            LangflowKind::Lfx => true,
            LangflowKind::Langflow => false,
            LangflowKind::Probe => {
                let health = self.ask("/health").await?;
                health["status"] == "healthy" || health["flow_count"].is_u64()
            }
        };
        let server = match (is_lfx, self.has_workflows().await?) {
            (true, true) => Server::Lfx,
            (true, false) => {
                tracing::error!("this `lfx serve` has no /api/v2/workflows; 1.13 or newer is needed");
                return Err(unavailable());
            }
            (false, has_workflows) => {
                self.warn_of_an_old_version().await?;
                if has_workflows { Server::Langflow } else { Server::OldLangflow }
            }
        };
        tracing::info!(langflow.server = ?server, "flows of providers who chose it run on a Langflow server");
        *known = Some(server);
        Ok(server)
    }

    async fn ask(&self, path: &str) -> Result<Value, RuntimeError> {
        self.http.repeat(Method::GET, path, None, PROBE).await.map_err(|trouble| trouble.told("asking what it is"))
    }

    /// Asks for a flow that is not there: only the API that we speak says so in its own words.
    async fn has_workflows(&self) -> Result<bool, RuntimeError> {
        let nothing = json!({"flow_id": Uuid::nil(), "input_value": "", "mode": "stream"});
        match self.http.once(Method::POST, "/api/v2/workflows", Some(&nothing), PROBE).await {
            Err(Trouble::Status { status: StatusCode::NOT_FOUND, code, .. }) => Ok(code == "FLOW_NOT_FOUND"),
            // Another body, another method, or an answer: another API.
            Ok(_)
            | Err(Trouble::Status {
                status: StatusCode::UNPROCESSABLE_ENTITY | StatusCode::METHOD_NOT_ALLOWED, ..
            }) => Ok(false),
            Err(trouble) => Err(trouble.told("asking what it speaks")),
        }
    }

    async fn warn_of_an_old_version(&self) -> Result<(), RuntimeError> {
        let answer = self.ask("/api/v1/version").await?;
        let version = answer["main_version"].as_str().or_else(|| answer["version"].as_str()).unwrap_or_default();
        if parts(version) < SAFE {
            tracing::warn!(
                langflow.version = version,
                "Langflow before 1.12.3 has known holes that let callers run code or read others' flows; upgrade it"
            );
        }
        Ok(())
    }

    /// Puts a flow on the server, unless it is known to be there, and returns its id.
    async fn place(
        &self,
        server: Server,
        organization: OrganizationId,
        version: FlowVersionId,
        flow: &RemoteFlow,
        changes: &Changes,
    ) -> Result<Uuid, Trouble> {
        let name = flow.flow().name.as_str();
        let id = match server {
            Server::Lfx => id_of(&[version.to_string(), json!(changes).to_string()]),
            Server::Langflow | Server::OldLangflow => id_of(&[version.to_string(), organization.to_string()]),
        };
        if self.placed().known.contains(&id) {
            return Ok(id);
        }
        match server {
            Server::Lfx => {
                let mut body = flow.with(changes);
                body["id"] = json!(id);
                body["name"] = json!(name);
                body["replace"] = json!(true);
                self.http.repeat(Method::POST, "/flows/upload/", Some(&body), PLACE).await?;
            }
            Server::Langflow | Server::OldLangflow => {
                let export = flow.export();
                let body = json!({
                    // Langflow wants each name once; it would add a number of its own.
                    "name": format!("{name} {id}"),
                    "description": flow.flow().description,
                    "data": export["data"],
                    "folder_id": self.folder(organization).await?,
                });
                self.http.repeat(Method::PUT, &format!("/api/v1/flows/{id}"), Some(&body), PLACE).await?;
            }
        }
        let oldest = self.placed().add(id, PLACED);
        if let (Some(oldest), Server::Lfx) = (oldest, server) {
            // Whoever still needs it finds it missing and places it again.
            let _ = self.http.once(Method::DELETE, &format!("/flows/{oldest}"), None, PROBE).await;
        }
        Ok(id)
    }

    /// Returns the folder of an organization's flows; Langflow calls folders projects.
    async fn folder(&self, organization: OrganizationId) -> Result<String, Trouble> {
        const PROJECTS: &str = "/api/v1/projects/";
        let mut folders = self.folders.lock().await;
        if let Some(id) = folders.get(&organization) {
            return Ok(id.clone());
        }
        let name = format!("cmp-{organization}");
        // Langflow makes a second one of a name that it has, so it is looked for first.
        let all = self.http.repeat(Method::GET, PROJECTS, None, PLACE).await?;
        let found = all.as_array().into_iter().flatten().find(|folder| folder["name"] == name.as_str()).cloned();
        let folder = match found {
            Some(folder) => folder,
            None => {
                let new = json!({"name": name, "description": "Flows that CMP runs for one organization."});
                self.http.once(Method::POST, PROJECTS, Some(&new), PLACE).await?
            }
        };
        let id = folder["id"].as_str().ok_or(Trouble::Unreadable)?.to_owned();
        folders.insert(organization, id.clone());
        Ok(id)
    }

    fn placed(&self) -> std::sync::MutexGuard<'_, Placed> {
        self.placed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets what the server is and has when it is away: another one may come back.
    async fn forget_if_away(&self, trouble: &Trouble) {
        if matches!(trouble, Trouble::Unreachable(_)) {
            *self.server.lock().await = None;
            *self.placed() = Placed::default();
            self.folders.lock().await.clear();
        }
    }

    async fn answer(&self, request: RunRequest, events: &mpsc::Sender<RunEvent>) -> Result<RunOutput, RuntimeError> {
        let flow = self.flow(request.flow_version, &request.flow)?;
        let persona = runtime::persona(request.persona);
        let changes = flow.changes(&request.input, &request.tweaks, &persona).map_err(runtime::failed)?;
        let session = session_of(request.organization, request.config, &request.session_id);
        let history = runtime::turns(request.history);
        // Others of its processes may not have the flow, or it was started anew.
        for _ in 0..3 {
            let server = self.server().await?;
            let id = match self.place(server, request.organization, request.flow_version, &flow, &changes).await {
                Ok(id) => id,
                Err(trouble) => {
                    self.forget_if_away(&trouble).await;
                    return Err(trouble.told("placing a flow"));
                }
            };
            let (path, body) = match server {
                Server::Lfx => {
                    let input = flow.with_history(&history, &request.input);
                    let body = json!({"flow_id": id, "input_value": input, "session_id": session, "mode": "stream"});
                    ("/api/v2/workflows".to_owned(), body)
                }
                Server::Langflow => {
                    let body = json!({"flow_id": id, "input_value": request.input, "session_id": session, "mode": "stream", "tweaks": changes});
                    ("/api/v2/workflows".to_owned(), body)
                }
                Server::OldLangflow => {
                    let body = json!({"input_value": request.input, "input_type": "chat", "output_type": "chat", "session_id": session, "tweaks": changes});
                    (format!("/api/v1/run/{id}?stream=true"), body)
                }
            };
            match self.http.begin(&path, &body).await {
                Ok(response) => return self.read(&flow, response, events).await,
                Err(trouble) if trouble.status() == Some(StatusCode::NOT_FOUND) => {
                    tracing::debug!(langflow.flow = %id, "the Langflow server has lost a flow; it is placed again");
                    self.placed().forget(id);
                }
                Err(trouble) => {
                    self.forget_if_away(&trouble).await;
                    return Err(trouble.told("running a flow"));
                }
            }
        }
        tracing::error!(
            "the Langflow server loses the flows that it is given; several processes need a common --flow-dir"
        );
        Err(unavailable())
    }

    /// Reads a run to its end. Dropping the response ends the run on the server, too.
    async fn read(
        &self,
        flow: &RemoteFlow,
        response: reqwest::Response,
        events: &mpsc::Sender<RunEvent>,
    ) -> Result<RunOutput, RuntimeError> {
        let mut body = response.bytes_stream();
        let mut stream = Events::default();
        let mut answer = Answer::new(flow);
        loop {
            let piece = match body.next().await {
                Some(Ok(piece)) => Some(piece),
                Some(Err(error)) => return Err(Trouble::Broken(error.without_url()).told("reading an answer")),
                None => None,
            };
            for event in stream.push(piece.as_deref()).map_err(|failure| self.failed(failure))? {
                for told in answer.take(&event).map_err(|failure| self.failed(failure))? {
                    let _ = events.send(told).await;
                }
            }
            if piece.is_none() {
                break;
            }
        }
        let (output, rest) = answer.finish().map_err(|failure| self.failed(failure))?;
        if let Some(rest) = rest {
            let _ = events.send(rest).await;
        }
        Ok(output)
    }

    fn failed(&self, failure: Failure) -> RuntimeError {
        match failure {
            Failure::Flow(said) => {
                tracing::warn!(error = self.http.fit_for_a_log(&said), "a flow failed on the Langflow server");
            }
            Failure::Stream(why) => tracing::warn!(why, "an answer of the Langflow server cannot be used"),
        }
        RuntimeError::Failed("The agent could not answer. Try again in a moment.".to_owned())
    }
}

#[async_trait]
impl AgentRuntime for LangflowRuntime {
    async fn import(&self, export: &[u8], _: RuntimeChoice) -> Result<ImportedFlow, ImportRefused> {
        let (flow::Imported { flow, export }, mut report) = runtime::read(export)?;
        if !flow.flows.is_empty() {
            // It is given one flow of the file, and would not find those that this one runs.
            let why = "this flow runs other flows of the file, and a Langflow server is given one alone; leave those \
                       out that run others, or choose a flow that our engine runs whole";
            return Err(ImportRefused(why.to_owned()));
        }
        if report.verdict != FlowClass::Invalid {
            report.remote = RemoteRuntime::Chosen;
            // They are about how our engine runs it.
            report.notes.clear();
        }
        Ok(ImportedFlow { flow: json!({ MARK: export }), report })
    }

    async fn provision(&self, run: &Provision) -> Result<(), RuntimeError> {
        let flow = self.flow(run.flow_version, &run.flow)?;
        let server = self.server().await?;
        match self.place(server, run.organization, run.flow_version, &flow, &Changes::new()).await {
            Ok(_) => Ok(()),
            Err(trouble) if matches!(trouble.status().map(|it| it.as_u16()), Some(400 | 422)) => {
                tracing::warn!(error = %trouble, flow_version.id = %run.flow_version, "the Langflow server refuses a flow");
                Err(RuntimeError::Refused("the Langflow server does not take this flow".to_owned()))
            }
            Err(trouble) => {
                self.forget_if_away(&trouble).await;
                Err(trouble.told("placing a flow"))
            }
        }
    }

    async fn run(
        &self,
        request: RunRequest,
        events: mpsc::Sender<RunEvent>,
        cancel: CancellationToken,
    ) -> Result<RunOutput, RuntimeError> {
        let within = request.timeout;
        tokio::select! {
            // An answer that is whole wins over a reader who has just left.
            biased;
            outcome = self.answer(request, &events) => outcome,
            () = cancel.cancelled() => Err(RuntimeError::Cancelled),
            () = events.closed() => Err(RuntimeError::Cancelled),
            () = tokio::time::sleep(within) => Err(RuntimeError::Timeout("The agent did not answer in time.".to_owned())),
        }
    }

    async fn health(&self) -> Result<(), RuntimeError> {
        let server = self.server().await?;
        let path = if server == Server::Lfx { "/health" } else { "/health_check" };
        let health = self.http.once(Method::GET, path, None, PROBE).await;
        let health = match health {
            Ok(health) => health,
            Err(trouble) => {
                self.forget_if_away(&trouble).await;
                return Err(trouble.told("asking for its health"));
            }
        };
        let well = match server {
            Server::Lfx => health["status"] == "healthy",
            Server::Langflow | Server::OldLangflow => ["status", "chat", "db"].iter().all(|part| health[*part] == "ok"),
        };
        if well { Ok(()) } else { Err(unavailable()) }
    }
}

fn unavailable() -> RuntimeError {
    RuntimeError::Failed("The runtime of this agent is not available.".to_owned())
}

/// Makes an id that is the same for the same parts, so that repeating a request changes nothing.
fn id_of(parts: &[String]) -> Uuid {
    let digest = Sha256::digest(parts.join("\n").as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

/// Names a conversation on a server that everyone shares. It says nothing of whose it is.
fn session_of(organization: OrganizationId, config: Option<domain::ConfigId>, session: &str) -> String {
    let config = config.map(|config| config.to_string()).unwrap_or_default();
    format!("cmp-{}", id_of(&[organization.to_string(), config, session.to_owned()]).simple())
}

/// Reads `1.13.0.dev2` as 1, 13, 0.
fn parts(version: &str) -> [u64; 3] {
    let mut numbers = version.split('.').map(|part| {
        let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap_or_default()
    });
    [numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_flow_makes_room_and_one_that_is_placed_twice_takes_no_more() {
        let id = |byte: u8| Uuid::from_bytes([byte; 16]);
        let mut placed = Placed::default();
        let given_up: Vec<Option<Uuid>> = [1, 1, 2, 3, 1].map(|byte| placed.add(id(byte), 2)).into();
        assert_eq!(given_up, [None, None, None, Some(id(1)), Some(id(2))]);
        placed.forget(id(3));
        assert_eq!(placed.add(id(4), 2), None);
        assert_eq!(placed.order, [id(1), id(4)]);
    }

    #[test]
    fn versions_with_known_holes_are_told_from_others() {
        for (version, safe) in
            [("1.13.0", true), ("1.12.3", true), ("1.12.3.dev1", true), ("1.12.2", false), ("0.9", false), ("", false)]
        {
            assert_eq!(parts(version) >= SAFE, safe, "{version}");
        }
    }

    #[test]
    fn a_session_is_another_one_for_another_config_or_organization() {
        let id = |byte: u8| Uuid::from_bytes([byte; 16]);
        let (ours, theirs) = (OrganizationId(id(1)), OrganizationId(id(2)));
        let config = |byte| Some(domain::ConfigId(id(byte)));
        let one = session_of(ours, config(1), "s");
        assert_eq!(one, session_of(ours, config(1), "s"));
        for other in [
            session_of(theirs, config(1), "s"),
            session_of(ours, config(2), "s"),
            session_of(ours, None, "s"),
            session_of(ours, config(1), "t"),
        ] {
            assert_ne!(one, other);
        }
    }
}
