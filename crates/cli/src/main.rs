//! The `earwitness` command: reads the command line, opens what is needed, runs one command, ends with its exit code.
//!
//! This is the only place where the parts are put together, and the only one that reads the wall clock.
#![forbid(unsafe_code)]

mod cmd;
mod config;
mod context;
mod exit;
mod filter;
mod instruments;
mod options;
mod seat;
mod service;
mod socket;
mod terminal;
mod view;

use std::process::ExitCode;

use clap::Parser;
use zeroizing_alloc::ZeroAlloc;

use self::{cmd::Command, context::Context, exit::Exit, options::Options};

/// Most of what a thread makes here another one gives back; and all that is given back is wiped, so that neither numbers nor keys
/// stay in what a text grew out of, nor in the buffers of libraries.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<mimalloc::MiMalloc> = ZeroAlloc(mimalloc::MiMalloc);

/// Records the calls of a public office off a mirror port, seals them, and accounts for each.
#[derive(Debug, Parser)]
#[command(name = "earwitness", version, max_term_width = 110, after_help = EXAMPLES)]
struct CommandLine {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  earwitness record -r office.pcap --vault /tmp/vault     record a capture file into a vault
  earwitness list --vault /tmp/vault                      what was recorded
  earwitness show 01KAJ --vault /tmp/vault                everything known of one call
  earwitness export 01KAJ -o . --vault /tmp/vault         its audio as stereo WAV
  earwitness verify --all --vault /tmp/vault              is everything as it was sealed?

Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 refused by rule or role, 5 integrity broken,
            6 capture loss above the limit, 7 done in part, 8 another build does worse";

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(tell_of_panic));
    let CommandLine { options, command } = match config::command_line() {
        Ok(line) => line,
        Err(failure) => {
            terminal::say(&failure);
            return failure.exit.into();
        }
    };
    let context = Context::here(options);
    match command.run(&context).and_then(|exit| Ok(context.seat().flush().map(|()| exit)?)) {
        Ok(exit) => exit.into(),
        Err(failure) if failure.is_closed_pipe() => Exit::Done.into(),
        Err(failure) => {
            context.tell(&failure);
            failure.exit.into()
        }
    }
}

/// A panic is a defect of this program, told in one line without its message, which may quote a number or a name. The
/// index's store panics over damaged files; the vault catches that, and says what is damaged.
fn tell_of_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    if !place.contains("/sled-") {
        terminal::say(format_args!("a defect of this program at {place}; what was committed is kept"));
    }
}
