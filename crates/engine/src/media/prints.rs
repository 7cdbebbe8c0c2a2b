//! What tells the audio of one source from all others: hashes of some of its first payloads. Which ones, the payload itself
//! says, so that the same audio in another call has the same prints wherever it was joined.

use std::hash::BuildHasher;

use earwitness_model::{MediaPackets, PacketTime, PayloadKind};
use foldhash::fast::FixedState;

use super::{Media, track::TrackState};
use crate::order::{CallSlot, Print, Report};

/// Prints taken of one track.
const MOST_PRINTS: u8 = 16;
/// One payload in so many is printed.
const ONE_IN: u64 = 8;
/// Octets that a payload must have different ones of: silence, comfort noise and plain tones are everybody's.
const LEAST_DIFFERENT: u32 = 12;

impl Media {
    /// Takes the prints of what a closed ring of a call holds, as long as there are not enough of its tracks.
    pub(super) fn take_prints(&mut self, call: CallSlot, (base, bytes): (PacketTime, &[u8])) {
        let Some(state) = self.calls.get(call.0 as usize).and_then(Option::as_ref) else { return };
        let tracks = |slot: &u32| self.tracks.get(*slot as usize).and_then(Option::as_ref);
        if !state.tracks.iter().filter_map(tracks).any(TrackState::wants_prints) {
            return;
        }
        for packet in MediaPackets::new(base, bytes).filter(|packet| packet.kind == PayloadKind::Audio) {
            let slot = state.track(packet.track);
            let track = slot.and_then(|slot| self.tracks.get_mut(slot as usize)).and_then(Option::as_mut);
            let Some(track) = track.filter(|track| track.wants_prints()) else { continue };
            let hash = FixedState::default().hash_one(packet.payload);
            if hash.is_multiple_of(ONE_IN) && is_telling(packet.payload) {
                track.prints += 1;
                let flow = track.flow();
                let print = Print { hash, at: packet.arrival, from: flow.src.ip(), to: flow.dst.ip() };
                self.asked.reports.push(Report::Printed { call, id: state.id, print });
            }
        }
    }
}

impl TrackState {
    /// Whether not enough prints were taken of it.
    const fn wants_prints(&self) -> bool {
        self.prints < MOST_PRINTS
    }
}

/// Whether a payload is one that chance does not make twice.
fn is_telling(payload: &[u8]) -> bool {
    let mut seen = [0u64; 4];
    for octet in payload {
        seen[usize::from(octet >> 6)] |= 1 << (octet & 63);
    }
    seen.iter().map(|bits| bits.count_ones()).sum::<u32>() >= LEAST_DIFFERENT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_and_plain_tones_tell_nothing() {
        assert!(!is_telling(&[0xd5; 160]) && !is_telling(&[]));
        let tone: Vec<u8> = (0..160).map(|n| [1, 2, 3, 4, 3, 2, 1, 9][n % 8]).collect();
        assert!(!is_telling(&tone));
        let voice: Vec<u8> = (0..160).map(|n| (n * 7 % 251) as u8).collect();
        assert!(is_telling(&voice));
    }
}
