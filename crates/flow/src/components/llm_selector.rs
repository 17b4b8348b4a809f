//! LLM Selector: a model decides which of several models answers.
//!
//! The question to the deciding model is in our own words; what it is told of the models, and how its answer is
//! read, are Langflow's.

use async_trait::async_trait;
use serde_json::{Map, Value as Json, json};

use super::{Component, Kind, Outputs, web_search::web};
use crate::{
    check::Need,
    engine::{Call, ComponentError},
    flow::Node,
    memory::Role,
    model::{ModelMessage, ModelRequest, Resolved},
    value::{Data, Value, python_json},
    web::WebRequest,
};

/// Where descriptions and prices of models are read.
const SPECIFICATIONS: &str = "https://openrouter.ai/api/v1/models";
/// How much of the question the deciding model reads, in characters.
const PREVIEW: usize = 1_000;
/// How much of a model's description it reads, in characters.
const DESCRIPTION: usize = 500;

#[derive(Debug)]
pub(super) struct LlmSelector;

#[async_trait]
impl Component for LlmSelector {
    fn types(&self) -> &'static [&'static str] {
        &["LLMSelectorComponent", "LLMRouterComponent"]
    }

    fn kind(&self) -> Kind {
        Kind::Model
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["output", "selected_model_info", "routing_decision"]
    }

    fn needs(&self, node: &Node) -> Vec<Need> {
        if reads_specifications(node) { vec![web(node)] } else { Vec::new() }
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let mut outputs = Outputs::default();
        // As in Langflow, nothing is decided unless somebody reads the answer.
        let routed = if call.wants("output") { Some(route(call).await?) } else { None };
        let (about, decision) = match &routed {
            Some(routed) => (routed.about.clone(), routed.decision.clone()),
            None => (
                json!({"info": "No model selected yet - run the router first."}),
                "No routing decision made yet - run the router first.".to_owned(),
            ),
        };
        outputs.add("selected_model_info", Value::List(vec![Value::data(Data::of_json(about))]));
        outputs.add("routing_decision", Value::text(decision));
        if let Some(routed) = routed {
            outputs.add("output", Value::text(routed.answer));
        }
        Ok(outputs)
    }
}

fn reads_specifications(node: &Node) -> bool {
    node.fields.get("use_openrouter_specs").is_none_or(|field| field.value != false)
}

/// What was decided and answered.
struct Routed {
    answer: String,
    about: Json,
    decision: String,
}

async fn route(call: &Call<'_>) -> Result<Routed, ComponentError> {
    let inputs = &call.inputs;
    let question = inputs.text("input_value").unwrap_or_default();
    let models = connected(inputs.value("models"));
    let judge = connected(inputs.value("judge_llm")).into_iter().next();
    let (Some(judge), false, false) = (judge, models.is_empty(), question.is_empty()) else {
        return Err(ComponentError::Failed("it needs models, a judge and an input".into()));
    };
    let listed = if inputs.flag("use_openrouter_specs", true) { specifications(call).await } else { Vec::new() };
    let source = if listed.is_empty() { "names alone" } else { "OpenRouter" };
    let known: Vec<Json> = models.iter().map(|it| specification(&it.model, &listed)).collect();
    let optimization = inputs.text("optimization").unwrap_or_else(|| "balanced".into());
    let (at, reason) = match choice(call, &judge, &question, &optimization, &models, &known).await {
        Ok(at) => (at, None),
        Err(ComponentError::Model(error)) if inputs.flag("fallback_to_first", true) => (0, Some(error.to_string())),
        Err(error) => return Err(error),
    };
    let (model, about) = (&models[at], &known[at]);
    let id = about["id"].as_str().unwrap_or_default();
    let decision = match reason {
        Some(reason) => {
            format!("Fallback Decision:\n- Error During Routing: {reason}\n- Fallback Model: {}", model.model)
        }
        None => format!(
            "Model Selection Decision:\n- Selected Model Index: {at}\n- Selected Model: {}\n- Selected API Model ID: {id}\n\
             - Optimization Preference: {optimization}\n- Number of Models Considered: {}\n- Specifications Source: {source}",
            model.model,
            models.len(),
        ),
    };
    let messages = vec![ModelMessage::said(Role::User, question)];
    let answer = call.complete(model, ModelRequest { messages, ..ModelRequest::default() }).await?;
    let mut about = about.clone();
    about["langflow_model_name_used_for_lookup"] = json!(model.model);
    Ok(Routed { answer: answer.text, about, decision })
}

/// Returns the models that are connected to a field.
fn connected(value: Option<&Value>) -> Vec<Resolved> {
    let models = value.map(Value::items).unwrap_or_default().into_iter();
    models.filter_map(|it| if let Value::Model(model) = it { Some((*model).clone()) } else { None }).collect()
}

/// Asks which model is to answer; an answer that names none of them means the first.
async fn choice(
    call: &Call<'_>,
    judge: &Resolved,
    question: &str,
    optimization: &str,
    models: &[Resolved],
    known: &[Json],
) -> Result<usize, ComponentError> {
    let mut preview: String = question.chars().take(PREVIEW).collect();
    if preview.len() < question.len() {
        preview.push_str("...");
    }
    let list: Vec<Json> = models
        .iter()
        .zip(known)
        .enumerate()
        .map(|(index, (model, specs))| json!({"index": index, "langflow_name": model.model, "specs": specs}))
        .collect();
    let request = ModelRequest {
        system: "You choose the language model that answers a question. You are told the question, what matters most \
                 (quality, speed, cost, or a balance of them) and the models, each with its index. Consider how hard the \
                 question is, how long it is, what each model can do and what it costs. Answer with the index of the best \
                 model and nothing else; where several are equally good, or none fits, with the first of them."
            .into(),
        messages: vec![ModelMessage::said(
            Role::User,
            format!("Question: \"{preview}\"\nWhat matters most: {optimization}\nModels: {}\nIndex:", python_json(&json!(list))),
        )],
        ..ModelRequest::default()
    };
    let answer = call.consider(judge, request).await?;
    let digits: String = answer.text.chars().filter(char::is_ascii_digit).collect();
    Ok(digits.parse().ok().filter(|at| *at < models.len()).unwrap_or(0))
}

/// Reads what OpenRouter says of models; nothing where it cannot be read, as in Langflow.
async fn specifications(call: &Call<'_>) -> Vec<Json> {
    let Ok(answer) = call.fetch(WebRequest::get(SPECIFICATIONS)).await else {
        return Vec::new();
    };
    let read = serde_json::from_slice::<Json>(&answer.body).ok().filter(|_| answer.is_success());
    read.and_then(|it| it.get("data").and_then(Json::as_array).cloned()).unwrap_or_default()
}

/// Returns what is known of a model.
fn specification(name: &str, listed: &[Json]) -> Json {
    let bare =
        |text: &str| text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>();
    let wanted = bare(name.trim_start_matches("models/").trim_start_matches("community_models/"));
    let is_it = |text: &str| bare(text) == wanted || text.split_once('/').is_some_and(|(_, rest)| bare(rest) == wanted);
    let found = listed
        .iter()
        .filter(|_| !wanted.is_empty())
        .find(|it| ["id", "name", "hugging_face_id"].iter().any(|key| it[*key].as_str().is_some_and(is_it)));
    let Some(found) = found else {
        return json!({"id": name, "name": name, "description": "Specifications not available."});
    };
    let description: String = found["description"].as_str().unwrap_or_default().chars().take(DESCRIPTION).collect();
    let provider = &found["top_provider"];
    let all = [
        ("id", found["id"].clone()),
        ("name", found["name"].clone()),
        ("description", json!(description)),
        ("context_length", first([&provider["context_length"], &found["context_length"]])),
        ("max_completion_tokens", first([&provider["max_completion_tokens"], &found["max_completion_tokens"]])),
        ("tokenizer", found["architecture"]["tokenizer"].clone()),
        ("input_modalities", found["architecture"]["input_modalities"].clone()),
        ("output_modalities", found["architecture"]["output_modalities"].clone()),
        ("pricing_prompt", found["pricing"]["prompt"].clone()),
        ("pricing_completion", found["pricing"]["completion"].clone()),
        ("is_moderated", provider["is_moderated"].clone()),
        ("supported_parameters", found["supported_parameters"].clone()),
    ];
    let told = all.into_iter().filter(|(_, value)| !value.is_null());
    Json::Object(told.map(|(key, value)| (key.to_owned(), value)).collect::<Map<_, _>>())
}

fn first(values: [&Json; 2]) -> Json {
    values.into_iter().find(|it| !it.is_null()).cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_found_under_the_names_that_people_give_it() {
        let listed = [json!({"id": "openai/gpt-4o-mini", "name": "OpenAI: GPT-4o-mini", "pricing": {"prompt": "0.1"}})];
        for name in ["gpt-4o-mini", "openai/gpt-4o-mini", "GPT 4o mini"] {
            assert_eq!(specification(name, &listed)["pricing_prompt"], "0.1", "{name}");
        }
        assert_eq!(specification("gpt-4o", &listed)["description"], "Specifications not available.");
    }
}
