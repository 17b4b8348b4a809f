//! What stands around a page: the bar on top, the footer of public pages, the side menu of a portal.

mod footer;
mod portal;
mod topbar;

pub use portal::{AdminLayout, OrganizationLayout, ProviderLayout};
pub use topbar::Brand;

use leptos::prelude::*;
use leptos_router::components::Outlet;

use crate::ui::notice::Notices;
use footer::Footer;
use topbar::TopBar;

/// Around pages that everyone may see.
#[component]
pub fn PublicLayout() -> impl IntoView {
    view! { <PublicFrame><Outlet/></PublicFrame> }
}

/// What stands around a public page.
#[component]
pub fn PublicFrame(
    /// The page.
    children: Children,
) -> impl IntoView {
    view! {
        <div class="site">
            <SkipLink/>
            <TopBar/>
            <main id="main" tabindex="-1">{children()}</main>
            <Footer/>
            <Notices/>
        </div>
    }
}

/// Lets a keyboard pass the menus.
#[component]
fn SkipLink() -> impl IntoView {
    view! { <a class="skip" href="#main" rel="external">"Skip to the content"</a> }
}
