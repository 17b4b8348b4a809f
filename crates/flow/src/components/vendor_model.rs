//! The models of single vendors, which older versions had as one component each.
//!
//! Each is the Language Model with its provider fixed. Which endpoint serves that provider is the host's
//! decision here, too; an address in the flow is not used.

use async_trait::async_trait;

use super::{Component, Kind, Outputs, language_model, models};
use crate::{
    check::Need,
    engine::{Call, ComponentError},
    flow::Node,
    model::ModelChoice,
    value::plain,
};

/// The model of a vendor.
#[derive(Debug)]
pub(super) struct VendorModel {
    pub(super) types: &'static [&'static str],
    pub(super) provider: &'static str,
}

#[async_trait]
impl Component for VendorModel {
    fn types(&self) -> &'static [&'static str] {
        self.types
    }

    fn kind(&self) -> Kind {
        Kind::Model
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["text_output", "model_output"]
    }

    fn needs(&self, node: &Node) -> Vec<Need> {
        let text = |name: &str| node.fields.get(name).map(|it| plain(&it.value)).filter(|it| !it.is_empty());
        let model = text("model_name").or_else(|| text("model"));
        vec![Need::model(&node.id, Some(self.provider), model.as_deref())]
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let model = call.inputs.text("model_name").or_else(|| call.inputs.text("model"));
        let choice = ModelChoice { provider: Some(self.provider.into()), model, key: models::key(call) };
        let model = call.model(&choice)?;
        language_model::answer(call, model).await
    }
}
