//! Which runtime runs a flow version: our engine, or the Langflow server that its provider chose.
//!
//! The choice is made once, on import, and is in the stored version. A flow that our engine does not run whole
//! goes to the server only when the operator has set one up and the provider chose it; otherwise nothing runs it.

use std::sync::Arc;

use async_trait::async_trait;
use domain::view::agent::{FlowClass, RemoteRuntime};
use services::ports::{
    AgentRuntime, ImportRefused, ImportedFlow, KnowledgeBase, Provision, RunEvent, RunOutput, RunRequest,
    RuntimeChoice, RuntimeError,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::langflow::{self, LangflowRuntime};
use super::runtime::EmbeddedRuntime;
use crate::config::{LangflowSection, ModelSection, WebSection};

/// Runs each version where it belongs.
#[derive(Debug)]
pub struct RoutedRuntime {
    engine: EmbeddedRuntime,
    langflow: Option<LangflowRuntime>,
}

impl RoutedRuntime {
    /// Makes the runtime; without an address there is no Langflow server.
    pub fn new(model: &ModelSection, web: &WebSection, langflow: &LangflowSection) -> anyhow::Result<Self> {
        let server = (!langflow.url.is_empty()).then(|| LangflowRuntime::new(langflow)).transpose()?;
        Ok(Self { engine: EmbeddedRuntime::new(model, web)?, langflow: server })
    }

    /// Lets flows that our engine runs search buyers' documents.
    #[must_use]
    pub fn with_knowledge(mut self, knowledge: Arc<dyn KnowledgeBase>) -> Self {
        self.engine = self.engine.with_knowledge(knowledge);
        self
    }

    /// Lets flows that our engine runs ask the model that documents are searched with.
    #[must_use]
    pub fn with_embedder(mut self, embedder: Arc<dyn knowledge::Embedder>) -> Self {
        self.engine = self.engine.with_embedder(embedder);
        self
    }

    fn of(&self, flow: &serde_json::Value) -> Result<&dyn AgentRuntime, RuntimeError> {
        match &self.langflow {
            _ if !langflow::is_for_langflow(flow) => Ok(&self.engine),
            Some(langflow) => Ok(langflow),
            None => {
                tracing::error!("a flow version is for a Langflow server, and `langflow.url` is not set");
                Err(RuntimeError::Failed("The runtime of this agent is not available.".to_owned()))
            }
        }
    }
}

#[async_trait]
impl AgentRuntime for RoutedRuntime {
    async fn import(&self, export: &[u8], choice: RuntimeChoice) -> Result<ImportedFlow, ImportRefused> {
        let mut imported = self.engine.import(export, choice).await?;
        if matches!(imported.report.verdict, FlowClass::Native | FlowClass::Invalid) {
            return Ok(imported);
        }
        match (&self.langflow, choice) {
            (Some(langflow), RuntimeChoice::Remote) => langflow.import(export, choice).await,
            (Some(_), RuntimeChoice::Here) => {
                imported.report.remote = RemoteRuntime::Offered;
                Ok(imported)
            }
            (None, _) => Ok(imported),
        }
    }

    async fn provision(&self, run: &Provision) -> Result<(), RuntimeError> {
        self.of(&run.flow)?.provision(run).await
    }

    async fn run(
        &self,
        request: RunRequest,
        events: mpsc::Sender<RunEvent>,
        cancel: CancellationToken,
    ) -> Result<RunOutput, RuntimeError> {
        self.of(&request.flow)?.run(request, events, cancel).await
    }

    async fn health(&self) -> Result<(), RuntimeError> {
        self.engine.health().await?;
        match &self.langflow {
            Some(langflow) => langflow.health().await,
            None => Ok(()),
        }
    }
}
