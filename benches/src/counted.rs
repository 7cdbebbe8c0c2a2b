//! The part of a scenario whose instructions are counted.

use std::hint::black_box;

/// Runs `work`. Whoever counts instructions is told this function's name, and counts what is inside it and nothing around
/// it: callgrind turns its counting on when it is entered and off when it is left, so that one is never inside another.
#[inline(never)]
pub fn counted_work<T>(work: impl FnOnce() -> T) -> T {
    let result = work();
    // Something is left to do here, so that the call of `work` does not become a jump that leaves this function.
    black_box(result)
}
