//! The portal inside axum: pages, server functions, and files that belong to the site.

use std::collections::HashSet;
use std::sync::LazyLock;

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{Method, Request, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{any, get};
use leptos::config::LeptosOptions;
use leptos::prelude::provide_context;
use leptos_axum::{AxumRouteListing, LeptosRoutes as _, generate_route_list, handle_server_fns_with_context};
use services::{Ctx, Principal};

use crate::assets::{self, Caching};
use crate::guard::{ClientIp, RequestId};
use crate::http::AppState;

/// Makes the options that Leptos renders the shell with; the assets' addresses carry the build's hash.
pub fn leptos_options(address: std::net::SocketAddr) -> LeptosOptions {
    LeptosOptions::builder()
        .output_name("cmp")
        .site_root("target/site")
        .site_pkg_dir(format!("pkg/{}", assets::build_hash()))
        .site_addr(address)
        .build()
}

/// Builds the portal's routes.
pub fn router(state: &AppState) -> Router<AppState> {
    Router::new()
        .route("/ui/{*function}", any(server_function))
        .leptos_routes_with_handler(ROUTES.clone(), get(page))
        // Leptos names its routes without knowing the state of ours.
        .with_state::<AppState>(state.clone())
}

/// The portal's pages; listing them renders the whole portal once.
static ROUTES: LazyLock<Vec<AxumRouteListing>> = LazyLock::new(|| generate_route_list(app::App));

/// The first words of the portal's addresses. All of them end with a slash, which people leave out.
static SECTIONS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    ROUTES
        .iter()
        .filter_map(|route| route.path().split('/').nth(1))
        .filter(|first| !first.is_empty())
        .map(str::to_owned)
        .collect()
});

/// What the pages and server functions find in their context.
fn provide(ctx: Ctx, principal: Principal, ip: ClientIp, request: RequestId) -> impl Fn() + Clone + Send + 'static {
    move || {
        provide_context(ctx.clone());
        provide_context(principal.clone());
        provide_context(app::server_context::Caller { ip: ip.0, request_id: request.0.clone() });
    }
}

async fn page(
    State(state): State<AppState>,
    Extension(principal): Extension<Principal>,
    Extension(ip): Extension<ClientIp>,
    Extension(id): Extension<RequestId>,
    request: Request<Body>,
) -> Response {
    render(state, principal, ip, id, request).await
}

/// Every page is sent whole (`SsrMode::Async`): its status and its title are those of what it found.
async fn render(
    state: AppState,
    principal: Principal,
    ip: ClientIp,
    id: RequestId,
    request: Request<Body>,
) -> Response {
    let AppState { ctx, leptos, .. } = state;
    let handler =
        leptos_axum::render_app_async_with_context(provide(ctx, principal, ip, id), move || app::shell(leptos.clone()));
    let mut response = handler(request).await.into_response();
    without_caching(&mut response);
    response
}

async fn server_function(
    State(state): State<AppState>,
    Extension(principal): Extension<Principal>,
    Extension(ip): Extension<ClientIp>,
    Extension(id): Extension<RequestId>,
    request: Request<Body>,
) -> Response {
    let mut response =
        handle_server_fns_with_context(provide(state.ctx.clone(), principal, ip, id), request).await.into_response();
    without_caching(&mut response);
    response
}

/// Pages hold what one person may see, and a proxy must neither keep nor hold back what streams.
fn without_caching(response: &mut Response) {
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(header::HeaderValue::from_static("no-store"));
    headers.insert("x-accel-buffering", header::HeaderValue::from_static("no"));
}

/// Answers what no route has: a file of the site, or the page that says so.
pub async fn not_found(
    State(state): State<AppState>,
    principal: Option<Extension<Principal>>,
    ip: Option<Extension<ClientIp>>,
    id: Option<Extension<RequestId>>,
    request: Request<Body>,
) -> Response {
    let path = request.uri().path();
    if let Some(file) = assets::serve(path.trim_start_matches('/'), request.headers(), Caching::Hour) {
        return file;
    }
    if path.starts_with("/api/") || path.starts_with("/api-auth/") {
        let detail =
            serde_json::json!({"detail": "Not found. The paths of the API end with a slash; /api/docs/ lists them."});
        return (axum::http::StatusCode::NOT_FOUND, axum::Json(detail)).into_response();
    }
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if reads && !path.ends_with('/') && path.split('/').nth(1).is_some_and(|first| SECTIONS.contains(first)) {
        let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
        return Redirect::permanent(&format!("{path}/{query}")).into_response();
    }
    let principal = principal.map(|Extension(principal)| principal).unwrap_or_default();
    let ip = ip.map_or(ClientIp(std::net::IpAddr::from([0, 0, 0, 0])), |Extension(ip)| ip);
    let id = id.map_or_else(|| RequestId(String::new()), |Extension(id)| id);
    let mut response = render(state, principal, ip, id, request).await;
    *response.status_mut() = axum::http::StatusCode::NOT_FOUND;
    response
}
