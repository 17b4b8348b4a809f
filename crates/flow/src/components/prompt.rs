//! Prompt templates: `{variable}`, `{{` for a brace; or `{{variable}}` where the component says so.

use super::Inputs;
use crate::engine::{RunError, Running};
use crate::value::{Message, Value};

/// Fills a prompt's template with its variables.
pub(super) fn run(run: &Running<'_>, inputs: &Inputs<'_>) -> Result<Value, RunError> {
    let template = inputs.text(run, "template")?;
    let mustache = inputs.text(run, "use_double_brackets")? == "true";
    let mut failed = None;
    let mut value = |name: &str| match inputs.field(run, name) {
        Ok(value) => value.map(|value| value.as_text()),
        Err(error) => {
            failed = Some(error);
            None
        }
    };
    let text = if mustache { fill_mustache(&template, &mut value) } else { fill(&template, &mut value) };
    match failed {
        Some(error) => Err(error),
        None => Ok(Value::message(Message::text(text))),
    }
}

/// Fills `{variable}`; `{{` and `}}` are braces. A variable's text is never looked into again.
pub(super) fn fill(template: &str, mut value: impl FnMut(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        let after = &rest[at + 1..];
        if let Some(after) = after.strip_prefix(brace) {
            out.push_str(brace);
            rest = after;
            continue;
        }
        let end = if brace == "{" { after.find(['{', '}']) } else { None };
        match end {
            Some(end) if after.as_bytes()[end] == b'}' && is_name(&after[..end]) => {
                out.push_str(&value(&after[..end]).unwrap_or_default());
                rest = &after[end + 1..];
            }
            _ => {
                out.push_str(brace);
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

fn fill_mustache(template: &str, mut value: impl FnMut(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(at) = rest.find("{{") {
        out.push_str(&rest[..at]);
        let after = &rest[at + 2..];
        match after.find("}}") {
            Some(end) if is_name(after[..end].trim()) => {
                out.push_str(&value(after[..end].trim()).unwrap_or_default());
                rest = &after[end + 2..];
            }
            _ => {
                out.push_str("{{");
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= 100 && text.chars().all(|c| c.is_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_filled_once_and_braces_escaped() {
        let filled = fill("{a} {{b}} {c} { d }", |name| match name {
            "a" => Some("{c}".to_owned()),
            "c" => Some("C".to_owned()),
            _ => None,
        });
        assert_eq!(filled, "{c} {b} C { d }");
        assert_eq!(fill_mustache("{{ a }} {b} {{#s}}", |_| Some("x".to_owned())), "x {b} {{#s}}");
    }
}
