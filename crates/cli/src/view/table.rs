//! A page of calls for people.

use chrono_tz::Tz;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};
use earwitness_vault::Entry;

use super::Row;

/// What stands over the columns.
const HEADINGS: [&str; 9] = ["began", "", "from → to", "desk", "outcome", "talk", "lost %", "mode", "id"];
/// An id that was shortened has so many characters at least: they tell seconds apart.
const SHORTEST_ID: usize = 8;

/// The table of these calls. Ids are as short as they can be to be told apart in it.
pub(crate) fn table(entries: &[Entry], zone: Tz) -> String {
    let mut table = empty();
    table.set_header(HEADINGS);
    let ids: Vec<String> = entries.iter().map(|entry| entry.summary.id.to_string()).collect();
    let length = telling_length(&ids);
    for entry in entries {
        let mut cells = Row::new(entry, zone).cells();
        if let Some(id) = cells.last_mut() {
            id.truncate(length);
        }
        table.add_row(cells);
    }
    for right in [5, 6] {
        if let Some(column) = table.column_mut(right) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.to_string()
}

/// A table that fits the terminal, without lines that would not survive copying.
pub(super) fn empty() -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table
}

/// A table of `headings` and `rows`, indented.
pub(super) fn indented(headings: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = empty();
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
        let text = table(&[sample::answered(), sample::refused()], Seoul);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        for part in
            ["2026-11-21 09:00:00", "0312221111 → 4001", "4001 welfare", "answered", "1:01", "1.0", "blanket"]
        {
            assert!(lines[1].contains(part), "{part} in {text}");
        }
        assert!(lines[2].contains("not recorded") && lines[2].contains("busy"), "{text}");
    }
}
