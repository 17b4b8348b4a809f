//! Caps: how many calls a month an organization allows itself, its subscriptions and its keys, and who is written to
//! when a limit comes near.
//!
//! The gateway holds them as it holds a plan's quota: a call takes one of each limit before it runs.

use std::fmt::Write as _;

use domain::view::cap::{CapScope, CapView};
use domain::{OrganizationId, Permission, Timestamp};
use store::caps::{self as rows, NearRow};
use store::{Scope, Tx, organizations};
use uuid::Uuid;

use crate::access::{Principal, on_behalf};
use crate::audit;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::gateway;
use crate::orders::letters;

/// The most calls a month that a cap can be of.
const MOST: i64 = 1_000_000_000;
/// How many limits are written about in one go.
const LETTERS: i64 = 200;

/// Lists what can have a cap, with this month's calls: the organization, its subscriptions, its keys.
pub async fn list(ctx: &Ctx, who: &Principal, organization: OrganizationId) -> Result<Vec<CapView>> {
    let member = who.member(organization, Permission::ViewBilling)?;
    let now = ctx.now();
    let mut tx = ctx.store.read(member.tenant).await?;
    Ok(rows::list(&mut tx, member.tenant, now.month_start(), now).await?)
}

/// Sets how many calls a month the organization, one of its subscriptions or one of its keys may make; `None` takes
/// the cap away. It holds from the answer on, for calls of this month, too.
pub async fn set(
    ctx: &Ctx,
    who: &Principal,
    organization: OrganizationId,
    scope_id: &str,
    calls: Option<i64>,
) -> Result<CapView> {
    let member = who.member(organization, Permission::Buy)?;
    let scope = Uuid::try_parse(scope_id).map_err(|_| Error::invalid("scope_uuid", "is not an identifier"))?;
    if calls.is_some_and(|calls| !(1..=MOST).contains(&calls)) {
        return Err(Error::invalid("calls", "must be a whole number from 1 to 1,000,000,000, or nothing for no cap"));
    }
    let now = ctx.now();
    let mut tx = ctx.store.write(Scope::System).await?;
    let known = rows::list(&mut tx, member.tenant, now.month_start(), now).await?;
    let id = scope.simple().to_string();
    let view = known.into_iter().find(|view| view.scope_id == id).ok_or(Error::NotFound("scope"))?;
    match calls {
        Some(calls) => rows::set(&mut tx, member.tenant, scope, calls, member.user, now).await?,
        None => rows::remove(&mut tx, member.tenant, scope).await?,
    }
    let said = calls.map_or_else(|| "no cap".to_owned(), |calls| format!("{calls} calls a month"));
    let note = format!("{} {}: {said}", view.scope, view.name);
    audit::note(ctx, &mut tx, Some(member.user), Some(organization), "cap.set", &id, &note).await?;
    gateway::organization_changed(&mut tx, organization, now).await?;
    tx.commit().await?;
    gateway::forget_organization(ctx, organization);
    Ok(CapView { cap: calls, ..view })
}

/// Writes to owners and admins whose limits are used by four fifths, and once more when they are used up: a plan's
/// quota and caps alike, each once a month.
pub(crate) async fn alert(ctx: &Ctx, now: Timestamp) -> Result<()> {
    let month = now.month_start();
    let mut tx = ctx.store.read(Scope::System).await?;
    let near = rows::near(&mut tx, month, LETTERS).await?;
    drop(tx);
    for row in near {
        let percent = if row.used >= row.calls { 100 } else { 80 };
        let mut tx = ctx.store.write(Scope::System).await?;
        if rows::note_alert(&mut tx, &row, month, percent, now).await? {
            write(ctx, &mut tx, &row, percent, now).await?;
        }
        tx.commit().await?;
    }
    Ok(())
}

async fn write(ctx: &Ctx, tx: &mut Tx, row: &NearRow, percent: i64, now: Timestamp) -> Result<()> {
    let tenant = on_behalf(row.organization_id);
    let id = row.scope_id.simple().to_string();
    let all = rows::list(tx, tenant, now.month_start(), now).await?;
    // A key that was revoked since needs no letter.
    let Some(of) = all.into_iter().find(|view| view.scope_id == id) else { return Ok(()) };
    let what = match of.scope {
        CapScope::Organization | CapScope::Subscription => of.name,
        CapScope::Key => format!("the key {} of {}", of.name, of.part_of),
    };
    let whose = if row.of_plan { "its plan includes" } else { "you allow it" };
    let day = now.month_start().next_month_start().day().iso();
    let (subject, mut text) = if percent == 100 {
        (
            format!("All calls of this month are used: {what}"),
            format!(
                "{what} has made the {} calls a month that {whose}. Until {day} it answers no more, and whoever calls is told so.\n",
                row.calls
            ),
        )
    } else {
        (
            format!("80 % of this month’s calls are used: {what}"),
            format!(
                "{what} has made {} of the {} calls a month that {whose}. When they are used up, it answers no more until {day}.\n",
                row.used, row.calls
            ),
        )
    };
    let (base, organization) = (&ctx.settings.public_url, row.organization_id);
    if row.of_plan {
        let _ = write!(text, "\nA larger plan:\n{base}/organizations/{organization}/resources/\n");
    }
    let _ = write!(text, "\nUsage and caps:\n{base}/organizations/{organization}/caps/\n");
    for member in organizations::members(tx, tenant).await? {
        if member.role.may(Permission::Buy) {
            letters::send(tx, &member.email, subject.clone(), text.clone(), now).await?;
        }
    }
    Ok(())
}
