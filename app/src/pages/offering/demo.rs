//! The demo of a product: a few messages for anyone, without an account.

use domain::view::catalog::OfferingView;
use domain::view::chat::ChatMessage;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;

use crate::error::UiError;
use crate::ui::chat::{ChatPanel, PlainForm};
use crate::ui::prelude::*;

/// A conversation with a demo: which, and what was said.
pub type Conversation = (Option<String>, Vec<ChatMessage>);

/// Returns what this visitor and the demo have said: nothing where that cannot be had.
#[cfg(feature = "ssr")]
pub(crate) async fn demo_said(ctx: &services::Ctx, offering: domain::OfferingId) -> Conversation {
    let Some(session) = crate::server_context::cookie(&cookie_of(&offering.to_string())) else {
        return Conversation::default();
    };
    let messages = services::gateway::demo_messages(ctx, offering, &session).await.unwrap_or_default();
    if messages.is_empty() { Conversation::default() } else { (Some(session), messages) }
}

/// Says something to the demo, for pages without JavaScript, and leads back to the conversation.
#[server(prefix = "/ui", endpoint = "demo/say")]
pub async fn say(offering: String, input: String) -> Result<(), UiError> {
    use crate::{links, server_context as here};
    use services::gateway::{DemoCall, admit_demo};

    let ctx = here::ctx()?;
    let id = here::id("offering", &offering)?;
    let call = DemoCall { offering: id, session_id: here::cookie(&cookie_of(&offering)), input, ip: here::caller_ip() };
    let demo = admit_demo(&ctx, call).await.map_err(here::fail)?;
    let answer = demo.answer(&ctx, None).await.map_err(here::fail)?;
    here::set_cookie(&format!(
        "{}={}; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax",
        cookie_of(&offering),
        answer.session_id
    ));
    here::redirect(&format!("{}#demo", links::offering(id)));
    Ok(())
}

/// Returns the name of the cookie that keeps a conversation with a demo.
#[cfg(feature = "ssr")]
fn cookie_of(offering: &str) -> String {
    let id: String = offering.chars().filter(char::is_ascii_hexdigit).take(32).collect();
    format!("cmp_demo_{id}")
}

/// The demo.
#[component]
pub(super) fn Tryout(offering: OfferingView, said: Conversation, say: FormAction) -> impl IntoView {
    let form = FormState::of(say);
    let (session, messages) = said;
    let id = offering.card.id.to_string();
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
