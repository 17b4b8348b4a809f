//! Pages of figures and tables that the server has written in finished words: what is earned, what the
//! platform took, the ledger.
//!
//! What such a page says is made in [`written`], on the server alone; here is how one looks.

#[cfg(feature = "ssr")]
mod written;

use domain::view::sheet::{Cell, CellLook, Figure, Grid, Sheet};
use leptos::prelude::*;
use leptos_router::hooks::{use_params_map, use_query_map};
use server_fn::codec::GetUrl;

use crate::error::UiError;
use crate::ui::prelude::*;

/// Returns a page: `earnings` of a provider, `simulation` of a subscription, `invoices` of an organization, one
/// `invoice`; `revenue`, `ledger` or `check` of the marketplace.
#[server(prefix = "/ui", endpoint = "sheet", input = GetUrl)]
pub async fn read_sheet(
    of: String,
    id: String,
    page: String,
    account: String,
    owner: String,
) -> Result<Sheet, UiError> {
    written::sheet(&of, &id, &page, &account, &owner).await
}

/// What a provider has earned.
#[component]
pub fn EarningsPage() -> impl IntoView {
    shown("earnings")
}

/// What the last month would have cost on each plan.
#[component]
pub fn SimulationPage() -> impl IntoView {
    shown("simulation")
}

/// An organization's invoices.
#[component]
pub fn InvoicesPage() -> impl IntoView {
    shown("invoices")
}

/// One of them.
#[component]
pub fn InvoicePage() -> impl IntoView {
    shown("invoice")
}

/// What the platform took and earned.
#[component]
pub fn RevenuePage() -> impl IntoView {
    shown("revenue")
}

/// The books, line by line.
#[component]
pub fn LedgerPage() -> impl IntoView {
    shown("ledger")
}

/// Whether the books are right.
#[component]
pub fn CheckPage() -> impl IntoView {
    shown("check")
}

fn shown(of: &'static str) -> AnyView {
    let params = use_params_map();
    let query = use_query_map();
    let found = read(move || {
        let asked = |name: &str| query.read().get(name).unwrap_or_default();
        ReadSheet {
            of: of.to_owned(),
            // Whichever the address has: a page is about one thing.
            id: ["provider", "subscription", "invoice", "organization"]
                .into_iter()
                .find_map(|name| params.read().get(name))
                .unwrap_or_default(),
            page: asked("page"),
            account: asked("account"),
            owner: asked("owner"),
        }
    });
    load(found, |sheet: Sheet| {
        let Sheet { title, text, figures, links, grids } = sheet;
        let links = links
            .into_iter()
            .map(|link| {
                let download = link.href.starts_with("/api/");
                view! { <LinkButton label=link.text href=link.href look=Look::Secondary external=download/> }
            })
            .views();
        let figures = (!figures.is_empty()).then(|| {
            let tiles = figures
                .into_iter()
                .map(|Figure { label, value, note }| view! { <Stat label value note=note/> })
                .views();
            view! { <div class="grid grid--stats">{tiles}</div> }.into_any()
        });
        let grids = grids.into_iter().map(grid).collect::<Vec<_>>();
        view! { <div class="page"><PageHead title text>{links}</PageHead>{figures}{grids}</div> }.into_any()
    })
    .into_any()
}

fn grid(grid: Grid) -> AnyView {
    let Grid { title, text, head, rows, empty, pages } = grid;
    let none = rows.is_empty();
    let rows =
        rows.into_iter().map(|cells| view! { <tr>{cells.into_iter().map(cell).collect::<Vec<_>>()}</tr> }).views();
    let head = head.into_iter().map(|name| view! { <th>{name}</th> }).views();
    let (class, body) = if none {
        ("", view! { <p class="muted">{empty}</p> }.into_any())
    } else {
        let head = view! { <tr>{head}</tr> }.into_any();
        ("card--flush", view! { <Table label="Figures" head>{rows}</Table> }.into_any())
    };
    let pages = pages.map(|pages| {
        view! { <Pagination page=pages.page pages=pages.pages total=pages.total words=("row", "rows")/> }.into_any()
    });
    let card = if text.is_empty() {
        view! { <Card title class>{body}</Card> }.into_any()
    } else {
        view! { <Card title text class>{body}</Card> }.into_any()
    };
    view! { {card}{pages} }.into_any()
}

fn cell(cell: Cell) -> AnyView {
    let Cell { text, look, href } = cell;
    let (class, tint) = match look {
        CellLook::Plain => ("", None),
        CellLook::Number => ("num", None),
        CellLook::When => ("nowrap", None),
        CellLook::Code => ("mono break small", None),
        CellLook::Good => ("nowrap", Some(Tint::Good)),
        CellLook::Warn => ("nowrap", Some(Tint::Warn)),
        CellLook::Bad => ("nowrap", Some(Tint::Bad)),
        CellLook::Over => ("nowrap", Some(Tint::Plain)),
    };
    let words = match tint {
        Some(tint) => view! { <Badge text tint dot=true/> }.into_any(),
        None if href.is_empty() => text.into_any(),
        None => view! { <a href=href>{text}</a> }.into_any(),
    };
    view! { <td class=class>{words}</td> }.into_any()
}
