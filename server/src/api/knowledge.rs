//! Documents that an agent answers from: given, listed, read again, deleted, searched.
//!
//! Two names for the same things: `training-documents` belong to a config, as the portal says it;
//! `marketplace-ai-knowledge-bases` and `-documents` are the marketplace's own names. A base is all documents of
//! one config, and has the config's identifier.

use axum::Json;
use axum::extract::{DefaultBodyLimit, FromRequest as _, Multipart, Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::view::config::ConfigView;
use domain::view::knowledge::{DocumentView, KnowledgeTotals, SiteView};
use domain::{ConfigId, DocumentId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use services::knowledge::sites::{self, NewPages};
use services::knowledge::{self, FILE_BYTES, NewSource};
use services::{Ctx, Error, configs};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::{ApiError, ApiResult};
use super::list::ListQuery;
use super::wire::{Body, Who, path_id, reference, url_of};
use crate::http::AppState;

/// A file and the form around it.
const UPLOAD: usize = FILE_BYTES + (1 << 20);

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(of_config, add_to_config))
        .routes(routes!(all, add))
        .routes(routes!(document, remove))
        .routes(routes!(process))
        .routes(routes!(download))
        .routes(routes!(sites_of_config))
        .routes(routes!(site, remove_site))
        .routes(routes!(refresh_site))
        .routes(routes!(bases, open_base))
        .routes(routes!(base))
        .routes(routes!(search))
        .routes(routes!(base_documents, add_to_base))
        .routes(routes!(base_document, remove_from_base))
        .layer(DefaultBodyLimit::max(UPLOAD))
        .layer(axum::middleware::from_fn(crate::pace::uploads))
}

/// A document that an agent answers from.
#[derive(Debug, Serialize, ToSchema)]
struct TrainingDocument {
    url: String,
    uuid: String,
    name: String,
    /// `file`, `qa` or `page`.
    kind: String,
    /// Where a page is; empty for what is none.
    source_url: String,
    /// The site that a page was found on.
    site_uuid: Option<String>,
    config_uuid: String,
    /// `pending`, `processing`, `ready` or `failed`.
    state: String,
    /// Of a hundred.
    progress: i64,
    /// Why it failed; empty otherwise.
    error_message: String,
    /// What of it could not be read.
    warnings: Vec<String>,
    title: String,
    /// What it is written in; `und` where that is not known.
    language: String,
    size: i64,
    page_count: i64,
    chunk_count: i64,
    created: String,
    modified: String,
}

fn document_of(ctx: &Ctx, view: DocumentView) -> TrainingDocument {
    TrainingDocument {
        url: url_of(ctx, "training-documents", view.id),
        uuid: view.id.to_string(),
        name: view.name,
        kind: view.kind.to_string(),
        source_url: view.url,
        site_uuid: view.site_id.map(|id| id.to_string()),
        config_uuid: view.config_id.to_string(),
        state: view.state.to_string(),
        progress: view.progress,
        error_message: view.reason,
        warnings: view.warnings,
        title: view.title,
        language: view.language,
        size: view.bytes,
        page_count: view.pages,
        chunk_count: view.passages,
        created: view.created.rfc3339(),
        modified: view.modified.rfc3339(),
    }
}

/// A question with its answer, or web pages; files come as `multipart/form-data` with a part `file`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SourceRequest {
    #[serde(default)]
    question: Option<String>,
    #[serde(default)]
    answer: Option<String>,
    /// Where web pages begin.
    #[serde(default)]
    url: Option<String>,
    /// How many pages are read at the most, up to 200; that page alone where it is left out.
    #[serde(default)]
    pages: Option<i64>,
    /// Hours until they are read again; never where it is left out.
    #[serde(default)]
    refresh_hours: Option<i64>,
    /// The agent's address or identifier, where the path does not say which.
    #[serde(default)]
    config: Option<String>,
    #[serde(default)]
    config_uuid: Option<String>,
    /// The same, by the marketplace's name.
    #[serde(default)]
    knowledge_base: Option<String>,
}

/// Reads what is given, and for which agent it says it is.
async fn given(request: Request, state: &AppState) -> ApiResult<(Option<String>, NewSource)> {
    let is_form = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.starts_with("multipart/form-data"));
    if !is_form {
        let Body(body) = Body::<SourceRequest>::from_request(request, state).await?;
        let config = body.config.or(body.config_uuid).or(body.knowledge_base);
        let source = match (body.url, body.question, body.answer) {
            (Some(url), None, None) => {
                let (most, every_hours) = (body.pages.unwrap_or(1), body.refresh_hours.unwrap_or(0));
                NewSource::Pages(NewPages { url, most, every_hours })
            }
            (None, question, answer) if body.pages.is_none() && body.refresh_hours.is_none() => {
                NewSource::Answer { question: question.unwrap_or_default(), answer: answer.unwrap_or_default() }
            }
            _ => return Err(ApiError(Error::invalid("url", "stands alone, with pages and refresh_hours"))),
        };
        return Ok((config, source));
    }
    let broken = |_| ApiError(Error::invalid("file", "did not arrive whole, or is larger than 25 MB"));
    let mut form = Multipart::from_request(request, state)
        .await
        .map_err(|_| ApiError(Error::invalid("", "this is no form: its boundary is missing")))?;
    let (mut config, mut file, mut called) = (None, None, None);
    while let Some(field) = form.next_field().await.map_err(broken)? {
        let name = field.name().unwrap_or_default().to_owned();
        match name.as_str() {
            "file" => {
                let file_name = field.file_name().unwrap_or_default().to_owned();
                file = Some((file_name, field.bytes().await.map_err(broken)?.to_vec()));
            }
            "name" => called = Some(field.text().await.map_err(broken)?),
            "config" | "config_uuid" | "knowledge_base" => config = Some(field.text().await.map_err(broken)?),
            _ => return Err(ApiError(Error::invalid(name, "is not a field of this form"))),
        }
    }
    let (file_name, bytes) = file.ok_or_else(|| ApiError(Error::invalid("file", "is required")))?;
    Ok((config, NewSource::File { name: called.unwrap_or(file_name), bytes }))
}

async fn add_source(state: &AppState, who: &Who, config: ConfigId, source: NewSource) -> ApiResult<Response> {
    let view = knowledge::add(&state.ctx, &who.principal, config, source).await?;
    Ok((StatusCode::CREATED, Json(document_of(&state.ctx, view))).into_response())
}

async fn add_named(state: &AppState, who: &Who, request: Request) -> ApiResult<Response> {
    who.principal.user()?;
    let (named, source) = given(request, state).await?;
    let text = named.ok_or_else(|| ApiError(Error::invalid("config", "is required")))?;
    add_source(state, who, reference("config", &text)?, source).await
}

async fn list_of(state: &AppState, who: &Who, list: &ListQuery) -> ApiResult<Vec<TrainingDocument>> {
    let named: Option<ConfigId> = match list.parsed("config_uuid")? {
        Some(config) => Some(config),
        None => list.parsed("knowledge_base_uuid")?,
    };
    let configs: Vec<ConfigId> = match named {
        Some(config) => vec![config],
        None => configs::list(&state.ctx, &who.principal, None).await?.into_iter().map(|view| view.id).collect(),
    };
    let mut documents = Vec::new();
    for config in configs {
        documents.extend(knowledge::list(&state.ctx, &who.principal, config).await?);
    }
    documents.sort_by_key(|view| std::cmp::Reverse((view.created, view.id)));
    Ok(documents.into_iter().map(|view| document_of(&state.ctx, view)).collect())
}

/// Lists the documents of one agent, the newest first.
#[utoipa::path(get, path = "/api/customer-agent-configs/{uuid}/training_documents/", tag = "knowledge", responses((status = 200, body = [TrainingDocument]), (status = 404)))]
async fn of_config(
    State(state): State<AppState>,
    who: Who,
    Path(uuid): Path<String>,
    list: ListQuery,
) -> ApiResult<Response> {
    let rows = knowledge::list(&state.ctx, &who.principal, path_id("agent", &uuid)?).await?;
    list.answer_all(rows.into_iter().map(|view| document_of(&state.ctx, view)).collect())
}

/// Gives an agent a document: a file as a form, or a question with its answer as JSON. The same content twice is one document.
#[utoipa::path(post, path = "/api/customer-agent-configs/{uuid}/training_documents/", tag = "knowledge", request_body = SourceRequest,
    responses((status = 201, body = TrainingDocument), (status = 400), (status = 403), (status = 404), (status = 409), (status = 413)))]
async fn add_to_config(
    State(state): State<AppState>,
    who: Who,
    Path(uuid): Path<String>,
    request: Request,
) -> ApiResult<Response> {
    let config = path_id("agent", &uuid)?;
    // Before anything large is read.
    configs::get(&state.ctx, &who.principal, config).await?;
    let (_, source) = given(request, &state).await?;
    add_source(&state, &who, config, source).await
}

/// Lists the documents of all of the caller's agents; `config_uuid` for one.
#[utoipa::path(get, path = "/api/training-documents/", tag = "knowledge", responses((status = 200, body = [TrainingDocument]), (status = 401)))]
async fn all(State(state): State<AppState>, who: Who, list: ListQuery) -> ApiResult<Response> {
    let rows = list_of(&state, &who, &list).await?;
    list.answer_all(rows)
}

/// Gives a document to the agent that `config` names.
#[utoipa::path(post, path = "/api/training-documents/", tag = "knowledge", request_body = SourceRequest,
    responses((status = 201, body = TrainingDocument), (status = 400), (status = 401), (status = 403), (status = 404), (status = 409), (status = 413)))]
async fn add(State(state): State<AppState>, who: Who, request: Request) -> ApiResult<Response> {
    add_named(&state, &who, request).await
}

/// Answers one document.
#[utoipa::path(get, path = "/api/training-documents/{uuid}/", tag = "knowledge", responses((status = 200, body = TrainingDocument), (status = 404)))]
async fn document(State(state): State<AppState>, who: Who, Path(uuid): Path<String>) -> ApiResult<Response> {
    let id: DocumentId = path_id("document", &uuid)?;
    let view = knowledge::get(&state.ctx, &who.principal, id).await?;
    Ok(Json(document_of(&state.ctx, view)).into_response())
}

/// Deletes a document with everything that was made of it.
#[utoipa::path(delete, path = "/api/training-documents/{uuid}/", tag = "knowledge", responses((status = 204), (status = 403), (status = 404)))]
async fn remove(State(state): State<AppState>, who: Who, Path(uuid): Path<String>) -> ApiResult<Response> {
    knowledge::delete(&state.ctx, &who.principal, path_id("document", &uuid)?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Reads a document again.
#[utoipa::path(post, path = "/api/training-documents/{uuid}/process/", tag = "knowledge", responses((status = 202, body = TrainingDocument), (status = 403), (status = 404)))]
async fn process(State(state): State<AppState>, who: Who, Path(uuid): Path<String>) -> ApiResult<Response> {
    let view = knowledge::process(&state.ctx, &who.principal, path_id("document", &uuid)?).await?;
    Ok((StatusCode::ACCEPTED, Json(document_of(&state.ctx, view))).into_response())
}

/// Answers what was given as a document, as it was given.
#[utoipa::path(get, path = "/api/training-documents/{uuid}/download/", tag = "knowledge", responses((status = 200), (status = 404)))]
async fn download(State(state): State<AppState>, who: Who, Path(uuid): Path<String>) -> ApiResult<Response> {
    let id: DocumentId = path_id("document", &uuid)?;
    let (view, content) = knowledge::content(&state.ctx, &who.principal, id).await?;
    // A stranger's file is never shown by a browser as a page of ours.
    let name: String =
        view.name.chars().map(|c| if c.is_ascii_alphanumeric() || ".-_ ".contains(c) { c } else { '_' }).collect();
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    Ok((headers, content).into_response())
}

/// Web pages that an agent answers from: one, or those below it. They are given as a document with `url`.
#[derive(Debug, Serialize, ToSchema)]
struct TrainingSite {
    url: String,
    uuid: String,
    config_uuid: String,
    /// Where it begins.
    source_url: String,
    page_limit: i64,
    /// Hours until it is read again; 0 is never.
    refresh_hours: i64,
    next_refresh: Option<String>,
    page_count: i64,
    pending_count: i64,
    failed_count: i64,
    created: String,
}

fn site_of(ctx: &Ctx, view: SiteView) -> TrainingSite {
    TrainingSite {
        url: url_of(ctx, "training-sites", view.id),
        uuid: view.id.to_string(),
        config_uuid: view.config_id.to_string(),
        source_url: view.url,
        page_limit: view.most_pages,
        refresh_hours: view.every_hours,
        next_refresh: view.next.map(domain::Timestamp::rfc3339),
        page_count: view.pages,
        pending_count: view.under_way,
        failed_count: view.failed,
        created: view.created.rfc3339(),
    }
}

/// Lists the web pages that an agent answers from, by where they begin.
#[utoipa::path(get, path = "/api/customer-agent-configs/{uuid}/training_sites/", tag = "knowledge", responses((status = 200, body = [TrainingSite]), (status = 404)))]
async fn sites_of_config(
    State(state): State<AppState>,
    who: Who,
    Path(uuid): Path<String>,
    list: ListQuery,
) -> ApiResult<Response> {
    let found = sites::list(&state.ctx, &who.principal, path_id("agent", &uuid)?).await?;
    list.answer_all(found.into_iter().map(|view| site_of(&state.ctx, view)).collect())
}

/// Answers one site.
#[utoipa::path(get, path = "/api/training-sites/{uuid}/", tag = "knowledge", responses((status = 200, body = TrainingSite), (status = 404)))]
async fn site(State(state): State<AppState>, who: Who, Path(uuid): Path<String>) -> ApiResult<Response> {
    let view = sites::get(&state.ctx, &who.principal, path_id("site", &uuid)?).await?;
    Ok(Json(site_of(&state.ctx, view)).into_response())
}

/// Deletes a site with all of its pages.
#[utoipa::path(delete, path = "/api/training-sites/{uuid}/", tag = "knowledge", responses((status = 204), (status = 403), (status = 404)))]
async fn remove_site(State(state): State<AppState>, who: Who, Path(uuid): Path<String>) -> ApiResult<Response> {
    sites::delete(&state.ctx, &who.principal, path_id("site", &uuid)?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Reads a site again, now.
#[utoipa::path(post, path = "/api/training-sites/{uuid}/process/", tag = "knowledge", responses((status = 202, body = TrainingSite), (status = 403), (status = 404)))]
async fn refresh_site(State(state): State<AppState>, who: Who, Path(uuid): Path<String>) -> ApiResult<Response> {
    let view = sites::refresh(&state.ctx, &who.principal, path_id("site", &uuid)?).await?;
    Ok((StatusCode::ACCEPTED, Json(site_of(&state.ctx, view))).into_response())
}

/// All documents of one agent.
#[derive(Debug, Serialize, ToSchema)]
struct KnowledgeBaseAnswer {
    url: String,
    uuid: String,
    name: String,
    config_uuid: String,
    customer_uuid: String,
    document_count: i64,
    size: i64,
    /// Two passages are one at least.
    page_count: i64,
    document_limit: i64,
    size_limit: i64,
    page_limit: i64,
    created: String,
}

fn base_of(ctx: &Ctx, view: ConfigView, totals: KnowledgeTotals) -> KnowledgeBaseAnswer {
    KnowledgeBaseAnswer {
        url: url_of(ctx, "marketplace-ai-knowledge-bases", view.id),
        uuid: view.id.to_string(),
        name: view.settings.agent_name,
        config_uuid: view.id.to_string(),
        customer_uuid: view.organization_id.to_string(),
        document_count: totals.documents,
        size: totals.bytes,
        page_count: totals.pages,
        document_limit: totals.most.documents,
        size_limit: totals.most.bytes,
        page_limit: totals.most.pages,
        created: view.created.rfc3339(),
    }
}

async fn answer_base(state: &AppState, who: &Who, config: ConfigId) -> ApiResult<KnowledgeBaseAnswer> {
    let view = configs::get(&state.ctx, &who.principal, config).await?;
    let totals = knowledge::totals(&state.ctx, &who.principal, config).await?;
    Ok(base_of(&state.ctx, view, totals))
}

/// Lists the knowledge bases of the caller's agents.
#[utoipa::path(get, path = "/api/marketplace-ai-knowledge-bases/", tag = "knowledge", responses((status = 200, body = [KnowledgeBaseAnswer]), (status = 401)))]
async fn bases(State(state): State<AppState>, who: Who, list: ListQuery) -> ApiResult<Response> {
    let mut rows = Vec::new();
    for view in configs::list(&state.ctx, &who.principal, list.parsed("customer_uuid")?).await? {
        if view.capabilities.contains(&domain::state::Capability::Knowledge) {
            let totals = knowledge::totals(&state.ctx, &who.principal, view.id).await?;
            rows.push(base_of(&state.ctx, view, totals));
        }
    }
    list.answer_all(rows)
}

/// Whose base.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct BaseRequest {
    /// The agent's address or identifier.
    config: String,
}

/// Answers the base of an agent: every agent has one, and nothing has to be made.
#[utoipa::path(post, path = "/api/marketplace-ai-knowledge-bases/", tag = "knowledge", request_body = BaseRequest,
    responses((status = 200, body = KnowledgeBaseAnswer), (status = 400), (status = 401), (status = 404)))]
async fn open_base(State(state): State<AppState>, who: Who, Body(body): Body<BaseRequest>) -> ApiResult<Response> {
    who.principal.user()?;
    let config = reference("config", &body.config)?;
    Ok(Json(answer_base(&state, &who, config).await?).into_response())
}

/// Answers one knowledge base.
#[utoipa::path(get, path = "/api/marketplace-ai-knowledge-bases/{uuid}/", tag = "knowledge", responses((status = 200, body = KnowledgeBaseAnswer), (status = 404)))]
async fn base(State(state): State<AppState>, who: Who, Path(uuid): Path<String>) -> ApiResult<Response> {
    Ok(Json(answer_base(&state, &who, path_id("agent", &uuid)?).await?).into_response())
}

/// A question to a base.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SearchRequest {
    /// The question.
    query: String,
    /// How many passages are wanted, up to 50; 8 where it is left out.
    #[serde(default)]
    top_k: Option<usize>,
}

/// Shows what a question would find, and why.
#[utoipa::path(post, path = "/api/marketplace-ai-knowledge-bases/{uuid}/search/", tag = "knowledge", request_body = SearchRequest,
    responses((status = 200), (status = 400), (status = 404), (status = 409)))]
async fn search(
    State(state): State<AppState>,
    who: Who,
    Path(uuid): Path<String>,
    Body(body): Body<SearchRequest>,
) -> ApiResult<Response> {
    let config = path_id("agent", &uuid)?;
    let found = knowledge::search(&state.ctx, &who.principal, config, &body.query, body.top_k).await?;
    let records: Vec<_> = found
        .into_iter()
        .map(|passage| {
            json!({
                "uuid": passage.id, "document_uuid": passage.document_id, "document_name": passage.document_name,
                "document_url": passage.document_url,
                "headings": passage.headings, "page": passage.page, "content": passage.text,
                "matched": passage.matched, "coverage": passage.coverage, "nearness": passage.nearness,
                "score": passage.score,
            })
        })
        .collect();
    Ok(Json(json!({"records": records})).into_response())
}

/// Lists the documents of all knowledge bases; `knowledge_base_uuid` for one.
#[utoipa::path(get, path = "/api/marketplace-ai-knowledge-documents/", tag = "knowledge", responses((status = 200, body = [TrainingDocument]), (status = 401)))]
async fn base_documents(State(state): State<AppState>, who: Who, list: ListQuery) -> ApiResult<Response> {
    let rows = list_of(&state, &who, &list).await?;
    list.answer_all(rows)
}

/// Gives a document to the base that `knowledge_base` names.
#[utoipa::path(post, path = "/api/marketplace-ai-knowledge-documents/", tag = "knowledge", request_body = SourceRequest,
    responses((status = 201, body = TrainingDocument), (status = 400), (status = 401), (status = 403), (status = 404), (status = 409), (status = 413)))]
async fn add_to_base(State(state): State<AppState>, who: Who, request: Request) -> ApiResult<Response> {
    add_named(&state, &who, request).await
}

/// Answers one document of a base.
#[utoipa::path(get, path = "/api/marketplace-ai-knowledge-documents/{uuid}/", tag = "knowledge", responses((status = 200, body = TrainingDocument), (status = 404)))]
async fn base_document(state: State<AppState>, who: Who, uuid: Path<String>) -> ApiResult<Response> {
    document(state, who, uuid).await
}

/// Deletes a document of a base with everything that was made of it.
#[utoipa::path(delete, path = "/api/marketplace-ai-knowledge-documents/{uuid}/", tag = "knowledge", responses((status = 204), (status = 403), (status = 404)))]
async fn remove_from_base(state: State<AppState>, who: Who, uuid: Path<String>) -> ApiResult<Response> {
    remove(state, who, uuid).await
}
