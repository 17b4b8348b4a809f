//! Bundles: a provider puts products together, its own and others', at a price for all of them.
//!
//! The price is divided over the products in proportion to what their plans cost alone. Each provider agrees to its
//! part before anything is offered; from then on the part is a plan of its own, which is bought with the bundle
//! alone. So whoever buys a bundle has a subscription to each product, which renews, is billed and ends as any other.

use domain::ledger::split;
use domain::pricing::Interval;
use domain::state::BundleState;
use domain::view::bundle::{BundleForm, BundlePart, BundleView};
use domain::view::{Page, Paging};
use domain::{BundleId, Money, OfferingId, OrganizationId, Permission, PlanId};
use store::bundles::{self as rows, CandidateRow, NewBundle};
use store::offerings::{self, PlanTerms};
use store::{Scope, Tx, catalog};

use crate::access::{Member, Principal, on_behalf};
use crate::audit;
use crate::clock::fresh_id;
use crate::ctx::Ctx;
use crate::error::{Checks, Error, Result};
use crate::payouts;

/// How many products a bundle has.
const PARTS: std::ops::RangeInclusive<usize> = 2..=10;
/// How many bundles of a provider are listed.
const LISTED: i64 = 200;

/// Lists bundles that can be bought, newest first.
pub async fn offered(ctx: &Ctx, paging: Paging) -> Result<Page<BundleView>> {
    let paging = Paging::clamped(paging.page, paging.page_size);
    let mut tx = ctx.store.read(Scope::System).await?;
    let total = rows::count_offered(&mut tx).await?;
    let found = rows::offered(&mut tx, paging.page_size, paging.offset()).await?;
    Ok(Page { rows: found, total, page: paging.page, page_size: paging.page_size })
}

/// Returns a bundle: to everybody while it can be bought; otherwise to those whose products are in it, and operators.
pub async fn get(ctx: &Ctx, who: &Principal, id: BundleId) -> Result<BundleView> {
    let mut tx = ctx.store.read(Scope::System).await?;
    let view = rows::get(&mut tx, id).await?.ok_or(Error::NotFound("bundle"))?;
    let sees = |organization| who.member(organization, Permission::View).is_ok();
    let asked = |part: &BundlePart| view.state != BundleState::Draft && sees(part.provider_id);
    if view.state == BundleState::Offered
        || who.operator().is_ok()
        || sees(view.owner_id)
        || view.parts.iter().any(asked)
    {
        return Ok(view);
    }
    Err(Error::NotFound("bundle"))
}

/// Lists the bundles that a provider has put together, or was asked to be in.
pub async fn of_provider(ctx: &Ctx, who: &Principal, provider: OrganizationId) -> Result<Vec<BundleView>> {
    let member = who.member(provider, Permission::Sell)?;
    let mut tx = ctx.store.read(Scope::System).await?;
    Ok(rows::of_provider(&mut tx, member.tenant, LISTED).await?)
}

/// Begins a bundle: a draft without products.
pub async fn create(ctx: &Ctx, who: &Principal, owner: OrganizationId, form: BundleForm) -> Result<BundleView> {
    let member = who.approved_provider(owner)?;
    let mut checks = Checks::default();
    let name = checks.line("name", &form.name, 3, 80);
    let description = checks.text("description", &form.description, 0, 300);
    checks.require((1..=100_000_000).contains(&form.price.minor), "price", "must be from 0.01 to 1,000,000");
    checks.done()?;
    let now = ctx.now();
    let id = BundleId(fresh_id());
    let new = NewBundle { id, name: &name, description: &description, price: form.price, by: member.user, now };
    let mut tx = ctx.store.write(Scope::System).await?;
    rows::insert(&mut tx, member.tenant, &new).await?;
    note(ctx, &mut tx, member, "bundle.create", id, &name).await?;
    let view = rows::get(&mut tx, id).await?.ok_or(Error::NotFound("bundle"))?;
    tx.commit().await?;
    Ok(view)
}

/// A plan that can be put into a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Which.
    pub plan_id: PlanId,
    /// By name.
    pub plan_name: String,
    /// Of which product.
    pub offering_id: OfferingId,
    /// By name.
    pub offering_name: String,
    /// Who sells it.
    pub provider_name: String,
    /// What it costs each period.
    pub price: Money,
    /// How often that is paid.
    pub interval: Interval,
}

/// Lists the plans that can be put into a draft, the caller's own first.
pub async fn candidates(ctx: &Ctx, who: &Principal, id: BundleId, paging: Paging) -> Result<Page<Candidate>> {
    let view = get(ctx, who, id).await?;
    who.member(view.owner_id, Permission::Sell).map_err(|error| error.hiding("bundle"))?;
    let paging = Paging::clamped(paging.page, paging.page_size);
    let currency = view.price.currency;
    let mut tx = ctx.store.read(Scope::System).await?;
    let total = rows::count_candidates(&mut tx, currency).await?;
    let found = rows::candidates(&mut tx, view.owner_id, currency, paging.page_size, paging.offset()).await?;
    let candidate = |row: CandidateRow| Candidate {
        plan_id: row.plan_id,
        plan_name: row.plan_name,
        offering_id: row.offering_id,
        offering_name: row.offering_name,
        provider_name: row.provider_name,
        price: Money::new(row.price_minor, row.currency),
        interval: row.pay_interval,
    };
    let rows = found.into_iter().map(candidate).collect();
    Ok(Page { rows, total, page: paging.page, page_size: paging.page_size })
}

/// Puts a plan's product into a draft; another plan of a product that is in it takes the first one's place.
pub async fn put(ctx: &Ctx, who: &Principal, id: BundleId, plan: PlanId) -> Result<BundleView> {
    let (mut tx, member, view) = own_draft(ctx, who, id).await?;
    let wanted = catalog::plan(&mut tx, plan).await?.filter(|plan| !plan.archived);
    let card = match &wanted {
        Some(plan) => catalog::card(&mut tx, plan.offering_id).await?.filter(|card| card.listed),
        None => None,
    };
    let (Some(wanted), Some(card)) = (wanted, card) else {
        return Err(Error::invalid("plan", "is not a plan that is on sale"));
    };
    let mut checks = Checks::default();
    checks.require(wanted.price.minor > 0, "plan", "costs nothing, so that no part of the price can be its");
    checks.require(wanted.price.currency == view.price.currency, "plan", "is in another currency than the bundle");
    let other = view.parts.iter().find(|part| part.offering_id != wanted.offering_id);
    checks.require(
        other.is_none_or(|part| part.interval == wanted.interval),
        "plan",
        "is paid in other periods than the rest",
    );
    let already = view.parts.iter().any(|part| part.offering_id == wanted.offering_id);
    checks.require(already || view.parts.len() < *PARTS.end(), "plan", "is one too many: a bundle has 10 products");
    checks.done()?;
    rows::put(&mut tx, id, wanted.offering_id, card.card.provider_id, plan).await?;
    saved(ctx, tx, member, "bundle.put", id, &card.card.name).await
}

/// Takes a product out of a draft.
pub async fn take_out(ctx: &Ctx, who: &Principal, id: BundleId, offering: OfferingId) -> Result<BundleView> {
    let (mut tx, member, _) = own_draft(ctx, who, id).await?;
    rows::take_out(&mut tx, id, offering).await?;
    saved(ctx, tx, member, "bundle.take_out", id, "").await
}

/// Proposes a draft to the providers of its products, whose parts of the price are set from then on. What is the
/// proposer's own is agreed to; where nothing else is in it, it is offered at once.
pub async fn propose(ctx: &Ctx, who: &Principal, id: BundleId) -> Result<BundleView> {
    let (mut tx, member, view) = own_draft(ctx, who, id).await?;
    let mut checks = Checks::default();
    checks.require(PARTS.contains(&view.parts.len()), "parts", "must be from 2 to 10 products");
    if let Some(gone) = view.parts.iter().find(|part| !part.on_sale) {
        checks.require(false, "parts", &format!("{} is not on sale now", gone.offering_name));
    }
    let alone = view.alone();
    checks.require(
        view.price.minor <= alone.minor,
        "price",
        &format!("is more than the {alone} that its products cost alone"),
    );
    checks.done()?;
    let weights: Vec<(OfferingId, i64)> = view.parts.iter().map(|part| (part.offering_id, part.alone.minor)).collect();
    let prices = split(view.price.minor, &weights).map_err(Error::internal)?;
    if prices.contains(&0) {
        return Err(Error::invalid("price", "leaves nothing for one of its products"));
    }
    let now = ctx.now();
    if !rows::step(&mut tx, id, BundleState::Draft, BundleState::Proposed, now).await? {
        return Err(changed());
    }
    let mut asked: Vec<OrganizationId> = Vec::new();
    for (part, minor) in view.parts.iter().zip(prices) {
        rows::set_share(&mut tx, id, part.offering_id, minor).await?;
        if part.provider_id == view.owner_id {
            let part = BundlePart { price: Money::new(minor, view.price.currency), ..part.clone() };
            agree_to(ctx, &mut tx, member, &view, &part).await?;
        } else if !asked.contains(&part.provider_id) {
            asked.push(part.provider_id);
        }
    }
    for provider in asked {
        let text = format!(
            "{} proposes to sell products of yours in the bundle {}, which costs {} in all. What of it is yours, and where you agree or decline:\n{}/providers/{provider}/bundles/\n",
            view.owner_name, view.name, view.price, ctx.settings.public_url
        );
        payouts::letter(&mut tx, provider, format!("Your product in the bundle {}?", view.name), text, now).await?;
    }
    offer_if_agreed(ctx, &mut tx, id).await?;
    saved(ctx, tx, member, "bundle.propose", id, &view.name).await
}

/// Agrees, as the provider of a product, that it is sold in a bundle for its part of the price.
pub async fn agree(ctx: &Ctx, who: &Principal, id: BundleId, offering: OfferingId) -> Result<BundleView> {
    let mut tx = ctx.store.write(Scope::System).await?;
    rows::lock(&mut tx, id).await?;
    let (view, part) = asked_about(&mut tx, who, id, offering).await?;
    let member = who.approved_provider(part.provider_id)?;
    if view.state != BundleState::Proposed {
        return Err(Error::Conflict("This bundle does not wait for anybody to agree.".to_owned()));
    }
    agree_to(ctx, &mut tx, member, &view, &part).await?;
    offer_if_agreed(ctx, &mut tx, id).await?;
    saved(ctx, tx, member, "bundle.agree", id, &part.offering_name).await
}

/// Ends the offer of a bundle, as who has put it together, as one whose product is in it, or as an operator. Whoever
/// has bought it keeps it.
pub async fn withdraw(ctx: &Ctx, who: &Principal, id: BundleId, reason: &str) -> Result<BundleView> {
    let user = who.user()?.user.id;
    let mut tx = ctx.store.write(Scope::System).await?;
    rows::lock(&mut tx, id).await?;
    let view = rows::get(&mut tx, id).await?.ok_or(Error::NotFound("bundle"))?;
    let mut involved = vec![view.owner_id];
    if view.state != BundleState::Draft {
        involved.extend(view.parts.iter().map(|part| part.provider_id));
    }
    involved.sort_unstable();
    involved.dedup();
    if who.operator().is_err() {
        let asked: Vec<Result<Member>> = involved.iter().map(|&of| who.member(of, Permission::Sell)).collect();
        if !asked.iter().any(Result::is_ok) {
            // Whoever belongs to one of them knows that it is there.
            let mut refusals = asked.into_iter().filter_map(Result::err);
            let forbidden = refusals.find(|refusal| matches!(refusal, Error::Forbidden(_)));
            return Err(forbidden.unwrap_or(Error::NotFound("bundle")));
        }
    }
    let mut checks = Checks::default();
    let reason = checks.line("reason", reason, 3, 300);
    checks.done()?;
    let now = ctx.now();
    if view.state == BundleState::Withdrawn {
        return Ok(view);
    }
    if !rows::step(&mut tx, id, view.state, BundleState::Withdrawn, now).await? {
        return Err(changed());
    }
    for of in involved {
        let text = format!(
            "The bundle {} is no longer offered: {reason}\nWhoever has bought it keeps what is in it.\n",
            view.name
        );
        payouts::letter(&mut tx, of, format!("The bundle {} is withdrawn", view.name), text, now).await?;
    }
    audit::note(ctx, &mut tx, Some(user), Some(view.owner_id), "bundle.withdraw", &id.to_string(), &reason).await?;
    tx.commit().await?;
    ctx.jobs_wake.notify_one();
    Ok(BundleView { state: BundleState::Withdrawn, ..view })
}

fn changed() -> Error {
    Error::Conflict("This bundle was changed at the same time; look again.".to_owned())
}

/// Takes hold of a draft that the caller's organization puts together.
async fn own_draft(ctx: &Ctx, who: &Principal, id: BundleId) -> Result<(Tx, Member, BundleView)> {
    who.user()?;
    let mut tx = ctx.store.write(Scope::System).await?;
    rows::lock(&mut tx, id).await?;
    let view = rows::get(&mut tx, id).await?.ok_or(Error::NotFound("bundle"))?;
    let member = who.approved_provider(view.owner_id).map_err(|error| error.hiding("bundle"))?;
    if view.state != BundleState::Draft {
        return Err(Error::Conflict(
            "This bundle is proposed already; what is in it stays. Withdraw it and make another.".to_owned(),
        ));
    }
    Ok((tx, member, view))
}

/// Finds a part whose provider the caller sells for.
async fn asked_about(
    tx: &mut Tx,
    who: &Principal,
    id: BundleId,
    offering: OfferingId,
) -> Result<(BundleView, BundlePart)> {
    who.user()?;
    let view = rows::get(tx, id).await?.filter(|view| view.state != BundleState::Draft);
    let view = view.ok_or(Error::NotFound("bundle"))?;
    let part = view.parts.iter().find(|part| part.offering_id == offering).cloned();
    let part = part.ok_or(Error::NotFound("bundle"))?;
    who.member(part.provider_id, Permission::Sell).map_err(|error| error.hiding("bundle"))?;
    Ok((view, part))
}

/// Makes the plan that a part is bought as: the plan it is like, at its part of the price, on nobody's list.
async fn agree_to(ctx: &Ctx, tx: &mut Tx, member: Member, bundle: &BundleView, part: &BundlePart) -> Result<()> {
    let now = ctx.now();
    let base = catalog::plan(tx, part.base_plan_id).await?.ok_or(Error::NotFound("plan"))?;
    let mut terms = base.terms.clone();
    // What is tried is a product, not a bundle.
    terms.trial_days = 0;
    let name: String = format!("{} in {}", base.name, bundle.name).chars().take(60).collect();
    let plan = PlanId(fresh_id());
    let like = PlanTerms {
        name: &name,
        description: &base.description,
        price: part.price,
        monthly_quota: base.monthly_quota,
        requests_per_minute: base.requests_per_minute,
        terms,
        documents: base.documents,
    };
    let tenant = on_behalf(part.provider_id);
    offerings::insert_plan(tx, tenant, part.offering_id, plan, &like, now).await?;
    offerings::archive_plan(tx, tenant, plan, now).await?;
    rows::agree(tx, bundle.id, part.offering_id, plan, member.user, now).await?;
    Ok(())
}

/// Offers a bundle to whose parts everybody has agreed.
async fn offer_if_agreed(ctx: &Ctx, tx: &mut Tx, id: BundleId) -> Result<()> {
    let view = rows::get(tx, id).await?.ok_or(Error::NotFound("bundle"))?;
    if view.parts.iter().any(|part| part.plan_id.is_none()) {
        return Ok(());
    }
    let now = ctx.now();
    if rows::step(tx, id, BundleState::Proposed, BundleState::Offered, now).await? {
        let text = format!("Everybody has agreed, and it can be bought:\n{}/bundles/{id}/\n", ctx.settings.public_url);
        payouts::letter(tx, view.owner_id, format!("The bundle {} is on sale", view.name), text, now).await?;
    }
    Ok(())
}

async fn saved(ctx: &Ctx, mut tx: Tx, member: Member, action: &str, id: BundleId, detail: &str) -> Result<BundleView> {
    note(ctx, &mut tx, member, action, id, detail).await?;
    let view = rows::get(&mut tx, id).await?.ok_or(Error::NotFound("bundle"))?;
    tx.commit().await?;
    ctx.jobs_wake.notify_one();
    Ok(view)
}

async fn note(ctx: &Ctx, tx: &mut Tx, member: Member, action: &str, id: BundleId, detail: &str) -> Result<()> {
    let of = Some(member.tenant.id());
    audit::note(ctx, tx, Some(member.user), of, action, &id.to_string(), detail).await
}
