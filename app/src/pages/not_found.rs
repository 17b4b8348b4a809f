//! What stands where nothing is.

use leptos::prelude::*;

use crate::error::UiError;
use crate::layout::PublicFrame;
use crate::ui::error::ErrorPage;

/// The page of an address that leads nowhere.
#[component]
pub fn NotFoundPage() -> impl IntoView {
    view! {
        <PublicFrame><ErrorPage error=UiError::NotFound("page".to_owned())/></PublicFrame>
    }
}
