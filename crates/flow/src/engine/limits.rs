//! What a run may take, and which of it was too much.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a run may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// How long it may last.
    pub wall_time: Duration,
    /// How often it may ask a model.
    pub model_calls: usize,
    /// How often its agents may use a tool.
    pub tool_calls: usize,
    /// How often its loops may go round, all together; a flow that it runs counts as a round.
    pub loop_iterations: usize,
    /// How many tokens its models may read and write.
    pub tokens: u64,
    /// How long the message to it may be.
    pub input_bytes: usize,
    /// How much its components may produce.
    pub held_bytes: usize,
    /// How many messages of history it may read.
    pub history_messages: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            wall_time: Duration::from_mins(2),
            model_calls: 60,
            tool_calls: 60,
            loop_iterations: 200,
            tokens: 1_000_000,
            input_bytes: 256 * 1024,
            held_bytes: 32 * 1024 * 1024,
            history_messages: 200,
        }
    }
}

/// A limit that a run went past. The wall time is [`RunError::Timeout`](super::RunError::Timeout).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Limit {
    /// Of questions to models.
    #[error("it asked its models more than {0} times")]
    ModelCalls(usize),
    /// Of uses of tools.
    #[error("it used tools more than {0} times")]
    ToolCalls(usize),
    /// Of rounds of loops.
    #[error("its loops went round more than {0} times")]
    LoopIterations(usize),
    /// Of tokens that models read and wrote.
    #[error("its models used more than {0} tokens")]
    Tokens(u64),
    /// Of bytes that its components produced.
    #[error("its components produced more than {0} bytes")]
    HeldBytes(usize),
    /// Of bytes that one answer of a model has.
    #[error("its model wrote more than {0} bytes")]
    AnswerBytes(usize),
}
