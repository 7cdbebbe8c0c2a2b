//! Captures that others made, against what tshark 4.0.17 counts in them. They are not part of the source: the variable
//! `EARWITNESS_CORPUS` names their directory, and without it nothing is read.

mod corpus;

use corpus::{capture, frames};
use earwitness_wire::{Carried, FragmentLoss, Reassembled, Reassembler, ReassemblyLimits, decode, rtp};

/// What the frames of a capture carry.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    datagrams: usize,
    payload_bytes: usize,
    fragments: usize,
    tcp: usize,
    icmp: usize,
    /// Frames that could not be read.
    errors: usize,
}

fn counts(file: &[u8]) -> Counts {
    let mut counts = Counts::default();
    for frame in frames(file) {
        match decode(&frame) {
            Ok(Carried::Udp(datagram)) => {
                counts.datagrams += 1;
                counts.payload_bytes += datagram.payload.len() + datagram.cut as usize;
            }
            Ok(Carried::Fragment(_)) => counts.fragments += 1,
            Ok(Carried::Tcp(_)) => counts.tcp += 1,
            Ok(Carried::Icmp) => counts.icmp += 1,
            Ok(Carried::OtherIp(_) | Carried::NotIp(_)) => {}
            Err(_) => counts.errors += 1,
        }
    }
    counts
}

/// The payloads of the datagrams that came in fragments, and the reassembler at the end.
fn reassembled(file: &[u8]) -> (Vec<Vec<u8>>, Reassembler) {
    let mut reassembler = Reassembler::new(ReassemblyLimits::default());
    let mut payloads = Vec::new();
    for frame in frames(file) {
        if let Ok(Carried::Fragment(fragment)) = decode(&frame)
            && let Reassembled::Whole(Carried::Udp(datagram)) =
                reassembler.handle_fragment(&fragment, frame.time)
        {
            payloads.push(datagram.payload.to_vec());
        }
    }
    (payloads, reassembler)
}

#[test]
fn datagrams_and_their_bytes_are_those_that_tshark_counts() {
    // Frames with `udp` outside ICMP and their `udp.length - 8`, `ip.defragment:FALSE`; fragments; TCP; ICMP.
    let cases: &[(&str, [usize; 5])] = &[
        ("CESNET+ipfixprobe/sip.pcap", [43, 18_817, 0, 0, 5]),
        ("DanieleDeSensi+peafowl/correct_1.pcap", [0, 0, 23, 0, 0]),
        ("DanieleDeSensi+peafowl/overlapping.pcap", [0, 0, 9, 0, 1]),
        ("OISF+suricata-verify/sip-body-large.pcap", [0, 0, 0, 16, 0]),
        ("SIPp+sipp/g711a.pcap", [236, 59_472, 0, 0, 0]),
        ("arkime+arkime/twovlan.pcap", [0, 0, 0, 6, 0]),
        ("irontec+sngrep/ipv6frag.pcap", [30, 25_007, 4, 0, 0]),
        ("ntop+nDPI/skinny.pcap", [135, 23_220, 0, 61, 0]),
        ("odedshimon+BruteShark/DTMFsipinfo.pcap", [32, 23_293, 0, 0, 0]),
        ("odedshimon+BruteShark/SIP_CALL_RTP_G711.pcap", [3583, 562_129, 0, 522, 0]),
        ("odedshimon+BruteShark/SIP_DTMF2.pcap", [1360, 341_437, 0, 0, 0]),
        ("odedshimon+BruteShark/aaa.pcap", [590, 68_956, 0, 57, 0]),
        ("odedshimon+BruteShark/h263-over-rtp.pcap", [49, 12_022, 0, 0, 0]),
        ("odedshimon+BruteShark/sip-rtp-g711.pcap", [852, 149_391, 0, 0, 0]),
    ];
    for (name, [datagrams, payload_bytes, fragments, tcp, icmp]) in cases.iter().copied() {
        let Some(file) = capture(name) else { return };
        let expected = Counts { datagrams, payload_bytes, fragments, tcp, icmp, errors: 0 };
        assert_eq!(counts(&file), expected, "{name}");
    }
}

#[test]
fn invites_in_ipv6_fragments_are_put_together() {
    let Some(file) = capture("irontec+sngrep/ipv6frag.pcap") else { return };
    let (payloads, reassembler) = reassembled(&file);
    assert_eq!(payloads.iter().map(Vec::len).collect::<Vec<_>>(), [1691, 1871]);
    assert!(payloads.iter().all(|payload| payload.starts_with(b"INVITE sip:08019200028@[fd17:625c:")));
    assert_eq!((reassembler.waiting(), reassembler.losses().total()), (0, 0));
}

#[test]
fn a_sip_message_in_23_fragments_is_put_together() {
    let Some(file) = capture("DanieleDeSensi+peafowl/correct_1.pcap") else { return };
    let (payloads, reassembler) = reassembled(&file);
    assert_eq!(payloads.iter().map(Vec::len).collect::<Vec<_>>(), [33_324]);
    assert!(payloads[0].starts_with(b"CANCEL sip:bob@192.168.77.1 SIP/2.0\r\n"));
    assert_eq!((reassembler.waiting(), reassembler.losses().total()), (0, 0));
}

#[test]
fn nine_pieces_that_disagree_about_the_end_are_one_overlap() {
    let Some(file) = capture("DanieleDeSensi+peafowl/overlapping.pcap") else { return };
    let (payloads, reassembler) = reassembled(&file);
    assert_eq!((payloads.len(), reassembler.waiting(), reassembler.held_bytes()), (0, 0, 0));
    assert_eq!((reassembler.losses().of(FragmentLoss::Overlap), reassembler.losses().total()), (1, 1));
}

#[test]
fn sip_quoted_by_icmp_is_no_datagram() {
    let Some(file) = capture("CESNET+ipfixprobe/sip.pcap") else { return };
    let is_sip = |bytes: &[u8]| bytes.windows(7).any(|part| part == b"SIP/2.0");
    let (mut in_datagrams, mut in_icmp) = (0, 0);
    for frame in frames(&file) {
        match decode(&frame) {
            Ok(Carried::Udp(datagram)) if is_sip(datagram.payload) => in_datagrams += 1,
            Ok(Carried::Icmp) if is_sip(frame.bytes) => in_icmp += 1,
            _ => {}
        }
    }
    assert_eq!((in_datagrams, in_icmp), (40, 5));
}

#[test]
fn a_synthetic_call_of_g711_is_236_packets_of_240_bytes() {
    let Some(file) = capture("SIPp+sipp/g711a.pcap") else { return };
    let mut payloads = 0;
    for frame in frames(&file) {
        let Ok(Carried::Udp(datagram)) = decode(&frame) else {
            panic!("frame {} holds another thing", frame.number)
        };
        assert!(rtp::looks_like(datagram.payload));
        let packet = rtp::Packet::parse(datagram.payload).expect("every datagram of it is RTP");
        assert_eq!((packet.payload_type(), packet.payload().len()), (8, 240));
        payloads += 1;
    }
    assert_eq!(payloads, 236);
}
