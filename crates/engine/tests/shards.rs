//! Several shards come to what one engine comes to, however the frames are dealt and whoever lags.

#![expect(clippy::disallowed_methods, reason = "tests read fixtures")]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in its helping functions too")]

mod support;

use std::{collections::VecDeque, fs, hash::BuildHasher, net::SocketAddr, num::NonZeroU16};

use earwitness_engine::{
    Counts, Limits, MediaShard, Output, ShardOrder, ShardPlace, ShardReport, SignallingShard,
};
use earwitness_model::{CallSummary, Flow, PacketTime, Segment, SegmentContent, StreamSummary, TrackIndex};
use earwitness_rules::RuleSet;
use earwitness_testkit::{Frame, Load, MORNING, Random};
use earwitness_wire::{Carried, decode};
use foldhash::fast::FixedState;
use proptest::prelude::*;
use support::{Replayed, desks, named, raw, replay, scripts, told};

const MS: i64 = 1_000_000;

/// How far apart the threads are.
#[derive(Debug, Clone, Copy)]
struct Skew {
    /// How long a shard lags behind the link at most, ms.
    lag: u64,
    /// How long a message is on its way at most, ms.
    delay: u64,
}

/// A channel in which messages take a while, and stay in order.
struct Channel<T> {
    waiting: VecDeque<(PacketTime, T)>,
}

impl<T> Channel<T> {
    const fn new() -> Self {
        Self { waiting: VecDeque::new() }
    }

    fn send(&mut self, at: PacketTime, message: T) {
        let at = self.waiting.back().map_or(at, |&(before, _)| at.max(before));
        self.waiting.push_back((at, message));
    }

    fn receive(&mut self, now: PacketTime) -> Option<T> {
        let is_there = self.waiting.front().is_some_and(|&(at, _)| at <= now);
        is_there.then(|| self.waiting.pop_front().unwrap().1)
    }
}

/// One capture thread.
struct Thread {
    shard: MediaShard,
    frames: VecDeque<Frame>,
    reached: PacketTime,
    reports: Channel<ShardReport>,
    orders: Channel<ShardOrder>,
}

/// The threads, and what they say to each other.
struct Threads {
    threads: Vec<Thread>,
    signalling: SignallingShard,
    found: Replayed,
    random: Random,
    skew: Skew,
}

/// The thread that is given the frame. The kernel gives both directions of a flow to one; with an odd seed each goes its own
/// way, so that legs and requests and responses meet in different threads. Fragments have one.
fn dealt(frame: &Frame, shards: u16, seed: u64) -> usize {
    let ends = match decode(&raw(frame, 1)) {
        // The kernel's hash of a connection is one for both directions, and that of no other use here.
        Ok(Carried::Tcp(segment)) => Some(ends(segment.flow)),
        Ok(Carried::Udp(datagram)) => {
            let Flow { src, dst } = datagram.flow;
            Some(if seed.is_multiple_of(2) { ends(datagram.flow) } else { (src, dst) })
        }
        Ok(_) | Err(_) => None,
    };
    let hash = FixedState::with_seed(seed).hash_one(ends);
    (hash % u64::from(shards)) as usize
}

/// Both ends of a flow, in the same order for both of its directions.
fn ends(Flow { src, dst }: Flow) -> (SocketAddr, SocketAddr) {
    (src.min(dst), src.max(dst))
}

impl Threads {
    fn new(frames: &[Frame], rules: RuleSet, shards: u16, (skew, seed): (Skew, u64)) -> Self {
        let count = NonZeroU16::new(shards).unwrap();
        let begun = frames.first().map_or(MORNING, |frame| frame.time);
        let mut threads: Vec<Thread> = ShardPlace::all(count)
            .map(|place| Thread {
                shard: MediaShard::new(Limits::default(), place, begun),
                frames: VecDeque::new(),
                reached: begun,
                reports: Channel::new(),
                orders: Channel::new(),
            })
            .collect();
        for frame in frames {
            threads[dealt(frame, shards, seed)].frames.push_back(frame.clone());
        }
        let signalling = SignallingShard::new(rules, Limits::default(), count, begun);
        Self { threads, signalling, found: Replayed::default(), random: Random::new(seed), skew }
    }

    /// Up to so many ms later than `now`.
    fn later(&mut self, now: PacketTime, most: u64) -> PacketTime {
        now.plus_nanos(self.random.below(most * 1_000_000 + 1) as i64)
    }

    /// What the link shows until `now`, as far as each thread has come.
    fn run_until(&mut self, now: PacketTime) {
        for place in 0..self.threads.len() {
            let lag = self.random.below(self.skew.lag * 1_000_000 + 1) as i64;
            let thread = &mut self.threads[place];
            thread.reached = thread.reached.max(now.plus_nanos(-lag));
            while let Some(order) = thread.orders.receive(now) {
                thread.shard.handle_order(order);
            }
            while thread.frames.front().is_some_and(|frame| frame.time <= thread.reached) {
                let frame = thread.frames.pop_front().unwrap();
                thread.shard.handle_frame(&raw(&frame, 1));
            }
            thread.shard.handle_time(thread.reached);
            self.report(place, now);
        }
        self.signal(now);
    }

    /// Takes what a thread has, outputs first.
    fn report(&mut self, place: usize, now: PacketTime) {
        let thread = &mut self.threads[place];
        while let Some(output) = thread.shard.poll_output() {
            assert!(matches!(output, Output::Stream(_) | Output::Segment(_)), "the rest is the other's");
            let Output::Segment(segment) = output else {
                self.found.take(output);
                continue;
            };
            let Segment { call, content, base, ref bytes } = segment;
            self.found.take(Output::Segment(Segment { call, content, base, bytes: bytes.clone() }));
            thread.shard.handle_returned(segment);
        }
        while let Some(report) = self.threads[place].shard.poll_report() {
            let at = self.later(now, self.skew.delay);
            self.threads[place].reports.send(at, report);
        }
    }

    fn signal(&mut self, now: PacketTime) {
        for place in 0..self.threads.len() {
            while let Some(report) = self.threads[place].reports.receive(now) {
                self.signalling.handle_report(report);
            }
        }
        while let Some(output) = self.signalling.poll_output() {
            self.found.take(output);
        }
        while let Some(order) = self.signalling.poll_order() {
            for place in 0..self.threads.len() {
                let at = self.later(now, self.skew.delay);
                self.threads[place].orders.send(at, order.clone());
            }
        }
    }

    /// Runs all of it.
    fn run(mut self) -> Replayed {
        const TICK: i64 = 5 * MS;
        let first = self.threads.iter().map(|thread| thread.reached).min().unwrap();
        let ends = self.threads.iter().filter_map(|thread| Some(thread.frames.back()?.time));
        let last = ends.max().unwrap_or(first);
        let mut now = first;
        while now < last {
            // An idle link is passed over in larger steps, which a live one does not have: no more than its ticks.
            let next = self.threads.iter().filter_map(|t| Some(t.frames.front()?.time)).min();
            let is_idle = next.is_some_and(|next| next.since(now) > 1000 * MS);
            now = now.plus_nanos(if is_idle { 100 * MS } else { TICK });
            self.run_until(now);
        }
        // The frames are all handed in, and what was said of them is taken; then the end is.
        self.skew = Skew { lag: 0, delay: 0 };
        for thread in &mut self.threads {
            thread.reached = last;
        }
        let done = last.plus_nanos(60_000 * MS);
        for place in 0..self.threads.len() {
            let thread = &mut self.threads[place];
            while let Some(order) = thread.orders.receive(done) {
                thread.shard.handle_order(order);
            }
            while let Some(frame) = thread.frames.pop_front() {
                thread.shard.handle_frame(&raw(&frame, 1));
            }
            thread.shard.handle_last_frame();
            self.report(place, done);
        }
        for _ in 0..3 {
            self.exchange(done);
        }
        self.signalling.handle_end();
        for _ in 0..3 {
            self.exchange(done);
        }
        let mut counts = self.signalling.counts();
        for thread in &mut self.threads {
            thread.shard.handle_end();
            assert_eq!(thread.shard.ring_bytes(), 0, "every buffer is back");
            counts.add(&thread.shard.counts());
        }
        assert_eq!(self.signalling.calls(), 0);
        self.found.counts = counts;
        self.found
    }

    fn exchange(&mut self, now: PacketTime) {
        self.signal(now);
        for place in 0..self.threads.len() {
            while let Some(order) = self.threads[place].orders.receive(now) {
                self.threads[place].shard.handle_order(order);
            }
            self.report(place, now);
        }
        self.signal(now);
    }
}

/// Frames that were captured at one instant have no order between threads: each gets its own.
fn apart(mut frames: Vec<Frame>) -> Vec<Frame> {
    let mut before = PacketTime::from_nanos(i64::MIN);
    for frame in &mut frames {
        frame.time = frame.time.max(before.plus_nanos(1));
        before = frame.time;
    }
    frames
}

/// A summary without what depends on who is first: numbers of tracks, orders of lists.
fn comparable(call: &CallSummary) -> CallSummary {
    let mut call = call.clone();
    let order = |stream: &StreamSummary| (named(&stream.of), stream.payload_type);
    call.streams.sort_by_key(order);
    call.streams.iter_mut().for_each(|stream| stream.track = TrackIndex(0));
    call.tracks.sort_by_key(named);
    // A table whose shards have different numbers of tracks repeats one where a shard has none.
    call.tracks.dedup();
    call.dtmf.sort_by_key(|key| (key.at, key.leg));
    call.gaps.sort_by_key(|gap| (gap.at, gap.leg, gap.ms));
    call
}

/// Asserts that both came to the same calls, with the same audio.
fn same(found: &Replayed, expected: &Replayed) -> Result<(), TestCaseError> {
    let summaries =
        |replayed: &Replayed| replayed.summaries().into_iter().map(comparable).collect::<Vec<_>>();
    let (ours, theirs) = (summaries(found), summaries(expected));
    prop_assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().zip(&theirs) {
        let (ours, theirs) = (format!("{ours:#?}"), format!("{theirs:#?}"));
        let differs = ours.lines().zip(theirs.lines()).find(|(ours, theirs)| ours != theirs);
        prop_assert!(ours == theirs, "found and expected: {differs:?}");
    }
    for (id, came) in &expected.calls {
        prop_assert!(found.calls[id].packets() == came.packets(), "kept payload");
        prop_assert_eq!(found.calls[id].opened.is_some(), came.opened.is_some());
        prop_assert!(found.calls[id].running == came.running, "what takes it up again");
        let messages = |came: &support::Came| {
            let all = came.pieces.iter().filter(|piece| piece.content == SegmentContent::Signalling);
            all.flat_map(|piece| piece.bytes.clone()).collect::<Vec<u8>>()
        };
        prop_assert!(messages(&found.calls[id]) == messages(came), "the ladder");
    }
    let totals = |counts: &Counts| {
        let media = counts.media;
        (counts.frames, counts.messages, counts.other, media.packets, media.kept, counts.lost_packets())
    };
    prop_assert_eq!(totals(&found.counts), totals(&expected.counts));
    Ok(())
}

/// What a capture with shards far apart comes to: it may differ, but each packet is kept or counted.
fn check_far_apart(found: &Replayed, expected: &Replayed) -> Result<(), TestCaseError> {
    let media = found.counts.media;
    let packets = found.calls.values().map(|came| came.packets().len() as u64);
    prop_assert_eq!(media.kept, packets.sum::<u64>());
    prop_assert_eq!(found.counts.messages, expected.counts.messages);
    prop_assert_eq!(media.packets, expected.counts.media.packets);
    let duplicates = |found: &Replayed| {
        let streams = found.summaries().into_iter().flat_map(|call| &call.streams);
        streams.map(|stream| stream.duplicates).sum::<u64>()
    };
    let closed = media.closed + media.not_authentic;
    let elsewhere =
        media.dropped + media.unclaimed + media.unclaimed_refused + closed + found.counts.lost_packets();
    prop_assert_eq!(media.packets, media.kept + elsewhere + duplicates(found));
    prop_assert!(found.calls.values().all(|came| came.ended.is_some()));
    Ok(())
}

fn in_shards(frames: &[Frame], rules: RuleSet, shards: u16, how: (Skew, u64)) -> Replayed {
    Threads::new(frames, rules, shards, how).run()
}

/// All scripts' frames, by name.
/// Its answer is read late, behind a hole. One engine has dropped by then what it heard before it knew of the answer; in
/// shards that still waits.
const LATE_ANSWER: &str = "tcp-lost-segment";

fn fixtures() -> Vec<(String, Vec<Frame>)> {
    let folders = fs::read_dir(scripts()).unwrap().map(|entry| entry.unwrap().path());
    // ZRTP is agreed on when both directions said so, which one shard has to see: the kernel gives it both, these tests do not.
    let is_told =
        |folder: &std::path::PathBuf| folder.join("script.call").exists() && !folder.ends_with("srtp-zrtp");
    let mut all: Vec<_> = folders.filter(is_told).collect();
    all.sort();
    all.iter()
        .map(|folder| {
            let name = folder.file_name().unwrap().to_string_lossy().into_owned();
            (name, apart(told(&fs::read_to_string(folder.join("script.call")).unwrap())))
        })
        .collect()
}

#[test]
fn each_script_comes_to_the_same_in_one_two_and_four_shards() {
    let mut wrong = Vec::new();
    for (name, frames) in fixtures() {
        for rules in [RuleSet::lab(), desks()] {
            if name == LATE_ANSWER && rules.hash() == desks().hash() {
                continue;
            }
            let expected = replay(&frames, rules.clone(), Limits::default());
            for (shards, seed) in [(1, 1), (2, 2), (2, 3), (4, 4), (4, 5)] {
                let skew = Skew { lag: 100, delay: 100 };
                let found = in_shards(&frames, rules.clone(), shards, (skew, seed));
                if let Err(error) = same(&found, &expected) {
                    wrong.push(format!("{name} in {shards}, {:?}: {error}", rules.hash()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}

/// Calls in which it matters what is known when.
const HARD: [(&str, &str); 6] = [
    (
        "only the answers cross the mirror, and audio before and after them",
        "at 0.000 10.1.0.5:5060 > 10.1.0.9:5060 INVITE a from=0312221111 to=4001 unseen sdp=10.1.0.5:4000/PCMA\n\
      rtp a callee from=0.500 to=6.000 ssrc=0x22 tone=660 src=10.1.0.9:4002 dst=10.1.0.5:4000\n\
      at 0.600 10.1.0.9:5060 > 10.1.0.5:5060 183 a sdp=10.1.0.9:4002/PCMA\n\
      rtp a caller from=0.900 to=6.000 ssrc=0x11 tone=440\n\
      at 1.100 10.1.0.9:5060 > 10.1.0.5:5060 200 a sdp=10.1.0.9:4002/PCMA\n\
      at 6.000 10.1.0.5:5060 > 10.1.0.9:5060 BYE a unseen\n\
      at 6.010 10.1.0.9:5060 > 10.1.0.5:5060 200 a\n",
    ),
    (
        "a phone that has one port for all its calls",
        "at 0.000 10.1.0.5:5060 > 10.1.0.9:5060 INVITE a from=0312221111 to=4001 sdp=10.1.0.5:4000/PCMA\n\
      at 0.300 10.1.0.9:5060 > 10.1.0.5:5060 200 a sdp=10.1.0.9:4002/PCMA\n\
      rtp a caller from=0.310 to=2.000 ssrc=0x11 tone=440\n\
      rtp a callee from=0.320 to=2.000 ssrc=0x22 tone=660\n\
      at 2.000 10.1.0.5:5060 > 10.1.0.9:5060 BYE a\n\
      at 2.400 10.1.0.5:5060 > 10.1.0.9:5060 INVITE b from=0312221111 to=4002 sdp=10.1.0.5:4000/PCMA\n\
      at 2.700 10.1.0.9:5060 > 10.1.0.5:5060 200 b sdp=10.1.0.9:4010/PCMA\n\
      rtp b caller from=2.710 to=5.000 ssrc=0x33 tone=440\n\
      rtp b callee from=2.720 to=5.000 ssrc=0x44 tone=660\n\
      at 5.000 10.1.0.9:5060 > 10.1.0.5:5060 BYE b\n",
    ),
    (
        "one party falls silent, and then the other, and no BYE is seen",
        "at 0.000 10.1.0.5:5060 > 10.1.0.9:5060 INVITE a from=0312221111 to=4001 sdp=10.1.0.5:4000/PCMA\n\
      at 0.300 10.1.0.9:5060 > 10.1.0.5:5060 200 a sdp=10.1.0.9:4002/PCMA\n\
      rtp a caller from=0.310 to=2.000 ssrc=0x11 tone=440\n\
      rtp a callee from=0.320 to=131.000 ssrc=0x22 tone=660\n\
      rtp a caller from=128.000 to=133.000 ssrc=0x11 tone=440\n\
      at 400.000 10.1.0.5:5060 > 10.1.0.9:5060 INVITE b from=0312221111 to=4001 sdp=10.1.0.5:4006/PCMA\n\
      at 400.100 10.1.0.9:5060 > 10.1.0.5:5060 486 b\n",
    ),
    (
        "nobody is ever heard",
        "at 0.000 10.1.0.5:5060 > 10.1.0.9:5060 INVITE a from=0312221111 to=4001 sdp=10.1.0.5:4000/PCMA\n\
      at 0.300 10.1.0.9:5060 > 10.1.0.5:5060 200 a sdp=10.1.0.9:4002/PCMA\n\
      at 700.000 10.1.0.5:5060 > 10.1.0.9:5060 INVITE b from=0312221111 to=4001 sdp=10.1.0.5:4006/PCMA\n\
      at 700.100 10.1.0.9:5060 > 10.1.0.5:5060 486 b\n",
    ),
    (
        "a call that is held for longer than a silence lasts",
        "at 0.000 10.1.0.5:5060 > 10.1.0.9:5060 INVITE a from=0312221111 to=4001 sdp=10.1.0.5:4000/PCMA\n\
      at 0.300 10.1.0.9:5060 > 10.1.0.5:5060 200 a sdp=10.1.0.9:4002/PCMA\n\
      rtp a caller from=0.310 to=2.000 ssrc=0x11 tone=440\n\
      at 2.000 10.1.0.5:5060 > 10.1.0.9:5060 INVITE a sdp=10.1.0.5:4000/PCMA dir=sendonly\n\
      at 2.010 10.1.0.9:5060 > 10.1.0.5:5060 200 a sdp=10.1.0.9:4002/PCMA dir=recvonly\n\
      at 302.000 10.1.0.5:5060 > 10.1.0.9:5060 INVITE a sdp=10.1.0.5:4000/PCMA dir=sendrecv\n\
      at 302.010 10.1.0.9:5060 > 10.1.0.5:5060 200 a sdp=10.1.0.9:4002/PCMA\n\
      rtp a callee from=302.100 to=304.000 ssrc=0x22 tone=660\n\
      at 304.000 10.1.0.5:5060 > 10.1.0.9:5060 BYE a\n",
    ),
    (
        "a call that moves its port in mid-talk",
        "at 0.000 10.1.0.5:5060 > 10.1.0.9:5060 INVITE a from=0312221111 to=4001 sdp=10.1.0.5:4000/PCMA\n\
      at 0.300 10.1.0.9:5060 > 10.1.0.5:5060 200 a sdp=10.1.0.9:4002/PCMA\n\
      rtp a caller from=0.310 to=2.000 ssrc=0x11 tone=440\n\
      rtp a callee from=0.320 to=2.000 ssrc=0x22 tone=660\n\
      at 2.000 10.1.0.5:5060 > 10.1.0.9:5060 INVITE a sdp=10.1.0.5:4020/PCMU\n\
      at 2.030 10.1.0.9:5060 > 10.1.0.5:5060 200 a sdp=10.1.0.9:4022/PCMU\n\
      rtp a caller from=2.040 to=4.000 ssrc=0x33 tone=440\n\
      rtp a callee from=2.050 to=4.000 ssrc=0x44 tone=660\n\
      at 4.000 10.1.0.5:5060 > 10.1.0.9:5060 BYE a\n",
    ),
];

#[test]
fn what_is_known_late_is_not_told_otherwise() {
    let mut wrong = Vec::new();
    for (name, text) in HARD {
        let frames = apart(told(text));
        for rules in [RuleSet::lab(), desks()] {
            let expected = replay(&frames, rules.clone(), Limits::default());
            for seed in 0..8 {
                let skew = Skew { lag: 100, delay: 100 };
                let found = in_shards(&frames, rules.clone(), [2, 2, 4, 4][seed as usize % 4], (skew, seed));
                if let Err(error) = same(&found, &expected) {
                    wrong.push(format!("{name} (seed {seed}, {:?}): {error}", rules.hash()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}

/// All of them, and the scripts.
/// Fixtures that come to the same under any rules, in one engine and in shards.
fn alike() -> impl Iterator<Item = (String, Vec<Frame>)> {
    fixtures().into_iter().filter(|(name, _)| name != LATE_ANSWER)
}

fn told_hard() -> Vec<Vec<Frame>> {
    let hard = HARD.iter().map(|(_, text)| apart(told(text)));
    hard.chain(alike().map(|(_, frames)| frames)).collect()
}

/// Those of which frames may be lost. Of TCP a lost one holds up those behind it, an answer among them.
fn told_over_udp() -> Vec<Vec<Frame>> {
    let hard = HARD.iter().map(|(_, text)| apart(told(text)));
    let is_stream = |name: &str| name.starts_with("tcp-") || name == "websocket";
    hard.chain(alike().filter(|(name, _)| !is_stream(name)).map(|(_, frames)| frames)).collect()
}

fn loads() -> impl Strategy<Value = Vec<Frame>> {
    let load = (1..12u32, 1.0..6.0f64, any::<u16>(), 0..8u8, 0..18u32, any::<bool>());
    load.prop_map(|(calls, seconds, seed, bad, jitter_ms, duplicate)| {
        let load = Load {
            calls,
            seconds,
            seed: u64::from(seed),
            loss_percent: f64::from(bad),
            reorder_percent: f64::from(bad) / 2.0,
            jitter_ms,
            duplicate,
            start_spread_s: 3.0,
            ..Load::default()
        };
        apart(load.frames().collect())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn shards_come_to_what_one_engine_comes_to(
        frames in prop_oneof![loads(), prop::sample::select(alike().map(|(_, frames)| frames).collect::<Vec<_>>())],
        rules in prop_oneof![Just(RuleSet::lab()), Just(desks())],
        shards in prop_oneof![Just(2u16), Just(4)],
        lag in 0..100u64,
        delay in 0..100u64,
        seed: u64,
    ) {
        let expected = replay(&frames, rules.clone(), Limits::default());
        let found = in_shards(&frames, rules, shards, (Skew { lag, delay }, seed));
        same(&found, &expected)?;
    }

    #[test]
    fn shards_miss_what_one_engine_misses_when_frames_are_lost(
        frames in prop_oneof![loads(), prop::sample::select(told_over_udp())],
        rules in prop_oneof![Just(RuleSet::lab()), Just(desks())],
        shards in prop_oneof![Just(2u16), Just(3), Just(4)],
        percent in 1..40u8,
        seed: u64,
    ) {
        // Without its SDP, media waits longer than a shard promises to keep all of it.
        let has_sdp = |frame: &Frame| frame.bytes.windows(7).any(|bytes| bytes == b"m=audio");
        let mut random = Random::new(seed);
        let mut is_lost = |frame: &Frame| random.happens(f64::from(percent)) && !has_sdp(frame);
        let fewer: Vec<Frame> = frames.into_iter().filter(|frame| !is_lost(frame)).collect();
        let expected = replay(&fewer, rules.clone(), Limits::default());
        let found = in_shards(&fewer, rules, shards, (Skew { lag: 100, delay: 100 }, seed));
        same(&found, &expected)?;
    }

    #[test]
    fn shards_that_are_seconds_apart_count_every_packet(
        frames in prop_oneof![loads(), prop::sample::select(told_hard())],
        rules in prop_oneof![Just(RuleSet::lab()), Just(desks())],
        shards in 2..6u16,
        lag in 0..8_000u64,
        delay in 0..8_000u64,
        seed: u64,
    ) {
        let expected = replay(&frames, rules.clone(), Limits::default());
        let found = in_shards(&frames, rules, shards, (Skew { lag, delay }, seed));
        check_far_apart(&found, &expected)?;
    }
}

/// The office's rules, and one for streams everywhere.
fn with_streams() -> RuleSet {
    let text = "schema = 1\n[[streams]]\nname = \"old\"\nnetworks = [\"0.0.0.0/0\"]\nretention = \"short\"\nnotice = \"spoken\"\n\
        [retention.short]\nkeep = \"P90D\"\n[notice.spoken]\naudio = \"none\"\n";
    RuleSet::load(&[earwitness_rules::SourceText { name: "streams.toml", text }]).unwrap()
}

#[test]
fn audio_without_signalling_is_one_call_however_it_is_dealt() {
    let text: String = (0..6)
        .map(|n| {
            let (a, b) = (format!("10.1.{n}.5:4000"), format!("10.1.{n}.9:4002"));
            format!(
                "rtp s{n} caller from=0.{n}00 to=6.000 src={a} dst={b} codec=PCMA ssrc={:#x} speech-seed={n}\n\
                 rtp s{n} callee from=0.{n}10 to=6.000 src={b} dst={a} codec=PCMA ssrc={:#x} speech-seed={n}\n",
                100 + n,
                200 + n
            )
        })
        .collect();
    let frames = told(&text);
    let sent = frames.len() as u64;
    let one = replay(&frames, with_streams(), Limits::default());
    let packets = |found: &Replayed| -> u64 {
        found.summaries().iter().flat_map(|call| &call.streams).map(|stream| stream.packets).sum()
    };
    assert_eq!((one.summaries().len(), packets(&one)), (6, sent));
    for (shards, seed) in [(1, 0), (2, 2), (3, 4), (3, 5)] {
        let found = in_shards(&frames, with_streams(), shards, (Skew { lag: 60, delay: 60 }, seed));
        assert_eq!(found.summaries().len(), 6, "{shards} {seed}");
        // Of what waits for the order some may have gone, and is counted.
        let unclaimed = found.counts.media.unclaimed;
        assert_eq!(packets(&found) + unclaimed, sent, "{shards} {seed}");
        assert!(unclaimed * 50 < sent, "{shards} {seed}: {unclaimed} of {sent}");
    }
}
