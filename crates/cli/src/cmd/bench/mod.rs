//! `earwitness bench`: what a box carries, and whether another build does as well as this one.

mod measured;
mod scratch;

use clap::{Args, Subcommand};

use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
};

/// Measure this box, or this build against another one
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Bench {
    #[command(subcommand)]
    command: Option<BenchCommand>,
}

#[derive(Debug, Subcommand)]
enum BenchCommand {
    /// Run a program, and tell what it took
    #[command(hide = true)]
    Measured(measured::Measured),
}

impl Bench {
    pub(crate) fn run(&self, context: &Context) -> Outcome {
        match &self.command {
            Some(BenchCommand::Measured(command)) => command.run(context),
            None => Err(Failure::new(Exit::Usage, "measure what? `earwitness bench --help` tells")),
        }
    }
}
