//! Table Operations: filters, sorts, columns, rows, and tables put together.

use std::{cmp::Ordering, collections::HashMap};

use async_trait::async_trait;
use indexmap::IndexSet;
use serde_json::{Map, Value as Json, json};

use super::{Component, Outputs, text_operations::chosen};
use crate::{
    engine::{Call, ComponentError},
    flow::Node,
    value::{Value, python},
};

/// What it can do.
pub(super) const OPERATIONS: [&str; 12] = [
    "Add Column",
    "Concatenate",
    "Drop Column",
    "Drop Duplicates",
    "Filter",
    "Head",
    "Merge",
    "Rename Column",
    "Replace Value",
    "Select Columns",
    "Sort",
    "Tail",
];

type Row = Map<String, Json>;

/// The most rows that two tables may have together.
const ROWS: usize = 100_000;

#[derive(Debug)]
pub(super) struct DataFrameOperations;

#[async_trait]
impl Component for DataFrameOperations {
    fn types(&self) -> &'static [&'static str] {
        &["DataFrameOperations", "DataFrameOperationsComponent"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["output"]
    }

    fn missing(&self, node: &Node) -> Option<String> {
        let name = chosen(node.fields.get("operation").map(|it| &it.value)).unwrap_or_default();
        (!name.is_empty() && !OPERATIONS.contains(&name.as_str())).then(|| format!("the operation {name:?}"))
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let operation = match call.inputs.value("operation") {
            Some(Value::Json(json)) => chosen(Some(json)).unwrap_or_default(),
            _ => String::new(),
        };
        let rows = operate(call, &operation).map_err(ComponentError::Failed)?;
        Ok(Outputs::one("output", Value::table(rows)))
    }
}

/// Does an operation on a table.
pub(super) fn operate(call: &Call<'_>, operation: &str) -> Result<Vec<Row>, String> {
    let inputs = &call.inputs;
    if operation == "Merge" {
        let table = |name: &str| inputs.value(name).map(Value::to_rows);
        return match (table("left_dataframe"), table("right_dataframe")) {
            (None, _) => Ok(Vec::new()),
            (Some(left), None) => Ok(left),
            (Some(left), Some(right)) => {
                let on = inputs.text("merge_on_column");
                merged(&left, &right, on.as_deref(), &inputs.text("merge_how").unwrap_or_default())
            }
        };
    }
    let given = inputs.value("df");
    let mut rows = match (given, operation) {
        (Some(value), "Concatenate") => return Ok(value.to_rows()),
        // Of several tables only the first is meant.
        (Some(Value::List(list)), _) => list.first().map(Value::to_rows).unwrap_or_default(),
        (Some(value), _) => value.to_rows(),
        (None, _) => Vec::new(),
    };
    let column = inputs.text("column_name").unwrap_or_default();
    let has = |rows: &[Row], name: &str| rows.iter().any(|row| row.contains_key(name));
    let needs_column = matches!(operation, "Filter" | "Sort" | "Drop Column" | "Replace Value" | "Drop Duplicates");
    if needs_column && !has(&rows, &column) {
        return Err(format!("column {column:?} is not in the table"));
    }
    let count = usize::try_from(inputs.count("num_rows").unwrap_or(5)).unwrap_or(usize::MAX);
    match operation {
        "Filter" => {
            let wanted = inputs.text("filter_value").unwrap_or_default();
            let operator = inputs.text("filter_operator").unwrap_or_else(|| "equals".into());
            rows.retain(|row| fits(row.get(&column).unwrap_or(&Json::Null), &wanted, &operator));
        }
        "Sort" => {
            rows.sort_by(|a, b| compared(a.get(&column), b.get(&column)));
            if !inputs.flag("ascending", true) {
                rows.reverse();
            }
        }
        "Drop Column" => {
            for row in &mut rows {
                row.shift_remove(&column);
            }
        }
        "Rename Column" => {
            let name = inputs.text("new_column_name").unwrap_or_default();
            for row in &mut rows {
                let renamed = std::mem::take(row).into_iter();
                *row = renamed.map(|(key, value)| (if key == column { name.clone() } else { key }, value)).collect();
            }
        }
        "Add Column" => {
            let name = inputs.text("new_column_name").unwrap_or_default();
            let value = inputs.text("new_column_value").unwrap_or_default();
            for row in &mut rows {
                row.insert(name.clone(), json!(value));
            }
        }
        "Select Columns" => {
            let wanted: Vec<String> = inputs.texts("columns_to_select").iter().map(|it| it.trim().to_owned()).collect();
            if let Some(missing) = wanted.iter().find(|name| !has(&rows, name)) {
                return Err(format!("column {missing:?} is not in the table"));
            }
            for row in &mut rows {
                *row = wanted.iter().filter_map(|name| Some((name.clone(), row.get(name)?.clone()))).collect();
            }
        }
        "Head" => rows.truncate(count),
        "Tail" => drop(rows.drain(..rows.len().saturating_sub(count))),
        "Replace Value" => {
            let (from, to) = (
                inputs.text("replace_value").unwrap_or_default(),
                inputs.text("replacement_value").unwrap_or_default(),
            );
            for row in &mut rows {
                if let Some(value) = row.get_mut(&column).filter(|value| same(value, &from)) {
                    *value = to
                        .parse::<f64>()
                        .ok()
                        .filter(|_| value.is_number())
                        .map_or_else(|| json!(to), |number| json!(number));
                }
            }
        }
        "Drop Duplicates" => {
            let mut seen = std::collections::HashSet::new();
            rows.retain(|row| seen.insert(row.get(&column).map(Json::to_string)));
        }
        "" => {}
        other => return Err(format!("it has no operation {other:?}")),
    }
    Ok(rows)
}

/// Puts the rows of two tables together that have the same value in a column, or the same place. What both have in
/// a column of the same name is the left one's, where it has anything there.
fn merged(left: &[Row], right: &[Row], on: Option<&str>, how: &str) -> Result<Vec<Row>, String> {
    let columns = |rows: &[Row]| -> IndexSet<String> { rows.iter().flat_map(Row::keys).cloned().collect() };
    let (mut all, of_right) = (columns(left), columns(right));
    if let Some(on) = on
        && let Some(side) = [("left", &all), ("right", &of_right)].into_iter().find(|(_, it)| !it.contains(on))
    {
        return Err(format!("Column '{on}' not found in {} DataFrame", side.0));
    }
    all.extend(of_right);
    let key = |place: usize, row: &Row| match on {
        Some(on) => match row.get(on).unwrap_or(&Json::Null) {
            Json::Number(number) => number.as_f64().map(|it| it.to_string()).unwrap_or_default(),
            value => value.to_string(),
        },
        None => place.to_string(),
    };
    let places = |rows: &[Row]| {
        let mut places: HashMap<String, Vec<usize>> = HashMap::new();
        for (place, row) in rows.iter().enumerate() {
            places.entry(key(place, row)).or_default().push(place);
        }
        places
    };
    let (in_left, in_right) = (places(left), places(right));
    let mut pairs: Vec<(Option<usize>, Option<usize>)> = Vec::new();
    let (rows, others) = if how == "right" { (right, &in_left) } else { (left, &in_right) };
    for (place, row) in rows.iter().enumerate() {
        let found = others.get(&key(place, row));
        let pair = |other| if how == "right" { (other, Some(place)) } else { (Some(place), other) };
        match found {
            Some(found) => pairs.extend(found.iter().map(|it| pair(Some(*it)))),
            None if how == "inner" || how.is_empty() => {}
            None => pairs.push(pair(None)),
        }
        if pairs.len() > ROWS {
            return Err(format!("the tables have more than {ROWS} rows together"));
        }
    }
    if how == "outer" {
        let alone = right.iter().enumerate().filter(|(place, row)| !in_left.contains_key(&key(*place, row)));
        pairs.extend(alone.map(|(place, _)| (None, Some(place))));
    }
    let cell = |row: Option<&Row>, name: &str| row.and_then(|row| row.get(name)).filter(|it| !it.is_null()).cloned();
    let row = |(l, r): (Option<usize>, Option<usize>)| -> Row {
        let (l, r) = (l.map(|at| &left[at]), r.map(|at| &right[at]));
        all.iter().map(|name| (name.clone(), cell(l, name).or_else(|| cell(r, name)).unwrap_or_default())).collect()
    };
    Ok(pairs.into_iter().map(row).collect())
}

/// Numbers are compared as numbers, with what a person typed, too.
fn same(value: &Json, text: &str) -> bool {
    match (value.as_f64(), text.trim().parse::<f64>()) {
        (Some(number), Ok(typed)) => (number - typed).abs() < f64::EPSILON,
        _ => value.as_str() == Some(text),
    }
}

fn fits(value: &Json, wanted: &str, operator: &str) -> bool {
    let text = python(value);
    let order = || match (value.as_f64(), wanted.trim().parse::<f64>()) {
        (Some(number), Ok(typed)) => number.total_cmp(&typed),
        _ => text.as_str().cmp(wanted),
    };
    match operator {
        "not equals" => !same(value, wanted),
        "contains" => text.contains(wanted),
        "not contains" => !text.contains(wanted),
        "starts with" => text.starts_with(wanted),
        "ends with" => text.ends_with(wanted),
        "greater than" => order() == Ordering::Greater,
        "less than" => order() == Ordering::Less,
        _ => same(value, wanted),
    }
}

fn compared(a: Option<&Json>, b: Option<&Json>) -> Ordering {
    match (a, b) {
        (None | Some(Json::Null), None | Some(Json::Null)) => Ordering::Equal,
        // What is missing stands at the end.
        (None | Some(Json::Null), _) => Ordering::Greater,
        (_, None | Some(Json::Null)) => Ordering::Less,
        (Some(a), Some(b)) => match (a.as_f64(), b.as_f64()) {
            (Some(a), Some(b)) => a.total_cmp(&b),
            _ => python(a).cmp(&python(b)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(json: Json) -> Vec<Row> {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn tables_are_put_together_by_a_column_or_by_place() {
        let left = rows(json!([{"id": 1, "a": "x"}, {"id": 2, "a": null}, {"id": 3, "a": "z"}]));
        let right =
            rows(json!([{"id": 2.0, "a": "y", "b": true}, {"id": 1, "a": "-", "b": false}, {"id": 4, "b": null}]));
        let of = |on: Option<&str>, how: &str| json!(merged(&left, &right, on, how).unwrap());
        let (one, two) = (json!({"id": 1, "a": "x", "b": false}), json!({"id": 2, "a": "y", "b": true}));
        let three = json!({"id": 3, "a": "z", "b": null});
        assert_eq!(of(Some("id"), "inner"), json!([one, two]));
        assert_eq!(of(Some("id"), "left"), json!([one, two, three]));
        assert_eq!(of(Some("id"), "right"), json!([two, one, {"id": 4, "a": null, "b": null}]));
        assert_eq!(of(Some("id"), "outer"), json!([one, two, three, {"id": 4, "a": null, "b": null}]));
        assert_eq!(of(None, "inner").as_array().unwrap().len(), 3);
        assert!(merged(&left, &right, Some("b"), "inner").is_err());
        let many: Vec<Row> = rows(json!([{"id": 1}])).into_iter().cycle().take(400).collect();
        assert!(merged(&many, &many, Some("id"), "inner").is_err());
    }
}
