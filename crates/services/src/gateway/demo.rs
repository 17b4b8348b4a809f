//! Demos: a visitor tries an offering without an account. Nothing is billed, nothing is kept for long.

use std::net::IpAddr;
use std::sync::Arc;

use domain::state::Capability;
use domain::view::chat::{Answer, ChatMessage, StreamEvent, Usage};
use domain::view::knowledge::Citation;
use domain::{InvocationId, OfferingId};
use serde::{Deserialize, Serialize};
use store::{Scope, agents, catalog, gateway as rows, offerings};
use tokio::sync::mpsc;

use super::trace::Steps;
use super::{GatewayError, invoke};
use crate::clock::fresh_id;
use crate::ctx::Ctx;
use crate::error::Error;
use crate::ports::{KnowledgeError, KnowledgeSource, LoosePassage, Persona, RunOutput, RunRequest, TraceDetail, Turn};

/// Characters that a visitor may send.
const INPUT: usize = 2_000;
/// Files that a visitor may try it on.
const FILES: usize = 3;
/// Bytes that each of them may have.
pub const DEMO_FILE_BYTES: usize = 5_000_000;
/// Bytes of text that all of them may hold together.
const TEXT: usize = 1_000_000;
/// How long a demo conversation is kept.
const KEPT_SECONDS: i64 = 3600;

/// What a visitor asks.
#[derive(Clone, Debug)]
pub struct DemoCall {
    /// What they try.
    pub offering: OfferingId,
    /// The conversation of an earlier answer.
    pub session_id: Option<String>,
    /// What they said.
    pub input: String,
    /// Where they call from.
    pub ip: IpAddr,
}

/// The answer of a demo.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DemoAnswer {
    /// What the agent says.
    pub output: String,
    /// The conversation, to be sent with the next message.
    pub session_id: String,
    /// Names this answer; no invocation is recorded under it.
    pub request_id: InvocationId,
    /// How many messages are left.
    pub remaining: i64,
    /// What it took.
    pub usage: Usage,
    /// Where in the visitor's files it is from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub citations: Vec<Citation>,
}

/// A demo that may be answered: one message of its conversation is taken.
#[derive(Debug)]
pub struct Demo {
    id: String,
    request_id: InvocationId,
    remaining: i64,
    request: RunRequest,
}

/// Decides whether a visitor may be answered. Like [`admit`](super::admit), for those who buy nothing.
pub async fn admit_demo(ctx: &Ctx, call: DemoCall) -> Result<Demo, GatewayError> {
    let now = ctx.now();
    let length = call.input.chars().count();
    if call.input.trim().is_empty() {
        return Err(GatewayError::new(422, "invalid", "input must not be empty"));
    }
    if call.input.contains('\0') {
        return Err(GatewayError::new(422, "invalid", "input must not contain the character U+0000"));
    }
    if length > INPUT {
        return Err(GatewayError::new(
            413,
            "too_large",
            format!("input may have {INPUT} characters at most; this has {length}"),
        ));
    }
    ctx.gateway.demos.hit(&call.ip.to_string(), now).map_err(|wait| {
        GatewayError::new(429, "rate_limited", "Many messages came from here; wait a little.").after_duration(wait)
    })?;
    let offering = call.offering;
    let mut tx = ctx.store.read(Scope::System).await?;
    let card =
        catalog::card(&mut tx, offering).await?.filter(|row| row.listed).ok_or_else(GatewayError::not_found)?.card;
    let details = catalog::details(&mut tx, offering)
        .await?
        .filter(|details| details.demo)
        .ok_or_else(GatewayError::not_found)?;
    let version = offerings::get(&mut tx, offering)
        .await?
        .and_then(|row| row.flow_version)
        .ok_or_else(GatewayError::not_found)?;
    let flow = agents::flow(&mut tx, version).await?.ok_or_else(GatewayError::not_found)?;
    let known = match call.session_id {
        Some(id) if id.len() <= 64 => rows::demo(&mut tx, &id, offering, now).await?.map(|row| (id, row)),
        Some(_) | None => None,
    };
    let mut passages: Vec<LoosePassage> = Vec::new();
    if let Some((id, _)) = &known {
        for (_, document) in rows::demo_documents(&mut tx, id).await? {
            passages.extend(serde_json::from_value::<Vec<LoosePassage>>(document.0).unwrap_or_default());
        }
    }
    drop(tx);
    let (id, used, history) = match known {
        Some((id, row)) => (id, row.used, serde_json::from_value::<Vec<Turn>>(row.turns.0).unwrap_or_default()),
        None => (format!("d-{}", fresh_id().simple()), 0, Vec::new()),
    };
    let allowed = ctx.settings.demo_messages;
    let mut tx = ctx.store.write(Scope::System).await?;
    let taken = rows::take_demo(&mut tx, &id, offering, allowed, now, now.plus_seconds(KEPT_SECONDS)).await?;
    tx.commit().await?;
    if !taken {
        return Err(GatewayError::new(
            402,
            "demo_over",
            format!("The demo answers {allowed} messages. Choose a plan to go on."),
        ));
    }
    let request = RunRequest {
        organization: card.provider_id,
        flow_version: version,
        flow: Arc::new(flow.flow),
        input: call.input,
        config: None,
        session_id: id.clone(),
        history,
        tweaks: serde_json::Map::new(),
        persona: Persona {
            name: card.name,
            tone: "friendly".to_owned(),
            greeting: details.greeting,
            instructions: String::new(),
        },
        knowledge: (!passages.is_empty()).then(|| KnowledgeSource::Loose(passages.into())),
        timeout: ctx.settings.run_timeout,
        trace: TraceDetail::None,
    };
    Ok(Demo { id, request_id: InvocationId(fresh_id()), remaining: (allowed - used - 1).max(0), request })
}

/// Takes files that a visitor tries a demo on, up to three, and returns the conversation that they belong to. They go
/// with it, an hour after it began.
pub async fn give_demo(
    ctx: &Ctx,
    offering: OfferingId,
    session_id: Option<String>,
    ip: IpAddr,
    files: Vec<(String, Vec<u8>)>,
) -> crate::Result<String> {
    let now = ctx.now();
    if ctx.gateway.demos.hit(&ip.to_string(), now).is_err() {
        return Err(Error::Conflict("many files came from here; wait a little".to_owned()));
    }
    let mut tx = ctx.store.read(Scope::System).await?;
    let listed = catalog::card(&mut tx, offering).await?.is_some_and(|row| row.listed);
    let details = catalog::details(&mut tx, offering).await?.filter(|details| listed && details.demo);
    let details = details.ok_or(Error::NotFound("offering"))?;
    if !details.capabilities.contains(&Capability::Knowledge) {
        return Err(Error::Conflict("this product does not answer from documents".to_owned()));
    }
    let known = match session_id {
        Some(id) if id.len() <= 64 && rows::demo(&mut tx, &id, offering, now).await?.is_some() => Some(id),
        Some(_) | None => None,
    };
    let there = match &known {
        Some(id) => rows::demo_documents(&mut tx, id).await?,
        None => Vec::new(),
    };
    drop(tx);
    if files.is_empty() {
        return Err(Error::invalid("file", "choose a file first"));
    }
    if there.len() + files.len() > FILES {
        return Err(too_many());
    }
    let mut bytes_of_text: usize = there
        .iter()
        .flat_map(|(_, passages)| passages.0.as_array().into_iter().flatten())
        .filter_map(|passage| passage["text"].as_str().map(str::len))
        .sum();
    let busy = || Error::Conflict("many people try demos at the moment; try again in a few seconds".to_owned());
    let _place = ctx.gateway.demo_places.try_acquire().map_err(|_| busy())?;
    let mut read = Vec::with_capacity(files.len());
    for (name, bytes) in files {
        let name: String = name.chars().filter(|c| !c.is_control()).take(200).collect();
        if bytes.len() > DEMO_FILE_BYTES {
            return Err(Error::invalid(
                "file",
                format!("the file {name} is larger than 5 MB; subscribe to give it larger ones"),
            ));
        }
        let passages = ctx.knowledge.loose(&name, &bytes).await.map_err(|error| match error {
            KnowledgeError::Unreadable(reason) => {
                Error::invalid("file", format!("the file {name} cannot be read: {reason}"))
            }
            KnowledgeError::Unavailable(reason) => Error::Upstream(reason),
        })?;
        bytes_of_text += passages.iter().map(|passage| passage.text.len()).sum::<usize>();
        if bytes_of_text > TEXT {
            return Err(Error::invalid("file", "this is too much text to try it on; subscribe to give it all"));
        }
        read.push((name, serde_json::to_value(&passages).map_err(Error::internal)?));
    }
    let id = known.unwrap_or_else(|| format!("d-{}", fresh_id().simple()));
    let mut tx = ctx.store.write(Scope::System).await?;
    rows::open_demo(&mut tx, &id, offering, now, now.plus_seconds(KEPT_SECONDS)).await?;
    // Two forms may have been sent at once.
    if rows::demo_document_names(&mut tx, &id).await?.len() + read.len() > FILES {
        return Err(too_many());
    }
    for (name, passages) in &read {
        rows::insert_demo_document(&mut tx, &id, name, passages).await?;
    }
    tx.commit().await?;
    Ok(id)
}

fn too_many() -> Error {
    Error::invalid("file", "three files are enough to try it; subscribe to add more")
}

/// Names the files that a visitor tries a demo on; none once they are forgotten.
pub async fn demo_files(ctx: &Ctx, offering: OfferingId, session_id: &str) -> crate::Result<Vec<String>> {
    let mut tx = ctx.store.read(Scope::System).await?;
    if rows::demo(&mut tx, session_id, offering, ctx.now()).await?.is_none() {
        return Ok(Vec::new());
    }
    Ok(rows::demo_document_names(&mut tx, session_id).await?)
}

/// Forgets the files that a visitor tries a demo on.
pub async fn forget_demo_files(ctx: &Ctx, offering: OfferingId, session_id: &str) -> crate::Result<()> {
    let mut tx = ctx.store.write(Scope::System).await?;
    if rows::demo(&mut tx, session_id, offering, ctx.now()).await?.is_some() {
        rows::delete_demo_documents(&mut tx, session_id).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Returns what a visitor and a demo have said, oldest first; nothing once it is forgotten.
pub async fn demo_messages(ctx: &Ctx, offering: OfferingId, session_id: &str) -> crate::Result<Vec<ChatMessage>> {
    let mut tx = ctx.store.read(Scope::System).await?;
    let row = rows::demo(&mut tx, session_id, offering, ctx.now()).await?;
    let turns = row.and_then(|row| serde_json::from_value::<Vec<Turn>>(row.turns.0).ok()).unwrap_or_default();
    let message = |turn: Turn| ChatMessage {
        role: if turn.agent { "agent" } else { "user" }.to_owned(),
        text: turn.text,
        created: String::new(),
        citations: Vec::new(),
    };
    Ok(turns.into_iter().map(message).collect())
}

impl Demo {
    /// Returns how many messages are left after this one.
    pub const fn remaining(&self) -> i64 {
        self.remaining
    }

    /// Runs the demo. Pieces go to `events` as they come; the whole is returned.
    pub async fn answer(
        self,
        ctx: &Ctx,
        events: Option<mpsc::Sender<StreamEvent>>,
    ) -> Result<DemoAnswer, GatewayError> {
        let Self { id, request_id, remaining, request } = self;
        // A visitor who goes away has used up the message, and what runs is still settled.
        let task = ctx.gateway.calls.spawn({
            let ctx = ctx.clone();
            async move { run(&ctx, id, request_id, remaining, request, events).await }
        });
        task.await.map_err(|error| GatewayError::from(crate::Error::internal(error)))?
    }
}

async fn run(
    ctx: &Ctx,
    id: String,
    request_id: InvocationId,
    remaining: i64,
    request: RunRequest,
    events: Option<mpsc::Sender<StreamEvent>>,
) -> Result<DemoAnswer, GatewayError> {
    let tell = async |event| {
        if let Some(events) = &events {
            let _ = events.send(event).await;
        }
    };
    tell(StreamEvent::Session { session_id: id.clone(), request_id }).await;
    let mut turns = request.history.clone();
    let input = request.input.clone();
    let began = std::time::Instant::now();
    let outcome = place_and_run(ctx, request, events.as_ref()).await;
    let output = match outcome {
        Ok(output) => output,
        Err(error) => {
            let mut tx = ctx.store.write(Scope::System).await?;
            rows::give_back_demo(&mut tx, &id).await?;
            tx.commit().await?;
            tell(StreamEvent::Error {
                error: error.error.clone(),
                detail: error.detail.clone(),
                retry_after: error.retry_after,
            })
            .await;
            return Err(error);
        }
    };
    turns.push(Turn { agent: false, text: input });
    turns.push(Turn { agent: true, text: output.text.replace('\0', "\u{fffd}") });
    let turns = serde_json::to_value(&turns).map_err(crate::Error::internal)?;
    let mut tx = ctx.store.write(Scope::System).await?;
    rows::save_demo(&mut tx, &id, &turns).await?;
    tx.commit().await?;
    let usage = Usage {
        input_tokens: output.input_tokens,
        output_tokens: output.output_tokens,
        elapsed_ms: i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX),
    };
    tell(StreamEvent::MessageEnd(Answer {
        output: output.text.clone(),
        session_id: id.clone(),
        request_id,
        usage,
        citations: output.citations.clone(),
    }))
    .await;
    Ok(DemoAnswer { output: output.text, session_id: id, request_id, remaining, usage, citations: output.citations })
}

/// Runs a demo when fewer than their share of places are taken, so that visitors never keep buyers waiting.
async fn place_and_run(
    ctx: &Ctx,
    request: RunRequest,
    events: Option<&mpsc::Sender<StreamEvent>>,
) -> Result<RunOutput, GatewayError> {
    let _place = ctx.gateway.demo_places.try_acquire().map_err(|_| {
        GatewayError::new(503, "busy", "Many people try demos at the moment; try again in a few seconds.").after(5)
    })?;
    invoke::run(ctx, request, &mut Steps::new(), async |event| {
        if let Some(events) = events {
            let _ = events.send(event).await;
        }
    })
    .await
}
