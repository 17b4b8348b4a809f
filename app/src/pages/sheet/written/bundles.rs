//! What the pages of bundles say: products of several providers that are sold together.

use domain::pricing::Interval;
use domain::state::BundleState;
use domain::view::Paging;
use domain::view::bundle::{BundleForm, BundlePart, BundleView};
use domain::view::sheet::{Cell, CellLook, Grid, Press, Sheet};
use domain::{BundleId, Currency, Money, OrganizationId, Permission};
use services::bundles::{self as service, Candidate};
use services::orders::{self, NewBundleOrder};
use services::{Ctx, Principal, catalog};

use super::{figure, heads, pages};
use crate::error::UiError;
use crate::{fmt, links, server_context as here};

/// What is sold together.
pub(super) async fn all(ctx: &Ctx, paging: Paging) -> Result<Sheet, UiError> {
    let found = service::offered(ctx, paging).await.map_err(here::fail)?;
    let all = Some(pages(&found));
    let row = |view: BundleView| {
        vec![
            Cell::text(view.name.clone()).to(links::bundle(view.id)),
            Cell::text(names(&view)),
            Cell::number(each(view.price, view.interval())),
            Cell::number(each(view.alone(), view.interval())),
        ]
    };
    Ok(Sheet {
        title: "Bundles".to_owned(),
        text: "Products that work together, bought at once and for less than each alone.".to_owned(),
        links: vec![Cell::text("The marketplace").to(links::MARKETPLACE)],
        grids: vec![Grid {
            title: "On sale".to_owned(),
            head: heads(&["Bundle", "What is in it", "Price", "Alone"]),
            rows: found.rows.into_iter().map(row).collect(),
            empty: "No provider has put products together yet.".to_owned(),
            pages: all,
            ..Grid::default()
        }],
        ..Sheet::default()
    })
}

/// Products that are sold together, for those who buy.
pub(super) async fn one(ctx: &Ctx, who: &Principal, id: BundleId) -> Result<Sheet, UiError> {
    let view = service::get(ctx, who, id).await.map_err(here::fail)?;
    let mut today = Money::new(0, view.price.currency);
    let mut rows = Vec::new();
    for part in &view.parts {
        let plan = part.plan_id.unwrap_or(part.base_plan_id);
        let (plan, _) = catalog::plan(ctx, plan).await.map_err(here::fail)?;
        today.minor += plan.first_payment.minor;
        let calls = part.monthly_quota.map_or_else(|| "No limit".to_owned(), fmt::count);
        let besides =
            if plan.besides.is_empty() { String::new() } else { format!(" Besides: {}", plan.besides.join("; ")) };
        rows.push(vec![
            Cell::text(part.offering_name.clone()).to(links::offering(part.offering_id)),
            Cell::text(part.provider_name.clone()).to(links::public_provider(part.provider_id)),
            Cell::text(format!("{}{besides}", part.tagline)),
            Cell::number(calls),
            Cell::number(part.alone),
            Cell::number(part.price),
        ]);
    }
    let saved = Money::new(view.alone().minor - view.price.minor, view.price.currency);
    let mut sheet_links = vec![Cell::text("All bundles").to(links::BUNDLES)];
    let mut presses = Vec::new();
    if view.state == BundleState::Offered {
        match who.viewer() {
            None => sheet_links.push(Cell::text("Sign in to order").to(links::login_then(&links::bundle(id)))),
            Some(viewer) => {
                let buys = |of: OrganizationId| {
                    who.member(of, Permission::Buy).is_ok() && view.parts.iter().all(|part| part.provider_id != of)
                };
                presses.extend(viewer.memberships.iter().filter(|of| buys(of.organization_id)).map(|of| {
                    let label = format!("Order for {}", of.organization_name);
                    Press::new("bundle-order", format!("{id}-{}", of.organization_id), label)
                }));
            }
        }
    }
    let text = if view.description.is_empty() {
        format!("Put together by {}.", view.owner_name)
    } else {
        format!("{} Put together by {}.", view.description, view.owner_name)
    };
    Ok(Sheet {
        title: view.name.clone(),
        text,
        figures: vec![
            figure("Price", each(view.price, view.interval()), "For all of it"),
            figure("Alone", each(view.alone(), view.interval()), format!("You save {saved}")),
            figure("Due today", today.to_string(), "One payment; later each product renews by itself"),
        ],
        links: sheet_links,
        presses,
        grids: vec![Grid {
            title: "What is in it".to_owned(),
            text: "Each product is a subscription of yours: set up, billed and ended by itself. Who orders accepts the terms of each.".to_owned(),
            head: heads(&["Product", "By", "What it does", "Calls a month", "Alone", "In the bundle"]),
            rows,
            ..Grid::default()
        }],
    })
}

/// Orders a bundle; returns where it is paid.
pub(super) async fn order(ctx: &Ctx, who: &Principal, id: &str) -> Result<String, UiError> {
    let (bundle, organization) = id.split_once('-').unwrap_or((id, ""));
    let order = NewBundleOrder {
        organization_id: here::id("organization", organization)?,
        project_id: None,
        bundle_id: here::id("bundle", bundle)?,
        accept_terms: true,
    };
    let placed = orders::place_bundle(ctx, who, order).await.map_err(here::fail)?;
    Ok(here::lead_to(placed.checkout_url.unwrap_or_else(|| links::order(placed.id))))
}

/// The bundles that a provider has put together, or was asked to be in.
pub(super) async fn own(ctx: &Ctx, who: &Principal, provider: OrganizationId) -> Result<Sheet, UiError> {
    let found = service::of_provider(ctx, who, provider).await.map_err(here::fail)?;
    let row = |view: BundleView| {
        let waits = view.state == BundleState::Proposed
            && view.parts.iter().any(|part| part.provider_id == provider && part.plan_id.is_none());
        let state = if waits { Cell::new("Waits for you", CellLook::Bad) } else { state(view.state) };
        let ours: i64 =
            view.parts.iter().filter(|part| part.provider_id == provider).map(|part| part.price.minor).sum();
        let ours = if ours == 0 { String::new() } else { Money::new(ours, view.price.currency).to_string() };
        vec![
            Cell::text(view.name.clone()).to(links::provider(provider, &format!("bundles/{}/", view.id))),
            Cell::text(view.owner_name.clone()),
            Cell::text(names(&view)),
            Cell::number(view.price),
            Cell::number(ours),
            state,
        ]
    };
    Ok(Sheet {
        title: "Bundles".to_owned(),
        text: "Products of yours and of other providers, sold together at a price for all of them. Each provider agrees to its part.".to_owned(),
        presses: vec![
            Press::new("bundle-create", provider, "New bundle").asking("Its name").and("Price of all, 49.00 USD"),
        ],
        grids: vec![Grid {
            title: "Your bundles".to_owned(),
            text: "Begin with a name and a price; what is in it comes next.".to_owned(),
            head: heads(&["Bundle", "Put together by", "What is in it", "Price", "Yours of it", "State"]),
            rows: found.into_iter().map(row).collect(),
            empty: "There is none yet.".to_owned(),
            ..Grid::default()
        }],
        ..Sheet::default()
    })
}

/// One bundle, for those who sell it.
pub(super) async fn own_one(ctx: &Ctx, who: &Principal, id: BundleId, paging: Paging) -> Result<Sheet, UiError> {
    let view = service::get(ctx, who, id).await.map_err(here::fail)?;
    let sells = |of: OrganizationId| who.member(of, Permission::Sell).is_ok();
    if !sells(view.owner_id) && !view.parts.iter().any(|part| sells(part.provider_id)) {
        return Err(here::fail(services::Error::NotFound("bundle")));
    }
    let draft = view.state == BundleState::Draft;
    let part = |part: &BundlePart| {
        let about = format!("{id}-{}", part.offering_id);
        let (state, press) = match part.plan_id {
            _ if draft => (Cell::default(), Some(Press::new("bundle-take-out", about, "Take out"))),
            Some(_) => (Cell::new("Agreed", CellLook::Good), None),
            None if view.state == BundleState::Proposed && sells(part.provider_id) => {
                (Cell::new("Waits for you", CellLook::Bad), Some(Press::new("bundle-agree", about, "Agree")))
            }
            None => (Cell::new("Asked", CellLook::Warn), None),
        };
        let price = if draft { Cell::number("") } else { Cell::number(part.price) };
        vec![
            Cell::text(part.offering_name.clone()).to(links::offering(part.offering_id)),
            Cell::text(part.provider_name.clone()),
            Cell::text(part.plan_name.clone()),
            Cell::number(each(part.alone, part.interval)),
            price,
            state,
            Cell { press, ..Cell::default() },
        ]
    };
    let mut grids = vec![Grid {
        title: "What is in it".to_owned(),
        text: if draft {
            "The price is divided as the plans cost alone when you propose it; then nothing of it changes any more."
                .to_owned()
        } else {
            String::new()
        },
        head: heads(&["Product", "By", "Like its plan", "Alone", "Of the price", "State", ""]),
        rows: view.parts.iter().map(part).collect(),
        empty: "Nothing yet: put two products in it, or more.".to_owned(),
        ..Grid::default()
    }];
    let mut presses = Vec::new();
    if draft && sells(view.owner_id) {
        presses.push(Press::new("bundle-propose", id, "Propose it"));
        let found = service::candidates(ctx, who, id, paging).await.map_err(here::fail)?;
        let all = Some(pages(&found));
        let row = |row: Candidate| {
            vec![
                Cell::text(row.offering_name).to(links::offering(row.offering_id)),
                Cell::text(row.provider_name),
                Cell::text(row.plan_name),
                Cell::number(each(row.price, row.interval)),
                Cell::press(Press::new("bundle-put", format!("{id}-{}", row.plan_id), "Put in")),
            ]
        };
        grids.push(Grid {
            title: "What can be in it".to_owned(),
            text: "Plans on sale that cost something. Another plan of a product that is in it takes the first one’s place.".to_owned(),
            head: heads(&["Product", "By", "Plan", "Price", ""]),
            rows: found.rows.into_iter().map(row).collect(),
            empty: "Nothing is on sale in this currency.".to_owned(),
            pages: all,
        });
    }
    if view.state != BundleState::Withdrawn {
        presses.push(Press::new("bundle-withdraw", id, "Withdraw").asking("Why: who is in it reads it"));
    }
    let said = match view.state {
        BundleState::Draft => "Put together; nobody else sees it.",
        BundleState::Proposed => "Waits until every provider has agreed.",
        BundleState::Offered => "On sale.",
        BundleState::Withdrawn => "No longer on sale; who has bought it keeps it.",
    };
    let mut sheet_links = Vec::new();
    if view.state == BundleState::Offered {
        sheet_links.push(Cell::text("Its page").to(links::bundle(id)));
    }
    Ok(Sheet {
        title: view.name.clone(),
        text: said.to_owned(),
        figures: vec![
            figure("Price", each(view.price, view.interval()), "For all of it"),
            figure("Alone", each(view.alone(), view.interval()), "What its products cost by themselves"),
        ],
        links: sheet_links,
        presses,
        grids,
    })
}

/// Begins a bundle; returns where it is put together.
pub(super) async fn create(
    ctx: &Ctx,
    who: &Principal,
    provider: OrganizationId,
    name: &str,
    price: &str,
) -> Result<String, UiError> {
    let mut words = price.split_whitespace();
    let amount = words.next().unwrap_or_default();
    let wrong = || here::fail(services::Error::invalid("price", "must be a number and a currency, 49.00 USD"));
    let currency: Currency = match words.next() {
        Some(code) => code.to_ascii_uppercase().parse().map_err(|_| wrong())?,
        None => Currency::Usd,
    };
    let price = Money::from_decimal(amount, currency).ok_or_else(wrong)?;
    let form = BundleForm { name: name.to_owned(), description: String::new(), price };
    let view = service::create(ctx, who, provider, form).await.map_err(here::fail)?;
    Ok(lead(provider, view.id, "created"))
}

/// Puts a plan in, takes a product out, or agrees to a part, as `what` says; `id` names the bundle and the other.
pub(super) async fn change(ctx: &Ctx, who: &Principal, what: &str, id: &str) -> Result<String, UiError> {
    let (bundle, about) = id.split_once('-').unwrap_or((id, ""));
    let bundle: BundleId = here::id("bundle", bundle)?;
    let view = match what {
        "bundle-put" => service::put(ctx, who, bundle, here::id("plan", about)?).await,
        "bundle-agree" => service::agree(ctx, who, bundle, here::id("offering", about)?).await,
        _ => service::take_out(ctx, who, bundle, here::id("offering", about)?).await,
    };
    let view = view.map_err(here::fail)?;
    Ok(lead(console(who, &view), bundle, "saved"))
}

/// Proposes a bundle to the providers of its products.
pub(super) async fn propose(ctx: &Ctx, who: &Principal, id: BundleId) -> Result<String, UiError> {
    let view = service::propose(ctx, who, id).await.map_err(here::fail)?;
    Ok(lead(view.owner_id, id, "sent"))
}

/// Ends the offer of a bundle.
pub(super) async fn withdraw(ctx: &Ctx, who: &Principal, id: BundleId, why: &str) -> Result<String, UiError> {
    let view = service::withdraw(ctx, who, id, why).await.map_err(here::fail)?;
    Ok(lead(console(who, &view), id, "withdrawn"))
}

/// Returns in whose console the caller looks at a bundle.
fn console(who: &Principal, view: &BundleView) -> OrganizationId {
    let mut sellers = std::iter::once(view.owner_id).chain(view.parts.iter().map(|part| part.provider_id));
    sellers.find(|&of| who.member(of, Permission::Sell).is_ok()).unwrap_or(view.owner_id)
}

fn lead(provider: OrganizationId, id: BundleId, notice: &str) -> String {
    here::lead_to(links::with_notice(&links::provider(provider, &format!("bundles/{id}/")), notice))
}

fn state(state: BundleState) -> Cell {
    match state {
        BundleState::Draft => Cell::new("Draft", CellLook::Over),
        BundleState::Proposed => Cell::new("Proposed", CellLook::Warn),
        BundleState::Offered => Cell::new("On sale", CellLook::Good),
        BundleState::Withdrawn => Cell::new("Withdrawn", CellLook::Over),
    }
}

fn names(view: &BundleView) -> String {
    view.parts.iter().map(|part| part.offering_name.as_str()).collect::<Vec<_>>().join(", ")
}

fn each(price: Money, interval: Interval) -> String {
    match interval {
        Interval::Month => format!("{price} a month"),
        Interval::Year => format!("{price} a year"),
    }
}
