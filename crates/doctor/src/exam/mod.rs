//! One file for each examination: what it looks at, the bounded state it needs, and what it finds in the end.

pub(crate) mod clock;
pub(crate) mod copies;
pub(crate) mod cut;
pub(crate) mod disk;
pub(crate) mod encrypted;
pub(crate) mod extensions;
pub(crate) mod fragments;
pub(crate) mod loss;
pub(crate) mod media;
pub(crate) mod others;
pub(crate) mod ports;
pub(crate) mod presence;
pub(crate) mod ring;
pub(crate) mod signalling;
pub(crate) mod super_frames;
pub(crate) mod tags;
pub(crate) mod tunnels;

use earwitness_model::PacketTime;
use earwitness_wire::Tags;

/// Where and when something was seen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sight {
    /// The capture's time.
    pub(crate) time: PacketTime,
    /// The frame's number.
    pub(crate) number: u64,
    /// Its VLAN tags.
    pub(crate) tags: Tags,
}

/// `VLAN 100`, `VLAN 200.7` for two tags, `no VLAN`.
pub(crate) fn vlan(tags: &Tags) -> String {
    let ids: Vec<String> = tags.ids().iter().map(ToString::to_string).collect();
    if ids.is_empty() { "no VLAN".to_owned() } else { format!("VLAN {}", ids.join(".")) }
}
