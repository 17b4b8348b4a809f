//! Reading a JSON body, and saying what is wrong with it in words, by field.
//!
//! What a newcomer gets wrong: Serde's own messages speak of Rust (`expected struct Invoke`) and do
//! not say where. A caller is told the field and what has to be there.

use serde::de::DeserializeOwned;

/// What is wrong with a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The field, with dots and brackets for what is inside; empty when it is the whole body.
    pub field: String,
    /// What has to be there.
    pub problem: String,
}

/// Reads a body that is an object.
pub fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let whole = |problem: String| Problem { field: String::new(), problem };
    // Serde would read an array as the fields in their order.
    match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{') => {}
        None => return Err(whole("the body is empty; it must be a JSON object".to_owned())),
        Some(_) => return Err(whole("the body must be a JSON object".to_owned())),
    }
    let mut reader = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        if error.is_data() {
            of_field(if path == "." { "" } else { &path }, &without_place(&error))
        } else {
            whole(format!("the body is not JSON: {error}"))
        }
    })?;
    reader.end().map_err(|error| whole(format!("the body is not JSON: {error}")))?;
    Ok(value)
}

/// Returns an error's text without the line and column, which the field's name replaces.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&place).map(str::to_owned).unwrap_or(text)
}

/// Puts one of Serde's messages about a field into words.
fn of_field(path: &str, message: &str) -> Problem {
    let quoted = |message: &str| message.split('`').nth(1).unwrap_or_default().to_owned();
    let inner = |name: &str| {
        let parent = path.strip_suffix(name).map_or(path, |parent| parent.trim_end_matches('.'));
        if parent.is_empty() { name.to_owned() } else { format!("{parent}.{name}") }
    };
    if message.starts_with("missing field ") {
        return Problem { field: inner(&quoted(message)), problem: "is required".to_owned() };
    }
    if message.starts_with("duplicate field ") {
        return Problem { field: inner(&quoted(message)), problem: "is given twice".to_owned() };
    }
    if message.starts_with("unknown field ") {
        let known: Vec<&str> = message.split('`').skip(3).step_by(2).collect();
        let problem = if known.is_empty() {
            "is not a field of this".to_owned()
        } else {
            format!("is not a field of this; it takes {}", known.join(", "))
        };
        return Problem { field: inner(&quoted(message)), problem };
    }
    let field = path.to_owned();
    if message.starts_with("unknown variant ") {
        let known: Vec<&str> = message.split('`').skip(3).step_by(2).collect();
        return Problem { field, problem: format!("must be one of {}", known.join(", ")) };
    }
    for (kind, between) in [("invalid type: ", ", not "), ("invalid value: ", "; it may not be ")] {
        if let Some((found, expected)) = message.strip_prefix(kind).and_then(|rest| rest.rsplit_once(", expected ")) {
            let found = if kind == "invalid type: " { kind_of(found) } else { found.replace('`', "") };
            return Problem { field, problem: format!("must be {}{between}{found}", kind_expected(expected)) };
        }
    }
    Problem { field, problem: message.to_owned() }
}

/// Names what was found, as people who write JSON name it.
fn kind_of(found: &str) -> String {
    match found.split(' ').next().unwrap_or_default() {
        "string" | "character" => "text",
        "integer" | "floating" | "number" => "a number",
        "boolean" => "true or false",
        "sequence" => "a list",
        "map" => "an object",
        "null" | "unit" | "Option" => "null",
        _ => found,
    }
    .to_owned()
}

/// Names what was expected.
fn kind_expected(expected: &str) -> &str {
    match expected {
        "a string" | "a borrowed string" | "str" | "a character" => "text",
        "a boolean" => "true or false",
        "f32" | "f64" => "a number",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number from 0",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "a sequence" => "a list",
        "a map" => "an object",
        other if other.starts_with("struct ") => "an object",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Inner {
        count: u32,
        names: Vec<String>,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Size {
        Small,
        Large,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Outer {
        input: String,
        #[serde(default)]
        fine: Option<bool>,
        #[serde(default)]
        price: Option<f64>,
        #[serde(default)]
        size: Option<Size>,
        #[serde(default)]
        tweaks: serde_json::Map<String, serde_json::Value>,
        #[serde(default)]
        inner: Option<Inner>,
    }

    fn wrong(body: &str) -> (String, String) {
        let Problem { field, problem } = read::<Outer>(body.as_bytes()).expect_err("it is wrong");
        (field, problem)
    }

    #[test]
    fn a_problem_names_its_field_and_what_has_to_be_there() {
        for (body, field, problem) in [
            (r#"{"input": 7}"#, "input", "must be text, not a number"),
            (r#"{"input": null}"#, "input", "must be text, not null"),
            (r#"{"input": ["a, expected b"]}"#, "input", "must be text, not a list"),
            (r#"{"input": {}}"#, "input", "must be text, not an object"),
            (r#"{"input": "a", "fine": "yes, expected no"}"#, "fine", "must be true or false, not text"),
            (r#"{"input": "a", "price": "9"}"#, "price", "must be a number, not text"),
            (r#"{"input": "a", "size": "huge"}"#, "size", "must be one of small, large"),
            (r#"{"input": "a", "tweaks": []}"#, "tweaks", "must be an object, not a list"),
            (r#"{"input": "a", "inner": 1.5}"#, "inner", "must be an object, not a number"),
            (
                r#"{"input": "a", "inner": {"count": -1}}"#,
                "inner.count",
                "must be a whole number from 0; it may not be integer -1",
            ),
            (
                r#"{"input": "a", "inner": {"count": 1, "names": ["x", true]}}"#,
                "inner.names[1]",
                "must be text, not true or false",
            ),
            (r#"{"input": "a", "inner": {"count": 1}}"#, "inner.names", "is required"),
            (
                r#"{"input": "a", "inner": {"counts": 1}}"#,
                "inner.counts",
                "is not a field of this; it takes count, names",
            ),
            (r#"{"input": "a", "input": "b"}"#, "input", "is given twice"),
            ("{}", "input", "is required"),
        ] {
            assert_eq!(wrong(body), (field.to_owned(), problem.to_owned()), "{body}");
        }
    }

    #[test]
    fn a_body_that_is_no_object_is_wrong_as_a_whole() {
        for (body, start) in [
            ("", "the body is empty"),
            ("[\"hello\"]", "the body must be a JSON object"),
            ("\"hello\"", "the body must be a JSON object"),
            ("{\"input\": ", "the body is not JSON: EOF"),
            ("{\"input\": \"a\"} {}", "the body is not JSON: trailing"),
        ] {
            let (field, problem) = wrong(body);
            assert!(field.is_empty() && problem.starts_with(start), "{body}: {field} {problem}");
        }
    }

    #[test]
    fn a_good_body_is_read() {
        let body = r#" {"input": "hello", "size": "large", "inner": {"count": 2, "names": []}} "#;
        assert_eq!(read::<Outer>(body.as_bytes()).expect("good").input, "hello");
    }
}
