//! Gathers the steps of a run, for the provider whose flow it is.
//!
//! What a newcomer gets wrong: what was said is only asked of the runtime where the buyer allows it, and is then
//! kept apart from the rest, so that it can be taken back.

use std::time::Instant;

use domain::view::trace::{TraceStep, TraceValue};
use domain::{AgentId, FlowVersionId};
use store::traces::NewTrace;

use crate::ports::RunEvent;

/// Steps that are kept of a run.
const STEPS: usize = 200;
/// Characters of what was said that are kept of a run, all steps together.
const SAID: usize = 60_000;
/// Characters of a name.
const NAME: usize = 200;

/// Traces that are kept of an agent.
pub(crate) const KEPT: i64 = 1_000;
/// Seconds that a trace is kept for.
pub(crate) const KEPT_SECONDS: i64 = 14 * 86_400;

/// The steps of a run so far.
#[derive(Debug)]
pub(crate) struct Steps {
    began: Instant,
    ended: Vec<TraceStep>,
    /// Steps that a runtime announced which tells of no ends.
    announced: Vec<TraceStep>,
    left_out: i64,
    said: usize,
}

impl Steps {
    pub(crate) fn new() -> Self {
        Self { began: Instant::now(), ended: Vec::new(), announced: Vec::new(), left_out: 0, said: 0 }
    }

    /// Notes what a runtime tells.
    pub(crate) fn note(&mut self, event: &RunEvent) {
        match event {
            RunEvent::Token(_) => {}
            RunEvent::Step(name) => {
                if self.announced.len() < STEPS {
                    let started_us = i64::try_from(self.began.elapsed().as_micros()).unwrap_or(i64::MAX);
                    self.announced.push(TraceStep { name: name.clone(), started_us, ..TraceStep::default() });
                }
            }
            RunEvent::StepEnded(_) if self.ended.len() >= STEPS => self.left_out += 1,
            RunEvent::StepEnded(step) => {
                let step = self.bounded((**step).clone());
                self.ended.push(step);
            }
        }
    }

    /// Returns the steps in the order of beginning, and how many more there were.
    pub(crate) fn finish(mut self) -> (Vec<TraceStep>, i64) {
        if self.ended.is_empty() {
            for step in &mut self.announced {
                step.name = short(&step.name);
            }
            return (self.announced, self.left_out);
        }
        self.ended.sort_by_key(|step| step.started_us);
        (self.ended, self.left_out)
    }

    fn bounded(&mut self, mut step: TraceStep) -> TraceStep {
        for name in [&mut step.node, &mut step.name, &mut step.component] {
            *name = short(name);
        }
        for name in [&mut step.used_by, &mut step.model, &mut step.error].into_iter().flatten() {
            *name = short(name);
        }
        for values in [&mut step.inputs, &mut step.outputs] {
            values.truncate(20);
            for TraceValue { name, kind, text, .. } in values.iter_mut() {
                (*name, *kind) = (short(name), short(kind));
                self.bound_text(text);
            }
        }
        self.bound_text(&mut step.error_detail);
        step
    }

    fn bound_text(&mut self, text: &mut Option<String>) {
        if let Some(said) = text {
            // PostgreSQL keeps every character but this one.
            *said = said.replace('\0', "\u{fffd}");
            self.said += said.chars().count();
            if self.said > SAID {
                *text = Some("…".to_owned());
            }
        }
    }
}

fn short(name: &str) -> String {
    name.chars().take(NAME).map(|c| if c == '\0' { '\u{fffd}' } else { c }).collect()
}

/// The trace of a call that has ended.
#[derive(Debug)]
pub(crate) struct Traced {
    pub(crate) agent: AgentId,
    pub(crate) flow_version: FlowVersionId,
    steps: Vec<TraceStep>,
    /// The same with what was said, where the buyer allows it.
    texts: Option<Vec<TraceStep>>,
    left_out: i64,
}

impl Traced {
    pub(crate) fn new(
        agent: AgentId,
        flow_version: FlowVersionId,
        (steps, left_out): (Vec<TraceStep>, i64),
        shares_texts: bool,
    ) -> Self {
        let texts = shares_texts.then(|| steps.clone());
        // Whatever a runtime tells, without consent no word of it is kept.
        let steps = steps.into_iter().map(TraceStep::without_texts).collect();
        Self { agent, flow_version, steps, texts, left_out }
    }

    /// Returns it as it is written.
    pub(crate) fn row<'a>(&'a self, invocation: &'a store::gateway::InvocationRow) -> NewTrace<'a> {
        NewTrace {
            invocation,
            agent: self.agent,
            flow_version: self.flow_version,
            steps: &self.steps,
            texts: self.texts.as_deref(),
            left_out: self.left_out,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(name: &str, said: &str) -> RunEvent {
        let value = TraceValue { text: Some(said.to_owned()), ..TraceValue::default() };
        RunEvent::StepEnded(Box::new(TraceStep { name: name.to_owned(), inputs: vec![value], ..TraceStep::default() }))
    }

    #[test]
    fn a_run_of_many_steps_and_words_is_kept_in_part() {
        let mut steps = Steps::new();
        for _ in 0..STEPS + 50 {
            steps.note(&step("a\0b", &"x".repeat(1_000)));
        }
        let (steps, left_out) = steps.finish();
        assert_eq!((steps.len(), left_out), (STEPS, 50));
        assert_eq!(steps[0].name, "a\u{fffd}b");
        let said: usize = steps.iter().filter_map(|step| step.inputs[0].text.as_ref()).map(String::len).sum();
        assert!((SAID..SAID + 1_000).contains(&said), "{said}");
    }

    #[test]
    fn without_consent_no_word_is_kept() {
        let mut steps = Steps::new();
        steps.note(&step("ask", "my secret"));
        let traced = Traced::new(AgentId(uuid::Uuid::nil()), FlowVersionId(uuid::Uuid::nil()), steps.finish(), false);
        assert!(traced.texts.is_none());
        assert!(!serde_json::to_string(&traced.steps).expect("steps are JSON").contains("my secret"));
    }

    #[test]
    fn steps_that_are_only_announced_are_kept_where_none_ends() {
        let mut steps = Steps::new();
        steps.note(&RunEvent::Step("Agent".to_owned()));
        assert_eq!(steps.finish().0[0].name, "Agent");
    }
}
