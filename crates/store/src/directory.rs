//! Everyone and every organization, for the operator to find.

use domain::{OrganizationId, Timestamp, UserId};

use crate::{Error, Tx};

/// A person in the list.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct PersonRow {
    /// Who.
    pub id: UserId,
    /// Their address.
    pub email: String,
    /// What they are called.
    pub name: String,
    /// Whether they operate the marketplace.
    pub operator: bool,
    /// Since when.
    pub created_at: Timestamp,
    /// Since when they are locked out.
    pub disabled_at: Option<Timestamp>,
}

/// An organization in the list.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct ListedRow {
    /// Which.
    pub id: OrganizationId,
    /// By name.
    pub name: String,
    /// Its members.
    pub members: i64,
    /// Its running subscriptions.
    pub subscriptions: i64,
    /// Where it stands as a provider; empty if it never asked.
    pub provider: String,
    /// Since when it is blocked.
    pub blocked_at: Option<Timestamp>,
    /// Since when.
    pub created_at: Timestamp,
}

/// Lists people whose name or address contains `search`, newest first.
pub async fn people(tx: &mut Tx, search: &str, limit: i64, offset: i64) -> Result<Vec<PersonRow>, Error> {
    tx.query(
        r"SELECT id, email, name, operator, created_at, disabled_at
          FROM users
          WHERE email LIKE $1 ESCAPE '\' OR LOWER(name) LIKE $1 ESCAPE '\'
          ORDER BY created_at DESC, id DESC
          LIMIT $2 OFFSET $3",
    )
    .bind(pattern(search))
    .bind(limit)
    .bind(offset)
    .fetch_all()
    .await
}

/// Counts people whose name or address contains `search`.
pub async fn count_people(tx: &mut Tx, search: &str) -> Result<i64, Error> {
    tx.query(r"SELECT COUNT(*) FROM users WHERE email LIKE $1 ESCAPE '\' OR LOWER(name) LIKE $1 ESCAPE '\'")
        .bind(pattern(search))
        .fetch_scalar()
        .await
}

/// Returns the organizations of the people that [`people`] lists, by name.
pub async fn organizations_of_people(
    tx: &mut Tx,
    search: &str,
    limit: i64,
    offset: i64,
) -> Result<Vec<(UserId, String)>, Error> {
    tx.query(
        r"SELECT m.user_id, o.name
          FROM memberships m
          JOIN organizations o ON o.id = m.organization_id
          WHERE m.user_id IN (SELECT id FROM users
                              WHERE email LIKE $1 ESCAPE '\' OR LOWER(name) LIKE $1 ESCAPE '\'
                              ORDER BY created_at DESC, id DESC
                              LIMIT $2 OFFSET $3)
          ORDER BY o.name, o.id",
    )
    .bind(pattern(search))
    .bind(limit)
    .bind(offset)
    .fetch_all()
    .await
}

/// Lists organizations whose name, slug or address contains `search`, newest first.
pub async fn organizations(tx: &mut Tx, search: &str, limit: i64, offset: i64) -> Result<Vec<ListedRow>, Error> {
    tx.query(
        r"SELECT o.id, o.name, o.blocked_at, o.created_at,
                 COALESCE(v.state, '') AS provider,
                 (SELECT COUNT(*) FROM memberships m WHERE m.organization_id = o.id) AS members,
                 (SELECT COUNT(*) FROM subscriptions s
                  WHERE s.organization_id = o.id AND s.state IN ('OK', 'Updating')) AS subscriptions
          FROM organizations o
          LEFT JOIN providers v ON v.organization_id = o.id
          WHERE LOWER(o.name) LIKE $1 ESCAPE '\' OR o.slug LIKE $1 ESCAPE '\' OR o.email LIKE $1 ESCAPE '\'
          ORDER BY o.created_at DESC, o.id DESC
          LIMIT $2 OFFSET $3",
    )
    .bind(pattern(search))
    .bind(limit)
    .bind(offset)
    .fetch_all()
    .await
}

/// Counts organizations whose name, slug or address contains `search`.
pub async fn count_organizations(tx: &mut Tx, search: &str) -> Result<i64, Error> {
    tx.query(
        r"SELECT COUNT(*) FROM organizations
          WHERE LOWER(name) LIKE $1 ESCAPE '\' OR slug LIKE $1 ESCAPE '\' OR email LIKE $1 ESCAPE '\'",
    )
    .bind(pattern(search))
    .fetch_scalar()
    .await
}

/// Counts operators who are not locked out.
pub async fn count_operators(tx: &mut Tx) -> Result<i64, Error> {
    tx.query("SELECT COUNT(*) FROM users WHERE operator = $1 AND disabled_at IS NULL").bind(true).fetch_scalar().await
}

/// Makes a pattern of LIKE that finds `search` anywhere, in which nothing stands for anything else.
fn pattern(search: &str) -> String {
    let mut pattern = String::from("%");
    for c in search.trim().to_lowercase().chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}
