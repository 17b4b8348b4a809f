//! Menus: the side menu of a portal, and tabs, which are links.

use leptos::prelude::*;

use crate::ui::Views as _;
use leptos_router::hooks::use_location;

use super::icon::{Icon, Sign};

/// An entry of a side menu.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NavLink {
    /// Where it leads.
    pub href: String,
    /// What it says.
    pub label: String,
    /// Its icon.
    pub icon: Sign,
    /// Whether pages below it do not count as it: the entry of the portal's own first page.
    pub exact: bool,
}

impl NavLink {
    /// Makes an entry that stays marked on the pages below it.
    pub fn new(href: impl Into<String>, label: impl Into<String>, icon: Sign) -> Self {
        Self { href: href.into(), label: label.into(), icon, exact: false }
    }

    /// Makes an entry that is marked on its own page alone.
    pub fn exact(href: impl Into<String>, label: impl Into<String>, icon: Sign) -> Self {
        Self { exact: true, ..Self::new(href, label, icon) }
    }
}

/// A group of a side menu.
#[component]
pub fn SideNav(
    /// What the group is called; nothing for the first.
    #[prop(optional, into)]
    label: Option<String>,
    /// Its entries.
    links: Vec<NavLink>,
) -> impl IntoView {
    let path = use_location().pathname;
    let links = links
        .into_iter()
        .map(|link| {
            let href = link.href.clone();
            let current = move || {
                path.with(|path| if link.exact { *path == href } else { path.starts_with(&href) }).then_some("page")
            };
            view! {
                <a href=link.href aria-current=current><Icon sign=link.icon/>{link.label}</a>
            }
        })
        .views();
    view! {
        <div class="side-nav">
            {label.map(|label| view! { <div class="side-nav__label">{label}</div> }.into_any())}
            {links}
        </div>
    }
}

/// A tab: a page of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tab {
    /// Where it leads.
    pub href: String,
    /// What it says.
    pub label: String,
    /// Its icon, if it has one.
    pub icon: Option<Sign>,
}

impl Tab {
    /// Makes a tab.
    pub fn new(href: impl Into<String>, label: impl Into<String>) -> Self {
        Self { href: href.into(), label: label.into(), icon: None }
    }

    /// Gives a tab an icon.
    pub fn with(self, icon: Sign) -> Self {
        Self { icon: Some(icon), ..self }
    }
}

/// The pages of one thing, side by side.
#[component]
pub fn Tabs(
    /// What they are pages of.
    #[prop(into)]
    label: String,
    /// The pages.
    tabs: Vec<Tab>,
) -> impl IntoView {
    let path = use_location().pathname;
    let tabs = tabs
        .into_iter()
        .map(|tab| {
            let href = tab.href.clone();
            let current = move || path.with(|path| *path == href).then_some("page");
            view! {
                <li><a href=tab.href aria-current=current>{tab.icon.map(|sign| view! { <Icon sign class="icon--sm"/> }.into_any())}{tab.label}</a></li>
            }
        })
        .views();
    view! { <nav class="tabs" aria-label=label><ul>{tabs}</ul></nav> }
}
