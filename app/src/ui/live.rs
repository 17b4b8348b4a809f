//! What only a live page does: timers, the clipboard, loading an address. On the server each does nothing.

use std::time::Duration;

use leptos::prelude::*;

use super::form::FormAction;

/// Marks the document as live, which shows what needs JavaScript.
pub fn mark_live() {
    #[cfg(feature = "hydrate")]
    Effect::new(|_| {
        if let Some(root) = document().document_element() {
            // A document element takes any attribute.
            let _ = root.set_attribute("data-live", "");
        }
    });
}

/// Copies a text to the clipboard.
pub fn copy(text: &str) {
    #[cfg(feature = "hydrate")]
    {
        // Whether the person allowed it comes later and changes nothing here.
        let _ = window().navigator().clipboard().write_text(text);
    }
    #[cfg(not(feature = "hydrate"))]
    let _ = text;
}

/// Does something later.
pub fn after(delay: Duration, work: impl FnOnce() + 'static) {
    #[cfg(feature = "hydrate")]
    set_timeout(work, delay);
    #[cfg(not(feature = "hydrate"))]
    let _ = (delay, work);
}

/// Does something again and again until the page is left.
pub fn every(delay: Duration, work: impl Fn() + Clone + 'static) {
    #[cfg(feature = "hydrate")]
    Effect::new(move |_| {
        if let Ok(handle) = set_interval_with_handle(work.clone(), delay) {
            on_cleanup(move || handle.clear());
        }
    });
    #[cfg(not(feature = "hydrate"))]
    let _ = (delay, work);
}

/// Sends the form that a changed control stands in, so that a choice shows at once.
pub fn submit_form_of(event: &leptos::ev::Event) {
    #[cfg(feature = "hydrate")]
    {
        use wasm_bindgen::JsCast as _;

        let control = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
        let form = control.and_then(|control| control.closest("form").ok().flatten());
        if let Some(form) = form.and_then(|form| form.dyn_into::<web_sys::HtmlFormElement>().ok()) {
            // A form that is not valid says so itself.
            let _ = form.request_submit();
        }
    }
    #[cfg(not(feature = "hydrate"))]
    let _ = event;
}

/// Loads an address anew, so that nothing of the page before it stays.
pub fn load_anew(address: &str) {
    #[cfg(feature = "hydrate")]
    {
        // A browser that refuses to navigate leaves the page as it is.
        let _ = window().location().set_href(address);
    }
    #[cfg(not(feature = "hydrate"))]
    let _ = address;
}

/// Loads what a form was answered with, as after signing in.
pub fn load_answer(action: FormAction) {
    Effect::new(move |_| {
        if let Some(address) = action.address() {
            load_anew(&address);
        }
    });
}
