//! Agents and their flow versions.

use std::sync::Arc;

use domain::{
    AgentId, FlowVersionId, OrganizationId, Permission, Slug,
    state::OfferingState,
    view::agent::{AgentView, FlowClass, FlowReport, FlowVersionView, NewAgent},
};
use sha2::{Digest, Sha256};
use store::{
    Scope, Tenant, Tx,
    agents::{self as rows, NewAgentRow, NewFlowVersion},
};
use tokio_util::sync::CancellationToken;

use super::{Need, of_agent};
use crate::{
    Ctx, Error, Principal, Result,
    clock::fresh_id,
    error::Checks,
    ports::{ImportedFlow, RunRequest, RuntimeChoice, RuntimeError},
};

/// The largest export that is read.
pub const MAX_FLOW_BYTES: usize = 8 * 1024 * 1024;

/// More agents than this are a mistake or an attack.
const MAX_AGENTS: i64 = 500;

/// Returns an organization's agents, newest first.
pub async fn agents(ctx: &Ctx, who: &Principal, organization: OrganizationId) -> Result<Vec<AgentView>> {
    let member = who.member(organization, Permission::View)?;
    let mut tx = ctx.store.read(member.tenant).await?;
    Ok(rows::list(&mut tx, member.tenant).await?)
}

/// Returns an agent.
pub async fn agent(ctx: &Ctx, who: &Principal, id: AgentId) -> Result<AgentView> {
    let member = of_agent(ctx, who, id, Need::View).await?;
    let mut tx = ctx.store.read(member.tenant).await?;
    view(&mut tx, member.tenant, id).await
}

/// Makes an agent, still without a flow.
pub async fn create_agent(ctx: &Ctx, who: &Principal, new: NewAgent) -> Result<AgentView> {
    let member = who.approved_provider(new.organization_id)?;

    let mut checks = Checks::default();
    let name = checks.line("name", &new.name, 2, 80);
    let description = checks.text("description", &new.description, 0, 300);
    let wish = new.slug.trim();
    let wish = if wish.is_empty() { None } else { checks.parse::<Slug>("slug", wish) };

    let mut tx = ctx.store.write(member.tenant).await?;
    let category = rows::category_by_slug(&mut tx, new.category.trim()).await?;
    checks.require(category.is_some(), "category", "must be one of: agents, apps, assistants, automations");
    if let Some(slug) = &wish {
        let taken = rows::slug_is_taken(&mut tx, member.tenant, slug.as_str()).await?;
        checks.require(!taken, "slug", "is the name of another of your agents; choose another one");
    }
    checks.done()?;
    let category = category.ok_or(Error::NotFound("category"))?;
    if rows::count(&mut tx, member.tenant).await? >= MAX_AGENTS {
        return Err(Error::Conflict(format!("an organization may have {MAX_AGENTS} agents at most")));
    }
    let slug = match wish {
        Some(slug) => slug,
        None => free_slug(&mut tx, member.tenant, &name).await?,
    };

    let id = AgentId(fresh_id());
    let row = NewAgentRow { id, category, name: &name, slug: slug.as_str(), description: &description, now: ctx.now() };
    rows::insert(&mut tx, member.tenant, &row).await.map_err(|error| {
        if error.is_unique_violation() {
            Error::invalid("slug", "was taken a moment ago; choose another one")
        } else {
            error.into()
        }
    })?;
    let view = view(&mut tx, member.tenant, id).await?;
    tx.commit().await?;
    Ok(view)
}

async fn free_slug(tx: &mut Tx, tenant: Tenant, name: &str) -> Result<Slug> {
    let slug = Slug::of_name(name, "agent");
    let mut free = slug.clone();
    let mut number = 1;
    while rows::slug_is_taken(tx, tenant, free.as_str()).await? {
        number += 1;
        free = slug.numbered(number);
    }
    Ok(free)
}

/// Changes an agent's words; its name in URLs stays.
pub async fn update_agent(ctx: &Ctx, who: &Principal, id: AgentId, name: &str, description: &str) -> Result<AgentView> {
    let member = of_agent(ctx, who, id, Need::Sell).await?;
    let mut checks = Checks::default();
    let name = checks.line("name", name, 2, 80);
    let description = checks.text("description", description, 0, 300);
    checks.done()?;

    let mut tx = ctx.store.write(member.tenant).await?;
    rows::update(&mut tx, member.tenant, id, &name, &description, ctx.now()).await?;
    let view = view(&mut tx, member.tenant, id).await?;
    tx.commit().await?;
    Ok(view)
}

/// Removes an agent that was never offered to anyone, with its draft and its flow versions.
pub async fn delete_agent(ctx: &Ctx, who: &Principal, id: AgentId) -> Result<()> {
    let member = of_agent(ctx, who, id, Need::Sell).await?;
    let refused = || {
        Error::Conflict(
            "this agent was submitted, listed or sold, so its history stays; archive its offering instead".to_owned(),
        )
    };

    let mut tx = ctx.store.write(member.tenant).await?;
    let agent = view(&mut tx, member.tenant, id).await?;
    if let (Some(offering), Some(state)) = (agent.offering_id, agent.offering_state) {
        if state != OfferingState::Draft || store::offerings::has_history(&mut tx, offering).await? {
            return Err(refused());
        }
        store::offerings::delete(&mut tx, member.tenant, offering).await?;
    }
    rows::delete(&mut tx, member.tenant, id)
        .await
        .map_err(|error| if error.is_foreign_key_violation() { refused() } else { error.into() })?;
    tx.commit().await?;
    Ok(())
}

/// Reads an export and says what is in it, without storing anything.
pub async fn validate_flow(ctx: &Ctx, who: &Principal, export: &[u8], choice: RuntimeChoice) -> Result<FlowReport> {
    who.user()?;
    Ok(read(ctx, export, choice).await?.report)
}

/// Stores an export as an agent's next version; the same flow as the newest makes no new one.
pub async fn import_flow(
    ctx: &Ctx,
    who: &Principal,
    id: AgentId,
    export: &[u8],
    choice: RuntimeChoice,
    label: Option<String>,
) -> Result<FlowVersionView> {
    let member = of_agent(ctx, who, id, Need::Sell).await?;
    let mut checks = Checks::default();
    let label = checks.line("label", label.as_deref().unwrap_or_default(), 0, 40);
    checks.done()?;
    // Reading takes a while and needs no transaction.
    let imported = read(ctx, export, choice).await?;
    if imported.report.verdict == FlowClass::Invalid {
        let problems = if imported.report.problems.is_empty() {
            "is not a flow that can run".to_owned()
        } else {
            imported.report.problems.join(" ")
        };
        return Err(Error::invalid("flow_definition", problems));
    }

    let mut tx = ctx.store.write(member.tenant).await?;
    let version = store_version(ctx, &mut tx, member.tenant, id, member.user, &imported, &label).await?;
    tx.commit().await?;
    Ok(version)
}

/// Stores what was read as an agent's next version, unless the newest is the same.
pub(crate) async fn store_version(
    ctx: &Ctx,
    tx: &mut Tx,
    tenant: Tenant,
    agent: AgentId,
    by: domain::UserId,
    imported: &ImportedFlow,
    label: &str,
) -> Result<FlowVersionView> {
    let now = ctx.now();
    if !rows::touch(tx, tenant, agent, now).await? {
        return Err(Error::NotFound("agent"));
    }
    let digest = digest(&imported.flow);
    let newest = rows::versions(tx, tenant, agent).await?.into_iter().next();
    let number = newest.as_ref().map_or(1, |newest| newest.number + 1);
    if let Some(newest) = newest.filter(|newest| newest.digest == hex::encode(digest)) {
        return Ok(newest);
    }
    let numbered = format!("{number}.0.0");
    let label = if label.is_empty() { numbered.as_str() } else { label };
    let id = FlowVersionId(fresh_id());
    rows::insert_version(
        tx,
        tenant,
        &NewFlowVersion {
            id,
            agent,
            number,
            label,
            flow: &imported.flow,
            digest: &digest,
            report: &imported.report,
            by,
            now,
        },
    )
    .await?;
    Ok(FlowVersionView {
        id,
        agent_id: agent,
        number,
        label: label.to_owned(),
        digest: hex::encode(digest),
        report: imported.report.clone(),
        created: now,
    })
}

/// Returns an agent's flow versions, newest first.
pub async fn versions(ctx: &Ctx, who: &Principal, id: AgentId) -> Result<Vec<FlowVersionView>> {
    let member = of_agent(ctx, who, id, Need::View).await?;
    let mut tx = ctx.store.read(member.tenant).await?;
    Ok(rows::versions(&mut tx, member.tenant, id).await?)
}

/// Runs a flow version once, so that its provider sees what buyers would get.
pub async fn preview(ctx: &Ctx, who: &Principal, version: FlowVersionId, input: &str) -> Result<String> {
    who.user()?;
    let mut checks = Checks::default();
    let input = checks.text("input", input, 1, 4000);
    checks.done()?;

    let mut tx = ctx.store.read(Scope::System).await?;
    let flow = rows::flow(&mut tx, version).await?.ok_or(Error::NotFound("flow version"))?;
    drop(tx);
    who.approved_provider(flow.organization).map_err(|error| error.hiding("flow version"))?;

    let (events, mut pieces) = tokio::sync::mpsc::channel(64);
    let run = ctx.runtime.run(
        RunRequest {
            organization: flow.organization,
            flow_version: version,
            flow: Arc::new(flow.flow),
            input,
            config: None,
            session_id: format!("preview-{}", fresh_id().simple()),
            history: Vec::new(),
            tweaks: serde_json::Map::new(),
            persona: crate::ports::Persona::default(),
            knowledge: None,
            timeout: ctx.settings.run_timeout,
            trace: crate::ports::TraceDetail::None,
        },
        events,
        CancellationToken::new(),
    );
    // Somebody must take the pieces, or the run waits for room.
    let (output, ()) = tokio::join!(run, async { while pieces.recv().await.is_some() {} });
    match output {
        Ok(output) => Ok(output.text),
        Err(RuntimeError::Refused(problem)) => Err(Error::invalid("input", problem)),
        Err(RuntimeError::Timeout(problem)) => Err(Error::Timeout(problem)),
        Err(RuntimeError::Failed(problem)) => Err(Error::Upstream(problem)),
        Err(RuntimeError::Cancelled) => Err(Error::Upstream("the run was cancelled".to_owned())),
    }
}

async fn view(tx: &mut Tx, tenant: Tenant, id: AgentId) -> Result<AgentView> {
    rows::get(tx, tenant, id).await?.ok_or(Error::NotFound("agent"))
}

async fn read(ctx: &Ctx, export: &[u8], choice: RuntimeChoice) -> Result<ImportedFlow> {
    const FIELD: &str = "flow_definition";
    if export.iter().all(u8::is_ascii_whitespace) {
        return Err(Error::invalid(FIELD, "is required: paste the JSON that Langflow exports, or choose its file"));
    }
    if export.len() > MAX_FLOW_BYTES {
        return Err(Error::invalid(FIELD, "is larger than 8 MiB, which is more than we read"));
    }
    ctx.runtime.import(export, choice).await.map_err(|refused| Error::invalid(FIELD, refused.to_string()))
}

/// Returns the SHA-256 of a flow, whatever the order of its keys.
fn digest(flow: &serde_json::Value) -> [u8; 32] {
    let mut sorted = flow.clone();
    sorted.sort_all_objects();
    Sha256::digest(sorted.to_string().as_bytes()).into()
}
