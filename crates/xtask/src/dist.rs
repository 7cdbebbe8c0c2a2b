//! `cargo xtask dist`: the Debian package, and with `--check` the proof that it installs, records, stops and goes.
//!
//! The package is a function of the program and of the tree: file times are the changelog's date (or
//! `SOURCE_DATE_EPOCH`), owners are root, order is the alphabet's.

mod check;
mod deb;
mod layout;
mod man;
mod tree;
mod verifier;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};

use crate::{process, workspace};

/// What `cargo xtask dist --help` prints.
pub(crate) const HELP: &str = "\
cargo xtask dist [--check] [--debug] [--program FILE] [--out DIR]

Builds the recorder and the verifier, which is static, and makes the Debian package of them: the same bytes,
whoever makes it and when. The verifier lies beside the package, too: for whoever gets an evidence bundle.

  --check          make it twice and compare; have lintian read it, if it is there; install it in a clean Debian of its
                   own, record, kill, freeze, stop, upgrade and purge it there (as root, with mmdebstrap,
                   systemd-container and iproute2)
  --debug          pack the build that the tests have made; never for an office
  --program FILE   pack this program, which is built already
  --out DIR        where the package goes; target/dist unless told";

/// What `cargo xtask dist` was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Order {
    profile: Profile,
    /// A program that is built already.
    program: Option<PathBuf>,
    /// Where the package goes; `None`: `dist` in the target directory.
    out: Option<PathBuf>,
    proof: Proof,
}

/// Which build is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Profile {
    /// What an office runs.
    Release,
    /// What the tests have built already.
    Debug,
}

/// Whether the package is only made, or tried out too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proof {
    /// Only made.
    None,
    /// Made twice, and tried out in a clean root.
    Check,
}

impl Order {
    /// Reads the arguments of `cargo xtask dist`.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self> {
        let mut order = Self { profile: Profile::Release, program: None, out: None, proof: Proof::None };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let mut path = |what: &str| -> Result<PathBuf> {
                let path = words.next().with_context(|| format!("{word} needs {what}"))?;
                std::path::absolute(path).with_context(|| format!("{path} is no path"))
            };
            match word.as_str() {
                "--debug" => order.profile = Profile::Debug,
                "--check" => order.proof = Proof::Check,
                "--program" => order.program = Some(path("a file")?),
                "--out" => order.out = Some(path("a directory")?),
                other => bail!("dist knows --check, --debug, --program FILE and --out DIR, not {other:?}"),
            }
        }
        Ok(order)
    }
}

/// Makes the package, and tries it out when that was asked for.
pub(crate) fn run(order: &Order) -> Result<()> {
    for program in ["dpkg-deb", "strip", "gzip", "md5sum"] {
        ensure!(
            process::on_path(program),
            "{program} is missing: apt-get install dpkg binutils gzip coreutils"
        );
    }
    let program = match &order.program {
        Some(program) => program.clone(),
        None => build(order.profile)?,
    };
    let out = match &order.out {
        Some(out) => out.clone(),
        None => workspace::target_dir()?.join("dist"),
    };
    let programs = (program.as_path(), &*verifier::build(order.profile)?);
    let package = make(programs, &out)?;
    println!("dist: {} ({} KiB)", package.display(), fs::metadata(&package)?.len().div_ceil(1024));
    let beside = verifier::put_beside(programs.1, &out)?;
    println!("dist: {} ({} KiB)", beside.display(), fs::metadata(&beside)?.len().div_ceil(1024));
    match order.proof {
        Proof::None => Ok(()),
        Proof::Check => {
            same_again(programs, &out, &package)?;
            check::run(&package, &out)
        }
    }
}

/// Builds the program and says where it is.
fn build(profile: Profile) -> Result<PathBuf> {
    let mut command = workspace::cargo();
    command.args(["build", "--package", "earwitness-cli", "--bin", "earwitness"]);
    let folder = match profile {
        Profile::Release => {
            command.arg("--release");
            "release"
        }
        Profile::Debug => "debug",
    };
    println!("$ {}", process::shown(&command));
    process::succeed(&mut command)?;
    Ok(workspace::target_dir()?.join(folder).join("earwitness"))
}

/// Lays the tree out below `out`, where Debian's own programs look for one, and packs it.
fn make(programs: (&Path, &Path), out: &Path) -> Result<PathBuf> {
    let tree = tree::Tree::empty(&out.join("debian/earwitness"))?;
    layout::fill(&tree, programs)?;
    let version = env!("CARGO_PKG_VERSION");
    let architecture = process::output(Command::new("dpkg").arg("--print-architecture"))?;
    let package = out.join(format!("earwitness_{version}_{}.deb", architecture.trim()));
    deb::pack(&tree, &package, &deb::Identity { version, architecture: architecture.trim() })?;
    Ok(package)
}

/// Two runs, the same bytes.
fn same_again(programs: (&Path, &Path), out: &Path, package: &Path) -> Result<()> {
    let again = make(programs, &out.join("again"))?;
    let same = fs::read(package)? == fs::read(&again)?;
    fs::remove_dir_all(out.join("again")).context("cannot remove the second package")?;
    ensure!(same, "two runs made two packages that differ");
    println!("check: a second run made the same bytes");
    Ok(())
}

/// The time that files in the package have: `SOURCE_DATE_EPOCH`, else the changelog's, in seconds since 1970.
fn epoch() -> Result<String> {
    if let Ok(epoch) = env::var("SOURCE_DATE_EPOCH") {
        return Ok(epoch);
    }
    let changelog = layout::ours("changelog")?;
    let trailer = changelog.lines().find_map(|line| line.strip_prefix(" -- "));
    let date = trailer.and_then(|line| line.split_once(">  ")).context("the changelog has no date")?.1;
    Ok(process::output(Command::new("date").args(["-u", "+%s", "-d", date]))?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(line: &str) -> Result<Order> {
        Order::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn a_release_is_packed_and_not_tried_out_unless_told_otherwise() {
        let plain = Order { profile: Profile::Release, program: None, out: None, proof: Proof::None };
        assert_eq!(order("").expect("no argument is fine"), plain);
        let told = order("--debug --check --program /p --out /o").expect("all are known");
        let paths = (Some(PathBuf::from("/p")), Some(PathBuf::from("/o")));
        assert_eq!((told.profile, told.proof), (Profile::Debug, Proof::Check));
        assert_eq!((told.program, told.out), paths);
    }

    #[test]
    fn the_changelog_is_of_this_version() {
        let changelog = layout::ours("changelog").expect("there is a changelog");
        let head = format!("earwitness ({}) ", env!("CARGO_PKG_VERSION"));
        assert!(changelog.starts_with(&head), "{}", changelog.lines().next().unwrap_or_default());
    }

    #[test]
    fn files_are_as_old_as_the_changelog_says() {
        // No test may set the environment of the others, so that this one only looks where nobody did.
        if env::var_os("SOURCE_DATE_EPOCH").is_none() {
            let seconds: i64 =
                epoch().expect("the changelog has a date").parse().expect("date prints seconds");
            assert!(seconds >= 1_795_186_800, "21 November 2026 in Seoul, or later: {seconds}");
        }
    }
}
