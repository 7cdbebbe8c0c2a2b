//! RTP and RTCP from any bytes.
//!
//! Laws: the packet written again from its fields is the input; `rtp-types` reads the same fields or refuses as well; the
//! elements of an extension and the reports of a compound come to an end.
#![no_main]

use earwitness_wire::{rtcp, rtp};
use rtp_types::RtpPacket;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    assert!(rtcp::reports(bytes).count() <= bytes.len().div_ceil(4));
    let measures = rtcp::reports(bytes).filter_map(|report| {
        let rtcp::Report::Extended { measures, .. } = report else { return None };
        Some(measures.count())
    });
    assert!(measures.sum::<usize>() <= bytes.len() / 36);
    let ours = rtp::Packet::parse(bytes);
    let theirs = RtpPacket::parse(bytes);
    assert_eq!(ours.is_ok(), theirs.is_ok(), "only one of the two reads it");
    let (Ok(ours), Ok(theirs)) = (ours, theirs) else { return };
    assert_eq!(written(&ours, bytes), bytes);
    assert_eq!(ours.sequence(), theirs.sequence_number());
    assert_eq!(ours.timestamp().0, theirs.timestamp());
    assert_eq!(ours.ssrc(), theirs.ssrc());
    assert_eq!((ours.payload_type(), ours.marker()), (theirs.payload_type(), theirs.marker_bit()));
    assert_eq!((ours.payload(), ours.padding()), (theirs.payload(), theirs.padding().unwrap_or(0)));
    assert!(ours.csrc().eq(theirs.csrc()));
    assert_eq!(ours.extension().map(|of| (of.profile, of.bytes)), theirs.extension());
    if let Some(elements) = ours.extension().and_then(|of| of.elements()) {
        assert!((1..=255).filter(|id| elements.value(*id).is_some()).count() == elements.len());
    }
});

/// The packet from its fields; what padding holds besides its length is nobody's field, and is taken from the input.
fn written(packet: &rtp::Packet<'_>, input: &[u8]) -> Vec<u8> {
    let csrcs: Vec<u32> = packet.csrc().collect();
    let bit = |set: bool, at: u8| u8::from(set) << at;
    let mut bytes = vec![
        0x80 | bit(packet.padding() != 0, 5) | bit(packet.extension().is_some(), 4) | csrcs.len() as u8,
        bit(packet.marker(), 7) | packet.payload_type(),
    ];
    bytes.extend(packet.sequence().to_be_bytes());
    bytes.extend(packet.timestamp().0.to_be_bytes());
    bytes.extend(packet.ssrc().to_be_bytes());
    csrcs.iter().for_each(|csrc| bytes.extend(csrc.to_be_bytes()));
    if let Some(extension) = packet.extension() {
        bytes.extend(extension.profile.to_be_bytes());
        bytes.extend(((extension.bytes.len() / 4) as u16).to_be_bytes());
        bytes.extend(extension.bytes);
    }
    bytes.extend(packet.payload());
    bytes.extend(&input[input.len() - usize::from(packet.padding())..]);
    bytes
}
