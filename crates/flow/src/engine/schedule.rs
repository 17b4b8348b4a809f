//! Runs a plan: a node starts when all that it waits for has ended.
//!
//! The order in which branches end must not matter. Values are therefore taken over edges in the order of
//! the flow, and outputs are listed in the order of the flow, never in the order of arrival.

use futures::{StreamExt as _, stream::FuturesUnordered};

use super::{
    Event, Inputs, OutputMessage, RunError, RunOutput, StepTrace,
    context::{Call, ComponentError, Context},
    plan::Plan,
    tweaks::Tweaked,
};
use crate::{
    components::{Kind, Outputs},
    flow::Flow,
    value::Value,
};

/// Runs all nodes of a plan and gathers what its outputs said.
pub(super) async fn run(
    flow: &Flow,
    plan: &Plan<'_>,
    tweaked: &Tweaked,
    context: &Context<'_>,
) -> Result<RunOutput, RunError> {
    let mut waits_for = vec![0_usize; plan.nodes.len()];
    for follower in plan.nodes.iter().flat_map(|it| &it.followers) {
        waits_for[*follower] += 1;
    }
    let mut results: Vec<Option<Outputs>> = plan.nodes.iter().map(|_| None).collect();
    let mut steps = Vec::new();
    let mut running = FuturesUnordered::new();

    // The input is alone in the first layer: a memory that is read beside it would miss the message.
    let roots: Vec<usize> = (0..plan.nodes.len()).filter(|index| waits_for[*index] == 0).collect();
    let (mut ready, mut held_back) = match plan.first.filter(|first| roots.contains(first)) {
        Some(first) => (vec![first], roots.into_iter().filter(|root| *root != first).collect()),
        None => (roots, Vec::new()),
    };
    loop {
        for index in ready.drain(..) {
            let arriving = arriving(plan, index, &results);
            running.push(step(plan, index, arriving, tweaked, context));
        }
        let Some((index, outcome, trace)) = running.next().await else {
            break;
        };
        context.events.event(Event::StepFinished(trace.clone())).await;
        steps.push(trace);
        let outputs = outcome?;
        context.hold(outputs.iter().map(|(_, value)| value.bytes()).sum())?;
        if let Some(message) = outputs.message() {
            context.events.event(Event::Message(message.clone())).await;
        }
        results[index] = Some(outputs);
        ready.append(&mut held_back);
        for follower in &plan.nodes[index].followers {
            waits_for[*follower] -= 1;
            if waits_for[*follower] == 0 {
                ready.push(*follower);
            }
        }
    }
    debug_assert!(results.iter().all(Option::is_some), "{} has a node that never became ready", flow.name);

    let messages: Vec<OutputMessage> = results.iter().flatten().filter_map(|it| it.message().cloned()).collect();
    let text = answer(&messages);
    let streamed = context.streamed();
    if let Some(rest) = text.strip_prefix(streamed.as_str()).filter(|rest| !rest.is_empty()) {
        context.events.event(Event::Token(rest.to_owned())).await;
    }
    Ok(RunOutput { text, messages, usage: context.usage(), steps })
}

/// What the person reads: chat outputs, or text outputs where there is no chat.
fn answer(messages: &[OutputMessage]) -> String {
    let chats = messages.iter().any(|it| it.kind == "chat");
    let said: Vec<&str> = messages
        .iter()
        .filter(|it| !chats || it.kind == "chat")
        .map(|it| it.text.as_str())
        .filter(|text| !text.is_empty())
        .collect();
    said.join("\n\n")
}

fn arriving(plan: &Plan<'_>, index: usize, results: &[Option<Outputs>]) -> Vec<(String, Value)> {
    let edges = plan.nodes[index].arriving.iter();
    edges
        .filter_map(|(from, edge)| {
            let value = results[*from].as_ref()?.get(&edge.output)?;
            Some((edge.field.clone(), value.clone()))
        })
        .collect()
}

async fn step(
    plan: &Plan<'_>,
    index: usize,
    arriving: Vec<(String, Value)>,
    tweaked: &Tweaked,
    context: &Context<'_>,
) -> (usize, Result<Outputs, RunError>, StepTrace) {
    let planned = &plan.nodes[index];
    let node = planned.node;
    context.events.event(Event::StepStarted { node: node.id.clone(), display_name: node.display_name.clone() }).await;
    let began = context.elapsed();
    let call = Inputs::resolve(node, arriving, tweaked.get(&node.id), &context.request.variables)
        .map(|inputs| Call::new(planned, inputs, context));
    let (outcome, usage, model) = match call {
        Err(error) => (Err(error), None, None),
        Ok(call) => {
            let outcome = planned.component.run(&call).await.map_err(|error| named(error, planned));
            let (usage, model) = call.spent();
            (outcome, usage, model)
        }
    };
    let outcome = outcome.and_then(|outputs| complete(planned, outputs));
    let trace = StepTrace {
        node: node.id.clone(),
        display_name: node.display_name.clone(),
        component: node.component.clone(),
        started_us: micros(began),
        duration_us: micros(context.elapsed().saturating_sub(began)),
        usage,
        model,
        error: outcome.as_ref().err().map(ToString::to_string),
    };
    (index, outcome, trace)
}

/// An edge from an output that the component did not compute would silently carry nothing.
fn complete(planned: &super::plan::Planned<'_>, outputs: Outputs) -> Result<Outputs, RunError> {
    match planned.wanted.iter().find(|name| outputs.get(name).is_none()) {
        Some(name) if planned.component.kind() != Kind::Output => Err(RunError::Node {
            node: planned.node.id.clone(),
            display_name: planned.node.display_name.clone(),
            message: format!("it has no output {name:?} in this engine"),
        }),
        _ => Ok(outputs),
    }
}

fn named(error: ComponentError, planned: &super::plan::Planned<'_>) -> RunError {
    let (node, display_name) = (planned.node.id.clone(), planned.node.display_name.clone());
    match error {
        ComponentError::Failed(message) => RunError::Node { node, display_name, message },
        ComponentError::Model(source) => RunError::Model { node, display_name, source },
        ComponentError::Run(error) => error,
    }
}

fn micros(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
