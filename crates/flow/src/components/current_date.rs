//! Current Date: date and time in a time zone.

use async_trait::async_trait;
use jiff::{Timestamp, tz::TimeZone};

use super::{Component, Outputs};
use crate::{
    engine::{Call, ComponentError},
    value::Value,
};

#[derive(Debug)]
pub(super) struct CurrentDate;

#[async_trait]
impl Component for CurrentDate {
    fn types(&self) -> &'static [&'static str] {
        &["CurrentDate", "CurrentDateComponent"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["current_date"]
    }

    fn tools(&self) -> &'static [(&'static str, &'static str)] {
        &[("get_current_date", "current_date")]
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let name = call.inputs.text("timezone").unwrap_or_else(|| "UTC".into());
        let text = match (TimeZone::get(&name), Timestamp::try_from(call.now())) {
            (Ok(zone), Ok(now)) => {
                let date = now.to_zoned(zone).strftime("%Y-%m-%d %H:%M:%S %Z").to_string();
                format!("Current date and time in {name}: {date}")
            }
            _ => format!("Error: 'No time zone found with key {name}'"),
        };
        Ok(Outputs::one("current_date", Value::text(text)))
    }
}
