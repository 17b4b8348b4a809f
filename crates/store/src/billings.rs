//! For which time subscriptions are paid, and what happens when that time is over.

use domain::state::Entitlement;
use domain::{OrderId, OrganizationId, PaymentId, PlanId, SubscriptionId, Timestamp, UserId};

use crate::{Error, Tenant, Tx};

/// How a subscription is paid.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct BillingRow {
    /// Which subscription.
    pub subscription_id: SubscriptionId,
    /// Whose.
    pub organization_id: OrganizationId,
    /// From which moment periods are counted.
    pub anchor: Timestamp,
    /// How many of them have begun.
    pub periods: i64,
    /// When the last one began.
    pub period_start: Timestamp,
    /// When it ends.
    pub period_end: Timestamp,
    /// Whether the agent answers.
    pub entitlement: Entitlement,
    /// Until when it answers although its period is not paid.
    pub grace_until: Option<Timestamp>,
    /// Whether it ends with this period.
    pub cancel_at_period_end: bool,
    /// The order of the next period, while it waits to be paid.
    pub renewal_order_id: Option<OrderId>,
    /// How often its payment was tried.
    pub attempts: i64,
    /// When it is tried next.
    pub next_attempt_at: Option<Timestamp>,
    /// The payment whose method pays the next period, too.
    pub method_payment_id: Option<PaymentId>,
    /// The plan that it goes on with after this period.
    pub next_plan_id: Option<PlanId>,
}

/// Writes how a subscription is paid; one that is there stays as it is.
pub async fn insert(tx: &mut Tx, tenant: Tenant, row: &BillingRow) -> Result<(), Error> {
    tx.query(
        "INSERT INTO billings (subscription_id, organization_id, anchor, periods, period_start, period_end, entitlement,
                               grace_until, cancel_at_period_end, renewal_order_id, attempts, next_attempt_at,
                               method_payment_id, next_plan_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
         ON CONFLICT (subscription_id) DO NOTHING",
    )
    .bind(row.subscription_id)
    .bind(tenant.id())
    .bind(row.anchor)
    .bind(row.periods)
    .bind(row.period_start)
    .bind(row.period_end)
    .bind(row.entitlement)
    .bind(row.grace_until)
    .bind(row.cancel_at_period_end)
    .bind(row.renewal_order_id)
    .bind(row.attempts)
    .bind(row.next_attempt_at)
    .bind(row.method_payment_id)
    .bind(row.next_plan_id)
    .execute()
    .await?
    .any();
    Ok(())
}

/// Finds how a subscription is paid.
pub async fn get(tx: &mut Tx, id: SubscriptionId) -> Result<Option<BillingRow>, Error> {
    tx.query(
        "SELECT subscription_id, organization_id, anchor, periods, period_start, period_end, entitlement, grace_until,
                cancel_at_period_end, renewal_order_id, attempts, next_attempt_at, method_payment_id, next_plan_id
         FROM billings WHERE subscription_id = $1",
    )
    .bind(id)
    .fetch_optional()
    .await
}

/// Writes what has changed; the caller holds the subscription's row.
pub async fn update(tx: &mut Tx, row: &BillingRow) -> Result<(), Error> {
    tx.query(
        "UPDATE billings
         SET anchor = $2, periods = $3, period_start = $4, period_end = $5, entitlement = $6, grace_until = $7,
             cancel_at_period_end = $8, renewal_order_id = $9, attempts = $10, next_attempt_at = $11,
             method_payment_id = $12, next_plan_id = $13
         WHERE subscription_id = $1",
    )
    .bind(row.subscription_id)
    .bind(row.anchor)
    .bind(row.periods)
    .bind(row.period_start)
    .bind(row.period_end)
    .bind(row.entitlement)
    .bind(row.grace_until)
    .bind(row.cancel_at_period_end)
    .bind(row.renewal_order_id)
    .bind(row.attempts)
    .bind(row.next_attempt_at)
    .bind(row.method_payment_id)
    .bind(row.next_plan_id)
    .execute()
    .await?
    .exactly_one()
}

/// Lists subscriptions of which something is due, those that wait longest first.
pub async fn due(tx: &mut Tx, now: Timestamp, limit: i64) -> Result<Vec<SubscriptionId>, Error> {
    let rows: Vec<(SubscriptionId,)> = tx
        .query(
            "SELECT subscription_id FROM billings
             WHERE entitlement <> 'ended'
               AND ((renewal_order_id IS NULL AND period_end <= $1)
                    OR (renewal_order_id IS NOT NULL
                        AND (next_attempt_at <= $1 OR grace_until <= $1)))
             ORDER BY period_end, subscription_id LIMIT $2",
        )
        .bind(now)
        .bind(limit)
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Lists running subscriptions of which nobody knows for which time they are paid: those from before it was kept.
pub async fn missing(tx: &mut Tx, limit: i64) -> Result<Vec<SubscriptionId>, Error> {
    let rows: Vec<(SubscriptionId,)> = tx
        .query(
            "SELECT s.id FROM subscriptions s
             WHERE s.state IN ('OK', 'Updating')
               AND NOT EXISTS (SELECT 1 FROM billings b WHERE b.subscription_id = s.id)
             ORDER BY s.created_at, s.id LIMIT $1",
        )
        .bind(limit)
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Returns who bought a subscription, and with which payment; nothing was paid for a free one.
pub async fn bought_by(tx: &mut Tx, id: SubscriptionId) -> Result<Option<(UserId, Option<PaymentId>)>, Error> {
    tx.query(
        "SELECT o.created_by,
                (SELECT p.id FROM payments p WHERE p.order_id = o.id AND p.state = 'succeeded'
                 ORDER BY p.created_at DESC, p.id DESC LIMIT 1)
         FROM orders o WHERE o.subscription_id = $1 AND o.kind = 'Create' ORDER BY o.created_at, o.id LIMIT 1",
    )
    .bind(id)
    .fetch_optional()
    .await
}
