//! Deciding what is listed.
//!
//! What a newcomer gets wrong: a submission of a listed offering is a new flow version. Approving it
//! changes the version, refusing it changes nothing; the offering stays on sale either way.

use domain::{
    SubmissionId,
    state::{OfferingState, ProviderState, SubmissionState},
    view::operator::{SubmissionDetail, SubmissionView},
};
use store::{
    Scope, offerings as offering_rows,
    submissions::{self as rows, Submission},
};

use super::Decision;
use crate::{
    Ctx, Error, Principal, Result, audit,
    error::Checks,
    mail, markdown,
    ports::Mail,
    provider::{edit_view, step},
};

/// How many submissions a list shows.
const SHOWN: i64 = 300;

/// Returns submissions: those that wait first, oldest first; then the decided, newest first.
pub async fn submissions(ctx: &Ctx, who: &Principal, state: Option<SubmissionState>) -> Result<Vec<SubmissionView>> {
    who.operator()?;
    let mut tx = ctx.store.read(Scope::System).await?;
    Ok(rows::list(&mut tx, state, SHOWN).await?.into_iter().map(|row| row.view).collect())
}

/// Returns what an operator reads before deciding.
pub async fn submission(ctx: &Ctx, who: &Principal, id: SubmissionId) -> Result<SubmissionDetail> {
    who.operator()?;
    let mut tx = ctx.store.read(Scope::System).await?;
    let row = rows::get(&mut tx, id).await?.ok_or(Error::NotFound("submission"))?;
    let offering = offering_rows::get(&mut tx, row.view.offering_id).await?.ok_or(Error::NotFound("offering"))?;
    let (_, version) =
        store::agents::version(&mut tx, row.flow_version).await?.ok_or(Error::NotFound("flow version"))?;
    let offering = edit_view(&mut tx, offering).await?;
    let full_description_html = markdown::to_html(&offering.form.full_description);
    Ok(SubmissionDetail { offering, full_description_html, submission: row.view, report: version.report })
}

/// Lists what was submitted, or sends it back with a reason.
pub async fn decide_submission(
    ctx: &Ctx,
    who: &Principal,
    id: SubmissionId,
    decision: Decision,
) -> Result<SubmissionView> {
    let operator = who.operator()?;
    let now = ctx.now();
    let (to, reason) = match decision {
        Decision::Approve => (SubmissionState::Approved, String::new()),
        Decision::Refuse { reason } => {
            let mut checks = Checks::default();
            let reason = checks.text("reason", &reason, 3, 2000);
            checks.done()?;
            (SubmissionState::Rejected, reason)
        }
    };

    let mut tx = ctx.store.write(Scope::System).await?;
    let found = rows::get(&mut tx, id).await?.ok_or(Error::NotFound("submission"))?;
    let tenant = operator.acting_in(found.organization);
    let offering = found.view.offering_id;
    // The offering first, then its submission: whoever withdraws takes the locks in the same order.
    let state = offering_rows::lock(&mut tx, tenant, offering).await?.ok_or(Error::NotFound("offering"))?;
    let row = rows::get(&mut tx, id).await?.ok_or(Error::NotFound("submission"))?;
    if !row.view.state.may_become(to) {
        return Err(Error::Conflict(format!("this submission is already {}", row.view.state)));
    }

    if to == SubmissionState::Approved {
        let seller = store::catalog::provider(&mut tx, row.organization).await?;
        if seller.is_none_or(|seller| seller.state != ProviderState::Approved) {
            return Err(Error::Conflict(
                "the provider is not approved to sell now; decide about the provider first".to_owned(),
            ));
        }
        offering_rows::set_version(&mut tx, tenant, offering, row.flow_version, now).await?;
    }
    if state == OfferingState::InReview {
        let next = if to == SubmissionState::Approved { OfferingState::Active } else { OfferingState::Draft };
        step(ctx, &mut tx, tenant, offering, state, next, "decided").await?;
    }
    rows::step(&mut tx, id, row.view.state, to, &reason, operator.id(), now).await?;
    let row = rows::get(&mut tx, id).await?.ok_or(Error::NotFound("submission"))?;
    let action = if to == SubmissionState::Approved { "submission.approve" } else { "submission.refuse" };
    let subject = offering.to_string();
    let (actor, of) = (Some(operator.id()), Some(row.organization));
    audit::note(ctx, &mut tx, actor, of, action, &subject, &reason).await?;
    if let Some(mail) = letter(ctx, &row, state) {
        mail::enqueue(&mut tx, now, mail).await?;
    }
    tx.commit().await?;
    ctx.jobs_wake.notify_one();
    Ok(row.view)
}

/// Tells the provider how it was decided; nothing where the organization has no address to write to.
fn letter(ctx: &Ctx, row: &Submission, before: OfferingState) -> Option<Mail> {
    let to = row.organization_email.parse().ok()?;
    let (site, address, name) = (&ctx.settings.site_name, &ctx.settings.public_url, &row.view.offering_name);
    let page = format!("{address}/marketplace-public-offering/{}/", row.view.offering_id);
    let offerings = format!("{address}/providers/{}/offerings/", row.organization);
    let (subject, text) = match (row.view.state, before) {
        (SubmissionState::Approved, OfferingState::InReview) => {
            (format!("{name} is listed at {site}"), format!("{name} was approved and is on sale now:\n{page}\n"))
        }
        (SubmissionState::Approved, _) => (
            format!("The new version of {name} is live at {site}"),
            format!("The new version of {name} was approved. New customers get it from now on:\n{page}\n"),
        ),
        _ => (
            format!("{name} needs changes before it can be listed at {site}"),
            format!(
                "{name} was reviewed and sent back:\n\n{}\n\nChange it and submit it again:\n{offerings}\n",
                row.view.reason
            ),
        ),
    };
    Some(Mail { to, subject, text })
}
