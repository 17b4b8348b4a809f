//! Organizations, their projects and their people.

mod dashboard;

pub use dashboard::dashboard;

use domain::view::account::{InvitationOffer, InvitationView, MemberView, OrganizationView, ProjectView};
use domain::{Email, InvitationId, OrganizationId, Permission, ProjectId, Role, Timestamp, UserId};
use store::organizations::{self as rows, InvitationRow, OrganizationRow, ProjectRow};
use store::{Scope, Tenant, Tx};

use crate::access::Principal;
use crate::clock::fresh_id;
use crate::ctx::Ctx;
use crate::error::{Checks, Error, Result};
use crate::identity::{make_organization, user_view};
use crate::ports::Mail;
use crate::{audit, mail, secret};

/// How long an invitation holds.
const INVITATION_DAYS: i64 = 14;
/// Members and open invitations that an organization may have.
const PEOPLE: usize = 500;

/// Lists the caller's organizations, oldest first.
pub async fn list(ctx: &Ctx, who: &Principal) -> Result<Vec<OrganizationView>> {
    let viewer = who.user()?;
    let mut tx = ctx.store.read(Scope::System).await?;
    let mut views = Vec::with_capacity(viewer.memberships.len());
    for membership in &viewer.memberships {
        if let Some(row) = rows::get(&mut tx, membership.organization_id).await? {
            views.push(view(row, Some(membership.role)));
        }
    }
    Ok(views)
}

/// Returns an organization of the caller; operators see any.
pub async fn get(ctx: &Ctx, who: &Principal, id: OrganizationId) -> Result<OrganizationView> {
    if who.operator().is_err() {
        who.member(id, Permission::View)?;
    }
    let role = who
        .user()?
        .memberships
        .iter()
        .find(|membership| membership.organization_id == id)
        .map(|membership| membership.role);
    let mut tx = ctx.store.read(Scope::System).await?;
    let row = rows::get(&mut tx, id).await?.ok_or(Error::NotFound("organization"))?;
    Ok(view(row, role))
}

/// Makes an organization with a default project; the caller owns it.
pub async fn create(ctx: &Ctx, who: &Principal, name: &str) -> Result<OrganizationView> {
    let viewer = who.user()?;
    let mut checks = Checks::default();
    let name = checks.line("name", name, 2, 80);
    checks.done()?;
    if viewer.memberships.len() >= 50 {
        return Err(Error::Conflict("You are in 50 organizations already; leave one first.".to_owned()));
    }
    let mut tx = ctx.store.write(Scope::System).await?;
    let id = make_organization(&mut tx, viewer.user.id, &name, &viewer.user.email, ctx.now()).await?;
    let row = rows::get(&mut tx, id).await?.ok_or(Error::NotFound("organization"))?;
    tx.commit().await?;
    Ok(view(row, Some(Role::Owner)))
}

/// Changes an organization's name and address.
pub async fn update(
    ctx: &Ctx,
    who: &Principal,
    id: OrganizationId,
    name: &str,
    email: &str,
) -> Result<OrganizationView> {
    let member = who.member(id, Permission::ManageOrganization)?;
    let mut checks = Checks::default();
    let name = checks.line("name", name, 2, 80);
    let email: Option<Email> = checks.parse("email", email);
    checks.done()?;
    let email = email.ok_or_else(|| Error::invalid("email", "is required"))?;
    let mut tx = ctx.store.write(member.tenant).await?;
    rows::update(&mut tx, member.tenant, &name, &email).await?;
    tx.commit().await?;
    get(ctx, who, id).await
}

/// Lists the projects of one organization, or of all of the caller's.
pub async fn projects(ctx: &Ctx, who: &Principal, of: Option<OrganizationId>) -> Result<Vec<ProjectView>> {
    let viewer = who.user()?;
    let organizations = match of {
        Some(id) => vec![id],
        None => viewer.memberships.iter().map(|membership| membership.organization_id).collect(),
    };
    let mut views = Vec::new();
    for id in organizations {
        let member = who.member(id, Permission::View)?;
        let mut tx = ctx.store.read(member.tenant).await?;
        let name = viewer
            .memberships
            .iter()
            .find(|membership| membership.organization_id == id)
            .map(|membership| membership.organization_name.clone())
            .unwrap_or_default();
        for row in rows::projects(&mut tx, member.tenant).await? {
            views.push(project_view(row, name.clone()));
        }
    }
    Ok(views)
}

/// Makes a project.
pub async fn create_project(ctx: &Ctx, who: &Principal, id: OrganizationId, name: &str) -> Result<ProjectView> {
    let member = who.member(id, Permission::ManageOrganization)?;
    let mut checks = Checks::default();
    let name = checks.line("name", name, 1, 80);
    checks.done()?;
    let row = ProjectRow { id: ProjectId(fresh_id()), organization_id: id, name, created_at: ctx.now() };
    let mut tx = ctx.store.write(member.tenant).await?;
    rows::insert_project(&mut tx, member.tenant, &row).await?;
    tx.commit().await?;
    let organization = get(ctx, who, id).await?;
    Ok(project_view(row, organization.name))
}

/// Lists the members of an organization, oldest first.
pub async fn members(ctx: &Ctx, who: &Principal, id: OrganizationId) -> Result<Vec<MemberView>> {
    let member = who.member(id, Permission::View)?;
    let mut tx = ctx.store.read(member.tenant).await?;
    rows::members(&mut tx, member.tenant)
        .await?
        .into_iter()
        .map(|row| {
            let user = user_view(row.user_id, &row.email, &row.name, row.operator)?;
            Ok(MemberView { user, role: row.role, since: row.created_at.day().to_string() })
        })
        .collect()
}

/// Lists the invitations that wait for an answer.
pub async fn invitations(ctx: &Ctx, who: &Principal, id: OrganizationId) -> Result<Vec<InvitationView>> {
    let member = who.member(id, Permission::ManageMembers)?;
    let mut tx = ctx.store.read(member.tenant).await?;
    rows::open_invitations(&mut tx, member.tenant, ctx.now())
        .await?
        .into_iter()
        .map(|row| {
            let email = row.email.parse().map_err(Error::internal)?;
            Ok(InvitationView { id: row.id, email, role: row.role, expires: row.expires_at.day().to_string() })
        })
        .collect()
}

/// Invites someone by mail. Only owners invite owners.
pub async fn invite(ctx: &Ctx, who: &Principal, id: OrganizationId, email: &str, role: Role) -> Result<()> {
    let member = who.member(id, Permission::ManageMembers)?;
    let mut checks = Checks::default();
    let email: Option<Email> = checks.parse("email", email);
    checks.done()?;
    let email = email.ok_or_else(|| Error::invalid("email", "is required"))?;
    only_owners_make_owners(who, id, role)?;

    let now = ctx.now();
    let token = secret::random_token();
    let mut tx = ctx.store.write(Scope::System).await?;
    let organization = rows::get(&mut tx, id).await?.ok_or(Error::NotFound("organization"))?;
    let members = rows::members(&mut tx, member.tenant).await?;
    if members.iter().any(|row| row.email == email.as_str()) {
        return Err(Error::invalid("email", "is a member already"));
    }
    let open = rows::open_invitations(&mut tx, member.tenant, now).await?;
    if members.len() + open.len() >= PEOPLE {
        return Err(Error::Conflict(format!("An organization has {PEOPLE} members and open invitations at most.")));
    }
    // A second invitation takes the place of the first.
    for row in open.iter().filter(|row| row.email == email.as_str()) {
        rows::delete_invitation(&mut tx, member.tenant, row.id).await?;
    }
    let invitation = InvitationRow {
        id: InvitationId(fresh_id()),
        organization_id: id,
        email: email.to_string(),
        role,
        expires_at: now.plus_days(INVITATION_DAYS),
        accepted_at: None,
    };
    rows::insert_invitation(&mut tx, member.tenant, &invitation, &secret::digest(&token), member.user, now).await?;
    let inviter = &who.user()?.user.name;
    let text = format!(
        "{inviter} invites you to join {} at {}.\n\nOpen this page to accept; it holds until {}:\n{}/invitation/{token}/\n",
        organization.name,
        ctx.settings.site_name,
        invitation.expires_at.day(),
        ctx.settings.public_url
    );
    let subject = format!("Join {} at {}", organization.name, ctx.settings.site_name);
    mail::enqueue(&mut tx, now, Mail { to: email, subject, text }).await?;
    tx.commit().await?;
    ctx.jobs_wake.notify_one();
    Ok(())
}

/// Returns what an invitation offers to whoever holds it; nobody need be signed in.
pub async fn invitation(ctx: &Ctx, token: &str) -> Result<InvitationOffer> {
    let mut tx = ctx.store.read(Scope::System).await?;
    let row = open_invitation(&mut tx, token, ctx.now()).await?;
    let organization = rows::get(&mut tx, row.organization_id).await?.ok_or(Error::NotFound("organization"))?;
    Ok(InvitationOffer {
        organization_name: organization.name,
        email: row.email.parse().map_err(Error::internal)?,
        role: row.role,
        expires: row.expires_at.day().to_string(),
    })
}

async fn open_invitation(tx: &mut Tx, token: &str, now: Timestamp) -> Result<InvitationRow> {
    rows::invitation(tx, &secret::digest(token))
        .await?
        .filter(|row| row.accepted_at.is_none() && row.expires_at > now)
        .ok_or(Error::Gone("this invitation was used, taken back or has expired; ask whoever sent it for another"))
}

/// Accepts an invitation that was sent to the caller's address.
pub async fn accept_invitation(ctx: &Ctx, who: &Principal, token: &str) -> Result<OrganizationId> {
    let viewer = who.user()?;
    let now = ctx.now();
    let mut tx = ctx.store.write(Scope::System).await?;
    let row = open_invitation(&mut tx, token, now).await?;
    if row.email != viewer.user.email.as_str() {
        return Err(Error::Forbidden("this invitation was sent to another address; sign in with that one"));
    }
    if rows::get(&mut tx, row.organization_id).await?.is_none_or(|organization| organization.blocked_at.is_some()) {
        return Err(Error::Conflict("This organization cannot take new members now.".to_owned()));
    }
    rows::accept_invitation(&mut tx, row.id, now).await?;
    let tenant = invited(row.organization_id);
    // Someone who is a member already keeps the role they have.
    if !viewer.memberships.iter().any(|membership| membership.organization_id == row.organization_id) {
        rows::add_member(&mut tx, tenant, viewer.user.id, row.role, now).await?;
        let detail = format!("invited as {}", row.role);
        let subject = viewer.user.id.to_string();
        audit::note(ctx, &mut tx, Some(viewer.user.id), Some(row.organization_id), "member.join", &subject, &detail)
            .await?;
    }
    tx.commit().await?;
    Ok(row.organization_id)
}

#[expect(clippy::disallowed_methods, reason = "the invitation was sent to this person by a member who may invite")]
const fn invited(id: OrganizationId) -> Tenant {
    Tenant::assume_authorized(id)
}

/// Takes an invitation back.
pub async fn withdraw_invitation(
    ctx: &Ctx,
    who: &Principal,
    id: OrganizationId,
    invitation: InvitationId,
) -> Result<()> {
    let member = who.member(id, Permission::ManageMembers)?;
    let mut tx = ctx.store.write(member.tenant).await?;
    if !rows::delete_invitation(&mut tx, member.tenant, invitation).await? {
        return Err(Error::NotFound("invitation"));
    }
    tx.commit().await?;
    Ok(())
}

/// Changes what a member is. Only owners make or unmake owners, and one owner always stays.
pub async fn set_role(ctx: &Ctx, who: &Principal, id: OrganizationId, user: UserId, role: Role) -> Result<()> {
    let member = who.member(id, Permission::ManageMembers)?;
    only_owners_make_owners(who, id, role)?;
    let mut tx = ctx.store.write(member.tenant).await?;
    rows::lock(&mut tx, member.tenant).await?;
    let before = role_of(&mut tx, member.tenant, user).await?;
    only_owners_make_owners(who, id, before)?;
    if before == Role::Owner && role != Role::Owner {
        not_the_last_owner(&mut tx, member.tenant).await?;
    }
    rows::set_role(&mut tx, member.tenant, user, role).await?;
    let detail = format!("from {before} to {role}");
    audit::note(ctx, &mut tx, Some(member.user), Some(id), "member.role", &user.to_string(), &detail).await?;
    tx.commit().await?;
    Ok(())
}

/// Removes a member; anyone may leave, but for the last owner.
pub async fn remove_member(ctx: &Ctx, who: &Principal, id: OrganizationId, user: UserId) -> Result<()> {
    let leaves = who.user()?.user.id == user;
    let member = who.member(id, if leaves { Permission::View } else { Permission::ManageMembers })?;
    let mut tx = ctx.store.write(member.tenant).await?;
    rows::lock(&mut tx, member.tenant).await?;
    let role = role_of(&mut tx, member.tenant, user).await?;
    if !leaves {
        only_owners_make_owners(who, id, role)?;
    }
    if role == Role::Owner {
        not_the_last_owner(&mut tx, member.tenant).await?;
    }
    rows::remove_member(&mut tx, member.tenant, user).await?;
    let done = if leaves { "member.leave" } else { "member.remove" };
    audit::note(ctx, &mut tx, Some(member.user), Some(id), done, &user.to_string(), "").await?;
    tx.commit().await?;
    Ok(())
}

fn only_owners_make_owners(who: &Principal, id: OrganizationId, role: Role) -> Result<()> {
    let owner = who
        .user()?
        .memberships
        .iter()
        .any(|membership| membership.organization_id == id && membership.role == Role::Owner);
    if role == Role::Owner && !owner {
        return Err(Error::Forbidden("only an owner may do this to an owner"));
    }
    Ok(())
}

async fn role_of(tx: &mut Tx, tenant: Tenant, user: UserId) -> Result<Role> {
    let members = rows::members(tx, tenant).await?;
    members.iter().find(|row| row.user_id == user).map(|row| row.role).ok_or(Error::NotFound("member"))
}

async fn not_the_last_owner(tx: &mut Tx, tenant: Tenant) -> Result<()> {
    let owners = rows::members(tx, tenant).await?.iter().filter(|row| row.role == Role::Owner).count();
    if owners <= 1 {
        return Err(Error::Conflict("An organization needs an owner; make someone else one first.".to_owned()));
    }
    Ok(())
}

fn view(row: OrganizationRow, role: Option<Role>) -> OrganizationView {
    OrganizationView {
        id: row.id,
        name: row.name,
        slug: row.slug,
        email: row.email,
        created: row.created_at.day().to_string(),
        blocked: row.blocked_at.is_some(),
        role,
    }
}

fn project_view(row: ProjectRow, organization_name: String) -> ProjectView {
    ProjectView {
        id: row.id,
        organization_id: row.organization_id,
        organization_name,
        name: row.name,
        created: row.created_at.rfc3339(),
    }
}
