//! `/resource/:subscription/deploy/`: leads to where the agent of a subscription is put on a page.

use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use server_fn::codec::GetUrl;

use crate::error::UiError;
use crate::ui::prelude::*;

/// Returns where to deploy a subscription's agent, and leads there.
#[server(prefix = "/ui", endpoint = "subscription/deploy", input = GetUrl)]
pub async fn deploy(subscription: String) -> Result<String, UiError> {
    use crate::{links, server_context as here};

    let (ctx, who) = here::asking()?;
    let id = here::id("subscription", &subscription)?;
    let subscription = services::subscriptions::get(&ctx, &who, id).await.map_err(here::fail)?;
    let target = match subscription.config_id {
        Some(config) => links::agent(subscription.organization_id, config, "widget/"),
        // Not set up yet: the list of subscriptions says how it stands.
        None => links::organization(subscription.organization_id, "resources/"),
    };
    here::redirect(&target);
    Ok(target)
}

/// Leads on.
#[component]
pub fn DeployPage() -> impl IntoView {
    let params = use_params_map();
    let target = read(move || Deploy { subscription: params.read().get("subscription").unwrap_or_default() });
    load(target, |target| {
        view! { <div class="oops"><h1>"Your agent"</h1><LinkButton href=target label="Open it"/></div> }.into_any()
    })
}
