//! A provider's listings.

use domain::view::provider::OfferingEdit;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use server_fn::codec::GetUrl;

use crate::error::UiError;
use crate::fmt;
use crate::links;
use crate::ui::prelude::*;

/// Returns a provider's listings.
#[server(prefix = "/ui", endpoint = "provider/offerings", input = GetUrl)]
pub async fn provider_offerings(provider: String) -> Result<Vec<OfferingEdit>, UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let id = here::id("provider", &provider)?;
    services::provider::offerings(&ctx, &who, id).await.map_err(here::fail)
}

/// What a provider sells.
#[component]
pub fn OfferingsPage() -> impl IntoView {
    let params = use_params_map();
    let provider = move || params.read().get("provider").unwrap_or_default();
    let found = read(move || ProviderOfferings { provider: provider() });
    load(found, move |offerings| {
        let body = if offerings.is_empty() {
            view! {
                <EmptyState icon=Sign::Tag title="Nothing listed yet" text="A listing belongs to an agent; make it on the agent’s page.">
                    <LinkButton href=links::provider(provider(), "agents/") label="Go to your agents"/>
                </EmptyState>
            }
            .into_any()
        } else {
            let rows = offerings
                .into_iter()
                .map(|edit| {
                    let href = links::provider(edit.organization_id, &format!("offerings/{}/", edit.id));
                    let plans = edit.plans.iter().filter(|plan| !plan.archived).count();
                    view! {
                        <tr>
                            <td><a class="strong" href=href>{edit.form.name}</a><p class="muted tiny">{edit.form.tagline}</p></td>
                            <td><OfferingBadge state=edit.state/></td>
                            <td class="num">{plans}</td>
                            <td class="num">{fmt::count(edit.customers)}</td>
                        </tr>
                    }
                })
                .views();
            view! {
                <Card class="card--flush">
                    <Table label="Listings" head=view! { <tr><th>"Listing"</th><th>"State"</th><th>"Plans"</th><th>"Customers"</th></tr> }.into_any()>{rows}</Table>
                </Card>
            }
            .into_any()
        };
        view! {
            <div class="page">
                <PageHead title="Offerings" text="What buyers see, and what it costs."/>
                {body}
            </div>
        }
        .into_any()
    })
}
