//! Orders that are paid together: a bundle is ordered once, and is an order for each product in it.
//!
//! One charge pays for all of them, and is a payment for each, so that each has its invoice, its provider's earning
//! and its refunds as if it had been bought alone. What a newcomer gets wrong: the orders are held in the order of
//! their ids, the first of them, by way of which they are paid, before the others.

use domain::state::{BundleState, OrderKind, OrderState};
use domain::view::order::{OrderView, Together};
use domain::{BundleId, Money, OrderId, OrganizationId, Permission, ProjectId};
use store::orders::{self as rows, OrderRow};
use store::{Scope, Tx, bundles, catalog};

use super::placing::{project_of, require_terms, to_be_paid};
use crate::access::{Principal, on_behalf};
use crate::billing;
use crate::clock::fresh_id;
use crate::ctx::Ctx;
use crate::error::{Checks, Error, Result};

/// Takes hold of an order and of those that are paid by way of it, and reads them, itself first.
pub(super) async fn hold(tx: &mut Tx, lead: OrderId) -> Result<Vec<OrderRow>> {
    let mut ids = bundles::together(tx, lead).await?;
    if ids.is_empty() {
        ids.push(lead);
    }
    for id in &ids {
        rows::lock(tx, *id).await?;
    }
    read(tx, ids).await
}

async fn read(tx: &mut Tx, ids: Vec<OrderId>) -> Result<Vec<OrderRow>> {
    let mut orders = Vec::with_capacity(ids.len());
    for id in ids {
        orders.push(rows::get(tx, id).await?.ok_or(Error::NotFound("order"))?);
    }
    Ok(orders)
}

/// What is to be paid for an order, together with those that are paid with it.
pub(super) struct Due {
    pub(super) amount: Money,
    pub(super) description: String,
}

/// Returns what is to be paid.
pub(super) async fn due(tx: &mut Tx, row: &OrderRow) -> Result<Due> {
    let Some(lead) = row.lead_id else {
        let description = format!("{} — {}", row.offering_name, row.plan_name);
        return Ok(Due { amount: Money::new(row.amount_minor, row.currency), description });
    };
    let Together { bundle, total, orders } = view(tx, lead, &row.bundle_name).await?;
    let names: Vec<String> = orders.into_iter().map(|(_, name, _)| name).collect();
    Ok(Due { amount: total, description: format!("{bundle} — {}", names.join(", ")) })
}

/// Returns the orders that are paid by way of one, for people.
pub(super) async fn view(tx: &mut Tx, lead: OrderId, bundle: &str) -> Result<Together> {
    let ids = bundles::together(tx, lead).await?;
    let orders = read(tx, ids).await?;
    let currency = orders.first().ok_or(Error::NotFound("order"))?.currency;
    Ok(Together {
        bundle: bundle.to_owned(),
        total: Money::new(orders.iter().map(|order| order.amount_minor).sum(), currency),
        orders: orders
            .into_iter()
            .map(|order| (order.id, order.offering_name, Money::new(order.amount_minor, order.currency)))
            .collect(),
    })
}

/// Who orders which bundle.
#[derive(Clone, Debug)]
pub struct NewBundleOrder {
    /// Who buys.
    pub organization_id: OrganizationId,
    /// Into which project; the first one where nothing is said.
    pub project_id: Option<ProjectId>,
    /// What.
    pub bundle_id: BundleId,
    /// Whether the terms of every product in it are accepted.
    pub accept_terms: bool,
}

/// Orders a bundle: an order for each product in it, paid together. Returns the one by way of which they are paid.
pub async fn place(ctx: &Ctx, who: &Principal, order: NewBundleOrder) -> Result<OrderView> {
    let member = who.member(order.organization_id, Permission::Buy)?;
    let now = ctx.now();
    let mut tx = ctx.store.write(Scope::System).await?;
    // Nobody withdraws it while it is ordered.
    bundles::lock(&mut tx, order.bundle_id).await?;
    let bundle = bundles::get(&mut tx, order.bundle_id).await?.ok_or(Error::NotFound("bundle"))?;
    if bundle.state != BundleState::Offered {
        return Err(Error::NotFound("bundle"));
    }
    let project = project_of(&mut tx, member.tenant, order.project_id).await?;
    let mut lead = None;
    for part in &bundle.parts {
        if part.provider_id == order.organization_id {
            return Err(Error::Forbidden("a provider cannot buy what it sells itself"));
        }
        if !part.on_sale {
            return Err(Error::Conflict(format!(
                "{} is not on sale now, so that the bundle cannot be ordered.",
                part.offering_name
            )));
        }
        let mut checks = Checks::default();
        require_terms(&mut tx, &mut checks, part.offering_id, order.accept_terms).await?;
        checks.done()?;
        let plan = match part.plan_id {
            Some(plan) => catalog::plan(&mut tx, plan).await?,
            None => None,
        };
        let plan = plan.ok_or(Error::NotFound("plan"))?;
        let amount = billing::due_at_order(&mut tx, order.organization_id, &plan).await?;
        let new = rows::NewOrder {
            id: OrderId(fresh_id()),
            project,
            provider: part.provider_id,
            offering: part.offering_id,
            plan: plan.id,
            old_plan: None,
            subscription: None,
            kind: OrderKind::Create,
            state: OrderState::PendingConsumer,
            name: part.offering_name.clone(),
            amount_minor: amount.minor,
            currency: amount.currency,
            created_by: member.user,
            now,
        };
        rows::insert(&mut tx, on_behalf(order.organization_id), &new).await?;
        let first = *lead.get_or_insert(new.id);
        bundles::set_order(&mut tx, new.id, bundle.id, first).await?;
        let note = format!("Ordered in the bundle {}.", bundle.name);
        rows::insert_step(&mut tx, on_behalf(order.organization_id), fresh_id(), new.id, new.state, &note, now).await?;
    }
    let lead = lead.ok_or(Error::NotFound("bundle"))?;
    tx.commit().await?;
    to_be_paid(ctx, who, lead).await
}
