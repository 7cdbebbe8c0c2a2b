//! The picture of a call: both voices over the call's own time, and what happened when. It is read on a screen and on paper,
//! in colour and without.

mod axis;
mod legend;
mod marks;

use earwitness_media::Wave;
use earwitness_model::{CallSummary, EndedBy, GapCause, Leg, PacketTime};

use self::axis::Axis;
use crate::{html::escaped, list::put, origin::Origin, words};

/// Columns of the voices in the picture.
pub const COLUMNS: usize = 1_000;

const WIDTH: u32 = 1_200;
const LEFT: u32 = 110;
const RIGHT: u32 = 30;
/// Where the numbers of marks stand.
const MARKS_TOP: u32 = 76;
/// Where the caller's voice begins.
const LANES_TOP: u32 = 150;
const LANE: u32 = 110;
const BETWEEN: u32 = 14;
const FONT: &str =
    "'Noto Sans KR','Noto Sans CJK KR','Malgun Gothic','Apple SD Gothic Neo','NanumGothic',sans-serif";
/// What is quieter is not drawn higher than it is against this.
const LOUD: i16 = 4_000;

/// Something that happened in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// When.
    pub at: PacketTime,
    /// What.
    pub kind: MarkKind,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkKind {
    /// It begins as far as anybody saw, or as another recorder's list says: no INVITE of it was seen.
    Began,
    /// The caller called: INVITE.
    Called,
    /// The callee's telephone rang: 180 or 183.
    Rang,
    /// The callee answered.
    Answered,
    /// The attempt failed with this status.
    Refused(u16),
    /// A party put the call on hold: re-INVITE.
    Held,
    /// A party took it back.
    Resumed,
    /// A party changed the call otherwise: re-INVITE or UPDATE.
    Changed,
    /// A party asked for a transfer: REFER.
    Transferred,
    /// The caller gave up: CANCEL.
    Cancelled,
    /// It was over.
    Ended(Option<EndedBy>),
}

/// The picture as an SVG document.
#[must_use]
pub fn timeline(summary: &CallSummary, wave: &Wave, marks: &[Mark], zone: chrono_tz::Tz) -> String {
    let axis = Axis::of(summary, wave, marks);
    let legend = legend::Legend::of(marks, summary, (&axis, zone));
    let height = legend.bottom();
    let mut svg = String::new();
    put(
        &mut svg,
        format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" \
             font-family=\"{FONT}\" font-size=\"13\" fill=\"#111\" role=\"img\">\n\
             <title>{}</title>\n{DEFINITIONS}<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#fff\"/>\n",
            escaped(&format!("통화 {0} / call {0}", summary.id))
        ),
    );
    let began = crate::told::clock(summary.facts.start, zone);
    put(
        &mut svg,
        format_args!(
            "<text x=\"{LEFT}\" y=\"28\" font-size=\"18\" font-weight=\"bold\">통화의 시간표 · The call over its time</text>\n\
             <text x=\"{LEFT}\" y=\"50\" fill=\"#444\">{} · {}</text>\n",
            summary.id,
            escaped(&began)
        ),
    );
    lanes(&mut svg, summary, (wave, &axis));
    marks::draw(&mut svg, marks, &axis);
    marks::digits(&mut svg, summary, &axis);
    axis.draw(&mut svg);
    legend.draw(&mut svg);
    svg.push_str("</svg>\n");
    svg
}

const DEFINITIONS: &str = "<defs>\
    <pattern id=\"held\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">\
    <line x1=\"0\" y1=\"0\" x2=\"0\" y2=\"8\" stroke=\"#888\" stroke-width=\"2\"/></pattern>\
    <pattern id=\"gap\" width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(-45)\">\
    <line x1=\"0\" y1=\"0\" x2=\"0\" y2=\"5\" stroke=\"#b00020\" stroke-width=\"2.5\"/></pattern></defs>\n";

/// Where the lane of a party begins.
const fn top_of(leg: Leg) -> u32 {
    match leg {
        Leg::Caller => LANES_TOP,
        Leg::Callee => LANES_TOP + LANE + BETWEEN,
    }
}

/// Where the lanes end.
const BOTTOM: u32 = LANES_TOP + 2 * LANE + BETWEEN;

fn lanes(svg: &mut String, summary: &CallSummary, (wave, axis): (&Wave, &Axis)) {
    let extremes = wave.voices.iter().flatten();
    let loudest = extremes.map(|(low, high)| low.unsigned_abs().max(high.unsigned_abs())).max();
    let scale = f64::from(loudest.unwrap_or(0).max(LOUD.unsigned_abs()));
    for (leg, voice, colour) in
        [(Leg::Caller, &wave.voices[0], "#1f4e79"), (Leg::Callee, &wave.voices[1], "#7a3e00")]
    {
        let (ko, en) = match Origin::of(summary) {
            Origin::Signalled | Origin::AudioAlone => words::leg(leg),
            Origin::Imported => words::channel(leg),
        };
        let top = top_of(leg);
        let middle = top + LANE / 2;
        put(
            svg,
            format_args!(
                "<rect x=\"{LEFT}\" y=\"{top}\" width=\"{}\" height=\"{LANE}\" fill=\"#f6f6f6\" stroke=\"#ccc\"/>\n\
                 <text x=\"{}\" y=\"{}\" text-anchor=\"end\" font-weight=\"bold\" fill=\"{colour}\">{ko}</text>\
                 <text x=\"{}\" y=\"{}\" text-anchor=\"end\" fill=\"{colour}\">{en}</text>\n",
                WIDTH - LEFT - RIGHT,
                LEFT - 10,
                middle - 2,
                LEFT - 10,
                middle + 16,
            ),
        );
        put(svg, format_args!("<path stroke=\"{colour}\" stroke-width=\"1\" fill=\"none\" d=\""));
        let nanos = wave.end.since(wave.start);
        for (column, (low, high)) in voice.iter().enumerate() {
            let at =
                wave.start.plus_nanos((nanos as f64 * (column as f64 + 0.5) / voice.len() as f64) as i64);
            let y = |sample: i16| f64::from(middle) - f64::from(sample) / scale * f64::from(LANE / 2 - 3);
            // A voice that is silent is a line, too.
            put(svg, format_args!("M{:.1} {:.1}V{:.1}", axis.x(at), y(*high) - 0.3, y(*low) + 0.3));
        }
        svg.push_str("\"/>\n");
        gaps(svg, summary, (leg, axis));
    }
}

fn gaps(svg: &mut String, summary: &CallSummary, (leg, axis): (Leg, &Axis)) {
    for gap in summary.gaps.iter().filter(|gap| gap.leg == leg) {
        let (from, to) = (axis.x(gap.at), axis.x(gap.at.plus_nanos(i64::from(gap.ms) * 1_000_000)));
        let top = top_of(leg);
        put(
            svg,
            format_args!(
                "<rect class=\"gap\" x=\"{from:.1}\" y=\"{top}\" width=\"{:.1}\" height=\"{LANE}\" fill=\"url(#gap)\" \
                 stroke=\"#b00020\" stroke-width=\"0.5\"/>\n",
                (to - from).max(2.0)
            ),
        );
    }
}

/// The causes of a call's gaps, each once.
fn causes(summary: &CallSummary) -> Vec<GapCause> {
    let all = [GapCause::Network, GapCause::Mirror, GapCause::Capture, GapCause::Sender, GapCause::Unknown];
    all.into_iter().filter(|cause| summary.gaps.iter().any(|gap| gap.cause == *cause)).collect()
}
