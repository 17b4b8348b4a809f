//! An organization's first page.

use domain::view::account::OrganizationView;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use server_fn::codec::GetUrl;

use crate::error::UiError;
use crate::links;
use crate::ui::prelude::*;

/// Returns the organization of this page.
#[server(prefix = "/ui", endpoint = "organization/get", input = GetUrl)]
pub async fn organization(id: String) -> Result<OrganizationView, UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let id = id.parse().map_err(|_| here::fail(services::Error::NotFound("organization")))?;
    services::organizations::get(&ctx, &who, id).await.map_err(here::fail)
}

/// What goes on in an organization.
#[component]
pub fn DashboardPage() -> impl IntoView {
    let params = use_params_map();
    let id = move || params.read().get("organization").unwrap_or_default();
    let found = Resource::new_blocking(id, organization);
    load(found, |organization| {
        view! {
            <div class="page">
                <PageHead title=organization.name text="Your agents and what they do.">
                    <LinkButton href=links::MARKETPLACE label="Add an agent" icon=Sign::Plus/>
                </PageHead>
                <EmptyState icon=Sign::Robot title="No agents yet" text="Find one in the marketplace. It is ready within seconds of your order.">
                    <LinkButton href=links::MARKETPLACE label="Browse the marketplace"/>
                </EmptyState>
            </div>
        }
        .into_any()
    })
}
