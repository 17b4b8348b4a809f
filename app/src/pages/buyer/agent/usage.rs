//! How much an agent was used, by day and by call.

use domain::state::InvocationState;
use domain::view::config::{InvocationView, UsageView};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use server_fn::codec::GetUrl;

use super::{agent_id, agent_of_page, head};
use crate::error::UiError;
use crate::fmt;
use crate::links;
use crate::ui::prelude::*;

/// Returns how much an agent was used in the last so many days, or this month where nothing is said.
#[server(prefix = "/ui", endpoint = "agent/usage", input = GetUrl)]
pub async fn usage(id: String, days: String) -> Result<UsageView, UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let id = here::id("agent", &id)?;
    let from = days.parse::<i64>().ok().map(|days| domain::Day(ctx.now().day().0 - days.clamp(1, 365) + 1));
    services::configs::usage(&ctx, &who, id, from, None).await.map_err(here::fail)
}

/// Says whether the provider may read what is said.
#[server(prefix = "/ui", endpoint = "agent/share-texts")]
pub async fn share_texts(id: String, #[server(default)] share: Option<String>) -> Result<(), UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let config = here::id("agent", &id)?;
    let patch = domain::view::config::ConfigPatch { share_texts: Some(share.is_some()), ..Default::default() };
    let view = services::configs::update(&ctx, &who, config, patch).await.map_err(here::fail)?;
    here::redirect(&links::with_notice(&links::agent(view.organization_id, config, "usage/"), "saved"));
    Ok(())
}

/// How much an agent was used.
#[component]
pub fn UsagePage() -> impl IntoView {
    let share = FormAction::of::<ShareTexts>();
    let form = FormState::of(share);
    let agent = agent_of_page(move || share.version().get());
    let (id, query) = (agent_id(), use_query_map());
    let usage = read(move || Usage { id: id(), days: query.read().get("days").unwrap_or_default() });
    load(agent, move |view| {
        let header = head(&view, "Every call, counted exactly once. Failed calls cost nothing.");
        let config = view.id;
        let shared = view.settings.share_texts;
        let figures = load_part(usage, move |usage| {
            let points = usage.days.iter().map(|day| (day.day.clone(), day.calls)).collect::<Vec<_>>();
            let rows = usage.recent.iter().cloned().map(row).views();
            let none = usage.recent.is_empty();
            let days = query.read().get("days").unwrap_or_default();
            let spans = [("", "This month"), ("7", "7 days"), ("30", "30 days"), ("90", "90 days")]
                .into_iter()
                .map(|(span, text)| {
                    let href = format!("?days={span}");
                    view! { <a class="chip chip--sm" href=href aria-current=(span == days).then_some("true")>{text}</a> }
                })
                .views();
            let table = links::usage_table(config, &usage.from, &usage.to);
            view! {
                <div class="stack">
                    <nav class="chips" aria-label="Time">{spans}</nav>
                    <div class="grid grid--stats">
                        <Stat label="Calls" value=fmt::count(usage.calls) icon=Sign::Activity/>
                        <Stat label="Failed" value=fmt::count(usage.failed)/>
                        <Stat label="Tokens read" value=fmt::count(usage.input_tokens)/>
                        <Stat label="Tokens written" value=fmt::count(usage.output_tokens)/>
                    </div>
                    <Card title="By day" end=view! { <LinkButton href=table label="Download as CSV" look=Look::Secondary class="btn--sm" external=true/> }.into_any()>
                        <BarChart title="Calls by day" points/>
                    </Card>
                    <Card title="This month’s plan"><Meter label="Calls this month" used=usage.used limit=usage.monthly_quota/></Card>
                    {if none {
                        view! { <EmptyState icon=Sign::Activity title="No calls yet" text="Talk to it in the test chat, or call it with a key."/> }.into_any()
                    } else {
                        view! {
                            <Card title="The last calls" class="card--flush">
                                <Table label="The last calls" head=view! { <tr><th>"When"</th><th>"Door"</th><th>"Outcome"</th><th>"Tokens"</th><th>"Took"</th><th>"Request"</th></tr> }.into_any()>{rows}</Table>
                            </Card>
                        }.into_any()
                    }}
                </div>
            }
            .into_any()
        });
        view! {
            <div class="page">
                {header}
                {figures}
                <Card title="What the provider may read" text="Whoever made this agent sees how long each step of a run took and how much went through it, to find faults.">
                    <PostForm action=share class="stack">
                        <FormAlert form/>
                        <input type="hidden" name="id" value=config.to_string()/>
                        <CheckField name="share" label="Also let them read what was said" hint="Questions, answers and what the agent looked up, for two weeks. Turned off, what was kept so far is removed." checked=shared switch=true/>
                        <Submit label="Save" look=Look::Secondary/>
                    </PostForm>
                </Card>
            </div>
        }
        .into_any()
    })
}

fn row(call: InvocationView) -> impl IntoView {
    let door = match (call.source, call.key_name) {
        (_, Some(key)) => format!("Key “{key}”"),
        (source, None) => source.door().to_owned(),
    };
    let outcome = if call.state == InvocationState::Succeeded {
        view! { <Badge text="Answered" tint=Tint::Good dot=true/> }.into_any()
    } else {
        view! { <span title=call.error><Badge text="Failed" tint=Tint::Bad dot=true/></span> }.into_any()
    };
    view! {
        <tr>
            <td class="nowrap">{call.started}</td>
            <td>{door}</td>
            <td>{outcome}</td>
            <td class="num">{fmt::count(call.input_tokens)}" / "{fmt::count(call.output_tokens)}</td>
            <td class="num nowrap">{fmt::count(call.elapsed_ms)}" ms"</td>
            <td class="mono tiny">{call.id.to_string()}</td>
        </tr>
    }
}
