//! Code to be copied: a snippet, a key that is shown once. Selectable text first; the button needs JavaScript.

use leptos::prelude::*;

use super::icon::{Icon, Sign};

/// A block of code with a button that copies it.
#[component]
pub fn CodeBlock(
    /// The code.
    #[prop(into)]
    code: String,
    /// What it is: `HTML`, `curl`.
    #[prop(into)]
    label: String,
    /// Further classes: `code--wrap`, `code--secret`.
    #[prop(optional)]
    class: &'static str,
) -> impl IntoView {
    let copied = code.clone();
    view! {
        <div class=format!("code {class}")>
            <div class="code__head"><span>{label.clone()}</span><CopyButton text=copied/></div>
            // Code that does not fit scrolls, and so must be reachable by keyboard.
            <pre tabindex="0" role="group" aria-label=label><code>{code}</code></pre>
        </div>
    }
}

/// Copies a text to the clipboard and says so.
#[component]
pub fn CopyButton(
    /// What is copied.
    #[prop(into)]
    text: String,
    /// What the button says; `Copy` where it is left out.
    #[prop(into, default = "Copy".to_owned())]
    label: String,
) -> impl IntoView {
    let copied = RwSignal::new(false);
    let copy = move |_| {
        super::live::copy(&text);
        copied.set(true);
        super::live::after(std::time::Duration::from_secs(2), move || {
            copied.try_set(false);
        });
    };
    view! {
        <button type="button" class="btn btn--ghost btn--sm live-only" on:click=copy>
            {move || if copied.get() { view! { <Icon sign=Sign::Check/> } } else { view! { <Icon sign=Sign::Copy/> } }}
            <span aria-live="polite">{move || if copied.get() { "Copied".to_owned() } else { label.clone() }}</span>
        </button>
    }
}
