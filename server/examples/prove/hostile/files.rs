//! The files, each with what has to become of it.

use super::packed::{self, Member, Zip};
use super::pdf::{self, Pdf};

/// What has to become of a file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    /// It is read.
    Ready,
    /// It is refused with a reason.
    Failed,
    /// Either; what counts is that nothing else is harmed.
    Either,
}

/// A file.
pub(super) struct Case {
    /// What is wrong with it.
    pub(super) what: String,
    /// What it is called when it is sent.
    pub(super) name: String,
    pub(super) make: Box<dyn Fn() -> Vec<u8>>,
    pub(super) expected: Expected,
    /// What has to be read.
    pub(super) with: &'static str,
    /// What must not be read, or be anywhere.
    pub(super) without: &'static str,
    /// What the reason has to say.
    pub(super) said: &'static str,
}

fn case(what: &str, name: &str, expected: Expected, make: impl Fn() -> Vec<u8> + 'static) -> Case {
    Case {
        what: what.to_owned(),
        name: name.to_owned(),
        make: Box::new(make),
        expected,
        with: "",
        without: "",
        said: "",
    }
}

impl Case {
    fn with(self, with: &'static str) -> Self {
        Self { with, ..self }
    }

    fn without(self, without: &'static str) -> Self {
        Self { without, ..self }
    }

    fn said(self, said: &'static str) -> Self {
        Self { said, ..self }
    }
}

/// All of them.
pub(super) fn all() -> Vec<Case> {
    [bombs(), packages(), pdfs(), broken(), texts()].into_iter().flatten().collect()
}

/// A Word document that is nothing but its body.
fn one(body: Member) -> Vec<u8> {
    Zip::default().member("word/document.xml", &body).done()
}

fn bombs() -> Vec<Case> {
    use Expected::Failed;
    const WORD_END: &str = "</w:t></w:r></w:p></w:body></w:document>";
    vec![
        case("zip bomb, 4 GB of blanks", "bomb.zip", Failed, || {
            Zip::default().member("blanks.txt", &Member::bomb("", b' ', 4000, "")).done()
        }),
        case("zip bomb as Word, a paragraph of 4 GB", "bomb.docx", Failed, || one(packed::word_bomb(4000))),
        case("zip bomb as Word that says it is small", "lies.docx", Failed, || one(packed::word_bomb(4000).lying())),
        case("zip bomb as Word, just within the bound", "near.docx", Expected::Either, || one(packed::word_bomb(190))),
        case("zip bomb as Excel, a cell of 4 GB", "bomb.xlsx", Failed, || {
            let sheet = packed::sheet("A1", &[("A1", "CUT")]);
            let (before, after) = sheet.split_once("CUT").unwrap_or_default();
            packed::workbook(&Member::bomb(before, b'a', 4000, after)).done()
        }),
        case("zip bomb as OpenDocument text, 4 GB", "bomb.odt", Failed, || {
            let content = packed::open_content("", "<text:p>CUT</text:p>");
            let (before, after) = content.split_once("CUT").unwrap_or_default();
            packed::open_document("text", &Member::bomb(before, b'a', 4000, after))
        }),
        case("zip bomb as EPUB, a chapter of 4 GB", "bomb.epub", Failed, || {
            packed::book("book.opf", &Member::bomb("<html><body><p>", b'a', 4000, "</p></body></html>"))
        }),
        case("zip bomb as PowerPoint, a slide of 4 GB", "bomb.pptx", Failed, || {
            Zip::default().member("ppt/presentation.xml", &Member::bomb("<p>", b' ', 4000, "</p>")).done()
        }),
        case("zip of 60,000 members", "many.docx", Failed, || {
            (0..60_000).fold(Zip::default(), |zip, at| zip.text(&format!("word/{at}.xml"), "")).done()
        }),
        case("zip of 9,000 members that are one member, 100 MB each", "overlap.xlsx", Failed, || {
            let kernel = Member::bomb("", b'a', 100, "");
            let zip = packed::workbook(&Member::of(packed::sheet("A1", &[("A1", "x")]).as_bytes()));
            let at = zip.len();
            let zip = zip.member("xl/0.xml", &kernel);
            (1..9000).fold(zip, |zip, name| zip.again(&format!("xl/{name}.xml"), &kernel, at)).done()
        }),
        case("zip that holds itself", "quine.zip", Failed, || packed::quine().unwrap_or_default()),
        case("zip that holds itself, as Word", "quine.docx", Failed, || packed::quine().unwrap_or_default()),
        case("zips in zips, 200 deep", "nested.docx", Failed, || {
            (0..200).fold(b"PK".to_vec(), |inner, _| Zip::default().member("inner.zip", &Member::of(&inner)).done())
        }),
        case("billion laughs in Word", "laughs.docx", Expected::Either, || {
            packed::word_with(&packed::laughs("w:document"), &packed::paragraph("Ha &lol9; ha.")).done()
        })
        .without("lollollol"),
        case("billion laughs in OpenDocument", "laughs.odt", Expected::Either, || {
            let content = packed::open_content(&packed::laughs("d"), "<text:p>Ha &lol9; ha.</text:p>");
            packed::open_document("text", &Member::of(content.as_bytes()))
        })
        .without("lollollol"),
        case("billion laughs in an OpenDocument sheet", "laughs.ods", Expected::Either, || {
            let body = "<office:spreadsheet><table:table table:name=\"A\"><table:table-row><table:table-cell><text:p>Ha &lol9; ha.</text:p></table:table-cell></table:table-row></table:table></office:spreadsheet>";
            let content = packed::open_content(&packed::laughs("d"), body);
            packed::open_document("spreadsheet", &Member::of(content.as_bytes()))
        })
        .without("lollollol"),
        case("billion laughs in Excel", "laughs.xlsx", Expected::Either, || {
            let sheet = packed::laughs("worksheet") + &packed::sheet("A1", &[("A1", "Ha &lol9; ha.")]);
            packed::workbook(&Member::of(sheet.as_bytes())).done()
        })
        .without("lollollol"),
        case("billion laughs in EPUB", "laughs.epub", Expected::Either, || {
            let chapter = packed::laughs("html") + "<html><body><p>Ha &lol9; ha.</p></body></html>";
            packed::book("book.opf", &Member::of(chapter.as_bytes()))
        })
        .without("lollollol"),
        case("one entity of 100 kB, named 50,000 times", "quadratic.docx", Expected::Either, || {
            let head = format!("<!DOCTYPE d [<!ENTITY a \"{}\">]>", "a".repeat(100_000));
            packed::word_with(&head, &packed::paragraph(&format!("Many {} more.", "&a;".repeat(50_000)))).done()
        })
        .without("aaaaaaaa"),
        case("an entity that is a file of the server", "entity.docx", Expected::Either, || {
            let head = "<!DOCTYPE d [<!ENTITY a SYSTEM \"file:///etc/passwd\">]>";
            packed::word_with(head, &packed::paragraph("The file says &a; and no more.")).done()
        })
        .without("root:"),
        case("XML, a million elements deep", "deep.docx", Expected::Either, || {
            packed::word(&format!("{}{}{}", "<w:p>".repeat(1_000_000), packed::paragraph("Deep."), "</w:p>".repeat(1_000_000)))
        }),
        case("XML, a million attributes", "attributes.docx", Expected::Either, || {
            let attributes = (0..1_000_000).map(|at| format!(" a{at}=\"\"")).collect::<Vec<_>>().concat();
            packed::word(&format!("<w:p{attributes}><w:r><w:t>Wide.{WORD_END}"))
        }),
        case("Word, a table 200,000 deep", "tables.docx", Expected::Either, || {
            packed::word(&format!("{}{}", "<w:tbl><w:tr><w:tc>".repeat(200_000), packed::paragraph("Deep.")))
        }),
    ]
}

fn packages() -> Vec<Case> {
    use Expected::{Either, Failed, Ready};
    let cell = |place: &'static str| {
        move || {
            packed::workbook(&Member::of(packed::sheet("A1:XFD1048576", &[(place, "Only this cell")]).as_bytes()))
                .done()
        }
    };
    vec![
        case("Excel, one cell in the last corner", "corner.xlsx", Ready, cell("XFD1048576")).with("Only this cell"),
        case("OpenDocument sheet, a cell a thousand million times", "repeat.ods", Either, || {
            let body = r#"<office:spreadsheet><table:table table:name="A"><table:table-row table:number-rows-repeated="1048576"><table:table-cell table:number-columns-repeated="1048576"><text:p>again</text:p></table:table-cell></table:table-row></table:table></office:spreadsheet>"#;
            packed::open_document("spreadsheet", &Member::of(packed::open_content("", body).as_bytes()))
        }),
        case("Word, members that climb out", "climb.docx", Ready, || {
            packed::word_with("", &packed::paragraph("The ladder is in the shed."))
                .text("../../../../../../tmp/cmp-climbed", "climbed")
                .text("..\\..\\cmp-climbed", "climbed")
                .text("/tmp/cmp-climbed", "climbed")
                .done()
        })
        .with("The ladder is in the shed")
        .without("climbed"),
        case("EPUB whose contents are a file of the server", "climb.epub", Failed, || {
            packed::book("../../../../etc/passwd", &Member::of(b"<p>A chapter.</p>"))
        })
        .without("root:"),
        case("a name that climbs", "../../../../tmp/cmp-climbed.txt", Ready, || b"A harmless text.".to_vec()),
        case("a name of another system that climbs", "..\\..\\..\\cmp-climbed.txt", Ready, || {
            b"Another harmless text.".to_vec()
        }),
        case("a name of 100,000 letters", &format!("{}.txt", "n".repeat(100_000)), Either, || {
            b"A text by a long name.".to_vec()
        }),
        case("a name that is a page", "<img src=x onerror=alert(1)>.txt", Ready, || b"A text by an odd name.".to_vec()),
        case("Word with macros", "macros.docm", Ready, || {
            packed::word_with("", &packed::paragraph("The invoice is due in June."))
                .text("word/vbaProject.bin", "Sub AutoOpen() Shell \"calc.exe\" End Sub")
                .done()
        })
        .with("The invoice is due in June")
        .without("AutoOpen"),
        case("Excel with macros", "macros.xlsm", Ready, || {
            packed::workbook(&Member::of(
                packed::sheet("A1", &[("A1", "Due in July"), ("A2", "=CALL here")]).as_bytes(),
            ))
            .text("xl/vbaProject.bin", "Sub Auto_Open() Shell \"calc.exe\" End Sub")
            .done()
        })
        .with("Due in July")
        .without("Auto_Open"),
        case("Word, encrypted members", "locked.docx", Failed, || {
            let member = Member { flags: 1, ..Member::of(b"<w:document/>") };
            Zip::default().member("word/document.xml", &member).done()
        }),
        case("Word in the wrapping of a password", "wrapped.docx", Failed, || {
            [&[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1][..], &[0; 4096]].concat()
        }),
    ]
}

fn pdfs() -> Vec<Case> {
    use Expected::{Either, Failed, Ready};
    let mut cases = vec![
        case("PDF, a page of 4 GB of blanks", "bomb.pdf", Failed, || pdf::stream_bomb(4000)),
        case("PDF, the same packed twice", "twice.pdf", Failed, || pdf::packed_twice(4000)),
        case("PDF, a form that shows itself", "form.pdf", Either, pdf::form_of_itself),
        case("PDF, a tree of pages 100,000 deep", "deep.pdf", Either, || pdf::deep_tree(100_000)),
        case("PDF, one page a million times", "wide.pdf", Either, || pdf::wide_tree(1_000_000)),
        case("PDF, 10,000 pages", "long.pdf", Ready, || pdf::pages(10_000)).with("about part P1999"),
        case("PDF, arrays a million deep", "arrays.pdf", Either, || pdf::deep_array(1_000_000)),
        case("PDF, a font of 4,000 million letters", "letters.pdf", Either, pdf::endless_letters),
        case("PDF, rows of 2,000 million columns", "rows.pdf", Either, pdf::wide_rows),
        case("PDF, a table of 2,000 million places", "table.pdf", Either, pdf::endless_table),
        case("PDF, encrypted", "locked.pdf", Failed, pdf::locked).said("password"),
        case("PDF, encrypted in a way of its own", "own.pdf", Failed, pdf::locked_oddly).said("password"),
        case("PDF with a script and another file in it", "script.pdf", Ready, pdf::scripted)
            .with("The printer is serviced in May")
            .without("stolen"),
        case("PDF, five megabytes of noise", "noise.pdf", Failed, || [&b"%PDF-1.7\n"[..], &noise(5_000_000)].concat()),
        case("PDF without anything in it", "empty.pdf", Failed, || Pdf::new().done()),
    ];
    cases.extend(pdf::loops().into_iter().map(|(what, bytes)| case(what, "loop.pdf", Either, move || bytes.clone())));
    cases
}

/// Bytes that mean nothing, the same in each run.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(next).take(count).collect()
}

fn broken() -> Vec<Case> {
    use Expected::{Either, Failed, Ready};
    let half = |bytes: Vec<u8>| bytes[..bytes.len() / 2].to_vec();
    vec![
        case("PDF, cut off in the middle", "half.pdf", Either, move || half(pdf::pages(200))),
        case("Word, cut off in the middle", "half.docx", Failed, move || {
            half(packed::word(&packed::paragraph("Half.").repeat(999)))
        }),
        case("Excel, cut off in the middle", "half.xlsx", Failed, move || {
            half(packed::workbook(&Member::of(packed::sheet("A1", &[("A1", "half")]).as_bytes())).done())
        }),
        case("a picture", "picture.png", Failed, || [&b"\x89PNG\r\n\x1a\n"[..], &noise(9000)].concat()).said("OCR"),
        case("a picture called Word", "picture.docx", Failed, || [&b"\x89PNG\r\n\x1a\n"[..], &noise(9000)].concat()),
        case("a program called PDF", "program.pdf", Failed, || [&b"\x7fELF\x02\x01\x01\0"[..], &noise(9000)].concat()),
        case("a page called PDF", "page.pdf", Ready, || b"<!DOCTYPE html><p>The gate closes at six.</p>".to_vec())
            .with("The gate closes at six"),
        case("a PDF called text", "really.txt", Ready, || pdf::pages(1)).with("about part P0"),
        case("Word called Excel", "really.xlsx", Ready, || packed::word(&packed::paragraph("It is a letter.")))
            .with("It is a letter"),
        case("noise called text", "noise.txt", Either, || noise(5_000_000)),
        case("noise called e-mail", "noise.eml", Either, || noise(5_000_000)),
        case("nothing", "nothing.pdf", Failed, Vec::new),
    ]
}

fn texts() -> Vec<Case> {
    use Expected::{Either, Ready};
    vec![
        case("HTML with scripts", "scripts.html", Ready, || {
            br#"<html><head><title>Hours</title><script>steal(document.cookie)</script><style>p{background:url(http://127.0.0.1:1/steal)}</style></head><body onload="steal()"><p>The shop opens at nine.</p><img src=x onerror="steal()"><a href="javascript:steal()">Hours</a><iframe srcdoc="<script>steal()</script>"></iframe><svg><script>steal()</script></svg><noscript><p>steal()</p></noscript></body></html>"#.to_vec()
        })
        .with("The shop opens at nine")
        .without("steal"),
        case("HTML, a million elements deep", "deep.html", Either, || {
            format!("{}deep", "<div><b>".repeat(1_000_000)).into_bytes()
        }),
        case("HTML, tables 300,000 deep", "tables.html", Either, || {
            format!("{}deep", "<table><tr><td>".repeat(300_000)).into_bytes()
        }),
        case("HTML, a tag of 20 MB", "tag.html", Either, || format!("<p {}>x</p>", "a=b ".repeat(5_000_000)).into_bytes()),
        case("Markdown, quotes 500,000 deep", "quotes.md", Either, || format!("{}deep", "> ".repeat(500_000)).into_bytes()),
        case("Markdown, 5 million open brackets", "brackets.md", Either, || "[".repeat(5_000_000).into_bytes()),
        case("Markdown, 3 million stars", "stars.md", Either, || "*a_ ".repeat(1_000_000).into_bytes()),
        case("Markdown, lists 20,000 deep", "lists.md", Either, || {
            (0..4000).map(|depth| format!("{}- a\n", "  ".repeat(depth))).collect::<Vec<_>>().concat().into_bytes()
        }),
        case("CSV, one row of 10 million cells", "row.csv", Either, || ",".repeat(10_000_000).into_bytes()),
        case("CSV, a quote that never closes", "quote.csv", Either, || format!("a,b\n\"{}", "x,y\n".repeat(5_000_000)).into_bytes()),
        case("text, one word of 24 MB", "word.txt", Either, || "a".repeat(24_000_000).into_bytes()),
        case("text, 3 million different words", "words.txt", Either, || {
            (0..3_000_000).map(|at| format!("w{at:x} ")).collect::<Vec<_>>().concat().into_bytes()
        }),
        case("text, 24 MB of one word a line", "lines.txt", Either, || "ab\n\n".repeat(6_000_000).into_bytes()),
        case("text, zeros, marks of direction and blanks of no width", "marks.txt", Either, || {
            "The vault \u{202e}si nepo\u{202c} is\u{200b} open\u{0}.\u{feff}\u{1b}[31m ".repeat(1000).into_bytes()
        }),
        case("e-mail, 50,000 parts in each other", "parts.eml", Either, || {
            let mut text = String::from("From: a@b\r\nMIME-Version: 1.0\r\n");
            for part in 0..50_000 {
                text.push_str(&format!("Content-Type: multipart/mixed; boundary=b{part}\r\n\r\n--b{part}\r\n"));
            }
            (text + "\r\nDeep.\r\n").into_bytes()
        }),
        case("e-mail, messages in each other, 20,000 deep", "messages.eml", Either, || {
            let head = "From: a@b\r\nMIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n\r\n";
            (head.repeat(20_000) + "From: a@b\r\n\r\nDeep.\r\n").into_bytes()
        }),
        case("e-mail with a program attached", "program.eml", Ready, || {
            b"From: a@b\r\nSubject: Hours\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\nWe open at eight.\r\n--x\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=\"../../evil.exe\"\r\nContent-Transfer-Encoding: base64\r\n\r\nTVpzdG9sZW4=\r\n--x--\r\n".to_vec()
        })
        .with("We open at eight")
        .without("stolen"),
    ]
}
