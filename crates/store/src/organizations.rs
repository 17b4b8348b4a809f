//! Organizations, their projects, members and invitations.

use domain::{Email, InvitationId, OrganizationId, ProjectId, Role, Timestamp, UserId};

use crate::{Either, Error, Tenant, Tx};

/// An organization.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct OrganizationRow {
    /// Which.
    pub id: OrganizationId,
    /// What it is called.
    pub name: String,
    /// Its name in URLs.
    pub slug: String,
    /// Where its mail goes.
    pub email: String,
    /// Since when.
    pub created_at: Timestamp,
    /// Since when it is blocked.
    pub blocked_at: Option<Timestamp>,
}

/// A project.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct ProjectRow {
    /// Which.
    pub id: ProjectId,
    /// Whose.
    pub organization_id: OrganizationId,
    /// What it is called.
    pub name: String,
    /// Since when.
    pub created_at: Timestamp,
}

/// A member.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct MemberRow {
    /// Who.
    pub user_id: UserId,
    /// Their address.
    pub email: String,
    /// What they are called.
    pub name: String,
    /// Whether they operate the marketplace.
    pub operator: bool,
    /// What they are there.
    pub role: Role,
    /// Since when.
    pub created_at: Timestamp,
}

/// An invitation.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct InvitationRow {
    /// Which.
    pub id: InvitationId,
    /// Into which organization.
    pub organization_id: OrganizationId,
    /// Who is invited.
    pub email: String,
    /// As what.
    pub role: Role,
    /// Until when it holds.
    pub expires_at: Timestamp,
    /// When it was accepted.
    pub accepted_at: Option<Timestamp>,
}

/// Writes an organization, unless its slug is taken; tells whether it was written.
pub async fn insert(tx: &mut Tx, organization: &OrganizationRow) -> Result<bool, Error> {
    let done = tx
        .query(
            "INSERT INTO organizations (id, name, slug, email, created_at, blocked_at) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (slug) DO NOTHING",
        )
        .bind(organization.id)
        .bind(organization.name.clone())
        .bind(organization.slug.clone())
        .bind(organization.email.clone())
        .bind(organization.created_at)
        .bind(organization.blocked_at)
        .execute()
        .await?;
    Ok(done.affected == 1)
}

/// Makes others who would change the same organization's members wait until this transaction ends.
pub async fn lock(tx: &mut Tx, tenant: Tenant) -> Result<(), Error> {
    // SQLite has no row locks and needs none: the transaction already holds the only write lock.
    let sql = Either {
        sqlite: "SELECT id FROM organizations WHERE id = $1",
        postgres: "SELECT id FROM organizations WHERE id = $1 FOR UPDATE",
    };
    let _: Option<(OrganizationId,)> = tx.query_either(sql).bind(tenant.id()).fetch_optional().await?;
    Ok(())
}

/// Finds an organization.
pub async fn get(tx: &mut Tx, id: OrganizationId) -> Result<Option<OrganizationRow>, Error> {
    tx.query("SELECT id, name, slug, email, created_at, blocked_at FROM organizations WHERE id = $1")
        .bind(id)
        .fetch_optional()
        .await
}

/// Changes an organization's name and address.
pub async fn update(tx: &mut Tx, tenant: Tenant, name: &str, email: &Email) -> Result<(), Error> {
    tx.query("UPDATE organizations SET name = $2, email = $3 WHERE id = $1")
        .bind(tenant.id())
        .bind(name.to_owned())
        .bind(email.clone())
        .execute()
        .await?
        .exactly_one()
}

/// Blocks an organization, or no longer; tells whether there is one.
pub async fn set_blocked(tx: &mut Tx, id: OrganizationId, blocked_at: Option<Timestamp>) -> Result<bool, Error> {
    let done =
        tx.query("UPDATE organizations SET blocked_at = $2 WHERE id = $1").bind(id).bind(blocked_at).execute().await?;
    Ok(done.affected == 1)
}

/// Writes a project.
pub async fn insert_project(tx: &mut Tx, tenant: Tenant, project: &ProjectRow) -> Result<(), Error> {
    tx.query("INSERT INTO projects (id, organization_id, name, created_at) VALUES ($1, $2, $3, $4)")
        .bind(project.id)
        .bind(tenant.id())
        .bind(project.name.clone())
        .bind(project.created_at)
        .execute()
        .await?
        .exactly_one()
}

/// Lists an organization's projects, oldest first.
pub async fn projects(tx: &mut Tx, tenant: Tenant) -> Result<Vec<ProjectRow>, Error> {
    tx.query(
        "SELECT id, organization_id, name, created_at FROM projects WHERE organization_id = $1 ORDER BY created_at, id",
    )
    .bind(tenant.id())
    .fetch_all()
    .await
}

/// Writes a membership; someone who is a member already keeps their role.
pub async fn add_member(tx: &mut Tx, tenant: Tenant, user: UserId, role: Role, now: Timestamp) -> Result<(), Error> {
    tx.query(
        "INSERT INTO memberships (organization_id, user_id, role, created_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (organization_id, user_id) DO NOTHING",
    )
    .bind(tenant.id())
    .bind(user)
    .bind(role)
    .bind(now)
    .execute()
    .await?
    .any();
    Ok(())
}

/// Changes the role of a member.
pub async fn set_role(tx: &mut Tx, tenant: Tenant, user: UserId, role: Role) -> Result<(), Error> {
    tx.query("UPDATE memberships SET role = $3 WHERE organization_id = $1 AND user_id = $2")
        .bind(tenant.id())
        .bind(user)
        .bind(role)
        .execute()
        .await?
        .exactly_one()
}

/// Removes a membership; tells whether there was one.
pub async fn remove_member(tx: &mut Tx, tenant: Tenant, user: UserId) -> Result<bool, Error> {
    let done = tx
        .query("DELETE FROM memberships WHERE organization_id = $1 AND user_id = $2")
        .bind(tenant.id())
        .bind(user)
        .execute()
        .await?;
    Ok(done.affected == 1)
}

/// Lists an organization's members, oldest first.
pub async fn members(tx: &mut Tx, tenant: Tenant) -> Result<Vec<MemberRow>, Error> {
    tx.query(
        "SELECT m.user_id, u.email, u.name, u.operator, m.role, m.created_at
         FROM memberships m
         JOIN users u ON u.id = m.user_id
         WHERE m.organization_id = $1
         ORDER BY m.created_at, u.id",
    )
    .bind(tenant.id())
    .fetch_all()
    .await
}

/// Writes an invitation; the token is stored as its hash.
pub async fn insert_invitation(
    tx: &mut Tx,
    tenant: Tenant,
    invitation: &InvitationRow,
    token_hash: &[u8],
    invited_by: UserId,
    now: Timestamp,
) -> Result<(), Error> {
    tx.query(
        "INSERT INTO invitations
            (id, organization_id, email, role, token_hash, invited_by, created_at, expires_at, accepted_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, NULL)",
    )
    .bind(invitation.id)
    .bind(tenant.id())
    .bind(invitation.email.clone())
    .bind(invitation.role)
    .bind(token_hash.to_vec())
    .bind(invited_by)
    .bind(now)
    .bind(invitation.expires_at)
    .execute()
    .await?
    .exactly_one()
}

/// Lists the invitations that can still be accepted, newest first.
pub async fn open_invitations(tx: &mut Tx, tenant: Tenant, now: Timestamp) -> Result<Vec<InvitationRow>, Error> {
    tx.query(
        "SELECT id, organization_id, email, role, expires_at, accepted_at
         FROM invitations
         WHERE organization_id = $1 AND accepted_at IS NULL AND expires_at > $2
         ORDER BY created_at DESC, id DESC",
    )
    .bind(tenant.id())
    .bind(now)
    .fetch_all()
    .await
}

/// Removes an invitation that was not accepted; tells whether there was one.
pub async fn delete_invitation(tx: &mut Tx, tenant: Tenant, id: InvitationId) -> Result<bool, Error> {
    let done = tx
        .query("DELETE FROM invitations WHERE organization_id = $1 AND id = $2 AND accepted_at IS NULL")
        .bind(tenant.id())
        .bind(id)
        .execute()
        .await?;
    Ok(done.affected == 1)
}

/// Finds an invitation by its token's hash; before a tenant is known.
pub async fn invitation(tx: &mut Tx, token_hash: &[u8]) -> Result<Option<InvitationRow>, Error> {
    tx.query("SELECT id, organization_id, email, role, expires_at, accepted_at FROM invitations WHERE token_hash = $1")
        .bind(token_hash.to_vec())
        .fetch_optional()
        .await
}

/// Marks an invitation as accepted; fails if it already is.
pub async fn accept_invitation(tx: &mut Tx, id: InvitationId, now: Timestamp) -> Result<(), Error> {
    tx.query("UPDATE invitations SET accepted_at = $2 WHERE id = $1 AND accepted_at IS NULL")
        .bind(id)
        .bind(now)
        .execute()
        .await?
        .exactly_one()
}
