//! Demos: a visitor tries an offering without an account. Nothing is billed, nothing is kept for long.

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use domain::OfferingId;
use domain::view::chat::{StreamEvent, Usage};
use serde::{Deserialize, Serialize};
use store::{Scope, agents, catalog, gateway as rows, offerings};
use tokio::sync::mpsc;

use super::{GatewayError, invoke};
use crate::clock::fresh_id;
use crate::ctx::Ctx;
use crate::ports::{Persona, RunRequest, Turn};
use crate::throttle::Throttle;

/// Characters that a visitor may send.
const INPUT: usize = 2_000;
/// How long a demo conversation is kept.
const KEPT_SECONDS: i64 = 3600;
/// Thirty messages from one address at once, then one every twenty seconds.
static BY_IP: LazyLock<Throttle> = LazyLock::new(|| Throttle::new(30, Duration::from_secs(20)));

/// The answer of a demo.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DemoAnswer {
    /// What the agent says.
    pub output: String,
    /// The conversation, to be sent with the next message.
    pub session_id: String,
    /// How many messages are left.
    pub remaining: i64,
    /// What it took.
    pub usage: Usage,
}

/// Answers a visitor. Pieces go to `events` as they come; the whole is returned.
pub async fn demo(
    ctx: &Ctx,
    offering: OfferingId,
    session: Option<&str>,
    input: &str,
    ip: IpAddr,
    events: Option<mpsc::Sender<StreamEvent>>,
) -> Result<DemoAnswer, GatewayError> {
    let now = ctx.now();
    let length = input.chars().count();
    if input.trim().is_empty() {
        return Err(GatewayError::new(422, "invalid", "input must not be empty"));
    }
    if length > INPUT {
        return Err(GatewayError::new(413, "too_large", format!("input may have {INPUT} characters at most; this has {length}")));
    }
    BY_IP.hit(&ip.to_string(), now).map_err(|wait| {
        let seconds = i64::try_from(wait.as_secs()).unwrap_or(60).max(1);
        GatewayError::new(429, "rate_limited", "Many messages came from here; wait a little.").after(seconds)
    })?;
    let mut tx = ctx.store.read(Scope::System).await?;
    let card = catalog::card(&mut tx, offering).await?.filter(|row| row.listed).ok_or_else(GatewayError::not_found)?.card;
    let details = catalog::details(&mut tx, offering).await?.filter(|details| details.demo).ok_or_else(GatewayError::not_found)?;
    let version = offerings::get(&mut tx, offering).await?.and_then(|row| row.flow_version).ok_or_else(GatewayError::not_found)?;
    let flow = agents::flow(&mut tx, version).await?.ok_or_else(GatewayError::not_found)?;
    let known = match session {
        Some(id) if id.len() <= 64 => rows::demo(&mut tx, id, offering, now).await?.map(|row| (id.to_owned(), row)),
        _ => None,
    };
    drop(tx);
    let (id, used, mut turns) = match known {
        Some((id, row)) => (id, row.used, serde_json::from_value::<Vec<Turn>>(row.turns.0).unwrap_or_default()),
        None => (format!("d-{}", fresh_id().simple()), 0, Vec::new()),
    };
    let allowed = ctx.settings.demo_messages;
    if used >= allowed {
        return Err(GatewayError::new(402, "demo_over", format!("The demo answers {allowed} messages. Choose a plan to go on.")));
    }

    let request = RunRequest {
        organization: card.provider_id,
        flow_version: version,
        flow: Arc::new(flow.flow),
        input: input.to_owned(),
        session_id: id.clone(),
        history: turns.clone(),
        tweaks: serde_json::Map::new(),
        persona: Persona {
            name: card.name.clone(),
            tone: "friendly".to_owned(),
            greeting: details.greeting.clone(),
            instructions: String::new(),
        },
        timeout: ctx.settings.run_timeout,
    };
    let began = std::time::Instant::now();
    let output = invoke::run(ctx, request, |event| {
        let events = events.clone();
        async move {
            if let Some(events) = events {
                let _ = events.send(event).await;
            }
        }
    })
    .await?;
    turns.push(Turn { agent: false, text: input.to_owned() });
    turns.push(Turn { agent: true, text: output.text.clone() });
    let turns = serde_json::to_value(&turns).map_err(|error| GatewayError::from(crate::Error::internal(error)))?;
    let mut tx = ctx.store.write(Scope::System).await?;
    rows::save_demo(&mut tx, &id, offering, used + 1, &turns, now, now.plus_seconds(KEPT_SECONDS)).await?;
    tx.commit().await?;
    Ok(DemoAnswer {
        output: output.text,
        session_id: id,
        remaining: allowed - used - 1,
        usage: Usage {
            input_tokens: output.input_tokens,
            output_tokens: output.output_tokens,
            elapsed_ms: i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX),
        },
    })
}
