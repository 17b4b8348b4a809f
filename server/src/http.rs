//! Puts the doors together into one router, and runs it until it is told to stop.

use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, FromRef, Request};
use axum::http::StatusCode;
use axum::middleware;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use leptos::config::LeptosOptions;
use serde_json::json;
use services::Ctx;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;

use crate::gateway::extract::preflight;
use crate::{api, assets, guard, pace, portal, upload, widget};

/// How long requests in flight may take to finish once we are told to stop.
const DRAIN: Duration = Duration::from_secs(30);

/// The largest body that any door takes unless it says otherwise: a flow export and its envelope.
const BODY_LIMIT: usize = 12 * 1024 * 1024;

/// The largest form of files that is taken: a few at once.
const UPLOAD_LIMIT: usize = 110 * 1024 * 1024;

/// The largest form of a visitor's files: three, and some words.
const DEMO_LIMIT: usize = 16 * 1024 * 1024;

/// What the handlers share.
#[derive(Clone, Debug, FromRef)]
pub struct AppState {
    /// The use cases' surroundings.
    pub ctx: Ctx,
    /// How Leptos renders the shell.
    pub leptos: LeptosOptions,
    /// Whether a proxy in front of us tells where requests come from.
    #[from_ref(skip)]
    pub behind_proxy: bool,
}

/// Builds the router of the whole program.
pub fn router(state: AppState) -> Router {
    Router::new()
        .merge(portal::router(&state))
        .merge(api::router())
        .merge(widget::router())
        .route("/pkg/{hash}/{file}", get(assets::package))
        .route("/ui-upload/flow/{agent}/", post(upload::flow))
        .route(
            "/ui-upload/documents/{agent}/",
            post(upload::documents)
                .layer(DefaultBodyLimit::max(UPLOAD_LIMIT))
                .layer(middleware::from_fn(pace::uploads)),
        )
        .route(
            "/ui-upload/demo/{offering}/",
            post(upload::demo).layer(DefaultBodyLimit::max(DEMO_LIMIT)).layer(middleware::from_fn(pace::uploads)),
        )
        .fallback(portal::not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(middleware::from_fn_with_state(state.clone(), guard::authenticate))
        .layer(middleware::from_fn(guard::harden))
        .layer(middleware::from_fn(pace::pace))
        .layer(CatchPanicLayer::new())
        .layer(middleware::from_fn_with_state(state.clone(), guard::identify))
        .with_state(state)
}

/// Answers a method that an address does not take; the header `Allow` says which it does. That a browser asks the
/// gateway first, by `OPTIONS`, arrives here too.
async fn method_not_allowed(request: Request) -> Response {
    if let Some(answer) = preflight(&request) {
        return answer;
    }
    let detail = format!("{} is not possible here; the header Allow says what is.", request.method());
    (StatusCode::METHOD_NOT_ALLOWED, Json(json!({"error": "method_not_allowed", "detail": detail}))).into_response()
}

/// Serves until `stop`, then finishes what is in flight, for 30 seconds at most.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) -> std::io::Result<()> {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let serving = axum::serve(listener, service).with_graceful_shutdown(stop.clone().cancelled_owned());
    let too_long = async {
        stop.cancelled().await;
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        served = serving => served,
        () = too_long => {
            tracing::warn!("requests were still in flight after {} s and are dropped", DRAIN.as_secs());
            Ok(())
        }
    }
}
