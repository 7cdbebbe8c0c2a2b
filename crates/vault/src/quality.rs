//! What a summary says of the quality of its streams, and what shows the causes of its gaps, as it is kept: a section of its
//! own, because the bytes of streams and gaps were fixed before there was such a thing.

use earwitness_model::{CallSummary, GapEvidence, StreamQuality};

type Written = (Vec<StreamQuality>, Vec<Option<GapEvidence>>);

/// Of each stream, then of each gap; `None` where nothing is known of any.
pub(crate) fn section(summary: &CallSummary) -> Option<Vec<u8>> {
    let of_streams: Vec<StreamQuality> =
        summary.streams.iter().map(|stream| stream.quality.clone()).collect();
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
    summary.streams.iter_mut().zip(of_streams).for_each(|(stream, quality)| stream.quality = quality);
    summary.gaps.iter_mut().zip(of_gaps).for_each(|(gap, evidence)| gap.evidence = evidence);
    Some(())
}
