//! Shows what a resource holds once it is there: the page, or the error in its place.

use leptos::prelude::*;

use super::error::ErrorPage;
use crate::error::UiError;

/// Shows a page made of a resource. An error takes the whole page and its status.
///
/// The resource should be blocking, so that title and status are right before anything is sent.
pub fn load<T>(
    resource: Resource<Result<T, UiError>>,
    show: impl Fn(T) -> AnyView + Clone + Send + Sync + 'static,
) -> impl IntoView
where
    T: Clone + Send + Sync + 'static,
{
    view! {
        <Transition fallback=|| view! { <Waiting/> }>
            {move || {
                let show = show.clone();
                Suspend::new(async move {
                    match resource.await {
                        Ok(value) => show(value),
                        Err(error) => view! { <ErrorPage error/> }.into_any(),
                    }
                })
            }}
        </Transition>
    }
}

/// Shows a part of a page made of a resource. Its error is an alert, and the rest of the page stays.
pub fn load_part<T>(
    resource: Resource<Result<T, UiError>>,
    show: impl Fn(T) -> AnyView + Clone + Send + Sync + 'static,
) -> impl IntoView
where
    T: Clone + Send + Sync + 'static,
{
    view! {
        <Transition fallback=|| view! { <span class="skeleton skeleton--card" aria-hidden="true"></span> }>
            {move || {
                let show = show.clone();
                Suspend::new(async move {
                    match resource.await {
                        Ok(value) => show(value),
                        Err(error) => {
                            view! { <super::card::Alert kind=super::card::Kind::Bad text=error.message()/> }.into_any()
                        }
                    }
                })
            }}
        </Transition>
    }
}

/// The shape of a page that is on its way.
#[component]
fn Waiting() -> impl IntoView {
    view! {
        <div class="page wrap section" aria-busy="true">
            <p class="sr" role="status">"Loading…"</p>
            <span class="skeleton skeleton--title"></span>
            <div class="stack stack--sm">
                <span class="skeleton skeleton--line"></span>
                <span class="skeleton skeleton--line"></span>
            </div>
            <div class="grid">
                <span class="skeleton skeleton--card"></span>
                <span class="skeleton skeleton--card"></span>
                <span class="skeleton skeleton--card"></span>
            </div>
        </div>
    }
}
