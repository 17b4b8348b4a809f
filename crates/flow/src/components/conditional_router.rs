//! If-Else: hands a text on to one of two branches; the other one does not run.

use async_trait::async_trait;
use regex::RegexBuilder;

use super::{Component, Outputs};
use crate::{
    engine::{Call, ComponentError},
    value::{Message, Value},
};

/// The most memory that an expression may take when it is prepared.
const PATTERN_BYTES: usize = 1024 * 1024;

#[derive(Debug)]
pub(super) struct ConditionalRouter;

#[async_trait]
impl Component for ConditionalRouter {
    fn types(&self) -> &'static [&'static str] {
        &["ConditionalRouter", "ConditionalRouterComponent"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["true_result", "false_result"]
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let inputs = &call.inputs;
        let text = inputs.text("input_text").unwrap_or_default();
        let wanted = inputs.text("match_text").unwrap_or_default();
        let operator = inputs.text("operator").unwrap_or_else(|| "equals".into());
        let holds = holds(&text, &wanted, &operator, inputs.flag("case_sensitive", true));
        let (taken, closed, case) = if holds {
            ("true_result", "false_result", "true_case_message")
        } else {
            ("false_result", "true_result", "false_case_message")
        };
        // Older versions have one message for both branches.
        let said = inputs.value(case).or_else(|| inputs.value("message"));
        let said = said.map_or_else(|| Message::text(text), Value::to_message);
        Ok(Outputs::one(taken, Value::message(said)).close(closed))
    }
}

fn holds(text: &str, wanted: &str, operator: &str, case_sensitive: bool) -> bool {
    let (mut text, mut wanted) = (text.to_owned(), wanted.to_owned());
    if !case_sensitive && operator != "regex" {
        text = text.to_lowercase();
        wanted = wanted.to_lowercase();
    }
    let numbers = || Some((text.trim().parse::<f64>().ok()?, wanted.trim().parse::<f64>().ok()?));
    let compared = |fits: fn(f64, f64) -> bool| numbers().is_some_and(|(text, wanted)| fits(text, wanted));
    match operator {
        "equals" => text == wanted,
        "not equals" => text != wanted,
        "contains" => text.contains(&wanted),
        "starts with" => text.starts_with(&wanted),
        "ends with" => text.ends_with(&wanted),
        // At the start of the text, as Python's `match`; an expression that is none fits nothing.
        "regex" => RegexBuilder::new(&format!("^(?:{wanted})"))
            .size_limit(PATTERN_BYTES)
            .build()
            .is_ok_and(|pattern| pattern.is_match(&text)),
        "less than" => compared(|text, wanted| text < wanted),
        "less than or equal" => compared(|text, wanted| text <= wanted),
        "greater than" => compared(|text, wanted| text > wanted),
        "greater than or equal" => compared(|text, wanted| text >= wanted),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::holds;

    #[test]
    fn each_operator_does_what_its_name_says() {
        assert!(holds("oh yes", "yes", "contains", true));
        assert!(!holds("Yes", "yes", "equals", true) && holds("Yes", "yes", "equals", false));
        assert!(holds("abc", "a.", "regex", true) && !holds("xabc", "a.", "regex", true));
        assert!(!holds("abc", "(", "regex", true));
        assert!(holds("2", "10", "less than", true) && !holds("two", "10", "less than", true));
        assert!(!holds("a", "a", "resembles", true));
    }
}
