//! A datagram with any ports and payload, in any wraps, with some bytes changed, through `decode`.
//!
//! Laws: what comes out lies within the frame, in no more layers than are followed; a wrap that nobody touched gives what is
//! given without it.
#![no_main]

use earwitness_model::{LinkType, PacketTime, RawFrame};
use earwitness_testkit::{
    datagram::{Datagram, flow},
    wrap::Wrap,
};
use earwitness_wire::{Carried, Tunnel, decode, hep};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((&[wraps, changes, p0, p1], rest)) = bytes.split_first_chunk::<4>() else { return };
    let Some((wraps, rest)) = rest.split_at_checked(usize::from(wraps % 12)) else { return };
    let Some((changes, payload)) = rest.split_at_checked(usize::from(changes % 8) * 3) else { return };
    let ends: [std::net::SocketAddr; 2] =
        [([10, 1, 0, 5], 5060).into(), ([10, 1, 0, 9], u16::from_be_bytes([p0, p1])).into()];
    let bare = Datagram::new(flow(ends[0], ends[1]), payload).frame();
    let mut wrapped = bare.clone();
    for wrap in wraps {
        let wrap = Wrap::ALL[usize::from(*wrap) % Wrap::ALL.len()];
        let outer = wrap.frame(&wrapped);
        // An outer length of 16 bits says no more.
        if outer.len() > 60_000 {
            return;
        }
        wrapped = outer;
    }
    // A collector's packet told of by an agent is opened once.
    let is_hep = |wrap: &&u8| Wrap::ALL[usize::from(**wrap) % Wrap::ALL.len()] == Wrap::Hep;
    let is_hep_twice = wraps.iter().filter(is_hep).count() + usize::from(ends[1].port() == 9060) > 1;
    if changes.is_empty()
        && !is_hep_twice
        && let (Ok(Carried::Udp(bare)), Ok(carried)) = (decode(&frame(&bare)), decode(&frame(&wrapped)))
    {
        let Carried::Udp(found) = carried else { panic!("{wraps:?}: {carried:?}") };
        // Backbone tags, padding and check values change nothing of what is inside.
        assert!((found.flow, found.payload) == (bare.flow, bare.payload), "{wraps:?}");
    }
    for change in changes.chunks_exact(3) {
        let place = usize::from(u16::from_be_bytes([change[0], change[1]])) % wrapped.len();
        wrapped[place] = change[2];
    }
    let frame = frame(&wrapped);
    for cut in [0, 1, payload.len() / 2, payload.len()] {
        laws(&RawFrame { bytes: &wrapped[..wrapped.len() - cut], ..frame });
    }
    if let Ok(packet) = hep::Packet::parse(payload) {
        assert_within(packet.payload, payload);
    }
});

fn frame(bytes: &[u8]) -> RawFrame<'_> {
    RawFrame {
        time: PacketTime::EPOCH,
        number: 1,
        link: LinkType::Ethernet,
        wire_len: bytes.len() as u32,
        bytes,
    }
}

fn laws(frame: &RawFrame<'_>) {
    let tunnel = match decode(frame) {
        Ok(Carried::Udp(datagram)) => {
            assert_within(datagram.payload, frame.bytes);
            datagram.tunnel
        }
        Ok(Carried::Fragment(fragment)) => {
            assert_within(fragment.bytes, frame.bytes);
            fragment.tunnel
        }
        Ok(_) => None,
        Err(error) => {
            assert!(error.offset as usize <= frame.bytes.len());
            None
        }
    };
    assert!(tunnel.is_none_or(|tunnel| (1..=Tunnel::MAX_LAYERS).contains(&tunnel.layers)));
}

fn assert_within(part: &[u8], whole: &[u8]) {
    let (part_range, whole) = (part.as_ptr_range(), whole.as_ptr_range());
    assert!(part.is_empty() || (whole.start <= part_range.start && part_range.end <= whole.end));
}
