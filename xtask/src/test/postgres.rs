//! A PostgreSQL of our own: a fresh cluster in a temporary directory, reached through a socket.
//!
//! It disappears with us, also when we are interrupted or killed. Nothing is safe in it: it never
//! waits for the disk.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::run::{self, Guarded};
use crate::{progress, toolchain, workspace};

/// A running cluster.
pub(crate) struct Cluster {
    guard: Guarded,
    binaries: PathBuf,
    socket: PathBuf,
}

impl Cluster {
    /// Finds or installs PostgreSQL, and starts a cluster with the role `cmp`.
    pub(crate) fn start() -> Result<Self> {
        let binaries = binaries()?;
        let step = progress::step("starting a private PostgreSQL");
        let place = std::env::temp_dir().join(format!("cmp-postgres-{}", std::process::id()));
        std::fs::create_dir_all(&place)?;
        let shown = place.to_str().context("the temporary directory has no readable name")?;
        let root = toolchain::is_root();
        if root {
            run::capture(Command::new("chown").args(["postgres", shown]))
                .context("PostgreSQL refuses to run as root, and there is no user `postgres`")?;
        }
        let data = place.join("data");
        let mut initdb = as_owner(root, &binaries.join("initdb"));
        initdb.current_dir("/").arg("--pgdata").arg(&data);
        initdb.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"]);
        run::under(&step, &mut initdb)?;

        let mut server = as_owner(root, &binaries.join("postgres"));
        server.current_dir("/").arg("-D").arg(&data).arg("-k").arg(&place);
        for setting in [
            "listen_addresses=",
            "fsync=off",
            "autovacuum=off",
            "synchronous_commit=off",
            "full_page_writes=off",
            "max_connections=400",
            "shared_buffers=128MB",
        ] {
            server.args(["-c", setting]);
        }
        let log = workspace::target().join("postgres.log");
        let guard = Guarded::spawn(&server, "INT", Some(shown), &log)?;
        let mut cluster = Self { guard, binaries, socket: place };
        cluster.wait(&log)?;
        // As in production: it may log in and make databases, and row-level security holds it.
        cluster.sql("CREATE ROLE cmp LOGIN NOSUPERUSER CREATEDB NOBYPASSRLS")?;
        step.done("");
        Ok(cluster)
    }

    /// How to reach a database of this cluster as the role `cmp`.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://cmp@localhost/{database}?host={}", self.socket.display())
    }

    /// Makes an empty database that belongs to `cmp`, and answers how to reach it.
    pub(crate) fn database(&self, name: &str) -> Result<String> {
        self.sql(&format!("CREATE DATABASE \"{name}\" OWNER cmp"))?;
        Ok(self.url(name))
    }

    fn sql(&self, statement: &str) -> Result<String> {
        let mut psql = Command::new(self.binaries.join("psql"));
        psql.args(["--no-psqlrc", "--quiet", "--username=postgres", "--dbname=postgres", "--host"]);
        psql.arg(&self.socket).args(["--set=ON_ERROR_STOP=1", "--command", statement]);
        run::capture(&mut psql)
    }

    fn wait(&mut self, log: &Path) -> Result<()> {
        let started = Instant::now();
        while self.sql("SELECT 1").is_err() {
            if self.guard.ended() || started.elapsed() > Duration::from_mins(1) {
                let log = std::fs::read_to_string(log).unwrap_or_default();
                bail!("PostgreSQL did not start:\n{log}");
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }
}

/// The directory of `initdb` and `postgres`, which Debian does not put on PATH.
fn binaries() -> Result<PathBuf> {
    if let Some(found) = find_binaries() {
        return Ok(found);
    }
    toolchain::apt_install(&["postgresql"]).context(
        "PostgreSQL is not on this machine and could not be installed; install it \
         (`apt-get install postgresql`, `brew install postgresql`) and try again",
    )?;
    find_binaries().context("PostgreSQL was installed, and initdb is still nowhere")
}

fn find_binaries() -> Option<PathBuf> {
    let mut versions: Vec<_> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .filter(|bin| bin.join("initdb").is_file() && bin.join("psql").exists())
        .collect();
    versions.sort();
    versions.pop().or_else(|| Some(run::find("initdb")?.parent()?.to_owned()))
}

/// A command that runs as `postgres` when we are root.
fn as_owner(root: bool, program: &Path) -> Command {
    if !root {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--init-groups", "--"]).arg(program);
    command
}
