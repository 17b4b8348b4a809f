//! Running other programs: for their answer, with progress, or streamed line by line.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::progress::Step;

/// Runs a command and answers what it wrote to standard output.
pub(crate) fn capture(command: &mut Command) -> Result<String> {
    let shown = show(command);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("starting {shown}"))?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        bail!("{shown} ended with {}: {}", output.status, error.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Runs a command under a step: its lines become the step's notes, and are shown if it fails.
pub(crate) fn under(step: &Step, command: &mut Command) -> Result<()> {
    let mut lines = Vec::new();
    let status = stream(command, |_, line| {
        step.note(line);
        lines.push(line.to_owned());
    })?;
    if status {
        return Ok(());
    }
    let first = lines.len().saturating_sub(200);
    bail!("{} failed:\n{}", show(command), lines[first..].join("\n"))
}

/// Which of a program's two outputs a line came from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// Runs a command and hands over each line of its output; answers whether it succeeded.
pub(crate) fn stream(command: &mut Command, mut each: impl FnMut(Output, &str)) -> Result<bool> {
    let shown = show(command);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {shown}"))?;
    let (send, lines) = channel();
    let out = child.stdout.take().map(|pipe| forward(pipe, Output::Out, send.clone()));
    let err = child.stderr.take().map(|pipe| forward(pipe, Output::Err, send));
    for (from, line) in lines {
        each(from, &line);
    }
    for thread in [out, err].into_iter().flatten() {
        let _ = thread.join();
    }
    Ok(child.wait()?.success())
}

fn forward(
    pipe: impl Read + Send + 'static,
    from: Output,
    to: std::sync::mpsc::Sender<(Output, String)>,
) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let mut reader = BufReader::new(pipe);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            line.clear();
            if to.send((from, text)).is_err() {
                return;
            }
        }
    })
}

/// The command as a person would type it.
pub(crate) fn show(command: &Command) -> String {
    let program = PathBuf::from(command.get_program());
    let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let arguments = command.get_args().map(|argument| argument.to_string_lossy().into_owned());
    let all: Vec<String> = std::iter::once(name).chain(arguments).collect();
    format!("`{}`", all.join(" "))
}

/// Finds a program on PATH.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(|file| file.is_file())
}

/// Runs a command, but not longer than the limit; answers whether it succeeded in time.
pub(crate) fn within(limit: Duration, command: &mut Command) -> bool {
    let started = Instant::now();
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let Ok(mut child) = child else { return false };
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) if started.elapsed() < limit => {
                std::thread::sleep(Duration::from_millis(100));
            }
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                return false;
            }
        }
    }
}

/// A program that never outlives this one, however this one ends.
///
/// A small shell stands between: it reads a pipe that only we hold, and when that closes (because
/// we dropped it, were interrupted or were killed) it stops the program and cleans up.
pub(crate) struct Guarded {
    shell: Child,
}

impl Guarded {
    /// Starts a program; `signal` stops it and `cleanup` is a directory to remove afterwards.
    pub(crate) fn spawn(command: &Command, signal: &str, cleanup: Option<&str>, log: &std::path::Path) -> Result<Self> {
        const SCRIPT: &str = r#"exec 3<&0 </dev/null
trap : INT TERM HUP
signal=$1 cleanup=$2; shift 2
"$@" 3<&- & program=$!
(cat <&3 >/dev/null; kill -s "$signal" $program 2>/dev/null) &
while kill -0 $program 2>/dev/null; do wait $program; status=$?; done
[ -n "$cleanup" ] && rm -rf "$cleanup"
exit $status"#;
        if let Some(parent) = log.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let log_file = std::fs::File::create(log).with_context(|| format!("creating {}", log.display()))?;
        let mut shell = Command::new("sh");
        shell
            .args(["-c", SCRIPT, "guard", signal, cleanup.unwrap_or("")])
            .arg(command.get_program())
            .args(command.get_args())
            .stdin(Stdio::piped())
            .stdout(log_file.try_clone()?)
            .stderr(log_file);
        for (key, value) in command.get_envs() {
            match value {
                Some(value) => shell.env(key, value),
                None => shell.env_remove(key),
            };
        }
        if let Some(directory) = command.get_current_dir() {
            shell.current_dir(directory);
        }
        let shell = shell.spawn().with_context(|| format!("starting {}", show(command)))?;
        Ok(Self { shell })
    }

    /// Whether the program has ended by itself.
    pub(crate) fn ended(&mut self) -> bool {
        !matches!(self.shell.try_wait(), Ok(None))
    }

    /// Stops the program and waits for it.
    pub(crate) fn stop(&mut self) {
        if let Some(mut pipe) = self.shell.stdin.take() {
            let _ = pipe.flush();
            drop(pipe);
            let _ = self.shell.wait();
        }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_both_outputs_arrive() {
        let mut lines = Vec::new();
        let ok = stream(Command::new("sh").args(["-c", "echo one; echo two >&2; exit 3"]), |from, line| {
            lines.push((from == Output::Out, line.to_owned()));
        });
        assert!(!ok.expect("sh starts"));
        lines.sort();
        assert_eq!(lines, [(false, "two".to_owned()), (true, "one".to_owned())]);
    }

    #[test]
    fn a_guarded_program_is_stopped_and_cleaned_up_after() {
        let place = std::env::temp_dir().join(format!("xtask-guard-{}", std::process::id()));
        std::fs::create_dir_all(&place).expect("a temporary directory");
        let mut command = Command::new("sleep");
        command.arg("600");
        let log = std::env::temp_dir().join(format!("xtask-guard-{}.log", std::process::id()));
        let mut guard = Guarded::spawn(&command, "TERM", place.to_str(), &log).expect("sh starts");
        assert!(!guard.ended());
        let started = Instant::now();
        guard.stop();
        assert!(started.elapsed() < Duration::from_secs(30), "it waited for the program's own end");
        assert!(!place.exists());
        let _ = std::fs::remove_file(log);
    }
}
