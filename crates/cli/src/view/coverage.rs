//! What was watched, and when calls may have passed: for people, and for programs.

use chrono_tz::Tz;
use earwitness_model::{PacketTime, WallTime};
use earwitness_vault::{Coverage, CoverageCause, CoverageGap, Span};
use serde_json::{Value, json};

use super::{
    amount::counted,
    instant::{for_people, instant, length},
    printable,
    table::indented,
    wrap::fitted,
};
use crate::seat::Screen;

/// Changes when a name or a meaning does.
const SCHEMA: u8 = 1;
/// A table of gaps needs so many columns.
const TABLE_WIDTH: u16 = 110;

/// A table of the gaps and a line of how much was covered.
pub(crate) fn coverage_page(coverage: &Coverage, zone: Tz, screen: Screen) -> String {
    let shown = |at: WallTime| for_people(packet(at), zone);
    let mut page = String::new();
    if !coverage.gaps.is_empty() {
        let rows: Vec<Vec<String>> = coverage
            .gaps
            .iter()
            .map(|gap| {
                vec![
                    shown(gap.from),
                    shown(gap.to),
                    how_long(gap_nanos(gap)),
                    meaning(gap.cause).to_owned(),
                    gap.frames.map_or_else(|| "-".to_owned(), |frames| frames.to_string()),
                    gap.interface
                        .as_deref()
                        .map_or_else(|| "-".to_owned(), |name| printable(name).into_owned()),
                ]
            })
            .collect();
        if screen.width().is_some_and(|width| width < TABLE_WIDTH) {
            page.extend(rows.iter().map(|cells| lines(cells)));
        } else {
            page += &indented(&["from", "to", "long", "cause", "frames", "interface"], rows);
        }
    }
    let Span { from, to } = coverage.of;
    let gaps = match coverage.gaps.len() {
        0 => "no gap".to_owned(),
        gaps => counted(gaps as u64, "gap"),
    };
    page += &format!("{} % of {} to {} covered, {gaps}\n", percent(coverage), shown(from), shown(to));
    fitted(&page, screen)
}

/// A gap where there is no room for a table.
fn lines(cells: &[String]) -> String {
    let [from, to, long, rest @ ..] = cells else { return String::new() };
    let known: Vec<&str> = rest.iter().map(String::as_str).filter(|cell| *cell != "-").collect();
    format!("  {from} to {to}, {long}\n    {}\n", known.join(", "))
}

/// The object that `coverage --json` prints: its names are a contract with scripts.
pub(crate) fn coverage_object(coverage: &Coverage, zone: Tz) -> Value {
    let at = |time: WallTime| instant(packet(time), zone);
    let span = |span: &Span| json!({ "from": at(span.from), "to": at(span.to) });
    let gap = |gap: &CoverageGap| {
        json!({
            "from": at(gap.from),
            "to": at(gap.to),
            "seconds": seconds(gap_nanos(gap)),
            "cause": gap.cause.name(),
            "frames": gap.frames,
            "interface": gap.interface,
        })
    };
    json!({
        "schema": SCHEMA,
        "since": at(coverage.of.from),
        "until": at(coverage.of.to),
        "covered_percent": (coverage.share() * 1e5).floor() / 1e3,
        "covered_s": seconds(coverage.covered_nanos),
        "watched": coverage.watched.iter().map(span).collect::<Vec<_>>(),
        "gaps": coverage.gaps.iter().map(gap).collect::<Vec<_>>(),
    })
}

/// Rounded down: what has a gap is not shown as whole.
fn percent(coverage: &Coverage) -> String {
    format!("{:.3}", (coverage.share() * 1e5).floor() / 1e3)
}

fn gap_nanos(gap: &CoverageGap) -> i64 {
    Span { from: gap.from, to: gap.to }.nanos()
}

fn seconds(nanos: i64) -> f64 {
    (nanos / 1_000) as f64 / 1e6
}

fn how_long(nanos: i64) -> String {
    const TEN_SECONDS: i64 = 10_000_000_000;
    if nanos < TEN_SECONDS { format!("{:.1} s", seconds(nanos)) } else { length(seconds(nanos)) }
}

fn packet(at: WallTime) -> PacketTime {
    PacketTime::from_nanos(at.nanos())
}

const fn meaning(cause: CoverageCause) -> &'static str {
    match cause {
        CoverageCause::KernelDrops => "the kernel's ring was full",
        CoverageCause::InterfaceDrops => "the network card dropped frames",
        CoverageCause::OwnQueue => "the recorder's queue was full",
        CoverageCause::InterfaceDown => "interface down",
        CoverageCause::RecorderDown => "recorder down: killed or crashed",
        CoverageCause::RecorderStopped => "recorder not running",
        CoverageCause::NoSignOfLife => "no sign of life from the recorder",
        CoverageCause::DiskFull => "disk full",
        CoverageCause::CallTableFull => "more calls than the call table holds",
        CoverageCause::MemoryFull => "more audio than the memory for it holds",
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Asia::Seoul;

    use super::*;
    use crate::seat::Colour;

    const NINE: i64 = 1_795_219_200_000_000_000;

    fn sample(gaps: &[(i64, i64, CoverageCause)]) -> Coverage {
        let at = |seconds: i64| WallTime::from_nanos(NINE + seconds * 1_000_000_000);
        let gap = |&(from, to, cause): &(i64, i64, CoverageCause)| CoverageGap {
            from: at(from),
            to: at(to),
            cause,
            frames: (cause == CoverageCause::KernelDrops).then_some(17),
            interface: (cause == CoverageCause::KernelDrops).then(|| "eth1".to_owned()),
        };
        let lost: i64 = gaps.iter().map(|(from, to, _)| to - from).sum();
        let of = Span { from: at(0), to: at(100_000) };
        let covered_nanos = (100_000 - lost) * 1_000_000_000;
        Coverage { of, watched: vec![of], gaps: gaps.iter().map(gap).collect(), covered_nanos }
    }

    #[test]
    fn a_page_has_a_line_for_each_gap_and_one_for_all() {
        let page = coverage_page(
            &sample(&[(10, 11, CoverageCause::KernelDrops), (60, 3_660, CoverageCause::RecorderDown)]),
            Seoul,
            Screen::Pipe,
        );
        let lines: Vec<String> =
            page.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(
            lines,
            [
                "from to long cause frames interface",
                "2026-11-21 09:00:10 2026-11-21 09:00:11 1.0 s the kernel's ring was full 17 eth1",
                "2026-11-21 09:01:00 2026-11-21 10:01:00 1:00:00 recorder down: killed or crashed - -",
                "96.399 % of 2026-11-21 09:00:00 to 2026-11-22 12:46:40 covered, 2 gaps",
            ]
        );
    }

    #[test]
    fn a_narrow_page_breaks_no_word() {
        let screen = Screen::Terminal { width: Some(60), colour: Colour::Plain };
        let page = coverage_page(&sample(&[(60, 3_660, CoverageCause::RecorderDown)]), Seoul, screen);
        let expected = "  2026-11-21 09:01:00 to 2026-11-21 10:01:00, 1:00:00\n    recorder down: killed or crashed\n\
                        96.400 % of 2026-11-21 09:00:00 to 2026-11-22 12:46:40\n  covered, 1 gap\n";
        assert_eq!(page, expected);
    }

    #[test]
    fn a_gap_however_short_is_not_a_hundred_percent_and_none_is() {
        let whole = coverage_page(&sample(&[]), Seoul, Screen::Pipe);
        assert_eq!(whole, "100.000 % of 2026-11-21 09:00:00 to 2026-11-22 12:46:40 covered, no gap\n");
        let mut short = sample(&[]);
        short.covered_nanos -= 1;
        assert!(coverage_page(&short, Seoul, Screen::Pipe).starts_with("99.999 %"));
        assert_eq!(coverage_object(&short, Seoul)["covered_percent"], json!(99.999));
    }

    #[test]
    fn the_object_is_the_contracts_to_the_letter() {
        let object = coverage_object(&sample(&[(10, 12, CoverageCause::KernelDrops)]), Seoul);
        let of = r#""2026-11-21T09:00:00.000000+09:00","until":"2026-11-22T12:46:40.000000+09:00""#;
        let expected = format!(
            r#"{{"schema":1,"since":{of},"covered_percent":99.998,"covered_s":99998.0,"watched":[{{"from":"2026-11-21T09:00:00.000000+09:00","to":"2026-11-22T12:46:40.000000+09:00"}}],"gaps":[{{"from":"2026-11-21T09:00:10.000000+09:00","to":"2026-11-21T09:00:12.000000+09:00","seconds":2.0,"cause":"kernel_drops","frames":17,"interface":"eth1"}}]}}"#
        );
        assert_eq!(object.to_string(), expected);
    }
}
