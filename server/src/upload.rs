//! Files that a page sends: a form with a file cannot be a server function that works without JavaScript.

use app::links;
use app::server_context::{UPLOAD_PROBLEM, demo_cookie, keep_demo, secured};
use axum::extract::multipart::Field;
use axum::extract::{Extension, Multipart, Path, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};
use domain::{ConfigId, OfferingId, view::config::ConfigView};
use services::knowledge::{self, FILE_BYTES, NewSource};
use services::ports::RuntimeChoice;
use services::{Error, Principal, configs, provider};

use crate::api::wire::Who;
use crate::guard::{self, ClientIp};
use crate::http::AppState;

/// The largest export that is read.
const EXPORT: usize = 8 * 1024 * 1024;
/// What fits a cookie.
const PROBLEM: usize = 700;

/// Imports an uploaded flow as the next version of an agent, and leads back to the agent's page.
pub(crate) async fn flow(
    State(state): State<AppState>,
    Who { principal, .. }: Who,
    Path(agent): Path<String>,
    form: Multipart,
) -> Response {
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
    answer(outcome.await, "imported")
}

/// Leads back to the page that a form was sent from: with a notice, or with what was wrong.
fn answer(outcome: Result<(String, Result<(), Error>), Error>, notice: &str) -> Response {
    match outcome {
        Ok((page, Ok(()))) => Redirect::to(&links::with_notice(&page, notice)).into_response(),
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

/// Takes files that an agent is to answer from, and leads back to its page. Those that are fine are taken, whatever
/// is wrong with others.
pub(crate) async fn documents(
    State(state): State<AppState>,
    Who { principal, .. }: Who,
    Path(agent): Path<String>,
    form: Multipart,
) -> Response {
    let outcome = async {
        let id: ConfigId = agent.parse().map_err(|_| Error::NotFound("agent"))?;
        let ConfigView { organization_id, .. } = configs::get(&state.ctx, &principal, id).await?;
        let taken = take(&state, &principal, id, form).await;
        Ok::<_, Error>((links::agent(organization_id, id, "training/"), taken))
    };
    answer(outcome.await, "uploaded")
}

/// Takes files that a visitor tries a demo on, and leads back to it.
pub(crate) async fn demo(
    State(state): State<AppState>,
    Extension(ClientIp(ip)): Extension<ClientIp>,
    Path(offering): Path<String>,
    headers: HeaderMap,
    mut form: Multipart,
) -> Response {
    const BROKEN: &str =
        "The files did not arrive whole, or are larger than 5 MB each; send them again, fewer at once.";
    let Ok(id) = offering.parse::<OfferingId>() else {
        return crate::api::error::ApiError(Error::NotFound("offering")).into_response();
    };
    let page = format!("{}#demo", links::offering(id));
    let taken = async {
        let broken = || Error::invalid("file", BROKEN);
        let mut files = Vec::new();
        while let Some(field) = form.next_field().await.map_err(|_| broken())? {
            let name = field.file_name().unwrap_or_default().to_owned();
            if field.name() == Some("file") && !name.is_empty() {
                files.push((name, field.bytes().await.map_err(|_| broken())?.to_vec()));
            }
        }
        let session = guard::cookie(&headers, &demo_cookie(id));
        services::gateway::give_demo(&state.ctx, id, session, ip, files).await
    };
    match taken.await {
        Err(error @ Error::NotFound(_)) => crate::api::error::ApiError(error).into_response(),
        Err(error) => answer(Ok((page, Err(error))), ""),
        Ok(session) => {
            let mut response = Redirect::to(&page).into_response();
            let cookie = secured(&keep_demo(id, &session), &state.ctx.settings.public_url);
            if let Ok(cookie) = HeaderValue::from_str(&cookie) {
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
            response
        }
    }
}

async fn take(state: &AppState, who: &Principal, config: ConfigId, mut form: Multipart) -> Result<(), Error> {
    let mut problems = Vec::new();
    let mut taken = 0;
    loop {
        let field = match form.next_field().await {
            Ok(Some(field)) => field,
            Ok(None) => break,
            Err(_) => {
                problems.push("The files did not arrive whole; send them again, fewer at once.".to_owned());
                break;
            }
        };
        let name = field.file_name().unwrap_or_default().to_owned();
        if field.name() != Some("file") || name.is_empty() {
            continue;
        }
        let source = match bounded(field, FILE_BYTES).await {
            Some(Ok(bytes)) => NewSource::File { name: name.clone(), bytes },
            Some(Err(())) => {
                problems.push(format!("The file {name} is larger than 25 MB; split it, or leave out its pictures"));
                continue;
            }
            None => {
                problems.push(format!("The file {name} did not arrive whole; send it again"));
                break;
            }
        };
        match knowledge::add(&state.ctx, who, config, source).await {
            Ok(_) => taken += 1,
            Err(Error::Invalid(wrong)) => {
                problems.extend(wrong.into_iter().map(|(_, problem)| format!("The file {name} {problem}")));
            }
            Err(error @ Error::Conflict(_)) => problems.push(format!("The file {name} was not taken: {error}")),
            Err(error) => return Err(error),
        }
    }
    match (problems.is_empty(), taken) {
        (true, 0) => Err(Error::invalid("", "Choose a file first.")),
        (true, _) => Ok(()),
        (false, 0) => Err(Error::invalid("", problems.join("\n"))),
        (false, _) => Err(Error::invalid("", format!("{}\nThe other files are taken.", problems.join("\n")))),
    }
}

/// Reads a field to its end: nothing if it breaks off, and an error if it is larger than `most`.
async fn bounded(mut field: Field<'_>, most: usize) -> Option<Result<Vec<u8>, ()>> {
    let mut bytes = Vec::new();
    let mut too_large = false;
    while let Some(chunk) = field.chunk().await.ok()? {
        too_large |= bytes.len() + chunk.len() > most;
        if !too_large {
            bytes.extend_from_slice(&chunk);
        }
    }
    Some(if too_large { Err(()) } else { Ok(bytes) })
}

/// Reads the form's file, and what is to run it.
async fn file(mut form: Multipart) -> Result<(Vec<u8>, RuntimeChoice), &'static str> {
    const BROKEN: &str = "The file did not arrive whole; send it again.";

    let mut bytes = Vec::new();
    let mut choice = RuntimeChoice::Here;
    while let Some(field) = form.next_field().await.map_err(|_| BROKEN)? {
        match field.name() {
            // A box that is not ticked is not sent.
            Some("remote") => choice = RuntimeChoice::Remote,
            Some("file") => {
                let sent = bounded(field, EXPORT).await.ok_or(BROKEN)?;
                bytes = sent.map_err(|()| "The file is larger than 8 MB. Export one flow, without files in it.")?;
            }
            _ => {}
        }
    }
    if bytes.is_empty() { Err("Choose a file first.") } else { Ok((bytes, choice)) }
}
