//! RTCP compounds as phones send them, as `rtcp-types` writes them, and broken.

use earwitness_model::{RtpTime, VoipMetrics};
use earwitness_wire::{
    Cause, Layer, WireError,
    rtcp::{self, Block, Report},
};
use proptest::prelude::*;
use rtcp_types::{
    Bye, Compound, CompoundBuilder, Packet, ReceiverReport, ReportBlock, RtcpPacketWriterExt, Sdes,
    SdesChunk, SdesItem, SenderReport,
};

const SENDER_REPORT: &[u8] = &[
    0x81, 200, 0, 12, 0xde, 0xad, 0xbe, 0xef, // one block, 13 words, SSRC
    0xe8, 0, 0, 1, 0x80, 0, 0, 0, // NTP
    0, 0, 0x3e, 0x80, 0, 0, 0, 100, 0, 0, 0x3e, 0x80, // RTP time, packets, octets
    0, 0, 0, 7, 64, 0xff, 0xff, 0xff, 0, 1, 0, 2, 0, 0, 0, 9, 0, 1, 0x80, 0, 0, 1, 0, 0, // the block
];

const CNAME: &[u8] =
    &[0x81, 202, 0, 4, 0xde, 0xad, 0xbe, 0xef, 1, 6, b'a', b'@', b'h', b'o', b's', b't', 0, 0, 0, 0];

const BYE: &[u8] = &[0x82, 203, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 2, b'o', b'k', 0];

/// A receiver report whose length says two words where its count needs seven more.
const SHORT_RECEIVER_REPORT: &[u8] = &[0x81, 201, 0, 1, 0, 0, 0, 5];

/// An extended report of a receiver's reference time (RFC 3611, section 4.4) and of VoIP metrics.
const EXTENDED: &[u8] = &[
    0x80, 207, 0, 13, 0, 0, 0, 5, // 14 words, SSRC
    4, 0, 0, 2, 0xe8, 0, 0, 1, 0x80, 0, 0, 0, // reference time
    7, 0, 0, 8, 0, 0, 0, 7, 3, 1, 64, 2, 0, 120, 0x13, 0x88, 0, 80, 0, 60, // up to the delays
    0xee, 0xbf, 55, 16, 92, 127, 42, 41, 0x30, 0, 0, 40, 0, 80, 0, 200, // levels, scores, jitter buffer
];

/// Where the metrics' own fields begin in [`EXTENDED`].
const FIELDS: usize = 28;

fn measures(bytes: &[u8]) -> Vec<(u32, VoipMetrics)> {
    let [Report::Extended { ssrc: 5, measures }] = read(bytes)[..] else { panic!("{:?}", read(bytes)) };
    measures.collect()
}

fn read(bytes: &[u8]) -> Vec<Report<'_>> {
    rtcp::reports(bytes).collect()
}

fn malformed(offset: u32, cause: Cause) -> Report<'static> {
    Report::Malformed(WireError { layer: Layer::Rtcp, offset, cause })
}

#[test]
fn a_compound_of_report_name_and_bye_is_read_packet_by_packet() {
    let compound = [SENDER_REPORT, CNAME, BYE].concat();
    let [
        Report::SenderReport { ssrc, ntp, rtp_time, packets, octets, blocks },
        name,
        Report::Bye { sources },
    ] = read(&compound)[..]
    else {
        panic!("{:?}", read(&compound));
    };
    assert_eq!((ssrc, ntp, rtp_time), (0xdead_beef, 0xe800_0001_8000_0000, RtpTime(16_000)));
    assert_eq!((packets, octets), (100, 16_000));
    let expected = Block {
        ssrc: 7,
        fraction_lost: 64,
        lost: -1,
        highest_sequence: 0x1_0002,
        jitter: 9,
        last_sender_report: 0x1_8000,
        delay_since: 0x1_0000,
    };
    assert_eq!(blocks.collect::<Vec<_>>(), [expected]);
    assert_eq!(name, Report::Sdes { ssrc: 0xdead_beef, cname: b"a@host" });
    assert_eq!(sources.collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn what_a_receiver_measured_is_read_behind_other_blocks() {
    let expected = VoipMetrics {
        loss_rate: 3,
        discard_rate: 1,
        burst_density: 64,
        gap_density: 2,
        burst_ms: 120,
        gap_ms: 5000,
        round_trip_ms: Some(80),
        end_system_ms: Some(60),
        signal_dbm0: Some(-18),
        noise_dbm0: Some(-65),
        rerl_db: Some(55),
        r_factor: Some(92),
        mos_lq: Some(42),
        mos_cq: Some(41),
    };
    assert_eq!(measures(EXTENDED), [(7, expected)]);
    let mut padded = [EXTENDED, &[0, 0, 0, 4]].concat();
    (padded[0], padded[3]) = (0xa0, 14);
    assert_eq!(measures(&padded), [(7, expected)]);
    assert_eq!(measures(&[0x80, 207, 0, 1, 0, 0, 0, 5]), []);
    let compound = [SENDER_REPORT, CNAME, EXTENDED, BYE].concat();
    assert!(matches!(read(&compound)[2..], [Report::Extended { ssrc: 5, .. }, Report::Bye { .. }]));
}

#[test]
fn a_measure_that_is_unavailable_or_out_of_its_range_is_none() {
    let with = |place: usize, value: u8| {
        let mut bytes = EXTENDED.to_vec();
        bytes[FIELDS + place] = value;
        measures(&bytes)[0].1
    };
    assert_eq!((with(12, 127).signal_dbm0, with(12, 0x80).signal_dbm0), (None, Some(-128)));
    assert_eq!((with(13, 127).noise_dbm0, with(13, 3).noise_dbm0), (None, Some(3)));
    assert_eq!((with(14, 127).rerl_db, with(14, 0).rerl_db), (None, Some(0)));
    let factors = [127, 101, 100, 0].map(|value| with(16, value).r_factor);
    assert_eq!(factors, [None, None, Some(100), Some(0)]);
    let scores = [127, 51, 50, 10, 9].map(|value| (with(18, value).mos_lq, with(19, value).mos_cq));
    let both = |value| (Some(value), Some(value));
    assert_eq!(scores, [(None, None), (None, None), both(50), both(10), (None, None)]);
    assert_eq!((with(9, 0).round_trip_ms, with(11, 0).end_system_ms), (None, None));
    assert_eq!(with(8, 1).round_trip_ms, Some(256 + 80));
}

#[test]
fn an_extended_report_with_a_bad_length_is_refused_whole_and_costs_no_other() {
    let broken = |change: fn(&mut Vec<u8>)| {
        let mut bytes = EXTENDED.to_vec();
        change(&mut bytes);
        let compound = [&bytes[..], BYE].concat();
        let reports = read(&compound);
        assert!(matches!(reports[1..], [Report::Bye { .. }]), "{reports:?}");
        reports[0] == malformed(0, Cause::BadLength)
    };
    assert!(!broken(|_| ()));
    // A block beyond the packet; metrics of seven and of nine words; half a header; padding that is none, or too much.
    assert!(broken(|bytes| bytes[11] = 200));
    assert!(broken(|bytes| bytes[10] = 0xff));
    assert!(broken(|bytes| bytes[23] = 7));
    assert!(broken(|bytes| bytes[23] = 9));
    assert!(broken(|bytes| bytes[11] = 4));
    assert!(broken(|bytes| bytes[0] = 0xa0));
    assert!(broken(|bytes| (bytes[0], bytes[55]) = (0xa0, 0)));
    assert!(broken(|bytes| (bytes[0], bytes[55]) = (0xa0, 52)));
    assert_eq!(read(&[0x80, 207, 0, 0]), [malformed(0, Cause::Truncated)]);
    assert_eq!(read(&EXTENDED[..52]), [malformed(0, Cause::Truncated)]);
}

#[test]
fn one_bad_packet_does_not_lose_the_others() {
    let compound = [SHORT_RECEIVER_REPORT, CNAME, &[0x80, 209, 0, 0], SHORT_RECEIVER_REPORT, BYE].concat();
    let reports = read(&compound);
    assert_eq!(reports[0], malformed(0, Cause::Truncated));
    assert_eq!(reports[1], Report::Sdes { ssrc: 0xdead_beef, cname: b"a@host" });
    assert_eq!(reports[2], Report::Other { packet_type: 209 });
    assert_eq!(reports[3], malformed(32, Cause::Truncated));
    assert!(matches!(reports[4], Report::Bye { .. }));
}

#[test]
fn a_compound_ends_where_its_length_does_not_fit() {
    assert_eq!(read(&[CNAME, &SENDER_REPORT[..20]].concat())[1..], [malformed(20, Cause::Truncated)]);
    assert_eq!(read(&[CNAME, &[0, 0]].concat())[1..], [malformed(20, Cause::Truncated)]);
    assert_eq!(read(&[CNAME, &[0x40, 200, 0, 0], CNAME].concat())[1..], [malformed(20, Cause::BadVersion)]);
    assert_eq!(read(&[]), []);
}

#[test]
fn the_cname_is_found_after_other_items_and_chunks() {
    let tool_first = [
        0x82, 202, 0, 6, 0, 0, 0, 1, 6, 2, b'p', b'b', 0, 0, 0,
        0, // a chunk without, filled up by a whole word
        0xde, 0xad, 0xbe, 0xef, 6, 1, b't', 1, 2, b'm', b'e', 0, // a chunk with
    ];
    assert_eq!(read(&tool_first), [Report::Sdes { ssrc: 0xdead_beef, cname: b"me" }]);
    let none = [0x81, 202, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0];
    assert_eq!(read(&none), [Report::Other { packet_type: 202 }]);
    let beyond = [0x81, 202, 0, 2, 0, 0, 0, 1, 1, 200, b'm', b'e'];
    assert_eq!(read(&beyond), [Report::Other { packet_type: 202 }]);
}

#[test]
fn rtp_and_sip_do_not_look_like_rtcp() {
    assert!(rtcp::looks_like(SENDER_REPORT));
    assert!(rtcp::looks_like(&[0x80, 223, 0, 0]));
    assert!(!rtcp::looks_like(&[0x80, 200, 0]));
    assert!(!rtcp::looks_like(&[0x80, 0x88, 0, 1, 0, 0, 0, 0]));
    assert!(!rtcp::looks_like(&[0x40, 200, 0, 0]));
    assert!(!rtcp::looks_like(b"SIP/2.0 200 OK"));
}

#[test]
fn what_is_printed_holds_no_name() {
    assert_eq!(format!("{:?}", read(CNAME)), "[Sdes { ssrc: 3735928559, cname_len: 6 }]");
}

proptest! {
    #[test]
    fn any_bytes_end_and_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for report in rtcp::reports(&bytes) {
            if let Report::Sdes { cname, .. } = report {
                prop_assert!(bytes.as_ptr_range().contains(&cname.as_ptr()) || cname.is_empty());
            }
        }
        prop_assert!(rtcp::reports(&bytes).count() <= bytes.len().div_ceil(4));
    }

    #[test]
    fn any_blocks_of_an_extended_report_end_and_never_panic(
        blocks in prop::collection::vec((prop_oneof![Just(7u8), any::<u8>()], 0..10u8, any::<[u8; 40]>()), 0..6),
        padding in prop_oneof![Just(0x80u8), Just(0xa0)],
        cut in 0..300usize,
    ) {
        let mut bytes = vec![padding, 207, 0, 0, 0, 0, 0, 5];
        for (kind, words, body) in &blocks {
            bytes.extend([*kind, 0, 0, *words]);
            bytes.extend(&body[..usize::from(*words) * 4]);
        }
        bytes.truncate(cut.max(8) & !3);
        bytes[3] = (bytes.len() / 4 - 1) as u8;
        match read(&bytes)[..] {
            [Report::Extended { ssrc, measures }] => {
                prop_assert_eq!(ssrc, 5);
                prop_assert!(measures.count() <= bytes.len() / 36);
            }
            ref refused => prop_assert_eq!(refused, &[malformed(0, Cause::BadLength)]),
        }
    }

    #[test]
    fn what_rtcp_types_writes_is_read_as_it_reads_it(
        (ssrc, ntp, rtp_time, packets, octets) in any::<(u32, u64, u32, u32, u32)>(),
        blocks in prop::collection::vec(any::<(u32, u8, u32, u32)>(), 0..5),
        cname in "[a-z0-9@.]{0,40}",
        sources in prop::collection::vec(any::<u32>(), 0..5),
    ) {
        let block = |(ssrc, fraction, highest, jitter): (u32, u8, u32, u32)| ReportBlock::builder(ssrc)
            .fraction_lost(fraction).cumulative_lost(highest & 0xff_ffff)
            .extended_sequence_number(highest).interarrival_jitter(jitter);
        let mut sender = SenderReport::builder(ssrc)
            .ntp_timestamp(ntp).rtp_timestamp(rtp_time).packet_count(packets).octet_count(octets);
        let mut receiver = ReceiverReport::builder(ssrc);
        for of in &blocks {
            sender = sender.add_report_block(block(*of));
            receiver = receiver.add_report_block(block(*of));
        }
        let item = SdesItem::builder(SdesItem::CNAME, &cname);
        let names = Sdes::builder().add_chunk(SdesChunk::builder(ssrc).add_item(item));
        let bye = sources.iter().fold(Bye::builder(), |bye, source| bye.add_source(*source));
        let compound = CompoundBuilder::default()
            .add_packet(sender).add_packet(receiver).add_packet(names).add_packet(bye);
        let mut bytes = vec![0; 4096];
        let len = compound.write_into(&mut bytes).expect("4096 bytes are enough");
        bytes.truncate(len);
        let theirs = Compound::parse(&bytes).expect("rtcp-types wrote it");
        for (ours, theirs) in rtcp::reports(&bytes).zip(theirs) {
            same(ours, theirs.expect("rtcp-types wrote it"))?;
        }
        prop_assert_eq!(rtcp::reports(&bytes).count(), 4);
    }
}

fn same(ours: Report<'_>, theirs: Packet<'_>) -> Result<(), TestCaseError> {
    let same_blocks = |ours: rtcp::Blocks<'_>, theirs: Vec<ReportBlock<'_>>| {
        let key =
            |of: Block| (of.ssrc, of.fraction_lost, of.lost & 0xff_ffff, of.highest_sequence, of.jitter);
        let ours: Vec<_> = ours.map(key).collect();
        let lost = |of: &ReportBlock<'_>| of.cumulative_lost().cast_signed();
        let theirs: Vec<_> = theirs
            .iter()
            .map(|of| {
                (
                    of.ssrc(),
                    of.fraction_lost(),
                    lost(of),
                    of.extended_sequence_number(),
                    of.interarrival_jitter(),
                )
            })
            .collect();
        prop_assert_eq!(ours, theirs);
        Ok(())
    };
    match (ours, theirs) {
        (Report::SenderReport { ssrc, ntp, rtp_time, packets, octets, blocks }, Packet::Sr(of)) => {
            prop_assert_eq!((ssrc, ntp, rtp_time.0), (of.ssrc(), of.ntp_timestamp(), of.rtp_timestamp()));
            prop_assert_eq!((packets, octets), (of.packet_count(), of.octet_count()));
            same_blocks(blocks, of.report_blocks().collect())
        }
        (Report::ReceiverReport { ssrc, blocks }, Packet::Rr(of)) => {
            prop_assert_eq!(ssrc, of.ssrc());
            same_blocks(blocks, of.report_blocks().collect())
        }
        (Report::Sdes { ssrc, cname }, Packet::Sdes(of)) => {
            let chunk = of.chunks().next().expect("one was written");
            let item = chunk.items().next().expect("one was written");
            prop_assert_eq!((ssrc, cname), (chunk.ssrc(), item.value()));
            Ok(())
        }
        (Report::Bye { sources }, Packet::Bye(of)) => {
            prop_assert_eq!(sources.collect::<Vec<_>>(), of.ssrcs().collect::<Vec<_>>());
            Ok(())
        }
        (ours, theirs) => Err(TestCaseError::fail(format!("{ours:?} against {theirs:?}"))),
    }
}
