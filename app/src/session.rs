//! Who is looking: one resource for all pages, and the server functions that sign in, up and out.
//!
//! What a newcomer gets wrong: signing in and out loads the page anew, on purpose. Everything that
//! was rendered for somebody else is gone then, with and without JavaScript.

#![cfg_attr(feature = "ssr", expect(clippy::unused_async, reason = "a server function waits in the browser"))]

use domain::view::account::{MembershipView, Viewer};
use leptos::prelude::*;
use server_fn::codec::GetUrl;

use crate::error::UiError;
use crate::ui::load::{Found, read_again};

/// Who is looking, shared by every page through the context.
#[derive(Clone, Copy)]
pub struct Session {
    viewer: Found<Option<Viewer>>,
    changed: RwSignal<usize>,
}

impl Session {
    /// Makes the session and puts it into the context.
    pub fn provide() -> Self {
        let changed = RwSignal::new(0);
        let viewer = read_again(move || changed.get(), || CurrentViewer {});
        let session = Self { viewer, changed };
        provide_context(session);
        session
    }

    /// Returns the session of this page.
    pub fn of_page() -> Self {
        expect_context()
    }

    /// Asks anew who is looking: call it after memberships or names have changed.
    pub fn refresh(self) {
        self.changed.update(|version| *version += 1);
    }

    /// Returns who is looking, once that is known.
    pub async fn viewer(self) -> Option<Viewer> {
        self.viewer.get().await.ok().flatten()
    }

    /// Returns the viewer's membership of an organization, by its id in the URL.
    pub async fn membership(self, organization: &str) -> Option<MembershipView> {
        membership_of(&self.viewer().await?, organization)
    }
}

/// Finds a membership by the organization's id in the URL.
pub fn membership_of(viewer: &Viewer, organization: &str) -> Option<MembershipView> {
    let id = organization.parse().ok()?;
    viewer.memberships.iter().find(|membership| membership.organization_id == id).cloned()
}

/// Returns who is signed in.
#[server(prefix = "/ui", endpoint = "session/viewer", input = GetUrl)]
pub async fn current_viewer() -> Result<Option<Viewer>, UiError> {
    Ok(crate::server_context::principal().viewer().cloned())
}

/// Signs in, and leads to `next` or the person's own first page.
#[server(prefix = "/ui", endpoint = "session/log-in")]
pub async fn log_in(email: String, password: String, next: Option<String>) -> Result<String, UiError> {
    use crate::server_context as here;

    let ctx = here::ctx()?;
    let browser = here::request_header(&http::header::USER_AGENT).unwrap_or_default();
    let signed_in =
        services::identity::login(&ctx, &email, &password, here::caller_ip(), &browser).await.map_err(here::fail)?;
    here::set_session(&signed_in.session_cookie);
    Ok(land(&signed_in.viewer, next.as_deref()))
}

/// Signs up: a person, an organization and a project, without any further step.
#[server(prefix = "/ui", endpoint = "session/register")]
pub async fn register(name: String, email: String, password: String, next: Option<String>) -> Result<String, UiError> {
    use crate::server_context as here;

    let ctx = here::ctx()?;
    let browser = here::request_header(&http::header::USER_AGENT).unwrap_or_default();
    let form = services::identity::Register { name, email, password };
    let signed_up = services::identity::register(&ctx, form, here::caller_ip(), &browser).await.map_err(here::fail)?;
    here::set_session(&signed_up.session_cookie);
    Ok(land(&signed_up.viewer, next.as_deref()))
}

/// Signs out.
#[server(prefix = "/ui", endpoint = "session/log-out")]
pub async fn log_out() -> Result<(), UiError> {
    use crate::server_context as here;

    if let Some(cookie) = here::cookie(here::SESSION_COOKIE) {
        services::identity::logout(&here::ctx()?, &cookie).await.map_err(here::fail)?;
    }
    here::clear_session();
    here::redirect(&crate::links::with_notice("/", "signed-out"));
    Ok(())
}

/// Chooses light, dark, or what the system says, and leads back.
#[server(prefix = "/ui", endpoint = "session/theme")]
pub async fn set_theme(theme: String) -> Result<(), UiError> {
    use crate::server_context as here;

    let (theme, age) = match theme.as_str() {
        "light" => ("light", 31_536_000),
        "dark" => ("dark", 31_536_000),
        _ => ("", 0),
    };
    here::set_cookie(&format!("cmp_theme={theme}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax"));
    Ok(())
}

/// Leads to `next`, or to the person's own first page.
#[cfg(feature = "ssr")]
fn land(viewer: &Viewer, next: Option<&str>) -> String {
    let own = next.filter(|next| !next.is_empty()).and_then(crate::links::own_path).map(str::to_owned);
    crate::server_context::lead_to(own.unwrap_or_else(|| first_page(viewer)))
}

/// Returns where a person who has just signed in wants to be.
pub fn first_page(viewer: &Viewer) -> String {
    match viewer.memberships.first() {
        _ if viewer.user.operator => crate::links::ADMIN.to_owned(),
        Some(membership) => crate::links::organization(membership.organization_id, ""),
        None => "/".to_owned(),
    }
}
