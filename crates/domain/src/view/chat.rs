//! Conversations, and the events of an answer that streams in.

use serde::{Deserialize, Serialize};

use crate::InvocationId;
use crate::view::knowledge::Citation;

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatMessage {
    /// `user` or `agent`.
    pub role: String,
    /// What was said.
    pub text: String,
    /// When, RFC 3339.
    pub created: String,
    /// The passages of the buyer's documents that it is from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub citations: Vec<Citation>,
}

/// What an invocation cost in tokens and time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens read.
    pub input_tokens: i64,
    /// Tokens written.
    pub output_tokens: i64,
    /// Milliseconds from admission to the end of the answer.
    pub elapsed_ms: i64,
}

/// The answer of `invoke`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// What the agent says.
    pub output: String,
    /// The conversation, to be sent with the next call.
    pub session_id: String,
    /// The invocation's id.
    pub request_id: InvocationId,
    /// What it cost.
    pub usage: Usage,
    /// The passages of the buyer's documents that it is from, in the order of their numbers; left out where there
    /// are none, and in the widget unless the buyer shows them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub citations: Vec<Citation>,
}

/// One event of a streamed answer; the SSE event's name is the tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum StreamEvent {
    /// Comes first.
    Session {
        /// The conversation.
        session_id: String,
        /// The invocation.
        request_id: InvocationId,
    },
    /// A piece of the answer.
    Token {
        /// The piece.
        text: String,
    },
    /// A step of the flow, for those who want to show progress.
    Step {
        /// The node's display name.
        name: String,
    },
    /// Comes last when all went well.
    MessageEnd(Answer),
    /// Comes last when something did not.
    Error {
        /// A word for programs.
        error: String,
        /// A sentence for people.
        detail: String,
        /// Seconds until another try makes sense.
        retry_after: Option<i64>,
    },
}
