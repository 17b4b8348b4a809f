//! The payment rail as it is shown: its mode and the key that browsers may know, who it knows our buyers as, and what
//! they have paid with.

use domain::view::{Page, Paging};
use domain::{OrganizationId, Permission};
use store::Scope;
use store::outbox::{self as rows, CustomerRow};

use crate::access::Principal;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::ports::SavedMethod;

/// What everybody may know of the rail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RailFacts {
    /// `sandbox`, `test` or `live`.
    pub mode: &'static str,
    /// The key that browsers may know, where the rail has one.
    pub publishable_key: Option<String>,
    /// Whether it pays providers.
    pub pays_out: bool,
}

/// Returns what everybody may know of the rail.
pub fn facts(ctx: &Ctx) -> RailFacts {
    let mode = match ctx.payments.rail() {
        "stripe" => "live",
        "stripe-test" => "test",
        _ => "sandbox",
    };
    RailFacts { mode, publishable_key: ctx.settings.publishable_key.clone(), pays_out: ctx.payouts.is_some() }
}

/// Lists the buyers that the rail knows: to operators all, to others their own organizations, or one of them.
pub async fn customers(
    ctx: &Ctx,
    who: &Principal,
    of: Option<OrganizationId>,
    paging: Paging,
) -> Result<Page<CustomerRow>> {
    let viewer = who.user()?;
    let rail = ctx.payments.rail();
    let paging = Paging::clamped(paging.page, paging.page_size);
    let mut tx = ctx.store.read(Scope::System).await?;
    let page = |rows, total| Page { rows, total, page: paging.page, page_size: paging.page_size };
    if of.is_none() && viewer.user.operator {
        let total = rows::count_customers(&mut tx, rail).await?;
        return Ok(page(rows::customers(&mut tx, rail, paging.page_size, paging.offset()).await?, total));
    }
    let asked: Vec<OrganizationId> = match of {
        Some(of) => {
            if !viewer.user.operator {
                who.member(of, Permission::View)?;
            }
            vec![of]
        }
        None => viewer.memberships.iter().map(|membership| membership.organization_id).collect(),
    };
    let mut known = Vec::new();
    for of in asked {
        known.extend(rows::customer(&mut tx, rail, of).await?);
    }
    known.sort_by_key(|row| std::cmp::Reverse(row.created_at));
    let total = i64::try_from(known.len()).unwrap_or(i64::MAX);
    let skip = usize::try_from(paging.offset()).unwrap_or(usize::MAX);
    let take = usize::try_from(paging.page_size).unwrap_or(usize::MAX);
    Ok(page(known.into_iter().skip(skip).take(take).collect(), total))
}

/// Lists what an organization has paid with and may be charged again.
pub async fn methods(ctx: &Ctx, who: &Principal, of: OrganizationId) -> Result<Vec<SavedMethod>> {
    who.member(of, Permission::View)?;
    ctx.payments.methods(of).await.map_err(|error| {
        tracing::warn!(%error, "the payment rail does not say what was paid with");
        Error::Upstream("The payment company does not answer now. Try again in a minute.".to_owned())
    })
}
