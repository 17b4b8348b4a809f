//! The bar on top of every page, and the menu of the person who is signed in.

use domain::state::ProviderState;
use domain::view::account::Viewer;
use leptos::prelude::*;

use crate::ui::Views as _;
use leptos::server_fn::ServerFn;
use leptos_router::hooks::{use_location, use_query_map};

use crate::links;
use crate::session::{LogOut, Session, SetTheme};
use crate::ui::avatar::Avatar;
use crate::ui::button::{LinkButton, Look};
use crate::ui::icon::{Icon, Sign};

/// The product's mark and name.
#[component]
pub fn Brand() -> impl IntoView {
    view! { <a class="brand" href="/"><Mark/>"CMP"</a> }
}

/// The mark alone.
#[component]
fn Mark() -> impl IntoView {
    view! {
        <svg viewBox="0 0 32 32" aria-hidden="true" focusable="false">
            <rect x="2" y="2" width="28" height="28" rx="8.5" fill="#4a3fe0"></rect>
            <path d="M20.8 11.3a6.6 6.6 0 1 0 0 9.4" fill="none" stroke="#fff" stroke-width="3" stroke-linecap="round"></path>
            <circle cx="21.5" cy="16" r="2.4" fill="#9ef0c8"></circle>
        </svg>
    }
}

/// The bar on top.
#[component]
pub(super) fn TopBar(
    /// Whether it is as wide as the window, as above a portal.
    #[prop(optional)]
    wide: bool,
) -> impl IntoView {
    let session = Session::of_page();
    let path = use_location().pathname;
    let query = use_query_map();
    let in_market = move || path.with(|path| path.starts_with("/marketplace")).then_some("page");
    let searched = move || query.with(|query| query.get("search")).unwrap_or_default();
    view! {
        <header class=if wide { "topbar topbar--wide" } else { "topbar" }>
            <div class="wrap topbar__row">
                <Brand/>
                <nav class="topbar__nav" aria-label="Main">
                    <a href=links::MARKETPLACE aria-current=in_market>"Marketplace"</a>
                    <a href="/#how">"How it works"</a>
                    <a href="/#sell">"Sell"</a>
                </nav>
                <form class="topbar__search" role="search" aria-label="Everything on sale" method="get" action=links::MARKETPLACE>
                    <label class="input-group">
                        <Icon sign=Sign::Search class="icon--sm"/>
                        <input class="input" type="search" name="search" value=searched placeholder="Search agents" aria-label="Search the marketplace" autocomplete="off"/>
                    </label>
                </form>
                <div class="topbar__end">
                    <Suspense>
                        {move || Suspend::new(async move {
                            match session.viewer().await {
                                Some(viewer) => view! { <PersonMenu viewer/> }.into_any(),
                                None => view! { <VisitorMenu/> }.into_any(),
                            }
                        })}
                    </Suspense>
                </div>
            </div>
        </header>
    }
}

#[component]
fn VisitorMenu() -> impl IntoView {
    view! {
        <LinkButton href=links::LOGIN label="Sign in" look=Look::Ghost class="wide-only"/>
        <LinkButton href=links::REGISTER label="Get started"/>
        <details class="menu">
            <summary class="btn btn--ghost btn--icon" aria-label="Menu"><Icon sign=Sign::Menu/></summary>
            <div class="menu__panel">
                <a class="menu__item" href=links::MARKETPLACE><Icon sign=Sign::Store/>"Marketplace"</a>
                <a class="menu__item" href=links::LOGIN><Icon sign=Sign::User/>"Sign in"</a>
                <a class="menu__item" href=links::REGISTER><Icon sign=Sign::Plus/>"Create an account"</a>
                <hr/>
                <ThemeForm/>
            </div>
        </details>
    }
}

#[component]
fn PersonMenu(viewer: Viewer) -> impl IntoView {
    let Viewer { user, memberships } = viewer;
    let organizations = memberships
        .iter()
        .map(|membership| {
            view! {
                <a class="menu__item" href=links::organization(membership.organization_id, "")>
                    <Avatar name=membership.organization_name.clone() class="avatar--sm avatar--square"/>
                    <span>{membership.organization_name.clone()}</span>
                </a>
            }
        })
        .views();
    let shops = memberships
        .iter()
        .filter(|membership| membership.provider == Some(ProviderState::Approved))
        .map(|membership| {
            view! {
                <a class="menu__item" href=links::provider(membership.organization_id, "dashboard/")>
                    <Icon sign=Sign::Store/>
                    <span>{format!("Sell as {}", membership.organization_name)}</span>
                </a>
            }
        })
        .views();
    let home = memberships.first().map(|membership| links::organization(membership.organization_id, "agents/"));
    view! {
        {home.map(|href| view! { <LinkButton href label="My agents" look=Look::Ghost class="wide-only"/> }.into_any())}
        <details class="menu">
            <summary><Avatar name=user.name.clone()/><span class="sr">{format!("Menu of {}", user.name)}</span></summary>
            <div class="menu__panel">
                <div class="menu__who"><strong>{user.name.clone()}</strong><span>{user.email.to_string()}</span></div>
                <hr/>
                {organizations}
                {shops}
                {user.operator.then(|| view! { <a class="menu__item" href=links::ADMIN><Icon sign=Sign::Shield/>"Operator"</a> }.into_any())}
                <hr/>
                <a class="menu__item phone-only" href=links::MARKETPLACE><Icon sign=Sign::Store/>"Marketplace"</a>
                <ThemeForm/>
                <hr/>
                <form method="post" action=LogOut::url()>
                    <button class="menu__item" type="submit"><Icon sign=Sign::Logout/>"Sign out"</button>
                </form>
            </div>
        </details>
    }
}

/// Light, dark, or as the system is. A plain form: the page loads anew in its new colours.
#[component]
fn ThemeForm() -> impl IntoView {
    let choices = [("auto", Sign::Monitor, "As the system"), ("light", Sign::Sun, "Light"), ("dark", Sign::Moon, "Dark")]
        .into_iter()
        .map(|(value, sign, label)| {
            view! { <button type="submit" name="theme" value=value aria-label=label title=label><Icon sign class="icon--sm"/></button> }
        })
        .views();
    view! {
        <form method="post" action=SetTheme::url()>
            <div class="menu__label" id="theme-label">"Colours"</div>
            <div class="themes" role="group" aria-labelledby="theme-label">{choices}</div>
        </form>
    }
}
