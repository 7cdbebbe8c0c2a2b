//! People or pipes: what goes to stdout and stderr, and how.

use std::{
    fmt,
    io::{self, IsTerminal, Write},
};

use anstyle::{AnsiColor, Style};

/// Results go to a person's terminal (tables, colour) and not into a pipe (stable, plain).
pub(crate) fn is_for_people() -> bool {
    io::stdout().is_terminal()
}

/// Colour on stdout: only on a terminal, and not where NO_COLOR is set.
pub(crate) fn has_colour() -> bool {
    is_for_people() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// `text` in `colour`, where stdout has colour.
pub(crate) fn painted(text: impl fmt::Display, colour: AnsiColor) -> String {
    if has_colour() {
        let style = Style::new().fg_color(Some(colour.into()));
        format!("{style}{text}{style:#}")
    } else {
        text.to_string()
    }
}

/// A message to the user on stderr. A closed stderr is nobody to tell.
pub(crate) fn say(message: impl fmt::Display) {
    writeln!(io::stderr(), "earwitness: {message}").unwrap_or_default();
}
