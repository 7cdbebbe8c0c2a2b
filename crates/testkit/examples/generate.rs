//! Writes captures to listen to and to measure with:
//!
//! ```text
//! cargo run --release -p earwitness-testkit --example generate -- --calls 1000 --seconds 30 out.pcap
//! cargo run --release -p earwitness-testkit --example generate -- --script fixtures/calls/hold/script.call out.pcap
//! cargo run --release -p earwitness-testkit --example generate -- --demo out.pcap
//! ```
#![expect(clippy::print_stderr, reason = "an example speaks to the terminal")]

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
    pcap::{PcapWriter, Precision, write_all},
    script,
};

const USAGE: &str = "generate [--calls N] [--seconds S] [--seed N] [--loss PERCENT] [--reorder PERCENT] [--jitter MS] \
                     [--duplicate] [--vlan ID] [--codec PCMA|PCMU] [--spread S] [--ptime MS] [--ring S] [--no-rtp] \
                     [--extensions N] FILE.pcap\n       generate --demo FILE.pcap\n       generate --script FILE.call FILE.pcap";

/// What to write.
enum Wanted {
    Load(Load),
    Frames(Vec<Frame>),
}

fn main() -> Result<(), Box<dyn Error>> {
    let (wanted, path) = arguments().map_err(|error| format!("{error}\n{USAGE}"))?;
    let begun = Instant::now();
    let file = BufWriter::with_capacity(1 << 20, File::create(&path)?);
    let frames = match wanted {
        Wanted::Frames(frames) => {
            let count = frames.len() as u64;
            write_all(file, frames)?;
            count
        }
        Wanted::Load(load) => {
            let mut writer = PcapWriter::new(file, LinkType::Ethernet, Precision::Nano)?;
            let (mut frames, mut count) = (load.frames(), 0);
            while let Some(frame) = frames.advance() {
                writer.write(frame.time, &frame.bytes)?;
                count += 1;
            }
            writer.finish()?;
            count
        }
    };
    let nanos = begun.elapsed().as_nanos() as f64 / (frames as f64).max(1.0);
    eprintln!("{path}: {frames} frames, {nanos:.0} ns per frame");
    Ok(())
}

fn arguments() -> Result<(Wanted, String), Box<dyn Error>> {
    let mut load = Load::default();
    let (mut path, mut frames) = (None, None);
    let mut words = env::args().skip(1);
    while let Some(word) = words.next() {
        let words = &mut words;
        match word.as_str() {
            "--calls" => load.calls = value(words, &word)?,
            "--seconds" => load.seconds = value(words, &word)?,
            "--seed" => load.seed = value(words, &word)?,
            "--loss" => load.loss_percent = value(words, &word)?,
            "--reorder" => load.reorder_percent = value(words, &word)?,
            "--jitter" => load.jitter_ms = value(words, &word)?,
            "--duplicate" => load.duplicate = true,
            "--vlan" => load.vlan = Some(value(words, &word)?),
            "--codec" => load.codec = Codec::from_rtpmap(&value::<String>(words, &word)?, 8_000, None),
            "--spread" => load.start_spread_s = value(words, &word)?,
            "--ptime" => load.ptime_ms = value(words, &word)?,
            "--ring" => load.ring_s = value(words, &word)?,
            "--no-rtp" => load.rtp = false,
            "--extensions" => load.extensions = value(words, &word)?,
            "--demo" => frames = Some(demo::office()),
            "--script" => {
                let text = fs::read_to_string(value::<String>(words, &word)?)?;
                frames = Some(script::parse(&text)?.frames());
            }
            option if option.starts_with("--") => return Err(format!("{option} is not an option").into()),
            _ => path = Some(word),
        }
    }
    Ok((frames.map_or(Wanted::Load(load), Wanted::Frames), path.ok_or("no file to write is named")?))
}

/// The word after `option`.
fn value<T: FromStr>(words: &mut impl Iterator<Item = String>, option: &str) -> Result<T, Box<dyn Error>>
where
    T::Err: Error + 'static,
{
    Ok(words.next().ok_or_else(|| format!("{option} needs a value"))?.parse()?)
}
