//! Comma-separated values, or separated by semicolons or tabs.

use super::Limits;
use super::flow::Flow;
use crate::document::Document;

pub(super) fn read(text: &str, limits: &Limits) -> Document {
    let mut flow = Flow::new(limits);
    let first = text.lines().next().unwrap_or_default();
    let count = |sign: char| first.matches(sign).count();
    let delimiter = [',', ';', '\t'].into_iter().max_by_key(|sign| (count(*sign), *sign == ',')).unwrap_or(',');
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(u8::try_from(delimiter).unwrap_or(b','))
        .from_reader(text.as_bytes());
    flow.begin_table();
    for record in reader.records().map_while(Result::ok) {
        for cell in &record {
            flow.push(cell);
            flow.end_cell();
        }
        flow.end_row();
        if flow.is_full() {
            break;
        }
    }
    flow.end_table();
    flow.finish()
}
