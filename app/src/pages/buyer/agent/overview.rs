//! An agent's first page: what is left to do, and how it does.

use domain::state::{Capability, SubscriptionState};
use domain::view::config::{ConfigView, UsageView};
use leptos::prelude::*;
use server_fn::codec::GetUrl;

use super::{agent_id, agent_of_page, head, page_of};
use crate::error::UiError;
use crate::fmt;
use crate::ui::prelude::*;

/// Returns how much an agent was used this month.
#[server(prefix = "/ui", endpoint = "agent/usage-now", input = GetUrl)]
pub async fn usage_now(id: String) -> Result<UsageView, UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let id = here::id("agent", &id)?;
    services::configs::usage(&ctx, &who, id, None, None).await.map_err(here::fail)
}

/// Switches an agent on or off.
#[server(prefix = "/ui", endpoint = "agent/set-live")]
pub async fn set_live(id: String, live: bool) -> Result<(), UiError> {
    use crate::{links, server_context as here};

    let (ctx, who) = here::asking()?;
    let id = here::id("agent", &id)?;
    let patch = domain::view::config::ConfigPatch { live: Some(live), ..Default::default() };
    let view = services::configs::update(&ctx, &who, id, patch).await.map_err(here::fail)?;
    let path = links::agent(view.organization_id, view.id, "");
    here::redirect(&links::with_notice(&path, if live { "live" } else { "paused" }));
    Ok(())
}

/// What is left to do, and how it does.
#[component]
pub fn OverviewPage() -> impl IntoView {
    let switch = FormAction::of::<SetLive>();
    let form = FormState::of(switch);
    let agent = agent_of_page(move || switch.version().get());
    let id = agent_id();
    let usage = read(move || UsageNow { id: id() });
    load(agent, move |view| {
        let steps = first_steps(&view);
        let quota = view.monthly_quota;
        let used = view.used;
        let (live, ended) = (view.settings.live, view.subscription_state == SubscriptionState::Terminated);
        let state = if live {
            "It answers on your pages and over the API."
        } else {
            "It answers nobody until you switch it on."
        };
        view! {
            <div class="page">
                {head(&view, "Everything about this agent, in one place.")}
                <FormAlert form/>
                <div class="columns">
                    <div class="stack">
                        {(!ended).then(|| view! { <Card title="Set it up" text="In any order. Each step takes a minute.">{steps}</Card> }.into_any())}
                        {load_part(usage, |usage| {
                            let trend: Vec<i64> = usage.days.iter().map(|day| day.calls).collect();
                            view! {
                            <div class="grid grid--stats">
                                <Stat label="Calls this month" value=fmt::count(usage.calls) icon=Sign::Activity trend/>
                                <Stat label="Failed" value=fmt::count(usage.failed) note="Failed calls cost nothing"/>
                                <Stat label="Tokens" value=fmt::count(usage.input_tokens + usage.output_tokens) note="Read and written"/>
                            </div>
                            }.into_any()
                        })}
                    </div>
                    <div class="stack">
                        <Card title="Plan">
                            <div class="stack">
                                <div class="row row--between"><strong>{view.plan_name.clone()}</strong><span class="muted small">{view.offering_name.clone()}</span></div>
                                <Meter label="Calls this month" used limit=quota/>
                            </div>
                        </Card>
                        {(!ended).then(|| view! {
                            <Card title=if live { "It is live" } else { "It is paused" }>
                                <PostForm action=switch class="stack">
                                    <p class="muted small">{state}</p>
                                    <input type="hidden" name="id" value=view.id.to_string()/>
                                    <input type="hidden" name="live" value=(!live).to_string()/>
                                    <Submit label=if live { "Pause it" } else { "Go live" } look=if live { Look::Secondary } else { Look::Primary } pending=form.pending/>
                                </PostForm>
                            </Card>
                        }.into_any())}
                    </div>
                </div>
            </div>
        }
        .into_any()
    })
}

fn first_steps(view: &ConfigView) -> AnyView {
    let can = |capability| view.capabilities.contains(&capability);
    let mut steps = Vec::new();
    if can(Capability::Persona) {
        steps.push((
            Sign::User,
            "Give it a name and a voice",
            "Name, tone, greeting, and what it should know about you.",
            "persona/",
        ));
    }
    steps.push((Sign::MessageCircle, "Talk to it", "The test chat answers as your visitors will hear it.", "chat/"));
    if can(Capability::Chat) {
        steps.push((Sign::Code, "Put it on your site", "Name your site’s address and paste two lines.", "widget/"));
    }
    steps.push((Sign::Key, "Call it from your own program", "Make a key; the answer is one request away.", "keys/"));
    let rows = steps
        .into_iter()
        .map(|(sign, title, text, rest)| {
            view! {
                <li class="row row--nowrap">
                    <Icon sign/>
                    <div><a class="strong" href=page_of(view, rest)>{title}</a><p class="muted small">{text}</p></div>
                </li>
            }
        })
        .views();
    view! { <ul class="stack">{rows}</ul> }.into_any()
}
