//! SIP in TLS: what begins anew, what is forged, and what a mirror leaves out.

mod wires;

use earwitness_model::PacketTime;
use earwitness_testkit::tls::{SUITES, TlsEnds, TlsPair};
use earwitness_wire::stream::StreamLoss;
use wires::{ENDS, Wire, at, lost, message};

/// A connection to a port of SIP, where keys will be given.
fn open() -> Wire {
    let mut wire = Wire::open(ENDS);
    wire.streams.handle_keys(b"", &[]);
    wire
}

fn shake_hands(wire: &mut Wire, pair: &mut TlsPair, at: PacketTime) {
    pair.handshake().iter().for_each(|(side, flight)| wire.send(*side, flight, at));
}

/// A connection in which both have agreed, with its keys.
fn agreed(suite: usize) -> (Wire, TlsPair) {
    let (mut wire, mut pair) = (open(), TlsPair::new(suite));
    shake_hands(&mut wire, &mut pair, at(1));
    wire.streams.handle_keys(pair.key_log().as_bytes(), &[]);
    (wire, pair)
}

fn say(wire: &mut Wire, pair: &mut TlsPair, (side, text): (usize, &str), at: PacketTime) {
    wire.send(side, &pair.say(side, text.as_bytes()), at);
}

fn read(wire: &mut Wire) -> Vec<String> {
    let told = wire.read().into_iter();
    told.map(|message| String::from_utf8(message.bytes.into()).expect("the text that was sent")).collect()
}

#[test]
fn a_phone_that_comes_back_from_the_same_port_is_read_whenever_its_keys_come() {
    for suite in 0..SUITES {
        let (mut wire, ends) = (open(), TlsEnds::new(suite));
        let mut expected = Vec::new();
        for (round, begins) in [1000, 900_000_000, 1500].into_iter().enumerate() {
            let mut pair = ends.connect();
            let now = at(10 + 1000 * round as i64);
            if round > 0 {
                wire.reopen(begins, now);
            }
            shake_hands(&mut wire, &mut pair, now);
            let (register, options) =
                (message("REGISTER", &format!("r{round}"), 9), message("OPTIONS", "o", 300));
            say(&mut wire, &mut pair, (0, &register), now);
            say(&mut wire, &mut pair, (1, &options), now);
            wire.streams.handle_keys(ends.key_log().as_bytes(), &[]);
            expected.extend([register, options]);
        }
        assert_eq!(read(&mut wire), expected, "suite {suite}");
        assert_eq!(lost(&wire.streams), []);
    }
}

#[test]
fn hellos_that_are_forged_before_and_between_the_real_ones_do_no_harm() {
    for suite in 0..SUITES {
        let forged: Vec<_> = (0..SUITES).map(|other| TlsPair::new(other).handshake()).collect();
        let mut wire = Wire::running(ENDS, 1000);
        wire.streams.handle_keys(b"", &[]);
        let forge = |wire: &mut Wire, which: usize, sequence: u32| {
            for (side, flight) in forged[which].iter().take(2) {
                wire.put(*side, sequence, flight, at(1));
            }
        };
        forge(&mut wire, suite, 77_000_000);
        wire.reopen(1000, at(2));
        let mut pair = TlsPair::new(suite);
        for (index, (side, flight)) in pair.handshake().iter().enumerate() {
            wire.send(*side, flight, at(3));
            forge(&mut wire, (suite + index) % SUITES, 99_000_000 + 9_000_000 * index as u32);
        }
        wire.streams.handle_keys(pair.key_log().as_bytes(), &[]);
        let texts = [message("INVITE", "a", 700), message("INFO", "b", 10)];
        say(&mut wire, &mut pair, (0, &texts[0]), at(4));
        say(&mut wire, &mut pair, (1, &texts[1]), at(4));
        assert_eq!(read(&mut wire), texts, "suite {suite}");
    }
}

#[test]
fn a_mirror_that_stands_still_costs_what_it_left_out_and_no_more() {
    // Within what waits for its place, and far beyond it.
    for (suite, missing) in [(0, 200), (3, 200), (0, 2500), (2, 2500), (3, 2500), (5, 2500)] {
        let (mut wire, mut pair) = agreed(suite);
        let (before, after) =
            (message("INVITE", "a", 20), [message("BYE", "b", 40), message("INFO", "c", 0)]);
        say(&mut wire, &mut pair, (0, &before), at(10));
        for _ in 0..missing {
            let left_out = pair.say(0, message("OPTIONS", "left-out", 100).as_bytes());
            wire.lose(0, &left_out);
        }
        after.iter().for_each(|text| say(&mut wire, &mut pair, (0, text), at(9000)));
        wire.streams.handle_time(at(12_000));
        assert_eq!(read(&mut wire), [&[before], &after[..]].concat(), "suite {suite}, {missing} missing");
        assert_eq!(lost(&wire.streams), [(StreamLoss::Gap, 1)]);
    }
}

#[test]
fn what_somebody_makes_up_far_away_moves_nothing() {
    let (mut wire, mut pair) = agreed(0);
    let texts = [message("INVITE", "a", 20), message("BYE", "b", 40)];
    say(&mut wire, &mut pair, (0, &texts[0]), at(10));
    let sealed = [&[23, 3, 3, 1, 0][..], &[0x5a; 256]].concat();
    for away in [1 << 20, 1 << 26, 1 << 30] {
        wire.put(0, wire.next(0) + away, &sealed, at(11));
    }
    say(&mut wire, &mut pair, (0, &texts[1]), at(12));
    assert_eq!(read(&mut wire), texts);
    assert_eq!(lost(&wire.streams), [(StreamLoss::Outside, 3)]);
}

#[test]
fn a_gap_behind_what_waits_for_its_keys_does_not_drop_that() {
    for suite in [0, 3] {
        let (mut wire, mut pair) = (open(), TlsPair::new(suite));
        shake_hands(&mut wire, &mut pair, at(1));
        let texts = ["a", "b", "c"].map(|id| message("INVITE", id, 50));
        say(&mut wire, &mut pair, (0, &texts[0]), at(2));
        let left_out = pair.say(0, texts[1].as_bytes());
        wire.lose(0, &left_out);
        say(&mut wire, &mut pair, (0, &texts[2]), at(3));
        wire.acknowledge(1, at(4));
        wire.streams.handle_time(at(20_000));
        assert_eq!(read(&mut wire), [""; 0]);
        wire.streams.handle_keys(pair.key_log().as_bytes(), &[]);
        wire.streams.handle_time(at(25_000));
        assert_eq!(read(&mut wire), [texts[0].clone(), texts[2].clone()], "suite {suite}");
        assert_eq!(lost(&wire.streams), [(StreamLoss::Gap, 1)]);
    }
}

#[test]
fn a_message_in_tls_whose_end_never_comes_is_handed_over_as_it_is() {
    for suite in [1, 4] {
        let (mut wire, mut pair) = agreed(suite);
        let (cut, next) = (message("INVITE", "a", 400), message("BYE", "b", 0));
        let cut = &cut[..cut.len() - 100];
        say(&mut wire, &mut pair, (0, cut), at(10));
        let due = wire.streams.next_deadline().expect("its end is waited for");
        assert_eq!(due, at(32_010));
        wire.streams.handle_time(due);
        assert_eq!(wire.streams.next_deadline(), None);
        say(&mut wire, &mut pair, (0, &next), at(40_000));
        assert_eq!(read(&mut wire), [cut, &next], "suite {suite}");
        assert_eq!(lost(&wire.streams), [(StreamLoss::CutMessage, 1)]);
    }
}

#[test]
fn a_record_that_was_bent_on_the_way_costs_itself() {
    for suite in 0..SUITES {
        let (mut wire, mut pair) = agreed(suite);
        let texts = ["a", "b", "c", "d"].map(|id| message("INVITE", id, 50));
        for (index, text) in texts.iter().enumerate() {
            let mut sealed = pair.say(1, text.as_bytes());
            if index == 1 {
                *sealed.last_mut().expect("it is no empty one") ^= 1;
            }
            wire.send(1, &sealed, at(10));
        }
        assert_eq!(read(&mut wire), [&texts[..1], &texts[2..]].concat(), "suite {suite}");
        assert_eq!(lost(&wire.streams), [(StreamLoss::Unopened, 1)]);
    }
}

#[test]
fn the_table_holds_little_of_connections_that_are_quiet() {
    let (mut wire, mut pair) = agreed(0);
    say(&mut wire, &mut pair, (0, &message("INVITE", "a", 60_000)), at(10));
    assert_eq!(wire.read().len(), 1);
    assert!(wire.streams.held_bytes() < 12_000, "{} bytes", wire.streams.held_bytes());
}
