//! What a vault has of a crowd, against what was sent.

use std::collections::HashMap;

use earwitness_load::Crowd;
use earwitness_model::Leg;
use earwitness_vault::{Entry, IndexError, Vault};

use crate::view::blake3_of;

/// What there is of the calls that were sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Kept {
    /// Calls with every packet of both parties, byte for byte.
    pub(super) whole: u32,
    /// Packets that were sent and are in no recording.
    pub(super) missing: u64,
    /// Legs that say to be whole, and are not what was sent: that must never be.
    pub(super) inexact: u32,
}

/// Looks at every call.
///
/// # Errors
/// When the index cannot be read.
pub(super) fn kept(vault: &Vault, crowd: &Crowd, calls: u32) -> Result<Kept, IndexError> {
    let mut by_id: HashMap<String, Vec<Entry>> = HashMap::new();
    for entry in vault.index().newest_last(None, None) {
        let entry = entry?;
        let ids = entry.summary.sip_call_ids.first().map(|id| id.expose().clone());
        if let Some(id) = ids {
            by_id.entry(id).or_default().push(entry);
        }
    }
    let mut kept = Kept::default();
    for call in 0..calls {
        let entries = by_id.get(&crowd.sip_call_id(call)).map_or(&[][..], Vec::as_slice);
        let mut is_whole = true;
        for leg in [Leg::Caller, Leg::Callee] {
            is_whole &= kept.leg((crowd, call, leg), entries);
        }
        kept.whole += u32::from(is_whole);
    }
    Ok(kept)
}

impl Kept {
    /// Whether a leg is whole.
    fn leg(&mut self, (crowd, call, leg): (&Crowd, u32, Leg), entries: &[Entry]) -> bool {
        let (sent, ssrc) = (u64::from(crowd.sent(call, leg)), crowd.ssrc(call, leg));
        let mut packets = 0;
        let mut is_exact = false;
        for entry in entries {
            let Some(recording) = &entry.recording else { continue };
            for stream in entry.summary.streams.iter().filter(|stream| stream.of.ssrc == ssrc) {
                packets += stream.packets;
                if let Some(hash) = blake3_of(stream, recording).filter(|_| stream.packets == sent) {
                    let mut hasher = blake3::Hasher::new();
                    for payload in crowd.payloads(call, leg) {
                        hasher.update(payload);
                    }
                    is_exact |= *hasher.finalize().as_bytes() == hash;
                }
            }
        }
        self.missing += sent.saturating_sub(packets);
        self.inexact += u32::from(packets >= sent && sent > 0 && !is_exact);
        is_exact || sent == 0
    }
}
