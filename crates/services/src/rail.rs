//! The payment rail as it is shown: its mode and the key that browsers may know, who it knows our buyers as, and what
//! they have paid with.

use domain::{OrganizationId, Permission};
use store::Scope;
use store::outbox::{self as rows, CustomerRow};

use crate::access::Principal;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::ports::SavedMethod;

/// How many buyers are listed at most.
const LISTED: i64 = 1000;

/// What everybody may know of the rail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RailFacts {
    /// `sandbox`, `test` or `live`.
    pub mode: &'static str,
    /// The key that browsers may know, where the rail has one.
    pub publishable_key: Option<String>,
}

/// Returns what everybody may know of the rail.
pub fn facts(ctx: &Ctx) -> RailFacts {
    let mode = match ctx.payments.rail() {
        "stripe" => "live",
        "stripe-test" => "test",
        _ => "sandbox",
    };
    RailFacts { mode, publishable_key: ctx.settings.publishable_key.clone() }
}

/// Lists the buyers that the rail knows: to operators all, to others their own organizations.
pub async fn customers(ctx: &Ctx, who: &Principal) -> Result<Vec<CustomerRow>> {
    let viewer = who.user()?;
    let rail = ctx.payments.rail();
    let mut tx = ctx.store.read(Scope::System).await?;
    if viewer.user.operator {
        return Ok(rows::customers(&mut tx, rail, LISTED).await?);
    }
    let mut known = Vec::new();
    for membership in &viewer.memberships {
        known.extend(rows::customer(&mut tx, rail, membership.organization_id).await?);
    }
    Ok(known)
}

/// Lists what an organization has paid with and may be charged again.
pub async fn methods(ctx: &Ctx, who: &Principal, of: OrganizationId) -> Result<Vec<SavedMethod>> {
    who.member(of, Permission::View)?;
    ctx.payments.methods(of).await.map_err(|error| {
        tracing::warn!(%error, "the payment rail does not say what was paid with");
        Error::Upstream("The payment company does not answer now. Try again in a minute.".to_owned())
    })
}
