//! Cases: what the program has found about money that a person has to look at.
//!
//! The same thing is one case however often it is found. What goes away by itself is closed by itself.

use domain::state::CaseKind;
use domain::view::money::{CaseView, CasesView};
use domain::view::{Page, Paging};
use domain::{CaseId, OrderId, Timestamp};
use store::cases::{self as rows, CaseRow};
use store::{Scope, Tx};

use crate::access::Principal;
use crate::audit;
use crate::clock::fresh_id;
use crate::ctx::Ctx;
use crate::error::{Checks, Error, Result};
use crate::orders::letters;

/// What was found.
pub(crate) struct Found {
    pub(crate) kind: CaseKind,
    /// The id of the thing, so that it is one case.
    pub(crate) subject: String,
    /// A line.
    pub(crate) title: String,
    /// What to know and do.
    pub(crate) detail: String,
    pub(crate) order: Option<OrderId>,
}

/// Opens a case and writes to the operators; one that is open says what is known now.
pub(crate) async fn open(ctx: &Ctx, tx: &mut Tx, rail: &str, found: Found, now: Timestamp) -> Result<()> {
    let Found { kind, subject, title, detail, order } = found;
    let row = CaseRow {
        id: CaseId(fresh_id()),
        rail: rail.to_owned(),
        kind,
        subject,
        title,
        detail,
        order_id: order,
        opened_at: now,
        closed_at: None,
        closed_by: String::new(),
        note: String::new(),
    };
    if !rows::open(tx, &row).await? {
        rows::update(tx, rail, kind, &row.subject, &row.title, &row.detail).await?;
        return Ok(());
    }
    tracing::warn!(case.kind = %kind, case.subject = %row.subject, "{}", row.title);
    let text = format!("{}\n\n{}/admin/cases/\n", row.detail, ctx.settings.public_url);
    for operator in store::identity::operators(tx).await? {
        letters::send(tx, &operator, row.title.clone(), text.clone(), now).await?;
    }
    Ok(())
}

/// Lists cases, the open ones first.
pub async fn list(ctx: &Ctx, who: &Principal, paging: Paging) -> Result<CasesView> {
    who.operator()?;
    let rail = ctx.payments.rail();
    let paging = Paging::clamped(paging.page, paging.page_size);
    let mut tx = ctx.store.read(Scope::System).await?;
    let (total, open) = rows::count(&mut tx, rail).await?;
    let found = rows::list(&mut tx, rail, paging.page_size, paging.offset()).await?;
    let view = |row: CaseRow| CaseView {
        id: row.id,
        kind: row.kind,
        subject: row.subject,
        title: row.title,
        detail: row.detail,
        order_id: row.order_id,
        opened: row.opened_at,
        closed: row.closed_at,
        closed_by: row.closed_by,
        note: row.note,
    };
    let cases =
        Page { rows: found.into_iter().map(view).collect(), total, page: paging.page, page_size: paging.page_size };
    Ok(CasesView { open, cases })
}

/// Says that a case is done with, and what came of it.
pub async fn close(ctx: &Ctx, who: &Principal, id: CaseId, note: &str) -> Result<()> {
    who.operator()?;
    let user = who.user()?.user.id;
    let mut checks = Checks::default();
    let note = checks.line("note", note, 3, 300);
    checks.done()?;
    let now = ctx.now();
    let mut tx = ctx.store.write(Scope::System).await?;
    let row = rows::get(&mut tx, id).await?.ok_or(Error::NotFound("case"))?;
    if !rows::close(&mut tx, id, Some(user), &note, now).await? {
        return Err(Error::Conflict("This case is closed already.".to_owned()));
    }
    audit::note(ctx, &mut tx, Some(user), None, "case.close", &id.to_string(), &format!("{}: {note}", row.title))
        .await?;
    tx.commit().await?;
    Ok(())
}
