//! What the pages about money that goes back say: an order's payments, and cases.

use domain::state::{CaseKind, RefundCause, RefundState};
use domain::view::Paging;
use domain::view::money::{CallView, CallsView, CaseView, CasesView, OrderMoney, PaidView, RefundView};
use domain::view::sheet::{Cell, CellLook, Grid, Press, Sheet};
use domain::{CaseId, Money, OrderId, PaymentId, Timestamp};
use services::{Ctx, Principal, billing, cases, refunds};

use super::{figure, heads, pages};
use crate::error::UiError;
use crate::{fmt, links, server_context as here};

/// What was paid for an order, and what went back.
pub(super) async fn of_order(ctx: &Ctx, who: &Principal, order: OrderId, paging: Paging) -> Result<Sheet, UiError> {
    let view = refunds::of_order(ctx, who, order).await.map_err(here::fail)?;
    let used = billing::calls_of_order(ctx, who, order, paging).await.map_err(here::fail)?;
    let OrderMoney { description, buyer, provider, payments, refunds, .. } = view;
    let sum = |of: fn(&PaidView) -> Money| fmt::amounts(&payments.iter().map(of).collect::<Vec<_>>());
    let figures = vec![
        figure("Paid", sum(|paid| paid.amount), format!("By {buyer}, for work of {provider}")),
        figure("Not given back", sum(|paid| paid.left), "What stands of it"),
    ];
    let payment = |paid: PaidView| {
        let press = if paid.refundable {
            let press = Press::new("give-back", paid.id, "Give back");
            Cell::press(press.asking("Amount, or all of it").and("Why: the buyer reads it"))
        } else {
            Cell::default()
        };
        vec![
            Cell::new(paid.when.readable(), CellLook::When),
            Cell::text(paid.method),
            Cell::number(paid.amount),
            Cell::number(paid.left),
            press,
        ]
    };
    let mut grids = vec![
        Grid {
            title: "Payments".to_owned(),
            head: heads(&["When", "How", "Amount", "Left", ""]),
            rows: payments.into_iter().map(payment).collect(),
            empty: "Nothing is paid for it.".to_owned(),
            ..Grid::default()
        },
        Grid {
            title: "What went back".to_owned(),
            head: heads(&["Decided", "Why", "Amount", "State", "Settled"]),
            rows: refunds.into_iter().map(refund).collect(),
            empty: "Nothing went back.".to_owned(),
            ..Grid::default()
        },
    ];
    grids.extend(behind(used));
    Ok(Sheet {
        title: "Payments of an order".to_owned(),
        text: description,
        figures,
        links: vec![Cell::text("The order").to(links::order(order))],
        grids,
        ..Sheet::default()
    })
}

/// Writes what is asked for that was used, and the calls behind it.
fn behind(used: CallsView) -> impl Iterator<Item = Grid> {
    let text = match used.within {
        Some((from, until)) => format!(
            "What was answered from {} to {}. The price is the same whatever is used.",
            from.readable(),
            until.readable()
        ),
        None if used.statements.is_empty() => String::new(),
        None => "Each call that the statements above bill.".to_owned(),
    };
    let call = |call: CallView| {
        vec![
            Cell::new(call.started.readable(), CellLook::When),
            Cell::text(call.source.door()),
            Cell::number(fmt::count(call.input_tokens)),
            Cell::number(fmt::count(call.output_tokens)),
            Cell::number(format!("{} ms", fmt::count(call.elapsed_ms))),
            Cell::new(call.id, CellLook::Code),
        ]
    };
    let calls = Grid {
        title: "Calls".to_owned(),
        text,
        pages: Some(pages(&used.calls)),
        head: heads(&["When", "Door", "Tokens read", "Tokens written", "Took", "Request"]),
        rows: used.calls.rows.into_iter().map(call).collect(),
        empty: "No call is behind it.".to_owned(),
    };
    used.statements.into_iter().map(super::statement).chain([calls])
}

fn refund(view: RefundView) -> Vec<Cell> {
    let state = match (view.state, view.cause) {
        (RefundState::Due, _) => Cell::new("On its way", CellLook::Warn),
        (RefundState::Paid, RefundCause::Dispute) => Cell::new("Taken by the bank", CellLook::Bad),
        (RefundState::Paid, _) => Cell::new("Given back", CellLook::Good),
        (RefundState::Reversed, RefundCause::Dispute) => Cell::new("Came back from the bank", CellLook::Over),
        (RefundState::Reversed, _) => Cell::new("Failed", CellLook::Bad),
    };
    let why = if view.reason.is_empty() { "The order was not carried out.".to_owned() } else { view.reason };
    vec![
        Cell::new(view.created.readable(), CellLook::When),
        Cell::text(why),
        Cell::number(view.amount),
        state,
        Cell::new(view.settled.map(Timestamp::readable).unwrap_or_default(), CellLook::When),
    ]
}

/// Gives something of a payment back; returns where that leads.
pub(super) async fn give_back(
    ctx: &Ctx,
    who: &Principal,
    payment: PaymentId,
    amount: &str,
    why: &str,
) -> Result<String, UiError> {
    let minor = match amount.trim() {
        "" => None,
        // Every currency that something is sold in has two decimals.
        text => Some(
            Money::from_decimal(text, domain::Currency::Usd)
                .ok_or_else(|| here::fail(services::Error::invalid("amount", "must be a number, 12.50")))?
                .minor,
        ),
    };
    let view = refunds::give_back(ctx, who, payment, minor, why).await.map_err(here::fail)?;
    Ok(here::lead_to(links::with_notice(&links::order_money(view.order_id), "given-back")))
}

/// What a person has to look at.
pub(super) async fn cases(ctx: &Ctx, who: &Principal, paging: Paging) -> Result<Sheet, UiError> {
    let CasesView { open, cases } = cases::list(ctx, who, paging).await.map_err(here::fail)?;
    let all = Some(pages(&cases));
    let sandbox = ctx.sandbox.is_some();
    let row = |case: CaseView| case_row(case, sandbox);
    Ok(Sheet {
        title: "Cases".to_owned(),
        text: "Money that a person has to look at: refunds that failed, disputes, and what the payment company and the ledger do not agree about.".to_owned(),
        figures: vec![figure("Open", fmt::count(open), "Each is one thing, however often it was found")],
        links: vec![
            Cell::text("Check the books").to(links::admin("ledger/check/")),
            Cell::text("The ledger").to(links::admin("ledger/")),
        ],
        presses: vec![Press::new("reconcile", "", "Compare with the payment company")],
        grids: vec![Grid {
            title: "Cases".to_owned(),
            head: heads(&["Found", "What", "What to do", "State", ""]),
            rows: cases.rows.into_iter().map(row).collect(),
            empty: "There is nothing to look at.".to_owned(),
            pages: all,
            ..Grid::default()
        }],
    })
}

fn case_row(case: CaseView, sandbox: bool) -> Vec<Cell> {
    let title = Cell::text(case.title);
    let title = match case.order_id {
        Some(order) => title.to(links::order_money(order)),
        None => title,
    };
    let (state, press, detail) = match case.closed {
        Some(at) => {
            let who = if case.closed_by.is_empty() { String::new() } else { format!(" by {}", case.closed_by) };
            let state = Cell::new(format!("Closed{who}, {}", at.day()), CellLook::Over);
            (state, Cell::default(), case.note)
        }
        None if sandbox && case.kind == CaseKind::Dispute => {
            // There is no bank here, so that an operator decides in its place.
            let press = Press::new("sandbox-dispute", case.id, "Decide").asking("won or lost");
            (
                Cell::new("Open", CellLook::Warn),
                Cell::press(press),
                format!("{} In the sandbox, decide in the bank’s place.", case.detail),
            )
        }
        None => {
            let press = Press::new("case-close", case.id, "Done").asking("What came of it");
            (Cell::new("Open", CellLook::Bad), Cell::press(press), case.detail)
        }
    };
    vec![Cell::new(case.opened.readable(), CellLook::When), title, Cell::text(detail), state, press]
}

/// Does what a button of the page of cases says.
pub(super) async fn close(ctx: &Ctx, who: &Principal, case: CaseId, note: &str) -> Result<String, UiError> {
    cases::close(ctx, who, case, note).await.map_err(here::fail)?;
    Ok(here::lead_to(links::with_notice(&links::admin("cases/"), "saved")))
}

/// Decides a dispute in the bank's place, where there is no bank.
pub(super) async fn decide(ctx: &Ctx, who: &Principal, case: CaseId, word: &str) -> Result<String, UiError> {
    let won = match word.trim().to_lowercase().as_str() {
        "won" => true,
        "lost" => false,
        _ => return Err(here::fail(services::Error::invalid("value", "write won or lost"))),
    };
    refunds::decide_in_sandbox(ctx, who, case, won).await.map_err(here::fail)?;
    Ok(here::lead_to(links::with_notice(&links::admin("cases/"), "saved")))
}
