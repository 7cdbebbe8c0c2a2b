//! `earwitness-verify`, which is handed to whoever gets a bundle: one file that needs no other.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};

use super::Profile;
use crate::{process, workspace};

/// The system's libraries are in it, and everything is at a fixed place: no loader is asked. It is said of the program alone,
/// for that is where libraries are chosen, and nothing that it is made of is built anew.
const STATIC: [&str; 5] = ["--", "-C", "target-feature=+crt-static", "-C", "relocation-model=static"];
/// A segment that names a loader (the ELF format, program header types).
const INTERPRETER: u32 = 3;
/// A segment that says which other files are needed.
const DYNAMIC: u32 = 2;

/// Builds the verifier, makes sure that it needs nothing, and says where it is.
pub(super) fn build(profile: Profile) -> Result<PathBuf> {
    let mut command = workspace::cargo();
    command.args(["rustc", "--package", "earwitness-evidence", "--bin", "earwitness-verify"]);
    let folder = match profile {
        Profile::Release => {
            command.arg("--release");
            "release"
        }
        Profile::Debug => "debug",
    };
    command.args(STATIC);
    println!("$ {}", process::shown(&command));
    process::succeed(&mut command)?;
    let program = workspace::target_dir()?.join(folder).join("earwitness-verify");
    let bytes = fs::read(&program).with_context(|| format!("cannot read {}", program.display()))?;
    ensure!(is_static(&bytes), "{} needs other files", program.display());
    Ok(program)
}

/// Puts it beside the package, without what only debuggers read.
pub(super) fn put_beside(verifier: &Path, out: &Path) -> Result<PathBuf> {
    let place = out.join("earwitness-verify");
    super::layout::strip(verifier, &place)?;
    Ok(place)
}

/// Whether an ELF file of 64 bits, little-endian, names neither a loader nor anything else that it needs.
fn is_static(bytes: &[u8]) -> bool {
    let half = |at: usize| Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
    let headers = || {
        let begin = u64::from_le_bytes(*bytes.get(32..)?.first_chunk()?);
        let (size, count) = (half(54)?, half(56)?);
        let kinds = (0..usize::from(count)).map(|place| {
            let at = usize::try_from(begin).ok()? + place * usize::from(size);
            Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
        });
        kinds.collect::<Option<Vec<u32>>>()
    };
    let is_elf = bytes.starts_with(b"\x7fELF\x02\x01");
    is_elf && headers().is_some_and(|kinds| !kinds.iter().any(|kind| [INTERPRETER, DYNAMIC].contains(kind)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_asks_a_loader_is_not_static() {
        let this =
            fs::read(std::env::current_exe().expect("a test runs from a file")).expect("it can be read");
        assert!(!is_static(&this), "tests are linked as usual");
        assert!(!is_static(b"#!/bin/sh\n") && !is_static(b""));
        let mut bare = this[..64].to_vec();
        bare[56..58].fill(0);
        assert!(is_static(&bare), "no segment names anything");
    }
}
