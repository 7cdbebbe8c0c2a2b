//! What happened, drawn: a numbered line for each mark, stripes while the call was on hold, a sign for each key.

use earwitness_model::{CallSummary, PacketTime};

use super::{BOTTOM, LANE, LANES_TOP, MARKS_TOP, Mark, MarkKind, axis::Axis, top_of};
use crate::{html::escaped, list::put};

/// Marks that are drawn; what is more is counted.
pub(super) const MOST: usize = 40;
/// Keys that are drawn.
const MOST_KEYS: usize = 100;
/// Numbers that would touch stand one above the other, in so many rows.
const ROWS: usize = 4;
/// So far apart they do not touch.
const APART: f64 = 20.0;

/// Colour and dashes of a mark: told apart on paper, too.
const fn look(kind: MarkKind) -> (&'static str, &'static str) {
    match kind {
        MarkKind::Began | MarkKind::Called | MarkKind::Rang => ("#1558b0", "2 3"),
        MarkKind::Answered => ("#0a7a2f", ""),
        MarkKind::Held | MarkKind::Resumed => ("#555", "7 4"),
        MarkKind::Changed | MarkKind::Transferred => ("#6a1b9a", "1 4"),
        MarkKind::Refused(_) | MarkKind::Cancelled | MarkKind::Ended(_) => ("#b00020", ""),
    }
}

pub(super) fn draw(svg: &mut String, marks: &[Mark], axis: &Axis) {
    for (from, to) in holds(marks) {
        let (from, to) =
            (axis.x(from), to.map_or_else(|| axis.x(PacketTime::from_nanos(i64::MAX)), |to| axis.x(to)));
        put(
            svg,
            format_args!(
                "<rect class=\"hold\" x=\"{from:.1}\" y=\"{LANES_TOP}\" width=\"{:.1}\" height=\"{}\" fill=\"url(#held)\" \
                 fill-opacity=\"0.35\"/>\n",
                (to - from).max(1.0),
                BOTTOM - LANES_TOP
            ),
        );
    }
    let mut ends = [f64::MIN; ROWS];
    for (number, mark) in (1..).zip(marks.iter().take(MOST)) {
        let x = axis.x(mark.at);
        let row = ends.iter().position(|end| *end + APART <= x).unwrap_or(ROWS - 1);
        ends[row] = x;
        let y = MARKS_TOP + row as u32 * 19;
        let (colour, dashes) = look(mark.kind);
        put(
            svg,
            format_args!(
                "<path class=\"mark\" stroke=\"{colour}\" stroke-width=\"1.5\" stroke-dasharray=\"{dashes}\" \
                 d=\"M{x:.1} {y}V{BOTTOM}\"/><circle cx=\"{x:.1}\" cy=\"{y}\" r=\"9\" fill=\"#fff\" stroke=\"{colour}\" \
                 stroke-width=\"1.5\"/><text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\" font-size=\"11\" \
                 fill=\"{colour}\">{number}</text>\n",
                y + 4
            ),
        );
    }
}

/// From hold to what ended it; the last may last to the end.
fn holds(marks: &[Mark]) -> Vec<(PacketTime, Option<PacketTime>)> {
    let mut holds: Vec<(PacketTime, Option<PacketTime>)> = Vec::new();
    let mut is_open = false;
    for mark in marks {
        match mark.kind {
            MarkKind::Held if !is_open => {
                holds.push((mark.at, None));
                is_open = true;
            }
            MarkKind::Resumed | MarkKind::Ended(_) if is_open => {
                if let Some((_, end)) = holds.last_mut() {
                    *end = Some(mark.at);
                }
                is_open = false;
            }
            MarkKind::Held
            | MarkKind::Resumed
            | MarkKind::Ended(_)
            | MarkKind::Began
            | MarkKind::Called
            | MarkKind::Rang
            | MarkKind::Answered
            | MarkKind::Refused(_)
            | MarkKind::Changed
            | MarkKind::Transferred
            | MarkKind::Cancelled => {}
        }
    }
    holds
}

/// The keys that were pressed, in the lane of whoever pressed them.
pub(super) fn digits(svg: &mut String, summary: &CallSummary, axis: &Axis) {
    for press in summary.dtmf.iter().take(MOST_KEYS) {
        let (x, y) = (axis.x(press.at), top_of(press.leg) + LANE - 4);
        put(
            svg,
            format_args!(
                "<g class=\"key\"><path d=\"M{x:.1} {}l-5 8h10z\" fill=\"#111\"/><text x=\"{x:.1}\" y=\"{}\" \
                 text-anchor=\"middle\" font-size=\"12\" font-weight=\"bold\" stroke=\"#fff\" stroke-width=\"3\" \
                 paint-order=\"stroke\">{}</text></g>\n",
                y - 8,
                y - 12,
                escaped(&press.digit.expose().to_string())
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_lasts_until_it_is_taken_back_or_the_call_is_over() {
        let mark = |ms: i64, kind| Mark { at: PacketTime::from_nanos(ms), kind };
        use MarkKind::{Answered, Ended, Held, Resumed};
        let marks = [
            mark(1, Answered),
            mark(2, Held),
            mark(3, Held),
            mark(4, Resumed),
            mark(5, Held),
            mark(9, Ended(None)),
        ];
        let at = PacketTime::from_nanos;
        assert_eq!(holds(&marks), [(at(2), Some(at(4))), (at(5), Some(at(9)))]);
        assert_eq!(holds(&marks[..2]), [(at(2), None)]);
    }
}
