//! What a provider says of itself.

use domain::view::provider::ApplicationView;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

use crate::links;
use crate::pages::buyer::Application;
use crate::ui::prelude::*;

/// A provider's settings.
#[component]
pub fn SettingsPage() -> impl IntoView {
    let params = use_params_map();
    let provider = move || params.read().get("provider").unwrap_or_default();
    let found = read(move || Application { organization: provider() });
    load(found, move |application: Option<ApplicationView>| {
        let Some(application) = application else {
            return view! {
                <EmptyState icon=Sign::Store title="Not a provider yet" text="Ask to sell first.">
                    <LinkButton href=links::organization(provider(), "sell/") label="Start selling"/>
                </EmptyState>
            }
            .into_any();
        };
        let badge = view! { <ProviderBadge state=application.state/> }.into_any();
        view! {
            <div class="page">
                <PageHead title="Settings" text="How buyers see you." badge/>
                <Card title=application.organization_name.clone() text=application.website.clone()>
                    <div class="stack">
                        <p>{application.description.clone()}</p>
                        <p class="muted small">"You applied on "{application.applied.clone()}"."</p>
                        <LinkButton href=links::public_provider(application.organization_id) label="See your public page" look=Look::Secondary/>
                    </div>
                </Card>
            </div>
        }
        .into_any()
    })
}
