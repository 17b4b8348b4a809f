//! A product: what it does, what it costs, what others say of it, and a demo to try.

pub(crate) mod demo;
mod plans;
mod reviews;

use domain::state::{Capability, OfferingState};
use domain::view::catalog::OfferingView;
use leptos::prelude::*;
use leptos_meta::{Meta, Title};
use leptos_router::hooks::use_params_map;

use super::marketplace::Artwork;
use crate::ui::prelude::*;
use crate::{data, fmt, links};
use demo::{ForgetFiles, Say, Tryout};
use plans::Plans;
use reviews::{Reviews, WriteReview};

/// A product's page.
#[component]
pub fn OfferingPage() -> impl IntoView {
    let params = use_params_map();
    // The actions are made here, where the error of a plain form is in reach.
    let say = FormAction::of::<Say>();
    let forget = FormAction::of::<ForgetFiles>();
    let review = FormAction::of::<WriteReview>();
    let found = read_again(
        move || review.version().get() + forget.version().get(),
        move || data::Offering { id: params.read().get("offering").unwrap_or_default() },
    );
    load(found, move |(offering, said, viewer)| {
        let card = offering.card.clone();
        let tryout = offering.demo.then(|| view! { <Tryout offering=offering.clone() said say forget/> }.into_any());
        view! {
            <Title text=card.name.clone()/>
            <Meta name="description" content=card.tagline.clone()/>
            <div class="wrap product" data-category=card.category_slug.clone()>
                <Top offering=offering.clone()/>
                <div class="product__body">
                    <Plans offering=offering.clone()/>
                    {tryout}
                    <About offering=offering.clone()/>
                    <Reviews offering viewer action=review/>
                </div>
            </div>
        }
        .into_any()
    })
}

#[component]
fn Top(offering: OfferingView) -> impl IntoView {
    let card = offering.card;
    let on_sale = card.state == OfferingState::Active;
    let cheapest = offering.plans.first().map(|plan| {
        let label =
            if plan.price.is_zero() { "Start for free".to_owned() } else { format!("Subscribe from {}", plan.price) };
        (links::buy(plan.id), label)
    });
    let notice = match card.state {
        OfferingState::Active => None,
        OfferingState::Paused => Some((
            "This product is not for sale at the moment",
            "Running subscriptions go on. Come back later, or look at similar ones.",
        )),
        OfferingState::Draft | OfferingState::InReview | OfferingState::Archived => {
            Some(("Only you can see this page", "It is not on the marketplace now."))
        }
    };
    view! {
        <Crumbs crumbs=vec![Crumb::new("Marketplace", links::MARKETPLACE), Crumb::new(card.category_title.clone(), links::category(&card.category_slug))]/>
        {notice.map(|(title, text)| view! { <Alert kind=Kind::Warn title text/> }.into_any())}
        <div class="product__top">
            <div class="product__intro">
                <div class="row row--sm"><CategoryBadge slug=card.category_slug.clone() title=card.category_title.clone()/></div>
                <h1>{card.name.clone()}</h1>
                <p class="product__lead">{card.tagline}</p>
                <div class="product__meta">
                    <span>"by "<a href=links::public_provider(card.provider_id)>{card.provider_name}</a></span>
                    <Stars tenths=card.rating_tenths count=card.review_count/>
                    {(card.customers > 0).then(|| view! { <span>{fmt::plural(card.customers, "organization uses it", "organizations use it")}</span> }.into_any())}
                </div>
                <div class="row">
                    {cheapest.filter(|_| on_sale).map(|(href, label)| view! { <LinkButton href label class="btn--lg"/> }.into_any())}
                    {offering.demo.then(|| view! { <LinkButton href="#demo" label="Try it now" look=Look::Secondary class="btn--lg" icon=Sign::MessageCircle/> }.into_any())}
                </div>
            </div>
            <div class="product__art"><Artwork path=card.thumbnail/></div>
        </div>
    }
}

#[component]
fn About(offering: OfferingView) -> impl IntoView {
    let capabilities = offering
        .capabilities
        .iter()
        .map(|capability| {
            let (sign, title, text) = about_capability(*capability);
            view! { <li class="cap"><Icon sign/><div><strong>{title}</strong><span>{text}</span></div></li> }
        })
        .views();
    let shots = offering
        .screenshots
        .iter()
        .enumerate()
        .map(|(index, path)| view! { <img src=path.clone() alt=format!("Picture {} of {}", index + 1, offering.card.name) loading="lazy"/> })
        .views();
    let tags = offering
        .card
        .tags
        .iter()
        .map(|tag| view! { <a class="chip chip--sm" href=format!("{}{}", links::MARKETPLACE, links::query(&[("search", tag)]))>{tag.clone()}</a> })
        .views();
    let provider = offering.provider;
    view! {
        <section aria-labelledby="about">
            <h2 id="about">"About it"</h2>
            <div class="columns">
                <div class="stack stack--lg">
                    {(!offering.screenshots.is_empty()).then(|| view! { <div class="shots" tabindex="0" role="group" aria-label="Pictures">{shots}</div> }.into_any())}
                    // Made safe by services::markdown.
                    <div class="prose" inner_html=offering.full_description_html></div>
                    <div class="chips">{tags}</div>
                </div>
                <div class="stack">
                    <Card title="What you can set"><ul class="caps">{capabilities}</ul></Card>
                    <Card title="Provider">
                        <div class="row row--nowrap"><Avatar name=provider.name.clone() class="avatar--square"/><div><a class="strong" href=links::public_provider(provider.id)>{provider.name.clone()}</a><p class="muted small">{fmt::plural(provider.offerings, "product", "products")}</p></div></div>
                        <p class="small muted clamp-3">{provider.description}</p>
                    </Card>
                </div>
            </div>
        </section>
    }
}

/// What a capability means to a buyer.
fn about_capability(capability: Capability) -> (Sign, &'static str, &'static str) {
    match capability {
        Capability::Chat => (Sign::MessageCircle, "Chat on your site", "A widget with your greeting, in your corner."),
        Capability::Api => (Sign::Key, "API", "Keys with limits and a monthly quota."),
        Capability::Knowledge => (Sign::Book, "Your knowledge", "Documents, questions and answers, addresses."),
        Capability::Persona => (Sign::Smile, "Persona", "Name, tone and how it behaves."),
        Capability::Branding => (Sign::Palette, "Your brand", "Colours, logo and welcome message."),
        Capability::Integrations => (Sign::Plug, "Integrations", "Webhooks and outside services."),
        Capability::Scheduling => (Sign::Calendar, "Schedules", "At times, in intervals, on triggers."),
    }
}
