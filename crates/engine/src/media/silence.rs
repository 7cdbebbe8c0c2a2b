//! Calls that fell silent.

use std::collections::VecDeque;

use earwitness_model::{Leg, PacketTime};

use super::{Media, call::MediaCall, track::TrackState};
use crate::{
    order::{CallSlot, Report},
    timer::Timer,
};

impl Media {
    pub(super) fn look_at_silence(
        &mut self,
        call: CallSlot,
        birth: u32,
        due: PacketTime,
        reports: &mut VecDeque<Report>,
    ) {
        let meant = |state: &&MediaCall| state.birth == birth && state.silence_due == Some(due);
        let Some(state) = self.call(call).filter(meant) else { return };
        let last = self.last_packet(state);
        let patience = match (state.held, last) {
            (true, _) => Timer::Held,
            // Another shard may have heard it.
            (false, None) if self.place.is_none() => Timer::Unseen,
            (false, None | Some(_)) => state.silence,
        };
        let Some(since) = last.max(state.answered) else { return };
        let deadline = since.plus_nanos(patience.nanos());
        if deadline <= due {
            reports.push_back(Report::Silent { call, last, at: due });
            if self.place.is_some() {
                self.fall_asleep(call);
            }
        } else {
            self.watch_silence(call, deadline);
        }
    }

    /// The call's silence is looked at `at`, and not before.
    pub(super) fn watch_silence(&mut self, call: CallSlot, at: PacketTime) {
        let Some(state) = self.call_mut(call) else { return };
        state.silence_due = Some(at);
        let birth = state.birth;
        self.silences.add(at, (call, birth));
    }

    /// The next packet of the call is to be reported.
    fn fall_asleep(&mut self, call: CallSlot) {
        let Some(state) = self.call_mut(call) else { return };
        state.asleep = true;
        let fate = state.fate();
        self.decide(call, fate);
    }

    /// The last packet of a call.
    fn last_packet(&self, state: &MediaCall) -> Option<PacketTime> {
        self.tracks_of(state).map(|track| track.last).max()
    }

    /// The last packet of a party.
    pub(super) fn last_of(&self, call: CallSlot, leg: Leg) -> Option<PacketTime> {
        let tracks = self.tracks_of(self.call(call)?);
        tracks.filter(|track| track.leg() == leg).map(|track| track.last).max()
    }

    fn tracks_of(&self, state: &MediaCall) -> impl Iterator<Item = &TrackState> {
        state.tracks.iter().filter_map(|&slot| self.tracks.get(slot as usize)?.as_ref())
    }
}
