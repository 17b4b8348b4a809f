//! What was used of subscriptions, from one closing to the next.

use domain::pricing::{Line, Usage};
use domain::state::{OrderState, Source};
use domain::{Currency, InvocationId, Money, OrderId, OrganizationId, PlanId, StatementId, SubscriptionId, Timestamp};

use crate::{Dialect, Either, Error, Json, Tenant, Tx};

/// A statement.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct StatementRow {
    /// Which.
    pub id: StatementId,
    /// Of which subscription.
    pub subscription_id: SubscriptionId,
    /// Whose.
    pub organization_id: OrganizationId,
    /// Who sells it.
    pub provider_id: OrganizationId,
    /// Its number, from 1.
    pub number: i64,
    /// By the prices of which plan.
    pub plan_id: PlanId,
    /// By name.
    pub plan_name: String,
    /// When its period began.
    pub period_start: Timestamp,
    /// When it was closed.
    pub closed_at: Timestamp,
    /// Calls counted in all until then.
    pub total_calls: i64,
    /// Tokens read in all until then.
    pub total_input_tokens: i64,
    /// Tokens written in all until then.
    pub total_output_tokens: i64,
    /// Calls of it.
    pub calls: i64,
    /// Tokens read of it.
    pub input_tokens: i64,
    /// Tokens written of it.
    pub output_tokens: i64,
    /// The bill.
    pub lines: Json<Vec<Line>>,
    /// In what.
    pub currency: Currency,
    /// What it comes to.
    pub amount_minor: i64,
    /// The seal of everything above.
    pub hash: String,
    /// The order that asks for it.
    pub order_id: Option<OrderId>,
}

impl StatementRow {
    /// Returns what was counted in all until it was closed.
    pub const fn counted(&self) -> Usage {
        Usage {
            calls: self.total_calls,
            input_tokens: self.total_input_tokens,
            output_tokens: self.total_output_tokens,
        }
    }
}

/// Returns what was counted of a subscription from its first call on.
pub async fn counted(tx: &mut Tx, subscription: SubscriptionId) -> Result<Usage, Error> {
    let (calls, input_tokens, output_tokens): (i64, i64, i64) = tx
        .query(
            "SELECT CAST(COALESCE(SUM(u.calls), 0) AS BIGINT), CAST(COALESCE(SUM(u.input_tokens), 0) AS BIGINT),
                    CAST(COALESCE(SUM(u.output_tokens), 0) AS BIGINT)
             FROM usage_days u JOIN configs c ON c.id = u.config_id
             WHERE c.subscription_id = $1",
        )
        .bind(subscription)
        .fetch_one()
        .await?;
    Ok(Usage { calls, input_tokens, output_tokens })
}

/// Counts what was used of a subscription from its first call on, and writes down that a statement bills every call that
/// none bills yet; the statement itself is written in the same transaction. Calls that began before `since` are not
/// looked for.
///
/// The calls and their sums are of one moment, whatever else is counted meanwhile.
pub async fn bill_calls(
    tx: &mut Tx,
    subscription: SubscriptionId,
    statement: StatementId,
    since: Timestamp,
) -> Result<Usage, Error> {
    let dialect = tx.dialect();
    let bills = tx
        .query_either(Either {
            sqlite: "UPDATE invocations SET statement_id = $2
                     WHERE config_id IN (SELECT id FROM configs WHERE subscription_id = $1)
                       AND started_at >= $3 AND state = 'succeeded' AND statement_id IS NULL",
            // All parts of one statement see the same moment.
            postgres: "WITH billed AS (
                           UPDATE invocations SET statement_id = $2
                           WHERE config_id IN (SELECT id FROM configs WHERE subscription_id = $1)
                             AND started_at >= $3 AND state = 'succeeded' AND statement_id IS NULL)
                       SELECT CAST(COALESCE(SUM(u.calls), 0) AS BIGINT), CAST(COALESCE(SUM(u.input_tokens), 0) AS BIGINT),
                              CAST(COALESCE(SUM(u.output_tokens), 0) AS BIGINT)
                       FROM usage_days u JOIN configs c ON c.id = u.config_id
                       WHERE c.subscription_id = $1",
        })
        .bind(subscription)
        .bind(statement)
        .bind(since);
    match dialect {
        // There is one that writes, so that nothing is counted in between.
        Dialect::Sqlite => {
            bills.execute().await?.any();
            counted(tx, subscription).await
        }
        Dialect::Postgres => {
            let (calls, input_tokens, output_tokens): (i64, i64, i64) = bills.fetch_one().await?;
            Ok(Usage { calls, input_tokens, output_tokens })
        }
    }
}

/// A call that is paid for, as its provider may see it, too.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct CallRow {
    /// Which.
    pub id: InvocationId,
    /// Through which door.
    pub source: Source,
    /// Tokens read.
    pub input_tokens: i64,
    /// Tokens written.
    pub output_tokens: i64,
    /// How long it took, in milliseconds.
    pub elapsed_ms: i64,
    /// When it began.
    pub started_at: Timestamp,
}

/// Lists the statements that an order asks for, oldest first.
pub async fn of_order(tx: &mut Tx, order: OrderId) -> Result<Vec<StatementRow>, Error> {
    tx.query(
        "SELECT s.id, s.subscription_id, s.organization_id, s.provider_id, s.number, s.plan_id, p.name AS plan_name,
                s.period_start, s.closed_at, s.total_calls, s.total_input_tokens, s.total_output_tokens, s.calls,
                s.input_tokens, s.output_tokens, s.lines, s.currency, s.amount_minor, s.hash, s.order_id
         FROM statements s JOIN plans p ON p.id = s.plan_id
         WHERE s.order_id = $1 ORDER BY s.number",
    )
    .bind(order)
    .fetch_all()
    .await
}

/// Lists the calls that an order's statements bill, newest first.
pub async fn calls_of_order(tx: &mut Tx, order: OrderId, limit: i64, offset: i64) -> Result<Vec<CallRow>, Error> {
    tx.query(
        "SELECT i.id, i.source, i.input_tokens, i.output_tokens, i.elapsed_ms, i.started_at
         FROM statements s JOIN invocations i ON i.statement_id = s.id
         WHERE s.order_id = $1
         ORDER BY i.started_at DESC, i.id DESC LIMIT $2 OFFSET $3",
    )
    .bind(order)
    .bind(limit)
    .bind(offset)
    .fetch_all()
    .await
}

/// Counts the calls that an order's statements bill.
pub async fn count_calls_of_order(tx: &mut Tx, order: OrderId) -> Result<i64, Error> {
    tx.query("SELECT COUNT(*) FROM statements s JOIN invocations i ON i.statement_id = s.id WHERE s.order_id = $1")
        .bind(order)
        .fetch_scalar()
        .await
}

/// Lists the calls of a subscription that were answered and began from one moment until another, newest first.
pub async fn calls_between(
    tx: &mut Tx,
    subscription: SubscriptionId,
    (from, until): (Timestamp, Timestamp),
    limit: i64,
    offset: i64,
) -> Result<Vec<CallRow>, Error> {
    tx.query(
        "SELECT id, source, input_tokens, output_tokens, elapsed_ms, started_at
         FROM invocations
         WHERE config_id IN (SELECT id FROM configs WHERE subscription_id = $1)
           AND started_at >= $2 AND started_at < $3 AND state = 'succeeded'
         ORDER BY started_at DESC, id DESC LIMIT $4 OFFSET $5",
    )
    .bind(subscription)
    .bind(from)
    .bind(until)
    .bind(limit)
    .bind(offset)
    .fetch_all()
    .await
}

/// Counts them.
pub async fn count_calls_between(
    tx: &mut Tx,
    subscription: SubscriptionId,
    (from, until): (Timestamp, Timestamp),
) -> Result<i64, Error> {
    tx.query(
        "SELECT COUNT(*) FROM invocations
         WHERE config_id IN (SELECT id FROM configs WHERE subscription_id = $1)
           AND started_at >= $2 AND started_at < $3 AND state = 'succeeded'",
    )
    .bind(subscription)
    .bind(from)
    .bind(until)
    .fetch_scalar()
    .await
}

/// Writes a statement; the caller holds the subscription's row.
pub async fn insert(tx: &mut Tx, tenant: Tenant, row: &StatementRow) -> Result<(), Error> {
    tx.query(
        "INSERT INTO statements (id, subscription_id, organization_id, provider_id, number, plan_id, period_start, closed_at,
                                 total_calls, total_input_tokens, total_output_tokens, calls, input_tokens,
                                 output_tokens, lines, currency, amount_minor, hash, order_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)",
    )
    .bind(row.id)
    .bind(row.subscription_id)
    .bind(tenant.id())
    .bind(row.provider_id)
    .bind(row.number)
    .bind(row.plan_id)
    .bind(row.period_start)
    .bind(row.closed_at)
    .bind(row.total_calls)
    .bind(row.total_input_tokens)
    .bind(row.total_output_tokens)
    .bind(row.calls)
    .bind(row.input_tokens)
    .bind(row.output_tokens)
    .bind(row.lines.clone())
    .bind(row.currency)
    .bind(row.amount_minor)
    .bind(row.hash.clone())
    .bind(row.order_id)
    .execute()
    .await?
    .exactly_one()
}

/// Finds the last statement of a subscription.
pub async fn last(tx: &mut Tx, subscription: SubscriptionId) -> Result<Option<StatementRow>, Error> {
    tx.query(
        "SELECT s.id, s.subscription_id, s.organization_id, s.provider_id, s.number, s.plan_id, p.name AS plan_name,
                s.period_start, s.closed_at, s.total_calls, s.total_input_tokens, s.total_output_tokens, s.calls,
                s.input_tokens, s.output_tokens, s.lines, s.currency, s.amount_minor, s.hash, s.order_id
         FROM statements s JOIN plans p ON p.id = s.plan_id
         WHERE s.subscription_id = $1 ORDER BY s.number DESC LIMIT 1",
    )
    .bind(subscription)
    .fetch_optional()
    .await
}

/// Lists the last statements of a subscription, newest first.
pub async fn list(tx: &mut Tx, subscription: SubscriptionId, limit: i64) -> Result<Vec<StatementRow>, Error> {
    tx.query(
        "SELECT s.id, s.subscription_id, s.organization_id, s.provider_id, s.number, s.plan_id, p.name AS plan_name,
                s.period_start, s.closed_at, s.total_calls, s.total_input_tokens, s.total_output_tokens, s.calls,
                s.input_tokens, s.output_tokens, s.lines, s.currency, s.amount_minor, s.hash, s.order_id
         FROM statements s JOIN plans p ON p.id = s.plan_id
         WHERE s.subscription_id = $1 ORDER BY s.number DESC LIMIT $2",
    )
    .bind(subscription)
    .bind(limit)
    .fetch_all()
    .await
}

/// Adds up what no order asks for: none has, or it was canceled.
pub async fn owed(tx: &mut Tx, subscription: SubscriptionId, currency: Currency) -> Result<Money, Error> {
    let minor: i64 = tx
        .query(
            "SELECT CAST(COALESCE(SUM(amount_minor), 0) AS BIGINT) FROM statements
             WHERE subscription_id = $1 AND currency = $2
               AND (order_id IS NULL OR order_id IN (SELECT id FROM orders WHERE subscription_id = $1 AND state = $3))",
        )
        .bind(subscription)
        .bind(currency)
        .bind(OrderState::Canceled)
        .fetch_scalar()
        .await?;
    Ok(Money::new(minor, currency))
}

/// Says which order asks for what none asks for.
pub async fn ask(tx: &mut Tx, subscription: SubscriptionId, currency: Currency, order: OrderId) -> Result<(), Error> {
    tx.query(
        "UPDATE statements SET order_id = $3
         WHERE subscription_id = $1 AND currency = $2
           AND (order_id IS NULL OR order_id IN (SELECT id FROM orders WHERE subscription_id = $1 AND state = $4))",
    )
    .bind(subscription)
    .bind(currency)
    .bind(order)
    .bind(OrderState::Canceled)
    .execute()
    .await?
    .any();
    Ok(())
}
