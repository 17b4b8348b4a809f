//! An order: what was ordered and how far it is. While it is under way the page looks again by itself;
//! whoever waited for it is led to the agent once it is ready.

use domain::OrderId;
use domain::state::{OrderKind, OrderState};
use domain::view::order::OrderView;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_navigate, use_params_map, use_query_map};
use server_fn::codec::GetUrl;

use super::marketplace::Artwork;
use crate::error::UiError;
use crate::links;
use crate::ui::live;
use crate::ui::prelude::*;

/// Returns the page of an order for someone who waits for it.
pub fn watching(order: OrderId) -> String {
    format!("{}?watching=1", links::order(order))
}

/// Returns an order. Whoever waits for one that is done is led on to its agent.
#[server(prefix = "/ui", endpoint = "order/get", input = GetUrl)]
pub async fn get_order(id: String, watching: bool) -> Result<OrderView, UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let id = here::id("order", &id)?;
    let order = services::orders::get(&ctx, &who, id).await.map_err(here::fail)?;
    if watching && let Some(agent) = agent_of(&order) {
        here::redirect(&agent);
    }
    Ok(order)
}

/// Opens the payment page of an order again.
#[server(prefix = "/ui", endpoint = "order/pay")]
pub async fn pay_order(id: String) -> Result<String, UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let id = here::id("order", &id)?;
    let address = services::orders::checkout(&ctx, &who, id).await.map_err(here::fail)?;
    Ok(here::lead_to(address))
}

/// Takes an order back.
#[server(prefix = "/ui", endpoint = "order/cancel")]
pub async fn cancel_order(id: String) -> Result<(), UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let order = here::id("order", &id)?;
    services::orders::cancel(&ctx, &who, order).await.map_err(here::fail)?;
    here::redirect(&links::with_notice(&links::order(order), "canceled"));
    Ok(())
}

/// Returns where the agent of a finished order is set up.
fn agent_of(order: &OrderView) -> Option<String> {
    let config = order
        .config_id
        .filter(|_| order.state == OrderState::Done && matches!(order.kind, OrderKind::Create | OrderKind::Update))?;
    if order.together.is_some() {
        return Some(links::organization(order.organization_id, "agents/"));
    }
    Some(links::agent(order.organization_id, config, ""))
}

/// An order's page.
#[component]
pub fn OrderPage() -> impl IntoView {
    let params = use_params_map();
    let query = use_query_map();
    let pay = FormAction::of::<PayOrder>();
    let cancel = FormAction::of::<CancelOrder>();
    live::load_answer(pay);
    let watching = Memo::new(move |_| query.with(|query| query.get("watching").is_some()));
    let asked = move || GetOrder { id: params.read().get("order").unwrap_or_default(), watching: watching.get() };
    let found = read_again(move || cancel.version().get(), asked);

    // A live page looks every second; one that is not is loaded anew, by its `<noscript>` or by the
    // shell's script for `data-again`.
    let navigate = use_navigate();
    let seen_waiting = StoredValue::new(false);
    live::every(std::time::Duration::from_secs(1), move || {
        let Some(order) = found.peek() else { return };
        if !order.state.is_final() {
            seen_waiting.set_value(true);
            if order.state != OrderState::PendingConsumer || watching.get_untracked() {
                found.refetch();
            }
        } else if (seen_waiting.get_value() || watching.get_untracked())
            && let Some(agent) = agent_of(&order)
        {
            navigate(&agent, leptos_router::NavigateOptions { replace: true, ..Default::default() });
        }
    });

    load(found, move |order| view! { <Found order pay cancel/> }.into_any())
}

#[component]
fn Found(order: OrderView, pay: FormAction, cancel: FormAction) -> impl IntoView {
    let name = order.offering_name.clone();
    let (mark, sign, title, text) = match (order.state, order.kind) {
        (OrderState::PendingConsumer, _) => (
            "confirm__mark confirm__mark--busy",
            Sign::Card,
            "One step left: payment".to_owned(),
            "If you have just paid, this page notices within seconds.".to_owned(),
        ),
        (OrderState::PendingProvider, _) => (
            "confirm__mark confirm__mark--busy",
            Sign::Clock,
            "Waiting for the provider".to_owned(),
            format!("{} looks at each order before it begins. We write to you.", order.provider_name),
        ),
        (OrderState::Executing, OrderKind::Terminate) => (
            "confirm__mark confirm__mark--busy",
            Sign::Loader,
            "Ending the subscription".to_owned(),
            "This takes a moment.".to_owned(),
        ),
        (OrderState::Executing, _) => (
            "confirm__mark confirm__mark--busy",
            Sign::Loader,
            format!("Setting up {name}"),
            "This takes a few seconds. You are taken there when it is ready.".to_owned(),
        ),
        (OrderState::Done, OrderKind::Terminate) => (
            "confirm__mark",
            Sign::Check,
            "The subscription is ended".to_owned(),
            "Its keys have stopped working. Usage and receipts stay.".to_owned(),
        ),
        (OrderState::Done, OrderKind::Update) => (
            "confirm__mark",
            Sign::Check,
            format!("You are on {} now", order.plan_name),
            "The new quota holds at once.".to_owned(),
        ),
        (OrderState::Done, OrderKind::Renew) => {
            ("confirm__mark", Sign::Check, "The next month is paid".to_owned(), "Nothing else changes.".to_owned())
        }
        (OrderState::Done, OrderKind::Create) => (
            "confirm__mark",
            Sign::Check,
            format!("{name} is ready"),
            "Give it a name and a voice, then put it to work.".to_owned(),
        ),
        (OrderState::Erred, _) => (
            "confirm__mark confirm__mark--bad",
            Sign::X,
            "That did not work".to_owned(),
            if order.amount.is_zero() {
                "Nothing was changed.".to_owned()
            } else {
                "What you paid goes back to you.".to_owned()
            },
        ),
        (OrderState::Canceled, _) => (
            "confirm__mark confirm__mark--bad",
            Sign::X,
            "This order is canceled".to_owned(),
            "Nothing more happens with it.".to_owned(),
        ),
        (OrderState::Rejected, _) => (
            "confirm__mark confirm__mark--bad",
            Sign::X,
            "The provider declined".to_owned(),
            "What you paid goes back to you.".to_owned(),
        ),
    };
    let waits = !order.state.is_final() && order.state != OrderState::PendingProvider;
    let again = watching(order.id);
    view! {
        <Title text=title.clone()/>
        <div class="wrap wrap--narrow confirm" data-again=waits.then(|| again.clone())>
            {waits.then(|| view! { <noscript inner_html=format!("<meta http-equiv=\"refresh\" content=\"2;url={again}\">")></noscript> }.into_any())}
            <div class="stack" aria-live="polite">
                <span class=mark><Icon sign/></span>
                <div class="stack stack--sm"><h1>{title}</h1><p class="muted">{text}</p></div>
                {(!order.error_message.is_empty()).then(|| view! { <Alert kind=Kind::Bad text=order.error_message.clone()/> }.into_any())}
            </div>
            <NextStep order=order.clone() pay cancel/>
            <Receipt order/>
        </div>
    }
}

#[component]
fn NextStep(order: OrderView, pay: FormAction, cancel: FormAction) -> impl IntoView {
    let id = StoredValue::new(order.id.to_string());
    let paying = FormState::of(pay);
    let canceling = FormState::of(cancel);
    let pays = order.state == OrderState::PendingConsumer && !order.amount.is_zero();
    let cancels = matches!(order.state, OrderState::PendingConsumer | OrderState::PendingProvider)
        && order.kind != OrderKind::Renew;
    let agent = agent_of(&order);
    let total = order.together.as_ref().map_or(order.amount, |together| together.total);
    view! {
        <FormAlert form=paying/>
        <FormAlert form=canceling/>
        <div class="row">
            {agent.map(|href| view! { <LinkButton href label="Set up your agent" class="btn--lg" icon_after=Sign::ArrowRight/> }.into_any())}
            {pays.then(|| view! {
                <PostForm action=pay>
                    <input type="hidden" name="id" value=id.get_value()/>
                    <Submit label=format!("Pay {total}") class="btn--lg" pending=paying.pending/>
                </PostForm>
            }.into_any())}
            {cancels.then(|| view! {
                <PostForm action=cancel>
                    <input type="hidden" name="id" value=id.get_value()/>
                    <Submit label="Cancel the order" look=Look::Ghost pending=canceling.pending/>
                </PostForm>
            }.into_any())}
            {order.state.is_final().then(|| view! { <LinkButton href=links::organization(order.organization_id, "orders/") label="All orders" look=Look::Secondary class="btn--lg"/> }.into_any())}
        </div>
    }
}

#[component]
fn Receipt(order: OrderView) -> impl IntoView {
    let steps = steps_of(&order);
    let together = order.together.clone().map(|together| {
        let parts = together
            .orders
            .into_iter()
            .map(|(id, name, amount)| view! { <a href=links::order(id)>{format!("{name}, {amount}")}</a><br/> })
            .collect::<Vec<_>>();
        view! { <div><dt>{together.bundle}</dt><dd>{parts}{format!("{} in all", together.total)}</dd></div> }.into_any()
    });
    view! {
        <div class="card">
            <div class="card__body">
                <div class="summary__item">
                    <Artwork path=order.offering_thumbnail.clone()/>
                    <div><strong>{order.subscription_name.clone()}</strong><p class="muted small">{format!("{} · by {}", order.offering_name, order.provider_name)}</p></div>
                </div>
                <dl class="facts">
                    <div><dt>"Plan"</dt><dd>{order.plan_name.clone()}</dd></div>
                    <div><dt>"Amount"</dt><dd>{order.amount.to_string()}</dd></div>
                    {together}
                    <div><dt>"For"</dt><dd>{order.organization_name.clone()}</dd></div>
                    <div><dt>"Ordered"</dt><dd><time datetime=order.created.rfc3339()>{format!("{} UTC", order.created.readable())}</time></dd></div>
                    <div><dt>"Order"</dt><dd class="mono tiny">{order.id.to_string()}</dd></div>
                </dl>
                <hr/>
                <Steps steps/>
            </div>
        </div>
    }
}

/// Returns what has happened, and what is still to come.
fn steps_of(order: &OrderView) -> Vec<Step> {
    let words = |state: OrderState| match state {
        OrderState::PendingConsumer => "Ordered",
        OrderState::PendingProvider => "Paid",
        OrderState::Executing if order.kind == OrderKind::Create => "Setting up",
        OrderState::Executing => "Being carried out",
        OrderState::Done => "Ready",
        OrderState::Erred => "Failed",
        OrderState::Canceled => "Canceled",
        OrderState::Rejected => "Declined",
    };
    let mut steps: Vec<Step> = order
        .steps
        .iter()
        .enumerate()
        .map(|(index, step)| {
            let last = index + 1 == order.steps.len();
            let state = match step.state {
                OrderState::Erred | OrderState::Canceled | OrderState::Rejected => StepState::Failed,
                state if last && !state.is_final() && state != OrderState::PendingConsumer => StepState::Now,
                _ => StepState::Done,
            };
            let note = if step.note.is_empty() {
                format!("{} UTC", step.at)
            } else {
                format!("{} · {} UTC", step.note, step.at)
            };
            Step::new(state, words(step.state), note)
        })
        .collect();
    match order.state {
        OrderState::PendingConsumer => {
            steps.push(Step::new(StepState::Now, "Payment", ""));
            steps.push(Step::new(StepState::Later, "Ready", ""));
        }
        OrderState::PendingProvider | OrderState::Executing => steps.push(Step::new(StepState::Later, "Ready", "")),
        OrderState::Done | OrderState::Erred | OrderState::Canceled | OrderState::Rejected => {}
    }
    steps
}
