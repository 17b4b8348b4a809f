//! An organization's agents.

use domain::view::config::ConfigView;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use server_fn::codec::GetUrl;

use crate::error::UiError;
use crate::links;
use crate::ui::prelude::*;

/// Returns the organization's agents.
#[server(prefix = "/ui", endpoint = "agent/list", input = GetUrl)]
pub async fn agents(organization: String) -> Result<Vec<ConfigView>, UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let id = here::id("organization", &organization)?;
    let all = services::configs::list(&ctx, &who, Some(id)).await.map_err(here::fail)?;
    Ok(all
        .into_iter()
        .filter(|agent| agent.subscription_state != domain::state::SubscriptionState::Terminated)
        .collect())
}

/// The agents that an organization has.
#[component]
pub fn AgentsPage() -> impl IntoView {
    let params = use_params_map();
    let found = read(move || Agents { organization: params.read().get("organization").unwrap_or_default() });
    load(found, |agents| {
        let body = if agents.is_empty() {
            view! {
                <EmptyState icon=Sign::Robot title="No agents yet" text="Find one in the marketplace. It is ready within seconds of your order.">
                    <LinkButton href=links::MARKETPLACE label="Browse the marketplace"/>
                </EmptyState>
            }
            .into_any()
        } else {
            view! { <div class="grid">{agents.into_iter().map(card).views()}</div> }.into_any()
        };
        view! {
            <div class="page">
                <PageHead title="My agents" text="What you have, and how it does this month.">
                    <LinkButton href=links::MARKETPLACE label="Add an agent" icon=Sign::Plus/>
                </PageHead>
                {body}
            </div>
        }
        .into_any()
    })
}

fn card(agent: ConfigView) -> impl IntoView {
    let href = links::agent(agent.organization_id, agent.id, "");
    let badge = if agent.subscription_state.is_usable() && !agent.settings.live {
        view! { <Badge text="Paused" tint=Tint::Warn dot=true/> }.into_any()
    } else {
        view! { <SubscriptionBadge state=agent.subscription_state/> }.into_any()
    };
    view! {
        <article class="card card--link">
            <div class="card__body stack">
                <div class="row row--between"><Avatar name=agent.settings.agent_name.clone()/>{badge}</div>
                <div>
                    <h2><a href=href>{agent.settings.agent_name}</a></h2>
                    <p class="muted small">{agent.offering_name}" · "{agent.plan_name}</p>
                </div>
                <Meter label="Calls this month" used=agent.used limit=agent.monthly_quota/>
            </div>
        </article>
    }
}
