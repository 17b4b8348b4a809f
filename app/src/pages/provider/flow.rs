//! The report of an imported flow: a picture of it as in Studio, beside a list to act on.

use domain::view::agent::{FlowClass, FlowNode, FlowReport, RemoteRuntime};
use leptos::prelude::*;

use crate::fmt;
use crate::ui::prelude::*;

/// The report of a flow.
#[component]
pub fn ReportView(
    /// What was found.
    report: FlowReport,
) -> impl IntoView {
    let problems = report.problems.clone();
    let needs = report.needs.clone();
    let notes = report.notes.clone();
    let secrets = report.secrets_removed.clone();
    let verdict = match report.verdict {
        FlowClass::Native => view! { <Alert kind=Kind::Good title="It runs here" text="Every component is one that our engine runs itself.".to_owned()/> }.into_any(),
        FlowClass::Review => view! { <Alert kind=Kind::Warn title="Some components need another look" text="Their code is not one that we know, so we do not run something else in its place.".to_owned()/> }.into_any(),
        FlowClass::Unsupported | FlowClass::Never => view! { <Alert kind=Kind::Bad title="It does not run here" text="The list below says which components are in the way, and what you can do.".to_owned()/> }.into_any(),
        FlowClass::Invalid => view! { <Alert kind=Kind::Bad title="This flow cannot run" text="The list below says why.".to_owned()/> }.into_any(),
    };
    let elsewhere = (report.verdict != FlowClass::Native && report.verdict != FlowClass::Invalid).then(|| {
        let (kind, title, text) = match report.remote {
            RemoteRuntime::Chosen => (
                Kind::Good,
                "The Langflow server runs it",
                "You chose that on import. Its Python is executed there, and calls take longer than here.",
            ),
            RemoteRuntime::Offered => (
                Kind::Info,
                "The Langflow server could run it",
                "Import it again with that box ticked, and it runs there with all of its components.",
            ),
            RemoteRuntime::None => {
                (Kind::Info, "Nothing runs it", "No Langflow server is set up beside this marketplace that could.")
            }
        };
        view! { <Alert kind title text=text.to_owned()/> }.into_any()
    });
    let texts = |title: &'static str, texts: Vec<String>| {
        (!texts.is_empty()).then(|| {
            view! { <div><h3>{title}</h3><ul class="stack stack--sm">{texts.into_iter().map(|text| view! { <li>{text}</li> }).views()}</ul></div> }.into_any()
        })
    };
    let rows = report.nodes.iter().cloned().map(row).views();
    let counted = format!(
        "{}, {}",
        fmt::plural(report.node_count, "component", "components"),
        fmt::plural(report.edge_count, "connection", "connections")
    );
    view! {
        <div class="stack">
            {verdict}
            {elsewhere}
            <FlowPicture report=report.clone()/>
            <p class="muted small">{counted}</p>
            {texts("What is in the way", problems)}
            {texts("What it needs", needs)}
            {texts("Worth knowing", notes)}
            {texts("Secrets that we removed", secrets)}
            <Table label="Components" head=view! { <tr><th>"Component"</th><th>"Class"</th><th>"What to know"</th></tr> }.into_any()>{rows}</Table>
        </div>
    }
}

fn row(node: FlowNode) -> impl IntoView {
    let (text, tint) = word(node.class);
    let note = [node.reason, node.advice].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ");
    view! {
        <tr>
            <td><strong>{node.display_name}</strong><p class="muted tiny mono">{node.component}" · "{node.id}</p></td>
            <td><Badge text tint dot=true/></td>
            <td>{note}</td>
        </tr>
    }
}

fn word(class: FlowClass) -> (&'static str, Tint) {
    match class {
        FlowClass::Native => ("Runs here", Tint::Good),
        FlowClass::Review => ("Needs a look", Tint::Warn),
        FlowClass::Unsupported => ("Not run here", Tint::Bad),
        FlowClass::Never => ("Executes code", Tint::Bad),
        FlowClass::Invalid => ("Broken", Tint::Bad),
    }
}

/// How large a component is drawn, and how far from the edge.
const WIDTH: i64 = 220;
const HEIGHT: i64 = 64;
const MARGIN: i64 = 24;

/// A picture of a flow: its components where Studio has them, coloured by class.
#[component]
fn FlowPicture(report: FlowReport) -> impl IntoView {
    let places = places(&report.nodes);
    let width = places.iter().map(|(x, _)| x + WIDTH).max().unwrap_or(WIDTH) + MARGIN;
    let height = places.iter().map(|(_, y)| y + HEIGHT).max().unwrap_or(HEIGHT) + MARGIN;
    let at = |id: &str| report.nodes.iter().position(|node| node.id == id).and_then(|index| places.get(index).copied());
    let edges = report
        .edges
        .iter()
        .filter_map(|(from, to)| {
            let ((fx, fy), (tx, ty)) = (at(from)?, at(to)?);
            let (fx, fy, ty) = (fx + WIDTH, fy + HEIGHT / 2, ty + HEIGHT / 2);
            let bend = ((tx - fx).abs() / 2).clamp(24, 160);
            let path = format!("M{fx} {fy} C{} {fy} {} {ty} {tx} {ty}", fx + bend, tx - bend);
            Some(view! { <path class="flow__edge" d=path></path> })
        })
        .views();
    let nodes = report
        .nodes
        .iter()
        .zip(&places)
        .map(|(node, (x, y))| {
            let class = format!("flow__node flow__node--{}", node.class);
            let name: String = node.display_name.chars().take(26).collect();
            let (text, _) = word(node.class);
            view! {
                <g class=class>
                    <rect x=*x y=*y width=WIDTH height=HEIGHT rx="10"></rect>
                    <text class="flow__name" x=x + 14 y=y + 28>{name}</text>
                    <text class="flow__class" x=x + 14 y=y + 48>{text}</text>
                </g>
            }
        })
        .views();
    let title = format!("The flow {} with {} components", report.flow_name, report.node_count);
    view! {
        <div class="flow" tabindex="0" role="group" aria-label="A picture of the flow">
            <svg class="flow__picture" viewBox=format!("0 0 {width} {height}") width=width height=height role="img" aria-label=title>{edges}{nodes}</svg>
        </div>
    }
}

/// Places components as Studio does, drawn closer together because ours are smaller.
fn places(nodes: &[FlowNode]) -> Vec<(i64, i64)> {
    #[expect(clippy::cast_possible_truncation, reason = "clamped to what a picture can hold")]
    let whole = |number: f64| number.clamp(-1e6, 1e6).round() as i64;
    let left = nodes.iter().map(|node| whole(node.x)).min().unwrap_or(0);
    let top = nodes.iter().map(|node| whole(node.y)).min().unwrap_or(0);
    let mut taken: Vec<(i64, i64)> = Vec::new();
    for node in nodes {
        let x = (MARGIN + (whole(node.x) - left) * 3 / 5).min(20_000);
        let mut y = (MARGIN + (whole(node.y) - top) / 4).min(20_000);
        // Two that would lie on each other are drawn below each other: below the lowest that is in the way, so that
        // a flow whose two thousand components all lie on one spot takes no longer than another.
        let lies_there = |(tx, ty): &(i64, i64)| (tx - x).abs() < WIDTH + 12 && (ty - y).abs() < HEIGHT + 12;
        if taken.iter().any(lies_there) {
            let column = taken.iter().filter(|(tx, _)| (tx - x).abs() < WIDTH + 12);
            y = column.map(|(_, ty)| *ty).max().unwrap_or(y) + HEIGHT + 16;
        }
        taken.push((x, y));
    }
    taken
}
