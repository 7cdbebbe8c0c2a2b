//! Whatever comes in, what comes out is as long, in order, read as before, and everything is counted.

mod support;

use std::sync::OnceLock;

use earwitness_anonymise::{Anonymiser, Frame, Secret};
use earwitness_model::{LinkType, SipTransport};
use earwitness_testkit::{Carriage, Opening, SegmentOrder, script, wrap::Wrap};
use earwitness_wire::{Carried, decode};
use proptest::prelude::*;
use support::{Capture, raw, scripts};

/// Frames of every kind that is known: a few of each script and wrap, and of messages in streams.
fn kinds() -> &'static [Frame] {
    static KINDS: OnceLock<Vec<Frame>> = OnceLock::new();
    KINDS.get_or_init(|| {
        let mut frames = Vec::new();
        for capture in scripts() {
            frames.extend(capture.frames.into_iter().take(12));
        }
        let some: Vec<Frame> = frames.iter().step_by(40).cloned().collect();
        for (wrap, frame) in Wrap::ALL.iter().flat_map(|wrap| some.iter().map(move |frame| (wrap, frame))) {
            frames.push(Frame { bytes: wrap.frame(&frame.bytes), ..frame.clone() });
        }
        for transport in [SipTransport::Tcp, SipTransport::Ws] {
            let order = SegmentOrder::Random(5);
            let carriage = Carriage { transport, largest: 200, order, opening: Opening::Seen };
            let text = "at 0.000 10.1.0.5:5060 > 10.1.0.9:5060 INVITE a from=0312221111 to=4001 sdp=10.1.0.5:4000/PCMA\n\
                        at 0.900 10.1.0.9:5060 > 10.1.0.5:5060 200 a sdp=10.1.0.9:4002/PCMA\n";
            let told = script::parse_over(text, carriage).expect("a script").frames();
            frames.extend(Capture::of("", told).frames);
        }
        frames
    })
}

/// Where what a frame carries lies.
fn place(frame: &Frame) -> Option<(u8, usize, usize, u32)> {
    let (kind, bytes, cut) = match decode(&raw(frame)).ok()? {
        Carried::Udp(datagram) => (0, datagram.payload, datagram.cut),
        Carried::Tcp(segment) => (1, segment.payload, segment.cut),
        Carried::Fragment(piece) => (2, piece.bytes, piece.cut),
        Carried::Icmp | Carried::OtherIp(_) | Carried::NotIp(_) => return None,
    };
    Some((kind, bytes.as_ptr().addr().wrapping_sub(frame.bytes.as_ptr().addr()), bytes.len(), cut))
}

#[derive(Debug, Clone)]
struct Damage {
    which: prop::sample::Index,
    changes: Vec<(prop::sample::Index, u8)>,
    cut: Option<prop::sample::Index>,
    step_ms: u16,
}

fn damage() -> impl Strategy<Value = Damage> {
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    let cut = prop::option::weighted(0.2, any::<prop::sample::Index>());
    (any::<prop::sample::Index>(), changes, cut, any::<u16>())
        .prop_map(|(which, changes, cut, step_ms)| Damage { which, changes, cut, step_ms })
}

/// A datagram in Ethernet under a label, whose first bytes are also a header of IP that promises `total` bytes of `protocol`.
fn ambiguous(protocol: u8, total: u8) -> Vec<u8> {
    let outer = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0x47, 0, 0, 0x11, 64];
    let ethernet = [0x44, 0, 0, total, 0, 0, 0, 0, 0xaa, protocol, 0, 0, 8, 0];
    let ip = [0x45, 0, 0, 32, 8, 0x68, 0, 0, 64, 17, 0x34, 0, 10, 1, 0, 5, 10, 1, 10, 9];
    let udp = [0x13, 0xc4, 1, 4, 0, 12, 0, 0, b'\r', b'\n', b'\r', b'\n'];
    [&outer[..], &ethernet, &ip, &udp].concat()
}

#[test]
fn labels_and_extensions_that_never_end_are_a_way_that_is_lost() {
    for (protocol, total) in [(137, 28), (17, 36)] {
        let bytes = ambiguous(protocol, total);
        let frame = Frame {
            number: 1,
            time: earwitness_testkit::MORNING,
            link: LinkType::Ethernet,
            wire_len: bytes.len() as u32,
            bytes,
        };
        let mut anonymiser = Anonymiser::new(Secret::seeded(1));
        anonymiser.handle_frame(&raw(&frame));
        let new = anonymiser.poll_frame().expect("the other way leads where the datagram is");
        assert_eq!(place(&new), place(&frame));
    }
}

/// The same, whose other way is ESP in IP in ESP, with trailers that fit wherever they are looked for.
fn manifold() -> Vec<u8> {
    let mut bytes = ambiguous(50, 0)[..32].to_vec();
    let payload_len = 2 + 20 * 28 + 800;
    let [len0, len1] = (28 + payload_len as u16).to_be_bytes();
    bytes.extend([0x45, 0, len0, len1, 0, 0, 0, 0, 64, 17, 0x45, 0, 10, 1, 0, 5, 64, 0, 64, 50]);
    let [len0, len1] = (8 + payload_len as u16).to_be_bytes();
    bytes.extend([0x1f, 0x40, 0x1f, 0x42, len0, len1, 0, 0, 0x80, 8]);
    for _ in 0..20 {
        bytes.extend([0; 8]);
        bytes.extend([0x45, 0, 0, 0, 0, 0, 0, 0, 64, 50, 0, 0, 10, 1, 0, 5, 10, 1, 0, 9]);
    }
    bytes.extend([0, 4].repeat(400));
    bytes
}

#[test]
fn ways_that_multiply_are_given_up() {
    let bytes = manifold();
    let wire_len = bytes.len() as u32;
    let frame =
        Frame { number: 1, time: earwitness_testkit::MORNING, link: LinkType::Ethernet, wire_len, bytes };
    assert!(place(&frame).is_some(), "one way leads to a datagram");
    let mut anonymiser = Anonymiser::new(Secret::seeded(1));
    anonymiser.handle_frame(&raw(&frame));
    let written = std::iter::from_fn(|| anonymiser.poll_frame()).count() as u64;
    let counts = anonymiser.counts();
    assert_eq!((counts.frames, written + counts.dropped()), (1, 1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn damaged_frames_in_any_order_come_out_as_long_or_are_counted(damages in prop::collection::vec(damage(), 1..40)) {
        let (mut frames, mut time) = (Vec::new(), earwitness_testkit::MORNING);
        for (number, damage) in (1..).zip(&damages) {
            let mut frame = kinds()[damage.which.index(kinds().len())].clone();
            for (at, byte) in &damage.changes {
                let at = at.index(frame.bytes.len());
                frame.bytes[at] = *byte;
            }
            frame.wire_len = frame.bytes.len() as u32;
            if let Some(cut) = damage.cut {
                frame.bytes.truncate(cut.index(frame.bytes.len()));
            }
            time = time.plus_nanos(i64::from(damage.step_ms) * 1_000_000);
            frames.push(Frame { number, time, link: LinkType::Ethernet, ..frame });
        }
        let mut anonymiser = Anonymiser::new(Secret::seeded(1));
        let mut done = Vec::new();
        for frame in &frames {
            anonymiser.handle_frame(&raw(frame));
            done.extend(std::iter::from_fn(|| anonymiser.poll_frame()));
        }
        anonymiser.handle_end();
        done.extend(std::iter::from_fn(|| anonymiser.poll_frame()));
        let counts = anonymiser.counts();
        prop_assert_eq!((counts.frames, counts.written), (frames.len() as u64, done.len() as u64));
        prop_assert_eq!(counts.frames, counts.written + counts.dropped());
        prop_assert!(done.is_sorted_by(|a, b| a.number < b.number));
        for new in &done {
            let old = &frames[new.number as usize - 1];
            prop_assert_eq!((new.time, new.wire_len, new.bytes.len()), (old.time, old.wire_len, old.bytes.len()));
            prop_assert_eq!(place(new), place(old));
        }
    }
}
