//! What is known of a call's streams besides their packets, for people: losses in bursts, what the far end reports, and from
//! which tap they came.

use earwitness_model::{CallSummary, FarEnd, StreamSummary};

use super::{amount::counted, page::section, words::leg_word};
use crate::seat::Screen;

/// Lines under their heading; nothing where nothing is known.
pub(super) fn quality(summary: &CallSummary, screen: Screen) -> String {
    let text: String = summary.streams.iter().flat_map(lines).collect();
    if text.is_empty() { text } else { section("Losses and far ends", &text, screen) }
}

fn lines(stream: &StreamSummary) -> Vec<String> {
    let quality = &stream.quality;
    let bursts = (quality.bursts.count > 0).then(|| {
        let longest = counted(u64::from(quality.bursts.longest), "packet");
        format!("lost in {}, of {longest} at the most", counted(u64::from(quality.bursts.count), "burst"))
    });
    let far_end = quality.far_end.as_ref().map(far_end);
    let taps = (1..).zip(&quality.taps).map(|(tap, packets): (u32, &u64)| match tap {
        1 => format!("tap 1: {}", counted(*packets, "packet")),
        _ => format!("tap {tap}: {packets}"),
    });
    let taps: Vec<String> = taps.collect();
    let taps = (!taps.is_empty()).then(|| format!("first from {}", taps.join(", ")));
    let named =
        |fact: String| format!("  {:<7}  {:#010x}  {fact}\n", leg_word(stream.of.leg), stream.of.ssrc);
    [bursts, far_end, taps].into_iter().flatten().map(named).collect()
}

fn far_end(said: &FarEnd) -> String {
    let there_and_back = said.rtt_ms.map(|ms| format!(", {ms:.1} ms there and back")).unwrap_or_default();
    format!(
        "the far end lost {} ({:.2} %), jitter {:.1} ms{there_and_back}, by {}",
        said.packets_lost,
        said.lost_percent,
        said.jitter_ms,
        counted(u64::from(said.reports), "report")
    )
}
