//! Surfaces: the card that most of a page stands on, and the alert that stands out of it.

use leptos::prelude::*;

use super::icon::{Icon, Sign};

/// A surface with an optional head.
#[component]
pub fn Card(
    /// Its heading, if it has one.
    #[prop(optional, into)]
    title: Option<String>,
    /// A sentence below the heading.
    #[prop(optional, into)]
    text: Option<String>,
    /// What stands at the end of the head: a badge, a button.
    #[prop(optional, into)]
    end: Option<AnyView>,
    /// What stands below the body.
    #[prop(optional, into)]
    foot: Option<AnyView>,
    /// Further classes: `card--flush` for a body without space, as around tables; `card--danger`.
    #[prop(optional)]
    class: &'static str,
    /// An anchor.
    #[prop(optional)]
    id: Option<&'static str>,
    /// What it holds.
    children: Children,
) -> impl IntoView {
    let head = (title.is_some() || end.is_some()).then(|| {
        view! {
            <div class="card__head">
                <div>
                    {title.map(|title| view! { <h2>{title}</h2> }.into_any())}
                    {text.map(|text| view! { <p>{text}</p> }.into_any())}
                </div>
                {end}
            </div>
        }
        .into_any()
    });
    view! {
        <section class=format!("card {class}") id=id>
            {head}
            <div class="card__body">{children()}</div>
            {foot.map(|foot| view! { <div class="card__foot">{foot}</div> }.into_any())}
        </section>
    }
}

/// What an alert is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Something to know.
    #[default]
    Info,
    /// Something went well.
    Good,
    /// Something to take care of.
    Warn,
    /// Something went wrong.
    Bad,
}

/// A message that stands out.
#[component]
pub fn Alert(
    /// What it is about.
    #[prop(optional)]
    kind: Kind,
    /// In a few words.
    #[prop(optional, into)]
    title: Option<String>,
    /// In a sentence.
    #[prop(optional, into)]
    text: Option<String>,
    /// A button or link at its end.
    #[prop(optional, into)]
    action: Option<AnyView>,
) -> impl IntoView {
    let (class, sign, role) = match kind {
        Kind::Info => ("alert alert--info", Sign::Info, "status"),
        Kind::Good => ("alert alert--good", Sign::CheckCircle, "status"),
        Kind::Warn => ("alert alert--warn", Sign::Alert, "status"),
        Kind::Bad => ("alert alert--bad", Sign::Alert, "alert"),
    };
    view! {
        <div class=class role=role>
            <Icon sign/>
            <div class="alert__body">
                {title.map(|title| view! { <strong class="alert__title">{title}</strong> }.into_any())}
                {text.map(|text| view! { <span>{text}</span> }.into_any())}
            </div>
            {action}
        </div>
    }
}
