//! A call is the same call however it was wrapped on its way to the mirror.

#![expect(clippy::disallowed_methods, reason = "tests read fixtures and the environment")]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in its helping functions too")]

mod support;

use std::{fs, path::Path};

use earwitness_capture::{FileSource, Polled, Source};
use earwitness_engine::{Engine, Limits};
use earwitness_model::{CallSummary, LinkType, PacketTime, RawFrame};
use earwitness_rules::RuleSet;
use earwitness_testkit::wrap::{Wrap, fragments};
use support::{Came, Replayed, raw, scripts, told};

/// A frame as it was captured, in Ethernet.
#[derive(Debug, Clone)]
struct Shot {
    time: PacketTime,
    bytes: Vec<u8>,
    /// Bytes that were not captured.
    cut: usize,
}

impl Shot {
    /// `None` for a frame that carries no IP, or of a link type that is not turned into Ethernet here.
    fn of(frame: &RawFrame<'_>) -> Option<Self> {
        let ip = |packet: &[u8]| {
            let kind: [u8; 2] = if packet.first()? >> 4 == 4 { [0x08, 0x00] } else { [0x86, 0xdd] };
            Some([&[2; 12], &kind[..], packet].concat())
        };
        let bytes = match frame.link {
            LinkType::Ethernet => frame.bytes.to_vec(),
            LinkType::LinuxSll => [&[2; 12], frame.bytes.get(14..)?].concat(),
            LinkType::Null | LinkType::Loop => ip(frame.bytes.get(4..)?)?,
            LinkType::RawIp | LinkType::Ipv4 | LinkType::Ipv6 => ip(frame.bytes)?,
            LinkType::LinuxSll2 | LinkType::Hep | LinkType::Other(_) => return None,
        };
        let cut = frame.wire_len as usize - frame.bytes.len();
        Some(Self { time: frame.time, bytes, cut })
    }

    fn wrapped(&self, wraps: &[Wrap]) -> Self {
        let bytes = wraps.iter().fold(self.bytes.clone(), |bytes, wrap| {
            // What ends in something of its own is not what it was without its end.
            let has_end = matches!(wrap, Wrap::EspTunnel | Wrap::EspTransport | Wrap::Hep);
            if has_end && self.cut > 0 { bytes } else { wrap.cut_frame(&bytes, self.cut) }
        });
        Self { bytes, ..self.clone() }
    }
}

/// What comes of them by the lab rule, and how many datagrams came in a tunnel.
fn replay(shots: &[Shot]) -> (Replayed, u64) {
    let mut engine = Engine::new(RuleSet::lab(), Limits::default());
    let mut replayed = Replayed::default();
    for (shot, number) in shots.iter().zip(1..) {
        let wire_len = u32::try_from(shot.bytes.len() + shot.cut).unwrap();
        let link = LinkType::Ethernet;
        engine.handle_frame(&RawFrame { time: shot.time, number, link, wire_len, bytes: &shot.bytes });
        replayed.poll(&mut engine);
    }
    engine.handle_end();
    replayed.poll(&mut engine);
    let tunnels = engine.counts().tunnels.total();
    (replayed, tunnels)
}

/// Asserts that calls, facts but for the tunnel around them, streams and every kept byte are the same, in the same order.
fn assert_same(bare: &Replayed, wrapped: &Replayed, how: &str) {
    let calls = |replayed: &Replayed| replayed.calls.keys().copied().collect::<Vec<_>>();
    assert_eq!(calls(bare), calls(wrapped), "{how}");
    for (call, came) in &bare.calls {
        let other = &wrapped.calls[call];
        let but_for_tunnel = |ended: &Option<CallSummary>| {
            ended.clone().map(|summary| CallSummary { tunnel: None, ..summary })
        };
        assert_eq!(but_for_tunnel(&came.ended), but_for_tunnel(&other.ended), "{how}");
        assert_eq!(came.streams, other.streams, "{how}");
        assert!(came.pieces == other.pieces, "{how}: what was kept of a call differs");
    }
}

/// Two in one another, the inner one first: of a data centre, of a provider, of a mobile network.
const NESTED: [[Wrap; 2]; 4] = [
    [Wrap::Vxlan, Wrap::ErspanIII],
    [Wrap::GreAllFields, Wrap::Pseudowire],
    [Wrap::GtpU, Wrap::GeneveOptions],
    [Wrap::EspTransport, Wrap::IpInIpv6],
];

/// Compares what comes of `shots` bare with what comes of them in every wrap and in two; the number of calls.
fn compare(shots: &[Shot], name: &str) -> usize {
    let (bare, _) = replay(shots);
    if bare.calls.is_empty() {
        return 0;
    }
    let singles = Wrap::ALL.iter().map(std::slice::from_ref);
    for wraps in singles.chain(NESTED.iter().map(<[Wrap; 2]>::as_slice)) {
        let wrapped: Vec<Shot> = shots.iter().map(|shot| shot.wrapped(wraps)).collect();
        let (replayed, tunnels) = replay(&wrapped);
        assert_same(&bare, &replayed, &format!("{name} in {wraps:?}"));
        // Tags are no tunnels, and HEP is for SIP over UDP alone.
        let may_be_none = |wrap: &Wrap| {
            matches!(
                wrap,
                Wrap::Vlan | Wrap::VnTag | Wrap::ETag | Wrap::CiscoMetadata | Wrap::Pppoe | Wrap::Hep
            )
        };
        let is_told = |came: &Came| came.ended.as_ref().is_none_or(|summary| summary.tunnel.is_some());
        // What is left bare where it cannot be wrapped: fragments, and cut frames.
        let is_never_bare =
            |wrap: &&Wrap| !may_be_none(wrap) && !matches!(wrap, Wrap::EspTunnel | Wrap::EspTransport);
        let told = !wraps.iter().any(|wrap| is_never_bare(&wrap)) || replayed.calls.values().all(is_told);
        assert!(told, "{name} in {wraps:?}: a call does not tell of its tunnel");
        assert!(tunnels > 0 || wraps.iter().all(may_be_none), "{name} in {wraps:?}: nothing was in a tunnel");
    }
    bare.calls.len()
}

/// Every frame in VXLAN, whose packets then come in fragments.
fn in_fragmented_vxlan(shots: &[Shot]) -> Vec<Shot> {
    let pieces = |(shot, id): (&Shot, u16)| {
        let pieces = fragments(&Wrap::Vxlan.frame(&shot.bytes), 400, id);
        pieces.into_iter().map(|bytes| Shot { bytes, ..shot.clone() }).collect::<Vec<_>>()
    };
    shots.iter().zip((0..=u16::MAX).cycle()).flat_map(pieces).collect()
}

fn shots_of(text: &str) -> Vec<Shot> {
    told(text).iter().filter_map(|frame| Shot::of(&raw(frame, 1))).collect()
}

#[test]
fn every_script_is_the_same_in_every_encapsulation_and_in_two() {
    let mut calls = 0;
    for entry in fs::read_dir(scripts()).unwrap() {
        let folder = entry.unwrap().path();
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        // Hours of audio, in which nothing is that is not in the others.
        if name == "demo-office" {
            continue;
        }
        let shots = shots_of(&fs::read_to_string(folder.join("script.call")).unwrap());
        calls += compare(&shots, &name);
        let (bare, _) = replay(&shots);
        let (fragmented, _) = replay(&in_fragmented_vxlan(&shots));
        assert_same(&bare, &fragmented, &format!("{name} in fragments of VXLAN"));
    }
    assert!(calls > 20, "{calls}");
}

#[test]
fn calls_of_real_captures_are_the_same_in_every_encapsulation_and_in_two() {
    let Some(corpus) = std::env::var_os("EARWITNESS_CORPUS") else {
        println!("left out: EARWITNESS_CORPUS is not set");
        return;
    };
    let mut calls = 0;
    for owner in fs::read_dir(Path::new(&corpus)).unwrap() {
        for entry in fs::read_dir(owner.unwrap().path()).into_iter().flatten() {
            let path = entry.unwrap().path();
            let Ok(mut source) = FileSource::open(&path) else { continue };
            let mut shots = Vec::new();
            while matches!(source.poll(&mut |frame| shots.extend(Shot::of(frame))), Ok(Polled::Frames)) {}
            calls += compare(&shots, &path.display().to_string());
        }
    }
    println!("{calls} calls compared");
    assert!(calls > 50, "{calls}");
}
