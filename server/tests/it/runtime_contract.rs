//! The runtimes under the one contract that they share (`testkit::runtime_contract`), and the choice between them.
//!
//! The Langflow servers here are doubles; `cargo xtask prove runtime-contract` tries the same on the real ones.

use std::sync::Arc;

use axum::http::StatusCode;
use domain::view::agent::{FlowClass, RemoteRuntime};
use domain::{FlowVersionId, OrganizationId};
use serde_json::{Value, json};
use server::adapters::langflow::LangflowRuntime;
use server::adapters::routed::RoutedRuntime;
use server::adapters::runtime::EmbeddedRuntime;
use server::config::{Config, LangflowSection, ModelSection, WebSection};
use services::ports::{AgentRuntime, Persona, RunOutput, RunRequest, RuntimeChoice, RuntimeError, TraceDetail};
use testkit::ScriptedModel;
use testkit::runtime_contract::{CASES, OpenAnswers, Subject, contract_flow};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::app::on_every_app_with;
use crate::langflow_double::{Double, KEY, RunningDouble};
use crate::story::{list_what_is_imported, subscribe};

/// Tries everything, and says all that does not hold.
async fn holds(runtime: impl AgentRuntime + 'static, open: OpenAnswers) {
    let runtime: Arc<dyn AgentRuntime> = Arc::new(runtime);
    let export = contract_flow().to_string();
    let imported = runtime.import(export.as_bytes(), RuntimeChoice::Remote).await.expect("a flow");
    let subject = Subject { runtime, flow: Arc::new(imported.flow), open, version: Uuid::from_u128(0x0c) };
    let mut broken = Vec::new();
    for case in CASES {
        if let Err(why) = (case.try_on)(&subject).await {
            broken.push(format!("{}: {why}", case.name));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[tokio::test]
async fn the_embedded_engine_keeps_the_contract() {
    let model = ScriptedModel::start("127.0.0.1").await.expect("a model");
    let settings = ModelSection {
        base_url: format!("http://{}/v1", model.address),
        name: "scripted".to_owned(),
        ..ModelSection::default()
    };
    holds(EmbeddedRuntime::new(&settings, &WebSection::default()).expect("an engine"), model.open.clone()).await;
}

async fn a_server_keeps_the_contract(kind: Double) -> RunningDouble {
    let double = RunningDouble::start(kind).await;
    holds(LangflowRuntime::new(&double.settings()).expect("a runtime"), double.state.open.clone()).await;
    double
}

#[tokio::test]
async fn lfx_serve_keeps_the_contract_and_is_sent_flows_as_they_are_to_run() {
    let double = a_server_keeps_the_contract(Double::Lfx).await;
    assert!(double.heard("POST /api/v2/workflows").iter().all(|body| body.get("tweaks").is_none()));
    // The flow as it is, with a tweak, and with a persona.
    assert_eq!(double.heard("POST /flows/upload/").len(), 3);
}

#[tokio::test]
async fn langflow_keeps_the_contract_with_a_folder_for_each_organization() {
    let double = a_server_keeps_the_contract(Double::Langflow).await;
    assert_eq!(double.heard("POST /api/v1/projects/").len(), 2);
    let folders: Vec<Value> = double.heard("PUT /api/v1/flows/").iter().map(|flow| flow["folder_id"].clone()).collect();
    assert_eq!(folders, [json!("folder-0"), json!("folder-1")]);
}

#[tokio::test]
async fn an_old_langflow_keeps_the_contract_over_its_older_api() {
    let double = a_server_keeps_the_contract(Double::OldLangflow).await;
    assert!(!double.heard("POST /api/v1/run/").is_empty());
}

fn request(flow: Value, input: &str) -> RunRequest {
    RunRequest {
        organization: OrganizationId(Uuid::from_u128(1)),
        flow_version: FlowVersionId(Uuid::from_u128(2)),
        flow: Arc::new(flow),
        input: input.to_owned(),
        config: None,
        session_id: "s".to_owned(),
        history: Vec::new(),
        tweaks: serde_json::Map::new(),
        persona: Persona::default(),
        knowledge: None,
        timeout: std::time::Duration::from_secs(10),
        trace: TraceDetail::None,
    }
}

async fn run(runtime: &dyn AgentRuntime, flow: Value, input: &str) -> Result<RunOutput, RuntimeError> {
    let (events, mut came) = tokio::sync::mpsc::channel(16);
    let running = runtime.run(request(flow, input), events, CancellationToken::new());
    tokio::join!(running, async { while came.recv().await.is_some() {} }).0
}

async fn langflow(double: &RunningDouble) -> (LangflowRuntime, Value) {
    let runtime = LangflowRuntime::new(&double.settings()).expect("a runtime");
    let imported = runtime.import(contract_flow().to_string().as_bytes(), RuntimeChoice::Remote).await.expect("a flow");
    (runtime, imported.flow)
}

#[tokio::test]
async fn a_flow_that_a_server_has_lost_is_placed_again() {
    for kind in [Double::Lfx, Double::Langflow, Double::OldLangflow] {
        let double = RunningDouble::start(kind).await;
        let (runtime, flow) = langflow(&double).await;
        run(&runtime, flow.clone(), "one").await.expect("an answer");
        double.lose_flows();
        run(&runtime, flow, "two").await.expect("an answer");
    }
}

#[tokio::test]
async fn a_busy_server_is_asked_again_and_one_that_failed_is_not() {
    let double = RunningDouble::start(Double::Lfx).await;
    let (runtime, flow) = langflow(&double).await;
    run(&runtime, flow.clone(), "first").await.expect("an answer");
    double.fail_next(StatusCode::SERVICE_UNAVAILABLE, "");
    double.fail_next(StatusCode::TOO_MANY_REQUESTS, "");
    run(&runtime, flow.clone(), "busy").await.expect("an answer");

    let before = double.heard("POST /api/v2/workflows").len();
    double
        .fail_next(StatusCode::INTERNAL_SERVER_ERROR, r#"{"detail": "{\"traceback\": \"Traceback: /srv/langflow\"}"}"#);
    let Err(RuntimeError::Failed(text)) = run(&runtime, flow, "failed").await else { panic!("it should have failed") };
    assert!(!text.contains("Traceback") && !text.contains("srv"), "{text}");
    // It may have run, and a run may have done things.
    assert_eq!(double.heard("POST /api/v2/workflows").len(), before + 1);
}

#[tokio::test]
async fn a_key_that_is_refused_is_not_told_to_callers() {
    for kind in [Double::Lfx, Double::Langflow] {
        let double = RunningDouble::start(kind).await;
        let (_, flow) = langflow(&double).await;
        let settings = LangflowSection { api_key: Some("sk-another-key".to_owned().into()), ..double.settings() };
        let runtime = LangflowRuntime::new(&settings).expect("a runtime");
        let Err(RuntimeError::Failed(text)) = run(&runtime, flow, "hello").await else {
            panic!("it should have failed")
        };
        assert_eq!(text, "The runtime of this agent is not available.");
        assert!(!format!("{runtime:?}{:?}", double.settings()).contains(KEY), "a key is not shown");
    }
}

#[tokio::test]
async fn a_server_that_is_away_is_an_error_and_is_asked_anew_when_it_is_back() {
    let double = RunningDouble::start(Double::Lfx).await;
    let (runtime, flow) = langflow(&double).await;
    runtime.health().await.expect("it is well");
    let away = LangflowSection { url: "http://127.0.0.1:1".to_owned(), ..double.settings() };
    let runtime = LangflowRuntime::new(&away).expect("a runtime");
    assert!(matches!(run(&runtime, flow, "hello").await, Err(RuntimeError::Failed(_))));
    assert!(matches!(runtime.health().await, Err(RuntimeError::Failed(_))));
}

/// The contract's flow with a memory that our engine does not know.
fn foreign_flow() -> Value {
    let mut flow = contract_flow();
    flow["data"]["nodes"][1]["data"]["type"] = json!("OddVendorMemory");
    flow["data"]["nodes"][0]["data"]["node"]["template"]["session_id"] =
        json!({"type": "str", "value": "mine", "show": true});
    flow
}

#[tokio::test]
async fn a_foreign_flow_runs_on_the_server_only_where_its_provider_chose_that() {
    let double = RunningDouble::start(Double::Lfx).await;
    let with =
        RoutedRuntime::new(&ModelSection::default(), &WebSection::default(), &double.settings()).expect("a runtime");
    let without = RoutedRuntime::new(&ModelSection::default(), &WebSection::default(), &LangflowSection::default())
        .expect("a runtime");
    let export = foreign_flow().to_string();
    let import =
        async |runtime: &RoutedRuntime, choice| runtime.import(export.as_bytes(), choice).await.expect("a flow");

    let nowhere = import(&without, RuntimeChoice::Remote).await;
    assert_eq!((nowhere.report.remote, nowhere.report.runs()), (RemoteRuntime::None, false));
    let offered = import(&with, RuntimeChoice::Here).await;
    assert_eq!((offered.report.remote, offered.report.runs()), (RemoteRuntime::Offered, false));
    assert!(offered.report.notes[0].contains("names a session of its own"), "{:?}", offered.report.notes);
    for flow in [nowhere.flow, offered.flow] {
        assert!(run(&with, flow, "hello").await.is_err(), "nothing runs behind anybody's back");
    }
    assert!(double.heard("").is_empty(), "the server has heard of none of them");

    let chosen = import(&with, RuntimeChoice::Remote).await;
    assert_eq!((chosen.report.remote, chosen.report.runs()), (RemoteRuntime::Chosen, true));
    assert_ne!(chosen.report.verdict, FlowClass::Native);
    assert_eq!(chosen.report.notes, [""; 0], "what our engine would do with it");
    assert!(run(&with, chosen.flow.clone(), "hello").await.expect("an answer").text.starts_with("I heard: hello"));
    // Where the operator has taken the server away, such a version fails.
    assert!(matches!(run(&without, chosen.flow, "hello").await, Err(RuntimeError::Failed(_))));
}

/// A flow that runs another one of its file.
fn running(name: &str) -> Value {
    let text = |value: &str| json!({"type": "str", "value": value, "show": true});
    let mut flow = foreign_flow();
    let template = json!({"flow_name_selected": text(name), "flow_id_selected": text("")});
    let run = json!({"display_name": "Run", "template": template, "outputs": []});
    let node = json!({"id": "run", "type": "genericNode", "data": {"id": "run", "type": "RunFlow", "node": run}});
    flow["name"] = json!("Outer");
    flow["data"]["nodes"].as_array_mut().expect("nodes").push(node);
    flow
}

#[tokio::test]
async fn a_file_with_several_flows_is_refused_for_a_server_in_words_that_say_what_to_do() {
    let double = RunningDouble::start(Double::Lfx).await;
    let runtime =
        RoutedRuntime::new(&ModelSection::default(), &WebSection::default(), &double.settings()).expect("a runtime");
    let named = |name: &str| {
        let mut flow = foreign_flow();
        flow["name"] = json!(name);
        flow["id"] = json!(name);
        flow
    };
    let refused = async |flows: Value| {
        let export = json!({ "flows": flows }).to_string();
        runtime.import(export.as_bytes(), RuntimeChoice::Remote).await.expect_err("it is refused").to_string()
    };
    assert_eq!(
        refused(json!([named("One"), named("Two")])).await,
        "the file holds 2 flows (One, Two); export the one that you want to import"
    );
    assert_eq!(
        refused(json!([running("Inner"), named("Inner")])).await,
        "this flow runs other flows of the file, and a Langflow server is given one alone; leave those out that run \
         others, or choose a flow that our engine runs whole"
    );
    assert!(double.heard("").is_empty(), "the server has heard of none of them");
}

#[tokio::test]
async fn a_flow_that_our_engine_runs_stays_with_it() {
    let double = RunningDouble::start(Double::Lfx).await;
    let runtime =
        RoutedRuntime::new(&ModelSection::default(), &WebSection::default(), &double.settings()).expect("a runtime");
    let sample = flow::samples::ALL[0].json.as_bytes();
    let imported = runtime.import(sample, RuntimeChoice::Remote).await.expect("a flow");
    assert_eq!((imported.report.verdict, imported.report.remote), (FlowClass::Native, RemoteRuntime::None));
    run(&runtime, imported.flow, "hello").await.expect("an answer");
    assert!(double.heard("POST").is_empty());
}

#[tokio::test]
async fn a_buyers_calls_of_a_foreign_flow_are_answered_by_the_server_as_one_conversation() {
    for kind in [Double::Lfx, Double::Langflow] {
        let double = RunningDouble::start(kind).await;
        let settings = |config: &mut Config| config.langflow = double.settings();
        on_every_app_with(settings, async |app| {
            let import = json!({"flow_definition": foreign_flow(), "flow_version": "1.0.0", "runtime": "remote"});
            let wrong = json!({"flow_definition": foreign_flow(), "runtime": "elsewhere"});
            let listed = list_what_is_imported(app, import).await;
            let again = format!("/api/provider-agents/{}/import_flow/", listed.agent);
            let refused = app.call("POST", &again, Some(&listed.provider.token), &wrong).await.expect(400);
            assert!(refused["runtime"].is_array(), "{refused}");

            let subscribed = subscribe(app, &listed).await;
            let token = subscribed.buyer.token.as_str();
            let keys = format!("/api/customer-agent-configs/{}/api_keys/", subscribed.config);
            let key = app.ok("POST", &keys, token, json!({"name": "server"})).await;
            let key = key["key"].as_str().expect("shown once");
            let say = async |input: &str, session: &str| {
                let answer = app.invoke(key, &json!({"input": input, "session_id": session})).await.expect(200);
                assert_eq!(
                    (&answer["usage"]["input_tokens"], &answer["usage"]["output_tokens"]),
                    (&json!(11), &json!(7))
                );
                answer["output"].as_str().expect("an answer").to_owned()
            };
            assert!(say("My number is 4711.", "s-1").await.contains("Your name is"), "the persona is told");
            assert!(say("Which number?", "s-1").await.contains("4711"), "a conversation is remembered");
            assert!(!say("Which number?", "s-2").await.contains("4711"), "and no other");
        })
        .await;
    }
}
