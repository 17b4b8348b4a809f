//! A buyer's agents: settings, keys, usage, the snippet.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::state::{KeyKind, KeyScope};
use domain::view::config::{ConfigPatch, ConfigView, CreatedKey, KeyView, NewKey, UsageDay, UsageView};
use domain::{ConfigId, KeyId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use services::{Ctx, configs, keys};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::{ApiError, ApiResult};
use super::list::ListQuery;
use super::wire::{Body, CSV, Who, file, path_id, reference, url_of};
use crate::http::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_configs))
        .routes(routes!(config, update))
        .routes(routes!(config_keys, create_config_key))
        .routes(routes!(usage))
        .routes(routes!(usage_csv))
        .routes(routes!(invocations))
        .routes(routes!(widget_embed))
        .routes(routes!(all_keys, create_key))
        .routes(routes!(revoke))
        .routes(routes!(regenerate))
}

/// An agent's settings.
#[derive(Debug, Serialize, ToSchema)]
struct AgentConfig {
    url: String,
    uuid: String,
    customer_uuid: String,
    customer_name: String,
    project_uuid: String,
    resource_uuid: String,
    resource_name: String,
    resource_state: String,
    offering_uuid: String,
    offering_name: String,
    plan_name: String,
    monthly_quota: Option<i64>,
    used: i64,
    capabilities: Vec<String>,
    agent_name: String,
    greeting_message: String,
    system_prompt_override: String,
    tone: String,
    avatar_url: String,
    primary_color: String,
    logo_url: String,
    welcome_message: String,
    widget_position: String,
    widget_theme: String,
    allowed_origins: Vec<String>,
    live: bool,
    show_citations: bool,
    /// Whether the provider may read what is said.
    share_texts: bool,
    created: String,
    modified: String,
}

fn config_of(ctx: &Ctx, view: ConfigView) -> AgentConfig {
    let settings = view.settings;
    AgentConfig {
        url: url_of(ctx, "customer-agent-configs", view.id),
        uuid: view.id.to_string(),
        customer_uuid: view.organization_id.to_string(),
        customer_name: view.organization_name,
        project_uuid: view.project_id.to_string(),
        resource_uuid: view.subscription_id.to_string(),
        resource_name: view.subscription_name,
        resource_state: view.subscription_state.to_string(),
        offering_uuid: view.offering_id.to_string(),
        offering_name: view.offering_name,
        plan_name: view.plan_name,
        monthly_quota: view.monthly_quota,
        used: view.used,
        capabilities: view.capabilities.iter().map(ToString::to_string).collect(),
        agent_name: settings.agent_name,
        greeting_message: settings.greeting_message,
        system_prompt_override: settings.system_prompt_override,
        tone: settings.tone.to_string(),
        avatar_url: settings.avatar_url,
        primary_color: settings.primary_color.to_string(),
        logo_url: settings.logo_url,
        welcome_message: settings.welcome_message,
        widget_position: settings.widget_position.to_string(),
        widget_theme: settings.widget_theme.to_string(),
        allowed_origins: settings.allowed_origins.iter().map(ToString::to_string).collect(),
        live: settings.live,
        show_citations: settings.show_citations,
        share_texts: settings.share_texts,
        created: view.created.rfc3339(),
        modified: view.modified.rfc3339(),
    }
}

/// Lists the caller's agents; `customer_uuid` for one organization.
#[utoipa::path(get, path = "/api/customer-agent-configs/", tag = "agents", responses((status = 200, body = [AgentConfig]), (status = 401)))]
async fn list_configs(State(state): State<AppState>, who: Who, list: ListQuery) -> ApiResult<Response> {
    let rows = configs::list(&state.ctx, &who.principal, list.parsed("customer_uuid")?).await?;
    list.answer_all(rows.into_iter().map(|view| config_of(&state.ctx, view)).collect())
}

/// Answers the settings of one agent.
#[utoipa::path(get, path = "/api/customer-agent-configs/{uuid}/", tag = "agents", responses((status = 200, body = AgentConfig), (status = 404)))]
async fn config(State(state): State<AppState>, who: Who, Path(uuid): Path<String>) -> ApiResult<Response> {
    let view = configs::get(&state.ctx, &who.principal, path_id("agent", &uuid)?).await?;
    Ok(Json(config_of(&state.ctx, view)).into_response())
}

/// Changes settings; what is left out stays.
#[utoipa::path(patch, path = "/api/customer-agent-configs/{uuid}/", tag = "agents", request_body = Value,
    responses((status = 200, body = AgentConfig), (status = 400), (status = 403), (status = 404)))]
async fn update(
    State(state): State<AppState>,
    who: Who,
    Path(uuid): Path<String>,
    Body(patch): Body<ConfigPatch>,
) -> ApiResult<Response> {
    let view = configs::update(&state.ctx, &who.principal, path_id("agent", &uuid)?, patch).await?;
    Ok(Json(config_of(&state.ctx, view)).into_response())
}

/// A key; never the secret itself.
#[derive(Debug, Serialize, ToSchema)]
struct ApiKey {
    url: String,
    uuid: String,
    name: String,
    /// `secret` or `publishable`.
    kind: String,
    key_prefix: String,
    /// The whole key, for publishable ones alone.
    publishable_key: Option<String>,
    config_uuid: String,
    scopes: Vec<String>,
    allowed_origins: Vec<String>,
    is_active: bool,
    created: String,
    expires_at: Option<String>,
    revoked_at: Option<String>,
    last_used_at: Option<String>,
    /// Set when the secret was seen in a browser: on which page's origin.
    seen_in_browser: Option<String>,
    /// The credential, once: in the answer that makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

fn key_of(ctx: &Ctx, view: KeyView, secret: Option<String>) -> ApiKey {
    let expired = view.expires.is_some_and(|at| at <= ctx.now());
    ApiKey {
        url: url_of(ctx, "agent-api-keys", view.id),
        uuid: view.id.to_string(),
        name: view.name,
        kind: view.kind.to_string(),
        key_prefix: view.prefix,
        publishable_key: view.publishable,
        config_uuid: view.config_id.to_string(),
        scopes: view.scopes.iter().map(ToString::to_string).collect(),
        allowed_origins: view.allowed_origins.iter().map(ToString::to_string).collect(),
        is_active: view.revoked.is_none() && !expired,
        created: view.created.rfc3339(),
        expires_at: view.expires.map(domain::Timestamp::rfc3339),
        revoked_at: view.revoked.map(domain::Timestamp::rfc3339),
        last_used_at: view.last_used.map(domain::Timestamp::rfc3339),
        seen_in_browser: view.seen_in_browser,
        key: secret,
    }
}

/// Lists the keys of one agent.
#[utoipa::path(get, path = "/api/customer-agent-configs/{uuid}/api_keys/", tag = "keys", responses((status = 200, body = [ApiKey]), (status = 403), (status = 404)))]
async fn config_keys(
    State(state): State<AppState>,
    who: Who,
    Path(uuid): Path<String>,
    list: ListQuery,
) -> ApiResult<Response> {
    let rows = keys::list(&state.ctx, &who.principal, path_id("agent", &uuid)?).await?;
    list.answer_all(rows.into_iter().map(|view| key_of(&state.ctx, view, None)).collect())
}

/// A key to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct KeyRequest {
    name: String,
    /// `secret`, or `publishable` for web pages.
    #[serde(default)]
    kind: Option<String>,
    /// `invoke`, `read`, `admin`; `invoke` where it is left out.
    #[serde(default)]
    scopes: Option<Vec<String>>,
    /// Where browsers may use it.
    #[serde(default)]
    allowed_origins: Vec<String>,
    /// For how many days it holds.
    #[serde(default)]
    expires_in_days: Option<i64>,
    /// The agent's address or identifier; only for `POST /api/agent-api-keys/`.
    #[serde(default)]
    config: Option<String>,
    #[serde(default)]
    config_uuid: Option<String>,
}

async fn make(state: &AppState, who: &Who, config: ConfigId, body: KeyRequest) -> ApiResult<Response> {
    let mut checks = services::error::Checks::default();
    let kind = body.kind.as_deref().map_or(Some(KeyKind::Secret), |text| checks.parse("kind", text));
    let scopes: Vec<KeyScope> = match &body.scopes {
        None => vec![KeyScope::Invoke],
        Some(scopes) => scopes.iter().filter_map(|text| checks.parse("scopes", text)).collect(),
    };
    checks.done()?;
    let new = NewKey {
        name: body.name,
        kind: kind.unwrap_or(KeyKind::Secret),
        scopes,
        allowed_origins: body.allowed_origins,
        expires_in_days: body.expires_in_days,
    };
    let CreatedKey { key, secret } = keys::create(&state.ctx, &who.principal, config, new).await?;
    Ok((StatusCode::CREATED, Json(key_of(&state.ctx, key, Some(secret)))).into_response())
}

/// Makes a key for one agent; `key` in the answer is shown this once.
#[utoipa::path(post, path = "/api/customer-agent-configs/{uuid}/api_keys/", tag = "keys", request_body = KeyRequest,
    responses((status = 201, body = ApiKey), (status = 400), (status = 403), (status = 404)))]
async fn create_config_key(
    State(state): State<AppState>,
    who: Who,
    Path(uuid): Path<String>,
    Body(body): Body<KeyRequest>,
) -> ApiResult<Response> {
    make(&state, &who, path_id("agent", &uuid)?, body).await
}

/// Lists the keys of all agents that the caller may see keys of.
#[utoipa::path(get, path = "/api/agent-api-keys/", tag = "keys", responses((status = 200, body = [ApiKey]), (status = 401)))]
async fn all_keys(State(state): State<AppState>, who: Who, list: ListQuery) -> ApiResult<Response> {
    let rows = keys::list_all(&state.ctx, &who.principal).await?;
    list.answer_all(rows.into_iter().map(|view| key_of(&state.ctx, view, None)).collect())
}

/// Makes a key for the agent that `config` or `config_uuid` names.
#[utoipa::path(post, path = "/api/agent-api-keys/", tag = "keys", request_body = KeyRequest,
    responses((status = 201, body = ApiKey), (status = 400), (status = 401), (status = 403), (status = 404)))]
async fn create_key(State(state): State<AppState>, who: Who, Body(body): Body<KeyRequest>) -> ApiResult<Response> {
    who.principal.user()?;
    let named = body.config.as_deref().or(body.config_uuid.as_deref());
    let text = named.ok_or_else(|| ApiError(services::Error::invalid("config", "is required")))?;
    let config = reference("config", text)?;
    make(&state, &who, config, body).await
}

/// Revokes a key; calls with it are refused from now on.
#[utoipa::path(post, path = "/api/agent-api-keys/{uuid}/revoke/", tag = "keys", responses((status = 200, body = ApiKey), (status = 403), (status = 404)))]
async fn revoke(State(state): State<AppState>, who: Who, Path(uuid): Path<String>) -> ApiResult<Response> {
    let id: KeyId = path_id("key", &uuid)?;
    let view = keys::revoke(&state.ctx, &who.principal, id).await?;
    Ok(Json(key_of(&state.ctx, view, None)).into_response())
}

/// Revokes a key and makes another like it, which is shown this once.
#[utoipa::path(post, path = "/api/agent-api-keys/{uuid}/regenerate/", tag = "keys", responses((status = 201, body = ApiKey), (status = 403), (status = 404), (status = 409)))]
async fn regenerate(State(state): State<AppState>, who: Who, Path(uuid): Path<String>) -> ApiResult<Response> {
    let id: KeyId = path_id("key", &uuid)?;
    let CreatedKey { key, secret } = keys::regenerate(&state.ctx, &who.principal, id).await?;
    Ok((StatusCode::CREATED, Json(key_of(&state.ctx, key, Some(secret)))).into_response())
}

/// How much an agent was used.
#[derive(Debug, Serialize, ToSchema)]
struct UsageAnswer {
    from: String,
    to: String,
    /// Answered calls.
    api_calls: i64,
    /// Calls that failed and cost nothing.
    failed_calls: i64,
    input_tokens: i64,
    output_tokens: i64,
    monthly_quota: Option<i64>,
    /// Calls counted against this month's quota.
    used: i64,
    /// The same by day.
    #[schema(value_type = Vec<Object>)]
    days: Vec<Value>,
    /// The last calls.
    #[schema(value_type = Vec<Object>)]
    recent: Vec<Value>,
}

fn usage_of(view: UsageView) -> UsageAnswer {
    UsageAnswer {
        from: view.from,
        to: view.to,
        api_calls: view.calls,
        failed_calls: view.failed,
        input_tokens: view.input_tokens,
        output_tokens: view.output_tokens,
        monthly_quota: view.monthly_quota,
        used: view.used,
        days: view
            .days
            .into_iter()
            .map(|day| json!({"date": day.day, "calls": day.calls, "failed": day.failed, "input_tokens": day.input_tokens, "output_tokens": day.output_tokens}))
            .collect(),
        recent: view
            .recent
            .into_iter()
            .map(invocation)
            .collect(),
    }
}

/// Reads a day, `2026-11-21`.
fn day(list: &ListQuery, name: &str) -> ApiResult<Option<domain::Day>> {
    let Some(text) = list.one(name) else {
        return Ok(None);
    };
    let mut parts = text.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let day = match (parts.next().flatten(), parts.next().flatten(), parts.next().flatten()) {
        (Some(year @ 1970..=9999), Some(month @ 1..=12), Some(day @ 1..=31)) => {
            Some(domain::Day::from_civil(year, month, day))
        }
        _ => None,
    };
    day.map(Some).ok_or_else(|| ApiError(services::Error::invalid(name, "must be a day like 2026-11-21")))
}

/// Answers how much an agent was used, from day `from` to day `to`; this month where they are left out.
#[utoipa::path(get, path = "/api/customer-agent-configs/{uuid}/usage/", tag = "agents", responses((status = 200, body = UsageAnswer), (status = 404)))]
async fn usage(
    State(state): State<AppState>,
    who: Who,
    Path(uuid): Path<String>,
    list: ListQuery,
) -> ApiResult<Response> {
    let id = path_id("agent", &uuid)?;
    let view = configs::usage(&state.ctx, &who.principal, id, day(&list, "from")?, day(&list, "to")?).await?;
    Ok(Json(usage_of(view)).into_response())
}

/// Answers how much an agent was used as a table for a spreadsheet: a line a day, from day `from` to
/// day `to`; this month where they are left out.
#[utoipa::path(get, path = "/api/customer-agent-configs/{uuid}/usage_csv/", tag = "agents",
    responses((status = 200, content_type = "text/csv"), (status = 400), (status = 404)))]
async fn usage_csv(
    State(state): State<AppState>,
    who: Who,
    Path(uuid): Path<String>,
    list: ListQuery,
) -> ApiResult<Response> {
    let id = path_id("agent", &uuid)?;
    let view = configs::usage(&state.ctx, &who.principal, id, day(&list, "from")?, day(&list, "to")?).await?;
    let table = csv_of(&view.days).map_err(services::Error::internal)?;
    Ok(file(&format!("usage-{}-{}.csv", view.from, view.to), CSV, table))
}

/// Writes days as CSV. All of it is dates and numbers: nothing that a spreadsheet would run.
fn csv_of(days: &[UsageDay]) -> Result<Vec<u8>, csv::Error> {
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(["date", "calls", "failed_calls", "input_tokens", "output_tokens"])?;
    for UsageDay { day, calls, failed, input_tokens, output_tokens } in days {
        table.serialize((day, calls, failed, input_tokens, output_tokens))?;
    }
    table.into_inner().map_err(|error| error.into_error().into())
}

/// Lists an agent's calls, newest first; `state` is `succeeded` or `failed`.
#[utoipa::path(get, path = "/api/customer-agent-configs/{uuid}/invocations/", tag = "agents", responses((status = 200), (status = 404)))]
async fn invocations(
    State(state): State<AppState>,
    who: Who,
    Path(uuid): Path<String>,
    list: ListQuery,
) -> ApiResult<Response> {
    let id = path_id("agent", &uuid)?;
    let page = configs::invocations(&state.ctx, &who.principal, id, list.parsed("state")?, list.paging).await?;
    list.answer(page.map(invocation))
}

fn invocation(call: domain::view::config::InvocationView) -> Value {
    json!({
        "request_id": call.id, "source": call.source, "key_name": call.key_name, "state": call.state,
        "input_tokens": call.input_tokens, "output_tokens": call.output_tokens,
        "elapsed_ms": call.elapsed_ms, "error": call.error, "started": call.started,
    })
}

/// Answers what to paste into a page.
#[utoipa::path(get, path = "/api/customer-agent-configs/{uuid}/widget_embed/", tag = "agents", responses((status = 200), (status = 404)))]
async fn widget_embed(State(state): State<AppState>, who: Who, Path(uuid): Path<String>) -> ApiResult<Response> {
    let view = configs::widget_embed(&state.ctx, &who.principal, path_id("agent", &uuid)?).await?;
    Ok(Json(view).into_response())
}
