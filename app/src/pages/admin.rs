//! What an operator of the marketplace sees.
//!
//! Each page is a component in a file of its own below this module; add its route here.

mod applications;
mod commission;
mod dashboard;
mod jobs;
mod orders;
mod organizations;
mod submissions;
mod users;

use leptos::prelude::*;
use leptos_router::any_nested_route::AnyNestedRoute;
use leptos_router::components::{ParentRoute, Route};
use leptos_router::hooks::use_query_map;
use leptos_router::{SsrMode, StaticSegment, path};

use super::sheet::{CasesPage, CheckPage, LedgerPage, PayoutPage, PayoutRunPage, RevenuePage};
use crate::layout::AdminLayout;
use crate::ui::prelude::*;

/// The routes of the operator's pages.
#[component(transparent)]
pub fn AdminRoutes() -> AnyNestedRoute {
    view! {
        <ParentRoute path=path!("/admin") view=AdminLayout ssr=SsrMode::Async>
            <Route path=StaticSegment("/") view=dashboard::DashboardPage ssr=SsrMode::Async/>
            <Route path=path!("/applications/") view=applications::ApplicationsPage ssr=SsrMode::Async/>
            <Route path=path!("/submissions/") view=submissions::SubmissionsPage ssr=SsrMode::Async/>
            <Route path=path!("/submissions/:submission/") view=submissions::SubmissionPage ssr=SsrMode::Async/>
            <Route path=path!("/orders/") view=orders::OrdersPage ssr=SsrMode::Async/>
            <Route path=path!("/organizations/") view=organizations::OrganizationsPage ssr=SsrMode::Async/>
            <Route path=path!("/users/") view=users::UsersPage ssr=SsrMode::Async/>
            <Route path=path!("/revenue/") view=RevenuePage ssr=SsrMode::Async/>
            <Route path=path!("/payouts/") view=PayoutRunPage ssr=SsrMode::Async/>
            <Route path=path!("/payouts/:payout/") view=PayoutPage ssr=SsrMode::Async/>
            <Route path=path!("/cases/") view=CasesPage ssr=SsrMode::Async/>
            <Route path=path!("/ledger/") view=LedgerPage ssr=SsrMode::Async/>
            <Route path=path!("/ledger/check/") view=CheckPage ssr=SsrMode::Async/>
            <Route path=path!("/commission/") view=commission::CommissionPage ssr=SsrMode::Async/>
            <Route path=path!("/jobs/") view=jobs::JobsPage ssr=SsrMode::Async/>
        </ParentRoute>
    }
    .into_inner()
}

/// A search over a list: it is in the URL.
fn search_form(label: &'static str) -> AnyView {
    let query = use_query_map();
    let value = query.with_untracked(|query| query.get("search").unwrap_or_default());
    view! {
        <form method="get" class="row row--nowrap" role="search">
            <label class="sr" for="search">{label}</label>
            <input class="input" id="search" type="search" name="search" value=value placeholder=label/>
            <Submit label="Search" look=Look::Secondary/>
        </form>
    }
    .into_any()
}
