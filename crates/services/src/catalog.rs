//! What everyone may read: categories, offerings, plans, reviews, providers; and writing a review.
//!
//! What a newcomer gets wrong: an offering is listed only while its provider is approved and not
//! blocked, whatever its own state says.

mod search;

use std::cmp::Reverse;

use domain::{
    OfferingId, OrganizationId, Permission, PlanId, ReviewId,
    state::ProviderState,
    view::{
        Page, Paging,
        catalog::{
            CatalogQuery, CatalogSort, CategoryView, OfferingCard, OfferingView, PlanView, ProviderView, ReviewView,
        },
    },
};
use store::{Scope, catalog as rows};

use crate::{Ctx, Error, Principal, Result, clock::fresh_id, error::Checks, markdown};

/// How many reviews an offering's page shows at most.
const REVIEWS_SHOWN: i64 = 100;

/// Returns every category in the order of the menu.
pub async fn categories(ctx: &Ctx) -> Result<Vec<CategoryView>> {
    let mut tx = ctx.store.read(Scope::System).await?;
    Ok(rows::categories(&mut tx).await?)
}

/// Returns the listed offerings that a visitor looks for.
pub async fn offerings(ctx: &Ctx, query: CatalogQuery, paging: Paging) -> Result<Page<OfferingCard>> {
    let paging = Paging::clamped(paging.page, paging.page_size);
    let mut tx = ctx.store.read(Scope::System).await?;
    let listed = rows::listed(&mut tx).await?;
    drop(tx);

    let search = search::Search::new(&query.search);
    let mut found: Vec<(i64, rows::Card)> = listed
        .into_iter()
        .filter(|row| fits(&query, &row.card))
        .filter_map(|row| Some((search.score(&row.card, &row.search_text)?, row)))
        .collect();
    found.sort_by_cached_key(|(score, row)| {
        let card = &row.card;
        // Each order ends with the best match, then the name, so that pages never overlap.
        let order = match query.sort {
            CatalogSort::Popular | CatalogSort::Name => 0,
            CatalogSort::Newest => -row.published.unwrap_or(card.created).0,
            CatalogSort::Rating => -card.rating_tenths,
            CatalogSort::Price => card.from_price.map_or(i64::MAX, |price| price.minor),
        };
        let match_counts = query.sort != CatalogSort::Name;
        let score = if match_counts { *score } else { 0 };
        let popularity = if match_counts { (card.customers, card.rating_tenths) } else { (0, 0) };
        (order, Reverse(score), Reverse(popularity), card.name.to_lowercase(), card.id)
    });

    let total = i64::try_from(found.len()).unwrap_or(i64::MAX);
    let rows = found
        .into_iter()
        .skip(usize::try_from(paging.offset()).unwrap_or(usize::MAX))
        .take(usize::try_from(paging.page_size).unwrap_or_default())
        .map(|(_, row)| row.card)
        .collect();
    Ok(Page { rows, total, page: paging.page, page_size: paging.page_size })
}

fn fits(query: &CatalogQuery, card: &OfferingCard) -> bool {
    let category = query.category.trim();
    (category.is_empty() || card.category_slug == category)
        && query.provider.is_none_or(|provider| card.provider_id == provider)
        && query.min_rating.is_none_or(|stars| card.rating_tenths >= stars.saturating_mul(10))
        && query.max_price.is_none_or(|most| card.from_price.is_some_and(|price| price.minor <= most))
}

/// Returns an offering: a listed one to everyone, any to its provider's members and to operators.
pub async fn offering(ctx: &Ctx, who: &Principal, id: OfferingId) -> Result<OfferingView> {
    const MISSING: Error = Error::NotFound("offering");

    let mut tx = ctx.store.read(Scope::System).await?;
    let row = rows::card(&mut tx, id).await?.ok_or(MISSING)?;
    if !row.listed && !may_see_unlisted(who, row.card.provider_id) {
        return Err(MISSING);
    }
    let details = rows::details(&mut tx, id).await?.ok_or(MISSING)?;
    let plans = rows::plans(&mut tx, id).await?.into_iter().filter(|plan| !plan.archived).collect();
    let reviews = rows::reviews(&mut tx, id, REVIEWS_SHOWN).await?;
    let provider = rows::provider(&mut tx, row.card.provider_id).await?.ok_or(MISSING)?;
    Ok(OfferingView {
        card: row.card,
        full_description_html: markdown::to_html(&details.full_description),
        full_description: details.full_description,
        terms: details.terms,
        capabilities: details.capabilities,
        demo: details.demo,
        greeting: details.greeting,
        starters: details.starters,
        screenshots: details.screenshots,
        manual_approval: details.manual_approval,
        plans,
        reviews,
        provider,
    })
}

/// Returns the offering that has `slug`, as [`offering`] does.
pub async fn offering_by_slug(ctx: &Ctx, who: &Principal, slug: &str) -> Result<OfferingView> {
    let mut tx = ctx.store.read(Scope::System).await?;
    let id = rows::offering_by_slug(&mut tx, slug).await?.ok_or(Error::NotFound("offering"))?;
    drop(tx);
    offering(ctx, who, id).await
}

/// Returns a plan and its offering, if everyone may see that; an archived plan says so.
pub async fn plan(ctx: &Ctx, id: PlanId) -> Result<(PlanView, OfferingCard)> {
    let mut tx = ctx.store.read(Scope::System).await?;
    let plan = rows::plan(&mut tx, id).await?.ok_or(Error::NotFound("plan"))?;
    let row = rows::card(&mut tx, plan.offering_id).await?.ok_or(Error::NotFound("plan"))?;
    if row.listed { Ok((plan, row.card)) } else { Err(Error::NotFound("plan")) }
}

/// Returns the providers that sell, by name.
pub async fn providers(ctx: &Ctx, paging: Paging) -> Result<Page<ProviderView>> {
    let paging = Paging::clamped(paging.page, paging.page_size);
    let mut tx = ctx.store.read(Scope::System).await?;
    let total = rows::count_providers(&mut tx).await?;
    let rows = rows::providers(&mut tx, paging.page_size, paging.offset()).await?;
    Ok(Page { rows, total, page: paging.page, page_size: paging.page_size })
}

/// Returns a provider that sells.
pub async fn provider(ctx: &Ctx, organization: OrganizationId) -> Result<ProviderView> {
    let mut tx = ctx.store.read(Scope::System).await?;
    rows::provider(&mut tx, organization)
        .await?
        .filter(|provider| provider.state == ProviderState::Approved)
        .ok_or(Error::NotFound("provider"))
}

/// Writes an organization's review of an offering that has answered it at least once.
pub async fn review(
    ctx: &Ctx,
    who: &Principal,
    organization: OrganizationId,
    offering: OfferingId,
    rating: i64,
    title: &str,
    body: &str,
) -> Result<ReviewView> {
    let member = who.member(organization, Permission::Configure)?;
    let viewer = who.user()?;

    let mut checks = Checks::default();
    checks.require((1..=5).contains(&rating), "rating", "must be from 1 to 5 stars");
    let title = checks.line("title", title, 1, 100);
    let body = checks.text("body", body, 1, 4000);
    checks.done()?;

    let name = viewer
        .memberships
        .iter()
        .find(|membership| membership.organization_id == organization)
        .map_or("", |membership| membership.organization_name.as_str());
    let author = format!("{}, {name}", viewer.user.name);

    // The offering is public and may be anyone's; what the organization did with it is its own.
    let mut tx = ctx.store.read(Scope::System).await?;
    let card = rows::card(&mut tx, offering).await?.ok_or(Error::NotFound("offering"))?;
    drop(tx);
    if card.card.provider_id == organization {
        return Err(Error::Forbidden("a provider cannot review its own offering"));
    }
    let now = ctx.now();
    let id = ReviewId(fresh_id());
    let mut tx = ctx.store.write(member.tenant).await?;
    if !rows::has_used(&mut tx, member.tenant, offering).await? {
        return Err(Error::Forbidden(
            "reviews are written by those who use it: subscribe, get an answer, then tell others about it",
        ));
    }
    let review = rows::NewReview { id, offering, author: &author, rating, title: &title, body: &body, now };
    match rows::insert_review(&mut tx, member.tenant, &review).await {
        Ok(()) => {}
        Err(error) if error.is_unique_violation() => {
            return Err(Error::Conflict("your organization has already reviewed this".to_owned()));
        }
        Err(error) => return Err(error.into()),
    }
    tx.commit().await?;
    Ok(ReviewView { id, author, rating, title, body, sample: false, created: now.day().to_string() })
}

fn may_see_unlisted(who: &Principal, provider: OrganizationId) -> bool {
    who.viewer().is_some_and(|viewer| {
        viewer.user.operator || viewer.memberships.iter().any(|membership| membership.organization_id == provider)
    })
}
