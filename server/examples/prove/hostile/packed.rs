//! Files that are zip archives, made byte by byte: what a library would not write is the point here.

use std::io::Write as _;

/// An archive that is being written.
#[derive(Default)]
pub(super) struct Zip {
    bytes: Vec<u8>,
    central: Vec<u8>,
    count: usize,
}

/// A member's data as it is stored.
pub(super) struct Member {
    pub(super) packed: Vec<u8>,
    /// What the headers say it unpacks to.
    pub(super) size: u64,
    pub(super) crc: u32,
    /// 8 is deflate.
    pub(super) method: u16,
    /// The lowest bit says that it is encrypted.
    pub(super) flags: u16,
}

impl Member {
    /// Packs what is given.
    pub(super) fn of(data: &[u8]) -> Self {
        let mut packer = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
        let packed = packer.write_all(data).and_then(|()| packer.finish()).unwrap_or_default();
        Self { packed, size: data.len() as u64, crc: crc(data), method: 8, flags: 0 }
    }

    /// Text, then so many megabytes of one letter, then text.
    pub(super) fn bomb(before: &str, letter: u8, megabytes: usize, after: &str) -> Self {
        let mut packer = flate2::Compress::new(flate2::Compression::best(), false);
        let (mut packed, mut sum) = (Vec::new(), flate2::Crc::new());
        let mut flushed = |data: &[u8]| {
            let mut block = Vec::with_capacity(data.len() / 100 + (1 << 16));
            // Each block ends on a byte and knows nothing of those before, so that it can be repeated.
            let _ = packer.compress_vec(data, &mut block, flate2::FlushCompress::Full);
            let mut sum = flate2::Crc::new();
            sum.update(data);
            (block, sum)
        };
        let begin = flushed(before.as_bytes());
        let megabyte = flushed(&vec![letter; 1 << 20]);
        let end = flushed(after.as_bytes());
        for (block, own) in std::iter::once(&begin).chain(std::iter::repeat_n(&megabyte, megabytes)).chain([&end]) {
            packed.extend_from_slice(block);
            sum.combine(own);
        }
        packed.extend_from_slice(&[0x03, 0x00]);
        let size = ((megabytes << 20) + before.len() + after.len()) as u64;
        Self { packed, size, crc: sum.sum(), method: 8, flags: 0 }
    }

    /// The same with headers that say it is small.
    pub(super) fn lying(self) -> Self {
        Self { size: 100, ..self }
    }
}

pub(super) fn crc(data: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(data);
    crc.sum()
}

impl Zip {
    pub(super) fn text(self, name: &str, text: &str) -> Self {
        self.member(name, &Member::of(text.as_bytes()))
    }

    pub(super) fn member(mut self, name: &str, member: &Member) -> Self {
        let at = self.bytes.len();
        self.bytes.extend_from_slice(&header(name, member));
        self.bytes.extend_from_slice(&member.packed);
        self.entry(name, member, at);
        self
    }

    /// One more name for what lies at a place already.
    pub(super) fn again(mut self, name: &str, member: &Member, at: usize) -> Self {
        self.entry(name, member, at);
        self
    }

    fn entry(&mut self, name: &str, member: &Member, at: usize) {
        self.central.extend_from_slice(&entry(name, member, at));
        self.count += 1;
    }

    /// Where the next member will lie.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn done(mut self) -> Vec<u8> {
        let end = end(self.count, self.central.len(), self.bytes.len());
        self.bytes.append(&mut self.central);
        self.bytes.extend_from_slice(&end);
        self.bytes
    }
}

fn short(number: usize) -> [u8; 2] {
    u16::try_from(number).unwrap_or(u16::MAX).to_le_bytes()
}

fn long(number: u64) -> [u8; 4] {
    u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes()
}

/// What both headers of a member say.
fn described(name: &str, member: &Member) -> Vec<u8> {
    let mut bytes = vec![20, 0];
    bytes.extend_from_slice(&member.flags.to_le_bytes());
    bytes.extend_from_slice(&member.method.to_le_bytes());
    bytes.extend_from_slice(&[0, 0, 0x21, 0]);
    bytes.extend_from_slice(&member.crc.to_le_bytes());
    bytes.extend_from_slice(&long(member.packed.len() as u64));
    bytes.extend_from_slice(&long(member.size));
    bytes.extend_from_slice(&short(name.len()));
    bytes.extend_from_slice(&[0, 0]);
    bytes
}

fn header(name: &str, member: &Member) -> Vec<u8> {
    [b"PK\x03\x04", described(name, member).as_slice(), name.as_bytes()].concat()
}

fn entry(name: &str, member: &Member, at: usize) -> Vec<u8> {
    let place = long(at as u64);
    [b"PK\x01\x02\x14\0", described(name, member).as_slice(), &[0; 10], &place, name.as_bytes()].concat()
}

fn end(count: usize, central: usize, at: usize) -> Vec<u8> {
    let count = short(count);
    let (central, at) = (long(central as u64), long(at as u64));
    [b"PK\x05\x06\0\0\0\0", count.as_slice(), &count, &central, &at, &[0, 0]].concat()
}

const WORD: &str = r#"<?xml version="1.0"?><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>"#;
const WORD_END: &str = "</w:body></w:document>";

/// A paragraph of a Word document.
pub(super) fn paragraph(text: &str) -> String {
    format!("<w:p><w:r><w:t>{text}</w:t></w:r></w:p>")
}

/// A Word document with this in its body.
pub(super) fn word(body: &str) -> Vec<u8> {
    word_with("", body).done()
}

/// The same, with something before the first element, and more members to come.
pub(super) fn word_with(head: &str, body: &str) -> Zip {
    let kinds = r#"<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>"#;
    let (first, rest) = WORD.split_at(WORD.find("<w:").unwrap_or(0));
    Zip::default()
        .text("[Content_Types].xml", kinds)
        .text("word/document.xml", &format!("{first}{head}{rest}{body}{WORD_END}"))
}

/// A Word document of one paragraph that goes on for so many megabytes.
pub(super) fn word_bomb(megabytes: usize) -> Member {
    let before = format!("{WORD}<w:p><w:r><w:t>");
    Member::bomb(&before, b'a', megabytes, &format!("</w:t></w:r></w:p>{WORD_END}"))
}

/// A workbook of one sheet.
pub(super) fn workbook(sheet: &Member) -> Zip {
    let relation = |kind: &str, target: &str| {
        format!(
            r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}" Target="{target}"/></Relationships>"#
        )
    };
    Zip::default()
        .text("_rels/.rels", &relation("officeDocument", "xl/workbook.xml"))
        .text("xl/workbook.xml", r#"<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="Sheet" sheetId="1" r:id="rId1"/></sheets></workbook>"#)
        .text("xl/_rels/workbook.xml.rels", &relation("worksheet", "worksheets/sheet1.xml"))
        .member("xl/worksheets/sheet1.xml", sheet)
}

/// A sheet of these cells, each its place and its text.
pub(super) fn sheet(dimension: &str, cells: &[(&str, &str)]) -> String {
    let mut rows = String::new();
    for (place, text) in cells {
        let row: String = place.chars().filter(char::is_ascii_digit).collect();
        rows.push_str(&format!(r#"<row r="{row}"><c r="{place}" t="inlineStr"><is><t>{text}</t></is></c></row>"#));
    }
    format!(
        r#"<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><dimension ref="{dimension}"/><sheetData>{rows}</sheetData></worksheet>"#
    )
}

/// An OpenDocument file of a kind, `text`, `spreadsheet` or `presentation`.
pub(super) fn open_document(kind: &str, content: &Member) -> Vec<u8> {
    let mime = Member {
        packed: format!("application/vnd.oasis.opendocument.{kind}").into_bytes(),
        size: 0,
        crc: 0,
        method: 0,
        flags: 0,
    };
    let mime = Member { size: mime.packed.len() as u64, crc: crc(&mime.packed), ..mime };
    Zip::default().member("mimetype", &mime).member("content.xml", content).done()
}

/// The content of such a file around a body.
pub(super) fn open_content(head: &str, body: &str) -> String {
    format!(
        r#"<?xml version="1.0"?>{head}<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"><office:body>{body}</office:body></office:document-content>"#
    )
}

/// A book of one chapter; `at` is where the container says its contents are.
pub(super) fn book(at: &str, chapter: &Member) -> Vec<u8> {
    Zip::default()
        .text("mimetype", "application/epub+zip")
        .text("META-INF/container.xml", &format!(r#"<container><rootfiles><rootfile full-path="{at}"/></rootfiles></container>"#))
        .text("book.opf", r#"<package><metadata><title>A book</title></metadata><manifest><item id="one" href="one.xhtml"/></manifest><spine><itemref idref="one"/></spine></package>"#)
        .member("one.xhtml", chapter)
        .done()
}

/// Entities that are each ten of the one before.
pub(super) fn laughs(root: &str) -> String {
    let mut text = format!("<!DOCTYPE {root} [<!ENTITY lol0 \"lol\">");
    for level in 1..10 {
        let tenfold = format!("&lol{};", level - 1).repeat(10);
        text.push_str(&format!("<!ENTITY lol{level} \"{tenfold}\">"));
    }
    text + "]>"
}

/// A zip that unpacks to itself, and so on without end.
///
/// A deflate stream of two kinds of blocks: one that prints so many bytes that follow, one that repeats the
/// last so many bytes. Each is five bytes long, so that such a block can be printed and repeated like
/// anything else; the checksum of the whole, which is part of the whole, is found by solving for it.
pub(super) fn quine() -> Option<Vec<u8>> {
    // A distance of 65 and a length of 65 make a block of just 40 bits, so the header has to be 60 bytes long.
    let name = "this-zip-holds-itself-once.zip";
    let print = |count: usize| {
        let [a, b] = short(count);
        vec![0, a, b, !a, !b]
    };
    let nothing = print(0);
    let (again_65, again_20) = (repeat(&[65], 65, false), repeat(&[10, 10], 20, false));
    let tail = |member: &Member, at: usize| {
        let central = entry(name, member, 0);
        let end = end(1, central.len(), at);
        [central, end].concat()
    };
    let tail_length = tail(&Member::of(b""), 0).len();
    // What is printed last is the block that repeats it, and the end of the archive.
    let mut again_end = repeat(&[100], 100, true);
    again_end = repeat(&[tail_length + again_end.len()], tail_length + again_end.len(), true);
    let print_end = print(again_end.len() + tail_length);
    let (print_65, print_5, print_20) = (print(65), print(5), print(20));
    let build = |crc: u32| {
        let mut member = Member { packed: Vec::new(), size: 0, crc, method: 8, flags: 0 };
        let mut file = Vec::new();
        // The headers of the first round have no sizes yet.
        for _ in 0..2 {
            let header = header(name, &member);
            let tail = tail(&member, header.len() + member.packed.len());
            let stream: Vec<u8> = [
                &print_65, &header, &print_65, &again_65, &print_5, &again_65, &print_5, &print_5, &print_20,
                &again_65, &print_5, &print_5, &print_20, &again_20, &print_20, &again_20, &print_20, &again_20,
                &print_20, &again_20, &print_20, &again_20, &nothing, &nothing, &print_end, &again_20, &nothing,
                &nothing, &print_end, &again_end, &tail, &again_end,
            ]
            .into_iter()
            .flatten()
            .copied()
            .collect();
            file = [header.as_slice(), &stream, &tail].concat();
            member = Member { packed: stream, size: file.len() as u64, ..member };
        }
        file
    };
    let file = build(solved(|crc| self::crc(&build(crc)))?);
    let mut unpacked = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::DeflateDecoder::new(&file[60..]), &mut unpacked).ok()?;
    (unpacked == file).then_some(file)
}

/// A block of matches, of these lengths and one distance, then an empty block where there is room in five bytes.
fn repeat(lengths: &[usize], distance: usize, is_last: bool) -> Vec<u8> {
    const LENGTHS: [usize; 29] = [
        3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227,
        258,
    ];
    const DISTANCES: [usize; 18] = [1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385];
    let mut bits: Vec<bool> = Vec::new();
    let low =
        |bits: &mut Vec<bool>, number: usize, count: usize| bits.extend((0..count).map(|at| number >> at & 1 == 1));
    let code = |bits: &mut Vec<bool>, number: usize, count: usize| {
        bits.extend((0..count).rev().map(|at| number >> at & 1 == 1));
    };
    low(&mut bits, usize::from(is_last), 1);
    low(&mut bits, 1, 2);
    for length in lengths {
        let at = LENGTHS.iter().rposition(|first| first <= length).unwrap_or(0);
        // 257 is the first length; from 280 on codes are eight bits long.
        if at < 23 {
            code(&mut bits, at + 1, 7);
        } else {
            code(&mut bits, at - 23 + 0b1100_0000, 8);
        }
        let extra = if at < 8 || at == 28 { 0 } else { (at - 4) / 4 };
        low(&mut bits, length - LENGTHS[at], extra);
        let at = DISTANCES.iter().rposition(|first| *first <= distance).unwrap_or(0);
        code(&mut bits, at, 5);
        low(&mut bits, distance - DISTANCES[at], if at < 4 { 0 } else { (at - 2) / 2 });
    }
    code(&mut bits, 0, 7);
    if !is_last && bits.len() == 30 {
        low(&mut bits, 0b010, 3);
        code(&mut bits, 0, 7);
    }
    bits.chunks(8).map(|eight| eight.iter().zip(0..).map(|(bit, at)| u8::from(*bit) << at).sum()).collect()
}

/// Finds the number whose checksum is itself: a checksum is a sum over the bits, so this is 32 equations.
fn solved(checksum: impl Fn(u32) -> u32) -> Option<u32> {
    let zero = checksum(0);
    // Each row: which bits are in the sum, and what the sum is.
    let columns: Vec<u32> = (0..32).map(|bit| checksum(1 << bit) ^ zero).collect();
    let mut rows: Vec<(u32, bool)> = (0..32)
        .map(|bit| {
            let sum = columns.iter().zip(0..).map(|(column, at)| (column >> bit & 1) << at).sum::<u32>();
            (sum ^ 1 << bit, zero >> bit & 1 == 1)
        })
        .collect();
    for bit in 0..32 {
        let pivot = (bit..32).find(|row| rows[*row].0 >> bit & 1 == 1)?;
        rows.swap(bit, pivot);
        let own = rows[bit];
        for (at, row) in rows.iter_mut().enumerate() {
            if at != bit && row.0 >> bit & 1 == 1 {
                *row = (row.0 ^ own.0, row.1 ^ own.1);
            }
        }
    }
    Some(rows.iter().zip(0..).map(|((_, set), at)| u32::from(*set) << at).sum())
}
