//! An invoice or a credit note as a PDF: one page of A4, with the font in it.

use domain::Money;
use domain::state::InvoiceKind;
use domain::view::money::{InvoiceView, PartyView};
use krilla::Document;
use krilla::geom::Point;
use krilla::page::PageSettings;
use krilla::surface::Surface;
use krilla::text::{Font, TextDirection};
use ttf_parser::Face;

/// A4, in points.
const SIZE: (f32, f32) = (595.0, 842.0);
const LEFT: f32 = 56.0;
const RIGHT: f32 = SIZE.0 - LEFT;
/// Where the second column begins.
const MIDDLE: f32 = 310.0;
const TEXT: f32 = 10.0;
const LINE: f32 = 14.0;
/// More lines than this of an address are not printed.
const ADDRESS_LINES: usize = 8;

/// What draws a page from the top down.
struct Sheet<'a, 'b> {
    surface: &'a mut Surface<'b>,
    font: &'a Font,
    face: &'a Face<'static>,
}

impl Sheet<'_, '_> {
    fn text(&mut self, x: f32, y: f32, size: f32, text: &str) {
        self.surface.draw_text(Point::from_xy(x, y), self.font.clone(), size, text, false, TextDirection::Auto);
    }

    /// Draws a text that ends at `x`.
    fn text_until(&mut self, x: f32, y: f32, size: f32, text: &str) {
        self.text(x - self.width(size, text), y, size, text);
    }

    fn width(&self, size: f32, text: &str) -> f32 {
        let units: u32 =
            text.chars().filter_map(|c| self.face.glyph_hor_advance(self.face.glyph_index(c)?)).map(u32::from).sum();
        #[expect(clippy::cast_precision_loss, reason = "a line of text is some thousand units wide")]
        let units = units as f32;
        units * size / f32::from(self.face.units_per_em())
    }

    /// Breaks a text into lines of a width at most; a word that is wider stands alone.
    fn broken(&self, size: f32, text: &str, most: f32) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for word in text.split_whitespace() {
            match lines.last_mut() {
                Some(line) if self.width(size, &format!("{line} {word}")) <= most => {
                    line.push(' ');
                    line.push_str(word);
                }
                _ => lines.push(word.to_owned()),
            }
        }
        lines
    }

    fn party(&mut self, x: f32, mut y: f32, heading: &str, party: &PartyView) -> f32 {
        self.text(x, y, 8.0, heading);
        let mut lines = vec![party.name.clone()];
        lines.extend(party.address.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned));
        lines.truncate(ADDRESS_LINES);
        if !party.vat_id.is_empty() {
            lines.push(format!("VAT id {}", party.vat_id));
        }
        if !party.email.is_empty() {
            lines.push(party.email.clone());
        }
        for line in lines {
            for line in self.broken(TEXT, &line, MIDDLE - LEFT - 20.0) {
                y += LINE;
                self.text(x, y, TEXT, &line);
            }
        }
        y
    }

    fn amount(&mut self, y: f32, text: &str, amount: Money) {
        self.text(MIDDLE, y, TEXT, text);
        self.text_until(RIGHT, y, TEXT, &written(amount));
    }
}

/// Writes an amount with its currency's code, which no reader mistakes.
fn written(amount: Money) -> String {
    let minor = amount.minor.unsigned_abs();
    let sign = if amount.minor < 0 { "-" } else { "" };
    format!("{sign}{}.{:02} {}", minor / 100, minor % 100, amount.currency)
}

/// Writes a document as a PDF.
pub(crate) fn pdf(view: &InvoiceView) -> Result<Vec<u8>, services::Error> {
    let broken = || services::Error::internal("the font of invoices cannot be read");
    let font = Font::new(epaint_default_fonts::UBUNTU_LIGHT.into(), 0).ok_or_else(broken)?;
    let face = Face::parse(epaint_default_fonts::UBUNTU_LIGHT, 0).map_err(services::Error::internal)?;
    let mut document = Document::new();
    let settings = PageSettings::from_wh(SIZE.0, SIZE.1).ok_or_else(broken)?;
    let mut page = document.start_page_with(settings);
    let mut surface = page.surface();
    draw(&mut Sheet { surface: &mut surface, font: &font, face: &face }, view);
    surface.finish();
    page.finish();
    document.finish().map_err(|error| services::Error::internal(format!("no PDF: {error:?}")))
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
    for line in sheet.broken(TEXT, &view.description, RIGHT - LEFT - 120.0) {
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

    #[test]
    fn amounts_are_written_with_their_currency() {
        let usd = |minor| written(Money::new(minor, domain::Currency::Usd));
        assert_eq!([2900, -5, 0].map(usd), ["29.00 USD", "-0.05 USD", "0.00 USD"]);
    }
}
