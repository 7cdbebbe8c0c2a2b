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

    /// The calls of a listing that are not what was made: how many, and how many there should be.
    pub(in crate::cmd::bench) fn wrong(&self, calls: &[Value]) -> Option<(usize, usize)> {
        if self.made.is_empty() {
            return None;
        }
        let by_id: HashMap<&str, &Value> =
            calls.iter().filter_map(|call| Some((call["sip_call_ids"][0].as_str()?, call))).collect();
        let truths: Vec<_> = self.made.iter().map(|load| (load, load.truth().calls)).collect();
        let all = truths.iter().map(|(_, calls)| calls.len()).sum();
        let wrong = truths.iter().flat_map(|(load, truth)| {
            let by_id = &by_id;
            (0..).zip(truth).filter(move |(number, truth)| {
                by_id
                    .get(truth.sip_call_id.as_str())
                    .is_none_or(|call| !is_exact((load, *number, truth), call))
            })
        });
        Some((wrong.count(), all))
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
