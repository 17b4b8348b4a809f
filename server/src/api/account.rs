//! Organizations (`customers`) and projects.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::OrganizationId;
use domain::view::account::{OrganizationView, ProjectView};
use serde::{Deserialize, Serialize};
use services::{Ctx, organizations};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::{ApiError, ApiResult};
use super::list::ListQuery;
use super::wire::{Body, Who, path_id, reference, url_of};
use crate::http::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(customers, create_customer))
        .routes(routes!(customer))
        .routes(routes!(projects, create_project))
        .routes(routes!(project))
}

/// An organization.
#[derive(Debug, Serialize, ToSchema)]
struct Customer {
    url: String,
    uuid: String,
    name: String,
    slug: String,
    email: String,
    blocked: bool,
}

fn customer_of(ctx: &Ctx, view: OrganizationView) -> Customer {
    Customer {
        url: url_of(ctx, "customers", view.id),
        uuid: view.id.to_string(),
        name: view.name,
        slug: view.slug,
        email: view.email,
        blocked: view.blocked,
    }
}

/// Lists the caller's organizations.
#[utoipa::path(get, path = "/api/customers/", tag = "organizations", responses((status = 200, body = [Customer]), (status = 401)))]
async fn customers(State(state): State<AppState>, who: Who, list: ListQuery) -> ApiResult<Response> {
    let rows = organizations::list(&state.ctx, &who.principal).await?;
    list.answer_all(rows.into_iter().map(|view| customer_of(&state.ctx, view)).collect())
}

/// An organization to make.
#[derive(Debug, Deserialize, ToSchema)]
struct NewCustomer {
    name: String,
}

/// Makes an organization with a default project; the caller becomes its owner.
#[utoipa::path(post, path = "/api/customers/", tag = "organizations", request_body = NewCustomer,
    responses((status = 201, body = Customer), (status = 400), (status = 401)))]
async fn create_customer(
    State(state): State<AppState>,
    who: Who,
    Body(body): Body<NewCustomer>,
) -> ApiResult<Response> {
    let view = organizations::create(&state.ctx, &who.principal, &body.name).await?;
    Ok((StatusCode::CREATED, Json(customer_of(&state.ctx, view))).into_response())
}

/// Answers one organization of the caller.
#[utoipa::path(get, path = "/api/customers/{uuid}/", tag = "organizations", responses((status = 200, body = Customer), (status = 404)))]
async fn customer(State(state): State<AppState>, who: Who, Path(uuid): Path<String>) -> ApiResult<Response> {
    let view = organizations::get(&state.ctx, &who.principal, path_id("organization", &uuid)?).await?;
    Ok(Json(customer_of(&state.ctx, view)).into_response())
}

/// A project.
#[derive(Debug, Serialize, ToSchema)]
struct Project {
    url: String,
    uuid: String,
    name: String,
    customer: String,
    customer_uuid: String,
    customer_name: String,
    created: String,
}

fn project_of(ctx: &Ctx, view: ProjectView) -> Project {
    Project {
        url: url_of(ctx, "projects", view.id),
        uuid: view.id.to_string(),
        name: view.name,
        customer: url_of(ctx, "customers", view.organization_id),
        customer_uuid: view.organization_id.to_string(),
        customer_name: view.organization_name,
        created: view.created,
    }
}

/// Lists the projects of the caller's organizations; `customer_uuid` or `customer` for one of them.
#[utoipa::path(get, path = "/api/projects/", tag = "organizations", responses((status = 200, body = [Project]), (status = 401)))]
async fn projects(State(state): State<AppState>, who: Who, list: ListQuery) -> ApiResult<Response> {
    let organization = match list.one("customer").or_else(|| list.one("customer_uuid")) {
        Some(text) => Some(reference::<OrganizationId>("customer", text)?),
        None => None,
    };
    let rows = organizations::projects(&state.ctx, &who.principal, organization).await?;
    list.answer_all(rows.into_iter().map(|view| project_of(&state.ctx, view)).collect())
}

/// A project to make.
#[derive(Debug, Deserialize, ToSchema)]
struct NewProject {
    name: String,
    /// The organization's address or identifier.
    customer: String,
}

/// Makes a project.
#[utoipa::path(post, path = "/api/projects/", tag = "organizations", request_body = NewProject,
    responses((status = 201, body = Project), (status = 400), (status = 401), (status = 404)))]
async fn create_project(State(state): State<AppState>, who: Who, Body(body): Body<NewProject>) -> ApiResult<Response> {
    let organization = reference("customer", &body.customer)?;
    let view = organizations::create_project(&state.ctx, &who.principal, organization, &body.name).await?;
    Ok((StatusCode::CREATED, Json(project_of(&state.ctx, view))).into_response())
}

/// Answers one project of the caller's organizations.
#[utoipa::path(get, path = "/api/projects/{uuid}/", tag = "organizations", responses((status = 200, body = Project), (status = 404)))]
async fn project(State(state): State<AppState>, who: Who, Path(uuid): Path<String>) -> ApiResult<Response> {
    let id: domain::ProjectId = path_id("project", &uuid)?;
    let rows = organizations::projects(&state.ctx, &who.principal, None).await?;
    let view =
        rows.into_iter().find(|project| project.id == id).ok_or(ApiError(services::Error::NotFound("project")))?;
    Ok(Json(project_of(&state.ctx, view)).into_response())
}
