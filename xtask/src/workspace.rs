//! Where things are in this repository, and the cargo that builds them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

/// The top directory of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies one directory below the top")
}

/// The directory that builds write to.
pub(crate) fn target() -> PathBuf {
    root().join("target")
}

/// What the browser loads, as `web` built it.
pub(crate) fn site() -> PathBuf {
    target().join("site")
}

/// Where tools are kept that the machine did not have; `CMP_TOOLS_DIR` shares it between clones.
pub(crate) fn tools() -> PathBuf {
    std::env::var_os("CMP_TOOLS_DIR").map_or_else(|| target().join("tools"), PathBuf::from)
}

/// A cargo command, run at the top of the repository.
///
/// `CMP_CARGO` names a replacement, for machines where cargo has to go through a wrapper.
pub(crate) fn cargo() -> Command {
    let program = std::env::var_os("CMP_CARGO").or_else(|| std::env::var_os("CARGO")).unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}

/// The same without the replacement, for questions that build nothing.
pub(crate) fn plain_cargo() -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}

/// The version of a crate in Cargo.lock.
pub(crate) fn locked_version(name: &str) -> Result<String> {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).context("reading Cargo.lock")?;
    let head = format!("name = \"{name}\"\nversion = \"");
    let start = lock.find(&head).with_context(|| format!("Cargo.lock does not name {name}"))?;
    let version = lock[start + head.len()..].split('"').next().unwrap_or("");
    Ok(version.to_owned())
}

/// Every file below a directory, sorted, without `node_modules` and hidden directories.
pub(crate) fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        if !directory.is_dir() {
            continue;
        }
        let entries = std::fs::read_dir(&directory).with_context(|| format!("reading {}", directory.display()))?;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            if entry.file_type()?.is_dir() {
                if name != "node_modules" && !name.to_string_lossy().starts_with('.') {
                    open.push(entry.path());
                }
            } else {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The SHA-256 of the parts, as hexadecimal text; where one part ends is part of the digest.
pub(crate) fn digest<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let digest = hash.finalize();
    digest.iter().fold(String::new(), |mut text, byte| {
        use std::fmt::Write as _;
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Holds other runs of xtask in this clone back until it is dropped.
pub(crate) struct Lock(#[expect(dead_code, reason = "held, not read")] std::fs::File);

/// Waits until no other xtask does the same kind of work in this clone.
pub(crate) fn lock(kind: &str) -> Result<Lock> {
    let directory = target();
    std::fs::create_dir_all(&directory)?;
    let path = directory.join(format!(".xtask-{kind}.lock"));
    let file = std::fs::File::create(&path).with_context(|| format!("creating the lock {}", path.display()))?;
    if file.try_lock().is_err() {
        eprintln!("waiting for another `cargo xtask` that does the same ({kind})");
        file.lock()?;
    }
    Ok(Lock(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_knows_where_a_part_ends() {
        assert_ne!(digest([b"ab".as_slice(), b"c"]), digest([b"a".as_slice(), b"bc"]));
        assert_eq!(digest([b"ab".as_slice()]).len(), 64);
    }

    #[test]
    fn the_lock_file_names_wasm_bindgen() {
        let version = locked_version("wasm-bindgen").expect("it is a dependency");
        assert_eq!(version.split('.').count(), 3, "{version}");
    }
}
