//! From a tree to a package: what dpkg wants to know, and `dpkg-deb`.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result};

use super::{
    epoch, layout,
    tree::{Mode, Tree},
};
use crate::process;

/// What the package is called by.
pub(super) struct Identity<'a> {
    /// The program's version.
    pub(super) version: &'a str,
    /// Debian's name of the machine.
    pub(super) architecture: &'a str,
}

/// What the program needs, where `dpkg-shlibdeps` is not there to say it: the libraries it is linked with.
const DEPENDS: &str = "libc6, libgcc-s1, libpcap0.8";

/// Packs `tree` as `package`.
pub(super) fn pack(tree: &Tree, package: &Path, identity: &Identity<'_>) -> Result<()> {
    let files = tree.files()?;
    let conffiles: Vec<&String> = files.iter().filter(|file| file.starts_with("etc/")).collect();
    let sums = process::output(Command::new("md5sum").current_dir(tree.root()).args(&files))?;
    let control = layout::ours("control")?
        .replace("@VERSION@", identity.version)
        .replace("@ARCHITECTURE@", identity.architecture)
        .replace("@SIZE@", &kibibytes(tree.root(), &files)?.to_string())
        .replace("@DEPENDS@", &depends(tree)?);
    tree.write("DEBIAN/control", Mode::Plain, control)?;
    tree.write("DEBIAN/md5sums", Mode::Plain, sums)?;
    let listed: String = conffiles.iter().map(|file| format!("/{file}\n")).collect();
    tree.write("DEBIAN/conffiles", Mode::Plain, listed)?;
    for script in ["postinst", "prerm", "postrm"] {
        tree.write(&format!("DEBIAN/{script}"), Mode::Program, layout::ours(script)?)?;
    }
    let mut command = Command::new("dpkg-deb");
    command.args(["--root-owner-group", "-Zxz", "--threads-max=1", "--build"]).arg(tree.root()).arg(package);
    command.env("SOURCE_DATE_EPOCH", epoch()?).stdout(Stdio::null());
    process::succeed(&mut command)
}

/// How much room the files take, by the rule of Debian's policy: each file's size in KiB, rounded up.
fn kibibytes(root: &Path, files: &[String]) -> Result<u64> {
    let sizes = files.iter().map(|file| Ok(fs::metadata(root.join(file))?.len().div_ceil(1024)));
    sizes.sum::<Result<u64>>().context("cannot measure the tree")
}

/// The packages whose libraries the program is linked with.
fn depends(tree: &Tree) -> Result<String> {
    if !process::on_path("dpkg-shlibdeps") {
        return Ok(DEPENDS.to_owned());
    }
    // It takes a tree for a package's when it is called `debian/NAME`, from the folder where it runs.
    let debian = tree.root().parent().context("a tree lies in a folder")?;
    fs::write(debian.join("control"), "Source: earwitness\n\nPackage: earwitness\nArchitecture: any\n")?;
    let mut command = Command::new("dpkg-shlibdeps");
    command.current_dir(debian.parent().unwrap_or(debian)).arg("-O");
    let printed = process::output(command.arg("-edebian/earwitness/usr/bin/earwitness"))?;
    let depends = printed.trim().strip_prefix("shlibs:Depends=").filter(|list| !list.is_empty());
    Ok(depends.with_context(|| format!("dpkg-shlibdeps printed {printed:?}"))?.to_owned())
}
