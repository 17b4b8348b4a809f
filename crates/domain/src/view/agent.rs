//! A provider's agents, their flow versions, and the report of an import.

use serde::{Deserialize, Serialize};

use crate::{AgentId, CategoryId, FlowVersionId, OfferingId, OrganizationId, Timestamp, state::OfferingState};

crate::text_enum::text_enum! {
    /// What a node, or a whole flow, is to our engine.
    FlowClass {
        /// Runs here.
        Native = "native",
        /// A known type with code that we do not know.
        Review = "review",
        /// Not run here.
        Unsupported = "unsupported",
        /// Executes code; not run anywhere of ours.
        Never = "never",
        /// Not a flow that can run at all.
        Invalid = "invalid",
    }
}

crate::text_enum::text_enum! {
    /// What a Langflow server beside our engine has to do with a flow.
    #[derive(Default)]
    RemoteRuntime {
        /// Nothing: our engine runs the flow, or there is no server.
        #[default]
        None = "none",
        /// It could run the flow; its provider has not chosen it.
        Offered = "offered",
        /// It runs the flow, because its provider chose it.
        Chosen = "chosen",
    }
}

/// What we found in an imported flow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FlowReport {
    /// The worst class of its nodes, or `invalid`.
    pub verdict: FlowClass,
    /// The flow's own name.
    pub flow_name: String,
    /// How many components it has.
    pub node_count: i64,
    /// How many connections.
    pub edge_count: i64,
    /// Each component.
    pub nodes: Vec<FlowNode>,
    /// Connections, by node id.
    pub edges: Vec<(String, String)>,
    /// What whoever installs it must have: a model, a variable, a knowledge base, web access.
    pub needs: Vec<String>,
    /// What keeps it from running, for people.
    pub problems: Vec<String>,
    /// What is worth knowing and keeps nothing from running, for people.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Which secrets were in the export and have been removed, by node and field.
    pub secrets_removed: Vec<String>,
    /// What a Langflow server has to do with it.
    #[serde(default)]
    pub remote: RemoteRuntime,
}

impl FlowReport {
    /// Tells whether anything runs this flow: our engine, or the server that its provider chose.
    pub fn runs(&self) -> bool {
        self.verdict == FlowClass::Native || self.remote == RemoteRuntime::Chosen
    }
}

/// One component of a flow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FlowNode {
    /// Its id in the flow.
    pub id: String,
    /// What its author calls it.
    pub display_name: String,
    /// Its component type.
    pub component: String,
    /// What it is to our engine.
    pub class: FlowClass,
    /// Why; empty for native ones.
    pub reason: String,
    /// What the provider can do about it; empty for native ones.
    pub advice: String,
    /// Where it lies in Studio.
    pub x: f64,
    /// Where it lies in Studio.
    pub y: f64,
}

/// An agent, as its provider sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentView {
    /// Which.
    pub id: AgentId,
    /// Whose.
    pub organization_id: OrganizationId,
    /// What it is called.
    pub name: String,
    /// Its name in URLs.
    pub slug: String,
    /// One sentence.
    pub description: String,
    /// Its category.
    pub category_id: CategoryId,
    /// Its category's slug.
    pub category_slug: String,
    /// Its category's title.
    pub category_title: String,
    /// Its newest flow version, if there is one.
    pub latest: Option<FlowVersionView>,
    /// Its offering, if there is one.
    pub offering_id: Option<OfferingId>,
    /// Where the offering stands.
    pub offering_state: Option<OfferingState>,
    /// When it was made.
    pub created: Timestamp,
}

/// One immutable flow version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FlowVersionView {
    /// Which.
    pub id: FlowVersionId,
    /// Of which agent.
    pub agent_id: AgentId,
    /// 1, 2, 3 …
    pub number: i64,
    /// What its provider calls it, `1.0.0`.
    pub label: String,
    /// SHA-256 of the flow, in hexadecimal.
    pub digest: String,
    /// What we found in it.
    pub report: FlowReport,
    /// When it was imported.
    pub created: Timestamp,
}

/// What a provider sends to make an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewAgent {
    /// Whose.
    pub organization_id: OrganizationId,
    /// 2 to 80 characters.
    pub name: String,
    /// Made of the name where it is empty.
    pub slug: String,
    /// Up to 300 characters.
    pub description: String,
    /// A category's slug.
    pub category: String,
}
