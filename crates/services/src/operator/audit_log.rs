//! Reading what was decided.

use domain::{
    OrganizationId,
    view::{Page, Paging, operator::AuditEntryView},
};
use store::{Scope, audit as rows};

use crate::{Ctx, Principal, Result};

/// Returns decisions, newest first; about one organization or all.
pub async fn audit_log(
    ctx: &Ctx,
    who: &Principal,
    organization: Option<OrganizationId>,
    paging: Paging,
) -> Result<Page<AuditEntryView>> {
    who.operator()?;
    let paging = Paging::clamped(paging.page, paging.page_size);
    let mut tx = ctx.store.read(Scope::System).await?;
    let total = rows::count(&mut tx, organization).await?;
    let found = rows::list(&mut tx, organization, paging.page_size, paging.offset()).await?;
    let rows = found
        .into_iter()
        .map(|row| AuditEntryView {
            at: row.at.readable(),
            actor: row.actor.unwrap_or_default(),
            organization: row.organization.unwrap_or_default(),
            action: row.action,
            subject: row.subject,
            detail: row.detail,
        })
        .collect();
    Ok(Page { rows, total, page: paging.page, page_size: paging.page_size })
}
