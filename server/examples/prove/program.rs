//! The program as a child process: started, waited for, killed.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::client::Connection;

/// Who the load's operator is.
pub(crate) const OPERATOR: &str = "operator@example.com";
/// And how they sign in.
pub(crate) const OPERATOR_PASSWORD: &str = "an operator of the load test";

/// A running `cmp serve`.
pub(crate) struct Program {
    binary: PathBuf,
    data: PathBuf,
    database: Option<String>,
    /// `127.0.0.1:port`.
    pub(crate) host: String,
    port: u16,
    settings: Vec<(String, String)>,
    child: Option<Child>,
}

impl Program {
    /// Starts the program on a fresh data directory with the sample content, and waits until it answers.
    pub(crate) async fn start(binary: &Path, data: &Path, database: Option<String>) -> anyhow::Result<Self> {
        Self::start_with(binary, data, database, Vec::new()).await
    }

    /// The same with settings, as environment variables.
    pub(crate) async fn start_with(
        binary: &Path,
        data: &Path,
        database: Option<String>,
        settings: Vec<(String, String)>,
    ) -> anyhow::Result<Self> {
        let port = free_port().context("no port is free")?;
        let mut program = Self {
            binary: binary.to_owned(),
            data: data.to_owned(),
            database,
            host: format!("127.0.0.1:{port}"),
            port,
            settings,
            child: None,
        };
        program.make_operator()?;
        program.restart().await?;
        Ok(program)
    }

    fn make_operator(&self) -> anyhow::Result<()> {
        let mut command = Command::new(&self.binary);
        command.args(["user", "create-operator", "--email", OPERATOR]).arg("--data").arg(&self.data);
        command.env("CMP_OPERATOR_PASSWORD", OPERATOR_PASSWORD).stdout(Stdio::null());
        if let Some(database) = &self.database {
            command.args(["--database", database]);
        }
        anyhow::ensure!(command.status()?.success(), "an operator could not be made");
        Ok(())
    }

    /// Starts it again on the same data; returns how long it took until it answered.
    pub(crate) async fn restart(&mut self) -> anyhow::Result<Duration> {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.data.join("log.txt"))?;
        let mut command = Command::new(&self.binary);
        command
            .args(["serve", "--seed", "--host", "127.0.0.1", "--port", &self.port.to_string()])
            .arg("--data")
            .arg(&self.data)
            .env("CMP_TELEMETRY__METRICS_LISTEN", "")
            .env("CMP_TELEMETRY__LOG", "warn")
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::null())
            .stderr(log);
        if let Some(database) = &self.database {
            command.args(["--database", database]);
        }
        let began = Instant::now();
        self.child = Some(command.spawn().with_context(|| format!("{} cannot be started", self.binary.display()))?);
        while began.elapsed() < Duration::from_mins(1) {
            if let Some(child) = &mut self.child
                && let Some(status) = child.try_wait()?
            {
                bail!("the program ended with {status}; see {}", self.data.join("log.txt").display());
            }
            if let Ok(mut connection) = Connection::open(&self.host).await
                && let Ok(answer) = connection.send("GET", "/api/version/", "", "").await
                && answer.status == 200
            {
                return Ok(began.elapsed());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bail!("the program did not answer within a minute");
    }

    /// Kills it as `kill -9` does.
    pub(crate) fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(mut child) = self.child.take() {
            // On Unix this is SIGKILL: no handler runs.
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Returns the resident memory in KiB, where the system tells.
    pub(crate) fn memory_kib(&self) -> Option<u64> {
        self.status("VmRSS:")
    }

    /// Returns the most resident memory in KiB since the start or [`forget_peak`](Self::forget_peak).
    pub(crate) fn peak_kib(&self) -> Option<u64> {
        self.status("VmHWM:")
    }

    /// Begins to look for the most memory anew, where the system can.
    pub(crate) fn forget_peak(&self) {
        if let Some(child) = &self.child {
            let _ = std::fs::write(format!("/proc/{}/clear_refs", child.id()), "5");
        }
    }

    fn status(&self, field: &str) -> Option<u64> {
        let pid = self.child.as_ref()?.id();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        status.lines().find_map(|line| line.strip_prefix(field))?.trim().trim_end_matches(" kB").parse().ok()
    }

    /// Returns the processor time used so far, in seconds, where the system tells.
    pub(crate) fn cpu_seconds(&self) -> Option<f64> {
        let pid = self.child.as_ref()?.id();
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
        let ticks: f64 = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
        // USER_HZ is 100 on Linux.
        Some(ticks / 100.0)
    }
}

/// Finds a port below those that the system gives to clients: one of ours would take it while the program is dead.
fn free_port() -> Option<u16> {
    let first = 20_000 + u16::try_from(std::process::id() % 8_000).unwrap_or(0);
    (first..30_000).find(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok())
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}
