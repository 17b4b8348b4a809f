//! Spreadsheets: one page a sheet, each a table.

use std::io::Cursor;

use calamine::{DataType, ExcelDateTime, Reader as _, Xlsx};

use super::flow::Flow;
use super::package::Package;
use super::{ExtractError, Limits};
use crate::document::Document;

pub(super) fn read(bytes: &[u8], limits: &Limits) -> Result<Document, ExtractError> {
    if bytes.starts_with(b"PK") {
        let mut package = Package::open(bytes, limits)?;
        if package.has("xl/workbook.xml") {
            // The reader below unpacks what it likes, so the sizes are counted before.
            package.measure()?;
            return xlsx(bytes, limits);
        }
        package.measure()?;
    }
    any(bytes, limits)
}

/// New Excel files, cell by cell: a sheet may claim to be as large as it likes.
fn xlsx(bytes: &[u8], limits: &Limits) -> Result<Document, ExtractError> {
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(|error| match error {
        calamine::XlsxError::Password => ExtractError::Protected,
        _ => ExtractError::Damaged,
    })?;
    let mut flow = Flow::new(limits);
    for (name, number) in book.sheet_names().into_iter().zip(1..=limits.pages) {
        let Ok(mut cells) = book.worksheet_cells_reader(&name) else {
            flow.warn(format!("The sheet {name} could not be read."));
            continue;
        };
        flow.page = Some(number);
        flow.heading(1);
        flow.push(&name);
        flow.begin_table();
        let (mut place, mut skipped) = ((0, 0), 0);
        loop {
            let cell = match cells.next_cell() {
                Ok(Some(cell)) => cell,
                Ok(None) => break,
                Err(calamine::XlsxError::Xml(_) | calamine::XlsxError::XmlEof(_)) => {
                    flow.warn(format!("Only the beginning of the sheet {name} could be read."));
                    break;
                }
                // A number that is none, or a place that is none: the cells after it can be read.
                Err(_) => {
                    skipped += 1;
                    continue;
                }
            };
            let (row, column) = cell.get_position();
            if row != place.0 {
                flow.end_row();
                place = (row, 0);
            }
            let text = shown(cell.get_value());
            if text.is_empty() {
                continue;
            }
            // Empty cells keep the others below their heads, up to a point.
            for _ in place.1..column.min(place.1 + 200) {
                flow.end_cell();
            }
            flow.push(&text);
            flow.end_cell();
            place.1 = column + 1;
            if flow.is_full() {
                break;
            }
        }
        flow.end_table();
        if skipped > 0 {
            flow.warn(format!("Cells of the sheet {name} that could not be read: {skipped}."));
        }
    }
    Ok(flow.finish())
}

/// Old Excel files and OpenDocument sheets.
fn any(bytes: &[u8], limits: &Limits) -> Result<Document, ExtractError> {
    let Ok(mut book) = calamine::open_workbook_auto_from_rs(Cursor::new(bytes)) else {
        // Its tables can be read all the same, without what other programs add to a sheet.
        return if bytes.starts_with(b"PK") { super::odf::read(bytes, limits) } else { Err(ExtractError::Damaged) };
    };
    let mut flow = Flow::new(limits);
    for (name, number) in book.sheet_names().into_iter().zip(1..=limits.pages) {
        let Ok(range) = book.worksheet_range(&name) else {
            flow.warn(format!("The sheet {name} could not be read."));
            continue;
        };
        flow.page = Some(number);
        flow.heading(1);
        flow.push(&name);
        flow.begin_table();
        for row in range.rows() {
            for cell in row {
                flow.push(&shown(cell));
                flow.end_cell();
            }
            flow.end_row();
            if flow.is_full() {
                break;
            }
        }
        flow.end_table();
    }
    Ok(flow.finish())
}

/// A cell as a person sees it, more or less: numbers without their formats, dates as dates.
fn shown(cell: &impl DataType) -> String {
    if let Some(time) = cell.get_datetime() {
        return date(time);
    }
    let iso = cell.get_datetime_iso().or_else(|| cell.get_duration_iso()).map(str::to_owned);
    iso.or_else(|| cell.get_bool().map(|yes| yes.to_string())).or_else(|| cell.as_string()).unwrap_or_default()
}

fn date(time: ExcelDateTime) -> String {
    if time.is_duration() {
        let minutes = (time.as_f64() * 24.0 * 60.0).round();
        return format!("{:.0}:{:02.0}", (minutes / 60.0).floor(), minutes % 60.0);
    }
    let (year, month, day, hour, minute, _, _) = time.to_ymd_hms_milli();
    if (hour, minute) == (0, 0) {
        format!("{year:04}-{month:02}-{day:02}")
    } else {
        format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}")
    }
}
