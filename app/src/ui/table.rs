//! Tables: rows that scroll sideways by themselves where the page is too narrow for them.

use leptos::prelude::*;

/// A table; what scrolls is named, and in reach of the keyboard.
#[component]
pub fn Table(
    /// What it lists, for those who do not see it.
    label: &'static str,
    /// The row of its headings.
    head: AnyView,
    /// Its rows.
    children: Children,
) -> impl IntoView {
    view! {
        <div class="table-wrap" tabindex="0" role="group" aria-label=label>
            <table class="table">
                <thead>{head}</thead>
                <tbody>{children()}</tbody>
            </table>
        </div>
    }
}
