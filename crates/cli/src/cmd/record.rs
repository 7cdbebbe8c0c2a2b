//! `earwitness record`: frames from interfaces or capture files into the vault.

mod agents;
mod disposal;
mod key_log;
mod live;
mod rule_texts;

use std::{
    collections::HashSet,
    io::IsTerminal,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use earwitness_capture::{CaptureError, FileSource};
use earwitness_doctor::Options;
use earwitness_engine::{Counts, Limits};
use earwitness_recorder::{AlarmCode, Finished, Input, Progress, Recorder, queue::MOST_SHARDS};
use earwitness_rules::RuleSet;
use earwitness_wire::stream::StreamLoss;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ureq::http::{Uri, uri::InvalidUri};

use self::agents::ListenedAt;
pub(super) use self::key_log::{Growing, LOOK_EVERY, read_all as read_key_logs};
use super::{
    doctor::{Known, defects},
    init,
};
use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
    filter::percent,
    instruments::{LogForm, Sum},
    service,
    socket::serve_beside,
    view::counted,
};

const NOTES: &str = "Examples:
  earwitness record -i eth1                                    the mirror port, until SIGTERM or Ctrl-C
  earwitness record -i eth1 -i eth2 -B 256 'not port 22'       two mirrors, larger rings, a BPF expression
  earwitness record -i eth1 --hep 10.1.0.9:9060                SIP from agents beside a mirror port that carries the media
  earwitness record -r office.pcap --vault /tmp/vault          the rules decide what is kept
  earwitness record -r other.pcapng.gz --lab --vault /tmp/lab  keep everything, for 90 days
  earwitness record -r a.pcap -r b.pcap                        two taps, or pieces: in the order of time, each call once
  tcpdump -w - port 5060 or udp | earwitness record -r -       from a pipe
  earwitness record -i eth1 --tls-keys /run/pbx/keys.log       SIP in TLS, by the PBX's own key log

With -r, a vault directory that does not exist is made, as an open vault; calls that the vault has already are not \
recorded again. With -i the vault must be there: `earwitness init` asks who holds the keys.
`earwitness status` and `earwitness top` look at a recorder that runs; --metrics is for Prometheus. The command of --on-alarm \
is run by the shell with EARWITNESS_ALARM, EARWITNESS_STATE (raised, cleared, or stopped: the recorder stopped while it stood), \
EARWITNESS_SINCE, EARWITNESS_SENTENCE, EARWITNESS_INTERFACE (with commas between several, empty where it is about none), \
EARWITNESS_HOST and EARWITNESS_VAULT in its environment, one at a time, for at most 30 seconds; one that calls curl reaches \
https URLs. The object that --alarm-url is sent has the same facts. An alarm is told to be over (cleared) when it has not stood \
for 30 seconds, and one of a loss stands for a minute after the last loss: one that comes and goes meanwhile is one alarm.
SIGTERM finishes and seals what runs; SIGHUP reads the rules again, for the calls that begin from then on.

\
SIP in TLS is read with the keys of one of its ends: the file that SSLKEYLOGFILE or a key log callback makes it write, or, \
in a pcapng capture, its Decryption Secrets Blocks. A live key log is read again once a second; a connection to a SIP port is \
held up to 30 seconds for its keys, and one whose beginning was not seen cannot be opened until it is made anew. The folder of \
a live key log has to be there when the recorder starts, and to outlive the PBX's restarts (systemd: \
RuntimeDirectoryPreserve=yes): one that is made anew is closed to the recorder. The file itself may be begun anew. With -r, \
`tls-keys` of a configuration file does not count: it is for the mirror. The keys stay \
in memory and are wiped there; what is sealed is the messages, as those of SIP in the clear, and the call is flagged `tls`. \
Such a file opens everything that its keys cover, also in others' hands and also later: have it written into memory (/run), \
readable by the recorder alone, emptied often, only where the office may read what passes, and say in the office's records \
of processing that it is done.";

/// With every alarm: what is wrong from when on, and what to do.
fn notes_and_alarms() -> String {
    let lines = AlarmCode::ALL.map(|code| format!("  {:<15}  {}", code.name(), code.sentence()));
    format!("{NOTES}\n\nAlarms, worst first:\n{}", lines.join("\n"))
}

/// Record a mirror port, live, or capture files
#[derive(Debug, Args)]
#[command(after_help = NOTES, after_long_help = notes_and_alarms())]
pub(crate) struct Record {
    /// An interface on a mirror port; repeat it for several
    #[arg(short = 'i', long = "interface", value_name = "IFACE")]
    interfaces: Vec<String>,
    /// Capture files: pcap or pcapng, plain or gzip; `-` is standard input
    #[arg(short = 'r', long = "read", value_name = "FILE", num_args = 1.., conflicts_with = "interfaces")]
    files: Vec<PathBuf>,
    /// Listen to capture agents (HEP version 3: Kamailio, FreeSWITCH, Asterisk, heplify, captagent) at this address, over
    /// UDP and TCP unless one of them is named; repeat it for several. A packet counts as of its arrival here
    #[arg(long, value_name = "[udp:|tcp:]ADDR:PORT", value_parser = agents::listened_at, conflicts_with = "files")]
    hep: Vec<ListenedAt>,
    /// Take from capture agents only what carries the authentication key in this file. Without it whoever reaches the port
    /// is believed, and can make calls up and end those that run
    #[arg(long, value_name = "FILE", conflicts_with = "files")]
    hep_key_file: Option<PathBuf>,
    /// The kernel's ring for each interface, in MiB: 1 to 1024
    #[arg(short = 'B', long = "buffer-size", value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1024))]
    buffer: u32,
    /// Capture threads: each takes its share of every interface's frames. One is enough for some thousands of calls
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=i64::from(MOST_SHARDS)))]
    threads: u16,
    /// Memory for audio on its way to the disk, in MiB: what a slow disk may hold up before audio is lost
    #[arg(long, value_name = "MIB", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    memory: u32,
    /// Serve /metrics, /healthz and /readyz over HTTP here: a port of this machine only, or an address and a port
    #[arg(long, value_name = "[ADDR:]PORT", value_parser = scraped_at, conflicts_with = "files")]
    metrics: Option<SocketAddr>,
    /// How the log on stderr is written
    #[arg(long, value_name = "FORM", value_enum, default_value_t = LogForm::Text, conflicts_with = "files")]
    log: LogForm,
    /// Run this when an alarm is raised, and when it is over
    #[arg(long, value_name = "COMMAND", conflicts_with = "files")]
    on_alarm: Option<String>,
    /// Run this when a day was closed, with the signed head of the ledger on its standard input: have it leave this machine
    #[arg(long, value_name = "COMMAND", conflicts_with = "files")]
    on_day_closed: Option<String>,
    /// POST a JSON object to this http:// URL when an alarm is raised, and when it is over
    #[arg(long, value_name = "URL", value_parser = plain_url, conflicts_with = "files")]
    alarm_url: Option<Uri>,
    /// A key log of TLS (`SSLKEYLOGFILE`) of the PBX or SBC: SIP in TLS is read with it, live as it grows; repeat it for several
    #[arg(long, value_name = "FILE", env = "EARWITNESS_TLS_KEYS")]
    tls_keys: Vec<PathBuf>,
    /// TLS to this port may be SIP too: it is held for keys as that to ports 5060 to 5090 is; repeat it for several
    #[arg(long, value_name = "PORT", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..))]
    tls_port: Vec<u16>,
    /// Capture only what matches this BPF expression; fragments and VLAN tags are added to it
    #[arg(value_name = "EXPRESSION", conflicts_with = "files", trailing_var_arg = true)]
    expression: Vec<String>,
    /// One rule instead of the capture rules: every call, both directions, internal ones and early media too, for 90
    /// days, without notice. For captures from elsewhere
    #[arg(long, requires = "files")]
    lab: bool,
    /// End with exit code 6 when more than this share of the kept calls' packets could not be kept
    #[arg(long, value_name = "PERCENT", default_value = "0", value_parser = percent)]
    max_loss: f64,
}

impl Record {
    /// No key logs, if it is about captures: those of the mirror are not for them.
    pub(crate) fn forget_live_key_logs(&mut self) {
        if !self.files.is_empty() {
            self.tls_keys.clear();
        }
    }

    pub(crate) fn run(&self, context: &Context) -> Outcome {
        match (self.files.as_slice(), self.interfaces.is_empty() && self.hep.is_empty()) {
            ([], true) => Err(Failure::new(
                Exit::Usage,
                "record what? -i IFACE names an interface on a mirror port, --hep ADDR:PORT where capture agents send to, -r FILE a capture; or a configuration file has `interface`",
            )),
            ([], false) if self.lab => Err(Failure::new(
                Exit::Usage,
                "--lab is for capture files (-r FILE): what comes live is recorded by the capture rules (--rules DIR)",
            )),
            ([], false) => live::run(self, context),
            _ => self.read(context),
        }
    }

    fn limits(&self) -> Limits {
        Limits { ring_bytes: (self.memory as usize) << 20, ..Limits::default() }
    }

    fn read(&self, context: &Context) -> Outcome {
        let rules = if self.lab { RuleSet::lab() } else { context.load_rules()? };
        let mut inputs = self.files.iter().map(|path| open(path)).collect::<Result<Vec<_>, _>>()?;
        let key_log = key_log::read_all(&self.tls_keys)?;
        if let (Some(first), false) = (inputs.first_mut(), self.tls_keys.is_empty()) {
            first.source.add_key_log(key_log.clone());
        }
        let options = Options { rules: (!self.lab).then(|| rules.clone()), ..Options::default() };
        if !context.vault.exists() {
            init::make_open(context)?;
        }
        // Nothing of a capture file is mapped: what is locked is what the recorder itself has, keys and audio.
        let memory = service::lock_memory(service::Capabilities::Stay);
        if context.verbose > 0 {
            context.say(memory);
        }
        let vault = context.open_vault()?;
        rule_texts::keep(context, &vault, &rules)?;
        let bar = progress_bar(context);
        let names: Vec<String> = inputs.iter().map(|input| input.name.clone()).collect();
        let recorder = Recorder { vault: &vault, rules, limits: self.limits(), clock: Context::now };
        let work = || recorder.run(inputs, &mut |progress| show(&bar, &names, progress));
        let finished = serve_beside(context, &vault, None, work);
        bar.finish_and_clear();
        let finished = finished?;
        context.say(sum(&finished));
        tell(context, &finished);
        if finished.calls == 0 && finished.known == 0 {
            let known = Known { options, key_log: &key_log };
            for defect in self.files.iter().flat_map(|path| defects(context, path, &known)) {
                context.say(defect);
            }
        }
        Ok(self.exit(context, &finished))
    }

    /// Tells of every loss, and whether it is more than was allowed.
    fn exit(&self, context: &Context, finished: &Finished) -> Exit {
        let counts = &finished.counts;
        let (lost, kept) = (counts.lost_packets(), counts.media.kept);
        let share = lost as f64 * 100.0 / (lost + kept).max(1) as f64;
        if lost > 0 {
            context.say(format_args!(
                "{lost} media packets ({share:.2} %) could not be kept: {} cut by the snap length, {} for want of memory, {} that nobody could take in time, {} of too many sources, {} of numbers that jump about",
                counts.media.truncated,
                counts.media.no_ring,
                counts.media.refused,
                counts.media.tracks_refused,
                counts.media.noise
            ));
        }
        let refused = [
            (
                "frames that kernel and interfaces dropped before they were seen: give a larger ring (-B), or ask `earwitness doctor -i`",
                finished.dropped,
            ),
            ("SIP messages of calls beyond the bound of the call table", counts.calls_refused),
            (
                "times audio without signalling was not followed, though a rule admits it: too much of it runs at once",
                counts.streams_refused,
            ),
            (
                "times audio without signalling was not followed, though a rule admits it: SIP announced one of its ports",
                counts.streams_claimed,
            ),
            (
                "packets without signalling were not looked at for want of room, in networks that a stream rule names",
                counts.media.unwatched,
            ),
            ("media endpoints beyond what one call may announce", counts.media.endpoints_refused),
            ("packets of SRTP to which the signalling shows no key: counted, not kept", counts.media.closed),
            (
                "packets among opened SRTP that are not authentic: counted, not kept",
                counts.media.not_authentic,
            ),
            ("SIP messages that were not read in time", counts.messages_unread),
            ("SIP messages beyond what is kept of one call", counts.messages_not_kept),
            ("IP fragments that could not be put together", counts.fragments_refused),
            ("lines of key logs that are neither a secret nor a comment", counts.tls.other_lines),
            (
                "blocks of secrets in a capture were not read: they are longer than 16 MiB, or end before they say",
                finished.secrets_unread,
            ),
            (
                "records of TLS that their connection's keys do not open",
                counts.streams.of(StreamLoss::Unopened),
            ),
        ];
        for (what, count) in refused.iter().filter(|(_, count)| *count > 0) {
            context.say(format_args!("{count} {what}"));
        }
        let refused = counts.calls_refused + counts.streams_refused;
        if (lost > 0 && share > self.max_loss) || refused > 0 || finished.dropped > 0 {
            Exit::Loss
        } else if finished.cut.is_empty() && finished.unreadable.is_empty() {
            Exit::Done
        } else {
            Exit::Part
        }
    }
}

/// An interface that is captured twice doubles every packet of every call.
pub(super) fn each_once(interfaces: &[String]) -> Result<(), Failure> {
    let mut seen = HashSet::new();
    match interfaces.iter().find(|name| !seen.insert(name.as_str())) {
        None => Ok(()),
        Some(twice) => {
            let what = format_args!(
                "-i {twice} is given twice: every packet would come twice; name each interface once"
            );
            Err(Failure::new(Exit::Usage, what))
        }
    }
}

/// `9464`, `127.0.0.1:9464`, `[::]:9464`.
fn scraped_at(text: &str) -> Result<SocketAddr, String> {
    let port = text
        .strip_prefix(':')
        .unwrap_or(text)
        .parse()
        .map(|port: u16| (IpAddr::from(Ipv4Addr::LOCALHOST), port));
    match port {
        Ok(here) => Ok(here.into()),
        Err(_) => text
            .parse()
            .map_err(|_| "a port, or an address and a port: 9464, 10.1.0.9:9464, [::]:9464".to_owned()),
    }
}

pub(super) fn plain_url(text: &str) -> Result<Uri, String> {
    let url: Uri = text.parse().map_err(|cause: InvalidUri| cause.to_string())?;
    match url.scheme_str() {
        Some("http") if url.host().is_some() => Ok(url),
        Some(_) | None => Err("plain http:// only: for https, have a command call curl".to_owned()),
    }
}

/// The TCP port of an `http://` URL.
fn port_of(url: &Uri) -> u16 {
    url.port_u16().unwrap_or(80)
}

fn open(path: &Path) -> Result<Input, Failure> {
    if path == Path::new("-") && std::io::stdin().is_terminal() {
        let what = "standard input is a terminal: pipe a capture into it (tcpdump -w - | earwitness record -r -), or name a file";
        return Err(Failure::new(Exit::Usage, what));
    }
    let source = if path == Path::new("-") { FileSource::stdin() } else { FileSource::open(path) };
    let source = source.map_err(|cause| {
        let missing = matches!(&cause, CaptureError::Unopenable { source, .. } if source.kind() == std::io::ErrorKind::NotFound);
        Failure::new(if missing { Exit::NotFound } else { Exit::Failed }, cause)
    })?;
    Ok(Input { name: source.name().to_owned(), source })
}

/// Frames, calls, MB/s and the time left, on a terminal.
fn progress_bar(context: &Context) -> ProgressBar {
    if context.quiet || !std::io::stderr().is_terminal() {
        return ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    }
    let bar = ProgressBar::no_length();
    let template = "{spinner} {msg}  {bytes}/{total_bytes}  {binary_bytes_per_sec}  {wide_bar} {eta}";
    bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}

/// Why there may be no call.
fn no_call(counts: &Counts) -> String {
    if counts.frames == 0 {
        return "no frame was seen: is the mirror configured, is the cable in its port, and does a filter expression \
                leave anything? `earwitness doctor -i IFACE` looks closer"
            .to_owned();
    }
    let unclaimed = match counts.media.unclaimed {
        0 => String::new(),
        packets => format!(
            "; {} of RTP, or like it, that no SIP announced: a rule for streams (`[[streams]]`) would keep telephones' audio among them",
            counted(packets, "packet")
        ),
    };
    format!(
        "no call was found in {} of SIP; {} carry neither UDP nor TCP, {} encrypted signalling: what is encrypted is read only \
         with its keys (--tls-keys){unclaimed}; `earwitness doctor` looks closer",
        counted(counts.messages, "message"),
        counted(counts.not_udp, "frame"),
        counted(counts.streams.of(StreamLoss::Encrypted), "connection"),
    )
}

fn show(bar: &ProgressBar, names: &[String], progress: Progress) {
    if bar.is_hidden() {
        return;
    }
    if let Some(total) = progress.total_bytes {
        bar.set_length(total);
    }
    bar.set_position(progress.read_bytes);
    let name = names.get(progress.input).map_or("", String::as_str);
    bar.set_message(format!("{name}: {} frames, {} calls", progress.frames, progress.calls));
}

/// What was read and kept, in all.
const fn sum(finished: &Finished) -> Sum {
    let counts = &finished.counts;
    Sum {
        frames: counts.frames,
        messages: counts.messages,
        packets: counts.media.packets,
        calls: finished.calls,
        bytes: finished.bytes,
    }
}

/// What is worth a word beside the sum.
fn tell(context: &Context, finished: &Finished) {
    let counts = &finished.counts;
    if finished.known > 0 {
        context.say(format_args!(
            "{} already in the vault: not recorded again",
            counted(finished.known, "call")
        ));
    }
    if finished.calls == 0 && finished.known == 0 {
        context.say(no_call(counts));
    }
    if counts.tls.opened > 0 {
        let connections = counted(counts.tls.opened, "connection");
        context.say(format_args!("{connections} in TLS opened by key logs"));
    }
    let has_keys = counts.tls.secrets + counts.tls.other_lines > 0;
    let closed = counts.streams.of(StreamLoss::Encrypted);
    if has_keys && closed > 0 {
        let connections = counted(closed, "connection");
        context.say(format_args!("{connections} in TLS on SIP ports that no key in the key logs opens"));
    }
    for cut in &finished.cut {
        context.say(format_args!(
            "{}: the file ends inside frame {} (byte {}): what came before is recorded; get the rest of the file, or repair it with editcap",
            cut.name, cut.frame, cut.at_byte
        ));
    }
    for error in &finished.unreadable {
        context.say(format_args!("{error}; what came before is recorded"));
    }
    if context.verbose > 0 {
        for ((layer, cause), count) in &counts.unreadable {
            context.say(format_args!("{count} frames: {layer}: {cause}"));
        }
        context.say(format_args!(
            "{} neither UDP nor TCP, {} TCP segments, {} fragments ({} refused), {} RTCP, {} other datagrams; media: {} kept, {} dropped by rule, {} unclaimed",
            counts.not_udp,
            counts.segments,
            counts.fragments,
            counts.fragments_refused,
            counts.rtcp,
            counts.other,
            counts.media.kept,
            counts.media.dropped,
            counts.media.unclaimed
        ));
    }
}
