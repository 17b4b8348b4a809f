//! The steps of an offering that its provider takes. The step onto the list is the operator's.

use domain::{
    OfferingId, SubmissionId, UserId,
    state::{OfferingState, SubmissionState},
    view::provider::OfferingEdit,
};
use store::{
    Tenant, Tx,
    offerings::{self as rows},
    submissions::{self, NewSubmission},
};

use super::{Need, of_offering, offerings::load};
use crate::{Ctx, Error, Principal, Result, access::Member, audit, clock::fresh_id, error::Checks};

/// Asks the operator to list a draft; what is missing is refused.
pub async fn submit(ctx: &Ctx, who: &Principal, id: OfferingId, note: &str) -> Result<OfferingEdit> {
    let member = of_offering(ctx, who, id, Need::Sell).await?;
    let now = ctx.now();
    let mut checks = Checks::default();
    let note = checks.text("note", note, 0, 2000);
    checks.done()?;

    let mut tx = ctx.store.write(member.tenant).await?;
    let state = locked(&mut tx, member.tenant, id).await?;
    if state != OfferingState::Draft {
        return Err(refused(state, "submitted"));
    }
    let offering = load(&mut tx, id).await?;
    if !offering.missing.is_empty() {
        return Err(Error::Invalid(offering.missing.into_iter().map(|missing| (String::new(), missing)).collect()));
    }
    let flow_version = offering.flow_version_id.ok_or(Error::NotFound("flow version"))?;
    step(ctx, &mut tx, member.tenant, id, state, OfferingState::InReview, "submitted").await?;
    let submission =
        NewSubmission { id: SubmissionId(fresh_id()), offering: id, flow_version, note: &note, by: member.user, now };
    submissions::insert(&mut tx, member.tenant, &submission).await?;
    finish(ctx, tx, member, id, "offering.submit").await
}

/// Takes back what waits for the operator: a draft's submission, or a new version of a listed offering.
pub async fn withdraw_submission(ctx: &Ctx, who: &Principal, id: OfferingId) -> Result<OfferingEdit> {
    let member = of_offering(ctx, who, id, Need::Sell).await?;
    let mut tx = ctx.store.write(member.tenant).await?;
    let state = locked(&mut tx, member.tenant, id).await?;
    if !withdraw(ctx, &mut tx, member.tenant, id, member.user).await? {
        return Err(Error::Conflict("nothing of this offering waits for the operator".to_owned()));
    }
    if state == OfferingState::InReview {
        step(ctx, &mut tx, member.tenant, id, state, OfferingState::Draft, "withdrawn").await?;
    }
    finish(ctx, tx, member, id, "offering.withdraw").await
}

/// Stops the sale of a listed offering; subscriptions go on.
pub async fn pause(ctx: &Ctx, who: &Principal, id: OfferingId) -> Result<OfferingEdit> {
    go(ctx, who, id, &[OfferingState::Active], OfferingState::Paused, ("offering.pause", "paused")).await
}

/// Puts a paused offering on sale again.
pub async fn unpause(ctx: &Ctx, who: &Principal, id: OfferingId) -> Result<OfferingEdit> {
    go(ctx, who, id, &[OfferingState::Paused], OfferingState::Active, ("offering.unpause", "put on sale again")).await
}

/// Takes an offering off the list and makes it a draft, which needs a new review; subscriptions go on.
pub async fn unpublish(ctx: &Ctx, who: &Principal, id: OfferingId) -> Result<OfferingEdit> {
    const LISTED: &[OfferingState] = &[OfferingState::Active, OfferingState::Paused];
    go(ctx, who, id, LISTED, OfferingState::Draft, ("offering.unpublish", "unpublished")).await
}

/// Puts an offering away; subscriptions go on.
pub async fn archive(ctx: &Ctx, who: &Principal, id: OfferingId) -> Result<OfferingEdit> {
    const ANY: &[OfferingState] = &[OfferingState::Draft, OfferingState::Active, OfferingState::Paused];
    go(ctx, who, id, ANY, OfferingState::Archived, ("offering.archive", "archived")).await
}

/// Takes an archived offering out again, as a draft.
pub async fn restore(ctx: &Ctx, who: &Principal, id: OfferingId) -> Result<OfferingEdit> {
    go(ctx, who, id, &[OfferingState::Archived], OfferingState::Draft, ("offering.restore", "restored")).await
}

async fn go(
    ctx: &Ctx,
    who: &Principal,
    id: OfferingId,
    from: &[OfferingState],
    to: OfferingState,
    (action, done): (&str, &str),
) -> Result<OfferingEdit> {
    let member = of_offering(ctx, who, id, Need::Sell).await?;
    let mut tx = ctx.store.write(member.tenant).await?;
    let state = locked(&mut tx, member.tenant, id).await?;
    // The machine knows steps that are the operator's, so each verb also names where it begins.
    if !from.contains(&state) {
        return Err(refused(state, done));
    }
    if !matches!(to, OfferingState::Active | OfferingState::Paused) {
        // A new version of what is no longer listed needs no answer.
        withdraw(ctx, &mut tx, member.tenant, id, member.user).await?;
    }
    step(ctx, &mut tx, member.tenant, id, state, to, done).await?;
    finish(ctx, tx, member, id, action).await
}

async fn locked(tx: &mut Tx, tenant: Tenant, id: OfferingId) -> Result<OfferingState> {
    rows::lock(tx, tenant, id).await?.ok_or(Error::NotFound("offering"))
}

/// Moves an offering if the machine allows the step.
pub(crate) async fn step(
    ctx: &Ctx,
    tx: &mut Tx,
    tenant: Tenant,
    id: OfferingId,
    from: OfferingState,
    to: OfferingState,
    done: &str,
) -> Result<()> {
    if !from.may_become(to) {
        return Err(refused(from, done));
    }
    Ok(rows::step(tx, tenant, id, from, to, ctx.now()).await?)
}

async fn withdraw(ctx: &Ctx, tx: &mut Tx, tenant: Tenant, id: OfferingId, by: UserId) -> Result<bool> {
    const FROM: SubmissionState = SubmissionState::Pending;
    const TO: SubmissionState = SubmissionState::Withdrawn;
    let Some(waiting) = submissions::pending(tx, tenant, id).await? else {
        return Ok(false);
    };
    if !FROM.may_become(TO) {
        return Ok(false);
    }
    submissions::step(tx, waiting, FROM, TO, "", by, ctx.now()).await?;
    Ok(true)
}

async fn finish(ctx: &Ctx, mut tx: Tx, member: Member, id: OfferingId, action: &str) -> Result<OfferingEdit> {
    let (actor, organization) = (Some(member.user), Some(member.tenant.id()));
    audit::note(ctx, &mut tx, actor, organization, action, &id.to_string(), "").await?;
    let view = load(&mut tx, id).await?;
    tx.commit().await?;
    Ok(view)
}

fn refused(state: OfferingState, done: &str) -> Error {
    let is = match state {
        OfferingState::Draft => "a draft",
        OfferingState::InReview => "being reviewed",
        OfferingState::Active => "on sale",
        OfferingState::Paused => "paused",
        OfferingState::Archived => "archived",
    };
    Error::Conflict(format!("the offering is {is}, so it cannot be {done}"))
}
