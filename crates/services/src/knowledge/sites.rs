//! Pages of the web as documents: fetched by jobs, followed from page to page within bounds, read again in time.
//!
//! What a newcomer gets wrong: a site is not walked in one go. Each page is a document with a job of its own, which
//! fetches it and writes down the pages that it leads to, so that a walk survives anything and shows how far it is.

use domain::state::DocumentState;
use domain::view::knowledge::{DocumentQuota, DocumentView, SiteView};
use domain::{ConfigId, DocumentId, Permission, SiteId, Timestamp};
use sha2::{Digest as _, Sha256};
use store::knowledge as rows;
use store::sites::{self, Fetched, NewSite};
use store::{Scope, Tenant, Tx};
use url::Url;

use super::{ATTEMPTS, has_room, quota, read_soon};
use crate::access::{Member, Principal, on_behalf};
use crate::clock::fresh_id;
use crate::configs;
use crate::ctx::Ctx;
use crate::error::{Checks, Error, Result};
use crate::gateway;
use crate::ports::{WebPage, WebPageError};

/// Pages that one site may have.
pub const MOST_PAGES: i64 = 200;
/// Hours after which a site is read again at the latest.
const MOST_HOURS: i64 = 24 * 365;
/// Sites that one sweep sends out to be read again.
const SWEPT: i64 = 20;

/// Web pages for an agent to answer from.
#[derive(Clone, Debug)]
pub struct NewPages {
    /// Where they begin; `https://` may be left out.
    pub url: String,
    /// How many are read at the most, 1 to [`MOST_PAGES`]; 1 is that page alone. The others are those below it that
    /// links lead to.
    pub most: i64,
    /// Hours until they are read again; 0 is never.
    pub every_hours: i64,
}

/// Gives an agent web pages on behalf of a member who may; returns the first of them, which is fetched soon.
pub(super) async fn add(ctx: &Ctx, member: Member, config: ConfigId, new: NewPages) -> Result<DocumentView> {
    let mut checks = Checks::default();
    let url = match address(&new.url) {
        Ok(url) => Some(url),
        Err(problem) => {
            checks.require(false, "url", problem);
            None
        }
    };
    checks.require((1..=MOST_PAGES).contains(&new.most), "pages", "must be between 1 and 200");
    checks.require((0..=MOST_HOURS).contains(&new.every_hours), "refresh_hours", "must be between 0 (never) and 8760");
    checks.done()?;
    let url = url.map(String::from).unwrap_or_default();
    let now = ctx.now();
    let quota = quota(ctx, config).await?;
    let mut tx = ctx.store.write(member.tenant).await?;
    has_room(rows::size(&mut tx, member.tenant, config).await?, quota)?;
    let site = SiteId(fresh_id());
    let new = NewSite {
        id: site,
        config,
        url: &url,
        most_pages: new.most,
        every_hours: new.every_hours,
        next: next(now, new.every_hours),
    };
    let id = DocumentId(fresh_id());
    let is_new = sites::insert(&mut tx, member.tenant, &new, now).await?
        && sites::insert_page(&mut tx, member.tenant, (site, config), (id, &url), address_hash(&url), now).await?;
    if !is_new {
        return Err(Error::Conflict(
            "this address is there already; delete it first to read it in another way".to_owned(),
        ));
    }
    read_soon(&mut tx, member.tenant, id, now).await?;
    let document = rows::get(&mut tx, member.tenant, id).await?.ok_or(Error::NotFound("document"))?;
    tx.commit().await?;
    ctx.jobs_wake.notify_one();
    Ok(document)
}

/// Reads an address as people write them.
fn address(text: &str) -> std::result::Result<Url, &'static str> {
    let text = text.trim();
    if text.is_empty() {
        return Err("is required");
    }
    if text.chars().count() > 2000 {
        return Err("may have 2000 characters at most");
    }
    let full = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let mut url = Url::parse(&full).map_err(|_| "is not an address; write it as https://example.com/help/")?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err("must begin with https:// or http://");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not carry a user or a password; only pages that everybody may read are read");
    }
    url.set_fragment(None);
    Ok(url)
}

fn address_hash(url: &str) -> [u8; 32] {
    Sha256::digest(format!("page {url}").as_bytes()).into()
}

fn next(now: Timestamp, every_hours: i64) -> Option<Timestamp> {
    (every_hours > 0).then(|| now.plus_seconds(every_hours * 3600))
}

/// Tells whether a page belongs to a site: the same host, with or without `www.`, at or below where it begins.
fn is_inside(site: &Url, page: &Url) -> bool {
    fn host(url: &Url) -> Option<(&str, Option<u16>)> {
        let host = url.host_str()?;
        Some((host.strip_prefix("www.").unwrap_or(host), url.port()))
    }
    let below = site.path().rsplit_once('/').map_or("", |(directory, _)| directory);
    matches!(page.scheme(), "http" | "https")
        && host(site) == host(page)
        && (page.path() == site.path() || page.path().strip_prefix(below).is_some_and(|rest| rest.starts_with('/')))
}

/// Tells by its end whether an address leads to something that no one reads.
fn is_readable(page: &Url) -> bool {
    let last = page.path().rsplit('/').next().unwrap_or_default();
    let Some((_, end)) = last.rsplit_once('.') else { return true };
    let not = [
        "png", "jpg", "jpeg", "gif", "svg", "webp", "ico", "css", "js", "mjs", "map", "json", "xml", "zip", "gz",
        "tgz", "tar", "exe", "dmg", "iso", "mp3", "mp4", "webm", "mov", "avi", "wav", "woff", "woff2", "ttf", "rss",
        "atom",
    ];
    !not.contains(&end.to_ascii_lowercase().as_str())
}

/// Lists an agent's sites, the newest first.
pub async fn list(ctx: &Ctx, who: &Principal, config: ConfigId) -> Result<Vec<SiteView>> {
    let member = configs::member(ctx, who, config, Permission::View).await?;
    let mut tx = ctx.store.read(member.tenant).await?;
    Ok(sites::list(&mut tx, member.tenant, config).await?)
}

/// Finds whose a site is, and requires `permission` there.
async fn owned(ctx: &Ctx, who: &Principal, id: SiteId, permission: Permission) -> Result<(Member, SiteView)> {
    who.user()?;
    let missing = || Error::NotFound("site");
    let mut tx = ctx.store.read(Scope::System).await?;
    let organization = sites::owner(&mut tx, id).await?.ok_or_else(missing)?;
    drop(tx);
    let member = who.member(organization, permission).map_err(|error| error.hiding("site"))?;
    let mut tx = ctx.store.read(member.tenant).await?;
    let site = sites::get(&mut tx, member.tenant, id).await?.ok_or_else(missing)?;
    Ok((member, site))
}

/// Returns a site.
pub async fn get(ctx: &Ctx, who: &Principal, id: SiteId) -> Result<SiteView> {
    owned(ctx, who, id, Permission::View).await.map(|(_, site)| site)
}

/// Reads a site again, now.
pub async fn refresh(ctx: &Ctx, who: &Principal, id: SiteId) -> Result<SiteView> {
    let (member, site) = owned(ctx, who, id, Permission::Configure).await?;
    let mut tx = ctx.store.write(member.tenant).await?;
    send_out(&mut tx, member.tenant, &site, ctx.now()).await?;
    tx.commit().await?;
    ctx.jobs_wake.notify_one();
    get(ctx, who, id).await
}

/// Deletes a site with all of its pages.
pub async fn delete(ctx: &Ctx, who: &Principal, id: SiteId) -> Result<SiteView> {
    let (member, site) = owned(ctx, who, id, Permission::Configure).await?;
    let mut tx = ctx.store.write(Scope::System).await?;
    for (document, _) in sites::documents(&mut tx, member.tenant, id).await? {
        super::remove(ctx, &mut tx, member.tenant, site.config_id, document).await?;
    }
    sites::delete(&mut tx, member.tenant, id).await?;
    gateway::config_changed(&mut tx, site.config_id, ctx.now()).await?;
    tx.commit().await?;
    gateway::forget_config(ctx, site.config_id);
    Ok(site)
}

/// Sees to it that a deleted page does not come back with the next reading of its site; a site whose last page is
/// deleted goes too.
pub(super) async fn page_deleted(tx: &mut Tx, tenant: Tenant, page: &DocumentView) -> Result<()> {
    let Some(site) = page.site_id else { return Ok(()) };
    if sites::documents(tx, tenant, site).await?.is_empty() {
        sites::delete(tx, tenant, site).await?;
    } else {
        let mut without = sites::without(tx, tenant, site).await?;
        without.push(page.url.clone());
        sites::set_without(tx, tenant, site, &without).await?;
    }
    Ok(())
}

/// Has every page of a site read again that is not being read.
async fn send_out(tx: &mut Tx, tenant: Tenant, site: &SiteView, now: Timestamp) -> Result<()> {
    sites::set_next(tx, tenant, site.id, next(now, site.every_hours)).await?;
    for (document, state) in sites::documents(tx, tenant, site.id).await? {
        if !state.is_under_way() {
            rows::progress(tx, tenant, document, DocumentState::Pending, 0, "", now).await?;
            read_soon(tx, tenant, document, now).await?;
        }
    }
    Ok(())
}

/// Has sites read again whose time has come.
pub(crate) async fn sweep(ctx: &Ctx) -> Result<()> {
    let now = ctx.now();
    let mut tx = ctx.store.read(Scope::System).await?;
    let due = sites::due(&mut tx, now, SWEPT).await?;
    drop(tx);
    for (organization, id) in due {
        let tenant = on_behalf(organization);
        let mut tx = ctx.store.write(tenant).await?;
        if let Some(site) = sites::get(&mut tx, tenant, id).await? {
            send_out(&mut tx, tenant, &site, now).await?;
        }
        tx.commit().await?;
    }
    Ok(())
}

/// What came of fetching a page.
pub(super) enum Outcome {
    /// There is something new to read.
    Read,
    /// It is as it was, and was read.
    AsItWas,
    /// It is in no state to be read, for a reason that is for the buyer.
    Failed(String),
}

/// Fetches a page before it is read, and writes down the pages that it leads to.
pub(super) async fn fetch(ctx: &Ctx, tenant: Tenant, page: &DocumentView, attempts: i64) -> Result<Outcome> {
    let mut tx = ctx.store.read(tenant).await?;
    let Some(id) = page.site_id else { return Ok(Outcome::Failed("Its site is gone.".to_owned())) };
    let Some(site) = sites::get(&mut tx, tenant, id).await? else {
        return Ok(Outcome::Failed("Its site is gone.".to_owned()));
    };
    drop(tx);
    let fetched = match ctx.web.page(&page.url).await {
        Ok(fetched) => fetched,
        Err(WebPageError::Gone(reason)) => return gone(ctx, tenant, page, reason).await,
        Err(WebPageError::Refused(reason)) => return Ok(Outcome::Failed(reason)),
        Err(WebPageError::Unavailable(reason)) if attempts >= ATTEMPTS => return Ok(Outcome::Failed(reason)),
        Err(error) => return Err(Error::internal(error)),
    };
    let bounds = Url::parse(&site.url).map_err(Error::internal)?;
    if !Url::parse(&fetched.url).is_ok_and(|url| is_inside(&bounds, &url)) {
        let reason = format!("It leads to {}, which is outside of {}.", fetched.url, site.url);
        return gone(ctx, tenant, page, reason).await;
    }
    let now = ctx.now();
    let quota = quota(ctx, page.config_id).await?;
    let mut tx = ctx.store.write(tenant).await?;
    let hash = Sha256::digest(&fetched.content).into();
    let kept = sites::set_content(&mut tx, tenant, page.id, hash, &fetched.content).await?;
    if !fetched.title.is_empty() {
        sites::rename(&mut tx, tenant, page.id, &fetched.title).await?;
    }
    follow(&mut tx, tenant, (&site, &bounds), quota, &fetched, now).await?;
    tx.commit().await?;
    ctx.jobs_wake.notify_one();
    match kept {
        Fetched::Same if page.passages > 0 => Ok(Outcome::AsItWas),
        Fetched::Same | Fetched::New => Ok(Outcome::Read),
        Fetched::Twin(name) => {
            gone(ctx, tenant, page, format!("It says the same as “{name}”, which is read already.")).await
        }
        Fetched::Gone => Ok(Outcome::AsItWas),
    }
}

/// Takes away what was read of a page that is not there any more.
async fn gone(ctx: &Ctx, tenant: Tenant, page: &DocumentView, reason: String) -> Result<Outcome> {
    if page.passages > 0 {
        ctx.knowledge.forget(tenant, page.id).await.map_err(Error::internal)?;
        let mut tx = ctx.store.write(tenant).await?;
        rows::withdraw(&mut tx, tenant, page.config_id, page.id).await?;
        tx.commit().await?;
    }
    Ok(Outcome::Failed(reason))
}

/// Writes down the pages of the site that a page leads to, as many as it may have.
async fn follow(
    tx: &mut Tx,
    tenant: Tenant,
    (site, bounds): (&SiteView, &Url),
    quota: DocumentQuota,
    fetched: &WebPage,
    now: Timestamp,
) -> Result<()> {
    if site.most_pages == 1 {
        return Ok(());
    }
    let mut room = site.most_pages - i64::try_from(sites::documents(tx, tenant, site.id).await?.len()).unwrap_or(0);
    let size = rows::size(tx, tenant, site.config_id).await?;
    room = room.min(if size.pages < quota.pages { quota.documents - size.documents } else { 0 });
    let without = sites::without(tx, tenant, site.id).await?;
    for link in &fetched.links {
        if room <= 0 {
            break;
        }
        let Ok(mut url) = Url::parse(link) else { continue };
        url.set_fragment(None);
        if url.as_str().len() > 2000 || !is_inside(bounds, &url) || !is_readable(&url) {
            continue;
        }
        let url = String::from(url);
        if without.contains(&url) {
            continue;
        }
        let id = DocumentId(fresh_id());
        if sites::insert_page(tx, tenant, (site.id, site.config_id), (id, &url), address_hash(&url), now).await? {
            read_soon(tx, tenant, id, now).await?;
            room -= 1;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn addresses_are_read_as_people_write_them() {
        assert_eq!(address(" example.com/help#top ").unwrap().as_str(), "https://example.com/help");
        assert_eq!(address("http://example.com").unwrap().as_str(), "http://example.com/");
        for wrong in
            ["", "ftp://example.com", "https://", "https://me:secret@example.com", "javascript:alert(1)", "a b"]
        {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_site_ends_where_its_directory_and_its_host_end() {
        let site = url("https://example.com/help/index.html");
        for inside in ["https://example.com/help/a", "https://www.example.com/help/", "http://example.com/help/b/c?d=1"]
        {
            assert!(is_inside(&site, &url(inside)), "{inside}");
        }
        for outside in [
            "https://example.com/",
            "https://example.com/helpful",
            "https://evil.com/help/a",
            "https://example.com.evil.com/help/a",
            "https://example.com:8443/help/a",
            "ftp://example.com/help/a",
        ] {
            assert!(!is_inside(&site, &url(outside)), "{outside}");
        }
        assert!(is_inside(&url("https://example.com"), &url("https://example.com/anything")));
        assert!(is_inside(&url("https://example.com/one"), &url("https://example.com/one")));
    }

    #[test]
    fn pictures_and_programs_are_not_followed() {
        assert!(is_readable(&url("https://example.com/a.html")) && is_readable(&url("https://example.com/v1.2/guide")));
        assert!(is_readable(&url("https://example.com/terms.PDF")));
        assert!(!is_readable(&url("https://example.com/logo.PNG")) && !is_readable(&url("https://example.com/a.js")));
    }
}
