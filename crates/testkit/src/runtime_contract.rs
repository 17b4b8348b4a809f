//! What every `AgentRuntime` does, whichever it is: the suite that the embedded engine and Langflow servers pass.
//!
//! A [`Subject`] is a runtime with one flow on it: Chat Input, Message History, a Prompt whose field `mood` is
//! declared as editable, a Language Model and Chat Output. The model answers with what it was asked, so an answer
//! shows what went through the flow; see [`scripted_answer`].

use std::fmt::Debug;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use domain::{ConfigId, FlowVersionId, OrganizationId};
use futures::future::BoxFuture;
use serde_json::{Map, Value, json};
use services::ports::{
    AgentRuntime, Persona, Provision, RunEvent, RunOutput, RunRequest, RuntimeError, TraceDetail, Turn,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// A message with this in it makes the model fail, with [`SECRET`] in what it says.
pub const BREAK: &str = "BREAK";
/// A message with this in it makes the model speak slowly and for long.
pub const SLOW: &str = "SLOW";
/// What never may be in what a caller reads.
pub const SECRET: &str = "sk-contract-0123456789abcdefghij";

/// A runtime to be tried.
#[derive(Debug)]
pub struct Subject {
    /// The runtime.
    pub runtime: Arc<dyn AgentRuntime>,
    /// The flow as the runtime's import gave it.
    pub flow: Arc<Value>,
    /// Answers that the model is saying.
    pub open: OpenAnswers,
    /// Names the flow version and what belongs to it.
    pub version: Uuid,
}

/// Counts the answers that are being said, so that one that nobody hears any more is seen to end.
#[derive(Clone, Debug, Default)]
pub struct OpenAnswers(Arc<AtomicUsize>);

/// Counts one answer until it is dropped.
#[derive(Debug)]
pub struct OpenAnswer(Arc<AtomicUsize>);

impl OpenAnswers {
    /// Begins an answer.
    pub fn begin(&self) -> OpenAnswer {
        self.0.fetch_add(1, Ordering::SeqCst);
        OpenAnswer(self.0.clone())
    }

    /// Returns how many are being said.
    pub fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Drop for OpenAnswer {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Returns what the model says: the message, and all that it was told before.
pub fn scripted_answer(message: &str, before: &str) -> String {
    let answer = format!("I heard: {message} | before: {before}");
    if message.contains(SLOW) { answer + &" and".repeat(200) } else { answer }
}

/// Returns how long the model waits after each word.
pub fn scripted_pause(message: &str) -> Duration {
    if message.contains(SLOW) { Duration::from_millis(200) } else { Duration::ZERO }
}

/// Returns the flow of the suite as Langflow exports it, but without Python.
pub fn contract_flow() -> Value {
    let text = |value: &str| json!({"type": "str", "value": value, "input_types": ["Message"], "show": true});
    let node = |id: &str, component: &str, output: &str, template: Value| {
        let outputs = json!([{"name": output, "types": ["Message"], "method": output}]);
        let inner = json!({"display_name": component, "template": template, "outputs": outputs});
        json!({"id": id, "type": "genericNode", "data": {"id": id, "type": component, "node": inner}})
    };
    let edge = |source: &str, output: &str, target: &str, field: &str| {
        let from = json!({"id": source, "name": output, "output_types": ["Message"]});
        let to = json!({"id": target, "fieldName": field, "inputTypes": ["Message"], "type": "str"});
        json!({"source": source, "target": target, "data": {"sourceHandle": from, "targetHandle": to}})
    };
    let mut mood = text("calmly");
    mood["api_editable"] = json!(true);
    let prompt = json!({
        "template": {"type": "prompt", "value": "Say {mood}. Past: {history}", "show": true},
        "mood": mood,
        "history": text(""),
    });
    let model = json!({
        "input_value": text(""),
        "system_message": text(""),
        "model": {"type": "model", "value": "", "show": true},
        "temperature": {"type": "slider", "value": 0.1, "show": true},
    });
    let nodes = [
        node("ChatInput-1", "ChatInput", "message", json!({"input_value": text("")})),
        node("Memory-1", "Memory", "messages_text", json!({"n_messages": {"type": "int", "value": 100, "show": true}})),
        node("Prompt-1", "Prompt Template", "prompt", prompt),
        node("LM-1", "LanguageModelComponent", "text_output", model),
        node("ChatOutput-1", "ChatOutput", "message", json!({"input_value": text("")})),
    ];
    let edges = [
        edge("Memory-1", "messages_text", "Prompt-1", "history"),
        edge("Prompt-1", "prompt", "LM-1", "system_message"),
        edge("ChatInput-1", "message", "LM-1", "input_value"),
        edge("LM-1", "text_output", "ChatOutput-1", "input_value"),
    ];
    json!({"name": "contract", "description": "", "data": {"nodes": nodes, "edges": edges}})
}

/// One thing that every runtime does.
pub struct Case {
    /// As a sentence.
    pub name: &'static str,
    /// Tries it; the error says what was wrong.
    pub try_on: for<'s> fn(&'s Subject) -> BoxFuture<'s, Result<(), String>>,
}

impl Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// Everything that every runtime does.
pub static CASES: &[Case] = &[
    Case { name: "it is well", try_on: |subject| Box::pin(is_well(subject)) },
    Case { name: "making a version ready twice is harmless", try_on: |subject| Box::pin(provisions_twice(subject)) },
    Case { name: "a message is answered, with what it took", try_on: |subject| Box::pin(answers(subject)) },
    Case {
        name: "the pieces of an answer come in order and add up to it",
        try_on: |subject| Box::pin(streams(subject)),
    },
    Case { name: "a conversation is remembered, and no other", try_on: |subject| Box::pin(remembers(subject)) },
    Case {
        name: "a declared field may be tweaked for one run, and nothing else",
        try_on: |subject| Box::pin(tweaks(subject)),
    },
    Case { name: "the model is told the buyer's persona", try_on: |subject| Box::pin(is_somebody(subject)) },
    Case { name: "a message that is none is refused", try_on: |subject| Box::pin(refuses(subject)) },
    Case { name: "a flow that fails is an error that gives nothing away", try_on: |subject| Box::pin(fails(subject)) },
    Case { name: "a run ends when its time is up", try_on: |subject| Box::pin(times_out(subject)) },
    Case {
        name: "a run ends when it is cancelled, and the model with it",
        try_on: |subject| Box::pin(is_cancelled(subject)),
    },
    Case {
        name: "a run ends when nobody listens, and the model with it",
        try_on: |subject| Box::pin(is_left(subject)),
    },
];

fn check(holds: bool, what: &str, seen: &dyn Debug) -> Result<(), String> {
    if holds { Ok(()) } else { Err(format!("{what}: {seen:?}")) }
}

impl Subject {
    fn request(&self, input: &str, session: &str) -> RunRequest {
        RunRequest {
            organization: OrganizationId(Uuid::from_u128(self.version.as_u128() ^ 1)),
            flow_version: FlowVersionId(self.version),
            flow: self.flow.clone(),
            input: input.to_owned(),
            config: Some(ConfigId(Uuid::from_u128(self.version.as_u128() ^ 2))),
            session_id: session.to_owned(),
            history: Vec::new(),
            tweaks: Map::new(),
            persona: Persona::default(),
            knowledge: None,
            timeout: Duration::from_mins(1),
            trace: TraceDetail::Shapes,
        }
    }

    async fn run(&self, request: RunRequest) -> (Result<RunOutput, RuntimeError>, Vec<RunEvent>) {
        let (events, mut came) = mpsc::channel(16);
        let listening = async {
            let mut all = Vec::new();
            while let Some(event) = came.recv().await {
                all.push(event);
            }
            all
        };
        tokio::join!(self.runtime.run(request, events, CancellationToken::new()), listening)
    }

    async fn say(&self, request: RunRequest) -> Result<RunOutput, String> {
        let input = request.input.clone();
        self.run(request).await.0.map_err(|error| format!("{input:?} was not answered: {error:?}"))
    }

    /// Begins a slow run and does something to it once the model speaks; returns how it ended.
    async fn interrupted(
        &self,
        session: &str,
        interrupt: impl FnOnce(&CancellationToken, mpsc::Receiver<RunEvent>) -> Option<mpsc::Receiver<RunEvent>>,
    ) -> Result<(), String> {
        let (events, mut came) = mpsc::channel(16);
        let cancel = CancellationToken::new();
        let run = self.runtime.run(self.request(&format!("{SLOW} {session}"), session), events, cancel.clone());
        let interrupting = async {
            while let Some(event) = came.recv().await {
                if matches!(event, RunEvent::Token(_)) {
                    break;
                }
            }
            let spoke = self.open.count();
            let mut left = interrupt(&cancel, came);
            // Whoever still listens takes what comes.
            while let Some(came) = &mut left
                && came.recv().await.is_some()
            {}
            (spoke, Instant::now())
        };
        let began = Instant::now();
        let outcome = within(Duration::from_secs(30), async { tokio::join!(run, interrupting) }).await;
        let (ended, (spoke, _)) = outcome.ok_or("it did not end within half a minute")?;
        check(spoke == 1, "the model should have been speaking when it was interrupted", &spoke)?;
        check(matches!(ended, Err(RuntimeError::Cancelled)), "it should have been cancelled", &ended)?;
        check(began.elapsed() < Duration::from_secs(20), "it ended late", &began.elapsed())?;
        self.falls_silent().await
    }

    /// Waits until the model has noticed that nobody listens.
    async fn falls_silent(&self) -> Result<(), String> {
        let silence = async {
            while self.open.count() > 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        within(Duration::from_secs(10), silence).await.ok_or_else(|| "the model went on for nobody".to_owned())
    }
}

async fn within<T>(time: Duration, work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(time, work).await.ok()
}

async fn is_well(subject: &Subject) -> Result<(), String> {
    let health = subject.runtime.health().await;
    check(health.is_ok(), "it is not", &health)
}

async fn provisions_twice(subject: &Subject) -> Result<(), String> {
    let RunRequest { organization, flow_version, flow, .. } = subject.request("", "");
    let provision = Provision { organization, flow_version, flow };
    for _ in 0..2 {
        let made = subject.runtime.provision(&provision).await;
        check(made.is_ok(), "it was not made ready", &made)?;
    }
    Ok(())
}

async fn answers(subject: &Subject) -> Result<(), String> {
    let output = subject.say(subject.request("Good morning to you", "answers")).await?;
    let heard = output.text.starts_with("I heard: Good morning to you | before: Say calmly. Past:");
    check(heard, "the answer is another one", &output.text)?;
    check((output.input_tokens, output.output_tokens) == (11, 7), "the model took 11 and 7 tokens", &output)
}

async fn streams(subject: &Subject) -> Result<(), String> {
    let (outcome, events) = subject.run(subject.request("one two three four", "streams")).await;
    let text = outcome.map_err(|error| format!("it was not answered: {error:?}"))?.text;
    let pieces: Vec<&str> = events
        .iter()
        .filter_map(|event| match event {
            RunEvent::Token(piece) => Some(piece.as_str()),
            RunEvent::Step(_) | RunEvent::StepEnded(_) => None,
        })
        .collect();
    check(pieces.len() > 5, "there should be a piece a word", &pieces)?;
    check(pieces.concat() == text, "the pieces are not the answer", &(&pieces, &text))
}

async fn remembers(subject: &Subject) -> Result<(), String> {
    let told = subject.request("My number is 4711.", "remembers");
    let first = subject.say(told.clone()).await?.text;
    let asked = RunRequest { input: "Which number?".to_owned(), ..told };
    let history = vec![Turn { agent: false, text: "My number is 4711.".to_owned() }, Turn { agent: true, text: first }];
    let same = subject.say(RunRequest { history, ..asked.clone() }).await?.text;
    check(same.contains("4711"), "the same conversation forgot", &same)?;
    let others = [
        ("session", RunRequest { session_id: "another".to_owned(), ..asked.clone() }),
        ("config", RunRequest { config: None, ..asked.clone() }),
        ("organization", RunRequest { organization: OrganizationId(Uuid::from_u128(3)), ..asked }),
    ];
    for (which, other) in others {
        let text = subject.say(other).await?.text;
        check(!text.contains("4711"), &format!("another {which} knows"), &text)?;
    }
    Ok(())
}

async fn tweaks(subject: &Subject) -> Result<(), String> {
    let tweaked = |session: &str, tweaks: Value| {
        let tweaks = tweaks.as_object().cloned().unwrap_or_default();
        RunRequest { tweaks, ..subject.request("Hello", session) }
    };
    let output = subject.say(tweaked("tweaked", json!({"Prompt-1": {"mood": "loudly"}}))).await?;
    check(output.text.contains("Say loudly."), "the tweak did nothing", &output.text)?;
    let output = subject.say(subject.request("Hello", "not tweaked")).await?;
    check(output.text.contains("Say calmly."), "the tweak of another run is still there", &output.text)?;
    for wrong in [
        json!({"LM-1": {"temperature": 1}}),
        json!({"Prompt-1": {"template": "Say it."}}),
        json!({"Prompt-1": {"code": "import os"}}),
        json!({"Nobody-1": {"mood": "loudly"}}),
        json!({"Prompt-1": {"mood": ["a", "list"]}}),
    ] {
        let (outcome, events) = subject.run(tweaked("refused", wrong.clone())).await;
        let refused = matches!(outcome, Err(RuntimeError::Refused(_))) && events.is_empty();
        check(refused, &format!("{wrong} should have been refused"), &outcome)?;
    }
    Ok(())
}

async fn is_somebody(subject: &Subject) -> Result<(), String> {
    let persona = Persona {
        name: "Ada".to_owned(),
        tone: "friendly".to_owned(),
        instructions: "Write {{things}} in {braces}.".to_owned(),
        ..Persona::default()
    };
    let output = subject.say(RunRequest { persona, ..subject.request("Who are you?", "persona") }).await?;
    for part in ["Your name is Ada.", "friendly tone", "Write {{things}} in {braces}."] {
        check(output.text.contains(part), &format!("the model was not told {part:?}"), &output.text)?;
    }
    Ok(())
}

async fn refuses(subject: &Subject) -> Result<(), String> {
    for wrong in ["", "   ", &"long ".repeat(60_000)] {
        let outcome = subject.run(subject.request(wrong, "refuses")).await.0;
        check(matches!(outcome, Err(RuntimeError::Refused(_))), "it should have been refused", &outcome)?;
    }
    Ok(())
}

async fn fails(subject: &Subject) -> Result<(), String> {
    let outcome = subject.run(subject.request(&format!("{BREAK} it"), "fails")).await.0;
    let Err(RuntimeError::Failed(text)) = &outcome else {
        return Err(format!("it should have failed: {outcome:?}"));
    };
    check(text.len() > 10, "the error has no message", text)?;
    let told = [SECRET, "sk-", "Traceback", "scripted", "LM-1", "http"].iter().find(|part| text.contains(**part));
    check(told.is_none(), "the error gives away", &told)
}

async fn times_out(subject: &Subject) -> Result<(), String> {
    let timeout = Duration::from_secs(2);
    let began = Instant::now();
    let outcome = subject.run(RunRequest { timeout, ..subject.request(&format!("{SLOW} it"), "times out") }).await.0;
    check(matches!(outcome, Err(RuntimeError::Timeout(_))), "its time should have been up", &outcome)?;
    check(began.elapsed() < timeout * 3, "it ended late", &began.elapsed())?;
    subject.falls_silent().await
}

async fn is_cancelled(subject: &Subject) -> Result<(), String> {
    subject
        .interrupted("cancelled", |cancel, came| {
            cancel.cancel();
            Some(came)
        })
        .await
}

async fn is_left(subject: &Subject) -> Result<(), String> {
    subject
        .interrupted("left", |_, came| {
            drop(came);
            None
        })
        .await
}
