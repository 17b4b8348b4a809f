//! Flows that were read before: a version never changes, so it is read once.

use std::sync::Arc;

use dashmap::DashMap;
use domain::FlowVersionId;
use services::ports::RuntimeError;

/// Flows as a runtime has read them, by version.
#[derive(Debug)]
pub(super) struct KeptFlows<T> {
    flows: DashMap<FlowVersionId, Arc<T>>,
    most: usize,
}

impl<T> KeptFlows<T> {
    /// Keeps at most so many; when there are more, all are let go and read again.
    pub(super) fn new(most: usize) -> Self {
        Self { flows: DashMap::new(), most }
    }

    /// Returns a version, reading it if it was not read before.
    pub(super) fn get<E: std::fmt::Display>(
        &self,
        version: FlowVersionId,
        read: impl FnOnce() -> Result<T, E>,
    ) -> Result<Arc<T>, RuntimeError> {
        if let Some(flow) = self.flows.get(&version) {
            return Ok(flow.clone());
        }
        let flow = read().map_err(|error| {
            tracing::error!(%error, flow_version.id = %version, "a stored flow cannot be read");
            RuntimeError::Failed("The agent's flow cannot be read.".to_owned())
        })?;
        if self.flows.len() >= self.most {
            self.flows.clear();
        }
        let flow = Arc::new(flow);
        self.flows.insert(version, flow.clone());
        Ok(flow)
    }
}
