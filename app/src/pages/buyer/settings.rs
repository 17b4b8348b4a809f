//! An organization's name and address.

use domain::view::account::OrganizationView;
use domain::view::money::PartyView;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use server_fn::codec::GetUrl;

use crate::error::UiError;
use crate::ui::prelude::*;

/// Returns the organization of this page.
#[server(prefix = "/ui", endpoint = "organization/get", input = GetUrl)]
pub async fn organization(id: String) -> Result<(OrganizationView, PartyView), UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let id = here::id("organization", &id)?;
    let view = services::organizations::get(&ctx, &who, id).await.map_err(here::fail)?;
    let party = services::invoices::details(&ctx, &who, id).await.map_err(here::fail)?;
    Ok((view, party))
}

/// Saves what stands on an organization's invoices.
#[server(prefix = "/ui", endpoint = "organization/save-details")]
pub async fn save_details(id: String, legal_name: String, address: String, vat_id: String) -> Result<(), UiError> {
    use crate::{links, server_context as here};

    let (ctx, who) = here::asking()?;
    let id = here::id("organization", &id)?;
    let party = PartyView { name: legal_name, address, vat_id, email: String::new() };
    services::invoices::save_details(&ctx, &who, id, party).await.map_err(here::fail)?;
    here::redirect(&links::with_notice(&links::organization(id, "settings/"), "saved"));
    Ok(())
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
    let details = FormAction::of::<SaveDetails>();
    let details_form = FormState::of(details);
    let id = move || params.read().get("organization").unwrap_or_default();
    let found = read_again(move || save.version().get() + details.version().get(), move || Organization { id: id() });
    load(found, move |(view, party)| {
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
                <PostForm action=details class="stack">
                    <FormAlert form=details_form/>
                    <Card title="On invoices" text="Those that are written stay as they are." foot=view! { <Submit label="Save" pending=details_form.pending/> }.into_any()>
                        <div class="stack">
                            <input type="hidden" name="id" value=view.id.to_string()/>
                            <Field form=details_form name="legal_name" label="Legal name" value=party.name maxlength=120 hint="Empty: the name above."/>
                            <TextArea form=details_form name="address" label="Address" value=party.address rows=4 maxlength=500/>
                            <Field form=details_form name="vat_id" label="VAT id" value=party.vat_id maxlength=30/>
                        </div>
                    </Card>
                </PostForm>
            </div>
        }
        .into_any()
    })
}
