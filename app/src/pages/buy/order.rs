//! The server functions of a purchase.

use leptos::prelude::*;

use crate::error::UiError;

/// Orders a plan and leads to its payment; a free one is under way at once.
#[server(prefix = "/ui", endpoint = "buy/order")]
pub async fn order(
    plan: String,
    organization: String,
    name: String,
    accept_terms: Option<String>,
) -> Result<String, UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let organization = here::id("organization", &organization)?;
    let address = place(&ctx, &who, organization, &plan, name, accept_terms.is_some()).await.map_err(here::fail)?;
    Ok(here::lead_to(address))
}

/// Signs up and orders: a person, an organization and a project are made on the way.
#[server(prefix = "/ui", endpoint = "buy/sign-up")]
pub async fn sign_up_and_order(
    plan: String,
    name: String,
    email: String,
    password: String,
    accept_terms: Option<String>,
) -> Result<String, UiError> {
    use crate::server_context as here;

    let ctx = here::ctx()?;
    let browser = here::request_header(&http::header::USER_AGENT).unwrap_or_default();
    let form = services::identity::Register { name, email, password };
    let signed_up = services::identity::register(&ctx, form, here::caller_ip(), &browser).await.map_err(here::fail)?;
    here::set_session(&signed_up.session_cookie);
    let buyer = signed_up.viewer.memberships.first().map(|membership| membership.organization_id);
    let who = services::Principal::User(signed_up.viewer);
    let placed = match buyer {
        Some(organization) => place(&ctx, &who, organization, &plan, String::new(), accept_terms.is_some()).await,
        None => Err(services::Error::NotFound("organization")),
    };
    // The account is there whatever became of the order: the page for those who are signed in says why.
    let address = placed.unwrap_or_else(|_| crate::links::buy(&plan));
    Ok(here::lead_to(address))
}

/// Places an order and returns where the buyer goes next.
#[cfg(feature = "ssr")]
async fn place(
    ctx: &services::Ctx,
    who: &services::Principal,
    organization_id: domain::OrganizationId,
    plan: &str,
    name: String,
    accept_terms: bool,
) -> services::Result<String> {
    let plan = plan.parse().map_err(|_| services::Error::NotFound("plan"))?;
    let (plan, card) = services::catalog::plan(ctx, plan).await?;
    let new = domain::view::order::NewOrder {
        organization_id,
        project_id: None,
        offering_id: card.id,
        plan_id: Some(plan.id),
        name,
        accept_terms,
    };
    let order = services::orders::place(ctx, who, new).await?;
    Ok(order.checkout_url.unwrap_or_else(|| super::super::order::watching(order.id)))
}
