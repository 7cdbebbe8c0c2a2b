//! Copies of one voice: an exchange sends on what it receives, and the mirror shows both sides of it, or of a router. The
//! voice is heard once, from the copy that has most of it, and what that one lacks is taken from the others, packet by
//! packet. Equal payload tells a copy: sequence numbers, RTP times and SSRCs are the exchange's own.

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
};

use earwitness_model::Leg;

use crate::{
    codec::Format,
    timeline::{Run, RunPacket, scaled},
};

/// Packets that must be equal, all at one distance.
const LEAST_EQUAL: usize = 16;
/// Of ten packets that both could have, so many must be equal.
const TENTHS_EQUAL: usize = 8;
/// An exchange sends on what it received within this, ns.
const MOST_DELAY_NANOS: i64 = 1_000_000_000;

/// The runs, each voice once.
pub(crate) fn united(runs: Vec<(Leg, Run<'_>)>) -> Vec<(Leg, Run<'_>)> {
    let mut by_length: Vec<(usize, (Leg, Run<'_>))> = runs.into_iter().enumerate().collect();
    by_length.sort_by_key(|(place, (_, run))| (Reverse(run.packets.len()), *place));
    let mut united: Vec<(usize, (Leg, Run<'_>))> = Vec::with_capacity(by_length.len());
    for (place, (leg, run)) in by_length {
        let original = united.iter_mut().filter(|(_, (of, _))| *of == leg).find_map(|(_, (_, original))| {
            let distance = distance(original, &run)?;
            Some((original, distance))
        });
        match original {
            Some((original, distance)) => fill(original, run, distance),
            None => united.push((place, (leg, run))),
        }
    }
    united.sort_by_key(|(place, _)| *place);
    united.into_iter().map(|(_, run)| run).collect()
}

/// From a place in `copy` to the same place in `original`, in clock units; `None` when they are not of one voice.
fn distance(original: &Run<'_>, copy: &Run<'_>) -> Option<i64> {
    if original.clock != copy.clock || !overlap(original, copy) {
        return None;
    }
    let telling = || copy.packets.iter().filter(|packet| is_telling(packet.payload));
    let places = places(original);
    let mut votes: HashMap<i64, usize> = HashMap::new();
    for packet in telling() {
        if let Some(Some((place, format))) = places.get(packet.payload)
            && *format == packet.format
        {
            *votes.entry(place.saturating_sub(packet.position)).or_default() += 1;
        }
    }
    let (distance, equal) = votes.into_iter().max_by_key(|&(distance, votes)| (votes, distance))?;
    let late = copy.nanos_at(0).saturating_sub(original.nanos_at(distance)).saturating_abs();
    let there: HashSet<i64> = original.packets.iter().map(|packet| packet.position).collect();
    let both = telling().filter(|packet| there.contains(&packet.position.saturating_add(distance)));
    let is_same = equal >= LEAST_EQUAL && equal * 10 >= both.count() * TENTHS_EQUAL;
    (is_same && late <= MOST_DELAY_NANOS).then_some(distance)
}

/// Whether both were sent at some time.
fn overlap(one: &Run<'_>, other: &Run<'_>) -> bool {
    let ends = |run: &Run<'_>| run.packets.last().map_or(i64::MIN, |last| run.nanos_at(last.position));
    one.begins() <= ends(other).saturating_add(MOST_DELAY_NANOS)
        && other.begins() <= ends(one).saturating_add(MOST_DELAY_NANOS)
}

/// Where each payload is that tells something, and in which format; `None` where it is at several places.
fn places<'c>(run: &Run<'c>) -> HashMap<&'c [u8], Option<(i64, Format)>> {
    let mut places = HashMap::with_capacity(run.packets.len());
    for packet in run.packets.iter().filter(|packet| is_telling(packet.payload)) {
        let here = Some((packet.position, packet.format));
        places.entry(packet.payload).and_modify(|place| *place = None).or_insert(here);
    }
    places
}

/// Silence is everybody's: a payload of equal octets, or of two, tells nothing.
fn is_telling(payload: &[u8]) -> bool {
    let Some(first) = payload.first() else { return false };
    let other = payload.iter().find(|octet| *octet != first);
    other.is_some_and(|other| payload.iter().any(|octet| octet != first && octet != other))
}

/// Puts what only `copy` has into `original`, `distance` further on.
fn fill<'c>(original: &mut Run<'c>, copy: Run<'c>, distance: i64) {
    let moved = copy.packets.into_iter().map(|packet| {
        let position = packet.position.saturating_add(distance);
        RunPacket { position, ..packet }
    });
    let own: Vec<RunPacket<'c>> = std::mem::take(&mut original.packets);
    let mut taken: Vec<(i64, i64)> = own.iter().map(|packet| (packet.position, end(packet))).collect();
    taken.sort_unstable();
    let is_free = |packet: &RunPacket<'_>| {
        let at = taken.partition_point(|(start, _)| *start < end(packet));
        at.checked_sub(1).is_none_or(|before| taken[before].1 <= packet.position)
    };
    let missing: Vec<RunPacket<'c>> = moved.filter(is_free).collect();
    if missing.is_empty() {
        original.packets = own;
        return;
    }
    original.packets = own.into_iter().chain(missing).collect();
    original.packets.sort_by_key(|packet| packet.position);
    let mut before = i64::MAX;
    for packet in &mut original.packets {
        packet.after_loss &= before < packet.position;
        before = end(packet);
    }
}

/// Where the packet ends, in clock units.
fn end(packet: &RunPacket<'_>) -> i64 {
    let samples = packet.format.samples(packet.payload) as i64;
    packet.position.saturating_add(scaled(samples, packet.format.clock, packet.format.rate))
}
