//! `earwitness rules`: check, explain, compare, begin.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use earwitness_rules::{EXAMPLE, facts_for};

use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
    view::counted,
};

/// Capture rules: check, explain, diff, init
#[derive(Debug, Args)]
pub(crate) struct Rules {
    #[command(subcommand)]
    command: RulesCommand,
}

#[derive(Debug, Subcommand)]
enum RulesCommand {
    /// Read the rules and say what is wrong with them, with file, line and column
    Check,
    /// Which rule decides on a call, and which ones it beat
    #[command(after_help = "Example:\n  earwitness rules explain --from 010-1234-5678 --to 4001")]
    Explain {
        /// The caller's number
        #[arg(long, value_name = "NUMBER")]
        from: String,
        /// The called number
        #[arg(long, value_name = "NUMBER")]
        to: String,
    },
    /// What changes when these rules are replaced by others
    Diff {
        /// The directory of the other rules
        #[arg(value_name = "DIR")]
        other: PathBuf,
    },
    /// Write the example office as a beginning
    Init {
        /// Where to, as --rules says it too [default: capture-rules]; existing files are left alone
        #[arg(value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

impl Rules {
    pub(crate) fn run(&self, context: &Context) -> Outcome {
        let mut out = context.out();
        match &self.command {
            RulesCommand::Check => {
                let rules = context.load_rules()?;
                writeln!(
                    out,
                    "{}: {}, {}, {}; rule set {}",
                    context.rules_dir().display(),
                    counted(rules.rules().len() as u64, "rule"),
                    match rules.retention_classes().len() {
                        1 => "1 retention class".to_owned(),
                        classes => format!("{classes} retention classes"),
                    },
                    counted(rules.notices().len() as u64, "notice"),
                    rules.hash()
                )?;
            }
            RulesCommand::Explain { from, to } => {
                let explained = context.load_rules()?.explain(&facts_for(from, to)).to_string();
                writeln!(out, "{}", explained.trim_end())?;
            }
            RulesCommand::Diff { other } => {
                for change in context.load_rules()?.diff(&Context::load_rules_from(other)?) {
                    writeln!(out, "{change}")?;
                }
            }
            RulesCommand::Init { dir } => write_example(context, &begun_in(context, dir.as_deref())?)?,
        }
        Ok(Exit::Done)
    }
}

/// The directory that was named, here or by --rules.
fn begun_in(context: &Context, dir: Option<&Path>) -> Result<PathBuf, Failure> {
    let is_option = |word: std::ffi::OsString| word.as_encoded_bytes().starts_with(b"--rules");
    match (dir, context.named_rules()) {
        // What the environment or the configuration file says is only a default.
        (Some(dir), Some(rules)) if std::env::args_os().any(is_option) => {
            let what = format_args!(
                "where to, {} or {}? give the directory alone, or --rules alone",
                dir.display(),
                rules.display()
            );
            Err(Failure::new(Exit::Usage, what))
        }
        (Some(dir), _) | (None, Some(dir)) => Ok(dir.to_owned()),
        (None, None) => Ok(PathBuf::from("capture-rules")),
    }
}

fn write_example(context: &Context, dir: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(dir).map_err(|cause| {
        Failure::new(Exit::Failed, format_args!("cannot make {}: {cause}", dir.display()))
    })?;
    let (mut written, mut kept) = (0, 0);
    for (name, text) in EXAMPLE {
        let path = dir.join(name);
        match std::fs::File::create_new(&path).and_then(|mut file| file.write_all(text.as_bytes())) {
            Ok(()) => written += 1,
            Err(cause) if cause.kind() == std::io::ErrorKind::AlreadyExists => kept += 1,
            Err(cause) => {
                return Err(Failure::new(
                    Exit::Failed,
                    format_args!("cannot write {}: {cause}", path.display()),
                ));
            }
        }
    }
    context.say(format_args!(
        "{}: {} written, {kept} left as they were",
        dir.display(),
        counted(written, "file")
    ));
    Ok(())
}
