//! Runs a plan: a node starts when all that it waits for has ended.
//!
//! The order in which branches end must not matter. Values are therefore taken over edges in the order of
//! the flow, and outputs are listed in the order of the flow, never in the order of arrival. A loop runs its
//! body as a schedule of its own, item after item.

use std::{future::Future, pin::Pin, sync::Arc};

use futures::{StreamExt as _, stream::FuturesUnordered};

use super::{
    Event, Inputs, OutputMessage, RunError, RunOutput, StepTrace, StepValue,
    context::{Call, ComponentError, Context, micros},
    plan::{Plan, Planned, is_tool_output},
    trace::Spent,
    tweaks::Tweaked,
};
use crate::{
    components::{Kind, Outputs, human_input::QUESTION},
    flow::Flow,
    tool,
    value::{Data, Value},
};

/// Runs all nodes of a plan and gathers what its outputs said.
pub(super) async fn run(
    flow: &Flow,
    plan: &Plan<'_>,
    tweaked: &Tweaked,
    context: &Context<'_>,
) -> Result<RunOutput, RunError> {
    let results = vec![None; plan.nodes.len()];
    let schedule = Schedule { plan, tweaked, context };
    let results = schedule.run(Vec::new(), results).await?;
    tracing::trace!(flow.name, "a flow came to its end");
    let mut messages = said(&results);
    messages.extend(context.inner_messages());
    let text = answer(&messages);
    let streamed = context.streamed();
    if let Some(rest) = text.strip_prefix(streamed.as_str()).filter(|rest| !rest.is_empty()) {
        context.events.event(Event::Token(rest.to_owned())).await;
    }
    Ok(RunOutput { text, messages, usage: context.usage(), steps: context.steps(), files: context.files() })
}

/// Runs all nodes of a flow that another one runs, and returns what each gave.
pub(super) async fn run_inner(
    plan: &Plan<'_>,
    tweaked: &Tweaked,
    context: &Context<'_>,
) -> Result<Vec<(String, Arc<Outputs>)>, RunError> {
    let schedule = Schedule { plan, tweaked, context };
    let results = schedule.run(Vec::new(), vec![None; plan.nodes.len()]).await?;
    let given = plan.nodes.iter().zip(results);
    Ok(given.filter_map(|(planned, outputs)| Some((planned.node.id.clone(), outputs?))).collect())
}

fn said(results: &[Option<Arc<Outputs>>]) -> Vec<OutputMessage> {
    results.iter().flatten().filter_map(|it| it.message().cloned()).collect()
}

/// What the person reads: chat outputs, or text outputs where there is no chat.
fn answer(messages: &[OutputMessage]) -> String {
    // A question to the person is the whole answer: by its end it is known again when they answer.
    if let Some(question) = messages.iter().find(|it| it.kind == QUESTION) {
        return question.text.clone();
    }
    let chats = messages.iter().any(|it| it.kind == "chat");
    let said: Vec<&str> = messages
        .iter()
        .filter(|it| !chats || it.kind == "chat")
        .map(|it| it.text.as_str())
        .filter(|text| !text.is_empty())
        .collect();
    said.join("\n\n")
}

/// What each node gave, by its place in the plan.
type Results = Vec<Option<Arc<Outputs>>>;
type Running<'s, T> = Pin<Box<dyn Future<Output = T> + Send + 's>>;

#[derive(Clone, Copy)]
struct Schedule<'s> {
    plan: &'s Plan<'s>,
    tweaked: &'s Tweaked,
    context: &'s Context<'s>,
}

impl<'s> Schedule<'s> {
    /// Runs the nodes that are inside of exactly these loops; boxed, because loops may be in loops.
    fn run(self, around: Vec<usize>, results: Results) -> Running<'s, Result<Results, RunError>> {
        Box::pin(self.run_inside(around, results))
    }

    async fn run_inside(self, around: Vec<usize>, mut results: Results) -> Result<Results, RunError> {
        let Self { plan, context, .. } = self;
        let members: Vec<bool> = plan.nodes.iter().map(|it| it.runs_in(&around)).collect();
        let mut waits_for = vec![0_usize; plan.nodes.len()];
        for (index, planned) in plan.nodes.iter().enumerate().filter(|(index, _)| members[*index]) {
            let _ = index;
            for follower in planned.followers.iter().filter(|it| members[**it]) {
                waits_for[*follower] += 1;
            }
        }
        let mut skipped = self.unreachable(&members, &results);
        for (index, skip) in skipped.iter_mut().enumerate() {
            *skip |= context.is_settled(index);
        }
        let mut running = FuturesUnordered::new();

        // The input is alone in the first layer: a memory that is read beside it would miss the message.
        let roots: Vec<usize> = (0..plan.nodes.len()).filter(|it| members[*it] && waits_for[*it] == 0).collect();
        let (mut ready, mut held_back) = match plan.first.filter(|first| roots.contains(first)) {
            Some(first) => (vec![first], roots.into_iter().filter(|root| *root != first).collect()),
            None => (roots, Vec::new()),
        };
        loop {
            while let Some(index) = ready.pop() {
                if skipped[index] {
                    self.release(index, &members, &mut waits_for, &mut ready);
                } else {
                    let arriving = self.arriving(index, &results);
                    // A loop's body reads what ran before the loop.
                    let before = if plan.nodes[index].body.is_some() { results.clone() } else { Vec::new() };
                    running.push(self.step(index, around.clone(), arriving, before));
                }
            }
            let Some((index, outcome, trace)) = running.next().await else {
                // The input had its turn before, so nothing waits for it.
                if held_back.is_empty() {
                    break;
                }
                ready.append(&mut held_back);
                continue;
            };
            context.finished(trace).await;
            let outputs = outcome?;
            context.hold(outputs.iter().map(|(_, value)| value.bytes()).sum())?;
            if let Some(message) = outputs.message() {
                context.events.event(Event::Message(message.clone())).await;
            }
            if !outputs.closed().is_empty() {
                self.close(index, &outputs, &mut skipped);
            }
            results[index] = Some(Arc::new(outputs));
            ready.append(&mut held_back);
            self.release(index, &members, &mut waits_for, &mut ready);
        }
        Ok(results)
    }

    /// Lets those go on that wait for a node which ended or is skipped.
    fn release(self, index: usize, members: &[bool], waits_for: &mut [usize], ready: &mut Vec<usize>) {
        for follower in self.plan.nodes[index].followers.iter().filter(|it| members[**it]) {
            waits_for[*follower] -= 1;
            if waits_for[*follower] == 0 {
                ready.push(*follower);
            }
        }
    }

    /// Skips all that only a closed output leads to.
    fn close(self, index: usize, outputs: &Outputs, skipped: &mut [bool]) {
        let plan = self.plan;
        let (mut closed, mut open) = (Vec::new(), Vec::new());
        for output in &plan.nodes[index].wanted {
            let next = plan.leaving(index, output);
            if outputs.closed().iter().any(|it| it == output) { closed.extend(next) } else { open.extend(next) }
        }
        let (behind_closed, behind_open) = (plan.reached(closed), plan.reached(open));
        for (at, skip) in skipped.iter_mut().enumerate() {
            *skip |= behind_closed[at] && !behind_open[at];
        }
    }

    /// Tells which nodes never get anything because all that leads to them is inside of a loop and stays there.
    fn unreachable(self, members: &[bool], results: &Results) -> Vec<bool> {
        let nodes = &self.plan.nodes;
        let mut skipped = vec![false; nodes.len()];
        let mut changed = true;
        while std::mem::take(&mut changed) {
            for (index, planned) in nodes.iter().enumerate().filter(|(index, _)| members[*index]) {
                let gives = |from: usize| (members[from] && !skipped[from]) || results[from].is_some();
                let is_cut_off = !planned.arriving.is_empty() && !planned.arriving.iter().any(|(from, _)| gives(*from));
                if is_cut_off && !skipped[index] {
                    skipped[index] = true;
                    changed = true;
                }
            }
        }
        skipped
    }

    fn arriving(self, index: usize, results: &Results) -> Vec<(String, Value)> {
        let edges = self.plan.nodes[index].arriving.iter();
        edges
            .filter_map(|(from, edge)| {
                let value = results[*from].as_ref()?.get(&edge.output)?;
                Some((edge.field.clone(), value.clone()))
            })
            .collect()
    }

    async fn step(
        self,
        index: usize,
        around: Vec<usize>,
        arriving: Vec<(String, Value)>,
        before: Results,
    ) -> (usize, Result<Outputs, RunError>, StepTrace) {
        let planned = &self.plan.nodes[index];
        let node = planned.node;
        let context = self.context;
        let started = Event::StepStarted { node: node.id.clone(), display_name: node.display_name.clone() };
        context.events.event(started).await;
        let mut trace = StepTrace {
            node: node.id.clone(),
            display_name: node.display_name.clone(),
            component: node.component.clone(),
            started_us: micros(context.elapsed()),
            inputs: self.told(planned, &arriving),
            ..StepTrace::default()
        };
        context.begun(&trace);
        let (outcome, spent) = self.outcome(index, around, arriving, before).await;
        trace.duration_us = micros(context.elapsed()).saturating_sub(trace.started_us);
        match &outcome {
            Ok(outputs) => {
                trace.outputs = context.tracer.values(outputs.iter().map(|(name, value)| (name.as_str(), value)));
            }
            Err(error) => trace = context.tracer.failed(error, trace),
        }
        (index, outcome, spent.into_step(trace))
    }

    async fn outcome(
        self,
        index: usize,
        around: Vec<usize>,
        arriving: Vec<(String, Value)>,
        before: Results,
    ) -> (Result<Outputs, RunError>, Spent) {
        let planned = &self.plan.nodes[index];
        let node = planned.node;
        let inputs = Inputs::resolve(node, arriving, self.tweaked.get(&node.id), &self.context.request.variables);
        let inputs = match inputs {
            Ok(inputs) => inputs,
            Err(error) => return (Err(error), Spent::default()),
        };
        if planned.is_tools() {
            let call = Call::new(planned, inputs, self.context);
            let tools = if planned.component.brings_own_tools() {
                match planned.component.bring_tools(&call).await {
                    Ok(tools) => tools,
                    Err(error) => return (Err(named(error, planned)), call.spent()),
                }
            } else {
                tool::of_component(node, planned.component, &call.inputs)
            };
            let mut outputs = Outputs::default();
            for output in &planned.wanted {
                outputs.add(output, Value::Tools(tools.clone()));
            }
            return (Ok(outputs), Spent::default());
        }
        if planned.component.kind() == Kind::Loop {
            return (self.go_round(index, around, &inputs, before).await, Spent::default());
        }
        let call = Call::new(planned, inputs, self.context);
        let outcome = planned.component.run(&call).await.map_err(|error| named(error, planned));
        let spent = call.spent();
        let outcome = outcome.and_then(|mut outputs| {
            for output in planned.wanted.iter().filter(|it| is_tool_output(node, it)) {
                outputs.add(output, Value::Tools(tool::of_component(node, planned.component, &call.inputs)));
            }
            complete(planned, outputs)
        });
        (outcome, spent)
    }

    /// Tells what came to a node, as far as that is wanted.
    fn told(self, planned: &Planned<'_>, arriving: &[(String, Value)]) -> Vec<StepValue> {
        let tracer = &self.context.tracer;
        let mut told = tracer.values(arriving.iter().map(|(field, value)| (field.as_str(), value)));
        if planned.component.kind() == Kind::ChatInput {
            let said = Value::text(self.context.request.input.clone());
            told.extend(tracer.values([("input_value", &said)].into_iter()));
        }
        told
    }

    /// Runs a loop: its body once for each item, one after the other, each with fresh results.
    async fn go_round(
        self,
        index: usize,
        mut around: Vec<usize>,
        inputs: &Inputs,
        before: Results,
    ) -> Result<Outputs, RunError> {
        let planned = &self.plan.nodes[index];
        let items = inputs.value("data").map(loop_items).unwrap_or_default();
        let mut rows = Vec::new();
        if let Some(body) = &planned.body {
            around.push(index);
            for item in items {
                self.context.iterate()?;
                let mut given = before.clone();
                given[index] = Some(Arc::new(Outputs::one(&body.end.1.field, item)));
                let results = self.run(around.clone(), given).await?;
                let inner = body.members.iter().filter_map(|it| results[*it].as_ref()?.message().cloned());
                self.context.said_inside(inner.collect());
                let (end, edge) = body.end;
                let value = results[end].as_ref().and_then(|it| it.get(&edge.output));
                rows.push(match value {
                    Some(Value::Data(data)) => data.data.clone(),
                    Some(other) => Data::of_text(other.as_text()).data,
                    None => Data::of_text("").data,
                });
            }
        }
        let mut outputs = Outputs::one("done", Value::table(rows));
        // Nothing outside of the body reads the item.
        outputs.add("item", Value::Json(serde_json::Value::Null));
        Ok(outputs)
    }
}

/// Returns the items of a loop as records.
fn loop_items(value: &Value) -> Vec<Value> {
    value.items().iter().map(|item| Value::Data(Arc::new(item.to_data()))).collect()
}

/// An edge from an output that the component did not compute would silently carry nothing.
fn complete(planned: &Planned<'_>, outputs: Outputs) -> Result<Outputs, RunError> {
    let missing = |name: &&&str| outputs.get(name).is_none() && !outputs.closed().iter().any(|it| it == **name);
    match planned.wanted.iter().find(missing) {
        Some(name) if planned.component.kind() != Kind::Output => Err(RunError::Node {
            node: planned.node.id.clone(),
            display_name: planned.node.display_name.clone(),
            message: format!("it has no output {name:?} in this engine"),
        }),
        _ => Ok(outputs),
    }
}

fn named(error: ComponentError, planned: &Planned<'_>) -> RunError {
    let (node, display_name) = (planned.node.id.clone(), planned.node.display_name.clone());
    match error {
        ComponentError::Failed(message) => RunError::Node { node, display_name, message },
        ComponentError::Model(source) => RunError::Model { node, display_name, source },
        ComponentError::Run(error) => error,
    }
}
