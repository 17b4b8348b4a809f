//! The statement of a payout: what it pays, line by line, on as many pages as that takes.

use domain::state::PayoutState;
use services::payouts::PayoutDocument;

use super::{LEFT, LINE, Letters, MIDDLE, RIGHT, SIZE, Sheet, TEXT, document, written};

/// Where the columns begin, and where amounts end.
const WHAT: f32 = 124.0;
const GROSS: f32 = 444.0;
/// How wide what a line is about may be.
const WHAT_WIDTH: f32 = 232.0;
/// Between two lines.
const GAP: f32 = 5.0;
/// Where lines begin on every page but the first, and where they end.
const TOP: f32 = 96.0;
const BOTTOM: f32 = SIZE.1 - 96.0;

/// A line of the statement as it is printed.
struct Line {
    day: String,
    what: Vec<String>,
    gross: String,
    amount: String,
}

impl Line {
    fn height(&self) -> f32 {
        self.what.iter().map(|_| LINE).sum::<f32>() + GAP
    }
}

/// A page: which lines, and where they begin.
struct Page<'a> {
    number: usize,
    of: usize,
    top: f32,
    lines: &'a [Line],
}

/// Writes a statement as a PDF.
pub(crate) fn pdf(view: &PayoutDocument) -> Result<Vec<u8>, services::Error> {
    let letters = Letters::read()?;
    let lines: Vec<Line> = view
        .lines
        .iter()
        .map(|line| {
            let mut what = letters.broken(TEXT, &format!("{}: {}", line.kind.words(), line.memo), WHAT_WIDTH);
            if !line.buyer.is_empty() {
                what.extend(letters.broken(TEXT, &format!("to {}", line.buyer), WHAT_WIDTH));
            }
            Line {
                day: line.when.day().to_string(),
                what,
                gross: line.gross.map(written).unwrap_or_default(),
                amount: written(line.amount),
            }
        })
        .collect();
    let mut pages = paged(&lines, head_height(&letters, view));
    let of = pages.len();
    for page in &mut pages {
        page.of = of;
    }
    document(&letters, &pages, |sheet, page| draw(sheet, view, page))
}

/// Divides lines among pages; there is always room for one more line on the last: the sum.
fn paged(lines: &[Line], first_top: f32) -> Vec<Page<'_>> {
    let mut pages = Vec::new();
    let (mut from, mut top) = (0, first_top);
    let mut y = top;
    for (at, line) in lines.iter().enumerate() {
        if y + line.height() > BOTTOM && at > from {
            pages.push(Page { number: pages.len() + 1, of: 0, top, lines: &lines[from..at] });
            (from, top) = (at, TOP);
            y = top;
        }
        y += line.height();
    }
    pages.push(Page { number: pages.len() + 1, of: 0, top, lines: &lines[from..] });
    pages
}

/// Says how a payout stands.
fn standing(view: &PayoutDocument) -> String {
    let payout = &view.payout;
    let (to, note) = (&payout.destination, payout.note());
    match payout.state {
        PayoutState::Sending => format!("On its way to {to}. {note}"),
        PayoutState::Paid => format!("Paid on {} to {to}. {note}", payout.settled.unwrap_or(payout.created).day()),
        PayoutState::Failed => format!("It came back: {note}"),
    }
}

/// Draws what stands above the lines of the first page; returns where they begin.
fn head(sheet: &mut Sheet<'_, '_>, view: &PayoutDocument) -> f32 {
    sheet.text(LEFT, 72.0, 22.0, "Statement of a payout");
    sheet.text(LEFT, 92.0, TEXT, &format!("Decided on {}", view.payout.created.day()));
    sheet.text_until(RIGHT, 92.0, 8.0, &view.payout.id.to_string());
    let from = sheet.party(LEFT, 130.0, "PAID BY", &view.payer);
    let to = sheet.party(MIDDLE, 130.0, "PAID TO", &view.provider);
    let mut y = from.max(to) + 2.0 * LINE;
    let mut facts = sheet.letters.broken(TEXT, &standing(view), RIGHT - LEFT);
    if !view.payout.reference.is_empty() {
        facts.extend(sheet.letters.broken(TEXT, &format!("Reference {}", view.payout.reference), RIGHT - LEFT));
    }
    for line in facts {
        sheet.text(LEFT, y, TEXT, &line);
        y += LINE;
    }
    y + 2.0 * LINE
}

/// Returns where lines begin on the first page, without drawing it.
fn head_height(letters: &Letters, view: &PayoutDocument) -> f32 {
    let width = RIGHT - LEFT;
    let party = |party| super::party_lines(letters, party).len();
    let parties = party(&view.payer).max(party(&view.provider));
    let mut facts = letters.broken(TEXT, &standing(view), width).len();
    if !view.payout.reference.is_empty() {
        facts += letters.broken(TEXT, &format!("Reference {}", view.payout.reference), width).len();
    }
    (0..parties + facts + 4).fold(130.0, |y, _| y + LINE)
}

fn draw(sheet: &mut Sheet<'_, '_>, view: &PayoutDocument, page: &Page<'_>) {
    if page.number == 1 {
        head(sheet, view);
    }
    let mut y = page.top - LINE - 4.0;
    for (x, name) in [(LEFT, "WHEN"), (WHAT, "WHAT")] {
        sheet.text(x, y, 8.0, name);
    }
    for (x, name) in [(GROSS, "PAID BY THE BUYER"), (RIGHT, "YOURS")] {
        sheet.text_until(x, y, 8.0, name);
    }
    y = page.top;
    for line in page.lines {
        sheet.text(LEFT, y, TEXT, &line.day);
        sheet.text_until(GROSS, y, TEXT, &line.gross);
        sheet.text_until(RIGHT, y, TEXT, &line.amount);
        let mut below = y;
        for text in &line.what {
            sheet.text(WHAT, below, TEXT, text);
            below += LINE;
        }
        y += line.height();
    }
    if page.number == page.of {
        y += GAP;
        sheet.text(WHAT, y, 12.0, "Paid out");
        sheet.text_until(RIGHT, y, 12.0, &written(view.payout.amount));
    }
    sheet.text_until(RIGHT, SIZE.1 - 56.0, 8.0, &format!("Page {} of {}", page.number, page.of));
    if view.sandbox {
        sheet.text(LEFT, SIZE.1 - 56.0, 8.0, "Of the sandbox: no money has moved.");
    }
}

#[cfg(test)]
mod tests {
    use domain::ledger::TransactionKind;
    use domain::view::money::PartyView;
    use domain::view::payout::{PayoutLine, PayoutView};
    use domain::{Currency, Money, OrganizationId, PayoutId, Timestamp};

    use super::*;

    const WHEN: Timestamp = Timestamp(1_795_262_400_000_000);

    fn usd(minor: i64) -> Money {
        Money::new(minor, Currency::Usd)
    }

    fn document(lines: i64) -> PayoutDocument {
        let id = uuid::Uuid::nil();
        let line = |number| PayoutLine {
            number,
            kind: TransactionKind::Release,
            memo: format!("Helper — Starter, sale {number}"),
            when: WHEN,
            order_id: None,
            buyer: "Łukasz Żółw i Spółka".to_owned(),
            gross: Some(usd(2900)),
            amount: usd(2320),
        };
        PayoutDocument {
            payout: PayoutView {
                reversed: usd(0),
                id: PayoutId(id),
                provider_id: OrganizationId(id),
                provider: "Ada’s agents".to_owned(),
                amount: usd(2320 * lines),
                destination: "Bank account •••• 6789".to_owned(),
                state: PayoutState::Paid,
                reference: "tr_1".to_owned(),
                failure: String::new(),
                created: WHEN,
                settled: Some(WHEN),
            },
            payer: PartyView { name: "Marketplace GmbH".to_owned(), ..PartyView::default() },
            provider: PartyView { name: "Ada’s agents".to_owned(), vat_id: "DE9".to_owned(), ..PartyView::default() },
            lines: (1..=lines).map(line).collect(),
            sandbox: true,
        }
    }

    fn words(view: &PayoutDocument) -> String {
        let bytes = pdf(view).expect("a PDF");
        let limits = knowledge::extract::Limits::default();
        let document = knowledge::extract::extract("payout.pdf", &bytes, &limits).expect("a text");
        format!("{document:?}")
    }

    #[test]
    fn everything_that_a_statement_says_is_text_in_the_file() {
        let text = words(&document(2));
        let parts = ["Marketplace GmbH", "DE9", "6789", "Released", "sale 1", "Łukasz", "29.00 USD", "23.20 USD"];
        for part in parts.into_iter().chain(["46.40 USD", "Page 1 of 1", "no money has moved"]) {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }

    #[test]
    fn a_statement_takes_as_many_pages_as_it_needs_and_loses_no_line() {
        let text = words(&document(100));
        for number in 1..=100 {
            assert!(text.contains(&format!("sale {number} to Łukasz")), "{number}");
        }
        assert!(text.contains("Page 1 of 6") && text.contains("Page 6 of 6"), "{text}");
        assert_eq!(text.matches("2320.00 USD").count(), 1, "the sum stands once");
        assert!(words(&document(0)).contains("0.00 USD"));
    }

    #[test]
    fn the_lines_begin_below_whatever_stands_above_them() {
        let letters = Letters::read().expect("letters");
        let mut view = document(3);
        view.provider.address = "A street with a name that has no end\n".repeat(40);
        view.payout.failure = "word ".repeat(60);
        view.payout.state = PayoutState::Failed;
        let begins = std::cell::Cell::new(0.0);
        super::super::document(&letters, &[()], |sheet, ()| begins.set(head(sheet, &view))).expect("a PDF");
        assert!(
            (begins.get() - head_height(&letters, &view)).abs() < 0.1,
            "{} {}",
            begins.get(),
            head_height(&letters, &view)
        );
    }
}
