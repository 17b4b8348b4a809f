//! What the page of caps says: how many calls a month an organization allows itself.

use domain::OrganizationId;
use domain::view::cap::{CapScope, CapView};
use domain::view::sheet::{Cell, CellLook, Grid, Press, Sheet};
use services::{Ctx, Principal, caps as service};

use super::{figure, heads};
use crate::error::UiError;
use crate::{fmt, links, server_context as here};

/// What can have a cap, with this month's calls.
pub(super) async fn caps(ctx: &Ctx, who: &Principal, organization: OrganizationId) -> Result<Sheet, UiError> {
    let all = service::list(ctx, who, organization).await.map_err(here::fail)?;
    let may = who.member(organization, domain::Permission::Buy).is_ok();
    let month = ctx.now().month_start();
    let made = all.iter().find(|view| view.scope == CapScope::Organization).map_or(0, |view| view.used);
    let rows = |scope: CapScope| -> Vec<Vec<Cell>> {
        all.iter().filter(|view| view.scope == scope).map(|view| row(organization, view, may)).collect()
    };
    let grid = |title: &str, text: &str, what: &str, of: &str, rows: Vec<Vec<Cell>>, empty: &str| Grid {
        title: title.to_owned(),
        text: text.to_owned(),
        head: heads(&[what, of, "This month", "Plan", "Cap", "Left", ""]),
        rows,
        empty: empty.to_owned(),
        ..Grid::default()
    };
    let next = month.next_month_start().day().iso();
    Ok(Sheet {
        title: "Caps".to_owned(),
        text: "How many calls a month you allow, beside what plans include. When a cap is reached, nothing more is answered and nothing more is charged until the next month; owners and admins are written to at 80 % and at 100 %.".to_owned(),
        figures: vec![figure("Calls this month", fmt::count(made), format!("The next month begins on {next} (UTC)"))],
        links: vec![Cell::text("Billing").to(links::organization(organization, "billing/"))],
        grids: vec![
            grid(
                "The organization",
                "All its agents and keys together.",
                "What",
                "",
                rows(CapScope::Organization),
                "",
            ),
            grid(
                "Subscriptions",
                "",
                "Subscription",
                "Product",
                rows(CapScope::Subscription),
                "There is no subscription yet.",
            ),
            grid(
                "Keys",
                "What a page or a program may call with one key, the conversations of a widget included.",
                "Key",
                "Agent",
                rows(CapScope::Key),
                "There is no key yet.",
            ),
        ],
        ..Sheet::default()
    })
}

fn row(organization: OrganizationId, view: &CapView, may: bool) -> Vec<Cell> {
    let calls = |calls: Option<i64>, none: &str| Cell::number(calls.map_or_else(|| none.to_owned(), fmt::count));
    let left = match view.limit() {
        None => Cell::default(),
        Some(limit) if view.used >= limit => Cell::new("None", CellLook::Bad),
        Some(limit) => {
            let look = if view.used * 5 >= limit * 4 { CellLook::Warn } else { CellLook::Good };
            Cell::new(fmt::count(limit - view.used), look)
        }
    };
    let press = if may {
        let ask = if view.cap.is_some() { "Calls a month; empty: no cap" } else { "Calls a month" };
        Cell::press(Press::new("cap", format!("{organization}-{}", view.scope_id), "Set").asking(ask))
    } else {
        Cell::default()
    };
    vec![
        Cell::text(view.name.clone()),
        Cell::text(view.part_of.clone()),
        Cell::number(fmt::count(view.used)),
        calls(view.quota, ""),
        calls(view.cap, "None"),
        left,
        press,
    ]
}

/// Sets a cap, or takes it away where `calls` is empty; `id` names the organization and what the cap is of.
pub(super) async fn set(ctx: &Ctx, who: &Principal, id: &str, calls: &str) -> Result<String, UiError> {
    let (organization, scope) = id.split_once('-').unwrap_or((id, ""));
    let organization = here::id("organization", organization)?;
    // People write 10,000 and 10 000.
    let digits: String = calls.chars().filter(|letter| !letter.is_whitespace() && *letter != ',').collect();
    let calls = if digits.is_empty() {
        None
    } else {
        let wrong =
            || here::fail(services::Error::invalid("value", "write a whole number of calls, or nothing for no cap"));
        Some(digits.parse().map_err(|_| wrong())?)
    };
    service::set(ctx, who, organization, scope, calls).await.map_err(here::fail)?;
    Ok(here::lead_to(links::with_notice(&links::organization(organization, "caps/"), "saved")))
}
