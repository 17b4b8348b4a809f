//! Reading files in a process of its own.
//!
//! [`Worker`] starts the program again, as `cmp extract`, gives it one file through a pipe and takes a
//! [`Document`] back. The child calls [`serve`], which first takes away what it will not need: memory
//! beyond a bound, processor time, writing files. Whatever a file does to its parser, it does to that
//! process; the file fails with a reason and everyone else goes on.

use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, setrlimit};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use tokio::sync::Semaphore;

use super::{ExtractError, Limits, extract};
use crate::document::Document;

/// What a child may use.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Bytes of address space.
    pub memory: u64,
    /// Seconds of processor time.
    pub processor: u64,
    /// Time on the clock, its start included.
    pub time: Duration,
    /// Bytes of output.
    pub output: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { memory: 768 << 20, processor: 20, time: Duration::from_secs(30), output: 64 << 20 }
    }
}

/// Starts children that read files.
#[derive(Debug)]
pub struct Worker {
    program: PathBuf,
    arguments: Vec<String>,
    bounds: Bounds,
    /// How many may run at once.
    places: Semaphore,
}

#[derive(Serialize, Deserialize)]
enum Answer {
    Document(Document),
    Refused(ExtractError),
}

impl Worker {
    /// Uses a program that calls [`serve`] when it is started with these arguments.
    pub fn new(program: PathBuf, arguments: &[&str], bounds: Bounds, at_once: usize) -> Self {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Self { program, arguments, bounds, places: Semaphore::new(at_once.max(1)) }
    }

    /// Reads a file.
    pub async fn extract(&self, name: &str, bytes: &[u8]) -> Result<Document, ExtractError> {
        let _place = self.places.acquire().await.map_err(|_| ExtractError::Unavailable)?;
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .arg(self.bounds.memory.to_string())
            .arg(self.bounds.processor.to_string())
            // Keys and addresses in our environment are none of its business.
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| {
                tracing::error!(%error, program = %self.program.display(), "the program that reads files does not start");
                ExtractError::Unavailable
            })?;
        let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(ExtractError::Unavailable);
        };
        let write = async move {
            let name = name.as_bytes();
            // A child that has decided already closes the pipe; its answer says why.
            let _ = input.write_all(&u32::try_from(name.len()).unwrap_or(0).to_le_bytes()).await;
            let _ = input.write_all(name).await;
            let _ = input.write_all(bytes).await;
            let _ = input.shutdown().await;
        };
        let read = async {
            let mut answer = Vec::new();
            let _ = output.take(self.bounds.output + 1).read_to_end(&mut answer).await;
            answer
        };
        let talk = async { tokio::join!(write, read).1 };
        let answer = tokio::time::timeout(self.bounds.time, talk).await;
        // Dead or done, it is gone before its place is given on.
        let _ = child.start_kill();
        let _ = child.wait().await;
        let answer = answer.map_err(|_| ExtractError::TooComplex)?;
        if answer.len() as u64 > self.bounds.output {
            return Err(ExtractError::TooLarge);
        }
        // Half an answer is what a child leaves that was killed.
        match serde_json::from_slice(&answer).map_err(|_| ExtractError::TooComplex)? {
            Answer::Document(document) => Ok(document),
            Answer::Refused(error) => Err(error),
        }
    }
}

/// Reads one file from standard input and writes what it holds to standard output.
///
/// To be called before threads are started. The bounds are those that [`Worker`] passed as the last two
/// arguments: bytes of memory, and seconds.
pub fn serve(memory: u64, processor: u64) -> std::io::Result<()> {
    bound(Resource::As, memory)?;
    bound(Resource::Cpu, processor)?;
    bound(Resource::Fsize, 0)?;
    bound(Resource::Core, 0)?;
    bound(Resource::Nofile, 16)?;
    // What a parser has to say about a broken file is for nobody.
    std::panic::set_hook(Box::new(|_| {}));
    let mut input = std::io::stdin().lock();
    let mut length = [0; 4];
    input.read_exact(&mut length)?;
    let mut name = vec![0; u32::from_le_bytes(length).min(4096) as usize];
    input.read_exact(&mut name)?;
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes)?;
    let name = String::from_utf8_lossy(&name).into_owned();
    let done = std::panic::catch_unwind(|| extract(&name, &bytes, &Limits::default()));
    let answer = match done {
        Ok(Ok(document)) => Answer::Document(document),
        Ok(Err(error)) => Answer::Refused(error),
        Err(_) => Answer::Refused(ExtractError::TooComplex),
    };
    let mut output = std::io::stdout().lock();
    serde_json::to_writer(&mut output, &answer)?;
    output.flush()
}

fn bound(resource: Resource, most: u64) -> std::io::Result<()> {
    setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?;
    Ok(())
}
