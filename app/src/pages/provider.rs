//! What an organization that sells sees.
//!
//! Each page is a component in a file of its own below this module; add its route here.

mod agent;
mod agents;
mod customers;
mod dashboard;
pub(crate) mod flow;
mod offering;
mod offerings;
mod orders;
mod runs;
mod settings;

use leptos::prelude::*;
use leptos_router::any_nested_route::AnyNestedRoute;
use leptos_router::components::{ParentRoute, Route};
use leptos_router::{SsrMode, path};

use super::sheet::{EarningsPage, OwnBundlePage, OwnBundlesPage, PayoutPage, PayoutsPage};
use crate::layout::ProviderLayout;

/// The routes of a provider's pages.
#[component(transparent)]
pub fn ProviderRoutes() -> AnyNestedRoute {
    view! {
        <ParentRoute path=path!("/providers/:provider") view=ProviderLayout ssr=SsrMode::Async>
            <Route path=path!("/dashboard/") view=dashboard::DashboardPage ssr=SsrMode::Async/>
            <Route path=path!("/agents/") view=agents::AgentsPage ssr=SsrMode::Async/>
            <Route path=path!("/agents/create/") view=agents::CreatePage ssr=SsrMode::Async/>
            <Route path=path!("/agents/:agent/") view=agent::AgentPage ssr=SsrMode::Async/>
            <Route path=path!("/agents/:agent/runs/") view=runs::RunsPage ssr=SsrMode::Async/>
            <Route path=path!("/offerings/") view=offerings::OfferingsPage ssr=SsrMode::Async/>
            <Route path=path!("/offerings/:offering/") view=offering::OfferingPage ssr=SsrMode::Async/>
            <Route path=path!("/bundles/") view=OwnBundlesPage ssr=SsrMode::Async/>
            <Route path=path!("/bundles/:bundle/") view=OwnBundlePage ssr=SsrMode::Async/>
            <Route path=path!("/orders/") view=orders::OrdersPage ssr=SsrMode::Async/>
            <Route path=path!("/organizations/") view=customers::CustomersPage ssr=SsrMode::Async/>
            <Route path=path!("/revenue/") view=EarningsPage ssr=SsrMode::Async/>
            <Route path=path!("/payouts/") view=PayoutsPage ssr=SsrMode::Async/>
            <Route path=path!("/payouts/:payout/") view=PayoutPage ssr=SsrMode::Async/>
            <Route path=path!("/settings/") view=settings::SettingsPage ssr=SsrMode::Async/>
        </ParentRoute>
    }
    .into_inner()
}
