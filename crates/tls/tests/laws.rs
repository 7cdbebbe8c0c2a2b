//! What two ends of rustls say to each other is what a listener with their key log hears.

mod support;

use earwitness_testkit::tls::{SUITES, TlsEnds, TlsPair};
use proptest::prelude::*;
use support::Listener;

/// What goes over the wire, in turn.
type Wire = Vec<(usize, Vec<u8>)>;

/// A connection in which both say some things; all that is sent, and what each said.
fn talk(pair: &mut TlsPair, texts: &[(usize, Vec<u8>)]) -> (Wire, [Vec<u8>; 2]) {
    let (mut wire, mut said) = (pair.handshake(), [Vec::new(), Vec::new()]);
    for (side, text) in texts {
        wire.push((*side, pair.say(*side, text)));
        said[*side].extend(text);
    }
    (wire, said)
}

fn texts() -> Vec<(usize, Vec<u8>)> {
    let long = |byte: u8| (0..20_000).map(|index| byte.wrapping_add(index as u8)).collect();
    vec![(0, b"INVITE".to_vec()), (1, b"100 Trying".to_vec()), (1, long(3)), (0, long(5)), (0, vec![0; 9])]
}

#[test]
fn every_suite_is_opened_and_without_a_key_log_nothing_is() {
    for suite in 0..SUITES {
        let mut pair = TlsPair::new(suite);
        let (wire, said) = talk(&mut pair, &texts());
        let mut listener = Listener::new(&pair.key_log());
        wire.iter().for_each(|(side, bytes)| listener.feed(*side, bytes));
        assert!(listener.heard == said, "suite {suite}");
        assert_eq!((listener.unopened, listener.waiting()), (0, 0));
        let mut deaf = Listener::new("");
        wire.iter().for_each(|(side, bytes)| deaf.feed(*side, bytes));
        assert_eq!(deaf.heard, [vec![], vec![]]);
        assert!(deaf.waiting() > 40_000 && !deaf.is_over, "it waits for keys");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn any_cut_and_any_moment_of_the_keys_is_the_same(
        suite in 0..SUITES,
        sizes in prop::collection::vec(1..3000_usize, 1..40),
        keys_after in 0..60_usize,
    ) {
        let mut pair = TlsPair::new(suite);
        let (wire, said) = talk(&mut pair, &texts());
        let log = pair.key_log();
        let lines: Vec<_> = log.lines().collect();
        let mut listener = Listener::new("");
        let (mut sizes, mut given) = (sizes.iter().cycle(), 0);
        for (index, (side, bytes)) in wire.iter().enumerate() {
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                let (now, after) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
                listener.feed(*side, now);
                rest = after;
                // One line at a time, each at its own moment.
                if index >= keys_after % wire.len() && given < lines.len() {
                    listener.log.handle_text(lines[given].as_bytes());
                    given += 1;
                }
            }
        }
        lines[given..].iter().for_each(|line| listener.log.handle_text(line.as_bytes()));
        (0..2).for_each(|side| listener.feed(side, b""));
        prop_assert!(listener.heard == said);
        prop_assert_eq!((listener.unopened, listener.waiting()), (0, 0));
    }

    #[test]
    fn what_is_behind_a_loss_is_heard_and_what_was_lost_is_not_made_up(
        suite in 0..SUITES,
        lost in prop::collection::vec(any::<bool>(), 30),
        cut in 0..400_usize,
    ) {
        let mut pair = TlsPair::new(suite);
        let mut listener = Listener::new("");
        let wire = pair.handshake();
        listener.log.handle_text(pair.key_log().as_bytes());
        wire.iter().for_each(|(side, bytes)| listener.feed(*side, bytes));
        let mut expected = Vec::new();
        for (index, is_lost) in lost.iter().enumerate() {
            let text = format!("<{index}>{}", "x".repeat(100 * (index % 7)));
            let sent = pair.say(0, text.as_bytes());
            if *is_lost {
                listener.lose(0);
                // Part of it may be there.
                listener.feed(0, &sent[sent.len() - cut.min(sent.len() - 1)..]);
            } else {
                listener.feed(0, &sent);
                expected.extend(text.bytes());
            }
        }
        prop_assert!(listener.heard[0] == expected);
        prop_assert_eq!(listener.unopened, 0);
    }

    #[test]
    fn whatever_comes_each_step_goes_on_and_nothing_is_made_up(
        suite in 0..SUITES,
        seed in any::<u64>(),
        at in prop::collection::vec((0..4000_usize, any::<u8>()), 0..20),
        noise in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut pair = TlsPair::new(suite);
        let (wire, said) = talk(&mut pair, &texts());
        let mut listener = Listener::new(&pair.key_log());
        for (index, (side, bytes)) in wire.iter().enumerate() {
            let mut bytes = bytes.clone();
            for &(at, mask) in &at {
                let len = bytes.len();
                if (seed >> (index % 64)) & 1 == 1 {
                    bytes[at % len] ^= mask;
                }
            }
            listener.feed(*side, &bytes);
            if (seed >> ((index + 7) % 64)) & 1 == 1 {
                listener.feed(*side, &noise);
            }
        }
        for (heard, said) in listener.heard.iter().zip(&said) {
            // Each record is whole or missing: what is heard is in what was said, in its order.
            let mut said = said.iter();
            prop_assert!(heard.iter().all(|byte| said.any(|one| one == byte)));
        }
    }
}

#[test]
fn keys_that_are_updated_are_followed_even_when_the_update_is_lost() {
    for suite in 0..3 {
        let mut pair = TlsPair::new(suite);
        let wire = pair.handshake();
        let mut listener = Listener::new(&pair.key_log());
        wire.iter().for_each(|(side, bytes)| listener.feed(*side, bytes));
        listener.feed(0, &pair.say(0, b"one "));
        pair.update_keys(0);
        listener.feed(0, &pair.say(0, b"two "));
        pair.update_keys(1);
        listener.feed(1, &pair.say(1, b"three "));
        pair.update_keys(0);
        let lost = pair.say(0, b"lost ");
        assert!(lost.len() > 30);
        listener.lose(0);
        listener.feed(0, &pair.say(0, b"four"));
        assert_eq!(listener.heard, [b"one two four".to_vec(), b"three ".to_vec()], "suite {suite}");
        assert_eq!(listener.unopened, 0);
    }
}

#[test]
fn a_resumed_connection_is_opened_and_what_is_said_early_too() {
    for suite in 0..SUITES {
        let ends = TlsEnds::new(suite);
        let mut first = ends.connect();
        let (_, _) = talk(&mut first, &texts());
        let mut second = ends.connect();
        let early = second.say_early(b"early ");
        assert_eq!(early, if suite < 3 { 6 } else { 0 }, "suite {suite}");
        let (wire, mut said) = talk(&mut second, &[(0, b"later".to_vec()), (1, b"answer".to_vec())]);
        if early > 0 {
            said[0].splice(0..0, *b"early ");
        }
        let hellos: usize = wire.iter().map(|(_, bytes)| bytes.len()).sum();
        assert!(hellos < 2500, "it was resumed: {hellos} bytes, and no certificate of 3000");
        let mut listener = Listener::new(&ends.key_log());
        wire.iter().for_each(|(side, bytes)| listener.feed(*side, bytes));
        assert_eq!(listener.heard, said, "suite {suite}");
        assert_eq!(listener.unopened, 0);
    }
}

#[test]
fn a_connection_whose_hello_was_lost_is_never_opened() {
    let mut pair = TlsPair::new(0);
    let (wire, _) = talk(&mut pair, &texts());
    let mut listener = Listener::new(&pair.key_log());
    listener.lose(0);
    wire.iter().skip(1).for_each(|(side, bytes)| listener.feed(*side, bytes));
    assert!(listener.is_over);
    assert_eq!(listener.heard[0], b"");
}

#[test]
fn whoever_sends_records_that_are_none_is_given_up() {
    for (suite, gap) in [(0, false), (3, false), (1, true), (4, true)] {
        let mut pair = TlsPair::new(suite);
        let (wire, said) = talk(&mut pair, &texts());
        let mut listener = Listener::new(&pair.key_log());
        wire.iter().for_each(|(side, bytes)| listener.feed(*side, bytes));
        if gap {
            listener.lose(0);
        }
        // Each byte may begin a record that is as long as any.
        let forged: Vec<u8> = [23, 3, 3, 0x3f, 3].into_iter().cycle().take(40_000).collect();
        let mut fed = 0;
        while !listener.is_over && fed < 40_000_000 {
            listener.feed(0, &forged);
            fed += forged.len();
        }
        assert!(listener.is_over && fed <= 4_000_000, "suite {suite}: {fed} bytes");
        assert!(listener.heard == said);
    }
}

#[test]
fn ends_that_begin_anew_and_others_that_say_hello_beside_them_are_told_apart() {
    for suite in 0..SUITES {
        let ends = TlsEnds::new(suite);
        let mut listener = Listener::new("");
        let mut expected = [Vec::new(), Vec::new()];
        for round in 0..6 {
            let mut others = TlsPair::new(suite + round).handshake();
            others.truncate(2);
            if round > 0 {
                listener.begin_anew();
            }
            let (wire, said) = talk(&mut ends.connect(), &texts());
            listener.log.handle_text(ends.key_log().as_bytes());
            for (index, (side, bytes)) in wire.iter().enumerate() {
                listener.feed(*side, bytes);
                if let Some((other, hello)) = others.get(index) {
                    listener.feed_beside(*other, hello);
                }
            }
            expected.iter_mut().zip(said).for_each(|(all, more)| all.extend(more));
        }
        assert!(listener.heard == expected, "suite {suite}");
        assert_eq!((listener.unopened, listener.waiting()), (0, 0), "suite {suite}");
    }
}

#[test]
fn behind_more_records_than_are_tried_at_once_their_bytes_say_how_many() {
    for suite in 0..SUITES {
        let mut pair = TlsPair::new(suite);
        let wire = pair.handshake();
        let mut listener = Listener::new(&pair.key_log());
        wire.iter().for_each(|(side, bytes)| listener.feed(*side, bytes));
        listener.feed(0, &pair.say(0, b"before "));
        let missing: usize = (0..3000).map(|_| pair.say(0, b"missing").len()).sum();
        listener.lose_bytes(0, missing as u64);
        listener.feed(0, &pair.say(0, b"behind "));
        listener.feed(0, &pair.say(0, b"and on"));
        assert_eq!(listener.heard[0], b"before behind and on", "suite {suite}");
    }
}

#[test]
fn a_handshake_without_an_end_is_given_up() {
    let mut pair = TlsPair::new(0);
    let (side, hello) = pair.handshake().swap_remove(0);
    let mut listener = Listener::new("");
    listener.feed(side, &hello);
    // Messages of no length, as many as there is room for.
    let empty = [&[22, 3, 3, 0x40, 0][..], &[11, 0, 0, 0].repeat(4096)].concat();
    let fed = (1..1000).find(|_| {
        listener.feed(side, &empty);
        listener.is_over
    });
    assert!(fed.is_some_and(|fed| fed < 200), "{fed:?}");
}
