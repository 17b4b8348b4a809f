//! Notify and Listen: a value handed on by a name, without a line.
//!
//! An import draws the line that Studio does not show (`import/signals.rs`), so that a Listen waits for what it
//! listens to, and a person sees it.

use async_trait::async_trait;
use serde_json::json;

use super::{Component, Outputs};
use crate::{
    engine::{Call, ComponentError},
    value::{Data, Value},
};

/// The output of a Notify under which it hands its value to those that listen, with whether it is added.
pub(crate) const TOLD: &str = "notification";
/// The field of a Listen that takes what it is told.
pub(crate) const HEARD: &str = "notifications";
/// The field of both that names what is told.
pub(crate) const KEY: &str = "context_key";

/// Notify: tells a value to all that listen to its name.
#[derive(Debug)]
pub(super) struct Notify;

#[async_trait]
impl Component for Notify {
    fn types(&self) -> &'static [&'static str] {
        &["Notify", "NotifyComponent"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["result", TOLD]
    }

    fn typed(&self) -> &'static [&'static str] {
        &[KEY]
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let value = match call.inputs.value("input_value") {
            None => Value::data(Data::of_text("")),
            Some(value @ (Value::Data(_) | Value::Message(_))) => value.clone(),
            Some(Value::Json(json)) => Value::data(Data::of_json(json.clone())),
            Some(other) => Value::data(Data::of_text(other.as_text())),
        };
        let is_added = Value::Json(json!(call.inputs.flag("append", false)));
        let mut outputs = Outputs::one("result", value.clone());
        outputs.add(TOLD, Value::List(vec![is_added, value]));
        Ok(outputs)
    }
}

/// Listen: what was told to its name; of several values the last, or all of those that were added.
#[derive(Debug)]
pub(super) struct Listen;

#[async_trait]
impl Component for Listen {
    fn types(&self) -> &'static [&'static str] {
        &["Listen", "ListenComponent"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["data"]
    }

    fn typed(&self) -> &'static [&'static str] {
        &[KEY]
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let mut heard = Value::data(Data::of_text(""));
        let mut is_first = true;
        if let Some(Value::List(told)) = call.inputs.value(HEARD) {
            for told in told {
                let Value::List(told) = told else { continue };
                let [Value::Json(is_added), value] = told.as_slice() else { continue };
                heard = match heard {
                    Value::List(mut list) if *is_added == true => {
                        list.push(value.clone());
                        Value::List(list)
                    }
                    _ if *is_added == true && is_first => Value::List(vec![value.clone()]),
                    one if *is_added == true => Value::List(vec![one, value.clone()]),
                    _ => value.clone(),
                };
                is_first = false;
            }
        }
        Ok(Outputs::one("data", heard))
    }
}
