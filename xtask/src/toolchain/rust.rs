//! A Rust compiler with a standard library for `wasm32-unknown-unknown`.
//!
//! Ordinary machines have it or get it from `rustup`. Where rustup cannot fetch it, Debian's
//! `rustc-web` comes with the source of the standard library, and we build that once into a
//! sysroot of our own: nothing of the system is changed, and no root is needed for that part.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};

use crate::{progress, run, workspace};

use super::system;

const TARGET: &str = "wasm32-unknown-unknown";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";

/// How to make cargo build for the browser.
#[derive(Debug)]
pub(crate) struct WasmRust {
    /// The compiler and its version, for people and for fingerprints.
    pub(crate) name: String,
    environment: Vec<(&'static str, OsString)>,
}

impl WasmRust {
    /// A cargo command that builds for the browser, with a target directory of its own.
    pub(crate) fn cargo(&self, subcommand: &str) -> Command {
        let mut command = workspace::cargo();
        command
            .arg(subcommand)
            .args(["--target", TARGET, "--target-dir"])
            .arg(Self::target_dir())
            .envs(self.environment.iter().map(|(key, value)| (key, value)))
            // Flags meant for the server's processor mean nothing here.
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS");
        command
    }

    /// Where such a build puts its files.
    pub(crate) fn target_dir() -> PathBuf {
        workspace::target().join("wasm")
    }

    /// Where the linked module of a crate lies.
    pub(crate) fn artifact(profile: &str, name: &str) -> PathBuf {
        Self::target_dir().join(TARGET).join(profile).join(format!("{name}.wasm"))
    }

    /// The compiler when it is not the one on PATH.
    pub(crate) fn rustc(&self) -> Option<&OsString> {
        self.environment.iter().find(|(key, _)| *key == "RUSTC").map(|(_, value)| value)
    }

    fn plain(rustc: &Path) -> Result<Self> {
        Ok(Self { name: version(rustc)?, environment: Vec::new() })
    }
}

/// Finds a compiler, or makes one.
pub(crate) fn wasm_rust() -> Result<WasmRust> {
    let rustc = std::env::var_os("RUSTC").map_or_else(|| PathBuf::from("rustc"), PathBuf::from);
    if has_target(&rustc) {
        return WasmRust::plain(&rustc);
    }
    // Made by an earlier run: much quicker than asking rustup again.
    for candidate in [rustc.as_path(), Path::new(DEBIAN_RUSTC)] {
        if let Some(ready) = own_sysroot(candidate).filter(|sysroot| is_complete(sysroot)) {
            return with_sysroot(candidate, &ready);
        }
    }
    if run::find("rustup").is_some() {
        let step = progress::step(format!("asking rustup for {TARGET}"));
        let mut add = Command::new("rustup");
        let added = run::within(Duration::from_mins(2), add.args(["target", "add", TARGET]));
        let found = added && has_target(&rustc);
        step.done(if found { "added" } else { "rustup has none here, taking another way" });
        if found {
            return WasmRust::plain(&rustc);
        }
    }
    from_source(&rustc).map_err(|error| {
        anyhow!(
            "no Rust on this machine can build for the browser ({TARGET}), and none could be made.\n\
             What you can do: run `rustup target add {TARGET}` where there is a network, or on Debian \
             `apt-get install rustc-web rust-web-src`; then try again.\n\
             What went wrong: {error:#}"
        )
    })
}

fn from_source(rustc: &Path) -> Result<WasmRust> {
    let debian = Path::new(DEBIAN_RUSTC);
    let chosen = if has_source(rustc) {
        rustc
    } else {
        if !has_source(debian) {
            system::apt_install(&["rustc-web", "rust-web-src"])?;
        }
        if !has_source(debian) {
            bail!("{DEBIAN_RUSTC} came without the source of the standard library");
        }
        debian
    };
    let sysroot = own_sysroot(chosen).with_context(|| format!("{} does not say its version", chosen.display()))?;
    build_std(chosen, &sysroot)?;
    with_sysroot(chosen, &sysroot)
}

fn has_target(rustc: &Path) -> bool {
    print(rustc, "target-libdir", Some(TARGET)).is_ok_and(|directory| {
        std::fs::read_dir(directory).is_ok_and(|entries| {
            entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
        })
    })
}

fn has_source(rustc: &Path) -> bool {
    print(rustc, "sysroot", None)
        .is_ok_and(|sysroot| Path::new(&sysroot).join("lib/rustlib/src/rust/library/std").is_dir())
}

fn print(rustc: &Path, what: &str, target: Option<&str>) -> Result<String> {
    let mut command = Command::new(rustc);
    command.args(["--print", what]);
    if let Some(target) = target {
        command.args(["--target", target]);
    }
    run::capture(&mut command)
}

fn version(rustc: &Path) -> Result<String> {
    run::capture(Command::new(rustc).arg("--version"))
}

/// Where our standard library for this very compiler lies or would lie.
fn own_sysroot(rustc: &Path) -> Option<PathBuf> {
    let version = version(rustc).ok()?;
    let mut words = version.split_whitespace().skip(1);
    let (number, commit) = (words.next()?, words.next().unwrap_or("").trim_matches(['(', ')']));
    Some(workspace::tools().join(format!("sysroot-{number}-{commit}")))
}

fn library(sysroot: &Path) -> PathBuf {
    sysroot.join("lib/rustlib").join(TARGET).join("lib")
}

/// The mark is written last, so that an interrupted build is not taken for a library.
fn is_complete(sysroot: &Path) -> bool {
    library(sysroot).join(".complete").is_file()
}

fn with_sysroot(rustc: &Path, sysroot: &Path) -> Result<WasmRust> {
    let linker = linker(rustc)?;
    let mut flags = OsString::from("--sysroot ");
    flags.push(sysroot);
    Ok(WasmRust {
        name: format!("{} with a standard library of our own", version(rustc)?),
        environment: vec![
            ("RUSTC", rustc.into()),
            ("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", flags),
            ("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker.into()),
        ],
    })
}

/// Distributions ship rustc without its linker for wasm; rustup's or LLVM's will do.
fn linker(rustc: &Path) -> Result<PathBuf> {
    let mut places = Vec::new();
    for compiler in [rustc, Path::new("rustc")] {
        if let (Ok(sysroot), Ok(host)) = (print(compiler, "sysroot", None), host(compiler)) {
            places.push(Path::new(&sysroot).join("lib/rustlib").join(host).join("bin/rust-lld"));
        }
    }
    places
        .into_iter()
        .find(|place| place.is_file())
        .or_else(|| run::find("rust-lld"))
        .or_else(|| run::find("wasm-ld"))
        .or_else(|| {
            system::apt_install(&["lld"]).ok()?;
            run::find("wasm-ld")
        })
        .context("no linker for wasm (rust-lld or wasm-ld) on this machine; install `lld`")
}

fn host(rustc: &Path) -> Result<String> {
    let verbose = run::capture(Command::new(rustc).arg("-vV"))?;
    let line = verbose.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(line.context("rustc does not say its host")?.to_owned())
}

fn build_std(rustc: &Path, sysroot: &Path) -> Result<()> {
    let step = progress::step("building Rust's standard library for the browser (once, about a minute)");
    let place = workspace::tools().join("build-std");
    std::fs::create_dir_all(place.join("src"))?;
    std::fs::write(
        place.join("Cargo.toml"),
        "[package]\nname = \"empty\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n[workspace]\n",
    )?;
    std::fs::write(place.join("src/lib.rs"), "#![no_std]\n")?;
    let mut build = workspace::cargo();
    build
        .current_dir(&place)
        .args(["build", "--release", "-Zbuild-std=std,panic_abort,proc_macro", "--target", TARGET])
        .args(["--target-dir", "target"])
        .env("RUSTC", rustc)
        // `-Zbuild-std` is unstable; this asks a stable compiler for it.
        .env("RUSTC_BOOTSTRAP", "1")
        // Without bitcode a later link-time optimization fails.
        .env("RUSTFLAGS", "-Cembed-bitcode=yes")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    run::under(&step, &mut build)?;

    let library = library(sysroot);
    std::fs::create_dir_all(&library)?;
    let built = place.join("target").join(TARGET).join("release/deps");
    for file in workspace::files(&built)? {
        let Some(name) = file.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        let is_library = Path::new(name).extension().is_some_and(|extension| extension == "rlib");
        if is_library && !name.starts_with("libempty-") {
            std::fs::copy(&file, library.join(name))?;
        }
    }
    std::fs::write(library.join(".complete"), version(rustc)?)?;
    let _ = std::fs::remove_dir_all(place);
    step.done("");
    Ok(())
}
