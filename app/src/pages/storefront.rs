//! A provider's public page.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_params_map, use_query_map};

use super::marketplace::Results;
use crate::ui::prelude::*;
use crate::{data, fmt, links};

/// What a provider says of itself, and what it sells.
#[component]
pub fn StorefrontPage() -> impl IntoView {
    let params = use_params_map();
    let query = use_query_map();
    let shown = read(move || data::Provider {
        id: params.read().get("provider").unwrap_or_default(),
        page: query.read().get("page").unwrap_or_default(),
    });
    load(shown, |(provider, found)| {
        view! {
            <Title text=provider.name.clone()/>
            <div class="wrap page">
                <div class="provider-head">
                    <Avatar name=provider.name.clone() class="avatar--square avatar--lg"/>
                    <div>
                        <Crumbs crumbs=vec![Crumb::new("Marketplace", links::MARKETPLACE)]/>
                        <h1>{provider.name}</h1>
                        <p class="muted">{fmt::plural(found.total, "product", "products")}</p>
                    </div>
                </div>
                {(!provider.description.is_empty()).then(|| view! { <p class="prose">{provider.description}</p> }.into_any())}
                <Results found narrow=false/>
            </div>
        }
        .into_any()
    })
}
