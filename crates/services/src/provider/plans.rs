//! Plans. What somebody has bought does not change under them: new terms make a new plan.

use domain::{
    OfferingId, PlanId,
    state::OfferingState,
    view::{catalog::PlanView, provider::PlanForm},
};
use store::{
    Scope, catalog,
    offerings::{self as rows, PlanTerms},
};

use super::{Need, of_offering, offerings::refuse_frozen};
use crate::{Ctx, Error, Principal, Result, clock::fresh_id, error::Checks};

/// More plans than this cannot be compared by anyone.
const MAX_PLANS: usize = 12;

/// Calls a minute where the provider says nothing.
const REQUESTS_PER_MINUTE: i64 = 60;

/// Makes or changes a plan.
///
/// Other terms for a plan that somebody ordered archive it and make a new one, which is returned:
/// whoever has the old one keeps it.
pub async fn save_plan(ctx: &Ctx, who: &Principal, offering: OfferingId, form: PlanForm) -> Result<PlanView> {
    let member = of_offering(ctx, who, offering, Need::Sell).await?;
    let now = ctx.now();

    let mut checks = Checks::default();
    let name = checks.line("name", &form.name, 1, 60);
    let description = checks.text("description", &form.description, 0, 200);
    checks.require((0..=100_000_000).contains(&form.price.minor), "price", "must be from 0 to 1,000,000");
    checks.require(
        form.monthly_quota.is_none_or(|quota| (1..=1_000_000_000).contains(&quota)),
        "monthly_quota",
        "must be from 1 to 1,000,000,000 calls, or empty for no limit",
    );
    let requests_per_minute = form.requests_per_minute.unwrap_or(REQUESTS_PER_MINUTE);
    checks.require(
        (1..=10_000_000).contains(&requests_per_minute),
        "requests_per_minute",
        "must be from 1 to 10,000,000",
    );
    let documents = form.documents.unwrap_or_default();
    checks.require((0..=10_000).contains(&documents.documents), "documents", "must be from 0 to 10,000");
    checks.require(
        (0..=10_000_000_000).contains(&documents.bytes),
        "document_megabytes",
        "must be from 0 to 10,000 MB",
    );
    checks.require((0..=200_000).contains(&documents.pages), "document_pages", "must be from 0 to 200,000");
    let terms = PlanTerms {
        name: &name,
        description: &description,
        price: form.price,
        monthly_quota: form.monthly_quota,
        requests_per_minute,
        terms: form.terms,
        documents,
    };
    if let Err(problem) = terms.terms.check() {
        checks.require(false, "terms", &problem.to_string());
    }

    let mut tx = ctx.store.write(member.tenant).await?;
    let state = rows::lock(&mut tx, member.tenant, offering).await?.ok_or(Error::NotFound("offering"))?;
    refuse_frozen(state)?;
    let plans = catalog::plans(&mut tx, offering).await?;
    let others: Vec<&PlanView> = plans.iter().filter(|plan| !plan.archived && Some(plan.id) != form.id).collect();
    checks.require(
        others.iter().all(|plan| plan.name.to_lowercase() != name.to_lowercase()),
        "name",
        "is the name of another plan of this offering",
    );
    checks.require(
        others.iter().all(|plan| plan.price.currency == form.price.currency),
        "price",
        "must be in the currency of the other plans, so that buyers can compare",
    );
    checks.done()?;

    let id = match form.id {
        None => {
            if others.len() >= MAX_PLANS {
                return Err(Error::Conflict(format!("an offering may have {MAX_PLANS} plans at most")));
            }
            let id = PlanId(fresh_id());
            rows::insert_plan(&mut tx, member.tenant, offering, id, &terms, now).await?;
            id
        }
        Some(id) => {
            let before = plans.iter().find(|plan| plan.id == id).ok_or(Error::NotFound("plan"))?;
            if before.archived {
                return Err(Error::Conflict("this plan is archived; make a new one".to_owned()));
            }
            let same_terms = before.price == terms.price
                && before.monthly_quota == terms.monthly_quota
                && before.requests_per_minute == terms.requests_per_minute
                && before.terms == terms.terms
                && before.documents == terms.documents;
            if same_terms || !rows::plan_is_in_use(&mut tx, id).await? {
                rows::update_plan(&mut tx, member.tenant, id, &terms).await?;
                id
            } else {
                rows::archive_plan(&mut tx, member.tenant, id, now).await?;
                let next = PlanId(fresh_id());
                rows::insert_plan(&mut tx, member.tenant, offering, next, &terms, now).await?;
                next
            }
        }
    };
    let view = catalog::plan(&mut tx, id).await?.ok_or(Error::NotFound("plan"))?;
    tx.commit().await?;
    Ok(view)
}

/// Takes a plan off the list; whoever has it keeps it. Repeating it is harmless.
pub async fn archive_plan(ctx: &Ctx, who: &Principal, id: PlanId) -> Result<PlanView> {
    who.user()?;
    let mut tx = ctx.store.read(Scope::System).await?;
    let (_, offering) = rows::plan_owner(&mut tx, id).await?.ok_or(Error::NotFound("plan"))?;
    drop(tx);
    let member = of_offering(ctx, who, offering, Need::Sell).await.map_err(|error| error.hiding("plan"))?;

    let mut tx = ctx.store.write(member.tenant).await?;
    let state = rows::lock(&mut tx, member.tenant, offering).await?.ok_or(Error::NotFound("plan"))?;
    refuse_frozen(state)?;
    let plans = catalog::plans(&mut tx, offering).await?;
    let is_last = plans.iter().all(|plan| plan.archived || plan.id == id);
    if is_last && state != OfferingState::Draft {
        return Err(Error::Conflict(
            "a listed offering needs a plan; add another one first, or unpublish the offering".to_owned(),
        ));
    }
    rows::archive_plan(&mut tx, member.tenant, id, ctx.now()).await?;
    let view = catalog::plan(&mut tx, id).await?.ok_or(Error::NotFound("plan"))?;
    tx.commit().await?;
    Ok(view)
}
