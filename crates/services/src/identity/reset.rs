//! Setting another password with a link that comes by mail, for people who have lost theirs.
//!
//! What a newcomer gets wrong: asking for the link is answered the same, after the same work, for an
//! address that has an account and for one that has none. So asking writes a job and nothing else;
//! the job looks whether there is someone to write to.

use std::net::IpAddr;
use std::time::Duration;

use domain::{Email, Timestamp};
use store::identity as rows;
use store::{Scope, Tx};

use super::{account_key, check_password, network_key};
use crate::ctx::Ctx;
use crate::error::{Checks, Error, Result};
use crate::jobs::{self, Job};
use crate::ports::Mail;
use crate::{audit, mail, secret};

/// How long a link holds.
const RESET_SECONDS: i64 = 3600;

/// Asks for a letter with a link that sets another password.
pub async fn request_reset(ctx: &Ctx, email: &str, ip: IpAddr) -> Result<()> {
    let now = ctx.now();
    let mut checks = Checks::default();
    let email: Option<Email> = checks.parse("email", email);
    checks.done()?;
    let email = email.ok_or_else(|| Error::invalid("email", "is required"))?;
    let limits = ctx.sign_in_limits();
    limits.resets_by_ip.hit(&network_key(ip), now).map_err(too_many)?;
    limits.resets_by_account.hit(&account_key(&email), now).map_err(too_many)?;
    let mut tx = ctx.store.write(Scope::System).await?;
    jobs::enqueue(&mut tx, &Job::PasswordReset { email }, now, now, None).await?;
    tx.commit().await?;
    ctx.jobs_wake.notify_one();
    Ok(())
}

fn too_many(retry_after: Duration) -> Error {
    Error::TooMany {
        message: "such letters were asked for too often from here or for this address".to_owned(),
        retry_after,
    }
}

/// Writes the letter, if somebody has the address: the job of [`request_reset`].
pub(crate) async fn send_reset(ctx: &Ctx, email: &Email) -> Result<()> {
    let now = ctx.now();
    let mut tx = ctx.store.write(Scope::System).await?;
    let user = rows::user_by_email(&mut tx, email).await?;
    // Who never had a password signs in otherwise; who is locked out stays out.
    let Some(user) = user.filter(|user| user.disabled_at.is_none() && user.password_hash.is_some()) else {
        return Ok(());
    };
    let token = secret::random_token();
    rows::insert_reset(&mut tx, user.id, &secret::digest(&token), now, now.plus_seconds(RESET_SECONDS)).await?;
    let (site, base) = (&ctx.settings.site_name, &ctx.settings.public_url);
    let text = format!(
        "Someone, hopefully you, has asked to set another password at {site}.\n\n\
         Open this page to set it; it holds for one hour and works once:\n{base}/password/{token}/\n\n\
         If it was not you, you need not do anything: your password stays as it is.\n"
    );
    let subject = format!("Set another password at {site}");
    mail::enqueue(&mut tx, now, Mail { to: email.clone(), subject, text }).await?;
    tx.commit().await?;
    ctx.jobs_wake.notify_one();
    Ok(())
}

/// Fails unless a link can still set a password.
pub async fn reset_is_open(ctx: &Ctx, token: &str) -> Result<()> {
    let mut tx = ctx.store.read(Scope::System).await?;
    rows::reset(&mut tx, &secret::digest(token), ctx.now()).await?.map(drop).ok_or_else(gone)
}

/// Sets another password with a link from a letter, and ends every session, token and link of its person.
///
/// Nobody is signed in by it: a letter that went astray must not be enough to stay inside unnoticed.
pub async fn reset_password(ctx: &Ctx, token: &str, password: &str) -> Result<()> {
    let mut checks = Checks::default();
    check_password(&mut checks, "password", password);
    checks.done()?;
    // Looked at before the work of hashing, so that only who has a link can make us do it.
    reset_is_open(ctx, token).await?;
    let hash = secret::hash_password(password, ctx.settings.argon2_memory_kib).await?;
    let now = ctx.now();
    let mut tx = ctx.store.write(Scope::System).await?;
    let id = rows::take_reset(&mut tx, &secret::digest(token), now).await?.ok_or_else(gone)?;
    let user = rows::user(&mut tx, id).await?.filter(|user| user.disabled_at.is_none()).ok_or_else(gone)?;
    let email: Email = user.email.parse().map_err(Error::internal)?;
    rows::set_password(&mut tx, id, &hash).await?;
    rows::delete_credentials(&mut tx, id).await?;
    audit::note(ctx, &mut tx, Some(id), None, "user.reset_password", &id.to_string(), "with a link by mail").await?;
    tell_owner(ctx, &mut tx, email.clone(), now).await?;
    tx.commit().await?;
    ctx.jobs_wake.notify_one();
    // Who could not remember the old password may use the new one at once.
    ctx.sign_in_limits().by_account.forget(&account_key(&email));
    Ok(())
}

async fn tell_owner(ctx: &Ctx, tx: &mut Tx, to: Email, now: Timestamp) -> Result<()> {
    let (site, base) = (&ctx.settings.site_name, &ctx.settings.public_url);
    let text = format!(
        "Your password at {site} was changed with a link that we sent to this address. You are signed out \
         everywhere, and your API tokens have ended.\n\nIf it was not you, set another one at once:\n{base}/password/\n"
    );
    let subject = format!("Your password at {site} was changed");
    mail::enqueue(tx, now, Mail { to, subject, text }).await
}

const fn gone() -> Error {
    Error::Gone("this link was used or has expired; ask for another")
}
