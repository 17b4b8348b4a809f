//! The demo of a product: a few messages for anyone, without an account.

use domain::state::Capability;
use domain::view::catalog::OfferingView;
use domain::view::chat::ChatMessage;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use serde::{Deserialize, Serialize};

use crate::error::UiError;
use crate::ui::chat::{ChatPanel, PlainForm};
use crate::ui::live;
use crate::ui::prelude::*;

/// A visitor's conversation with a demo.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Conversation {
    /// Which, if one was begun.
    session: Option<String>,
    /// What was said.
    messages: Vec<ChatMessage>,
    /// The names of the visitor's own files.
    files: Vec<String>,
    /// What was wrong with files that were just sent.
    problem: Option<String>,
}

/// Returns what this visitor and the demo have said: nothing where that cannot be had.
#[cfg(feature = "ssr")]
pub(crate) async fn demo_said(ctx: &services::Ctx, offering: domain::OfferingId) -> Conversation {
    use crate::server_context as here;

    let problem = here::take_upload_problem();
    let Some(session) = here::cookie(&here::demo_cookie(offering)) else {
        return Conversation { problem, ..Conversation::default() };
    };
    let messages = services::gateway::demo_messages(ctx, offering, &session).await.unwrap_or_default();
    let files = services::gateway::demo_files(ctx, offering, &session).await.unwrap_or_default();
    let begun = !messages.is_empty() || !files.is_empty();
    Conversation { session: Some(session).filter(|_| begun), messages, files, problem }
}

/// Says something to the demo, for pages without JavaScript, and leads back to the conversation.
#[server(prefix = "/ui", endpoint = "demo/say")]
pub async fn say(offering: String, input: String) -> Result<(), UiError> {
    use crate::{links, server_context as here};
    use services::gateway::{DemoCall, admit_demo};

    let ctx = here::ctx()?;
    let id = here::id("offering", &offering)?;
    let call =
        DemoCall { offering: id, session_id: here::cookie(&here::demo_cookie(id)), input, ip: here::caller_ip() };
    let demo = admit_demo(&ctx, call).await.map_err(here::fail)?;
    let answer = demo.answer(&ctx, None).await.map_err(here::fail)?;
    here::set_cookie(&here::keep_demo(id, &answer.session_id));
    here::redirect(&format!("{}#demo", links::offering(id)));
    Ok(())
}

/// Forgets a visitor's own files.
#[server(prefix = "/ui", endpoint = "demo/forget")]
pub async fn forget_files(offering: String) -> Result<(), UiError> {
    use crate::{links, server_context as here};

    let ctx = here::ctx()?;
    let id = here::id("offering", &offering)?;
    if let Some(session) = here::cookie(&here::demo_cookie(id)) {
        services::gateway::forget_demo_files(&ctx, id, &session).await.map_err(here::fail)?;
    }
    here::redirect(&format!("{}#demo", links::offering(id)));
    Ok(())
}

/// The demo.
#[component]
pub(super) fn Tryout(offering: OfferingView, said: Conversation, say: FormAction, forget: FormAction) -> impl IntoView {
    let form = FormState::of(say);
    let Conversation { session, messages, files, problem } = said;
    let id = offering.card.id.to_string();
    let own = offering.capabilities.contains(&Capability::Knowledge).then(|| own_files(&id, files, problem, forget));
    let plain = PlainForm {
        action: Say::url().to_owned(),
        fields: vec![("offering", id.clone())],
        problem: form.error.get_untracked().map(|error| error.message()),
    };
    view! {
        <section id="demo" class="try" aria-labelledby="demo-title">
            <div class="stack">
                <h2 id="demo-title">"Try it now"</h2>
                <p class="muted">"This is the agent itself, as its provider set it up. Ask what your customers would ask; no account needed."</p>
                <p class="muted small">"After you subscribe you give it your name, tone and knowledge."</p>
                {own}
            </div>
            <ChatPanel
                endpoint=format!("/api/agent-gateway/demo/{id}/")
                plain
                name=offering.card.name
                note="Demo, a few messages"
                greeting=offering.greeting
                starters=offering.starters
                history=messages
                session_id=session
            />
        </section>
    }
}

/// The visitor's own files: those that are there, or a form for some.
fn own_files(id: &str, files: Vec<String>, problem: Option<String>, forget: FormAction) -> AnyView {
    let problem =
        problem.map(|text| view! { <Alert kind=Kind::Bad title="The files were not taken" text/> }.into_any());
    let id = id.to_owned();
    let there = (!files.is_empty()).then(|| {
        let names = files.iter().map(|name| view! { <li class="break">{name.clone()}</li> }).views();
        let id = id.clone();
        view! {
            <p class="small">"It answers from your files. They are deleted within the hour."</p>
            <ul class="list small" aria-label="Your files">{names}</ul>
            <PostForm action=forget>
                <input type="hidden" name="offering" value=id/>
                <Submit label="Delete them now" look=Look::Secondary class="btn--sm"/>
            </PostForm>
        }
        .into_any()
    });
    let form = files.is_empty().then(|| {
        view! {
            <form class="stack" method="post" enctype="multipart/form-data" action=format!("/ui-upload/demo/{id}/")>
                <div class="dropzone">
                    <Icon sign=Sign::Upload/>
                    <label for="demo-files">"Try it on your own documents"</label>
                    <input id="demo-files" type="file" name="file" multiple required on:change=|event| live::submit_form_of(&event)/>
                    <p class="muted tiny">"Up to three, 5 MB each. Nobody else sees them, and they are deleted within the hour."</p>
                </div>
                <Submit label="Upload" look=Look::Secondary icon=Sign::Upload/>
            </form>
        }
        .into_any()
    });
    view! { <div class="stack">{problem}{there}{form}</div> }.into_any()
}
