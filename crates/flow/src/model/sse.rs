//! Server-sent events out of a byte stream.
//!
//! Pieces of the body end anywhere, also in the middle of a character, so bytes are kept until a line is whole.

/// Collects bytes and gives the data of each whole event.
#[derive(Debug, Default)]
pub(crate) struct Events {
    line: Vec<u8>,
    data: String,
    has_data: bool,
}

impl Events {
    /// Takes bytes and returns the events that they complete.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut events = Vec::new();
        for byte in bytes {
            if *byte != b'\n' {
                self.line.push(*byte);
                continue;
            }
            let line = std::mem::take(&mut self.line);
            let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(&line));
            if line.is_empty() {
                events.extend(self.finish());
            } else if let Some(data) = line.strip_prefix("data:") {
                if self.has_data {
                    self.data.push('\n');
                }
                self.data.push_str(data.strip_prefix(' ').unwrap_or(data));
                self.has_data = true;
            }
        }
        events
    }

    /// Returns the event that the stream ended in the middle of.
    pub(crate) fn finish(&mut self) -> Option<String> {
        self.has_data.then(|| {
            self.has_data = false;
            std::mem::take(&mut self.data)
        })
    }

    /// Returns how much is waiting for its end.
    pub(crate) fn pending(&self) -> usize {
        self.line.len() + self.data.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_the_same_wherever_the_bytes_are_cut() {
        let body =
            ": hello\r\ndata: {\"a\":\"é\"}\r\n\r\nevent: x\ndata: one\ndata: two\n\ndata: [DONE]\n\n".as_bytes();
        for cut in 0..body.len() {
            let mut events = Events::default();
            let mut all = events.push(&body[..cut]);
            all.extend(events.push(&body[cut..]));
            assert_eq!(all, ["{\"a\":\"é\"}", "one\ntwo", "[DONE]"], "cut at {cut}");
        }
    }
}
