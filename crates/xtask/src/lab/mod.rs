//! `cargo xtask lab`: a comms room of network namespaces, real SIP programs in it, and the recorder on its mirror port.
//!
//! Two phones' networks and a telephone system hang on an access switch (a bridge); `tc` mirrors the switch's ports to
//! an interface in the recorder's namespace, as a SPAN port would. Every scenario knows what was said, byte for byte,
//! and compares it with what the recorder kept. Needs root and Linux; nothing of the machine's own network is touched.

mod cost;
mod exchange;
mod health;
mod hearing;
mod linphones;
mod listing;
mod order;
mod phones;
mod program;
mod recorder;
mod room;
mod scenario;
mod scrape;
mod scripted;
mod sender;
mod softphones;
mod table;
mod voice;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

pub(crate) use self::order::{HELP, Order, help};
use self::{order::Keep, room::Room, table::Table};
use crate::{process, setup, workspace};

/// Everything that a scenario needs.
struct Lab {
    /// What was asked for.
    order: Order,
    /// The namespaces, the switch and its mirror.
    room: Room,
    /// The programs under test and beside it.
    tools: Tools,
    /// Where vaults, logs and audio of this run are.
    folder: PathBuf,
}

/// What cargo built.
#[derive(Clone)]
struct Tools {
    /// The recorder.
    earwitness: PathBuf,
    /// testkit's `generate`: loads, floods, and the truth about them.
    generate: PathBuf,
    /// capture's `bare_reader`: the least that reading a ring costs.
    bare_reader: PathBuf,
}

/// Builds the room, runs the scenarios, tells what they found.
pub(crate) fn run(order: &Order) -> Result<()> {
    if process::output(Command::new("id").arg("-u"))?.trim() != "0" {
        bail!("the lab makes network namespaces: run it as root, in a machine or container of its own");
    }
    setup::programs(order.programs())?;
    let target = workspace::target_dir()?;
    let tools = match &order.built {
        Some(release) => Tools::of(release),
        None => Tools::build(&target)?,
    };
    let home = target.join("lab");
    fs::create_dir_all(&home).with_context(|| format!("cannot make {}", home.display()))?;
    let _lock = room::lock(&home)?;
    let mut failed = Vec::new();
    for scenario in order.scenarios() {
        let folder = home.join(scenario.name());
        empty(&folder)?;
        let room = Room::build(order.mirror, order.offloads, &folder)?;
        let lab = Lab { order: order.clone(), room, tools: tools.clone(), folder };
        println!("\nlab: {}: {}", scenario.name(), scenario.about());
        let mut table = Table::new(scenario.name());
        let outcome = scenario.run(&lab, &mut table);
        table.print();
        let passed = outcome.is_ok() && !table.has_failures();
        if let Err(error) = outcome {
            println!("lab: {}: {error:#}", scenario.name());
        }
        if !passed {
            failed.push(scenario.name());
        }
        match order.keep {
            Keep::Yes => lab.room.leave(),
            Keep::No => lab.room.clear()?,
        }
        // Gigabytes, and of no use when every byte was right.
        if passed && order.keep == Keep::No {
            fs::remove_dir_all(home.join(scenario.name())).context("the scenario's folder")?;
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    bail!("failed: {}; logs and vaults are in {}", failed.join(", "), home.display())
}

impl Tools {
    /// Builds them as an office would run them.
    fn build(target: &Path) -> Result<Self> {
        let mut command = workspace::cargo();
        command.args(["build", "--release", "--package", "earwitness-cli", "--bin", "earwitness"]);
        command.args(["--package", "earwitness-testkit", "--example", "generate"]);
        command.args(["--package", "earwitness-capture", "--example", "bare_reader"]);
        println!("$ {}", process::shown(&command));
        process::succeed(&mut command)?;
        Ok(Self::of(&target.join("release")))
    }

    /// Those in cargo's folder of release builds.
    fn of(release: &Path) -> Self {
        Self {
            earwitness: release.join("earwitness"),
            generate: release.join("examples/generate"),
            bare_reader: release.join("examples/bare_reader"),
        }
    }
}

impl Lab {
    /// A file of this run.
    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The vault of this run, unless the scenario puts it elsewhere.
    fn vault(&self) -> PathBuf {
        self.path("vault")
    }

    /// `earwitness COMMAND --vault VAULT ARGUMENTS…`, which is shown when it fails.
    fn earwitness(&self, command: &str, vault: &Path, arguments: &[&str]) -> Command {
        let mut line = Command::new(&self.tools.earwitness);
        line.arg(command).arg("--vault").arg(vault).args(arguments).current_dir(&self.folder);
        line
    }
}

/// Makes `folder` new.
fn empty(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot empty {}", folder.display()));
        }
        Ok(()) | Err(_) => {}
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))
}
