//! An invoice or a credit note: one page.

use domain::Money;
use domain::state::InvoiceKind;
use domain::view::money::InvoiceView;

use super::{LEFT, LINE, Letters, MIDDLE, RIGHT, SIZE, Sheet, TEXT, document, written};

/// Writes a document as a PDF.
pub(crate) fn pdf(view: &InvoiceView) -> Result<Vec<u8>, services::Error> {
    document(&Letters::read()?, &[view], |sheet, view| draw(sheet, view))
}

fn draw(sheet: &mut Sheet<'_, '_>, view: &InvoiceView) {
    let title = match view.kind {
        InvoiceKind::Invoice => "Invoice",
        InvoiceKind::CreditNote => "Credit note",
        InvoiceKind::DebitNote => "Debit note",
    };
    sheet.text(LEFT, 72.0, 22.0, title);
    sheet.text_until(RIGHT, 72.0, 14.0, &view.number);
    sheet.text(LEFT, 92.0, TEXT, &format!("Issued on {}", view.issued.day()));
    if let Some(number) = &view.corrects {
        sheet.text_until(RIGHT, 92.0, TEXT, &format!("corrects {number}"));
    }
    let from = sheet.party(LEFT, 130.0, "FROM", &view.seller);
    let to = sheet.party(MIDDLE, 130.0, "TO", &view.buyer);
    let mut y = from.max(to) + 44.0;
    sheet.text(LEFT, y, 8.0, "WHAT");
    sheet.text_until(RIGHT, y, 8.0, "AMOUNT");
    let net = Money::new(view.total.minor - view.tax.minor, view.total.currency);
    y += LINE + 2.0;
    sheet.text_until(RIGHT, y, TEXT, &written(net));
    for line in sheet.letters.broken(TEXT, &view.description, RIGHT - LEFT - 120.0) {
        sheet.text(LEFT, y, TEXT, &line);
        y += LINE;
    }
    sheet.text(LEFT, y, 8.0, &format!("Work of {}", view.provider_name));
    y += 2.0 * LINE;
    sheet.amount(y, "Net", net);
    y += LINE;
    sheet.amount(y, "Tax", view.tax);
    y += LINE + 4.0;
    sheet.text(MIDDLE, y, 12.0, "Total");
    sheet.text_until(RIGHT, y, 12.0, &written(view.total));
    y += 3.0 * LINE;
    match view.kind {
        InvoiceKind::Invoice => sheet.text(LEFT, y, TEXT, &format!("Paid with {}.", view.method)),
        InvoiceKind::CreditNote => sheet.text(LEFT, y, TEXT, &format!("Given back to {}.", view.method)),
        InvoiceKind::DebitNote => sheet.text(LEFT, y, TEXT, "What was to go back did not, and stays paid."),
    }
    if view.number.starts_with("SANDBOX-") {
        sheet.text(
            LEFT,
            SIZE.1 - 56.0,
            8.0,
            "Of the sandbox: no money has moved, and this is no invoice before the law.",
        );
    }
}

#[cfg(test)]
mod tests {
    use domain::view::money::PartyView;

    use super::*;

    fn invoice() -> InvoiceView {
        let id = uuid::Uuid::nil();
        InvoiceView {
            id: domain::InvoiceId(id),
            number: "SANDBOX-2026-000042".to_owned(),
            kind: InvoiceKind::Invoice,
            corrects: None,
            organization_id: domain::OrganizationId(id),
            buyer: PartyView {
                name: "Łukasz Żółw i Spółka".to_owned(),
                address: "ul. Długa 7\n31-147 Kraków\n\nPolska".to_owned(),
                vat_id: "PL1234567890".to_owned(),
                email: "ksiegowosc@example.com".to_owned(),
            },
            seller: PartyView {
                name: "Marketplace GmbH".to_owned(),
                vat_id: "DE123".to_owned(),
                ..PartyView::default()
            },
            provider_name: "Ada’s agents".to_owned(),
            order_id: domain::OrderId(id),
            description: "Helper — Starter".to_owned(),
            method: "Visa •••• 4242".to_owned(),
            total: Money::new(2900, domain::Currency::Usd),
            tax: Money::new(463, domain::Currency::Usd),
            issued: domain::Timestamp(1_795_262_400_000_000),
        }
    }

    fn words(view: &InvoiceView) -> String {
        let bytes = pdf(view).expect("a PDF");
        let limits = knowledge::extract::Limits::default();
        let document = knowledge::extract::extract("invoice.pdf", &bytes, &limits).expect("a text");
        format!("{document:?}")
    }

    #[test]
    fn everything_that_an_invoice_says_is_text_in_the_file() {
        let text = words(&invoice());
        for part in ["SANDBOX-2026-000042", "Łukasz", "Długa", "PL1234567890", "24.37 USD", "4.63 USD", "29.00 USD"] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }

    #[test]
    fn the_longest_address_and_name_stay_on_the_page() {
        let mut view = invoice();
        view.buyer.name = "Very long name ".repeat(8);
        view.buyer.address = "A street with a name that has no end\n".repeat(40);
        view.description = "word ".repeat(100);
        let text = words(&view);
        assert!(text.contains("29.00 USD") && text.contains("no money has moved"), "{text}");
        view.description = "x".repeat(400);
        assert!(pdf(&view).is_ok());
    }
}
