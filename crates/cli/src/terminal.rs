//! This process's own stderr.

use std::{
    fmt,
    io::{self, Write},
};

/// A message on stderr. A closed stderr is nobody to tell.
pub(crate) fn say(message: impl fmt::Display) {
    writeln!(io::stderr(), "earwitness: {message}").unwrap_or_default();
}
