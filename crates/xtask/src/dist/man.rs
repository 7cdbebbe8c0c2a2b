//! The manual pages and the completions, as the program itself prints them.

use std::{path::Path, process::Command};

use anyhow::{Result, ensure};

use super::tree::{Mode, Tree};
use crate::process;

/// Writes a page for the program and one for each command.
pub(super) fn pages(tree: &Tree, program: &Path) -> Result<()> {
    let help = process::output(Command::new(program).arg("--help"))?;
    let commands = commands(&help);
    ensure!(!commands.is_empty(), "{} --help names no command", program.display());
    tree.write_gzip("usr/share/man/man1/earwitness.1", process::output(Command::new(program).arg("man"))?)?;
    for command in commands {
        let page = process::output(Command::new(program).args(["man", command]))?;
        tree.write_gzip(&format!("usr/share/man/man1/earwitness-{command}.1"), page)?;
    }
    Ok(())
}

/// Writes what each shell needs to complete command lines.
pub(super) fn completions(tree: &Tree, program: &Path) -> Result<()> {
    for (shell, path) in [
        ("bash", "usr/share/bash-completion/completions/earwitness"),
        ("zsh", "usr/share/zsh/vendor-completions/_earwitness"),
        ("fish", "usr/share/fish/vendor_completions.d/earwitness.fish"),
    ] {
        let script = process::output(Command::new(program).args(["completions", shell]))?;
        tree.write(path, Mode::Plain, script)?;
    }
    Ok(())
}

/// The commands that a help page lists, but for `help` itself, which has no page.
fn commands(help: &str) -> Vec<&str> {
    let list = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    list.take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|command| *command != "help")
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_off_the_help_page() {
        let help = "Records.\n\nUsage: x\n\nCommands:\n  init    Make\n  record  Record an\n          interface\n  \
                    help    Print this\n\nOptions:\n  -q\n";
        assert_eq!(commands(help), ["init", "record"]);
        assert_eq!(commands("Usage: x\n"), [""; 0]);
    }
}
