//! Sequence numbers for messages that came over TCP: those that were captured are not kept.

use std::collections::HashMap;

use earwitness_model::Flow;

use super::ethernet::Carrier;

/// How far each direction of each connection has come. Every direction begins at 1, as a reader shows numbers relative to
/// the beginning; nothing is missing between two messages, so that a reader puts them together.
#[derive(Default)]
pub(super) struct Connections {
    next: HashMap<Flow, u32>,
}

impl Connections {
    /// The place of the next `length` bytes along `flow`.
    pub(super) fn take(&mut self, flow: Flow, length: usize) -> Carrier {
        let acknowledged = self.next.get(&flow.reversed()).copied().unwrap_or(1);
        let next = self.next.entry(flow).or_insert(1);
        let sequence = *next;
        *next = next.wrapping_add(length as u32);
        Carrier::Tcp { sequence, acknowledged }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_direction_goes_on_where_it_was_and_acknowledges_the_other() {
        let flow = Flow { src: "10.0.0.5:40000".parse().unwrap(), dst: "10.0.0.9:5060".parse().unwrap() };
        let mut connections = Connections::default();
        let taken = [(flow, 500), (flow.reversed(), 300), (flow, 7), (flow, 1)]
            .map(|(flow, length)| connections.take(flow, length));
        let expected = [(1, 1), (1, 501), (501, 301), (508, 301)];
        let expected = expected.map(|(sequence, acknowledged)| Carrier::Tcp { sequence, acknowledged });
        assert_eq!(taken, expected);
    }
}
