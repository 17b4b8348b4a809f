//! What a remote runtime reports: tokens of calls that it ran itself.

use domain::state::{InvocationState, Source};
use domain::{ConfigId, InvocationId};
use store::Scope;
use store::gateway::{self as rows, InvocationRow};

use super::meter::{self, Ended, Sums};
use super::{GatewayError, known};
use crate::clock::fresh_id;
use crate::ctx::Ctx;
use crate::secret::digest;

/// Calls that one report may hold.
const CALLS: i64 = 1_000;

/// A report of a remote runtime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageReport {
    /// The config.
    pub config: ConfigId,
    /// The runtime's own name for what it reports; the same name again counts nothing.
    pub request_id: Option<String>,
    /// How many calls.
    pub calls: i64,
    /// Tokens read.
    pub input_tokens: i64,
    /// Tokens written.
    pub output_tokens: i64,
}

/// What became of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    /// The name of the report: the runtime's, or one of ours.
    pub request_id: String,
    /// Whether it was new.
    pub recorded: bool,
}

/// Tells whether a remote runtime knows the secret that it shares with us.
pub fn check_runtime(ctx: &Ctx, secret: Option<&str>) -> Result<(), GatewayError> {
    use subtle::ConstantTimeEq as _;

    match (&ctx.settings.runtime_secret, secret) {
        // Digests have one length, so the comparison takes the same time whatever was sent.
        (Some(ours), Some(theirs)) if bool::from(digest(ours).as_slice().ct_eq(digest(theirs).as_slice())) => Ok(()),
        _ => Err(GatewayError::new(401, "unauthorized", "Invalid or missing X-Runtime-Secret")),
    }
}

/// Books what a remote runtime reports. Without a `request_id` it cannot be told from a repetition.
pub async fn report_usage(ctx: &Ctx, secret: Option<&str>, report: &UsageReport) -> Result<Reported, GatewayError> {
    check_runtime(ctx, secret)?;
    let most = 1_000_000_000;
    for (name, number, least, most) in [
        ("input_tokens", report.input_tokens, 0, most),
        ("output_tokens", report.output_tokens, 0, most),
        ("api_calls", report.calls, 1, CALLS),
    ] {
        if !(least..=most).contains(&number) {
            return Err(GatewayError::new(422, "invalid", format!("{name} must be from {least} to {most}")));
        }
    }
    let request_id = match &report.request_id {
        Some(id) if (1..=255).contains(&id.len()) && id.chars().all(|c| c.is_ascii_graphic()) => id.clone(),
        Some(_) => {
            return Err(GatewayError::new(422, "invalid", "request_id may have 255 visible ASCII characters at most"));
        }
        None => fresh_id().simple().to_string(),
    };
    let now = ctx.now();
    let agent = known::agent(ctx, report.config).await?.ok_or_else(GatewayError::not_found)?;
    let mut tx = ctx.store.write(Scope::System).await?;
    if let Ok(ours) = request_id.parse::<InvocationId>()
        && rows::is_recorded(&mut tx, report.config, ours).await?
    {
        // The gateway ran this call and has counted it already.
        return Ok(Reported { request_id, recorded: false });
    }
    let ended = |number| {
        let first = number == 0;
        let row = InvocationRow {
            id: derived(report.config, &request_id, number),
            organization: agent.organization_id,
            config: agent.id,
            subscription: agent.subscription_id,
            provider: agent.provider_id,
            offering: agent.offering_id,
            key: None,
            session: String::new(),
            source: Source::Runtime,
            state: InvocationState::Succeeded,
            status: 200,
            input_tokens: if first { report.input_tokens } else { 0 },
            output_tokens: if first { report.output_tokens } else { 0 },
            elapsed_ms: 0,
            error: String::new(),
            started: now,
            finished: now,
        };
        Ended { row, ticket: None, said: None, kept: None, traced: None }
    };
    let calls: Vec<Ended> = (0..report.calls).map(ended).collect();
    let mut sums = Sums::default();
    let booked = meter::book(&mut tx, &calls.iter().collect::<Vec<_>>(), &mut sums).await?;
    let recorded = booked.contains(&true);
    sums.write(&mut tx).await?;
    tx.commit().await?;
    Ok(Reported { request_id, recorded })
}

/// Makes an invocation's id of a report's name: names of one tenant never meet those of another.
fn derived(config: ConfigId, request_id: &str, number: i64) -> InvocationId {
    let mut hash = blake3::Hasher::new();
    hash.update(config.0.as_bytes());
    hash.update(&number.to_le_bytes());
    hash.update(request_id.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.finalize().as_bytes()[..16]);
    InvocationId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}
