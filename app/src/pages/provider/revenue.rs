//! What a provider's listings bring in.

use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

use super::dashboard::Dashboard;
use crate::ui::prelude::*;

/// What was paid for a provider's listings.
#[component]
pub fn RevenuePage() -> impl IntoView {
    let params = use_params_map();
    let figures = read(move || Dashboard { provider: params.read().get("provider").unwrap_or_default() });
    load(figures, |figures| {
        let amounts = |amounts: &[domain::Money]| {
            if amounts.is_empty() {
                "Nothing yet".to_owned()
            } else {
                amounts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" + ")
            }
        };
        view! {
            <div class="page">
                <PageHead title="Revenue" text="What buyers paid for your agents, before the marketplace’s share."/>
                <div class="grid grid--stats">
                    <Stat label="Taken this month" value=amounts(&figures.revenue) note="Less refunds"/>
                    <Stat label="Monthly, as subscribed" value=amounts(&figures.monthly) note="If everyone stays on their plan"/>
                </div>
            </div>
        }
        .into_any()
    })
}
