//! People or pipes: what stdout is.

use std::{
    fmt,
    io::{self, IsTerminal},
};

use anstyle::{AnsiColor, Style};
use serde::{Deserialize, Serialize};

/// Widths that a table can be made for; a terminal that says something else is taken for the nearest.
const WIDTHS: (u16, u16) = (20, 1000);

/// Results go to a person's terminal (tables, colour) and not into a pipe (stable, plain).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Screen {
    /// A pipe or a file.
    Pipe,
    /// A person's terminal.
    Terminal {
        /// Columns, where it says.
        width: Option<u16>,
        colour: Colour,
    },
}

/// Whether a terminal is written to in colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Colour {
    /// NO_COLOR is set.
    Plain,
    Coloured,
}

impl Screen {
    /// This process's stdout.
    pub(super) fn of_stdout() -> Self {
        if !io::stdout().is_terminal() {
            return Self::Pipe;
        }
        let is_plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let colour = if is_plain { Colour::Plain } else { Colour::Coloured };
        Self::Terminal { width: comfy_table::Table::new().width(), colour }
    }

    /// Whether a person reads it.
    pub(crate) const fn is_for_people(self) -> bool {
        match self {
            Self::Terminal { .. } => true,
            Self::Pipe => false,
        }
    }

    /// How wide the terminal is; `None` where there is none, or it does not say.
    pub(crate) fn width(self) -> Option<u16> {
        match self {
            Self::Terminal { width, .. } => width.map(|width| width.clamp(WIDTHS.0, WIDTHS.1)),
            Self::Pipe => None,
        }
    }

    /// `text` in `colour`, where there is colour.
    pub(crate) fn painted(self, text: impl fmt::Display, colour: AnsiColor) -> String {
        match self {
            Self::Terminal { colour: Colour::Coloured, .. } => {
                let style = Style::new().fg_color(Some(colour.into()));
                format!("{style}{text}{style:#}")
            }
            Self::Terminal { colour: Colour::Plain, .. } | Self::Pipe => text.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_terminal_that_wants_it_gets_colour() {
        let terminal = |colour| Screen::Terminal { width: Some(3), colour };
        assert_eq!(terminal(Colour::Coloured).painted("kept", AnsiColor::Green), "\u{1b}[32mkept\u{1b}[0m");
        assert_eq!(terminal(Colour::Plain).painted("kept", AnsiColor::Green), "kept");
        assert_eq!(Screen::Pipe.painted("kept", AnsiColor::Green), "kept");
        assert_eq!((terminal(Colour::Plain).width(), Screen::Pipe.width()), (Some(20), None));
    }
}
