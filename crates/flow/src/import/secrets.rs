//! Takes plaintext secrets out of an export before anything else sees it.
//!
//! Three places hold them: password fields whose value is not the name of a variable, keys and passwords
//! inside dictionaries, tables and MCP settings, and texts in which somebody pasted a key. Python source is
//! left alone here because it is hashed; it is never stored with the flow that we run.

use serde_json::{Map, Value as Json};

use super::{ImportError, limits};
use crate::flow::RemovedSecret;

const REMOVED: &str = "[removed]";

/// Removes secrets in place and says where they were.
pub(super) fn remove(export: &mut Json) -> Result<Vec<RemovedSecret>, ImportError> {
    let mut removed = Vec::new();
    let nodes = export.pointer_mut("/data/nodes").and_then(Json::as_array_mut);
    for node in nodes.into_iter().flatten() {
        in_node(node, &mut removed)?;
    }
    Ok(removed)
}

/// Returns a text without what looks like a key, a token or a password in a URL.
pub fn without_secrets(text: &str) -> String {
    redact(text).unwrap_or_else(|| text.to_owned())
}

fn in_node(node: &mut Json, removed: &mut Vec<RemovedSecret>) -> Result<(), ImportError> {
    let id = node["id"].as_str().or_else(|| node["data"]["id"].as_str()).unwrap_or_default().to_owned();
    let display_name = node["data"]["node"]["display_name"].as_str().unwrap_or(&id).to_owned();
    if let Some(template) = node.pointer_mut("/data/node/template").and_then(Json::as_object_mut) {
        if template.len() > limits::FIELDS {
            return Err(ImportError::NotAFlow(format!("{id} has more than {} fields", limits::FIELDS)));
        }
        for (name, field) in template.iter_mut() {
            if field.as_object_mut().is_some_and(in_field) {
                removed.push(RemovedSecret {
                    node: id.clone(),
                    display_name: display_name.clone(),
                    field: name.clone(),
                });
            }
        }
    }
    for path in ["/data/node/flow/data/nodes", "/data/node/flow/nodes"] {
        for child in node.pointer_mut(path).and_then(Json::as_array_mut).into_iter().flatten() {
            in_node(child, removed)?;
        }
    }
    Ok(())
}

fn in_field(field: &mut Map<String, Json>) -> bool {
    if field.get("type").and_then(Json::as_str) == Some("code") {
        return false;
    }
    let is_variable = field.get("load_from_db").and_then(Json::as_bool).unwrap_or(false);
    let is_password = field.get("password").and_then(Json::as_bool).unwrap_or(false)
        || matches!(field.get("_input_type").and_then(Json::as_str), Some("SecretStrInput" | "MultilineSecretInput"));
    let Some(value) = field.get_mut("value") else {
        return false;
    };
    if is_password {
        let holds_something = match value {
            Json::Null | Json::Bool(_) => false,
            // A key pasted where the name of a variable belongs is still a key.
            Json::String(text) => !text.is_empty() && (!is_variable || redact(text).is_some()),
            Json::Array(list) => !list.is_empty(),
            Json::Object(map) => !map.is_empty(),
            Json::Number(_) => true,
        };
        if holds_something {
            *value = Json::String(String::new());
        }
        return holds_something;
    }
    in_value(value)
}

/// Walks a value; true when something was taken out.
fn in_value(value: &mut Json) -> bool {
    match value {
        Json::String(text) => match redact(text) {
            Some(clean) => {
                *text = clean;
                true
            }
            None => false,
        },
        Json::Array(list) => list.iter_mut().fold(false, |found, item| in_value(item) | found),
        Json::Object(map) => {
            // Tables write a header as {"key": "Authorization", "value": "Bearer …"}.
            let named = map.get("key").or_else(|| map.get("name")).and_then(Json::as_str).is_some_and(names_a_secret);
            map.iter_mut().fold(false, |found, (key, item)| {
                let secret = names_a_secret(key) || (named && key == "value");
                if secret && item.as_str().is_some_and(|text| !text.is_empty()) {
                    *item = Json::String(String::new());
                    return true;
                }
                in_value(item) | found
            })
        }
        _ => false,
    }
}

fn names_a_secret(key: &str) -> bool {
    let key: String = key.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    [
        "apikey",
        "authorization",
        "password",
        "passwd",
        "secret",
        "clientsecret",
        "accesstoken",
        "authtoken",
        "bearertoken",
        "privatekey",
        "secretkey",
        "xapikey",
    ]
    .iter()
    .any(|word| key == *word || key.ends_with(word))
        || key == "token"
}

/// Replaces what looks like a key, token or password in a URL; none when there is nothing.
fn redact(text: &str) -> Option<String> {
    // The cheap test first: these prefixes are in all that we know.
    const PREFIXES: [(&str, usize); 13] = [
        ("sk-", 20),
        ("sk_live_", 16),
        ("rk_live_", 16),
        ("AKIA", 16),
        ("ghp_", 30),
        ("github_pat_", 30),
        ("xoxb-", 20),
        ("xoxp-", 20),
        ("AIza", 30),
        ("gsk_", 30),
        ("hf_", 30),
        ("ar_sk_live_", 20),
        ("eyJhbGciOi", 40),
    ];
    let mut clean = String::new();
    let mut rest = text;
    let mut found = false;
    'words: while !rest.is_empty() {
        let at_word = clean.chars().next_back().is_none_or(|c| !c.is_ascii_alphanumeric());
        if at_word {
            for (prefix, least) in PREFIXES {
                if let Some(tail) = rest.strip_prefix(prefix) {
                    let length =
                        tail.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c))).unwrap_or(tail.len());
                    // A key has digits; `sk-` in front of a long hyphenated word has none.
                    if length >= least && tail[..length].contains(|c: char| c.is_ascii_digit()) {
                        clean.push_str(REMOVED);
                        rest = &tail[length..];
                        found = true;
                        continue 'words;
                    }
                }
            }
        }
        if let Some(tail) = rest.strip_prefix("://") {
            let end = tail.find(|c: char| c.is_whitespace() || "/?#\"'".contains(c)).unwrap_or(tail.len());
            if let Some((user, host)) = tail[..end].rsplit_once('@') {
                // `{password}` in a template is a variable, not a password.
                if let Some((name, _)) =
                    user.split_once(':').filter(|(_, it)| !it.is_empty() && !it.starts_with('{') && *it != REMOVED)
                {
                    clean.push_str("://");
                    // Who signs in with a key writes it as the name. A name has no address in it, so this ends here.
                    clean.push_str(&without_secrets(name));
                    clean.push(':');
                    clean.push_str(REMOVED);
                    clean.push('@');
                    // What stands where a host should may be a key, too.
                    rest = &tail[end - host.len()..];
                    found = true;
                    continue 'words;
                }
            }
        }
        let next = rest.chars().next().map_or(0, char::len_utf8);
        clean.push_str(&rest[..next]);
        rest = &rest[next..];
    }
    found.then_some(clean)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn export(template: Json) -> Json {
        json!({"data": {"nodes": [{"id": "n", "data": {"type": "X", "node": {"display_name": "X", "template": template}}}]}})
    }

    #[test]
    fn a_plaintext_password_field_is_emptied_and_a_variable_name_is_kept() {
        let mut it = export(json!({
            "api_key": {"type": "str", "password": true, "load_from_db": false, "value": "hunter2"},
            "other": {"type": "str", "password": true, "load_from_db": true, "value": "OPENAI_API_KEY"},
        }));
        let removed = remove(&mut it).unwrap();
        assert_eq!(removed.len(), 1);
        assert_eq!(removed[0].field, "api_key");
        assert!(!it.to_string().contains("hunter2"));
        assert!(it.to_string().contains("OPENAI_API_KEY"));
    }

    #[test]
    fn keys_in_headers_texts_and_urls_are_removed() {
        let key = format!("sk-{}", "a1b2".repeat(8));
        let mut it = export(json!({
            "headers": {"type": "table", "value": [{"key": "Authorization", "value": "Bearer abc"}]},
            "mcp_server": {"type": "mcp", "value": {"config": {"env": {"SOME_API_KEY": "abc"}}}},
            "note": {"type": "prompt", "value": format!("use {key} now")},
            "database_url": {"type": "str", "value": "postgres://me:s3cret@db/x"},
            "odd": {"type": "str", "value": format!("x://me:pw@{key}/")},
            "named": {"type": "str", "value": format!("https://me@{key}:pw@h/")},
            "harmless": {"type": "str", "value": "a risk-averse ask-me-anything-about-it text, http://a.b/c"},
        }));
        let removed = remove(&mut it).unwrap();
        let text = it.to_string();
        assert_eq!(
            removed.iter().map(|it| it.field.as_str()).collect::<Vec<_>>(),
            ["headers", "mcp_server", "note", "database_url", "odd", "named"]
        );
        assert!(!text.contains("abc\"") && !text.contains(&key) && !text.contains("s3cret"), "{text}");
        assert!(text.contains("use [removed] now") && text.contains("postgres://me:[removed]@db/x"));
    }
}
