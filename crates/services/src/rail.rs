//! The payment rail as it is shown: its mode and the key that browsers may know, who it knows our buyers as, and what
//! they have paid with.

use std::time::Duration;

use domain::state::{Entitlement, SubscriptionState};
use domain::view::{Page, Paging};
use domain::{OrganizationId, Permission, SubscriptionId};
use store::outbox::{self as rows, CustomerRow};
use store::subscriptions::{self, SubscriptionQuery, SubscriptionRow};
use store::{Scope, Tx, catalog};

use crate::access::Principal;
use crate::audit;
use crate::clock::fresh_id;
use crate::ctx::Ctx;
use crate::error::{Checks, Error, Result};
use crate::orders::leads_back;
use crate::ports::{PortalRequest, SavedMethod, SavingRequest};

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
    who.member(of, Permission::ViewBilling)?;
    ctx.payments.methods(of).await.map_err(|error| {
        tracing::warn!(%error, "the payment rail does not say what was paid with");
        away()
    })
}

/// Opens the rail's page where an organization saves something to pay with later; returns where that is.
pub async fn add_method(ctx: &Ctx, who: &Principal, of: OrganizationId) -> Result<String> {
    let member = who.member(of, Permission::Buy)?;
    let viewer = who.user()?;
    ctx.payment_pages().hit(&viewer.user.id.to_string(), ctx.now()).map_err(too_many)?;
    let methods = methods_page(ctx, of);
    let request = SavingRequest {
        key: fresh_id().simple().to_string(),
        tenant: member.tenant,
        email: viewer.user.email.clone(),
        success_url: format!("{methods}?notice=saved"),
        cancel_url: methods,
    };
    let opened = ctx.payments.open_saving(request).await.map_err(|error| {
        tracing::warn!(organization.id = %of, %error, "the payment rail opened no page to save a card");
        away()
    })?;
    Ok(opened.url)
}

/// Opens the rail's own pages about what an organization pays with; returns where they are. They lead back to
/// `return_url`, or to our page about the same.
pub async fn open_portal(ctx: &Ctx, who: &Principal, of: OrganizationId, return_url: Option<String>) -> Result<String> {
    let member = who.member(of, Permission::Buy)?;
    let viewer = who.user()?;
    let mut checks = Checks::default();
    let return_url = match return_url {
        Some(url) => leads_back(ctx, &mut checks, "return_url", url),
        None => methods_page(ctx, of),
    };
    checks.done()?;
    ctx.payment_pages().hit(&viewer.user.id.to_string(), ctx.now()).map_err(too_many)?;
    let request = PortalRequest { tenant: member.tenant, email: viewer.user.email.clone(), return_url };
    ctx.payments.open_portal(request).await.map_err(|error| {
        tracing::warn!(organization.id = %of, %error, "the payment rail does not open its pages about what is paid with");
        away()
    })
}

/// The same for whoever pays for a subscription.
pub async fn open_portal_of(
    ctx: &Ctx,
    who: &Principal,
    id: SubscriptionId,
    return_url: Option<String>,
) -> Result<String> {
    let mut tx = ctx.store.read(Scope::System).await?;
    let row = subscriptions::get(&mut tx, id, ctx.now().month_start()).await?;
    drop(tx);
    let row = row.ok_or(Error::NotFound("subscription"))?;
    open_portal(ctx, who, row.organization_id, return_url).await.map_err(|error| error.hiding("subscription"))
}

/// Returns where an organization sees what it pays with.
fn methods_page(ctx: &Ctx, of: OrganizationId) -> String {
    format!("{}/organizations/{of}/billing/methods/", ctx.settings.public_url)
}

fn too_many(retry_after: Duration) -> Error {
    Error::TooMany { message: "Too many payment pages were asked for; try again in a moment.".to_owned(), retry_after }
}

/// Has one of an organization's methods charged from now on, for each of its subscriptions.
pub async fn prefer_method(ctx: &Ctx, who: &Principal, of: OrganizationId, id: &str) -> Result<()> {
    let member = who.member(of, Permission::Buy)?;
    let methods = methods(ctx, who, of).await?;
    let method = methods.iter().find(|method| method.id == id).ok_or(Error::NotFound("payment method"))?;
    ctx.payments.prefer_method(of, &method.id).await.map_err(|error| {
        tracing::warn!(organization.id = %of, %error, "the payment rail prefers nothing");
        away()
    })?;
    let mut tx = ctx.store.write(member.tenant).await?;
    audit::note(ctx, &mut tx, Some(member.user), Some(of), "method.prefer", id, &named(method)).await?;
    tx.commit().await?;
    Ok(())
}

/// Forgets one of an organization's methods; the last one of somebody who has to pay is kept.
pub async fn forget_method(ctx: &Ctx, who: &Principal, of: OrganizationId, id: &str) -> Result<()> {
    let member = who.member(of, Permission::Buy)?;
    // Of two who remove the last two at the same time, one is refused.
    let _alone = ctx.removes_methods(of).await;
    let methods = methods(ctx, who, of).await?;
    let method = methods.iter().find(|method| method.id == id).ok_or(Error::NotFound("payment method"))?;
    if methods.len() == 1 && has_to_pay(ctx, of).await? {
        return Err(Error::Conflict(
            "This is the last one, and there is a subscription to pay. Add another one first, or end the subscription."
                .to_owned(),
        ));
    }
    ctx.payments.forget_method(of, &method.id).await.map_err(|error| {
        tracing::warn!(organization.id = %of, %error, "the payment rail forgets nothing");
        away()
    })?;
    let mut tx = ctx.store.write(member.tenant).await?;
    audit::note(ctx, &mut tx, Some(member.user), Some(of), "method.forget", id, &named(method)).await?;
    tx.commit().await?;
    Ok(())
}

/// Tells whether an organization has a subscription that is still going to be charged.
async fn has_to_pay(ctx: &Ctx, of: OrganizationId) -> Result<bool> {
    let query = SubscriptionQuery { organization: Some(of), ..SubscriptionQuery::default() };
    let mut tx = ctx.store.read(Scope::System).await?;
    let mut seen = 0;
    loop {
        let rows = subscriptions::list(&mut tx, &query, ctx.now().month_start(), SEEN_AT_ONCE, seen).await?;
        if rows.is_empty() {
            return Ok(false);
        }
        for row in rows {
            if costs(&mut tx, &row).await? {
                return Ok(true);
            }
        }
        seen += SEEN_AT_ONCE;
    }
}

/// Tells whether something is still going to be charged for a subscription.
async fn costs(tx: &mut Tx, row: &SubscriptionRow) -> Result<bool> {
    let goes_on = match row.entitlement {
        Some(entitlement) => entitlement != Entitlement::Ended,
        None => row.state == SubscriptionState::Creating,
    };
    if !goes_on || row.renewal_order_id.is_some() {
        return Ok(goes_on);
    }
    let plan = catalog::plan(tx, row.plan_id).await?.ok_or(Error::NotFound("plan"))?;
    let price = plan.whole_price();
    // What was used is asked for at the end, too.
    let canceled = row.cancel_at_period_end.unwrap_or_default();
    Ok(price.is_metered() || !canceled && (!price.fixed().is_zero() || row.next_plan_name.is_some()))
}

/// How many subscriptions are looked at in one go.
const SEEN_AT_ONCE: i64 = 100;

fn away() -> Error {
    Error::Upstream("The payment company does not answer now. Try again in a minute.".to_owned())
}

/// Says which method is meant, `visa 4242`.
fn named(method: &SavedMethod) -> String {
    let words = [method.brand.as_deref().unwrap_or(&method.kind), method.last4.as_deref().unwrap_or_default()];
    words.join(" ").trim().to_owned()
}
