//! How an agent looks.

use leptos::prelude::*;

use super::{agent_of_page, head};
use crate::error::UiError;
use crate::ui::prelude::*;

/// Saves how an agent looks.
#[server(prefix = "/ui", endpoint = "agent/save-branding")]
pub async fn save_branding(
    id: String,
    primary_color: String,
    logo_url: String,
    welcome_message: String,
    widget_position: String,
    widget_theme: String,
) -> Result<(), UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let id = here::id("agent", &id)?;
    let patch = domain::view::config::ConfigPatch {
        primary_color: Some(primary_color),
        logo_url: Some(logo_url),
        welcome_message: Some(welcome_message),
        widget_position: Some(widget_position),
        widget_theme: Some(widget_theme),
        ..Default::default()
    };
    let view = services::configs::update(&ctx, &who, id, patch).await.map_err(here::fail)?;
    super::back_to(&view, "branding/", "saved");
    Ok(())
}

/// How an agent looks.
#[component]
pub fn BrandingPage() -> impl IntoView {
    let save = FormAction::of::<SaveBranding>();
    let form = FormState::of(save);
    let agent = agent_of_page(move || save.version().get());
    load(agent, move |view| {
        let settings = view.settings.clone();
        let pairs = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(value, text)| ((*value).to_owned(), (*text).to_owned())).collect::<Vec<_>>()
        };
        let positions = pairs(&[
            ("bottom-right", "Bottom right"),
            ("bottom-left", "Bottom left"),
            ("top-right", "Top right"),
            ("top-left", "Top left"),
        ]);
        let themes = pairs(&[("auto", "As the visitor’s system"), ("light", "Light"), ("dark", "Dark")]);
        view! {
            <div class="page">
                {head(&view, "Your colours on your visitors’ screens.")}
                <PostForm action=save class="stack">
                    <FormAlert form/>
                    <Card title="Branding" foot=view! { <Submit label="Save" pending=form.pending/> }.into_any()>
                        <div class="stack">
                            <input type="hidden" name="id" value=view.id.to_string()/>
                            <Field form name="primary_color" kind="color" label="Accent colour" value=settings.primary_color.to_string() required=true
                                hint="Buttons and the bubble. The text on it stays readable by itself."/>
                            <Field form name="welcome_message" label="Headline" value=settings.welcome_message maxlength=200 hint="Stands above the conversation."/>
                            <Field form name="logo_url" kind="url" label="Logo" value=settings.logo_url placeholder="https://…"/>
                            <SelectField form name="widget_position" label="Corner of the page" options=positions value=settings.widget_position.to_string()/>
                            <SelectField form name="widget_theme" label="Light or dark" options=themes value=settings.widget_theme.to_string()/>
                        </div>
                    </Card>
                </PostForm>
            </div>
        }
        .into_any()
    })
}
