//! This process's own stderr.

use std::{
    fmt,
    io::{self, Write},
};

/// A message on stderr. A closed stderr is nobody to tell.
pub(crate) fn say(message: impl fmt::Display) {
    line(format_args!("earwitness: {message}"));
}

/// A line on stderr.
pub(crate) fn line(text: impl fmt::Display) {
    writeln!(io::stderr(), "{text}").unwrap_or_default();
}
