//! Which nodes of a flow run, and what each waits for.
//!
//! As in Langflow: with a webhook or chat input, only what is connected to it runs (what it reaches, and what
//! that needs); islands stay still. Without one, everything runs.

use std::collections::{HashMap, VecDeque};

use super::RunError;
use crate::{
    check::{NodeClass, classify},
    components::{self, Kind},
    flow::{Edge, Flow, Node},
};

/// The output under which a component hands itself on as tools.
pub(crate) const AS_TOOL: &str = "component_as_tool";

/// A flow made ready to run.
#[derive(Debug)]
pub(crate) struct Plan<'f> {
    /// The nodes that run.
    pub(crate) nodes: Vec<Planned<'f>>,
    /// The node that runs before all others.
    pub(crate) first: Option<usize>,
}

/// A node that runs.
#[derive(Debug)]
pub(crate) struct Planned<'f> {
    /// The node.
    pub(crate) node: &'f Node,
    /// Its implementation.
    pub(crate) component: &'static dyn components::Component,
    /// The edges into it: from which planned node, and the edge.
    pub(crate) arriving: Vec<(usize, &'f Edge)>,
    /// The planned nodes that wait for it.
    pub(crate) followers: Vec<usize>,
    /// The outputs that somebody reads; all of them when nobody does.
    pub(crate) wanted: Vec<&'f str>,
    /// Whether what its model says is what the person reads.
    pub(crate) speaks: bool,
    /// Whether its model's tokens are the flow's answer as they come.
    pub(crate) streams: bool,
    /// What a loop runs for each item.
    pub(crate) body: Option<Body<'f>>,
    /// The loops that run it for each of their items, the outermost first.
    pub(crate) inside: Vec<usize>,
}

/// What a loop runs for each item.
#[derive(Debug)]
pub(crate) struct Body<'f> {
    /// The nodes, those of loops inside it, too.
    pub(crate) members: Vec<usize>,
    /// Where the result of a round comes from.
    pub(crate) end: (usize, &'f Edge),
}

impl Planned<'_> {
    /// Tells whether it is not run itself but handed to agents as tools.
    pub(crate) fn is_tools(&self) -> bool {
        !self.wanted.is_empty() && self.wanted.iter().all(|output| is_tool_output(self.node, output))
    }

    /// Tells whether the node, seen from inside of the loops `around`, is run by the innermost of them.
    pub(crate) fn runs_in(&self, around: &[usize]) -> bool {
        self.inside == around
    }
}

/// Tells whether an output hands the component on as tools.
pub(crate) fn is_tool_output(node: &Node, output: &str) -> bool {
    output == AS_TOOL
        || node
            .outputs
            .iter()
            .any(|it| it.name == output && !it.types.is_empty() && it.types.iter().all(|it| it == "Tool"))
}

impl<'f> Plan<'f> {
    /// Plans a flow, or says why it can't run here.
    pub(crate) fn new(flow: &'f Flow, accepts_reviewed: bool) -> Result<Self, RunError> {
        Self::of(flow, |node| {
            let found = classify(flow, node, &flow.flows);
            let runs = found.class == NodeClass::Native || (found.class == NodeClass::Review && accepts_reviewed);
            if runs { Ok(()) } else { Err(found.reason) }
        })
    }

    /// Plans a flow that another one runs, which was looked through with that one.
    pub(crate) fn inner(flow: &'f Flow) -> Result<Self, RunError> {
        Self::of(flow, |_| Ok(()))
    }

    fn of(flow: &'f Flow, runs: impl Fn(&Node) -> Result<(), String>) -> Result<Self, RunError> {
        let start = start(flow)?;
        let active = active_nodes(flow, start);
        let mut place = HashMap::new();
        let mut nodes: Vec<Planned<'f>> = Vec::new();
        for (node, _) in flow.nodes.iter().zip(&active).filter(|(_, active)| **active) {
            let refused = |reason: String| RunError::Unsupported {
                node: node.id.clone(),
                display_name: node.display_name.clone(),
                component: node.component.clone(),
                reason,
            };
            runs(node).map_err(refused)?;
            let unknown = || refused("this engine does not have this component".into());
            let component = components::find(&node.component).ok_or_else(unknown)?;
            place.insert(node.id.as_str(), nodes.len());
            nodes.push(Planned {
                node,
                component,
                arriving: Vec::new(),
                followers: Vec::new(),
                wanted: Vec::new(),
                speaks: false,
                streams: false,
                body: None,
                inside: Vec::new(),
            });
        }
        let mut ends: Vec<(usize, usize, &'f Edge)> = Vec::new();
        for edge in &flow.edges {
            let (Some(&from), Some(&to)) = (place.get(edge.source.as_str()), place.get(edge.target.as_str())) else {
                continue;
            };
            if !nodes[from].wanted.contains(&edge.output.as_str()) {
                nodes[from].wanted.push(&edge.output);
            }
            if edge.closes_loop {
                ends.push((to, from, edge));
                continue;
            }
            nodes[to].arriving.push((from, edge));
            if !nodes[from].followers.contains(&to) {
                nodes[from].followers.push(to);
            }
        }
        let first = start.and_then(|index| place.get(flow.nodes[index].id.as_str()).copied());
        let mut plan = Self { nodes, first };
        if let Some(name) = plan.cycle() {
            return Err(RunError::Invalid(format!("its connections go round in a circle at {name}")));
        }
        plan.find_bodies(ends)?;
        if !plan.nodes.iter().any(|it| it.component.kind() == Kind::Output) {
            return Err(RunError::Invalid("it has no Chat Output or Text Output that its input reaches".into()));
        }
        plan.mark_speakers();
        Ok(plan)
    }

    /// Tells whether the caller's message goes anywhere.
    pub(crate) fn takes_input(&self) -> bool {
        self.nodes.iter().any(|it| it.component.kind() == Kind::ChatInput)
    }

    fn cycle(&self) -> Option<&str> {
        let edges =
            self.nodes.iter().enumerate().flat_map(|(to, it)| it.arriving.iter().map(move |(from, _)| (*from, to)));
        finds_cycle(self.nodes.len(), edges).map(|index| self.nodes[index].node.display_name.as_str())
    }

    /// Finds what each loop runs: all that its item reaches, up to where the loop is closed.
    ///
    /// What only feeds a body from outside (a prompt without the item) runs once, before the loop.
    fn find_bodies(&mut self, ends: Vec<(usize, usize, &'f Edge)>) -> Result<(), RunError> {
        let invalid = |plan: &Self, index: usize, what: &str| {
            RunError::Invalid(format!("{} {what}", plan.nodes[index].node.display_name))
        };
        for (of, from, edge) in ends {
            if self.nodes[of].component.kind() != Kind::Loop {
                return Err(invalid(self, of, "is the end of a loop and is no Loop component"));
            }
            if self.nodes[of].body.is_some() {
                return Err(invalid(self, of, "is closed by two connections"));
            }
            let mut members = Vec::new();
            let mut queue: Vec<usize> = self.leaving(of, &edge.field);
            while let Some(index) = queue.pop() {
                if index == of || members.contains(&index) {
                    continue;
                }
                members.push(index);
                // Where the loop is closed, its body ends.
                if index != from {
                    queue.extend(&self.nodes[index].followers);
                }
            }
            if !members.contains(&from) {
                return Err(invalid(self, of, "is closed by a component that its item does not reach"));
            }
            members.sort_unstable();
            self.nodes[of].body = Some(Body { members, end: (from, edge) });
        }
        let sizes: Vec<(usize, usize)> =
            self.nodes.iter().enumerate().filter_map(|(at, it)| Some((it.body.as_ref()?.members.len(), at))).collect();
        let mut outermost_first = sizes;
        outermost_first.sort_unstable_by(|a, b| b.cmp(a));
        for (_, of) in outermost_first {
            let members = self.nodes[of].body.as_ref().map(|it| it.members.clone()).unwrap_or_default();
            let around = self.nodes[of].inside.clone();
            for index in &members {
                if self.nodes[*index].inside != around {
                    return Err(invalid(self, of, "overlaps with another loop"));
                }
            }
            // The loop has to wait for whatever its body reads from outside.
            let mut outside: Vec<usize> = Vec::new();
            for index in &members {
                self.nodes[*index].inside.push(of);
                outside.extend(self.nodes[*index].arriving.iter().map(|(from, _)| *from));
            }
            outside.retain(|from| *from != of && !members.contains(from));
            for from in outside {
                if !self.nodes[from].followers.contains(&of) {
                    self.nodes[from].followers.push(of);
                }
            }
        }
        // The waits that were added could have made a circle.
        let waits = self.nodes.iter().enumerate().flat_map(|(from, it)| it.followers.iter().map(move |to| (from, *to)));
        if let Some(asks) = self.nodes.iter().position(|it| !it.inside.is_empty() && it.node.component == "HumanInput")
        {
            return Err(invalid(self, asks, "asks a person inside of a loop, which a run here cannot"));
        }
        match finds_cycle(self.nodes.len(), waits) {
            Some(at) => Err(invalid(self, at, "waits for the loop that it is in")),
            None => Ok(()),
        }
    }

    /// Returns the nodes that an output of a node leads to.
    pub(crate) fn leaving(&self, from: usize, output: &str) -> Vec<usize> {
        let reads =
            |to: &&usize| self.nodes[**to].arriving.iter().any(|(it, edge)| *it == from && edge.output == output);
        self.nodes[from].followers.iter().filter(reads).copied().collect()
    }

    /// Returns all nodes that can be reached from some.
    pub(crate) fn reached(&self, from: Vec<usize>) -> Vec<bool> {
        let mut seen = vec![false; self.nodes.len()];
        let mut queue = from;
        while let Some(index) = queue.pop() {
            if !std::mem::replace(&mut seen[index], true) {
                queue.extend(&self.nodes[index].followers);
            }
        }
        seen
    }

    /// Tells of each node whether it has had its turn, when people have decided at some nodes: only what the last
    /// decision leads to runs, and what that needs besides.
    pub(crate) fn settled_by(&self, last: &str, is_decided: impl Fn(&Node) -> bool) -> Vec<bool> {
        let Some(last) = self.nodes.iter().position(|it| it.node.id == last) else {
            return vec![false; self.nodes.len()];
        };
        let mut needed = self.reached(vec![last]);
        let mut queue: Vec<usize> = (0..needed.len()).filter(|at| needed[*at] && *at != last).collect();
        while let Some(at) = queue.pop() {
            for (from, _) in &self.nodes[at].arriving {
                // What was decided is known, whatever it was about.
                if !std::mem::replace(&mut needed[*from], true) && !is_decided(self.nodes[*from].node) {
                    queue.push(*from);
                }
            }
        }
        needed.into_iter().map(|it| !it).collect()
    }

    /// A model speaks when an output hears it without another model in between.
    fn mark_speakers(&mut self) {
        let mut hears = vec![false; self.nodes.len()];
        let mut queue: VecDeque<usize> =
            (0..self.nodes.len()).filter(|index| self.nodes[*index].component.kind() == Kind::Output).collect();
        let outputs = queue.len();
        while let Some(index) = queue.pop_front() {
            for at in 0..self.nodes[index].arriving.len() {
                let from = self.nodes[index].arriving[at].0;
                if self.nodes[from].is_tools() || std::mem::replace(&mut hears[from], true) {
                    continue;
                }
                if self.nodes[from].component.kind() == Kind::Model {
                    self.nodes[from].speaks = true;
                } else {
                    queue.push_back(from);
                }
            }
        }
        // Tokens of two outputs would be mixed up, so only a single one streams.
        if outputs != 1 {
            return;
        }
        let Some(output) = self.nodes.iter().find(|it| it.component.kind() == Kind::Output) else {
            return;
        };
        if let [(from, edge)] = output.arriving.as_slice() {
            let (from, field) = (*from, edge.field.as_str());
            let of = &self.nodes[from];
            // Only a message is shown as it was said; what is inside of a loop is said more than once.
            let is_text = matches!(edge.output.as_str(), "text_output" | "response" | "output");
            let streams =
                field == "input_value" && is_text && of.inside.is_empty() && of.component.kind() == Kind::Model;
            self.nodes[from].streams = streams;
        }
    }
}

/// Finds the node that a run starts with.
fn start(flow: &Flow) -> Result<Option<usize>, RunError> {
    let of = |wanted: &'static str| {
        let is = move |node: &Node| components::canonical_type(&node.component) == wanted;
        flow.nodes.iter().enumerate().filter(move |(_, node)| is(node)).map(|(index, _)| index)
    };
    if of("ChatInput").count() > 1 {
        return Err(RunError::Invalid("only one Chat Input is allowed".into()));
    }
    Ok(of("Webhook").next().or_else(|| of("ChatInput").next()))
}

/// Tells of each node whether it runs, given the node that the run starts with.
pub(crate) fn active_nodes(flow: &Flow, start: Option<usize>) -> Vec<bool> {
    let place: HashMap<&str, usize> = flow.nodes.iter().enumerate().map(|(at, node)| (node.id.as_str(), at)).collect();
    let mut after = vec![Vec::new(); flow.nodes.len()];
    let mut before = vec![Vec::new(); flow.nodes.len()];
    for edge in &flow.edges {
        if let (Some(&from), Some(&to)) = (place.get(edge.source.as_str()), place.get(edge.target.as_str())) {
            after[from].push(to);
            before[to].push(from);
        }
    }
    let mut active = match start {
        None => vec![true; flow.nodes.len()],
        Some(start) => {
            let reached = spread(vec![start], &after);
            spread(reached.iter().enumerate().filter(|(_, it)| **it).map(|(at, _)| at).collect(), &before)
        }
    };
    // A tool that no agent holds is not run.
    for (index, node) in flow.nodes.iter().enumerate() {
        if node.tool_mode && after[index].is_empty() {
            active[index] = false;
        }
    }
    active
}

fn spread(mut queue: Vec<usize>, next: &[Vec<usize>]) -> Vec<bool> {
    let mut seen = vec![false; next.len()];
    while let Some(index) = queue.pop() {
        if !std::mem::replace(&mut seen[index], true) {
            queue.extend(&next[index]);
        }
    }
    seen
}

/// Returns a node on a cycle, if there is one.
pub(crate) fn finds_cycle(nodes: usize, edges: impl Iterator<Item = (usize, usize)>) -> Option<usize> {
    let mut after = vec![Vec::new(); nodes];
    let mut waits_for = vec![0_usize; nodes];
    for (from, to) in edges {
        after[from].push(to);
        waits_for[to] += 1;
    }
    let mut ready: Vec<usize> = (0..nodes).filter(|index| waits_for[*index] == 0).collect();
    while let Some(index) = ready.pop() {
        for to in &after[index] {
            waits_for[*to] -= 1;
            if waits_for[*to] == 0 {
                ready.push(*to);
            }
        }
    }
    waits_for.iter().position(|count| *count > 0)
}
