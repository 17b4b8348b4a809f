//! What a provider earns, and how its offerings are used.
//!
//! What a newcomer gets wrong: the rows belong to buyers. A provider sees them because
//! `provider_id` names it, which is what every statement here filters by.

use domain::{
    Currency, Day, Money, OfferingId, OrganizationId, Timestamp,
    state::OfferingState,
    view::{config::UsageDay, provider::CustomerView},
};
use sqlx::FromRow;

use crate::{Error, Tenant, Tx};

/// What the running subscriptions bring in a month, by currency.
pub async fn monthly(tx: &mut Tx, tenant: Tenant) -> Result<Vec<Money>, Error> {
    let rows: Vec<(Currency, i64)> = tx
        .query(
            "SELECT p.currency, CAST(COALESCE(SUM(CASE WHEN p.pay_interval = 'year' THEN p.price_minor / 12 ELSE p.price_minor END), 0) AS BIGINT)
             FROM subscriptions s
             JOIN plans p ON p.id = s.plan_id
             WHERE s.provider_id = $1 AND s.state IN ('OK', 'Updating')
             GROUP BY p.currency
             ORDER BY p.currency",
        )
        .bind(tenant.id())
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(|(currency, minor)| Money { minor, currency }).collect())
}

/// Counts running subscriptions and the organizations that have them, of one offering or of all.
pub async fn subscriptions(tx: &mut Tx, tenant: Tenant, offering: Option<OfferingId>) -> Result<(i64, i64), Error> {
    tx.query(
        "SELECT COUNT(*), COUNT(DISTINCT organization_id)
         FROM subscriptions
         WHERE provider_id = $1 AND state IN ('OK', 'Updating')
           AND (offering_id = $2 OR $2 IS NULL)",
    )
    .bind(tenant.id())
    .bind(offering)
    .fetch_one()
    .await
}

/// Returns money taken since `from`, less what went back since then, by currency.
pub async fn revenue(tx: &mut Tx, tenant: Tenant, from: Timestamp) -> Result<Vec<Money>, Error> {
    let rows: Vec<(Currency, i64)> = tx
        .query(
            "SELECT currency, CAST(COALESCE(SUM(minor), 0) AS BIGINT)
             FROM (SELECT currency, amount_minor AS minor FROM payments WHERE provider_id = $1 AND created_at >= $2
                   UNION ALL
                   SELECT currency, -amount_minor FROM refunds
                   WHERE provider_id = $1 AND state = 'paid' AND settled_at >= $2) AS moved
             GROUP BY currency
             ORDER BY currency",
        )
        .bind(tenant.id())
        .bind(from)
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(|(currency, minor)| Money { minor, currency }).collect())
}

/// Returns usage by day from `from` on, oldest first, without empty days; of one offering or of all.
pub async fn usage(
    tx: &mut Tx,
    tenant: Tenant,
    offering: Option<OfferingId>,
    from: Day,
) -> Result<Vec<(Day, UsageDay)>, Error> {
    let rows: Vec<UsageRow> = tx
        .query(
            "SELECT day
                  , CAST(SUM(calls) AS BIGINT) AS calls
                  , CAST(SUM(failed) AS BIGINT) AS failed
                  , CAST(SUM(input_tokens) AS BIGINT) AS input_tokens
                  , CAST(SUM(output_tokens) AS BIGINT) AS output_tokens
             FROM usage_days
             WHERE provider_id = $1 AND day >= $2 AND (offering_id = $3 OR $3 IS NULL)
             GROUP BY day
             ORDER BY day",
        )
        .bind(tenant.id())
        .bind(from)
        .bind(offering)
        .fetch_all()
        .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let UsageRow { day, calls, failed, input_tokens, output_tokens } = row;
            (day, UsageDay { day: day.iso(), calls, failed, input_tokens, output_tokens })
        })
        .collect())
}

/// Counts a provider's offerings by state.
pub async fn offerings(tx: &mut Tx, tenant: Tenant) -> Result<Vec<(OfferingState, i64)>, Error> {
    tx.query("SELECT state, COUNT(*) FROM offerings WHERE organization_id = $1 GROUP BY state ORDER BY state")
        .bind(tenant.id())
        .fetch_all()
        .await
}

/// Returns the organizations that bought from a provider, newest first.
pub async fn customers(tx: &mut Tx, tenant: Tenant, month: Day) -> Result<Vec<CustomerView>, Error> {
    let rows: Vec<CustomerRow> = tx
        .query(
            "SELECT g.id, g.name, MIN(s.created_at) AS since
                  , CAST(SUM(CASE WHEN s.state IN ('OK', 'Updating') THEN 1 ELSE 0 END) AS BIGINT)
                    AS subscriptions
                  , (SELECT CAST(COALESCE(SUM(u.calls), 0) AS BIGINT) FROM usage_days u
                     WHERE u.organization_id = g.id AND u.provider_id = $1 AND u.day >= $2) AS calls
             FROM subscriptions s
             JOIN organizations g ON g.id = s.organization_id
             WHERE s.provider_id = $1
             GROUP BY g.id, g.name
             ORDER BY MIN(s.created_at) DESC, g.id",
        )
        .bind(tenant.id())
        .bind(month)
        .fetch_all()
        .await?;
    Ok(rows
        .into_iter()
        .map(|row| CustomerView {
            organization_id: row.id,
            name: row.name,
            subscriptions: row.subscriptions,
            calls: row.calls,
            since: row.since.day().to_string(),
        })
        .collect())
}

#[derive(FromRow)]
struct UsageRow {
    day: Day,
    calls: i64,
    failed: i64,
    input_tokens: i64,
    output_tokens: i64,
}

#[derive(FromRow)]
struct CustomerRow {
    id: OrganizationId,
    name: String,
    since: Timestamp,
    subscriptions: i64,
    calls: i64,
}
