//! Checkout pages of an order: opening one, and closing those that nobody paid at.

use domain::state::{CheckoutState, OrderState};
use domain::{CheckoutId, Money, OrderId, Timestamp};
use store::Scope;
use store::orders::{self as rows, CheckoutRow};
use url::{Host, Url};

use super::events::{abandon, expire};
use super::together::{self, Due};
use super::{bought, letters};
use crate::access::{Principal, on_behalf};
use crate::clock::fresh_id;
use crate::ctx::Ctx;
use crate::error::{Checks, Error, Result};
use crate::ports::CheckoutRequest;
use crate::secret;

/// How long a checkout page may be paid.
const CHECKOUT_SECONDS: i64 = 24 * 3600;

/// Where a buyer goes from the payment page; the order's own page where nothing is said.
#[derive(Clone, Debug, Default)]
pub struct ComingBack {
    /// After paying. `{CHECKOUT_SESSION_ID}` in it becomes the rail's name of the visit.
    pub success_url: Option<String>,
    /// Without paying.
    pub cancel_url: Option<String>,
}

/// A page where an order can be paid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// The rail's name of it.
    pub session: String,
    /// Where it is.
    pub url: String,
    /// Until when it can be paid.
    pub expires_at: Timestamp,
    /// What is to be paid.
    pub amount: Money,
}

/// Returns where to pay an order, opening the page if none is open.
pub async fn checkout(ctx: &Ctx, who: &Principal, id: OrderId) -> Result<String> {
    // In a box, because whoever orders holds this future within its own.
    Ok(Box::pin(visit(ctx, who, id, ComingBack::default())).await?.url)
}

/// Returns the page where an order can be paid and that leads back as is asked: the one that is open, or a new one.
pub async fn visit(ctx: &Ctx, who: &Principal, id: OrderId, back: ComingBack) -> Result<Visit> {
    let mut checks = Checks::default();
    let success_url = back.success_url.map(|url| leads_back(ctx, &mut checks, "success_url", url));
    let cancel_url = back.cancel_url.map(|url| leads_back(ctx, &mut checks, "cancel_url", url));
    let mut tx = ctx.store.read(Scope::System).await?;
    let row = bought(&mut tx, who, id).await?;
    checks.done()?;
    // Orders that are paid together are paid by way of the first of them.
    let id = row.paid_by();
    let viewer = who.user()?.user.id;
    ctx.payment_pages().hit(&viewer.to_string(), ctx.now()).map_err(|retry_after| Error::TooMany {
        message: "Too many payment pages were asked for; try again in a moment.".to_owned(),
        retry_after,
    })?;
    if row.state != OrderState::PendingConsumer || row.amount_minor == 0 {
        return Err(Error::Conflict(format!("This order is {}; there is nothing to pay.", row.state)));
    }
    let now = ctx.now();
    let open = rows::checkout_of_order(&mut tx, id).await?;
    let visits = rows::count_checkouts(&mut tx, id).await?;
    let Due { amount, description } = together::due(&mut tx, &row).await?;
    drop(tx);
    // Empty stands for the order's own page, as in rows that were written before one could say otherwise.
    let (success_url, cancel_url) = (success_url.unwrap_or_default(), cancel_url.unwrap_or_default());
    if let Some(open) = open.filter(|open| open.state == CheckoutState::Open && open.expires_at > now) {
        if open.success_url == success_url && open.cancel_url == cancel_url {
            let CheckoutRow { session, url, expires_at, .. } = open;
            return Ok(Visit { session, url, expires_at, amount });
        }
        close(ctx, &open).await?;
    }
    let page = letters::order_page(ctx, id);
    let or_page = |url: &str| if url.is_empty() { page.clone() } else { url.to_owned() };
    let expires_at = now.plus_seconds(CHECKOUT_SECONDS);
    let request = CheckoutRequest {
        // Two clicks open one page, and so does a second try after a crash; one that leads elsewhere is another.
        key: if success_url.is_empty() && cancel_url.is_empty() {
            format!("{id}-{visits}")
        } else {
            format!("{id}-{visits}-{}", hex::encode(&secret::digest(&format!("{success_url} {cancel_url}"))[..8]))
        },
        order: id,
        tenant: on_behalf(row.organization_id),
        amount,
        description,
        email: who.user()?.user.email.clone(),
        success_url: or_page(&success_url),
        cancel_url: or_page(&cancel_url),
        expires_at,
    };
    let opened = ctx.payments.open_checkout(request).await.map_err(|error| {
        tracing::warn!(order.id = %id, %error, "the payment rail opened no page");
        Error::Upstream("The payment page cannot be opened now. The order is kept; try again in a minute.".to_owned())
    })?;
    let checkout = CheckoutRow {
        id: CheckoutId(fresh_id()),
        order_id: id,
        organization_id: row.organization_id,
        rail: ctx.payments.rail().to_owned(),
        session: opened.session.clone(),
        url: opened.url.clone(),
        state: CheckoutState::Open,
        expires_at,
        success_url,
        cancel_url,
    };
    let mut tx = ctx.store.write(Scope::System).await?;
    rows::insert_checkout(&mut tx, on_behalf(row.organization_id), &checkout, now).await?;
    tx.commit().await?;
    Ok(Visit { session: opened.session, url: opened.url, expires_at, amount })
}

/// Closes a page for which another one is opened; the order goes on waiting.
async fn close(ctx: &Ctx, open: &CheckoutRow) -> Result<()> {
    if open.rail == ctx.payments.rail()
        && let Err(error) = ctx.payments.expire_checkout(&open.session).await
    {
        // Should somebody pay there and at the new one, the second payment goes back.
        tracing::info!(order.id = %open.order_id, %error, "a checkout page could not be closed");
    }
    let mut tx = ctx.store.write(Scope::System).await?;
    rows::set_checkout_state(&mut tx, open.id, CheckoutState::Expired).await?;
    tx.commit().await?;
    Ok(())
}

/// The longest address that a buyer is sent back to.
const LONGEST_URL: usize = 2000;

/// Checks where a buyer is to come back to: to us, or to an address that the operator allows, and to nobody else,
/// whatever the address looks like to people or other programs.
pub(crate) fn leads_back(ctx: &Ctx, checks: &mut Checks, field: &str, text: String) -> String {
    let mut require = |fine: bool, problem: &str| {
        checks.require(fine, field, problem);
        fine
    };
    let short = require(text.len() <= LONGEST_URL, "may have 2000 characters at most");
    // Programs disagree about what a backslash or a line break in an address means.
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let plain = require(plain, "must have plain characters alone: no blanks, line breaks or backslashes");
    if !short || !plain {
        return text;
    }
    let url = match Url::parse(&text) {
        Ok(url) if url.has_host() => url,
        _ => {
            require(false, "must be a whole address, https://…");
            return text;
        }
    };
    require(url.username().is_empty() && url.password().is_none(), "must not have a user name or a password in it");
    let origin = url.origin();
    let is = |allowed: &str| Url::parse(allowed).is_ok_and(|allowed| allowed.origin() == origin);
    let ours = is(&ctx.settings.public_url);
    let safe = match url.scheme() {
        "https" => true,
        // On its way to this machine nobody reads it; and our own address is as the operator has chosen it.
        "http" => ours || is_this_machine(&url),
        _ => false,
    };
    require(safe, "must begin with https://");
    let allowed = ours || ctx.settings.return_origins.iter().any(|allowed| is(allowed));
    require(allowed, "must be an address of this marketplace, or of a site that its operator allows");
    text
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// Closes checkout pages that are past their time, and the orders that waited for them.
pub(crate) async fn expire_checkouts(ctx: &Ctx) -> Result<()> {
    let now = ctx.now();
    let mut tx = ctx.store.read(Scope::System).await?;
    let stale = rows::stale_checkouts(&mut tx, now, 100).await?;
    let forgotten = rows::forgotten(&mut tx, now.plus_seconds(-CHECKOUT_SECONDS), 100).await?;
    drop(tx);
    for checkout in stale {
        // A page that cannot be closed is closed here: should someone pay there all the same, the
        // event finds a canceled order, and the money goes back.
        if checkout.rail == ctx.payments.rail()
            && let Err(error) = ctx.payments.expire_checkout(&checkout.session).await
        {
            tracing::info!(order.id = %checkout.order_id, %error, "a checkout page could not be closed");
        }
        let mut tx = ctx.store.write(Scope::System).await?;
        expire(&mut tx, &checkout.rail, &checkout.session, now).await?;
        tx.commit().await?;
    }
    for order in forgotten {
        let mut tx = ctx.store.write(Scope::System).await?;
        let row = rows::get(&mut tx, order).await?.ok_or(Error::NotFound("order"))?;
        let orders = together::hold(&mut tx, row.paid_by()).await?;
        let open = rows::checkout_of_order(&mut tx, row.paid_by()).await?;
        if open.is_none_or(|open| open.state != CheckoutState::Open) {
            abandon(&mut tx, &orders, now).await?;
        }
        tx.commit().await?;
    }
    Ok(())
}
