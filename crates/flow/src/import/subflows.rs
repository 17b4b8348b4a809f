//! Flows of one export that run each other: the one that no other runs is meant, and brings the others along.

use super::{ImportError, Imported, limits};
use crate::{components::run_flow::named, flow::Flow};

/// Finds the flow that no other of an export runs, where it is the only one and runs all of the others.
pub(super) fn main(flows: &[Imported]) -> Option<usize> {
    let runs: Vec<Vec<usize>> = flows.iter().map(|it| run_by(&it.flow, flows)).collect();
    let mut roots = (0..flows.len()).filter(|at| !runs.iter().flatten().any(|it| it == at));
    let main = roots.next().filter(|_| roots.next().is_none())?;
    (reached(main, flows).len() + 1 == flows.len()).then_some(main)
}

/// Returns a flow with those of its export that it runs.
pub(super) fn whole(flows: &[Imported], main: usize) -> Flow {
    let mut whole = flows[main].flow.clone();
    for at in reached(main, flows) {
        let mut flow = flows[at].flow.clone();
        let name = flow.name.clone();
        whole.secrets_removed.append(&mut flow.secrets_removed);
        whole.notes.extend(flow.notes.drain(..).map(|note| format!("{name}: {note}")));
        whole.flows.push(flow);
    }
    whole
}

/// Checks that a flow with those that it runs is not too large as a whole.
pub(super) fn check(whole: &Flow) -> Result<(), ImportError> {
    let nodes = || whole.nodes.iter().chain(whole.flows.iter().flat_map(|it| &it.nodes));
    if nodes().count() > limits::NODES {
        return Err(ImportError::TooManyNodes);
    }
    if nodes().filter_map(named).count() > limits::RUNS {
        return Err(ImportError::NotAFlow(format!("it has more than {} Run Flow components", limits::RUNS)));
    }
    Ok(())
}

/// Returns the places of the flows that a flow runs, and of those that these run, without its own.
fn reached(main: usize, flows: &[Imported]) -> Vec<usize> {
    let mut seen = vec![false; flows.len()];
    let mut queue = vec![main];
    while let Some(at) = queue.pop() {
        if !std::mem::replace(&mut seen[at], true) {
            queue.extend(run_by(&flows[at].flow, flows));
        }
    }
    (0..flows.len()).filter(|at| seen[*at] && *at != main).collect()
}

/// Returns the places of the flows that the nodes of a flow run.
fn run_by(flow: &Flow, flows: &[Imported]) -> Vec<usize> {
    let named = flow.nodes.iter().filter_map(named);
    named.filter_map(|name| flows.iter().position(|it| name.means(&it.flow))).collect()
}
