//! What a summary says of its conversation, as it is kept: behind the entry or the manifest that the summary is in, whose
//! bytes were fixed before there was such a thing.

use earwitness_model::{CallSummary, Evidence, Related};

/// The schema of entries and manifests that have none of this behind them.
pub(crate) const WITHOUT_CONVERSATION: u8 = 1;

/// Appends what `summary` says of its conversation.
pub(crate) fn write(summary: &CallSummary, bytes: &mut Vec<u8>) {
    let of_summary = (&summary.joined, &summary.related);
    let written = postcard::to_stdvec(&of_summary).expect("two lists can always be encoded");
    bytes.extend_from_slice(&written);
}

/// Takes the inverse of [`write()`] over into `summary`; `None` when it is none.
pub(crate) fn read(summary: &mut CallSummary, bytes: &[u8]) -> Option<()> {
    let (joined, related): (Vec<Evidence>, Vec<Related>) = postcard::from_bytes(bytes).ok()?;
    (summary.joined, summary.related) = (joined, related);
    Some(())
}
