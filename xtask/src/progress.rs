//! Says what a long step does, what it waits for and for how long it has run.
//!
//! A step that ends within a second leaves one line. All of this goes to standard error, so that
//! tables and the last line of `test` can be piped.

use std::io::{IsTerminal as _, Write as _};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// One step that is under way.
pub(crate) struct Step {
    label: String,
    started: Instant,
    now: Arc<Mutex<String>>,
    ticker: Option<(Sender<()>, JoinHandle<()>)>,
}

/// Starts a step.
pub(crate) fn step(label: impl Into<String>) -> Step {
    let label = label.into();
    let started = Instant::now();
    let now = Arc::new(Mutex::new(String::new()));
    let (stop, stopped) = channel();
    let thread = std::thread::spawn({
        let (label, now) = (label.clone(), Arc::clone(&now));
        move || {
            let terminal = std::io::stderr().is_terminal();
            let pause = Duration::from_secs(if terminal { 1 } else { 15 });
            let mut first = true;
            while stopped.recv_timeout(if first { Duration::from_secs(1) } else { pause })
                == Err(RecvTimeoutError::Timeout)
            {
                let seconds = started.elapsed().as_secs();
                let doing = now.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let mut err = std::io::stderr().lock();
                let _ = match (terminal, first) {
                    (true, _) => write!(err, "\r\x1b[2K  … {label} ({seconds} s) {doing:.60}"),
                    (false, true) => writeln!(err, "  … {label}"),
                    (false, false) => writeln!(err, "    {seconds} s  {doing}"),
                };
                let _ = err.flush();
                first = false;
            }
            if terminal && !first {
                let _ = write!(std::io::stderr(), "\r\x1b[2K");
            }
        }
    });
    Step { label, started, now, ticker: Some((stop, thread)) }
}

impl Step {
    /// Says what the step does at the moment.
    pub(crate) fn note(&self, text: &str) {
        text.trim().clone_into(&mut self.now.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Ends the step well.
    pub(crate) fn done(mut self, detail: &str) {
        self.stop();
        let seconds = self.started.elapsed().as_secs_f64();
        let detail = if detail.is_empty() { String::new() } else { format!(": {detail}") };
        eprintln!("  ✓ {}{detail} ({seconds:.1} s)", self.label);
    }

    fn stop(&mut self) -> bool {
        let Some((stop, thread)) = self.ticker.take() else {
            return false;
        };
        drop(stop);
        let _ = thread.join();
        true
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if self.stop() {
            eprintln!("  ✗ {} ({:.1} s)", self.label, self.started.elapsed().as_secs_f64());
        }
    }
}
