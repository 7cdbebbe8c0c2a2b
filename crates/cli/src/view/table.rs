//! A page of calls for people.

use chrono_tz::Tz;
use comfy_table::{Cell, CellAlignment, ColumnConstraint, ContentArrangement, Table, presets};
use earwitness_vault::Entry;

use super::Row;

/// What stands over the columns.
const HEADINGS: [&str; 9] = ["began", "", "from → to", "desk", "outcome", "talk", "loss", "kept", "id"];
/// The places of some of them.
const PARTIES: usize = 2;
const DESK: usize = 3;
const TALK: usize = 5;
const LOSS: usize = 6;
const KEPT: usize = 7;
/// Where there is room, and where there is not: the extension is one of the parties, and loss is the exception.
const WIDE: [usize; 9] = [0, 1, PARTIES, DESK, 4, TALK, LOSS, KEPT, 8];
const NARROW: [usize; 7] = [0, 1, PARTIES, 4, TALK, KEPT, 8];
/// What all columns need with ordinary numbers in them.
const ALL_COLUMNS_WIDTH: u16 = 102;
/// An id that was shortened has so many characters at least: they tell seconds apart.
const SHORTEST_ID: usize = 8;

/// What the signs of parts mean.
const PARTS: &str = "outcome…: cut off by a restart; …outcome: goes on from such a part (`show`)";

/// The table of these calls, for a terminal so wide. Ids are as short as they can be to be told apart in it.
pub(crate) fn table(entries: &[Entry], zone: Tz, width: Option<u16>) -> String {
    let is_narrow = width.is_some_and(|width| width < ALL_COLUMNS_WIDTH);
    let columns: &[usize] = if is_narrow { &NARROW } else { &WIDE };
    let mut table = empty(width);
    table.set_header(columns.iter().filter_map(|&place| HEADINGS.get(place)));
    let ids: Vec<String> = entries.iter().map(|entry| entry.summary.id.to_string()).collect();
    let length = telling_length(&ids);
    for entry in entries {
        let mut cells = Row::new(entry, zone).cells();
        if let Some(id) = cells.last_mut() {
            id.truncate(length);
        }
        if is_narrow && let Some((short, _reason)) = cells[KEPT].split_once(':') {
            cells[KEPT] = short.to_owned();
        }
        table.add_row(columns.iter().filter_map(|&place| cells.get(place)));
    }
    for (column, &place) in table.column_iter_mut().zip(columns) {
        // Names may be long; half a time, outcome or id is none.
        if ![PARTIES, DESK].contains(&place) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
        if [TALK, LOSS].contains(&place) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    if entries.iter().any(|entry| Row::new(entry, zone).is_part()) {
        lines.push(PARTS.to_owned());
    }
    lines.join("\n")
}

/// A table that fits `width`, without lines that would not survive copying.
fn empty(width: Option<u16>) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).force_no_tty();
    if let Some(width) = width {
        table.set_width(width);
    }
    table
}

/// A table of `headings` and `rows`, indented, as wide as it needs to be.
pub(super) fn indented(headings: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = empty(None);
    table.set_header(headings.iter().map(Cell::new));
    table.add_rows(rows);
    table.lines().map(|line| format!("  {}\n", line.trim_end())).collect()
}

/// The shortest prefix by which sorted or unsorted `ids` can be told apart.
fn telling_length(ids: &[String]) -> usize {
    let mut sorted: Vec<&str> = ids.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    sorted.dedup();
    let shared = |pair: &[&str]| pair[0].bytes().zip(pair[1].bytes()).take_while(|(a, b)| a == b).count();
    let most = sorted.windows(2).map(|pair| shared(pair) + 1).max().unwrap_or(0);
    most.max(SHORTEST_ID)
}

#[cfg(test)]
mod tests {
    use chrono_tz::Asia::Seoul;

    use super::*;
    use crate::view::sample;

    #[test]
    fn ids_are_as_long_as_they_must_be_to_be_told_apart() {
        let check = |ids: &[&str], length| {
            let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
            assert_eq!(telling_length(&ids), length, "{ids:?}");
        };
        check(&[], 8);
        check(&["01KAJ0000000AAAA"], 8);
        check(&["01KAJ0000000AAAA", "01KAJ1000000AAAA"], 8);
        check(&["01KAJ0000000AABA", "01KAJ1000000AAAA", "01KAJ0000000AAAA"], 15);
        check(&["01KAJ0000000AAAA", "01KAJ0000000AAAA"], 8);
    }

    #[test]
    fn a_table_names_parties_talk_and_loss() {
        let text = table(&[sample::answered(), sample::refused()], Seoul, None);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        for part in
            ["2026-11-21 09:00 ", "0312221111 → 4001", "4001 welfare", "answered", "1:01", "1.0%", "blanket"]
        {
            assert!(lines[1].contains(part), "{part} in {text}");
        }
        assert!(lines[2].contains("  no: no rule  ") && lines[2].contains("busy"), "{text}");
    }

    #[test]
    fn parts_of_a_call_have_a_sign_that_is_explained() {
        let mut first = sample::answered();
        let mut second = sample::answered();
        if let (Some(first), Some(second)) = (&mut first.recording, &mut second.recording) {
            first.interrupted = true;
            second.continues = Some(first.id);
        }
        let text = table(&[first, second], Seoul, Some(80));
        assert!(text.contains(" answered… ") && text.contains(" …answered "), "{text}");
        assert!(text.ends_with(PARTS) && PARTS.chars().count() <= 80, "{text}");
    }

    #[test]
    fn a_narrow_table_leaves_out_columns_and_not_calls() {
        let text = table(&[sample::answered(), sample::refused()], Seoul, Some(80));
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(
            text.contains("0312221111 → 4001") && !text.contains("welfare") && !text.contains("1.0%"),
            "{text}"
        );
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }
}
