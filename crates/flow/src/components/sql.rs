//! SQL Database: one read-only query, on a database that the host has.
//!
//! The address in the flow is only a name here: what it stands for, and whether it stands for anything, is the
//! host's decision. A flow cannot point a run at a database.

use async_trait::async_trait;

use super::{Component, Outputs};
use crate::{
    check::{Need, NeedKind},
    engine::{Call, ComponentError},
    flow::Node,
    value::{Value, plain},
};

#[derive(Debug)]
pub(super) struct Sql;

#[async_trait]
impl Component for Sql {
    fn types(&self) -> &'static [&'static str] {
        &["SQLComponent"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["run_sql_query"]
    }

    fn tools(&self) -> &'static [(&'static str, &'static str)] {
        &[("run_sql_query", "run_sql_query")]
    }

    fn needs(&self, node: &Node) -> Vec<Need> {
        let name = node.fields.get("database_url").map(|it| plain(&it.value)).unwrap_or_default();
        vec![Need { kind: NeedKind::Database, name, detail: String::new(), nodes: vec![node.id.clone()] }]
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let query = call.inputs.text("query").unwrap_or_default();
        let database = call.inputs.text("database_url").unwrap_or_default();
        let rows = call.query(&database, &query).await?;
        Ok(Outputs::one("run_sql_query", Value::table(rows)))
    }
}
