//! A provider's agents, and making one.

use domain::view::agent::AgentView;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use server_fn::codec::GetUrl;

use crate::error::UiError;
use crate::links;
use crate::ui::prelude::*;

/// Returns a provider's agents.
#[server(prefix = "/ui", endpoint = "provider/agents", input = GetUrl)]
pub async fn provider_agents(provider: String) -> Result<Vec<AgentView>, UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let id = here::id("provider", &provider)?;
    services::provider::agents(&ctx, &who, id).await.map_err(here::fail)
}

/// Makes an agent, and leads to its page.
#[server(prefix = "/ui", endpoint = "provider/create-agent")]
pub async fn create_agent(
    provider: String,
    name: String,
    category: String,
    description: String,
) -> Result<(), UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let organization_id = here::id("provider", &provider)?;
    let new = domain::view::agent::NewAgent { organization_id, name, slug: String::new(), description, category };
    let agent = services::provider::create_agent(&ctx, &who, new).await.map_err(here::fail)?;
    here::redirect(&links::with_notice(&links::provider(organization_id, &format!("agents/{}/", agent.id)), "created"));
    Ok(())
}

/// What a provider has made.
#[component]
pub fn AgentsPage() -> impl IntoView {
    let params = use_params_map();
    let provider = move || params.read().get("provider").unwrap_or_default();
    let found = read(move || ProviderAgents { provider: provider() });
    load(found, move |agents| {
        let create = links::provider(provider(), "agents/create/");
        let first = create.clone();
        let body = if agents.is_empty() {
            view! {
                <EmptyState icon=Sign::Flow title="No agents yet" text="Make one, import its flow from Langflow, and put it on the list.">
                    <LinkButton href=first label="Make an agent"/>
                </EmptyState>
            }
            .into_any()
        } else {
            view! { <div class="grid">{agents.into_iter().map(card).views()}</div> }.into_any()
        };
        view! {
            <div class="page">
                <PageHead title="Agents" text="What you make. Each has flow versions, and one listing.">
                    <LinkButton href=create label="Make an agent" icon=Sign::Plus/>
                </PageHead>
                {body}
            </div>
        }
        .into_any()
    })
}

fn card(agent: AgentView) -> impl IntoView {
    let href = links::provider(agent.organization_id, &format!("agents/{}/", agent.id));
    let version =
        agent.latest.as_ref().map_or_else(|| "No flow yet".to_owned(), |version| format!("Version {}", version.number));
    let badge = agent.offering_state.map(|state| view! { <OfferingBadge state/> }.into_any());
    view! {
        <article class="card card--link">
            <div class="card__body stack">
                <div class="row row--between"><CategoryBadge slug=agent.category_slug title=agent.category_title/>{badge}</div>
                <div>
                    <h2><a href=href>{agent.name}</a></h2>
                    <p class="muted small">{agent.description}</p>
                </div>
                <p class="muted small">{version}</p>
            </div>
        </article>
    }
}

/// Making an agent.
#[component]
pub fn CreatePage() -> impl IntoView {
    let params = use_params_map();
    let provider = move || params.read().get("provider").unwrap_or_default();
    let create = FormAction::of::<CreateAgent>();
    let form = FormState::of(create);
    let categories = read(|| crate::data::Categories {});
    load(categories, move |categories| {
        let id = provider();
        let options = categories
            .into_iter()
            .map(|category| (category.slug, category.title, category.description))
            .collect::<Vec<_>>();
        let crumbs = vec![Crumb::new("Agents", links::provider(&id, "agents/"))];
        view! {
            <div class="page">
                <PageHead title="Make an agent" text="A name first; its flow comes next." crumbs/>
                <PostForm action=create class="stack">
                    <FormAlert form/>
                    <Card foot=view! { <Submit label="Make it" pending=form.pending/> }.into_any()>
                        <div class="stack">
                            <input type="hidden" name="provider" value=id/>
                            <Field form name="name" label="Name" required=true maxlength=80/>
                            <ChoiceField form name="category" label="Category" options value="agents"/>
                            <TextArea form name="description" label="In a sentence" rows=2 maxlength=300/>
                        </div>
                    </Card>
                </PostForm>
            </div>
        }
        .into_any()
    })
}
