//! SIP over TCP: messages out of segments in every order, doubled, overlapping, missing and too many.

mod wires;

use earwitness_model::SipTransport;
use earwitness_wire::stream::{StreamLimits, StreamLoss, Streams};
use proptest::prelude::*;
use wires::{ENDS, Wire, at, lost, message};

fn read(wire: &mut Wire) -> Vec<String> {
    wire.read()
        .into_iter()
        .map(|message| String::from_utf8(message.bytes.into()).expect("the text that was sent"))
        .collect()
}

#[test]
fn one_message_in_one_segment_is_told_with_its_flow_time_and_transport() {
    let mut wire = Wire::open(ENDS);
    wire.send(0, message("INVITE", "a", 10).as_bytes(), at(7));
    let [told] = &wire.read()[..] else { panic!("one message") };
    assert_eq!((told.flow, told.transport, told.time), (ENDS, SipTransport::Tcp, at(7)));
    assert_eq!(&*told.bytes, message("INVITE", "a", 10).as_bytes());
    assert_eq!(lost(&wire.streams), []);
}

#[test]
fn several_messages_in_a_segment_and_one_in_many_are_told_one_by_one() {
    let (a, b, c) = (message("INVITE", "a", 0), message("ACK", "b", 3000), message("BYE", "c", 70_000));
    let mut wire = Wire::open(ENDS);
    wire.send(0, format!("\r\n\r\n{a}{b}\r\n\r\n{}", &c[..10]).as_bytes(), at(0));
    assert_eq!(read(&mut wire), [a, b]);
    for chunk in c.as_bytes()[10..].chunks(1460) {
        wire.send(0, chunk, at(1));
    }
    assert_eq!(read(&mut wire), [c]);
    assert_eq!(lost(&wire.streams), []);
}

#[test]
fn both_directions_speak_and_keep_alives_are_no_messages() {
    let mut wire = Wire::open(ENDS);
    wire.send(0, b"\r\n\r\n", at(0));
    wire.send(1, b"\r\n", at(0));
    wire.send(0, message("OPTIONS", "a", 0).as_bytes(), at(1));
    wire.send(1, b"SIP/2.0 200 OK\r\nCall-ID: a\r\n\r\n", at(2));
    let told = wire.read();
    assert_eq!(told.iter().map(|message| message.flow).collect::<Vec<_>>(), [ENDS, ENDS.reversed()]);
    assert_eq!(lost(&wire.streams), []);
}

#[test]
fn a_connection_whose_beginning_was_not_seen_is_picked_up_at_a_start_line() {
    let mut wire = Wire::running(ENDS, 0xffff_fff0);
    wire.send(0, b"half a message\r\nContent-Length: 0\r\n\r\n", at(0));
    assert_eq!(wire.streams.connections(), 0, "nothing says that it is ours");
    let (a, b) = (message("INVITE", "a", 5), message("BYE", "b", 0));
    wire.send(0, a.as_bytes(), at(1));
    let (first, second) = b.split_at(20);
    wire.send(0, first.as_bytes(), at(2));
    wire.send(0, second.as_bytes(), at(3));
    assert_eq!(read(&mut wire), [a, b], "over the wrap of the sequence numbers, too");
}

#[test]
fn a_segment_that_the_mirror_lost_costs_its_message_and_the_next_start_line_goes_on() {
    let (a, b, c) = (message("INVITE", "a", 0), message("ACK", "b", 2000), message("BYE", "c", 0));
    let mut wire = Wire::open(ENDS);
    wire.send(0, a.as_bytes(), at(0));
    wire.send(0, &b.as_bytes()[..800], at(10));
    wire.lose(0, &b.as_bytes()[800..1600]);
    wire.send(0, &b.as_bytes()[1600..], at(10));
    wire.send(0, c.as_bytes(), at(20));
    assert_eq!(read(&mut wire), [a]);
    assert_eq!(wire.streams.next_deadline(), Some(at(2010)));
    wire.streams.handle_time(at(2009));
    assert_eq!(read(&mut wire), [""; 0]);
    wire.streams.handle_time(at(2010));
    let told = wire.read();
    assert_eq!(told.iter().map(|message| message.time).collect::<Vec<_>>(), [at(10), at(20)]);
    assert_eq!((&*told[0].bytes, &*told[1].bytes), (&b.as_bytes()[..800], c.as_bytes()));
    assert_eq!(lost(&wire.streams), [(StreamLoss::Gap, 1), (StreamLoss::CutMessage, 1)]);
    assert_eq!(wire.streams.next_deadline(), None);
}

#[test]
fn what_the_other_side_has_acknowledged_is_not_waited_for() {
    let (a, b) = (message("INVITE", "a", 2000), message("BYE", "b", 0));
    let mut wire = Wire::open(ENDS);
    wire.send(0, &a.as_bytes()[..1000], at(0));
    wire.lose(0, &a.as_bytes()[1000..]);
    wire.acknowledge(1, at(50));
    assert_eq!(wire.streams.next_deadline(), Some(at(150)));
    wire.streams.handle_time(at(150));
    assert_eq!(read(&mut wire), [&a[..1000]], "its head is whole");
    wire.send(0, b.as_bytes(), at(200));
    assert_eq!(wire.streams.next_deadline(), Some(at(300)));
    wire.streams.handle_time(at(300));
    assert_eq!(read(&mut wire), [b]);
}

#[test]
fn a_retransmission_fills_the_hole_and_nothing_is_lost() {
    let (a, b) = (message("INVITE", "a", 2000), message("BYE", "b", 0));
    let mut wire = Wire::open(ENDS);
    wire.send(0, &a.as_bytes()[..1000], at(0));
    let missing = wire.lose(0, &a.as_bytes()[1000..1500]);
    wire.send(0, &a.as_bytes()[1500..], at(0));
    wire.send(0, b.as_bytes(), at(0));
    assert_eq!(read(&mut wire), [""; 0]);
    // The sender does not cut as before.
    wire.put(0, missing, &a.as_bytes()[1000..1700], at(900));
    let told = wire.read();
    assert_eq!(told.iter().map(|message| message.time).collect::<Vec<_>>(), [at(900), at(900)]);
    assert_eq!((&*told[0].bytes, &*told[1].bytes), (a.as_bytes(), b.as_bytes()));
    assert_eq!(lost(&wire.streams), []);
}

#[test]
fn of_two_segments_that_differ_the_first_counts() {
    let a = message("INVITE", "a", 100);
    let forged = a.replace("INVITE", "FORGED").replace("xxx", "yyy");
    let mut wire = Wire::open(ENDS);
    let first = wire.lose(0, &a.as_bytes()[..50]);
    wire.send(0, &a.as_bytes()[50..90], at(0));
    wire.put(0, first + 40, &forged.as_bytes()[40..], at(1));
    wire.put(0, first, a.as_bytes(), at(2));
    wire.put(0, first, forged.as_bytes(), at(3));
    let told = read(&mut wire);
    assert_eq!(told.len(), 1);
    // What came first: bytes 50 to 90 are the sender's, what lies behind them came from whoever forged it.
    assert_eq!(told[0][..90], a[..90]);
    assert_eq!(told[0][90..], forged[90..]);
    assert_eq!(lost(&wire.streams), [(StreamLoss::Overlap, 2)]);
}

#[test]
fn what_the_snap_length_cut_off_is_not_waited_for() {
    let (a, b) = (message("INVITE", "a", 500), message("BYE", "b", 0));
    let mut wire = Wire::open(ENDS);
    wire.send_cut(0, a.as_bytes(), 300, at(0));
    wire.send(0, b.as_bytes(), at(1));
    assert_eq!(read(&mut wire), [&a[..a.len() - 300], &b]);
    assert_eq!(lost(&wire.streams), [(StreamLoss::CutMessage, 1)]);
}

#[test]
fn ports_that_are_used_again_are_another_connection() {
    let a = message("INVITE", "a", 0);
    let mut wire = Wire::open(ENDS);
    wire.send(0, a.as_bytes(), at(0));
    for begins in [77, 0x8000_0000] {
        wire.reopen(begins, at(1000));
        wire.send(0, a.as_bytes(), at(1001));
    }
    assert_eq!(read(&mut wire), [&a[..]; 3]);
    assert_eq!((wire.streams.connections(), lost(&wire.streams)), (1, vec![]));
}

#[test]
fn a_connection_that_ended_has_no_place_any_more() {
    let a = message("BYE", "a", 0);
    let mut wire = Wire::open(ENDS);
    wire.send(0, a.as_bytes(), at(0));
    wire.close(0, at(1));
    assert_eq!(wire.streams.connections(), 1, "one side may still speak");
    wire.close(1, at(2));
    assert_eq!((wire.streams.connections(), wire.streams.held_bytes()), (0, 0));
    assert_eq!(read(&mut wire), [a]);
}

#[test]
fn what_is_none_of_ours_has_no_place_after_its_first_byte() {
    let cases: [(&[u8], StreamLoss, u64); 5] = [
        (b"\x16\x03\x01\x02\x00\x01\x00", StreamLoss::Encrypted, 1),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", StreamLoss::NotSip, 0),
        (b"SSH-2.0-OpenSSH_9.6 Debian\r\n", StreamLoss::NotSip, 0),
        (b"\0\0\0\x85\xffSMB", StreamLoss::NotSip, 0),
        (b"EHLO mail.example\r\n", StreamLoss::NotSip, 0),
    ];
    for (bytes, loss, count) in cases {
        let mut wire = Wire::open(ENDS);
        assert_eq!(wire.streams.connections(), 1);
        wire.send(0, bytes, at(0));
        assert_eq!((wire.streams.connections(), wire.streams.held_bytes()), (0, 0), "{bytes:?}");
        assert_eq!(wire.streams.losses().of(loss), count, "{bytes:?}");
        wire.send(0, &[0x17; 1400], at(1));
        wire.send(1, b"text of a page, INVITE sip:x SIP/2.0 within\r\n", at(1));
        assert_eq!((wire.streams.connections(), wire.read().len()), (0, 0), "{bytes:?}");
    }
}

#[test]
fn what_is_idle_is_forgotten_and_a_message_that_never_ended_too() {
    let mut wire = Wire::open(ENDS);
    wire.streams.handle_time(at(30_000));
    assert_eq!(wire.streams.connections(), 1);
    wire.streams.handle_time(at(30_001));
    assert_eq!(wire.streams.connections(), 0, "nobody said anything");

    let mut wire = Wire::open(ENDS);
    wire.send(0, message("OPTIONS", "a", 0).as_bytes(), at(0));
    wire.send(0, b"INVITE sip:x", at(0));
    assert_eq!(wire.streams.next_deadline(), Some(at(32_000)));
    wire.streams.handle_time(at(3_600_000));
    assert_eq!((wire.streams.connections(), wire.read().len()), (1, 1));
    assert_eq!(lost(&wire.streams), [(StreamLoss::PartialMessage, 1)]);
    wire.streams.handle_time(at(3_700_000));
    assert_eq!((wire.streams.connections(), wire.streams.held_bytes()), (0, 0));
}

#[test]
fn the_end_of_the_capture_gives_out_what_waited() {
    let (a, b) = (message("INVITE", "a", 300), message("BYE", "b", 0));
    let mut wire = Wire::open(ENDS);
    wire.send(0, &a.as_bytes()[..a.len() - 100], at(0));
    wire.lose(0, &a.as_bytes()[a.len() - 100..]);
    wire.send(0, b.as_bytes(), at(1));
    wire.streams.handle_end();
    assert_eq!(read(&mut wire), [&a[..a.len() - 100], &b]);
    assert_eq!((wire.streams.connections(), wire.streams.held_bytes()), (0, 0));
}

/// How a stream is cut, and in which order and how often its pieces come.
#[derive(Debug, Clone)]
struct Cutting {
    sizes: Vec<usize>,
    /// How far behind its turn each piece comes.
    late: Vec<usize>,
    twice: Vec<bool>,
}

fn cuttings() -> impl Strategy<Value = Cutting> {
    (
        prop::collection::vec(prop_oneof![1..8_usize, 1..1500_usize], 1..40),
        prop::collection::vec(prop_oneof![4 => Just(0), 1 => 1..12_usize], 1..40),
        prop::collection::vec(prop::bool::weighted(0.1), 1..40),
    )
        .prop_map(|(sizes, late, twice)| Cutting { sizes, late, twice })
}

/// The pieces of `stream` as (where, bytes), in the order in which they come.
fn cut<'s>(stream: &'s [u8], cutting: &Cutting) -> Vec<(usize, &'s [u8])> {
    let (mut pieces, mut from) = (Vec::new(), 0);
    for (index, size) in cutting.sizes.iter().cycle().enumerate() {
        let to = stream.len().min(from + size);
        let late = cutting.late[index % cutting.late.len()];
        pieces.push((index + late, from, to));
        if cutting.twice[index % cutting.twice.len()] {
            pieces.push((index + late + 3, from, to));
        }
        if to == stream.len() {
            break;
        }
        from = to;
    }
    pieces.sort_by_key(|&(turn, ..)| turn);
    pieces.into_iter().map(|(_, from, to)| (from, &stream[from..to])).collect()
}

fn messages() -> impl Strategy<Value = Vec<String>> {
    let bodies = prop_oneof![3 => Just(0_usize), 3 => 1..400_usize, 1 => 60_000..70_000_usize];
    let one = (prop::sample::select(vec!["INVITE", "ACK", "BYE", "SIP/2.0 200 OK"]), bodies).prop_map(
        |(what, body)| {
            if what.starts_with("SIP") {
                format!("{what}\r\nCall-ID: r\r\nContent-Length: {body}\r\n\r\n{}", "z".repeat(body))
            } else {
                message(what, "m", body)
            }
        },
    );
    prop::collection::vec(one, 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn messages_are_those_that_were_sent_however_the_stream_is_cut_doubled_and_reordered(
        messages in messages(),
        keep_alives in prop::collection::vec(prop::sample::select(vec!["", "", "\r\n", "\r\n\r\n"]), 12),
        cutting in cuttings(),
        begins in any::<u32>(),
    ) {
        let stream: String =
            messages.iter().zip(&keep_alives).map(|(message, before)| format!("{before}{message}")).collect();
        let mut wire = Wire::open_at(ENDS, begins);
        for (from, bytes) in cut(stream.as_bytes(), &cutting) {
            wire.put(0, wire.begins(0).wrapping_add(from as u32), bytes, at(0));
        }
        prop_assert_eq!(read(&mut wire), messages);
        prop_assert_eq!(lost(&wire.streams), []);
        let only_room = wire.streams.held_bytes();
        prop_assert!(only_room < 20_000, "{} bytes held of nothing", only_room);
    }

    #[test]
    fn what_is_lost_costs_messages_and_makes_none_up(
        messages in prop::collection::vec((0..3000_usize).prop_map(|body| message("INVITE", "m", body)), 1..12),
        cutting in cuttings(),
        missing in prop::collection::vec(prop::bool::weighted(0.1), 1..40),
    ) {
        let stream = messages.concat();
        let mut wire = Wire::open(ENDS);
        for (index, (from, bytes)) in cut(stream.as_bytes(), &cutting).into_iter().enumerate() {
            if !missing[index % missing.len()] {
                wire.put(0, wire.begins(0).wrapping_add(from as u32), bytes, at(0));
            }
        }
        wire.streams.handle_time(at(100_000));
        let told = read(&mut wire);
        prop_assert!(told.len() <= messages.len());
        let mut left = messages.iter();
        for told in &told {
            prop_assert!(left.any(|message| message.starts_with(told)), "in their order, and none made up");
        }
    }

    #[test]
    fn any_segments_stay_within_the_budget_and_are_forgotten_in_the_end(
        segments in prop::collection::vec(wires::any_segment(), 0..200),
    ) {
        let limits = StreamLimits { bytes: 16 << 10, message: 2 << 10, window: 4 << 10, ..StreamLimits::default() };
        let mut streams = Streams::new(limits);
        let mut now = 0;
        for (segment, later) in &segments {
            now += i64::from(*later);
            streams.handle_time(at(now));
            streams.handle_segment(&segment.segment(), at(now));
            prop_assert!(streams.held_bytes() <= limits.bytes);
            prop_assert!(streams.next_deadline().is_none_or(|due| due > at(now - 1)));
            while let Some(message) = streams.poll_message() {
                prop_assert!(message.bytes.len() <= limits.message);
                prop_assert!(message.time <= at(now));
            }
        }
        streams.handle_time(at(now + 10_000_000));
        prop_assert_eq!((streams.connections(), streams.held_bytes(), streams.next_deadline()), (0, 0, None));
    }
}
