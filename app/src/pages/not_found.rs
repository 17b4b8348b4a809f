//! What stands where nothing is.

use leptos::prelude::*;

use crate::error::UiError;
use crate::layout::Brand;
use crate::ui::error::ErrorPage;

/// The page of an address that leads nowhere.
#[component]
pub fn NotFoundPage() -> impl IntoView {
    view! {
        <div class="site">
            <header class="topbar"><div class="wrap topbar__row"><Brand/></div></header>
            <main id="main"><ErrorPage error=UiError::NotFound("page".to_owned())/></main>
        </div>
    }
}
