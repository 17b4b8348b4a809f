//! People, their signed-in browsers and their API tokens.
//!
//! None of it belongs to a tenant: it is what is looked at before a tenant is known.

use domain::state::ProviderState;
use domain::{Email, OrganizationId, ProjectId, Role, Timestamp, UserId, UserSessionId, UserTokenId};

use crate::{Error, Tx};

/// A person.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct UserRow {
    /// Who.
    pub id: UserId,
    /// Where mail goes.
    pub email: String,
    /// What they are called.
    pub name: String,
    /// A PHC string.
    pub password_hash: Option<String>,
    /// Whether they operate the marketplace.
    pub operator: bool,
    /// Since when.
    pub created_at: Timestamp,
    /// Since when they are locked out.
    pub disabled_at: Option<Timestamp>,
}

/// A membership, with what a viewer needs to know of the organization.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct MembershipRow {
    /// Which organization.
    pub organization_id: OrganizationId,
    /// Its name.
    pub organization_name: String,
    /// Its oldest project.
    pub project_id: ProjectId,
    /// What the person is there.
    pub role: Role,
    /// Where it stands as a provider.
    pub provider: Option<ProviderState>,
}

/// A signed-in browser.
#[derive(Clone, Copy, Debug, sqlx::FromRow)]
pub struct SessionRow {
    /// Which.
    pub id: UserSessionId,
    /// Whose.
    pub user_id: UserId,
    /// When it was last seen.
    pub last_seen_at: Timestamp,
}

/// An API token.
#[derive(Clone, Copy, Debug, sqlx::FromRow)]
pub struct TokenRow {
    /// Which.
    pub id: UserTokenId,
    /// Whose.
    pub user_id: UserId,
    /// When it was last used, roughly.
    pub last_used_at: Option<Timestamp>,
}

/// Writes a person, unless their address is taken; tells whether they were written.
pub async fn insert_user(tx: &mut Tx, user: &UserRow) -> Result<bool, Error> {
    let done = tx
        .query(
            "INSERT INTO users (id, email, name, password_hash, operator, created_at, disabled_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (email) DO NOTHING",
        )
        .bind(user.id)
        .bind(user.email.clone())
        .bind(user.name.clone())
        .bind(user.password_hash.clone())
        .bind(user.operator)
        .bind(user.created_at)
        .bind(user.disabled_at)
        .execute()
        .await?;
    Ok(done.affected == 1)
}

/// Finds a person.
pub async fn user(tx: &mut Tx, id: UserId) -> Result<Option<UserRow>, Error> {
    tx.query("SELECT id, email, name, password_hash, operator, created_at, disabled_at FROM users WHERE id = $1")
        .bind(id)
        .fetch_optional()
        .await
}

/// Finds the person who has an address.
pub async fn user_by_email(tx: &mut Tx, email: &Email) -> Result<Option<UserRow>, Error> {
    tx.query("SELECT id, email, name, password_hash, operator, created_at, disabled_at FROM users WHERE email = $1")
        .bind(email.clone())
        .fetch_optional()
        .await
}

/// Changes a person's password.
pub async fn set_password(tx: &mut Tx, id: UserId, hash: &str) -> Result<(), Error> {
    tx.query("UPDATE users SET password_hash = $2 WHERE id = $1")
        .bind(id)
        .bind(hash.to_owned())
        .execute()
        .await?
        .exactly_one()
}

/// Lists where to write to the operators.
pub async fn operators(tx: &mut Tx) -> Result<Vec<String>, Error> {
    let rows: Vec<(String,)> =
        tx.query("SELECT email FROM users WHERE operator AND disabled_at IS NULL ORDER BY email").fetch_all().await?;
    Ok(rows.into_iter().map(|(email,)| email).collect())
}

/// Makes a person an operator, or no longer one.
pub async fn set_operator(tx: &mut Tx, id: UserId, operator: bool) -> Result<(), Error> {
    tx.query("UPDATE users SET operator = $2 WHERE id = $1").bind(id).bind(operator).execute().await?.exactly_one()
}

/// Locks a person out, or lets them in again; tells whether there is one.
pub async fn set_disabled(tx: &mut Tx, id: UserId, disabled_at: Option<Timestamp>) -> Result<bool, Error> {
    let done = tx.query("UPDATE users SET disabled_at = $2 WHERE id = $1").bind(id).bind(disabled_at).execute().await?;
    Ok(done.affected == 1)
}

/// Lists a person's organizations that are not blocked, oldest first.
pub async fn memberships(tx: &mut Tx, user: UserId) -> Result<Vec<MembershipRow>, Error> {
    tx.query(
        "SELECT m.organization_id,
                o.name AS organization_name,
                (SELECT p.id FROM projects p WHERE p.organization_id = o.id ORDER BY p.created_at, p.id LIMIT 1) AS project_id,
                m.role,
                v.state AS provider
         FROM memberships m
         JOIN organizations o ON o.id = m.organization_id
         LEFT JOIN providers v ON v.organization_id = o.id
         WHERE m.user_id = $1 AND o.blocked_at IS NULL
         ORDER BY m.created_at, o.id",
    )
    .bind(user)
    .fetch_all()
    .await
}

/// Writes a signed-in browser.
pub async fn insert_session(
    tx: &mut Tx,
    id: UserSessionId,
    user: UserId,
    token_hash: &[u8],
    user_agent: &str,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<(), Error> {
    tx.query(
        "INSERT INTO user_sessions (id, user_id, token_hash, user_agent, created_at, last_seen_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $5, $6)",
    )
    .bind(id)
    .bind(user)
    .bind(token_hash.to_vec())
    .bind(user_agent.to_owned())
    .bind(now)
    .bind(expires_at)
    .execute()
    .await?
    .exactly_one()
}

/// Finds a signed-in browser that has not expired.
pub async fn session(tx: &mut Tx, token_hash: &[u8], now: Timestamp) -> Result<Option<SessionRow>, Error> {
    tx.query("SELECT id, user_id, last_seen_at FROM user_sessions WHERE token_hash = $1 AND expires_at > $2")
        .bind(token_hash.to_vec())
        .bind(now)
        .fetch_optional()
        .await
}

/// Notes that a browser was seen, and lets it stay signed in for longer.
pub async fn touch_session(tx: &mut Tx, id: UserSessionId, now: Timestamp, expires_at: Timestamp) -> Result<(), Error> {
    tx.query("UPDATE user_sessions SET last_seen_at = $2, expires_at = $3 WHERE id = $1")
        .bind(id)
        .bind(now)
        .bind(expires_at)
        .execute()
        .await?
        .any();
    Ok(())
}

/// Signs a browser out.
pub async fn delete_session(tx: &mut Tx, token_hash: &[u8]) -> Result<(), Error> {
    tx.query("DELETE FROM user_sessions WHERE token_hash = $1").bind(token_hash.to_vec()).execute().await?.any();
    Ok(())
}

/// Signs a person out everywhere: browsers, tokens, and links that would set another password.
pub async fn delete_credentials(tx: &mut Tx, user: UserId) -> Result<(), Error> {
    tx.query("DELETE FROM user_sessions WHERE user_id = $1").bind(user).execute().await?.any();
    tx.query("DELETE FROM user_tokens WHERE user_id = $1").bind(user).execute().await?.any();
    tx.query("DELETE FROM password_resets WHERE user_id = $1").bind(user).execute().await?.any();
    Ok(())
}

/// Writes a link that lets a person set another password; the token is stored as its hash.
pub async fn insert_reset(
    tx: &mut Tx,
    user: UserId,
    token_hash: &[u8],
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<(), Error> {
    tx.query("INSERT INTO password_resets (token_hash, user_id, created_at, expires_at) VALUES ($1, $2, $3, $4)")
        .bind(token_hash.to_vec())
        .bind(user)
        .bind(now)
        .bind(expires_at)
        .execute()
        .await?
        .exactly_one()
}

/// Finds whose password a link sets, unless it has expired.
pub async fn reset(tx: &mut Tx, token_hash: &[u8], now: Timestamp) -> Result<Option<UserId>, Error> {
    let row: Option<(UserId,)> = tx
        .query("SELECT user_id FROM password_resets WHERE token_hash = $1 AND expires_at > $2")
        .bind(token_hash.to_vec())
        .bind(now)
        .fetch_optional()
        .await?;
    Ok(row.map(|(user,)| user))
}

/// Uses a link up, and returns whose password it sets, unless it has expired or was used.
pub async fn take_reset(tx: &mut Tx, token_hash: &[u8], now: Timestamp) -> Result<Option<UserId>, Error> {
    let row: Option<(UserId,)> = tx
        .query("DELETE FROM password_resets WHERE token_hash = $1 AND expires_at > $2 RETURNING user_id")
        .bind(token_hash.to_vec())
        .bind(now)
        .fetch_optional()
        .await?;
    Ok(row.map(|(user,)| user))
}

/// Removes links that have expired; returns how many.
pub async fn delete_expired_resets(tx: &mut Tx, now: Timestamp) -> Result<u64, Error> {
    Ok(tx.query("DELETE FROM password_resets WHERE expires_at <= $1").bind(now).execute().await?.affected)
}

/// Removes browsers that have expired; returns how many.
pub async fn delete_expired_sessions(tx: &mut Tx, now: Timestamp) -> Result<u64, Error> {
    Ok(tx.query("DELETE FROM user_sessions WHERE expires_at <= $1").bind(now).execute().await?.affected)
}

/// Writes an API token.
pub async fn insert_token(
    tx: &mut Tx,
    id: UserTokenId,
    user: UserId,
    token_hash: &[u8],
    now: Timestamp,
) -> Result<(), Error> {
    tx.query(
        "INSERT INTO user_tokens (id, user_id, token_hash, created_at, last_used_at) VALUES ($1, $2, $3, $4, NULL)",
    )
    .bind(id)
    .bind(user)
    .bind(token_hash.to_vec())
    .bind(now)
    .execute()
    .await?
    .exactly_one()
}

/// Removes all but the newest `kept` API tokens of a person.
pub async fn trim_tokens(tx: &mut Tx, user: UserId, kept: i64) -> Result<(), Error> {
    tx.query(
        "DELETE FROM user_tokens
         WHERE user_id = $1
           AND id NOT IN (SELECT id FROM user_tokens WHERE user_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2)",
    )
    .bind(user)
    .bind(kept)
    .execute()
    .await?
    .any();
    Ok(())
}

/// Finds an API token.
pub async fn token(tx: &mut Tx, token_hash: &[u8]) -> Result<Option<TokenRow>, Error> {
    tx.query("SELECT id, user_id, last_used_at FROM user_tokens WHERE token_hash = $1")
        .bind(token_hash.to_vec())
        .fetch_optional()
        .await
}

/// Notes that an API token was used.
pub async fn touch_token(tx: &mut Tx, id: UserTokenId, now: Timestamp) -> Result<(), Error> {
    tx.query("UPDATE user_tokens SET last_used_at = $2 WHERE id = $1").bind(id).bind(now).execute().await?.any();
    Ok(())
}

/// Removes an API token.
pub async fn delete_token(tx: &mut Tx, token_hash: &[u8]) -> Result<(), Error> {
    tx.query("DELETE FROM user_tokens WHERE token_hash = $1").bind(token_hash.to_vec()).execute().await?.any();
    Ok(())
}
