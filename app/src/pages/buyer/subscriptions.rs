//! An organization's subscriptions: their plans, how to switch them and how to end them.

use domain::state::SubscriptionState;
use domain::view::order::SubscriptionView;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use serde::{Deserialize, Serialize};
use server_fn::codec::GetUrl;

use crate::error::UiError;
use crate::links;
use crate::pages::sheet::PressButton;
use crate::ui::live;
use crate::ui::prelude::*;

/// A subscription, and the plans that it can be switched to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    subscription: SubscriptionView,
    /// The other plans: what the form sends, and words with what is charged now.
    plans: Vec<(String, String)>,
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
        let changes = services::billing::changes(&ctx, &who, subscription.id).await.map_err(here::fail)?;
        let plans = changes
            .into_iter()
            .map(|change| {
                let now = match change.from {
                    Some(from) => format!("from {} on", from.day()),
                    None if change.now.is_zero() => "nothing to pay now".to_owned(),
                    None => format!("{} now", change.now),
                };
                // The price is sent along, so that nobody pays what they were not shown.
                let value = format!("{}:{}", change.plan_id, change.now.minor);
                (value, format!("{} — {} a {}, {now}", change.name, change.price, change.interval))
            })
            .collect();
        lines.push(Line { subscription, plans });
    }
    Ok(lines)
}

/// Orders another plan, and leads to the order.
#[server(prefix = "/ui", endpoint = "subscription/switch")]
pub async fn switch_plan(subscription: String, plan: String) -> Result<(), UiError> {
    use services::orders::Switched;

    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let id = here::id("subscription", &subscription)?;
    let (plan, shown) = plan.split_once(':').unwrap_or((&plan, ""));
    let plan = here::id("plan", plan)?;
    match services::orders::switch_plan(&ctx, &who, id, plan, shown.parse().ok()).await.map_err(here::fail)? {
        Switched::Ordered(order) => match order.checkout_url {
            Some(url) => here::redirect_to_checkout(&url),
            None => here::redirect(&links::order(order.id)),
        },
        Switched::From(_) => {
            let now = services::subscriptions::get(&ctx, &who, id).await.map_err(here::fail)?;
            here::redirect(&links::with_notice(&links::organization(now.organization_id, "resources/"), "plan-later"));
        }
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
    if let Some(url) = order.checkout_url {
        // What was used is paid first.
        here::redirect_to_checkout(&url);
        return Ok(());
    }
    here::redirect(&links::with_notice(
        &links::organization(order.organization_id, "resources/"),
        "subscription-ended",
    ));
    Ok(())
}

/// Has a subscription end with the month that is paid.
#[server(prefix = "/ui", endpoint = "subscription/cancel")]
pub async fn cancel_subscription(subscription: String) -> Result<(), UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let id = here::id("subscription", &subscription)?;
    services::billing::cancel_at_period_end(&ctx, &who, id).await.map_err(here::fail)?;
    let now = services::subscriptions::get(&ctx, &who, id).await.map_err(here::fail)?;
    here::redirect(&links::with_notice(&links::organization(now.organization_id, "resources/"), "ends-with-period"));
    Ok(())
}

/// Takes back that a subscription ends with its month.
#[server(prefix = "/ui", endpoint = "subscription/resume")]
pub async fn resume_subscription(subscription: String) -> Result<(), UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let id = here::id("subscription", &subscription)?;
    services::billing::resume(&ctx, &who, id).await.map_err(here::fail)?;
    let now = services::subscriptions::get(&ctx, &who, id).await.map_err(here::fail)?;
    here::redirect(&links::with_notice(&links::organization(now.organization_id, "resources/"), "goes-on"));
    Ok(())
}

/// The forms of the page.
#[derive(Clone, Copy)]
struct Forms {
    switch: FormAction,
    end: FormAction,
    cancel: FormAction,
    resume: FormAction,
    keep: FormAction,
}

/// What an organization has subscribed to.
#[component]
pub fn SubscriptionsPage() -> impl IntoView {
    let params = use_params_map();
    let forms = Forms {
        switch: FormAction::of::<SwitchPlan>(),
        end: FormAction::of::<EndSubscription>(),
        cancel: FormAction::of::<CancelSubscription>(),
        resume: FormAction::of::<ResumeSubscription>(),
        keep: FormAction::of::<PressButton>(),
    };
    let Forms { switch, end, cancel, resume, keep } = forms;
    live::load_answer(keep);
    let all = [switch, end, cancel, resume, keep];
    let changed = move || all.iter().map(|form| form.version().get()).sum::<usize>();
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
            lines.into_iter().map(|line| card(line, &forms)).views().into_any()
        };
        view! {
            <div class="page">
                <PageHead title="Subscriptions" text="What you pay for, and what is in it."/>
                {all.into_iter().map(|form| view! { <FormAlert form=FormState::of(form)/> }).views()}
                {body}
            </div>
        }
        .into_any()
    })
}

fn card(line: Line, forms: &Forms) -> AnyView {
    let Forms { switch, end, cancel, resume, keep } = *forms;
    let Line { subscription, plans } = line;
    let id = subscription.id.to_string();
    let form = FormState::of(switch);
    let changeable = matches!(subscription.state, SubscriptionState::Ok | SubscriptionState::Erred);
    let badge = view! { <SubscriptionBadge state=subscription.state/> }.into_any();
    let (switch_id, end_id, keep_id) = (id.clone(), id.clone(), id.clone());
    let compare = links::organization(subscription.organization_id, &format!("resources/{id}/compare/"));
    let bill = links::organization(subscription.organization_id, &format!("resources/{id}/usage/"));
    let switching = (changeable && !plans.is_empty()).then(|| {
        let id = switch_id;
        view! {
            <PostForm action=switch class="row row--end">
                <input type="hidden" name="subscription" value=id.clone()/>
                <SelectField form name="plan" label="Another plan" options=plans id=format!("plan-{id}")/>
                <Submit label="Switch" look=Look::Secondary pending=form.pending/>
            </PostForm>
            <p class="muted tiny">"Of a dearer plan the rest of this period is paid now, less what is left of yours. A cheaper one holds when the period is over. "<a class="btn-link" href=compare>"What would last month have cost on each?"</a></p>
        }
    });
    let period = subscription.period.clone();
    let ends = period.as_ref().is_some_and(|period| period.cancel_at_period_end);
    // What is not paid for cannot be used up.
    let usable = period.as_ref().is_some_and(|period| period.unpaid_order.is_none());
    let resuming = (ends && usable && changeable).then(|| {
        view! {
            <PostForm action=resume>
                <input type="hidden" name="subscription" value=id.clone()/>
                <Submit label="Resume" look=Look::Secondary class="btn--sm"/>
            </PostForm>
        }
        .into_any()
    });
    let plan_name = subscription.plan_name.clone();
    let keeping = period.as_ref().and_then(|period| period.next_plan.as_ref()).is_some().then(|| {
        view! {
            <PostForm action=keep>
                <input type="hidden" name="what" value="keep-plan"/>
                <input type="hidden" name="id" value=keep_id/>
                <Submit label=format!("Keep {plan_name}") look=Look::Secondary class="btn--sm"/>
            </PostForm>
        }
        .into_any()
    });
    let paid = period.as_ref().map(|period| {
        let text = match (&period.unpaid_order, ends, &period.next_plan) {
            (Some(_), ..) => String::new(),
            (None, true, _) => format!("Ends on {}", period.until),
            (None, false, None) => format!("Renews on {}", period.until),
            (None, false, Some(plan)) => format!("{plan} from {} on", period.until),
        };
        view! { <span class="muted small">{text}</span> }.into_any()
    });
    let overdue = period.as_ref().and_then(|period| period.unpaid_order).map(|order| {
        let text = if period.as_ref().is_some_and(|period| period.entitlement.is_usable()) {
            "This period is not paid yet. The agent goes on answering for a week."
        } else {
            "Something is not paid, and the agent answers nobody until it is."
        };
        view! { <Alert kind=Kind::Warn text action=view! { <LinkButton href=links::order(order) label="Pay" class="btn--sm"/> }.into_any()/> }.into_any()
    });
    let ending = changeable.then(|| {
        let id = end_id;
        let cancel_id = id.clone();
        let with_period = (usable && !ends).then(|| {
            view! {
                <p>"At the end of the period that is paid: it goes on until then, and you can change your mind."</p>
                <PostForm action=cancel class="stack">
                    <input type="hidden" name="subscription" value=cancel_id/>
                    <Submit label="End it with the month" look=Look::Secondary/>
                </PostForm>
            }
            .into_any()
        });
        view! {
            <Dialog id=format!("end-{id}") opener="End it" opener_class="btn btn--danger btn--sm" title="End this subscription?">
                {with_period}
                <p>"Or now: the agent stops answering, and its keys stop working. What is paid for this period is not given back; what was used and is billed by use is paid first."</p>
                <PostForm action=end class="stack">
                    <input type="hidden" name="subscription" value=id.clone()/>
                    <Submit label="End it now" look=Look::DangerSolid/>
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
                {overdue}
                <div class="row row--between"><span><strong>{subscription.plan_name.clone()}</strong>" · "{format!("{} a {} ", subscription.price, subscription.interval)}{paid}</span><span class="row row--sm">{open}{keeping}{resuming}{ending}</span></div>
                <Meter label="Calls this month" used=subscription.used limit=subscription.monthly_quota/>
                {switching}
                <p class="tiny"><a class="btn-link" href=bill>"Usage bill"</a></p>
            </div>
        </Card>
    }
    .into_any()
}
