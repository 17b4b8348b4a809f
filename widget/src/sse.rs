//! Server-sent events out of a stream of bytes.
//!
//! What a newcomer gets wrong: a chunk may end anywhere, inside a letter or between `\r` and `\n`.
//! Nothing is decoded before its line is whole.

/// A line longer than this is dropped: an answer's piece is never near it.
const LONGEST_LINE: usize = 1 << 20;

/// One event of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What it is called; `message` where the server did not say.
    pub name: String,
    /// Its lines of data, joined.
    pub data: String,
}

/// Cuts a stream into events.
#[derive(Debug, Default)]
pub struct Splitter {
    line: Vec<u8>,
    after_cr: bool,
    too_long: bool,
    name: String,
    data: Option<String>,
}

impl Splitter {
    /// Takes the next bytes and hands over each event that they complete.
    pub fn push(&mut self, bytes: &[u8], mut each: impl FnMut(Event)) {
        for &byte in bytes {
            let ends_crlf = self.after_cr && byte == b'\n';
            self.after_cr = byte == b'\r';
            if ends_crlf {
                continue;
            }
            if byte != b'\n' && byte != b'\r' {
                if self.line.len() < LONGEST_LINE {
                    self.line.push(byte);
                } else {
                    self.too_long = true;
                }
                continue;
            }
            if let Some(event) = self.end_of_line() {
                each(event);
            }
        }
    }

    fn end_of_line(&mut self) -> Option<Event> {
        let line = std::mem::take(&mut self.line);
        if std::mem::take(&mut self.too_long) {
            return None;
        }
        if line.is_empty() {
            let name = std::mem::take(&mut self.name);
            let data = self.data.take()?;
            let name = if name.is_empty() { "message".to_owned() } else { name };
            return Some(Event { name, data });
        }
        // The stream may begin with a byte order mark.
        let line = line.strip_prefix(&[0xEF, 0xBB, 0xBF]).unwrap_or(&line);
        let (field, value) = match line.iter().position(|&byte| byte == b':') {
            Some(colon) => (line.get(..colon).unwrap_or_default(), line.get(colon + 1..).unwrap_or_default()),
            None => (line, &[] as &[u8]),
        };
        let value = String::from_utf8_lossy(value.strip_prefix(b" ").unwrap_or(value));
        match field {
            b"event" => self.name = value.into_owned(),
            b"data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(&value);
                }
                None => self.data = Some(value.into_owned()),
            },
            // Comments (an empty field), ids and whatever comes later.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn events(chunks: &[&[u8]]) -> Vec<(String, String)> {
        let mut splitter = Splitter::default();
        let mut found = Vec::new();
        for chunk in chunks {
            splitter.push(chunk, |event| found.push((event.name, event.data)));
        }
        found
    }

    #[test]
    fn line_ends_comments_and_unknown_fields_are_as_the_standard_says() {
        let text = b"\xEF\xBB\xBFevent: token\r\ndata: {\"text\":\r\ndata:\"a\"}\r\n\r\n: ping\n\nid: 7\ndata\n\nevent: lost\n\ndata: x\rretry: 5\r\r";
        assert_eq!(
            events(&[text]),
            [
                ("token".to_owned(), "{\"text\":\n\"a\"}".to_owned()),
                ("message".to_owned(), String::new()),
                ("message".to_owned(), "x".to_owned()),
            ]
        );
    }

    #[test]
    fn an_event_without_its_empty_line_is_not_handed_over() {
        assert_eq!(events(&[b"data: half\n"]), []);
    }

    #[test]
    fn an_endless_line_is_dropped_and_the_next_event_arrives() {
        let mut text = b"data: ".to_vec();
        text.resize(LONGEST_LINE + 10, b'x');
        text.extend_from_slice(b"\n\ndata: fine\n\n");
        assert_eq!(events(&[&text]), [("message".to_owned(), "fine".to_owned())]);
    }

    proptest! {
        #[test]
        fn where_chunks_end_changes_nothing(
            texts in prop::collection::vec("[^\r\n]{0,12}", 0..5),
            end in prop::sample::select(vec!["\n", "\r\n", "\r"]),
            cut in 0_usize..200,
            second in 0_usize..200,
        ) {
            let mut whole = String::new();
            for text in &texts {
                whole.push_str("event: token");
                whole.push_str(end);
                whole.push_str("data: é😀");
                whole.push_str(text);
                whole.push_str(end);
                whole.push_str(end);
            }
            let bytes = whole.as_bytes();
            let cut = cut.min(bytes.len());
            let second = second.clamp(cut, bytes.len().max(cut)).min(bytes.len());
            let expected = events(&[bytes]);
            prop_assert_eq!(expected.len(), texts.len());
            prop_assert_eq!(events(&[&bytes[..cut], &bytes[cut..second], &bytes[second..]]), expected.clone());
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            prop_assert_eq!(events(&single), expected);
        }

        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            events(&[&bytes]);
        }
    }
}
