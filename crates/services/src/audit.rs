//! Writes down who decided what, in the transaction of the decision.

use domain::{OrganizationId, UserId};
use store::Tx;
use store::audit::{self as rows, NewEntry};

use crate::clock::fresh_id;
use crate::ctx::Ctx;
use crate::error::Result;

/// Writes a decision down; no actor stands for the command line.
pub(crate) async fn note(
    ctx: &Ctx,
    tx: &mut Tx,
    actor: Option<UserId>,
    organization: Option<OrganizationId>,
    action: &str,
    subject: &str,
    detail: &str,
) -> Result<()> {
    let entry = NewEntry { id: fresh_id(), organization, actor, action, subject, detail };
    rows::record(tx, &entry, ctx.now()).await?;
    Ok(())
}
