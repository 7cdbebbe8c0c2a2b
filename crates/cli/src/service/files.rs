//! All files but its own, and all of TCP but its own, are closed to the recorder, by Landlock (Linux 5.13; TCP since 6.7).

use std::{fmt, fs, path::Path};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus, NetPort, Ruleset,
    RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, path_beneath_rules,
};

use super::{Confinement, Hooks};

/// The newest that this program knows; an older kernel does what it can.
const KNOWN: ABI = ABI::V6;

/// What is read of `/etc`, where keys and passwords of others lie too: what the C library asks for libraries, the zone, names
/// of users, and of hosts and protocols for filters and alarms. A file that is put in the place of another later is another:
/// therefore only root, to whom no file is closed otherwise, is held to it.
const READ_OF_ETC: [&str; 14] = [
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/timezone",
    "/etc/passwd",
    "/etc/group",
    "/etc/nsswitch.conf",
    "/etc/host.conf",
    "/etc/hosts",
    // Often a link to elsewhere.
    "/etc/resolv.conf",
    "/etc/gai.conf",
    "/etc/networks",
    "/etc/ethers",
    "/etc/protocols",
    "/etc/services",
];
/// What is read beside that and the rules: libraries, and what the kernel tells of itself and its interfaces.
const READ: [&str; 13] = [
    "/run/systemd/resolve",
    "/run/NetworkManager",
    "/run/resolvconf",
    "/usr",
    "/lib",
    "/lib64",
    "/proc/self",
    "/proc/meminfo",
    "/proc/net",
    "/sys/class/net",
    "/sys/devices",
    "/sys/fs/cgroup",
    "/dev/urandom",
];
/// Where the administrator's commands may leave things.
const SCRATCH: [&str; 2] = ["/tmp", "/var/tmp"];

/// What was closed.
pub(super) struct Closed {
    outcome: Result<(RulesetStatus, LandlockStatus), RulesetError>,
    /// Threads that ran already: what is closed is not closed to them.
    others: usize,
}

/// Closes what `confinement` does not name.
pub(super) fn close(confinement: &Confinement<'_>) -> Closed {
    let others = fs::read_dir("/proc/self/task").map_or(0, |threads| threads.count().saturating_sub(1));
    Closed { outcome: restrict(confinement), others }
}

fn restrict(confinement: &Confinement<'_>) -> Result<(RulesetStatus, LandlockStatus), RulesetError> {
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(KNOWN))?
        .scope(Scope::Signal)?;
    if confinement.hooks == Hooks::None {
        rules = rules.handle_access(AccessNet::from_all(KNOWN))?;
    }
    let mut rules = rules
        .create()?
        .add_rules(path_beneath_rules([confinement.vault], keep()))?
        .add_rules(path_beneath_rules(["/dev/null"], AccessFs::ReadFile | AccessFs::WriteFile))?
        .add_rules(path_beneath_rules(confinement.reads, read()))?;
    rules = match confinement.hooks {
        Hooks::None => rules
            .add_rules(path_beneath_rules(read_of_etc(), read()))?
            .add_rules(path_beneath_rules(READ, read()))?
            .add_rules(ports(confinement.listens, AccessNet::BindTcp))?
            .add_rules(ports(confinement.connects, AccessNet::ConnectTcp))?,
        Hooks::Run => rules
            .add_rules(path_beneath_rules([Path::new("/")], AccessFs::from_read(KNOWN)))?
            .add_rules(path_beneath_rules(SCRATCH, keep()))?,
    };
    let status = rules.restrict_self()?;
    Ok((status.ruleset, status.landlock))
}

fn read_of_etc() -> &'static [&'static str] {
    if rustix::process::geteuid().is_root() { &READ_OF_ETC } else { &["/etc"] }
}

/// Reading, and nothing run.
fn read() -> BitFlags<AccessFs> {
    AccessFs::ReadFile | AccessFs::ReadDir
}

/// All that keeping files takes; nothing run, no device.
fn keep() -> BitFlags<AccessFs> {
    let never = AccessFs::Execute | AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::IoctlDev;
    AccessFs::from_all(KNOWN) & !never
}

fn ports(ports: &[u16], access: AccessNet) -> impl Iterator<Item = Result<NetPort, RulesetError>> {
    ports.iter().map(move |port| Ok(NetPort::new(*port, access)))
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.outcome {
            Ok((RulesetStatus::FullyEnforced, _)) => f.write_str("files and TCP closed by Landlock")?,
            Ok((RulesetStatus::PartiallyEnforced, LandlockStatus::Available { effective_abi, .. })) => {
                write!(f, "files closed by Landlock, as far as this kernel can ({effective_abi})")?;
            }
            Ok((RulesetStatus::PartiallyEnforced, _)) => f.write_str("files closed by Landlock in part")?,
            Ok((RulesetStatus::NotEnforced, _)) => {
                return f.write_str("files are not closed: this kernel has no Landlock");
            }
            Err(error) => return write!(f, "files are not closed: Landlock refused ({error})"),
        }
        match self.others {
            0 => Ok(()),
            others => write!(f, ", but not for {others} threads that ran already"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::ErrorKind::PermissionDenied,
        net::{TcpListener, TcpStream},
        path::PathBuf,
    };

    use super::*;

    /// Landlock binds the thread that asks for it: a thread of its own does, and the other tests go on freely.
    fn confined<T: Send>(confinement: &Confinement<'_>, work: impl FnOnce() -> T + Send) -> Option<T> {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                let closed = close(confinement);
                let said = closed.to_string();
                match closed.outcome.expect("Landlock is there or not, and never fails").0 {
                    RulesetStatus::FullyEnforced => {
                        assert!(said.starts_with("files and TCP closed by Landlock"), "{said}");
                        Some(work())
                    }
                    RulesetStatus::PartiallyEnforced | RulesetStatus::NotEnforced => {
                        println_left_out(&said);
                        None
                    }
                }
            });
            thread.join().expect("the thread ends in order")
        })
    }

    fn println_left_out(said: &str) {
        println!("LEFT OUT: {said}");
    }

    fn denied<T>(outcome: std::io::Result<T>) -> bool {
        outcome.is_err_and(|error| error.kind() == PermissionDenied)
    }

    #[test]
    fn the_vault_is_written_the_rules_are_read_and_nothing_else_is() {
        let home = tempfile::tempdir().expect("a folder can be made");
        let [vault, rules, other] = ["vault", "rules", "other"].map(|name| home.path().join(name));
        for folder in [&vault, &rules, &other] {
            fs::create_dir(folder).expect("a folder can be made");
            fs::write(folder.join("there"), "x").expect("a file can be written");
        }
        let reads = [rules.clone()];
        let confinement =
            Confinement { vault: &vault, reads: &reads, listens: &[], connects: &[], hooks: Hooks::None };
        confined(&confinement, || {
            fs::write(vault.join("new"), "x").expect("the vault may be written");
            fs::create_dir(vault.join("folder")).expect("folders may be made in the vault");
            fs::rename(vault.join("new"), vault.join("folder/new")).expect("and files moved");
            std::os::unix::net::UnixListener::bind(vault.join("socket")).expect("and sockets made");
            assert_eq!(fs::read_to_string(rules.join("there")).expect("rules may be read"), "x");
            assert!(denied(fs::write(rules.join("there"), "y")));
            assert!(denied(fs::read_to_string(other.join("there"))));
            assert!(denied(fs::write(other.join("new"), "x")));
            assert!(denied(fs::remove_file(other.join("there"))));
            assert!(denied(fs::read_dir("/var/log")));
            assert!(denied(fs::read("/etc/shadow")) && denied(fs::read_dir("/etc")));
            assert!(
                fs::read_to_string("/etc/passwd").is_ok() && fs::read_to_string("/proc/self/stat").is_ok()
            );
            let run = std::process::Command::new("/bin/true").status();
            assert!(denied(run), "no program is started");
        });
    }

    #[test]
    fn tcp_is_closed_but_for_the_ports_that_are_named() {
        let home = tempfile::tempdir().expect("a folder can be made");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("it has an address").port();
        let free =
            TcpListener::bind("127.0.0.1:0").and_then(|other| other.local_addr()).expect("another is").port();
        let confinement = |connects: &'static [u16]| Confinement {
            vault: home.path(),
            reads: &[],
            listens: &[],
            connects,
            hooks: Hooks::None,
        };
        confined(&confinement(&[]), || {
            assert!(denied(TcpStream::connect(("127.0.0.1", port))));
            assert!(denied(TcpListener::bind(("127.0.0.1", free))));
        });
        let (listens, connects) = ([free], [port]);
        let named = Confinement { listens: &listens, connects: &connects, ..confinement(&[]) };
        confined(&named, || {
            TcpStream::connect(("127.0.0.1", port)).expect("this one is named");
            TcpListener::bind(("127.0.0.1", free)).expect("and this one");
        });
    }

    #[test]
    fn the_administrators_commands_may_run_and_write_nothing_but_temporary_files() {
        let home = tempfile::tempdir_in("/var").map(|home| home.keep());
        let Ok(other) = home else { return println_left_out("only root writes below /var") };
        let vault = tempfile::tempdir().expect("a folder can be made");
        let confinement =
            Confinement { vault: vault.path(), reads: &[], listens: &[], connects: &[], hooks: Hooks::Run };
        confined(&confinement, || {
            assert!(std::process::Command::new("/bin/true").status().expect("it may be run").success());
            assert!(denied(fs::write(other.join("new"), "x")));
        });
        fs::remove_dir_all(&other).expect("the folder can be removed");
    }

    #[test]
    fn what_is_not_there_is_no_reason_to_stay_open() {
        let gone = [PathBuf::from("/no/such/folder")];
        let confinement = Confinement {
            vault: Path::new("/no/vault"),
            reads: &gone,
            listens: &[],
            connects: &[],
            hooks: Hooks::None,
        };
        confined(&confinement, || assert!(denied(fs::write("/tmp/earwitness-test", "x"))));
    }

    #[test]
    fn threads_that_ran_before_are_told_of() {
        let closed =
            Closed { outcome: Ok((RulesetStatus::FullyEnforced, LandlockStatus::NotEnabled)), others: 2 };
        let expected = "files and TCP closed by Landlock, but not for 2 threads that ran already";
        assert_eq!(closed.to_string(), expected);
    }
}
