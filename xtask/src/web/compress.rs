//! Puts a brotli and a gzip file beside everything that gains from it, and weighs all of it.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::{progress, workspace};

use super::{Build, Sizes};

const TEXT: [&str; 10] = ["js", "mjs", "css", "wasm", "svg", "json", "txt", "html", "xml", "webmanifest"];

/// Compresses the site and says what it consists of.
pub(super) fn site(site: &Path, release: bool) -> Result<Build> {
    let step = progress::step("compressing and weighing");
    let mut build = Build { release, ..Build::default() };
    let mut contents = Vec::new();
    for file in workspace::files(site)? {
        let extension = file.extension().and_then(|extension| extension.to_str()).unwrap_or("");
        let name = file.strip_prefix(site).expect("listed below it").to_string_lossy().replace('\\', "/");
        if matches!(extension, "br" | "gz") || name == "build.json" {
            continue;
        }
        step.note(&name);
        let content = std::fs::read(&file)?;
        let raw = content.len() as u64;
        let mut sizes = Sizes { raw, gzip: raw, brotli: raw };
        if TEXT.contains(&extension) {
            if release {
                sizes.brotli = beside(&file, "br", &content, brotli)?;
                sizes.gzip = beside(&file, "gz", &content, gzip)?;
            } else {
                // The server prefers them, so they must not be older than the file.
                let _ = std::fs::remove_file(with_suffix(&file, "br"));
                let _ = std::fs::remove_file(with_suffix(&file, "gz"));
            }
        }
        contents.push(name.clone().into_bytes());
        contents.push(content);
        build.files.insert(name, sizes);
    }
    workspace::digest(contents.iter().map(Vec::as_slice))[..12].clone_into(&mut build.hash);
    step.done("");
    Ok(build)
}

/// The size of the compressed file, which is made unless it is newer than what it was made of.
fn beside(
    file: &Path,
    suffix: &str,
    content: &[u8],
    compress: impl FnOnce(&[u8]) -> std::io::Result<Vec<u8>>,
) -> Result<u64> {
    let target = with_suffix(file, suffix);
    if let (Ok(made), Ok(source)) = (target.metadata(), file.metadata())
        && made.modified()? > source.modified()?
    {
        return Ok(made.len());
    }
    let compressed = compress(content)?;
    if compressed.len() >= content.len() {
        let _ = std::fs::remove_file(&target);
        return Ok(content.len() as u64);
    }
    std::fs::write(&target, &compressed)?;
    Ok(compressed.len() as u64)
}

fn with_suffix(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
}

fn brotli(content: &[u8]) -> std::io::Result<Vec<u8>> {
    let parameters =
        brotli::enc::BrotliEncoderParams { quality: 11, lgwin: 22, size_hint: content.len(), ..Default::default() };
    let mut out = Vec::new();
    brotli::BrotliCompress(&mut &content[..], &mut out, &parameters)?;
    Ok(out)
}

fn gzip(content: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(content)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_gain_is_left_alone() {
        let place = std::env::temp_dir().join(format!("xtask-compress-{}", std::process::id()));
        std::fs::create_dir_all(&place).expect("a temporary directory");
        let file = place.join("a.txt");
        std::fs::write(&file, "x").expect("written");
        assert_eq!(beside(&file, "gz", b"x", gzip).expect("compressed"), 1);
        assert!(!with_suffix(&file, "gz").exists());
        let long = vec![b'x'; 10_000];
        std::fs::write(&file, &long).expect("written");
        assert!(beside(&file, "br", &long, brotli).expect("compressed") < 100);
        std::fs::remove_dir_all(place).expect("removed");
    }
}
