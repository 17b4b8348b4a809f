//! How errors are shown: as a page where a page could not be had, as an alert above a form.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_location;

use super::button::{LinkButton, Look};
use super::card::{Alert, Kind};
use super::form::FormState;
use crate::error::UiError;
use crate::links;

/// Takes the place of a page that could not be had, with the status that fits.
///
/// Someone who is signed out is led to the sign-in page and back.
#[component]
pub fn ErrorPage(
    /// Why.
    error: UiError,
    /// What to do about it; the marketplace where nothing better is known.
    #[prop(optional_no_strip)]
    way: Option<AnyView>,
) -> impl IntoView {
    let location = use_location();
    let here = format!("{}{}", location.pathname.get_untracked(), search_of(&location.search.get_untracked()));
    let login = links::login_then(&here);

    #[cfg(feature = "ssr")]
    if error == UiError::SignedOut {
        crate::server_context::redirect(&login);
    } else {
        crate::server_context::set_status(error.status());
    }
    #[cfg(feature = "hydrate")]
    if error == UiError::SignedOut {
        let navigate = leptos_router::hooks::use_navigate();
        let target = login.clone();
        Effect::new(move |_| navigate(&target, leptos_router::NavigateOptions { replace: true, ..Default::default() }));
    }

    let (code, title) = match &error {
        UiError::SignedOut => ("401", "Sign in to see this page"),
        UiError::Forbidden(_) => ("403", "This is not yours to see"),
        UiError::NotFound(_) => ("404", "There is nothing here"),
        UiError::Gone(_) => ("410", "This link no longer works"),
        UiError::TooMany(_) => ("429", "A little slower, please"),
        UiError::PaymentRequired(_) => ("402", "This needs a subscription"),
        UiError::Invalid(_) | UiError::Conflict(_) => ("409", "That does not work now"),
        UiError::Unavailable(_) | UiError::Internal(_) | UiError::Transport => ("500", "Something went wrong"),
    };
    let signed_out = error == UiError::SignedOut;
    view! {
        <Title text=title/>
        <div class="oops">
            <div class="oops__code" aria-hidden="true">{code}</div>
            <h1>{title}</h1>
            <p>{error.message()}</p>
            <div class="row">
                {signed_out.then(|| view! { <LinkButton href=login label="Sign in"/> }.into_any())}
                {way.unwrap_or_else(|| {
                    let look = if signed_out { Look::Secondary } else { Look::Primary };
                    view! { <LinkButton href=links::MARKETPLACE label="Browse the marketplace" look/> }.into_any()
                })}
            </div>
        </div>
    }
}

/// The error of a form, above it.
#[component]
pub fn FormAlert(
    /// The form.
    form: FormState,
) -> impl IntoView {
    let here = use_location().pathname;
    move || {
        let error = form.error.get()?;
        if error != UiError::SignedOut {
            return Some(view! { <Alert kind=Kind::Bad text=error.message()/> }.into_any());
        }
        // What was typed is still in the form: it can be sent again when they have signed in elsewhere.
        let login = links::login_then(&here.get_untracked());
        let action = view! { <a class="link" href=login target="_blank" rel="external">"Sign in on another page"</a> }
            .into_any();
        Some(view! { <Alert kind=Kind::Bad text=error.message() action/> }.into_any())
    }
}

fn search_of(search: &str) -> String {
    let search = search.trim_start_matches('?');
    if search.is_empty() || search.contains("__err") { String::new() } else { format!("?{search}") }
}
