//! A conversation with an agent: the demo of a product, and the test chat of a buyer.
//!
//! On a live page the answer streams in. Without JavaScript the same form is sent to a server function,
//! which answers and leads back; the conversation so far comes with the page.

mod markdown;
#[cfg(feature = "hydrate")]
mod stream;

use domain::view::chat::ChatMessage;
use domain::view::knowledge::Citation;
use leptos::prelude::*;

use crate::ui::Views as _;

use super::icon::{Icon, Sign};
use markdown::Markdown;

/// What was said, and what is being said.
#[derive(Clone)]
struct Bubble {
    id: usize,
    who: Who,
    text: ArcRwSignal<String>,
    waiting: ArcRwSignal<bool>,
    citations: ArcRwSignal<Vec<Citation>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    User,
    Agent,
    Problem,
}

/// The conversation of a page.
#[derive(Clone, Copy)]
struct Talk {
    bubbles: RwSignal<Vec<Bubble>>,
    busy: RwSignal<bool>,
    #[cfg_attr(not(feature = "hydrate"), expect(dead_code, reason = "only a live page streams"))]
    session: StoredValue<Option<String>>,
    #[cfg_attr(not(feature = "hydrate"), expect(dead_code, reason = "only a live page streams"))]
    endpoint: StoredValue<String>,
    meta: RwSignal<String>,
}

impl Talk {
    fn add(self, who: Who, text: String, waiting: bool) -> Bubble {
        let id = self.bubbles.with_untracked(|bubbles| bubbles.last().map_or(0, |last| last.id + 1));
        let waiting = ArcRwSignal::new(waiting);
        let bubble = Bubble { id, who, text: ArcRwSignal::new(text), waiting, citations: ArcRwSignal::default() };
        self.bubbles.update(|bubbles| bubbles.push(bubble.clone()));
        bubble
    }

    /// Sends a message, and shows the answer as it comes.
    fn send(self, input: &str) {
        let input = input.trim();
        if input.is_empty() || self.busy.get_untracked() {
            return;
        }
        self.add(Who::User, input.to_owned(), false);
        self.busy.set(true);
        self.meta.set(String::new());
        #[cfg(feature = "hydrate")]
        stream::answer(self, input.to_owned());
    }
}

/// Where a conversation goes without JavaScript.
#[derive(Clone, Debug, Default)]
pub struct PlainForm {
    /// The server function's address. Its argument for the message is `input`.
    pub action: String,
    /// Its other arguments.
    pub fields: Vec<(&'static str, String)>,
    /// What went wrong with the last message, if something did.
    pub problem: Option<String>,
}

/// A conversation.
#[component]
pub fn ChatPanel(
    /// Where messages are posted to on a live page.
    #[prop(into)]
    endpoint: String,
    /// Where they are posted to without JavaScript.
    plain: PlainForm,
    /// Who answers.
    #[prop(into)]
    name: String,
    /// A few words below the name.
    #[prop(into)]
    note: String,
    /// What the agent says first; may be empty.
    #[prop(optional, into)]
    greeting: String,
    /// Questions to start with.
    #[prop(optional)]
    starters: Vec<String>,
    /// What was said before.
    #[prop(optional)]
    history: Vec<ChatMessage>,
    /// The conversation that `history` is of.
    #[prop(default = None)]
    session_id: Option<String>,
    /// Below which address the documents stand that answers are from.
    #[prop(optional, into)]
    sources: String,
    /// Further classes: `chat--tall`.
    #[prop(optional)]
    class: &'static str,
) -> impl IntoView {
    let fresh = history.is_empty();
    let first = (!greeting.is_empty()).then(|| (Who::Agent, greeting, Vec::new()));
    let said = history
        .into_iter()
        .map(|message| (if message.role == "user" { Who::User } else { Who::Agent }, message.text, message.citations));
    let problem = plain.problem.clone().map(|problem| (Who::Problem, problem, Vec::new()));
    let bubbles = first
        .into_iter()
        .chain(said)
        .chain(problem)
        .enumerate()
        .map(|(id, (who, text, citations))| Bubble {
            id,
            who,
            text: ArcRwSignal::new(text),
            waiting: ArcRwSignal::new(false),
            citations: ArcRwSignal::new(citations),
        })
        .collect();
    let talk = Talk {
        bubbles: RwSignal::new(bubbles),
        busy: RwSignal::new(false),
        session: StoredValue::new(session_id),
        endpoint: StoredValue::new(endpoint),
        meta: RwSignal::new(String::new()),
    };
    let sources = StoredValue::new(sources);
    let log = NodeRef::<leptos::html::Div>::new();
    let draft = NodeRef::<leptos::html::Textarea>::new();
    follow(talk, log);

    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        if let Some(area) = draft.get_untracked()
            && !talk.busy.get_untracked()
        {
            talk.send(&area.value());
            area.set_value("");
        }
    };
    let enter = move |event: leptos::ev::KeyboardEvent| {
        if event.key() == "Enter" && !event.shift_key() && !event.is_composing() {
            event.prevent_default();
            if let Some(form) = draft.get_untracked().and_then(|area| area.form()) {
                // A form that is not valid says so itself.
                let _ = form.request_submit();
            }
        }
    };
    let fields = plain
        .fields
        .iter()
        .map(|(name, value)| view! { <input type="hidden" name=*name value=value.clone()/> })
        .views();
    let starter_fields = plain
        .fields
        .iter()
        .map(|(name, value)| view! { <input type="hidden" name=*name value=value.clone()/> })
        .views();
    let starters = starters
        .into_iter()
        .map(|question| {
            let asked = question.clone();
            let ask = move |event: leptos::ev::MouseEvent| {
                event.prevent_default();
                talk.send(&asked);
            };
            view! { <button type="submit" class="chip" name="input" value=question.clone() on:click=ask>{question.clone()}</button> }
        })
        .views();
    let shows_starters =
        move || fresh && talk.bubbles.with(|bubbles| bubbles.iter().all(|bubble| bubble.who != Who::User));

    view! {
        <section class=format!("chat {class}") aria-label=format!("Chat with {name}")>
            <div class="chat__head">
                <super::avatar::Avatar name=name.clone()/>
                <div><strong>{name.clone()}</strong><span>{note}</span></div>
            </div>
            <div class="chat__log" node_ref=log role="log" aria-live="polite" aria-label="Conversation" tabindex="0">
                <For each=move || talk.bubbles.get() key=|bubble| bubble.id let:bubble><BubbleView bubble sources/></For>
                {move || talk.meta.with(|meta| (!meta.is_empty()).then(|| view! { <span class="msg__meta">{meta.clone()}</span> }.into_any()))}
                <form class="chat__starters" method="post" action=plain.action.clone() hidden=move || !shows_starters()>{starter_fields}{starters}</form>
            </div>
            <form class="chat__form" method="post" action=plain.action.clone() on:submit=submit>
                {fields}
                <textarea
                    class="textarea" name="input" node_ref=draft rows="1" required maxlength="4000"
                    placeholder=format!("Message {name}") aria-label="Your message" on:keydown=enter
                ></textarea>
                <button type="submit" class="btn btn--primary btn--icon" aria-label="Send" aria-busy=move || talk.busy.get().then_some("true")>
                    <Show when=move || !talk.busy.get()><Icon sign=Sign::Send/></Show>
                </button>
            </form>
        </section>
    }
}

#[component]
fn BubbleView(bubble: Bubble, sources: StoredValue<String>) -> impl IntoView {
    let Bubble { who, text, waiting, citations, .. } = bubble;
    let (class, speaker) = match who {
        Who::User => ("msg msg--user", "You: "),
        Who::Agent => ("msg msg--agent", "Agent: "),
        Who::Problem => ("msg msg--error", ""),
    };
    let inside = move || {
        let text = text.get();
        if text.is_empty() && waiting.get() {
            view! { <span class="typing"><i></i><i></i><i></i><span class="sr">"The agent is writing."</span></span> }
                .into_any()
        } else if who == Who::Agent {
            view! { <Markdown text/> }.into_any()
        } else {
            view! { <p>{text}</p> }.into_any()
        }
    };
    let cited = move || {
        let citations = citations.get();
        (!citations.is_empty()).then(|| cited(&sources.read_value(), citations))
    };
    view! { <div class=class><span class="sr">{speaker}</span>{inside}{cited}</div> }
}

/// What an answer is from, each with the passage that it is from.
fn cited(sources: &str, citations: Vec<Citation>) -> AnyView {
    let list = citations
        .into_iter()
        .map(|citation| {
            let href = format!("{sources}{}/#p-{}", citation.document_id, citation.passage_id);
            let page = citation.page.map(|page| format!(", page {page}"));
            // Our copy of a web page stays beside it: what it says there may be another thing by now.
            let web = citation.link().map(str::to_owned).map(|link| {
                view! { ", "<a class="link" href=link target="_blank" rel="noopener noreferrer nofollow">"web page"</a> }
            });
            let name = if sources.is_empty() {
                view! { <span title=citation.text>{citation.name}</span> }.into_any()
            } else {
                view! { <a class="link" href=href rel="external" title=citation.text>{citation.name}</a> }.into_any()
            };
            view! { <li value=citation.number>{name}{page}{web}</li> }
        })
        .views();
    view! { <ol class="msg__sources" aria-label="Sources">{list}</ol> }.into_any()
}

/// Keeps the newest words in sight.
fn follow(talk: Talk, log: NodeRef<leptos::html::Div>) {
    Effect::new(move |_| {
        talk.bubbles.with(|bubbles| {
            if let Some(last) = bubbles.last() {
                last.text.track();
            }
        });
        talk.meta.track();
        if let Some(log) = log.get() {
            // The page's own scroll position stays: only the log scrolls.
            log.set_scroll_top(log.scroll_height());
        }
    });
}
