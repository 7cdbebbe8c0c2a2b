//! A booted Debian in a folder.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};

use super::wait;

/// How long a boot or a shutdown may take.
const PATIENCE: Duration = Duration::from_secs(90);

/// The machine. It is shut down when it is dropped.
pub(super) struct Machine {
    container: Child,
    /// Its first process, as it is called here.
    leader: u32,
}

impl Machine {
    /// Boots the system in `root`, in the network namespace of this name.
    pub(super) fn boot(root: &Path, namespace: &str) -> Result<Self> {
        let console =
            fs::File::create(root.with_extension("console")).context("cannot write the console's log")?;
        let mut command = Command::new("systemd-nspawn");
        command
            .args([
                "--quiet",
                "--boot",
                "--register=no",
                "--keep-unit",
                "--machine=earwitness-check",
                "--directory",
            ])
            .arg(root)
            .arg(format!("--network-namespace-path=/run/netns/{namespace}"))
            // Its own filter knows no Landlock; the service's filter is what is tried out.
            .env("SYSTEMD_SECCOMP", "0")
            .stdin(Stdio::null())
            .stdout(console.try_clone()?)
            .stderr(console);
        let container = command.spawn().context("cannot start systemd-nspawn")?;
        let mut machine = Self { container, leader: 0 };
        let booted = wait(PATIENCE, || {
            machine.leader = leader(machine.container.id()).unwrap_or(0);
            Ok(machine.leader != 0
                && machine.try_run("systemctl is-active --quiet multi-user.target")?.status.success())
        })?;
        ensure!(booted, "the clean root did not boot; see {}", root.with_extension("console").display());
        Ok(machine)
    }

    /// A shell's line, which must end with 0.
    pub(super) fn run(&self, line: &str) -> Result<()> {
        self.says(line).map(drop)
    }

    /// What a shell's line prints; it must end with 0.
    pub(super) fn says(&self, line: &str) -> Result<String> {
        let output = self.try_run(line)?;
        if !output.status.success() {
            bail!("$ {line}\n{}ended with {}", text(&output), output.status);
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// A shell's line that must fail, and say this.
    pub(super) fn refuses(&self, line: &str, expected: Option<&str>) -> Result<()> {
        let output = self.try_run(line)?;
        let said = text(&output);
        ensure!(!output.status.success(), "$ {line}\n{said}was not refused");
        ensure!(
            expected.is_none_or(|expected| said.contains(expected)),
            "$ {line}\n{said}does not say {expected:?}"
        );
        Ok(())
    }

    /// A property of the service.
    pub(super) fn property(&self, name: &str) -> Result<String> {
        self.says(&format!("systemctl show --value -p {name} earwitness"))
    }

    /// The recorder's process, as it is called in the machine.
    pub(super) fn pid(&self) -> Result<u32> {
        let pid: u32 = self.property("MainPID")?.parse().context("systemd names no process")?;
        ensure!(pid != 0, "the recorder does not run");
        Ok(pid)
    }

    fn try_run(&self, line: &str) -> Result<Output> {
        let mut command = Command::new("nsenter");
        command.args([
            "--target",
            &self.leader.to_string(),
            "--all",
            "--wdns=/",
            "--",
            "/bin/sh",
            "-c",
            line,
        ]);
        command
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env("LC_ALL", "C.UTF-8");
        command.stdin(Stdio::null()).output().context("cannot start nsenter")
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let asked = self.leader != 0 && self.try_run("systemctl poweroff").is_ok();
        let gone = asked && wait(PATIENCE, || Ok(self.container.try_wait()?.is_some())).unwrap_or(false);
        if !gone {
            self.container.kill().unwrap_or_default();
        }
        self.container.wait().map(drop).unwrap_or_default();
    }
}

/// Everything that a command printed.
fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The first process of the container below process `above`: the one that is a systemd.
fn leader(above: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{above}/task/{above}/children")).ok()?;
    children.split_whitespace().filter_map(|child| child.parse().ok()).find_map(|child: u32| {
        let name = fs::read_to_string(format!("/proc/{child}/comm")).ok()?;
        if name.trim() == "systemd" { Some(child) } else { leader(child) }
    })
}
