//! When a call is silent that several shards listen to: each hears its own part of it.

use std::collections::HashMap;

use earwitness_model::PacketTime;

use crate::order::CallSlot;

/// What a shard said last of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    /// That it hears it, or nothing.
    Nothing,
    /// That it hears nothing since a time, or never did.
    Silent(Option<PacketTime>),
}

/// Calls that some shards do not hear any more.
#[derive(Debug, Default)]
pub(super) struct Silences(HashMap<CallSlot, Vec<Said>>);

/// What is known of a call once no shard hears it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Silence {
    /// When any shard heard it last.
    pub(super) last: Option<PacketTime>,
}

impl Silences {
    /// One of `shards` hears nothing of `call` since `last`. When that is true of all, what all of them said.
    pub(super) fn handle_silent(
        &mut self,
        call: CallSlot,
        (shard, shards): (u16, u16),
        last: Option<PacketTime>,
    ) -> Option<Silence> {
        let said = self.0.entry(call).or_insert_with(|| vec![Said::Nothing; usize::from(shards)]);
        *said.get_mut(usize::from(shard))? = Said::Silent(last);
        let mut all = None;
        for said in said.iter() {
            match *said {
                Said::Nothing => return None,
                Said::Silent(last) => all = last.max(all),
            }
        }
        self.0.remove(&call);
        Some(Silence { last: all })
    }

    /// A shard hears the call again.
    pub(super) fn handle_heard(&mut self, call: CallSlot, shard: u16) {
        if let Some(said) = self.0.get_mut(&call).and_then(|said| said.get_mut(usize::from(shard))) {
            *said = Said::Nothing;
        }
    }

    /// What was said of the call does not count any more.
    pub(super) fn forget(&mut self, call: CallSlot) {
        self.0.remove(&call);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: CallSlot = CallSlot(7);

    #[test]
    fn a_call_is_silent_when_no_shard_hears_it_and_since_the_last_of_them_did() {
        let at = |nanos| Some(PacketTime::from_nanos(nanos));
        let mut silences = Silences::default();
        assert_eq!(silences.handle_silent(CALL, (0, 3), at(5)), None);
        assert_eq!(silences.handle_silent(CALL, (2, 3), None), None);
        silences.handle_heard(CALL, 0);
        assert_eq!(silences.handle_silent(CALL, (1, 3), at(3)), None, "the first hears it again");
        assert_eq!(silences.handle_silent(CALL, (0, 3), at(9)), Some(Silence { last: at(9) }));
        assert_eq!(silences.handle_silent(CALL, (0, 1), None), Some(Silence { last: None }));
    }

    #[test]
    fn what_was_said_before_a_change_does_not_count() {
        let mut silences = Silences::default();
        assert_eq!(silences.handle_silent(CALL, (0, 2), None), None);
        silences.forget(CALL);
        assert_eq!(silences.handle_silent(CALL, (1, 2), None), None);
    }
}
