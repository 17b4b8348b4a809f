//! The rules of commission.

use domain::ledger::{CommissionRule, RuleScope};
use domain::{BasisPoints, CategoryId, CommissionRuleId, OfferingId, OrganizationId, Timestamp, UserId};

use crate::{Error, Tx};

/// A rule to write.
#[derive(Clone, Debug)]
pub struct NewRule {
    /// What it says.
    pub rule: CommissionRule,
    /// Why.
    pub note: String,
    /// Who says so.
    pub created_by: UserId,
    /// When.
    pub now: Timestamp,
}

/// A rule, with the names that its readers want.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct RuleRow {
    /// Which.
    pub id: CommissionRuleId,
    /// Of which provider's sales.
    pub provider_id: Option<OrganizationId>,
    /// By name; empty without a provider.
    pub provider_name: String,
    /// Of which category's sales.
    pub category_id: Option<CategoryId>,
    /// By name; empty without a category.
    pub category_title: String,
    /// Which share, in hundredths of a percent.
    pub basis_points: i64,
    /// The first moment it holds.
    pub valid_from: Timestamp,
    /// The first moment it holds no more.
    pub valid_until: Option<Timestamp>,
    /// Why.
    pub note: String,
    /// Who said so, by name.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
}

impl RuleRow {
    /// Returns what the rule says.
    pub fn rule(&self) -> CommissionRule {
        let scope = match (self.provider_id, self.category_id) {
            (Some(provider), _) => RuleScope::Provider(provider),
            (None, Some(category)) => RuleScope::Category(category),
            (None, None) => RuleScope::All,
        };
        // The table's CHECK keeps it from 0 to 10,000.
        let rate = BasisPoints(u16::try_from(self.basis_points).unwrap_or(10_000));
        CommissionRule { id: self.id, scope, rate, valid_from: self.valid_from, valid_until: self.valid_until }
    }
}

/// Writes a rule.
pub async fn insert_rule(tx: &mut Tx, new: &NewRule) -> Result<(), Error> {
    let (provider, category) = match new.rule.scope {
        RuleScope::All => (None, None),
        RuleScope::Category(id) => (None, Some(id)),
        RuleScope::Provider(id) => (Some(id), None),
    };
    tx.query(
        "INSERT INTO commission_rules (id, provider_id, category_id, basis_points, valid_from, valid_until, note,
                                       created_by, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(new.rule.id)
    .bind(provider)
    .bind(category)
    .bind(i64::from(new.rule.rate.0))
    .bind(new.rule.valid_from)
    .bind(new.rule.valid_until)
    .bind(new.note.clone())
    .bind(new.created_by)
    .bind(new.now)
    .execute()
    .await?
    .exactly_one()
}

/// Lists every rule, those that began last first.
pub async fn rule_rows(tx: &mut Tx) -> Result<Vec<RuleRow>, Error> {
    tx.query(
        "SELECT r.id, r.provider_id, COALESCE(p.name, '') AS provider_name, r.category_id,
                COALESCE(c.title, '') AS category_title, r.basis_points, r.valid_from, r.valid_until, r.note,
                u.name AS created_by, r.created_at
         FROM commission_rules r
         JOIN users u ON u.id = r.created_by
         LEFT JOIN organizations p ON p.id = r.provider_id
         LEFT JOIN categories c ON c.id = r.category_id
         ORDER BY r.valid_from DESC, r.id DESC",
    )
    .fetch_all()
    .await
}

/// Returns the rules that may hold for a provider or a category at some moment.
pub async fn rules(
    tx: &mut Tx,
    provider: OrganizationId,
    category: CategoryId,
    at: Timestamp,
) -> Result<Vec<CommissionRule>, Error> {
    let rows: Vec<RuleRow> = tx
        .query(
            "SELECT id, provider_id, '' AS provider_name, category_id, '' AS category_title, basis_points, valid_from,
                    valid_until, note, '' AS created_by, created_at
             FROM commission_rules
             WHERE (provider_id = $1 OR provider_id IS NULL) AND (category_id = $2 OR category_id IS NULL)
               AND valid_from <= $3 AND (valid_until IS NULL OR valid_until > $3)",
        )
        .bind(provider)
        .bind(category)
        .bind(at)
        .fetch_all()
        .await?;
    Ok(rows.iter().map(RuleRow::rule).collect())
}

/// Ends a rule at some moment; tells whether it would have held at that moment or later.
pub async fn end_rule(tx: &mut Tx, id: CommissionRuleId, at: Timestamp) -> Result<bool, Error> {
    let done = tx
        .query(
            "UPDATE commission_rules SET valid_until = $2
             WHERE id = $1 AND (valid_until IS NULL OR valid_until > $2)",
        )
        .bind(id)
        .bind(at)
        .execute()
        .await?;
    Ok(done.affected == 1)
}

/// Returns the category of an offering.
pub async fn category_of(tx: &mut Tx, offering: OfferingId) -> Result<Option<CategoryId>, Error> {
    let row: Option<(CategoryId,)> =
        tx.query("SELECT category_id FROM offerings WHERE id = $1").bind(offering).fetch_optional().await?;
    Ok(row.map(|(id,)| id))
}
