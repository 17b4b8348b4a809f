//! The operator's first page.

use domain::view::operator::AdminOverview;
use leptos::prelude::*;
use server_fn::codec::GetUrl;

use crate::error::UiError;
use crate::fmt;
use crate::ui::prelude::*;

/// Returns the figures of the whole marketplace.
#[server(prefix = "/ui", endpoint = "admin/overview", input = GetUrl)]
pub async fn overview() -> Result<AdminOverview, UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    services::operator::overview(&ctx, &who).await.map_err(here::fail)
}

/// How the marketplace goes.
#[component]
pub fn DashboardPage() -> impl IntoView {
    let figures = Resource::new_blocking(|| (), |()| overview());
    load(figures, |figures| {
        view! {
            <div class="page">
                <PageHead title="Overview" text="How the marketplace goes."/>
                <div class="grid grid--stats">
                    <Stat label="People" value=fmt::count(figures.users)/>
                    <Stat label="Organizations" value=fmt::count(figures.organizations)/>
                    <Stat label="Subscriptions" value=fmt::count(figures.subscriptions)/>
                </div>
                <Card title="Calls by day"><BarChart title="Calls by day" points=figures.trend/></Card>
            </div>
        }
        .into_any()
    })
}
