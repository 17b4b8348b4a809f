//! Asking to sell.

use domain::{OrganizationId, Permission, view::provider::ApplicationView};
use store::{Scope, providers};

use crate::{Ctx, Error, Principal, Result, error::Checks};

/// Asks that an organization may sell. Asking again corrects an application that waits or was refused.
pub async fn apply(
    ctx: &Ctx,
    who: &Principal,
    organization: OrganizationId,
    description: &str,
    website: &str,
) -> Result<ApplicationView> {
    let member = who.member(organization, Permission::Sell)?;

    let mut checks = Checks::default();
    let description = checks.text("description", description, 20, 2000);
    let website = checks.text("website", website, 0, 300);
    checks.require(
        website.is_empty() || is_web_address(&website),
        "website",
        "must be a web address like https://example.com, or empty",
    );
    checks.done()?;

    let mut tx = ctx.store.write(member.tenant).await?;
    if !providers::apply(&mut tx, member.tenant, &description, &website, ctx.now()).await? {
        return Err(Error::Conflict(
            "this organization is already a provider; an operator decides about what comes next".to_owned(),
        ));
    }
    let application = providers::application(&mut tx, organization).await?.ok_or(Error::NotFound("application"))?;
    tx.commit().await?;
    Ok(application)
}

/// Returns where an organization stands as a provider, if it ever asked.
pub async fn application(ctx: &Ctx, who: &Principal, organization: OrganizationId) -> Result<Option<ApplicationView>> {
    who.member(organization, Permission::View)?;
    let mut tx = ctx.store.read(Scope::System).await?;
    Ok(providers::application(&mut tx, organization).await?)
}

fn is_web_address(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https") && url.host_str().is_some_and(|host| host.contains('.'))
    })
}
