//! Pages of figures and tables that the server has written in finished words: what is earned, what the
//! platform took, the ledger.
//!
//! What such a page says is made in [`written`], on the server alone; here is how one looks.

#[cfg(feature = "ssr")]
mod written;

use domain::view::sheet::{Cell, CellLook, Figure, Grid, Press, Sheet};
use leptos::prelude::*;
use leptos_router::hooks::{use_params_map, use_query_map};
use server_fn::codec::GetUrl;

use crate::error::UiError;
use crate::ui::live;
use crate::ui::prelude::*;

/// Returns a page: `earnings`, `payouts` or `own-bundles` of a provider, one `payout`, `simulation` and `usage-bill` of a
/// subscription, `invoices`, `methods` and `caps` of an organization, one `invoice`, `order-money` of an order; `bundles`,
/// a `bundle`, and an `own-bundle` for those who sell it; `revenue`, `payout-run`, `cases`, `ledger` or `check` of the
/// marketplace.
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

/// Does what a button of such a page says; returns where that leads.
#[server(prefix = "/ui", endpoint = "sheet/press")]
pub async fn press_button(
    what: String,
    id: String,
    #[server(default)] value: String,
    #[server(default)] also: String,
) -> Result<String, UiError> {
    written::press(&what, &id, &value, &also).await
}

/// What a provider has earned.
#[component]
pub fn EarningsPage() -> impl IntoView {
    shown("earnings", "provider")
}

/// What the last month would have cost on each plan.
#[component]
pub fn SimulationPage() -> impl IntoView {
    shown("simulation", "subscription")
}

/// What was used of a subscription, and what it costs.
#[component]
pub fn UsageBillPage() -> impl IntoView {
    shown("usage-bill", "subscription")
}

/// How many calls a month an organization allows itself.
#[component]
pub fn CapsPage() -> impl IntoView {
    shown("caps", "organization")
}

/// An organization's invoices.
#[component]
pub fn InvoicesPage() -> impl IntoView {
    shown("invoices", "organization")
}

/// One of them.
#[component]
pub fn InvoicePage() -> impl IntoView {
    shown("invoice", "invoice")
}

/// What an organization may be charged with.
#[component]
pub fn MethodsPage() -> impl IntoView {
    shown("methods", "organization")
}

/// Where a provider is paid to, and what was paid.
#[component]
pub fn PayoutsPage() -> impl IntoView {
    shown("payouts", "provider")
}

/// What one payout is made of.
#[component]
pub fn PayoutPage() -> impl IntoView {
    shown("payout", "payout")
}

/// Who would be paid now, and who was.
#[component]
pub fn PayoutRunPage() -> impl IntoView {
    shown("payout-run", "")
}

/// What was paid for an order, and what went back.
#[component]
pub fn OrderMoneyPage() -> impl IntoView {
    // It stands among the public pages, which give no frame.
    view! { <div class="wrap section">{shown("order-money", "order")}</div> }
}

/// What is sold together.
#[component]
pub fn BundlesPage() -> impl IntoView {
    view! { <div class="wrap section">{shown("bundles", "")}</div> }
}

/// Products that are sold together.
#[component]
pub fn BundlePage() -> impl IntoView {
    view! { <div class="wrap section">{shown("bundle", "bundle")}</div> }
}

/// The bundles that a provider's products are in.
#[component]
pub fn OwnBundlesPage() -> impl IntoView {
    shown("own-bundles", "provider")
}

/// One of them, to put together, to agree to and to withdraw.
#[component]
pub fn OwnBundlePage() -> impl IntoView {
    shown("own-bundle", "bundle")
}

/// What a person has to look at.
#[component]
pub fn CasesPage() -> impl IntoView {
    shown("cases", "")
}

/// What the platform took and earned.
#[component]
pub fn RevenuePage() -> impl IntoView {
    shown("revenue", "")
}

/// The books, line by line.
#[component]
pub fn LedgerPage() -> impl IntoView {
    shown("ledger", "")
}

/// Whether the books are right.
#[component]
pub fn CheckPage() -> impl IntoView {
    shown("check", "")
}

/// Shows a page about the thing that a part of the address names; a page without one is about the marketplace.
fn shown(of: &'static str, about: &'static str) -> AnyView {
    let params = use_params_map();
    // While the next page is on its way this one is still there, and its part of the address may be gone.
    let id =
        Memo::new(move |last: Option<&String>| params.read().get(about).or_else(|| last.cloned()).unwrap_or_default());
    let query = use_query_map();
    let press = FormAction::of::<PressButton>();
    live::load_answer(press);
    let found = read(move || {
        let asked = |name: &str| query.read().get(name).unwrap_or_default();
        ReadSheet {
            of: of.to_owned(),
            id: id.get(),
            page: asked("page"),
            account: asked("account"),
            owner: asked("owner"),
        }
    });
    load(found, move |sheet: Sheet| {
        let Sheet { title, text, figures, links, presses, grids } = sheet;
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
        let presses = presses.into_iter().map(|press_| button(press_, press, "")).collect::<Vec<_>>();
        let grids = grids.into_iter().map(|rows| grid(rows, press)).collect::<Vec<_>>();
        view! {
            <div class="page">
                <PageHead title text>{links}{presses}</PageHead>
                <FormAlert form=FormState::of(press)/>
                {figures}
                {grids}
            </div>
        }
        .into_any()
    })
    .into_any()
}

fn button(button: Press, action: FormAction, class: &'static str) -> AnyView {
    let Press { what, id, label, ask, also } = button;
    let look = if class.is_empty() { Look::Accent } else { Look::Secondary };
    let asked = [("value", ask), ("also", also)].map(|(name, ask)| {
        (!ask.is_empty()).then(|| {
            view! { <input class="input input--sm" name=name maxlength=300 placeholder=ask.clone() aria-label=ask/> }
                .into_any()
        })
    });
    let asked = asked.into_iter().flatten().collect::<Vec<_>>();
    view! {
        <PostForm action class="row row--nowrap">
            <input type="hidden" name="what" value=what/>
            <input type="hidden" name="id" value=id/>
            {asked}
            <Submit label look class/>
        </PostForm>
    }
    .into_any()
}

fn grid(grid: Grid, press: FormAction) -> AnyView {
    let Grid { title, text, head, rows, empty, pages } = grid;
    let none = rows.is_empty();
    // A heading stands where its numbers do, and a table of facts has none.
    let numbers: Vec<bool> = rows.first().into_iter().flatten().map(|cell| cell.look == CellLook::Number).collect();
    let bare = head.iter().all(String::is_empty);
    let rows = rows
        .into_iter()
        .map(|cells| {
            // On a phone each cell stands on a line of its own, behind what it is; the first one is the heading.
            let name = |at: usize| if at == 0 { "" } else { head.get(at).map_or("", String::as_str) };
            let cells = cells.into_iter().enumerate().map(|(at, words)| cell(words, name(at), press));
            view! { <tr>{cells.collect::<Vec<_>>()}</tr> }
        })
        .views();
    let head = head
        .into_iter()
        .enumerate()
        .map(|(column, name)| {
            let number = numbers.get(column).is_some_and(|number| *number);
            view! { <th class=number.then_some("num")>{name}</th> }
        })
        .views();
    let (class, body) = if none {
        ("", view! { <p class="muted">{empty}</p> }.into_any())
    } else {
        let head = if bare { ().into_any() } else { view! { <tr>{head}</tr> }.into_any() };
        ("card--flush", view! { <Table label=title.clone() stacks=true head>{rows}</Table> }.into_any())
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

fn cell(cell: Cell, name: &str, action: FormAction) -> AnyView {
    let Cell { text, look, href, press } = cell;
    // What is not there needs no name.
    let name = (!name.is_empty() && (press.is_some() || !text.is_empty())).then(|| name.to_owned());
    let (class, tint) = match look {
        CellLook::Plain if text.len() > 60 => ("wide", None),
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
    let press = press.map(|press| button(press, action, "btn--sm"));
    view! { <td class=class data-name=name>{words}{press}</td> }.into_any()
}
