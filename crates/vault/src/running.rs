//! A running call as it lies in a block.

use earwitness_model::RunningCall;

/// The schema of [`RunningCall`]; the first byte. A call of another schema is not taken up again, and that is all.
const RUNNING_SCHEMA: u8 = 3;

pub(crate) fn to_bytes(call: &RunningCall) -> Vec<u8> {
    postcard::to_stdvec(&(RUNNING_SCHEMA, call))
        .expect("a running call has no map and no sequence of unknown length")
}

pub(crate) fn from_bytes(bytes: &[u8]) -> Option<RunningCall> {
    let (schema, call): (u8, _) = postcard::from_bytes(bytes).ok()?;
    (schema == RUNNING_SCHEMA).then_some(call)
}
