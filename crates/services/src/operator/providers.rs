//! Deciding who may sell.

use domain::{OrganizationId, state::ProviderState, view::provider::ApplicationView};
use store::{Scope, Tx, organizations, providers as rows};

use super::Decision;
use crate::{Ctx, Error, Principal, Result, audit, error::Checks, mail, ports::Mail};

/// How many applications a list shows.
const SHOWN: i64 = 300;

/// Returns applications: those that wait first, oldest first; then the decided, newest first.
pub async fn applications(ctx: &Ctx, who: &Principal, state: Option<ProviderState>) -> Result<Vec<ApplicationView>> {
    who.operator()?;
    let mut tx = ctx.store.read(Scope::System).await?;
    Ok(rows::applications(&mut tx, state, SHOWN).await?)
}

/// Answers an organization that asked to sell, and tells it by mail.
pub async fn decide_application(
    ctx: &Ctx,
    who: &Principal,
    organization: OrganizationId,
    decision: Decision,
) -> Result<ApplicationView> {
    // Who asks comes before what they say.
    who.operator()?;
    match decision {
        Decision::Approve => {
            let step = Step { from: ProviderState::Applied, to: ProviderState::Approved, action: "provider.approve" };
            move_provider(ctx, who, organization, step, String::new()).await
        }
        Decision::Refuse { reason } => {
            let step = Step { from: ProviderState::Applied, to: ProviderState::Rejected, action: "provider.refuse" };
            move_provider(ctx, who, organization, step, checked(&reason)?).await
        }
    }
}

/// Stops an organization from selling; who has bought already keeps what they have.
pub async fn suspend_provider(
    ctx: &Ctx,
    who: &Principal,
    organization: OrganizationId,
    reason: &str,
) -> Result<ApplicationView> {
    who.operator()?;
    let step = Step { from: ProviderState::Approved, to: ProviderState::Suspended, action: "provider.suspend" };
    move_provider(ctx, who, organization, step, checked(reason)?).await
}

/// Lets an organization sell again that was stopped.
pub async fn reinstate_provider(ctx: &Ctx, who: &Principal, organization: OrganizationId) -> Result<ApplicationView> {
    let step = Step { from: ProviderState::Suspended, to: ProviderState::Approved, action: "provider.reinstate" };
    move_provider(ctx, who, organization, step, String::new()).await
}

struct Step {
    from: ProviderState,
    to: ProviderState,
    action: &'static str,
}

async fn move_provider(
    ctx: &Ctx,
    who: &Principal,
    organization: OrganizationId,
    step: Step,
    reason: String,
) -> Result<ApplicationView> {
    let operator = who.operator()?;
    let now = ctx.now();
    let mut tx = ctx.store.write(Scope::System).await?;
    let before = rows::application(&mut tx, organization).await?.ok_or(Error::NotFound("application"))?;
    if before.state != step.from || !before.state.may_become(step.to) {
        return Err(Error::Conflict(format!("This organization is {} already.", before.state)));
    }
    match rows::step(&mut tx, organization, step.from, step.to, &reason, operator.id(), now).await {
        Err(store::Error::NotOne { .. }) => {
            return Err(Error::Conflict("Somebody else decided about this organization just now.".to_owned()));
        }
        done => done?,
    }
    audit::note(ctx, &mut tx, Some(operator.id()), Some(organization), step.action, &organization.to_string(), &reason)
        .await?;
    tell(ctx, &mut tx, organization, step.to, &reason).await?;
    let after = rows::application(&mut tx, organization).await?.ok_or(Error::NotFound("application"))?;
    tx.commit().await?;
    ctx.jobs_wake.notify_one();
    Ok(after)
}

async fn tell(ctx: &Ctx, tx: &mut Tx, organization: OrganizationId, state: ProviderState, reason: &str) -> Result<()> {
    let row = organizations::get(tx, organization).await?.ok_or(Error::NotFound("organization"))?;
    let (site, url) = (&ctx.settings.site_name, &ctx.settings.public_url);
    let said = match state {
        ProviderState::Approved => {
            format!("{} may sell at {site} now.\n\nMake your first agent: {url}/provider/\n", row.name)
        }
        ProviderState::Rejected => format!(
            "{} may not sell at {site} yet.\n\nWhy: {reason}\n\nYou may correct your application and ask again: {url}/provider/\n",
            row.name
        ),
        _ => format!("{} may not sell at {site} for now.\n\nWhy: {reason}\n", row.name),
    };
    let to = row.email.parse().map_err(Error::internal)?;
    let subject = format!("Selling at {site}");
    mail::enqueue(tx, ctx.now(), Mail { to, subject, text: said }).await
}

fn checked(reason: &str) -> Result<String> {
    let mut checks = Checks::default();
    let reason = checks.text("reason", reason, 3, 2000);
    checks.done()?;
    Ok(reason)
}
