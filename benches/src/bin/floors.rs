//! What any recorder has to do, as programs to be measured beside it, over the same capture file:
//!
//! ```text
//! floors walk FILE          read it a mebibyte at a time, look at the headers of each frame
//! floors libpcap FILE       the same by libpcap's own loop
//! floors flow FILE          walk it, look each stream up, append the payload to the stream's buffer
//! floors keep FILE          the same, and nothing is emptied: all audio lies in memory in the end
//! floors copy FILE TO       walk it, write the payload of every packet to one file
//! floors read-engine FILE   read it as the recorder does, and hand every frame to an engine without a vault
//! floors engine CALLS TURNS an engine in the steady state of so many calls, each turn half a second: no file
//! ```
//!
//! Each prints one line of JSON: the frames it saw, the bytes of audio in them, and the processor time of its thread from
//! the first frame to the last in ns. It is wrong on captures that are not the generator's: nothing is checked but that.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "its figures are read from there")]

use std::{
    env,
    error::Error,
    fs::File,
    hint::black_box,
    io::{BufWriter, Write},
    path::Path,
};

use earwitness_benches::{
    cpu_time::cpu_time,
    floor::Floor,
    running::Running,
    treadmill::{PAYLOAD, Treadmill},
    walk::walk,
};
use earwitness_capture::{FileSource, Polled};
use earwitness_engine::{Engine, Limits, Output};
use earwitness_model::{PACKET_HEADER, RawFrame, SegmentContent};
use earwitness_rules::RuleSet;

type Fallible<T> = Result<T, Box<dyn Error>>;

/// Bytes before the payload: Ethernet, IPv4, UDP, RTP.
const HEADERS: usize = 14 + 20 + 8 + 12;
/// Turns before an engine's time counts: half a second each.
const BEGINNING: u32 = 10;

/// What was seen.
#[derive(Default)]
struct Seen {
    frames: u64,
    payload_bytes: u64,
}

fn main() -> Fallible<()> {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut seen: Fallible<Seen> = Ok(Seen::default());
    let time = match words[..] {
        ["walk", file] => cpu_time(|| seen = headers(file.as_ref())),
        ["libpcap", file] => cpu_time(|| seen = libpcap(file)),
        ["flow", file] => cpu_time(|| seen = flow(file.as_ref(), Floor::default())),
        ["keep", file] => cpu_time(|| seen = flow(file.as_ref(), Floor::that_keeps())),
        ["copy", file, to] => cpu_time(|| seen = copy(file.as_ref(), to.as_ref())),
        ["read-engine", file] => cpu_time(|| seen = read_engine(file.as_ref())),
        ["engine", calls, turns] => return engine(calls.parse()?, turns.parse()?),
        _ => {
            return Err(
                "floors walk|libpcap|flow|keep|read-engine FILE, copy FILE TO, engine CALLS TURNS".into()
            );
        }
    };
    tell(&seen?, time.as_nanos());
    Ok(())
}

fn tell(Seen { frames, payload_bytes }: &Seen, nanos: u128) {
    println!("{{\"frames\": {frames}, \"payload_bytes\": {payload_bytes}, \"cpu_ns\": {nanos}}}");
}

/// The payload of a frame of audio.
#[inline]
fn payload(frame: &[u8]) -> Option<&[u8]> {
    let is_udp = frame.get(12..14)? == [8, 0] && *frame.get(23)? == 17;
    (is_udp && frame.len() == HEADERS + PAYLOAD).then(|| &frame[HEADERS..])
}

impl Seen {
    #[inline]
    fn count(&mut self, payload: Option<&[u8]>) {
        self.frames += 1;
        self.payload_bytes += payload.map_or(0, <[u8]>::len) as u64;
    }
}

fn headers(file: &Path) -> Fallible<Seen> {
    let mut seen = Seen::default();
    walk(file, |frame| seen.count(payload(black_box(frame.bytes))))?;
    Ok(seen)
}

fn libpcap(file: &str) -> Fallible<Seen> {
    let mut seen = Seen::default();
    let mut capture = pcap::Capture::from_file(file)?;
    capture.for_each(None, |packet| seen.count(payload(black_box(packet.data))))?;
    Ok(seen)
}

fn flow(file: &Path, mut floor: Floor) -> Fallible<Seen> {
    let mut frames = 0;
    walk(file, |frame| {
        frames += 1;
        if payload(frame.bytes).is_some() {
            floor.handle_frame(frame);
        }
    })?;
    Ok(Seen { frames, payload_bytes: floor.bytes() })
}

fn copy(file: &Path, to: &Path) -> Fallible<Seen> {
    let (mut seen, mut failure) = (Seen::default(), None);
    let mut out = BufWriter::with_capacity(1 << 20, File::create(to)?);
    walk(file, |frame| {
        let payload = payload(frame.bytes);
        seen.count(payload);
        if let Err(error) = out.write_all(payload.unwrap_or_default()) {
            failure = Some(error);
        }
    })?;
    out.flush()?;
    failure.map_or(Ok(seen), |error| Err(error.into()))
}

fn read_engine(file: &Path) -> Fallible<Seen> {
    let mut source = FileSource::open(file)?;
    let mut kept = Kept { engine: Engine::new(RuleSet::lab(), Limits::default()), audio_bytes: 0 };
    while source.poll_together(&mut |frames| kept.handle_frames(frames))? == Polled::Frames {}
    kept.engine.handle_end();
    kept.drain();
    let counts = kept.engine.counts();
    if counts.lost_packets() > 0 {
        return Err(format!("the engine lost {} packets", counts.lost_packets()).into());
    }
    Ok(Seen { frames: counts.frames, payload_bytes: kept.audio_bytes })
}

/// An engine and what it kept.
struct Kept {
    engine: Engine,
    audio_bytes: u64,
}

impl Kept {
    fn handle_frames(&mut self, frames: &[RawFrame<'_>]) {
        self.engine.handle_frames(frames);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.engine.poll_output() {
            let Output::Segment(segment) = output else { continue };
            if segment.content == SegmentContent::Media {
                let packets = segment.bytes.len() / (PACKET_HEADER + PAYLOAD);
                self.audio_bytes += (packets * PAYLOAD) as u64;
            }
            self.engine.handle_returned(segment);
        }
    }
}

fn engine(calls: u32, turns: u32) -> Fallible<()> {
    let mut treadmill = Treadmill::new(calls);
    let mut running = Running::new(&treadmill);
    running.check_bytes(&mut treadmill);
    for _ in 3..BEGINNING {
        running.turn(&treadmill);
        treadmill.turn();
    }
    let mut nanos = 0;
    for _ in 0..turns {
        nanos += cpu_time(|| running.turn(&treadmill)).as_nanos();
        treadmill.turn();
    }
    running.check_end();
    let turns = u64::from(turns);
    let seen = Seen { frames: turns * treadmill.packets(), payload_bytes: turns * treadmill.payload_bytes() };
    tell(&seen, nanos);
    Ok(())
}
