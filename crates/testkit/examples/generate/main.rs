//! Writes captures to listen to and to measure with:
//!
//! ```text
//! cargo run --release -p earwitness-testkit --example generate -- --calls 1000 --seconds 30 out.pcap
//! cargo run --release -p earwitness-testkit --example generate -- --script fixtures/calls/hold/script.call out.pcap
//! cargo run --release -p earwitness-testkit --example generate -- --demo out.pcap
//! cargo run --release -p earwitness-testkit --example generate -- --calls 100 --truth out.jsonl out.pcap
//! cargo run --release -p earwitness-testkit --example generate -- --calls 100 --live mirror0
//! ```
//!
//! `--live` sends the frames on an interface in their own time instead, as root, and prints one line of JSON at the
//! end. Only for interfaces that one made oneself: this is the sender of a laboratory.
#![expect(clippy::print_stderr, clippy::print_stdout, reason = "an example speaks to the terminal")]

mod live;
mod truth;

use std::{
    env,
    error::Error,
    fs::{self, File},
    io::BufWriter,
    str::FromStr,
    time::Instant,
};

use earwitness_model::{Codec, LinkType};
use earwitness_testkit::{
    Frame, Load, demo,
    flood::{Flood, Kind},
    pcap::{PcapWriter, Precision},
    script,
};

const USAGE: &str = "generate [--calls N] [--seconds S] [--seed N] [--loss PERCENT] [--reorder PERCENT] [--jitter MS] \
                     [--duplicate] [--vlan ID] [--codec PCMA|PCMU] [--spread S] [--ptime MS] [--ring S] [--no-rtp] \
                     [--extensions N] [--truth FILE] FILE.pcap|--live IFACE [--preload]\n       \
                     generate --demo FILE.pcap\n       generate --script FILE.call FILE.pcap\n       \
                     generate --flood garbage|invites|scan|ADDRESS:PORT --frames N --rate N FILE.pcap|--live IFACE";

/// What to write.
enum Wanted {
    Load(Load),
    Frames(Box<dyn Iterator<Item = Frame>>),
}

/// Where to.
enum Goal {
    File(String),
    Live(live::Wire),
    /// Nowhere: only the truth was asked for.
    Nowhere,
}

/// One command line.
struct Order {
    wanted: Wanted,
    goal: Goal,
    truth: Option<String>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let order = arguments().map_err(|error| format!("{error}\n{USAGE}"))?;
    if let (Some(path), Wanted::Load(load)) = (&order.truth, &order.wanted) {
        truth::write(load, BufWriter::new(File::create(path)?))?;
    }
    match (order.wanted, order.goal) {
        (_, Goal::Nowhere) => Ok(()),
        (wanted, Goal::File(path)) => write(wanted, &path),
        (Wanted::Load(load), Goal::Live(wire)) => {
            let mut frames = load.frames();
            report(wire.send(&mut |take| frames.advance().map(take).is_some())?)
        }
        (Wanted::Frames(mut frames), Goal::Live(wire)) => {
            report(wire.send(&mut |take| frames.next().as_ref().map(take).is_some())?)
        }
    }
}

fn report(sent: live::Sent) -> Result<(), Box<dyn Error>> {
    println!("{sent}");
    Ok(())
}

fn write(wanted: Wanted, path: &str) -> Result<(), Box<dyn Error>> {
    let begun = Instant::now();
    let file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let mut writer = PcapWriter::new(file, LinkType::Ethernet, Precision::Nano)?;
    let mut count = 0_u64;
    match wanted {
        Wanted::Frames(frames) => {
            for frame in frames {
                writer.write(frame.time, &frame.bytes)?;
                count += 1;
            }
        }
        Wanted::Load(load) => {
            let mut frames = load.frames();
            while let Some(frame) = frames.advance() {
                writer.write(frame.time, &frame.bytes)?;
                count += 1;
            }
        }
    }
    writer.finish()?;
    let nanos = begun.elapsed().as_nanos() as f64 / (count as f64).max(1.0);
    eprintln!("{path}: {count} frames, {nanos:.0} ns per frame");
    Ok(())
}

fn arguments() -> Result<Order, Box<dyn Error>> {
    let mut load = Load::default();
    let mut flood = Flood { kind: Kind::Garbage, frames: 100_000, rate: 10_000.0, seed: 1 };
    let (mut path, mut frames, mut truth, mut interface) = (None, None, None, None);
    let (mut is_flood, mut supply) = (false, live::Supply::OnTheFly);
    let mut words = env::args().skip(1);
    while let Some(word) = words.next() {
        let words = &mut words;
        match word.as_str() {
            "--demo" => frames = Some(demo::office()),
            "--script" => {
                let text = fs::read_to_string(value::<String>(words, &word)?)?;
                frames = Some(script::parse(&text)?.frames());
            }
            "--truth" => truth = Some(value::<String>(words, &word)?),
            "--live" => interface = Some(value::<String>(words, &word)?),
            "--preload" => supply = live::Supply::Preloaded,
            "--flood" => {
                is_flood = true;
                flood.kind = kind(&value::<String>(words, &word)?)?;
            }
            "--frames" => flood.frames = value(words, &word)?,
            "--rate" => flood.rate = value(words, &word)?,
            option if option.starts_with("--") => load_option(&mut load, option, words)?,
            _ => path = Some(word),
        }
    }
    let wanted = match frames {
        Some(frames) => Wanted::Frames(Box::new(frames.into_iter())),
        None if is_flood => Wanted::Frames(Box::new(flood.frames())),
        None => Wanted::Load(load),
    };
    let goal = match (path, interface) {
        (_, Some(interface)) => Goal::Live(live::Wire { interface, supply }),
        (Some(path), None) => Goal::File(path),
        (None, None) if truth.is_some() => Goal::Nowhere,
        (None, None) => return Err("no file to write is named, and no interface".into()),
    };
    Ok(Order { wanted, goal, truth })
}

/// An option that describes the load.
fn load_option(
    load: &mut Load,
    word: &str,
    words: &mut impl Iterator<Item = String>,
) -> Result<(), Box<dyn Error>> {
    match word {
        "--calls" => load.calls = value(words, word)?,
        "--seconds" => load.seconds = value(words, word)?,
        "--seed" => load.seed = value(words, word)?,
        "--loss" => load.loss_percent = value(words, word)?,
        "--reorder" => load.reorder_percent = value(words, word)?,
        "--jitter" => load.jitter_ms = value(words, word)?,
        "--duplicate" => load.duplicate = true,
        "--vlan" => load.vlan = Some(value(words, word)?),
        "--codec" => load.codec = Codec::from_rtpmap(&value::<String>(words, word)?, 8_000, None),
        "--spread" => load.start_spread_s = value(words, word)?,
        "--ptime" => load.ptime_ms = value(words, word)?,
        "--ring" => load.ring_s = value(words, word)?,
        "--no-rtp" => load.rtp = false,
        "--extensions" => load.extensions = value(words, word)?,
        option => return Err(format!("{option} is not an option").into()),
    }
    Ok(())
}

/// What floods.
fn kind(word: &str) -> Result<Kind, Box<dyn Error>> {
    Ok(match word {
        "garbage" => Kind::Garbage,
        "invites" => Kind::Invites,
        "scan" => Kind::Scan,
        address => Kind::Rtp { to: address.parse()? },
    })
}

/// The word after `option`.
fn value<T: FromStr>(words: &mut impl Iterator<Item = String>, option: &str) -> Result<T, Box<dyn Error>>
where
    T::Err: Error + 'static,
{
    Ok(words.next().ok_or_else(|| format!("{option} needs a value"))?.parse()?)
}
