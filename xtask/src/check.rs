//! `check`: the rules of the repository that a compiler does not know. One line for each.

mod edges;
mod files;

use std::io::Write as _;

use anyhow::Result;

use crate::{run, toolchain, web, workspace};

/// Options of `check`.
#[derive(clap::Args, Default)]
pub(crate) struct Options {
    /// Runs clippy as well, for the server's side and for the browser's
    #[arg(long)]
    pub(crate) clippy: bool,
}

/// How many checks held and how many did not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Those that held.
    pub(crate) passed: u64,
    /// Those that did not.
    pub(crate) failed: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl Tally {
    /// One check that held or did not.
    pub(crate) fn of(held: bool) -> Self {
        Self { passed: u64::from(held), failed: u64::from(!held) }
    }
}

/// What a check found: nothing, remarks, or violations.
enum Finding {
    Holds(String),
    Skipped(String),
    Broken(Vec<String>),
}

impl Finding {
    fn of(violations: Vec<String>, held: impl Into<String>) -> Self {
        if violations.is_empty() { Self::Holds(held.into()) } else { Self::Broken(violations) }
    }
}

/// Runs the checks and answers whether all held.
pub(crate) fn run(options: &Options) -> bool {
    let tally = all(options);
    println!("{} checks hold, {} do not", tally.passed, tally.failed);
    tally.failed == 0
}

/// Runs the checks and counts.
pub(crate) fn all(options: &Options) -> Tally {
    let mut tally = Tally::default();
    let mut say = |name: &str, finding: Result<Finding>| {
        let finding = finding.unwrap_or_else(|error| Finding::Broken(vec![format!("{error:#}")]));
        match finding {
            Finding::Holds(text) => println!("ok      {name}: {text}"),
            Finding::Skipped(text) => {
                println!("skipped {name}: {text}");
                return;
            }
            Finding::Broken(violations) => {
                println!("FAILED  {name}");
                for violation in violations {
                    println!("        {violation}");
                }
                tally.failed += 1;
                return;
            }
        }
        tally.passed += 1;
    };
    say("dependency arrows", edges::check());
    say("dependencies say what they are for", files::dependency_comments());
    say("migrations of both databases", files::migrations());
    say("nothing names a machine", files::machine_names());
    say("byte budgets", budgets());
    say("formatting", formatting());
    if options.clippy {
        say("clippy, server", clippy_native());
        say("clippy, browser", clippy_wasm());
    }
    let _ = std::io::stdout().flush();
    tally
}

fn budgets() -> Result<Finding> {
    let Ok(build) = web::Build::load() else {
        return Ok(Finding::Skipped("nothing is built yet; `cargo xtask web` builds and weighs".into()));
    };
    if !build.release {
        return Ok(Finding::Skipped("the last `cargo xtask web` was --debug".into()));
    }
    let lines = web::lines(&build)?;
    let heavy: Vec<_> = lines
        .iter()
        .filter(|line| line.verdict() == web::Verdict::TooHeavy)
        .map(|line| format!("{} has {} bytes as brotli and may have {}", line.name, line.sizes.brotli, line.limit))
        .collect();
    let missing = lines.iter().filter(|line| line.verdict() == web::Verdict::Missing).count();
    Ok(Finding::of(heavy, format!("{} of {} weighed, all light enough", lines.len() - missing, lines.len())))
}

fn formatting() -> Result<Finding> {
    let mut command = workspace::plain_cargo();
    let mut wrong = Vec::new();
    let ok = run::stream(command.args(["fmt", "--all", "--", "--check", "-l"]), |_, line| {
        if !line.is_empty() {
            wrong.push(line.replace(&format!("{}/", workspace::root().display()), ""));
        }
    })?;
    if ok {
        return Ok(Finding::Holds("rustfmt agrees".into()));
    }
    wrong.push("run `cargo fmt --all`".into());
    Ok(Finding::Broken(wrong))
}

fn clippy_native() -> Result<Finding> {
    let step = crate::progress::step("clippy, server");
    let mut command = workspace::cargo();
    command.args([
        "clippy",
        "--quiet",
        "--workspace",
        "--exclude",
        "frontend",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]);
    run::under(&step, &mut command)?;
    step.done("");
    Ok(Finding::Holds("no warnings".into()))
}

/// Clippy must be as old as the compiler that made the standard library, so where that is the
/// distribution's, clippy must be the distribution's as well.
fn clippy_wasm() -> Result<Finding> {
    let tools = toolchain::ensure()?;
    let step = crate::progress::step("clippy, browser");
    let mut command = tools.rust.cargo("clippy");
    if let Some(rustc) = tools.rust.rustc() {
        let driver = std::path::Path::new(rustc).with_file_name("clippy-driver");
        if !driver.is_file() && toolchain::apt_install(&["rust-web-clippy"]).is_err() {
            step.done("skipped");
            return Ok(Finding::Skipped(format!("no clippy that fits {}", tools.rust.name)));
        }
        command = tools.rust.cargo("check");
        command.env("RUSTC_WORKSPACE_WRAPPER", driver);
        command.env("CLIPPY_ARGS", "-D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__");
        command.args(["--quiet", "--package", "frontend", "--package", "widget"]);
    } else {
        command.args(["--quiet", "--package", "frontend", "--package", "widget", "--", "-D", "warnings"]);
    }
    run::under(&step, &mut command)?;
    step.done("");
    Ok(Finding::Holds("no warnings".into()))
}
