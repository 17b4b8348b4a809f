//! A question over the page. It is a popover, so that it opens and closes without JavaScript.

use leptos::prelude::*;

/// A button, and what it opens.
#[component]
pub fn Dialog(
    /// Unique on the page.
    #[prop(into)]
    id: String,
    /// What the button that opens it says.
    #[prop(into)]
    opener: String,
    /// How that button looks.
    #[prop(default = "btn btn--secondary")]
    opener_class: &'static str,
    /// Its heading.
    #[prop(into)]
    title: String,
    /// What it holds: text, and a form with a [`super::button::Submit`]. A way out is there already.
    children: Children,
) -> impl IntoView {
    let heading = format!("{id}-title");
    let (labelled, opened, closed) = (heading.clone(), id.clone(), id.clone());
    view! {
        <button type="button" class=opener_class popovertarget=opened>{opener}</button>
        <div popover="auto" id=id class="dialog" role="dialog" aria-labelledby=labelled>
            <div class="dialog__body">
                <h2 id=heading>{title}</h2>
                {children()}
                <div class="dialog__actions">
                    <button type="button" class="btn btn--ghost" popovertarget=closed popovertargetaction="hide">"Never mind"</button>
                </div>
            </div>
        </div>
    }
}
