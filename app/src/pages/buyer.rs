//! What an organization that buys sees.
//!
//! Each page is a component in a file of its own below this module; add its route here.

mod agent;
mod agents;
mod billing;
mod dashboard;
mod orders;
mod sell;
mod settings;
mod subscriptions;
mod team;

use leptos::prelude::*;
use leptos_router::any_nested_route::AnyNestedRoute;
use leptos_router::components::{ParentRoute, Route};
use leptos_router::{SsrMode, StaticSegment, path};

pub(crate) use orders::table as orders_table;
pub(crate) use sell::Application;

use crate::layout::OrganizationLayout;

/// The routes of an organization's pages.
#[component(transparent)]
pub fn BuyerRoutes() -> AnyNestedRoute {
    view! {
        <ParentRoute path=path!("/organizations/:organization") view=OrganizationLayout ssr=SsrMode::Async>
            <Route path=StaticSegment("/") view=dashboard::DashboardPage ssr=SsrMode::Async/>
            <Route path=path!("/agents/") view=agents::AgentsPage ssr=SsrMode::Async/>
            <Route path=path!("/agents/:agent/") view=agent::overview::OverviewPage ssr=SsrMode::Async/>
            <Route path=path!("/agents/:agent/persona/") view=agent::persona::PersonaPage ssr=SsrMode::Async/>
            <Route path=path!("/agents/:agent/training/") view=agent::training::TrainingPage ssr=SsrMode::Async/>
            <Route path=path!("/agents/:agent/training/:document/") view=agent::document::DocumentPage ssr=SsrMode::Async/>
            <Route path=path!("/agents/:agent/branding/") view=agent::branding::BrandingPage ssr=SsrMode::Async/>
            <Route path=path!("/agents/:agent/keys/") view=agent::keys::KeysPage ssr=SsrMode::Async/>
            <Route path=path!("/agents/:agent/widget/") view=agent::widget::WidgetPage ssr=SsrMode::Async/>
            <Route path=path!("/agents/:agent/chat/") view=agent::chat::ChatPage ssr=SsrMode::Async/>
            <Route path=path!("/agents/:agent/usage/") view=agent::usage::UsagePage ssr=SsrMode::Async/>
            <Route path=path!("/resources/") view=subscriptions::SubscriptionsPage ssr=SsrMode::Async/>
            <Route path=path!("/billing/methods/") view=super::sheet::MethodsPage ssr=SsrMode::Async/>
            <Route path=path!("/billing/invoices/") view=super::sheet::InvoicesPage ssr=SsrMode::Async/>
            <Route path=path!("/billing/invoices/:invoice/") view=super::sheet::InvoicePage ssr=SsrMode::Async/>
            <Route path=path!("/resources/:subscription/usage/") view=super::sheet::UsageBillPage ssr=SsrMode::Async/>
            <Route path=path!("/resources/:subscription/compare/") view=super::sheet::SimulationPage ssr=SsrMode::Async/>
            <Route path=path!("/caps/") view=super::sheet::CapsPage ssr=SsrMode::Async/>
            <Route path=path!("/orders/") view=orders::OrdersPage ssr=SsrMode::Async/>
            <Route path=path!("/billing/") view=billing::BillingPage ssr=SsrMode::Async/>
            <Route path=path!("/team/") view=team::TeamPage ssr=SsrMode::Async/>
            <Route path=path!("/settings/") view=settings::SettingsPage ssr=SsrMode::Async/>
            <Route path=path!("/sell/") view=sell::SellPage ssr=SsrMode::Async/>
        </ParentRoute>
    }
    .into_inner()
}
