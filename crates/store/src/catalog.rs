//! What everyone may read of the catalog: categories, offerings, plans, reviews, providers.
//!
//! These rows are public, so the functions take no tenant and run in [`Scope::System`](crate::Scope).
//! What a newcomer gets wrong: a row that is `Active` is not always listed. Its provider must be
//! approved and not blocked, which is what `listed` in [`Card`] says.

use domain::pricing::{Interval, Part, Terms};
use domain::{
    CategoryId, Currency, Money, OfferingId, OrganizationId, PlanId, ReviewId, Timestamp,
    state::{Capability, OfferingState, ProviderState},
    view::catalog::{CategoryView, OfferingCard, PlanView, ProviderView, ReviewView},
    view::knowledge::DocumentQuota,
};
use sqlx::FromRow;

use crate::{Error, Json, Tenant, Tx};

/// An offering as a list shows it, and what decides whether and where it appears.
#[derive(Clone, Debug, PartialEq)]
pub struct Card {
    /// What people see.
    pub card: OfferingCard,
    /// Whether everyone may see it.
    pub listed: bool,
    /// Words in lower case that search looks at beside the card's own.
    pub search_text: String,
    /// When it was first listed.
    pub published: Option<Timestamp>,
}

/// What an offering's own page shows beside its card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Details {
    /// Markdown.
    pub full_description: String,
    /// What a buyer accepts.
    pub terms: String,
    /// What the product can do.
    pub capabilities: Vec<Capability>,
    /// Whether visitors may try it.
    pub demo: bool,
    /// What the demo greets with.
    pub greeting: String,
    /// Questions to start with.
    pub starters: Vec<String>,
    /// Paths of further pictures.
    pub screenshots: Vec<String>,
    /// Whether the provider looks at each order first.
    pub manual_approval: bool,
}

/// A review to be stored.
#[derive(Clone, Debug)]
pub struct NewReview<'a> {
    /// Its id.
    pub id: ReviewId,
    /// Of what.
    pub offering: OfferingId,
    /// Who signs it.
    pub author: &'a str,
    /// 1 to 5.
    pub rating: i64,
    /// In a few words.
    pub title: &'a str,
    /// In more.
    pub body: &'a str,
    /// When.
    pub now: Timestamp,
}

/// Returns every category in the order of the menu.
pub async fn categories(tx: &mut Tx) -> Result<Vec<CategoryView>, Error> {
    let rows: Vec<CategoryRow> = tx
        .query(
            "SELECT c.id, c.slug, c.title, c.description, c.icon, c.color
                  , (SELECT COUNT(*)
                     FROM offerings o
                     JOIN organizations g ON g.id = o.organization_id
                     JOIN providers v ON v.organization_id = o.organization_id
                     WHERE o.category_id = c.id
                       AND o.state IN ('Active', 'Paused')
                       AND v.state = 'approved'
                       AND g.blocked_at IS NULL) AS offerings
             FROM categories c
             ORDER BY c.position, c.slug",
        )
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(CategoryView::from).collect())
}

/// Returns the cards of everything that is listed.
pub async fn listed(tx: &mut Tx) -> Result<Vec<Card>, Error> {
    cards(tx, None, true).await
}

/// Returns one offering's card, listed or not.
pub async fn card(tx: &mut Tx, offering: OfferingId) -> Result<Option<Card>, Error> {
    Ok(cards(tx, Some(offering), false).await?.pop())
}

async fn cards(tx: &mut Tx, only: Option<OfferingId>, listed: bool) -> Result<Vec<Card>, Error> {
    let rows: Vec<CardRow> = tx
        .query(
            "SELECT o.id, o.slug, o.name, o.tagline, o.category_id
                  , c.slug AS category_slug, c.title AS category_title, c.color AS category_color
                  , o.organization_id AS provider_id, g.name AS provider_name
                  , o.thumbnail, o.state, o.tags, o.search_text, o.created_at, o.published_at
                  , o.state IN ('Active', 'Paused')
                        AND COALESCE(v.state, '') = 'approved'
                        AND g.blocked_at IS NULL AS listed
                  , (SELECT p.price_minor FROM plans p
                     WHERE p.offering_id = o.id AND p.archived_at IS NULL
                     ORDER BY p.price_minor, p.id LIMIT 1) AS from_minor
                  , (SELECT p.currency FROM plans p
                     WHERE p.offering_id = o.id AND p.archived_at IS NULL
                     ORDER BY p.price_minor, p.id LIMIT 1) AS from_currency
                  , (SELECT COUNT(*) FROM reviews r WHERE r.offering_id = o.id) AS review_count
                  , (SELECT CAST(COALESCE(SUM(r.rating), 0) AS BIGINT)
                     FROM reviews r WHERE r.offering_id = o.id) AS rating_sum
                  , (SELECT COUNT(DISTINCT s.organization_id) FROM subscriptions s
                     WHERE s.offering_id = o.id AND s.state IN ('OK', 'Updating')) AS customers
             FROM offerings o
             JOIN categories c ON c.id = o.category_id
             JOIN organizations g ON g.id = o.organization_id
             LEFT JOIN providers v ON v.organization_id = o.organization_id
             WHERE (o.id = $1 OR $1 IS NULL)
               -- With $2, only what everyone may see.
               AND (NOT $2 OR (o.state IN ('Active', 'Paused')
                               AND v.state = 'approved'
                               AND g.blocked_at IS NULL))
             ORDER BY o.published_at DESC, o.id",
        )
        .bind(only)
        .bind(listed)
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(Card::from).collect())
}

/// Returns the id of the offering that has `slug`.
pub async fn offering_by_slug(tx: &mut Tx, slug: &str) -> Result<Option<OfferingId>, Error> {
    let row: Option<(OfferingId,)> =
        tx.query("SELECT id FROM offerings WHERE slug = $1").bind(slug.to_owned()).fetch_optional().await?;
    Ok(row.map(|(id,)| id))
}

/// Returns what an offering's own page shows.
pub async fn details(tx: &mut Tx, offering: OfferingId) -> Result<Option<Details>, Error> {
    let row: Option<DetailsRow> = tx
        .query(
            "SELECT full_description, terms, capabilities, demo, greeting, starters, screenshots
                  , manual_approval
             FROM offerings
             WHERE id = $1",
        )
        .bind(offering)
        .fetch_optional()
        .await?;
    Ok(row.map(Details::from))
}

/// Returns every plan of an offering: those that can be ordered first, cheapest first.
pub async fn plans(tx: &mut Tx, offering: OfferingId) -> Result<Vec<PlanView>, Error> {
    let rows: Vec<PlanRow> = tx
        .query(
            "SELECT id, offering_id, name, description, price_minor, currency, monthly_quota
                  , requests_per_minute, archived_at, pay_interval, trial_days, parts
                  , max_documents, max_document_bytes, max_document_pages
             FROM plans
             WHERE offering_id = $1
             ORDER BY CASE WHEN archived_at IS NULL THEN 0 ELSE 1 END, price_minor, id",
        )
        .bind(offering)
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(PlanView::from).collect())
}

/// Returns a plan, archived or not.
pub async fn plan(tx: &mut Tx, plan: PlanId) -> Result<Option<PlanView>, Error> {
    let row: Option<PlanRow> = tx
        .query(
            "SELECT id, offering_id, name, description, price_minor, currency, monthly_quota
                  , requests_per_minute, archived_at, pay_interval, trial_days, parts
                  , max_documents, max_document_bytes, max_document_pages
             FROM plans
             WHERE id = $1",
        )
        .bind(plan)
        .fetch_optional()
        .await?;
    Ok(row.map(PlanView::from))
}

/// Returns the newest reviews of an offering.
pub async fn reviews(tx: &mut Tx, offering: OfferingId, at_most: i64) -> Result<Vec<ReviewView>, Error> {
    let rows: Vec<ReviewRow> = tx
        .query(
            "SELECT id, author, rating, title, body, sample, created_at
             FROM reviews
             WHERE offering_id = $1
             ORDER BY created_at DESC, id DESC
             LIMIT $2",
        )
        .bind(offering)
        .bind(at_most)
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(ReviewView::from).collect())
}

/// Tells whether an organization has had an answer from an offering, and so may review it.
pub async fn has_used(tx: &mut Tx, tenant: Tenant, offering: OfferingId) -> Result<bool, Error> {
    tx.query(
        "SELECT EXISTS (
             SELECT 1
             FROM subscriptions s
             JOIN invocations i ON i.subscription_id = s.id
             WHERE s.offering_id = $1 AND s.organization_id = $2
               AND i.organization_id = $2 AND i.state = 'succeeded')",
    )
    .bind(offering)
    .bind(tenant.id())
    .fetch_scalar()
    .await
}

/// Stores an organization's review; a second one of the same offering is a unique violation.
pub async fn insert_review(tx: &mut Tx, tenant: Tenant, review: &NewReview<'_>) -> Result<(), Error> {
    tx.query(
        "INSERT INTO reviews
             (id, offering_id, organization_id, author, rating, title, body, sample, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(review.id)
    .bind(review.offering)
    .bind(tenant.id())
    .bind(review.author.to_owned())
    .bind(review.rating)
    .bind(review.title.to_owned())
    .bind(review.body.to_owned())
    .bind(false)
    .bind(review.now)
    .execute()
    .await?
    .exactly_one()
}

/// Counts the providers that everyone may see.
pub async fn count_providers(tx: &mut Tx) -> Result<i64, Error> {
    tx.query(
        "SELECT COUNT(*)
         FROM providers v
         JOIN organizations g ON g.id = v.organization_id
         WHERE v.state = 'approved' AND g.blocked_at IS NULL",
    )
    .fetch_scalar()
    .await
}

/// Returns the providers that everyone may see, by name.
pub async fn providers(tx: &mut Tx, limit: i64, offset: i64) -> Result<Vec<ProviderView>, Error> {
    let rows: Vec<ProviderRow> = tx
        .query(
            "SELECT v.organization_id, g.name, v.description, v.state, v.applied_at, v.decided_at
                  , (SELECT COUNT(*) FROM offerings o
                     WHERE o.organization_id = v.organization_id
                       AND o.state IN ('Active', 'Paused')) AS offerings
             FROM providers v
             JOIN organizations g ON g.id = v.organization_id
             WHERE v.state = 'approved' AND g.blocked_at IS NULL
             ORDER BY LOWER(g.name), v.organization_id
             LIMIT $1 OFFSET $2",
        )
        .bind(limit)
        .bind(offset)
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(ProviderView::from).collect())
}

/// Returns a provider in whatever state it is.
pub async fn provider(tx: &mut Tx, organization: OrganizationId) -> Result<Option<ProviderView>, Error> {
    let row: Option<ProviderRow> = tx
        .query(
            "SELECT v.organization_id, g.name, v.description
                    -- A blocked organization is as good as a suspended provider.
                  , CASE WHEN g.blocked_at IS NULL THEN v.state ELSE 'suspended' END AS state
                  , v.applied_at, v.decided_at
                  , (SELECT COUNT(*) FROM offerings o
                     WHERE o.organization_id = v.organization_id
                       AND o.state IN ('Active', 'Paused')) AS offerings
             FROM providers v
             JOIN organizations g ON g.id = v.organization_id
             WHERE v.organization_id = $1",
        )
        .bind(organization)
        .fetch_optional()
        .await?;
    Ok(row.map(ProviderView::from))
}

#[derive(FromRow)]
struct CategoryRow {
    id: CategoryId,
    slug: String,
    title: String,
    description: String,
    icon: String,
    color: String,
    offerings: i64,
}

impl From<CategoryRow> for CategoryView {
    fn from(row: CategoryRow) -> Self {
        let CategoryRow { id, slug, title, description, icon, color, offerings } = row;
        Self { id, slug, title, description, icon, color, offerings }
    }
}

#[derive(FromRow)]
struct CardRow {
    id: OfferingId,
    slug: String,
    name: String,
    tagline: String,
    category_id: CategoryId,
    category_slug: String,
    category_title: String,
    category_color: String,
    provider_id: OrganizationId,
    provider_name: String,
    thumbnail: String,
    state: OfferingState,
    tags: Json<Vec<String>>,
    search_text: String,
    created_at: Timestamp,
    published_at: Option<Timestamp>,
    listed: bool,
    from_minor: Option<i64>,
    from_currency: Option<Currency>,
    review_count: i64,
    rating_sum: i64,
    customers: i64,
}

impl From<CardRow> for Card {
    fn from(row: CardRow) -> Self {
        let from_price = match (row.from_minor, row.from_currency) {
            (Some(minor), Some(currency)) => Some(Money { minor, currency }),
            _ => None,
        };
        // Rounded to the nearest tenth: 14 stars of 3 reviews are 4.7.
        let rating_tenths = if row.review_count == 0 { 0 } else { (row.rating_sum * 20 / row.review_count + 1) / 2 };
        Self {
            listed: row.listed,
            search_text: row.search_text,
            published: row.published_at,
            card: OfferingCard {
                id: row.id,
                slug: row.slug,
                name: row.name,
                tagline: row.tagline,
                category_id: row.category_id,
                category_slug: row.category_slug,
                category_title: row.category_title,
                category_color: row.category_color,
                provider_id: row.provider_id,
                provider_name: row.provider_name,
                thumbnail: row.thumbnail,
                state: row.state,
                from_price,
                rating_tenths,
                review_count: row.review_count,
                customers: row.customers,
                tags: row.tags.0,
                created: row.created_at,
            },
        }
    }
}

#[derive(FromRow)]
struct DetailsRow {
    full_description: String,
    terms: String,
    capabilities: Json<Vec<Capability>>,
    demo: bool,
    greeting: String,
    starters: Json<Vec<String>>,
    screenshots: Json<Vec<String>>,
    manual_approval: bool,
}

impl From<DetailsRow> for Details {
    fn from(row: DetailsRow) -> Self {
        Self {
            full_description: row.full_description,
            terms: row.terms,
            capabilities: row.capabilities.0,
            demo: row.demo,
            greeting: row.greeting,
            starters: row.starters.0,
            screenshots: row.screenshots.0,
            manual_approval: row.manual_approval,
        }
    }
}

#[derive(FromRow)]
struct PlanRow {
    id: PlanId,
    offering_id: OfferingId,
    name: String,
    description: String,
    price_minor: i64,
    currency: Currency,
    monthly_quota: Option<i64>,
    requests_per_minute: i64,
    max_documents: i64,
    max_document_bytes: i64,
    max_document_pages: i64,
    archived_at: Option<Timestamp>,
    pay_interval: Interval,
    trial_days: i64,
    parts: Json<Vec<Part>>,
}

impl From<PlanRow> for PlanView {
    fn from(row: PlanRow) -> Self {
        let terms = Terms { interval: row.pay_interval, trial_days: row.trial_days, parts: row.parts.0 };
        Self {
            id: row.id,
            offering_id: row.offering_id,
            name: row.name,
            description: row.description,
            price: Money::new(row.price_minor, row.currency),
            monthly_quota: row.monthly_quota,
            requests_per_minute: row.requests_per_minute,
            documents: DocumentQuota {
                documents: row.max_documents,
                bytes: row.max_document_bytes,
                pages: row.max_document_pages,
            },
            archived: row.archived_at.is_some(),
            first_payment: terms.first_payment(Money::new(row.price_minor, row.currency)),
            interval: terms.interval,
            trial_days: terms.trial_days,
            besides: terms.words(row.currency),
            terms,
        }
    }
}

#[derive(FromRow)]
struct ReviewRow {
    id: ReviewId,
    author: String,
    rating: i64,
    title: String,
    body: String,
    sample: bool,
    created_at: Timestamp,
}

impl From<ReviewRow> for ReviewView {
    fn from(row: ReviewRow) -> Self {
        let ReviewRow { id, author, rating, title, body, sample, created_at } = row;
        Self { id, author, rating, title, body, sample, created: created_at.day().to_string() }
    }
}

#[derive(FromRow)]
struct ProviderRow {
    organization_id: OrganizationId,
    name: String,
    description: String,
    state: ProviderState,
    applied_at: Timestamp,
    decided_at: Option<Timestamp>,
    offerings: i64,
}

impl From<ProviderRow> for ProviderView {
    fn from(row: ProviderRow) -> Self {
        Self {
            id: row.organization_id,
            name: row.name,
            description: row.description,
            state: row.state,
            offerings: row.offerings,
            since: row.decided_at.unwrap_or(row.applied_at).rfc3339(),
        }
    }
}
