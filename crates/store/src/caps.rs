//! How many calls a month organizations allow themselves, their subscriptions and their keys.

use domain::view::cap::{CapScope, CapView};
use domain::{OrganizationId, Timestamp, UserId};
use uuid::Uuid;

use crate::{Error, Tenant, Tx};

#[derive(sqlx::FromRow)]
struct CapRow {
    scope_id: Uuid,
    scope: CapScope,
    name: String,
    part_of: String,
    quota: Option<i64>,
    cap: Option<i64>,
    used: i64,
}

/// Lists what of an organization can have a cap: itself, its subscriptions, and the keys that hold; with the calls of
/// a month.
pub async fn list(tx: &mut Tx, tenant: Tenant, month: Timestamp, now: Timestamp) -> Result<Vec<CapView>, Error> {
    let mut rows: Vec<CapRow> = tx
        .query(
            "SELECT o.id AS scope_id, 'organization' AS scope, o.name, '' AS part_of, CAST(NULL AS BIGINT) AS quota,
                    (SELECT c.calls FROM caps c WHERE c.scope_id = o.id) AS cap,
                    COALESCE((SELECT q.used FROM quota_periods q WHERE q.scope_id = o.id AND q.period_start = $2), 0) AS used
             FROM organizations o WHERE o.id = $1",
        )
        .bind(tenant.id())
        .bind(month)
        .fetch_all()
        .await?;
    let subscriptions: Vec<CapRow> = tx
        .query(
            "SELECT s.id AS scope_id, 'subscription' AS scope, s.name, f.name AS part_of, p.monthly_quota AS quota,
                    (SELECT c.calls FROM caps c WHERE c.scope_id = s.id) AS cap,
                    COALESCE((SELECT q.used FROM quota_periods q WHERE q.scope_id = s.id AND q.period_start = $2), 0) AS used
             FROM subscriptions s
             JOIN offerings f ON f.id = s.offering_id
             JOIN plans p ON p.id = s.plan_id
             WHERE s.organization_id = $1 AND s.state <> 'Terminated'
             ORDER BY s.created_at, s.id",
        )
        .bind(tenant.id())
        .bind(month)
        .fetch_all()
        .await?;
    let keys: Vec<CapRow> = tx
        .query(
            "SELECT k.id AS scope_id, 'key' AS scope, k.name, g.agent_name AS part_of, CAST(NULL AS BIGINT) AS quota,
                    (SELECT c.calls FROM caps c WHERE c.scope_id = k.id) AS cap,
                    COALESCE((SELECT q.used FROM quota_periods q WHERE q.scope_id = k.id AND q.period_start = $2), 0) AS used
             FROM keys k
             JOIN configs g ON g.id = k.config_id
             WHERE k.organization_id = $1 AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > $3)
             ORDER BY k.created_at, k.id",
        )
        .bind(tenant.id())
        .bind(month)
        .bind(now)
        .fetch_all()
        .await?;
    rows.extend(subscriptions);
    rows.extend(keys);
    let view = |row: CapRow| CapView {
        scope_id: row.scope_id.simple().to_string(),
        scope: row.scope,
        name: row.name,
        part_of: row.part_of,
        quota: row.quota,
        cap: row.cap,
        used: row.used,
    };
    Ok(rows.into_iter().map(view).collect())
}

/// Sets the calls that a scope may make in a month.
pub async fn set(
    tx: &mut Tx,
    tenant: Tenant,
    scope: Uuid,
    calls: i64,
    by: UserId,
    now: Timestamp,
) -> Result<(), Error> {
    tx.query(
        "INSERT INTO caps (scope_id, organization_id, calls, set_by, set_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (scope_id) DO UPDATE SET calls = excluded.calls, set_by = excluded.set_by, set_at = excluded.set_at",
    )
    .bind(scope)
    .bind(tenant.id())
    .bind(calls)
    .bind(by)
    .bind(now)
    .execute()
    .await?
    .exactly_one()
}

/// Takes a scope's cap away, if it has one.
pub async fn remove(tx: &mut Tx, tenant: Tenant, scope: Uuid) -> Result<(), Error> {
    tx.query("DELETE FROM caps WHERE scope_id = $1 AND organization_id = $2")
        .bind(scope)
        .bind(tenant.id())
        .execute()
        .await?
        .any();
    Ok(())
}

/// A limit of which much is used.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct NearRow {
    /// Of what.
    pub scope_id: Uuid,
    /// Whose.
    pub organization_id: OrganizationId,
    /// The limit: calls in a month.
    pub calls: i64,
    /// How many were made.
    pub used: i64,
    /// Whether the limit is a plan's; otherwise it is a cap.
    pub of_plan: bool,
}

/// Lists limits of which four fifths of a month are used, or all, and that nobody was written about yet.
pub async fn near(tx: &mut Tx, month: Timestamp, limit: i64) -> Result<Vec<NearRow>, Error> {
    tx.query(
        "SELECT l.scope_id, l.organization_id, l.calls, l.used, l.of_plan
         FROM (
             SELECT c.scope_id, c.organization_id, c.calls, q.used, 1 = 0 AS of_plan
             FROM caps c
             JOIN quota_periods q ON q.scope_id = c.scope_id AND q.period_start = $1
             WHERE q.used * 5 >= c.calls * 4
             UNION ALL
             SELECT s.id, s.organization_id, p.monthly_quota, q.used, 1 = 1
             FROM quota_periods q
             JOIN subscriptions s ON s.id = q.scope_id
             JOIN plans p ON p.id = s.plan_id
             WHERE q.period_start = $1 AND q.used * 5 >= p.monthly_quota * 4
         ) l
         WHERE NOT EXISTS (
             SELECT 1 FROM cap_alerts a
             WHERE a.scope_id = l.scope_id AND a.period_start = $1 AND a.calls = l.calls
               AND a.percent >= CASE WHEN l.used >= l.calls THEN 100 ELSE 80 END
         )
         ORDER BY l.scope_id LIMIT $2",
    )
    .bind(month)
    .bind(limit)
    .fetch_all()
    .await
}

/// Notes that people are written about a limit; tells whether they were not before.
pub async fn note_alert(
    tx: &mut Tx,
    row: &NearRow,
    month: Timestamp,
    percent: i64,
    now: Timestamp,
) -> Result<bool, Error> {
    let done = tx
        .query(
            "INSERT INTO cap_alerts (scope_id, period_start, calls, percent, organization_id, written_at)
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        )
        .bind(row.scope_id)
        .bind(month)
        .bind(row.calls)
        .bind(percent)
        .bind(row.organization_id)
        .bind(now)
        .execute()
        .await?;
    Ok(done.affected == 1)
}
