//! What stands where nothing is yet: it says why, and what to do.

use leptos::prelude::*;

use super::icon::{Icon, Sign};

/// Stands in for a list without rows.
#[component]
pub fn EmptyState(
    /// A picture of what is missing.
    icon: Sign,
    /// In a few words.
    #[prop(into)]
    title: String,
    /// What to do about it.
    #[prop(into)]
    text: String,
    /// Buttons.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    view! {
        <div class="empty">
            <span class="empty__art"><Icon sign=icon/></span>
            <h2>{title}</h2>
            <p>{text}</p>
            {children.map(|children| view! { <div class="empty__actions">{children()}</div> }.into_any())}
        </div>
    }
}
