//! `earwitness status`: the health of a running recorder.

use std::io::Write;

use clap::Args;

use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
    instruments::Vitals,
    socket,
    view::vitals_page,
};

/// Show the health of the recorder that runs on the vault
#[derive(Debug, Args)]
#[command(after_help = "Exit codes, for monitoring:
  0  it records, and nothing is wrong
  1  an alarm stands, or capturing has hung for more than five seconds
  3  no recorder runs on this vault
  6  an alarm stands that means loss: a full disk, an interface that is down, frames or audio lost

As a check of Nagios or Icinga, where 1 is a warning and 2 is critical:
  earwitness status --vault /var/lib/earwitness; case $? in 0) exit 0;; 1) exit 1;; *) exit 2;; esac")]
pub(crate) struct Status {
    /// One JSON object
    #[arg(long)]
    json: bool,
}

impl Status {
    pub(crate) fn run(&self, context: &Context) -> Outcome {
        let vitals = ask(context)?;
        if self.json {
            let object = serde_json::to_string(&vitals).map_err(|cause| Failure::new(Exit::Failed, cause))?;
            writeln!(context.out(), "{object}")?;
        } else {
            write!(context.out(), "{}", vitals_page(&vitals, Context::now(), context.screen()))?;
        }
        Ok(vitals.exit())
    }
}

/// How the recorder is now.
fn ask(context: &Context) -> Result<Vitals, Failure> {
    let text = socket::health(&context.vault)?;
    let vitals: Vitals = serde_json::from_str(&text).map_err(|_other| {
        Failure::new(
            Exit::Failed,
            "the recorder is of another version: restart it, or use the program that it was started from",
        )
    })?;
    Ok(vitals.seen_at(Context::now()))
}
