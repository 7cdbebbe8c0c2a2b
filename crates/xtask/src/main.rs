//! The project's own commands: `cargo xtask setup`, `test`, `demo`, `fuzz`, `tamper`, `lab`, `bench`, `dist`.
//!
//! Not product code. It depends on none of the product's crates and needs no libpcap, so that it builds on a machine
//! that has nothing yet; what it does, it prints first.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line speaks on both")]

mod bench;
mod demo;
mod dist;
mod fuzz;
mod gate;
mod lab;
mod process;
mod setup;
mod tamper;
mod workspace;

use std::{env, process::ExitCode};

use anyhow::{Result, bail};

/// What `cargo xtask help` prints.
const HELP: &str = "\
cargo xtask COMMAND

  setup                       install what the build and the tests need, or print the line that does
  test  [--quick]             the whole gate: fmt, clippy, tests, docs, benches, budgets, fuzz build, deny; --quick: tests
  ci                          the same as test
  demo  [--debug] [--home DIR]  record a made-up office into target/demo and walk through it
  fuzz  [--seconds N] [TARGET…] run the fuzz targets, 30 s each unless told, and print what they found
  tamper [--changes N]        change a vault by chance 10,000 times, and see that each change is found
@LAB@
  bench [budgets|whole|ARGUMENT…]
                              run the benches; arguments go to criterion. budgets: count the hot path's instructions;
                              whole: the recorder beside the least that any recorder does
  dist  [--check] [--debug] [--program FILE] [--out DIR]
                              make the Debian package in target/dist; --check: twice, and try it in a clean root

`cargo xtask COMMAND --help` tells more of one. EARWITNESS_CORPUS=DIR adds the tests and the fuzz seeds that need real
captures.";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cargo xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Carries out one command line.
fn run(arguments: &[String]) -> Result<()> {
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", arguments),
    };
    if rest.iter().any(|word| word == "--help" || word == "-h")
        && let Some(help) = help_of(command)
    {
        println!("{help}");
        return Ok(());
    }
    match command {
        "setup" => none(command, rest).and_then(|()| setup::run(setup::Scope::Tests)),
        "test" | "ci" => gate::run(gate::Extent::parse(rest)?),
        "lab" => lab::run(&lab::Order::parse(rest)?),
        "demo" => demo::run(&demo::Tour::parse(rest)?),
        "fuzz" => fuzz::run(&fuzz::Campaign::parse(rest)?),
        "tamper" => tamper::run(&tamper::Order::parse(rest)?),
        "dist" => dist::run(&dist::Order::parse(rest)?),
        "bench" => bench::run(&bench::Order::parse(rest)?),
        "help" | "--help" | "-h" => {
            println!("{}", HELP.replace("@LAB@", lab::HELP));
            Ok(())
        }
        other => bail!("no command {other:?}; `cargo xtask help` lists them"),
    }
}

/// What one command's help says; `None` where there is no such command.
fn help_of(command: &str) -> Option<String> {
    Some(match command {
        "setup" => setup::help(),
        "test" | "ci" => gate::HELP.to_owned(),
        "lab" => lab::help(),
        "demo" => demo::HELP.to_owned(),
        "fuzz" => fuzz::HELP.to_owned(),
        "tamper" => tamper::HELP.to_owned(),
        "dist" => dist::HELP.to_owned(),
        "bench" => bench::HELP.to_owned(),
        _ => return None,
    })
}

/// Refuses arguments to a command that takes none.
fn none(command: &str, rest: &[String]) -> Result<()> {
    match rest.first() {
        None => Ok(()),
        Some(argument) => bail!("{command} takes no argument, not {argument:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(line: &str) -> String {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        run(&words).expect_err("a wrong command line is refused").to_string()
    }

    #[test]
    fn wrong_command_lines_are_refused_before_anything_runs() {
        for (line, expected) in [
            ("tset", "no command \"tset\"; `cargo xtask help` lists them"),
            ("setup now", "setup takes no argument, not \"now\""),
            ("test --fast", "test knows --quick, not \"--fast\""),
            ("demo --release", "demo knows --debug and --home DIR, not \"--release\""),
            ("demo --home", "--home needs a directory"),
            ("dist --fast", "dist knows --check, --debug, --program FILE and --out DIR, not \"--fast\""),
            ("dist --program", "--program needs a file"),
            ("fuzz --seconds", "--seconds needs a whole number above 0"),
            ("fuzz --seconds 0", "--seconds needs a whole number above 0"),
            ("lab clals", "no scenario \"clals\", nor an option; `cargo xtask lab --help` lists them"),
            ("bench whole --calls 0", "--calls needs numbers above 0"),
            ("bench budgets --downdate", "bench budgets knows --update, not \"--downdate\""),
            ("tamper --changes 0", "--changes needs a whole number above 0"),
            ("tamper all", "tamper knows --changes N, not \"all\""),
            ("fuzz --minutes 3", "fuzz knows --seconds N, not \"--minutes\""),
        ] {
            assert_eq!(refusal(line), expected, "{line}");
        }
    }

    #[test]
    fn help_names_every_command() {
        let help = HELP.replace("@LAB@", lab::HELP);
        for command in ["setup", "test", "ci", "demo", "fuzz", "tamper", "lab", "bench", "dist"] {
            assert!(help.lines().any(|line| line.trim_start().starts_with(command)), "{command}");
        }
    }

    #[test]
    fn every_command_has_a_help_of_its_own_that_tells_its_options() {
        for (command, words) in [
            ("setup", &["libpcap-dev", "tshark"][..]),
            ("test", &["--quick"]),
            ("ci", &["--quick"]),
            ("demo", &["--debug", "--home DIR"]),
            ("fuzz", &["--seconds N", "TARGET"]),
            ("tamper", &["--changes N"]),
            (
                "lab",
                &[
                    "--calls N",
                    "--mirror",
                    "--offloads",
                    "--from-file",
                    "--built DIR",
                    "--keep",
                    "sweep",
                    "all",
                ],
            ),
            (
                "bench",
                &["ARGUMENT", "budgets", "--update", "whole", "--calls N", "--program FILE", "--curve"],
            ),
            ("dist", &["--check", "--debug", "--program FILE", "--out DIR"]),
        ] {
            let help = help_of(command).expect("it is a command");
            for word in words {
                assert!(help.contains(word), "{word} is not in the help of {command}:\n{help}");
            }
            assert!(help.lines().all(|line| line.chars().count() <= 120), "{help}");
            // Neither is run: there is no scenario, target or option of that name.
            for asked in ["--help", "-h"] {
                run(&[command.to_owned(), asked.to_owned()]).expect("help is no mistake");
            }
        }
        assert_eq!(refusal("tset --help"), "no command \"tset\"; `cargo xtask help` lists them");
    }
}
