//! `web`: builds what browsers load into `target/site`, weighs it and refuses what is too heavy.
//!
//! ```text
//! target/site/pkg/       cmp.js cmp_bg.wasm cmp.css         the portal
//! target/site/widget/    loader.js widget.js widget_bg.wasm widget.css
//! target/site/*          what lies in public/
//! target/site/build.json hash over all of it, and the sizes
//! ```
//!
//! Text and wasm get a `.br` and a `.gz` beside them. A part whose inputs did not change is not
//! built again, so a warm call costs well under a second.

mod budget;
mod compress;
mod parts;
mod rename;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::{toolchain, workspace};

pub(crate) use budget::{Line, Verdict, lines};

/// Options of `web`.
#[derive(clap::Args, Default)]
pub(crate) struct Options {
    /// Small and slow to build; this is the default
    #[arg(long, conflicts_with = "debug")]
    pub(crate) release: bool,
    /// Quick to build, large, with readable panics; nothing is weighed
    #[arg(long)]
    pub(crate) debug: bool,
    /// Builds one part only
    #[arg(long, value_enum)]
    pub(crate) only: Option<Part>,
    /// Builds again what did not change
    #[arg(long)]
    pub(crate) force: bool,
}

/// What can be built by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// The portal's wasm and its glue
    Portal,
    /// The portal's style sheet
    Styles,
    /// The embeddable chat
    Widget,
}

/// What `target/site/build.json` says.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Build {
    /// Changes when any file changes; part of the addresses of assets.
    pub(crate) hash: String,
    /// Whether it was built small.
    pub(crate) release: bool,
    /// Every file with its sizes.
    pub(crate) files: BTreeMap<String, Sizes>,
}

/// The bytes of a file.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Sizes {
    /// As it is.
    pub(crate) raw: u64,
    /// As gzip, or as it is where that is not smaller.
    pub(crate) gzip: u64,
    /// As brotli, or as it is where that is not smaller.
    pub(crate) brotli: u64,
}

impl std::ops::Add for Sizes {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { raw: self.raw + other.raw, gzip: self.gzip + other.gzip, brotli: self.brotli + other.brotli }
    }
}

impl Build {
    /// Reads what the last `web` wrote.
    pub(crate) fn load() -> Result<Self> {
        let path = workspace::site().join("build.json");
        let text = std::fs::read(&path).context("nothing is built yet; run `cargo xtask web`")?;
        serde_json::from_slice(&text).with_context(|| format!("reading {}", path.display()))
    }
}

/// Builds, prints the table and fails when a budget is exceeded.
pub(crate) fn run(options: &Options) -> Result<Build> {
    let build = build(options)?;
    if options.debug {
        println!("target/site is built for development ({}); nothing was weighed", build.hash);
        return Ok(build);
    }
    let lines = print_sizes(&build)?;
    // A part that was built alone is not blamed for the others.
    let heavy: Vec<_> = lines.iter().filter(|line| line.verdict() == Verdict::TooHeavy).collect();
    if let Some(line) = heavy.first() {
        bail!(
            "{} has {} bytes as brotli and may have {}; budgets are in xtask/budgets.json",
            line.name,
            line.sizes.brotli,
            line.limit
        );
    }
    Ok(build)
}

/// Prints what was built beside its budgets.
pub(crate) fn print_sizes(build: &Build) -> Result<Vec<Line>> {
    let lines = lines(build)?;
    print!("{}", budget::table(&lines));
    println!("target/site is built ({})", build.hash);
    Ok(lines)
}

/// Builds without saying how large it became.
pub(crate) fn build(options: &Options) -> Result<Build> {
    let _lock = workspace::lock("web")?;
    let wanted = |part| options.only.is_none_or(|only| only == part);
    let tools = toolchain::ensure()?;
    let job = parts::Job { tools: &tools, release: !options.debug, force: options.force };
    let site = workspace::site();
    std::fs::create_dir_all(&site)?;
    if wanted(Part::Styles) {
        job.styles()?;
    }
    if wanted(Part::Widget) {
        job.widget()?;
    }
    if wanted(Part::Portal) {
        job.portal()?;
    }
    tidy(&site)?;
    let build = compress::site(&site, job.release)?;
    let text = serde_json::to_vec_pretty(&build)?;
    parts::write_if_changed(&site.join("build.json"), &text)?;
    Ok(build)
}

/// Copies `public/` and removes what nothing makes any more.
fn tidy(site: &Path) -> Result<()> {
    let public = workspace::root().join("public");
    let mut expected: Vec<_> = ["cmp.js", "cmp_bg.wasm", "cmp.css"].map(|name| site.join("pkg").join(name)).into();
    expected.extend(parts::WIDGET_FILES.map(|name| site.join("widget").join(name)));
    expected.push(site.join("build.json"));
    for file in workspace::files(&public)? {
        let target = site.join(file.strip_prefix(&public).expect("listed below it"));
        parts::write_if_changed(&target, &std::fs::read(&file)?)?;
        expected.push(target);
    }
    for file in workspace::files(site)? {
        let plain = match file.extension().and_then(|extension| extension.to_str()) {
            Some("br" | "gz") => file.with_extension(""),
            _ => file.clone(),
        };
        if !expected.contains(&plain) || !plain.exists() {
            std::fs::remove_file(&file)?;
        }
    }
    Ok(())
}
