//! TCP as somebody makes it who wants the recorder to fail: bounded, counted, and no real message harmed.

mod wires;

use std::net::SocketAddr;

use earwitness_model::Flow;
use earwitness_wire::{
    TcpFlags, TcpSegment,
    stream::{StreamLimits, StreamLoss},
};
use wires::{ENDS, RST, SYN, Wire, at, lost, message};

const NONE: TcpFlags = TcpFlags { syn: false, fin: false, rst: false };

/// A segment of the `n`th stranger.
fn stranger(n: u32, flags: TcpFlags, payload: &[u8]) -> TcpSegment<'_> {
    let host = 0x0b00_0000 + n / 60_000;
    let src = SocketAddr::new(std::net::Ipv4Addr::from(host).into(), (1024 + n % 60_000) as u16);
    let flow = Flow { src, dst: ENDS.dst };
    TcpSegment { flow, sequence: n, acknowledged: None, flags, payload, cut: 0, hop_limit: 64, tunnel: None }
}

/// A connection that brought a message, and half of the next.
fn half_a_message() -> (Wire, String) {
    let next = message("INVITE", "real", 300);
    let mut wire = Wire::open(ENDS);
    wire.send(0, message("OPTIONS", "before", 0).as_bytes(), at(0));
    wire.send(0, &next.as_bytes()[..200], at(0));
    assert_eq!(wire.read().len(), 1);
    (wire, next)
}

/// The other half comes, and is read.
fn the_rest_is_read((mut wire, next): (Wire, String)) -> Wire {
    wire.send(0, &next.as_bytes()[200..], at(1));
    let told: Vec<_> = wire.read().into_iter().filter(|message| message.flow == ENDS).collect();
    assert_eq!(told.len(), 1);
    assert_eq!(&*told[0].bytes, next.as_bytes());
    wire
}

#[test]
fn a_hundred_thousand_connections_of_one_segment_harm_no_connection_that_speaks() {
    let limits = StreamLimits::default();
    for (flags, payload) in [(NONE, &b"INVITE sip:x SIP/2.0\r\nX: "[..]), (SYN, b"")] {
        let (mut wire, next) = half_a_message();
        for n in 0..250_000 {
            wire.streams.handle_segment(&stranger(n, flags, payload), at(0));
            assert!(wire.streams.held_bytes() <= limits.bytes);
        }
        let wire = the_rest_is_read((wire, next));
        assert!(wire.streams.losses().of(StreamLoss::Evicted) > 10_000);
    }
}

#[test]
fn forged_ends_and_beginnings_of_a_connection_cost_no_message() {
    for flags in [RST, SYN, TcpFlags { fin: true, ..NONE }] {
        let (mut wire, next) = half_a_message();
        let expected = wire.next(0);
        for n in 1..50_000_u32 {
            let sequence = n.wrapping_mul(0x9e37_79b1);
            if sequence != expected {
                wire.segment(0, (sequence, None, flags), (b"", 0), at(0));
                wire.segment(1, (sequence, None, flags), (b"", 0), at(0));
            }
        }
        the_rest_is_read((wire, next));
    }
}

#[test]
fn a_window_full_of_scattered_bytes_is_bounded_and_counted() {
    let limits = StreamLimits::default();
    let (mut wire, next) = half_a_message();
    let here = wire.next(0);
    for n in 1..100_000_u32 {
        wire.put(0, here.wrapping_add(5000 + 2 * n), b"?", at(0));
    }
    assert!(wire.streams.losses().of(StreamLoss::Outside) > 90_000);
    assert!(wire.streams.held_bytes() < limits.window);
    wire.acknowledge(1, at(0));
    the_rest_is_read((wire, next));
}

#[test]
fn a_head_without_end_is_given_up_and_the_next_message_read() {
    let mut wire = Wire::open(ENDS);
    wire.send(0, b"INVITE sip:x SIP/2.0\r\n", at(0));
    for _ in 0..2_000 {
        wire.send(0, &b"X-Line: which is followed by another\r\n".repeat(30), at(0));
        assert!(wire.streams.held_bytes() < 300_000);
    }
    let real = message("BYE", "real", 0);
    wire.send(0, b"\r\n", at(0));
    wire.send(0, real.as_bytes(), at(0));
    assert_eq!(wire.read().len(), 1);
    assert_eq!(lost(&wire.streams), [(StreamLoss::TooLong, 1)]);
}

#[test]
fn a_start_line_without_end_is_given_up_and_the_next_message_read() {
    for start in ["SIP/2.0 200 ", "INVITE sip:"] {
        let mut wire = Wire::open(ENDS);
        wire.send(0, message("OPTIONS", "before", 0).as_bytes(), at(0));
        wire.send(0, start.as_bytes(), at(0));
        for _ in 0..8 {
            wire.send(0, &[b'a'; 1_000], at(0));
        }
        wire.send(0, b"\r\n\r\n", at(0));
        let real = message("BYE", "real", 0);
        wire.send(0, real.as_bytes(), at(0));
        assert_eq!(wire.read().len(), 2, "{start}");
        assert_eq!(lost(&wire.streams), [(StreamLoss::NotSip, 1)], "{start}");
        assert!(wire.streams.held_bytes() < 10_000);
    }
}

#[test]
fn bytes_that_were_cut_off_and_came_before_in_another_segment_leave_nothing_waiting() {
    let mut wire = Wire::open(ENDS);
    let begins = wire.next(0);
    wire.put(0, begins.wrapping_add(600), &[b'x'; 100], at(0));
    wire.send_cut(0, message("INVITE", "cut", 700).as_bytes(), 500, at(1));
    let real = message("BYE", "real", 0);
    wire.send(0, real.as_bytes(), at(2));
    assert_eq!(&*wire.read().last().unwrap().bytes, real.as_bytes());
    assert!(wire.streams.held_bytes() < 10_000);
}

#[test]
fn a_length_of_four_gigabytes_holds_nothing_and_the_next_message_is_read() {
    for length in ["4294967295", "300000", "18446744073709551615", "-1"] {
        let mut wire = Wire::open(ENDS);
        let lie = message("INVITE", "lie", 0).replace("Length: 0", &format!("Length: {length}"));
        wire.send(0, lie.as_bytes(), at(0));
        let real = message("BYE", "real", 0);
        wire.send(0, real.as_bytes(), at(0));
        let told = wire.read();
        assert_eq!(&*told.last().unwrap().bytes, real.as_bytes(), "{length}");
        assert!(wire.streams.held_bytes() < 10_000);
        let causes: Vec<_> = lost(&wire.streams).into_iter().map(|(loss, _)| loss).collect();
        let expected = if told.len() == 1 { StreamLoss::TooLong } else { StreamLoss::BadLength };
        assert_eq!(causes, [expected], "{length}");
    }
}

#[test]
fn far_away_segments_that_begin_messages_do_not_take_the_place_of_one_that_is_read() {
    let (mut wire, next) = half_a_message();
    for n in 1..1_000_u32 {
        let far = wire.next(0).wrapping_add(n << 21);
        wire.put(0, far, b"INVITE sip:x SIP/2.0\r\nX: never ending", at(0));
        assert!(wire.streams.held_bytes() < 5_000);
    }
    let wire = the_rest_is_read((wire, next));
    assert_eq!(
        wire.streams.losses().of(StreamLoss::PartialMessage),
        996,
        "three are read beside the real one"
    );
}

#[test]
fn a_trickle_of_single_bytes_is_read_in_time_that_grows_with_it_and_no_faster() {
    let big = message("INVITE", "a", 200_000);
    let mut wire = Wire::open(ENDS);
    for byte in big.as_bytes().chunks(1) {
        wire.send(0, byte, at(0));
    }
    assert_eq!(wire.read().len(), 1);
    for byte in b"no line, no message, nothing".iter().cycle().take(200_000) {
        wire.send(0, &[*byte], at(0));
    }
    assert!(wire.streams.held_bytes() < 20_000);
}
