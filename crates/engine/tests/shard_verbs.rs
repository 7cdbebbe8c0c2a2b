//! What can be asked of shards besides frames: losses, refused segments, calls taken up again, a live view.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in its helping functions too")]

mod support;

use std::num::NonZeroU16;

use earwitness_engine::{
    Limits, LiveState, MediaShard, Output, ShardOrder, ShardPlace, ShardReport, SignallingShard,
};
use earwitness_model::{EndedBy, Flag, GapCause, Leg, PacketTime, RunningCall, Segment, SegmentContent};
use earwitness_rules::RuleSet;
use earwitness_testkit::{Frame, MORNING};
use support::{Replayed, lab, raw, told};

const CALL: &str = "at 0.000 10.1.0.5:5060 > 10.1.0.9:5060 INVITE call-1 from=0312221111 to=4001 sdp=10.1.0.5:4000/PCMA\n\
    at 1.000 10.1.0.9:5060 > 10.1.0.5:5060 200 call-1 sdp=10.1.0.9:4002/PCMA\n\
    at 1.020 10.1.0.5:5060 > 10.1.0.9:5060 ACK call-1\n\
    rtp call-1 caller from=1.040 to=9.000 ssrc=0x11 tone=440\n\
    rtp call-1 callee from=1.040 to=9.000 ssrc=0x22 tone=660\n\
    at 9.000 10.1.0.5:5060 > 10.1.0.9:5060 BYE call-1\n";
const SENT: u64 = 398;

fn ms(at: i64) -> PacketTime {
    MORNING.plus_nanos(at * 1_000_000)
}

/// The SSRC of a frame that is RTP.
fn ssrc(frame: &Frame) -> Option<u8> {
    (frame.bytes.len() == 214 && frame.bytes[42] == 0x80).then(|| frame.bytes[53])
}

/// One shard hears the caller and the signalling, the other one the callee.
struct Two {
    shards: [MediaShard; 2],
    signalling: SignallingShard,
    found: Replayed,
}

impl Two {
    fn new(begun: PacketTime) -> Self {
        let count = NonZeroU16::new(2).unwrap();
        let mut places = ShardPlace::all(count);
        let mut shard = || MediaShard::new(Limits::default(), places.next().unwrap(), begun);
        Self {
            shards: [shard(), shard()],
            signalling: SignallingShard::new(RuleSet::lab(), Limits::default(), count, begun),
            found: Replayed::default(),
        }
    }

    /// Hands frames in, until all is said that they led to.
    fn feed(&mut self, frames: &[Frame], refuses: impl Fn(&Segment) -> bool + Copy) {
        for frame in frames {
            self.shards[usize::from(ssrc(frame) == Some(0x22))].handle_frame(&raw(frame, 1));
            self.shards.iter_mut().for_each(|shard| shard.handle_time(frame.time));
            self.exchange(refuses);
        }
    }

    fn exchange(&mut self, refuses: impl Fn(&Segment) -> bool + Copy) {
        loop {
            let mut said = 0;
            for shard in &mut self.shards {
                while let Some(output) = shard.poll_output() {
                    let Output::Segment(segment) = output else {
                        self.found.take(output);
                        continue;
                    };
                    if refuses(&segment) {
                        shard.handle_refused(segment);
                        continue;
                    }
                    let Segment { call, content, base, ref bytes } = segment;
                    let copy = Segment { call, content, base, bytes: bytes.clone() };
                    self.found.take(Output::Segment(copy));
                    shard.handle_returned(segment);
                }
                while let Some(report) = shard.poll_report() {
                    said += 1;
                    self.signalling.handle_report(report);
                }
            }
            while let Some(output) = self.signalling.poll_output() {
                self.found.take(output);
            }
            while let Some(order) = self.signalling.poll_order() {
                said += 1;
                self.shards.iter_mut().for_each(|shard| shard.handle_order(order.clone()));
            }
            if said == 0 {
                return;
            }
        }
    }

    fn end(&mut self, refuses: impl Fn(&Segment) -> bool + Copy) {
        self.signalling.handle_end();
        self.exchange(refuses);
        self.shards.iter_mut().for_each(MediaShard::handle_end);
        assert_eq!(self.shards.each_ref().map(MediaShard::ring_bytes), [0, 0], "every buffer is back");
        let mut counts = self.signalling.counts();
        self.shards.iter().for_each(|shard| counts.add(&shard.counts()));
        self.found.counts = counts;
    }
}

const fn takes_all(_: &Segment) -> bool {
    false
}

#[test]
fn a_loss_of_one_shard_is_the_gap_of_whoever_misses_something() {
    let frames: Vec<Frame> = told(CALL)
        .into_iter()
        .filter(|f| ssrc(f).is_none() || !(ms(3000)..ms(3100)).contains(&f.time))
        .collect();
    let mut two = Two::new(MORNING);
    two.feed(&frames, takes_all);
    two.shards.iter_mut().for_each(|shard| shard.handle_losses(ms(2800), ms(3200)));
    two.end(takes_all);
    let call = two.found.only();
    let gaps: Vec<_> = call.gaps.iter().map(|gap| (gap.leg, gap.at, gap.ms, gap.cause)).collect();
    let gap = |leg| (leg, ms(3000), 100, GapCause::Capture);
    assert_eq!((gaps, &call.flags[..]), (vec![gap(Leg::Caller), gap(Leg::Callee)], &[Flag::CaptureLoss][..]));
}

#[test]
fn what_is_refused_is_missing_also_when_the_shard_has_released_the_call() {
    let frames = told(CALL);
    for from in [ms(4000), ms(8500)] {
        let refuses = |segment: &Segment| segment.content == SegmentContent::Media && segment.base >= from;
        let mut two = Two::new(MORNING);
        two.feed(&frames, refuses);
        two.end(refuses);
        let (call, kept) =
            (two.found.only(), two.found.calls.values().next().unwrap().packets().len() as u64);
        for stream in &call.streams {
            let gaps: u64 =
                call.gaps.iter().filter(|gap| gap.leg == stream.of.leg).map(|gap| u64::from(gap.ms)).sum();
            assert_eq!((stream.packets + stream.lost, gaps), (SENT, stream.lost * 20));
            assert!(stream.lost > 0);
        }
        assert_eq!(call.streams.iter().map(|stream| stream.packets).sum::<u64>(), kept);
        assert_eq!(two.found.counts.media.refused, 2 * SENT - kept);
        assert_eq!(call.flags, [Flag::CaptureLoss]);
    }
}

/// What was told last of the call, and the frames after five seconds.
fn cut() -> (RunningCall, Vec<Frame>) {
    let frames = told(CALL);
    let running = lab(&frames).calls.into_values().next().unwrap().running.pop().unwrap();
    (running, frames.into_iter().filter(|frame| frame.time >= ms(5000)).collect())
}

#[test]
fn a_call_taken_up_again_is_heard_in_every_shard_and_ends_by_its_bye() {
    let (running, after) = cut();
    let mut two = Two::new(ms(5000));
    let old = running.id;
    let id = two.signalling.handle_resumed(running).unwrap();
    two.exchange(takes_all);
    two.feed(&after, takes_all);
    two.end(takes_all);
    let call = two.found.only();
    assert!(call.id == id && id != old && call.flags.contains(&Flag::Resumed));
    assert_eq!(call.end.as_ref().and_then(|end| end.by), Some(EndedBy::Caller));
    let packets: Vec<_> = call.streams.iter().map(|stream| (stream.of.leg, stream.packets)).collect();
    assert_eq!(packets, [(Leg::Caller, 200), (Leg::Callee, 200)]);
}

#[test]
fn the_live_view_has_the_legs_of_all_shards() {
    let frames = told(CALL);
    let mut two = Two::new(MORNING);
    let first: Vec<Frame> = frames.into_iter().filter(|frame| frame.time <= ms(3020)).collect();
    two.feed(&first, takes_all);
    let mut calls = two.signalling.live_calls(10);
    assert_eq!(calls.len(), 1);
    for shard in &two.shards {
        let legs = shard.live_legs(calls[0].id);
        assert_eq!(legs.iter().flatten().count(), 1);
        calls[0].hear(legs);
    }
    let packets = calls[0].legs.each_ref().map(|leg| leg.as_ref().map(|leg| leg.packets));
    assert_eq!((calls[0].state, packets), (LiveState::Answered, [Some(100), Some(100)]));
    assert_eq!(two.signalling.now(), ms(3020));
}

#[test]
fn shards_and_what_they_say_may_go_to_other_threads() {
    fn is_sent<T: Send + 'static>(_: Option<T>) {}
    is_sent::<MediaShard>(None);
    is_sent::<SignallingShard>(None);
    is_sent::<ShardOrder>(None);
    is_sent::<ShardReport>(None);
    is_sent::<Output>(None);
}

#[test]
fn signalling_that_nobody_takes_is_bounded_and_counted() {
    const TIMES: usize = 20_000;
    let invite = told(CALL).remove(0);
    let mut two = Two::new(MORNING);
    for _ in 0..TIMES {
        let shard = &mut two.shards[0];
        (0..5).for_each(|_| shard.handle_frame(&raw(&invite, 1)));
    }
    two.exchange(takes_all);
    two.end(takes_all);
    let counts = &two.found.counts;
    assert_eq!(counts.messages + counts.messages_unread, 5 * TIMES as u64);
    assert!(counts.messages_unread > 0 && counts.messages > 10_000, "{}", counts.messages);
}
