//! Addresses of pages that lead to this machine or its neighbours.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use serde_json::{Value, json};

use super::{Trial, tenths};
use crate::client::Connection;

/// Gives an agent each of them as a page to answer from; a listener of ours counts who comes.
pub(super) async fn all(trial: &Trial) -> anyhow::Result<Vec<(Value, bool)>> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let came = Arc::new(AtomicUsize::new(0));
    let counted = came.clone();
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    let mut rows = Vec::new();
    for address in [
        format!("http://127.0.0.1:{port}/1"),
        format!("http://localhost:{port}/2"),
        format!("http://127.1:{port}/3"),
        format!("http://2130706433:{port}/4"),
        format!("http://0x7f000001:{port}/5"),
        format!("http://0177.0.0.1:{port}/6"),
        format!("http://0.0.0.0:{port}/7"),
        format!("http://[::1]:{port}/8"),
        format!("http://[::ffff:127.0.0.1]:{port}/9"),
        format!("http://someone:else@127.0.0.1:{port}/10"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "http://10.0.0.1/".to_owned(),
        "http://[fd00::1]/".to_owned(),
        "file:///etc/passwd".to_owned(),
        "gopher://127.0.0.1/".to_owned(),
    ] {
        let began = Instant::now();
        let mut connection = Connection::open(&trial.program.host).await?;
        let body = json!({ "url": address }).to_string();
        let sent = connection.send("POST", &trial.door(), &trial.headers(), &body).await?;
        let (became, said) = if sent.status == 201 {
            let row = trial.outcome(&sent).await?;
            let said = row["error_message"].as_str().unwrap_or_default().to_owned();
            (row["state"].as_str().unwrap_or_default().to_owned(), said)
        } else {
            (format!("refused, {}", sent.status), String::from_utf8_lossy(&sent.body).into_owned())
        };
        let held = (became == "failed" || sent.status == 400) && !said.is_empty() && came.load(Ordering::Relaxed) == 0;
        rows.push((
            json!({
                "file": format!("page: {}", address.replace(&port.to_string(), "port")), "bytes": 0, "became": became,
                "seconds": tenths(began.elapsed()), "as it should": held, "said": said.chars().take(90).collect::<String>(),
            }),
            held,
        ));
    }
    Ok(rows)
}
