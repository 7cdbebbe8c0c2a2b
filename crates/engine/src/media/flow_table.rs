//! From a packet's addresses and SSRC to its track: one look-up per packet, on a packed key.

use std::net::SocketAddr;

use earwitness_model::Flow;
use earwitness_wire::Glance;
use foldhash::fast::RandomState;
use hashbrown::HashMap;

/// IPv6 addresses, ports and SSRC side by side.
type WideKey = [u64; 5];

/// Tracks by (source, destination, SSRC). IPv4 keys are one 128-bit word; the hash seed is random, because whoever sends
/// packets chooses the keys.
#[derive(Debug, Default)]
pub(crate) struct FlowTable {
    v4: HashMap<u128, u32, RandomState>,
    v6: HashMap<WideKey, u32, RandomState>,
}

impl FlowTable {
    /// The slot stored under the key.
    #[inline]
    pub(crate) fn get(&self, flow: &Flow, ssrc: u32) -> Option<u32> {
        match narrow(flow, ssrc) {
            Some(key) => self.v4.get(&key).copied(),
            None => self.v6.get(&wide(flow, ssrc)).copied(),
        }
    }

    /// The slot that a packet over IPv4 leads to which looks like this.
    #[inline]
    pub(super) fn at_a_glance(&self, Glance { addresses, ports, ssrc }: Glance) -> Option<u32> {
        let key = u128::from(addresses) << 64 | u128::from(ports) << 32 | u128::from(ssrc);
        self.v4.get(&key).copied()
    }

    /// Stores `slot`; what stood there before is replaced.
    pub(crate) fn insert(&mut self, flow: &Flow, ssrc: u32, slot: u32) {
        match narrow(flow, ssrc) {
            Some(key) => self.v4.insert(key, slot),
            None => self.v6.insert(wide(flow, ssrc), slot),
        };
    }

    /// Forgets the key if it still leads to `slot`.
    pub(crate) fn remove(&mut self, flow: &Flow, ssrc: u32, slot: u32) {
        if self.get(flow, ssrc) == Some(slot) {
            match narrow(flow, ssrc) {
                Some(key) => self.v4.remove(&key),
                None => self.v6.remove(&wide(flow, ssrc)),
            };
        }
    }
}

#[inline]
fn narrow(flow: &Flow, ssrc: u32) -> Option<u128> {
    let (SocketAddr::V4(src), SocketAddr::V4(dst)) = (flow.src, flow.dst) else { return None };
    Some(
        u128::from(src.ip().to_bits()) << 96
            | u128::from(dst.ip().to_bits()) << 64
            | u128::from(src.port()) << 48
            | u128::from(dst.port()) << 32
            | u128::from(ssrc),
    )
}

fn wide(flow: &Flow, ssrc: u32) -> WideKey {
    let address = |end: &SocketAddr| match end {
        SocketAddr::V4(v4) => v4.ip().to_ipv6_mapped().to_bits(),
        SocketAddr::V6(v6) => v6.ip().to_bits(),
    };
    let (src, dst) = (address(&flow.src), address(&flow.dst));
    let ports = u64::from(flow.src.port()) << 48 | u64::from(flow.dst.port()) << 32 | u64::from(ssrc);
    [(src >> 64) as u64, src as u64, (dst >> 64) as u64, dst as u64, ports]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(src: &str, dst: &str) -> Flow {
        Flow { src: src.parse().unwrap(), dst: dst.parse().unwrap() }
    }

    #[test]
    fn every_part_of_the_key_counts() {
        let keys = [
            (flow("10.0.0.1:4000", "10.0.0.2:5000"), 7),
            (flow("10.0.0.1:4000", "10.0.0.2:5000"), 8),
            (flow("10.0.0.2:5000", "10.0.0.1:4000"), 7),
            (flow("10.0.0.1:4001", "10.0.0.2:5000"), 7),
            (flow("10.0.0.3:4000", "10.0.0.2:5000"), 7),
            (flow("[2001:db8::1]:4000", "[2001:db8::2]:5000"), 7),
            (flow("[2001:db8::1]:4000", "[2001:db8::2]:5000"), 8),
            (flow("[2001:db8:0:1::1]:4000", "[2001:db8::2]:5000"), 7),
        ];
        let mut table = FlowTable::default();
        for (slot, (flow, ssrc)) in keys.iter().enumerate() {
            table.insert(flow, *ssrc, slot as u32);
        }
        for (slot, (flow, ssrc)) in keys.iter().enumerate() {
            assert_eq!(table.get(flow, *ssrc), Some(slot as u32));
        }
        let glance = |ssrc| Glance { addresses: 0x0a00_0001_0a00_0002, ports: 0x0fa0_1388, ssrc };
        assert_eq!([7, 8, 9].map(|ssrc| table.at_a_glance(glance(ssrc))), [Some(0), Some(1), None]);
    }

    #[test]
    fn a_key_taken_over_by_another_track_is_not_removed_by_the_first() {
        let mut table = FlowTable::default();
        let flow = flow("10.0.0.1:1", "10.0.0.2:2");
        table.insert(&flow, 0, 1);
        table.insert(&flow, 0, 2);
        table.remove(&flow, 0, 1);
        assert_eq!(table.get(&flow, 0), Some(2));
        table.remove(&flow, 0, 2);
        assert_eq!(table.get(&flow, 0), None);
    }
}
