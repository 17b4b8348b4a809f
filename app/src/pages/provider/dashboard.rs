//! A provider's first page.

use domain::view::provider::ProviderDashboard;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use server_fn::codec::GetUrl;

use crate::error::UiError;
use crate::fmt;
use crate::ui::prelude::*;

/// Returns a provider's figures.
#[server(prefix = "/ui", endpoint = "provider/dashboard", input = GetUrl)]
pub async fn dashboard(provider: String) -> Result<ProviderDashboard, UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let id = provider.parse().map_err(|_| here::fail(services::Error::NotFound("provider")))?;
    services::provider::dashboard(&ctx, &who, id).await.map_err(here::fail)
}

/// How the business goes.
#[component]
pub fn DashboardPage() -> impl IntoView {
    let params = use_params_map();
    let id = move || params.read().get("provider").unwrap_or_default();
    let figures = Resource::new_blocking(id, dashboard);
    load(figures, |figures| {
        view! {
            <div class="page">
                <PageHead title="Dashboard" text="How your agents sell and how they are used."/>
                <div class="grid grid--stats">
                    <Stat label="Subscriptions" value=fmt::count(figures.subscriptions)/>
                    <Stat label="Customers" value=fmt::count(figures.customers)/>
                    <Stat label="Calls this month" value=fmt::count(figures.calls)/>
                </div>
                <Card title="Calls by day"><BarChart title="Calls by day" points=figures.trend/></Card>
            </div>
        }
        .into_any()
    })
}
