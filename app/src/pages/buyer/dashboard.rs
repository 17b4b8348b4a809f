//! An organization's first page: what it has, what it did and what it cost.

use domain::view::account::OrganizationView;
use domain::view::order::{BuyerDashboard, SubscriptionView};
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use server_fn::codec::GetUrl;

use super::orders;
use crate::error::UiError;
use crate::ui::prelude::*;
use crate::{fmt, links};

/// Returns an organization and its figures.
#[server(prefix = "/ui", endpoint = "organization/dashboard", input = GetUrl)]
pub async fn organization_dashboard(organization: String) -> Result<(OrganizationView, BuyerDashboard), UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let id = here::id("organization", &organization)?;
    let view = services::organizations::get(&ctx, &who, id).await.map_err(here::fail)?;
    let figures = services::organizations::dashboard(&ctx, &who, id).await.map_err(here::fail)?;
    Ok((view, figures))
}

/// What goes on in an organization.
#[component]
pub fn DashboardPage() -> impl IntoView {
    let params = use_params_map();
    let organization = move || params.read().get("organization").unwrap_or_default();
    let found = read(move || OrganizationDashboard { organization: organization() });
    load(found, |(organization, figures)| {
        let id = organization.id;
        let body = if figures.subscriptions.is_empty() && figures.orders.is_empty() {
            view! {
                <EmptyState icon=Sign::Robot title="Your first agent is minutes away" text="Try one on its page, pick a plan, and it is set up while you watch.">
                    <LinkButton href=links::MARKETPLACE label="Browse the marketplace"/>
                </EmptyState>
            }
            .into_any()
        } else {
            view! { <Figures figures organization=id/> }.into_any()
        };
        view! {
            <div class="page">
                <PageHead title=organization.name text="Your agents and what they do.">
                    <LinkButton href=links::MARKETPLACE label="Add an agent" icon=Sign::Plus/>
                </PageHead>
                {body}
            </div>
        }
        .into_any()
    })
}

#[component]
fn Figures(figures: BuyerDashboard, organization: domain::OrganizationId) -> impl IntoView {
    let trend: Vec<i64> = figures.trend.iter().map(|(_, calls)| *calls).collect();
    let agents = figures.subscriptions.into_iter().map(agent).views();
    view! {
        <div class="grid grid--stats">
            <Stat label="Agents" value=fmt::count(figures.agents) icon=Sign::Robot/>
            <Stat label="Calls this month" value=fmt::count(figures.calls) icon=Sign::Activity trend/>
            <Stat label="Failed" value=fmt::count(figures.failed) note="They cost nothing" icon=Sign::Alert/>
            <Stat label="Paid this month" value=fmt::amounts(&figures.spend) icon=Sign::Card/>
        </div>
        <Card title="Calls by day" text="The last 30 days, all agents."><BarChart title="Calls by day" points=figures.trend/></Card>
        <section class="stack" aria-labelledby="agents">
            <div class="row row--between"><h2 id="agents">"Agents"</h2><LinkButton href=links::organization(organization, "agents/") label="All agents" look=Look::Ghost class="btn--sm"/></div>
            <div class="grid">{agents}</div>
        </section>
        <section class="stack" aria-labelledby="orders">
            <div class="row row--between"><h2 id="orders">"Last orders"</h2><LinkButton href=links::organization(organization, "orders/") label="All orders" look=Look::Ghost class="btn--sm"/></div>
            {orders::table(figures.orders, false)}
        </section>
    }
}

fn agent(subscription: SubscriptionView) -> impl IntoView {
    let href = match subscription.config_id {
        Some(config) => links::agent(subscription.organization_id, config, ""),
        None => links::organization(subscription.organization_id, "resources/"),
    };
    view! {
        <article class="card card--link">
            <div class="card__body">
                <div class="row row--between"><CategoryBadge slug=subscription.category_slug title=subscription.category_title/><SubscriptionBadge state=subscription.state/></div>
                <div><h3><a href=href>{subscription.name}</a></h3><p class="muted small">{format!("{} · {}", subscription.offering_name, subscription.plan_name)}</p></div>
                <Meter label="Calls this month" used=subscription.used limit=subscription.monthly_quota/>
            </div>
        </article>
    }
}
