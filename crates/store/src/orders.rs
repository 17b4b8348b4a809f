//! Orders, what happened to them, checkout visits, payments, and the inbox of payment rails.

use domain::state::{CheckoutState, OrderKind, OrderState, PaymentState};
use domain::{
    CheckoutId, ConfigId, Currency, Money, OfferingId, OrderId, OrganizationId, PaymentId, PlanId, ProjectId,
    SubscriptionId, Timestamp, UserId,
};
use serde_json::Value;

use crate::{Error, Json, Tenant, Tx};

/// An order to write.
#[derive(Clone, Debug)]
pub struct NewOrder {
    /// Which.
    pub id: OrderId,
    /// Into which project.
    pub project: ProjectId,
    /// Who sells.
    pub provider: OrganizationId,
    /// Of what.
    pub offering: OfferingId,
    /// Which plan.
    pub plan: PlanId,
    /// Which plan it was before.
    pub old_plan: Option<PlanId>,
    /// The subscription that it changes; a purchase has none yet.
    pub subscription: Option<SubscriptionId>,
    /// What it changes.
    pub kind: OrderKind,
    /// Where it starts.
    pub state: OrderState,
    /// What the subscription is called.
    pub name: String,
    /// What it costs.
    pub amount_minor: i64,
    /// In what.
    pub currency: Currency,
    /// Who ordered.
    pub created_by: UserId,
    /// When.
    pub now: Timestamp,
}

/// An order, with the names that its readers want.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct OrderRow {
    /// Which.
    pub id: OrderId,
    /// Who buys.
    pub organization_id: OrganizationId,
    /// By name.
    pub organization_name: String,
    /// Into which project.
    pub project_id: ProjectId,
    /// By name.
    pub project_name: String,
    /// Who sells.
    pub provider_id: OrganizationId,
    /// By name.
    pub provider_name: String,
    /// Of what.
    pub offering_id: OfferingId,
    /// By name.
    pub offering_name: String,
    /// Its artwork.
    pub offering_thumbnail: String,
    /// Whether each order waits for the provider.
    pub manual_approval: bool,
    /// Which plan.
    pub plan_id: PlanId,
    /// By name.
    pub plan_name: String,
    /// Which plan it was before.
    pub old_plan_id: Option<PlanId>,
    /// The subscription that it made or changes.
    pub subscription_id: Option<SubscriptionId>,
    /// That subscription's config.
    pub config_id: Option<ConfigId>,
    /// What it changes.
    pub kind: OrderKind,
    /// Where it stands.
    pub state: OrderState,
    /// What the subscription is called.
    pub name: String,
    /// What it costs.
    pub amount_minor: i64,
    /// In what.
    pub currency: Currency,
    /// What went wrong.
    pub error_message: String,
    /// Who ordered.
    pub created_by: String,
    /// Where to write to them.
    pub created_by_email: String,
    /// Where to write to the provider; may be empty.
    pub provider_email: String,
    /// When.
    pub created_at: Timestamp,
    /// When it last changed.
    pub modified_at: Timestamp,
    /// The order by way of which it is paid together with others; itself for the first of them.
    pub lead_id: Option<OrderId>,
    /// The bundle that was ordered, by name; empty where it was none.
    pub bundle_name: String,
}

impl OrderRow {
    /// Returns the order by way of which this one is paid.
    pub fn paid_by(&self) -> OrderId {
        self.lead_id.unwrap_or(self.id)
    }
}

/// Which orders are asked for; what is empty is not asked about.
#[derive(Clone, Copy, Debug, Default)]
pub struct OrderQuery {
    /// Of this buyer.
    pub organization: Option<OrganizationId>,
    /// Of this provider.
    pub provider: Option<OrganizationId>,
    /// In this state.
    pub state: Option<OrderState>,
    /// Of this kind.
    pub kind: Option<OrderKind>,
    /// Of this offering.
    pub offering: Option<OfferingId>,
}

/// One thing that happened to an order.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct StepRow {
    /// When.
    pub at: Timestamp,
    /// The state it reached.
    pub state: OrderState,
    /// Why.
    pub note: String,
}

/// A visit to a rail's checkout page.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct CheckoutRow {
    /// Which.
    pub id: CheckoutId,
    /// Of which order.
    pub order_id: OrderId,
    /// Whose.
    pub organization_id: OrganizationId,
    /// On which rail.
    pub rail: String,
    /// The rail's own id.
    pub session: String,
    /// Where the buyer pays.
    pub url: String,
    /// Where it stands.
    pub state: CheckoutState,
    /// Until when it may be paid.
    pub expires_at: Timestamp,
    /// Where the buyer comes back to after paying; empty where that is the order's own page.
    pub success_url: String,
    /// Where the buyer comes back to without paying.
    pub cancel_url: String,
}

/// Money that was taken.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct PaymentRow {
    /// Which.
    pub id: PaymentId,
    /// For which order.
    pub order_id: OrderId,
    /// From whom.
    pub organization_id: OrganizationId,
    /// For whom.
    pub provider_id: OrganizationId,
    /// On which rail.
    pub rail: String,
    /// The rail's id of the charge; where that pays for several orders, with a number behind it for all but the first.
    pub reference: String,
    /// The rail's own id of the charge, which the payments of orders that are paid together share.
    pub charge: String,
    /// How much.
    pub amount_minor: i64,
    /// In what.
    pub currency: Currency,
    /// Where it stands.
    pub state: PaymentState,
    /// How.
    pub method: String,
    /// When.
    pub created_at: Timestamp,
    /// How much of it went back, or is on its way back.
    pub back_minor: i64,
}

impl PaymentRow {
    /// Returns what is left of it.
    pub const fn left(&self) -> Money {
        Money::new(self.amount_minor - self.back_minor, self.currency)
    }
}

/// An event in the inbox.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct EventRow {
    /// What it says.
    pub payload: Json<Value>,
    /// When it was acted on.
    pub handled_at: Option<Timestamp>,
}

/// Writes an order.
pub async fn insert(tx: &mut Tx, tenant: Tenant, order: &NewOrder) -> Result<(), Error> {
    tx.query(
        "INSERT INTO orders (id, organization_id, project_id, provider_id, offering_id, plan_id, old_plan_id, subscription_id,
                             kind, state, name, amount_minor, currency, error_message, created_by, created_at, modified_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, '', $14, $15, $15)",
    )
    .bind(order.id)
    .bind(tenant.id())
    .bind(order.project)
    .bind(order.provider)
    .bind(order.offering)
    .bind(order.plan)
    .bind(order.old_plan)
    .bind(order.subscription)
    .bind(order.kind)
    .bind(order.state)
    .bind(order.name.clone())
    .bind(order.amount_minor)
    .bind(order.currency)
    .bind(order.created_by)
    .bind(order.now)
    .execute()
    .await?
    .exactly_one()
}

/// Finds an order, whoever's it is; the caller checks who may see it.
pub async fn get(tx: &mut Tx, id: OrderId) -> Result<Option<OrderRow>, Error> {
    tx.query(
        "SELECT o.id, o.organization_id, b.name AS organization_name, o.project_id, p.name AS project_name,
                o.provider_id, s.name AS provider_name, o.offering_id, f.name AS offering_name,
                f.thumbnail AS offering_thumbnail, f.manual_approval, o.plan_id, l.name AS plan_name, o.old_plan_id,
                o.subscription_id, c.id AS config_id, o.kind, o.state, o.name, o.amount_minor, o.currency,
                o.error_message, u.name AS created_by, u.email AS created_by_email,
                s.email AS provider_email, o.created_at, o.modified_at, o.lead_id,
                COALESCE((SELECT g.name FROM bundles g WHERE g.id = o.bundle_id), '') AS bundle_name
         FROM orders o
         JOIN organizations b ON b.id = o.organization_id
         JOIN organizations s ON s.id = o.provider_id
         JOIN projects p ON p.id = o.project_id
         JOIN offerings f ON f.id = o.offering_id
         JOIN plans l ON l.id = o.plan_id
         JOIN users u ON u.id = o.created_by
         LEFT JOIN configs c ON c.subscription_id = o.subscription_id
         WHERE o.id = $1",
    )
    .bind(id)
    .fetch_optional()
    .await
}

/// Keeps everyone else from changing an order until the transaction ends; read it after this.
pub async fn lock(tx: &mut Tx, id: OrderId) -> Result<(), Error> {
    tx.query("UPDATE orders SET modified_at = modified_at WHERE id = $1").bind(id).execute().await?.any();
    Ok(())
}

/// Lists orders, newest first.
pub async fn list(tx: &mut Tx, query: &OrderQuery, limit: i64, offset: i64) -> Result<Vec<OrderRow>, Error> {
    tx.query(
        "SELECT o.id, o.organization_id, b.name AS organization_name, o.project_id, p.name AS project_name,
                o.provider_id, s.name AS provider_name, o.offering_id, f.name AS offering_name,
                f.thumbnail AS offering_thumbnail, f.manual_approval, o.plan_id, l.name AS plan_name, o.old_plan_id,
                o.subscription_id, c.id AS config_id, o.kind, o.state, o.name, o.amount_minor, o.currency,
                o.error_message, u.name AS created_by, u.email AS created_by_email,
                s.email AS provider_email, o.created_at, o.modified_at, o.lead_id,
                COALESCE((SELECT g.name FROM bundles g WHERE g.id = o.bundle_id), '') AS bundle_name
         FROM orders o
         JOIN organizations b ON b.id = o.organization_id
         JOIN organizations s ON s.id = o.provider_id
         JOIN projects p ON p.id = o.project_id
         JOIN offerings f ON f.id = o.offering_id
         JOIN plans l ON l.id = o.plan_id
         JOIN users u ON u.id = o.created_by
         LEFT JOIN configs c ON c.subscription_id = o.subscription_id
         WHERE (CAST($1 AS UUID) IS NULL OR o.organization_id = $1)
           AND (CAST($2 AS UUID) IS NULL OR o.provider_id = $2)
           AND (CAST($3 AS TEXT) IS NULL OR o.state = $3)
           AND (CAST($4 AS TEXT) IS NULL OR o.kind = $4)
           AND (CAST($5 AS UUID) IS NULL OR o.offering_id = $5)
         ORDER BY o.created_at DESC, o.id DESC
         LIMIT $6 OFFSET $7",
    )
    .bind(query.organization)
    .bind(query.provider)
    .bind(query.state)
    .bind(query.kind)
    .bind(query.offering)
    .bind(limit)
    .bind(offset)
    .fetch_all()
    .await
}

/// Counts orders.
pub async fn count(tx: &mut Tx, query: &OrderQuery) -> Result<i64, Error> {
    tx.query(
        "SELECT COUNT(*) FROM orders o
         WHERE (CAST($1 AS UUID) IS NULL OR o.organization_id = $1)
           AND (CAST($2 AS UUID) IS NULL OR o.provider_id = $2)
           AND (CAST($3 AS TEXT) IS NULL OR o.state = $3)
           AND (CAST($4 AS TEXT) IS NULL OR o.kind = $4)
           AND (CAST($5 AS UUID) IS NULL OR o.offering_id = $5)",
    )
    .bind(query.organization)
    .bind(query.provider)
    .bind(query.state)
    .bind(query.kind)
    .bind(query.offering)
    .fetch_scalar()
    .await
}

/// Moves an order on; tells whether it still was where the caller saw it.
pub async fn step(
    tx: &mut Tx,
    id: OrderId,
    from: OrderState,
    to: OrderState,
    error_message: &str,
    now: Timestamp,
) -> Result<bool, Error> {
    let done = tx
        .query("UPDATE orders SET state = $3, error_message = $4, modified_at = $5 WHERE id = $1 AND state = $2")
        .bind(id)
        .bind(from)
        .bind(to)
        .bind(error_message.to_owned())
        .bind(now)
        .execute()
        .await?;
    Ok(done.affected == 1)
}

/// Says which subscription an order made.
pub async fn set_subscription(tx: &mut Tx, id: OrderId, subscription: SubscriptionId) -> Result<(), Error> {
    tx.query("UPDATE orders SET subscription_id = $2 WHERE id = $1")
        .bind(id)
        .bind(subscription)
        .execute()
        .await?
        .exactly_one()
}

/// Writes down what happened to an order.
pub async fn insert_step(
    tx: &mut Tx,
    tenant: Tenant,
    id: uuid::Uuid,
    order: OrderId,
    state: OrderState,
    note: &str,
    at: Timestamp,
) -> Result<(), Error> {
    tx.query("INSERT INTO order_steps (id, order_id, organization_id, state, note, at) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(id)
        .bind(order)
        .bind(tenant.id())
        .bind(state)
        .bind(note.to_owned())
        .bind(at)
        .execute()
        .await?
        .exactly_one()
}

/// Lists what happened to an order, oldest first.
pub async fn steps(tx: &mut Tx, order: OrderId) -> Result<Vec<StepRow>, Error> {
    tx.query("SELECT at, state, note FROM order_steps WHERE order_id = $1 ORDER BY at, id")
        .bind(order)
        .fetch_all()
        .await
}

/// Tells whether a subscription has an order that is not over.
pub async fn has_open_order(tx: &mut Tx, subscription: SubscriptionId) -> Result<bool, Error> {
    let count: i64 = tx
        .query(
            "SELECT COUNT(*) FROM orders
             WHERE subscription_id = $1 AND state IN ('pending-consumer', 'pending-provider', 'executing')",
        )
        .bind(subscription)
        .fetch_scalar()
        .await?;
    Ok(count > 0)
}

/// Writes a visit to a checkout page; the same visit again changes nothing.
pub async fn insert_checkout(tx: &mut Tx, tenant: Tenant, checkout: &CheckoutRow, now: Timestamp) -> Result<(), Error> {
    tx.query(
        "INSERT INTO checkouts (id, order_id, organization_id, rail, session, url, state, created_at, expires_at,
                                success_url, cancel_url)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         ON CONFLICT (rail, session) DO NOTHING",
    )
    .bind(checkout.id)
    .bind(checkout.order_id)
    .bind(tenant.id())
    .bind(checkout.rail.clone())
    .bind(checkout.session.clone())
    .bind(checkout.url.clone())
    .bind(checkout.state)
    .bind(now)
    .bind(checkout.expires_at)
    .bind(checkout.success_url.clone())
    .bind(checkout.cancel_url.clone())
    .execute()
    .await?
    .any();
    Ok(())
}

/// Counts the visits of an order.
pub async fn count_checkouts(tx: &mut Tx, order: OrderId) -> Result<i64, Error> {
    tx.query("SELECT COUNT(*) FROM checkouts WHERE order_id = $1").bind(order).fetch_scalar().await
}

/// Finds the newest visit of an order.
pub async fn checkout_of_order(tx: &mut Tx, order: OrderId) -> Result<Option<CheckoutRow>, Error> {
    tx.query(
        "SELECT id, order_id, organization_id, rail, session, url, state, expires_at, success_url, cancel_url
         FROM checkouts
         WHERE order_id = $1 ORDER BY created_at DESC, id DESC LIMIT 1",
    )
    .bind(order)
    .fetch_optional()
    .await
}

/// Finds a visit by the rail's id.
pub async fn checkout_of_session(tx: &mut Tx, rail: &str, session: &str) -> Result<Option<CheckoutRow>, Error> {
    tx.query(
        "SELECT id, order_id, organization_id, rail, session, url, state, expires_at, success_url, cancel_url
         FROM checkouts
         WHERE rail = $1 AND session = $2",
    )
    .bind(rail.to_owned())
    .bind(session.to_owned())
    .fetch_optional()
    .await
}

/// Says where a visit stands; one that is paid stays paid.
pub async fn set_checkout_state(tx: &mut Tx, id: CheckoutId, state: CheckoutState) -> Result<(), Error> {
    tx.query("UPDATE checkouts SET state = $2 WHERE id = $1 AND state <> 'paid'")
        .bind(id)
        .bind(state)
        .execute()
        .await?
        .any();
    Ok(())
}

/// Lists visits that are past their time, of orders that still wait for payment.
pub async fn stale_checkouts(tx: &mut Tx, now: Timestamp, limit: i64) -> Result<Vec<CheckoutRow>, Error> {
    tx.query(
        "SELECT c.id, c.order_id, c.organization_id, c.rail, c.session, c.url, c.state, c.expires_at, c.success_url,
                c.cancel_url
         FROM checkouts c
         JOIN orders o ON o.id = c.order_id
         WHERE c.state = 'open' AND c.expires_at <= $1 AND o.state = 'pending-consumer'
         ORDER BY c.expires_at LIMIT $2",
    )
    .bind(now)
    .bind(limit)
    .fetch_all()
    .await
}

/// Lists orders that were made before `before`, wait for payment, and have no page where they can be paid.
pub async fn forgotten(tx: &mut Tx, before: Timestamp, limit: i64) -> Result<Vec<OrderId>, Error> {
    let rows: Vec<(OrderId,)> = tx
        .query(
            "SELECT o.id FROM orders o
             WHERE o.state = 'pending-consumer' AND o.kind <> 'Renew' AND o.created_at <= $1
               AND NOT EXISTS (SELECT 1 FROM checkouts c
                               WHERE c.order_id = COALESCE(o.lead_id, o.id) AND c.state = 'open')
             ORDER BY o.created_at LIMIT $2",
        )
        .bind(before)
        .bind(limit)
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Writes a payment; tells whether it is new.
pub async fn insert_payment(tx: &mut Tx, tenant: Tenant, payment: &PaymentRow) -> Result<bool, Error> {
    let done = tx
        .query(
            "INSERT INTO payments (id, order_id, organization_id, provider_id, rail, reference, amount_minor, currency,
                                   state, method, created_at, refunded_at, charge)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, NULL, $12)
             ON CONFLICT (rail, reference) DO NOTHING",
        )
        .bind(payment.id)
        .bind(payment.order_id)
        .bind(tenant.id())
        .bind(payment.provider_id)
        .bind(payment.rail.clone())
        .bind(payment.reference.clone())
        .bind(payment.amount_minor)
        .bind(payment.currency)
        .bind(payment.state)
        .bind(payment.method.clone())
        .bind(payment.created_at)
        .bind(payment.charge.clone())
        .execute()
        .await?;
    Ok(done.affected == 1)
}

/// Finds a payment.
pub async fn payment(tx: &mut Tx, id: PaymentId) -> Result<Option<PaymentRow>, Error> {
    tx.query(
        "SELECT id, order_id, organization_id, provider_id, rail, reference, charge, amount_minor, currency, state, method,
                created_at,
                CAST((SELECT COALESCE(SUM(r.amount_minor), 0) FROM refunds r
                      WHERE r.payment_id = payments.id AND r.state <> 'reversed') AS BIGINT) AS back_minor
         FROM payments WHERE id = $1",
    )
    .bind(id)
    .fetch_optional()
    .await
}

/// Lists what a charge of the rail's has paid: one payment, or one for each of the orders that were paid together.
pub async fn payments_of_charge(tx: &mut Tx, rail: &str, charge: &str) -> Result<Vec<PaymentRow>, Error> {
    tx.query(
        "SELECT id, order_id, organization_id, provider_id, rail, reference, charge, amount_minor, currency, state, method,
                created_at,
                CAST((SELECT COALESCE(SUM(r.amount_minor), 0) FROM refunds r
                      WHERE r.payment_id = payments.id AND r.state <> 'reversed') AS BIGINT) AS back_minor
         FROM payments WHERE rail = $1 AND charge = $2 ORDER BY order_id, id",
    )
    .bind(rail.to_owned())
    .bind(charge.to_owned())
    .fetch_all()
    .await
}

/// Lists the payments of an order that have not gone back whole.
pub async fn kept_payments(tx: &mut Tx, order: OrderId) -> Result<Vec<PaymentRow>, Error> {
    tx.query(
        "SELECT id, order_id, organization_id, provider_id, rail, reference, charge, amount_minor, currency, state, method,
                created_at,
                CAST((SELECT COALESCE(SUM(r.amount_minor), 0) FROM refunds r
                      WHERE r.payment_id = payments.id AND r.state <> 'reversed') AS BIGINT) AS back_minor
         FROM payments WHERE order_id = $1 AND state = 'succeeded' ORDER BY created_at, id",
    )
    .bind(order)
    .fetch_all()
    .await
}

/// Returns when the next period of a subscription was ordered, after a moment.
pub async fn next_period(
    tx: &mut Tx,
    subscription: SubscriptionId,
    after: Timestamp,
) -> Result<Option<Timestamp>, Error> {
    let (next,): (Option<Timestamp>,) = tx
        .query(
            "SELECT MIN(created_at) FROM orders
             WHERE subscription_id = $1 AND kind = 'Renew' AND state <> 'canceled' AND created_at > $2",
        )
        .bind(subscription)
        .bind(after)
        .fetch_one()
        .await?;
    Ok(next)
}

/// Lists every payment of an order, oldest first.
pub async fn payments_of_order(tx: &mut Tx, order: OrderId) -> Result<Vec<PaymentRow>, Error> {
    tx.query(
        "SELECT id, order_id, organization_id, provider_id, rail, reference, charge, amount_minor, currency, state, method,
                created_at,
                CAST((SELECT COALESCE(SUM(r.amount_minor), 0) FROM refunds r
                      WHERE r.payment_id = payments.id AND r.state <> 'reversed') AS BIGINT) AS back_minor
         FROM payments WHERE order_id = $1 ORDER BY created_at, id",
    )
    .bind(order)
    .fetch_all()
    .await
}

/// Lists an organization's payments, newest first.
pub async fn payments(tx: &mut Tx, tenant: Tenant, limit: i64) -> Result<Vec<PaymentRow>, Error> {
    tx.query(
        "SELECT id, order_id, organization_id, provider_id, rail, reference, charge, amount_minor, currency, state, method,
                created_at,
                CAST((SELECT COALESCE(SUM(r.amount_minor), 0) FROM refunds r
                      WHERE r.payment_id = payments.id AND r.state <> 'reversed') AS BIGINT) AS back_minor
         FROM payments WHERE organization_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2",
    )
    .bind(tenant.id())
    .bind(limit)
    .fetch_all()
    .await
}

/// Says where a payment stands.
pub async fn set_payment_state(
    tx: &mut Tx,
    id: PaymentId,
    state: PaymentState,
    refunded_at: Option<Timestamp>,
) -> Result<(), Error> {
    tx.query("UPDATE payments SET state = $2, refunded_at = COALESCE($3, refunded_at) WHERE id = $1")
        .bind(id)
        .bind(state)
        .bind(refunded_at)
        .execute()
        .await?
        .exactly_one()
}

/// Puts an event into the inbox; tells whether it is new.
pub async fn insert_event(
    tx: &mut Tx,
    rail: &str,
    event: &str,
    kind: &str,
    payload: &Value,
    now: Timestamp,
) -> Result<bool, Error> {
    let done = tx
        .query(
            "INSERT INTO rail_events (rail, event, kind, payload, received_at, handled_at) VALUES ($1, $2, $3, $4, $5, NULL)
             ON CONFLICT (rail, event) DO NOTHING",
        )
        .bind(rail.to_owned())
        .bind(event.to_owned())
        .bind(kind.to_owned())
        .bind(Json(payload.clone()))
        .bind(now)
        .execute()
        .await?;
    Ok(done.affected == 1)
}

/// Finds an event in the inbox.
pub async fn event(tx: &mut Tx, rail: &str, event: &str) -> Result<Option<EventRow>, Error> {
    tx.query("SELECT payload, handled_at FROM rail_events WHERE rail = $1 AND event = $2")
        .bind(rail.to_owned())
        .bind(event.to_owned())
        .fetch_optional()
        .await
}

/// Marks an event as acted on; tells whether nobody had yet.
pub async fn handle_event(tx: &mut Tx, rail: &str, event: &str, now: Timestamp) -> Result<bool, Error> {
    let done = tx
        .query("UPDATE rail_events SET handled_at = $3 WHERE rail = $1 AND event = $2 AND handled_at IS NULL")
        .bind(rail.to_owned())
        .bind(event.to_owned())
        .bind(now)
        .execute()
        .await?;
    Ok(done.affected == 1)
}
