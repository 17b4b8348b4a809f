//! Where a plan is bought. Someone who is new signs up here, inside the purchase, and goes on to pay.

mod order;

use domain::Permission;
use domain::view::account::Viewer;
use domain::view::catalog::{OfferingView, PlanView};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_location, use_params_map};

use super::marketplace::Artwork;
use super::register::PersonFields;
use crate::ui::live;
use crate::ui::prelude::*;
use crate::{data, fmt, links};
use order::{Order, SignUpAndOrder};

/// Buys a plan.
#[component]
pub fn BuyPage() -> impl IntoView {
    let params = use_params_map();
    // The actions are made here, where the error of a plain form is in reach.
    let order = FormAction::of::<Order>();
    let sign_up = FormAction::of::<SignUpAndOrder>();
    live::load_answer(order);
    live::load_answer(sign_up);
    let found = read(move || data::Plan { id: params.read().get("plan").unwrap_or_default() });
    load(found, move |(plan, offering, viewer)| {
        let step = match viewer {
            Some(viewer) => {
                view! { <OrderForm action=order plan=plan.clone() offering=offering.clone() viewer/> }.into_any()
            }
            None => view! { <NewcomerForm action=sign_up plan=plan.clone() offering=offering.clone()/> }.into_any(),
        };
        view! {
            <Title text=format!("{} {}", offering.card.name, plan.name)/>
            <div class="wrap buy">
                <div class="stack stack--lg">
                    <Crumbs crumbs=vec![Crumb::new("Marketplace", links::MARKETPLACE), Crumb::new(offering.card.name.clone(), links::offering(offering.card.id))]/>
                    {step}
                </div>
                <aside aria-label="Your order"><Summary plan offering/></aside>
            </div>
        }
        .into_any()
    })
}

fn pay_label(plan: &PlanView) -> &'static str {
    if plan.trial_days > 0 {
        return "Continue";
    }
    if plan.price.is_zero() { "Start for free" } else { "Continue to payment" }
}

/// What is left to say for someone who is signed in.
#[component]
fn OrderForm(action: FormAction, plan: PlanView, offering: OfferingView, viewer: Viewer) -> impl IntoView {
    let form = FormState::of(action);
    let buyers: Vec<(String, String)> = viewer
        .memberships
        .iter()
        .filter(|membership| {
            membership.role.may(Permission::Buy) && membership.organization_id != offering.card.provider_id
        })
        .map(|membership| (membership.organization_id.to_string(), membership.organization_name.clone()))
        .collect();
    if buyers.is_empty() {
        return view! {
            <Alert kind=Kind::Warn title="You cannot buy this" text="Your role in your organization does not include buying, or it is your own product. Ask an owner or admin."/>
        }
        .into_any();
    }
    let who = if buyers.len() == 1 {
        buyers
            .into_iter()
            .map(|(id, _)| view! { <input type="hidden" name="organization" value=id/> })
            .views()
            .into_any()
    } else {
        view! { <SelectField form name="organization" label="For" options=buyers/> }.into_any()
    };
    view! {
        <div class="stack"><h1>"Almost there"</h1><p class="muted">{format!("Signed in as {}.", viewer.user.email)}</p></div>
        <PostForm action class="form">
            <FormAlert form/>
            <input type="hidden" name="plan" value=plan.id.to_string()/>
            {who}
            <Field form name="name" label="What to call it" value=offering.card.name.clone() required=true maxlength=80 hint="Only your team sees this."/>
            <Terms form terms=offering.terms.clone()/>
            <Submit label=pay_label(&plan) class="btn--lg" pending=form.pending/>
        </PostForm>
    }
    .into_any()
}

/// Sign-up and order in one.
#[component]
fn NewcomerForm(action: FormAction, plan: PlanView, offering: OfferingView) -> impl IntoView {
    let form = FormState::of(action);
    let here = use_location().pathname;
    let login = move || links::login_then(&here.get());
    view! {
        <div class="stack stack--sm">
            <h1>"Tell us who you are"</h1>
            <p class="muted">"Have an account? "<a class="link" href=login>"Sign in"</a>" and come back here."</p>
        </div>
        <PostForm action class="form">
            <FormAlert form/>
            <input type="hidden" name="plan" value=plan.id.to_string()/>
            <PersonFields form/>
            <Terms form terms=offering.terms.clone()/>
            <Submit label=pay_label(&plan) class="btn--lg" pending=form.pending/>
        </PostForm>
    }
}

#[component]
fn Terms(form: FormState, terms: String) -> impl IntoView {
    let problem = form.problem("accepting_terms_of_service");
    (!terms.is_empty()).then(|| {
        view! {
            <details class="card"><summary class="card__head">"Terms of the provider"</summary><div class="card__body"><p class="small break">{terms}</p></div></details>
            <CheckField name="accept_terms" label="I accept these terms" required=true/>
            {move || problem.get().map(|problem| view! { <p class="field__error">{problem}</p> }.into_any())}
        }.into_any()
    })
}

/// What is bought, and what it costs.
#[component]
fn Summary(plan: PlanView, offering: OfferingView) -> impl IntoView {
    let calls = plan.monthly_quota.map_or_else(
        || "Calls without a limit".to_owned(),
        |quota| format!("{} a month", fmt::plural(quota, "call", "calls")),
    );
    let besides =
        plan.besides.iter().map(|words| view! { <div><dt>"Besides"</dt><dd>{words.clone()}</dd></div> }).views();
    let due = if plan.trial_days > 0 {
        format!("Due after {} days, if you have not tried it before", plan.trial_days)
    } else {
        "Due today".to_owned()
    };
    view! {
        <div class="card summary">
            <div class="card__body">
                <div class="summary__item" data-category=offering.card.category_slug.clone()>
                    <Artwork path=offering.card.thumbnail.clone()/>
                    <div>
                        <strong>{offering.card.name.clone()}</strong>
                        <p class="muted small">{format!("by {}", offering.card.provider_name)}</p>
                    </div>
                </div>
                <dl class="facts">
                    <div><dt>"Plan"</dt><dd>{plan.name.clone()}</dd></div>
                    <div><dt>"Calls"</dt><dd>{calls}</dd></div>
                    <div><dt>"Billed"</dt><dd>{format!("Each {}, until you cancel", plan.interval)}</dd></div>
                    {besides}
                </dl>
                <div class="summary__total"><span>{due}</span><span>{plan.first_payment.to_string()}</span></div>
            </div>
            <div class="card__foot">
                {if offering.manual_approval { "The provider looks at each order first. Nothing is kept if it declines." } else { "Ready within seconds after payment." }}
            </div>
        </div>
    }
}
