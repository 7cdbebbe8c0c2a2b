//! What the log tells: a closed list, so that nothing with a number, a name or an address of a person can get in.

use std::fmt;

use earwitness_model::RuleSetHash;
use earwitness_recorder::{AlarmCode, Link};
use serde_json::{Value, json};

use super::{RulesRefusal, Unheard};
use crate::view::counted;

/// Something that whoever runs the recorder wants to know.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event {
    /// Recording begins.
    Started { interfaces: Vec<String>, vault: String, rule_set: RuleSetHash },
    /// Recording ended.
    Stopped(Sum),
    /// An interface delivers frames again, or no more.
    Interface { name: String, link: Link },
    /// An interface has another name.
    Renamed { from: String, to: String },
    /// Something was lost, in a window of `seconds`.
    Lost { what: Lost, count: u64, seconds: u64 },
    /// An alarm stands.
    Raised(AlarmCode),
    /// It does no more.
    Cleared { code: AlarmCode, seconds: u64 },
    /// Other rules are in force, for the calls that begin from now on.
    Rules { before: RuleSetHash, now: RuleSetHash },
    /// The rules were read again, and are those that are in force.
    RulesUnchanged(RuleSetHash),
    /// The rules on the disk are not in force.
    RulesRefused(RulesRefusal),
    /// A day is over, and the ledger says what it came to.
    DayClosed { day: String },
    /// The clock of the frames was set.
    ClockSet { times: u64 },
    /// What the recorder gave up of its rights.
    Confined(String),
    /// Somebody ran a command in the recorder.
    Served { uid: u32, command: &'static str },
    /// Whoever is to hear of an alarm could not be told.
    Unheard { way: &'static str, why: Unheard },
    /// Something that the recorder does without from now on.
    Without { what: &'static str, why: String },
    /// What was due was destroyed.
    Disposed { recordings: u64, certificate: String },
    /// What is due cannot be destroyed.
    NotDisposed { why: String },
}

/// What a recorder did in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) frames: u64,
    pub(crate) messages: u64,
    pub(crate) packets: u64,
    /// Calls that were listed.
    pub(crate) calls: u64,
    /// Bytes that were sealed.
    pub(crate) bytes: u64,
}

/// What was lost, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Lost {
    /// Frames: the ring was full.
    KernelDrops { interface: String },
    /// Frames, before the kernel saw them.
    InterfaceDrops { interface: String },
    /// Packets of calls that are to be kept.
    Audio,
}

/// How much it matters, as syslog counts (RFC 5424, 6.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Error = 3,
    Warning = 4,
    Notice = 5,
    Info = 6,
    Debug = 7,
}

impl Level {
    /// Its name.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

/// Hexadecimal digits of a rule set that people compare.
fn short(rules: &RuleSetHash) -> String {
    rules.to_string().chars().take(12).collect()
}

const fn link_word(link: Link) -> &'static str {
    match link {
        Link::Up => "up",
        Link::Down => "down",
        Link::Gone => "gone",
    }
}

impl Lost {
    const fn word(&self) -> &'static str {
        match self {
            Self::KernelDrops { .. } => "kernel_drops",
            Self::InterfaceDrops { .. } => "interface_drops",
            Self::Audio => "audio",
        }
    }

    fn interface(&self) -> Option<&str> {
        match self {
            Self::KernelDrops { interface } | Self::InterfaceDrops { interface } => Some(interface),
            Self::Audio => None,
        }
    }
}

impl Event {
    /// How much it matters.
    pub(super) const fn level(&self) -> Level {
        match self {
            Self::Lost { .. } | Self::NotDisposed { .. } => Level::Error,
            Self::Raised(code) if code.is_loss() => Level::Error,
            Self::Interface { link: Link::Down | Link::Gone, .. }
            | Self::Raised(_)
            | Self::RulesRefused(_)
            | Self::ClockSet { .. }
            | Self::Unheard { .. }
            | Self::Without { .. } => Level::Warning,
            Self::Started { .. }
            | Self::Stopped(_)
            | Self::Interface { link: Link::Up, .. }
            | Self::Renamed { .. }
            | Self::DayClosed { .. }
            | Self::Cleared { .. }
            | Self::Rules { .. }
            | Self::Disposed { .. }
            | Self::RulesUnchanged(_) => Level::Notice,
            Self::Confined(_) => Level::Info,
            // Who read what is told by the ledger; who only looked need not fill the journal.
            Self::Served { .. } => Level::Debug,
        }
    }

    /// Its name for programs: stable.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Started { .. } => "started",
            Self::Stopped(_) => "stopped",
            Self::Interface { .. } => "interface",
            Self::Renamed { .. } => "interface_renamed",
            Self::Lost { .. } => "lost",
            Self::Raised(_) => "alarm_raised",
            Self::Cleared { .. } => "alarm_cleared",
            Self::Rules { .. } => "rules_loaded",
            Self::RulesUnchanged(_) => "rules_unchanged",
            Self::RulesRefused(_) => "rules_refused",
            Self::DayClosed { .. } => "day_closed",
            Self::ClockSet { .. } => "clock_set",
            Self::Confined(_) => "confined",
            Self::Served { .. } => "served",
            Self::Unheard { .. } => "unheard",
            Self::Without { .. } => "without",
            Self::Disposed { .. } => "disposed",
            Self::NotDisposed { .. } => "not_disposed",
        }
    }

    /// Its facts for programs.
    pub(super) fn facts(&self) -> Value {
        match self {
            Self::Started { interfaces, vault, rule_set } => {
                json!({ "interfaces": interfaces, "vault": vault, "rule_set": rule_set.to_string() })
            }
            Self::Stopped(Sum { frames, messages, packets, calls, bytes }) => json!({
                "frames": frames,
                "sip_messages": messages,
                "rtp_packets": packets,
                "calls": calls,
                "sealed_bytes": bytes,
            }),
            Self::Interface { name, link } => json!({ "interface": name, "link": link_word(*link) }),
            Self::Renamed { from, to } => json!({ "interface": to, "before": from }),
            Self::Lost { what, count, seconds } => {
                json!({ "what": what.word(), "interface": what.interface(), "count": count, "seconds": seconds })
            }
            Self::Raised(code) => json!({ "alarm": code.name(), "loss": code.is_loss() }),
            Self::Cleared { code, seconds } => json!({ "alarm": code.name(), "seconds": seconds }),
            Self::Rules { before, now } => {
                json!({ "before": before.to_string(), "rule_set": now.to_string() })
            }
            Self::RulesUnchanged(now) => json!({ "rule_set": now.to_string() }),
            Self::RulesRefused(refusal) => refusal.facts(),
            Self::DayClosed { day } => json!({ "day": day }),
            Self::ClockSet { times } => json!({ "times": times }),
            Self::Confined(what) => json!({ "what": what }),
            Self::Served { uid, command } => json!({ "uid": uid, "command": command }),
            Self::Unheard { way, why } => json!({ "way": way, "why": why.to_string() }),
            Self::Without { what, why } => json!({ "what": what, "why": why }),
            Self::Disposed { recordings, certificate } => {
                json!({ "recordings": recordings, "certificate": certificate })
            }
            Self::NotDisposed { why } => json!({ "why": why }),
        }
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { frames, messages, packets, calls, bytes } = *self;
        write!(
            f,
            "{}, {}, {}; {} listed, {} sealed",
            counted(frames, "frame"),
            counted(messages, "SIP message"),
            counted(packets, "media packet"),
            counted(calls, "call"),
            counted(bytes, "byte")
        )
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started { interfaces, vault, rule_set } => {
                write!(f, "recording {} into {vault} by rule set {}", interfaces.join(", "), short(rule_set))
            }
            Self::Stopped(sum) => write!(f, "stopped: {sum}"),
            Self::Interface { name, link } => write!(f, "{name} is {}", link_word(*link)),
            Self::Renamed { from, to } => write!(f, "{from} is called {to} now"),
            Self::Lost { what: Lost::KernelDrops { interface }, count, seconds } => {
                write!(
                    f,
                    "{interface}: {} dropped by the kernel in {seconds} s: give a larger ring (-B)",
                    counted(*count, "frame")
                )
            }
            Self::Lost { what: Lost::InterfaceDrops { interface }, count, seconds } => {
                write!(f, "{interface}: {} dropped by the interface in {seconds} s", counted(*count, "frame"))
            }
            Self::Lost { what: Lost::Audio, count, seconds } => {
                write!(f, "{} of calls to be kept lost in {seconds} s", counted(*count, "packet"))
            }
            Self::Raised(code) => write!(f, "alarm {}: {}", code.name(), code.sentence()),
            Self::Cleared { code, seconds } => write!(f, "alarm {} is over, after {seconds} s", code.name()),
            Self::Rules { before, now } => {
                write!(f, "rule set {} is in force, {} no more", short(now), short(before))
            }
            Self::RulesUnchanged(now) => {
                write!(
                    f,
                    "the rules were read again and are the same: rule set {} stays in force",
                    short(now)
                )
            }
            Self::RulesRefused(refusal) => {
                write!(f, "{refusal}\nthe rules that were in force stay in force")
            }
            Self::DayClosed { day } => {
                write!(f, "{day} is closed: `earwitness ledger statement {day}` says what it came to")
            }
            Self::ClockSet { times } => {
                write!(f, "the clock was set ({} since the start)", counted(*times, "time"))
            }
            Self::Confined(what) => f.write_str(what),
            Self::Served { uid, command } => write!(f, "uid {uid} ran {command}"),
            Self::Disposed { recordings, certificate } => {
                write!(
                    f,
                    "{} destroyed, whose time was over: certificate {certificate}",
                    counted(*recordings, "recording")
                )
            }
            Self::NotDisposed { why } => write!(f, "what is due is not destroyed: {why}"),
            Self::Unheard { way, why } => write!(f, "the alarm was not told by {way}: {why}"),
            Self::Without { what, why } => write!(f, "without {what}: {why}"),
        }
    }
}
