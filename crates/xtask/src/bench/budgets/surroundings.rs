//! What a count depends on beside the code: the tools that it was made with.

use std::{fs, process::Command};

use anyhow::Result;

use crate::process;

/// The tools, and the day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Surroundings {
    /// `2026-11-22`.
    pub(super) date: String,
    /// The compiler: another one makes other instructions.
    pub(super) rustc: String,
    /// Which processor it pretends to be, and so which of several ways a library takes, is valgrind's.
    pub(super) valgrind: String,
    /// `memcpy` and its like are in it.
    pub(super) glibc: String,
}

impl Surroundings {
    /// Those of this machine.
    pub(super) fn here() -> Result<Self> {
        let said = |command: &str, arguments: &[&str]| -> Result<String> {
            let text = process::output(Command::new(command).args(arguments))?;
            Ok(text.lines().next().unwrap_or_default().trim().to_owned())
        };
        Ok(Self {
            date: said("date", &["-u", "+%F"])?,
            rustc: said("rustc", &["--version"])?,
            valgrind: said("valgrind", &["--version"])?,
            glibc: said("getconf", &["GNU_LIBC_VERSION"])?,
        })
    }

    /// What is another here than it was: a sentence each.
    pub(super) fn differences(&self, here: &Self) -> Vec<String> {
        let pairs = [
            ("rustc", &self.rustc, &here.rustc),
            ("valgrind", &self.valgrind, &here.valgrind),
            ("C library", &self.glibc, &here.glibc),
        ];
        let differing = pairs.into_iter().filter(|(_, then, now)| then != now);
        differing
            .map(|(tool, then, now)| format!("another {tool}: {now}; the budgets were counted with {then}"))
            .collect()
    }
}

/// Why nothing can be counted here, if that is so.
pub(crate) fn why_not() -> Option<&'static str> {
    let has_avx2 = || fs::read_to_string("/proc/cpuinfo").is_ok_and(|text| text.contains(" avx2"));
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        Some("the budgets are those of Linux on x86_64")
    } else if !has_avx2() {
        Some("the budgets are those of a processor with AVX2")
    } else if !process::on_path("valgrind") {
        Some("valgrind is not installed")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_compiler_is_told_and_another_day_is_not() {
        let text = |text: &str| text.to_owned();
        let then =
            Surroundings { date: text("a"), rustc: text("1.1"), valgrind: text("3"), glibc: text("2") };
        let now = Surroundings { date: text("b"), rustc: text("1.2"), ..then.clone() };
        assert_eq!(then.differences(&now), ["another rustc: 1.2; the budgets were counted with 1.1"]);
        assert_eq!(then.differences(&Surroundings { date: text("b"), ..then.clone() }), Vec::<String>::new());
    }
}
