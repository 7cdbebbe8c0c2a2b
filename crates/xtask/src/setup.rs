//! `cargo xtask setup`: what the build and the tests need from the system, installed where that is allowed.

use std::{env, path::Path, process::Command};

use anyhow::{Result, bail};

use crate::process;

/// What `cargo xtask setup --help` prints.
pub(crate) fn help() -> String {
    let things: String =
        THINGS.iter().map(|thing| format!("\n  {:<12} {}", thing.package, thing.purpose)).collect();
    format!(
        "cargo xtask setup\n\nInstalls what is missing of these, as root; otherwise prints the line that does.\n{things}"
    )
}

/// What must be ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// What the product needs to be built.
    Build,
    /// The same, and the programs that tests compare with.
    Tests,
}

/// Whether work can go on without a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    /// The product does not build without it.
    Required,
    /// The tests that use it are left out without it, or fail.
    Tests,
}

/// Something that a package of the system brings.
#[derive(Debug)]
struct Thing {
    /// Its package in Debian and Ubuntu.
    package: &'static str,
    /// What it is for.
    purpose: &'static str,
    /// Whether work can go on without it.
    need: Need,
    /// Whether it is there.
    present: fn() -> bool,
}

/// Everything the project wants from the system, the required first.
const THINGS: [Thing; 9] = [
    Thing { package: "libpcap-dev", purpose: "capture", need: Need::Required, present: has_libpcap },
    Thing {
        package: "iproute2",
        purpose: "tests: network namespaces with a mirror port of their own",
        need: Need::Tests,
        present: || process::on_path("ip"),
    },
    Thing {
        package: "tshark",
        purpose: "tests: Wireshark's reading of our exports",
        need: Need::Tests,
        present: || process::on_path("tshark"),
    },
    Thing {
        package: "sox",
        purpose: "tests: another reader of our WAV and FLAC",
        need: Need::Tests,
        present: || process::on_path("sox"),
    },
    Thing {
        package: "age",
        purpose: "tests: an officer's key opened without us",
        need: Need::Tests,
        present: || process::on_path("age"),
    },
    Thing {
        package: "p7zip-full",
        purpose: "tests: another reader of our locked zips",
        need: Need::Tests,
        present: || process::on_path("7z"),
    },
    Thing {
        package: "librsvg2-bin",
        purpose: "tests: a call's picture, drawn by another program",
        need: Need::Tests,
        present: || process::on_path("rsvg-convert"),
    },
    Thing {
        package: "strace",
        purpose: "tests: what the index tells the disk, seen from outside; without it they fail",
        need: Need::Tests,
        present: || process::on_path("strace"),
    },
    Thing {
        package: "valgrind",
        purpose: "tests: instructions of the hot path, counted",
        need: Need::Tests,
        present: || process::on_path("valgrind"),
    },
];

/// Installs what `scope` lacks, or says how; an error only when something required stays missing.
pub(crate) fn run(scope: Scope) -> Result<()> {
    let missing = missing(scope, |thing| (thing.present)());
    if missing.is_empty() {
        println!("setup: nothing is missing");
        return Ok(());
    }
    for thing in &missing {
        println!("setup: {} is missing ({})", thing.package, thing.purpose);
    }
    if let Some(apt) = Apt::find() {
        apt.install(missing.iter().map(|thing| thing.package));
    }
    conclude(&missing, |thing| (thing.present)())
}

/// Installs the programs that are not on the path, each with the package that brings it; an error when one stays missing.
/// What a scenario of the lab needs is too heavy for [`run`].
pub(crate) fn programs(needed: Vec<(&'static str, &'static str)>) -> Result<()> {
    let lacking = || needed.iter().filter(|(program, _)| !process::on_path(program));
    let mut packages: Vec<&str> = lacking().map(|(_, package)| *package).collect();
    packages.dedup();
    if packages.is_empty() {
        return Ok(());
    }
    println!("setup: missing programs are in {}", packages.join(" "));
    if let Some(apt) = Apt::find() {
        apt.install(packages.iter().copied());
    }
    match lacking().next() {
        None => Ok(()),
        Some((program, _)) => {
            bail!("{program} is still missing. Run `sudo apt-get install -y {}`", packages.join(" "))
        }
    }
}

/// The things of `scope` that are not there.
fn missing(scope: Scope, present: impl Fn(&Thing) -> bool) -> Vec<&'static Thing> {
    THINGS
        .iter()
        .filter(|thing| match thing.need {
            Need::Required => true,
            Need::Tests => scope == Scope::Tests,
        })
        .filter(|thing| !present(thing))
        .collect()
}

/// Says what is still missing and the line that installs it; an error when any of it is required.
fn conclude(wanted: &[&Thing], present: impl Fn(&Thing) -> bool) -> Result<()> {
    let still: Vec<&Thing> = wanted.iter().copied().filter(|thing| !present(thing)).collect();
    if still.is_empty() {
        println!("setup: done");
        return Ok(());
    }
    let packages = packages(&still);
    let line = format!("sudo apt-get install -y {packages}");
    if still.iter().any(|thing| thing.need == Need::Required) {
        bail!(
            "{packages}: still missing. Run `{line}` (elsewhere than Debian or Ubuntu: the package with pcap.h)"
        );
    }
    println!(
        "setup: going on without {packages}; tests that use them are left out or fail. To have them: {line}"
    );
    Ok(())
}

/// Package names, with a blank between.
fn packages(things: &[&Thing]) -> String {
    things.iter().map(|thing| thing.package).collect::<Vec<_>>().join(" ")
}

/// libpcap's header, or the folder that the `pcap` crate is told of.
fn has_libpcap() -> bool {
    env::var_os("LIBPCAP_LIBDIR").is_some()
        || ["/usr/include/pcap.h", "/usr/include/pcap/pcap.h", "/usr/local/include/pcap.h"]
            .iter()
            .any(|header| Path::new(header).is_file())
}

/// An apt-get that may be used without asking anybody.
struct Apt {
    /// The words before the arguments of apt-get.
    prefix: &'static [&'static str],
}

impl Apt {
    /// apt-get as root, or by a sudo that wants no password.
    fn find() -> Option<Self> {
        if !process::on_path("apt-get") {
            return None;
        }
        let is_root = process::output(Command::new("id").arg("-u")).is_ok_and(|uid| uid.trim() == "0");
        if is_root {
            return Some(Self { prefix: &["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"] });
        }
        let may_sudo = process::answers(Command::new("sudo").args(["-n", "true"]));
        may_sudo
            .then_some(Self { prefix: &["sudo", "-n", "env", "DEBIAN_FRONTEND=noninteractive", "apt-get"] })
    }

    /// Installs what it can. One package that the system does not know must not keep the others away, so each goes
    /// alone; lists that are too old are renewed once. What is missing afterwards is for [`conclude`] to say.
    fn install(&self, packages: impl Iterator<Item = &'static str>) {
        let mut lists_are_fresh = false;
        for package in packages {
            let mut done = self.get(&["install", "-y", "--no-install-recommends", package]);
            if done.is_err() && !lists_are_fresh {
                lists_are_fresh = true;
                done = self
                    .get(&["update"])
                    .and_then(|()| self.get(&["install", "-y", "--no-install-recommends", package]));
            }
            if let Err(error) = done {
                println!("setup: {error:#}");
            }
        }
    }

    /// Runs apt-get, and shows what is run.
    fn get(&self, arguments: &[&str]) -> Result<()> {
        let mut words = self.prefix.iter().chain(arguments);
        let mut command = Command::new(words.next().copied().unwrap_or("apt-get"));
        command.args(words);
        println!("$ {}", process::shown(&command));
        process::succeed(&mut command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn building_wants_libpcap_only_and_tests_want_the_rest_too() {
        assert_eq!(packages(&missing(Scope::Build, |_| false)), "libpcap-dev");
        assert_eq!(
            packages(&missing(Scope::Tests, |_| false)),
            "libpcap-dev iproute2 tshark sox age p7zip-full librsvg2-bin strace valgrind"
        );
        assert_eq!(
            packages(&missing(Scope::Tests, |thing| thing.package == "sox")),
            "libpcap-dev iproute2 tshark age p7zip-full librsvg2-bin strace valgrind"
        );
    }

    #[test]
    fn only_a_required_thing_stops_the_work() {
        let wanted: Vec<&Thing> = THINGS.iter().collect();
        conclude(&wanted, |thing| thing.need == Need::Required).expect("tests' tools may be missing");
        let error = conclude(&wanted, |thing| thing.need == Need::Tests).expect_err("libpcap-dev may not");
        assert_eq!(
            error.to_string(),
            "libpcap-dev: still missing. Run `sudo apt-get install -y libpcap-dev` (elsewhere than Debian or \
             Ubuntu: the package with pcap.h)"
        );
    }
}
