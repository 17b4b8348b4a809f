//! Carrying an order out: making a subscription usable, changing its plan, ending it.

use std::sync::Arc;

use domain::state::{CheckoutState, OrderKind, OrderState, SubscriptionState, Tone, WidgetPosition, WidgetTheme};
use domain::view::config::ConfigSettings;
use domain::{ConfigId, OrderId, SubscriptionId, Timestamp, UserId};
use store::billings::{self, BillingRow};
use store::orders::{self as rows, OrderRow};
use store::subscriptions::{self, NewSubscription, SubscriptionRow};
use store::{Scope, Tx, agents, catalog, configs, gateway, offerings};

use super::{enqueue_fulfilment, events, letters, step};
use crate::access::on_behalf;
use crate::billing;
use crate::clock::fresh_id;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::ports::{Provision, RuntimeError};

/// How often provisioning is tried before the order fails: for about three quarters of a minute.
const TRIES: i64 = 4;

/// Begins to carry out an order, and queues the rest, in the caller's transaction.
pub(super) async fn start(tx: &mut Tx, row: &OrderRow, note: &str, now: Timestamp) -> Result<()> {
    let tenant = on_behalf(row.organization_id);
    match (row.kind, row.subscription_id) {
        (OrderKind::Create, _) => {
            let offering = offerings::get(tx, row.offering_id).await?.ok_or(Error::NotFound("offering"))?;
            let flow_version =
                offering.flow_version.ok_or_else(|| Error::Conflict("this offering has no flow to run".to_owned()))?;
            let new = NewSubscription {
                id: SubscriptionId(fresh_id()),
                project: row.project_id,
                offering: row.offering_id,
                plan: row.plan_id,
                provider: row.provider_id,
                flow_version,
                name: row.name.clone(),
                now,
            };
            subscriptions::insert(tx, tenant, &new).await?;
            rows::set_subscription(tx, row.id, new.id).await?;
        }
        // The order of a next period is paid and done; nothing is carried out.
        (OrderKind::Update | OrderKind::Terminate, None) | (OrderKind::Renew, _) => {
            return Err(Error::NotFound("subscription"));
        }
        (OrderKind::Update, Some(subscription)) => {
            move_subscription(tx, subscription, SubscriptionState::Updating, "", now).await?;
        }
        (OrderKind::Terminate, Some(subscription)) => {
            move_subscription(tx, subscription, SubscriptionState::Terminating, "", now).await?;
            // The gateway stops answering now, not when the job has run.
            gateway::note_change(tx, fresh_id(), None, Some(row.organization_id), now).await?;
        }
    }
    step(tx, row, OrderState::Executing, note, "", now).await?;
    enqueue_fulfilment(tx, row.id, now).await
}

/// Carries an order out; a job, so it may run twice.
pub(crate) async fn fulfil(ctx: &Ctx, id: OrderId, attempts: i64) -> Result<()> {
    let mut tx = ctx.store.read(Scope::System).await?;
    let Some(row) = rows::get(&mut tx, id).await? else {
        return Ok(());
    };
    drop(tx);
    let (OrderState::Executing, Some(subscription)) = (row.state, row.subscription_id) else {
        return Ok(());
    };
    match row.kind {
        OrderKind::Create => provision(ctx, &row, subscription, attempts).await,
        OrderKind::Update => {
            let now = ctx.now();
            let mut tx = ctx.store.write(Scope::System).await?;
            close_old_plan(&mut tx, &row, subscription, now).await?;
            subscriptions::set_plan(&mut tx, subscription, row.plan_id, now).await?;
            move_subscription(&mut tx, subscription, SubscriptionState::Ok, "", now).await?;
            billing::use_method_of(&mut tx, &row, subscription).await?;
            finish(ctx, tx, &row, "The plan was switched.", now).await
        }
        OrderKind::Renew => Ok(()),
        OrderKind::Terminate => {
            let now = ctx.now();
            let mut tx = ctx.store.write(Scope::System).await?;
            move_subscription(&mut tx, subscription, SubscriptionState::Terminated, "", now).await?;
            billing::end(&mut tx, subscription).await?;
            finish(ctx, tx, &row, "The subscription has ended.", now).await
        }
    }
}

/// Closes what was used on the plan that is left, where what is used costs something on either.
async fn close_old_plan(tx: &mut Tx, row: &OrderRow, subscription: SubscriptionId, now: Timestamp) -> Result<()> {
    let (Some(old), Some(billing)) = (row.old_plan_id, billings::get(tx, subscription).await?) else {
        return Ok(());
    };
    let old = catalog::plan(tx, old).await?.ok_or(Error::NotFound("plan"))?;
    let new = catalog::plan(tx, row.plan_id).await?.ok_or(Error::NotFound("plan"))?;
    billing::close_before(tx, &billing, &old, &new, now).await?;
    // Who orders another plan now does not wait for one that was to come.
    Ok(billings::update(tx, &BillingRow { next_plan_id: None, ..billing }).await?)
}

async fn provision(ctx: &Ctx, row: &OrderRow, subscription: SubscriptionId, attempts: i64) -> Result<()> {
    let mut tx = ctx.store.read(Scope::System).await?;
    let month = ctx.now().month_start();
    let bought = subscriptions::get(&mut tx, subscription, month).await?.ok_or(Error::NotFound("subscription"))?;
    let flow = agents::flow(&mut tx, bought.flow_version_id).await?.ok_or(Error::NotFound("flow version"))?;
    let details = catalog::details(&mut tx, row.offering_id).await?.ok_or(Error::NotFound("offering"))?;
    let card = catalog::card(&mut tx, row.offering_id).await?.ok_or(Error::NotFound("offering"))?.card;
    drop(tx);

    let request = Provision {
        organization: row.organization_id,
        flow_version: bought.flow_version_id,
        flow: Arc::new(flow.flow),
    };
    if let Err(error) = ctx.runtime.provision(&request).await {
        let hopeless = matches!(error, RuntimeError::Refused(_)) || attempts >= TRIES;
        return if hopeless { fail(ctx, row, subscription, &error).await } else { Err(Error::internal(error)) };
    }

    let settings = ConfigSettings {
        agent_name: row.name.clone(),
        greeting_message: details.greeting,
        system_prompt_override: String::new(),
        tone: Tone::Friendly,
        avatar_url: String::new(),
        primary_color: card.category_color.parse().map_err(Error::internal)?,
        logo_url: String::new(),
        welcome_message: String::new(),
        widget_position: WidgetPosition::BottomRight,
        widget_theme: WidgetTheme::Auto,
        allowed_origins: Vec::new(),
        live: true,
        show_citations: false,
        share_texts: false,
    };
    let now = ctx.now();
    let mut tx = ctx.store.write(Scope::System).await?;
    let tenant = on_behalf(row.organization_id);
    configs::insert(&mut tx, tenant, ConfigId(fresh_id()), row.project_id, subscription, &settings, now).await?;
    move_subscription(&mut tx, subscription, SubscriptionState::Ok, "", now).await?;
    billing::begin(&mut tx, row, subscription, now).await?;
    finish(ctx, tx, row, "Ready to use.", now).await
}

/// Ends a subscription because its period is over or nobody pays, in the caller's transaction.
pub(crate) async fn end_with_period(
    tx: &mut Tx,
    subscription: &SubscriptionRow,
    buyer: UserId,
    note: &str,
    now: Timestamp,
) -> Result<()> {
    let new = rows::NewOrder {
        id: OrderId(fresh_id()),
        project: subscription.project_id,
        provider: subscription.provider_id,
        offering: subscription.offering_id,
        plan: subscription.plan_id,
        old_plan: None,
        subscription: Some(subscription.id),
        kind: OrderKind::Terminate,
        state: OrderState::PendingConsumer,
        name: subscription.name.clone(),
        amount_minor: 0,
        currency: subscription.currency,
        created_by: buyer,
        now,
    };
    rows::insert(tx, on_behalf(subscription.organization_id), &new).await?;
    let row = rows::get(tx, new.id).await?.ok_or(Error::NotFound("order"))?;
    start(tx, &row, note, now).await
}

/// Says that the order of a next period is paid, and so done.
pub(crate) async fn finish_renewal(tx: &mut Tx, row: &OrderRow, note: &str, now: Timestamp) -> Result<()> {
    step(tx, row, OrderState::Executing, note, "", now).await?;
    let row = rows::get(tx, row.id).await?.ok_or(Error::NotFound("order"))?;
    step(tx, &row, OrderState::Done, "It is paid.", "", now).await
}

/// Cancels the order of a next period that nobody has paid.
pub(crate) async fn abandon_renewal(tx: &mut Tx, row: &OrderRow, now: Timestamp) -> Result<()> {
    if row.state == OrderState::PendingConsumer {
        step(tx, row, OrderState::Canceled, "The subscription ends.", "", now).await?;
    }
    if let Some(open) = rows::checkout_of_order(tx, row.id).await?.filter(|open| open.state == CheckoutState::Open) {
        rows::set_checkout_state(tx, open.id, CheckoutState::Expired).await?;
    }
    Ok(())
}

async fn finish(ctx: &Ctx, mut tx: Tx, row: &OrderRow, note: &str, now: Timestamp) -> Result<()> {
    step(&mut tx, row, OrderState::Done, note, "", now).await?;
    gateway::note_change(&mut tx, fresh_id(), None, Some(row.organization_id), now).await?;
    tx.commit().await?;
    crate::gateway::forget_organization(ctx, row.organization_id);
    Ok(())
}

/// Gives up on an order: the buyer reads why, and gets the money back.
async fn fail(ctx: &Ctx, row: &OrderRow, subscription: SubscriptionId, error: &RuntimeError) -> Result<()> {
    let now = ctx.now();
    let text = format!("The agent could not be set up: {error}");
    tracing::warn!(order.id = %row.id, %error, "provisioning failed for good");
    let mut tx = ctx.store.write(Scope::System).await?;
    move_subscription(&mut tx, subscription, SubscriptionState::Erred, &text, now).await?;
    letters::failed(ctx, &mut tx, row, &text, now).await?;
    let note = if row.amount_minor > 0 { format!("{text} What was paid goes back.") } else { text.clone() };
    step(&mut tx, row, OrderState::Erred, &note, &text, now).await?;
    events::give_back(&mut tx, row.id, now).await?;
    tx.commit().await?;
    ctx.jobs_wake.notify_one();
    Ok(())
}

/// Moves a subscription on; one that is there already stays.
pub(super) async fn move_subscription(
    tx: &mut Tx,
    id: SubscriptionId,
    to: SubscriptionState,
    error: &str,
    now: Timestamp,
) -> Result<()> {
    let row = subscriptions::get(tx, id, now.month_start()).await?.ok_or(Error::NotFound("subscription"))?;
    if row.state == to {
        return Ok(());
    }
    if !row.state.may_become(to) || !subscriptions::step(tx, id, row.state, to, error, now).await? {
        return Err(Error::Conflict(format!("This subscription is {}; it cannot become {to}.", row.state)));
    }
    Ok(())
}
