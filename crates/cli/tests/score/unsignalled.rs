//! Streams that no SIP of their capture announces: a call is made up that does, and their capture is recorded after it.

use std::{
    collections::BTreeMap,
    fs::File,
    io::BufWriter,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use earwitness_capture::{FileSource, Polled, Source};
use earwitness_model::PacketTime;
use earwitness_testkit::{
    pcap::{self, PcapWriter, Precision},
    script,
};
use serde_json::Value;

use super::truth::{audio, is_g711, streams};
use crate::support::Bench;

/// Whether a dialog of the capture announces the stream.
pub(crate) fn is_announced(stream: &Value) -> bool {
    stream["signalled"] == true && !stream["call_ids"].as_array().unwrap().is_empty()
}

/// Those of G.711 and those with keys.
pub(crate) fn of(capture: &Value) -> impl Iterator<Item = &Value> {
    let is_wanted = |of: &&Value| audio(of).any(is_g711) || of["dtmf"].is_string();
    streams(capture).filter(|stream| !is_announced(stream)).filter(is_wanted)
}

fn end(value: &Value) -> SocketAddr {
    value.as_str().unwrap().parse().unwrap()
}

/// Nanoseconds of Unix time.
fn nanos(at: &Value) -> i64 {
    let (seconds, decimals) = at.as_str().unwrap().split_once('.').unwrap();
    seconds.parse::<i64>().unwrap() * 1_000_000_000 + decimals.parse::<i64>().unwrap()
}

/// The beginning of a script: its 0 is two seconds before the first packet.
fn head(streams: &[&Value]) -> String {
    let first = streams.iter().map(|stream| nanos(&stream["first_ts"])).min().unwrap() - 2_000_000_000;
    format!("epoch {}.{:09}\n", first / 1_000_000_000, first % 1_000_000_000)
}

/// A call between two ends, whose SDP names them with `sdp`.
fn call(number: usize, (a, b): (SocketAddr, SocketAddr), sdp: &str) -> String {
    let (caller, callee) = (SocketAddr::new(a.ip(), 5060), SocketAddr::new(b.ip(), 5061));
    format!(
        "at 0.{number:03} {caller} > {callee} INVITE made-up-{number} from=1 to=2 sdp={a}/{sdp}\n\
         at 0.{number:03}5 {callee} > {caller} 200 made-up-{number} sdp={b}/{sdp}\n\
         at 0.{number:03}7 {caller} > {callee} ACK made-up-{number}\n"
    )
}

/// A script with a call for each two ends between which there are streams.
pub(crate) fn signalling(streams: &[&Value]) -> String {
    let mut pairs: BTreeMap<(SocketAddr, SocketAddr), usize> = BTreeMap::new();
    for stream in streams {
        let (src, dst) = (end(&stream["src"]), end(&stream["dst"]));
        let number = pairs.len();
        if !pairs.contains_key(&(dst, src)) {
            pairs.entry((src, dst)).or_insert(number);
        }
    }
    let calls = pairs.into_iter().map(|(ends, number)| call(number, ends, "PCMU,PCMA,DTMF"));
    head(streams) + &calls.collect::<String>()
}

/// A script with a call that names the key of the stream's SRTP.
pub(crate) fn secured(stream: &Value, key: &str) -> String {
    let sdp = format!("G722 crypto=\"AES_CM_128_HMAC_SHA1_80 inline:{key}\"");
    head(&[stream]) + &call(0, (end(&stream["src"]), end(&stream["dst"])), &sdp)
}

/// The frames of a capture from `since` on: one of them is two captures in one, fifteen years apart.
fn rest(bench: &Bench, capture: &Path, since: PacketTime) -> PathBuf {
    let path = bench.path("rest.pcap");
    let mut source = FileSource::open(capture).unwrap();
    let mut writer = None;
    loop {
        let polled = source.poll(&mut |frame| {
            if frame.time >= since {
                let to = || BufWriter::new(File::create(&path).unwrap());
                let writer =
                    writer.get_or_insert_with(|| PcapWriter::new(to(), frame.link, Precision::Nano).unwrap());
                writer.write(frame.time, frame.bytes).unwrap();
            }
        });
        if !matches!(polled, Ok(Polled::Frames)) {
            break;
        }
    }
    writer.unwrap().finish().unwrap();
    path
}

/// Records the script's frames and then those of the capture; the calls with the hashes of their payload.
pub(crate) fn record(bench: &Bench, signalling: &str, capture: &Path) -> Vec<Value> {
    let frames = script::parse(signalling).unwrap().frames();
    let since = frames[0].time;
    let made_up = bench.path("made-up.pcap");
    pcap::write_all(BufWriter::new(File::create(&made_up).unwrap()), frames).unwrap();
    let rest = rest(bench, capture, since);
    bench.done(["record", "--lab", "-q", "-r", made_up.to_str().unwrap(), "-r", rest.to_str().unwrap()]);
    bench.calls(&["--sha256"])
}
