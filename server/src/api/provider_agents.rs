//! A provider's side: agents, flows, offerings, plans, and the operator's answer to a submission.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::pricing::{Interval, Part, Terms};
use domain::state::SubmissionState;
use domain::view::agent::{AgentView, FlowReport, FlowVersionView, NewAgent, RemoteRuntime};
use domain::view::knowledge::DocumentQuota;
use domain::view::provider::{OfferingEdit, OfferingForm, PlanForm};
use domain::view::trace::RunView;
use domain::{AgentId, Currency, Money, OfferingId, OrganizationId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use services::ports::RuntimeChoice;
use services::{Ctx, Error, operator, provider};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::catalog::{Refusal, plan_of};
use super::error::{ApiError, ApiResult};
use super::list::ListQuery;
use super::wire::{Body, Who, path_id, reference, url_of};
use crate::http::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_agents, create_agent))
        .routes(routes!(validate_flow))
        .routes(routes!(agent, put_agent, patch_agent, delete_agent))
        .routes(routes!(validate_agent_flow))
        .routes(routes!(import_flow))
        .routes(routes!(runs))
        .routes(routes!(run))
        .routes(routes!(flows_import))
        .routes(routes!(publish))
        .routes(routes!(unpublish))
        .routes(routes!(list_offerings, create_offering))
        .routes(routes!(offering, patch_offering))
        .routes(routes!(submit))
        .routes(routes!(activate))
        .routes(routes!(reject))
        .routes(routes!(pause))
        .routes(routes!(unpause))
        .routes(routes!(draft))
        .routes(routes!(archive))
        .routes(routes!(create_plan))
        .routes(routes!(archive_plan))
}

/// An agent of a provider.
#[derive(Debug, Serialize, ToSchema)]
struct ProviderAgent {
    url: String,
    uuid: String,
    name: String,
    slug: String,
    description: String,
    category: String,
    category_uuid: String,
    customer_uuid: String,
    /// `DRAFT`, or the offering's state in capitals.
    status: String,
    flow_version: Option<String>,
    #[schema(value_type = Object)]
    flow_report: Option<Value>,
    offering_uuid: Option<String>,
    created: String,
}

fn agent_of(ctx: &Ctx, view: AgentView) -> ProviderAgent {
    ProviderAgent {
        url: url_of(ctx, "provider-agents", view.id),
        uuid: view.id.to_string(),
        name: view.name,
        slug: view.slug,
        description: view.description,
        category: view.category_slug,
        category_uuid: view.category_id.to_string(),
        customer_uuid: view.organization_id.to_string(),
        status: view
            .offering_state
            .map_or_else(|| "DRAFT".to_owned(), |state| state.as_str().to_uppercase().replace(' ', "_")),
        flow_version: view.latest.as_ref().map(|version| version.label.clone()),
        flow_report: view.latest.as_ref().and_then(|version| serde_json::to_value(&version.report).ok()),
        offering_uuid: view.offering_id.map(|id| id.to_string()),
        created: view.created.rfc3339(),
    }
}

/// Lists the agents of the caller's provider organizations; `customer_uuid` for one of them.
#[utoipa::path(get, path = "/api/provider-agents/", tag = "provider", responses((status = 200, body = [ProviderAgent]), (status = 401)))]
async fn list_agents(State(state): State<AppState>, who: Who, list: ListQuery) -> ApiResult<Response> {
    let mut rows = Vec::new();
    for organization in organizations(&who, list.parsed("customer_uuid")?)? {
        rows.extend(provider::agents(&state.ctx, &who.principal, organization).await?);
    }
    list.answer_all(rows.into_iter().map(|view| agent_of(&state.ctx, view)).collect())
}

/// Returns the organization that is asked for, or all of the caller's that sell.
fn organizations(who: &Who, asked: Option<OrganizationId>) -> ApiResult<Vec<OrganizationId>> {
    let memberships = &who.principal.user()?.memberships;
    Ok(match asked {
        Some(organization) => vec![organization],
        None => memberships
            .iter()
            .filter(|membership| membership.provider.is_some() && membership.role.may(domain::Permission::Sell))
            .map(|membership| membership.organization_id)
            .collect(),
    })
}

/// An agent to make.
#[derive(Debug, Deserialize, ToSchema)]
struct AgentRequest {
    name: String,
    #[serde(default)]
    slug: String,
    #[serde(default)]
    description: String,
    /// A category's slug.
    category: String,
    /// The organization; may be left out by members of only one that sells.
    #[serde(default)]
    customer_uuid: Option<String>,
}

/// Makes an agent.
#[utoipa::path(post, path = "/api/provider-agents/", tag = "provider", request_body = AgentRequest,
    responses((status = 201, body = ProviderAgent), (status = 400), (status = 401), (status = 403)))]
async fn create_agent(State(state): State<AppState>, who: Who, Body(body): Body<AgentRequest>) -> ApiResult<Response> {
    let asked = body.customer_uuid.as_deref().map(|text| reference("customer_uuid", text)).transpose()?;
    let candidates = organizations(&who, asked)?;
    let [organization_id] = candidates[..] else {
        return Err(ApiError(Error::invalid(
            "customer_uuid",
            "say for which organization: you sell for none, or for several",
        )));
    };
    let new = NewAgent {
        organization_id,
        name: body.name,
        slug: body.slug,
        description: body.description,
        category: body.category,
    };
    let view = provider::create_agent(&state.ctx, &who.principal, new).await?;
    Ok((StatusCode::CREATED, Json(agent_of(&state.ctx, view))).into_response())
}

/// Answers one agent.
#[utoipa::path(get, path = "/api/provider-agents/{uuid}/", tag = "provider", responses((status = 200, body = ProviderAgent), (status = 404)))]
async fn agent(State(state): State<AppState>, who: Who, Path(uuid): Path<String>) -> ApiResult<Response> {
    let view = provider::agent(&state.ctx, &who.principal, path_id("agent", &uuid)?).await?;
    Ok(Json(agent_of(&state.ctx, view)).into_response())
}

/// What of an agent can be changed.
#[derive(Debug, Deserialize, ToSchema)]
struct AgentChange {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    description: Option<String>,
}

async fn change(state: &AppState, who: &Who, uuid: &str, change: AgentChange) -> ApiResult<Response> {
    let id: AgentId = path_id("agent", uuid)?;
    let now = provider::agent(&state.ctx, &who.principal, id).await?;
    let name = change.name.unwrap_or(now.name);
    let description = change.description.unwrap_or(now.description);
    let view = provider::update_agent(&state.ctx, &who.principal, id, &name, &description).await?;
    Ok(Json(agent_of(&state.ctx, view)).into_response())
}

/// Changes an agent's name and description.
#[utoipa::path(put, path = "/api/provider-agents/{uuid}/", tag = "provider", request_body = AgentChange, responses((status = 200, body = ProviderAgent), (status = 400), (status = 404)))]
async fn put_agent(
    State(state): State<AppState>,
    who: Who,
    Path(uuid): Path<String>,
    Body(body): Body<AgentChange>,
) -> ApiResult<Response> {
    change(&state, &who, &uuid, body).await
}

/// Changes an agent's name or description.
#[utoipa::path(patch, path = "/api/provider-agents/{uuid}/", tag = "provider", request_body = AgentChange, responses((status = 200, body = ProviderAgent), (status = 400), (status = 404)))]
async fn patch_agent(
    State(state): State<AppState>,
    who: Who,
    Path(uuid): Path<String>,
    Body(body): Body<AgentChange>,
) -> ApiResult<Response> {
    change(&state, &who, &uuid, body).await
}

/// Deletes an agent that was never offered.
#[utoipa::path(delete, path = "/api/provider-agents/{uuid}/", tag = "provider", responses((status = 204), (status = 404), (status = 409)))]
async fn delete_agent(State(state): State<AppState>, who: Who, Path(uuid): Path<String>) -> ApiResult<StatusCode> {
    provider::delete_agent(&state.ctx, &who.principal, path_id("agent", &uuid)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A flow, alone or in an envelope.
fn flow_bytes(body: &Value) -> ApiResult<Vec<u8>> {
    let flow = body.get("flow_definition").or_else(|| body.get("flow")).unwrap_or(body);
    // A client may send the export as the text that it read from a file.
    match flow {
        Value::String(text) => Ok(text.clone().into_bytes()),
        Value::Object(_) => serde_json::to_vec(flow).map_err(|error| ApiError(Error::internal(error))),
        _ => Err(ApiError(Error::invalid("flow_definition", "must be a Langflow export"))),
    }
}

/// What the envelope chooses for a flow that our engine does not run: `"runtime": "remote"`.
fn runtime_choice(body: &Value) -> ApiResult<RuntimeChoice> {
    match body.get("runtime") {
        None | Some(Value::Null) => Ok(RuntimeChoice::Here),
        Some(choice) => serde_json::from_value(choice.clone())
            .map_err(|_| ApiError(Error::invalid("runtime", "must be \"here\" or \"remote\""))),
    }
}

fn validation(report: &FlowReport) -> Value {
    json!({
        "valid": report.runs() && (report.problems.is_empty() || report.remote == RemoteRuntime::Chosen),
        "node_count": report.node_count,
        "edge_count": report.edge_count,
        "flow_name": report.flow_name,
        "errors": report.problems,
        "report": report,
    })
}

/// Says what is in a flow, and whether it runs here; nothing is kept.
#[utoipa::path(post, path = "/api/provider-agents/validate_flow/", tag = "provider", request_body = Value, responses((status = 200), (status = 400), (status = 401)))]
async fn validate_flow(State(state): State<AppState>, who: Who, Body(body): Body<Value>) -> ApiResult<Response> {
    let report =
        provider::validate_flow(&state.ctx, &who.principal, &flow_bytes(&body)?, runtime_choice(&body)?).await?;
    Ok(Json(validation(&report)).into_response())
}

/// Says what is in a flow for an agent; nothing is kept.
#[utoipa::path(post, path = "/api/provider-agents/{uuid}/validate_flow/", tag = "provider", request_body = Value, responses((status = 200), (status = 400), (status = 404)))]
async fn validate_agent_flow(
    State(state): State<AppState>,
    who: Who,
    Path(uuid): Path<String>,
    Body(body): Body<Value>,
) -> ApiResult<Response> {
    provider::agent(&state.ctx, &who.principal, path_id("agent", &uuid)?).await?;
    let report =
        provider::validate_flow(&state.ctx, &who.principal, &flow_bytes(&body)?, runtime_choice(&body)?).await?;
    Ok(Json(validation(&report)).into_response())
}

fn imported(view: &FlowVersionView) -> Value {
    json!({
        "uuid": view.agent_id,
        "flow_version_uuid": view.id,
        "flow_version": view.label,
        "version_number": view.number,
        "digest": view.digest,
        "status": "imported",
        "message": format!("Version {} is imported.", view.number),
        "report": view.report,
    })
}

/// Imports a flow as the next version of an agent.
#[utoipa::path(post, path = "/api/provider-agents/{uuid}/import_flow/", tag = "provider", request_body = Value, responses((status = 201), (status = 400), (status = 403), (status = 404)))]
async fn import_flow(
    State(state): State<AppState>,
    who: Who,
    Path(uuid): Path<String>,
    Body(body): Body<Value>,
) -> ApiResult<Response> {
    let id: AgentId = path_id("agent", &uuid)?;
    let label = body.get("flow_version").and_then(Value::as_str).map(str::to_owned);
    let choice = runtime_choice(&body)?;
    let view = provider::import_flow(&state.ctx, &who.principal, id, &flow_bytes(&body)?, choice, label).await?;
    Ok((StatusCode::CREATED, Json(imported(&view))).into_response())
}

/// A run of an agent; it does not say whose it is.
#[derive(Debug, Serialize, ToSchema)]
struct AgentRun {
    url: String,
    /// What buyers know as `request_id`.
    uuid: String,
    provider_agent_uuid: String,
    flow_version: String,
    /// `api`, `widget` or `portal`.
    source: String,
    /// `succeeded` or `failed`.
    state: String,
    /// What the caller was answered.
    status: i64,
    started: String,
    elapsed_ms: i64,
    input_tokens: i64,
    output_tokens: i64,
    /// Whether the buyer lets the provider read what was said.
    texts: bool,
}

fn run_of(ctx: &Ctx, run: RunView) -> AgentRun {
    AgentRun {
        url: url_of(ctx, "provider-agent-runs", run.id),
        uuid: run.id.to_string(),
        provider_agent_uuid: run.agent_id.to_string(),
        flow_version: run.version,
        source: run.source.to_string(),
        state: run.state.to_string(),
        status: run.status,
        started: run.started.rfc3339(),
        elapsed_ms: run.elapsed_ms,
        input_tokens: run.input_tokens,
        output_tokens: run.output_tokens,
        texts: run.texts,
    }
}

/// Lists the last runs of an agent whose traces are kept, newest first; `state` for those that ended in one way.
#[utoipa::path(get, path = "/api/provider-agents/{uuid}/runs/", tag = "provider", responses((status = 200, body = [AgentRun]), (status = 401), (status = 404)))]
async fn runs(
    State(state): State<AppState>,
    who: Who,
    Path(uuid): Path<String>,
    list: ListQuery,
) -> ApiResult<Response> {
    let id: AgentId = path_id("agent", &uuid)?;
    let page = provider::runs(&state.ctx, &who.principal, id, list.parsed("state")?, list.paging).await?;
    list.answer(page.map(|run| run_of(&state.ctx, run)))
}

/// Answers a run with the trace of its steps. What was said is in it only where the buyer allows that.
#[utoipa::path(get, path = "/api/provider-agent-runs/{uuid}/", tag = "provider", responses((status = 200), (status = 401), (status = 404)))]
async fn run(State(state): State<AppState>, who: Who, Path(uuid): Path<String>) -> ApiResult<Response> {
    let trace = provider::trace(&state.ctx, &who.principal, path_id("run", &uuid)?).await?;
    let mut answer = serde_json::to_value(run_of(&state.ctx, trace.run)).map_err(Error::internal)?;
    answer["steps"] = json!(trace.steps);
    answer["steps_left_out"] = json!(trace.left_out);
    Ok(Json(answer).into_response())
}

/// Makes an agent and its offering from a flow in one step (the older form).
#[utoipa::path(post, path = "/api/flows/import/", tag = "provider", request_body = Value, responses((status = 201), (status = 400), (status = 401), (status = 403)))]
async fn flows_import(State(state): State<AppState>, who: Who, Body(body): Body<Value>) -> ApiResult<Response> {
    who.principal.user()?;
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let asked =
        body.get("customer_uuid").and_then(Value::as_str).map(|text| reference("customer_uuid", text)).transpose()?;
    let candidates = organizations(&who, asked)?;
    let [organization_id] = candidates[..] else {
        return Err(ApiError(Error::invalid(
            "customer_uuid",
            "say for which organization: you sell for none, or for several",
        )));
    };
    who.principal.approved_provider(organization_id)?;
    let (flow, choice) = (flow_bytes(&body)?, runtime_choice(&body)?);
    let report = provider::validate_flow(&state.ctx, &who.principal, &flow, choice).await?;
    let name = if text("name").is_empty() { report.flow_name } else { text("name") };
    let category = if text("category").is_empty() { "agents".to_owned() } else { text("category") };
    let new = NewAgent { organization_id, name, slug: text("slug"), description: text("description"), category };
    let agent = provider::create_agent(&state.ctx, &who.principal, new).await?;
    let version = provider::import_flow(&state.ctx, &who.principal, agent.id, &flow, choice, None).await?;
    let offering = provider::create_offering(&state.ctx, &who.principal, agent.id).await?;
    let answer = json!({"agent_uuid": agent.id, "offering_uuid": offering.id, "flow_version_uuid": version.id, "status": "created"});
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

/// What an agent is published with.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
struct Publish {
    /// For the buyers.
    marketplace_description: String,
    /// The price of a month in units of the currency, 29 or 29.5; makes a plan where the offering has none.
    price_monthly: Option<f64>,
    /// Calls a month in that plan.
    free_tier_calls: Option<i64>,
    /// For the operator.
    note: String,
}

/// Submits an agent's offering for review; makes the offering, and a plan of `price_monthly`, where missing.
#[utoipa::path(post, path = "/api/provider-agents/{uuid}/publish/", tag = "provider", request_body = Publish, responses((status = 200), (status = 400), (status = 403), (status = 404), (status = 409)))]
async fn publish(
    State(state): State<AppState>,
    who: Who,
    Path(uuid): Path<String>,
    Body(body): Body<Publish>,
) -> ApiResult<Response> {
    let id: AgentId = path_id("agent", &uuid)?;
    let agent = provider::agent(&state.ctx, &who.principal, id).await?;
    let mut offering = match agent.offering_id {
        Some(offering) => provider::offering(&state.ctx, &who.principal, offering).await?,
        None => provider::create_offering(&state.ctx, &who.principal, id).await?,
    };
    if !body.marketplace_description.is_empty() {
        let mut form = offering.form.clone();
        form.tagline = body.marketplace_description.chars().take(160).collect();
        if form.full_description.is_empty() {
            form.full_description = body.marketplace_description;
        }
        provider::save_offering(&state.ctx, &who.principal, offering.id, form).await?;
    }
    if let (Some(price), true) = (body.price_monthly, offering.plans.iter().all(|plan| plan.archived)) {
        let form = PlanForm {
            id: None,
            name: "Standard".to_owned(),
            description: String::new(),
            price: Money::new(cents(price)?, Currency::Usd),
            monthly_quota: body.free_tier_calls,
            requests_per_minute: None,
            terms: Terms::default(),
            documents: None,
        };
        provider::save_plan(&state.ctx, &who.principal, offering.id, form).await?;
    }
    provider::submit(&state.ctx, &who.principal, offering.id, &body.note).await?;
    offering = provider::offering(&state.ctx, &who.principal, offering.id).await?;
    let url = format!("{}/marketplace-public-offering/{}/", state.ctx.settings.public_url, offering.id);
    Ok(Json(json!({"uuid": id, "status": offering.state, "offering_uuid": offering.id, "marketplace_url": url}))
        .into_response())
}

/// Reads a price in units of the currency; more than two decimals are refused, not rounded.
fn cents(price: f64) -> ApiResult<i64> {
    let cents = price * 100.0;
    let rounded = cents.round();
    if !(0.0..=1e11).contains(&rounded) || (cents - rounded).abs() > 1e-6 {
        return Err(ApiError(Error::invalid("price_monthly", "must be an amount from 0 with at most two decimals")));
    }
    #[expect(clippy::cast_possible_truncation, reason = "the range was just checked")]
    Ok(rounded as i64)
}

/// Takes an agent's offering off the list; subscriptions go on.
#[utoipa::path(post, path = "/api/provider-agents/{uuid}/unpublish/", tag = "provider", responses((status = 200), (status = 403), (status = 404), (status = 409)))]
async fn unpublish(State(state): State<AppState>, who: Who, Path(uuid): Path<String>) -> ApiResult<Response> {
    let agent = provider::agent(&state.ctx, &who.principal, path_id("agent", &uuid)?).await?;
    let offering = agent.offering_id.ok_or_else(|| Error::Conflict("this agent has no offering".to_owned()))?;
    provider::unpublish(&state.ctx, &who.principal, offering).await?;
    Ok(Json(json!({"uuid": agent.id, "status": "Draft"})).into_response())
}

fn offering_of(ctx: &Ctx, edit: &OfferingEdit) -> Value {
    json!({
        "url": url_of(ctx, "marketplace-provider-offerings", edit.id),
        "uuid": edit.id,
        "name": edit.form.name,
        "slug": edit.slug,
        "description": edit.form.tagline,
        "full_description": edit.form.full_description,
        "terms_of_service": edit.form.terms,
        "state": edit.state,
        "customer_uuid": edit.organization_id,
        "category": edit.category_slug,
        "agent_uuid": edit.agent_id,
        "flow_version_uuid": edit.flow_version_id,
        "plans": edit.plans.iter().map(|plan| plan_of(ctx, plan)).collect::<Vec<_>>(),
        "missing": edit.missing,
        "review_reason": edit.review_reason,
        "thumbnail": edit.form.thumbnail,
        "form": edit.form,
    })
}

/// Lists the offerings of the caller's provider organizations.
#[utoipa::path(get, path = "/api/marketplace-provider-offerings/", tag = "provider", responses((status = 200), (status = 401)))]
async fn list_offerings(State(state): State<AppState>, who: Who, list: ListQuery) -> ApiResult<Response> {
    let mut rows = Vec::new();
    for organization in organizations(&who, list.parsed("customer_uuid")?)? {
        rows.extend(provider::offerings(&state.ctx, &who.principal, organization).await?);
    }
    list.answer_all(rows.iter().map(|edit| offering_of(&state.ctx, edit)).collect())
}

/// Which agent to offer.
#[derive(Debug, Deserialize, ToSchema)]
struct OfferingRequest {
    /// The agent's address or identifier.
    agent: String,
}

/// Makes the offering of an agent, as a draft.
#[utoipa::path(post, path = "/api/marketplace-provider-offerings/", tag = "provider", request_body = OfferingRequest, responses((status = 201), (status = 400), (status = 403), (status = 404), (status = 409)))]
async fn create_offering(
    State(state): State<AppState>,
    who: Who,
    Body(body): Body<OfferingRequest>,
) -> ApiResult<Response> {
    let edit = provider::create_offering(&state.ctx, &who.principal, reference("agent", &body.agent)?).await?;
    Ok((StatusCode::CREATED, Json(offering_of(&state.ctx, &edit))).into_response())
}

/// Answers one offering of the caller's.
#[utoipa::path(get, path = "/api/marketplace-provider-offerings/{uuid}/", tag = "provider", responses((status = 200), (status = 404)))]
async fn offering(State(state): State<AppState>, who: Who, Path(uuid): Path<String>) -> ApiResult<Response> {
    let edit = provider::offering(&state.ctx, &who.principal, path_id("offering", &uuid)?).await?;
    Ok(Json(offering_of(&state.ctx, &edit)).into_response())
}

/// Writes what an offering says of itself; what is left out stays.
#[utoipa::path(patch, path = "/api/marketplace-provider-offerings/{uuid}/", tag = "provider", request_body = Value, responses((status = 200), (status = 400), (status = 404)))]
async fn patch_offering(
    State(state): State<AppState>,
    who: Who,
    Path(uuid): Path<String>,
    Body(body): Body<serde_json::Map<String, Value>>,
) -> ApiResult<Response> {
    let id: OfferingId = path_id("offering", &uuid)?;
    let edit = provider::offering(&state.ctx, &who.principal, id).await?;
    let mut form = serde_json::to_value(&edit.form).map_err(|error| ApiError(Error::internal(error)))?;
    for (key, value) in body {
        match form.get_mut(&key) {
            Some(slot) => *slot = value,
            None => {
                return Err(ApiError(Error::invalid(key, "is not a field of an offering")));
            }
        }
    }
    let form: OfferingForm =
        serde_json::from_value(form).map_err(|error| ApiError(Error::invalid("", error.to_string())))?;
    provider::save_offering(&state.ctx, &who.principal, id, form).await?;
    let edit = provider::offering(&state.ctx, &who.principal, id).await?;
    Ok(Json(offering_of(&state.ctx, &edit)).into_response())
}

/// A word to the operator.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
struct Note {
    note: String,
}

async fn state_of(state: &AppState, who: &Who, id: OfferingId) -> ApiResult<Response> {
    let edit = provider::offering(&state.ctx, &who.principal, id).await?;
    Ok(Json(json!({"detail": "The offering's state has changed.", "state": edit.state})).into_response())
}

/// Submits an offering for review.
#[utoipa::path(post, path = "/api/marketplace-provider-offerings/{uuid}/submit/", tag = "provider", request_body = Note, responses((status = 200), (status = 400), (status = 404), (status = 409)))]
async fn submit(
    State(state): State<AppState>,
    who: Who,
    Path(uuid): Path<String>,
    Body(body): Body<Note>,
) -> ApiResult<Response> {
    let id = path_id("offering", &uuid)?;
    provider::submit(&state.ctx, &who.principal, id, &body.note).await?;
    state_of(&state, &who, id).await
}

/// Returns the submission of an offering that waits for the operator.
async fn pending(state: &AppState, who: &Who, uuid: &str) -> ApiResult<domain::SubmissionId> {
    let id: OfferingId = path_id("offering", uuid)?;
    let waiting = operator::submissions(&state.ctx, &who.principal, Some(SubmissionState::Pending)).await?;
    let found = waiting.into_iter().find(|submission| submission.offering_id == id);
    found
        .map(|submission| submission.id)
        .ok_or_else(|| ApiError(Error::Conflict("this offering does not wait for review".to_owned())))
}

/// Lists a submitted offering; operators only.
#[utoipa::path(post, path = "/api/marketplace-provider-offerings/{uuid}/activate/", tag = "operator", responses((status = 200), (status = 403), (status = 409)))]
async fn activate(State(state): State<AppState>, who: Who, Path(uuid): Path<String>) -> ApiResult<Response> {
    who.principal.operator()?;
    let submission = pending(&state, &who, &uuid).await?;
    operator::decide_submission(&state.ctx, &who.principal, submission, operator::Decision::Approve).await?;
    Ok(Json(json!({"detail": "The offering is listed.", "state": "Active"})).into_response())
}

/// Sends a submitted offering back with a reason; operators only.
#[utoipa::path(post, path = "/api/marketplace-provider-offerings/{uuid}/reject/", tag = "operator", request_body = Refusal, responses((status = 200), (status = 400), (status = 403), (status = 409)))]
async fn reject(
    State(state): State<AppState>,
    who: Who,
    Path(uuid): Path<String>,
    Body(body): Body<Refusal>,
) -> ApiResult<Response> {
    who.principal.operator()?;
    let submission = pending(&state, &who, &uuid).await?;
    let decision = operator::Decision::Refuse { reason: body.reason };
    operator::decide_submission(&state.ctx, &who.principal, submission, decision).await?;
    Ok(Json(json!({"detail": "The offering is sent back.", "state": "Draft"})).into_response())
}

/// Stops selling for a while; the offering stays listed.
#[utoipa::path(post, path = "/api/marketplace-provider-offerings/{uuid}/pause/", tag = "provider", responses((status = 200), (status = 404), (status = 409)))]
async fn pause(State(state): State<AppState>, who: Who, Path(uuid): Path<String>) -> ApiResult<Response> {
    let id = path_id("offering", &uuid)?;
    provider::pause(&state.ctx, &who.principal, id).await?;
    state_of(&state, &who, id).await
}

/// Sells again.
#[utoipa::path(post, path = "/api/marketplace-provider-offerings/{uuid}/unpause/", tag = "provider", responses((status = 200), (status = 404), (status = 409)))]
async fn unpause(State(state): State<AppState>, who: Who, Path(uuid): Path<String>) -> ApiResult<Response> {
    let id = path_id("offering", &uuid)?;
    provider::unpause(&state.ctx, &who.principal, id).await?;
    state_of(&state, &who, id).await
}

/// Takes an offering off the list to work on it.
#[utoipa::path(post, path = "/api/marketplace-provider-offerings/{uuid}/draft/", tag = "provider", responses((status = 200), (status = 404), (status = 409)))]
async fn draft(State(state): State<AppState>, who: Who, Path(uuid): Path<String>) -> ApiResult<Response> {
    let id = path_id("offering", &uuid)?;
    provider::unpublish(&state.ctx, &who.principal, id).await?;
    state_of(&state, &who, id).await
}

/// Takes an offering off the list for good.
#[utoipa::path(post, path = "/api/marketplace-provider-offerings/{uuid}/archive/", tag = "provider", responses((status = 200), (status = 404), (status = 409)))]
async fn archive(State(state): State<AppState>, who: Who, Path(uuid): Path<String>) -> ApiResult<Response> {
    let id = path_id("offering", &uuid)?;
    provider::archive(&state.ctx, &who.principal, id).await?;
    state_of(&state, &who, id).await
}

/// A plan to make.
#[derive(Debug, Deserialize, ToSchema)]
struct PlanRequest {
    /// The offering's address or identifier.
    offering: String,
    name: String,
    #[serde(default)]
    description: String,
    /// The price of a month, in units of the currency.
    unit_price: f64,
    /// `USD`, `EUR` or `GBP`.
    #[serde(default)]
    currency: Option<String>,
    #[serde(default)]
    monthly_quota: Option<i64>,
    #[serde(default)]
    requests_per_minute: Option<i64>,
    /// How often it is paid: `month` or `year`.
    #[serde(default)]
    #[schema(value_type = String)]
    interval: Interval,
    /// For how many days it can be tried before the first payment.
    #[serde(default)]
    trial_days: i64,
    /// What is paid besides: parts of the kinds `once`, `per_unit`, `graduated`, `volume`, `package` and `quota`, by
    /// the meters `calls`, `input_tokens` and `output_tokens`. A unit's price is in billionths of a minor unit.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    components: Vec<Part>,
    /// Documents that an agent may answer from; 500 where it is left out.
    #[serde(default)]
    document_limit: Option<i64>,
    /// Their megabytes together; 250 where it is left out.
    #[serde(default)]
    document_megabytes: Option<i64>,
    /// Their pages together; 20,000 where it is left out.
    #[serde(default)]
    document_pages: Option<i64>,
}

/// Makes a plan.
#[utoipa::path(post, path = "/api/marketplace-plans/", tag = "provider", request_body = PlanRequest, responses((status = 201), (status = 400), (status = 404)))]
async fn create_plan(State(state): State<AppState>, who: Who, Body(body): Body<PlanRequest>) -> ApiResult<Response> {
    let mut checks = services::error::Checks::default();
    let currency = body.currency.as_deref().map_or(Some(Currency::Usd), |text| checks.parse("currency", text));
    checks.done()?;
    let usual = DocumentQuota::default();
    let form = PlanForm {
        id: None,
        name: body.name,
        description: body.description,
        price: Money::new(cents(body.unit_price)?, currency.unwrap_or(Currency::Usd)),
        monthly_quota: body.monthly_quota,
        requests_per_minute: body.requests_per_minute,
        terms: Terms { interval: body.interval, trial_days: body.trial_days, parts: body.components },
        documents: Some(DocumentQuota {
            documents: body.document_limit.unwrap_or(usual.documents),
            bytes: body.document_megabytes.map_or(usual.bytes, |megabytes| megabytes.saturating_mul(1_000_000)),
            pages: body.document_pages.unwrap_or(usual.pages),
        }),
    };
    let view = provider::save_plan(&state.ctx, &who.principal, reference("offering", &body.offering)?, form).await?;
    Ok((StatusCode::CREATED, Json(plan_of(&state.ctx, &view))).into_response())
}

/// Takes a plan off sale; who has it keeps it.
#[utoipa::path(post, path = "/api/marketplace-plans/{uuid}/archive/", tag = "provider", responses((status = 200), (status = 404)))]
async fn archive_plan(State(state): State<AppState>, who: Who, Path(uuid): Path<String>) -> ApiResult<Response> {
    provider::archive_plan(&state.ctx, &who.principal, path_id("plan", &uuid)?).await?;
    Ok(Json(json!({"detail": "The plan can no longer be ordered."})).into_response())
}
