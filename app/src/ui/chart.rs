//! Charts as SVG, drawn on the server, each with its numbers as a table for those who cannot see it.
//!
//! The drawing stretches to its box, so that its strokes do not scale; labels are HTML around it.

use leptos::prelude::*;

use crate::ui::Views as _;

use crate::fmt;

const WIDTH: i64 = 1000;
const HEIGHT: i64 = 200;

/// Bars, one a point: calls by day.
#[component]
pub fn BarChart(
    /// What is shown: `Calls by day`.
    #[prop(into)]
    title: String,
    /// Label and value of each point, oldest first.
    points: Vec<(String, i64)>,
) -> impl IntoView {
    let top = nice_top(&points);
    let count = i64::try_from(points.len()).unwrap_or(1).max(1);
    let slot = WIDTH / count;
    let bars = points
        .iter()
        .zip(0_i64..)
        .map(|((label, value), index)| {
            let height = scaled(*value, top);
            // A day with calls is never invisible.
            let height = if *value > 0 { height.max(3) } else { 0 };
            let hint = format!("{label}: {}", fmt::count(*value));
            view! {
                <g>
                    <rect class="bar" x=index * slot + slot / 6 y=HEIGHT - height width=(slot * 2 / 3).max(1) height=height rx="3"></rect>
                    <rect class="slot" x=index * slot y="0" width=slot height=HEIGHT><title>{hint}</title></rect>
                </g>
            }
        })
        .views();
    frame(title, points, top, bars.into_any())
}

/// A line over an area: how something goes.
#[component]
pub fn LineChart(
    /// What is shown.
    #[prop(into)]
    title: String,
    /// Label and value of each point, oldest first.
    points: Vec<(String, i64)>,
) -> impl IntoView {
    let top = nice_top(&points);
    let values: Vec<i64> = points.iter().map(|(_, value)| *value).collect();
    let (line, area) = paths(&values, top);
    let drawing = view! {
        <path class="area" d=area></path>
        <path class="line" d=line></path>
    };
    frame(title, points, top, drawing.into_any())
}

/// A line without anything around it, for a figure's tile. The figure beside it says what matters.
#[component]
pub fn Sparkline(
    /// The values, oldest first.
    values: Vec<i64>,
) -> impl IntoView {
    let top = values.iter().copied().max().unwrap_or(0).max(1);
    let (line, area) = paths(&values, top);
    view! {
        <svg class="spark" viewBox=format!("0 0 {WIDTH} {HEIGHT}") preserveAspectRatio="none" aria-hidden="true" focusable="false">
            <path class="area" d=area></path>
            <path class="line" d=line></path>
        </svg>
    }
}

fn frame(title: String, points: Vec<(String, i64)>, top: i64, drawing: AnyView) -> AnyView {
    let total: i64 = points.iter().map(|(_, value)| value).sum();
    let summary = format!(
        "{title}. {} in all; the most in one step is {}.",
        fmt::count(total),
        fmt::count(points.iter().map(|(_, value)| *value).max().unwrap_or(0))
    );
    let first = points.first().map(|(label, _)| label.clone()).unwrap_or_default();
    let last = points.last().map(|(label, _)| label.clone()).unwrap_or_default();
    let rows = points
        .into_iter()
        .map(|(label, value)| view! { <tr><td>{label}</td><td class="num">{fmt::count(value)}</td></tr> })
        .views();
    view! {
        <figure class="chart">
            <div class="chart__plot">
                <span class="chart__top" aria-hidden="true">{fmt::count(top)}</span>
                <svg viewBox=format!("0 0 {WIDTH} {HEIGHT}") preserveAspectRatio="none" role="img" aria-label=summary>
                    <path class="rule" d=format!("M0 0.5H{WIDTH}M0 {}H{WIDTH}M0 {}H{WIDTH}", HEIGHT / 2, HEIGHT)></path>
                    {drawing}
                </svg>
            </div>
            <div class="chart__axis" aria-hidden="true"><span>{first}</span><span>{last}</span></div>
            <details>
                <summary>"Show the numbers"</summary>
                <div class="table-wrap">
                    <table class="table">
                        <caption class="sr">{title}</caption>
                        <thead><tr><th scope="col">"When"</th><th scope="col" class="num">"How many"</th></tr></thead>
                        <tbody>{rows}</tbody>
                    </table>
                </div>
            </details>
        </figure>
    }
    .into_any()
}

fn scaled(value: i64, top: i64) -> i64 {
    value.clamp(0, top).saturating_mul(HEIGHT) / top.max(1)
}

/// Returns the line through the values, and the same closed to an area.
fn paths(values: &[i64], top: i64) -> (String, String) {
    use std::fmt::Write as _;

    let steps = i64::try_from(values.len().saturating_sub(1)).unwrap_or(1).max(1);
    let mut line = String::new();
    for (value, index) in values.iter().zip(0_i64..) {
        let pen = if index == 0 { 'M' } else { 'L' };
        // Writing into a String cannot fail.
        let _ = write!(line, "{pen}{} {}", index * WIDTH / steps, HEIGHT - scaled(*value, top));
    }
    if values.len() == 1 {
        let _ = write!(line, "H{WIDTH}");
    }
    let area = if line.is_empty() { String::new() } else { format!("{line}L{WIDTH} {HEIGHT}L0 {HEIGHT}Z") };
    (line, area)
}

/// Returns a round number that nothing exceeds: 1, 2 or 5 times a power of ten, and at least 4.
fn nice_top(points: &[(String, i64)]) -> i64 {
    let most = points.iter().map(|(_, value)| *value).max().unwrap_or(0).max(4);
    let mut power = 1_i64;
    loop {
        for step in [1, 2, 4, 5] {
            let top = power.saturating_mul(step);
            if top >= most {
                return top;
            }
        }
        power = power.saturating_mul(10);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_of_a_chart_is_round_and_never_too_low() {
        let top = |value| nice_top(&[(String::new(), value)]);
        assert_eq!([top(0), top(4), top(7), top(41), top(99), top(100), top(101)], [4, 4, 10, 50, 100, 100, 200]);
        assert!(top(i64::MAX) > 0);
    }

    #[test]
    fn a_line_runs_from_edge_to_edge() {
        assert_eq!(paths(&[0, 5, 10], 10).0, "M0 200L500 100L1000 0");
        assert_eq!(paths(&[], 10), (String::new(), String::new()));
    }
}
