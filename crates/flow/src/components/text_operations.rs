//! Text Operations: counts, cases, replacements, parts of a text, and a table that was written as text.

use std::collections::HashSet;

use async_trait::async_trait;
use regex::{Regex, RegexBuilder};
use serde_json::{Map, Value as Json, json};

use super::{Component, Outputs};
use crate::{
    engine::{Call, ComponentError},
    flow::Node,
    value::{Data, Value, python},
};

/// The most memory that an expression may take when it is prepared.
const PATTERN_BYTES: usize = 1024 * 1024;
/// The longest text that a replacement may give.
const TEXT_BYTES: usize = 8 * 1024 * 1024;

/// What it can do.
pub(super) const OPERATIONS: [&str; 10] = [
    "Text to DataFrame",
    "Word Count",
    "Case Conversion",
    "Text Replace",
    "Text Extract",
    "Text Head",
    "Text Tail",
    "Text Strip",
    "Text Join",
    "Text Clean",
];

#[derive(Debug)]
pub(super) struct TextOperations;

#[async_trait]
impl Component for TextOperations {
    fn types(&self) -> &'static [&'static str] {
        &["TextOperations"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["dataframe", "text", "data", "message"]
    }

    fn missing(&self, node: &Node) -> Option<String> {
        let name = chosen(node.fields.get("operation").map(|it| &it.value)).unwrap_or_default();
        (!name.is_empty() && !OPERATIONS.contains(&name.as_str())).then(|| format!("the operation {name:?}"))
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let operation = match call.inputs.value("operation") {
            Some(Value::Json(json)) => chosen(Some(json)),
            _ => None,
        };
        let done = operate(call, operation.as_deref().unwrap_or_default()).map_err(ComponentError::Failed)?;
        let [text, data, rows] = done.into_values();
        let mut outputs = Outputs::one("text", text.clone());
        outputs.add("message", text);
        outputs.add("data", data);
        outputs.add("dataframe", rows);
        Ok(outputs)
    }
}

/// Reads which operation was chosen: its name, or the name of the first of a list.
pub(super) fn chosen(value: Option<&Json>) -> Option<String> {
    let one = match value? {
        Json::Array(list) => list.first()?,
        other => other,
    };
    one.get("name").unwrap_or(one).as_str().map(str::to_owned).filter(|it| !it.is_empty())
}

/// What an operation on a text gives.
pub(super) enum Done {
    Text(String),
    Counts(Map<String, Json>),
    Rows(Vec<Map<String, Json>>),
}

impl Done {
    /// Returns it as a message, as a record and as rows; what it is not is empty.
    pub(super) fn into_values(self) -> [Value; 3] {
        let text = match &self {
            Self::Text(text) => text.clone(),
            Self::Counts(counts) => python(&Json::Object(counts.clone())),
            Self::Rows(rows) => Value::table(rows.clone()).as_text(),
        };
        let (data, rows) = match self {
            Self::Text(_) => (Map::new(), Vec::new()),
            Self::Counts(counts) => (counts, Vec::new()),
            Self::Rows(rows) => (Map::new(), rows),
        };
        [Value::text(text), Value::data(Data::new(data)), Value::table(rows)]
    }
}

/// Does an operation on a text.
pub(super) fn operate(call: &Call<'_>, operation: &str) -> Result<Done, String> {
    let inputs = &call.inputs;
    let text = inputs.text("text_input").unwrap_or_default();
    let number = |name: &str| usize::try_from(inputs.count(name).unwrap_or(100)).unwrap_or(usize::MAX);
    Ok(match operation {
        "Text to DataFrame" => Done::Rows(table(
            &text,
            &inputs.text("table_separator").unwrap_or_else(|| "|".into()),
            inputs.flag("has_header", true),
        )?),
        "Word Count" => Done::Counts(counts(call, &text)),
        "Case Conversion" => Done::Text(cased(&text, &inputs.text("case_type").unwrap_or_default())),
        "Text Replace" => {
            let wanted = inputs.text("search_pattern").unwrap_or_default();
            let by = inputs.text("replacement_text").unwrap_or_default();
            Done::Text(replaced(text, &wanted, &by, inputs.flag("use_regex", false))?)
        }
        "Text Extract" => {
            let wanted = inputs.text("extract_pattern").unwrap_or_default();
            let most = usize::try_from(inputs.count("max_matches").unwrap_or(10)).unwrap_or(usize::MAX);
            let found = if wanted.is_empty() { Vec::new() } else { matches(&pattern(&wanted)?, &text) };
            let most = if most == 0 { usize::MAX } else { most };
            Done::Text(found.iter().take(most).map(python).collect::<Vec<_>>().join("\n"))
        }
        "Text Head" => Done::Text(text.chars().take(number("head_characters")).collect()),
        "Text Tail" => {
            let skipped = text.chars().count().saturating_sub(number("tail_characters"));
            Done::Text(text.chars().skip(skipped).collect())
        }
        "Text Strip" => {
            let signs = inputs.text("strip_characters");
            let strips = |c: char| signs.as_ref().map_or_else(|| c.is_whitespace(), |signs| signs.contains(c));
            Done::Text(match inputs.text("strip_mode").as_deref() {
                Some("left") => text.trim_start_matches(strips).to_owned(),
                Some("right") => text.trim_end_matches(strips).to_owned(),
                _ => text.trim_matches(strips).to_owned(),
            })
        }
        "Text Join" => {
            let second = inputs.text("text_input_2").unwrap_or_default();
            Done::Text(if text.is_empty() || second.is_empty() { text + &second } else { format!("{text}\n{second}") })
        }
        "Text Clean" => {
            let mut text = text;
            if inputs.flag("remove_extra_spaces", true) {
                text = pattern(r"\s+")?.replace_all(&text, " ").into_owned();
            }
            if inputs.flag("remove_special_chars", false) {
                text = pattern(r"[^\w\s]")?.replace_all(&text, "").into_owned();
            }
            if inputs.flag("remove_empty_lines", false) {
                text = text.split('\n').filter(|line| !line.trim().is_empty()).collect::<Vec<_>>().join("\n");
            }
            Done::Text(text)
        }
        "" => Done::Text(text),
        other => return Err(format!("it has no operation {other:?}")),
    })
}

/// Prepares an expression; what it finds is found in time linear in the text.
pub(super) fn pattern(text: &str) -> Result<Regex, String> {
    let built = RegexBuilder::new(text).size_limit(PATTERN_BYTES).build();
    built.map_err(|_| format!("Invalid regex pattern '{text}'"))
}

/// Returns what Python's `findall` does: whole matches, or the groups where the expression has some.
pub(super) fn matches(pattern: &Regex, text: &str) -> Vec<Json> {
    let group = |found: &regex::Captures<'_>, index| json!(found.get(index).map_or("", |it| it.as_str()));
    let found = pattern.captures_iter(text).map(|found| match found.len() {
        1 => group(&found, 0),
        2 => group(&found, 1),
        many => (1..many).map(|index| group(&found, index)).collect(),
    });
    found.collect()
}

fn replaced(text: String, wanted: &str, by: &str, is_pattern: bool) -> Result<String, String> {
    if wanted.is_empty() {
        return Ok(text);
    }
    let text = if is_pattern {
        // Python writes groups as `\1`; an expression that is none changes nothing.
        let by = pattern(r"\\(\d)")?.replace_all(&by.replace('$', "$$"), "$${$1}").into_owned();
        match pattern(wanted) {
            Ok(wanted) => wanted.replace_all(&text, by.as_str()).into_owned(),
            Err(_) => text,
        }
    } else {
        text.replace(wanted, by)
    };
    if text.len() > TEXT_BYTES { Err("the text became too long".into()) } else { Ok(text) }
}

fn cased(text: &str, case: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters
            .next()
            .map_or_else(String::new, |it| it.to_uppercase().collect::<String>() + &letters.as_str().to_lowercase())
    };
    match case {
        "uppercase" => text.to_uppercase(),
        "lowercase" | "" => text.to_lowercase(),
        "capitalize" => capital(text),
        "title" | "title case" => {
            let mut out = String::new();
            let mut inside = false;
            for c in text.chars() {
                if c.is_alphabetic() && !inside {
                    out.extend(c.to_uppercase());
                } else {
                    out.extend(c.to_lowercase());
                }
                inside = c.is_alphabetic();
            }
            out
        }
        "swapcase" => text
            .chars()
            .flat_map(
                |c| if c.is_uppercase() { c.to_lowercase().collect::<Vec<_>>() } else { c.to_uppercase().collect() },
            )
            .collect(),
        _ => text.to_owned(),
    }
}

fn counts(call: &Call<'_>, text: &str) -> Map<String, Json> {
    let mut counts = Map::new();
    let is_empty = text.trim().is_empty();
    let mut add = |name: &str, count: usize| counts.insert(name.to_owned(), json!(if is_empty { 0 } else { count }));
    if call.inputs.flag("count_words", true) {
        let words: Vec<&str> = text.split_whitespace().collect();
        add("word_count", words.len());
        add("unique_words", words.iter().collect::<HashSet<_>>().len());
    }
    if call.inputs.flag("count_characters", true) {
        add("character_count", text.chars().count());
        add("character_count_no_spaces", text.chars().filter(|c| *c != ' ').count());
    }
    if call.inputs.flag("count_lines", true) {
        add("line_count", text.split('\n').count());
        add("non_empty_lines", text.split('\n').filter(|line| !line.trim().is_empty()).count());
    }
    counts
}

/// Reads a table that was written with a separator between its cells.
fn table(text: &str, separator: &str, has_header: bool) -> Result<Vec<Map<String, Json>>, String> {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for (index, line) in text.lines().map(str::trim).filter(|line| !line.is_empty()).enumerate() {
        let line = line.trim_matches(|c: char| separator.contains(c));
        let cells: Vec<String> = line.split(separator).map(|cell| cell.trim().to_owned()).collect();
        let is_rule =
            |cell: &String| !cell.is_empty() && cell.contains('-') && cell.chars().all(|c| c == '-' || c == ':');
        if !(has_header && index == 1 && cells.iter().all(is_rule)) {
            rows.push(cells);
        }
    }
    let width = rows.iter().map(Vec::len).max().unwrap_or(0);
    let head: Vec<String> = if has_header && !rows.is_empty() {
        rows.remove(0)
    } else {
        (0..width).map(|index| format!("col_{index}")).collect()
    };
    if has_header && let Some(at) = rows.iter().position(|row| row.len() != head.len()) {
        let (wanted, there) = (head.len(), rows[at].len());
        return Err(format!(
            "Header mismatch: {wanted} column(s) in header vs {there} column(s) in data row {}",
            at + 1
        ));
    }
    // A column is numbers when all of it is.
    let numeric: Vec<bool> = (0..head.len())
        .map(|index| {
            rows.iter().all(|row| row.get(index).is_some_and(|cell| cell.parse::<f64>().is_ok_and(f64::is_finite)))
        })
        .collect();
    let value = |index: usize, cell: &String| match (numeric.get(index), cell.parse::<i64>(), cell.parse::<f64>()) {
        (Some(true), Ok(whole), _) => json!(whole),
        (Some(true), Err(_), Ok(number)) => json!(number),
        _ => json!(cell),
    };
    let record = |row: &Vec<String>| {
        head.iter()
            .enumerate()
            .filter_map(|(index, name)| Some((name.clone(), value(index, row.get(index)?))))
            .collect()
    };
    Ok(rows.iter().map(record).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_in_text_is_read() {
        let rows = table("| a | b |\n|---|:-:|\n| 1 | x |\n| 2 | y |", "|", true).unwrap();
        assert_eq!(json!(rows), json!([{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]));
        assert!(table("a|b\n1", "|", true).is_err());
        assert_eq!(json!(table("1|x", "|", false).unwrap()), json!([{"col_0": 1, "col_1": "x"}]));
    }

    #[test]
    fn expressions_replace_and_find_as_pythons_do() {
        assert_eq!(replaced("a1b2".into(), r"([a-z])(\d)", r"\2\1$", true).unwrap(), "1a$2b$");
        assert_eq!(json!(matches(&pattern(r"(\w)=(\d)").unwrap(), "a=1 b=2")), json!([["a", "1"], ["b", "2"]]));
        assert_eq!(json!(matches(&pattern(r"\d").unwrap(), "a1 b2")), json!(["1", "2"]));
        assert_eq!(cased("hello wORLD", "title"), "Hello World");
    }
}
