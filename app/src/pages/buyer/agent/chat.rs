//! The test chat: a member talks to their own agent. It is metered like any other call.

use domain::view::chat::ChatMessage;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use server_fn::codec::GetUrl;

use super::{agent_id, agent_of_page, head};
use crate::error::UiError;
use crate::ui::chat::{ChatPanel, PlainForm};
use crate::ui::prelude::*;

/// Returns what this member and the agent have said.
#[server(prefix = "/ui", endpoint = "agent/said", input = GetUrl)]
pub async fn said(id: String) -> Result<Vec<ChatMessage>, UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let id = here::id("agent", &id)?;
    services::gateway::portal_messages(&ctx, &who, id).await.map_err(here::fail)
}

/// Says something to the agent, for pages without JavaScript, and leads back to the conversation.
#[server(prefix = "/ui", endpoint = "agent/say")]
pub async fn say_to_agent(id: String, input: String) -> Result<(), UiError> {
    use crate::{links, server_context as here};

    let (ctx, who) = here::asking()?;
    let config = here::id("agent", &id)?;
    let view = services::configs::get(&ctx, &who, config).await.map_err(here::fail)?;
    let caller = services::gateway::portal_caller(&ctx, &who, config).await.map_err(here::fail)?;
    let call = services::gateway::Call { input, ..Default::default() };
    let answer = async { services::gateway::invoke(&ctx, caller, call).await?.answer().await };
    answer.await.map_err(|error| here::fail(UiError::Unavailable(error.detail)))?;
    here::redirect(&links::agent(view.organization_id, config, "chat/"));
    Ok(())
}

/// The test chat.
#[component]
pub fn ChatPage() -> impl IntoView {
    let say = FormAction::of::<SayToAgent>();
    let form = FormState::of(say);
    let agent = agent_of_page(move || say.version().get());
    let id = agent_id();
    let history = read_again(move || say.version().get(), move || Said { id: id() });
    load(agent, move |view| {
        let endpoint = format!("/ui-stream/chat/{}/", view.id);
        let header = head(&view, "What your visitors will hear. These calls count like any other.");
        let talk = load_part(history, {
            move |history| {
                let plain = PlainForm {
                    action: SayToAgent::url().to_owned(),
                    fields: vec![("id", view.id.to_string())],
                    problem: form.error.get_untracked().map(|error| error.message()),
                };
                view! {
                        <ChatPanel
                            endpoint=endpoint.clone()
                            plain
                            name=view.settings.agent_name.clone()
                            note="Test chat"
                            greeting=view.settings.greeting_message.clone()
                            starters=view.starters.clone()
                            sources=super::page_of(&view, "training/")
                            history
                        />
                }
                .into_any()
            }
        });
        view! { <div class="page">{header}{talk}</div> }.into_any()
    })
}
