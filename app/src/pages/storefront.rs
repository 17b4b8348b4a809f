//! A provider's public page.

use domain::view::Page;
use domain::view::catalog::{OfferingCard, ProviderView};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_params_map, use_query_map};

use super::marketplace::Results;
use crate::data::{self, Filter};
use crate::error::UiError;
use crate::ui::prelude::*;
use crate::{fmt, links};

type Shown = (ProviderView, Page<OfferingCard>);

/// What a provider says of itself, and what it sells.
#[component]
pub fn StorefrontPage() -> impl IntoView {
    let params = use_params_map();
    let query = use_query_map();
    let asked = Memo::new(move |_| {
        let provider = params.with(|params| params.get("provider")).unwrap_or_default();
        (provider, query.with(|query| query.get("page")).unwrap_or_default())
    });
    let shown = Resource::new_blocking(
        move || asked.get(),
        |(provider, page)| async move {
            let seller = data::provider(provider.clone()).await?;
            let found = data::offerings(Filter { provider, page, ..Filter::default() }).await?;
            Ok::<Shown, UiError>((seller, found))
        },
    );
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
                {(!provider.description.is_empty()).then(|| view! { <p class="prose">{provider.description}</p> })}
                <Results found narrow=false/>
            </div>
        }
        .into_any()
    })
}
