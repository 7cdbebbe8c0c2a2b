//! Frames in, calls and audio out: a pure function of its frames.
