//! Bundles: products of several providers that are bought together.

use domain::pricing::Interval;
use domain::state::BundleState;
use domain::view::bundle::{BundlePart, BundleView};
use domain::{BundleId, Currency, Money, OfferingId, OrderId, OrganizationId, PlanId, Timestamp, UserId};

use crate::{Error, Tenant, Tx};

/// A bundle to write.
#[derive(Clone, Debug)]
pub struct NewBundle<'a> {
    /// Which.
    pub id: BundleId,
    /// What it is called.
    pub name: &'a str,
    /// What it is for.
    pub description: &'a str,
    /// What all of it costs each period.
    pub price: Money,
    /// Who puts it together.
    pub by: UserId,
    /// When.
    pub now: Timestamp,
}

#[derive(sqlx::FromRow)]
struct BundleRow {
    id: BundleId,
    owner_id: OrganizationId,
    owner_name: String,
    name: String,
    description: String,
    price_minor: i64,
    currency: Currency,
    state: BundleState,
}

#[derive(sqlx::FromRow)]
struct PartRow {
    offering_id: OfferingId,
    offering_name: String,
    tagline: String,
    provider_id: OrganizationId,
    provider_name: String,
    base_plan_id: PlanId,
    plan_name: String,
    pay_interval: Interval,
    monthly_quota: Option<i64>,
    alone_minor: i64,
    currency: Currency,
    price_minor: i64,
    plan_id: Option<PlanId>,
    on_sale: bool,
}

/// Writes a bundle, a draft without parts.
pub async fn insert(tx: &mut Tx, tenant: Tenant, new: &NewBundle<'_>) -> Result<(), Error> {
    tx.query(
        "INSERT INTO bundles (id, owner_id, name, description, price_minor, currency, state, created_by, created_at,
                              modified_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)",
    )
    .bind(new.id)
    .bind(tenant.id())
    .bind(new.name.to_owned())
    .bind(new.description.to_owned())
    .bind(new.price.minor)
    .bind(new.price.currency)
    .bind(BundleState::Draft)
    .bind(new.by)
    .bind(new.now)
    .execute()
    .await?
    .exactly_one()
}

/// Keeps everyone else from changing a bundle until the transaction ends; read it after this.
pub async fn lock(tx: &mut Tx, id: BundleId) -> Result<(), Error> {
    tx.query("UPDATE bundles SET modified_at = modified_at WHERE id = $1").bind(id).execute().await?.any();
    Ok(())
}

/// Finds a bundle, whoever's it is; the caller checks who may see it.
pub async fn get(tx: &mut Tx, id: BundleId) -> Result<Option<BundleView>, Error> {
    let row: Option<BundleRow> = tx
        .query(
            "SELECT b.id, b.owner_id, o.name AS owner_name, b.name, b.description, b.price_minor, b.currency, b.state
             FROM bundles b JOIN organizations o ON o.id = b.owner_id
             WHERE b.id = $1",
        )
        .bind(id)
        .fetch_optional()
        .await?;
    match row {
        Some(row) => Ok(Some(whole(tx, row).await?)),
        None => Ok(None),
    }
}

/// Lists bundles that are offered, newest first.
pub async fn offered(tx: &mut Tx, limit: i64, offset: i64) -> Result<Vec<BundleView>, Error> {
    let rows: Vec<BundleRow> = tx
        .query(
            "SELECT b.id, b.owner_id, o.name AS owner_name, b.name, b.description, b.price_minor, b.currency, b.state
             FROM bundles b JOIN organizations o ON o.id = b.owner_id
             WHERE b.state = 'offered'
             ORDER BY b.created_at DESC, b.id DESC LIMIT $1 OFFSET $2",
        )
        .bind(limit)
        .bind(offset)
        .fetch_all()
        .await?;
    all_whole(tx, rows).await
}

/// Counts the same.
pub async fn count_offered(tx: &mut Tx) -> Result<i64, Error> {
    tx.query("SELECT COUNT(*) FROM bundles WHERE state = 'offered'").fetch_scalar().await
}

/// Lists bundles that an organization has put together, or was asked to be in, newest first.
pub async fn of_provider(tx: &mut Tx, tenant: Tenant, limit: i64) -> Result<Vec<BundleView>, Error> {
    let rows: Vec<BundleRow> = tx
        .query(
            "SELECT b.id, b.owner_id, o.name AS owner_name, b.name, b.description, b.price_minor, b.currency, b.state
             FROM bundles b JOIN organizations o ON o.id = b.owner_id
             WHERE b.owner_id = $1
                OR (b.state <> 'draft'
                    AND EXISTS (SELECT 1 FROM bundle_parts p WHERE p.bundle_id = b.id AND p.provider_id = $1))
             ORDER BY b.created_at DESC, b.id DESC LIMIT $2",
        )
        .bind(tenant.id())
        .bind(limit)
        .fetch_all()
        .await?;
    all_whole(tx, rows).await
}

async fn all_whole(tx: &mut Tx, rows: Vec<BundleRow>) -> Result<Vec<BundleView>, Error> {
    let mut views = Vec::with_capacity(rows.len());
    for row in rows {
        views.push(whole(tx, row).await?);
    }
    Ok(views)
}

async fn whole(tx: &mut Tx, row: BundleRow) -> Result<BundleView, Error> {
    let parts: Vec<PartRow> = tx
        .query(
            "SELECT p.offering_id, f.name AS offering_name, f.tagline, p.provider_id, s.name AS provider_name,
                    p.base_plan_id, l.name AS plan_name, l.pay_interval, l.monthly_quota, l.price_minor AS alone_minor,
                    l.currency, p.price_minor, p.plan_id,
                    (f.state = 'Active' AND COALESCE(v.state, '') = 'approved' AND s.blocked_at IS NULL) AS on_sale
             FROM bundle_parts p
             JOIN offerings f ON f.id = p.offering_id
             JOIN organizations s ON s.id = p.provider_id
             JOIN plans l ON l.id = p.base_plan_id
             LEFT JOIN providers v ON v.organization_id = p.provider_id
             WHERE p.bundle_id = $1
             ORDER BY f.name, p.offering_id",
        )
        .bind(row.id)
        .fetch_all()
        .await?;
    let part = |part: PartRow| BundlePart {
        offering_id: part.offering_id,
        offering_name: part.offering_name,
        tagline: part.tagline,
        provider_id: part.provider_id,
        provider_name: part.provider_name,
        base_plan_id: part.base_plan_id,
        plan_name: part.plan_name,
        interval: part.pay_interval,
        monthly_quota: part.monthly_quota,
        alone: Money::new(part.alone_minor, part.currency),
        price: Money::new(part.price_minor, part.currency),
        plan_id: part.plan_id,
        on_sale: part.on_sale,
    };
    Ok(BundleView {
        id: row.id,
        owner_id: row.owner_id,
        owner_name: row.owner_name,
        name: row.name,
        description: row.description,
        price: Money::new(row.price_minor, row.currency),
        state: row.state,
        parts: parts.into_iter().map(part).collect(),
    })
}

/// A plan that can be put into a bundle.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct CandidateRow {
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
    pub price_minor: i64,
    /// In what.
    pub currency: Currency,
    /// How often that is paid.
    pub pay_interval: Interval,
}

/// Lists plans that are on sale and cost something in a currency: those of one provider first, then by name.
pub async fn candidates(
    tx: &mut Tx,
    first: OrganizationId,
    currency: Currency,
    limit: i64,
    offset: i64,
) -> Result<Vec<CandidateRow>, Error> {
    tx.query(
        "SELECT l.id AS plan_id, l.name AS plan_name, f.id AS offering_id, f.name AS offering_name,
                s.name AS provider_name, l.price_minor, l.currency, l.pay_interval
         FROM plans l
         JOIN offerings f ON f.id = l.offering_id
         JOIN organizations s ON s.id = f.organization_id
         JOIN providers v ON v.organization_id = s.id
         WHERE l.archived_at IS NULL AND l.price_minor > 0 AND l.currency = $2 AND f.state = 'Active'
           AND v.state = 'approved' AND s.blocked_at IS NULL
         ORDER BY CASE WHEN f.organization_id = $1 THEN 0 ELSE 1 END, f.name, l.price_minor, l.id
         LIMIT $3 OFFSET $4",
    )
    .bind(first)
    .bind(currency)
    .bind(limit)
    .bind(offset)
    .fetch_all()
    .await
}

/// Counts the same.
pub async fn count_candidates(tx: &mut Tx, currency: Currency) -> Result<i64, Error> {
    tx.query(
        "SELECT COUNT(*)
         FROM plans l
         JOIN offerings f ON f.id = l.offering_id
         JOIN organizations s ON s.id = f.organization_id
         JOIN providers v ON v.organization_id = s.id
         WHERE l.archived_at IS NULL AND l.price_minor > 0 AND l.currency = $1 AND f.state = 'Active'
           AND v.state = 'approved' AND s.blocked_at IS NULL",
    )
    .bind(currency)
    .fetch_scalar()
    .await
}

/// Puts a product into a draft, or another plan of it.
pub async fn put(
    tx: &mut Tx,
    id: BundleId,
    offering: OfferingId,
    provider: OrganizationId,
    plan: PlanId,
) -> Result<(), Error> {
    tx.query(
        "INSERT INTO bundle_parts (bundle_id, offering_id, provider_id, base_plan_id, price_minor)
         VALUES ($1, $2, $3, $4, 0)
         ON CONFLICT (bundle_id, offering_id) DO UPDATE SET base_plan_id = excluded.base_plan_id",
    )
    .bind(id)
    .bind(offering)
    .bind(provider)
    .bind(plan)
    .execute()
    .await?
    .exactly_one()
}

/// Takes a product out of a draft, if it is in it.
pub async fn take_out(tx: &mut Tx, id: BundleId, offering: OfferingId) -> Result<(), Error> {
    tx.query("DELETE FROM bundle_parts WHERE bundle_id = $1 AND offering_id = $2")
        .bind(id)
        .bind(offering)
        .execute()
        .await?
        .any();
    Ok(())
}

/// Says what of the bundle's price is a part's.
pub async fn set_share(tx: &mut Tx, id: BundleId, offering: OfferingId, price_minor: i64) -> Result<(), Error> {
    tx.query("UPDATE bundle_parts SET price_minor = $3 WHERE bundle_id = $1 AND offering_id = $2")
        .bind(id)
        .bind(offering)
        .bind(price_minor)
        .execute()
        .await?
        .exactly_one()
}

/// Writes that a part's provider has agreed, with the plan that is bought; tells whether it had not before.
pub async fn agree(
    tx: &mut Tx,
    id: BundleId,
    offering: OfferingId,
    plan: PlanId,
    by: UserId,
    now: Timestamp,
) -> Result<bool, Error> {
    let done = tx
        .query(
            "UPDATE bundle_parts SET plan_id = $3, agreed_by = $4, agreed_at = $5
             WHERE bundle_id = $1 AND offering_id = $2 AND plan_id IS NULL",
        )
        .bind(id)
        .bind(offering)
        .bind(plan)
        .bind(by)
        .bind(now)
        .execute()
        .await?;
    Ok(done.affected == 1)
}

/// Moves a bundle on; tells whether it still was where the caller saw it.
pub async fn step(
    tx: &mut Tx,
    id: BundleId,
    from: BundleState,
    to: BundleState,
    now: Timestamp,
) -> Result<bool, Error> {
    let done = tx
        .query("UPDATE bundles SET state = $3, modified_at = $4 WHERE id = $1 AND state = $2")
        .bind(id)
        .bind(from)
        .bind(to)
        .bind(now)
        .execute()
        .await?;
    Ok(done.affected == 1)
}

/// Says that an order is one of several that are paid together, by way of `lead`.
pub async fn set_order(tx: &mut Tx, order: OrderId, id: BundleId, lead: OrderId) -> Result<(), Error> {
    tx.query("UPDATE orders SET bundle_id = $2, lead_id = $3 WHERE id = $1")
        .bind(order)
        .bind(id)
        .bind(lead)
        .execute()
        .await?
        .exactly_one()
}

/// Lists the orders that are paid together by way of `lead`, in the order in which they are locked.
pub async fn together(tx: &mut Tx, lead: OrderId) -> Result<Vec<OrderId>, Error> {
    let rows: Vec<(OrderId,)> =
        tx.query("SELECT id FROM orders WHERE lead_id = $1 ORDER BY id").bind(lead).fetch_all().await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}
