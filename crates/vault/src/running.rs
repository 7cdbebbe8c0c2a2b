//! A running call as it lies in a block.

use earwitness_model::{Decision, InbandDigits, RunningCall};

/// The schema of [`RunningCall`]; the first byte. A call of another schema is not taken up again, and that is all.
const RUNNING_SCHEMA: u8 = 3;
/// Bytes that a running call usually has at most: it is written without being moved.
const USUAL: usize = 2048;

pub(crate) fn to_bytes(call: &RunningCall) -> Vec<u8> {
    let lists_digits = match &call.verdict.decision {
        Decision::Admit(keep) => keep.inband_digits == InbandDigits::List,
        Decision::Refuse(_) => false,
    };
    postcard::to_extend(&(RUNNING_SCHEMA, call, lists_digits), Vec::with_capacity(USUAL))
        .expect("a running call has no map and no sequence of unknown length")
}

pub(crate) fn from_bytes(bytes: &[u8]) -> Option<RunningCall> {
    let ((schema, mut call), rest): ((u8, RunningCall), _) = postcard::take_from_bytes(bytes).ok()?;
    // What a version wrote that did not know of digits in the audio ends here.
    let lists_digits = !rest.is_empty() && postcard::from_bytes(rest).ok()?;
    if let (Decision::Admit(keep), true) = (&mut call.verdict.decision, lists_digits) {
        keep.inband_digits = InbandDigits::List;
    }
    (schema == RUNNING_SCHEMA).then_some(call)
}
