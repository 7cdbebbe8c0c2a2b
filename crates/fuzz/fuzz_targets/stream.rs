//! Segments of a few connections through [`Streams`].
//!
//! Laws: what is held stays within the budget, no message is longer than the bound or from after its segment, what is due is
//! done when its time has come, and everything is forgotten when time has passed.
#![no_main]

use earwitness_model::{Flow, PacketTime};
use earwitness_wire::{
    TcpFlags, TcpSegment,
    sip::Message,
    stream::{StreamLimits, Streams},
};

const MS: i64 = 1_000_000;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let limits =
        StreamLimits { bytes: 16 << 10, message: 1 << 10, window: 2 << 10, ..StreamLimits::default() };
    let mut streams = Streams::new(limits);
    let (mut now, mut next) = (0, [[0_u32; 2]; 4]);
    for (step, segment) in segments(bytes, &mut next) {
        now += step;
        let at = PacketTime::from_nanos(now);
        streams.handle_time(at);
        assert!(streams.next_deadline().is_none_or(|due| due > at));
        streams.handle_segment(&segment, at);
        assert!(streams.held_bytes() <= limits.bytes);
        while let Some(message) = streams.poll_message() {
            assert!(message.bytes.len() <= limits.message && message.time <= at);
            // Whatever was told begins with a start line.
            let read = Message::parse(&message.bytes);
            assert!(read.is_ok(), "{:?}: {}", read.err(), message.bytes.escape_ascii());
        }
    }
    streams.handle_time(PacketTime::from_nanos(now + 10_000_000 * MS));
    assert_eq!((streams.connections(), streams.held_bytes(), streams.next_deadline()), (0, 0, None));
});

/// Each segment is a byte of connection, direction and flags, one of time, one of place, one of length, and its bytes. It
/// follows upon the one before of its direction, less or more by its place.
fn segments<'b>(mut rest: &'b [u8], next: &mut [[u32; 2]; 4]) -> impl Iterator<Item = (i64, TcpSegment<'b>)> {
    std::iter::from_fn(move || {
        let (&[head, step, place, len], after) = rest.split_first_chunk::<4>()?;
        let (payload, after) = after.split_at(usize::from(len).min(after.len()));
        rest = after;
        let (connection, side) = (usize::from(head & 3), usize::from(head >> 2 & 1));
        let flags = TcpFlags { syn: head & 0x38 == 8, fin: head & 0x38 == 16, rst: head & 0x38 == 24 };
        let expected = next[connection][side];
        let offset = i32::from(place.cast_signed()) << if head & 0x40 == 0 { 0 } else { 6 };
        let sequence = expected.wrapping_add_signed(offset);
        let carried = payload.len() as u32 + u32::from(flags.syn);
        next[connection][side] = sequence.wrapping_add(carried);
        let flow =
            Flow { src: ([10, 0, 0, connection as u8], 40_000).into(), dst: ([10, 0, 1, 1], 5060).into() };
        let segment = TcpSegment {
            flow: if side == 0 { flow } else { flow.reversed() },
            sequence,
            acknowledged: (head & 0x80 != 0).then(|| next[connection][1 - side]),
            flags,
            payload,
            cut: u32::from(head & 0x38 == 32) * u32::from(step),
            hop_limit: 64,
            tunnel: None,
        };
        // Squared, so that a gap's two seconds are as near as an idle hour.
        Some((i64::from(step) * i64::from(step) * MS, segment))
    })
}
