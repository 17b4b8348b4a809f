//! Stripe's OpenAPI document, and whether a request or an answer is of its form.

use std::sync::OnceLock;

use serde_json::{Map, Value};

/// The operations that we send, of Stripe's OpenAPI document.
#[derive(Debug)]
pub struct Document(Value);

/// Where a value comes from: in a form everything is text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    Form,
    Json,
}

impl Document {
    /// Returns the document.
    pub fn get() -> &'static Self {
        static DOCUMENT: OnceLock<Document> = OnceLock::new();
        DOCUMENT.get_or_init(|| Self(serde_json::from_str(include_str!("../../data/stripe/openapi.json")).unwrap()))
    }

    /// Lists the operations, `POST /v1/refunds`.
    pub fn operations(&self) -> Vec<String> {
        let of = |path: &String, methods: &Value| -> Vec<String> {
            methods.as_object().unwrap().keys().map(|method| format!("{} {path}", method.to_uppercase())).collect()
        };
        self.0["paths"].as_object().unwrap().iter().flat_map(|(path, methods)| of(path, methods)).collect()
    }

    /// Finds the operation that a request is of: its name, and what the document says of it.
    pub fn operation(&self, method: &str, path: &str) -> Option<(String, &Value)> {
        let parts: Vec<&str> = path.split('/').collect();
        let fits = |template: &str| {
            let wanted: Vec<&str> = template.split('/').collect();
            let one = |(wanted, part): (&&str, &&str)| wanted == part || (wanted.starts_with('{') && !part.is_empty());
            wanted.len() == parts.len() && wanted.iter().zip(&parts).all(one)
        };
        let (template, methods) = self.0["paths"].as_object()?.iter().find(|(template, _)| fits(template))?;
        let operation = methods.get(method.to_lowercase())?;
        Some((format!("{method} {template}"), operation))
    }

    /// Returns what is wrong with a request.
    pub fn problems_of_request(&self, method: &str, path: &str, query: &str, body: &str) -> Vec<String> {
        let Some((_, operation)) = self.operation(method, path) else {
            return vec![format!("there is no {method} {path}")];
        };
        let mut problems = Vec::new();
        let asked = nested(query);
        let parameters = operation["parameters"].as_array().unwrap();
        for (name, value) in &asked {
            match parameters.iter().find(|parameter| parameter["in"] == "query" && parameter["name"] == **name) {
                Some(parameter) => problems.extend(self.problems(&parameter["schema"], value, From::Form, name)),
                None => problems.push(format!("{name} is no parameter")),
            }
        }
        let schema = &operation["request"];
        let form = Value::Object(nested(body));
        if schema.as_object().is_some_and(|schema| !schema.is_empty()) {
            problems.extend(self.problems(schema, &form, From::Form, ""));
        } else if !body.is_empty() {
            problems.push("a body where there is none".to_owned());
        }
        problems
    }

    /// Returns what is wrong with an answer of 200.
    pub fn problems_of_answer(&self, method: &str, path: &str, answer: &Value) -> Vec<String> {
        match self.operation(method, path) {
            Some((_, operation)) => self.problems(&operation["response"], answer, From::Json, ""),
            None => vec![format!("there is no {method} {path}")],
        }
    }

    /// Returns what is wrong with an object, `event`.
    pub fn problems_of_object(&self, name: &str, object: &Value) -> Vec<String> {
        self.problems(&self.0["schemas"][name], object, From::Json, name)
    }

    fn problems(&self, schema: &Value, value: &Value, from: From, place: &str) -> Vec<String> {
        let wrong = |what: String| vec![format!("{place}: {what}")];
        if let Some(reference) = schema["$ref"].as_str() {
            let name = reference.rsplit('/').next().unwrap();
            let Some(schema) = self.0["schemas"].get(name) else {
                return wrong(format!("{name} is not in the document"));
            };
            return self.problems(schema, value, from, place);
        }
        if value.is_null() && schema["nullable"] == true {
            return Vec::new();
        }
        if let Some(choices) = schema["anyOf"].as_array() {
            let tried: Vec<Vec<String>> =
                choices.iter().map(|choice| self.problems(choice, value, from, place)).collect();
            // What is wrong inside of an object says more than that it is no text.
            let deep =
                |problems: &Vec<String>| problems.iter().all(|problem| !problem.starts_with(&format!("{place}: {{")));
            return tried
                .into_iter()
                .min_by_key(|problems| (!problems.is_empty(), !deep(problems), problems.len()))
                .unwrap_or_default();
        }
        if let Some(words) = schema["enum"].as_array() {
            return if words.contains(value) {
                Vec::new()
            } else {
                wrong(format!("{} is none of {words:?}", short(value)))
            };
        }
        let text = value.as_str();
        let fits = match schema["type"].as_str() {
            None => true,
            Some("object") => return self.problems_of_fields(schema, value, from, place),
            Some("array") => return self.problems_of_items(schema, value, from, place),
            Some("string") => text.is_some_and(|text| {
                schema["maxLength"].as_u64().is_none_or(|most| text.chars().count() as u64 <= most)
            }),
            Some("integer") if from == From::Form => text.is_some_and(|text| text.parse::<i64>().is_ok()),
            Some("number") if from == From::Form => text.is_some_and(|text| text.parse::<f64>().is_ok()),
            Some("boolean") if from == From::Form => matches!(text, Some("true" | "false")),
            Some("integer") => value.is_i64() || value.is_u64(),
            Some("number") => value.is_number(),
            Some("boolean") => value.is_boolean(),
            Some(other) => return wrong(format!("the document has a type {other:?}")),
        };
        if fits { Vec::new() } else { wrong(format!("{} is no {}", short(value), schema["type"])) }
    }

    fn problems_of_fields(&self, schema: &Value, value: &Value, from: From, place: &str) -> Vec<String> {
        let Some(fields) = value.as_object() else { return vec![format!("{place}: {value} is no object")] };
        let known = schema["properties"].as_object();
        let mut problems = Vec::new();
        for (name, value) in fields {
            let place = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
            let more = &schema["additionalProperties"];
            match known.and_then(|known| known.get(name)) {
                Some(schema) => problems.extend(self.problems(schema, value, from, &place)),
                None if more.is_object() => problems.extend(self.problems(more, value, from, &place)),
                // Stripe refuses a parameter that it does not know, and adds fields to answers as it likes.
                None if from == From::Form || *more == false => problems.push(format!("{place}: is not known")),
                None => {}
            }
        }
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !fields.contains_key(name) {
                problems.push(format!("{place}: {name} is missing"));
            }
        }
        problems
    }

    fn problems_of_items(&self, schema: &Value, value: &Value, from: From, place: &str) -> Vec<String> {
        let items: Vec<Value> = match value {
            Value::Array(items) => items.clone(),
            // In a form an array's items are fields with numbers, from nought on.
            Value::Object(fields) if from == From::Form => {
                let in_order = (0..fields.len()).map(|number| fields.get(&number.to_string()).cloned());
                match in_order.collect() {
                    Some(items) => items,
                    None => return vec![format!("{place}: the items are not numbered")],
                }
            }
            _ => return vec![format!("{place}: {value} is no array")],
        };
        let one = |(number, item)| self.problems(&schema["items"], item, from, &format!("{place}[{number}]"));
        items.iter().enumerate().flat_map(one).collect()
    }
}

fn short(value: &Value) -> String {
    value.to_string().chars().take(60).collect()
}

/// Reads a form: `a[b][0]=c` is the field `0` of the field `b` of `a`.
pub(super) fn nested(form: &str) -> Map<String, Value> {
    let mut fields = Map::new();
    for pair in form.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decoded(name);
        let mut path = name.split('[').map(|part| part.trim_end_matches(']').to_owned());
        let first = path.next().unwrap_or_default();
        let mut place = fields.entry(first).or_insert(Value::Null);
        for part in path {
            if !place.is_object() {
                *place = Value::Object(Map::new());
            }
            place = place.as_object_mut().unwrap().entry(part).or_insert(Value::Null);
        }
        *place = Value::String(decoded(value));
    }
    fields
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits: Vec<u8> = rest.by_ref().take(2).collect();
                let digits = std::str::from_utf8(&digits).unwrap();
                bytes.push(u8::from_str_radix(digits, 16).unwrap());
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refund(body: &str) -> Vec<String> {
        Document::get().problems_of_request("POST", "/v1/refunds", "", body)
    }

    #[test]
    fn a_request_that_is_not_of_the_form_is_found() {
        assert_eq!(refund("payment_intent=pi_1&amount=100&metadata[operation]=x&expand[0]=charge"), [""; 0]);
        assert_eq!(refund("payment_intent=pi_1&amount=1.5"), ["amount: \"1.5\" is no \"integer\""]);
        assert_eq!(refund("payment=pi_1"), ["payment: is not known"]);
        assert_eq!(refund("reason=because").len(), 1);
        assert_eq!(refund("expand[1]=charge"), ["expand: the items are not numbered"]);
        assert_eq!(refund("metadata%5Ba%5D%5Bb%5D=c").len(), 1);
        let document = Document::get();
        assert_eq!(document.problems_of_request("GET", "/v1/refunds", "limit=x", "").len(), 1);
        assert_eq!(document.problems_of_request("GET", "/v1/refunds", "page=1", ""), ["page is no parameter"]);
        assert_eq!(document.problems_of_request("POST", "/v1/refunds/re_1/x/y", "", "").len(), 1);
        assert_eq!(
            document.problems_of_request("POST", "/v1/account_links", "", "type=account_onboarding"),
            [": account is missing"]
        );
    }

    #[test]
    fn an_answer_that_is_not_of_the_form_is_found() {
        let answer = serde_json::json!({"id": "re_1", "object": "refund", "amount": "5", "currency": "usd"});
        let problems = Document::get().problems_of_answer("GET", "/v1/refunds/re_1", &answer);
        assert_eq!(problems, ["amount: \"5\" is no \"integer\"", ": created is missing"]);
    }
}
