//! `test`: every test there is, and at the end one plain line: `N passed, N failed`.
//!
//! What could not run counts as failed: a machine without PostgreSQL has not tested PostgreSQL.

mod browser;
mod postgres;
pub(crate) mod unit;

use anyhow::Result;
use clap::ValueEnum;

use crate::check::{self, Tally};
use crate::{room, run, web};

pub(crate) use browser::answers;
pub(crate) use postgres::Cluster;

/// Options of `test`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Runs one part only
    #[arg(long, value_enum)]
    only: Option<Part>,
    /// Passed on: to `cargo test` with --only unit, to Playwright with --only e2e
    #[arg(last = true)]
    rest: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The rules of the repository, with clippy
    Check,
    /// `cargo test`, with a private PostgreSQL
    Unit,
    /// The journeys in a browser, on SQLite and on PostgreSQL
    E2e,
}

/// Runs the tests and answers whether all passed.
pub(crate) fn run(options: &Options) -> bool {
    room::warn_if_scarce();
    let wanted = |part| options.only.is_none_or(|only| only == part);
    let mut tally = Tally::default();
    let mut troubles = Vec::new();
    let mut trouble = |what: &str, error: &anyhow::Error| {
        eprintln!("\n{what}: {error:#}\n");
        troubles.push(format!("{what}: {}", first_line(error)));
        Tally::of(false)
    };

    // First, because the program contains what it builds.
    // The unit tests ask for nothing that a browser loads.
    let built = if options.only == Some(Part::Unit) {
        Ok(())
    } else {
        // What is too heavy is a matter of `check`; it can be tried all the same.
        let built = web::build(&web::Options::default()).and_then(|build| web::print_sizes(&build)).map(|_| ());
        tally += match &built {
            Ok(()) => Tally::of(true),
            Err(error) => trouble("building for the browser", error),
        };
        built
    };
    if wanted(Part::Check) {
        tally += check::all(&check::Options { clippy: true });
    }
    let cluster = if wanted(Part::Unit) || wanted(Part::E2e) {
        match Cluster::start() {
            Ok(cluster) => Some(cluster),
            Err(error) => {
                tally += trouble("everything on PostgreSQL could not run", &error);
                None
            }
        }
    } else {
        None
    };
    if wanted(Part::Unit) {
        tally += match unit::run(cluster.as_ref(), &options.rest) {
            Ok(found) => found,
            Err(error) => trouble("cargo test", &error),
        };
    }
    if wanted(Part::E2e) && built.is_ok() {
        tally += match browser::run(cluster.as_ref(), &options.rest) {
            Ok(found) => found,
            Err(error) => trouble("the journeys in a browser", &error),
        };
    }
    drop(cluster);
    for trouble in troubles {
        println!("could not run: {trouble}");
    }
    println!("{} passed, {} failed", tally.passed, tally.failed);
    tally.failed == 0
}

fn first_line(error: &anyhow::Error) -> String {
    format!("{error:#}").lines().next().unwrap_or_default().to_owned()
}

/// Prints lines as they come.
fn print_lines(command: &mut std::process::Command, mut each: impl FnMut(&str)) -> Result<bool> {
    run::stream(command, |_, line| {
        println!("{line}");
        each(line);
    })
}
