//! The plans of a product: side by side to choose from, and as a table to compare.

use domain::state::{Capability, OfferingState};
use domain::view::catalog::{OfferingView, PlanView};
use leptos::prelude::*;

use crate::ui::prelude::*;
use crate::{fmt, links};

/// The plans, cheapest first.
#[component]
pub(super) fn Plans(offering: OfferingView) -> impl IntoView {
    let on_sale = offering.card.state == OfferingState::Active;
    let plans = offering.plans.clone();
    let cards = plans
        .iter()
        .map(|plan| view! { <PlanCard plan=plan.clone() on_sale capabilities=offering.capabilities.clone()/> })
        .views();
    let compare = (plans.len() > 1)
        .then(|| view! { <Compare plans=plans.clone() capabilities=offering.capabilities.clone()/> }.into_any());
    view! {
        <section aria-labelledby="plans" class="stack">
            <h2 id="plans">"Plans"</h2>
            {if plans.is_empty() {
                view! { <EmptyState icon=Sign::Tag title="No plans yet" text="The provider has not set a price."/> }.into_any()
            } else {
                view! { <div class="plans">{cards}</div> }.into_any()
            }}
            {compare}
        </section>
    }
}

fn calls(plan: &PlanView) -> String {
    plan.monthly_quota.map_or_else(
        || "Calls without a limit".to_owned(),
        |quota| format!("{} a month", fmt::plural(quota, "call", "calls")),
    )
}

fn documents(plan: &PlanView) -> String {
    let most = plan.documents;
    format!(
        "{} of {} and {}",
        fmt::plural(most.documents, "document", "documents"),
        fmt::bytes(most.bytes),
        fmt::plural(most.pages, "page", "pages")
    )
}

#[component]
fn PlanCard(plan: PlanView, on_sale: bool, capabilities: Vec<Capability>) -> impl IntoView {
    let points = [
        Some(calls(&plan)),
        Some(format!("{} a minute at most", fmt::count(plan.requests_per_minute))),
        capabilities.contains(&Capability::Knowledge).then(|| documents(&plan)),
        capabilities.contains(&Capability::Chat).then(|| "Chat for your site".to_owned()),
        capabilities.contains(&Capability::Api).then(|| "API keys".to_owned()),
    ];
    let besides = plan.besides.iter().cloned();
    let points = points
        .into_iter()
        .flatten()
        .chain(besides)
        .map(|point| view! { <li><Icon sign=Sign::Check/><span>{point}</span></li> })
        .views();
    let label = if plan.trial_days > 0 {
        format!("Try {}", plan.name)
    } else if plan.price.is_zero() {
        format!("Start {}", plan.name)
    } else {
        format!("Choose {}", plan.name)
    };
    view! {
        <article class="card plan">
            <div class="stack stack--sm"><h3>{plan.name}</h3><p class="muted small">{plan.description}</p></div>
            <p class="plan__price">{plan.price.to_string()}<small>{format!(" / {}", plan.interval)}</small></p>
            <ul class="plan__list">{points}</ul>
            {on_sale.then(|| view! { <LinkButton href=links::buy(plan.id) label look=Look::Secondary class="btn--block"/> }.into_any())}
        </article>
    }
}

#[component]
fn Compare(plans: Vec<PlanView>, capabilities: Vec<Capability>) -> impl IntoView {
    let heads = plans.iter().map(|plan| view! { <th scope="col">{plan.name.clone()}</th> }).views();
    let row = |title: &'static str, cell: &dyn Fn(&PlanView) -> String| {
        let cells = plans.iter().map(|plan| view! { <td class="num">{cell(plan)}</td> }).views();
        view! { <tr><th scope="row">{title}</th>{cells}</tr> }
    };
    let of_documents = capabilities.contains(&Capability::Knowledge).then(|| row("Documents of an agent", &documents));
    let has = capabilities
        .into_iter()
        .map(|capability| {
            let (_, title, _) = super::about_capability(capability);
            let cells = plans
                .iter()
                .map(|_| view! { <td><Icon sign=Sign::Check/><span class="sr">"included"</span></td> })
                .views();
            view! { <tr><th scope="row">{title}</th>{cells}</tr> }
        })
        .views();
    view! {
        <details class="card card--flush">
            <summary class="card__head"><strong>"Compare plans"</strong></summary>
            <div class="table-wrap" tabindex="0" role="group" aria-label="Plans compared">
                <table class="table compare">
                    <caption class="sr">"Plans compared"</caption>
                    <thead><tr><td></td>{heads}</tr></thead>
                    <tbody>
                        {row("Price", &|plan| format!("{} / {}", plan.price, plan.interval))}
                        {row("Calls a month", &|plan| plan.monthly_quota.map_or_else(|| "no limit".to_owned(), fmt::count))}
                        {row("Calls a minute", &|plan| fmt::count(plan.requests_per_minute))}
                        {of_documents}
                        {has}
                    </tbody>
                </table>
            </div>
        </details>
    }
}
