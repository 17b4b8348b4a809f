//! Ratings.

use leptos::prelude::*;

use crate::ui::Views as _;

use super::icon::{Icon, Sign};
use crate::fmt;

/// The mean of many ratings, and how many there are.
#[component]
pub fn Stars(
    /// The mean in tenths.
    tenths: i64,
    /// How many ratings.
    count: i64,
) -> impl IntoView {
    if count == 0 {
        return view! { <span class="stars stars__of">"No reviews yet"</span> }.into_any();
    }
    let spoken = format!("{} of 5 stars, {}", fmt::tenths(tenths), fmt::plural(count, "review", "reviews"));
    view! {
        <span class="stars">
            <Icon sign=Sign::Star class="icon--filled"/>
            <span aria-hidden="true">{fmt::tenths(tenths)}<span class="stars__of">{format!(" ({})", fmt::count(count))}</span></span>
            <span class="sr">{spoken}</span>
        </span>
    }
    .into_any()
}

/// One rating, as five stars.
#[component]
pub fn StarsRow(
    /// 1 to 5.
    rating: i64,
) -> impl IntoView {
    let stars = (1..=5)
        .map(|star| view! { <Icon sign=Sign::Star class=if star <= rating { "icon--filled on" } else { "icon--filled" }/> })
        .views();
    view! { <span class="stars-row" role="img" aria-label=format!("{rating} of 5 stars")>{stars}</span> }
}
