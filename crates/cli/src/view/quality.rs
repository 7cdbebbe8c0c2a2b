//! What is known of a call's streams besides their packets, for people: losses in bursts, what the far end reports and
//! measured, and from which tap they came.

use earwitness_model::{CallSummary, FarEnd, StreamSummary, VoipMetrics};

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
    let measured = quality.metrics.as_ref().map(measured);
    let taps = (1..).zip(&quality.taps).map(|(tap, packets): (u32, &u64)| match tap {
        1 => format!("tap 1: {}", counted(*packets, "packet")),
        _ => format!("tap {tap}: {packets}"),
    });
    let taps: Vec<String> = taps.collect();
    let taps = (!taps.is_empty()).then(|| format!("first from {}", taps.join(", ")));
    let named =
        |fact: String| format!("  {:<7}  {:#010x}  {fact}\n", leg_word(stream.of.leg), stream.of.ssrc);
    [bursts, far_end, measured, taps].into_iter().flatten().map(named).collect()
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

/// What is not available is left out.
fn measured(metrics: &VoipMetrics) -> String {
    let percent = |fraction: u8| format!("{:.2} %", f64::from(fraction) * 100.0 / 256.0);
    let score = |name: &str, tenths: u8| format!("{name} {:.1}", f64::from(tenths) / 10.0);
    let bursts = (metrics.burst_ms > 0)
        .then(|| format!("in bursts of {} ms {}", metrics.burst_ms, percent(metrics.burst_density)));
    let between = (metrics.gap_ms > 0)
        .then(|| format!("in the {} ms between {}", metrics.gap_ms, percent(metrics.gap_density)));
    let facts = [
        Some(format!("{} lost", percent(metrics.loss_rate))),
        Some(format!("{} discarded", percent(metrics.discard_rate))),
        bursts,
        between,
        metrics.round_trip_ms.map(|ms| format!("{ms} ms there and back")),
        metrics.end_system_ms.map(|ms| format!("{ms} ms in itself")),
        metrics.signal_dbm0.map(|level| format!("signal {level} dBm0")),
        metrics.noise_dbm0.map(|level| format!("noise {level} dBm0")),
        metrics.rerl_db.map(|loss| format!("RERL {loss} dB")),
        metrics.r_factor.map(|factor| format!("R {factor}")),
        metrics.mos_lq.map(|tenths| score("MOS-LQ", tenths)),
        metrics.mos_cq.map(|tenths| score("MOS-CQ", tenths)),
    ];
    let facts: Vec<String> = facts.into_iter().flatten().collect();
    format!("the far end measured {}", facts.join(", "))
}
