//! Two taps show the same calls, and each lacks some of it: together they become one recording with nothing missing.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in its helping functions too")]

mod support;

use std::{fs::File, io::BufWriter, path::PathBuf};

use earwitness_model::PacketTime;
use earwitness_testkit::{Frame, Random, pcap, script};
use serde_json::{Value, json};
use support::Bench;

const CALL: &str = "at 0.000 10.1.0.5:5060 > 10.1.0.9:5060 INVITE call-1 from=0312221111 to=4001 sdp=10.1.0.5:4000/PCMA\n\
    at 0.500 10.1.0.9:5060 > 10.1.0.5:5060 180 call-1\n\
    at 1.000 10.1.0.9:5060 > 10.1.0.5:5060 200 call-1 sdp=10.1.0.9:4002/PCMA\n\
    at 1.020 10.1.0.5:5060 > 10.1.0.9:5060 ACK call-1\n\
    rtp call-1 caller from=1.040 to=31.000 ssrc=0x11 speech-seed=1\n\
    rtp call-1 callee from=1.040 to=31.000 ssrc=0x22 speech-seed=2\n\
    at 31.000 10.1.0.5:5060 > 10.1.0.9:5060 BYE call-1\n\
    at 31.005 10.1.0.9:5060 > 10.1.0.5:5060 200 call-1\n";

fn whole() -> Vec<Frame> {
    script::parse(CALL).unwrap().frames()
}

fn is_rtp(frame: &Frame) -> bool {
    frame.bytes.len() == 214
}

/// A fifth of the packets of `frames` is lost at the first tap, and another fifth at the second, which lies behind a router and
/// a trunk: other hardware addresses, a VLAN tag, a smaller TTL, and up to 50 ms later. Packets there keep their order.
fn taps(frames: &[Frame], seed: u64) -> [Vec<Frame>; 2] {
    let mut random = Random::new(seed);
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for frame in frames {
        let lot = if is_rtp(frame) { random.below(5) } else { 2 };
        if lot != 0 {
            first.push(frame.clone());
        }
        if lot != 1 {
            let mut bytes = frame.bytes.clone();
            bytes[..12].copy_from_slice(&[2, 9, 9, 9, 9, 1, 2, 9, 9, 9, 9, 2]);
            // TTL 64 becomes 63, and the checksum of the header grows by what it lost.
            bytes[22] -= 1;
            let checksum = u32::from(u16::from_be_bytes([bytes[24], bytes[25]])) + 0x100;
            bytes[24..26].copy_from_slice(&((checksum + (checksum >> 16)) as u16).to_be_bytes());
            bytes.splice(12..12, [0x81, 0, 0, 7]);
            let time = frame.time.plus_nanos(random.below(50_000_000) as i64);
            second.push(Frame { time, bytes });
        }
    }
    second.sort_by_key(|frame| frame.time);
    [first, second]
}

fn written(bench: &Bench, name: &str, frames: Vec<Frame>) -> PathBuf {
    let path = bench.path(name);
    pcap::write_all(BufWriter::new(File::create(&path).unwrap()), frames).unwrap();
    path
}

/// The call that was recorded from `captures`, and the payloads of its voices.
fn recorded(captures: &[(&str, Vec<Frame>)]) -> (Bench, Value) {
    let bench = Bench::new();
    let files = captures.iter().map(|(name, frames)| written(&bench, name, frames.clone()));
    let files: Vec<PathBuf> = files.collect();
    let mut command: Vec<std::ffi::OsString> = vec!["record".into(), "--lab".into()];
    files.iter().for_each(|file| command.extend(["-r".into(), file.into()]));
    bench.done(command);
    let calls = bench.calls(&[]);
    assert_eq!(calls.len(), 1, "{calls:?}");
    let call = calls.into_iter().next().unwrap();
    (bench, call)
}

fn of_streams(call: &Value, name: &str) -> Vec<Value> {
    call["streams"].as_array().unwrap().iter().map(|stream| stream[name].clone()).collect()
}

fn wav(bench: &Bench, call: &Value) -> Vec<u8> {
    let path = bench.path("voice.wav");
    bench.done(["export".as_ref(), call["id"].as_str().unwrap().as_ref(), "-o".as_ref(), path.as_os_str()]);
    std::fs::read(path).unwrap()
}

#[test]
fn two_taps_that_each_lost_a_fifth_are_one_recording_with_nothing_missing() {
    let (of_one, expected) = recorded(&[("whole.pcap", whole())]);
    let samples = wav(&of_one, &expected);
    for seed in 1..=3 {
        let [a, b] = taps(&whole(), seed);
        let (_, half) = recorded(&[("a.pcap", a.clone())]);
        assert!(of_streams(&half, "lost").iter().all(|lost| lost.as_u64().unwrap() > 200), "{half}");
        let (bench, call) = recorded(&[("a.pcap", a), ("b.pcap", b)]);
        assert_eq!(of_streams(&call, "lost"), [json!(0), json!(0)], "{seed}");
        assert_eq!((call["gaps"].clone(), call["flags"].clone()), (json!([]), json!([])), "{seed}");
        for name in ["packets", "payload_bytes", "payload_blake3"] {
            assert_eq!(of_streams(&call, name), of_streams(&expected, name), "{seed}: {name}");
        }
        // What tap 1 lacks, tap 2 showed; what tap 2 showed before tap 1 did is its as well.
        for taps in of_streams(&call, "taps") {
            let [first, second] = [&taps[0], &taps[1]].map(|count| count.as_u64().unwrap());
            assert!(first > 900 && second > 200 && first + second == 1498, "{taps}");
        }
        let id = call["id"].as_str().unwrap();
        assert!(bench.done(["show", id]).contains("first from tap 1: "), "{seed}");
        assert!(wav(&bench, &call) == samples, "{seed}: the same samples");
    }
}

#[test]
fn a_capture_in_pieces_is_one_whatever_their_order_and_one_given_twice_is_one() {
    let (_, expected) = recorded(&[("whole.pcap", whole())]);
    let (head, tail) = {
        let frames = whole();
        let cut = frames.len() / 2;
        (frames[..cut].to_vec(), frames[cut..].to_vec())
    };
    for pieces in [
        [("1.pcap", head.clone()), ("2.pcap", tail.clone())],
        [("2.pcap", tail), ("1.pcap", head)],
        [("1.pcap", whole()), ("2.pcap", whole())],
    ] {
        let (_, call) = recorded(&pieces);
        for name in ["packets", "lost", "payload_blake3"] {
            assert_eq!(of_streams(&call, name), of_streams(&expected, name), "{name}");
        }
        assert_eq!(call["gaps"], json!([]));
        assert_eq!((&call["outcome"], &call["ended_by"]), (&expected["outcome"], &expected["ended_by"]));
    }
}

#[test]
fn calls_of_files_of_other_years_are_calls_of_their_own() {
    let later: Vec<Frame> =
        whole().into_iter().map(|frame| Frame { time: later_by_years(frame.time), ..frame }).collect();
    let bench = Bench::new();
    let [first, second] =
        [("later.pcap", later), ("whole.pcap", whole())].map(|(name, frames)| written(&bench, name, frames));
    bench.done(["record".as_ref(), "--lab".as_ref(), "-r".as_ref(), first.as_os_str(), second.as_os_str()]);
    let lost: Vec<_> = bench.calls(&[]).iter().map(|call| of_streams(call, "lost")).collect();
    assert_eq!(lost, [[json!(0), json!(0)], [json!(0), json!(0)]]);
}

fn later_by_years(time: PacketTime) -> PacketTime {
    time.plus_nanos(3 * 365 * 86_400 * 1_000_000_000)
}

#[test]
fn of_two_captures_that_end_in_mid_call_the_one_with_more_of_it_is_listed() {
    let until = |seconds: i64| {
        let frames = whole();
        let end = frames[0].time.plus_nanos(seconds * 1_000_000_000);
        frames.into_iter().filter(|frame| frame.time < end).collect::<Vec<_>>()
    };
    let bench = Bench::new();
    let packets = |name: &str, seconds: i64| {
        let file = written(&bench, name, until(seconds));
        bench.done(["record".as_ref(), "--lab".as_ref(), "-r".as_ref(), file.as_os_str()]);
        let calls = bench.calls(&[]);
        assert_eq!(calls.len(), 1, "{calls:?}");
        of_streams(&calls[0], "packets")
    };
    let [six, twelve] = [json!([248, 248]), json!([548, 548])].map(|v| v.as_array().unwrap().clone());
    assert_eq!(packets("six.pcap", 6), six);
    assert_eq!(packets("twelve.pcap", 12), twelve);
    assert_eq!(packets("six-again.pcap", 6), twelve);
    bench.done(["index", "rebuild"]);
    assert_eq!(of_streams(&bench.calls(&[])[0], "packets"), twelve);
}
