//! An organization's name and address.

use domain::view::account::OrganizationView;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use server_fn::codec::GetUrl;

use crate::error::UiError;
use crate::ui::prelude::*;

/// Returns the organization of this page.
#[server(prefix = "/ui", endpoint = "organization/get", input = GetUrl)]
pub async fn organization(id: String) -> Result<OrganizationView, UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let id = here::id("organization", &id)?;
    services::organizations::get(&ctx, &who, id).await.map_err(here::fail)
}

/// Saves an organization's name and address.
#[server(prefix = "/ui", endpoint = "organization/save")]
pub async fn save_organization(id: String, name: String, email: String) -> Result<(), UiError> {
    use crate::{links, server_context as here};

    let (ctx, who) = here::asking()?;
    let id = here::id("organization", &id)?;
    services::organizations::update(&ctx, &who, id, &name, &email).await.map_err(here::fail)?;
    here::redirect(&links::with_notice(&links::organization(id, "settings/"), "saved"));
    Ok(())
}

/// An organization's settings.
#[component]
pub fn SettingsPage() -> impl IntoView {
    let params = use_params_map();
    let save = FormAction::of::<SaveOrganization>();
    let form = FormState::of(save);
    let id = move || params.read().get("organization").unwrap_or_default();
    let found = read_again(move || save.version().get(), move || Organization { id: id() });
    load(found, move |view| {
        view! {
            <div class="page">
                <PageHead title="Settings" text="Who you are here."/>
                <PostForm action=save class="stack">
                    <FormAlert form/>
                    <Card title="Organization" foot=view! { <Submit label="Save" pending=form.pending/> }.into_any()>
                        <div class="stack">
                            <input type="hidden" name="id" value=view.id.to_string()/>
                            <Field form name="name" label="Name" value=view.name required=true maxlength=80/>
                            <Field form name="email" kind="email" label="E-mail" value=view.email required=true hint="Where we write to about the organization."/>
                        </div>
                    </Card>
                </PostForm>
            </div>
        }
        .into_any()
    })
}
