//! Running other programs: what is run is shown, and a failure names it.

use std::{
    env,
    ffi::OsStr,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

/// Runs `command` on this terminal; an error when it cannot be started or does not exit with 0.
pub(crate) fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start {}", shown(command)))?;
    if status.success() {
        return Ok(());
    }
    bail!("{} ended with {status}", shown(command))
}

/// The standard output of `command`, whose errors go to this terminal; an error as for [`succeed`].
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start {}", shown(command)))?;
    if !output.status.success() {
        bail!("{} ended with {}", shown(command), output.status);
    }
    String::from_utf8(output.stdout)
        .with_context(|| format!("{} printed bytes that are not UTF-8", shown(command)))
}

/// Whether `command` runs and exits with 0; its output is thrown away.
pub(crate) fn answers(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|s| s.success())
}

/// Whether `program` is a file in a directory of `PATH`.
pub(crate) fn on_path(program: &str) -> bool {
    env::var_os("PATH").is_some_and(|path| env::split_paths(&path).any(|dir| dir.join(program).is_file()))
}

/// The command line as a person would type it.
pub(crate) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_else(|| command.get_program());
    std::iter::once(program).chain(command.get_args()).map(quoted).collect::<Vec<_>>().join(" ")
}

/// One word of a shell's command line.
fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_alphanumeric() || "-_=+./:,@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.into_owned() } else { format!("'{word}'") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_it_would_be_typed() {
        let mut command = Command::new("/usr/bin/cargo");
        command.args(["test", "--", "a name", "x=1"]);
        assert_eq!(shown(&command), "cargo test -- 'a name' x=1");
    }

    #[test]
    fn a_failure_names_the_command_and_its_status() {
        let error = succeed(Command::new("sh").args(["-c", "exit 3"])).expect_err("it exits with 3");
        assert_eq!(error.to_string(), "sh -c 'exit 3' ended with exit status: 3");
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = succeed(&mut Command::new("earwitness-no-such-program")).expect_err("it does not exist");
        assert_eq!(error.to_string(), "cannot start earwitness-no-such-program");
        assert!(!on_path("earwitness-no-such-program"));
        assert!(on_path("sh"));
    }

    #[test]
    fn output_is_standard_output_only() {
        assert_eq!(output(Command::new("sh").args(["-c", "echo out"])).expect("sh exists"), "out\n");
        assert!(answers(&mut Command::new("true")));
        assert!(!answers(&mut Command::new("false")));
    }
}
