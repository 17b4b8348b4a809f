//! What an agent is called and how it speaks.

use leptos::prelude::*;

use super::{agent_of_page, head};
use crate::error::UiError;
use crate::ui::prelude::*;

/// Saves an agent's persona.
#[server(prefix = "/ui", endpoint = "agent/save-persona")]
pub async fn save_persona(
    id: String,
    agent_name: String,
    tone: String,
    greeting_message: String,
    system_prompt_override: String,
    avatar_url: String,
) -> Result<(), UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let id = here::id("agent", &id)?;
    let patch = domain::view::config::ConfigPatch {
        agent_name: Some(agent_name),
        tone: Some(tone),
        greeting_message: Some(greeting_message),
        system_prompt_override: Some(system_prompt_override),
        avatar_url: Some(avatar_url),
        ..Default::default()
    };
    let view = services::configs::update(&ctx, &who, id, patch).await.map_err(here::fail)?;
    super::back_to(&view, "persona/", "saved");
    Ok(())
}

/// What an agent is called and how it speaks.
#[component]
pub fn PersonaPage() -> impl IntoView {
    let save = FormAction::of::<SavePersona>();
    let form = FormState::of(save);
    let agent = agent_of_page(move || save.version().get());
    load(agent, move |view| {
        let settings = view.settings.clone();
        let tones = [
            ("professional", "Professional", "Precise and courteous."),
            ("friendly", "Friendly", "Warm and helpful."),
            ("casual", "Casual", "Short and relaxed."),
        ];
        let tones = tones.map(|(value, title, text)| (value.to_owned(), title.to_owned(), text.to_owned())).to_vec();
        view! {
            <div class="page">
                {head(&view, "Who your visitors talk to.")}
                <PostForm action=save class="stack">
                    <FormAlert form/>
                    <Card title="Persona" foot=view! { <Submit label="Save" pending=form.pending/> }.into_any()>
                        <div class="stack">
                            <input type="hidden" name="id" value=view.id.to_string()/>
                            <Field form name="agent_name" label="Name" value=settings.agent_name required=true maxlength=80 hint="What it calls itself."/>
                            <ChoiceField form name="tone" label="Tone" options=tones value=settings.tone.to_string()/>
                            <TextArea form name="greeting_message" label="Greeting" value=settings.greeting_message rows=2 maxlength=500 hint="The first thing that a visitor reads."/>
                            <TextArea form name="system_prompt_override" label="Instructions" value=settings.system_prompt_override rows=8 maxlength=8000
                                hint="What it should know and do, beside what its provider built in: your opening hours, your policies, where to send people."/>
                            <Field form name="avatar_url" kind="url" label="Picture" value=settings.avatar_url placeholder="https://…" hint="An address that starts with https://. Without one it shows its initials."/>
                        </div>
                    </Card>
                </PostForm>
            </div>
        }
        .into_any()
    })
}
