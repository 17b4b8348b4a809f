//! What the page of payment methods says: what an organization may be charged with.

use domain::view::sheet::{Cell, CellLook, Grid, Press, Sheet};
use domain::{OrganizationId, Permission};
use services::ports::SavedMethod;
use services::{Ctx, Principal, rail};

use super::heads;
use crate::error::UiError;
use crate::{links, server_context as here};

/// Opens the rail's page where a card is added.
pub(super) async fn add(ctx: &Ctx, who: &Principal, of: &str) -> Result<String, UiError> {
    let of = here::id("organization", of)?;
    Ok(here::lead_to(rail::add_method(ctx, who, of).await.map_err(here::fail)?))
}

/// Opens the rail's own pages about what is paid with.
pub(super) async fn portal(ctx: &Ctx, who: &Principal, of: &str) -> Result<String, UiError> {
    let of = here::id("organization", of)?;
    Ok(here::lead_to(rail::open_portal(ctx, who, of, None).await.map_err(here::fail)?))
}

/// Has a method charged first, or forgets it; the button's `id` names whose it is, and which in the rail's words.
pub(super) async fn change(ctx: &Ctx, who: &Principal, what: &str, id: &str) -> Result<String, UiError> {
    let (of, method) = id.split_once('/').unwrap_or((id, ""));
    let of = here::id("organization", of)?;
    let done = if what == "method-prefer" {
        rail::prefer_method(ctx, who, of, method).await
    } else {
        rail::forget_method(ctx, who, of, method).await
    };
    done.map_err(here::fail)?;
    Ok(here::lead_to(links::with_notice(&links::organization(of, "billing/methods/"), "saved")))
}

/// What an organization may be charged with, and which goes first.
pub(super) async fn list(ctx: &Ctx, who: &Principal, of: OrganizationId) -> Result<Sheet, UiError> {
    let methods = rail::methods(ctx, who, of).await.map_err(here::fail)?;
    let may_change = who.member(of, Permission::Buy).is_ok();
    let several = methods.len() > 1;
    let row = |method: SavedMethod| {
        let brand = method.brand.unwrap_or(method.kind);
        let mut name = brand.chars();
        let first = name.next().map(|first| first.to_ascii_uppercase());
        let name: String = first.into_iter().chain(name).collect::<String>().replace('_', " ");
        let name = method.last4.map_or(name.clone(), |last4| format!("{name} •••• {last4}"));
        let until = match (method.exp_month, method.exp_year) {
            (Some(month), Some(year)) => format!("until {month:02}/{year}"),
            _ => String::new(),
        };
        let id = format!("{of}/{}", method.id);
        let button = |what: &str, label: &str| {
            if may_change { Cell::press(Press::new(what, &id, label)) } else { Cell::text("") }
        };
        vec![
            Cell::text(name),
            Cell::new(until, CellLook::When),
            if method.is_default {
                Cell::new("Charged first", CellLook::Good)
            } else if several {
                button("method-prefer", "Charge first")
            } else {
                Cell::text("")
            },
            button("method-forget", "Remove"),
        ]
    };
    let portal =
        ctx.payments.has_portal().map(|company| Press::new("method-portal", of, format!("Manage at {company}")));
    let presses = [Press::new("method-add", of, "Add a card")].into_iter().chain(portal);
    Ok(Sheet {
        title: "Payment methods".to_owned(),
        text: "What your subscriptions are charged with. While none is to go first, each is charged to what it was \
               paid with last, or else to the newest."
            .to_owned(),
        links: vec![Cell::text("Billing").to(links::organization(of, "billing/"))],
        presses: presses.filter(|_| may_change).collect(),
        grids: vec![Grid {
            title: "Cards".to_owned(),
            head: heads(&["Card", "Valid", "", ""]),
            rows: methods.into_iter().map(row).collect(),
            empty: "Nothing is saved yet. What you pay with is kept for the months after.".to_owned(),
            ..Grid::default()
        }],
        ..Sheet::default()
    })
}
