//! The first page: what this is, what is on sale, and how both sides of it work.

mod picture;

use domain::view::Page;
use domain::view::catalog::{CategoryView, OfferingCard};
use leptos::prelude::*;
use leptos_meta::{Meta, Title};

use super::marketplace::OfferingTile;
use crate::data::{self, Filter};
use crate::ui::prelude::*;
use crate::{fmt, links};

/// The first page.
#[component]
pub fn LandingPage() -> impl IntoView {
    let shown = read(|| data::Offerings { filter: Filter::default() });
    view! {
        <Title text="AI agents, ready to work"/>
        <Meta name="description" content="A marketplace for AI agents. Try one on the spot, subscribe, and put it on your site in minutes. Build one in Langflow and sell it."/>
        <Hero/>
        {load_part(shown, |(_, categories, offerings)| {
            view! {
                <section class="section wrap" aria-labelledby="categories">
                    <div class="section-head"><div><h2 id="categories">"What are you looking for?"</h2><p>"Four kinds of help, all set up the same way."</p></div></div>
                    <div class="cats">{categories.into_iter().map(|category| view! { <CategoryCard category/> }).views()}</div>
                </section>
                <Featured offerings/>
            }
            .into_any()
        })}
        <HowItWorks/>
        <Promises/>
        <section class="wrap">
            <div class="band">
                <div>
                    <h2>"See it answer before you decide."</h2>
                    <p>"Most products have a demo on their page. Ask it what your customers would ask; no account needed."</p>
                </div>
                <LinkButton href=links::MARKETPLACE label="Browse the marketplace" class="btn--lg" icon_after=Sign::ArrowRight/>
            </div>
        </section>
    }
}

#[component]
fn Hero() -> impl IntoView {
    view! {
        <section class="hero">
            <div class="wrap hero__row">
                <div class="hero__text">
                    <h1>"AI agents, ready to work."</h1>
                    <p class="hero__lead">"Find an agent, try it on the spot and put it on your site in minutes. Or build one in Langflow and sell it to everyone who needs it."</p>
                    <form class="hero__search" role="search" aria-label="By what it should do" method="get" action=links::MARKETPLACE>
                        <label class="input-group input-group--lg">
                            <Icon sign=Sign::Search/>
                            <input class="input input--lg" type="search" name="search" placeholder="What should it do?" aria-label="What should the agent do?" autocomplete="off"/>
                        </label>
                    </form>
                    <div class="hero__actions">
                        <LinkButton href=links::MARKETPLACE label="Browse the marketplace" class="btn--lg"/>
                        <LinkButton href="#sell" label="Sell your agents" look=Look::Secondary class="btn--lg"/>
                    </div>
                </div>
                <div class="hero__art"><picture::Picture/></div>
            </div>
        </section>
    }
}

#[component]
fn CategoryCard(category: CategoryView) -> impl IntoView {
    let sign = Sign::of_category(&category.slug);
    view! {
        <article class="card card--link cat" data-category=category.slug.clone()>
            <span class="cat-mark cat-mark--sm"><Icon sign/></span>
            <div>
                <h3><a href=links::category(&category.slug)>{category.title}</a></h3>
                <p>{category.description}</p>
                <small>{fmt::plural(category.offerings, "product", "products")}</small>
            </div>
        </article>
    }
}

#[component]
fn Featured(offerings: Page<OfferingCard>) -> impl IntoView {
    (!offerings.rows.is_empty()).then(|| {
        view! {
            <section class="wrap" aria-labelledby="featured">
                <div class="section-head">
                    <div><h2 id="featured">"On the marketplace"</h2><p>"Each can be tried, bought and set up today."</p></div>
                    <LinkButton href=links::MARKETPLACE label="See everything" look=Look::Secondary icon_after=Sign::ArrowRight/>
                </div>
                <div class="grid grid--offers">{offerings.rows.into_iter().take(6).map(|card| view! { <OfferingTile card level=3/> }).views()}</div>
            </section>
        }.into_any()
    })
}

#[component]
fn HowItWorks() -> impl IntoView {
    view! {
        <section class="section wrap" id="how" aria-labelledby="how-title">
            <div class="section-head"><div><h2 id="how-title">"How it works"</h2><p>"Two sides, one place."</p></div></div>
            <div class="how">
                <div class="card how__side">
                    <h3>"Put an agent to work"</h3>
                    <ol class="how__steps">
                        <li><div><h3>"Try it"</h3><p>"Open a product, read what it does, and talk to its demo."</p></div></li>
                        <li><div><h3>"Subscribe"</h3><p>"Pick a plan. Your account is made on the way; there is no wizard."</p></div></li>
                        <li><div><h3>"Make it yours"</h3><p>"Give it a name, a tone, a greeting and your colours."</p></div></li>
                        <li><div><h3>"Go live"</h3><p>"Paste one snippet into your page, or call it with a key."</p></div></li>
                    </ol>
                    <LinkButton href=links::MARKETPLACE label="Find an agent"/>
                </div>
                <div class="card how__side" id="sell">
                    <h3>"Sell what you have built"</h3>
                    <ol class="how__steps">
                        <li><div><h3>"Build"</h3><p>"Design a flow in Langflow Studio and export it."</p></div></li>
                        <li><div><h3>"Import"</h3><p>"Drop the file here. A report says, part by part, what runs."</p></div></li>
                        <li><div><h3>"Price"</h3><p>"Set plans: a monthly price and how many calls are in it."</p></div></li>
                        <li><div><h3>"Publish"</h3><p>"We look at it once. Then it is listed, sold, run and metered for you."</p></div></li>
                    </ol>
                    <LinkButton href=links::REGISTER label="Start selling" look=Look::Secondary/>
                </div>
            </div>
        </section>
    }
}

#[component]
fn Promises() -> impl IntoView {
    let promises = [
        (
            Sign::Zap,
            "Ready within seconds",
            "After you pay, the agent is set up and waiting on its own page, with every setting in sight.",
        ),
        (
            Sign::Shield,
            "Keys that cannot hurt you",
            "A key on a web page answers on the pages that you name, with its own cap, and can be revoked at once.",
        ),
        (
            Sign::Chart,
            "Every call counted once",
            "Usage shows each call as it happens. A call that fails costs nothing.",
        ),
    ];
    let promises = promises
        .into_iter()
        .map(|(sign, title, text)| {
            view! { <div><span class="cat-mark cat-mark--sm"><Icon sign/></span><h3>{title}</h3><p>{text}</p></div> }
        })
        .views();
    view! { <section class="wrap section" aria-label="What you can rely on"><div class="trio">{promises}</div></section> }
}
