//! `cargo xtask dist --check`: the package in a clean root, under a systemd of its own.
//!
//! A Debian is made in a folder and booted as a container, in a network namespace that has a mirror port and nothing else.
//! The package is installed there, started, made to record, killed, frozen, stopped and purged, as an office would see it.

mod machine;
mod mirror;

use std::{
    fs,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use self::{machine::Machine, mirror::Mirror};
use crate::process;

/// The Debian that is made.
const SUITE: &str = "bookworm";
/// What it has beside the base: a systemd to be booted, and what the package depends on, so that it installs offline.
const WITH: &str = "systemd-sysv,dbus,adduser,libpcap0.8,libgcc-s1,iproute2,man-db";
/// How often the recorder must give a sign of life there, so that its absence is seen while somebody waits.
const WATCHDOG_S: u64 = 6;
/// How long a call that was hung up stays open for what comes late, and a line of status old.
const ENDED: Duration = Duration::from_secs(90);
/// The calls that are sent.
const CALLS: usize = 12;
/// The options that an office may write into a file.
const CONFIGURATION: &str = "/etc/earwitness/earwitness.toml";
/// The port that the metrics are at.
const METRICS: u16 = 9464;

/// Runs every step, and says what it showed.
pub(super) fn run(package: &Path, out: &Path) -> Result<()> {
    lint(package)?;
    let missing: Vec<&str> = ["mmdebstrap", "systemd-nspawn", "nsenter", "ip"]
        .into_iter()
        .filter(|program| !process::on_path(program))
        .collect();
    if !missing.is_empty() || process::output(Command::new("id").arg("-u"))?.trim() != "0" {
        bail!(
            "the clean root needs root, and {}",
            ["mmdebstrap", "systemd-container", "iproute2"].join(", ")
        );
    }
    let root = out.join("root");
    make_root(&root)?;
    fs::copy(package, root.join("earwitness.deb")).context("cannot copy the package into the clean root")?;
    let mirror = Mirror::new()?;
    let machine = Machine::boot(&root, mirror.namespace())?;
    installed_and_quiet(&machine)?;
    let pid = starts_and_is_confined(&machine)?;
    records(&machine, &mirror)?;
    comes_back(&machine, pid)?;
    stops_in_order(&machine)?;
    upgrades_and_leaves_settings(&machine)?;
    goes_and_leaves_recordings(&machine)?;
    drop(machine);
    fs::remove_dir_all(&root).context("cannot remove the clean root")
}

/// One thing that was shown.
fn shown(what: impl std::fmt::Display) {
    println!("check: {what}");
}

/// Debian's own reading of the package.
fn lint(package: &Path) -> Result<()> {
    if !process::on_path("lintian") {
        println!("check: LEFT OUT: lintian is not installed");
        return Ok(());
    }
    let mut command = Command::new("lintian");
    command.args(["--allow-root", "--fail-on", "error,warning"]).arg(package);
    process::succeed(&mut command)?;
    shown("lintian finds no error and nothing to warn of");
    Ok(())
}

/// A clean root in the folder `root`. What Debian sends is kept beside it, so that a second check is quick.
fn make_root(root: &Path) -> Result<()> {
    let base = root.with_file_name(format!("{SUITE}.tar"));
    if !base.exists() {
        let fresh = root.with_file_name("fresh.tar");
        let mut command = Command::new("mmdebstrap");
        command
            .args(["--quiet", "--variant=minbase"])
            .arg(format!("--include={WITH}"))
            .arg(SUITE)
            .arg(&fresh);
        println!("$ {}", process::shown(&command));
        process::succeed(&mut command)?;
        fs::rename(&fresh, &base).context("cannot keep the clean root")?;
    }
    if root.exists() {
        fs::remove_dir_all(root).with_context(|| format!("cannot empty {}", root.display()))?;
    }
    fs::create_dir_all(root).with_context(|| format!("cannot make {}", root.display()))?;
    process::succeed(
        Command::new("tar").args(["--extract", "--numeric-owner", "--file"]).arg(&base).arg("-C").arg(root),
    )
}

/// The package is installed, and nothing happens before somebody decided.
fn installed_and_quiet(machine: &Machine) -> Result<()> {
    machine.run("apt-get install -y --no-install-recommends /earwitness.deb >/dev/null")?;
    let version = machine.says("earwitness --version")?;
    let folder = machine.says("stat -c '%U:%G %a' /var/lib/earwitness")?;
    ensure!(folder == "earwitness:earwitness 700", "the vault's folder is {folder}");
    machine.refuses("systemctl is-enabled --quiet earwitness", None)?;
    machine.refuses("systemctl start earwitness", Some("Assertion failed"))?;
    machine.refuses("earwitness rules check", Some("no *.toml file in it"))?;
    machine.run("man -w earwitness earwitness-record >/dev/null && test -s /etc/earwitness/capture-rules/office.toml.example")?;
    let conffiles = machine.says("dpkg-query --show --showformat '${Conffiles}' earwitness")?;
    ensure!(conffiles.contains(&format!(" {CONFIGURATION} ")), "{CONFIGURATION} is none of\n{conffiles}");
    shown(format_args!(
        "{version} is installed; without a vault and rules of its own it starts nothing and records nobody"
    ));
    Ok(())
}

/// What an administrator does, then the start; the recorder's process id.
fn starts_and_is_confined(machine: &Machine) -> Result<u32> {
    machine.run("cd /etc/earwitness/capture-rules && for f in *.example; do cp $f ${f%.example}; done")?;
    machine.run(
        "earwitness rules check >/dev/null && earwitness init --access open --zone Asia/Seoul 2>/dev/null",
    )?;
    let owners = machine.says("find /var/lib/earwitness ! -user earwitness | wc -l")?;
    ensure!(owners == "0", "{owners} files of the vault do not belong to the recorder");
    machine.refuses(
        "setpriv --reuid=earwitness --clear-groups cat /var/lib/earwitness.key",
        Some("Permission denied"),
    )?;
    machine.refuses("systemctl start earwitness", None)?;
    let restarts = machine.property("NRestarts")?;
    ensure!(restarts == "0", "without an interface it was started again {restarts} times");
    machine.run(&format!("sed -i 's/^#interface = .*/interface = [\"tap\"]/' {CONFIGURATION}"))?;
    machine.run(&format!("sed -i 's/^EARWITNESS_OPTIONS=.*/EARWITNESS_OPTIONS=\"--metrics {METRICS}\"/' /etc/default/earwitness"))?;
    machine.run(&format!("mkdir -p /etc/systemd/system/earwitness.service.d && printf '[Service]\\nWatchdogSec={WATCHDOG_S}\\n' > /etc/systemd/system/earwitness.service.d/check.conf && systemctl daemon-reload"))?;
    machine.run("systemctl start earwitness")?;
    let (state, status) = (machine.property("ActiveState")?, machine.property("StatusText")?);
    ensure!(state == "active" && status.contains("tap up"), "after READY=1 it is {state}: {status}");
    shown(format_args!("systemctl start: READY=1 came; status: {status}"));
    both_files_are_read(machine)?;
    let pid = machine.pid()?;
    let line = |name: &str| machine.says(&format!("awk '/^{name}:/ {{print $2}}' /proc/{pid}/status"));
    for (name, expected) in [
        ("CapEff", "0000000000002000"),
        ("CapPrm", "0000000000002000"),
        ("CapBnd", "0000000000002000"),
        ("CapAmb", "0000000000000000"),
        ("NoNewPrivs", "1"),
        ("Seccomp", "2"),
    ] {
        let found = line(name)?;
        ensure!(found == expected, "{name} is {found}, not {expected}");
    }
    let core = machine.says(&format!("awk '/^Max core/ {{print $5, $6}}' /proc/{pid}/limits"))?;
    ensure!(core == "0 0", "core files may have {core}");
    let user = machine.says(&format!("ps -o user= -p {pid} 2>/dev/null || stat -c %U /proc/{pid}/task"))?;
    let said =
        machine.says("journalctl -u earwitness -o cat | grep -o 'no capability but[^\"]*' | tail -1")?;
    ensure!(!said.is_empty(), "the recorder does not say what it gave up");
    shown(format_args!("process of {user}, CAP_NET_RAW only, system calls filtered, no core; {said}"));
    Ok(pid)
}

/// The interface came from one file of settings; the other's port for metrics is listened on, by this machine only.
fn both_files_are_read(machine: &Machine) -> Result<()> {
    let listening =
        machine.says(&format!("ss --no-header --listening --tcp --numeric 'sport = :{METRICS}'"))?;
    ensure!(listening.contains(&format!("127.0.0.1:{METRICS}")), "metrics are at: {listening:?}");
    shown("the interface is that of the configuration file, the port of the metrics that of /etc/default");
    Ok(())
}

/// Calls come over the mirror port, and the service manager sees that the recorder lives.
fn records(machine: &Machine, mirror: &Mirror) -> Result<()> {
    let before = machine.property("WatchdogTimestampMonotonic")?;
    mirror.send(CALLS)?;
    let pinged = wait(Duration::from_secs(3 * WATCHDOG_S), || {
        Ok(machine.property("WatchdogTimestampMonotonic")? != before)
    })?;
    ensure!(pinged, "no WATCHDOG=1 came");
    shown("WATCHDOG=1 comes");
    let expected = format!(" {CALLS} are listed");
    let listed = wait(ENDED, || Ok(machine.property("StatusText")?.contains(&expected)))?;
    ensure!(listed, "after {CALLS} calls it says: {}", machine.property("StatusText")?);
    shown(format_args!("{CALLS} calls sent; status: {}", machine.property("StatusText")?));
    machine.run("systemctl reload earwitness")?;
    ensure!(machine.property("ActiveState")? == "active", "it did not outlive other rules");
    shown("systemctl reload: the rules are read again");
    Ok(())
}

/// A recorder that is killed, or that hangs, is started again.
fn comes_back(machine: &Machine, pid: u32) -> Result<()> {
    machine.run(&format!("kill -KILL {pid}"))?;
    let back = |old: u32| {
        wait(Duration::from_secs(60), || {
            Ok(machine.property("ActiveState")? == "active" && machine.pid().is_ok_and(|new| new != old))
        })
    };
    ensure!(back(pid)?, "it did not come back after SIGKILL");
    shown("killed (SIGKILL): it is recording again");
    let pid = machine.pid()?;
    machine.run(&format!("kill -STOP {pid}"))?;
    let stopped = Instant::now();
    ensure!(back(pid)?, "it did not come back after it was frozen");
    let seconds = stopped.elapsed().as_secs();
    shown(format_args!("frozen (SIGSTOP): no WATCHDOG=1, ended and recording again after {seconds} s"));
    Ok(())
}

/// Running calls are sealed and the exit code is 0; what was sent is there and whole.
fn stops_in_order(machine: &Machine) -> Result<()> {
    machine.run("systemctl stop earwitness")?;
    let (result, code) = (machine.property("Result")?, machine.property("ExecMainStatus")?);
    ensure!((result.as_str(), code.as_str()) == ("success", "0"), "it stopped with {result}, code {code}");
    let as_user = "setpriv --reuid=earwitness --regid=earwitness --clear-groups env HOME=/";
    let listed = machine.says(&format!("{as_user} earwitness list --all 2>/dev/null | wc -l"))?;
    let kept = machine.says(&format!("{as_user} earwitness list 2>/dev/null | wc -l"))?;
    ensure!(listed == CALLS.to_string() && kept != "0", "{listed} of {CALLS} calls are listed, {kept} kept");
    let verdict = machine.says(&format!("{as_user} earwitness verify --all"))?;
    machine
        .run("earwitness list >/dev/null 2>&1 && systemctl start earwitness && systemctl stop earwitness")?;
    shown(format_args!(
        "systemctl stop: success, exit code 0; {CALLS} calls sent, {listed} listed, {kept} kept; {verdict}"
    ));
    Ok(())
}

/// The package over itself: what the office wrote stays, and what was stopped stays so.
fn upgrades_and_leaves_settings(machine: &Machine) -> Result<()> {
    machine.run(
        "apt-get install -y --reinstall --no-install-recommends /earwitness.deb </dev/null >/dev/null 2>&1",
    )?;
    machine.run(&format!("grep -q '^interface = \\[\"tap\"\\]$' {CONFIGURATION}"))?;
    machine
        .run(&format!("grep -q '^EARWITNESS_OPTIONS=\"--metrics {METRICS}\"$' /etc/default/earwitness"))?;
    let state = machine.property("ActiveState")?;
    ensure!(state == "inactive", "a recorder that was stopped is {state} after an upgrade");
    shown("installed again: what the office wrote in /etc is as it was, and nothing was started");
    Ok(())
}

/// A purge leaves recordings and their owner, and nothing else; without recordings it leaves nothing.
fn goes_and_leaves_recordings(machine: &Machine) -> Result<()> {
    machine.run("apt-get purge -y earwitness >/dev/null 2>&1")?;
    machine.run("test -s /var/lib/earwitness/vault.toml && getent passwd earwitness >/dev/null")?;
    machine.refuses("command -v earwitness", None)?;
    machine.run("test ! -e /etc/default/earwitness && test ! -e /etc/earwitness/earwitness.toml && test ! -e /lib/systemd/system/earwitness.service")?;
    shown("purge: the program is gone; the vault is there, and the user who owns it");
    machine.run("apt-get install -y --no-install-recommends /earwitness.deb >/dev/null 2>&1")?;
    machine.run("rm -r /var/lib/earwitness /var/lib/earwitness.key /etc/earwitness/capture-rules/*.toml && install -d -o earwitness -g earwitness /var/lib/earwitness")?;
    machine.run(
        "rm -r /etc/systemd/system/earwitness.service.d && apt-get purge -y earwitness >/dev/null 2>&1",
    )?;
    let left = machine.says("find / -xdev \\( -name '*earwitness*' -o -user 999999 \\) ! -path '/proc/*' ! -path '/sys/*' ! -path '/var/log/*' ! -path '/var/cache/*' ! -path '/run/*' ! -name earwitness.deb | sort | tr '\\n' ' '")?;
    ensure!(left.is_empty(), "a purge without recordings leaves {left}");
    machine.refuses("getent passwd earwitness", None)?;
    shown("purge without recordings: nothing is left, no user either");
    Ok(())
}

/// Looks until it is so, or for too long.
fn wait(most: Duration, mut is_so: impl FnMut() -> Result<bool>) -> Result<bool> {
    let begun = Instant::now();
    while begun.elapsed() < most {
        if is_so()? {
            return Ok(true);
        }
        thread::sleep(Duration::from_millis(250));
    }
    Ok(false)
}
