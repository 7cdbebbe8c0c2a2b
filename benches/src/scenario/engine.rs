//! The engine: calls that begin, calls that talk, calls without audio.

use earwitness_engine::{Engine, Limits, Output};
use earwitness_load::{Frame, Load};
use earwitness_rules::RuleSet;

use crate::{counted::counted_work, raw, running::Running, treadmill::Treadmill};

/// Calls that talk.
const CALLS: u32 = 200;
/// Turns of half a second until nothing of a call is new any more.
const BEGINNING: u64 = 10;
/// Turns that are counted after that.
const STEADY: u64 = 4;
/// Calls without audio.
const SIP_CALLS: u32 = 500;
/// Messages of each: INVITE, 100, 180, 200, ACK, BYE, 200.
const MESSAGES: usize = 7;

/// The first seconds of calls: streams that are new, clocks that are learned.
pub(super) fn begin() -> u64 {
    let mut treadmill = Treadmill::new(CALLS);
    let mut running = Running::new(&treadmill);
    for _ in 0..BEGINNING {
        counted_work(|| running.turn(&treadmill));
        treadmill.turn();
    }
    running.check_end();
    BEGINNING * treadmill.packets()
}

/// Calls that go on.
pub(super) fn steady() -> u64 {
    slowed(0)
}

/// The same, with a loop of so many rounds for nothing at each packet. The gate makes sure by it that it sees a slower hot
/// path.
#[must_use]
pub fn slowed(rounds: u32) -> u64 {
    let mut treadmill = Treadmill::new(CALLS);
    let mut running = Running::new(&treadmill);
    running.check_bytes(&mut treadmill);
    for _ in 3..BEGINNING {
        running.turn(&treadmill);
        treadmill.turn();
    }
    for _ in 0..STEADY {
        counted_work(|| running.slowed_turn(&treadmill, rounds));
        treadmill.turn();
    }
    running.check_end();
    STEADY * treadmill.packets()
}

/// Calls of signalling alone, to their end.
pub(super) fn sip_call() -> u64 {
    let load = Load { calls: SIP_CALLS, seconds: 1.0, start_spread_s: 50.0, rtp: false, ..Load::default() };
    let frames: Vec<Frame> = load.frames().collect();
    assert_eq!(frames.len(), SIP_CALLS as usize * MESSAGES);
    let mut engine = Engine::new(RuleSet::lab(), Limits::default());
    let ended = counted_work(|| {
        let mut ended = 0;
        for (frame, number) in frames.iter().zip(1..) {
            engine.handle_frame(&raw(frame, number));
            ended += calls_ended(&mut engine);
        }
        engine.handle_end();
        ended + calls_ended(&mut engine)
    });
    assert_eq!((ended, engine.calls()), (u64::from(SIP_CALLS), 0));
    assert_eq!(engine.counts().messages, frames.len() as u64);
    ended
}

/// Fetches what came out: how many calls ended, all their messages kept.
fn calls_ended(engine: &mut Engine) -> u64 {
    let mut ended = 0;
    while let Some(output) = engine.poll_output() {
        match output {
            Output::Segment(segment) => engine.handle_returned(segment),
            Output::Ended(call) => ended += u64::from(call.messages as usize == MESSAGES),
            Output::Opened(_) | Output::Running(_) | Output::Stream(_) => {}
        }
    }
    ended
}
