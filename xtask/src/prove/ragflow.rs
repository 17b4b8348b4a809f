//! Our double of a RAGFlow server, checked by RAGFlow's own Python client.
//!
//! The suite tries our client on that double; this proof tries the double. The clients are downloaded when the proof
//! runs: the first of the API's shape, and the newest that the Python of Debian 12 runs.

use std::process::Command;

use anyhow::Result;

use super::{Proof, flows};
use crate::{progress, run, workspace};

/// The client, and the versions of the server that it is tried on.
const CLIENTS: [(&str, &str); 2] = [("0.14.0", "0.14"), ("0.22.1", "0.22,0.27")];

pub(super) fn prove() -> Result<Proof> {
    let step = progress::step("building the double");
    run::under(&step, workspace::cargo().args(["build", "-p", "server", "--example", "prove"]))?;
    step.done("");
    let mut trial = Command::new(workspace::target().join("debug/examples/prove"));
    trial.arg("ragflow").arg(workspace::root().join("xtask/src/prove/ragflow.py")).arg("");
    for (version, servers) in CLIENTS {
        let python = flows::environment(&format!("proofs/ragflow-sdk-{version}"), |python| {
            let mut pip = Command::new(python);
            pip.args(["-m", "pip", "install", "--quiet", &format!("ragflow-sdk=={version}")]);
            vec![pip]
        })?;
        trial.arg(python.join("bin/python")).arg(servers);
    }
    flows::figures(&mut trial)
}
