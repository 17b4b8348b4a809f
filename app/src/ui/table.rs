//! Tables: rows that scroll sideways by themselves where the page is too narrow for them.

use leptos::prelude::*;

/// A table; what scrolls is named, and in reach of the keyboard.
#[component]
pub fn Table(
    /// What it lists, for those who do not see it.
    #[prop(into)]
    label: String,
    /// Whether its cells stand below one another on a phone: for those that say themselves what they are.
    #[prop(optional)]
    stacks: bool,
    /// The row of its headings.
    head: AnyView,
    /// Its rows.
    children: Children,
) -> impl IntoView {
    view! {
        <div class="table-wrap" tabindex="0" role="group" aria-label=label>
            <table class=if stacks { "table table--stacks" } else { "table" }>
                <thead>{head}</thead>
                <tbody>{children()}</tbody>
            </table>
        </div>
    }
}
