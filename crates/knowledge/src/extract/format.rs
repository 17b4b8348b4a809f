//! What a file is: by what it begins with, and by its name where that says nothing.

use super::ExtractError;
use super::package::Package;

/// A format that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are formats")]
pub enum Format {
    Text,
    Markdown,
    Html,
    Csv,
    Docx,
    Pptx,
    /// OpenDocument text and presentations.
    Odf,
    /// Excel, old and new, and OpenDocument sheets.
    Sheets,
    Epub,
    Mail,
    Pdf,
}

/// Tells by what a file begins with whether it is a picture.
fn is_picture(head: &[u8]) -> bool {
    let begins = [&b"\x89PNG"[..], b"\xff\xd8\xff", b"GIF8", b"II*\0", b"MM\0*"];
    begins.iter().any(|magic| head.starts_with(magic))
        // Two letters may begin a text as well; a text holds no zero.
        || head.starts_with(b"BM") && head.contains(&0)
        || head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP")
        || head.get(4..8) == Some(b"ftyp")
            && head.get(8..12).is_some_and(|kind| [&b"heic"[..], b"heix", b"mif1", b"avif"].contains(&kind))
}

impl Format {
    /// Tells the format of a file.
    pub fn of(name: &str, bytes: &[u8]) -> Result<Self, ExtractError> {
        let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_lowercase()).unwrap_or_default();
        let head = &bytes[..bytes.len().min(1024)];
        let unsupported = |what: &str| Err(ExtractError::Unsupported(what.to_owned()));
        if head.windows(5).any(|five| five == b"%PDF-") {
            return Ok(Self::Pdf);
        }
        if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
            return Self::of_package(bytes);
        }
        if head.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]) {
            return match extension.as_str() {
                "doc" | "dot" => unsupported("the old Word format (.doc)"),
                "ppt" | "pps" => unsupported("the old PowerPoint format (.ppt)"),
                "msg" => unsupported("an Outlook message (.msg)"),
                // A protected new document is wrapped in the old container.
                "docx" | "xlsx" | "pptx" => Err(ExtractError::Protected),
                _ => Ok(Self::Sheets),
            };
        }
        if is_picture(head) {
            return Err(ExtractError::Picture);
        }
        for (magic, what) in [
            (&b"RIFF"[..], "a recording"),
            (b"ID3", "a recording"),
            (b"{\\rtf", "Rich Text (.rtf)"),
            (b"\x1f\x8b", "a packed archive"),
            (b"7z\xbc\xaf", "a packed archive"),
            (b"Rar!", "a packed archive"),
            (b"\x7fELF", "a program"),
            (b"MZ", "a program"),
        ] {
            // Two letters may begin a text as well; a text holds no zero.
            if head.starts_with(magic) && (magic.len() > 2 || head.contains(&0)) {
                return unsupported(what);
            }
        }
        let wide = head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]);
        if head.contains(&0) && !wide {
            return unsupported("this kind of file");
        }
        let begins =
            String::from_utf8_lossy(head).trim_start_matches(['\u{feff}', ' ', '\n', '\r', '\t']).to_lowercase();
        Ok(match extension.as_str() {
            "htm" | "html" | "xhtml" => Self::Html,
            "md" | "markdown" | "mdx" => Self::Markdown,
            "csv" | "tsv" | "tab" => Self::Csv,
            "eml" => Self::Mail,
            _ if begins.starts_with("<!doctype html") || begins.starts_with("<html") => Self::Html,
            _ => Self::Text,
        })
    }

    fn of_package(bytes: &[u8]) -> Result<Self, ExtractError> {
        let mut package = Package::open(bytes, &super::Limits::default())?;
        let kind = package.text("mimetype").unwrap_or_default();
        let has = |name: &str| package.has(name);
        if has("word/document.xml") {
            Ok(Self::Docx)
        } else if has("ppt/presentation.xml") {
            Ok(Self::Pptx)
        } else if has("xl/workbook.xml") || has("xl/workbook.bin") || kind.contains("opendocument.spreadsheet") {
            Ok(Self::Sheets)
        } else if kind.contains("epub") || has("META-INF/container.xml") && !has("content.xml") {
            Ok(Self::Epub)
        } else if has("content.xml") {
            Ok(Self::Odf)
        } else {
            Err(ExtractError::Unsupported("a packed archive".to_owned()))
        }
    }
}
