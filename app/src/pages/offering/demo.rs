//! The demo of a product: a few messages for anyone, without an account.

use domain::view::catalog::OfferingView;
use domain::view::chat::ChatMessage;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use server_fn::codec::GetUrl;

use crate::error::UiError;
use crate::ui::chat::{ChatPanel, PlainForm};
use crate::ui::prelude::*;

/// Returns what this visitor and the demo have said.
#[server(prefix = "/ui", endpoint = "demo/said", input = GetUrl)]
pub async fn said(offering: String) -> Result<Vec<ChatMessage>, UiError> {
    let _ = offering;
    Ok(Vec::new())
}

/// Says something to the demo, for pages without JavaScript, and leads back to the conversation.
#[server(prefix = "/ui", endpoint = "demo/say")]
pub async fn say(offering: String, input: String) -> Result<(), UiError> {
    let _ = (offering, input);
    Ok(())
}

/// The demo.
#[component]
pub(super) fn Tryout(offering: OfferingView, said: Vec<ChatMessage>, say: ServerAction<Say>) -> impl IntoView {
    let form = FormState::of(say);
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
                history=said
            />
        </section>
    }
}
