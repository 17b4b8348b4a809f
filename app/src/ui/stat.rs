//! Figures: a number on a tile, and how much of something is used.

use leptos::prelude::*;

use super::icon::{Icon, Sign};
use crate::fmt;

/// A number and what it is.
#[component]
pub fn Stat(
    /// What it is.
    #[prop(into)]
    label: String,
    /// The number, as people read it.
    #[prop(into)]
    value: String,
    /// What to know about it.
    #[prop(optional, into)]
    note: Option<String>,
    /// Its icon.
    #[prop(optional)]
    icon: Option<Sign>,
    /// How it went.
    #[prop(optional)]
    trend: Vec<i64>,
) -> impl IntoView {
    view! {
        <div class="card stat">
            <div class="stat__label">{icon.map(|sign| view! { <Icon sign/> }.into_any())}{label}</div>
            <div class="stat__value">{value}</div>
            {note.map(|note| view! { <div class="stat__note">{note}</div> }.into_any())}
            {(!trend.is_empty()).then(|| view! { <super::chart::Sparkline values=trend/> }.into_any())}
        </div>
    }
}

/// How much of a quota is used.
#[component]
pub fn Meter(
    /// What is counted: `Calls this month`.
    #[prop(into)]
    label: String,
    /// How many are used.
    used: i64,
    /// How many there are; nothing means without a limit.
    limit: Option<i64>,
) -> impl IntoView {
    let Some(limit) = limit else {
        return view! {
            <div class="meter"><div class="meter__text"><span>{label}</span><span><strong>{fmt::count(used)}</strong>" · no limit"</span></div></div>
        }
        .into_any();
    };
    let class = match used.saturating_mul(100) / limit.max(1) {
        100.. => "meter meter--full",
        80..=99 => "meter meter--high",
        _ => "meter",
    };
    let spoken = format!("{label}: {} of {}", fmt::count(used), fmt::count(limit));
    view! {
        <div class=class>
            <div class="meter__text"><span>{label}</span><span><strong>{fmt::count(used)}</strong>" of "{fmt::count(limit)}</span></div>
            <progress aria-label=spoken max=limit.max(1) value=used.clamp(0, limit.max(1))></progress>
        </div>
    }
    .into_any()
}
