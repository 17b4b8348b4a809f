//! Asking to sell.

use domain::state::ProviderState;
use domain::view::provider::ApplicationView;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use server_fn::codec::GetUrl;

use crate::error::UiError;
use crate::links;
use crate::ui::prelude::*;

/// Returns how the organization's application stands, if it ever applied.
#[server(prefix = "/ui", endpoint = "provider/application", input = GetUrl)]
pub async fn application(organization: String) -> Result<Option<ApplicationView>, UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let id = here::id("organization", &organization)?;
    services::provider::application(&ctx, &who, id).await.map_err(here::fail)
}

/// Asks to sell.
#[server(prefix = "/ui", endpoint = "provider/apply")]
pub async fn apply(organization: String, description: String, website: String) -> Result<(), UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let id = here::id("organization", &organization)?;
    services::provider::apply(&ctx, &who, id, &description, &website).await.map_err(here::fail)?;
    here::redirect(&links::with_notice(&links::organization(id, "sell/"), "applied"));
    Ok(())
}

/// Asking to sell.
#[component]
pub fn SellPage() -> impl IntoView {
    let params = use_params_map();
    let organization = move || params.read().get("organization").unwrap_or_default();
    let send = FormAction::of::<Apply>();
    let form = FormState::of(send);
    let found = read_again(move || send.version().get(), move || Application { organization: organization() });
    load(found, move |application| {
        let id = organization();
        let state = application.as_ref().map(|application| application.state);
        let standing = application.as_ref().map(|application| standing(application, &id));
        let may_apply = matches!(state, None | Some(ProviderState::Rejected));
        let (description, website) =
            application.map(|application| (application.description, application.website)).unwrap_or_default();
        view! {
            <div class="page">
                <PageHead title="Start selling" text="Build an agent as a flow in Langflow, import it here, set plans, and publish."/>
                {standing}
                {may_apply.then(|| view! {
                    <PostForm action=send class="stack">
                        <FormAlert form/>
                        <Card title="Apply" text="The marketplace’s operator reads every application." foot=view! { <Submit label="Apply" pending=form.pending/> }.into_any()>
                            <div class="stack">
                                <input type="hidden" name="organization" value=id/>
                                <TextArea form name="description" label="What you make" value=description required=true rows=5 maxlength=2000 hint="Buyers read this on your page."/>
                                <Field form name="website" kind="url" label="Web site" value=website placeholder="https://…"/>
                            </div>
                        </Card>
                    </PostForm>
                }.into_any())}
            </div>
        }
        .into_any()
    })
}

fn standing(application: &ApplicationView, organization: &str) -> AnyView {
    let applied = application.applied.clone();
    match application.state {
        ProviderState::Applied => view! {
            <Alert title="Your application is being read" text=format!("You applied on {applied}. We write to you as soon as it is decided.")/>
        }
        .into_any(),
        ProviderState::Approved => view! {
            <Alert kind=Kind::Good title="You may sell" text="Import your first flow and put it on the list.".to_owned()
                action=view! { <LinkButton href=links::provider(organization, "agents/") label="Go to your agents" class="btn--sm"/> }.into_any()/>
        }
        .into_any(),
        ProviderState::Rejected => view! {
            <Alert kind=Kind::Bad title="Your application was refused" text=format!("{} You can change it and apply again.", application.reason)/>
        }
        .into_any(),
        ProviderState::Suspended => view! {
            <Alert kind=Kind::Bad title="You may not sell for now" text=application.reason.clone()/>
        }
        .into_any(),
    }
}
