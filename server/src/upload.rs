//! Files that a page sends: a form with a file cannot be a server function that works without JavaScript.

use app::links;
use app::server_context::UPLOAD_PROBLEM;
use axum::extract::{Extension, Multipart, Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};
use services::ports::RuntimeChoice;
use services::{Error, Principal, provider};

use crate::http::AppState;

/// The largest export that is read.
const EXPORT: usize = 8 * 1024 * 1024;
/// What fits a cookie.
const PROBLEM: usize = 700;

/// Imports an uploaded flow as the next version of an agent, and leads back to the agent's page.
pub async fn flow(
    State(state): State<AppState>,
    principal: Option<Extension<Principal>>,
    Path(agent): Path<String>,
    form: Multipart,
) -> Response {
    let principal = principal.map(|Extension(principal)| principal).unwrap_or_default();
    let outcome = async {
        let id = agent.parse().map_err(|_| Error::NotFound("agent"))?;
        let view = provider::agent(&state.ctx, &principal, id).await?;
        let page = links::provider(view.organization_id, &format!("agents/{id}/"));
        let imported = match file(form).await {
            Ok((bytes, choice)) => {
                provider::import_flow(&state.ctx, &principal, id, &bytes, choice, None).await.map(drop)
            }
            Err(problem) => Err(Error::invalid("", problem)),
        };
        Ok::<_, Error>((page, imported))
    };
    match outcome.await {
        Ok((page, Ok(()))) => Redirect::to(&links::with_notice(&page, "imported")).into_response(),
        Ok((page, Err(error))) => {
            let problem = match error {
                // The form has one field: what is wrong with it needs no name.
                Error::Invalid(fields) => {
                    let problems = fields.into_iter().map(|(_, problem)| problem).collect::<Vec<_>>().join("; ");
                    app::UiError::invalid("", &problems).message()
                }
                other => other.to_string(),
            };
            let problem: String = problem.chars().take(PROBLEM).collect();
            let hex = hex::encode(problem);
            let mut response = Redirect::to(&page).into_response();
            let cookie = format!("{UPLOAD_PROBLEM}={hex}; Path=/; Max-Age=60; HttpOnly; SameSite=Strict");
            if let Ok(cookie) = HeaderValue::from_str(&cookie) {
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
            response
        }
        Err(Error::SignedOut) => Redirect::to(links::LOGIN).into_response(),
        Err(error) => crate::api::error::ApiError(error).into_response(),
    }
}

/// Reads the form's file, and what is to run it.
async fn file(mut form: Multipart) -> Result<(Vec<u8>, RuntimeChoice), &'static str> {
    const BROKEN: &str = "The file did not arrive whole; send it again.";

    let mut bytes = Vec::new();
    let mut choice = RuntimeChoice::Here;
    while let Some(mut field) = form.next_field().await.map_err(|_| BROKEN)? {
        match field.name() {
            // A box that is not ticked is not sent.
            Some("remote") => choice = RuntimeChoice::Remote,
            Some("file") => {
                while let Some(chunk) = field.chunk().await.map_err(|_| BROKEN)? {
                    if bytes.len() + chunk.len() > EXPORT {
                        return Err("The file is larger than 8 MB. Export one flow, without files in it.");
                    }
                    bytes.extend_from_slice(&chunk);
                }
            }
            _ => {}
        }
    }
    if bytes.is_empty() { Err("Choose a file first.") } else { Ok((bytes, choice)) }
}
