//! HTML and XML as far as components read them: text, attributes of tags, parts between tags.
//!
//! Pages are hostile by default, so nothing here recurses, and everything is linear in the page.

/// A piece of a page.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Piece<'p> {
    /// Text, entities not yet decoded.
    Text(&'p str),
    /// Text of a CDATA section, which has no entities.
    Literal(&'p str),
    /// `<name …>`; whether it ends itself.
    Open(&'p str, &'p str, bool),
    /// `</name>`.
    Close(&'p str),
}

/// Splits a page into pieces; comments and declarations are left out.
pub(crate) fn pieces(page: &str) -> Vec<Piece<'_>> {
    let mut all = Vec::new();
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        if at > 0 {
            all.push(Piece::Text(&rest[..at]));
        }
        rest = &rest[at..];
        if let Some(tail) = rest.strip_prefix("<!--") {
            rest = tail.find("-->").map_or("", |end| &tail[end + 3..]);
        } else if let Some(tail) = rest.strip_prefix("<![CDATA[") {
            let end = tail.find("]]>").unwrap_or(tail.len());
            all.push(Piece::Literal(&tail[..end]));
            rest = tail.get(end + 3..).unwrap_or("");
        } else if rest.starts_with("<!") || rest.starts_with("<?") {
            rest = rest.find('>').map_or("", |end| &rest[end + 1..]);
        } else if rest[1..].starts_with(|c: char| c.is_ascii_alphabetic() || c == '/') {
            let end = tag_end(rest);
            let inside = rest[1..end].trim_end_matches('>');
            rest = &rest[end..];
            if let Some(name) = inside.strip_prefix('/') {
                all.push(Piece::Close(name.trim()));
                continue;
            }
            let ends_itself = inside.ends_with('/');
            let inside = inside.trim_end_matches('/');
            let name_end = inside.find(|c: char| c.is_whitespace()).unwrap_or(inside.len());
            let (name, attributes) = inside.split_at(name_end);
            all.push(Piece::Open(name, attributes, ends_itself));
            // What is inside of these is no markup.
            if !ends_itself && (name.eq_ignore_ascii_case("script") || name.eq_ignore_ascii_case("style")) {
                let close = find_close(rest, name);
                all.push(Piece::Text(&rest[..close]));
                rest = &rest[close..];
            }
        } else {
            all.push(Piece::Text(&rest[..1]));
            rest = &rest[1..];
        }
    }
    if !rest.is_empty() {
        all.push(Piece::Text(rest));
    }
    all
}

/// Finds the end of a tag; `>` inside of quotes does not end it.
fn tag_end(tag: &str) -> usize {
    let mut quote = None;
    for (at, byte) in tag.bytes().enumerate() {
        match (quote, byte) {
            (Some(open), _) if open == byte => quote = None,
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'>') => return at + 1,
            _ => {}
        }
    }
    tag.len()
}

fn find_close(page: &str, name: &str) -> usize {
    let mut from = 0;
    while let Some(at) = page[from..].find("</") {
        let start = from + at;
        let after = &page.as_bytes()[start + 2..];
        if after.len() >= name.len() && after[..name.len()].eq_ignore_ascii_case(name.as_bytes()) {
            return start;
        }
        from = start + 2;
    }
    page.len()
}

/// Reads an attribute of a tag.
pub(crate) fn attribute(attributes: &str, wanted: &str) -> Option<String> {
    let mut rest = attributes;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
        if rest.is_empty() {
            return None;
        }
        let end = rest.find(|c: char| c.is_whitespace() || c == '=').unwrap_or(rest.len());
        let name = &rest[..end];
        rest = rest[end..].trim_start();
        let mut value = "";
        if let Some(tail) = rest.strip_prefix('=') {
            let tail = tail.trim_start();
            let quote = tail.chars().next().filter(|c| *c == '"' || *c == '\'');
            let (inside, after) = match quote {
                Some(quote) => tail[1..].split_once(quote).unwrap_or((&tail[1..], "")),
                None => tail.split_at(tail.find(char::is_whitespace).unwrap_or(tail.len())),
            };
            value = inside;
            rest = after;
        } else if name.is_empty() {
            return None;
        }
        if name.eq_ignore_ascii_case(wanted) {
            return Some(decoded(value));
        }
    }
}

/// Returns a page's text: without scripts and styles, white space folded, a space where a tag was.
pub(crate) fn text_of(page: &str) -> String {
    let mut text = String::new();
    let mut hidden: Option<&str> = None;
    for piece in pieces(page) {
        match piece {
            Piece::Open(name, _, false) if hidden.is_none() && is_hidden(name) => hidden = Some(name),
            Piece::Close(name) if hidden.is_some_and(|it| it.eq_ignore_ascii_case(name)) => hidden = None,
            Piece::Text(piece) if hidden.is_none() => push_words(&mut text, &decoded(piece)),
            Piece::Literal(piece) if hidden.is_none() => push_words(&mut text, piece),
            _ => {}
        }
    }
    text
}

fn is_hidden(name: &str) -> bool {
    ["script", "style", "noscript", "template", "svg"].iter().any(|it| name.eq_ignore_ascii_case(it))
}

fn push_words(text: &mut String, piece: &str) {
    for word in piece.split_whitespace() {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(word);
    }
}

/// Returns what is between the first `<name>` and its `</name>`, tags and all; none when there is none.
pub(crate) fn inner<'p>(page: &'p str, name: &str) -> Option<&'p str> {
    parts(page, name).into_iter().next()
}

/// Returns what is between each outermost `<name>` and its `</name>`.
pub(crate) fn parts<'p>(page: &'p str, name: &str) -> Vec<&'p str> {
    let mut found = Vec::new();
    let (mut depth, mut start) = (0_usize, 0_usize);
    let offset = |piece: &str| piece.as_ptr() as usize - page.as_ptr() as usize;
    for piece in pieces(page) {
        match piece {
            Piece::Open(it, attributes, false) if it.eq_ignore_ascii_case(name) => {
                if depth == 0 {
                    let end = offset(attributes) + attributes.len();
                    start = page[end..].find('>').map_or(page.len(), |at| end + at + 1);
                }
                depth += 1;
            }
            Piece::Close(it) if it.eq_ignore_ascii_case(name) && depth > 0 => {
                depth -= 1;
                if depth == 0 {
                    let end = page[..offset(it)].rfind("</").unwrap_or(start);
                    found.push(&page[start.min(end)..end]);
                }
            }
            _ => {}
        }
    }
    found
}

/// Returns the attributes of each `<name …>`.
pub(crate) fn tags<'p>(page: &'p str, name: &str) -> Vec<&'p str> {
    let of = |piece| match piece {
        Piece::Open(it, attributes, _) if str::eq_ignore_ascii_case(it, name) => Some(attributes),
        _ => None,
    };
    pieces(page).into_iter().filter_map(of).collect()
}

/// Decodes the entities of a text.
pub(crate) fn decoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        // Looked for no further than the longest entity is, or a page of ampersands would take for ever.
        let end = rest.bytes().take(12).position(|byte| byte == b';');
        let entity = end.and_then(|end| rest.get(1..end));
        let character = entity.and_then(|name| match name {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            "nbsp" => Some('\u{a0}'),
            "ndash" => Some('–'),
            "mdash" => Some('—'),
            "hellip" => Some('…'),
            "lsquo" => Some('‘'),
            "rsquo" => Some('’'),
            "ldquo" => Some('“'),
            "rdquo" => Some('”'),
            "copy" => Some('©'),
            "reg" => Some('®'),
            "euro" => Some('€'),
            "middot" => Some('·'),
            _ => {
                let digits = name.strip_prefix('#')?;
                let code = match digits.strip_prefix(['x', 'X']) {
                    Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                    None => digits.parse().ok()?,
                };
                char::from_u32(code)
            }
        });
        match (character, entity) {
            (Some(character), Some(name)) => {
                out.push(character);
                rest = &rest[name.len() + 2..];
            }
            _ => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_and_styles_are_no_text() {
        let page = "<html><head><title>A &amp; B</title><style>p{a>b}</style><script>if (a < b) { \"</p>\" }</script></head><body><p class='x>y'>One<br/>two&nbsp;&#8364; &bogus;</p><!-- no --></body>";
        assert_eq!(text_of(page), "A & B One two € &bogus;");
    }

    #[test]
    fn parts_and_attributes_are_found() {
        let feed =
            "<rss><item><title><![CDATA[A <b>]]></title><link>u</link></item><item><title>B</title></item></rss>";
        let items = parts(feed, "item");
        assert_eq!(items.len(), 2);
        assert_eq!(text_of(inner(items[0], "title").unwrap()), "A <b>");
        assert_eq!(inner(items[1], "link"), None);
        let links = tags("<a href=\"x?a=1&amp;b=2\" rel=alternate><a href='y'>", "a");
        assert_eq!(attribute(links[0], "href").unwrap(), "x?a=1&b=2");
        assert_eq!(attribute(links[0], "rel").unwrap(), "alternate");
        assert_eq!(attribute(links[1], "href").unwrap(), "y");
        assert_eq!(attribute(links[1], "rel"), None);
    }

    proptest::proptest! {
        #[test]
        fn no_page_can_break_the_reader(page in "[<>/!a-c\"'=&;# \\[\\]CDATA-]{0,120}") {
            let _ = text_of(&page);
            let _ = parts(&page, "a");
            for attributes in tags(&page, "a") {
                let _ = attribute(attributes, "b");
            }
        }
    }
}
