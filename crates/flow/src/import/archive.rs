//! Langflow's project exports: a ZIP with one JSON file a flow.
//!
//! Sizes in a ZIP's directory are claims; what counts is what comes out, so reading stops at the bound.

use std::io::{Cursor, Read};

use super::{ImportError, limits};

/// Tells whether the bytes are a ZIP.
pub(super) fn is_zip(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06")
}

/// Unpacks the JSON files of a ZIP.
pub(super) fn json_files(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, ImportError> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes))
        .map_err(|_| ImportError::Archive("it is damaged; export it again".into()))?;
    if archive.len() > limits::ARCHIVE_FILES {
        return Err(ImportError::Archive(format!("it has more than {} files", limits::ARCHIVE_FILES)));
    }
    let mut files = Vec::new();
    let mut total = 0;
    for index in 0..archive.len() {
        let file =
            archive.by_index(index).map_err(|_| ImportError::Archive("a file in it is damaged or encrypted".into()))?;
        let name: String = file
            .name()
            .map(std::borrow::Cow::into_owned)
            .unwrap_or_default()
            .chars()
            .filter(|c| !c.is_control())
            .take(120)
            .collect();
        let is_json = name.rsplit('.').next().is_some_and(|end| end.eq_ignore_ascii_case("json"));
        if file.is_dir() || !is_json || name.starts_with("__MACOSX/") {
            continue;
        }
        let mut content = Vec::new();
        file.take(limits::BYTES as u64 + 1)
            .read_to_end(&mut content)
            .map_err(|_| ImportError::Archive(format!("{name} is damaged")))?;
        total += content.len();
        if content.len() > limits::BYTES || total > limits::UNPACKED_BYTES {
            return Err(ImportError::Archive(format!("{name} unpacks to more than can be imported")));
        }
        files.push((name, content));
    }
    Ok(files)
}
