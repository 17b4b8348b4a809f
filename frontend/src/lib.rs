//! The wasm entry that hydrates the portal.

// Named so that the server functions' client stubs are linked in.
use app as _;

/// Takes over the page that the server rendered.
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_body(app::App);
}
