//! The flows that come with a fresh install: real ones, of the components that Langflow has.
//!
//! Each is the same five components around its own prompt; the prompts are the files in `samples/`.

use std::sync::LazyLock;

use serde_json::{Value as Json, json};

/// A sample flow.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Its name in URLs.
    pub slug: &'static str,
    /// The flow as Langflow exports it.
    pub json: String,
}

/// Every sample.
pub static ALL: LazyLock<Vec<Sample>> = LazyLock::new(|| {
    vec![
        sample("customer-support", "Customer Support Agent", include_str!("../samples/customer-support.md")),
        sample("code-review", "Code Review Agent", include_str!("../samples/code-review.md")),
        sample("slack-integration", "Slack Integration", include_str!("../samples/slack-integration.md")),
        sample("general-knowledge", "General Knowledge", include_str!("../samples/general-knowledge.md")),
        sample("email-responder", "Email Responder", include_str!("../samples/email-responder.md")),
    ]
});

fn sample(slug: &'static str, name: &str, prompt: &str) -> Sample {
    let text = |value: &str| json!({"type": "str", "value": value, "input_types": ["Message"], "show": true});
    let plain = |value: Json| json!({"type": "str", "value": value, "show": true});
    let input = node("ChatInput-in", "ChatInput", "Chat Input", (0, 240), json!({"input_value": text("")}), "message");
    let memory = node(
        "Memory-past",
        "Memory",
        "Message History",
        (0, 0),
        json!({"n_messages": plain(json!(20)), "template": plain(json!("{sender_name}: {text}")), "sender_type": plain(json!("Machine and User"))}),
        "messages_text",
    );
    let template = json!({
        "template": {"type": "prompt", "value": format!("{}\n\n# Conversation so far\n{{history}}", prompt.replace('{', "{{").replace('}', "}}")), "show": true},
        "history": text(""),
    });
    let prompt = node("Prompt-what", "Prompt", "Prompt", (420, 0), template, "prompt");
    let model_fields = json!({
        "input_value": text(""),
        "system_message": text(""),
        "model": {"type": "model", "value": "", "show": true},
        "temperature": {"type": "slider", "value": 0.1, "show": true},
    });
    let model = node(
        "LanguageModelComponent-who",
        "LanguageModelComponent",
        "Language Model",
        (840, 160),
        model_fields,
        "text_output",
    );
    let output =
        node("ChatOutput-out", "ChatOutput", "Chat Output", (1260, 200), json!({"input_value": text("")}), "message");
    let edges = [
        edge("Memory-past", "Memory", "messages_text", "Prompt-what", "history"),
        edge("Prompt-what", "Prompt", "prompt", "LanguageModelComponent-who", "system_message"),
        edge("ChatInput-in", "ChatInput", "message", "LanguageModelComponent-who", "input_value"),
        edge("LanguageModelComponent-who", "LanguageModelComponent", "text_output", "ChatOutput-out", "input_value"),
    ];
    let flow = json!({
        "name": name,
        "description": "A sample of the marketplace.",
        "data": {"nodes": [input, memory, prompt, model, output], "edges": edges, "viewport": {"x": 0, "y": 0, "zoom": 1}},
    });
    Sample { slug, json: flow.to_string() }
}

fn node(id: &str, component: &str, name: &str, at: (i64, i64), mut template: Json, output: &str) -> Json {
    template["_type"] = json!("Component");
    json!({
        "id": id,
        "type": "genericNode",
        "position": {"x": at.0, "y": at.1},
        "data": {"id": id, "type": component, "node": {
            "display_name": name,
            "template": template,
            "outputs": [{"name": output, "method": output, "types": ["Message"], "selected": "Message"}],
        }},
    })
}

fn edge(source: &str, source_type: &str, output: &str, target: &str, field: &str) -> Json {
    json!({
        "id": format!("{source}-{target}-{field}"),
        "source": source,
        "target": target,
        "data": {
            "sourceHandle": {"dataType": source_type, "id": source, "name": output, "output_types": ["Message"]},
            "targetHandle": {"fieldName": field, "id": target, "inputTypes": ["Message"], "type": "str"},
        },
    })
}

#[cfg(test)]
mod tests {
    use super::ALL;

    #[test]
    fn every_sample_is_native() {
        for sample in ALL.iter() {
            let flow = crate::parse(sample.json.as_bytes()).and_then(crate::Import::single).expect("a flow").flow;
            let report = crate::check(&flow);
            assert_eq!(report.verdict, crate::Verdict::Native, "{}: {:?}", sample.slug, report.problems);
        }
    }
}
