//! A provider's first page.

use domain::view::provider::ProviderDashboard;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use server_fn::codec::GetUrl;

use crate::error::UiError;
use crate::fmt;
use crate::pages::buyer::orders_table;
use crate::ui::prelude::*;

/// Returns a provider's figures.
#[server(prefix = "/ui", endpoint = "provider/dashboard", input = GetUrl)]
pub async fn dashboard(provider: String) -> Result<ProviderDashboard, UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let id = here::id("provider", &provider)?;
    services::provider::dashboard(&ctx, &who, id).await.map_err(here::fail)
}

/// How the business goes.
#[component]
pub fn DashboardPage() -> impl IntoView {
    let params = use_params_map();
    let figures = read(move || Dashboard { provider: params.read().get("provider").unwrap_or_default() });
    load(figures, |figures| {
        let trend: Vec<i64> = figures.trend.iter().map(|(_, calls)| *calls).collect();
        let states = figures
            .offerings
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(state, count)| view! { <div><dt><OfferingBadge state=*state/></dt><dd>{fmt::count(*count)}</dd></div> })
            .views();
        let listings = if figures.offerings.iter().all(|(_, count)| *count == 0) {
            view! { <p class="muted small">"Nothing is on sale yet. Import a flow, give it plans, and submit it."</p> }
                .into_any()
        } else {
            view! { <dl class="facts">{states}</dl> }.into_any()
        };
        let orders = if figures.orders.is_empty() {
            view! { <EmptyState icon=Sign::Receipt title="No orders yet" text="They appear here the moment somebody buys."/> }.into_any()
        } else {
            orders_table(figures.orders, true)
        };
        view! {
            <div class="page">
                <PageHead title="Dashboard" text="How your agents sell and how they are used."/>
                <div class="grid grid--stats">
                    <Stat label="Monthly revenue" value=fmt::amounts(&figures.monthly) note="From running subscriptions" icon=Sign::Wallet/>
                    <Stat label="Taken this month" value=fmt::amounts(&figures.revenue) note="Less what went back" icon=Sign::Card/>
                    <Stat label="Subscriptions" value=fmt::count(figures.subscriptions) note=fmt::plural(figures.customers, "customer", "customers") icon=Sign::Layers/>
                    <Stat label="Calls this month" value=fmt::count(figures.calls) note=format!("{} failed", fmt::count(figures.failed)) icon=Sign::Activity trend/>
                </div>
                <div class="columns">
                    <Card title="Calls by day" text="The last 30 days."><BarChart title="Calls by day" points=figures.trend/></Card>
                    <Card title="Offerings">{listings}</Card>
                </div>
                <section class="stack" aria-labelledby="orders"><h2 id="orders">"Last orders"</h2>{orders}</section>
            </div>
        }
        .into_any()
    })
}
