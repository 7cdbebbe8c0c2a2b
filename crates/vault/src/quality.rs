//! What a summary says of the quality of its streams, and what shows the causes of its gaps, as it is kept: a section of its
//! own, because the bytes of streams and gaps were fixed before there was such a thing.

use earwitness_model::{CallSummary, GapEvidence, StreamQuality};

type Written = (Vec<StreamQuality>, Vec<Option<GapEvidence>>);

/// Of each stream, then of each gap; `None` where nothing is known of any.
pub(crate) fn section(summary: &CallSummary) -> Option<Vec<u8>> {
    let of_streams: Vec<StreamQuality> =
        summary.streams.iter().map(|stream| without_metrics(&stream.quality)).collect();
    let of_gaps: Vec<Option<GapEvidence>> = summary.gaps.iter().map(|gap| gap.evidence).collect();
    let says_nothing = of_streams.iter().all(|quality| *quality == StreamQuality::default())
        && of_gaps.iter().all(Option::is_none);
    let written: Written = (of_streams, of_gaps);
    (!says_nothing).then(|| postcard::to_stdvec(&written).expect("two lists can always be encoded"))
}

/// Takes the inverse of [`section`] over into `summary`; `None` when it is none.
pub(crate) fn read(summary: &mut CallSummary, bytes: &[u8]) -> Option<()> {
    let (of_streams, of_gaps): Written = postcard::from_bytes(bytes).ok()?;
    if (of_streams.len(), of_gaps.len()) != (summary.streams.len(), summary.gaps.len()) {
        return None;
    }
    for (stream, quality) in summary.streams.iter_mut().zip(of_streams) {
        stream.quality = StreamQuality { metrics: stream.quality.metrics, ..quality };
    }
    summary.gaps.iter_mut().zip(of_gaps).for_each(|(gap, evidence)| gap.evidence = evidence);
    Some(())
}

/// What a receiver measured is a section of its own.
fn without_metrics(quality: &StreamQuality) -> StreamQuality {
    StreamQuality { metrics: None, ..quality.clone() }
}

#[cfg(test)]
mod tests {
    use earwitness_model::{Bursts, FarEnd, VoipMetrics};

    use super::*;
    use crate::fitting::tests::entry;

    /// Of which nothing is known.
    fn summary() -> CallSummary {
        let mut summary = entry(8, 2).summary;
        summary.streams.iter_mut().for_each(|stream| stream.quality = StreamQuality::default());
        summary
    }

    #[test]
    fn what_is_known_of_streams_and_gaps_is_read_as_it_was_written_and_of_another_call_it_is_refused() {
        let mut told = summary();
        assert_eq!(section(&told), None, "nothing is known");
        let far_end =
            FarEnd { packets_lost: -1, lost_percent: 0.5, jitter_ms: 1.0, rtt_ms: None, reports: 3 };
        told.streams[0].quality = StreamQuality {
            far_end: Some(far_end),
            bursts: Bursts { count: 1, longest: 2 },
            taps: vec![5, 6],
            metrics: None,
        };
        told.gaps[0].evidence = Some(GapEvidence::FarEndLost);
        let bytes = section(&told).unwrap();
        let mut read_again = summary();
        assert_eq!((read(&mut read_again, &bytes), &read_again), (Some(()), &told));
        let mut measured = told.clone();
        measured.streams[0].quality.metrics = Some(VoipMetrics::default());
        assert_eq!(section(&measured).unwrap(), bytes, "what the receiver measured is none of these bytes");
        assert_eq!(
            (read(&mut measured, &bytes), measured.streams[0].quality.metrics.is_some()),
            (Some(()), true)
        );
        let mut another = summary();
        another.gaps.clear();
        assert_eq!(read(&mut another, &bytes), None);
        assert_eq!(read(&mut summary(), &bytes[..bytes.len() - 1]), None);
    }
}
