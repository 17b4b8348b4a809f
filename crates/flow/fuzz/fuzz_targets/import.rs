//! Imports whatever bytes come: no panic, no endless work, and what is taken in holds together.
//!
//! What was imported is checked, stored and read back, and the cleaned export is imported once more: all that
//! happens to an upload before anybody runs it.

#![no_main]

use std::collections::HashSet;

use flow::{Flow, Report, check, import_limits as limits, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(import) = parse(bytes) else {
        return;
    };
    assert!((1..=limits::FLOWS).contains(&import.flows.len()), "an import holds flows, and not too many");
    if let Ok(whole) = import.clone().single() {
        let runs = whole.flow.flows.iter().map(|it| it.nodes.len()).sum::<usize>() + whole.flow.nodes.len();
        assert!(runs <= limits::NODES, "a flow is bounded with those that it runs");
        assert_eq!(check(&whole.flow).nodes.len(), whole.flow.nodes.len(), "each component is in the report");
    }
    for imported in import.flows {
        let flow = imported.flow;
        assert!(flow.nodes.len() <= limits::NODES && flow.edges.len() <= limits::EDGES, "a flow is bounded");
        let ids: HashSet<&str> = flow.nodes.iter().map(|node| node.id.as_str()).collect();
        for edge in &flow.edges {
            let has_ends = ids.contains(edge.source.as_str()) && ids.contains(edge.target.as_str());
            assert!(has_ends, "a connection has two ends");
        }
        let report = check(&flow);
        assert_eq!(report.nodes.len(), flow.nodes.len(), "each component is in the report");

        let stored = serde_json::to_string(&flow).expect("a flow can be stored");
        let read: Flow = serde_json::from_str(&stored).expect("a flow that was stored can be read");
        assert_eq!(meaning(check(&read)), meaning(report), "a flow means the same once it was stored");

        let export = serde_json::to_vec(&imported.export).expect("an export can be written");
        let again = parse(&export).expect("what was cleaned is still an export").single().expect("it is one flow");
        assert_eq!(again.flow.secrets_removed, [], "no secret is left for a second look");
        assert_eq!(again.flow.nodes.len(), flow.nodes.len(), "cleaning takes no component away");
    }
});

/// What a report says; where components lie may differ by the last bit of a number.
fn meaning(mut report: Report) -> Report {
    for node in &mut report.nodes {
        node.position = flow::Position::default();
    }
    report
}
