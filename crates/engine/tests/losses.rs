//! What the capture loses, or nobody can take, is missing by count and by gap, and its cause is said where it is known.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in its helping functions too")]

mod support;

use std::collections::BTreeMap;

use earwitness_engine::{Engine, Limits, Output, RING_BYTES};
use earwitness_model::{Flag, GapCause, Leg, PacketTime, Segment, SegmentContent};
use earwitness_rules::RuleSet;
use earwitness_testkit::{Frame, MORNING, Random};
use proptest::prelude::*;
use support::{Replayed, raw, told};

const CALL: &str = "at 0.000 10.1.0.5:5060 > 10.1.0.9:5060 INVITE call-1 from=0312221111 to=4001 sdp=10.1.0.5:4000/PCMA\n\
    at 1.000 10.1.0.9:5060 > 10.1.0.5:5060 200 call-1 sdp=10.1.0.9:4002/PCMA\n\
    at 1.020 10.1.0.5:5060 > 10.1.0.9:5060 ACK call-1\n\
    rtp call-1 caller from=1.040 to=9.000 ssrc=0x11 tone=440\n\
    rtp call-1 callee from=1.040 to=9.000 ssrc=0x22 tone=660\n\
    at 9.000 10.1.0.5:5060 > 10.1.0.9:5060 BYE call-1\n";
/// Packets of a leg of the call.
const SENT: u64 = 398;
const PACKET_MS: u64 = 20;

fn ms(at: i64) -> PacketTime {
    MORNING.plus_nanos(at * 1_000_000)
}

/// The SSRC of a frame that is RTP, and when it came.
fn rtp(frame: &Frame) -> Option<(u8, i64)> {
    (frame.bytes.len() == 214 && frame.bytes[42] == 0x80)
        .then(|| (frame.bytes[53], frame.time.since(MORNING) / 1_000_000))
}

/// The call without the RTP that `is_lost` names by SSRC and time.
fn without(is_lost: impl Fn(u8, i64) -> bool) -> Vec<Frame> {
    told(CALL).into_iter().filter(|f| !rtp(f).is_some_and(|(ssrc, at)| is_lost(ssrc, at))).collect()
}

/// What somebody who takes outputs does with a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taker {
    Takes,
    Refuses,
}

/// Runs `frames`, tells of `losses` (from, to) when `told_at` has come, and asks `taker` of each segment.
fn run(
    frames: &[Frame],
    losses: &[(i64, i64, i64)],
    limits: Limits,
    mut taker: impl FnMut(&Segment) -> Taker,
) -> Replayed {
    let mut engine = Engine::new(RuleSet::lab(), limits);
    let mut replayed = Replayed::default();
    let mut losses = losses.to_vec();
    let mut poll = |engine: &mut Engine, replayed: &mut Replayed| {
        while let Some(output) = engine.poll_output() {
            let Output::Segment(segment) = output else {
                replayed.take(output);
                continue;
            };
            if taker(&segment) == Taker::Refuses {
                engine.handle_refused(segment);
                continue;
            }
            let Segment { call, content, base, ref bytes } = segment;
            replayed.take(Output::Segment(Segment { call, content, base, bytes: bytes.clone() }));
            engine.handle_returned(segment);
        }
    };
    for (number, frame) in frames.iter().enumerate() {
        losses.retain(|&(from, to, told_at)| {
            let is_now = ms(told_at) <= frame.time;
            if is_now {
                engine.handle_losses(ms(from), ms(to));
            }
            !is_now
        });
        engine.handle_frame(&raw(frame, number as u64 + 1));
        poll(&mut engine, &mut replayed);
    }
    losses.iter().for_each(|&(from, to, _)| engine.handle_losses(ms(from), ms(to)));
    engine.handle_end();
    poll(&mut engine, &mut replayed);
    assert_eq!(engine.ring_bytes(), 0, "every buffer is back");
    replayed.counts = engine.counts();
    replayed
}

fn takes(frames: &[Frame], losses: &[(i64, i64, i64)]) -> Replayed {
    run(frames, losses, Limits::default(), |_| Taker::Takes)
}

/// The call's gaps: leg, beginning and length in ms, cause.
fn gaps(replayed: &Replayed) -> Vec<(Leg, i64, u32, GapCause)> {
    let gaps = replayed.only().gaps.iter();
    gaps.map(|gap| (gap.leg, gap.at.since(MORNING) / 1_000_000, gap.ms, gap.cause)).collect()
}

fn is_flagged(replayed: &Replayed) -> bool {
    replayed.only().flags.contains(&Flag::CaptureLoss)
}

/// Each stream has what was sent, kept or lost; what is kept came out, and what is lost is a gap.
fn check_sums(replayed: &Replayed) {
    let call = replayed.only();
    let packets = replayed.calls[&call.id].packets();
    for leg in [Leg::Caller, Leg::Callee] {
        let stream = call.streams.iter().find(|stream| stream.of.leg == leg).unwrap();
        let (flow, ssrc) = (stream.of.flow, stream.of.ssrc);
        let name = format!("{}>{}/{ssrc:#x}", flow.src, flow.dst);
        let came: Vec<_> = packets.iter().filter(|((track, ..), _)| *track == name).collect();
        assert_eq!((stream.packets, stream.payload_bytes), (came.len() as u64, came.len() as u64 * 160));
        assert_eq!(stream.packets + stream.lost, SENT, "{leg:?}");
        let gaps: u64 = call.gaps.iter().filter(|g| g.leg == leg).map(|g| u64::from(g.ms)).sum();
        assert_eq!(gaps, stream.lost * PACKET_MS, "{leg:?}");
    }
    let media = &replayed.counts.media;
    assert_eq!(
        (media.kept, media.packets),
        (packets.len() as u64, media.kept + replayed.counts.lost_packets())
    );
}

#[test]
fn what_is_missing_while_the_capture_lost_frames_is_its_gap_and_else_nobody_knows() {
    let frames =
        without(|ssrc, at| (3000..3100).contains(&at) || (ssrc == 0x11 && (6000..6040).contains(&at)));
    let (unknown, capture) = (GapCause::Unknown, GapCause::Capture);
    let both = |cause| [(Leg::Caller, 3000, 100, cause), (Leg::Callee, 3000, 100, cause)];
    let later = (Leg::Caller, 6000, 40, unknown);
    let found = takes(&frames, &[]);
    assert_eq!(gaps(&found), [&both(unknown)[..], &[later]].concat());
    assert!(!is_flagged(&found));
    for told_at in [2000, 3050, 4000, 60_000] {
        let found = takes(&frames, &[(2500, 3500, told_at)]);
        assert_eq!(gaps(&found), [&both(capture)[..], &[later]].concat(), "told at {told_at} ms");
        assert!(is_flagged(&found));
        check_sums(&found);
    }
}

#[test]
fn a_loss_in_which_nothing_of_the_call_is_missing_is_not_the_calls() {
    let frames = without(|_, at| (3000..3100).contains(&at));
    let found = takes(&frames, &[(500, 900, 1000), (1500, 2500, 2600), (4000, 8000, 8001)]);
    assert!(gaps(&found).iter().all(|gap| gap.3 == GapCause::Unknown) && !is_flagged(&found));
}

#[test]
fn a_source_that_does_not_come_back_after_a_loss_is_flagged_and_has_no_gap() {
    let frames = without(|ssrc, at| ssrc == 0x22 && at >= 5000);
    assert!(!is_flagged(&takes(&frames, &[])));
    assert!(!is_flagged(&takes(&frames, &[(6000, 7000, 7000)])), "it was silent before");
    let found = takes(&frames, &[(4900, 5900, 5900)]);
    assert_eq!((gaps(&found), is_flagged(&found)), (vec![], true));
}

#[test]
fn a_call_that_is_over_before_the_loss_is_told_is_told_while_it_lingers() {
    let frames = without(|_, at| (8000..8100).contains(&at));
    let found = takes(&frames, &[(7900, 8900, 100_000)]);
    assert_eq!(gaps(&found).iter().filter(|gap| gap.3 == GapCause::Capture).count(), 2);
}

#[test]
fn a_refused_segment_is_a_gap_of_both_legs_from_its_first_packet_to_its_last() {
    let mut number = 0;
    let found = run(&told(CALL), &[], Limits::default(), |segment| {
        number += u32::from(segment.content == SegmentContent::Media);
        if segment.content == SegmentContent::Media && (3..=4).contains(&number) {
            Taker::Refuses
        } else {
            Taker::Takes
        }
    });
    check_sums(&found);
    // A ring takes 23 packets of each leg: the third segment and the fourth are one gap.
    let expected = [Leg::Caller, Leg::Callee].map(|leg| (leg, 1960, 920, GapCause::Capture));
    assert_eq!((gaps(&found), is_flagged(&found)), (expected.to_vec(), true));
    assert_eq!((found.counts.media.refused, found.counts.lost_packets()), (2 * 46, 2 * 46));
}

#[test]
fn the_last_segment_refused_is_missing_from_the_end_that_waits_behind_it() {
    let last = told(CALL).iter().filter_map(rtp).map(|(_, at)| at).max().unwrap();
    let found = run(&told(CALL), &[], Limits::default(), |segment| {
        let ends = segment.content == SegmentContent::Media
            && segment.media().last().unwrap().arrival.since(MORNING) / 1_000_000 == last;
        if ends { Taker::Refuses } else { Taker::Takes }
    });
    check_sums(&found);
    assert!(found.counts.media.refused > 0 && is_flagged(&found));
}

#[test]
fn when_every_segment_is_refused_the_call_says_what_it_lost() {
    let found = run(&told(CALL), &[], Limits::default(), |segment| match segment.content {
        SegmentContent::Media => Taker::Refuses,
        SegmentContent::Signalling => Taker::Takes,
    });
    check_sums(&found);
    let call = found.only();
    let lost: Vec<_> = call.streams.iter().map(|stream| (stream.packets, stream.lost)).collect();
    assert_eq!((lost, &call.flags[..]), (vec![(0, SENT); 2], &[Flag::CaptureLoss][..]));
}

#[test]
fn refused_messages_are_counted() {
    let found = run(&told(CALL), &[], Limits::default(), |_| Taker::Refuses);
    assert_eq!((found.counts.messages_not_kept, found.only().messages), (4, 4));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn what_is_kept_and_what_is_a_gap_is_what_was_sent(
        lost_percent in 0..30u8,
        refused_percent in 0..60u8,
        buffers in 1..6usize,
        windows in proptest::collection::vec((0..9_000i64, 0..500i64), 0..4),
        seed: u64,
    ) {
        let mut random = Random::new(seed);
        let frames = told(CALL);
        let mut ends = BTreeMap::new();
        for (ssrc, at) in frames.iter().filter_map(rtp) {
            let end = ends.entry(ssrc).or_insert((at, at));
            *end = (end.0.min(at), end.1.max(at));
        }
        let frames: Vec<Frame> = frames.into_iter().filter(|frame| {
            let Some((ssrc, at)) = rtp(frame) else { return true };
            let is_end = ends[&ssrc].0 == at || ends[&ssrc].1 == at;
            is_end || !random.happens(f64::from(lost_percent))
        }).collect();
        let limits = Limits { ring_bytes: buffers * RING_BYTES, ..Limits::default() };
        let losses: Vec<_> = windows.iter().map(|&(from, long)| (from, from + long, from + long)).collect();
        let found = run(&frames, &losses, limits, |segment| {
            let is_media = segment.content == SegmentContent::Media;
            if is_media && random.happens(f64::from(refused_percent)) { Taker::Refuses } else { Taker::Takes }
        });
        check_sums(&found);
        let refused = found.counts.lost_packets() > 0;
        let by_capture = gaps(&found).iter().any(|gap| gap.3 == GapCause::Capture);
        prop_assert!(by_capture || !refused);
        prop_assert!(is_flagged(&found) || !by_capture);
        for (_, at, ms, cause) in gaps(&found) {
            let is_near = |margin| {
                let to = at + i64::from(ms) + margin;
                windows.iter().any(|&(from, long)| from <= to && at - margin <= from + long)
            };
            prop_assert!(cause == GapCause::Capture || !is_near(0), "{at} ms");
            prop_assert!(cause == GapCause::Unknown || is_near(240) || refused, "{at} ms");
        }
    }
}
