//! Where an instant is in the picture.

use earwitness_media::Wave;
use earwitness_model::{CallSummary, PacketTime};

use super::{BOTTOM, LEFT, Mark, RIGHT, WIDTH};
use crate::list::put;

/// The most steps that are named.
const MOST_STEPS: i64 = 12;
/// Steps, in s.
const STEPS: [i64; 14] = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200];

/// From the beginning of the call to its end.
pub(super) struct Axis {
    start: PacketTime,
    end: PacketTime,
}

impl Axis {
    pub(super) fn of(summary: &CallSummary, wave: &Wave, marks: &[Mark]) -> Self {
        let start = summary.facts.start.min(wave.start);
        let ends = summary.end.iter().map(|end| end.at).chain(marks.iter().map(|mark| mark.at));
        let end = ends.chain([wave.end, start.plus_nanos(1_000_000_000)]).max().unwrap_or(start);
        Self { start, end }
    }

    /// How far an instant is from the left.
    pub(super) fn x(&self, at: PacketTime) -> f64 {
        let share = at.since(self.start) as f64 / self.end.since(self.start).max(1) as f64;
        f64::from(LEFT) + share.clamp(0.0, 1.0) * f64::from(WIDTH - LEFT - RIGHT)
    }

    /// Minutes and seconds of the call.
    pub(super) fn clock(&self, at: PacketTime) -> String {
        let tenths = at.since(self.start).max(0) / 100_000_000;
        format!("{}:{:02}.{}", tenths / 600, tenths / 10 % 60, tenths % 10)
    }

    pub(super) fn draw(&self, svg: &mut String) {
        let seconds = self.end.since(self.start) / 1_000_000_000;
        let step = STEPS.into_iter().find(|step| seconds / step <= MOST_STEPS).unwrap_or(14_400);
        let (right, under) = (WIDTH - RIGHT, BOTTOM + 6);
        put(svg, format_args!("<path stroke=\"#111\" d=\"M{LEFT} {under}H{right}\"/>\n"));
        for second in (0..=seconds).step_by(step as usize) {
            let x = self.x(self.start.plus_nanos(second * 1_000_000_000));
            put(
                svg,
                format_args!(
                    "<path stroke=\"#111\" d=\"M{x:.1} {under}v6\"/><text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\" \
                     font-size=\"12\">{}:{:02}</text>\n",
                    under + 20,
                    second / 60,
                    second % 60
                ),
            );
        }
    }
}
