//! Signing up, signing in, and finding out who a cookie or a token belongs to.
//!
//! What a newcomer gets wrong: an answer must not tell whether an address has an account. Signing in
//! answers the same, after the same work, for a wrong password and an unknown address; signing up
//! with a taken address answers as any other sign-up that we refuse, and the owner gets a mail.

mod reset;

pub(crate) use reset::send_reset;
pub use reset::{request_reset, reset_is_open, reset_password};

use std::net::IpAddr;
use std::time::Duration;

use domain::view::account::{MembershipView, UserView, Viewer};
use domain::{Email, OrganizationId, ProjectId, Role, Slug, Timestamp, UserId, UserSessionId, UserTokenId};
use store::identity::{self as rows, UserRow};
use store::organizations::{self, OrganizationRow, ProjectRow};
use store::{Scope, Tenant, Tx};

use crate::access::Principal;
use crate::clock::fresh_id;
use crate::ctx::Ctx;
use crate::error::{Checks, Error, Result};
use crate::ports::Mail;
use crate::secret::Verdict;
use crate::throttle::Throttle;
use crate::{audit, mail, secret};

/// How long a browser stays signed in after it was last seen.
const SESSION_DAYS: i64 = 30;
/// Longer passwords are refused before any work is done on them.
const MAX_PASSWORD: usize = 200;
/// How often being seen is written down.
const TOUCH_SECONDS: i64 = 600;

/// API tokens that a person may have; the oldest go first.
const TOKENS: i64 = 100;

/// How often someone may try to sign in.
#[derive(Debug)]
pub(crate) struct SignInLimits {
    /// Ten wrong passwords for one account at once, then one a minute.
    by_account: Throttle,
    /// A hundred tries from one address of the network at once, then one every three seconds.
    by_ip: Throttle,
    /// A hundred people who sign up from one place at once, then one every ten seconds.
    sign_ups: Throttle,
    /// One mail an hour that tells the owner of an address of somebody's try.
    notices: Throttle,
    /// Three letters to one address that let its owner set a password, then one every twenty minutes.
    resets_by_account: Throttle,
    /// Twenty such letters that one place asks for at once, then one a minute.
    resets_by_ip: Throttle,
}

impl Default for SignInLimits {
    fn default() -> Self {
        Self {
            by_account: Throttle::new(10, Duration::from_mins(1)),
            by_ip: Throttle::new(100, Duration::from_secs(3)),
            sign_ups: Throttle::new(100, Duration::from_secs(10)),
            notices: Throttle::new(1, Duration::from_hours(1)),
            resets_by_account: Throttle::new(3, Duration::from_mins(20)),
            resets_by_ip: Throttle::new(20, Duration::from_mins(1)),
        }
    }
}

/// What someone signs up with.
#[derive(Clone, Debug)]
pub struct Register {
    /// 1 to 80 characters.
    pub name: String,
    /// Where mail goes.
    pub email: String,
    /// 10 to 200 characters.
    pub password: String,
}

/// Someone who is signed in, and the cookie that says so.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The cookie's value; it is shown here once.
    pub session_cookie: String,
    /// Who it is.
    pub viewer: Viewer,
}

/// Makes a person with an organization, its default project, and a signed-in browser.
pub async fn register(ctx: &Ctx, form: Register, ip: IpAddr, user_agent: &str) -> Result<SignedIn> {
    let mut checks = Checks::default();
    let name = checks.line("name", &form.name, 1, 80);
    let email: Option<Email> = checks.parse("email", &form.email);
    check_password(&mut checks, "password", &form.password);
    checks.done()?;
    let email = email.ok_or_else(|| Error::invalid("email", "is required"))?;

    // Whoever makes accounts by the thousand also makes us hash and write by the thousand.
    ctx.sign_in_limits().sign_ups.hit(&network_key(ip), ctx.now()).map_err(|retry_after| Error::TooMany {
        message: "many people have signed up from here just now".to_owned(),
        retry_after,
    })?;
    // Hashed before anyone looks whether the address is taken: the work is the same either way.
    let hash = secret::hash_password(&form.password, ctx.settings.argon2_memory_kib).await?;
    let now = ctx.now();
    let mut tx = ctx.store.write(Scope::System).await?;
    let user = UserRow {
        id: UserId(fresh_id()),
        email: email.to_string(),
        name: name.clone(),
        password_hash: Some(hash),
        operator: false,
        created_at: now,
        disabled_at: None,
    };
    if !rows::insert_user(&mut tx, &user).await? {
        tell_owner(ctx, &mut tx, email, now).await?;
        tx.commit().await?;
        ctx.jobs_wake.notify_one();
        return Err(Error::invalid(
            "",
            "We could not sign you up with these details. If you have an account, sign in instead.",
        ));
    }
    make_organization(&mut tx, user.id, &format!("{name}’s organization"), &email, now).await?;
    let session_cookie = sign_in(&mut tx, user.id, user_agent, now).await?;
    let viewer = viewer_in(&mut tx, user).await?;
    tx.commit().await?;
    Ok(SignedIn { session_cookie, viewer })
}

async fn tell_owner(ctx: &Ctx, tx: &mut Tx, email: Email, now: Timestamp) -> Result<()> {
    if ctx.sign_in_limits().notices.hit(&account_key(&email), now).is_err() {
        return Ok(());
    }
    let site = &ctx.settings.site_name;
    let text = format!(
        "Someone tried to sign up at {site} with your address.\n\n\
         If it was you: you already have an account; sign in at {}/login/.\n\
         If not, you need not do anything.\n",
        ctx.settings.public_url
    );
    let subject = format!("You already have an account at {site}");
    mail::enqueue(tx, now, Mail { to: email, subject, text }).await
}

/// Signs a browser in. A wrong password and an unknown address are answered alike.
pub async fn login(ctx: &Ctx, email: &str, password: &str, ip: IpAddr, user_agent: &str) -> Result<SignedIn> {
    let user = verify(ctx, email, password, ip).await?;
    let now = ctx.now();
    let mut tx = ctx.store.write(Scope::System).await?;
    let session_cookie = sign_in(&mut tx, user.id, user_agent, now).await?;
    let viewer = viewer_in(&mut tx, user).await?;
    tx.commit().await?;
    Ok(SignedIn { session_cookie, viewer })
}

/// Signs a browser out; harmless when it is not signed in.
pub async fn logout(ctx: &Ctx, session_cookie: &str) -> Result<()> {
    let mut tx = ctx.store.write(Scope::System).await?;
    rows::delete_session(&mut tx, &secret::digest(session_cookie)).await?;
    tx.commit().await?;
    Ok(())
}

/// Makes a token for the REST API: 40 hexadecimal digits, shown here once.
pub async fn issue_token(ctx: &Ctx, email: &str, password: &str, ip: IpAddr) -> Result<String> {
    let user = verify(ctx, email, password, ip).await?;
    let token = hex::encode(secret::random::<20>());
    let mut tx = ctx.store.write(Scope::System).await?;
    rows::insert_token(&mut tx, UserTokenId(fresh_id()), user.id, &secret::digest(&token), ctx.now()).await?;
    rows::trim_tokens(&mut tx, user.id, TOKENS).await?;
    tx.commit().await?;
    Ok(token)
}

/// Ends a token.
pub async fn revoke_token(ctx: &Ctx, token: &str) -> Result<()> {
    let mut tx = ctx.store.write(Scope::System).await?;
    rows::delete_token(&mut tx, &secret::digest(token)).await?;
    tx.commit().await?;
    Ok(())
}

/// Returns who a cookie belongs to: a visitor when it is unknown or expired.
pub async fn principal_of_cookie(ctx: &Ctx, session_cookie: &str) -> Result<Principal> {
    let now = ctx.now();
    let mut tx = ctx.store.read(Scope::System).await?;
    let Some(session) = rows::session(&mut tx, &secret::digest(session_cookie), now).await? else {
        return Ok(Principal::Visitor);
    };
    let principal = principal_in(&mut tx, session.user_id).await?;
    drop(tx);
    if session.last_seen_at.plus_seconds(TOUCH_SECONDS) <= now {
        let mut tx = ctx.store.write(Scope::System).await?;
        rows::touch_session(&mut tx, session.id, now, now.plus_days(SESSION_DAYS)).await?;
        tx.commit().await?;
    }
    Ok(principal)
}

/// Returns who a token belongs to: a visitor when it is unknown.
pub async fn principal_of_token(ctx: &Ctx, token: &str) -> Result<Principal> {
    let mut tx = ctx.store.read(Scope::System).await?;
    let Some(row) = rows::token(&mut tx, &secret::digest(token)).await? else {
        return Ok(Principal::Visitor);
    };
    let principal = principal_in(&mut tx, row.user_id).await?;
    drop(tx);
    let now = ctx.now();
    if row.last_used_at.is_none_or(|used| used.plus_seconds(TOUCH_SECONDS) <= now) {
        let mut tx = ctx.store.write(Scope::System).await?;
        rows::touch_token(&mut tx, row.id, now).await?;
        tx.commit().await?;
    }
    Ok(principal)
}

/// Changes the caller's password, and signs them out everywhere else.
pub async fn change_password(ctx: &Ctx, who: &Principal, old: &str, new: &str, user_agent: &str) -> Result<SignedIn> {
    let viewer = who.user()?;
    let mut checks = Checks::default();
    check_password(&mut checks, "new_password", new);
    checks.done()?;
    let mut tx = ctx.store.read(Scope::System).await?;
    let user = rows::user(&mut tx, viewer.user.id).await?.ok_or(Error::SignedOut)?;
    drop(tx);
    let memory = ctx.settings.argon2_memory_kib;
    // Whoever holds a stolen cookie must not be able to guess the password here.
    let limits = ctx.sign_in_limits();
    limits.by_account.hit(&account_key(&viewer.user.email), ctx.now()).map_err(too_many)?;
    let fits = old.chars().count() <= MAX_PASSWORD;
    if !fits || secret::verify_password(old, user.password_hash.clone(), memory).await? == Verdict::Wrong {
        return Err(Error::invalid("old_password", "is not your password"));
    }
    let hash = secret::hash_password(new, memory).await?;
    let mut tx = ctx.store.write(Scope::System).await?;
    rows::set_password(&mut tx, user.id, &hash).await?;
    rows::delete_credentials(&mut tx, user.id).await?;
    let session_cookie = sign_in(&mut tx, user.id, user_agent, ctx.now()).await?;
    let viewer = viewer_in(&mut tx, user).await?;
    tx.commit().await?;
    Ok(SignedIn { session_cookie, viewer })
}

/// Makes someone an operator, and the person too if nobody has the address; for the command line.
///
/// A person who is there gets the password that is given here and is signed out everywhere: anyone
/// may have signed up with the address before, and an operator may have lost their password.
pub async fn create_operator(ctx: &Ctx, email: &str, password: &str, name: &str) -> Result<UserId> {
    let mut checks = Checks::default();
    let name = checks.line("name", name, 1, 80);
    let email: Option<Email> = checks.parse("email", email);
    check_password(&mut checks, "password", password);
    checks.done()?;
    let email = email.ok_or_else(|| Error::invalid("email", "is required"))?;
    let hash = secret::hash_password(password, ctx.settings.argon2_memory_kib).await?;
    let now = ctx.now();
    let mut tx = ctx.store.write(Scope::System).await?;
    let id = if let Some(user) = rows::user_by_email(&mut tx, &email).await? {
        rows::set_password(&mut tx, user.id, &hash).await?;
        rows::delete_credentials(&mut tx, user.id).await?;
        rows::set_operator(&mut tx, user.id, true).await?;
        user.id
    } else {
        let user = UserRow {
            id: UserId(fresh_id()),
            email: email.to_string(),
            name,
            password_hash: Some(hash),
            operator: true,
            created_at: now,
            disabled_at: None,
        };
        if !rows::insert_user(&mut tx, &user).await? {
            return Err(Error::Conflict("somebody signed up with this address just now; try again".to_owned()));
        }
        user.id
    };
    audit::note(ctx, &mut tx, None, None, "user.make_operator", &id.to_string(), "on the command line").await?;
    tx.commit().await?;
    Ok(id)
}

/// Makes an organization with a default project and an owner.
pub(crate) async fn make_organization(
    tx: &mut Tx,
    owner: UserId,
    name: &str,
    email: &Email,
    now: Timestamp,
) -> Result<OrganizationId> {
    let wanted = Slug::of_name(name, "organization");
    let id = OrganizationId(fresh_id());
    let mut organization = OrganizationRow {
        id,
        name: name.to_owned(),
        slug: wanted.to_string(),
        email: email.to_string(),
        created_at: now,
        blocked_at: None,
    };
    let mut number = 1;
    while !organizations::insert(tx, &organization).await? {
        // After a few tries a number at random: a thousand people are called Ada.
        number = if number < 5 { number + 1 } else { u32::from_be_bytes(secret::random()) };
        organization.slug = wanted.numbered(number).to_string();
    }
    #[expect(clippy::disallowed_methods, reason = "the organization was made for this very person")]
    let tenant = Tenant::assume_authorized(id);
    let project =
        ProjectRow { id: ProjectId(fresh_id()), organization_id: id, name: "Default".to_owned(), created_at: now };
    organizations::insert_project(tx, tenant, &project).await?;
    organizations::add_member(tx, tenant, owner, Role::Owner, now).await?;
    Ok(id)
}

/// Returns a person as others see them.
pub(crate) fn user_view(id: UserId, email: &str, name: &str, operator: bool) -> Result<UserView> {
    let email = email.parse().map_err(Error::internal)?;
    Ok(UserView { id, email, name: name.to_owned(), operator })
}

fn check_password(checks: &mut Checks, field: &str, password: &str) {
    let length = password.chars().count();
    checks.require(length >= 10, field, "must have at least 10 characters");
    checks.require(length <= MAX_PASSWORD, field, "may have 200 characters at most");
}

async fn verify(ctx: &Ctx, email: &str, password: &str, ip: IpAddr) -> Result<UserRow> {
    let wrong = || Error::invalid("", "The e-mail address or the password is wrong.");
    let now = ctx.now();
    let limits = ctx.sign_in_limits();
    limits.by_ip.hit(&network_key(ip), now).map_err(too_many)?;
    let email: Email = email.parse().map_err(|_| wrong())?;
    let account = account_key(&email);
    limits.by_account.hit(&account, now).map_err(too_many)?;

    let mut tx = ctx.store.read(Scope::System).await?;
    let user = rows::user_by_email(&mut tx, &email).await?.filter(|user| user.disabled_at.is_none());
    drop(tx);
    let hash = user.as_ref().and_then(|user| user.password_hash.clone());
    let memory = ctx.settings.argon2_memory_kib;
    if password.chars().count() > MAX_PASSWORD {
        return Err(wrong());
    }
    let verdict = secret::verify_password(password, hash, memory).await?;
    let user = user.filter(|_| verdict != Verdict::Wrong).ok_or_else(wrong)?;
    limits.by_account.forget(&account);
    if verdict == Verdict::RightButStale {
        let hash = secret::hash_password(password, memory).await?;
        let mut tx = ctx.store.write(Scope::System).await?;
        rows::set_password(&mut tx, user.id, &hash).await?;
        tx.commit().await?;
    }
    Ok(user)
}

fn too_many(retry_after: Duration) -> Error {
    Error::TooMany {
        message: "There were too many tries to sign in. Wait a little and try again.".to_owned(),
        retry_after,
    }
}

/// Returns what tries for one address are counted under; addresses themselves are not kept.
fn account_key(email: &Email) -> String {
    hex::encode(secret::digest(email.as_str()))
}

/// Returns what tries from one place are counted under: with IPv6 one customer has a whole /64.
fn network_key(ip: IpAddr) -> String {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}")
        }
    }
}

async fn sign_in(tx: &mut Tx, user: UserId, user_agent: &str, now: Timestamp) -> Result<String> {
    let token = secret::random_token();
    let agent: String = user_agent.chars().take(200).collect();
    let expires_at = now.plus_days(SESSION_DAYS);
    rows::insert_session(tx, UserSessionId(fresh_id()), user, &secret::digest(&token), &agent, now, expires_at).await?;
    Ok(token)
}

async fn principal_in(tx: &mut Tx, id: UserId) -> Result<Principal> {
    match rows::user(tx, id).await?.filter(|user| user.disabled_at.is_none()) {
        Some(user) => Ok(Principal::User(viewer_in(tx, user).await?)),
        None => Ok(Principal::Visitor),
    }
}

async fn viewer_in(tx: &mut Tx, user: UserRow) -> Result<Viewer> {
    let memberships = rows::memberships(tx, user.id)
        .await?
        .into_iter()
        .map(|row| MembershipView {
            organization_id: row.organization_id,
            organization_name: row.organization_name,
            project_id: row.project_id,
            role: row.role,
            provider: row.provider,
        })
        .collect();
    Ok(Viewer { user: user_view(user.id, &user.email, &user.name, user.operator)?, memberships })
}
