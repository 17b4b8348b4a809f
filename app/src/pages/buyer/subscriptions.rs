//! An organization's subscriptions: their plans, how to switch them and how to end them.

use domain::state::SubscriptionState;
use domain::view::catalog::PlanView;
use domain::view::order::SubscriptionView;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use serde::{Deserialize, Serialize};
use server_fn::codec::GetUrl;

use crate::error::UiError;
use crate::links;
use crate::ui::prelude::*;

/// A subscription, and the plans that it can be switched to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    subscription: SubscriptionView,
    plans: Vec<PlanView>,
}

/// Returns the organization's subscriptions.
#[server(prefix = "/ui", endpoint = "subscription/list", input = GetUrl)]
pub async fn subscriptions(organization: String) -> Result<Vec<Line>, UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let id = here::id("organization", &organization)?;
    let filter = services::subscriptions::SubscriptionFilter { organization: Some(id), ..Default::default() };
    let paging = domain::view::Paging::clamped(1, 300);
    let page = services::subscriptions::list(&ctx, &who, filter, paging).await.map_err(here::fail)?;
    let mut lines = Vec::new();
    for subscription in page.rows {
        // A product that is no longer listed has no plans to switch to.
        let offering = services::catalog::offering(&ctx, &who, subscription.offering_id).await;
        let plans = offering.map(|offering| offering.plans).unwrap_or_default();
        lines.push(Line { subscription, plans });
    }
    Ok(lines)
}

/// Orders another plan, and leads to the order.
#[server(prefix = "/ui", endpoint = "subscription/switch")]
pub async fn switch_plan(subscription: String, plan: String) -> Result<(), UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let id = here::id("subscription", &subscription)?;
    let plan = here::id("plan", &plan)?;
    let order = services::orders::switch_plan(&ctx, &who, id, plan).await.map_err(here::fail)?;
    match order.checkout_url {
        Some(url) => here::redirect_to_checkout(&url),
        None => here::redirect(&links::order(order.id)),
    }
    Ok(())
}

/// Ends a subscription.
#[server(prefix = "/ui", endpoint = "subscription/end")]
pub async fn end_subscription(subscription: String) -> Result<(), UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let id = here::id("subscription", &subscription)?;
    let order = services::orders::terminate(&ctx, &who, id).await.map_err(here::fail)?;
    here::redirect(&links::with_notice(
        &links::organization(order.organization_id, "resources/"),
        "subscription-ended",
    ));
    Ok(())
}

/// What an organization has subscribed to.
#[component]
pub fn SubscriptionsPage() -> impl IntoView {
    let params = use_params_map();
    let switch = FormAction::of::<SwitchPlan>();
    let end = FormAction::of::<EndSubscription>();
    let changed = move || switch.version().get() + end.version().get();
    let organization = move || params.read().get("organization").unwrap_or_default();
    let found = read_again(changed, move || Subscriptions { organization: organization() });
    load(found, move |lines| {
        let body = if lines.is_empty() {
            view! {
                <EmptyState icon=Sign::Layers title="No subscriptions yet" text="Choose a plan of any agent in the marketplace.">
                    <LinkButton href=links::MARKETPLACE label="Browse the marketplace"/>
                </EmptyState>
            }
            .into_any()
        } else {
            lines.into_iter().map(|line| card(line, switch, end)).views().into_any()
        };
        view! {
            <div class="page">
                <PageHead title="Subscriptions" text="What you pay for, and what is in it."/>
                <FormAlert form=FormState::of(switch)/>
                <FormAlert form=FormState::of(end)/>
                {body}
            </div>
        }
        .into_any()
    })
}

fn card(line: Line, switch: FormAction, end: FormAction) -> impl IntoView {
    let Line { subscription, plans } = line;
    let id = subscription.id.to_string();
    let form = FormState::of(switch);
    let changeable = matches!(subscription.state, SubscriptionState::Ok | SubscriptionState::Erred);
    let options: Vec<(String, String)> = plans
        .iter()
        .filter(|plan| plan.id != subscription.plan_id)
        .map(|plan| (plan.id.to_string(), format!("{} — {} a month", plan.name, plan.price)))
        .collect();
    let badge = view! { <SubscriptionBadge state=subscription.state/> }.into_any();
    let (switch_id, end_id) = (id.clone(), id.clone());
    let switching = (changeable && !options.is_empty()).then(|| {
        let id = switch_id;
        view! {
            <PostForm action=switch class="row row--end">
                <input type="hidden" name="subscription" value=id.clone()/>
                <SelectField form name="plan" label="Another plan" options id=format!("plan-{id}")/>
                <Submit label="Switch" look=Look::Secondary pending=form.pending/>
            </PostForm>
            <p class="muted tiny">"A dearer plan is paid for now and holds at once. A cheaper one holds at once; nothing is paid back."</p>
        }
    });
    let ending = changeable.then(|| {
        let id = end_id;
        view! {
            <Dialog id=format!("end-{id}") opener="End it" opener_class="btn btn--danger btn--sm" title="End this subscription?">
                <p>"The agent stops answering now, and its keys stop working. What is paid for this month is not given back."</p>
                <PostForm action=end class="stack">
                    <input type="hidden" name="subscription" value=id.clone()/>
                    <Submit label="End it" look=Look::DangerSolid/>
                </PostForm>
            </Dialog>
        }
    });
    let open = subscription.config_id.map(|config| {
        view! { <LinkButton href=links::agent(subscription.organization_id, config, "") label="Open the agent" look=Look::Secondary class="btn--sm"/> }.into_any()
    });
    let problem = (!subscription.error_message.is_empty())
        .then(|| view! { <Alert kind=Kind::Bad text=subscription.error_message.clone()/> }.into_any());
    view! {
        <Card title=subscription.name.clone() text=format!("{} · {}", subscription.offering_name, subscription.provider_name) end=badge>
            <div class="stack">
                {problem}
                <div class="row row--between"><span><strong>{subscription.plan_name.clone()}</strong>" · "{subscription.price.to_string()}" a month"</span><span class="row row--sm">{open}{ending}</span></div>
                <Meter label="Calls this month" used=subscription.used limit=subscription.monthly_quota/>
                {switching}
            </div>
        </Card>
    }
}
