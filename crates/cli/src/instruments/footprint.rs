//! How much memory the recorder has, and what of it the running calls take.

use std::{fs::File, os::unix::fs::FileExt};

use earwitness_recorder::{Health, RingHealth};
use serde::{Deserialize, Serialize};

/// What the system keeps count of. It is opened before the recorder closes all files but its own to itself.
pub(crate) struct Footprint {
    status: File,
    /// Before the first frame.
    begun_bytes: u64,
}

/// Where the system tells.
const STATUS: &str = "/proc/self/status";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct MemoryVitals {
    /// Of the whole process.
    pub(crate) resident_bytes: u64,
    /// What it was before the first frame.
    pub(crate) begun_bytes: u64,
    /// Audio on its way to the disk: rings that fill, and what the vault has not written yet.
    pub(crate) audio_bytes: u64,
    /// The rest, for each call that runs; null while none does. Buffers for audio that came back stay resident for the next
    /// calls: what the most of them ever took is not of the rest.
    pub(crate) per_call_bytes: Option<u64>,
    /// What of its address space stays out of swap; 0: the memory is not locked.
    #[serde(default)]
    pub(crate) locked_bytes: u64,
}

impl Footprint {
    /// `None` where the system does not tell.
    pub(crate) fn open() -> Option<Self> {
        let status = File::open(STATUS).ok()?;
        Some(Self { begun_bytes: resident(&status)?, status })
    }

    /// Nothing was recorded yet: what the process has from here on is of calls.
    pub(crate) fn begin(&mut self) {
        self.begun_bytes = resident(&self.status).unwrap_or(self.begun_bytes);
    }

    /// What it comes to beside `health`.
    pub(super) fn vitals(&self, health: &Health) -> Option<MemoryVitals> {
        let resident_bytes = resident(&self.status)?;
        let of_calls = MemoryVitals::new((self.begun_bytes, resident_bytes), &health.rings, health.calls);
        Some(MemoryVitals { locked_bytes: told(&self.status, "VmLck:").unwrap_or(0), ..of_calls })
    }
}

impl MemoryVitals {
    fn new((begun_bytes, resident_bytes): (u64, u64), rings: &RingHealth, calls: usize) -> Self {
        let [audio_bytes, buffer_bytes] = [rings.bytes, rings.high_water].map(|bytes| bytes as u64);
        let rest = resident_bytes.saturating_sub(begun_bytes).saturating_sub(buffer_bytes);
        let per_call_bytes = rest.checked_div(calls as u64);
        Self { resident_bytes, begun_bytes, audio_bytes, per_call_bytes, locked_bytes: 0 }
    }
}

/// How much memory this process has, in bytes; `None` where the system does not tell.
pub(crate) fn resident_bytes() -> Option<u64> {
    resident(&File::open(STATUS).ok()?)
}

/// The resident set, in bytes.
fn resident(status: &File) -> Option<u64> {
    told(status, "VmRSS:")
}

/// What the system tells under this name, in bytes.
fn told(status: &File, name: &str) -> Option<u64> {
    let mut text = [0; 4096];
    let length = status.read_at(&mut text, 0).ok()?;
    let text = str::from_utf8(text.get(..length)?).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_touched_is_resident_and_is_read_again_each_time() {
        let footprint = Footprint::open().expect("Linux tells");
        let before = resident(&footprint.status).expect("it has some");
        let touched = std::hint::black_box(vec![1_u8; 256 << 20]);
        let after = resident(&footprint.status).expect("it has more");
        // Tests beside this one give memory back meanwhile.
        assert!(after >= before + (128 << 20), "{before} and {after}");
        drop(touched);
    }

    #[test]
    fn calls_take_what_is_neither_audio_nor_there_before() {
        let rings = rings(10 << 20, 10 << 20);
        let memory = |calls| MemoryVitals::new((50 << 20, 100 << 20), &rings, calls).per_call_bytes;
        assert_eq!((memory(1000), memory(0)), (Some(41_943), None));
        assert_eq!(MemoryVitals::new((50, 40), &RingHealth::default(), 3).per_call_bytes, Some(0));
    }

    #[test]
    fn buffers_that_came_back_after_the_busiest_hour_are_of_no_call() {
        let at_its_peak = MemoryVitals::new((50 << 20, 100 << 20), &rings(40 << 20, 40 << 20), 1000);
        let after_it = MemoryVitals::new((50 << 20, 91 << 20), &rings(4 << 20, 40 << 20), 100);
        assert_eq!((at_its_peak.per_call_bytes, after_it.per_call_bytes), (Some(10_485), Some(10_485)));
        assert_eq!(after_it.audio_bytes, 4 << 20);
    }

    fn rings(bytes: usize, high_water: usize) -> RingHealth {
        RingHealth { bytes, budget: 1 << 30, high_water }
    }
}
