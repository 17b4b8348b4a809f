//! What was said before in a conversation.
//!
//! The host decides whose memory it is: a flow can't name a session of its own, because a name written
//! into a flow would be shared by everyone who uses that flow.

use std::sync::Mutex;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// Who said something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The person.
    User,
    /// The agent.
    Agent,
}

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// Who said it.
    pub role: Role,
    /// What the sender calls itself; empty for the usual `User` and `AI`.
    #[serde(default)]
    pub name: String,
    /// What was said.
    pub text: String,
}

impl Turn {
    /// Makes a message of the person.
    pub fn user(text: impl Into<String>) -> Self {
        Self { role: Role::User, name: String::new(), text: text.into() }
    }

    /// Makes a message of the agent.
    pub fn agent(text: impl Into<String>) -> Self {
        Self { role: Role::Agent, name: String::new(), text: text.into() }
    }
}

/// Keeps conversations.
#[async_trait]
pub trait MemoryStore: Send + Sync + std::fmt::Debug {
    /// Returns the newest `most` messages of a session, oldest first.
    async fn history(&self, session: &str, most: usize) -> Result<Vec<Turn>, MemoryError>;

    /// Adds a message to a session.
    async fn append(&self, session: &str, turn: Turn) -> Result<(), MemoryError>;
}

/// A memory that could not be read or written.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct MemoryError(pub String);

/// Remembers nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoMemory;

#[async_trait]
impl MemoryStore for NoMemory {
    async fn history(&self, _: &str, _: usize) -> Result<Vec<Turn>, MemoryError> {
        Ok(Vec::new())
    }

    async fn append(&self, _: &str, _: Turn) -> Result<(), MemoryError> {
        Ok(())
    }
}

/// One conversation in memory: what the host has loaded, and what the run adds.
///
/// For hosts that store messages themselves: give it the history, run, and drop it.
#[derive(Debug, Default)]
pub struct TurnsMemory(Mutex<Vec<Turn>>);

impl TurnsMemory {
    /// Starts with what was said before, oldest first.
    pub fn new(turns: Vec<Turn>) -> Self {
        Self(Mutex::new(turns))
    }

    /// Returns all that was said.
    pub fn turns(&self) -> Vec<Turn> {
        self.0.lock().map(|turns| turns.clone()).unwrap_or_default()
    }
}

#[async_trait]
impl MemoryStore for TurnsMemory {
    async fn history(&self, _: &str, most: usize) -> Result<Vec<Turn>, MemoryError> {
        let turns = self.turns();
        Ok(turns[turns.len().saturating_sub(most)..].to_vec())
    }

    async fn append(&self, _: &str, turn: Turn) -> Result<(), MemoryError> {
        self.0.lock().map_err(|_| MemoryError("the memory is broken".into()))?.push(turn);
        Ok(())
    }
}
