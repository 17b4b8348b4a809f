//! The last runs of an agent, and what each step of one of them took.
//!
//! Everything is written on the server as it is read, so that the page weighs little.

use leptos::prelude::*;
use leptos_router::hooks::{use_params_map, use_query_map};
use serde::{Deserialize, Serialize};
use server_fn::codec::GetUrl;

use crate::error::UiError;
use crate::links;
use crate::ui::prelude::*;

/// Runs, and the one that was opened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Runs {
    provider: String,
    agent: String,
    name: String,
    rows: Vec<RunLine>,
    page: i64,
    pages: i64,
    total: i64,
    open: Option<OpenRun>,
}

/// A run as it is read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct RunLine {
    id: String,
    when: String,
    answered: bool,
    outcome: String,
    door: String,
    version: String,
    took: String,
    tokens: String,
}

/// A run with its steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct OpenRun {
    line: RunLine,
    texts: bool,
    left_out: i64,
    steps: Vec<StepLine>,
}

/// A step as it is read; its place in the run in thousandths.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct StepLine {
    name: String,
    what: String,
    began: i64,
    width: i64,
    took: String,
    tokens: String,
    problem: String,
    values: Vec<(String, String)>,
}

/// Returns an agent's last runs, and one of them with its steps.
#[server(prefix = "/ui", endpoint = "provider/runs", input = GetUrl)]
pub async fn agent_runs(agent: String, run: String, state: String, page: String) -> Result<Runs, UiError> {
    use crate::server_context as here;

    let (ctx, who) = here::asking()?;
    let id = here::id("agent", &agent)?;
    let view = services::provider::agent(&ctx, &who, id).await.map_err(here::fail)?;
    let paging = domain::view::Paging::clamped(page.parse().unwrap_or(1), 20);
    let found = services::provider::runs(&ctx, &who, id, state.parse().ok(), paging).await.map_err(here::fail)?;
    let open = if run.is_empty() {
        None
    } else {
        let trace = services::provider::trace(&ctx, &who, here::id("run", &run)?).await.map_err(here::fail)?;
        Some(shown::open(trace))
    };
    Ok(Runs {
        provider: view.organization_id.to_string(),
        agent: id.to_string(),
        name: view.name,
        page: found.page,
        pages: found.pages(),
        total: found.total,
        rows: found.rows.into_iter().map(shown::line).collect(),
        open,
    })
}

/// Writes runs as people read them.
#[cfg(feature = "ssr")]
mod shown {
    use domain::state::{InvocationState, Source};
    use domain::view::trace::{RunView, TraceStep, TraceValue, TraceView};

    use super::{OpenRun, RunLine, StepLine};
    use crate::fmt;

    pub(super) fn line(run: RunView) -> RunLine {
        let answered = run.state == InvocationState::Succeeded;
        RunLine {
            id: run.id.to_string(),
            when: run.started.readable(),
            answered,
            outcome: if answered { "Answered".to_owned() } else { format!("Failed, {}", run.status) },
            door: match run.source {
                Source::Api => "API",
                Source::Widget => "Widget",
                Source::Portal => "Test chat",
                Source::Runtime => "Remote runtime",
            }
            .to_owned(),
            version: run.version,
            took: took(run.elapsed_ms * 1_000),
            tokens: tokens(run.input_tokens, run.output_tokens),
        }
    }

    pub(super) fn open(trace: TraceView) -> OpenRun {
        let end = trace.steps.iter().map(|step| step.started_us + step.duration_us).max().unwrap_or(0).max(1);
        let names: Vec<(String, String)> =
            trace.steps.iter().map(|step| (step.node.clone(), step.name.clone())).collect();
        let name =
            |node: &str| names.iter().find(|(id, _)| id == node).map_or_else(|| node.to_owned(), |it| it.1.clone());
        let steps = trace.steps.into_iter().map(|step| {
            let used_by = step.used_by.as_deref().map(name);
            self::step(step, used_by, end)
        });
        OpenRun { steps: steps.collect(), texts: trace.run.texts, left_out: trace.left_out, line: line(trace.run) }
    }

    fn step(step: TraceStep, used_by: Option<String>, end: i64) -> StepLine {
        let mut what = used_by.map_or(step.component, |agent| format!("a tool of {agent}"));
        if let Some(model) = step.model {
            what.push_str(&format!(" · {model}"));
        }
        if step.model_calls > 0 {
            let asked = fmt::plural(step.model_calls, "question", "questions");
            what.push_str(&format!(" · {asked} to a model, {}", took(step.model_us)));
        }
        let inputs = step.inputs.into_iter().map(|value| self::value("in", value));
        let outputs = step.outputs.into_iter().map(|value| self::value("out", value));
        let began = (step.started_us * 1_000 / end).clamp(0, 996);
        StepLine {
            name: step.name,
            what,
            began,
            width: (step.duration_us * 1_000 / end).clamp(4, 1_000 - began),
            took: took(step.duration_us),
            tokens: if step.model_calls > 0 { tokens(step.input_tokens, step.output_tokens) } else { String::new() },
            problem: [step.error, step.error_detail].into_iter().flatten().collect::<Vec<_>>().join(" — "),
            values: inputs.chain(outputs).collect(),
        }
    }

    fn value(way: &str, value: TraceValue) -> (String, String) {
        let TraceValue { name, kind, bytes, text } = value;
        (format!("{way} {name}: {kind}, {}", fmt::bytes(bytes)), text.unwrap_or_default())
    }

    fn tokens(read: i64, written: i64) -> String {
        format!("{} / {}", fmt::count(read), fmt::count(written))
    }

    /// Writes microseconds as `850 µs`, `12.3 ms`, `1.9 s`.
    fn took(us: i64) -> String {
        match us {
            ..1_000 => format!("{us} µs"),
            1_000..1_000_000 => format!("{} ms", fmt::tenths(us / 100)),
            _ => format!("{} s", fmt::tenths(us / 100_000)),
        }
    }
}

/// The last runs of an agent.
#[component]
pub fn RunsPage() -> impl IntoView {
    let (params, query) = (use_params_map(), use_query_map());
    let asked = move |name: &str| query.read().get(name).unwrap_or_default();
    let found = read(move || AgentRuns {
        agent: params.read().get("agent").unwrap_or_default(),
        run: asked("run"),
        state: asked("state"),
        page: asked("page"),
    });
    load(found, move |runs| {
        let state = asked("state");
        let crumbs = vec![
            Crumb::new("Agents", format!("/providers/{}/agents/", runs.provider)),
            Crumb::new(runs.name.clone(), links::provider(&runs.provider, &format!("agents/{}/", runs.agent))),
        ];
        let states = [("", "All"), ("succeeded", "Answered"), ("failed", "Failed")]
            .into_iter()
            .map(|(value, text)| {
                let href = if value.is_empty() { "?".to_owned() } else { format!("?state={value}") };
                view! { <a class="chip chip--sm" href=href aria-current=(value == state).then_some("true")>{text}</a> }
            })
            .views();
        let (page, pages, total) = (runs.page, runs.pages, runs.total);
        let open = runs.open.map(opened);
        let list = if runs.rows.is_empty() {
            view! { <EmptyState icon=Sign::Activity title="No runs" text="When someone asks this agent, what each step took is listed here. The last thousand runs are kept, for two weeks."/> }.into_any()
        } else {
            let rows = runs.rows.into_iter().map(|line| row(line, &state)).views();
            view! {
                <Card class="card--flush">
                    <Table label="Runs" head=view! { <tr><th>"When"</th><th>"Outcome"</th><th>"Took"</th><th>"Tokens"</th><th>"Door"</th><th>"Version"</th><th>"Request"</th></tr> }.into_any()>{rows}</Table>
                </Card>
            }
            .into_any()
        };
        view! {
            <div class="page">
                <PageHead title="Runs" text="What each step took. What was said is shown only where the buyer allows it, and whose run it was never is." crumbs/>
                {open}
                <nav class="chips" aria-label="Outcome">{states}</nav>
                {list}
                <Pagination page pages total words=("run", "runs")/>
            </div>
        }
        .into_any()
    })
}

fn badge(line: &RunLine) -> AnyView {
    let tint = if line.answered { Tint::Good } else { Tint::Bad };
    view! { <Badge text=line.outcome.clone() tint dot=true/> }.into_any()
}

fn row(line: RunLine, state: &str) -> AnyView {
    let badge = badge(&line);
    let href = links::query(&[("state", state), ("run", &line.id)]);
    view! {
        <tr>
            <td class="nowrap"><a class="link" href=href>{line.when}</a></td>
            <td>{badge}</td>
            <td class="num nowrap">{line.took}</td>
            <td class="num nowrap">{line.tokens}</td>
            <td>{line.door}</td>
            <td>{line.version}</td>
            <td class="mono tiny">{line.id}</td>
        </tr>
    }
    .into_any()
}

fn opened(run: OpenRun) -> AnyView {
    let OpenRun { line, texts, left_out, steps } = run;
    let title = format!("Run of {}", line.when);
    let text = format!("{} · {} tokens · version {} · {}", line.took, line.tokens, line.version, line.id);
    let note = if texts {
        "The buyer lets you read what was said. Secrets are taken out, and long texts are cut."
    } else {
        "The buyer does not share what was said, so only kinds and sizes are shown."
    };
    let end = badge(&line);
    let none = steps
        .is_empty()
        .then(|| view! { <p class="muted">"Nothing ran: the call ended before the flow began."</p> }.into_any());
    let steps = steps.into_iter().map(step).views();
    let more = (left_out > 0).then(|| {
        view! { <p class="muted small">{format!("and {left_out} steps more, which are not kept")}</p> }.into_any()
    });
    view! {
        <Card title=title text=text end=end>
            <div class="stack">
                <p class="muted small">{note}</p>
                {none}
                <ol class="trace">{steps}</ol>
                {more}
            </div>
        </Card>
    }
    .into_any()
}

fn step(step: StepLine) -> impl IntoView {
    let problem = (!step.problem.is_empty()).then(|| view! { <p class="trace__problem">{step.problem}</p> }.into_any());
    let values = (!step.values.is_empty()).then(|| {
        let values = step
            .values
            .into_iter()
            .map(|(head, text)| {
                let text = (!text.is_empty()).then(|| view! { <pre class="trace__text">{text}</pre> }.into_any());
                view! { <li><span class="muted tiny mono">{head}</span>{text}</li> }
            })
            .views();
        view! { <details><summary class="muted tiny">"What went in and out"</summary><ul class="stack stack--sm">{values}</ul></details> }.into_any()
    });
    view! {
        <li class="trace__step">
            <div class="row row--between"><strong>{step.name}</strong><span class="num small">{step.took}{(!step.tokens.is_empty()).then(|| format!(" · {} tokens", step.tokens))}</span></div>
            <p class="muted tiny">{step.what}</p>
            <svg class="trace__bar" viewBox="0 0 1000 6" preserveAspectRatio="none" aria-hidden="true"><rect x=step.began width=step.width height="6"></rect></svg>
            {problem}
            {values}
        </li>
    }
}
