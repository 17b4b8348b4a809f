//! One agent of a provider: importing its flow, what was found in it, its versions, its listing.

use domain::view::agent::{AgentView, FlowVersionView};
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use serde::{Deserialize, Serialize};
use server_fn::codec::GetUrl;

use super::flow::ReportView;
use crate::error::UiError;
use crate::links;
use crate::ui::prelude::*;

/// What a provider may choose for a flow that our engine does not run.
const ELSEWHERE: &str = "If it does not run here, run it on the Langflow server";
const ELSEWHERE_HINT: &str = "Python in the flow is executed there. Without this, nothing runs such a flow.";

/// An agent, its versions, and what was wrong with a file that was just sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentDetail {
    agent: AgentView,
    versions: Vec<FlowVersionView>,
    problem: Option<String>,
}

/// Returns one of a provider's agents.
#[server(prefix = "/ui", endpoint = "provider/agent", input = GetUrl)]
pub async fn provider_agent(id: String) -> Result<AgentDetail, UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let id = here::id("agent", &id)?;
    let agent = services::provider::agent(&ctx, &who, id).await.map_err(here::fail)?;
    let versions = services::provider::versions(&ctx, &who, id).await.map_err(here::fail)?;
    let problem = here::take_upload_problem();
    Ok(AgentDetail { agent, versions, problem })
}

/// Imports a pasted flow as the next version.
#[server(prefix = "/ui", endpoint = "provider/import-flow")]
pub async fn import_flow(id: String, flow_definition: String, #[server(default)] remote: bool) -> Result<(), UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let id = here::id("agent", &id)?;
    let agent = services::provider::agent(&ctx, &who, id).await.map_err(here::fail)?;
    let choice = if remote { services::ports::RuntimeChoice::Remote } else { services::ports::RuntimeChoice::Here };
    let export = flow_definition.as_bytes();
    services::provider::import_flow(&ctx, &who, id, export, choice, None).await.map_err(here::fail)?;
    here::redirect(&links::with_notice(&links::provider(agent.organization_id, &format!("agents/{id}/")), "imported"));
    Ok(())
}

/// Makes the listing of an agent, and leads to it.
#[server(prefix = "/ui", endpoint = "provider/create-offering")]
pub async fn create_offering(id: String) -> Result<(), UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let id = here::id("agent", &id)?;
    let edit = services::provider::create_offering(&ctx, &who, id).await.map_err(here::fail)?;
    here::redirect(&links::with_notice(
        &links::provider(edit.organization_id, &format!("offerings/{}/", edit.id)),
        "created",
    ));
    Ok(())
}

/// One agent of a provider.
#[component]
pub fn AgentPage() -> impl IntoView {
    let params = use_params_map();
    let import = FormAction::of::<ImportFlow>();
    let offer = FormAction::of::<CreateOffering>();
    let form = FormState::of(import);
    let offer_form = FormState::of(offer);
    let id = move || params.read().get("agent").unwrap_or_default();
    let found = read_again(move || import.version().get(), move || ProviderAgent { id: id() });
    load(found, move |AgentDetail { agent, versions, problem }| {
        let crumbs = vec![Crumb::new("Agents", links::provider(agent.organization_id, "agents/"))];
        let id = agent.id.to_string();
        let runs = links::provider(agent.organization_id, &format!("agents/{id}/runs/"));
        let (upload, offered, pasted) = (format!("/ui-upload/flow/{id}/"), id.clone(), id);
        let listing = match agent.offering_id {
            Some(offering) => {
                let href = links::provider(agent.organization_id, &format!("offerings/{offering}/"));
                let badge = agent.offering_state.map(|state| view! { <OfferingBadge state/> }.into_any());
                view! { <div class="row row--between">{badge}<LinkButton href=href label="Edit the listing" look=Look::Secondary/></div> }.into_any()
            }
            None => view! {
                <PostForm action=offer class="stack">
                    <FormAlert form=offer_form/>
                    <p class="muted small">"Describe it, set plans, and submit it for review."</p>
                    <input type="hidden" name="id" value=offered/>
                    <Submit label="Make a listing" pending=offer_form.pending/>
                </PostForm>
            }
            .into_any(),
        };
        let report = match agent.latest.clone() {
            Some(version) => view! {
                <Card title=format!("Version {}: what is in the flow", version.number) text=version.report.flow_name.clone()><ReportView report=version.report/></Card>
            }
            .into_any(),
            None => view! {
                <EmptyState icon=Sign::Flow title="No flow yet" text="Export your flow in Langflow (Share, then Export) and bring it here. Nothing in it is executed on import, and secrets are removed."/>
            }
            .into_any(),
        };
        let rows = versions
            .into_iter()
            .map(|version| {
                let digest: String = version.digest.chars().take(12).collect();
                view! {
                    <tr><td>{version.number}</td><td>{version.label}</td><td class="mono tiny">{digest}</td><td class="nowrap">{version.created.readable()}</td></tr>
                }
            })
            .views();
        view! {
            <div class="page">
                <PageHead title=agent.name.clone() text=agent.description.clone() crumbs><LinkButton href=runs label="Runs" look=Look::Secondary icon=Sign::Activity/></PageHead>
                {problem.map(|problem| view! { <Alert kind=Kind::Bad title="The file was not imported" text=problem/> }.into_any())}
                <div class="columns">
                    <div class="stack">
                        {report}
                        <Card title="Versions" text="Each stays as it was imported." class="card--flush">
                            <Table label="Versions" head=view! { <tr><th>"No."</th><th>"Label"</th><th>"Digest"</th><th>"Imported"</th></tr> }.into_any()>{rows}</Table>
                        </Card>
                    </div>
                    <div class="stack">
                        <Card title="Listing">{listing}</Card>
                        <Card title="Import a file" text="JSON or ZIP, up to 8 MB.">
                            <form class="stack" method="post" enctype="multipart/form-data" action=upload>
                                <div class="field">
                                    <label class="field__label" for="flow-file"><span>"Langflow export"</span></label>
                                    <input class="input" id="flow-file" type="file" name="file" accept=".json,.zip,application/json,application/zip" required/>
                                </div>
                                <CheckField name="remote" label=ELSEWHERE hint=ELSEWHERE_HINT/>
                                <Submit label="Import the file" icon=Sign::Upload/>
                            </form>
                        </Card>
                        <Card title="Or paste it">
                            <PostForm action=import class="stack">
                                <FormAlert form/>
                                <input type="hidden" name="id" value=pasted/>
                                <TextArea form name="flow_definition" label="Flow as JSON" rows=6 required=true class="textarea--code"/>
                                <CheckField name="remote" label=ELSEWHERE hint=ELSEWHERE_HINT/>
                                <Submit label="Import" look=Look::Secondary pending=form.pending/>
                            </PostForm>
                        </Card>
                    </div>
                </div>
            </div>
        }
        .into_any()
    })
}
