//! Capture rules: who is recorded, how, for how long, with what notice.
