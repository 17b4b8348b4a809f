//! Files that are zip archives of XML: read into memory, never written, counted as they unpack.

use std::io::{Cursor, Read as _};

use zip::ZipArchive;

use super::{ExtractError, Limits};

/// An open archive.
pub(super) struct Package<'a> {
    archive: ZipArchive<Cursor<&'a [u8]>>,
    /// How many bytes may still be unpacked. What the headers promise is not believed.
    left: u64,
}

impl<'a> Package<'a> {
    pub(super) fn open(bytes: &'a [u8], limits: &Limits) -> Result<Self, ExtractError> {
        let archive = ZipArchive::new(Cursor::new(bytes)).map_err(|_| ExtractError::Damaged)?;
        if archive.len() > limits.members {
            return Err(ExtractError::TooLarge);
        }
        Ok(Self { archive, left: limits.unpacked })
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.archive.index_for_name(name).is_some()
    }

    /// Unpacks one member.
    pub(super) fn bytes(&mut self, name: &str) -> Result<Vec<u8>, ExtractError> {
        let mut member = self.archive.by_name(name).map_err(|error| match error {
            zip::result::ZipError::UnsupportedArchive(_) => ExtractError::Protected,
            _ => ExtractError::Damaged,
        })?;
        let mut bytes = Vec::new();
        let count = (&mut member).take(self.left + 1).read_to_end(&mut bytes).map_err(|_| ExtractError::Damaged)?;
        let count = count as u64;
        if count > self.left {
            return Err(ExtractError::TooLarge);
        }
        self.left -= count;
        Ok(bytes)
    }

    /// Unpacks every member and forgets it, to learn whether all of them are within bounds.
    pub(super) fn measure(&mut self) -> Result<(), ExtractError> {
        for place in 0..self.archive.len() {
            let Ok(mut member) = self.archive.by_index(place) else { continue };
            // A member that cannot be unpacked has no size that matters.
            let count = std::io::copy(&mut (&mut member).take(self.left + 1), &mut std::io::sink()).unwrap_or(0);
            self.left = self.left.checked_sub(count).ok_or(ExtractError::TooLarge)?;
        }
        Ok(())
    }

    /// Unpacks one member that is text.
    pub(super) fn text(&mut self, name: &str) -> Result<String, ExtractError> {
        Ok(super::text::decode(&self.bytes(name)?))
    }
}

/// The place that a link in one member leads to, in names of members.
pub(super) fn resolved(from: &str, link: &str) -> String {
    let link = link.split(['#', '?']).next().unwrap_or_default();
    let mut parts: Vec<&str> = if link.starts_with('/') { Vec::new() } else { from.split('/').collect() };
    if !link.starts_with('/') {
        parts.pop();
    }
    for part in link.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part == ".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    parts.join("/")
}
