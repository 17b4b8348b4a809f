//! What a fresh install comes with: the four categories, and five products that work offline.
//!
//! Loading is repeatable: rows that are there stay as they are, so an operator's changes survive a
//! restart. The one thing that follows the program is a sample's flow: a changed one becomes the
//! next version. What a newcomer gets wrong: the samples are ordinary rows, sold by an ordinary
//! provider whose only person cannot sign in.

mod samples;

use domain::{
    AgentId, CategoryId, Currency, Money, OfferingId, OrganizationId, PlanId, ReviewId, UserId,
    state::{Capability, OfferingState},
    view::{agent::FlowClass, knowledge::DocumentQuota},
};
use store::{
    Scope, Tenant, Tx,
    agents::{self, NewAgentRow},
    offerings::{self, NewOffering, PlanTerms, Words},
    samples::{self as rows, SampleReview, Seller},
};
use uuid::Uuid;

use crate::{
    Ctx, Error, Result,
    ports::ImportedFlow,
    provider::{search_text, step, store_version},
};
use samples::{CATEGORIES, SAMPLES, Sample};

/// The organization that sells the samples.
pub const SELLER: OrganizationId = OrganizationId(id(2, 1));

const SELLER_USER: UserId = UserId(id(1, 1));

/// A sample's flow, as it was exported.
#[derive(Clone, Copy, Debug)]
pub struct SampleFlow<'a> {
    /// Of which sample.
    pub slug: &'a str,
    /// The export.
    pub json: &'a [u8],
}

/// What loading has changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Offerings that were not there before.
    pub offerings: usize,
    /// Flow versions that were not there before.
    pub versions: usize,
}

/// Returns the slugs of the samples, each of which needs a flow.
pub fn slugs() -> impl Iterator<Item = &'static str> {
    SAMPLES.iter().map(|sample| sample.slug)
}

/// Loads the categories, and the samples whose flows are given.
pub async fn load(ctx: &Ctx, flows: &[SampleFlow<'_>]) -> Result<Loaded> {
    let now = ctx.now();
    let mut tx = ctx.store.write(Scope::System).await?;
    for (category, position) in CATEGORIES.iter().zip(1_i64..) {
        rows::category(
            &mut tx,
            &rows::Category {
                id: CategoryId(id(3, position.unsigned_abs())),
                slug: category.slug,
                title: category.title,
                description: category.description,
                icon: category.icon,
                color: category.color,
                position,
            },
        )
        .await?;
    }
    let seller = Seller {
        user: SELLER_USER,
        email: "samples@cmp.invalid",
        organization: SELLER,
        name: "CMP Samples",
        slug: "cmp-samples",
        description: "Five small products that come with every install of CMP. They answer offline and \
                      show how an offering is made: open one, try it, and read its flow's report.",
    };
    if !flows.is_empty() {
        rows::seller(&mut tx, &seller, now).await?;
    }
    tx.commit().await?;

    let mut loaded = Loaded::default();
    for (sample, number) in SAMPLES.iter().zip(1_u64..) {
        let Some(flow) = flows.iter().find(|flow| flow.slug == sample.slug) else {
            continue;
        };
        // A sample that cannot be read or run is a mistake of ours, not of whoever starts the program.
        let imported = ctx
            .runtime
            .import(flow.json, crate::ports::RuntimeChoice::Here)
            .await
            .map_err(|refused| Error::internal(format!("the sample {}: {refused}", sample.slug)))?;
        if imported.report.verdict != FlowClass::Native {
            let problems = imported.report.problems.join(" ");
            return Err(Error::internal(format!("the sample {} does not run here: {problems}", sample.slug)));
        }
        match load_sample(ctx, sample, number, &imported).await {
            Ok(one) => {
                loaded.offerings += one.offerings;
                loaded.versions += one.versions;
            }
            // Two processes start on one database: the other one has just loaded it.
            Err(Error::Internal(error)) if is_taken(error.as_ref()) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(loaded)
}

async fn load_sample(ctx: &Ctx, sample: &Sample, number: u64, imported: &ImportedFlow) -> Result<Loaded> {
    #[expect(clippy::disallowed_methods, reason = "the samples belong to the organization made above")]
    let tenant = Tenant::assume_authorized(SELLER);
    let now = ctx.now();
    let agent = AgentId(id(4, number));
    let offering = OfferingId(id(5, number));
    let mut loaded = Loaded::default();

    let mut tx = ctx.store.write(tenant).await?;
    let category = agents::category_by_slug(&mut tx, sample.category).await?.ok_or(Error::NotFound("category"))?;
    if agents::owner(&mut tx, agent).await?.is_none() {
        let row =
            NewAgentRow { id: agent, category, name: sample.name, slug: sample.slug, description: sample.tagline, now };
        agents::insert(&mut tx, tenant, &row).await?;
    }
    let before = agents::versions(&mut tx, tenant, agent).await?.len();
    let version = store_version(ctx, &mut tx, tenant, agent, SELLER_USER, imported, "").await?;
    loaded.versions = agents::versions(&mut tx, tenant, agent).await?.len() - before;

    if let Some(existing) = offerings::get(&mut tx, offering).await? {
        if existing.flow_version != Some(version.id) {
            offerings::set_version(&mut tx, tenant, offering, version.id, now).await?;
        }
    } else {
        let words = words(sample);
        let row = NewOffering {
            id: offering,
            agent,
            category,
            flow_version: Some(version.id),
            slug: sample.slug,
            words: &words,
            search_text: &search_text(&words),
            capabilities: Capability::of_category(sample.category),
            now,
        };
        offerings::insert(&mut tx, tenant, &row).await?;
        sell(ctx, &mut tx, tenant, sample, number).await?;
        loaded.offerings = 1;
    }
    tx.commit().await?;
    Ok(loaded)
}

/// Gives a new sample its plans and reviews, and lists it.
async fn sell(ctx: &Ctx, tx: &mut Tx, tenant: Tenant, sample: &Sample, number: u64) -> Result<()> {
    let now = ctx.now();
    let offering = OfferingId(id(5, number));
    for (plan, place) in samples::PLANS.iter().zip(0_u64..) {
        if plan.cents == 0 && !sample.free {
            continue;
        }
        let terms = PlanTerms {
            name: plan.name,
            description: plan.description,
            price: Money::new(plan.cents, Currency::Usd),
            monthly_quota: Some(plan.calls),
            requests_per_minute: plan.per_minute,
            terms: domain::pricing::Terms::default(),
            documents: DocumentQuota::default(),
        };
        offerings::insert_plan(tx, tenant, offering, PlanId(id(6, number * 16 + place)), &terms, now).await?;
    }
    step(ctx, tx, tenant, offering, OfferingState::Draft, OfferingState::InReview, "submitted").await?;
    step(ctx, tx, tenant, offering, OfferingState::InReview, OfferingState::Active, "listed").await?;
    for (review, place) in sample.reviews.iter().zip(0_u64..) {
        let row = SampleReview {
            id: ReviewId(id(7, number * 16 + place)),
            offering,
            author: review.author,
            rating: review.rating,
            title: review.title,
            body: review.body,
        };
        rows::review(tx, &row, now).await?;
    }
    Ok(())
}

fn is_taken(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    error.downcast_ref::<store::Error>().is_some_and(store::Error::is_unique_violation)
}

fn words(sample: &Sample) -> Words {
    let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    Words {
        name: sample.name.to_owned(),
        tagline: sample.tagline.to_owned(),
        full_description: sample.description.trim().to_owned(),
        terms: String::new(),
        greeting: sample.greeting.to_owned(),
        starters: owned(sample.starters),
        tags: owned(sample.tags),
        thumbnail: format!("/art/{}.svg", sample.slug),
        demo: true,
        manual_approval: false,
    }
}

/// Makes an id that is the same in every install: version 8, which is for one's own schemes.
const fn id(kind: u64, number: u64) -> Uuid {
    Uuid::from_u64_pair(0x636d_7000_0000_8000, 0x8000_0000_0000_0000 | kind << 16 | number)
}
