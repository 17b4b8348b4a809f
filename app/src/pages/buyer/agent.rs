//! One agent's own pages: how it is set up, tested, put on a page, called and used.
//!
//! Which pages there are follows from what the product can do.

pub mod branding;
pub mod chat;
pub mod document;
pub mod keys;
pub mod overview;
pub mod persona;
pub mod training;
pub mod usage;
pub mod widget;

use domain::state::{Capability, SubscriptionState};
use domain::view::config::ConfigView;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use server_fn::codec::GetUrl;

use crate::error::UiError;
use crate::links;
use crate::ui::prelude::*;

/// Returns the agent of this page.
#[server(prefix = "/ui", endpoint = "agent/get", input = GetUrl)]
pub async fn agent(id: String) -> Result<ConfigView, UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let id = here::id("agent", &id)?;
    services::configs::get(&ctx, &who, id).await.map_err(here::fail)
}

/// Reads the agent that the address names, anew whenever `changed` does.
fn agent_of_page(changed: impl Fn() -> usize + Send + Sync + 'static) -> Found<ConfigView> {
    let id = agent_id();
    read_again(changed, move || Agent { id: id() })
}

/// Returns the agent's id in the address.
fn agent_id() -> impl Fn() -> String + Clone + Send + Sync + 'static {
    let params = use_params_map();
    move || params.read().get("agent").unwrap_or_default()
}

/// Returns the address of one of an agent's pages.
fn page_of(view: &ConfigView, rest: &str) -> String {
    links::agent(view.organization_id, view.id, rest)
}

/// Leads back to one of an agent's pages after something was done there.
#[cfg(feature = "ssr")]
fn back_to(view: &ConfigView, rest: &str, notice: &str) {
    crate::server_context::redirect(&links::with_notice(&page_of(view, rest), notice));
}

/// The head of each of an agent's pages: its name, how it stands, and its other pages.
fn head(view: &ConfigView, text: &'static str) -> AnyView {
    let can = |capability| view.capabilities.contains(&capability);
    let mut tabs = vec![Tab::new(page_of(view, ""), "Overview").with(Sign::Home)];
    if can(Capability::Persona) {
        tabs.push(Tab::new(page_of(view, "persona/"), "Persona").with(Sign::User));
    }
    if can(Capability::Knowledge) {
        tabs.push(Tab::new(page_of(view, "training/"), "Training").with(Sign::Book));
    }
    if can(Capability::Branding) {
        tabs.push(Tab::new(page_of(view, "branding/"), "Branding").with(Sign::Palette));
    }
    tabs.push(Tab::new(page_of(view, "chat/"), "Test chat").with(Sign::MessageCircle));
    tabs.push(Tab::new(page_of(view, "keys/"), "Keys").with(Sign::Key));
    if can(Capability::Chat) {
        tabs.push(Tab::new(page_of(view, "widget/"), "Widget").with(Sign::Code));
    }
    tabs.push(Tab::new(page_of(view, "usage/"), "Usage").with(Sign::Activity));
    let badge = if view.subscription_state.is_usable() && !view.settings.live {
        view! { <Badge text="Paused" tint=Tint::Warn dot=true/> }.into_any()
    } else {
        view! { <SubscriptionBadge state=view.subscription_state/> }.into_any()
    };
    let crumbs = vec![Crumb::new("My agents", links::organization(view.organization_id, "agents/"))];
    let ended = (view.subscription_state == SubscriptionState::Terminated).then(|| {
        view! {
            <Alert
                kind=Kind::Warn title="The subscription has ended"
                text="This agent answers nobody, and its keys stopped working. Its settings and its usage stay readable here."
                action=view! { <LinkButton href=links::offering(view.offering_id) label="Subscribe again" look=Look::Secondary class="btn--sm"/> }.into_any()
            />
        }.into_any()
    });
    view! {
        <PageHead title=view.settings.agent_name.clone() text=text crumbs badge/>
        {ended}
        <Tabs label="Pages of this agent" tabs/>
    }
    .into_any()
}
