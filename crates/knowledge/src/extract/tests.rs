//! Small files of each format, made here so that what they hold is known.

use std::io::{Cursor, Write as _};

use proptest::prelude::*;
use zip::write::SimpleFileOptions;

use super::*;
use crate::document::Body;

fn read(name: &str, bytes: &[u8]) -> Result<Document, ExtractError> {
    extract(name, bytes, &Limits::default())
}

/// A document line by line: `1:` before headings of level 1, `@2` before what stands on page 2.
fn lines(document: &Document) -> Vec<String> {
    let mut lines = Vec::new();
    for block in &document.blocks {
        let page = block.page.map(|page| format!("@{page} ")).unwrap_or_default();
        match &block.body {
            Body::Heading { level, text } => lines.push(format!("{page}{level}: {text}")),
            Body::Text { text } => lines.push(format!("{page}{text}")),
            Body::Table { head, rows } => {
                lines.push(format!("{page}[{}]", head.join("|")));
                lines.extend(rows.iter().map(|row| format!("{page}{}", row.join("|"))));
            }
        }
    }
    lines
}

fn packed(members: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in members {
        archive.start_file(*name, SimpleFileOptions::default()).unwrap();
        archive.write_all(text.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

const TABLE: &str = "<w:tbl><w:tr><w:tc><w:p><w:r><w:t>Part</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>Price</w:t></w:r></w:p></w:tc></w:tr><w:tr><w:tc><w:p><w:r><w:t>Bolt</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>2 &amp; 3</w:t></w:r></w:p></w:tc></w:tr></w:tbl>";

fn docx(body: &str) -> Vec<u8> {
    let styles = r#"<w:styles><w:style w:styleId="berschrift1"><w:name w:val="heading 1"/></w:style></w:styles>"#;
    let core = "<cp:coreProperties><dc:title>Hand book</dc:title></cp:coreProperties>";
    let body = format!(r#"<?xml version="1.0"?><w:document xmlns:w="w"><w:body>{body}</w:body></w:document>"#);
    packed(&[("word/document.xml", &body), ("word/styles.xml", styles), ("docProps/core.xml", core)])
}

#[test]
fn word_keeps_headings_lists_tables_and_pages() {
    let body = format!(
        r#"<w:p><w:pPr><w:pStyle w:val="berschrift1"/></w:pPr><w:r><w:t>Returns</w:t></w:r></w:p>
        <w:p><w:r><w:t xml:space="preserve">Within </w:t></w:r><w:r><w:t>10 days.</w:t></w:r></w:p>
        <w:p><w:pPr><w:numPr/></w:pPr><w:r><w:t>by post</w:t></w:r></w:p>{TABLE}
        <w:p><w:r><w:lastRenderedPageBreak/><w:t>Next.</w:t></w:r></w:p>
        <w:p><w:del><w:r><w:delText>deleted</w:delText></w:r></w:del></w:p>"#
    );
    let document = read("a.docx", &docx(&body)).unwrap();
    assert_eq!(document.title.as_deref(), Some("Hand book"));
    assert_eq!(
        lines(&document),
        ["1: Returns", "Within 10 days.", "- by post", "[Part|Price]", "Bolt|2 & 3", "@2 Next."]
    );
}

#[test]
fn slides_are_pages_in_the_order_of_the_show() {
    let slide = |title: &str, text: &str| {
        format!(
            r#"<p:sld><p:sp><p:nvPr><p:ph type="title"/></p:nvPr><a:p><a:r><a:t>{title}</a:t></a:r></a:p></p:sp>
            <p:sp><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:sp><p:sp><p:ph type="sldNum"/><a:p><a:r><a:t>7</a:t></a:r></a:p></p:sp></p:sld>"#
        )
    };
    let bytes = packed(&[
        (
            "ppt/presentation.xml",
            r#"<p:presentation><p:sldId id="256" r:id="rId2"/><p:sldId id="257" r:id="rId1"/></p:presentation>"#,
        ),
        (
            "ppt/_rels/presentation.xml.rels",
            r#"<Relationships><Relationship Id="rId1" Type="x/slide" Target="slides/slide1.xml"/><Relationship Id="rId2" Type="x/slide" Target="slides/slide2.xml"/></Relationships>"#,
        ),
        ("ppt/slides/slide1.xml", &slide("Second", "two")),
        ("ppt/slides/slide2.xml", &slide("First", "one")),
        (
            "ppt/slides/_rels/slide2.xml.rels",
            r#"<Relationships><Relationship Id="rId1" Type="x/chart" Target="../charts/chart1.xml"/></Relationships>"#,
        ),
        (
            "ppt/charts/chart1.xml",
            "<c:chart><c:title><c:tx><a:t>Sales</a:t></c:tx></c:title><c:ser><c:tx><c:v>North</c:v></c:tx><c:cat><c:v>May</c:v><c:v>June</c:v></c:cat><c:val><c:v>4.3</c:v><c:v>5</c:v></c:val></c:ser></c:chart>",
        ),
    ]);
    let read = lines(&read("a.pptx", &bytes).unwrap());
    let chart = ["@1 Sales", "@1 [|North]", "@1 May|4.3", "@1 June|5"];
    assert_eq!(read, [&["@1 1: First", "@1 one"][..], &chart, &["@2 1: Second", "@2 two"]].concat());
}

#[test]
fn sheets_are_tables_on_pages() {
    let workbook = r#"<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="Prices" sheetId="1" r:id="rId1"/></sheets></workbook>"#;
    let sheet = r#"<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><dimension ref="A1:XFD1048576"/><sheetData>
        <row r="1"><c r="A1" t="inlineStr"><is><t>Part</t></is></c><c r="B1" t="inlineStr"><is><t>Price</t></is></c><c r="C1" t="inlineStr"><is><t>In stock</t></is></c></row>
        <row r="2"><c r="A2" t="inlineStr"><is><t>Bolt</t></is></c><c r="B2"><v>2.5</v></c><c r="C2" t="b"><v>1</v></c></row>
        <row r="3"><c r="A3" t="n"><v> 41</v></c></row><row r="1048576"><c r="B1048576"><v>7</v></c></row></sheetData></worksheet>"#;
    let relations = r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>"#;
    let root = r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#;
    let bytes = packed(&[
        ("_rels/.rels", root),
        ("xl/workbook.xml", workbook),
        ("xl/_rels/workbook.xml.rels", relations),
        ("xl/worksheets/sheet1.xml", sheet),
    ]);
    let document = read("a.xlsx", &bytes).unwrap();
    assert_eq!(lines(&document), ["@1 1: Prices", "@1 [Part|Price|In stock]", "@1 Bolt|2.5|true", "@1 |7"]);
    assert_eq!(document.warnings, ["Cells of the sheet Prices that could not be read: 1."]);
}

#[test]
fn open_document_text_is_read_without_comments() {
    let content = r#"<office:document-content><text:h text:outline-level="2">Care</text:h><text:p>Wash<text:s/>at<office:annotation><text:p>why?</text:p></office:annotation> 40.</text:p>
        <text:list><text:list-item><text:p>no bleach</text:p></text:list-item></text:list>
        <table:table><table:table-row><table:table-cell><text:p>a</text:p></table:table-cell><table:table-cell><text:p>b</text:p></table:table-cell></table:table-row><table:table-row><table:table-cell><text:p>1</text:p></table:table-cell><table:table-cell><text:p>2</text:p></table:table-cell></table:table-row></table:table></office:document-content>"#;
    let bytes = packed(&[("mimetype", "application/vnd.oasis.opendocument.text"), ("content.xml", content)]);
    assert_eq!(lines(&read("a.odt", &bytes).unwrap()), ["2: Care", "Wash at 40.", "- no bleach", "[a|b]", "1|2"]);
}

#[test]
fn a_book_is_read_in_the_order_of_its_spine() {
    let bytes = packed(&[
        ("mimetype", "application/epub+zip"),
        ("META-INF/container.xml", r#"<container><rootfile full-path="OPS/book.opf"/></container>"#),
        (
            "OPS/book.opf",
            r#"<package><dc:title>A Book</dc:title><item id="a" href="text/a%20b.xhtml"/><item id="b" href="b.xhtml"/><itemref idref="b"/><itemref idref="a"/></package>"#,
        ),
        ("OPS/text/a b.xhtml", "<html><body><h1>Two</h1><p>later</p></body></html>"),
        ("OPS/b.xhtml", "<html><body><h1>One</h1><p>first</p></body></html>"),
    ]);
    let document = read("a.epub", &bytes).unwrap();
    assert_eq!(document.title.as_deref(), Some("A Book"));
    assert_eq!(lines(&document), ["1: One", "first", "1: Two", "later"]);
}

#[test]
fn a_page_is_read_without_scripts_styles_and_menus() {
    let html = "<!doctype html><title>Shop &amp; co</title><style>p{}</style><nav>Home</nav><script>var a='<p>no</p>';</script>
        <h1>Returns</h1><p>In <b>ten</b>\n days.<br>Or more.<ul><li>by post<li>in the shop</ul>
        <table><tr><th>Part<th>Price<tr><td>Bolt<td>2</table><p>End";
    let document = read("page", html.as_bytes()).unwrap();
    assert_eq!(document.title.as_deref(), Some("Shop & co"));
    assert_eq!(
        lines(&document),
        ["1: Returns", "In ten days.\nOr more.", "- by post", "- in the shop", "[Part|Price]", "Bolt|2", "End"]
    );
}

#[test]
fn markdown_keeps_its_structure() {
    let text = "---\ntitle: \"Hand book\"\n---\n# Returns\n\nWithin *ten* days.\n\n- by post\n- in the `shop`\n\n| Part | Price |\n|---|---|\n| Bolt | 2 |\n\n```\na  b\n```\n";
    let document = read("a.md", text.as_bytes()).unwrap();
    assert_eq!(document.title.as_deref(), Some("Hand book"));
    assert_eq!(
        lines(&document),
        ["1: Returns", "Within ten days.", "- by post", "- in the shop", "[Part|Price]", "Bolt|2", "a  b"]
    );
}

#[test]
fn separated_values_are_a_table_whatever_separates_them() {
    for text in ["Part,Price\n\"Bolt, long\",2\n", "Part;Price\nBolt, long;2\n", "Part\tPrice\nBolt, long\t2\n"] {
        assert_eq!(lines(&read("a.csv", text.as_bytes()).unwrap()), ["[Part|Price]", "Bolt, long|2"], "{text}");
    }
}

#[test]
fn text_is_read_in_its_encoding() {
    for bytes in [
        &b"Gr\xc3\xbc\xc3\x9fe"[..],
        b"\xef\xbb\xbfGr\xc3\xbc\xc3\x9fe",
        b"Gr\xfc\xdfe",
        b"\xff\xfeG\0r\0\xfc\0\xdf\0e\0",
    ] {
        assert_eq!(lines(&read("a.txt", bytes).unwrap()), ["Grüße"]);
    }
}

#[test]
fn a_mail_tells_who_wrote_and_names_what_was_attached() {
    let mail = "From: Ann <ann@example.com>\r\nTo: bob@example.com\r\nSubject: =?utf-8?q?R=C3=BCckgabe?=\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/html\r\n\r\n<p>Within <b>ten</b> days.\r\n--x\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\n\r\nJVBERg\r\n--x--\r\n";
    let document = read("a.eml", mail.as_bytes()).unwrap();
    assert_eq!(document.title.as_deref(), Some("Rückgabe"));
    assert_eq!(
        lines(&document),
        ["From: Ann <ann@example.com>\nTo: bob@example.com\nSubject: Rückgabe", "Within ten days."]
    );
    assert!(document.warnings[0].contains("a.pdf"));
}

/// A PDF of pages, each a list of lines: size, height above the bottom, and words.
fn pdf(pages: &[&[(u32, u32, &str)]]) -> Vec<u8> {
    let mut objects = vec!["<< /Type /Catalog /Pages 2 0 R >>".to_owned(), String::new()];
    objects.push("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_owned());
    let mut kids = Vec::new();
    for page in pages {
        let mut text = String::new();
        for (size, y, words) in *page {
            text.push_str(&format!("BT /F1 {size} Tf 1 0 0 1 72 {y} Tm ({words}) Tj ET\n"));
        }
        objects.push(format!("<< /Length {} >>\nstream\n{text}\nendstream", text.len()));
        let content = objects.len();
        objects.push(format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {content} 0 R /Resources << /Font << /F1 3 0 R >> >> >>"
        ));
        kids.push(format!("{} 0 R", objects.len()));
    }
    objects[1] = format!("<< /Type /Pages /Count {} /Kids [{}] >>", kids.len(), kids.join(" "));
    let mut file = "%PDF-1.4\n".to_owned();
    let mut places = Vec::new();
    for (object, number) in objects.iter().zip(1..) {
        places.push(file.len());
        file.push_str(&format!("{number} 0 obj\n{object}\nendobj\n"));
    }
    let start = file.len();
    file.push_str(&format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1));
    for place in places {
        file.push_str(&format!("{place:010} 00000 n \n"));
    }
    file.push_str(&format!("trailer << /Size {} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n", objects.len() + 1));
    file.into_bytes()
}

#[test]
fn a_pdf_has_headings_paragraphs_and_pages() {
    let bytes = pdf(&[
        &[
            (20, 760, "Returns"),
            (10, 730, "You may send goods back with-"),
            (10, 718, "in ten days of their arrival."),
            (10, 690, "Whatever that costs is"),
        ],
        &[(10, 760, "ours to pay, and nobody else has to do so, ever."), (10, 700, "The end of the text is here.")],
    ]);
    assert_eq!(
        lines(&read("a.pdf", &bytes).unwrap()),
        [
            "@1 1: Returns",
            "@1 You may send goods back within ten days of their arrival.",
            "@1 Whatever that costs is ours to pay, and nobody else has to do so, ever.",
            "@2 The end of the text is here.",
        ]
    );
}

#[test]
fn a_pdf_may_have_something_before_and_behind_it() {
    let file = pdf(&[&[(12, 700, "Bolts are sold by weight.")]]);
    let bytes = [&b"From a mail\n\n"[..], &file, &[0; 2000]].concat();
    assert_eq!(lines(&read("a.pdf", &bytes).unwrap()), lines(&read("a.pdf", &file).unwrap()));
}

#[test]
fn what_holds_no_text_says_so() {
    assert_eq!(read("a.pdf", &pdf(&[&[]])), Err(ExtractError::NoText));
    for picture in [
        &b"\x89PNG\r\n\x1a\n"[..],
        b"\xff\xd8\xff\xe0\0",
        b"GIF89a",
        b"RIFF\x10\0\0\0WEBPVP8 ",
        b"\0\0\0\x18ftypheic",
        b"BM\x36\0\0\0",
    ] {
        assert_eq!(read("scan.png", picture), Err(ExtractError::Picture));
        assert_eq!(read("scan.txt", picture), Err(ExtractError::Picture));
    }
    assert!(ExtractError::Picture.to_string().contains("holds no text") && read("BMW.txt", b"BMW drives").is_ok());
    assert_eq!(read("a.txt", b" \n "), Err(ExtractError::NoText));
    assert!(matches!(read("a.doc", b"\xd0\xcf\x11\xe0 old"), Err(ExtractError::Unsupported(_))));
    assert!(matches!(read("a.zip", &packed(&[("a.txt", "text")])), Err(ExtractError::Unsupported(_))));
    assert_eq!(read("a.docx", b"\xd0\xcf\x11\xe0 locked"), Err(ExtractError::Protected));
}

#[test]
fn the_content_decides_and_not_the_name() {
    assert_eq!(lines(&read("a.txt", &docx("<w:p><w:t>Words</w:t></w:p>")).unwrap()), ["Words"]);
    assert_eq!(lines(&read("a.pdf", b"<!DOCTYPE html><p>Words").unwrap()), ["Words"]);
}

#[test]
fn a_file_that_unpacks_to_too_much_is_refused() {
    let limits = Limits { unpacked: 100_000, ..Limits::default() };
    let bomb = docx(&format!("<w:p><w:t>{}</w:t></w:p>", " ".repeat(200_000)));
    assert!(bomb.len() < 5000);
    assert_eq!(extract("a.docx", &bomb, &limits), Err(ExtractError::TooLarge));
}

#[test]
fn laughs_are_not_multiplied() {
    let xml = r#"<!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><w:document><w:p><w:t>Well &b;</w:t></w:p></w:document>"#;
    assert_eq!(lines(&read("a.docx", &packed(&[("word/document.xml", xml)])).unwrap()), ["Well"]);
}

#[test]
fn no_depth_of_nesting_ends_the_process() {
    let deep = format!("{}words{}", "<div><table><tr><td>".repeat(50_000), "</td></tr></table></div>".repeat(50_000));
    assert!(lines(&read("a.html", deep.as_bytes()).unwrap()).concat().contains("words"));
    let deep = format!("{}<w:t>words</w:t>", "<w:tbl><w:tr><w:tc>".repeat(50_000));
    assert!(lines(&read("a.docx", &docx(&deep)).unwrap()).concat().contains("words"));
}

#[test]
fn what_is_too_long_is_cut_with_a_warning() {
    let limits = Limits { text: 50, cells: 5, ..Limits::default() };
    let document = extract("a.txt", "word ".repeat(50).as_bytes(), &limits).unwrap();
    assert!(document.warnings.len() == 1 && lines(&document).concat().len() <= 50);
    let document = extract("a.csv", "a,b\n".repeat(50).as_bytes(), &limits).unwrap();
    assert!(!document.warnings.is_empty() && lines(&document).len() <= 3);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn bytes_of_any_kind_do_not_panic_outside_pdf(head in 0..6_usize, bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let names = ["a.txt", "a.html", "a.csv", "a.md", "a.eml", "a"];
        let _ = read(names[head], &bytes);
    }

    #[test]
    fn a_damaged_archive_does_not_panic(at in 0..4000_usize, byte in any::<u8>()) {
        let mut bytes = docx(TABLE);
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = read("a.docx", &bytes);
    }

    #[test]
    fn a_damaged_pdf_does_not_panic(at in 0..4000_usize, byte in any::<u8>()) {
        let mut bytes = pdf(&[&[(10, 700, "Some words")]]);
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = read("a.pdf", &bytes);
    }
}
