//! Documents as PDF, on pages of A4, with the font in them.

mod invoice;
mod statement;

use domain::Money;
use domain::view::money::PartyView;
use krilla::Document;
use krilla::geom::Point;
use krilla::page::PageSettings;
use krilla::surface::Surface;
use krilla::text::{Font, TextDirection};
use ttf_parser::Face;

pub(crate) use invoice::pdf as invoice;
pub(crate) use statement::pdf as statement;

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

/// The letters of every document.
struct Letters {
    font: Font,
    face: Face<'static>,
}

impl Letters {
    fn read() -> Result<Self, services::Error> {
        let broken = || services::Error::internal("the font of documents cannot be read");
        let font = Font::new(epaint_default_fonts::UBUNTU_LIGHT.into(), 0).ok_or_else(broken)?;
        let face = Face::parse(epaint_default_fonts::UBUNTU_LIGHT, 0).map_err(services::Error::internal)?;
        Ok(Self { font, face })
    }

    fn width(&self, size: f32, text: &str) -> f32 {
        let units: u32 =
            text.chars().filter_map(|c| self.face.glyph_hor_advance(self.face.glyph_index(c)?)).map(u32::from).sum();
        #[expect(clippy::cast_precision_loss, reason = "a line of text is some thousand units wide")]
        let units = units as f32;
        units * size / f32::from(self.face.units_per_em())
    }

    /// Breaks a text into lines of a width at most; a word that is wider is broken, too.
    fn broken(&self, size: f32, text: &str, most: f32) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for word in text.split_whitespace() {
            match lines.last_mut() {
                Some(line) if self.width(size, &format!("{line} {word}")) <= most => {
                    line.push(' ');
                    line.push_str(word);
                }
                _ => self.begin(&mut lines, size, word, most),
            }
        }
        lines
    }

    /// Begins a line with a word, and as many more as the word needs.
    fn begin(&self, lines: &mut Vec<String>, size: f32, word: &str, most: f32) {
        let mut line = String::new();
        for letter in word.chars() {
            line.push(letter);
            if line.chars().nth(1).is_some() && self.width(size, &line) > most {
                line.pop();
                lines.push(std::mem::replace(&mut line, letter.to_string()));
            }
        }
        lines.push(line);
    }
}

/// What draws a page from the top down.
struct Sheet<'a, 'b> {
    surface: &'a mut Surface<'b>,
    letters: &'a Letters,
}

impl Sheet<'_, '_> {
    fn text(&mut self, x: f32, y: f32, size: f32, text: &str) {
        let font = self.letters.font.clone();
        self.surface.draw_text(Point::from_xy(x, y), font, size, text, false, TextDirection::Auto);
    }

    /// Draws a text that ends at `x`.
    fn text_until(&mut self, x: f32, y: f32, size: f32, text: &str) {
        self.text(x - self.letters.width(size, text), y, size, text);
    }

    fn party(&mut self, x: f32, mut y: f32, heading: &str, party: &PartyView) -> f32 {
        self.text(x, y, 8.0, heading);
        for line in party_lines(self.letters, party) {
            y += LINE;
            self.text(x, y, TEXT, &line);
        }
        y
    }

    fn amount(&mut self, y: f32, text: &str, amount: Money) {
        self.text(MIDDLE, y, TEXT, text);
        self.text_until(RIGHT, y, TEXT, &written(amount));
    }
}

/// Returns what stands about a party, line by line.
fn party_lines(letters: &Letters, party: &PartyView) -> Vec<String> {
    let mut lines = vec![party.name.clone()];
    lines.extend(party.address.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned));
    lines.truncate(ADDRESS_LINES);
    if !party.vat_id.is_empty() {
        lines.push(format!("VAT id {}", party.vat_id));
    }
    if !party.email.is_empty() {
        lines.push(party.email.clone());
    }
    lines.iter().flat_map(|line| letters.broken(TEXT, line, MIDDLE - LEFT - 20.0)).collect()
}

/// Writes an amount with its currency's code, which no reader mistakes.
fn written(amount: Money) -> String {
    let minor = amount.minor.unsigned_abs();
    let sign = if amount.minor < 0 { "-" } else { "" };
    format!("{sign}{}.{:02} {}", minor / 100, minor % 100, amount.currency)
}

/// Writes a document: each page is drawn by what is given for it.
fn document<P>(
    letters: &Letters,
    pages: &[P],
    draw: impl Fn(&mut Sheet<'_, '_>, &P),
) -> Result<Vec<u8>, services::Error> {
    let mut document = Document::new();
    for drawn in pages {
        let settings = PageSettings::from_wh(SIZE.0, SIZE.1);
        let settings = settings.ok_or_else(|| services::Error::internal("a page has no size"))?;
        let mut page = document.start_page_with(settings);
        let mut surface = page.surface();
        draw(&mut Sheet { surface: &mut surface, letters }, drawn);
        surface.finish();
        page.finish();
    }
    document.finish().map_err(|error| services::Error::internal(format!("no PDF: {error:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_with_their_currency() {
        let usd = |minor| written(Money::new(minor, domain::Currency::Usd));
        assert_eq!([2900, -5, 0].map(usd), ["29.00 USD", "-0.05 USD", "0.00 USD"]);
    }

    #[test]
    fn a_word_without_an_end_is_broken_and_nothing_of_it_is_lost() {
        let letters = Letters::read().expect("letters");
        for text in ["x".repeat(400), "Ż".repeat(90), format!("a {} b", "word".repeat(80)), String::new()] {
            let lines = letters.broken(TEXT, &text, 100.0);
            assert!(lines.iter().all(|line| letters.width(TEXT, line) <= 100.0), "{lines:?}");
            assert_eq!(lines.concat().replace(' ', ""), text.replace(' ', ""));
        }
        assert_eq!(letters.broken(TEXT, "ab", 0.1), ["a", "b"], "a letter that is too wide stands all the same");
    }
}
