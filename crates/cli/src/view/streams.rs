//! The streams of a call: a table where there is room for its columns, a few lines each where there is not.

use earwitness_model::StreamSummary;
use earwitness_vault::Entry;

use super::{
    json::{blake3_of, is_counted},
    mos::mos_of,
    party::ABSENT,
    printable,
    table::indented,
    words::leg_word,
};
use crate::seat::Screen;

/// What stands over the columns.
const HEADINGS: [&str; 13] = [
    "leg",
    "from → to",
    "ssrc",
    "codec",
    "packets",
    "lost",
    "dup",
    "late",
    "jitter ms",
    "mos",
    "ptime",
    "bytes",
    "blake3",
];
/// A table of IPv4 addresses needs so many columns.
const TABLE_WIDTH: u16 = 156;
/// Hexadecimal digits of a payload hash that a line has room for.
const HASH_DIGITS: usize = 12;

/// How much room there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// A pipe, or a terminal with room for the table.
    Wide,
    Narrow,
}

impl Room {
    pub(super) fn of(screen: Screen) -> Self {
        match screen.width() {
            Some(width) if width < TABLE_WIDTH => Self::Narrow,
            Some(_) | None => Self::Wide,
        }
    }
}

pub(super) fn streams(entry: &Entry, room: Room) -> String {
    let rows: Vec<_> = entry.summary.streams.iter().map(|stream| cells(entry, stream)).collect();
    if rows.is_empty() {
        return "  none\n".to_owned();
    }
    match room {
        Room::Wide => indented(&HEADINGS, rows.into_iter().map(Vec::from).collect()),
        Room::Narrow => rows.iter().map(lines).collect(),
    }
}

fn cells(entry: &Entry, stream: &StreamSummary) -> [String; 13] {
    let hash = entry.recording.as_ref().and_then(|recording| blake3_of(stream, recording));
    let codec = stream.codec.as_ref().map_or_else(|| "?".to_owned(), ToString::to_string);
    let counted = is_counted(stream, entry.recording.as_ref());
    let known = |count: u64| if counted { count.to_string() } else { ABSENT.to_owned() };
    [
        leg_word(stream.of.leg).to_owned(),
        format!("{} → {}", stream.of.flow.src, stream.of.flow.dst),
        format!("{:#010x}", stream.of.ssrc),
        format!("{} ({})", printable(&codec), stream.payload_type),
        known(stream.packets),
        known(stream.lost),
        known(stream.duplicates),
        known(stream.reordered),
        stream.jitter_ms.map(|ms| format!("{ms:.2}")).unwrap_or_default(),
        mos_of(stream).map(|score| format!("{score:.2}")).unwrap_or_default(),
        stream.ptime_ms.map(|ms| ms.to_string()).unwrap_or_default(),
        known(stream.payload_bytes),
        hash.map(|hash| hex::encode(hash).chars().take(HASH_DIGITS).collect()).unwrap_or_default(),
    ]
}

fn lines(cells: &[String; 13]) -> String {
    let [leg, flow, ssrc, codec, packets, lost, duplicates, late, jitter, mos, ptime, bytes, hash] = cells;
    let known =
        |name: &str, value: &str| if value.is_empty() { String::new() } else { format!("  {name} {value}") };
    format!(
        "  {leg}  {flow}{}\n          {codec}  ssrc {ssrc}  bytes {bytes}{}\n          packets {packets}  lost {lost}  \
         dup {duplicates}  late {late}{}{}\n",
        known("ptime", ptime),
        known("blake3", hash),
        known("jitter ms", jitter),
        known("mos", mos),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::sample;

    #[test]
    fn a_wide_terminal_gets_a_table_and_a_narrow_one_lines_that_fit() {
        let entry = sample::answered();
        let wide = streams(&entry, Room::Wide);
        assert_eq!(wide.lines().count(), 4, "{wide}");
        assert!(wide.lines().all(|line| line.chars().count() <= usize::from(TABLE_WIDTH)), "{wide}");
        let narrow = streams(&entry, Room::Narrow);
        let first = "  caller  10.1.0.5:4000 → 10.1.0.9:4002  ptime 20\n          PCMA (8)  ssrc 0x0000abcd  bytes 488160  blake3 abababababab\n          packets 3051  lost 0  dup 0  late 0  jitter ms 0.41  mos 4.41\n";
        assert!(narrow.starts_with(first), "{narrow}");
        assert!(
            narrow.lines().count() == 9 && narrow.lines().all(|line| line.chars().count() < 80),
            "{narrow}"
        );
        assert_eq!(streams(&sample::refused(), Room::Narrow), "  none\n");
    }
}
