//! What the shards heard of one call, put together.

use std::collections::HashMap;

use earwitness_model::{PacketTime, Track};

use crate::{
    limits::MAX_LISTED,
    order::{CallSlot, MediaSummary},
};

/// Released calls of which not every shard has told yet.
#[derive(Debug, Default)]
pub(super) struct Releases(HashMap<CallSlot, Vec<Option<MediaSummary>>>);

impl Releases {
    /// One of `shards` told what it heard of `call`. When all have, what that comes to.
    pub(super) fn handle_released(
        &mut self,
        call: CallSlot,
        (shard, shards): (u16, u16),
        media: MediaSummary,
    ) -> Option<MediaSummary> {
        let parts = self.0.entry(call).or_default();
        parts.resize_with(usize::from(shards), || None);
        *parts.get_mut(usize::from(shard))? = Some(media);
        if parts.iter().any(Option::is_none) {
            return None;
        }
        let parts = self.0.remove(&call)?;
        Some(merged(parts.into_iter().flatten().collect()))
    }
}

/// Calls that were looked at, of which not every shard has told yet.
#[derive(Debug, Default)]
pub(super) struct Looked(HashMap<CallSlot, (u16, [Option<PacketTime>; 2])>);

impl Looked {
    /// One of `shards` told when it heard each party last. When all have, when any of them did.
    pub(super) fn handle_looked(
        &mut self,
        call: CallSlot,
        shards: u16,
        heard: [Option<PacketTime>; 2],
    ) -> Option<[Option<PacketTime>; 2]> {
        let (told, latest) = self.0.entry(call).or_default();
        *told += 1;
        for (latest, heard) in latest.iter_mut().zip(heard) {
            *latest = heard.max(*latest);
        }
        (*told == shards).then(|| self.0.remove(&call).map(|(_, latest)| latest)).flatten()
    }

    /// What was told of the call does not count any more.
    pub(super) fn forget(&mut self, call: CallSlot) {
        self.0.remove(&call);
    }
}

/// One summary of what each shard told, in the order of shards. Gaps are not cut to what is listed.
fn merged(parts: Vec<MediaSummary>) -> MediaSummary {
    let mut all = MediaSummary::default();
    let mut tables = Vec::with_capacity(parts.len());
    for part in parts {
        tables.push(part.tracks);
        all.streams.extend(part.streams);
        all.presses.extend(part.presses);
        all.gaps.extend(part.gaps);
        all.trails.extend(part.trails);
        all.far_ends.join(part.far_ends);
        all.flags.extend(part.flags);
        all.heard = all.heard.or(part.heard);
        all.opened = all.opened.or(part.opened);
        all.last = all.last.max(part.last);
    }
    all.tracks = table(&tables);
    all.streams.sort_by_key(|stream| (stream.first, stream.track));
    all.presses.sort_by_key(|press| press.key.at);
    all.presses.truncate(MAX_LISTED);
    all.gaps.sort_by_key(|gap| (gap.at, gap.leg));
    all.flags.sort_unstable();
    all.flags.dedup();
    all
}

/// The call's table of tracks: the shards take turns in it. Where one has no more, another track stands for it, of which
/// there are no packets under that number.
fn table(tables: &[Vec<Track>]) -> Vec<Track> {
    let Some(&any) = tables.iter().flatten().next() else { return Vec::new() };
    let longest = tables.iter().map(Vec::len).max().unwrap_or(0);
    let places = (0..longest).flat_map(|local| tables.iter().map(move |table| table.get(local).copied()));
    let mut all: Vec<Option<Track>> = places.collect();
    let used = all.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
    all.truncate(used);
    all.into_iter().map(|track| track.unwrap_or(any)).collect()
}

#[cfg(test)]
mod tests {
    use earwitness_model::{Flow, Leg};

    use super::*;

    fn track(ssrc: u32) -> Track {
        let end = "10.0.0.1:4000".parse().unwrap();
        Track { leg: Leg::Caller, flow: Flow { src: end, dst: end }, ssrc }
    }

    #[test]
    fn each_track_stands_in_the_table_where_its_packets_say() {
        let tables = [vec![], vec![track(1), track(4)], vec![track(2)]];
        let ssrcs: Vec<u32> = table(&tables).iter().map(|track| track.ssrc).collect();
        assert_eq!(ssrcs, [1, 1, 2, 1, 4]);
        assert_eq!(table(&[vec![], vec![]]), []);
    }

    #[test]
    fn a_call_is_whole_when_every_shard_told() {
        let mut releases = Releases::default();
        let part = |heard| MediaSummary { heard, ..MediaSummary::default() };
        let (caller, callee) =
            (Heard::Parties { caller: true, callee: false }, Heard::Parties { caller: false, callee: true });
        assert!(releases.handle_released(CallSlot(1), (1, 2), part(caller)).is_none());
        assert!(releases.handle_released(CallSlot(2), (0, 2), part(caller)).is_none());
        let whole = releases.handle_released(CallSlot(1), (0, 2), part(callee)).unwrap();
        assert_eq!(whole.heard, Heard::Parties { caller: true, callee: true });
    }

    #[test]
    fn a_call_was_heard_when_any_shard_did_and_all_told() {
        let at = |nanos| Some(PacketTime::from_nanos(nanos));
        let mut looked = Looked::default();
        assert_eq!(looked.handle_looked(CallSlot(1), 2, [at(5), None]), None);
        assert_eq!(looked.handle_looked(CallSlot(1), 2, [at(3), at(4)]), Some([at(5), at(4)]));
        assert_eq!(looked.handle_looked(CallSlot(1), 2, [None, None]), None);
        looked.forget(CallSlot(1));
        assert_eq!(looked.handle_looked(CallSlot(1), 1, [None, None]), Some([None, None]));
    }

    use crate::order::Heard;
}
