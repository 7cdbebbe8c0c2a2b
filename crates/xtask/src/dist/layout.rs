//! What goes where on a Debian machine.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result};

use super::{
    man,
    tree::{Mode, Tree},
};
use crate::{process, workspace};

/// Before each of the example office's rule files. A rules file is one that ends in `.toml`: these are not read.
const EXAMPLE: &str = "\
# An example, which is not in force: the recorder reads files that end in .toml. Copy it to a name that does, and write
# your own office into it; `earwitness rules check` reads what you wrote, `earwitness rules explain` tells who is recorded.
# What no rule names is not recorded.
#
";

/// Fills the tree.
pub(super) fn fill(tree: &Tree, (program, verifier): (&Path, &Path)) -> Result<()> {
    for (file, place) in [(program, "usr/bin/earwitness"), (verifier, "usr/bin/earwitness-verify")] {
        strip(file, &tree.at(place)?)?;
        tree.set_mode(place, Mode::Program)?;
    }
    tree.write_gzip("usr/share/man/man1/earwitness-verify.1", ours("earwitness-verify.1")?)?;
    tree.write("lib/systemd/system/earwitness.service", Mode::Plain, ours("earwitness.service")?)?;
    tree.write("etc/default/earwitness", Mode::Plain, ours("earwitness.default")?)?;
    // Every line of it is a comment: it changes nothing before the office does.
    tree.write("etc/earwitness/earwitness.toml", Mode::Plain, ours("earwitness.toml")?)?;
    rules(tree)?;
    man::pages(tree, program)?;
    man::completions(tree, program)?;
    documents(tree)
}

/// A program without what only debuggers read.
pub(super) fn strip(program: &Path, place: &Path) -> Result<()> {
    let mut strip = Command::new("strip");
    strip.args(["--strip-all", "--remove-section=.comment", "-o"]).arg(place).arg(program);
    process::succeed(&mut strip)
}

/// A file of the folder `package`.
pub(super) fn ours(name: &str) -> Result<String> {
    let path = workspace::root().join("crates/xtask/package").join(name);
    fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
}

/// The example office, under names that are not read.
fn rules(tree: &Tree) -> Result<()> {
    let folder = workspace::root().join("capture-rules");
    for entry in fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with(".toml") {
            let text =
                fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let to = format!("etc/earwitness/capture-rules/{name}.example");
            tree.write(&to, Mode::Plain, format!("{EXAMPLE}{text}"))?;
        }
    }
    Ok(())
}

fn documents(tree: &Tree) -> Result<()> {
    let folder = "usr/share/doc/earwitness";
    for (from, to) in [("README.md", "README.md"), ("capture-rules/README.md", "capture-rules.md")] {
        let text = fs::read_to_string(workspace::root().join(from))
            .with_context(|| format!("cannot read {from}"))?;
        tree.write_gzip(&format!("{folder}/{to}"), text)?;
    }
    tree.write_gzip(&format!("{folder}/changelog"), ours("changelog")?)?;
    tree.write(&format!("{folder}/copyright"), Mode::Plain, ours("copyright")?)
}
