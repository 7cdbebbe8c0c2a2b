//! A page of calls for people.

use chrono_tz::Tz;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};
use earwitness_vault::Entry;

use super::Row;

/// What stands over the columns.
const HEADINGS: [&str; 9] = ["began", "", "from → to", "desk", "outcome", "talk", "loss", "kept", "id"];
/// What the columns are called where one has to speak of them.
const NAMES: [&str; 9] = ["began", "direction", "from → to", "desk", "outcome", "talk", "loss", "kept", "id"];
/// The places of some of them.
const TALK: usize = 5;
const LOSS: usize = 6;
const KEPT: usize = 7;
/// What goes first where there is no room: the desk's extension is one of the parties, and loss is the exception. The
/// parties and the id always stay.
const FIRST_TO_GO: [usize; 7] = [3, LOSS, KEPT, 1, TALK, 4, 0];
/// Spaces around what stands in a column.
const PADDING: u16 = 2;
/// An id that was shortened has so many characters at least: they tell seconds apart.
const SHORTEST_ID: usize = 8;

/// What the signs of parts mean.
const PARTS: &str = "outcome…: cut off by a restart; …outcome: goes on from such a part (`show`)";
/// What the sign of calls that belong together means.
const RELATED: &str = "outcome+: one conversation with another call, which `show` names";

/// A page of calls, and what there was no room for.
pub(crate) struct Sheet {
    /// One line for each call.
    pub(crate) text: String,
    /// The names of the columns that were left out.
    pub(crate) left_out: Vec<&'static str>,
}

/// The table of these calls, for a terminal so wide. Ids are as short as they can be to be told apart in it. Nothing is
/// broken into several lines: columns are left out, and where not even parties and id fit, they are cut, with `…`.
pub(crate) fn table(entries: &[Entry], zone: Tz, width: Option<u16>) -> Sheet {
    let mut rows: Vec<[String; 9]> = entries.iter().map(|entry| Row::new(entry, zone).cells()).collect();
    shorten_ids(&mut rows);
    let mut columns: Vec<usize> = (0..HEADINGS.len()).collect();
    let mut left_out = Vec::new();
    if !fits(&rows, &columns, width) {
        rows.iter_mut().for_each(shorten_reason);
    }
    for place in FIRST_TO_GO {
        if fits(&rows, &columns, width) {
            break;
        }
        columns.retain(|&kept| kept != place);
        left_out.push(NAMES[place]);
    }
    let mut table = empty(if fits(&rows, &columns, width) { None } else { width });
    let mut headings = comfy_table::Row::from(columns.iter().map(|&place| HEADINGS[place]));
    headings.max_height(1);
    table.set_truncation_indicator("…").set_header(headings);
    for cells in &rows {
        let mut row = comfy_table::Row::from(columns.iter().map(|&place| &cells[place]));
        row.max_height(1);
        table.add_row(row);
    }
    for (column, &place) in table.column_iter_mut().zip(&columns) {
        if [TALK, LOSS].contains(&place) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    if entries.iter().any(|entry| Row::new(entry, zone).is_part()) {
        lines.push(PARTS.to_owned());
    }
    if entries.iter().any(|entry| Row::new(entry, zone).is_related()) {
        lines.push(RELATED.to_owned());
    }
    Sheet { text: lines.join("\n"), left_out }
}

fn shorten_ids(rows: &mut [[String; 9]]) {
    let ids: Vec<String> = rows.iter().filter_map(|cells| cells.last().cloned()).collect();
    let length = telling_length(&ids);
    for id in rows.iter_mut().filter_map(|cells| cells.last_mut()) {
        id.truncate(length);
    }
}

/// `no: no rule` becomes `no`.
fn shorten_reason(cells: &mut [String; 9]) {
    if let Some((short, _reason)) = cells[KEPT].split_once(':') {
        cells[KEPT] = short.to_owned();
    }
}

/// Whether these columns fit without breaking anything; the last one needs no space behind it.
fn fits(rows: &[[String; 9]], columns: &[usize], width: Option<u16>) -> bool {
    let Some(width) = width else { return true };
    let mut table = empty(None);
    table.set_header(columns.iter().map(|&place| HEADINGS[place]));
    table.add_rows(rows.iter().map(|cells| columns.iter().map(|&place| &cells[place])));
    let needed: u16 =
        table.column_max_content_widths().iter().fold(0, |sum, column| sum.saturating_add(column + PADDING));
    needed.saturating_sub(1) <= width
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
    use earwitness_model::{Evidence, Related};

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
        let Sheet { text, left_out } = table(&[sample::answered(), sample::refused()], Seoul, None);
        assert!(left_out.is_empty(), "{left_out:?}");
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
        let Sheet { text, .. } = table(&[first, second], Seoul, Some(80));
        assert!(text.contains(" answered… ") && text.contains(" …answered "), "{text}");
        assert!(text.ends_with(PARTS) && PARTS.chars().count() <= 80, "{text}");
    }

    #[test]
    fn calls_of_one_conversation_have_a_sign_that_is_explained() {
        let (mut first, other) = (sample::answered(), sample::refused());
        first.summary.related = vec![Related { call: other.summary.id, by: Evidence::Refer }];
        let Sheet { text, .. } = table(&[first, other], Seoul, Some(80));
        assert!(text.contains(" answered+ ") && text.contains(" busy  "), "{text}");
        assert!(text.ends_with(RELATED) && RELATED.chars().count() <= 80, "{text}");
    }

    #[test]
    fn a_narrow_table_leaves_out_columns_in_their_order_and_breaks_nothing() {
        let left_out = |width: u16| {
            let Sheet { text, left_out } =
                table(&[sample::answered(), sample::refused()], Seoul, Some(width));
            assert_eq!(text.lines().count(), 3, "{text}");
            assert!(text.lines().all(|line| line.chars().count() <= width.into()), "{text}");
            if width >= 40 {
                assert!(text.contains("0312221111 → 4001"), "{text}");
            } else {
                assert!(text.contains('…'), "{text}");
            }
            left_out
        };
        let all = NAMES.to_vec();
        let order: Vec<&str> = FIRST_TO_GO.iter().map(|&place| all[place]).collect();
        for width in [100, 90, 80, 60, 50, 40, 20] {
            let left_out = left_out(width);
            assert_eq!(left_out, order[..left_out.len()], "at {width}");
        }
        assert!(left_out(80).starts_with(&["desk"]) && !left_out(60).contains(&"began"));
        assert_eq!(left_out(20).len(), order.len());
    }
}
