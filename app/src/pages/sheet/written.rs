//! What the pages of figures say.

mod bundles;
mod limits;
mod methods;
mod returns;

use domain::ledger::AccountCode;
use domain::state::{EarningState, InvoiceKind, PayoutState};
use domain::view::money::{
    EarningView, EarningsView, EntryView, InvoiceView, PartyView, PlanCost, RevenueRow, Simulation, StatementView,
    TransactionView,
};
use domain::view::payout::{PayoutAccountView, PayoutLine, PayoutPlanRow, PayoutView, PayoutsView};
use domain::view::sheet::{Cell, CellLook, Figure, Grid, Pages, Press, Sheet};
use domain::view::{Page, Paging};
use domain::{Currency, InvoiceId, Money, OrganizationId, PayoutId, SubscriptionId};
use services::ledger::{self, TransactionFilter};
use services::payouts;
use services::{Ctx, Principal};

use crate::error::UiError;
use crate::{fmt, links, server_context as here};

/// How many rows a page of a list has.
const ROWS: i64 = 50;

/// Writes a page.
pub(super) async fn sheet(of: &str, id: &str, page: &str, account: &str, owner: &str) -> Result<Sheet, UiError> {
    let (ctx, who) = here::asking()?;
    let paging = Paging::clamped(page.parse().unwrap_or(1), ROWS);
    match of {
        "earnings" => earnings(&ctx, &who, here::id("provider", id)?, paging).await,
        "usage-bill" => usage_bill(&ctx, &who, here::id("subscription", id)?).await,
        "simulation" => simulation(&ctx, &who, here::id("subscription", id)?).await,
        "bundles" => bundles::all(&ctx, paging).await,
        "bundle" => bundles::one(&ctx, &who, here::id("bundle", id)?).await,
        "own-bundles" => bundles::own(&ctx, &who, here::id("provider", id)?).await,
        "own-bundle" => bundles::own_one(&ctx, &who, here::id("bundle", id)?, paging).await,
        "caps" => limits::caps(&ctx, &who, here::id("organization", id)?).await,
        "invoices" => invoices(&ctx, &who, here::id("organization", id)?, paging).await,
        "methods" => methods::list(&ctx, &who, here::id("organization", id)?).await,
        "invoice" => invoice(&ctx, &who, here::id("invoice", id)?).await,
        "payouts" => paid_to(&ctx, &who, here::id("provider", id)?, paging).await,
        "payout" => payout(&ctx, &who, here::id("payout", id)?, paging).await,
        "payout-run" => payout_run(&ctx, &who, paging).await,
        "order-money" => returns::of_order(&ctx, &who, here::id("order", id)?, paging).await,
        "cases" => returns::cases(&ctx, &who, paging).await,
        "revenue" => revenue(&ctx, &who).await,
        "ledger" => {
            let owner = if owner.is_empty() { None } else { Some(here::id("organization", owner)?) };
            let filter = TransactionFilter { account: account.parse().ok(), owner, kind: None };
            books(&ctx, &who, filter, paging).await
        }
        "check" => check(&ctx, &who).await,
        _ => Err(here::fail(services::Error::NotFound("page"))),
    }
}

/// Does what a button says; returns where that leads.
pub(super) async fn press(what: &str, id: &str, value: &str, also: &str) -> Result<String, UiError> {
    done(what, id, value, also).await.map_err(|error| match error {
        // A button has no fields that a problem could stand beside: the page says it whole.
        UiError::Invalid(problems) => {
            let said: Vec<String> = problems
                .into_iter()
                .map(|(field, problem)| match field.as_str() {
                    "" | "value" => problem,
                    field => format!("{field} {problem}"),
                })
                .collect();
            let mut said = said.join("; ");
            if let Some(first) = said.get_mut(..1) {
                first.make_ascii_uppercase();
            }
            UiError::Invalid(vec![(String::new(), format!("{said}."))])
        }
        other => other,
    })
}

async fn done(what: &str, id: &str, value: &str, also: &str) -> Result<String, UiError> {
    let (ctx, who) = here::asking()?;
    let run = |notice: &str| Ok(here::lead_to(links::with_notice(&links::admin("payouts/"), notice)));
    match what {
        "payout-account" => {
            let provider = here::id("provider", id)?;
            Ok(here::lead_to(payouts::open_account(&ctx, &who, provider).await.map_err(here::fail)?))
        }
        "payout-run" => {
            payouts::run(&ctx, &who).await.map_err(here::fail)?;
            run("sent")
        }
        "payout-again" => {
            payouts::send_again(&ctx, &who, here::id("payout", id)?).await.map_err(here::fail)?;
            run("retried")
        }
        "payout-hold" => {
            let why = value.trim();
            if why.is_empty() {
                return Err(here::fail(services::Error::invalid("value", "say why: the provider reads it")));
            }
            payouts::hold(&ctx, &who, here::id("provider", id)?, why).await.map_err(here::fail)?;
            run("saved")
        }
        "payout-release" => {
            payouts::hold(&ctx, &who, here::id("provider", id)?, "").await.map_err(here::fail)?;
            run("saved")
        }
        "give-back" => returns::give_back(&ctx, &who, here::id("payment", id)?, value, also).await,
        "case-close" => returns::close(&ctx, &who, here::id("case", id)?, value).await,
        "sandbox-dispute" => returns::decide(&ctx, &who, here::id("case", id)?, value).await,
        "reconcile" => {
            ledger::reconcile_now(&ctx, &who).await.map_err(here::fail)?;
            Ok(here::lead_to(links::with_notice(&links::admin("cases/"), "compared")))
        }
        "bundle-order" => bundles::order(&ctx, &who, id).await,
        "bundle-create" => bundles::create(&ctx, &who, here::id("provider", id)?, value, also).await,
        "bundle-put" | "bundle-take-out" | "bundle-agree" => bundles::change(&ctx, &who, what, id).await,
        "bundle-propose" => bundles::propose(&ctx, &who, here::id("bundle", id)?).await,
        "bundle-withdraw" => bundles::withdraw(&ctx, &who, here::id("bundle", id)?, value).await,
        "cap" => limits::set(&ctx, &who, id, value).await,
        "method-add" => methods::add(&ctx, &who, id).await,
        "method-portal" => methods::portal(&ctx, &who, id).await,
        "method-prefer" | "method-forget" => methods::change(&ctx, &who, what, id).await,
        "keep-plan" => {
            let subscription = here::id("subscription", id)?;
            services::billing::keep_plan(&ctx, &who, subscription).await.map_err(here::fail)?;
            let now = services::subscriptions::get(&ctx, &who, subscription).await.map_err(here::fail)?;
            let page = links::organization(now.organization_id, "resources/");
            Ok(here::lead_to(links::with_notice(&page, "goes-on")))
        }
        _ => Err(here::fail(services::Error::NotFound("button"))),
    }
}

fn pages<T>(page: &Page<T>) -> Pages {
    Pages { page: page.page, pages: page.pages(), total: page.total }
}

fn heads(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn figure(label: &str, value: impl Into<String>, note: impl Into<String>) -> Figure {
    Figure { label: label.to_owned(), value: value.into(), note: note.into() }
}

async fn earnings(ctx: &Ctx, who: &Principal, provider: OrganizationId, paging: Paging) -> Result<Sheet, UiError> {
    let view = ledger::earnings(ctx, who, provider, paging).await.map_err(here::fail)?;
    let EarningsView { held_back, available, owed, totals, hold_days, sales } = view;
    let sums = |of: fn(&domain::view::money::EarningsSummary) -> Money| {
        fmt::amounts(&totals.iter().map(of).collect::<Vec<_>>())
    };
    let held = format!("For {} after a sale, so that a refund finds it there", fmt::plural(hold_days, "day", "days"));
    let mut figures = vec![
        figure("Held back", fmt::amounts(&held_back), held),
        figure("Available", fmt::amounts(&available), "Yours, and no longer held back"),
        figure(
            "Earned in all",
            sums(|total| total.net),
            format!("{} sold, less {} commission", sums(|total| total.gross), sums(|total| total.commission)),
        ),
    ];
    if !owed.is_empty() {
        let note = "Refunds of sales that were available already; your next earnings settle it";
        figures.push(figure("You owe", fmt::amounts(&owed), note));
    }
    let pages = Some(pages(&sales));
    let table = Cell::text("Download as CSV").to(links::earnings_table(provider));
    let year = ctx.now().day().civil().0;
    let taxes = |year: i64| Cell::text(format!("{year} for taxes")).to(links::tax_table(provider, year));
    Ok(Sheet {
        title: "Revenue".to_owned(),
        text: "Each sale: what the buyer paid, what the marketplace keeps, and what is yours. The payment company’s fees are the marketplace’s to pay."
            .to_owned(),
        figures,
        links: vec![
            table,
            taxes(year - 1),
            taxes(year),
            Cell::text("Payouts").to(links::provider(provider, "payouts/")),
        ],
        grids: vec![Grid {
            title: "Sales".to_owned(),
            head: heads(&[
                "Sold",
                "What",
                "Buyer",
                "Gross",
                "Tax",
                "Commission",
                "Net",
                "Went back",
                "Yours",
                "State",
                "Available from",
            ]),
            rows: sales.rows.into_iter().map(|sale| earning(provider, sale)).collect(),
            empty: "Nothing is sold yet. What buyers pay for your agents is listed here.".to_owned(),
            pages,
            ..Grid::default()
        }],
        ..Sheet::default()
    })
}

fn earning(provider: OrganizationId, sale: EarningView) -> Vec<Cell> {
    let (state, look) = match sale.state {
        EarningState::Pending => ("Held back", CellLook::Warn),
        EarningState::Available => ("Available", CellLook::Good),
        EarningState::Returned => ("Refunded", CellLook::Over),
    };
    let from = match sale.state {
        EarningState::Returned => "—".to_owned(),
        EarningState::Pending => sale.release.day().to_string(),
        EarningState::Available => sale.released.unwrap_or(sale.release).day().to_string(),
    };
    let state = match sale.payout_id.filter(|_| sale.state == EarningState::Available) {
        Some(payout) => Cell::text("Paid out").to(links::provider(provider, &format!("payouts/{payout}/"))),
        None => Cell::new(state, look),
    };
    vec![
        Cell::new(sale.sold.day().to_string(), CellLook::When),
        Cell::text(sale.description).to(links::order_money(sale.order_id)),
        Cell::text(sale.buyer),
        Cell::number(sale.gross),
        Cell::number(sale.tax),
        Cell::number(format!("{} ({})", sale.commission, sale.rate)),
        Cell::number(sale.net),
        Cell::number(sale.back),
        Cell::number(sale.kept),
        state,
        Cell::new(from, CellLook::When),
    ]
}

async fn paid_to(ctx: &Ctx, who: &Principal, provider: OrganizationId, paging: Paging) -> Result<Sheet, UiError> {
    let view = payouts::overview(ctx, who, provider, paging).await.map_err(here::fail)?;
    let PayoutsView { account, may_change, available, in_transit, paid, payouts, .. } = view;
    let label = match &account {
        Some(account) if account.ready => "Change where you are paid to",
        _ => "Say where you are paid to",
    };
    let minimum = Money::new(view.minimum, available.first().map_or(Currency::Usd, |money| money.currency));
    let pages = Some(pages(&payouts));
    Ok(Sheet {
        title: "Payouts".to_owned(),
        text: "Where your earnings go, and what has gone there.".to_owned(),
        figures: vec![
            figure("Available", fmt::amounts(&available), format!("Goes out with the next run, from {minimum} on")),
            figure("On its way", fmt::amounts(&in_transit), "Set apart, and not refunded from any more"),
            figure("Paid in all", fmt::amounts(&paid), ""),
        ],
        links: vec![Cell::text("Earnings").to(links::provider(provider, "revenue/"))],
        presses: may_change.then(|| Press::new("payout-account", provider, label)).into_iter().collect(),
        grids: vec![
            destination(account, may_change),
            Grid {
                title: "Payouts".to_owned(),
                head: heads(&["Sent", "Amount", "To", "State", ""]),
                rows: payouts.rows.into_iter().map(|row| payout_row(row, false)).collect(),
                empty: "Nothing was paid out yet.".to_owned(),
                pages,
                ..Grid::default()
            },
        ],
    })
}

/// Writes where a provider is paid to, and what stands in the way.
fn destination(account: Option<PayoutAccountView>, may_change: bool) -> Grid {
    let mut rows = Vec::new();
    let empty = if may_change {
        "Nowhere yet. Say where you are paid to, and what is available goes out with the next run."
    } else {
        "Nowhere yet. An owner of the organization can say where."
    };
    if let Some(PayoutAccountView { destination, ready, due, held, waits_until, .. }) = account {
        let (state, look) = if ready { ("Ready", CellLook::Good) } else { ("Not finished", CellLook::Warn) };
        let place = if destination.is_empty() { "Not known yet".to_owned() } else { destination };
        rows.push(vec![Cell::new(state, look), Cell::text(place)]);
        rows.extend(due.into_iter().map(|what| vec![Cell::new("Still wanted", CellLook::Warn), Cell::text(what)]));
        if let Some(until) = waits_until {
            let text = format!("It is a new account: the first payout to it goes out from {} on.", until.readable());
            rows.push(vec![Cell::new("Waits", CellLook::Warn), Cell::text(text)]);
        }
        if !held.is_empty() {
            rows.push(vec![Cell::new("Held back", CellLook::Bad), Cell::text(held)]);
        }
    }
    Grid {
        title: "Where to".to_owned(),
        head: heads(&["State", "Account"]),
        rows,
        empty: empty.to_owned(),
        ..Grid::default()
    }
}

fn payout_state(state: PayoutState) -> Cell {
    match state {
        PayoutState::Sending => Cell::new("On its way", CellLook::Warn),
        PayoutState::Paid => Cell::new("Paid", CellLook::Good),
        PayoutState::Failed => Cell::new("Came back", CellLook::Bad),
    }
}

/// Writes a payout, for its provider or for an operator.
fn payout_row(row: PayoutView, operator: bool) -> Vec<Cell> {
    let page = links::provider(row.provider_id, &format!("payouts/{}/", row.id));
    let page = if operator { links::admin(&format!("payouts/{}/", row.id)) } else { page };
    let note = row.note();
    let mut cells = vec![Cell::new(row.created.readable(), CellLook::When).to(page)];
    if operator {
        cells.push(Cell::text(row.provider));
    }
    cells.extend([Cell::number(row.amount), Cell::text(row.destination), payout_state(row.state)]);
    cells.push(match row.state {
        PayoutState::Sending if operator => Cell::press(Press::new("payout-again", row.id, "Ask again")),
        _ => Cell::text(note),
    });
    cells
}

async fn payout(ctx: &Ctx, who: &Principal, id: PayoutId, paging: Paging) -> Result<Sheet, UiError> {
    let view = payouts::statement(ctx, who, id, paging).await.map_err(here::fail)?;
    let row = view.payout;
    let operator = who.viewer().is_some_and(|viewer| viewer.user.operator);
    let all = if operator { links::admin("payouts/") } else { links::provider(row.provider_id, "payouts/") };
    let pages = Some(pages(&view.lines));
    let what = match row.state {
        PayoutState::Sending => "is on its way.".to_owned(),
        PayoutState::Paid => format!("was paid on {}.", row.settled.unwrap_or(row.created).day()),
        PayoutState::Failed => "came back:".to_owned(),
    };
    Ok(Sheet {
        title: format!("Payout of {}", row.amount),
        text: format!("To {} of {}. It {what} {}", row.provider, row.destination, row.note()),
        links: vec![
            Cell::text("All payouts").to(all),
            Cell::text("PDF").to(format!("/api/marketplace-payouts/{}/pdf/", row.id)),
        ],
        grids: vec![
            Grid {
                title: "At the payment rail".to_owned(),
                head: heads(&["", ""]),
                rows: vec![vec![Cell::text("Reference"), Cell::new(row.reference, CellLook::Code)]],
                ..Grid::default()
            },
            Grid {
                title: "What it is made of".to_owned(),
                text: "Everything that became available since the payout before it, and what went back of it."
                    .to_owned(),
                head: heads(&["When", "What", "Buyer", "Gross", "Yours"]),
                rows: view.lines.rows.into_iter().map(payout_line).collect(),
                pages,
                ..Grid::default()
            },
        ],
        ..Sheet::default()
    })
}

fn payout_line(line: PayoutLine) -> Vec<Cell> {
    let what = Cell::text(format!("{}: {}", line.kind.words(), line.memo));
    vec![
        Cell::new(line.when.readable(), CellLook::When),
        match line.order_id {
            Some(order) => what.to(links::order_money(order)),
            None => what,
        },
        Cell::text(line.buyer),
        Cell::number(line.gross.map(|gross| gross.to_string()).unwrap_or_default()),
        Cell::number(line.amount),
    ]
}

async fn payout_run(ctx: &Ctx, who: &Principal, paging: Paging) -> Result<Sheet, UiError> {
    let plan = payouts::plan(ctx, who).await.map_err(here::fail)?;
    let done = payouts::list(ctx, who, paging).await.map_err(here::fail)?;
    let due = plan.rows.iter().filter(|row| row.obstacle.is_empty()).count();
    let total = fmt::amounts(&plan.total);
    let label =
        format!("Pay {total} to {}", fmt::plural(i64::try_from(due).unwrap_or(i64::MAX), "provider", "providers"));
    let done_pages = Some(pages(&done));
    let row = |row: PayoutPlanRow| {
        let state = if row.obstacle.is_empty() {
            Cell::new("Will be paid", CellLook::Good)
        } else {
            Cell::new(if row.held { "Held back" } else { "Not now" }, CellLook::Warn)
        };
        let press = match (row.has_account, row.held) {
            (false, _) => Cell::default(),
            (true, true) => Cell::press(Press::new("payout-release", row.provider_id, "Go on")),
            (true, false) => Cell::press(Press::new("payout-hold", row.provider_id, "Hold back").asking("Why")),
        };
        vec![
            Cell::text(row.provider).to(links::public_provider(row.provider_id)),
            Cell::number(row.amount),
            Cell::text(row.destination),
            state,
            Cell::text(row.obstacle),
            press,
        ]
    };
    Ok(Sheet {
        title: "Payouts".to_owned(),
        text: "What a run would pay now; nothing is sent before you press the button.".to_owned(),
        links: vec![Cell::text("The ledger").to(links::admin("ledger/"))],
        presses: (due > 0).then(|| Press::new("payout-run", "", label)).into_iter().collect(),
        grids: vec![
            Grid {
                title: "Available to providers".to_owned(),
                head: heads(&["Provider", "Available", "To", "State", "Why not", ""]),
                rows: plan.rows.into_iter().map(row).collect(),
                empty: "Nothing is available to anyone. What is earned is held back first, so that a refund finds it."
                    .to_owned(),
                ..Grid::default()
            },
            Grid {
                title: "Paid out".to_owned(),
                head: heads(&["Sent", "Provider", "Amount", "To", "State", ""]),
                rows: done.rows.into_iter().map(|row| payout_row(row, true)).collect(),
                empty: "Nothing was paid out yet.".to_owned(),
                pages: done_pages,
                ..Grid::default()
            },
        ],
        ..Sheet::default()
    })
}

async fn simulation(ctx: &Ctx, who: &Principal, id: SubscriptionId) -> Result<Sheet, UiError> {
    let view = services::billing::simulate(ctx, who, id).await.map_err(here::fail)?;
    let Simulation { organization_id, subscription_name, month, calls, input_tokens, output_tokens, costs, .. } = view;
    // The cheapest that would have answered everything.
    let best = costs.iter().find(|cost| cost.refused == 0).map(|cost| cost.plan_id);
    let row = |cost: PlanCost| {
        let state = match (cost.yours, Some(cost.plan_id) == best, cost.refused) {
            (true, true, _) => Cell::new("Yours, and the best", CellLook::Good),
            (false, true, _) => Cell::new("Best for that month", CellLook::Good),
            (true, false, _) => Cell::new("Yours", CellLook::Over),
            (false, false, 0) => Cell::text(""),
            (false, false, _) => Cell::new("Too small", CellLook::Warn),
        };
        let included = cost.monthly_quota.map_or_else(|| "no limit".to_owned(), fmt::count);
        vec![
            Cell::text(cost.name),
            Cell::number(included),
            Cell::number(fmt::count(cost.refused)),
            Cell::number(cost.total),
            state,
        ]
    };
    Ok(Sheet {
        title: "Compare plans".to_owned(),
        text: format!("What {month} would have cost “{subscription_name}” on each plan."),
        figures: vec![
            figure("Calls that month", fmt::count(calls), "That were answered"),
            figure("Tokens read", fmt::count(input_tokens), ""),
            figure("Tokens written", fmt::count(output_tokens), ""),
        ],
        links: vec![Cell::text("Subscriptions").to(links::organization(organization_id, "resources/"))],
        grids: vec![Grid {
            title: "Plans".to_owned(),
            head: heads(&["Plan", "Calls included", "Calls not answered", "Cost of the month", ""]),
            rows: costs.into_iter().map(row).collect(),
            empty: "This product has no plans any more.".to_owned(),
            ..Grid::default()
        }],
        ..Sheet::default()
    })
}

async fn usage_bill(ctx: &Ctx, who: &Principal, id: SubscriptionId) -> Result<Sheet, UiError> {
    let view = services::billing::usage_bill(ctx, who, id).await.map_err(here::fail)?;
    let mut figures =
        vec![figure("Used until now", view.running.amount.to_string(), "What it would cost if the period ended now")];
    if let Some((amount, at)) = view.next {
        figures.push(figure(
            "Besides, next",
            amount.to_string(),
            format!("On {}, for the period that begins", at.day()),
        ));
    }
    let mut grids = vec![Grid {
        title: "Since the last bill".to_owned(),
        text: format!("On the plan {}, since {}.", view.running.plan, view.running.from.readable()),
        head: heads(&BILL),
        rows: view.running.lines.into_iter().map(bill_line).collect(),
        empty: "Nothing that is used costs anything on this plan.".to_owned(),
        ..Grid::default()
    }];
    grids.extend(view.closed.into_iter().map(statement));
    Ok(Sheet {
        title: "Usage bill".to_owned(),
        text: format!("What was used of “{}”, and what that costs.", view.subscription_name),
        figures,
        links: vec![Cell::text("Subscriptions").to(links::organization(view.organization_id, "resources/"))],
        grids,
        ..Sheet::default()
    })
}

/// What a bill's columns are.
const BILL: [&str; 3] = ["What", "How", "Amount"];

fn bill_line(line: domain::pricing::Line) -> Vec<Cell> {
    vec![Cell::text(line.text), Cell::text(line.how), Cell::number(line.amount)]
}

/// Writes a statement, line by line; its sum leads to the calls behind it.
fn statement(closed: StatementView) -> Grid {
    let mut rows: Vec<Vec<Cell>> = closed.lines.into_iter().map(bill_line).collect();
    let total = Cell::text("Total");
    let total = match closed.order_id {
        Some(order) => total.to(links::order_money(order)),
        None => total,
    };
    rows.push(vec![total, Cell::text(""), Cell::number(closed.amount)]);
    Grid {
        title: format!("Statement {}", closed.number),
        text: format!(
            "On the plan {}, from {} to {}. Seal {}.",
            closed.plan,
            closed.from.readable(),
            closed.until.readable(),
            &closed.hash[..closed.hash.len().min(12)]
        ),
        head: heads(&BILL),
        rows,
        ..Grid::default()
    }
}

const fn kind_of(kind: InvoiceKind) -> &'static str {
    match kind {
        InvoiceKind::Invoice => "Invoice",
        InvoiceKind::CreditNote => "Credit note",
        InvoiceKind::DebitNote => "Debit note",
    }
}

async fn invoices(ctx: &Ctx, who: &Principal, buyer: OrganizationId, paging: Paging) -> Result<Sheet, UiError> {
    let found = services::invoices::list(ctx, who, buyer, paging).await.map_err(here::fail)?;
    let pages = pages(&found);
    let row = |row: InvoiceView| {
        vec![
            Cell::new(row.issued.day(), CellLook::When),
            Cell::text(row.number).to(links::organization(buyer, &format!("billing/invoices/{}/", row.id))),
            Cell::text(kind_of(row.kind)),
            Cell::text(row.description),
            Cell::number(row.total),
        ]
    };
    Ok(Sheet {
        title: "Invoices".to_owned(),
        text: "What you have paid, and what came back, each with its number.".to_owned(),
        links: vec![
            Cell::text("Payments").to(links::organization(buyer, "billing/")),
            Cell::text("What stands on them").to(links::organization(buyer, "settings/")),
            Cell::text("Download as CSV").to(links::invoices_table(buyer)),
        ],
        grids: vec![Grid {
            title: "Invoices and credit notes".to_owned(),
            head: heads(&["Issued", "Number", "What", "For", "Total"]),
            rows: found.rows.into_iter().map(row).collect(),
            empty: "Nothing is paid yet.".to_owned(),
            pages: Some(pages),
            ..Grid::default()
        }],
        ..Sheet::default()
    })
}

async fn invoice(ctx: &Ctx, who: &Principal, id: InvoiceId) -> Result<Sheet, UiError> {
    let view = services::invoices::get(ctx, who, id).await.map_err(here::fail)?;
    let sentence = match &view.corrects {
        Some(number) if view.kind == InvoiceKind::DebitNote => format!("It takes back the credit note {number}."),
        Some(number) => format!("It corrects the invoice {number}."),
        None => format!("Paid with {}.", view.method),
    };
    let fact = |name: &str, text: String| vec![Cell::text(name), Cell::text(text)];
    let party = |party: PartyView| {
        let lines = party.address.lines().map(str::to_owned);
        let vat = (!party.vat_id.is_empty()).then(|| format!("VAT id {}", party.vat_id));
        let email = (!party.email.is_empty()).then_some(party.email);
        let all: Vec<String> = [party.name].into_iter().chain(lines).chain(vat).chain(email).collect();
        all.join(", ")
    };
    let net = Money::new(view.total.minor - view.tax.minor, view.total.currency);
    let money = |name: String, amount: Money| vec![Cell::text(name), Cell::number(amount)];
    Ok(Sheet {
        title: format!("{} {}", kind_of(view.kind), view.number),
        text: format!("Issued on {}. {sentence}", view.issued.day()),
        links: vec![
            Cell::text("All invoices").to(links::organization(view.organization_id, "billing/invoices/")),
            Cell::text("The order").to(links::order(view.order_id)),
            Cell::text("Download as PDF").to(links::invoice_file(view.id)),
        ],
        grids: vec![
            Grid {
                title: "Who".to_owned(),
                head: heads(&["", ""]),
                rows: vec![
                    fact("From", party(view.seller)),
                    fact("For work of", view.provider_name),
                    fact("To", party(view.buyer)),
                ],
                ..Grid::default()
            },
            Grid {
                title: "What".to_owned(),
                head: heads(&["", "Amount"]),
                rows: vec![
                    money(view.description, net),
                    money("Tax".to_owned(), view.tax),
                    money("Total".to_owned(), view.total),
                ],
                ..Grid::default()
            },
        ],
        ..Sheet::default()
    })
}

async fn revenue(ctx: &Ctx, who: &Principal) -> Result<Sheet, UiError> {
    let view = ledger::revenue(ctx, who).await.map_err(here::fail)?;
    let month = ctx.now().day().iso()[..7].to_owned();
    let this = |of: fn(&RevenueRow) -> Money| {
        fmt::amounts(&view.rows.iter().filter(|row| row.month == month).map(of).collect::<Vec<_>>())
    };
    let figures = vec![
        figure("Sold this month", this(|row| row.kept), "What buyers paid, less what went back"),
        figure("Commission this month", this(|row| row.commission), "The marketplace’s share of that"),
        figure("Net this month", this(|row| row.net), "Commission less the payment rail’s fees"),
        figure("Subscribed a month", fmt::amounts(&view.monthly), "If everyone stays on their plan"),
    ];
    let row = |row: RevenueRow| {
        let RevenueRow { month, sold, returned, kept, commission, fees, net } = row;
        let mut cells = vec![Cell::new(month, CellLook::When)];
        cells.extend([sold, returned, kept, commission, fees, net].map(Cell::number));
        cells
    };
    Ok(Sheet {
        title: "Revenue".to_owned(),
        text: format!("What the marketplace took and earned, as the ledger of the {} rail says.", view.book),
        figures,
        links: vec![
            Cell::text("The ledger").to(links::admin("ledger/")),
            Cell::text("Commission").to(links::admin("commission/")),
        ],
        grids: vec![Grid {
            title: "By month".to_owned(),
            head: heads(&["Month", "Sold", "Went back", "Kept", "Commission", "Rail fees", "Net"]),
            rows: view.rows.into_iter().map(row).collect(),
            empty: "Nothing is sold yet.".to_owned(),
            ..Grid::default()
        }],
        ..Sheet::default()
    })
}

async fn books(ctx: &Ctx, who: &Principal, filter: TransactionFilter, paging: Paging) -> Result<Sheet, UiError> {
    let balances = ledger::balances(ctx, who).await.map_err(here::fail)?;
    let found = ledger::transactions(ctx, who, filter, paging).await.map_err(here::fail)?;
    let pages = Some(pages(&found));
    let accounts = balances.into_iter().map(|row| {
        let owner = row.owner_id.map(|id| id.to_string()).unwrap_or_default();
        let query = links::query(&[("account", row.account.as_str()), ("owner", &owner)]);
        vec![
            Cell::text(row.account.title()).to(format!("{}{query}", links::admin("ledger/"))),
            Cell::text(row.owner),
            Cell::text(row.kind),
            Cell::number(row.amount),
        ]
    });
    let title = match (filter.account, filter.owner) {
        (None, None) => "Transactions".to_owned(),
        (Some(account), _) => format!("Transactions: {}", account.title()),
        (None, Some(_)) => "Transactions of one organization".to_owned(),
    };
    let mut buttons = vec![Cell::text("Check the books").to(links::admin("ledger/check/"))];
    if filter != TransactionFilter::default() {
        buttons.push(Cell::text("All transactions").to(links::admin("ledger/")));
    }
    Ok(Sheet {
        title: "Ledger".to_owned(),
        text: "Every movement of money: where it came from, and where it went. Nothing here is ever changed."
            .to_owned(),
        links: buttons,
        grids: vec![
            Grid {
                title: "Accounts".to_owned(),
                head: heads(&["Account", "Whose", "Kind", "Balance"]),
                rows: accounts.collect(),
                empty: "No money has moved yet.".to_owned(),
                ..Grid::default()
            },
            Grid {
                title,
                head: heads(&["No.", "When", "What", "Account", "Whose", "Debit", "Credit"]),
                rows: found.rows.into_iter().flat_map(transaction).collect(),
                empty: "No transaction is like that.".to_owned(),
                pages,
                ..Grid::default()
            },
        ],
        ..Sheet::default()
    })
}

/// Writes a transaction as a row a line; its number, time and subject stand on the first.
fn transaction(view: TransactionView) -> Vec<Vec<Cell>> {
    let TransactionView { number, kind, memo, occurred, entries, .. } = view;
    let what = kind.words();
    let line = |(place, entry): (usize, EntryView)| {
        let EntryView { account, owner, amount, .. } = entry;
        let first = place == 0;
        let only_first = |text: String| if first { text } else { String::new() };
        let (debit, credit) = if amount.minor >= 0 {
            (amount.to_string(), String::new())
        } else {
            (String::new(), Money::new(-amount.minor, amount.currency).to_string())
        };
        vec![
            Cell::number(only_first(number.to_string())),
            Cell::new(only_first(occurred.readable()), CellLook::When),
            Cell::text(only_first(format!("{what}: {memo}"))),
            Cell::text(AccountCode::title(account)),
            Cell::text(owner),
            Cell::number(debit),
            Cell::number(credit),
        ]
    };
    entries.into_iter().enumerate().map(line).collect()
}

async fn check(ctx: &Ctx, who: &Principal) -> Result<Sheet, UiError> {
    let view = ledger::check(ctx, who).await.map_err(here::fail)?;
    let holds = view.holds();
    let rows = view.findings.into_iter().map(|finding| {
        let fine = finding.problems.is_empty();
        let state = if fine { Cell::new("Holds", CellLook::Good) } else { Cell::new("Does not hold", CellLook::Bad) };
        vec![state, Cell::text(finding.rule), Cell::text(finding.problems.join("; "))]
    });
    Ok(Sheet {
        title: if holds { "The books are right" } else { "The books are not right" }.to_owned(),
        text: format!("Looked at on {}: the ledger of the {} rail, beside payments and earnings.", view.at, view.book),
        links: vec![Cell::text("The ledger").to(links::admin("ledger/"))],
        grids: vec![Grid {
            title: "What must hold".to_owned(),
            head: heads(&["", "Rule", "Problems"]),
            rows: rows.collect(),
            ..Grid::default()
        }],
        ..Sheet::default()
    })
}
