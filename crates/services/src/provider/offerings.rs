//! Offerings as their provider writes them.

use domain::{
    AgentId, FlowVersionId, OfferingId, OrganizationId, Permission, Slug, SubmissionId,
    state::{Capability, OfferingState, SubmissionState},
    view::{
        agent::{FlowClass, FlowReport, FlowVersionView, RemoteRuntime},
        catalog::PlanView,
        provider::{OfferingEdit, OfferingForm},
    },
};
use store::{
    Tx,
    offerings::{self as rows, NewOffering, Offering, Words},
    submissions::{self, NewSubmission},
};

use super::{Need, of_agent, of_offering};
use crate::{Ctx, Error, Principal, Result, audit, clock::fresh_id, error::Checks};

/// The shortest description that tells a buyer anything.
const DESCRIPTION: usize = 40;

/// Starts the offering of an agent as a draft, or returns the one that it has.
pub async fn create_offering(ctx: &Ctx, who: &Principal, agent_id: AgentId) -> Result<OfferingEdit> {
    let member = of_agent(ctx, who, agent_id, Need::Sell).await?;
    let now = ctx.now();

    let mut tx = ctx.store.write(member.tenant).await?;
    // The agent's row lock: two starts of one offering stand in a line.
    store::agents::touch(&mut tx, member.tenant, agent_id, now).await?;
    let agent = store::agents::get(&mut tx, member.tenant, agent_id).await?.ok_or(Error::NotFound("agent"))?;
    if let Some(existing) = agent.offering_id {
        return load(&mut tx, existing).await;
    }
    let id = OfferingId(fresh_id());
    let words = Words {
        name: agent.name.clone(),
        tagline: agent.description.chars().take(160).collect(),
        demo: true,
        ..Words::default()
    };
    let slug = free_slug(&mut tx, &agent.slug).await?;
    rows::insert(
        &mut tx,
        member.tenant,
        &NewOffering {
            id,
            agent: agent_id,
            category: agent.category_id,
            flow_version: agent.latest.as_ref().map(|latest| latest.id),
            slug: &slug,
            words: &words,
            search_text: &search_text(&words),
            capabilities: Capability::of_category(&agent.category_slug),
            now,
        },
    )
    .await
    .map_err(|error| {
        if error.is_unique_violation() {
            Error::Conflict("somebody took this name a moment ago; try once more".to_owned())
        } else {
            error.into()
        }
    })?;
    let view = load(&mut tx, id).await?;
    tx.commit().await?;
    Ok(view)
}

async fn free_slug(tx: &mut Tx, agent_slug: &str) -> Result<String> {
    let slug = Slug::of_name(agent_slug, "agent");
    let mut free = slug.clone();
    let mut number = 1;
    while rows::slug_is_taken(tx, free.as_str()).await? {
        number += 1;
        free = slug.numbered(number);
    }
    Ok(free.into())
}

/// Returns an offering as its provider edits it.
pub async fn offering(ctx: &Ctx, who: &Principal, id: OfferingId) -> Result<OfferingEdit> {
    let member = of_offering(ctx, who, id, Need::View).await?;
    let mut tx = ctx.store.read(member.tenant).await?;
    load(&mut tx, id).await
}

/// Returns an organization's offerings, newest first.
pub async fn offerings(ctx: &Ctx, who: &Principal, organization: OrganizationId) -> Result<Vec<OfferingEdit>> {
    let member = who.member(organization, Permission::View)?;
    let mut tx = ctx.store.read(member.tenant).await?;
    let mut views = Vec::new();
    for id in rows::of_organization(&mut tx, member.tenant).await? {
        views.push(load(&mut tx, id).await?);
    }
    Ok(views)
}

/// Changes what a provider writes about an offering. What is being reviewed stays as it is.
pub async fn save_offering(ctx: &Ctx, who: &Principal, id: OfferingId, form: OfferingForm) -> Result<OfferingEdit> {
    let member = of_offering(ctx, who, id, Need::Sell).await?;
    let words = read(form)?;

    let mut tx = ctx.store.write(member.tenant).await?;
    let state = rows::lock(&mut tx, member.tenant, id).await?.ok_or(Error::NotFound("offering"))?;
    refuse_frozen(state)?;
    let before = rows::get(&mut tx, id).await?.ok_or(Error::NotFound("offering"))?;
    if state != OfferingState::Draft {
        let mut checks = Checks::default();
        checks.require(
            before.words.name == words.name,
            "name",
            "cannot change while it is listed, because buyers know it by this name; unpublish it first",
        );
        checks.require(!words.tagline.is_empty(), "tagline", "is required while it is listed");
        checks.require(
            words.full_description.chars().count() >= DESCRIPTION,
            "full_description",
            "must say more while it is listed: at least 40 characters",
        );
        checks.done()?;
        // What was reviewed has changed without a review: at least it is written down.
        let (actor, of) = (Some(member.user), Some(member.tenant.id()));
        audit::note(ctx, &mut tx, actor, of, "offering.edit", &id.to_string(), "").await?;
    }
    rows::save_words(&mut tx, member.tenant, id, &words, &search_text(&words), ctx.now()).await?;
    let view = load(&mut tx, id).await?;
    tx.commit().await?;
    Ok(view)
}

/// Sets which version buyers get. On a listed offering the old version stays until the operator has approved the new one.
pub async fn use_version(ctx: &Ctx, who: &Principal, id: OfferingId, version: FlowVersionId) -> Result<OfferingEdit> {
    let member = of_offering(ctx, who, id, Need::Sell).await?;
    let now = ctx.now();

    let mut tx = ctx.store.write(member.tenant).await?;
    let state = rows::lock(&mut tx, member.tenant, id).await?.ok_or(Error::NotFound("offering"))?;
    refuse_frozen(state)?;
    let offering = rows::get(&mut tx, id).await?.ok_or(Error::NotFound("offering"))?;
    let found = store::agents::version(&mut tx, version)
        .await?
        .filter(|(_, found)| found.agent_id == offering.agent)
        .ok_or_else(|| Error::invalid("flow_version", "is not a version of this offering's agent"))?
        .1;
    if offering.flow_version != Some(version) {
        if state == OfferingState::Draft {
            rows::set_version(&mut tx, member.tenant, id, version, now).await?;
        } else {
            if !found.report.runs() {
                return Err(Error::invalid("flow_version", not_native(&found)));
            }
            if submissions::pending(&mut tx, member.tenant, id).await?.is_some() {
                return Err(Error::Conflict(
                    "another version waits for the operator; withdraw that one first".to_owned(),
                ));
            }
            let note = format!("New version {} of a listed offering.", found.label);
            let submission = NewSubmission {
                id: SubmissionId(fresh_id()),
                offering: id,
                flow_version: version,
                note: &note,
                by: member.user,
                now,
            };
            submissions::insert(&mut tx, member.tenant, &submission).await?;
        }
    }
    let view = load(&mut tx, id).await?;
    tx.commit().await?;
    Ok(view)
}

/// Refuses changes where they would change what somebody is looking at, or nobody can see.
pub(super) fn refuse_frozen(state: OfferingState) -> Result<()> {
    match state {
        OfferingState::Draft | OfferingState::Active | OfferingState::Paused => Ok(()),
        OfferingState::InReview => {
            Err(Error::Conflict("it is being reviewed as it is; withdraw the submission to change it".to_owned()))
        }
        OfferingState::Archived => Err(Error::Conflict("it is archived; restore it as a draft first".to_owned())),
    }
}

/// Returns an offering with its plans and what is missing; the transaction must see its provider's rows.
pub(crate) async fn edit_view(tx: &mut Tx, offering: Offering) -> Result<OfferingEdit> {
    let plans = store::catalog::plans(tx, offering.id).await?;
    let version = match offering.flow_version {
        Some(version) => store::agents::version(tx, version).await?.map(|(_, version)| version),
        None => None,
    };
    let review_reason = match submissions::last(tx, offering.id).await? {
        Some((SubmissionState::Rejected, reason)) => Some(reason),
        _ => None,
    };
    let missing = missing(&offering.words, &plans, version.as_ref());
    let Words { name, tagline, full_description, terms, greeting, starters, tags, thumbnail, demo, manual_approval } =
        offering.words;
    Ok(OfferingEdit {
        id: offering.id,
        organization_id: offering.organization,
        agent_id: offering.agent,
        agent_name: offering.agent_name,
        flow_version_id: offering.flow_version,
        flow_version_number: offering.flow_version_number,
        state: offering.state,
        slug: offering.slug,
        form: OfferingForm {
            name,
            tagline,
            full_description,
            terms,
            greeting,
            starters: starters.join("\n"),
            tags: tags.join(", "),
            thumbnail,
            demo,
            manual_approval,
        },
        category_slug: offering.category_slug,
        plans,
        missing,
        review_reason,
        customers: offering.customers,
    })
}

pub(super) async fn load(tx: &mut Tx, id: OfferingId) -> Result<OfferingEdit> {
    let row = rows::get(tx, id).await?.ok_or(Error::NotFound("offering"))?;
    edit_view(tx, row).await
}

/// What search looks at beside the card's own words: all that the provider wrote, in lower case.
pub(crate) fn search_text(words: &Words) -> String {
    let Words { name, tagline, full_description, tags, .. } = words;
    format!("{name}\n{tagline}\n{}\n{full_description}", tags.join(" ")).to_lowercase()
}

fn missing(words: &Words, plans: &[PlanView], version: Option<&FlowVersionView>) -> Vec<String> {
    let mut missing = Vec::new();
    if words.tagline.is_empty() {
        missing.push("Write a tagline: one sentence that says what it does.".to_owned());
    }
    if words.full_description.chars().count() < DESCRIPTION {
        missing.push(format!("Write a description of at least {DESCRIPTION} characters."));
    }
    if plans.iter().all(|plan| plan.archived) {
        missing.push("Add a plan: a price and how many calls a month are in it.".to_owned());
    }
    match version {
        None => missing.push("Import a flow and choose the version that buyers get.".to_owned()),
        Some(version) if !version.report.runs() => missing.push(not_native(version)),
        Some(_) => {}
    }
    missing
}

fn not_native(version: &FlowVersionView) -> String {
    let FlowReport { nodes, problems, .. } = &version.report;
    let why = problems.first().cloned().unwrap_or_else(|| {
        let names: Vec<&str> = nodes
            .iter()
            .filter(|node| node.class != FlowClass::Native)
            .take(3)
            .map(|node| node.display_name.as_str())
            .collect();
        format!("these components do not run here: {}.", names.join(", "))
    });
    let way_out = match version.report.remote {
        RemoteRuntime::Offered => " Or import it again and choose the Langflow server.",
        RemoteRuntime::None | RemoteRuntime::Chosen => "",
    };
    format!("Import a flow that runs here: version {} does not. {why}{way_out}", version.number)
}

fn read(form: OfferingForm) -> Result<Words> {
    let mut checks = Checks::default();
    let words = Words {
        name: checks.line("name", &form.name, 2, 80),
        tagline: checks.line("tagline", &form.tagline, 0, 160),
        full_description: checks.text("full_description", &form.full_description, 0, 20_000),
        terms: checks.text("terms", &form.terms, 0, 20_000),
        greeting: checks.text("greeting", &form.greeting, 0, 500),
        starters: lines(&form.starters),
        tags: tags(&form.tags),
        thumbnail: checks.text("thumbnail", &form.thumbnail, 0, 500),
        demo: form.demo,
        manual_approval: form.manual_approval,
    };
    let starters = &words.starters;
    checks.require(starters.len() <= 6, "starters", "may be six questions at most, one a line");
    checks.require(starters.iter().all(|line| line.chars().count() <= 160), "starters", "may have 160 characters each");
    checks.require(words.tags.len() <= 10, "tags", "may be ten words at most, separated by commas");
    checks.require(words.tags.iter().all(|tag| tag.chars().count() <= 30), "tags", "may have 30 characters each");
    let picture = words.thumbnail.as_str();
    let ours = picture.starts_with('/') && !picture.starts_with("//") && !picture.contains("..");
    checks.require(
        picture.is_empty() || ours || picture.starts_with("https://"),
        "thumbnail",
        "must be a path like /art/name.svg or an https address",
    );
    checks.done()?;
    Ok(words)
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

fn tags(text: &str) -> Vec<String> {
    let mut tags: Vec<String> = Vec::new();
    for tag in text.split([',', '\n']).map(|tag| tag.trim().to_lowercase()) {
        if !tag.is_empty() && !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    tags
}
