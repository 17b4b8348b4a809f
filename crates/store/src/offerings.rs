//! Offerings and plans as their provider writes them.
//!
//! Reading is public (see [`catalog`](crate::catalog)); every change names its tenant. A state is
//! changed by [`step`] alone, which refuses when somebody else changed it first.

use domain::pricing::Terms;
use domain::{
    AgentId, CategoryId, FlowVersionId, Money, OfferingId, OrganizationId, PlanId, Timestamp,
    state::{Capability, OfferingState},
    view::knowledge::DocumentQuota,
};
use sqlx::FromRow;

use crate::{Error, Json, Tenant, Tx};

/// An offering's row, as its provider edits it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offering {
    /// Which.
    pub id: OfferingId,
    /// Whose.
    pub organization: OrganizationId,
    /// Of which agent.
    pub agent: AgentId,
    /// That agent's name.
    pub agent_name: String,
    /// Its category's slug.
    pub category_slug: String,
    /// Which version buyers get.
    pub flow_version: Option<FlowVersionId>,
    /// That version's number.
    pub flow_version_number: Option<i64>,
    /// Where it stands.
    pub state: OfferingState,
    /// Its name in URLs.
    pub slug: String,
    /// The words.
    pub words: Words,
    /// When it was first listed.
    pub published: Option<Timestamp>,
    /// How many organizations use it.
    pub customers: i64,
}

/// What a provider writes about an offering.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// What it is called.
    pub name: String,
    /// One sentence.
    pub tagline: String,
    /// Markdown.
    pub full_description: String,
    /// What a buyer must accept.
    pub terms: String,
    /// What the agent says first.
    pub greeting: String,
    /// Questions to start with.
    pub starters: Vec<String>,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Path of the artwork.
    pub thumbnail: String,
    /// Whether visitors may try it.
    pub demo: bool,
    /// Whether each order waits for the provider.
    pub manual_approval: bool,
}

/// An offering to be stored; it begins as a draft.
#[derive(Clone, Debug)]
pub struct NewOffering<'a> {
    /// Its id.
    pub id: OfferingId,
    /// Of which agent.
    pub agent: AgentId,
    /// Its category.
    pub category: CategoryId,
    /// Which version buyers get.
    pub flow_version: Option<FlowVersionId>,
    /// Its name in URLs.
    pub slug: &'a str,
    /// The words.
    pub words: &'a Words,
    /// What search looks at.
    pub search_text: &'a str,
    /// What the product can do.
    pub capabilities: &'a [Capability],
    /// When.
    pub now: Timestamp,
}

/// A plan to be stored or changed.
#[derive(Clone, Debug)]
pub struct PlanTerms<'a> {
    /// What it is called.
    pub name: &'a str,
    /// One sentence.
    pub description: &'a str,
    /// What is the same each period.
    pub price: Money,
    /// Calls a month; nothing means without a limit.
    pub monthly_quota: Option<i64>,
    /// Calls a minute.
    pub requests_per_minute: i64,
    /// How often it is paid, and what besides.
    pub terms: Terms,
    /// What the documents of an agent may be.
    pub documents: DocumentQuota,
}

/// Returns whose an offering is, before it is known whether the caller may see it.
pub async fn owner(tx: &mut Tx, offering: OfferingId) -> Result<Option<OrganizationId>, Error> {
    let row: Option<(OrganizationId,)> =
        tx.query("SELECT organization_id FROM offerings WHERE id = $1").bind(offering).fetch_optional().await?;
    Ok(row.map(|(organization,)| organization))
}

/// Returns whose a plan is, and of which offering.
pub async fn plan_owner(tx: &mut Tx, plan: PlanId) -> Result<Option<(OrganizationId, OfferingId)>, Error> {
    tx.query("SELECT organization_id, offering_id FROM plans WHERE id = $1").bind(plan).fetch_optional().await
}

/// Tells whether any offering has `slug`.
pub async fn slug_is_taken(tx: &mut Tx, slug: &str) -> Result<bool, Error> {
    tx.query("SELECT EXISTS (SELECT 1 FROM offerings WHERE slug = $1)").bind(slug.to_owned()).fetch_scalar().await
}

/// Stores an offering as a draft; a second one of the same agent is a unique violation.
pub async fn insert(tx: &mut Tx, tenant: Tenant, offering: &NewOffering<'_>) -> Result<(), Error> {
    let words = offering.words;
    tx.query(
        "INSERT INTO offerings
             (id, organization_id, agent_id, category_id, flow_version_id, state, name, slug, tagline
            , full_description, terms, greeting, starters, tags, screenshots, capabilities, thumbnail
            , demo, manual_approval, search_text, created_at, modified_at)
         VALUES ($1, $2, $3, $4, $5, 'Draft', $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16
               , $17, $18, $19, $20, $20)",
    )
    .bind(offering.id)
    .bind(tenant.id())
    .bind(offering.agent)
    .bind(offering.category)
    .bind(offering.flow_version)
    .bind(words.name.clone())
    .bind(offering.slug.to_owned())
    .bind(words.tagline.clone())
    .bind(words.full_description.clone())
    .bind(words.terms.clone())
    .bind(words.greeting.clone())
    .bind(Json(words.starters.clone()))
    .bind(Json(words.tags.clone()))
    .bind(Json(Vec::<String>::new()))
    .bind(Json(offering.capabilities.to_vec()))
    .bind(words.thumbnail.clone())
    .bind(words.demo)
    .bind(words.manual_approval)
    .bind(offering.search_text.to_owned())
    .bind(offering.now)
    .execute()
    .await?
    .exactly_one()
}

/// Returns an offering in whatever state it is.
pub async fn get(tx: &mut Tx, offering: OfferingId) -> Result<Option<Offering>, Error> {
    let row: Option<OfferingRow> = tx
        .query(
            "SELECT o.id, o.organization_id, o.agent_id, a.name AS agent_name
                  , c.slug AS category_slug, o.flow_version_id, v.number AS flow_version_number
                  , o.state, o.slug, o.name, o.tagline, o.full_description, o.terms, o.greeting
                  , o.starters, o.tags, o.thumbnail, o.demo, o.manual_approval, o.published_at
                  , (SELECT COUNT(DISTINCT s.organization_id) FROM subscriptions s
                     WHERE s.offering_id = o.id AND s.state IN ('OK', 'Updating')) AS customers
             FROM offerings o
             JOIN agents a ON a.id = o.agent_id
             JOIN categories c ON c.id = o.category_id
             LEFT JOIN flow_versions v ON v.id = o.flow_version_id
             WHERE o.id = $1",
        )
        .bind(offering)
        .fetch_optional()
        .await?;
    Ok(row.map(Offering::from))
}

/// Returns the ids of an organization's offerings, newest first.
pub async fn of_organization(tx: &mut Tx, tenant: Tenant) -> Result<Vec<OfferingId>, Error> {
    let rows: Vec<(OfferingId,)> = tx
        .query("SELECT id FROM offerings WHERE organization_id = $1 ORDER BY created_at DESC, id DESC")
        .bind(tenant.id())
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Takes an offering's row lock, so that two changes of it stand in a line; says where it stands.
pub async fn lock(tx: &mut Tx, tenant: Tenant, offering: OfferingId) -> Result<Option<OfferingState>, Error> {
    // An UPDATE that changes nothing locks the row on PostgreSQL; SQLite holds the one write lock anyway.
    let row: Option<(OfferingState,)> = tx
        .query("UPDATE offerings SET state = state WHERE id = $1 AND organization_id = $2 RETURNING state")
        .bind(offering)
        .bind(tenant.id())
        .fetch_optional()
        .await?;
    Ok(row.map(|(state,)| state))
}

/// Changes an offering's words.
pub async fn save_words(
    tx: &mut Tx,
    tenant: Tenant,
    offering: OfferingId,
    words: &Words,
    search_text: &str,
    now: Timestamp,
) -> Result<(), Error> {
    tx.query(
        "UPDATE offerings
         SET name = $3, tagline = $4, full_description = $5, terms = $6, greeting = $7, starters = $8
           , tags = $9, thumbnail = $10, demo = $11, manual_approval = $12, search_text = $13
           , modified_at = $14
         WHERE id = $1 AND organization_id = $2",
    )
    .bind(offering)
    .bind(tenant.id())
    .bind(words.name.clone())
    .bind(words.tagline.clone())
    .bind(words.full_description.clone())
    .bind(words.terms.clone())
    .bind(words.greeting.clone())
    .bind(Json(words.starters.clone()))
    .bind(Json(words.tags.clone()))
    .bind(words.thumbnail.clone())
    .bind(words.demo)
    .bind(words.manual_approval)
    .bind(search_text.to_owned())
    .bind(now)
    .execute()
    .await?
    .exactly_one()
}

/// Sets which flow version new subscriptions and the demo get.
pub async fn set_version(
    tx: &mut Tx,
    tenant: Tenant,
    offering: OfferingId,
    version: FlowVersionId,
    now: Timestamp,
) -> Result<(), Error> {
    tx.query(
        "UPDATE offerings SET flow_version_id = $3, modified_at = $4
         WHERE id = $1 AND organization_id = $2",
    )
    .bind(offering)
    .bind(tenant.id())
    .bind(version)
    .bind(now)
    .execute()
    .await?
    .exactly_one()
}

/// Moves an offering from one state to another; fails unless it still stands at `from`.
///
/// The first step to `Active` is when it was published. Whether the step is legal is the caller's to ask.
pub async fn step(
    tx: &mut Tx,
    tenant: Tenant,
    offering: OfferingId,
    from: OfferingState,
    to: OfferingState,
    now: Timestamp,
) -> Result<(), Error> {
    tx.query(
        "UPDATE offerings
         SET state = $4, modified_at = $5
           , published_at = CASE WHEN $4 = 'Active' THEN COALESCE(published_at, $5) ELSE published_at END
         WHERE id = $1 AND organization_id = $2 AND state = $3",
    )
    .bind(offering)
    .bind(tenant.id())
    .bind(from)
    .bind(to)
    .bind(now)
    .execute()
    .await?
    .exactly_one()
}

/// Removes a draft and its plans; whatever still needs one of them is a foreign key violation.
pub async fn delete(tx: &mut Tx, tenant: Tenant, offering: OfferingId) -> Result<(), Error> {
    tx.query("DELETE FROM plans WHERE offering_id = $1 AND organization_id = $2")
        .bind(offering)
        .bind(tenant.id())
        .execute()
        .await?
        .any();
    tx.query("DELETE FROM offerings WHERE id = $1 AND organization_id = $2")
        .bind(offering)
        .bind(tenant.id())
        .execute()
        .await?
        .exactly_one()
}

/// Tells whether anybody ever submitted, ordered, reviewed or tried an offering.
pub async fn has_history(tx: &mut Tx, offering: OfferingId) -> Result<bool, Error> {
    tx.query(
        "SELECT EXISTS (SELECT 1 FROM submissions WHERE offering_id = $1)
             OR EXISTS (SELECT 1 FROM orders WHERE offering_id = $1)
             OR EXISTS (SELECT 1 FROM subscriptions WHERE offering_id = $1)
             OR EXISTS (SELECT 1 FROM reviews WHERE offering_id = $1)
             OR EXISTS (SELECT 1 FROM demo_sessions WHERE offering_id = $1)",
    )
    .bind(offering)
    .fetch_scalar()
    .await
}

/// Stores a plan.
pub async fn insert_plan(
    tx: &mut Tx,
    tenant: Tenant,
    offering: OfferingId,
    plan: PlanId,
    terms: &PlanTerms<'_>,
    now: Timestamp,
) -> Result<(), Error> {
    tx.query(
        "INSERT INTO plans
             (id, offering_id, organization_id, name, description, price_minor, currency
            , monthly_quota, requests_per_minute, created_at, pay_interval, trial_days, parts
            , max_documents, max_document_bytes, max_document_pages)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
    )
    .bind(plan)
    .bind(offering)
    .bind(tenant.id())
    .bind(terms.name.to_owned())
    .bind(terms.description.to_owned())
    .bind(terms.price.minor)
    .bind(terms.price.currency)
    .bind(terms.monthly_quota)
    .bind(terms.requests_per_minute)
    .bind(now)
    .bind(terms.terms.interval)
    .bind(terms.terms.trial_days)
    .bind(Json(terms.terms.parts.clone()))
    .bind(terms.documents.documents)
    .bind(terms.documents.bytes)
    .bind(terms.documents.pages)
    .execute()
    .await?
    .exactly_one()
}

/// Changes a plan that can still be ordered.
pub async fn update_plan(tx: &mut Tx, tenant: Tenant, plan: PlanId, terms: &PlanTerms<'_>) -> Result<(), Error> {
    tx.query(
        "UPDATE plans
         SET name = $3, description = $4, price_minor = $5, currency = $6, monthly_quota = $7
           , requests_per_minute = $8, pay_interval = $9, trial_days = $10, parts = $11
           , max_documents = $12, max_document_bytes = $13, max_document_pages = $14
         WHERE id = $1 AND organization_id = $2 AND archived_at IS NULL",
    )
    .bind(plan)
    .bind(tenant.id())
    .bind(terms.name.to_owned())
    .bind(terms.description.to_owned())
    .bind(terms.price.minor)
    .bind(terms.price.currency)
    .bind(terms.monthly_quota)
    .bind(terms.requests_per_minute)
    .bind(terms.terms.interval)
    .bind(terms.terms.trial_days)
    .bind(Json(terms.terms.parts.clone()))
    .bind(terms.documents.documents)
    .bind(terms.documents.bytes)
    .bind(terms.documents.pages)
    .execute()
    .await?
    .exactly_one()
}

/// Takes a plan off the list; repeating it keeps the first time.
pub async fn archive_plan(tx: &mut Tx, tenant: Tenant, plan: PlanId, now: Timestamp) -> Result<(), Error> {
    tx.query(
        "UPDATE plans SET archived_at = COALESCE(archived_at, $3)
         WHERE id = $1 AND organization_id = $2",
    )
    .bind(plan)
    .bind(tenant.id())
    .bind(now)
    .execute()
    .await?
    .exactly_one()
}

/// Tells whether anybody ever ordered a plan, so that its terms must stay as they are.
pub async fn plan_is_in_use(tx: &mut Tx, plan: PlanId) -> Result<bool, Error> {
    tx.query(
        "SELECT EXISTS (SELECT 1 FROM orders WHERE plan_id = $1 OR old_plan_id = $1)
             OR EXISTS (SELECT 1 FROM subscriptions WHERE plan_id = $1)",
    )
    .bind(plan)
    .fetch_scalar()
    .await
}

#[derive(FromRow)]
struct OfferingRow {
    id: OfferingId,
    organization_id: OrganizationId,
    agent_id: AgentId,
    agent_name: String,
    category_slug: String,
    flow_version_id: Option<FlowVersionId>,
    flow_version_number: Option<i64>,
    state: OfferingState,
    slug: String,
    name: String,
    tagline: String,
    full_description: String,
    terms: String,
    greeting: String,
    starters: Json<Vec<String>>,
    tags: Json<Vec<String>>,
    thumbnail: String,
    demo: bool,
    manual_approval: bool,
    published_at: Option<Timestamp>,
    customers: i64,
}

impl From<OfferingRow> for Offering {
    fn from(row: OfferingRow) -> Self {
        Self {
            id: row.id,
            organization: row.organization_id,
            agent: row.agent_id,
            agent_name: row.agent_name,
            category_slug: row.category_slug,
            flow_version: row.flow_version_id,
            flow_version_number: row.flow_version_number,
            state: row.state,
            slug: row.slug,
            words: Words {
                name: row.name,
                tagline: row.tagline,
                full_description: row.full_description,
                terms: row.terms,
                greeting: row.greeting,
                starters: row.starters.0,
                tags: row.tags.0,
                thumbnail: row.thumbnail,
                demo: row.demo,
                manual_approval: row.manual_approval,
            },
            published: row.published_at,
            customers: row.customers,
        }
    }
}
