//! Registering, and user tokens.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::view::account::Viewer;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ApiResult;
use super::wire::{Body, Who, url_of};
use crate::http::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(password)).routes(routes!(register)).routes(routes!(logout)).routes(routes!(me))
}

/// Name and password.
#[derive(Debug, Deserialize, ToSchema)]
struct Credentials {
    /// The e-mail address.
    username: String,
    password: String,
}

/// A user token.
#[derive(Debug, Serialize, ToSchema)]
struct Token {
    /// For `Authorization: Token …`.
    token: String,
}

/// Answers a token for the name and password of a user.
#[utoipa::path(post, path = "/api-auth/password/", tag = "users", request_body = Credentials,
    responses((status = 200, body = Token), (status = 401, description = "wrong name or password"), (status = 429, description = "too many tries")))]
async fn password(State(state): State<AppState>, who: Who, Body(body): Body<Credentials>) -> ApiResult<Response> {
    match services::identity::issue_token(&state.ctx, &body.username, &body.password, who.ip.0).await {
        Ok(token) => Ok(Json(Token { token }).into_response()),
        Err(services::Error::Invalid(_)) => {
            Ok((StatusCode::UNAUTHORIZED, Json(serde_json::json!({"detail": "Invalid username/password."})))
                .into_response())
        }
        Err(error) => Err(error.into()),
    }
}

/// Who signs up.
#[derive(Debug, Deserialize, ToSchema)]
struct Registration {
    /// What to call them.
    name: String,
    /// Their e-mail address.
    email: String,
    /// 10 to 200 characters.
    password: String,
}

/// A user, with a token where one was just made.
#[derive(Debug, Serialize, ToSchema)]
struct User {
    uuid: String,
    url: String,
    username: String,
    email: String,
    full_name: String,
    is_staff: bool,
    is_support: bool,
    is_active: bool,
    /// The organizations that the user is a member of.
    customers: Vec<UserCustomer>,
    /// Only right after registering.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

/// An organization of a user.
#[derive(Debug, Serialize, ToSchema)]
struct UserCustomer {
    uuid: String,
    url: String,
    name: String,
    role: String,
    project_uuid: String,
}

fn user(state: &AppState, viewer: &Viewer, token: Option<String>) -> User {
    User {
        uuid: viewer.user.id.to_string(),
        url: url_of(&state.ctx, "users", viewer.user.id),
        username: viewer.user.email.to_string(),
        email: viewer.user.email.to_string(),
        full_name: viewer.user.name.clone(),
        is_staff: viewer.user.operator,
        is_support: false,
        is_active: true,
        customers: viewer
            .memberships
            .iter()
            .map(|membership| UserCustomer {
                uuid: membership.organization_id.to_string(),
                url: url_of(&state.ctx, "customers", membership.organization_id),
                name: membership.organization_name.clone(),
                role: membership.role.to_string(),
                project_uuid: membership.project_id.to_string(),
            })
            .collect(),
        token,
    }
}

/// Makes a user with an organization and a default project, and answers a token.
#[utoipa::path(post, path = "/api-auth/register/", tag = "users", request_body = Registration,
    responses((status = 201, body = User), (status = 400, description = "what is wrong, by field"), (status = 429, description = "too many from one place")))]
async fn register(State(state): State<AppState>, who: Who, Body(body): Body<Registration>) -> ApiResult<Response> {
    let form =
        services::identity::Register { name: body.name, email: body.email.clone(), password: body.password.clone() };
    let signed_up = services::identity::register(&state.ctx, form, who.ip.0, &who.user_agent).await?;
    services::identity::logout(&state.ctx, &signed_up.session_cookie).await?;
    let token = services::identity::issue_token(&state.ctx, &body.email, &body.password, who.ip.0).await?;
    Ok((StatusCode::CREATED, Json(user(&state, &signed_up.viewer, Some(token)))).into_response())
}

/// Ends the token that the request carries.
#[utoipa::path(post, path = "/api-auth/logout/", tag = "users", responses((status = 204), (status = 401)))]
async fn logout(State(state): State<AppState>, who: Who, headers: HeaderMap) -> ApiResult<StatusCode> {
    who.principal.user()?;
    let token = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .map(|(_, token)| token.trim().to_owned());
    match (token, crate::guard::session_cookie(&headers)) {
        (Some(token), _) => services::identity::revoke_token(&state.ctx, &token).await?,
        (None, Some(cookie)) => services::identity::logout(&state.ctx, &cookie).await?,
        (None, None) => {}
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Answers who is asking.
#[utoipa::path(get, path = "/api/users/me/", tag = "users", responses((status = 200, body = User), (status = 401)))]
async fn me(State(state): State<AppState>, who: Who) -> ApiResult<Response> {
    Ok(Json(user(&state, who.principal.user()?, None)).into_response())
}
