//! A buyer's documents: given, read, searched, deleted, and what was asked that is in none of them.
//!
//! What a newcomer gets wrong: a document is taken in one transaction with the job that reads it, and the job may
//! run twice. What is findable changes in one transaction too, so that a search sees all of a document or nothing.

pub mod sites;

use domain::state::{Capability, DocumentKind, DocumentState};
use domain::view::knowledge::{DocumentQuota, DocumentView, FoundPassage, GapView, KnowledgeTotals, PassageView};
use domain::{ConfigId, DocumentId, OrganizationId, Permission, Timestamp};
use sha2::{Digest as _, Sha256};
use store::gateway::ConfigSnapshot;
use store::knowledge::{self as rows, NewDocument, Size};
use store::{Scope, Tenant, Tx};

use crate::access::{Member, Principal, on_behalf};
use crate::clock::fresh_id;
use crate::ctx::Ctx;
use crate::error::{Checks, Error, Result};
use crate::jobs::{self, Job};
use crate::ports::{Embedded, KnowledgeError, KnowledgeQuery, KnowledgeScope, Reading};
use crate::{configs, gateway};
use sites::Outcome;

/// Bytes that one file may have.
pub const FILE_BYTES: usize = 25_000_000;
/// How often a document is tried to be read while what reads it does not answer.
const ATTEMPTS: i64 = 5;
/// Seconds after which a document that is read elsewhere, and comes no further, is given up.
const STALLED: i64 = 1800;
/// Questions without an answer that are shown.
const GAPS: i64 = 20;
/// Passages that a search shows if nobody says otherwise, and at the most.
const SHOWN: (usize, usize) = (8, 50);

/// What a buyer gives an agent to answer from.
#[derive(Clone, Debug)]
pub enum NewSource {
    /// A file.
    File {
        /// Its name, which helps where the content does not say what it is.
        name: String,
        /// What is in it.
        bytes: Vec<u8>,
    },
    /// A question with its answer; up to 500 and 20,000 characters.
    Answer {
        /// The question.
        question: String,
        /// The answer.
        answer: String,
    },
    /// Pages of the web.
    Pages(sites::NewPages),
}

/// Requires that an agent is the caller's, and answers from documents.
async fn base(ctx: &Ctx, who: &Principal, id: ConfigId, permission: Permission) -> Result<Member> {
    let member = configs::member(ctx, who, id, permission).await?;
    let config = configs::get(ctx, who, id).await?;
    if !config.capabilities.contains(&Capability::Knowledge) {
        return Err(Error::Conflict("this product does not answer from documents".to_owned()));
    }
    Ok(member)
}

/// Finds whose a document is, and requires `permission` there.
async fn owned(ctx: &Ctx, who: &Principal, id: DocumentId, permission: Permission) -> Result<(Member, DocumentView)> {
    who.user()?;
    let missing = || Error::NotFound("document");
    let mut tx = ctx.store.read(Scope::System).await?;
    let organization = rows::owner(&mut tx, id).await?.ok_or_else(missing)?;
    drop(tx);
    let member = who.member(organization, permission).map_err(|error| error.hiding("document"))?;
    let mut tx = ctx.store.read(member.tenant).await?;
    let document = rows::get(&mut tx, member.tenant, id).await?.ok_or_else(missing)?;
    Ok((member, document))
}

/// Gives an agent a document, which is read soon; the one that is there if it has the same content already.
pub async fn add(ctx: &Ctx, who: &Principal, config: ConfigId, source: NewSource) -> Result<DocumentView> {
    let member = base(ctx, who, config, Permission::Configure).await?;
    let (kind, name, content) = match source {
        NewSource::Pages(pages) => return sites::add(ctx, member, config, pages).await,
        NewSource::File { name, bytes } => file(&name, bytes)?,
        NewSource::Answer { question, answer } => answered(&question, &answer)?,
    };
    let now = ctx.now();
    let quota = quota(ctx, config).await?;
    let id = DocumentId(fresh_id());
    let mut tx = ctx.store.write(member.tenant).await?;
    let size = rows::size(&mut tx, member.tenant, config).await?;
    let hash = Sha256::digest(&content).into();
    let new = NewDocument { id, config, kind, name: &name, hash, content: &content };
    let there = rows::insert(&mut tx, member.tenant, &new, now).await?;
    if there.is_none() {
        has_room(size, quota)?;
        if size.bytes + i64::try_from(content.len()).unwrap_or(i64::MAX) > quota.bytes {
            return Err(Error::Conflict(format!(
                "the documents of this agent's plan may have {} MB together; delete one first, or change the plan",
                quota.bytes / 1_000_000
            )));
        }
        read_soon(&mut tx, member.tenant, id, now).await?;
    }
    let id = there.unwrap_or(id);
    let document = rows::get(&mut tx, member.tenant, id).await?.ok_or(Error::NotFound("document"))?;
    tx.commit().await?;
    ctx.jobs_wake.notify_one();
    Ok(document)
}

/// Returns what an agent's documents may be.
async fn quota(ctx: &Ctx, config: ConfigId) -> Result<DocumentQuota> {
    let mut tx = ctx.store.read(Scope::System).await?;
    rows::quota(&mut tx, config).await?.ok_or(Error::NotFound("agent"))
}

/// Requires that an agent with so many documents may have another.
fn has_room(size: Size, quota: DocumentQuota) -> Result<()> {
    let full =
        |of: String| Err(Error::Conflict(format!("this agent's plan has {of}; delete one first, or change the plan")));
    if size.documents >= quota.documents {
        let many = if quota.documents == 1 { "document" } else { "documents" };
        return full(format!("{} {many}", quota.documents));
    }
    if size.pages >= quota.pages {
        return full(format!("{} pages of documents", quota.pages));
    }
    Ok(())
}

/// Takes back what was read of a document with which an agent has more pages than its plan; answers why.
async fn over_quota(ctx: &Ctx, tenant: Tenant, document: &DocumentView) -> Result<Option<String>> {
    let quota = quota(ctx, document.config_id).await?;
    let mut tx = ctx.store.read(tenant).await?;
    let pages = rows::size(&mut tx, tenant, document.config_id).await?.pages;
    drop(tx);
    if pages <= quota.pages {
        return Ok(None);
    }
    ctx.knowledge.forget(tenant, document.id).await.map_err(Error::internal)?;
    let mut tx = ctx.store.write(tenant).await?;
    rows::withdraw(&mut tx, tenant, document.config_id, document.id).await?;
    tx.commit().await?;
    Ok(Some(format!(
        "With it the agent has {pages} pages of documents, and its plan has {}. Delete others and try again, or change the plan.",
        quota.pages
    )))
}

/// Checks a file.
fn file(name: &str, bytes: Vec<u8>) -> Result<(DocumentKind, String, Vec<u8>)> {
    let mut checks = Checks::default();
    // Of a path only the end is a name, whichever way its slashes lean.
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = last.chars().filter(|c| !c.is_control()).take(200).collect();
    checks.require(!bytes.is_empty(), "file", "is empty");
    checks.require(bytes.len() <= FILE_BYTES, "file", "is larger than 25 MB; split it, or leave out its pictures");
    checks.done()?;
    let name = if name.trim().is_empty() { "Document".to_owned() } else { name.trim().to_owned() };
    Ok((DocumentKind::File, name, bytes))
}

/// Checks a question with its answer.
fn answered(question: &str, answer: &str) -> Result<(DocumentKind, String, Vec<u8>)> {
    let mut checks = Checks::default();
    let question = checks.text("question", question, 3, 500);
    let answer = checks.text("answer", answer, 1, 20_000);
    checks.done()?;
    let content = serde_json::json!({"question": question, "answer": answer}).to_string().into_bytes();
    Ok((DocumentKind::Answer, question, content))
}

async fn read_soon(tx: &mut Tx, tenant: Tenant, document: DocumentId, now: Timestamp) -> Result<()> {
    let job = Job::ReadDocument { organization: tenant.id(), document };
    jobs::enqueue(tx, &job, now, now, None).await
}

/// Lists an agent's documents, the newest first.
pub async fn list(ctx: &Ctx, who: &Principal, config: ConfigId) -> Result<Vec<DocumentView>> {
    let member = configs::member(ctx, who, config, Permission::View).await?;
    let mut tx = ctx.store.read(member.tenant).await?;
    Ok(rows::list(&mut tx, member.tenant, config).await?)
}

/// Returns a document.
pub async fn get(ctx: &Ctx, who: &Principal, id: DocumentId) -> Result<DocumentView> {
    owned(ctx, who, id, Permission::View).await.map(|(_, document)| document)
}

/// Returns a document's name and what was given.
pub async fn content(ctx: &Ctx, who: &Principal, id: DocumentId) -> Result<(DocumentView, Vec<u8>)> {
    let (member, document) = owned(ctx, who, id, Permission::View).await?;
    let mut tx = ctx.store.read(member.tenant).await?;
    let content = rows::content(&mut tx, member.tenant, id).await?.ok_or(Error::NotFound("document"))?;
    Ok((document, content))
}

/// Returns how much an agent has been given, and how much it may be.
pub async fn totals(ctx: &Ctx, who: &Principal, config: ConfigId) -> Result<KnowledgeTotals> {
    let member = configs::member(ctx, who, config, Permission::View).await?;
    let most = quota(ctx, config).await?;
    let mut tx = ctx.store.read(member.tenant).await?;
    let Size { documents, bytes, pages } = rows::size(&mut tx, member.tenant, config).await?;
    let meant = if ctx.knowledge.embeds() {
        let (passages, meant) = rows::meant(&mut tx, member.tenant, config).await?;
        Some(if passages == 0 { 100 } else { meant * 100 / passages })
    } else {
        None
    };
    let most_bytes_each = i64::try_from(FILE_BYTES).unwrap_or(i64::MAX);
    Ok(KnowledgeTotals { documents, bytes, pages, most, most_bytes_each, meant })
}

/// Returns what was read of a document: its passages, in order.
pub async fn passages(ctx: &Ctx, who: &Principal, id: DocumentId) -> Result<Vec<PassageView>> {
    let (member, _) = owned(ctx, who, id, Permission::View).await?;
    let mut tx = ctx.store.read(member.tenant).await?;
    let found = rows::passages(&mut tx, member.tenant, id).await?;
    let view = |row: rows::PassageRow| PassageView {
        id: row.id,
        headings: row.headings.0,
        page: row.first_page,
        text: row.text,
    };
    Ok(found.into_iter().map(view).collect())
}

/// Reads a document again, as after a failure.
pub async fn process(ctx: &Ctx, who: &Principal, id: DocumentId) -> Result<DocumentView> {
    let (member, document) = owned(ctx, who, id, Permission::Configure).await?;
    if document.state.is_under_way() {
        return Ok(document);
    }
    let now = ctx.now();
    let mut tx = ctx.store.write(member.tenant).await?;
    rows::progress(&mut tx, member.tenant, id, DocumentState::Pending, 0, "", now).await?;
    read_soon(&mut tx, member.tenant, id, now).await?;
    tx.commit().await?;
    ctx.jobs_wake.notify_one();
    get(ctx, who, id).await
}

/// Deletes a document, with everything that was made of it.
pub async fn delete(ctx: &Ctx, who: &Principal, id: DocumentId) -> Result<DocumentView> {
    let (member, document) = owned(ctx, who, id, Permission::Configure).await?;
    let mut tx = ctx.store.write(Scope::System).await?;
    remove(ctx, &mut tx, member.tenant, document.config_id, id).await?;
    sites::page_deleted(&mut tx, member.tenant, &document).await?;
    gateway::config_changed(&mut tx, document.config_id, ctx.now()).await?;
    tx.commit().await?;
    gateway::forget_config(ctx, document.config_id);
    Ok(document)
}

/// Deletes a document here, and soon wherever else it is kept.
async fn remove(ctx: &Ctx, tx: &mut Tx, tenant: Tenant, config: ConfigId, id: DocumentId) -> Result<()> {
    rows::delete(tx, tenant, config, id).await?;
    if ctx.knowledge.keeps_elsewhere() {
        let job = Job::ForgetDocument { organization: tenant.id(), document: id };
        jobs::enqueue(tx, &job, ctx.now(), ctx.now(), None).await?;
    }
    Ok(())
}

/// Has a document deleted elsewhere that is deleted here: the job.
pub(crate) async fn forget(ctx: &Ctx, organization: OrganizationId, id: DocumentId) -> Result<()> {
    ctx.knowledge.forget(on_behalf(organization), id).await.map_err(Error::internal)
}

/// Shows what a question would find in an agent's documents, and why.
pub async fn search(
    ctx: &Ctx,
    who: &Principal,
    config: ConfigId,
    question: &str,
    most: Option<usize>,
) -> Result<Vec<FoundPassage>> {
    let member = base(ctx, who, config, Permission::View).await?;
    let mut checks = Checks::default();
    let text = checks.text("query", question, 1, 2000);
    checks.done()?;
    let most = most.unwrap_or(SHOWN.0).clamp(1, SHOWN.1);
    let query = KnowledgeQuery { text, most, documents: Vec::new() };
    let scope = KnowledgeScope { tenant: member.tenant, config };
    ctx.knowledge.search(scope, &query).await.map_err(|error| match error {
        KnowledgeError::Unreadable(text) => Error::invalid("query", text),
        KnowledgeError::Unavailable(text) => Error::Upstream(text),
    })
}

/// Lists what was asked of an agent and is in none of its documents, what was asked most first.
pub async fn gaps(ctx: &Ctx, who: &Principal, config: ConfigId) -> Result<Vec<GapView>> {
    let member = configs::member(ctx, who, config, Permission::View).await?;
    let mut tx = ctx.store.read(member.tenant).await?;
    Ok(rows::gaps(&mut tx, member.tenant, config, GAPS).await?)
}

/// Writes down that a question found nothing; that it can't be is no reason to withhold the answer.
pub(crate) async fn note_gap(ctx: &Ctx, agent: &ConfigSnapshot, question: &str) {
    let question: String = question.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
    let question: String = question.chars().take(200).collect();
    let tenant = on_behalf(agent.organization_id);
    let written = async {
        let mut tx = ctx.store.write(tenant).await?;
        rows::note_gap(&mut tx, tenant, agent.id, &question, ctx.now()).await?;
        tx.commit().await
    };
    if let Err(error) = written.await {
        tracing::warn!(%error, "a question without an answer could not be written down");
    }
}

/// Reads a document: the job.
pub(crate) async fn read(ctx: &Ctx, organization: OrganizationId, id: DocumentId, attempts: i64) -> Result<()> {
    read_on(ctx, organization, id, attempts, false).await
}

/// Looks how far a document is that is read elsewhere: the job.
pub(crate) async fn look_again(ctx: &Ctx, organization: OrganizationId, id: DocumentId, attempts: i64) -> Result<()> {
    read_on(ctx, organization, id, attempts, true).await
}

async fn read_on(ctx: &Ctx, organization: OrganizationId, id: DocumentId, attempts: i64, again: bool) -> Result<()> {
    let tenant = on_behalf(organization);
    let mut tx = ctx.store.write(tenant).await?;
    let Some(document) = rows::get(&mut tx, tenant, id).await? else {
        // It may have been sent elsewhere after it was deleted there.
        drop(tx);
        return forget(ctx, organization, id).await;
    };
    // The process may have died between reading and telling.
    let done = document.state == DocumentState::Ready;
    if !done && !again {
        rows::progress(&mut tx, tenant, id, DocumentState::Processing, 10, "", ctx.now()).await?;
    }
    tx.commit().await?;
    let scope = KnowledgeScope { tenant, config: document.config_id };
    let fetched = if !done && !again && document.kind == DocumentKind::Page {
        sites::fetch(ctx, tenant, &document, attempts).await?
    } else {
        Outcome::Read
    };
    let read = match fetched {
        Outcome::Read if !done => ctx.knowledge.read(scope, id).await,
        Outcome::Failed(ref reason) => Err(KnowledgeError::Unreadable(reason.clone())),
        Outcome::Read | Outcome::AsItWas => Ok(Reading::Done),
    };
    let failed = match read {
        Ok(Reading::Done) if !done => over_quota(ctx, tenant, &document).await?,
        Ok(Reading::Done) => None,
        Ok(Reading::UnderWay { percent }) => match wait(ctx, tenant, &document, percent).await? {
            None => return Ok(()),
            stalled => stalled,
        },
        Err(KnowledgeError::Unreadable(reason)) => Some(reason),
        Err(KnowledgeError::Unavailable(_)) if attempts >= ATTEMPTS => {
            Some("It could not be read at the moment; try again later.".to_owned())
        }
        Err(error) => return Err(Error::internal(error)),
    };
    let now = ctx.now();
    let mut tx = ctx.store.write(Scope::System).await?;
    match failed {
        Some(reason) => {
            rows::progress(&mut tx, tenant, id, DocumentState::Failed, 100, &reason, now).await?;
        }
        None => {
            if matches!(fetched, Outcome::AsItWas) {
                rows::progress(&mut tx, tenant, id, DocumentState::Ready, 100, "", now).await?;
            }
            // What was missing may be there now.
            rows::forget_gaps(&mut tx, tenant, document.config_id).await?;
            if ctx.knowledge.embeds() {
                let job = Job::EmbedPassages { organization, config: document.config_id };
                jobs::enqueue(&mut tx, &job, now, now, None).await?;
            }
        }
    }
    gateway::config_changed(&mut tx, document.config_id, now).await?;
    tx.commit().await?;
    gateway::forget_config(ctx, document.config_id);
    Ok(())
}

/// Looks again soon at a document that is read elsewhere; answers why not if it has come no further for long.
async fn wait(ctx: &Ctx, tenant: Tenant, document: &DocumentView, percent: i64) -> Result<Option<String>> {
    let now = ctx.now();
    let still = if percent == document.progress { now.millis_since(document.modified) / 1000 } else { 0 };
    if still > STALLED {
        ctx.knowledge.forget(tenant, document.id).await.map_err(Error::internal)?;
        return Ok(Some("Reading it came to a halt; try again later.".to_owned()));
    }
    let mut tx = ctx.store.write(Scope::System).await?;
    if percent != document.progress {
        rows::progress(&mut tx, tenant, document.id, DocumentState::Processing, percent, "", now).await?;
    }
    let job = Job::AwaitDocument { organization: tenant.id(), document: document.id };
    // What has just moved is looked at every second, what has stood still for a minute every ten.
    jobs::enqueue(&mut tx, &job, now, now.plus_seconds((still / 6).clamp(1, 10)), None).await?;
    tx.commit().await?;
    Ok(None)
}

/// Asks the model what passages mean, for a while, and leaves the rest to the next job: the job.
pub(crate) async fn embed(ctx: &Ctx, organization: OrganizationId, config: ConfigId) -> Result<()> {
    let scope = KnowledgeScope { tenant: on_behalf(organization), config };
    let wait = match ctx.knowledge.embed(scope).await {
        Ok(Embedded::All) => return Ok(()),
        Ok(Embedded::Some) => 0,
        Ok(Embedded::Elsewhere) => 5,
        // It is asked again when the program starts the next time, perhaps with other settings.
        Err(KnowledgeError::Unreadable(text)) => return Err(Error::invalid("embedding", text)),
        Err(error) => return Err(Error::internal(error)),
    };
    let now = ctx.now();
    let mut tx = ctx.store.write(Scope::System).await?;
    let job = Job::EmbedPassages { organization, config };
    jobs::enqueue(&mut tx, &job, now, now.plus_seconds(wait), None).await?;
    tx.commit().await?;
    Ok(())
}

/// Sees to it that documents are read that cannot be found here, and the model is asked about all passages that it
/// was not asked about, as after another base or model was chosen.
pub async fn catch_up(ctx: &Ctx) -> Result<()> {
    let unread = ctx.knowledge.unread().await.map_err(Error::internal)?;
    for (organization, id) in unread {
        let tenant = on_behalf(organization);
        let mut tx = ctx.store.write(tenant).await?;
        rows::progress(&mut tx, tenant, id, DocumentState::Pending, 0, "", ctx.now()).await?;
        // A page is read as it was fetched: asking all sites at once would be a storm.
        let job = Job::AwaitDocument { organization, document: id };
        jobs::enqueue(&mut tx, &job, ctx.now(), ctx.now(), Some(&format!("read:{id}"))).await?;
        tx.commit().await?;
    }
    if !ctx.knowledge.embeds() {
        return Ok(());
    }
    let bases = ctx.knowledge.unembedded().await.map_err(Error::internal)?;
    let now = ctx.now();
    let mut tx = ctx.store.write(Scope::System).await?;
    for (organization, config) in bases {
        let job = Job::EmbedPassages { organization, config };
        jobs::enqueue(&mut tx, &job, now, now, Some(&format!("embed:{config}"))).await?;
    }
    tx.commit().await?;
    Ok(())
}
