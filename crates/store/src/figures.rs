//! What a buyer's and the operator's first pages count.

use domain::state::OrderState;
use domain::{Currency, Day, Money, OrganizationId, Timestamp};

use crate::{Error, Tenant, Tx};

/// How much there is of everything, for the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Totals {
    /// Applications that wait.
    pub applications: i64,
    /// Submissions that wait.
    pub submissions: i64,
    /// People.
    pub users: i64,
    /// Organizations.
    pub organizations: i64,
    /// Running subscriptions.
    pub subscriptions: i64,
    /// Offerings on sale.
    pub offerings: i64,
    /// Calls answered since a moment.
    pub calls: i64,
    /// Calls failed since then.
    pub failed: i64,
}

/// Returns how much there is of everything; calls are counted since `since`.
pub async fn totals(tx: &mut Tx, since: Timestamp) -> Result<Totals, Error> {
    tx.query(
        "SELECT (SELECT COUNT(*) FROM providers WHERE state = 'applied') AS applications,
                (SELECT COUNT(*) FROM submissions WHERE state = 'pending') AS submissions,
                (SELECT COUNT(*) FROM users) AS users,
                (SELECT COUNT(*) FROM organizations) AS organizations,
                (SELECT COUNT(*) FROM subscriptions WHERE state IN ('OK', 'Updating')) AS subscriptions,
                (SELECT COUNT(*) FROM offerings WHERE state = 'Active') AS offerings,
                (SELECT COUNT(*) FROM invocations WHERE state = 'succeeded' AND started_at >= $1) AS calls,
                (SELECT COUNT(*) FROM invocations WHERE state = 'failed' AND started_at >= $1) AS failed",
    )
    .bind(since)
    .fetch_one()
    .await
}

/// Counts orders by state, for the operator.
pub async fn orders(tx: &mut Tx) -> Result<Vec<(OrderState, i64)>, Error> {
    tx.query("SELECT state, COUNT(*) FROM orders GROUP BY state ORDER BY state").fetch_all().await
}

/// Returns money taken from `from` until `until`, less what went back then, by currency; of one
/// buyer or of all.
pub async fn money(
    tx: &mut Tx,
    buyer: Option<OrganizationId>,
    from: Timestamp,
    until: Timestamp,
) -> Result<Vec<Money>, Error> {
    let rows: Vec<(Currency, i64)> = tx
        .query(
            "SELECT currency, CAST(COALESCE(SUM(minor), 0) AS BIGINT)
             FROM (SELECT currency, amount_minor AS minor FROM payments
                   WHERE (organization_id = $1 OR $1 IS NULL) AND created_at >= $2 AND created_at < $3
                   UNION ALL
                   SELECT currency, -amount_minor FROM refunds
                   WHERE (organization_id = $1 OR $1 IS NULL) AND state = 'paid'
                     AND settled_at >= $2 AND settled_at < $3) AS moved
             GROUP BY currency
             ORDER BY currency",
        )
        .bind(buyer)
        .bind(from)
        .bind(until)
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(|(currency, minor)| Money { minor, currency }).collect())
}

/// Returns answered and failed calls by day from `from` on, oldest first, without empty days.
pub async fn calls(tx: &mut Tx, from: Day) -> Result<Vec<(Day, i64, i64)>, Error> {
    tx.query(
        "SELECT day, CAST(SUM(calls) AS BIGINT), CAST(SUM(failed) AS BIGINT)
         FROM usage_days WHERE day >= $1 GROUP BY day ORDER BY day",
    )
    .bind(from)
    .fetch_all()
    .await
}

/// Returns the same of one buyer.
pub async fn calls_of(tx: &mut Tx, tenant: Tenant, from: Day) -> Result<Vec<(Day, i64, i64)>, Error> {
    tx.query(
        "SELECT day, CAST(SUM(calls) AS BIGINT), CAST(SUM(failed) AS BIGINT)
         FROM usage_days WHERE organization_id = $1 AND day >= $2 GROUP BY day ORDER BY day",
    )
    .bind(tenant.id())
    .bind(from)
    .fetch_all()
    .await
}

/// Counts a buyer's running subscriptions.
pub async fn live_agents(tx: &mut Tx, tenant: Tenant) -> Result<i64, Error> {
    tx.query("SELECT COUNT(*) FROM subscriptions WHERE organization_id = $1 AND state IN ('OK', 'Updating')")
        .bind(tenant.id())
        .fetch_scalar()
        .await
}

/// What all running subscriptions bring in a month, by currency.
pub async fn monthly(tx: &mut Tx) -> Result<Vec<Money>, Error> {
    let rows: Vec<(Currency, i64)> = tx
        .query(
            "SELECT p.currency, CAST(COALESCE(SUM(CASE WHEN p.pay_interval = 'year' THEN p.price_minor / 12 ELSE p.price_minor END), 0) AS BIGINT)
             FROM subscriptions s
             JOIN plans p ON p.id = s.plan_id
             WHERE s.state IN ('OK', 'Updating')
             GROUP BY p.currency
             ORDER BY p.currency",
        )
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(|(currency, minor)| Money { minor, currency }).collect())
}
