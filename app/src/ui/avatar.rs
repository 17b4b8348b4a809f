//! Initials, or a picture, of a person or an organization.

use leptos::prelude::*;

use crate::fmt;

/// Stands for someone by their initials.
#[component]
pub fn Avatar(
    /// Whose.
    #[prop(into)]
    name: String,
    /// Further classes: `avatar--square`, `avatar--lg`, `avatar--sm`.
    #[prop(optional)]
    class: &'static str,
) -> impl IntoView {
    // The tint follows the name, so that the same name looks the same everywhere.
    let hue = ["agents", "apps", "assistants", "automations"][name.bytes().map(usize::from).sum::<usize>() % 4];
    view! { <span class=format!("avatar {class}") data-category=hue aria-hidden="true">{fmt::initials(&name)}</span> }
}
