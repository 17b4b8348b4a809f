//! The operator's first page.

use domain::view::operator::AdminOverview;
use leptos::prelude::*;
use server_fn::codec::GetUrl;

use crate::error::UiError;
use crate::ui::prelude::*;
use crate::{fmt, links};

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
    let figures = read(|| Overview {});
    load(figures, |figures| {
        let waits = [
            (figures.applications, "organization asks to sell", "organizations ask to sell", "applications/"),
            (figures.submissions, "offering waits for review", "offerings wait for review", "submissions/"),
            (figures.jobs_dead, "job gave up", "jobs gave up", "jobs/"),
        ];
        let waits: Vec<AnyView> = waits
            .into_iter()
            .filter(|(count, ..)| *count > 0)
            .map(|(count, one, many, rest)| {
                let action = view! { <a class="btn-link" href=links::admin(rest)>"Look at it"</a> }.into_any();
                view! { <Alert kind=Kind::Warn title=fmt::plural(count, one, many) action/> }.into_any()
            })
            .collect();
        let trend: Vec<i64> = figures.trend.iter().map(|(_, calls)| *calls).collect();
        let orders = figures
            .orders
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(state, count)| view! { <div><dt><OrderBadge state=*state/></dt><dd>{fmt::count(*count)}</dd></div> })
            .views();
        view! {
            <div class="page">
                <PageHead title="Overview" text="How the marketplace goes."/>
                {(!waits.is_empty()).then(|| view! { <div class="stack stack--sm">{waits}</div> }.into_any())}
                <div class="grid grid--stats">
                    <Stat label="Taken this month" value=fmt::amounts(&figures.revenue) note="Less what went back" icon=Sign::Wallet/>
                    <Stat label="Subscriptions" value=fmt::count(figures.subscriptions) note=fmt::plural(figures.offerings, "offering on sale", "offerings on sale") icon=Sign::Layers/>
                    <Stat label="Organizations" value=fmt::count(figures.organizations) note=fmt::plural(figures.users, "person", "people") icon=Sign::Building/>
                    <Stat label="Calls, last 24 hours" value=fmt::count(figures.calls) note=format!("{} failed", fmt::count(figures.failed)) icon=Sign::Activity trend/>
                </div>
                <div class="columns">
                    <Card title="Calls by day" text="The last 30 days."><BarChart title="Calls by day" points=figures.trend/></Card>
                    <div class="stack">
                        <Card title="Orders"><dl class="facts">{orders}</dl></Card>
                        <Card title="Jobs">
                            <dl class="facts">
                                <div><dt>"Waiting"</dt><dd>{fmt::count(figures.jobs_waiting)}</dd></div>
                                <div><dt>"Gave up"</dt><dd>{fmt::count(figures.jobs_dead)}</dd></div>
                            </dl>
                        </Card>
                    </div>
                </div>
            </div>
        }
        .into_any()
    })
}
