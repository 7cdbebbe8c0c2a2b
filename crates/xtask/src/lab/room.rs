//! The comms room: namespaces, an access switch, and its mirror port.

use std::{
    fs::File,
    io::Write,
    net::{Ipv4Addr, Ipv6Addr},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::process;

/// What clears a room, whoever made it.
const CLEAR: &str = include_str!("templates/clear.sh");

/// Whoever has a namespace of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Host {
    /// The access switch.
    Switch,
    /// The phones that call.
    PhonesA,
    /// The phones that are called.
    PhonesB,
    /// Phones of others, whom a call is sent on to.
    PhonesC,
    /// The telephone system.
    Pbx,
    /// The recorder.
    Recorder,
}

impl Host {
    const ALL: [Self; 6] =
        [Self::Switch, Self::PhonesA, Self::PhonesB, Self::PhonesC, Self::Pbx, Self::Recorder];
    /// Those with an address, each on a port of the switch.
    const ON_PORTS: [Self; 4] = [Self::PhonesA, Self::PhonesB, Self::PhonesC, Self::Pbx];

    /// Its namespace; [`CLEAR`] takes away all that begin like this.
    pub(super) const fn namespace(self) -> &'static str {
        match self {
            Self::Switch => "ew-lab-switch",
            Self::PhonesA => "ew-lab-phones-a",
            Self::PhonesB => "ew-lab-phones-b",
            Self::PhonesC => "ew-lab-phones-c",
            Self::Pbx => "ew-lab-pbx",
            Self::Recorder => "ew-lab-recorder",
        }
    }

    /// Its address; the switch and the recorder have none and never send.
    pub(super) const fn address(self) -> Ipv4Addr {
        Ipv4Addr::new(10, 77, self.number(), 1)
    }

    /// Its address in IPv6, once [`Room::speak_six`] was called.
    pub(super) const fn address_six(self) -> Ipv6Addr {
        Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, self.number() as u16)
    }

    /// Its number among those with an address.
    const fn number(self) -> u8 {
        match self {
            Self::PhonesA => 1,
            Self::PhonesB => 2,
            Self::Pbx => 3,
            Self::PhonesC => 4,
            Self::Switch | Self::Recorder => 0,
        }
    }

    /// The switch's port to it.
    const fn port(self) -> &'static str {
        match self {
            Self::PhonesA => "port-a",
            Self::PhonesB => "port-b",
            Self::PhonesC => "port-c",
            Self::Pbx => "port-x",
            Self::Switch | Self::Recorder => MIRROR,
        }
    }

    /// `program`, run where this host is.
    pub(super) fn command(self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", self.namespace()]).arg(program);
        command
    }

    /// The same, before whatever else this machine has to do: a wire does not wait, and a recorder has a machine of its
    /// own. Sender, recorder and the reader that it is compared with are all run like this.
    pub(super) fn urgent(self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = self.command("nice");
        command.args(["-n", "-15"]).arg(program);
        command
    }
}

/// The mirror's end at the switch.
pub(super) const MIRROR: &str = "mirror";
/// The mirror's end at the recorder.
pub(super) const MONITOR: &str = "mon0";

/// What the switch mirrors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mirror {
    /// What comes in at every port: each frame once.
    Both,
    /// What comes in at the callers' port only.
    OneWay,
    /// What comes in and goes out at every port: each frame twice.
    Doubled,
    /// As `Both`, through a mirror port that is too slow.
    Narrow,
}

impl Mirror {
    /// Reads the word after `--mirror`.
    pub(super) fn parse(word: &str) -> Result<Self> {
        Ok(match word {
            "both" => Self::Both,
            "one-way" => Self::OneWay,
            "doubled" => Self::Doubled,
            "narrow" => Self::Narrow,
            other => bail!("--mirror knows both, one-way, doubled and narrow, not {other:?}"),
        })
    }

    /// The ports that it takes frames from, and in which direction of the port.
    fn taps(self) -> Vec<(Host, &'static str)> {
        let all = |direction| Host::ON_PORTS.map(|host| (host, direction));
        match self {
            Self::Both | Self::Narrow => all("ingress").to_vec(),
            Self::OneWay => vec![(Host::PhonesA, "ingress")],
            Self::Doubled => [all("ingress"), all("egress")].concat(),
        }
    }
}

/// Segmentation and checksum offloads of the interfaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offloads {
    /// As the kernel makes them: frames without checksums, and larger than the wire allows.
    On,
    /// As on a real wire.
    Off,
}

/// A room that stands. It is cleared when it is dropped, and also when this program is killed: a shell waits for the end
/// of its standard input and clears then.
#[derive(Debug)]
pub(super) struct Room {
    janitor: Child,
}

/// Only one lab can be on a machine: the namespaces have fixed names.
pub(super) fn lock(home: &Path) -> Result<File> {
    let path = PathBuf::from("/run/ew-lab.lock");
    let lock = File::create(&path).with_context(|| format!("cannot make {}", path.display()))?;
    if lock.try_lock().is_err() {
        bail!(
            "another lab is running on this machine ({} is held); {} waits",
            path.display(),
            home.display()
        );
    }
    Ok(lock)
}

impl Room {
    /// Clears what an earlier run left, and builds.
    pub(super) fn build(mirror: Mirror, offloads: Offloads, folder: &Path) -> Result<Self> {
        process::succeed(Command::new("sh").args(["-c", CLEAR, "clear"]).arg(folder))?;
        let script = format!("trap '' INT TERM HUP\nread -r word\n[ \"$word\" = keep ] && exit 0\n{CLEAR}");
        let janitor = Command::new("sh")
            .args(["-c", &script, "janitor"])
            .arg(folder)
            .stdin(Stdio::piped())
            .process_group(0)
            .spawn()
            .context("cannot start a shell")?;
        let room = Self { janitor };
        room.furnish(mirror, offloads).context("the room could not be built")?;
        Ok(room)
    }

    /// Namespaces, bridge, ports, mirror.
    fn furnish(&self, mirror: Mirror, offloads: Offloads) -> Result<()> {
        for host in Host::ALL {
            ip(&["netns", "add", host.namespace()])?;
            // No host speaks before the scenario does, and nothing is ever sent on a mirror: IPv6 would.
            for which in ["all", "default"] {
                let key = format!("net.ipv6.conf.{which}.disable_ipv6=1");
                process::succeed(host.command("sysctl").args(["-q", "-w", &key]))?;
            }
            in_room(host, "link set lo up")?;
        }
        in_room(Host::Switch, "link add bridge type bridge stp_state 0 mcast_snooping 0")?;
        in_room(Host::Switch, "link set bridge up")?;
        for host in Host::ON_PORTS {
            let port = host.port();
            in_room(
                Host::Switch,
                &format!("link add {port} type veth peer name eth0 netns {}", host.namespace()),
            )?;
            in_room(Host::Switch, &format!("link set {port} master bridge up"))?;
            in_room(host, &format!("addr add {}/16 dev eth0", host.address()))?;
            in_room(host, "link set eth0 up")?;
            settle(offloads, host, "eth0")?;
            settle(offloads, Host::Switch, port)?;
        }
        let ends =
            format!("link add {MIRROR} type veth peer name {MONITOR} netns {}", Host::Recorder.namespace());
        in_room(Host::Switch, &ends)?;
        for (host, end) in [(Host::Switch, MIRROR), (Host::Recorder, MONITOR)] {
            in_room(host, &format!("link set {end} txqueuelen 10000 arp off up"))?;
            settle(offloads, host, end)?;
        }
        in_room(Host::Recorder, &format!("link set {MONITOR} promisc on"))?;
        tap(mirror)
    }

    /// Gives the hosts on the switch's ports addresses in IPv6 too, and a way out that leads nowhere: some phones say only
    /// then where they are.
    pub(super) fn speak_six(&self) -> Result<()> {
        for host in Host::ON_PORTS {
            process::succeed(host.command("sysctl").args(["-q", "-w", "net.ipv6.conf.eth0.disable_ipv6=0"]))?;
            in_room(host, &format!("addr add {}/64 dev eth0 nodad", host.address_six()))?;
            let way = if host == Host::Pbx { Host::PhonesA } else { Host::Pbx };
            in_room(host, &format!("route add default via {} dev eth0", way.address()))?;
        }
        Ok(())
    }

    /// Frames that entered the switch by its ports.
    pub(super) fn entered(&self) -> Result<u64> {
        Host::ON_PORTS.iter().map(|host| received(Host::Switch, host.port())).sum()
    }

    /// Frames that arrived at the recorder.
    pub(super) fn mirrored(&self) -> Result<u64> {
        received(Host::Recorder, MONITOR)
    }

    /// Whether something listens on a UDP port of `host`.
    pub(super) fn listens(&self, host: Host, port: u16) -> bool {
        has_socket(host, "-lunH", port)
    }

    /// Whether something listens on a TCP port of `host`.
    pub(super) fn accepts(&self, host: Host, port: u16) -> bool {
        has_socket(host, "-ltnH", port)
    }

    /// Takes the room down.
    pub(super) fn clear(mut self) -> Result<()> {
        drop(self.janitor.stdin.take());
        let status = self.janitor.wait().context("the shell that clears the room")?;
        if status.success() { Ok(()) } else { bail!("the room was not cleared: {status}") }
    }

    /// Lets the room stand.
    pub(super) fn leave(mut self) {
        let told = self.janitor.stdin.take().map(|mut to| to.write_all(b"keep\n"));
        if let Some(Err(error)) = told {
            println!("lab: the room may not stand: {error}");
        }
        println!("lab: the room stands; `ip netns exec {} bash` goes in", Host::Recorder.namespace());
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        drop(self.janitor.stdin.take());
        if let Err(error) = self.janitor.wait() {
            println!("lab: the room may not be cleared: {error}");
        }
    }
}

/// Whether `ss` lists a socket of this kind at a port of `host`.
fn has_socket(host: Host, kind: &str, port: u16) -> bool {
    let filter = format!("sport = :{port}");
    process::output(host.command("ss").args([kind, &filter])).is_ok_and(|sockets| !sockets.trim().is_empty())
}

/// Puts the mirror's filters on the switch's ports.
fn tap(mirror: Mirror) -> Result<()> {
    let taps = mirror.taps();
    for host in Host::ON_PORTS.iter().filter(|host| taps.iter().any(|(tapped, _)| tapped == *host)) {
        tc(&format!("qdisc add dev {} clsact", host.port()))?;
    }
    for (host, direction) in taps {
        let port = host.port();
        tc(&format!(
            "filter add dev {port} {direction} protocol all u32 match u32 0 0 action mirred egress mirror dev {MIRROR}"
        ))?;
    }
    match mirror {
        Mirror::Narrow => tc(&format!("qdisc add dev {MIRROR} root tbf rate 2mbit burst 16kb latency 50ms")),
        Mirror::Both | Mirror::OneWay | Mirror::Doubled => Ok(()),
    }
}

/// Sets an interface's offloads.
fn settle(offloads: Offloads, host: Host, interface: &str) -> Result<()> {
    match offloads {
        Offloads::On => Ok(()),
        Offloads::Off => process::succeed(
            host.command("ethtool")
                .args(["-K", interface, "gro", "off", "gso", "off", "tso", "off", "tx", "off"])
                .stdout(Stdio::null()),
        ),
    }
}

fn ip(arguments: &[&str]) -> Result<()> {
    process::succeed(Command::new("ip").args(arguments))
}

/// `ip` with the words of `line`, where `host` is.
fn in_room(host: Host, line: &str) -> Result<()> {
    process::succeed(Command::new("ip").args(["-n", host.namespace()]).args(line.split(' ')))
}

/// `tc` with the words of `line`, at the switch.
pub(super) fn tc(line: &str) -> Result<()> {
    process::succeed(Command::new("tc").args(["-n", Host::Switch.namespace()]).args(line.split(' ')))
}

/// Frames that an interface has received.
fn received(host: Host, interface: &str) -> Result<u64> {
    let path = format!("/sys/class/net/{interface}/statistics/rx_packets");
    let text = process::output(host.command("cat").arg(&path))?;
    text.trim().parse().with_context(|| format!("{path} says {text:?}"))
}
