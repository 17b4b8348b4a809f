//! What programs of jq do with values: sums, orders, paths, texts.

use std::cmp::Ordering;

use base64::Engine as _;
use regex::{Regex, RegexBuilder};
use serde_json::{Map, Value as Json, json};

use super::{
    LEAST,
    eval::{Fail, Outcome, Purse, fail, is_true},
    parse::{Op, whole},
};

/// The deepest value that a program may make.
const DEEPEST: usize = 150;
/// The furthest place of a list that may be set.
const FURTHEST: usize = 100_000;
/// How much of a value an error shows, in characters.
const SHOWN: usize = 11;
/// How large a regular expression may become.
const PATTERN_BYTES: usize = 1024 * 1024;

/// Ways of writing a value.
pub(super) const FORMATS: [&str; 9] = ["text", "json", "csv", "tsv", "html", "uri", "sh", "base64", "base64d"];

/// What has arguments that are filters, or gives none or several: name and number of arguments.
const OF_FILTERS: &[(&str, usize)] = &[
    ("empty", 0),
    ("error", 0),
    ("error", 1),
    ("select", 1),
    ("recurse", 0),
    ("recurse", 1),
    ("recurse", 2),
    ("map", 1),
    ("map_values", 1),
    ("path", 1),
    ("paths", 0),
    ("paths", 1),
    ("leaf_paths", 0),
    ("del", 1),
    ("pick", 1),
    ("getpath", 1),
    ("with_entries", 1),
    ("walk", 1),
    ("first", 0),
    ("first", 1),
    ("last", 0),
    ("last", 1),
    ("nth", 1),
    ("nth", 2),
    ("limit", 2),
    ("skip", 2),
    ("until", 2),
    ("while", 2),
    ("repeat", 1),
    ("range", 1),
    ("range", 2),
    ("range", 3),
    ("isempty", 1),
    ("any", 1),
    ("any", 2),
    ("all", 1),
    ("all", 2),
    ("add", 1),
    ("sort_by", 1),
    ("group_by", 1),
    ("unique_by", 1),
    ("min_by", 1),
    ("max_by", 1),
    ("sub", 2),
    ("gsub", 2),
    ("sub", 3),
];
/// What has arguments that are values.
const OF_VALUES: &[(&str, usize)] = &[
    ("not", 0),
    ("length", 0),
    ("utf8bytelength", 0),
    ("keys", 0),
    ("keys_unsorted", 0),
    ("values", 0),
    ("nulls", 0),
    ("booleans", 0),
    ("numbers", 0),
    ("strings", 0),
    ("arrays", 0),
    ("objects", 0),
    ("iterables", 0),
    ("scalars", 0),
    ("has", 1),
    ("in", 1),
    ("contains", 1),
    ("inside", 1),
    ("add", 0),
    ("any", 0),
    ("all", 0),
    ("flatten", 0),
    ("flatten", 1),
    ("floor", 0),
    ("ceil", 0),
    ("round", 0),
    ("trunc", 0),
    ("sqrt", 0),
    ("fabs", 0),
    ("abs", 0),
    ("exp", 0),
    ("exp10", 0),
    ("exp2", 0),
    ("log", 0),
    ("log10", 0),
    ("log2", 0),
    ("pow", 2),
    ("fmin", 2),
    ("fmax", 2),
    ("tostring", 0),
    ("tonumber", 0),
    ("tojson", 0),
    ("fromjson", 0),
    ("type", 0),
    ("infinite", 0),
    ("nan", 0),
    ("isnan", 0),
    ("isinfinite", 0),
    ("isnormal", 0),
    ("sort", 0),
    ("min", 0),
    ("max", 0),
    ("unique", 0),
    ("reverse", 0),
    ("startswith", 1),
    ("endswith", 1),
    ("ltrimstr", 1),
    ("rtrimstr", 1),
    ("trimstr", 1),
    ("trim", 0),
    ("ltrim", 0),
    ("rtrim", 0),
    ("explode", 0),
    ("implode", 0),
    ("split", 1),
    ("split", 2),
    ("splits", 1),
    ("splits", 2),
    ("join", 1),
    ("ascii_downcase", 0),
    ("ascii_upcase", 0),
    ("to_entries", 0),
    ("from_entries", 0),
    ("setpath", 2),
    ("delpaths", 1),
    ("test", 1),
    ("test", 2),
    ("match", 1),
    ("match", 2),
    ("capture", 1),
    ("capture", 2),
    ("scan", 1),
    ("scan", 2),
    ("transpose", 0),
    ("index", 1),
    ("rindex", 1),
    ("indices", 1),
    ("toarray", 0),
    ("ascii", 0),
    ("finites", 0),
    ("normals", 0),
    ("debug", 0),
    ("combinations", 0),
];

/// Tells whether there is such a function.
pub(super) fn exists(name: &str, arguments: usize) -> bool {
    let is_it = |(it, count): &(&str, usize)| *it == name && *count == arguments;
    OF_FILTERS.iter().any(is_it) || OF_VALUES.iter().any(is_it) || (name, arguments) == ("gsub", 3)
}

/// Makes a number; one that is none becomes nothing, as in JSON.
pub(super) fn number(number: f64) -> Json {
    whole(number).map_or_else(|| json!(number.clamp(f64::MIN, f64::MAX)), Json::Number)
}

/// Returns a number as a place in a list.
pub(super) fn place(number: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "it saturates")]
    let place = number.floor() as i64;
    place
}

/// Returns about how many bytes a value holds; none of one that is nested too deep.
pub(super) fn weight(value: &Json) -> Option<usize> {
    fn inside(value: &Json, depth: usize) -> Option<usize> {
        if depth > DEEPEST {
            return None;
        }
        Some(match value {
            Json::String(text) => text.len() + LEAST,
            Json::Array(list) => {
                list.iter().try_fold(LEAST, |sum, it| Some(sum.saturating_add(inside(it, depth + 1)?)))?
            }
            Json::Object(map) => map.iter().try_fold(LEAST, |sum, (key, it)| {
                Some(sum.saturating_add(key.len() + LEAST).saturating_add(inside(it, depth + 1)?))
            })?,
            _ => 32,
        })
    }
    inside(value, 0)
}

fn kind(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    }
}

/// Writes the beginning of a value.
pub(super) fn shown(value: &Json) -> String {
    let text = to_json(value);
    if text.chars().count() <= SHOWN { text } else { text.chars().take(SHOWN - 1).chain("...".chars()).collect() }
}

/// Writes what kind of value it is, and its beginning.
pub(super) fn described(value: &Json) -> String {
    match value {
        Json::Null => "null (null)".into(),
        value => format!("{} ({})", kind(value), shown(value)),
    }
}

fn to_json(value: &Json) -> String {
    fn tidy(value: &Json) -> Json {
        match value {
            Json::Number(it) if it.is_f64() => it.as_f64().map_or(Json::Null, number),
            Json::Array(list) => list.iter().map(tidy).collect(),
            Json::Object(map) => Json::Object(map.iter().map(|(key, it)| (key.clone(), tidy(it))).collect()),
            other => other.clone(),
        }
    }
    tidy(value).to_string()
}

pub(super) fn to_text(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => to_json(other),
    }
}

pub(super) fn text_of<'j>(value: &'j Json, name: &str) -> Outcome<&'j str> {
    value
        .as_str()
        .map_or_else(|| fail(format!("{} cannot be used with {name}, as it is not a string", described(value))), Ok)
}

fn list_of<'j>(value: &'j Json, name: &str) -> Outcome<&'j Vec<Json>> {
    value
        .as_array()
        .map_or_else(|| fail(format!("{} cannot be used with {name}, as it is not an array", described(value))), Ok)
}

fn float_of(value: &Json, name: &str) -> Outcome<f64> {
    value
        .as_f64()
        .map_or_else(|| fail(format!("{} cannot be used with {name}, as it is not a number", described(value))), Ok)
}

/// Writes a value in a format.
pub(super) fn formatted(value: &Json, format: &str) -> Outcome<String> {
    let escaped = |text: &str, of: &[(char, &str)]| -> String {
        let mut out = String::with_capacity(text.len());
        for c in text.chars() {
            match of.iter().find(|(it, _)| *it == c) {
                Some((_, with)) => out.push_str(with),
                None => out.push(c),
            }
        }
        out
    };
    let row = |between: &str, text: &dyn Fn(&str) -> String| -> Outcome<String> {
        let cells = list_of(value, format)?.iter().map(|cell| match cell {
            Json::Null => Ok(String::new()),
            Json::String(said) => Ok(text(said)),
            Json::Bool(_) | Json::Number(_) => Ok(to_json(cell)),
            other => fail(format!("{} is not valid in a row", described(other))),
        });
        Ok(cells.collect::<Outcome<Vec<String>>>()?.join(between))
    };
    let quoted = |value: &Json| match value {
        Json::String(text) => Ok(format!("'{}'", text.replace('\'', r"'\''"))),
        Json::Array(_) | Json::Object(_) => fail(format!("{} can not be escaped for shell", described(value))),
        other => Ok(to_json(other)),
    };
    Ok(match format {
        "json" => to_json(value),
        "csv" => row(",", &|text| format!("\"{}\"", text.replace('"', "\"\"")))?,
        "tsv" => row("\t", &|text| escaped(text, &[('\\', "\\\\"), ('\t', "\\t"), ('\n', "\\n"), ('\r', "\\r")]))?,
        "html" => {
            escaped(&to_text(value), &[('<', "&lt;"), ('>', "&gt;"), ('&', "&amp;"), ('\'', "&#39;"), ('"', "&quot;")])
        }
        "uri" => {
            let is_kept = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
            let text = to_text(value);
            text.bytes().map(|it| if is_kept(it) { char::from(it).to_string() } else { format!("%{it:02X}") }).collect()
        }
        "sh" => match value {
            Json::Array(list) => list.iter().map(quoted).collect::<Outcome<Vec<String>>>()?.join(" "),
            other => quoted(other)?,
        },
        "base64" => base64::engine::general_purpose::STANDARD.encode(to_text(value)),
        "base64d" => {
            let text = to_text(value);
            let bytes = base64::engine::general_purpose::STANDARD_NO_PAD.decode(text.trim_end_matches('='));
            match bytes {
                Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                Err(_) => return fail(format!("{} is not valid base64 data", described(value))),
            }
        }
        _ => to_text(value),
    })
}

/// Orders values: nothing, false, true, numbers, texts, lists, records.
pub(super) fn order(a: &Json, b: &Json) -> Ordering {
    let rank = |it: &Json| match it {
        Json::Null => 0,
        Json::Bool(false) => 1,
        Json::Bool(true) => 2,
        Json::Number(_) => 3,
        Json::String(_) => 4,
        Json::Array(_) => 5,
        Json::Object(_) => 6,
    };
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => a.as_f64().partial_cmp(&b.as_f64()).unwrap_or(Ordering::Equal),
        (Json::String(a), Json::String(b)) => a.cmp(b),
        (Json::Array(a), Json::Array(b)) => {
            let first = a.iter().zip(b).map(|(a, b)| order(a, b)).find(|it| it.is_ne());
            first.unwrap_or_else(|| a.len().cmp(&b.len()))
        }
        (Json::Object(a), Json::Object(b)) => {
            let sorted = |map: &Map<String, Json>| {
                let mut keys: Vec<String> = map.keys().cloned().collect();
                keys.sort_unstable();
                keys
            };
            let (keys, others) = (sorted(a), sorted(b));
            let by_value = || keys.iter().map(|key| order(&a[key], &b[key])).find(|it| it.is_ne());
            keys.cmp(&others).then_with(|| by_value().unwrap_or(Ordering::Equal))
        }
        (a, b) => rank(a).cmp(&rank(b)),
    }
}

/// Computes what stands around a sign.
pub(super) fn combined(op: Op, a: &Json, b: &Json, purse: &Purse) -> Outcome<Json> {
    let order = || order(a, b);
    let numbers = || Some((a.as_f64()?, b.as_f64()?));
    let refused = |how: &str| fail(format!("{} and {} cannot be {how}", described(a), described(b)));
    Ok(match op {
        Op::Equal => Json::Bool(order().is_eq()),
        Op::Unequal => Json::Bool(order().is_ne()),
        Op::Less => Json::Bool(order().is_lt()),
        Op::LessEqual => Json::Bool(order().is_le()),
        Op::More => Json::Bool(order().is_gt()),
        Op::MoreEqual => Json::Bool(order().is_ge()),
        Op::And => Json::Bool(is_true(a) && is_true(b)),
        Op::Or => Json::Bool(is_true(a) || is_true(b)),
        Op::Else => {
            if is_true(a) {
                a.clone()
            } else {
                b.clone()
            }
        }
        Op::Add => match (a, b) {
            (Json::Null, other) | (other, Json::Null) => other.clone(),
            (Json::String(a), Json::String(b)) => Json::String(format!("{a}{b}")),
            (Json::Array(a), Json::Array(b)) => a.iter().chain(b).cloned().collect(),
            (Json::Object(a), Json::Object(b)) => {
                let mut sum = a.clone();
                sum.extend(b.clone());
                Json::Object(sum)
            }
            _ => match numbers() {
                Some((a, b)) => number(a + b),
                None => return refused("added"),
            },
        },
        Op::Sub => match (a, b) {
            (Json::Array(a), Json::Array(b)) => {
                purse.pay(a.len().saturating_mul(b.len()))?;
                a.iter().filter(|it| !b.iter().any(|other| self::order(it, other).is_eq())).cloned().collect()
            }
            _ => match numbers() {
                Some((a, b)) => number(a - b),
                None => return refused("subtracted"),
            },
        },
        Op::Mul => match (a, b) {
            (Json::Object(a), Json::Object(b)) => Json::Object(merged(a, b)),
            (Json::String(text), Json::Number(times)) | (Json::Number(times), Json::String(text)) => {
                let times = times.as_f64().unwrap_or_default();
                if times <= 0.0 {
                    return Ok(Json::Null);
                }
                let times = usize::try_from(place(times.max(1.0))).unwrap_or(usize::MAX);
                purse.pay(text.len().saturating_mul(times))?;
                Json::String(text.repeat(times))
            }
            _ => match numbers() {
                Some((a, b)) => number(a * b),
                None => return refused("multiplied"),
            },
        },
        Op::Div => match (a, b) {
            (Json::String(a), Json::String(b)) => split(a, b),
            _ => match numbers() {
                Some((_, 0.0)) => return refused("divided because the divisor is zero"),
                Some((a, b)) => number(a / b),
                None => return refused("divided"),
            },
        },
        Op::Rem => match numbers() {
            Some((a, b)) => match place(b.trunc().abs()) {
                0 => return refused("divided because the divisor is zero"),
                by => json!(place(a.trunc()) % by),
            },
            None => return refused("divided"),
        },
    })
}

fn merged(a: &Map<String, Json>, b: &Map<String, Json>) -> Map<String, Json> {
    let mut all = a.clone();
    for (key, value) in b {
        let value = match (all.get(key), value) {
            (Some(Json::Object(a)), Json::Object(b)) => Json::Object(merged(a, b)),
            _ => value.clone(),
        };
        all.insert(key.clone(), value);
    }
    all
}

fn split(text: &str, by: &str) -> Json {
    if text.is_empty() {
        return json!([]);
    }
    if by.is_empty() {
        return text.chars().map(|it| Json::String(it.to_string())).collect();
    }
    text.split(by).map(|it| Json::String(it.to_owned())).collect()
}

/// Returns the ends of a part of something of a length.
fn part(range: &Map<String, Json>, length: usize) -> Outcome<(usize, usize)> {
    let end = |name: &str, unset: usize, up: bool| -> Outcome<usize> {
        let value = match range.get(name) {
            None | Some(Json::Null) => return Ok(unset),
            Some(value) => value.as_f64(),
        };
        let Some(value) = value else { return fail("Start and end indices of an array slice must be numbers") };
        let at = place(if up { value.ceil() } else { value });
        let length = i64::try_from(length).unwrap_or(i64::MAX);
        let at = if at < 0 { at.saturating_add(length) } else { at };
        Ok(usize::try_from(at.clamp(0, length)).unwrap_or_default())
    };
    let from = end("start", 0, false)?;
    Ok((from, end("end", length, true)?.max(from)))
}

/// Returns what a key leads to.
pub(super) fn at(value: &Json, key: &Json) -> Outcome<Json> {
    Ok(match (value, key) {
        (Json::Null, Json::String(_) | Json::Number(_) | Json::Null | Json::Object(_)) => Json::Null,
        (Json::Object(map), Json::String(key)) => map.get(key).cloned().unwrap_or_default(),
        (Json::Array(list), Json::Number(at)) => {
            let at = place(at.as_f64().unwrap_or_default());
            let at = if at < 0 { at.saturating_add(i64::try_from(list.len()).unwrap_or(i64::MAX)) } else { at };
            usize::try_from(at).ok().and_then(|at| list.get(at)).cloned().unwrap_or_default()
        }
        (Json::Array(list), Json::Object(range)) => {
            let (from, to) = part(range, list.len())?;
            list[from..to].iter().cloned().collect()
        }
        (Json::Array(list), Json::Array(wanted)) => places(list, wanted),
        (Json::String(text), Json::Object(range)) => {
            let (from, to) = part(range, text.chars().count())?;
            Json::String(text.chars().skip(from).take(to - from).collect())
        }
        (value, Json::String(key)) => return fail(format!("Cannot index {} with {key:?}", kind(value))),
        (value, key) => return fail(format!("Cannot index {} with {}", kind(value), kind(key))),
    })
}

fn places(list: &[Json], wanted: &[Json]) -> Json {
    if wanted.is_empty() {
        return Json::Null;
    }
    let is_it = |at: &usize| list[*at..].iter().zip(wanted).all(|(a, b)| order(a, b).is_eq());
    (0..=list.len().saturating_sub(wanted.len()))
        .filter(|_| list.len() >= wanted.len())
        .filter(is_it)
        .map(|it| json!(it))
        .collect()
}

pub(super) fn get_path(value: &Json, path: &[Json]) -> Outcome<Json> {
    path.iter().try_fold(value.clone(), |value, key| at(&value, key))
}

/// Puts a value where a path leads, and makes what is missing on the way.
pub(super) fn set_path(value: &mut Json, path: &[Json], new: Json, purse: &Purse) -> Outcome<()> {
    if path.len() > DEEPEST {
        return Err(Fail::Ended("the program makes a value that is nested too deep"));
    }
    let Some((key, rest)) = path.split_first() else {
        *value = new;
        return Ok(());
    };
    match key {
        Json::String(key) => {
            if value.is_null() {
                *value = json!({});
            }
            let described = kind(value);
            let Json::Object(map) = value else {
                return fail(format!("Cannot index {described} with {key:?}"));
            };
            set_path(map.entry(key.clone()).or_insert(Json::Null), rest, new, purse)
        }
        Json::Number(at) => {
            if value.is_null() {
                *value = json!([]);
            }
            let described = kind(value);
            let Json::Array(list) = value else {
                return fail(format!("Cannot index {described} with number"));
            };
            let at = place(at.as_f64().unwrap_or_default());
            let at = if at < 0 { at.saturating_add(i64::try_from(list.len()).unwrap_or(i64::MAX)) } else { at };
            let Ok(at) = usize::try_from(at) else { return fail("Out of bounds negative array index") };
            if at > FURTHEST {
                return fail("Array index too large");
            }
            if at >= list.len() {
                purse.pay((at - list.len()) * LEAST)?;
                list.resize(at + 1, Json::Null);
            }
            set_path(&mut list[at], rest, new, purse)
        }
        Json::Object(range) => {
            if value.is_null() {
                *value = json!([]);
            }
            let described = kind(value);
            let Json::Array(list) = value else {
                return fail(format!("Cannot update field at object index of {described}"));
            };
            let (from, to) = part(range, list.len())?;
            let mut inner: Json = list[from..to].iter().cloned().collect();
            set_path(&mut inner, rest, new, purse)?;
            let Json::Array(inner) = inner else {
                return fail("A slice of an array can only be assigned another array");
            };
            list.splice(from..to, inner);
            Ok(())
        }
        other => fail(format!("Cannot index {} with {}", kind(value), kind(other))),
    }
}

/// Takes out what paths lead to.
pub(super) fn delete_paths(value: &mut Json, mut paths: Vec<Vec<Json>>) -> Outcome<()> {
    // What is behind goes first, so that the places before it stay right.
    paths.sort_by(|a, b| order(&Json::Array(b.clone()), &Json::Array(a.clone())));
    paths.dedup();
    paths.iter().try_for_each(|path| delete_path(value, path))
}

fn delete_path(value: &mut Json, path: &[Json]) -> Outcome<()> {
    let Some((key, rest)) = path.split_first() else {
        *value = Json::Null;
        return Ok(());
    };
    let place_in = |list: &[Json], at: &serde_json::Number| {
        let at = place(at.as_f64().unwrap_or_default());
        let at = if at < 0 { at.saturating_add(i64::try_from(list.len()).unwrap_or(i64::MAX)) } else { at };
        usize::try_from(at).ok().filter(|at| *at < list.len())
    };
    match (value, key) {
        (Json::Null, _) => Ok(()),
        (Json::Object(map), Json::String(key)) if rest.is_empty() => {
            map.shift_remove(key);
            Ok(())
        }
        (Json::Object(map), Json::String(key)) => map.get_mut(key).map_or(Ok(()), |inner| delete_path(inner, rest)),
        (Json::Array(list), Json::Number(at)) => match place_in(list, at) {
            Some(at) if rest.is_empty() => {
                list.remove(at);
                Ok(())
            }
            Some(at) => delete_path(&mut list[at], rest),
            None => Ok(()),
        },
        (Json::Array(list), Json::Object(range)) => {
            let (from, to) = part(range, list.len())?;
            if rest.is_empty() {
                list.drain(from..to);
                return Ok(());
            }
            let mut inner: Json = list[from..to].iter().cloned().collect();
            delete_path(&mut inner, rest)?;
            if let Json::Array(inner) = inner {
                list.splice(from..to, inner);
            }
            Ok(())
        }
        (value, key) => fail(format!("Cannot delete field at {} index of {}", kind(key), kind(value))),
    }
}

pub(super) fn to_entries(value: &Json) -> Outcome<Vec<Json>> {
    match value {
        Json::Object(map) => Ok(map.iter().map(|(key, value)| json!({"key": key, "value": value})).collect()),
        Json::Array(list) => {
            Ok(list.iter().enumerate().map(|(at, value)| json!({"key": at, "value": value})).collect())
        }
        other => fail(format!("{} has no keys", described(other))),
    }
}

pub(super) fn from_entries(entries: &[Json]) -> Outcome<Json> {
    let mut map = Map::new();
    for entry in entries {
        let Json::Object(fields) = entry else { return fail(format!("Cannot index {} with \"key\"", kind(entry))) };
        let first = |names: &[&str]| names.iter().filter_map(|it| fields.get(*it)).find(|it| !it.is_null()).cloned();
        let key = match first(&["key", "k", "name", "Name", "Key", "K"]) {
            Some(Json::String(key)) => key,
            Some(other @ (Json::Number(_) | Json::Bool(_))) => to_json(&other),
            None => "null".into(),
            Some(other) => return fail(format!("Cannot use {} as object key", described(&other))),
        };
        map.insert(
            key,
            ["value", "v", "Value", "V"].iter().find_map(|it| fields.get(*it)).cloned().unwrap_or_default(),
        );
    }
    Ok(Json::Object(map))
}

/// Sorts, groups or chooses values by what was computed of each.
pub(super) fn by_key(name: &str, mut keyed: Vec<(Json, Json)>) -> Json {
    // Of equal ones the first is the least, and the last the most.
    let extreme = |keyed: Vec<(Json, Json)>, most: bool| {
        let mut best: Option<(Json, Json)> = None;
        for (key, value) in keyed {
            let wins = best.as_ref().is_none_or(|(than, _)| match order(&key, than) {
                Ordering::Less => !most,
                Ordering::Equal | Ordering::Greater => most,
            });
            if wins {
                best = Some((key, value));
            }
        }
        best.map(|(_, value)| value).unwrap_or_default()
    };
    match name {
        "min_by" => return extreme(keyed, false),
        "max_by" => return extreme(keyed, true),
        _ => keyed.sort_by(|(a, _), (b, _)| order(a, b)),
    }
    if name == "sort_by" {
        return keyed.into_iter().map(|(_, value)| value).collect();
    }
    let mut groups: Vec<(Json, Vec<Json>)> = Vec::new();
    for (key, value) in keyed {
        match groups.last_mut() {
            Some((last, group)) if order(last, &key).is_eq() => group.push(value),
            _ => groups.push((key, vec![value])),
        }
    }
    match name {
        "group_by" => groups.into_iter().map(|(_, group)| Json::Array(group)).collect(),
        _ => groups.into_iter().filter_map(|(_, group)| group.into_iter().next()).collect(),
    }
}

/// Where a pattern was found, and what its names stand for.
pub(super) struct Captured {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) names: Json,
    whole: Json,
    groups: Vec<Json>,
}

/// Finds a pattern in a text.
pub(super) fn captures(text: &str, pattern: &Json, flags: &Json, all: bool, purse: &Purse) -> Outcome<Vec<Captured>> {
    let (pattern, flags) = match pattern {
        Json::Array(both) => (both.first().cloned().unwrap_or_default(), both.get(1).cloned().unwrap_or_default()),
        one => (one.clone(), flags.clone()),
    };
    let flags = flags.as_str().unwrap_or_default();
    if let Some(unknown) = flags.chars().find(|it| !"gixsnl".contains(*it)) {
        return fail(format!("{flags} is not a valid modifier string ({unknown})"));
    }
    let pattern = text_of(&pattern, "a regular expression")?;
    purse.pay(text.len() + pattern.len() * LEAST)?;
    let built = RegexBuilder::new(pattern)
        .case_insensitive(flags.contains('i'))
        .ignore_whitespace(flags.contains('x'))
        .dot_matches_new_line(flags.contains('s'))
        .size_limit(PATTERN_BYTES)
        .build();
    let expression: Regex = match built {
        Ok(expression) => expression,
        Err(_) => return fail(format!("{pattern} (at offset 0) is not a valid regex here")),
    };
    let most = if all || flags.contains('g') { usize::MAX } else { 1 };
    let mut found = Vec::new();
    for one in expression.captures_iter(text).take(most) {
        let Some(whole) = one.get(0).filter(|it| !(flags.contains('n') && it.is_empty())) else { continue };
        let mut names = Map::new();
        let mut groups = Vec::new();
        for (at, name) in expression.capture_names().enumerate().skip(1) {
            let group = one.get(at);
            let said = group.map_or(Json::Null, |it| json!(it.as_str()));
            let offset = group.map_or(json!(-1), |it| json!(text[..it.start()].chars().count()));
            let length = group.map_or(0, |it| it.as_str().chars().count());
            groups.push(json!({"offset": offset, "length": length, "string": said, "name": name}));
            if let Some(name) = name {
                names.insert(name.to_owned(), said);
            }
        }
        // To count where it is costs as much as what stands before it.
        purse.pay(whole.start() / 16 + (groups.len() + 1) * 4 * LEAST)?;
        let about = json!({
            "offset": text[..whole.start()].chars().count(), "length": whole.as_str().chars().count(),
            "string": whole.as_str(), "captures": groups,
        });
        found.push(Captured { from: whole.start(), to: whole.end(), names: Json::Object(names), whole: about, groups });
    }
    Ok(found)
}

/// Runs a function of values.
pub(super) fn called(name: &str, input: &Json, arguments: &[Json], purse: &Purse) -> Outcome<Vec<Json>> {
    let one = |value: Json| Ok(vec![value]);
    let kept = |keeps: bool| Ok(if keeps { vec![input.clone()] } else { Vec::new() });
    let float = |compute: fn(f64) -> f64| Ok(vec![number(compute(float_of(input, name)?))]);
    match (name, arguments) {
        ("not", _) => one(Json::Bool(!is_true(input))),
        ("values", _) => kept(!input.is_null()),
        ("nulls", _) => kept(input.is_null()),
        ("booleans", _) => kept(input.is_boolean()),
        ("numbers" | "finites" | "normals", _) => kept(input.is_number()),
        ("strings", _) => kept(input.is_string()),
        ("arrays", _) => kept(input.is_array()),
        ("objects", _) => kept(input.is_object()),
        ("iterables", _) => kept(input.is_array() || input.is_object()),
        ("scalars", _) => kept(!(input.is_array() || input.is_object())),
        ("debug", _) => one(input.clone()),
        ("floor", _) => float(f64::floor),
        ("ceil", _) => float(f64::ceil),
        ("round", _) => float(f64::round),
        ("trunc", _) => float(f64::trunc),
        ("sqrt", _) => float(f64::sqrt),
        ("abs" | "fabs", _) => float(f64::abs),
        ("exp", _) => float(f64::exp),
        ("exp10", _) => float(|it| 10_f64.powf(it)),
        ("exp2", _) => float(f64::exp2),
        ("log", _) => float(f64::ln),
        ("log10", _) => float(f64::log10),
        ("log2", _) => float(f64::log2),
        ("pow", [base, power]) => one(number(float_of(base, name)?.powf(float_of(power, name)?))),
        ("fmin", [a, b]) => one(number(float_of(a, name)?.min(float_of(b, name)?))),
        ("fmax", [a, b]) => one(number(float_of(a, name)?.max(float_of(b, name)?))),
        ("infinite", _) => one(json!(f64::MAX)),
        ("nan", _) => one(Json::Null),
        ("isnan", _) => one(Json::Bool(false)),
        ("isinfinite", _) => one(Json::Bool(float_of(input, name)?.abs() >= f64::MAX)),
        ("isnormal", _) => one(Json::Bool(float_of(input, name)?.is_normal())),
        ("type", _) => one(json!(kind(input))),
        ("length", _) => one(match input {
            Json::Null => json!(0),
            Json::Bool(_) => return fail(format!("{} has no length", described(input))),
            Json::Number(it) => number(it.as_f64().unwrap_or_default().abs()),
            Json::String(text) => json!(text.chars().count()),
            Json::Array(list) => json!(list.len()),
            Json::Object(map) => json!(map.len()),
        }),
        ("utf8bytelength", _) => one(json!(text_of(input, name)?.len())),
        ("tostring", _) => one(Json::String(to_text(input))),
        ("tojson", _) => one(Json::String(to_json(input))),
        ("fromjson", _) => match serde_json::from_str(text_of(input, name)?) {
            Ok(value) => one(value),
            Err(_) => fail(format!("{} (while parsing)", described(input))),
        },
        ("tonumber", _) => match input {
            Json::Number(_) => one(input.clone()),
            other => match text_of(other, name)?.trim().parse::<f64>().ok().filter(|it| it.is_finite()) {
                Some(it) => one(number(it)),
                None => fail(format!("{} cannot be parsed as a number", described(other))),
            },
        },
        ("toarray", _) => one(if input.is_array() { input.clone() } else { json!([input]) }),
        ("ascii", _) => one(json!(char::from(u8::try_from(place(float_of(input, name)?)).unwrap_or(b'?')).to_string())),
        ("split" | "splits", [_, _]) | ("splits" | "test" | "match" | "capture" | "scan", _) => {
            by_pattern(name, input, arguments, purse)
        }
        ("keys" | "keys_unsorted" | "has" | "in" | "to_entries" | "from_entries" | "setpath" | "delpaths", _) => {
            of_keys(name, input, arguments, purse)
        }
        ("contains", [other]) => one(Json::Bool(contains(input, other)?)),
        ("inside", [other]) => one(Json::Bool(contains(other, input)?)),
        _ if is_of_text(name, arguments, input) => of_text(name, input, arguments),
        _ => of_list(name, input, arguments, purse),
    }
}

fn is_of_text(name: &str, arguments: &[Json], input: &Json) -> bool {
    match name {
        "startswith" | "endswith" | "ltrimstr" | "rtrimstr" | "trimstr" | "trim" | "ltrim" | "rtrim" | "explode"
        | "ascii_downcase" | "ascii_upcase" => true,
        "split" => arguments.len() == 1,
        "index" | "rindex" | "indices" => input.is_string(),
        _ => false,
    }
}

fn of_text(name: &str, input: &Json, arguments: &[Json]) -> Outcome<Vec<Json>> {
    let one = |value: Json| Ok(vec![value]);
    // What is no text is trimmed of nothing.
    if matches!(name, "ltrimstr" | "rtrimstr" | "trimstr") && !(input.is_string() && arguments[0].is_string()) {
        return one(input.clone());
    }
    let text = text_of(input, name)?;
    let other = arguments.first().map_or(Ok(""), |it| text_of(it, name))?;
    let found = || text.match_indices(other).map(|(at, _)| at);
    // jq 1.7 counts bytes here; counted in characters is what `.[a:b]` takes.
    let place = |at: Option<usize>| at.map_or(Json::Null, |at| json!(text[..at].chars().count()));
    one(match name {
        "startswith" => Json::Bool(text.starts_with(other)),
        "endswith" => Json::Bool(text.ends_with(other)),
        "ltrimstr" => json!(text.strip_prefix(other).unwrap_or(text)),
        "rtrimstr" => json!(text.strip_suffix(other).unwrap_or(text)),
        "trimstr" => {
            let text = text.strip_prefix(other).unwrap_or(text);
            json!(text.strip_suffix(other).unwrap_or(text))
        }
        "trim" => json!(text.trim()),
        "ltrim" => json!(text.trim_start()),
        "rtrim" => json!(text.trim_end()),
        "ascii_downcase" => json!(text.to_ascii_lowercase()),
        "ascii_upcase" => json!(text.to_ascii_uppercase()),
        "explode" => text.chars().map(|it| json!(u32::from(it))).collect(),
        "split" => split(text, other),
        _ if other.is_empty() => Json::Null,
        "index" => place(found().next()),
        "rindex" => place(text.rfind(other)),
        _ => {
            let mut places = Vec::new();
            let (mut at, mut characters) = (0, 0);
            for next in found() {
                characters += text[at..next].chars().count();
                at = next;
                places.push(json!(characters));
            }
            Json::Array(places)
        }
    })
}

fn by_pattern(name: &str, input: &Json, arguments: &[Json], purse: &Purse) -> Outcome<Vec<Json>> {
    let text = text_of(input, name)?;
    let flags = arguments.get(1).cloned().unwrap_or_default();
    let all = matches!(name, "split" | "splits" | "scan");
    let found = captures(text, &arguments[0], &flags, all, purse)?;
    Ok(match name {
        "test" => vec![Json::Bool(!found.is_empty())],
        "match" => found.into_iter().map(|it| it.whole).collect(),
        "capture" => found.into_iter().map(|it| it.names).collect(),
        "scan" => {
            let said = |it: &Captured| match it.groups.as_slice() {
                [] => json!(text[it.from..it.to]),
                groups => groups.iter().map(|group| group["string"].clone()).collect(),
            };
            found.iter().map(said).collect()
        }
        _ => {
            let (mut parts, mut end) = (Vec::new(), 0);
            for it in &found {
                parts.push(json!(text[end..it.from]));
                end = it.to;
            }
            parts.push(json!(text[end..]));
            if name == "split" { vec![Json::Array(parts)] } else { parts }
        }
    })
}

fn of_keys(name: &str, input: &Json, arguments: &[Json], purse: &Purse) -> Outcome<Vec<Json>> {
    let has = |of: &Json, key: &Json| match (of, key) {
        (Json::Object(map), Json::String(key)) => Ok(map.contains_key(key)),
        (Json::Array(list), Json::Number(at)) => {
            let at = place(at.as_f64().unwrap_or_default());
            Ok(usize::try_from(at).is_ok_and(|at| at < list.len()))
        }
        (of, key) => fail(format!("Cannot check whether {} has a {} key", kind(of), kind(key))),
    };
    Ok(vec![match (name, arguments) {
        ("has", [key]) => Json::Bool(has(input, key)?),
        ("in", [of]) => Json::Bool(has(of, input)?),
        ("to_entries", _) => Json::Array(to_entries(input)?),
        ("from_entries", _) => from_entries(list_of(input, name)?)?,
        ("setpath", [path, new]) => {
            let mut whole = input.clone();
            set_path(&mut whole, list_of(path, name)?, new.clone(), purse)?;
            whole
        }
        ("delpaths", [paths]) => {
            let mut whole = input.clone();
            let paths = list_of(paths, name)?.iter().map(|path| list_of(path, name).cloned());
            delete_paths(&mut whole, paths.collect::<Outcome<Vec<_>>>()?)?;
            whole
        }
        _ => match input {
            Json::Array(list) => (0..list.len()).map(|at| json!(at)).collect(),
            Json::Object(map) => {
                let mut keys: Vec<&String> = map.keys().collect();
                if name == "keys" {
                    keys.sort_unstable();
                }
                keys.into_iter().map(|it| json!(it)).collect()
            }
            other => return fail(format!("{} has no keys", described(other))),
        },
    }])
}

fn contains(all: &Json, some: &Json) -> Outcome<bool> {
    Ok(match (all, some) {
        (Json::Object(all), Json::Object(some)) => {
            for (key, value) in some {
                match all.get(key) {
                    Some(there) if contains(there, value)? => {}
                    _ => return Ok(false),
                }
            }
            true
        }
        (Json::Array(all), Json::Array(some)) => {
            for value in some {
                let mut is_there = false;
                for there in all {
                    is_there |= kind(there) == kind(value) && contains(there, value)?;
                }
                if !is_there {
                    return Ok(false);
                }
            }
            true
        }
        (Json::String(all), Json::String(some)) => all.contains(some.as_str()),
        (all, some) if kind(all) == kind(some) => order(all, some).is_eq(),
        (all, some) => {
            return fail(format!("{} and {} cannot have their containment checked", described(all), described(some)));
        }
    })
}

fn of_list(name: &str, input: &Json, arguments: &[Json], purse: &Purse) -> Outcome<Vec<Json>> {
    let one = |value: Json| Ok(vec![value]);
    let keyed = || -> Outcome<Vec<(Json, Json)>> {
        let list = list_of(input, name)?;
        purse.pay(weight(input).unwrap_or(usize::MAX))?;
        Ok(list.iter().map(|it| (it.clone(), it.clone())).collect())
    };
    match (name, arguments) {
        ("sort", _) => one(by_key("sort_by", keyed()?)),
        ("unique", _) => one(by_key("unique_by", keyed()?)),
        ("min", _) => one(by_key("min_by", keyed()?)),
        ("max", _) => one(by_key("max_by", keyed()?)),
        ("reverse", _) => one(match input {
            Json::Null => json!([]),
            Json::String(text) => json!(text.chars().rev().collect::<String>()),
            other => list_of(other, name)?.iter().rev().cloned().collect(),
        }),
        ("add", _) => {
            let values: Vec<&Json> = match input {
                Json::Object(map) => map.values().collect(),
                Json::Null => Vec::new(),
                other => list_of(other, name)?.iter().collect(),
            };
            let mut sum = Json::Null;
            for value in values {
                sum = combined(Op::Add, &sum, value, purse)?;
                purse.pay_for(&sum)?;
            }
            one(sum)
        }
        ("any" | "all", _) => {
            let mut values = match input {
                Json::Object(map) => map.values().collect::<Vec<_>>(),
                other => list_of(other, name)?.iter().collect(),
            }
            .into_iter();
            one(Json::Bool(if name == "any" { values.any(is_true) } else { values.all(is_true) }))
        }
        ("flatten", depth) => {
            let depth = depth.first().map_or(Ok(f64::MAX), |it| float_of(it, name))?;
            if depth < 0.0 {
                return fail("flatten depth must not be negative");
            }
            let mut flat = Vec::new();
            flatten(list_of(input, name)?, depth, &mut flat);
            one(Json::Array(flat))
        }
        ("join", [between]) => {
            let mut texts = Vec::new();
            for value in list_of(input, name)? {
                texts.push(match value {
                    Json::Null => String::new(),
                    Json::Array(_) | Json::Object(_) => {
                        return fail(format!("{} and {} cannot be added", described(between), described(value)));
                    }
                    other => to_text(other),
                });
            }
            if texts.is_empty() {
                return one(json!(""));
            }
            let between = text_of(between, name)?;
            purse.pay(between.len().saturating_mul(texts.len()))?;
            one(json!(texts.join(between)))
        }
        ("implode", _) => {
            let mut text = String::new();
            for code in list_of(input, name)? {
                let code = code.as_u64().and_then(|it| u32::try_from(it).ok()).and_then(char::from_u32);
                match code {
                    Some(c) => text.push(c),
                    None => return fail("Unicode codepoint must be numeric"),
                }
            }
            one(json!(text))
        }
        ("transpose", _) => {
            let rows = list_of(input, name)?;
            let mut lists = Vec::new();
            for row in rows {
                lists.push(list_of(row, name)?);
            }
            let width = lists.iter().map(|it| it.len()).max().unwrap_or_default();
            purse.pay(width.saturating_mul(lists.len()).saturating_mul(LEAST))?;
            let column = |at: usize| lists.iter().map(|row| row.get(at).cloned().unwrap_or_default()).collect::<Json>();
            one((0..width).map(column).collect())
        }
        ("index" | "rindex" | "indices", [wanted]) => {
            let places = match (input, wanted) {
                (Json::Null, _) => Json::Null,
                (list, Json::Array(wanted)) => places(list_of(list, name)?, wanted),
                (list, wanted) => places(list_of(list, name)?, std::slice::from_ref(wanted)),
            };
            let ends = places.as_array().filter(|_| name != "indices");
            one(match (name, ends) {
                ("index", Some(all)) => all.first().cloned().unwrap_or_default(),
                ("rindex", Some(all)) => all.last().cloned().unwrap_or_default(),
                _ => places,
            })
        }
        ("combinations", _) => {
            let mut rows = vec![Vec::new()];
            for choices in list_of(input, name)? {
                let choices = list_of(choices, name)?;
                let mut more = Vec::new();
                for row in &rows {
                    for choice in choices {
                        purse.pay_for(choice)?;
                        purse.pay(row.len() * LEAST)?;
                        let mut row: Vec<Json> = row.clone();
                        row.push(choice.clone());
                        more.push(row);
                    }
                }
                rows = more;
            }
            Ok(rows.into_iter().map(Json::Array).collect())
        }
        (name, arguments) => fail(format!("{name}/{} is not defined", arguments.len())),
    }
}

fn flatten(list: &[Json], depth: f64, into: &mut Vec<Json>) {
    for value in list {
        match value {
            Json::Array(inner) if depth > 0.0 => flatten(inner, depth - 1.0, into),
            other => into.push(other.clone()),
        }
    }
}
