//! Loop: runs what is behind its item once for each item. The schedule does that; here is only what it is.

use async_trait::async_trait;

use super::{Component, Kind, Outputs};
use crate::engine::{Call, ComponentError};

#[derive(Debug)]
pub(super) struct Loop;

#[async_trait]
impl Component for Loop {
    fn types(&self) -> &'static [&'static str] {
        &["LoopComponent"]
    }

    fn kind(&self) -> Kind {
        Kind::Loop
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["item", "done"]
    }

    async fn run(&self, _: &Call<'_>) -> Result<Outputs, ComponentError> {
        Err(ComponentError::Failed("a loop cannot be a tool".into()))
    }
}
