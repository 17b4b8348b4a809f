//! Uploads that are wrong as uploads: too much, too slow, too many, never finished.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Trial, tenths};

/// How long a sender that sends next to nothing may be waited for.
const SLOWEST: Duration = Duration::from_secs(150);

pub(super) async fn all(trial: &Trial) -> anyhow::Result<Vec<(Value, bool)>> {
    Ok(vec![
        large(trial, true).await?,
        large(trial, false).await?,
        broken_off(trial).await?,
        slow(trial, "300 uploads, a byte every two seconds each", Some(Duration::from_secs(2))).await?,
        slow(trial, "300 uploads that stop in the middle", None).await?,
    ])
}

fn head(trial: &Trial, length: &str) -> String {
    format!(
        "POST {} HTTP/1.1\r\nhost: {}\r\n{}content-type: multipart/form-data; boundary=cut\r\n{length}\r\n",
        trial.door(),
        trial.program.host,
        trial.headers()
    )
}

const PART: &str = "--cut\r\ncontent-disposition: form-data; name=\"file\"; filename=\"large.txt\"\r\n\r\n";

/// A gigabyte, with its length said before or in pieces without one.
async fn large(trial: &Trial, says_so: bool) -> anyhow::Result<(Value, bool)> {
    const BYTES: usize = 1 << 30;
    let before = trial.program.memory_kib().unwrap_or_default() >> 10;
    trial.program.forget_peak();
    let began = Instant::now();
    let stream = TcpStream::connect(&trial.program.host).await?;
    let (mut from, mut to) = stream.into_split();
    let length = if says_so {
        format!("content-length: {}\r\n", BYTES + PART.len())
    } else {
        "transfer-encoding: chunked\r\n".to_owned()
    };
    let head = head(trial, &length);
    let sending = tokio::spawn(async move {
        let block = vec![b'a'; 1 << 20];
        let mut sent = 0;
        let mut write = async || {
            to.write_all(head.as_bytes()).await?;
            if says_so {
                to.write_all(PART.as_bytes()).await?;
            } else {
                to.write_all(format!("{:x}\r\n{PART}\r\n", PART.len()).as_bytes()).await?;
            }
            while sent < BYTES {
                if says_so {
                    to.write_all(&block).await?;
                } else {
                    to.write_all(b"100000\r\n").await?;
                    to.write_all(&block).await?;
                    to.write_all(b"\r\n").await?;
                }
                sent += block.len();
            }
            std::io::Result::Ok(())
        };
        // The door may close in the middle; that is what is tried.
        let _ = write().await;
        sent
    });
    let mut answer = vec![0; 300];
    let read = tokio::time::timeout(SLOWEST, from.read(&mut answer)).await;
    let count = read.ok().and_then(Result::ok).unwrap_or(0);
    let status = String::from_utf8_lossy(&answer[..count]).split(' ').nth(1).unwrap_or("closed").to_owned();
    drop(from);
    let sent = tokio::time::timeout(SLOWEST, sending).await??;
    let took = began.elapsed();
    let peak = trial.program.peak_kib().unwrap_or_default() >> 10;
    let after = trial.program.memory_kib().unwrap_or_default() >> 10;
    let what = if says_so { "upload of 1 GB that says so" } else { "upload of 1 GB in pieces" };
    let held = (status.starts_with('4') || status == "closed") && peak <= before + 120;
    let row = json!({
        "file": what, "bytes": sent, "became": format!("refused, {status}"), "seconds": tenths(took),
        "MiB before": before, "most": peak, "after": after, "as it should": held, "said": "",
    });
    Ok((row, held))
}

/// Someone who goes away in the middle, a hundred times.
async fn broken_off(trial: &Trial) -> anyhow::Result<(Value, bool)> {
    let before = trial.program.memory_kib().unwrap_or_default() >> 10;
    trial.program.forget_peak();
    let began = Instant::now();
    let count = trial.get(&format!("{}?page_size=300", trial.door())).await?.as_array().map_or(0, Vec::len);
    for _ in 0..100 {
        let mut stream = TcpStream::connect(&trial.program.host).await?;
        let head = head(trial, "content-length: 20000000\r\n");
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(PART.as_bytes()).await?;
        let _ = stream.write_all(&vec![b'a'; 1 << 20]).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let left = trial.get(&format!("{}?page_size=300", trial.door())).await?.as_array().map_or(0, Vec::len);
    let peak = trial.program.peak_kib().unwrap_or_default() >> 10;
    let after = trial.program.memory_kib().unwrap_or_default() >> 10;
    let held = left == count && peak <= before + 250;
    let row = json!({
        "file": "100 uploads that break off", "bytes": 100 << 20, "became": format!("{} documents", left - count),
        "seconds": tenths(began.elapsed()), "MiB before": before, "most": peak, "after": after, "as it should": held, "said": "",
    });
    Ok((row, held))
}

/// Many who send next to nothing: others must be served, and these must end.
async fn slow(trial: &Trial, what: &str, every: Option<Duration>) -> anyhow::Result<(Value, bool)> {
    let before = trial.program.memory_kib().unwrap_or_default() >> 10;
    trial.program.forget_peak();
    let began = Instant::now();
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..300 {
        let mut stream = TcpStream::connect(&trial.program.host).await?;
        stream.write_all(head(trial, "content-length: 20000000\r\n").as_bytes()).await?;
        stream.write_all(PART.as_bytes()).await?;
        waiting.spawn(async move {
            let (mut from, mut to) = stream.into_split();
            let send = async {
                loop {
                    match every {
                        Some(pause) => {
                            tokio::time::sleep(pause).await;
                            if to.write_all(b"a").await.is_err() {
                                return;
                            }
                        }
                        None => std::future::pending::<()>().await,
                    }
                }
            };
            let ended = async {
                let mut answer = [0; 64];
                let count = from.read(&mut answer).await.unwrap_or(0);
                answer[..count].starts_with(b"HTTP/1.1 429")
            };
            let began = Instant::now();
            tokio::select! {
                () = send => Some((false, began.elapsed())),
                at_once = ended => Some((at_once, began.elapsed())),
                () = tokio::time::sleep(SLOWEST) => None,
            }
        });
    }
    // Others while these hang.
    let mut slowest = Duration::ZERO;
    for _ in 0..50 {
        let asked = Instant::now();
        trial.get("/api/version/").await?;
        slowest = slowest.max(asked.elapsed());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (mut ended, mut refused, mut longest) = (0, 0, Duration::ZERO);
    while let Some(one) = waiting.join_next().await {
        if let Some((at_once, took)) = one? {
            ended += 1;
            refused += usize::from(at_once);
            longest = longest.max(took);
        }
    }
    let peak = trial.program.peak_kib().unwrap_or_default() >> 10;
    let after = trial.program.memory_kib().unwrap_or_default() >> 10;
    let held = ended == 300 && slowest < Duration::from_millis(500) && peak <= before + 100;
    let said = format!(
        "{refused} at once, the last after {:.0} s; others meanwhile were answered within {} ms",
        longest.as_secs_f64(),
        slowest.as_millis()
    );
    let row = json!({
        "file": what, "bytes": 0, "became": format!("{ended} were ended"), "seconds": tenths(began.elapsed()),
        "MiB before": before, "most": peak, "after": after, "as it should": held, "said": said,
    });
    Ok((row, held))
}
