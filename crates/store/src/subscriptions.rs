//! What buyers have bought.

use domain::pricing::Interval;
use domain::state::{Entitlement, SubscriptionState, SubscriptionStatus};
use domain::{
    ConfigId, Currency, FlowVersionId, OfferingId, OrderId, OrganizationId, PlanId, ProjectId, SubscriptionId,
    Timestamp,
};

use crate::{Error, Tenant, Tx};

/// A subscription to write.
#[derive(Clone, Debug)]
pub struct NewSubscription {
    /// Which.
    pub id: SubscriptionId,
    /// In which project.
    pub project: ProjectId,
    /// Of what.
    pub offering: OfferingId,
    /// On which plan.
    pub plan: PlanId,
    /// Who sells.
    pub provider: OrganizationId,
    /// Which flow it runs.
    pub flow_version: FlowVersionId,
    /// What its buyer calls it.
    pub name: String,
    /// When.
    pub now: Timestamp,
}

/// A subscription, with the names that its readers want.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct SubscriptionRow {
    /// Which.
    pub id: SubscriptionId,
    /// Whose.
    pub organization_id: OrganizationId,
    /// By name.
    pub organization_name: String,
    /// In which project.
    pub project_id: ProjectId,
    /// By name.
    pub project_name: String,
    /// Of what.
    pub offering_id: OfferingId,
    /// By name.
    pub offering_name: String,
    /// Its artwork.
    pub offering_thumbnail: String,
    /// Its category's slug.
    pub category_slug: String,
    /// Its category's title.
    pub category_title: String,
    /// Who sells.
    pub provider_id: OrganizationId,
    /// By name.
    pub provider_name: String,
    /// On which plan.
    pub plan_id: PlanId,
    /// By name.
    pub plan_name: String,
    /// What a period costs at least.
    pub price_minor: i64,
    /// In what.
    pub currency: Currency,
    /// Calls in a month.
    pub monthly_quota: Option<i64>,
    /// How long a period is.
    pub pay_interval: Interval,
    /// Calls made this month.
    pub used: i64,
    /// Which flow it runs.
    pub flow_version_id: FlowVersionId,
    /// What its buyer calls it.
    pub name: String,
    /// Where it stands.
    pub state: SubscriptionState,
    /// What went wrong.
    pub error_message: String,
    /// Its settings.
    pub config_id: Option<ConfigId>,
    /// Whether it may be used; nothing while it is not provisioned.
    pub entitlement: Option<Entitlement>,
    /// When the period began that is paid.
    pub period_start: Option<Timestamp>,
    /// When it ends.
    pub period_end: Option<Timestamp>,
    /// Whether the subscription ends with it.
    pub cancel_at_period_end: Option<bool>,
    /// How many periods have begun that are paid; none while it is tried.
    pub periods: Option<i64>,
    /// The order that it came from.
    pub order_id: Option<OrderId>,
    /// The order of the next period, while it waits to be paid.
    pub renewal_order_id: Option<OrderId>,
    /// The plan, by name, that it goes on with after this period.
    pub next_plan_name: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub modified_at: Timestamp,
}

/// Which subscriptions are asked for; what is empty is not asked about.
#[derive(Clone, Copy, Debug, Default)]
pub struct SubscriptionQuery {
    /// Of this buyer.
    pub organization: Option<OrganizationId>,
    /// Of this provider.
    pub provider: Option<OrganizationId>,
    /// In this state.
    pub state: Option<SubscriptionState>,
    /// Standing there, in Stripe's words.
    pub status: Option<SubscriptionStatus>,
}

/// Writes a subscription that is being provisioned.
pub async fn insert(tx: &mut Tx, tenant: Tenant, new: &NewSubscription) -> Result<(), Error> {
    tx.query(
        "INSERT INTO subscriptions (id, organization_id, project_id, offering_id, plan_id, provider_id, flow_version_id,
                                    name, state, error_message, created_at, modified_at, terminated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'Creating', '', $9, $9, NULL)",
    )
    .bind(new.id)
    .bind(tenant.id())
    .bind(new.project)
    .bind(new.offering)
    .bind(new.plan)
    .bind(new.provider)
    .bind(new.flow_version)
    .bind(new.name.clone())
    .bind(new.now)
    .execute()
    .await?
    .exactly_one()
}

/// Finds a subscription, whoever's it is; the caller checks who may see it. `month` is the first
/// moment of the month whose calls are counted.
pub async fn get(tx: &mut Tx, id: SubscriptionId, month: Timestamp) -> Result<Option<SubscriptionRow>, Error> {
    tx.query(
        "SELECT s.id, s.organization_id, b.name AS organization_name, s.project_id, p.name AS project_name,
                s.offering_id, f.name AS offering_name, f.thumbnail AS offering_thumbnail,
                k.slug AS category_slug, k.title AS category_title, s.provider_id, v.name AS provider_name,
                s.plan_id, l.name AS plan_name, l.price_minor, l.currency, l.monthly_quota, l.pay_interval,
                COALESCE((SELECT q.used FROM quota_periods q WHERE q.scope_id = s.id AND q.period_start = $2), 0) AS used,
                s.flow_version_id, s.name, s.state, s.error_message, c.id AS config_id, s.created_at, s.modified_at,
                i.entitlement, i.period_start, i.period_end, i.cancel_at_period_end, i.renewal_order_id, i.periods,
                n.name AS next_plan_name,
                (SELECT o.id FROM orders o WHERE o.subscription_id = s.id AND o.kind = 'Create' LIMIT 1) AS order_id
         FROM subscriptions s
         JOIN organizations b ON b.id = s.organization_id
         JOIN organizations v ON v.id = s.provider_id
         JOIN projects p ON p.id = s.project_id
         JOIN offerings f ON f.id = s.offering_id
         JOIN categories k ON k.id = f.category_id
         JOIN plans l ON l.id = s.plan_id
         LEFT JOIN configs c ON c.subscription_id = s.id
         LEFT JOIN billings i ON i.subscription_id = s.id
         LEFT JOIN plans n ON n.id = i.next_plan_id
         WHERE s.id = $1",
    )
    .bind(id)
    .bind(month)
    .fetch_optional()
    .await
}

/// Tells whether an organization has, or had, a subscription of an offering.
pub async fn had(tx: &mut Tx, organization: OrganizationId, offering: OfferingId) -> Result<bool, Error> {
    let known: i64 = tx
        .query("SELECT COUNT(*) FROM subscriptions WHERE organization_id = $1 AND offering_id = $2")
        .bind(organization)
        .bind(offering)
        .fetch_scalar()
        .await?;
    Ok(known > 0)
}

/// Keeps everyone else from changing a subscription until the transaction ends; read it after this.
pub async fn lock(tx: &mut Tx, id: SubscriptionId) -> Result<(), Error> {
    tx.query("UPDATE subscriptions SET modified_at = modified_at WHERE id = $1").bind(id).execute().await?.any();
    Ok(())
}

/// Lists subscriptions, newest first.
pub async fn list(
    tx: &mut Tx,
    query: &SubscriptionQuery,
    month: Timestamp,
    limit: i64,
    offset: i64,
) -> Result<Vec<SubscriptionRow>, Error> {
    tx.query(
        "SELECT s.id, s.organization_id, b.name AS organization_name, s.project_id, p.name AS project_name,
                s.offering_id, f.name AS offering_name, f.thumbnail AS offering_thumbnail,
                k.slug AS category_slug, k.title AS category_title, s.provider_id, v.name AS provider_name,
                s.plan_id, l.name AS plan_name, l.price_minor, l.currency, l.monthly_quota, l.pay_interval,
                COALESCE((SELECT q.used FROM quota_periods q WHERE q.scope_id = s.id AND q.period_start = $4), 0) AS used,
                s.flow_version_id, s.name, s.state, s.error_message, c.id AS config_id, s.created_at, s.modified_at,
                i.entitlement, i.period_start, i.period_end, i.cancel_at_period_end, i.renewal_order_id, i.periods,
                n.name AS next_plan_name,
                (SELECT o.id FROM orders o WHERE o.subscription_id = s.id AND o.kind = 'Create' LIMIT 1) AS order_id
         FROM subscriptions s
         JOIN organizations b ON b.id = s.organization_id
         JOIN organizations v ON v.id = s.provider_id
         JOIN projects p ON p.id = s.project_id
         JOIN offerings f ON f.id = s.offering_id
         JOIN categories k ON k.id = f.category_id
         JOIN plans l ON l.id = s.plan_id
         LEFT JOIN configs c ON c.subscription_id = s.id
         LEFT JOIN billings i ON i.subscription_id = s.id
         LEFT JOIN plans n ON n.id = i.next_plan_id
         WHERE (CAST($1 AS UUID) IS NULL OR s.organization_id = $1)
           AND (CAST($2 AS UUID) IS NULL OR s.provider_id = $2)
           AND (CAST($3 AS TEXT) IS NULL OR s.state = $3)
           AND (CAST($7 AS TEXT) IS NULL OR $7 = CASE
                  WHEN s.state = 'Terminated' OR i.entitlement = 'ended' THEN 'canceled'
                  WHEN i.entitlement = 'grace' THEN 'past_due'
                  WHEN i.entitlement = 'suspended' THEN 'unpaid'
                  WHEN i.entitlement IS NULL THEN 'incomplete'
                  WHEN i.periods = 0 AND l.price_minor > 0 THEN 'trialing'
                  ELSE 'active' END)
         ORDER BY s.created_at DESC, s.id DESC
         LIMIT $5 OFFSET $6",
    )
    .bind(query.organization)
    .bind(query.provider)
    .bind(query.state)
    .bind(month)
    .bind(limit)
    .bind(offset)
    .bind(query.status)
    .fetch_all()
    .await
}

/// Counts subscriptions.
pub async fn count(tx: &mut Tx, query: &SubscriptionQuery) -> Result<i64, Error> {
    tx.query(
        "SELECT COUNT(*) FROM subscriptions s
         JOIN plans l ON l.id = s.plan_id
         LEFT JOIN billings i ON i.subscription_id = s.id
         WHERE (CAST($1 AS UUID) IS NULL OR s.organization_id = $1)
           AND (CAST($2 AS UUID) IS NULL OR s.provider_id = $2)
           AND (CAST($3 AS TEXT) IS NULL OR s.state = $3)
           AND (CAST($4 AS TEXT) IS NULL OR $4 = CASE
                  WHEN s.state = 'Terminated' OR i.entitlement = 'ended' THEN 'canceled'
                  WHEN i.entitlement = 'grace' THEN 'past_due'
                  WHEN i.entitlement = 'suspended' THEN 'unpaid'
                  WHEN i.entitlement IS NULL THEN 'incomplete'
                  WHEN i.periods = 0 AND l.price_minor > 0 THEN 'trialing'
                  ELSE 'active' END)",
    )
    .bind(query.organization)
    .bind(query.provider)
    .bind(query.state)
    .bind(query.status)
    .fetch_scalar()
    .await
}

/// Moves a subscription on; tells whether it still was where the caller saw it.
pub async fn step(
    tx: &mut Tx,
    id: SubscriptionId,
    from: SubscriptionState,
    to: SubscriptionState,
    error_message: &str,
    now: Timestamp,
) -> Result<bool, Error> {
    let done = tx
        .query(
            "UPDATE subscriptions
             SET state = $3, error_message = $4, modified_at = $5,
                 terminated_at = CASE WHEN $3 = 'Terminated' THEN $5 ELSE terminated_at END
             WHERE id = $1 AND state = $2",
        )
        .bind(id)
        .bind(from)
        .bind(to)
        .bind(error_message.to_owned())
        .bind(now)
        .execute()
        .await?;
    Ok(done.affected == 1)
}

/// Puts a subscription on another plan.
pub async fn set_plan(tx: &mut Tx, id: SubscriptionId, plan: PlanId, now: Timestamp) -> Result<(), Error> {
    tx.query("UPDATE subscriptions SET plan_id = $2, modified_at = $3 WHERE id = $1")
        .bind(id)
        .bind(plan)
        .bind(now)
        .execute()
        .await?
        .exactly_one()
}

/// Gives a subscription another name.
pub async fn rename(tx: &mut Tx, tenant: Tenant, id: SubscriptionId, name: &str, now: Timestamp) -> Result<(), Error> {
    tx.query("UPDATE subscriptions SET name = $3, modified_at = $4 WHERE id = $1 AND organization_id = $2")
        .bind(id)
        .bind(tenant.id())
        .bind(name.to_owned())
        .bind(now)
        .execute()
        .await?
        .exactly_one()
}
