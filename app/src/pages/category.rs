//! One of the four categories, by its name or its identifier.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_params_map, use_query_map};

use super::marketplace::Results;
use crate::ui::prelude::*;
use crate::{data, fmt, links};

/// A category.
#[component]
pub fn CategoryPage() -> impl IntoView {
    let params = use_params_map();
    let query = use_query_map();
    let shown = read(move || data::Category {
        id: params.read().get("category").unwrap_or_default(),
        page: query.read().get("page").unwrap_or_default(),
    });
    load(shown, |(category, categories, found)| {
        let chips = categories
            .into_iter()
            .map(|other| {
                let here = other.slug == category.slug;
                let sign = Sign::of_category(&other.slug);
                view! {
                    <a class="chip" data-category=other.slug.clone() href=links::category(&other.slug) aria-current=here.then_some("page")>
                        <Icon sign/>{other.title}
                    </a>
                }
            })
            .views();
        let sign = Sign::of_category(&category.slug);
        view! {
            <Title text=category.title.clone()/>
            <div class="cat-hero" data-category=category.slug.clone()>
                <div class="wrap stack">
                    <div class="cat-hero__row">
                        <span class="cat-mark"><Icon sign/></span>
                        <div>
                            <h1>{category.title}</h1>
                            <p class="muted">{category.description}" "{fmt::plural(found.total, "product", "products")}"."</p>
                        </div>
                    </div>
                    <nav class="chips" aria-label="Kinds">{chips}</nav>
                </div>
            </div>
            <div class="wrap section stack stack--lg"><Results found narrow=false/></div>
        }
        .into_any()
    })
}
