//! The two template languages of prompts: a part of Python's `str.format`, and `{{variable}}`.
//!
//! Values are put in once and never read again as template, so braces in what a person writes stay braces.
//! Attribute access, indexing and conversions of Python (`{a.b}`, `{a[0]}`, `{a!r}`) are refused: they reach
//! into objects, and no prompt needs them.

/// The longest text that a template may grow to.
const RENDERED_BYTES: usize = 8 * 1024 * 1024;

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'t> {
    /// Text as it is.
    Text(&'t str),
    /// A variable's name.
    Variable(&'t str),
}

/// Splits a template of single braces; `{{` and `}}` are braces.
pub(crate) fn single_braces(template: &str) -> Result<Vec<Piece<'_>>, String> {
    split_single(template, is_name)
}

fn split_single(template: &str, is_name: fn(&str) -> bool) -> Result<Vec<Piece<'_>>, String> {
    let mut pieces = Vec::new();
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        let (text, tail) = rest.split_at(at);
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        if tail.starts_with("{{") || tail.starts_with("}}") {
            pieces.push(Piece::Text(&tail[..1]));
            rest = &tail[2..];
        } else if tail.starts_with('}') {
            return Err("the template has a single \"}\"; write \"}}\" for a brace".into());
        } else {
            let Some(end) = tail.find('}') else {
                return Err("the template has a \"{\" that is never closed; write \"{{\" for a brace".into());
            };
            let name = &tail[1..end];
            if !is_name(name) {
                let shown: String = name.chars().take(40).collect();
                return Err(format!(
                    "the template has {{{shown}}}, which is no variable; write \"{{{{\" and \"}}}}\" for braces"
                ));
            }
            pieces.push(Piece::Variable(name));
            rest = &tail[end + 1..];
        }
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    Ok(pieces)
}

/// Splits a template whose variables are columns: names may have spaces and other signs in them.
pub(crate) fn columns(template: &str) -> Result<Vec<Piece<'_>>, String> {
    split_single(template, |name| !name.is_empty() && !name.contains(['.', '[', ']', '!', ':', '{']))
}

/// Splits a template of double braces.
pub(crate) fn double_braces(template: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut pieces = Vec::new();
    let mut rest = template;
    while let Some(at) = rest.find("{{") {
        let (text, tail) = rest.split_at(at);
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        let Some(end) = tail.find("}}") else { break };
        let name = &tail[2..end];
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') || !is_name(name) {
            let shown: String = name.chars().take(40).collect();
            return Err(format!(
                "the template has {{{{{shown}}}}}; only simple variables like {{{{name}}}} are allowed"
            ));
        }
        pieces.push(Piece::Variable(name));
        rest = &tail[end + 2..];
    }
    // What is left was either never a variable or one that is not closed; both stay as they are.
    match (rest.find("{{"), pieces.last()) {
        (Some(at), Some(Piece::Text(_))) if at > 0 => pieces.push(Piece::Text(&rest[at..])),
        _ if !rest.is_empty() => pieces.push(Piece::Text(rest)),
        _ => {}
    }
    Ok(pieces)
}

/// Puts values into a template; the reader says what a variable holds.
pub(crate) fn render(
    pieces: &[Piece<'_>],
    mut value: impl FnMut(&str) -> Result<String, String>,
) -> Result<String, String> {
    let mut text = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(piece) => text.push_str(piece),
            Piece::Variable(name) => text.push_str(&value(name)?),
        }
        if text.len() > RENDERED_BYTES {
            return Err("the text became too long".into());
        }
    }
    Ok(text)
}

fn is_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && chars.all(|c| c.is_alphanumeric() || c == '_' || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(template: &str, value: &str) -> Result<String, String> {
        render(&single_braces(template)?, |_| Ok(value.to_owned()))
    }

    #[test]
    fn a_value_with_braces_is_not_read_as_template() {
        assert_eq!(format("Hi {name}!", "{secret} {{x}}").unwrap(), "Hi {secret} {{x}}!");
    }

    #[test]
    fn double_braces_are_braces() {
        assert_eq!(format("{{\"a\": {x}}}", "1").unwrap(), "{\"a\": 1}");
    }

    #[test]
    fn what_reaches_into_objects_is_refused() {
        for template in ["{a.b}", "{a[0]}", "{a!r}", "{a:>10}", "{}", "{", "}", "{ a }"] {
            assert!(single_braces(template).is_err(), "{template}");
        }
    }

    #[test]
    fn mustache_takes_only_simple_variables() {
        let show = |template| render(&double_braces(template)?, |_| Ok("v".to_owned()));
        assert_eq!(show("a {{x}} {y} }} b").unwrap(), "a v {y} }} b");
        assert_eq!(show("a {{x").unwrap(), "a {{x");
        for template in ["{{#a}}", "{{{a}}}", "{{ a }}", "{{a.b}}", "{{>a}}"] {
            assert!(double_braces(template).is_err(), "{template}");
        }
    }
}
