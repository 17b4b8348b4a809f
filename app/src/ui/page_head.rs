//! The head of a page in a portal: where it is, what it is, what can be done.

use leptos::prelude::*;

use crate::ui::Views as _;
use leptos_meta::Title;

/// A step on the way to a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crumb(pub String, pub String);

impl Crumb {
    /// Makes a step of a text and where it leads.
    pub fn new(text: impl Into<String>, href: impl Into<String>) -> Self {
        Self(text.into(), href.into())
    }
}

/// The way to a page; the page itself is not in it.
#[component]
pub fn Crumbs(
    /// The steps, from the top.
    crumbs: Vec<Crumb>,
) -> impl IntoView {
    let steps = crumbs.into_iter().map(|Crumb(text, href)| view! { <li><a href=href>{text}</a></li> }).views();
    view! { <nav class="crumbs" aria-label="Breadcrumb"><ol>{steps}</ol></nav> }
}

/// A page's heading; it is the browser tab's title too.
#[component]
pub fn PageHead(
    /// What the page is.
    #[prop(into)]
    title: String,
    /// A sentence about it.
    #[prop(optional, into)]
    text: Option<String>,
    /// The way to it.
    #[prop(optional)]
    crumbs: Vec<Crumb>,
    /// What stands beside the title, as a badge.
    #[prop(optional, into)]
    badge: Option<AnyView>,
    /// Buttons.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    view! {
        <Title text=title.clone()/>
        <header class="stack stack--sm">
            {(!crumbs.is_empty()).then(|| view! { <Crumbs crumbs/> }.into_any())}
            <div class="page-head">
                <div class="page-head__text">
                    <div class="row"><h1>{title}</h1>{badge}</div>
                    {text.map(|text| view! { <p>{text}</p> }.into_any())}
                </div>
                {children.map(|children| view! { <div class="page-head__actions">{children()}</div> }.into_any())}
            </div>
        </header>
    }
}
