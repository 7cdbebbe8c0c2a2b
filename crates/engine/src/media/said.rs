//! What a stream's receiver says of it: the last of its reports, as it is told of the stream.

use earwitness_model::{Codec, FarEnd};

use super::{
    cause::Trail,
    far_end::{Sent, Series},
};

/// A receiver whose first report came so soon after the first packet counts from the beginning.
const FROM_BEGINNING_NANOS: i64 = 15_000_000_000;
/// A round trip is not longer.
const LONGEST_TRIP_NANOS: i64 = 60_000_000_000;

/// What the receiver said last.
pub(super) fn said(series: &Series, sent: &[Sent], trail: &Trail, codec: Option<&Codec>) -> FarEnd {
    let clock_rate = f64::from(codec.map_or(8000, Codec::clock_rate).max(1));
    FarEnd {
        packets_lost: i64::from(series.last.lost),
        lost_percent: lost_percent(series, trail),
        jitter_ms: f64::from(series.last.jitter) * 1000.0 / clock_rate,
        rtt_ms: round_trip(series, sent),
        reports: series.reports,
    }
}

/// Over the time of its reports; of one report alone, what it says itself.
fn lost_percent(series: &Series, trail: &Trail) -> f64 {
    let whole = trail.offset(series).zip(trail.span).and_then(|(offset, (base, _))| {
        let first =
            series.points.first().filter(|first| first.at.since(trail.first) < FROM_BEGINNING_NANOS)?;
        let sent = i64::from(first.highest) + offset - i64::from(base) + 1;
        (i64::from(first.lost) <= sent).then(|| (i64::from(base) - 1 - offset, 0))
    });
    let begin = whole.or_else(|| {
        let first = series.points.first()?;
        Some((i64::from(first.highest), i64::from(first.lost)))
    });
    let (sent, lost) = begin.map_or((0, 0), |(number, lost)| {
        (i64::from(series.last.highest_sequence) - number, i64::from(series.last.lost) - lost)
    });
    if sent > 0 {
        (lost.max(0) as f64 * 100.0 / sent as f64).min(100.0)
    } else {
        f64::from(series.last.fraction_lost) * 100.0 / 256.0
    }
}

/// The time since the sender's report that the last one answers, less what it lay at the receiver.
fn round_trip(series: &Series, sent: &[Sent]) -> Option<f64> {
    let name = series.last.last_sender_report;
    let of_sender = |sent: &&Sent| (sent.ssrc, sent.by, sent.name) == (series.ssrc, series.to, name);
    let answered = sent.iter().filter(of_sender).map(|sent| sent.at).max().filter(|_| name != 0)?;
    let lay = i64::from(series.last.delay_since) * 1_000_000_000 / 65_536;
    let nanos = series.at.since(answered) - lay;
    // The receiver counts in 65536ths of a second, and may round up.
    (-65_536..LONGEST_TRIP_NANOS).contains(&nanos).then(|| nanos.max(0) as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use earwitness_model::GapCause;

    use super::*;
    use crate::media::cause::tests::{BRACKET, at, far_ends, track, trail};

    #[test]
    fn the_last_report_is_told_with_its_share_and_the_way_there_and_back() {
        let trail = trail(&[0, 0, 0, 0], GapCause::Unknown);
        let mut far_ends = far_ends(&[5, 0, 5, 0]);
        let told = said(&far_ends.series[0], &far_ends.sent, &trail, None);
        assert_eq!((told.packets_lost, told.reports, told.jitter_ms), (10, 4, 10.0));
        assert!((told.lost_percent - 1.0).abs() < 0.01, "{}", told.lost_percent);
        assert_eq!(told.rtt_ms, None);
        let of = track().flow.src.ip();
        let sent = Sent { ssrc: 7, by: of, name: 99, at: at(4 * BRACKET).plus_nanos(-1_040_000_000) };
        far_ends.sent.push(sent);
        (far_ends.series[0].last.last_sender_report, far_ends.series[0].last.delay_since) = (99, 65_536);
        let rtt = said(&far_ends.series[0], &far_ends.sent, &trail, None).rtt_ms;
        assert_eq!(rtt, Some(40.0));
        far_ends.series[0].last.last_sender_report = 98;
        assert_eq!(said(&far_ends.series[0], &far_ends.sent, &trail, None).rtt_ms, None);
    }
}
