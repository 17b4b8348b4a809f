//! The portals: an organization's, a provider's and the operator's pages, each beside its menu.
//!
//! What a newcomer gets wrong: the menu only shows and hides. Whether somebody may see a page is
//! decided by the use case behind it, and its refusal takes the place of the page.

use domain::state::ProviderState;
use domain::view::account::{MembershipView, Viewer};
use domain::{Permission, Role};
use leptos::prelude::*;

use crate::ui::Views as _;
use leptos_router::components::Outlet;
use leptos_router::hooks::use_params_map;

use super::SkipLink;
use super::topbar::TopBar;
use crate::links;
use crate::session::{Session, membership_of};
use crate::ui::avatar::Avatar;
use crate::ui::icon::{Icon, Sign};
use crate::ui::nav::{NavLink, SideNav};
use crate::ui::notice::Notices;

/// Around the pages of an organization that buys.
#[component]
pub fn OrganizationLayout() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|params| params.get("organization")).unwrap_or_default());
    portal("Organization", move |viewer| {
        let membership = membership_of(viewer, &id.get())?;
        Some(view! { <Switcher viewer=viewer.clone() current=membership.clone() provider=false/> {organization_menu(&membership)} }.into_any())
    })
}

/// Around the pages of an organization that sells.
#[component]
pub fn ProviderLayout() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|params| params.get("provider")).unwrap_or_default());
    portal("Provider", move |viewer| {
        let membership = membership_of(viewer, &id.get())?;
        Some(view! { <Switcher viewer=viewer.clone() current=membership.clone() provider=true/> {provider_menu(&membership)} }.into_any())
    })
}

/// Around the operator's pages.
#[component]
pub fn AdminLayout() -> impl IntoView {
    portal("Operator", |viewer| viewer.user.operator.then(admin_menu))
}

/// A bar on top, a menu at the side (on a phone, behind a button), and the page.
fn portal(
    name: &'static str,
    menu: impl Fn(&Viewer) -> Option<AnyView> + Clone + Send + Sync + 'static,
) -> impl IntoView {
    let session = Session::of_page();
    let menu_in = move || {
        let menu = menu.clone();
        view! {
            <Transition>
                {move || {
                    let menu = menu.clone();
                    // What the menu depends on is read here, where it is tracked.
                    Suspend::new(async move { session.viewer().await.and_then(|viewer| menu(&viewer)) })
                }}
            </Transition>
        }
    };
    let menu_again = menu_in.clone();
    view! {
        <SkipLink/>
        <TopBar wide=true/>
        <div class="portal">
            <div class="portal__side">
                <nav class="portal__side-inner" aria-label=name>{menu_in()}</nav>
            </div>
            <details class="portal__menu-phone">
                <summary><Icon sign=Sign::Menu/>{name}<Icon sign=Sign::ChevronDown/></summary>
                <nav class="stack" aria-label=format!("{name}, on a phone")>{menu_again()}</nav>
            </details>
            <main class="portal__main" id="main" tabindex="-1"><Outlet/></main>
        </div>
        <Notices/>
    }
}

fn organization_menu(membership: &MembershipView) -> AnyView {
    let to = |rest: &str| links::organization(membership.organization_id, rest);
    let may = |permission| membership.role.may(permission);
    let mut work = vec![
        NavLink::exact(to(""), "Dashboard", Sign::Home),
        NavLink::new(to("agents/"), "My agents", Sign::Robot),
        NavLink::new(to("resources/"), "Subscriptions", Sign::Layers),
        NavLink::new(to("orders/"), "Orders", Sign::Receipt),
    ];
    if may(Permission::ViewBilling) {
        work.push(NavLink::new(to("billing/"), "Billing", Sign::Card));
    }
    let mut organization = vec![NavLink::new(to("team/"), "Team", Sign::Users)];
    if may(Permission::ManageOrganization) {
        organization.push(NavLink::new(to("settings/"), "Settings", Sign::Settings));
    }
    if may(Permission::Sell) {
        organization.push(if membership.provider == Some(ProviderState::Approved) {
            NavLink::new(links::provider(membership.organization_id, "dashboard/"), "Provider pages", Sign::Store)
        } else {
            NavLink::new(to("sell/"), "Start selling", Sign::Store)
        });
    }
    let market = ["agents", "apps", "assistants", "automations"].into_iter().map(|slug| {
        let mut title = slug.to_owned();
        title[..1].make_ascii_uppercase();
        NavLink::new(links::category(slug), title, Sign::of_category(slug))
    });
    let market =
        std::iter::once(NavLink::exact(links::MARKETPLACE, "Everything", Sign::Search)).chain(market).collect();
    view! {
        <SideNav links=work/>
        <SideNav label="Marketplace" links=market/>
        <SideNav label="Organization" links=organization/>
    }
    .into_any()
}

fn provider_menu(membership: &MembershipView) -> AnyView {
    let to = |rest: &str| links::provider(membership.organization_id, rest);
    let work = vec![
        NavLink::new(to("dashboard/"), "Dashboard", Sign::Home),
        NavLink::new(to("agents/"), "Agents", Sign::Flow),
        NavLink::new(to("offerings/"), "Offerings", Sign::Tag),
        NavLink::new(to("bundles/"), "Bundles", Sign::Layers),
    ];
    let business = vec![
        NavLink::new(to("orders/"), "Orders", Sign::Receipt),
        NavLink::new(to("organizations/"), "Customers", Sign::Users),
        NavLink::new(to("revenue/"), "Revenue", Sign::Wallet),
        NavLink::new(to("payouts/"), "Payouts", Sign::Card),
        NavLink::new(to("settings/"), "Settings", Sign::Settings),
    ];
    view! { <SideNav links=work/> <SideNav label="Business" links=business/> }.into_any()
}

fn admin_menu() -> AnyView {
    let to = |rest: &str| links::admin(rest);
    let decide = vec![
        NavLink::exact(to(""), "Overview", Sign::Activity),
        NavLink::new(to("applications/"), "Providers", Sign::Store),
        NavLink::new(to("submissions/"), "Reviews", Sign::Inbox),
        NavLink::new(to("orders/"), "Orders", Sign::Receipt),
    ];
    let manage = vec![
        NavLink::new(to("organizations/"), "Organizations", Sign::Building),
        NavLink::new(to("users/"), "People", Sign::Users),
        NavLink::new(to("jobs/"), "Jobs", Sign::Clock),
    ];
    let money = vec![
        NavLink::new(to("revenue/"), "Revenue", Sign::Wallet),
        NavLink::new(to("payouts/"), "Payouts", Sign::Card),
        NavLink::new(to("cases/"), "Cases", Sign::Inbox),
        NavLink::new(to("ledger/"), "Ledger", Sign::Layers),
        NavLink::new(to("commission/"), "Commission", Sign::Tag),
    ];
    view! { <SideNav links=decide/> <SideNav label="Money" links=money/> <SideNav label="Manage" links=manage/> }
        .into_any()
}

/// Shows which organization this is, and leads to the viewer's others.
#[component]
fn Switcher(viewer: Viewer, current: MembershipView, provider: bool) -> impl IntoView {
    let role = match current.role {
        Role::Owner => "Owner",
        Role::Admin => "Admin",
        Role::Member => "Member",
    };
    let others = viewer
        .memberships
        .into_iter()
        .filter(|membership| !provider || membership.provider == Some(ProviderState::Approved))
        .map(|membership| {
            let here = membership.organization_id == current.organization_id;
            let href = if provider {
                links::provider(membership.organization_id, "dashboard/")
            } else {
                links::organization(membership.organization_id, "")
            };
            view! {
                <a class="menu__item" href=href aria-current=here.then_some("true")>
                    <Avatar name=membership.organization_name.clone() class="avatar--sm avatar--square"/>
                    <span>{membership.organization_name}</span>
                    {here.then(|| view! { <Icon sign=Sign::Check class="icon--end"/> }.into_any())}
                </a>
            }
        })
        .views();
    let other_side = provider.then(|| {
        view! {
            <hr/>
            <a class="menu__item" href=links::organization(current.organization_id, "")><Icon sign=Sign::ArrowLeft/>"Back to buying"</a>
        }.into_any()
    });
    view! {
        <details class="menu switcher">
            <summary>
                <Avatar name=current.organization_name.clone() class="avatar--square"/>
                <span>{current.organization_name.clone()}<small>{if provider { "Provider" } else { role }}</small></span>
                <Icon sign=Sign::Chevrons class="icon--sm"/>
            </summary>
            <div class="menu__panel">{others}{other_side}</div>
        </details>
    }
}
