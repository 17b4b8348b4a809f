//! Buttons: one to send a form, one that is a link.

use leptos::prelude::*;

use super::icon::{Icon, Sign};

/// How much a button asks to be pressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Look {
    /// The one thing to do on this page.
    #[default]
    Primary,
    /// In the accent colour, where ink would be lost.
    Accent,
    /// Something else that can be done.
    Secondary,
    /// Barely a button.
    Ghost,
    /// Takes something away, after a question.
    Danger,
    /// Takes something away, now.
    DangerSolid,
}

impl Look {
    /// Returns the classes of a button with this look.
    pub const fn class(self) -> &'static str {
        match self {
            Self::Primary => "btn btn--primary",
            Self::Accent => "btn btn--accent",
            Self::Secondary => "btn btn--secondary",
            Self::Ghost => "btn btn--ghost",
            Self::Danger => "btn btn--danger",
            Self::DangerSolid => "btn btn--danger-solid",
        }
    }
}

/// Sends the form that it stands in.
#[component]
pub fn Submit(
    /// What it says.
    #[prop(into)]
    label: String,
    /// How it looks.
    #[prop(optional)]
    look: Look,
    /// An icon before the label.
    #[prop(optional)]
    icon: Option<Sign>,
    /// Further classes: `btn--sm`, `btn--lg`, `btn--block`.
    #[prop(optional)]
    class: &'static str,
    /// Whether the form is on its way.
    #[prop(optional, into)]
    pending: Signal<bool>,
    /// The name under which `value` is sent, where a form has more than one button.
    #[prop(optional)]
    name: Option<&'static str>,
    /// What is sent under `name`.
    #[prop(optional, into)]
    value: Option<String>,
    /// Whether it cannot be pressed.
    #[prop(optional)]
    disabled: bool,
) -> impl IntoView {
    view! {
        <button
            type="submit"
            class=format!("{} {class}", look.class())
            name=name
            value=value
            disabled=disabled
            aria-busy=move || if pending.get() { Some("true") } else { None }
        >
            {icon.map(|sign| view! { <Icon sign/> }.into_any())}
            {label}
        </button>
    }
}

/// A link that looks like a button.
#[component]
pub fn LinkButton(
    /// Where it leads.
    #[prop(into)]
    href: String,
    /// What it says.
    #[prop(into)]
    label: String,
    /// How it looks.
    #[prop(optional)]
    look: Look,
    /// An icon before the label.
    #[prop(optional)]
    icon: Option<Sign>,
    /// An icon after the label.
    #[prop(optional)]
    icon_after: Option<Sign>,
    /// Further classes: `btn--sm`, `btn--lg`, `btn--block`.
    #[prop(optional)]
    class: &'static str,
    /// Whether the browser loads the page anew, as for downloads and pages that are not the portal's.
    #[prop(optional)]
    external: bool,
) -> impl IntoView {
    view! {
        <a class=format!("{} {class}", look.class()) href=href rel=external.then_some("external")>
            {icon.map(|sign| view! { <Icon sign/> }.into_any())}
            {label}
            {icon_after.map(|sign| view! { <Icon sign/> }.into_any())}
        </a>
    }
}
