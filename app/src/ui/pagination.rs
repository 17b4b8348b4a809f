//! The way to the other pages of a list. The page is in the URL, beside everything else that is there.

use leptos::prelude::*;
use leptos_router::hooks::{use_location, use_query_map};

use super::icon::{Icon, Sign};
use crate::{fmt, links};

/// Links to the page before and after.
#[component]
pub fn Pagination(
    /// Which page this is, from 1.
    page: i64,
    /// How many pages there are.
    pages: i64,
    /// How many rows there are in all.
    total: i64,
    /// What the rows are: `order`, `orders`.
    words: (&'static str, &'static str),
) -> impl IntoView {
    let path = use_location().pathname;
    let query = use_query_map();
    let to = move |target: i64| {
        let target = if target <= 1 { String::new() } else { target.to_string() };
        query.with(|query| {
            let kept: Vec<(String, String)> = query
                .clone()
                .into_iter()
                .map(|(name, value)| (name.to_string(), value))
                .filter(|(name, _)| !matches!(name.as_str(), "page" | "notice" | "__err" | "__path"))
                .collect();
            let mut pairs: Vec<(&str, &str)> =
                kept.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            pairs.push(("page", &target));
            format!("{}{}", path.get(), links::query(&pairs))
        })
    };
    let total = fmt::plural(total, words.0, words.1);
    view! {
        <nav class="pages" aria-label="Pages">
            <span>{if pages > 1 { format!("{total} · page {page} of {pages}") } else { total }}</span>
            <div class="pages__links">
                {(page > 1).then(|| view! { <a class="btn btn--secondary btn--sm" rel="prev" href=move || to(page - 1)><Icon sign=Sign::ArrowLeft/>"Previous"</a> }.into_any())}
                {(page < pages).then(|| view! { <a class="btn btn--secondary btn--sm" rel="next" href=move || to(page + 1)>"Next"<Icon sign=Sign::ArrowRight/></a> }.into_any())}
            </div>
        </nav>
    }
}
