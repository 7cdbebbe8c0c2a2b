//! `earwitness completions` and `earwitness man`.

use std::io::Write;

use clap::{Args, CommandFactory};

use crate::{
    context::Context,
    exit::{Exit, Outcome},
};

/// Print a completion script for a shell
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  earwitness completions bash > /etc/bash_completion.d/earwitness")]
pub(crate) struct Completions {
    /// Which shell
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

impl Completions {
    pub(crate) fn run(&self, context: &Context) -> Outcome {
        // The generator panics where it cannot write: into memory it always can.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut crate::CommandLine::command(), "earwitness", &mut script);
        context.out().write_all(&script)?;
        Ok(Exit::Done)
    }
}

/// Print the manual page
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  earwitness man | man -l -")]
pub(crate) struct Man {
    /// Of this command instead of the whole program
    command: Option<String>,
}

impl Man {
    pub(crate) fn run(&self, context: &Context) -> Outcome {
        let mut whole = crate::CommandLine::command();
        whole.build();
        let page = match &self.command {
            None => whole,
            Some(name) => whole.find_subcommand(name).cloned().ok_or_else(|| {
                crate::exit::Failure::new(
                    Exit::Usage,
                    format_args!("no command {name:?}; see `earwitness --help`"),
                )
            })?,
        };
        clap_mangen::Man::new(page).render(&mut context.out())?;
        Ok(Exit::Done)
    }
}
