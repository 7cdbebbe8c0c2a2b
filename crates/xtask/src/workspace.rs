//! Where things are: the workspace's root, its target directory, and the cargo that runs this program.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process;

/// The folder of the workspace's Cargo.toml.
pub(crate) fn root() -> PathBuf {
    let here = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    here.ancestors().nth(2).unwrap_or(&here).to_path_buf()
}

/// The cargo that started this program, run in [`root`].
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// Where cargo builds, whatever chose it: the environment, a configuration file, or nothing.
pub(crate) fn target_dir() -> Result<PathBuf> {
    let metadata = metadata(&root().join("Cargo.toml"))?;
    Ok(metadata["target_directory"].as_str().context("cargo metadata names no target_directory")?.into())
}

/// `cargo metadata` of a manifest, without its dependencies.
pub(crate) fn metadata(manifest: &Path) -> Result<Value> {
    let text = process::output(
        cargo().args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"]).arg(manifest),
    )?;
    serde_json::from_str(&text).context("cargo metadata printed no JSON")
}

/// The folder of real captures, when there is one.
pub(crate) fn corpus() -> Option<PathBuf> {
    env::var_os("EARWITNESS_CORPUS").map(PathBuf::from).filter(|path| path.is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_holds_the_workspace() {
        let manifest = std::fs::read_to_string(root().join("Cargo.toml")).expect("the root has a Cargo.toml");
        assert!(manifest.starts_with("[workspace]"));
    }

    #[test]
    fn the_target_directory_holds_this_test() {
        let this = env::current_exe().expect("a test runs from a file");
        assert!(this.starts_with(target_dir().expect("cargo metadata works")), "{}", this.display());
    }
}
