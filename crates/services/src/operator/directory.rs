//! Finding people and organizations, and locking them out.

use std::collections::HashMap;

use domain::{
    OrganizationId, UserId,
    view::{
        Page, Paging,
        operator::{OrganizationRowView, UserRowView},
    },
};
use store::{Scope, directory as rows, identity, organizations as organization_rows};

use crate::{Ctx, Error, Principal, Result, audit, gateway, identity::user_view};

/// Longer searches find nothing that shorter ones do not.
const SEARCH: usize = 100;

/// Returns people whose name or address contains `search`, newest first.
pub async fn users(ctx: &Ctx, who: &Principal, search: &str, paging: Paging) -> Result<Page<UserRowView>> {
    who.operator()?;
    let paging = Paging::clamped(paging.page, paging.page_size);
    let search: String = search.chars().take(SEARCH).collect();
    let mut tx = ctx.store.read(Scope::System).await?;
    let total = rows::count_people(&mut tx, &search).await?;
    let found = rows::people(&mut tx, &search, paging.page_size, paging.offset()).await?;
    let mut organizations: HashMap<UserId, Vec<String>> = HashMap::new();
    for (user, name) in rows::organizations_of_people(&mut tx, &search, paging.page_size, paging.offset()).await? {
        organizations.entry(user).or_default().push(name);
    }
    let rows = found
        .into_iter()
        .map(|row| {
            Ok(UserRowView {
                user: user_view(row.id, &row.email, &row.name, row.operator)?,
                organizations: organizations.remove(&row.id).unwrap_or_default(),
                disabled: row.disabled_at.is_some(),
                created: row.created_at.readable(),
            })
        })
        .collect::<Result<_>>()?;
    Ok(Page { rows, total, page: paging.page, page_size: paging.page_size })
}

/// Locks a person out, everywhere and at once, or lets them in again.
pub async fn set_user_disabled(ctx: &Ctx, who: &Principal, user: UserId, disabled: bool) -> Result<()> {
    let operator = who.operator()?;
    if disabled && user == operator.id() {
        return Err(Error::Conflict("You cannot lock yourself out.".to_owned()));
    }
    let mut tx = ctx.store.write(Scope::System).await?;
    let disabled_at = disabled.then(|| ctx.now());
    if !identity::set_disabled(&mut tx, user, disabled_at).await? {
        return Err(Error::NotFound("user"));
    }
    if disabled {
        identity::delete_credentials(&mut tx, user).await?;
        if rows::count_operators(&mut tx).await? == 0 {
            return Err(Error::Conflict("The marketplace needs an operator; make another one first.".to_owned()));
        }
    }
    let action = if disabled { "user.disable" } else { "user.enable" };
    audit::note(ctx, &mut tx, Some(operator.id()), None, action, &user.to_string(), "").await?;
    tx.commit().await?;
    Ok(())
}

/// Returns organizations whose name, slug or address contains `search`, newest first.
pub async fn organizations(
    ctx: &Ctx,
    who: &Principal,
    search: &str,
    paging: Paging,
) -> Result<Page<OrganizationRowView>> {
    who.operator()?;
    let paging = Paging::clamped(paging.page, paging.page_size);
    let search: String = search.chars().take(SEARCH).collect();
    let mut tx = ctx.store.read(Scope::System).await?;
    let total = rows::count_organizations(&mut tx, &search).await?;
    let found = rows::organizations(&mut tx, &search, paging.page_size, paging.offset()).await?;
    let rows = found
        .into_iter()
        .map(|row| OrganizationRowView {
            id: row.id,
            name: row.name,
            members: row.members,
            subscriptions: row.subscriptions,
            provider: row.provider,
            blocked: row.blocked_at.is_some(),
            created: row.created_at.readable(),
        })
        .collect();
    Ok(Page { rows, total, page: paging.page, page_size: paging.page_size })
}

/// Blocks an organization, or no longer: its agents stop answering, and its members cannot use it.
pub async fn set_blocked(ctx: &Ctx, who: &Principal, organization: OrganizationId, blocked: bool) -> Result<()> {
    let operator = who.operator()?;
    let now = ctx.now();
    let mut tx = ctx.store.write(Scope::System).await?;
    if !organization_rows::set_blocked(&mut tx, organization, blocked.then_some(now)).await? {
        return Err(Error::NotFound("organization"));
    }
    let action = if blocked { "organization.block" } else { "organization.unblock" };
    let subject = organization.to_string();
    audit::note(ctx, &mut tx, Some(operator.id()), Some(organization), action, &subject, "").await?;
    gateway::organization_changed(&mut tx, organization, now).await?;
    tx.commit().await?;
    gateway::forget_organization(ctx, organization);
    Ok(())
}
