//! PDF files, object by object, with whatever is wrong with them.

use std::io::Write as _;

use super::packed::Member;

/// A file that is being written; objects are numbered from 1 in the order they come.
pub(super) struct Pdf {
    bytes: Vec<u8>,
    places: Vec<usize>,
}

impl Pdf {
    pub(super) fn new() -> Self {
        Self { bytes: b"%PDF-1.5\n".to_vec(), places: Vec::new() }
    }

    pub(super) fn object(mut self, text: &str) -> Self {
        self.places.push(self.bytes.len());
        self.bytes.extend_from_slice(format!("{} 0 obj\n{text}\nendobj\n", self.places.len()).as_bytes());
        self
    }

    /// An object with a stream; `more` goes into its dictionary.
    pub(super) fn stream(mut self, more: &str, data: &[u8]) -> Self {
        self.places.push(self.bytes.len());
        let head = format!("{} 0 obj\n<< /Length {} {more} >>\nstream\n", self.places.len(), data.len());
        self.bytes.extend_from_slice(head.as_bytes());
        self.bytes.extend_from_slice(data);
        self.bytes.extend_from_slice(b"\nendstream\nendobj\n");
        self
    }

    /// The usual three: a catalog, a tree with one page, and the page, whose content is object 4.
    pub(super) fn one_page(more: &str) -> Self {
        Self::new()
            .object("<< /Type /Catalog /Pages 2 0 R >>")
            .object("<< /Type /Pages /Count 1 /Kids [3 0 R] >>")
            .object(&format!("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R {more} >>"))
    }

    pub(super) fn done(self) -> Vec<u8> {
        self.done_with("")
    }

    /// Ends the file; `more` goes into the trailer.
    pub(super) fn done_with(mut self, more: &str) -> Vec<u8> {
        let start = self.bytes.len();
        let count = self.places.len() + 1;
        let mut end = format!("xref\n0 {count}\n0000000000 65535 f \n");
        for place in &self.places {
            end.push_str(&format!("{place:010} 00000 n \n"));
        }
        end.push_str(&format!("trailer << /Size {count} /Root 1 0 R {more} >>\nstartxref\n{start}\n%%EOF\n"));
        self.bytes.extend_from_slice(end.as_bytes());
        self.bytes
    }
}

/// Font F1, without which no text is shown.
pub(super) const FONT: &str = "/Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >> >> >>";

/// A content stream that shows a line.
pub(super) fn shows(text: &str) -> Vec<u8> {
    format!("BT /F1 12 Tf 72 720 Td ({text}) Tj ET").into_bytes()
}

pub(super) fn deflated(data: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(data).and_then(|()| packer.finish()).unwrap_or_default()
}

/// A page whose content unpacks to so many megabytes of blanks.
pub(super) fn stream_bomb(megabytes: usize) -> Vec<u8> {
    // No sum at the end: whoever reads this far has read everything.
    let packed = [&[0x78, 0xda], Member::bomb(" ", b' ', megabytes, " ").packed.as_slice()].concat();
    Pdf::one_page(FONT).stream("/Filter /FlateDecode", &packed).done()
}

/// The same, packed again and again.
pub(super) fn packed_twice(megabytes: usize) -> Vec<u8> {
    let once = [&[0x78, 0xda], Member::bomb(" ", b' ', megabytes, " ").packed.as_slice()].concat();
    Pdf::one_page(FONT).stream("/Filter [/FlateDecode /FlateDecode]", &deflated(&once)).done()
}

/// So many pages with a line each.
pub(super) fn pages(count: usize) -> Vec<u8> {
    let kids = (0..count).map(|page| format!("{} 0 R ", 3 + 2 * page)).collect::<Vec<_>>().concat();
    let mut pdf = Pdf::new()
        .object("<< /Type /Catalog /Pages 2 0 R >>")
        .object(&format!("<< /Type /Pages /Count {count} /Kids [{kids}] >>"));
    for page in 0..count {
        let content = 4 + 2 * page;
        pdf = pdf
            .object(&format!("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {content} 0 R {FONT} >>"))
            .stream("", &shows(&format!("This is page {} of the long report, about part P{page}.", page + 1)));
    }
    pdf.done()
}

/// A tree of pages in which each node has one child, so many deep.
pub(super) fn deep_tree(depth: usize) -> Vec<u8> {
    let mut pdf = Pdf::new().object("<< /Type /Catalog /Pages 2 0 R >>");
    for node in 0..depth {
        pdf = pdf.object(&format!("<< /Type /Pages /Count 1 /Kids [{} 0 R] >>", node + 3));
    }
    let content = depth + 3;
    pdf.object(&format!("<< /Type /Page /MediaBox [0 0 612 792] /Contents {content} 0 R {FONT} >>"))
        .stream("", &shows("At the bottom."))
        .done()
}

/// A tree whose root names the same page so many times.
pub(super) fn wide_tree(count: usize) -> Vec<u8> {
    Pdf::new()
        .object("<< /Type /Catalog /Pages 2 0 R >>")
        .object(&format!("<< /Type /Pages /Count {count} /Kids [{}] >>", "3 0 R ".repeat(count)))
        .object(&format!("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R {FONT} >>"))
        .stream("", &shows("One of a million."))
        .done()
}

/// A page whose form shows itself.
pub(super) fn form_of_itself() -> Vec<u8> {
    Pdf::one_page("/Resources << /XObject << /X 5 0 R >> >>")
        .stream("", b"/X Do")
        .stream(
            "/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 5 0 R >> >>",
            b"/X Do /X Do",
        )
        .done()
}

/// A tree of pages that is its own child, a length that is its own, and a table of places before itself.
pub(super) fn loops() -> Vec<(&'static str, Vec<u8>)> {
    let tree = Pdf::new()
        .object("<< /Type /Catalog /Pages 2 0 R >>")
        .object("<< /Type /Pages /Count 9 /Kids [2 0 R 2 0 R] /Parent 2 0 R >>")
        .done();
    let chained =
        Pdf::one_page("/Parent 5 0 R /Resources 5 0 R").object("4 0 R").object("6 0 R").object("5 0 R").done();
    let length = {
        let head = Pdf::one_page(FONT);
        let mut pdf = Pdf { ..head };
        pdf.places.push(pdf.bytes.len());
        pdf.bytes.extend_from_slice(b"4 0 obj\n<< /Length 4 0 R >>\nstream\nBT ET\nendstream\nendobj\n");
        pdf.done()
    };
    let before = Pdf::one_page(FONT).stream("", &shows("Round and round."));
    let start = before.bytes.len();
    let table = before.done_with(&format!("/Prev {start}"));
    let packed = Pdf::one_page(FONT).stream("/Type /ObjStm /N 1 /First 4 /Extends 4 0 R", b"4 0 4 0 R").done();
    vec![
        ("PDF, the tree of pages holds itself", tree),
        ("PDF, objects that stand for each other", chained),
        ("PDF, a stream's length is the stream", length),
        ("PDF, the table of places comes before itself", table),
        ("PDF, a packed object extends itself", packed),
    ]
}

/// A font that says which letter each of four thousand million codes is.
pub(super) fn endless_letters() -> Vec<u8> {
    let map = b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap 1 begincodespacerange <00000000> <FFFFFFFF> endcodespacerange 1 beginbfrange <00000000> <FFFFFFFF> <0041> endbfrange endcmap end end";
    let font = "/Resources << /Font << /F1 << /Type /Font /Subtype /Type0 /BaseFont /Any /Encoding /Identity-H /ToUnicode 5 0 R /DescendantFonts [<< /Type /Font /Subtype /CIDFontType2 /BaseFont /Any /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> >>] >> >> >>";
    Pdf::one_page(font).stream("", b"BT /F1 12 Tf 72 720 Td <00410042> Tj ET").stream("", map).done()
}

/// A picture row of two thousand million columns in a filter of the text.
pub(super) fn wide_rows() -> Vec<u8> {
    let more =
        "/Filter /FlateDecode /DecodeParms << /Predictor 12 /Columns 2147483647 /Colors 32 /BitsPerComponent 16 >>";
    Pdf::one_page(FONT).stream(more, &deflated(&shows("Wide."))).done()
}

/// Arrays within arrays.
pub(super) fn deep_array(depth: usize) -> Vec<u8> {
    let array = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    Pdf::one_page(&format!("{FONT} /Deep {array}")).stream("", &shows("Deep.")).done()
}

/// A table of places that claims to have two thousand million rows.
pub(super) fn endless_table() -> Vec<u8> {
    let file = Pdf::one_page(FONT).stream("", &shows("Claims.")).done();
    let text = String::from_utf8_lossy(&file).replace("xref\n0 5", "xref\n0 2147483647");
    text.replace("/Size 5", "/Size 2147483647").into_bytes()
}

/// A file that is locked with a password that nobody has said.
pub(super) fn locked() -> Vec<u8> {
    let secret = secret();
    let lock = format!("<< /Filter /Standard /V 2 /R 3 /Length 128 /P -3904 /O <{secret}> /U <{secret}> >>");
    let file = Pdf::one_page(FONT).stream("", &[0x8f; 200]).object(&lock);
    file.done_with(&format!("/Encrypt 5 0 R /ID [<{secret}> <{secret}>]"))
}

/// A file that is locked by something that nobody knows.
pub(super) fn locked_oddly() -> Vec<u8> {
    let secret = secret();
    let lock = format!("/Encrypt << /Filter /Own /V 9 /O <{secret}> >> /ID [<{secret}> <{secret}>]");
    Pdf::one_page(FONT).stream("", &[0x8f; 200]).done_with(&lock)
}

fn secret() -> String {
    (0..32).map(|at| format!("{:02x}", (at * 37 + 11) % 256)).collect::<Vec<_>>().concat()
}

/// A file that wants to run a script when it is opened and carries another file.
pub(super) fn scripted() -> Vec<u8> {
    Pdf::new()
        .object("<< /Type /Catalog /Pages 2 0 R /OpenAction << /S /JavaScript /JS (app.launchURL\\('http://127.0.0.1:1/stolen'\\)) >> /Names << /EmbeddedFiles << /Names [(evil.exe) 5 0 R] >> >> >>")
        .object("<< /Type /Pages /Count 1 /Kids [3 0 R] >>")
        .object(&format!("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R {FONT} >>"))
        .stream("", &shows("The printer is serviced in May."))
        .object("<< /Type /Filespec /F (evil.exe) /EF << /F 6 0 R >> >>")
        .stream("/Type /EmbeddedFile", b"MZ stolen")
        .done()
}
