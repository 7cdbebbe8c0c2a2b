//! What the signs in the picture mean.

use chrono_tz::Tz;
use earwitness_model::{CallSummary, Outcome};

use super::{BOTTOM, LEFT, Mark, MarkKind, axis::Axis, causes, marks::MOST};
use crate::{list::put, told, words};

const TOP: u32 = BOTTOM + 52;
const LINE: u32 = 20;
/// Two columns of lines.
const SECOND: u32 = LEFT + 540;

/// The lines under the picture.
pub(super) struct Legend {
    marks: Vec<String>,
    signs: Vec<(&'static str, String)>,
}

impl Legend {
    pub(super) fn of(marks: &[Mark], summary: &CallSummary, (axis, zone): (&Axis, Tz)) -> Self {
        let line = |(number, mark): (usize, &Mark)| {
            let (ko, en) = said(mark.kind, summary.outcome);
            let at = told::clock(mark.at, zone);
            let on_the_clock = at.split(' ').nth(1).unwrap_or_default();
            format!("{number}. {} ({on_the_clock}) {ko} · {en}", axis.clock(mark.at))
        };
        let mut lines: Vec<String> = (1..).zip(marks.iter().take(MOST)).map(line).collect();
        if marks.len() > MOST {
            let more = marks.len() - MOST;
            lines.push(format!("그 밖에 {more}개 · and {more} more"));
        }
        let mut signs = Vec::new();
        if marks.iter().any(|mark| mark.kind == MarkKind::Held) {
            signs.push(("url(#held)", "보류 중 · on hold".to_owned()));
        }
        if !summary.gaps.is_empty() {
            let causes: Vec<_> = causes(summary).into_iter().map(words::cause).collect();
            let (ko, en): (Vec<_>, Vec<_>) = causes.into_iter().unzip();
            signs.push((
                "url(#gap)",
                format!("빠진 음성 ({}) · missing audio ({})", ko.join(", "), en.join(", ")),
            ));
        }
        if !summary.dtmf.is_empty() {
            signs.push(("none", "누른 번호 · keys that were pressed".to_owned()));
        }
        Self { marks: lines, signs }
    }

    /// How high the picture is.
    pub(super) fn bottom(&self) -> u32 {
        let rows = self.marks.len().div_ceil(2).max(1) + self.signs.len() + 1;
        TOP + rows as u32 * LINE + 10
    }

    pub(super) fn draw(&self, svg: &mut String) {
        let rows = self.marks.len().div_ceil(2);
        for (place, line) in self.marks.iter().enumerate() {
            let x = if place < rows { LEFT } else { SECOND };
            let y = TOP + (place % rows.max(1)) as u32 * LINE;
            put(svg, format_args!("<text x=\"{x}\" y=\"{y}\">{line}</text>\n"));
        }
        for (place, (fill, line)) in self.signs.iter().enumerate() {
            let y = TOP + (rows.max(1) + place) as u32 * LINE;
            if *fill == "none" {
                put(svg, format_args!("<path d=\"M{} {}l-5 8h10z\" fill=\"#111\"/>", LEFT + 11, y - 9));
            }
            put(
                svg,
                format_args!(
                    "<rect x=\"{LEFT}\" y=\"{}\" width=\"22\" height=\"13\" fill=\"{fill}\" stroke=\"#666\"/>\
                     <text x=\"{}\" y=\"{y}\">{line}</text>\n",
                    y - 11,
                    LEFT + 30
                ),
            );
        }
        let y = TOP + (rows.max(1) + self.signs.len()) as u32 * LINE;
        put(
            svg,
            format_args!(
                "<text x=\"{LEFT}\" y=\"{y}\" fill=\"#444\">가로: 통화 시작부터의 분:초, 세로: 음성의 크기 · across: minutes and \
                 seconds from the beginning of the call, upwards: how loud</text>\n"
            ),
        );
    }
}

fn said(kind: MarkKind, outcome: Outcome) -> (String, String) {
    let (ko, en) = match kind {
        MarkKind::Began => ("시작", "beginning"),
        MarkKind::Called => ("발신 (INVITE)", "call (INVITE)"),
        MarkKind::Rang => ("벨 울림", "ringing"),
        MarkKind::Answered => ("응답", "answered"),
        MarkKind::Held => ("보류 (re-INVITE)", "hold (re-INVITE)"),
        MarkKind::Resumed => ("보류 해제 (re-INVITE)", "hold ended (re-INVITE)"),
        MarkKind::Changed => ("통화 변경 (re-INVITE)", "call changed (re-INVITE)"),
        MarkKind::Transferred => ("호전환 요청 (REFER)", "transfer asked for (REFER)"),
        MarkKind::Cancelled => ("발신 취소 (CANCEL)", "given up (CANCEL)"),
        MarkKind::Refused(status) => {
            return (format!("연결 안 됨 ({status})"), format!("not connected ({status})"));
        }
        MarkKind::Ended(by) => {
            let (ko, en) = words::ended_by(by, outcome);
            return (format!("종료: {ko}"), format!("end: {en}"));
        }
    };
    (ko.to_owned(), en.to_owned())
}
