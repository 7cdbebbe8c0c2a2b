//! The shape law: what is recorded of a capture is recorded of the anonymised one, but for who it is.

mod support;

use earwitness_engine::{Engine, Limits, Output};
use earwitness_model::{CallSummary, LinkType};
use earwitness_rules::RuleSet;
use earwitness_testkit::{Carriage, Opening, SegmentOrder, script, wrap::Wrap};
use support::{Capture, corpus, scripts};

/// Everything about a call that says nothing of anybody.
fn shape(summary: &CallSummary) -> Vec<String> {
    let mut shape = vec![
        format!("{:?} {:?} {:?}", summary.facts.start, summary.answer, summary.outcome),
        // Why it ended is said in words that may be anybody's.
        format!("{:?}", summary.end.as_ref().map(|end| (end.at, end.by, end.reason.is_some()))),
        format!("{:?} {:?} {}", summary.sip_status, summary.flags, summary.messages),
        format!(
            "{} dialogs, joined by {:?}, related {}",
            summary.sip_call_ids.len(),
            summary.joined,
            summary.related.len()
        ),
        format!("gaps {:?}", summary.gaps),
        format!("tunnel {:?}", summary.tunnel),
    ];
    for stream in &summary.streams {
        let mut stream = stream.clone();
        stream.of.ssrc = 0;
        shape.push(format!("{stream:?}"));
    }
    for key in &summary.dtmf {
        shape.push(format!("key at {:?} for {} on {:?}", key.at, key.ms, key.leg));
    }
    shape
}

/// The calls of a capture, by the lab rule, in their order.
fn calls(capture: &Capture) -> Vec<Vec<String>> {
    let mut engine = Engine::new(RuleSet::lab(), Limits::default());
    let mut ended = Vec::new();
    for frame in capture.raw() {
        engine.handle_frame(&frame);
        poll(&mut engine, &mut ended);
    }
    engine.handle_end();
    poll(&mut engine, &mut ended);
    ended.sort_by_key(|summary| summary.id);
    ended.iter().map(shape).collect()
}

fn poll(engine: &mut Engine, ended: &mut Vec<CallSummary>) {
    while let Some(output) = engine.poll_output() {
        if let Output::Ended(summary) = output {
            ended.push(*summary);
        }
    }
}

/// What differs between a capture and the anonymised one, and how many calls there are.
fn difference(capture: &Capture) -> (Option<String>, usize) {
    let masked = capture.masked();
    let (before, after) = (calls(capture), calls(&masked.capture));
    let count = before.len();
    if before.len() != after.len() {
        return (Some(format!("{}: {} calls, {} afterwards", capture.name, count, after.len())), count);
    }
    let different =
        before.iter().flatten().zip(after.iter().flatten()).find(|(before, after)| before != after);
    let lines = before.iter().map(Vec::len).eq(after.iter().map(Vec::len));
    let said = match different {
        Some((before, after)) => Some(format!("{}:\n  {before}\n  {after}", capture.name)),
        None if !lines => Some(format!("{}: other streams or keys: {before:?} {after:?}", capture.name)),
        None => None,
    };
    (said, count)
}

/// Scripts that do not keep their shape, and why.
const DROPPED: [(&str, &str); 1] = [("srtp", "the keys are others, so that what they opened stays closed")];

#[test]
fn every_told_call_keeps_its_shape() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for capture in scripts() {
        let (said, calls) = difference(&capture);
        count += calls;
        let is_known = DROPPED.iter().any(|(name, _)| *name == capture.name);
        match said {
            Some(said) if !is_known => wrong.push(said),
            None if is_known => wrong.push(format!("{} does not differ any more", capture.name)),
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{} of the scripts differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count > 80, "{count}");
}

#[test]
fn calls_in_every_wrap_keep_their_shape() {
    let mut wrong = Vec::new();
    for name in ["answered", "far-end", "fragmented", "ipv6-tagged", "keys-info"] {
        let capture =
            scripts().into_iter().find(|capture| capture.name == name).expect("a script of this name");
        for wrap in Wrap::ALL {
            let mut wrapped = Capture { name: format!("{name} in {wrap:?}"), ..capture.clone() };
            for frame in &mut wrapped.frames {
                frame.bytes = wrap.frame(&frame.bytes);
                frame.wire_len = frame.bytes.len() as u32;
            }
            let masked = wrapped.masked();
            assert_eq!(masked.counts.frames, masked.counts.written, "{}: {:?}", wrapped.name, masked.counts);
            wrong.extend(difference(&wrapped).0);
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn calls_over_streams_keep_their_shape() {
    let mut wrong = Vec::new();
    let mut count = 0;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/calls");
    for name in ["answered", "hold", "transfer-attended", "late-offer", "challenged"] {
        #[expect(clippy::disallowed_methods, reason = "tests read fixtures")]
        let text = std::fs::read_to_string(format!("{folder}/{name}/script.call")).expect("a script");
        for transport in [earwitness_model::SipTransport::Tcp, earwitness_model::SipTransport::Ws] {
            for (largest, order) in
                [(1460, SegmentOrder::AsSent), (100, SegmentOrder::AsSent), (300, SegmentOrder::Random(7))]
            {
                let carriage = Carriage { transport, largest, order, opening: Opening::Seen };
                let frames = script::parse_over(&text, carriage).expect("a script").frames();
                let capture = Capture::of(&format!("{name} over {transport:?} {largest} {order:?}"), frames);
                let (said, calls) = difference(&capture);
                count += calls;
                wrong.extend(said);
            }
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count >= 30, "{count}");
}

/// Captures that do not keep their shape, and why.
const KNOWN: [(&str, &str); 0] = [];

#[test]
fn captures_of_the_world_keep_their_shape() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for capture in corpus() {
        let (said, calls) = difference(&capture);
        count += calls;
        let is_known = KNOWN.iter().any(|(name, _)| capture.name.ends_with(name));
        wrong.extend(said.filter(|_| !is_known));
    }
    println!("{count} calls");
    assert!(wrong.is_empty(), "{} captures differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn times_lengths_and_order_of_frames_are_kept() {
    for capture in scripts().into_iter().chain(corpus()) {
        let masked = capture.masked();
        let mut before = capture.frames.iter();
        for frame in &masked.capture.frames {
            let old = before.find(|old| old.number == frame.number).expect("in the order of the capture");
            assert_eq!(
                (old.time, old.wire_len, old.bytes.len(), old.link),
                (frame.time, frame.wire_len, frame.bytes.len(), frame.link),
                "{}",
                capture.name
            );
        }
        let counts = masked.counts;
        assert_eq!(counts.frames, capture.frames.len() as u64);
        assert_eq!(counts.frames, counts.written + counts.dropped(), "{}: {counts:?}", capture.name);
        assert!(masked.anonymiser.link().is_none_or(|link| link != LinkType::Other(0)));
    }
}
