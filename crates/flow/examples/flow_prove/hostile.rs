//! Hostile flows, and what each of them gets. The same ones are tests of the crate, where their words are checked.

use std::sync::Arc;
use std::time::{Duration, Instant};

use flow::{Engine, GuardedWeb, Limits, NoEvents, RunRequest, Verdict, WebPolicy};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// One hostile flow: its name, the export, what is said to it, which field is tweaked.
struct Case {
    name: &'static str,
    export: String,
    input: &'static str,
    tweak: Option<&'static str>,
    /// What its answer must not be.
    harm: fn(&str) -> bool,
}

/// Shows each flow to the engine, and prints what it gets and how long that took.
pub(crate) fn run() -> anyhow::Result<Value> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let web = GuardedWeb::new(WebPolicy { timeout: Duration::from_secs(2), ..WebPolicy::default() })?;
    let limits = Limits { wall_time: Duration::from_secs(5), ..Limits::default() };
    let engine = Engine::offline().with_limits(limits).with_web(Arc::new(web));
    let mut rows = Vec::new();
    for case in cases() {
        let began = Instant::now();
        let (stage, said) = outcome(&runtime, &engine, &case);
        let milliseconds = began.elapsed().as_millis();
        let harmless = stage != "answer" || !(case.harm)(&said);
        let in_time = milliseconds < 6_000;
        let said: String = said.chars().take(150).collect();
        rows.push(json!({"flow": case.name, "at": stage, "milliseconds": milliseconds, "harmless": harmless && in_time, "says": said}));
    }
    let holds = rows.iter().all(|row| row["harmless"] == true);
    Ok(json!({"holds": holds, "figures": {"flows": rows}}))
}

fn outcome(runtime: &tokio::runtime::Runtime, engine: &Engine, case: &Case) -> (&'static str, String) {
    let flow = match flow::parse(case.export.as_bytes()).and_then(flow::Import::single) {
        Ok(imported) => imported.flow,
        Err(error) => return ("import", error.to_string()),
    };
    let report = flow::check(&flow);
    if report.verdict != Verdict::Native {
        let reason = report.nodes.iter().map(|node| node.reason.clone()).find(|reason| !reason.is_empty());
        return ("check", report.problems.first().cloned().or(reason).unwrap_or_default());
    }
    let mut request = RunRequest::new(case.input, "hostile");
    if let Some(field) = case.tweak {
        request.tweaks = json!({"p": {field: "import os"}}).as_object().cloned().unwrap_or_default();
    }
    match runtime.block_on(engine.run(&flow, request, &NoEvents, CancellationToken::new())) {
        Ok(output) => ("answer", output.text),
        Err(error) => ("run", error.to_string()),
    }
}

fn cases() -> Vec<Case> {
    let never: fn(&str) -> bool = |_| true;
    let case = |name, export: Value| Case { name, export: export.to_string(), input: "x", tweak: None, harm: never };
    let mut all = vec![
        case(
            "a circle without a loop",
            straight(
                vec![
                    node("a", "CombineText", json!({"text1": "", "text2": ""})),
                    node("b", "CombineText", json!({"text1": "", "text2": ""})),
                ],
                &[
                    "in.message a.text1",
                    "a.combined_text b.text1",
                    "b.combined_text a.text2",
                    "b.combined_text out.input_value",
                ],
            ),
        ),
        case(
            "10,000 components",
            export((0..10_000).map(|it| node(&format!("n{it}"), "TextInput", json!({}))).collect(), &[]),
        ),
        case(
            "a field of 50 MB",
            export(vec![node("n", "TextInput", json!({"input_value": "x".repeat(50_000_000)}))], &[]),
        ),
        Case {
            name: "nesting of 100,000 levels",
            export: format!("{{\"data\": {{\"nodes\": {}{}}}}}", "[".repeat(100_000), "]".repeat(100_000)),
            input: "x",
            tweak: None,
            harm: never,
        },
        case("a template that multiplies by ten, twelve times", bomb()),
        case("a template that reaches into objects", prompt("{x.__class__.__mro__}")),
        case("a template with a width of a billion", prompt("{x:>1000000000}")),
        case(
            "Python",
            straight(vec![node("p", "PythonREPLComponent", json!({}))], &["in.message p.x", "p.y out.input_value"]),
        ),
        case(
            "an MCP server that is a program",
            straight(
                vec![node(
                    "p",
                    "MCPTools",
                    json!({"mcp_server": {"type": "mcp", "value": {"config": {"command": "sh"}}}}),
                )],
                &["in.message p.x", "p.y out.input_value"],
            ),
        ),
        case(
            "a database of the machine",
            straight(
                vec![node("p", "SQLComponent", json!({"database_url": "sqlite:////etc/passwd", "query": "SELECT 1"}))],
                &["in.message p.x", "p.run_sql_query out.input_value"],
            ),
        ),
        case(
            "a loop over a million items",
            straight(
                vec![
                    node("many", "Prompt", json!({"template": "{x}\n".repeat(20_000), "x": ""})),
                    node(
                        "split",
                        "SplitText",
                        json!({"separator": "\n", "chunk_size": {"type": "int", "value": 1}, "chunk_overlap": {"type": "int", "value": 0}}),
                    ),
                    node("loop", "LoopComponent", json!({"data": ""})),
                    node("p", "ParserComponent", json!({"pattern": "{text}"})),
                ],
                &[
                    "in.message many.x",
                    "many.prompt split.data_inputs",
                    "split.dataframe loop.data",
                    "loop.item p.input_data",
                    "p.parsed_text loop.LOOP",
                    "loop.done out.input_value",
                ],
            ),
        ),
    ];
    for (name, program) in [
        ("a program in jq that never ends", "def f: f; f".to_owned()),
        ("a program in jq that gives for ever", "[repeat(1)]".to_owned()),
        ("a program in jq that doubles sixty times", format!("[{}1] | length", "(.,.)|".repeat(60))),
        ("a program in jq that nests for ever", "reduce range(1e9) as $x (0; [.])".to_owned()),
        ("a program in jq that reads the environment", "$ENV | tostring".to_owned()),
    ] {
        let read = json!({"output_type": "JSON", "auto_parse": {"type": "bool", "value": true}});
        let fields = json!({"operations": {"type": "sortableList", "value": [{"name": "JQ Expression"}]}, "query": program, "data": ""});
        let nodes = vec![node("read", "TypeConverterComponent", read), node("q", "DataOperations", fields)];
        let edges = ["in.message read.input_data", "read.data_output q.data", "q.data_output out.input_value"];
        all.push(case(name, straight(nodes, &edges)));
    }
    let named = |id: &str, component: &str| node(id, component, json!({"context_key": "news", "input_value": ""}));
    let crowd = (0..1_000).flat_map(|at| [named(&format!("n{at}"), "Notify"), named(&format!("l{at}"), "Listen")]);
    all.push(case("a thousand who tell a thousand who listen", export(crowd.collect(), &[])));
    all.push(case(
        "a circle through a name",
        straight(
            vec![
                named("n", "Notify"),
                named("l", "Listen"),
                node("p", "Prompt", json!({"template": "{x}{y}", "x": "", "y": ""})),
            ],
            &["in.message p.x", "l.data p.y", "p.prompt n.input_value", "p.prompt out.input_value"],
        ),
    ));
    all.push(Case {
        input: "../../../latest/meta-data",
        ..case(
            "a share whose symbol is a path",
            straight(
                vec![node("s", "YfinanceComponent", json!({"symbol": "", "method": "get_fast_info"}))],
                &["in.message s.symbol", "s.text out.input_value"],
            ),
        )
    });
    all.push(case("flows that run two that run two, twenty times", doubling()));
    for tweak in ["code", "tool_code"] {
        all.push(Case { tweak: Some(tweak), ..case("a tweak of code", prompt("{x}")) });
    }
    all.push(Case {
        name: "a person who writes braces",
        input: "{x} {{x}} {x.__class__} {0}",
        harm: |said| said != "Be kind. {x} {{x}} {x.__class__} {0}",
        ..case("", prompt("Be kind. {x}"))
    });
    for (component, field, output) in [
        ("URLComponent", "urls", "raw_results"),
        ("APIRequest", "url_input", "data"),
        ("UnifiedWebSearch", "query", "results"),
        ("RSSReaderSimple", "rss_url", "articles"),
    ] {
        for url in [
            "http://169.254.169.254/latest/meta-data/",
            "http://2130706433/",
            "http://[::ffff:127.0.0.1]/",
            "http://localhost:22/",
        ] {
            let nodes = vec![
                node(
                    "web",
                    component,
                    json!({field: {"type": "str", "value": if field == "urls" { json!([url]) } else { json!(url) }}, "search_mode": "RSS"}),
                ),
                node("out", "ChatOutput", json!({"input_value": ""})),
            ];
            all.push(Case {
                name: component,
                input: "",
                harm: |said| !said.contains("of the public internet"),
                ..case("", export(nodes, &[&format!("web.{output} out.input_value")]))
            });
        }
    }
    all
}

fn bomb() -> Value {
    let mut nodes = Vec::new();
    let mut edges = vec!["in.message p0.x".to_owned()];
    for level in 0..12 {
        nodes.push(node(&format!("p{level}"), "Prompt", json!({"template": "{x}".repeat(10), "x": ""})));
        let next = if level == 11 { "out.input_value".to_owned() } else { format!("p{}.x", level + 1) };
        edges.push(format!("p{level}.prompt {next}"));
    }
    straight(nodes, &edges.iter().map(String::as_str).collect::<Vec<_>>())
}

fn doubling() -> Value {
    let level = |at: usize| {
        let run = |id: &str| {
            let mut run =
                node(id, "RunFlow", json!({"flow_name_selected": format!("level {}", at + 1), "in~input_value": ""}));
            run["data"]["node"]["outputs"] = json!([{"name": "out~message", "types": ["Message"]}]);
            run
        };
        let edges = ["in.message a.in~input_value", "in.message b.in~input_value", "a.out~message out.input_value"];
        let mut flow = if at < 20 { straight(vec![run("a"), run("b")], &edges) } else { prompt("{x}") };
        flow["name"] = json!(format!("level {at}"));
        flow
    };
    json!({"flows": (0..=20).map(level).collect::<Vec<_>>()})
}

fn prompt(template: &str) -> Value {
    let prompt = node("p", "Prompt", json!({"template": template, "x": ""}));
    straight(vec![prompt], &["in.message p.x", "p.prompt out.input_value"])
}

fn straight(middle: Vec<Value>, edges: &[&str]) -> Value {
    let mut nodes = vec![node("in", "ChatInput", json!({"input_value": ""}))];
    nodes.extend(middle);
    nodes.push(node("out", "ChatOutput", json!({"input_value": ""})));
    export(nodes, edges)
}

/// Makes an export; an edge is written `node.output node.field`.
fn export(nodes: Vec<Value>, edges: &[&str]) -> Value {
    let edge = |text: &&str| {
        let mut ends = text.split([' ', '.']).map(str::to_owned);
        let mut next = || ends.next().unwrap_or_default();
        let (source, output, target, field) = (next(), next(), next(), next());
        let into = if field == "LOOP" {
            json!({"id": target, "name": "item", "output_types": []})
        } else {
            json!({"id": target, "fieldName": field})
        };
        json!({"source": source, "target": target, "data": {"sourceHandle": {"id": source, "name": output}, "targetHandle": into}})
    };
    json!({"name": "hostile", "data": {"nodes": nodes, "edges": edges.iter().map(edge).collect::<Vec<_>>()}})
}

fn node(id: &str, component: &str, fields: Value) -> Value {
    let mut template = json!({});
    for (name, value) in fields.as_object().into_iter().flatten() {
        template[name] =
            if value.get("type").is_some() { value.clone() } else { json!({"type": "str", "value": value}) };
    }
    json!({"id": id, "type": "genericNode", "data": {"id": id, "type": component, "node": {"display_name": id, "template": template}}})
}
