//! The portal: pages, design system, server functions.
//!
//! The same crate is built twice: with `ssr` into the program, with `hydrate` into the browser.
//! What a newcomer gets wrong: a page must be whole before any script runs. What decides a page is a
//! blocking resource, state is in the URL, and every write is a form whose server function redirects.

#![expect(
    unreachable_pub,
    missing_docs,
    reason = "the component and server macros make public items without documentation"
)]

#[cfg(not(any(erase_components, doc, doctest)))]
compile_error!("build with `--cfg erase_components`, as .cargo/config.toml says; RUSTFLAGS must repeat it");

#[cfg(feature = "hydrate")]
mod call;
pub mod data;
pub mod error;
pub mod fmt;
mod json;
pub mod layout;
pub mod links;
pub mod pages;
#[cfg(feature = "ssr")]
pub mod server_context;
pub mod session;
#[cfg(feature = "ssr")]
mod shell;
pub mod ui;

use leptos::prelude::*;
use leptos_meta::{Title, provide_meta_context};
use leptos_router::components::{ParentRoute, Route, Router, Routes};
use leptos_router::{SsrMode, path};

pub use error::UiError;
#[cfg(feature = "ssr")]
pub use shell::shell;

use layout::PublicLayout;
use session::Session;

/// The whole portal.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    Session::provide();
    ui::notice::Told::provide();
    ui::live::mark_live();

    view! {
        <Title formatter=|title: String| if title.is_empty() { "CMP".to_owned() } else { format!("{title} · CMP") }/>
        <Router>
            <Routes fallback=|| view! { <pages::not_found::NotFoundPage/> }>
                <ParentRoute path=path!("") view=PublicLayout ssr=SsrMode::Async>
                    <Route path=path!("/") view=pages::landing::LandingPage ssr=SsrMode::Async/>
                    <Route path=path!("/marketplace/") view=pages::marketplace::MarketplacePage ssr=SsrMode::Async/>
                    <Route path=path!("/marketplace-category/:category/") view=pages::category::CategoryPage ssr=SsrMode::Async/>
                    <Route path=path!("/marketplace-public-offering/:offering/") view=pages::offering::OfferingPage ssr=SsrMode::Async/>
                    <Route path=path!("/marketplace-service-provider/:provider/") view=pages::storefront::StorefrontPage ssr=SsrMode::Async/>
                    <Route path=path!("/login/") view=pages::login::LoginPage ssr=SsrMode::Async/>
                    <Route path=path!("/register/") view=pages::register::RegisterPage ssr=SsrMode::Async/>
                    <Route path=path!("/password/") view=pages::password::PasswordPage ssr=SsrMode::Async/>
                    <Route path=path!("/password/:token/") view=pages::password::SetPasswordPage ssr=SsrMode::Async/>
                    <Route path=path!("/invitation/:token/") view=pages::invitation::InvitationPage ssr=SsrMode::Async/>
                    <Route path=path!("/buy/:plan/") view=pages::buy::BuyPage ssr=SsrMode::Async/>
                    <Route path=path!("/marketplace-order/:order/") view=pages::order::OrderPage ssr=SsrMode::Async/>
                    <Route path=path!("/marketplace-order/:order/money/") view=pages::sheet::OrderMoneyPage ssr=SsrMode::Async/>
                    <Route path=path!("/bundles/") view=pages::sheet::BundlesPage ssr=SsrMode::Async/>
                    <Route path=path!("/bundles/:bundle/") view=pages::sheet::BundlePage ssr=SsrMode::Async/>
                    <Route path=path!("/resource/:subscription/deploy/") view=pages::deploy::DeployPage ssr=SsrMode::Async/>
                </ParentRoute>
                <Route path=path!("/sandbox-checkout/:session/") view=pages::checkout::CheckoutPage ssr=SsrMode::Async/>
                <Route path=path!("/sandbox-payouts/:page/") view=pages::checkout::PayoutAccountPage ssr=SsrMode::Async/>
                <pages::buyer::BuyerRoutes/>
                <pages::provider::ProviderRoutes/>
                <pages::admin::AdminRoutes/>
            </Routes>
        </Router>
    }
}
