//! Everything on sale, filtered by the address: a GET form, so that a list can be sent to someone.

use domain::view::Page;
use domain::view::catalog::{CategoryView, OfferingCard};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::Form;
use leptos_router::hooks::use_query_map;

use crate::data::{self, Filter};
use crate::ui::live;
use crate::ui::prelude::*;
use crate::{fmt, links};

/// The marketplace.
#[component]
pub fn MarketplacePage() -> impl IntoView {
    let query = use_query_map();
    let shown = read(move || data::Offerings { filter: query.with(Filter::of_query) });
    load(shown, |(filter, categories, found)| {
        let title = match (filter.search.as_str(), categories.iter().find(|category| category.slug == filter.category))
        {
            ("", Some(category)) => category.title.clone(),
            ("", None) => "Marketplace".to_owned(),
            (search, _) => format!("Results for “{search}”"),
        };
        view! {
            <Title text=title.clone()/>
            <div class="wrap market">
                <details class="market__filters" open=filter.is_narrow() && filter.search.is_empty()>
                    <summary class="btn btn--secondary"><Icon sign=Sign::Sliders/>"Filter"</summary>
                    <Filters filter=filter.clone() categories/>
                </details>
                <div class="stack stack--lg">
                    <div class="market__bar">
                        <div>
                            <h1>{title}</h1>
                            <p class="muted" role="status">{fmt::plural(found.total, "product", "products")}</p>
                        </div>
                        <LinkButton href=links::BUNDLES label="Bundles" look=Look::Secondary/>
                        <SortForm filter=filter.clone()/>
                    </div>
                    <Results found narrow=filter.is_narrow()/>
                </div>
            </div>
        }
        .into_any()
    })
}

/// What a visitor can narrow the list by.
#[component]
fn Filters(filter: Filter, categories: Vec<CategoryView>) -> impl IntoView {
    let all = categories.iter().map(|category| category.offerings).sum::<i64>();
    let category_choices = std::iter::once((String::new(), "All".to_owned(), all))
        .chain(categories.into_iter().map(|category| (category.slug, category.title, category.offerings)))
        .map(|(slug, title, count)| {
            let checked = slug == filter.category;
            let sign = if slug.is_empty() { Sign::Layers } else { Sign::of_category(&slug) };
            view! {
                <label class="check" data-category=slug.clone()>
                    <input type="radio" name="category" value=slug.clone() checked=checked on:change=|event| live::submit_form_of(&event)/>
                    <span><Icon sign class="icon--sm"/>{title}<span class="count">{fmt::count(count)}</span></span>
                </label>
            }
        })
        .views();
    let radios = |name: &'static str, chosen: &str, options: &[(&'static str, &'static str)]| {
        options
            .iter()
            .map(|(value, text)| {
                let checked = *value == chosen;
                view! { <label class="check"><input type="radio" name=name value=*value checked=checked on:change=|event| live::submit_form_of(&event)/><span>{*text}</span></label> }
            })
            .views()
    };
    let prices = radios(
        "price",
        &filter.price,
        &[("", "Any price"), ("0", "Free plan"), ("29", "Up to $29 a month"), ("99", "Up to $99 a month")],
    );
    let ratings =
        radios("rating", &filter.rating, &[("", "Any rating"), ("4", "4 stars and more"), ("3", "3 stars and more")]);
    let clear = filter
        .is_narrow()
        .then(|| view! { <LinkButton href=links::MARKETPLACE label="Clear" look=Look::Ghost/> }.into_any());
    view! {
        <Form method="GET" action=links::MARKETPLACE attr:class="filters">
            <label class="field">
                <span class="field__label">"Search"</span>
                <input class="input" type="search" name="search" value=filter.search.clone() maxlength="200" placeholder="Name, task, tag"/>
            </label>
            <fieldset><legend class="field__label">"Kind"</legend>{category_choices}</fieldset>
            <fieldset><legend class="field__label">"Price"</legend>{prices}</fieldset>
            <fieldset><legend class="field__label">"Rating"</legend>{ratings}</fieldset>
            <input type="hidden" name="sort" value=filter.sort.clone()/>
            <div class="form__actions"><Submit label="Show" look=Look::Secondary/>{clear}</div>
        </Form>
    }
}

/// The order of the list.
#[component]
fn SortForm(filter: Filter) -> impl IntoView {
    let options = [
        ("popular", "Most used"),
        ("newest", "Newest"),
        ("rating", "Best rated"),
        ("price", "Cheapest"),
        ("name", "By name"),
    ]
    .into_iter()
    .map(|(value, text)| {
        let selected = value == filter.sort;
        view! { <option value=value selected=selected>{text}</option> }
    })
    .views();
    let kept =
        [("search", filter.search), ("category", filter.category), ("price", filter.price), ("rating", filter.rating)]
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| view! { <input type="hidden" name=name value=value/> })
            .views();
    view! {
        <Form method="GET" action=links::MARKETPLACE attr:class="market__sort">
            {kept}
            <label for="sort">"Sort by"</label>
            <select class="select" id="sort" name="sort" on:change=|event| live::submit_form_of(&event)>{options}</select>
            <Submit label="Sort" look=Look::Ghost class="btn--sm still-only"/>
        </Form>
    }
}

/// A page of products, or what to do without one.
#[component]
pub(super) fn Results(found: Page<OfferingCard>, narrow: bool) -> impl IntoView {
    if found.rows.is_empty() {
        let (title, text) = if found.page > 1 {
            ("The list ends before this page", "Fewer products fit than there were.")
        } else if narrow {
            ("Nothing fits that", "Try fewer words, another kind, or a higher price.")
        } else {
            ("Nothing is on sale yet", "Come back soon, or be the first to sell something here.")
        };
        return view! {
            <EmptyState icon=Sign::Search title text>
                <LinkButton href=links::MARKETPLACE label="Show everything" look=Look::Secondary/>
            </EmptyState>
        }
        .into_any();
    }
    let (page, pages, total) = (found.page, found.pages(), found.total);
    view! {
        <div class="grid grid--offers">{found.rows.into_iter().map(|card| view! { <OfferingTile card level=2/> }).views()}</div>
        <Pagination page pages total words=("product", "products")/>
    }
    .into_any()
}

/// A product in a list.
#[component]
pub(super) fn OfferingTile(
    card: OfferingCard,
    /// Which heading it is on its page: 2 or 3.
    level: u8,
) -> impl IntoView {
    let link = view! { <a href=links::offering(card.id)>{card.name.clone()}</a> };
    let heading = if level == 2 {
        view! { <h2 class="offer__name">{link}</h2> }.into_any()
    } else {
        view! { <h3 class="offer__name">{link}</h3> }.into_any()
    };
    let slug = card.category_slug;
    let hue = slug.clone();
    view! {
        <article class="card card--link offer" data-category=hue>
            <Artwork path=card.thumbnail/>
            <div class="offer__body">
                <div class="row row--sm row--between"><CategoryBadge slug title=card.category_title/><Stars tenths=card.rating_tenths count=card.review_count/></div>
                {heading}
                <p class="offer__tag clamp-2">{card.tagline}</p>
                <div class="offer__foot"><span class="offer__by truncate">{format!("by {}", card.provider_name)}</span><Price from=card.from_price/></div>
            </div>
        </article>
    }
}

/// The artwork of a product. The name beside it says what it is.
#[component]
pub(super) fn Artwork(#[prop(into)] path: String) -> impl IntoView {
    let path = if path.is_empty() { "/art/fallback.svg".to_owned() } else { path };
    view! { <div class="art"><img src=path alt="" width="640" height="360" loading="lazy" decoding="async"/></div> }
}

/// What the cheapest plan costs.
#[component]
fn Price(from: Option<domain::Money>) -> impl IntoView {
    match from {
        None => view! { <span class="price"><small>"No plans yet"</small></span> }.into_any(),
        Some(price) if price.is_zero() => view! { <span class="price">"Free plan"</span> }.into_any(),
        Some(price) => {
            view! { <span class="price"><small>"from "</small>{price.to_string()}<small>" / month"</small></span> }
                .into_any()
        }
    }
}
