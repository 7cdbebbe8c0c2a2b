//! What a summary says of its conversation, as it is kept: behind the entry or the manifest that the summary is in, whose
//! bytes were fixed before there was such a thing.

use earwitness_model::{CallSummary, Evidence, Related};

/// Appends what `summary` says of its conversation.
pub(crate) fn write(summary: &CallSummary, bytes: &mut Vec<u8>) {
    let of_summary = (&summary.joined, &summary.related);
    let written = postcard::to_stdvec(&of_summary).expect("two lists can always be encoded");
    bytes.extend_from_slice(&written);
}

/// Takes the inverse of [`write()`] over into `summary`, and gives what is behind it; `None` when it is none.
pub(crate) fn read<'b>(summary: &mut CallSummary, bytes: &'b [u8]) -> Option<&'b [u8]> {
    type Written = (Vec<Evidence>, Vec<Related>);
    let ((joined, related), rest): (Written, _) = postcard::take_from_bytes(bytes).ok()?;
    (summary.joined, summary.related) = (joined, related);
    Some(rest)
}
