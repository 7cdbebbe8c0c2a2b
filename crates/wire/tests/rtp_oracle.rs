//! Our RTP header against `rtp-types`, and what is in ordinary packets.

use earwitness_model::RtpTime;
use earwitness_wire::{Cause, Layer, WireError, rtp};
use proptest::prelude::*;
use rtp_types::{RtpPacket, RtpPacketBuilder};

/// PCMA, sequence 0x1234, with the marker.
const PLAIN: &[u8] = &[0x80, 0x88, 0x12, 0x34, 0, 0, 0, 160, 0xde, 0xad, 0xbe, 0xef, 0xd5, 0xd5, 0xd5, 0xd5];

/// Two CSRCs, an extension of one word, three bytes of padding.
const FULL: &[u8] = &[
    0xb2, 0x60, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 7, // fixed header
    0, 0, 0, 1, 0, 0, 0, 2, // CSRCs
    0xbe, 0xde, 0, 1, 0x10, 0xaa, 0, 0, // extension
    b'p', b'a', b'y', 0, 0, 3, // payload and padding
];

#[test]
fn a_plain_packet_is_its_fields_and_its_payload() {
    let packet = rtp::Packet::parse(PLAIN).unwrap();
    assert_eq!((packet.sequence(), packet.timestamp(), packet.ssrc()), (0x1234, RtpTime(160), 0xdead_beef));
    assert_eq!((packet.payload_type(), packet.marker()), (8, true));
    assert_eq!((packet.payload(), packet.padding()), (&[0xd5; 4][..], 0));
    assert_eq!((packet.csrc().count(), packet.extension()), (0, None));
}

#[test]
fn csrcs_extension_and_padding_are_not_payload() {
    let packet = rtp::Packet::parse(FULL).unwrap();
    assert_eq!((packet.sequence(), packet.timestamp(), packet.ssrc()), (0xffff, RtpTime(u32::MAX), 7));
    assert_eq!((packet.payload_type(), packet.marker()), (96, false));
    assert_eq!((packet.payload(), packet.padding()), (&b"pay"[..], 3));
    assert_eq!(packet.csrc().collect::<Vec<_>>(), [1, 2]);
    let extension = packet.extension().unwrap();
    assert_eq!((extension.profile, extension.bytes), (0xbede, &[0x10, 0xaa, 0, 0][..]));
    assert_eq!(extension.elements().unwrap().value(1), Some(&[0xaa][..]));
}

#[test]
fn a_packet_without_payload_is_a_packet() {
    assert_eq!(rtp::Packet::parse(&PLAIN[..12]).unwrap().payload(), b"");
    let only_padding = [&[0xa0], &PLAIN[1..12], &[0, 0, 0, 4]].concat();
    let packet = rtp::Packet::parse(&only_padding).unwrap();
    assert_eq!((packet.payload(), packet.padding()), (&b""[..], 4));
}

#[test]
fn what_does_not_fit_is_refused_with_its_place() {
    let error = |offset, cause| WireError { layer: Layer::Rtp, offset, cause };
    let with = |at: usize, byte: u8| {
        let mut bytes = FULL.to_vec();
        bytes[at] = byte;
        rtp::Packet::parse(&bytes).unwrap_err()
    };
    assert_eq!(rtp::Packet::parse(&FULL[..11]).unwrap_err(), error(0, Cause::Truncated));
    assert_eq!(rtp::Packet::parse(&FULL[..19]).unwrap_err(), error(12, Cause::Truncated));
    assert_eq!(rtp::Packet::parse(&FULL[..23]).unwrap_err(), error(20, Cause::Truncated));
    assert_eq!(rtp::Packet::parse(&FULL[..27]).unwrap_err(), error(20, Cause::Truncated));
    assert_eq!(with(0, 0x72), error(0, Cause::BadVersion));
    assert_eq!(with(33, 0), error(33, Cause::BadLength));
    assert_eq!(with(33, 7), error(33, Cause::BadLength));
}

#[test]
fn rtcp_stun_dtls_and_keep_alives_do_not_look_like_rtp() {
    let cases: &[(&str, &[u8], bool)] = &[
        ("PCMA", PLAIN, true),
        ("dynamic payload type with marker", &[0x80, 0xe0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0], true),
        ("comfort noise with marker, 141", &[0x80, 0x8d, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0], true),
        ("payload type 63", &[0x80, 63, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0], true),
        ("payload type 64", &[0x80, 64, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0], false),
        ("sender report", &[0x80, 200, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0], false),
        ("receiver report", &[0x80, 201, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0], false),
        ("payload type 95", &[0x80, 95, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0], false),
        ("payload type 96", &[0x80, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0], true),
        ("STUN", &[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 0, 0, 0, 0], false),
        ("DTLS", &[0x16, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0], false),
        ("SIP", b"INVITE sip:4001@10.1.0.9 SIP/2.0", false),
        ("keep-alive", b"\r\n\r\n", false),
        ("eleven bytes", &PLAIN[..11], false),
    ];
    for (name, bytes, expected) in cases {
        assert_eq!(rtp::looks_like(bytes), *expected, "{name}");
    }
}

/// Bytes that often are RTP: the first says version 2 and small counts.
fn nearly_rtp() -> impl Strategy<Value = Vec<u8>> {
    (prop::collection::vec(any::<u8>(), 0..96), 0_u8..4, any::<bool>()).prop_map(
        |(mut bytes, csrcs, small)| {
            if let Some(first) = bytes.first_mut() {
                *first = 0x80 | (*first & 0x30) | csrcs;
            }
            if let (true, Some(words)) = (small, bytes.get_mut(12 + usize::from(csrcs) * 4 + 2..)) {
                words.iter_mut().take(1).for_each(|high| *high = 0);
                words.iter_mut().skip(1).take(1).for_each(|low| *low %= 8);
            }
            if let Some(padding) = bytes.last_mut() {
                *padding %= 24;
            }
            bytes
        },
    )
}

fn agree(bytes: &[u8]) -> Result<(), TestCaseError> {
    let (ours, theirs) = match (rtp::Packet::parse(bytes), RtpPacket::parse(bytes)) {
        (Ok(ours), Ok(theirs)) => (ours, theirs),
        (ours, theirs) => {
            prop_assert_eq!(ours.is_err(), theirs.is_err(), "{:?}", bytes);
            return Ok(());
        }
    };
    prop_assert_eq!(ours.sequence(), theirs.sequence_number());
    prop_assert_eq!(ours.timestamp().0, theirs.timestamp());
    prop_assert_eq!(ours.ssrc(), theirs.ssrc());
    prop_assert_eq!(ours.payload_type(), theirs.payload_type());
    prop_assert_eq!(ours.marker(), theirs.marker_bit());
    prop_assert_eq!(ours.payload(), theirs.payload());
    prop_assert_eq!(ours.padding(), theirs.padding().unwrap_or(0));
    prop_assert_eq!(ours.csrc().collect::<Vec<_>>(), theirs.csrc().collect::<Vec<_>>());
    prop_assert_eq!(ours.extension().map(|of| (of.profile, of.bytes)), theirs.extension());
    Ok(())
}

proptest! {
    #[test]
    fn any_bytes_are_read_as_rtp_types_reads_them(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        agree(&bytes)?;
    }

    #[test]
    fn bytes_that_are_nearly_rtp_are_read_as_rtp_types_reads_them(bytes in nearly_rtp()) {
        agree(&bytes)?;
    }

    #[test]
    fn what_rtp_types_builds_is_read_back(
        (sequence, timestamp, ssrc) in any::<(u16, u32, u32)>(),
        (payload_type, marker, padding) in (0_u8..128, any::<bool>(), 0_u8..5),
        csrcs in prop::collection::vec(any::<u32>(), 0..16),
        payload in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut builder = RtpPacketBuilder::new()
            .sequence_number(sequence).timestamp(timestamp).ssrc(ssrc)
            .payload_type(payload_type).marker_bit(marker).maybe_padding((padding != 0).then_some(padding * 4))
            .payload(payload.as_slice())
            .extension(0xbede, &[0x10, 0xaa, 0, 0][..]);
        for csrc in &csrcs {
            builder = builder.add_csrc(*csrc);
        }
        let bytes = builder.write_vec().expect("every field is in its range");
        let packet = rtp::Packet::parse(&bytes).expect("rtp-types wrote it");
        prop_assert_eq!((packet.sequence(), packet.timestamp().0, packet.ssrc()), (sequence, timestamp, ssrc));
        prop_assert_eq!((packet.payload_type(), packet.marker(), packet.padding()), (payload_type, marker, padding * 4));
        prop_assert_eq!(packet.payload(), payload.as_slice());
        prop_assert_eq!(packet.csrc().collect::<Vec<_>>(), csrcs);
    }
}
