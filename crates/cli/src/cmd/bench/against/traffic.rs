//! What both builds are given: captures of a site, or made-up calls with what real mirrors do to them.

use std::{
    collections::HashMap,
    fs::File,
    io::BufWriter,
    path::{Path, PathBuf},
};

use earwitness_load::{
    CallTruth, Load, MORNING,
    calls::SipCarrier,
    pcap::{PcapWriter, Precision},
};
use earwitness_model::{Codec, LinkType};
use serde_json::Value;

use crate::exit::Failure;

/// What is replayed.
pub(in crate::cmd::bench) struct Traffic {
    /// Capture files, in the order of the command line.
    pub(in crate::cmd::bench) files: Vec<PathBuf>,
    /// What made it up, if it is made up.
    pub(in crate::cmd::bench) made: Vec<Load>,
}

/// How much is made up.
#[derive(Debug, Clone, Copy)]
pub(in crate::cmd::bench) struct Amount {
    pub(in crate::cmd::bench) calls: u32,
    pub(in crate::cmd::bench) seconds: u32,
    pub(in crate::cmd::bench) seed: u64,
}

/// Between two kinds of calls the capture is silent so long.
const PAUSE_NANOS: i64 = 5_000_000_000;

impl Traffic {
    /// Writes made-up calls to `path`: an ordinary mirror, one that shows every frame twice and is tagged, SIP over TCP,
    /// and signalling alone, one after the other.
    pub(in crate::cmd::bench) fn make(path: PathBuf, amount: Amount) -> Result<Self, Failure> {
        Self::write(path, loads(amount))
    }

    /// Writes these calls to `path`, one load after the other.
    pub(in crate::cmd::bench) fn write(path: PathBuf, made: Vec<Load>) -> Result<Self, Failure> {
        let file = BufWriter::with_capacity(1 << 20, File::create(&path)?);
        let mut writer = PcapWriter::new(file, LinkType::Ethernet, Precision::Nano)?;
        for load in &made {
            let mut frames = load.frames();
            while let Some(frame) = frames.advance() {
                writer.write(frame.time, &frame.bytes)?;
            }
        }
        writer.finish()?;
        Ok(Self { files: vec![path], made })
    }

    /// A site's own.
    pub(in crate::cmd::bench) fn of(files: &[PathBuf]) -> Self {
        Self { files: files.to_vec(), made: Vec::new() }
    }

    /// Frames, where they are known before they are read.
    pub(in crate::cmd::bench) fn frames(&self) -> Option<u64> {
        (!self.made.is_empty()).then(|| self.made.iter().map(|load| load.truth().frames).sum())
    }

    /// The calls of a listing that are not what was made, those that were never made among them: how many, and how many there
    /// should be.
    pub(in crate::cmd::bench) fn wrong(&self, calls: &[Value]) -> Option<(usize, usize)> {
        if self.made.is_empty() {
            return None;
        }
        let truths: Vec<_> = self.made.iter().map(|load| (load, load.truth().calls)).collect();
        let mut by_id: HashMap<Option<&str>, Vec<&Value>> = HashMap::new();
        for call in calls {
            by_id.entry(call["sip_call_ids"][0].as_str()).or_default().push(call);
        }
        let (mut wrong, mut all) = (0, 0);
        for (load, calls) in &truths {
            for (number, truth) in (0..).zip(calls) {
                let listed = by_id.remove(&Some(truth.sip_call_id.as_str())).unwrap_or_default();
                let is_right = matches!(listed[..], [call] if is_exact((load, number, truth), call));
                wrong += usize::from(!is_right);
                all += 1;
            }
        }
        let never_made: usize = by_id.values().map(Vec::len).sum();
        Some((wrong + never_made, all))
    }
}

/// Whether a call is listed as it was made, byte for byte.
fn is_exact((load, number, truth): (&Load, u32, &CallTruth), call: &Value) -> bool {
    let streams = call["streams"].as_array().map_or(&[][..], Vec::as_slice);
    streams.len() == truth.directions.len()
        && truth.directions.iter().all(|direction| {
            let ssrc = format!("0x{:08x}", direction.ssrc);
            let hash = blake3::hash(&load.leg_payload(number, direction.leg)).to_hex();
            let counts = [
                ("packets", direction.packets),
                ("lost", direction.lost),
                ("duplicates", direction.duplicates),
                ("reordered", direction.reordered),
            ];
            streams.iter().any(|stream| {
                stream["ssrc"] == ssrc.as_str()
                    && stream["payload_blake3"] == hash.as_str()
                    && counts.iter().all(|(name, count)| stream[*name].as_u64() == Some(*count))
            })
        })
}

fn loads(Amount { calls, seconds, seed }: Amount) -> Vec<Load> {
    let common = Load { calls, seconds: f64::from(seconds), start_spread_s: 4.0, ..Load::default() };
    let part = |share: u32| (calls * share / 10).max(1);
    let kinds = [
        Load { calls: part(6), loss_percent: 0.5, reorder_percent: 0.5, jitter_ms: 5, ..common.clone() },
        Load {
            calls: part(2),
            duplicate: true,
            vlan: Some(42),
            loss_percent: 1.0,
            reorder_percent: 1.0,
            codec: Codec::Pcmu,
            ..common.clone()
        },
        Load { calls: part(2), carrier: SipCarrier::Tcp, ptime_ms: 30, jitter_ms: 10, ..common.clone() },
        Load { calls: calls.saturating_mul(2), rtp: false, seconds: 1.0, ..common },
    ];
    let mut start = MORNING;
    (1..)
        .zip(kinds)
        .map(|(number, kind)| {
            let load = Load { seed: seed.wrapping_mul(16).wrapping_add(number), start, ..kind };
            let lasts = (load.start_spread_s + load.ring_s + load.seconds) * 1e9;
            start = start.plus_nanos(lasts as i64 + PAUSE_NANOS);
            load
        })
        .collect()
}

/// What a file is called where it is shown.
pub(in crate::cmd::bench) fn shown(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// How a build lists a load that it recorded without a fault.
    fn listed(load: &Load) -> Vec<Value> {
        let stream = |number: u32, direction: &earwitness_load::DirectionTruth| {
            json!({
                "ssrc": format!("0x{:08x}", direction.ssrc),
                "payload_blake3": blake3::hash(&load.leg_payload(number, direction.leg)).to_hex().as_str(),
                "packets": direction.packets,
                "lost": direction.lost,
                "duplicates": direction.duplicates,
                "reordered": direction.reordered,
            })
        };
        let call = |(number, truth): (u32, &CallTruth)| {
            let streams: Vec<Value> =
                truth.directions.iter().map(|direction| stream(number, direction)).collect();
            json!({"sip_call_ids": [truth.sip_call_id], "streams": streams})
        };
        (0..).zip(&load.truth().calls).map(call).collect()
    }

    #[test]
    fn a_call_less_a_call_twice_and_one_that_was_never_made_are_wrong() {
        let load = Load { calls: 3, seconds: 0.2, ..Load::default() };
        let whole = listed(&load);
        let traffic = Traffic { files: Vec::new(), made: vec![load] };
        assert_eq!(traffic.wrong(&whole), Some((0, 3)));
        assert_eq!(traffic.wrong(&whole[1..]), Some((1, 3)));
        let twice = [whole.clone(), vec![whole[0].clone()]].concat();
        assert_eq!(traffic.wrong(&twice), Some((1, 3)));
        for stranger in [json!({"sip_call_ids": ["nobody's"], "streams": []}), json!({"streams": []})] {
            let more = [whole.clone(), vec![stranger]].concat();
            assert_eq!(traffic.wrong(&more), Some((1, 3)));
        }
        let mut other = whole;
        other[2]["streams"][0]["payload_blake3"] = "00".into();
        assert_eq!(traffic.wrong(&other), Some((1, 3)));
    }
}
