//! How the capacity of a box is shown: a page for people, an object for programs.

use std::{fmt::Write, thread};

use serde_json::{Value, json};

use super::{
    Bound, Knee,
    as_fast::AsFast,
    is_kept,
    step::{Level, Setting},
};
use crate::view::count;

/// What is reported.
pub(super) struct Report<'a> {
    pub(super) as_fast: &'a AsFast,
    /// By the number of calls.
    pub(super) levels: &'a [Level],
    pub(super) knee: Knee,
    pub(super) setting: &'a Setting,
}

/// What stands over the columns, and how wide they are.
const COLUMNS: [(&str, usize); 11] = [
    ("calls", 7),
    ("kept", 7),
    ("frames/s", 10),
    ("taken/s", 10),
    ("lost", 9),
    ("µs/frame", 9),
    ("cores", 6),
    ("lag p50", 8),
    ("p99 ms", 7),
    ("MB/s", 6),
    ("KiB/call", 9),
];

impl Report<'_> {
    /// For people.
    pub(super) fn page(&self) -> String {
        let mut page = String::new();
        // A String takes all text.
        self.write(&mut page).unwrap_or_default();
        page
    }

    fn write(&self, page: &mut String) -> std::fmt::Result {
        let AsFast { calls, frames, .. } = self.as_fast;
        writeln!(
            page,
            "As fast as it can, from a file of {calls} calls ({frames} frames): {:.2} µs of processor time a frame, all threads; \
             {:.0} frames/s",
            self.as_fast.cpu_us(),
            self.as_fast.frames_per_second()
        )?;
        writeln!(page, "\nCalls at once (G.711, 20 ms, 100 frames/s each), {}:\n", self.way())?;
        let heading: String = COLUMNS.iter().map(|(name, width)| format!("{name:>width$}")).collect();
        writeln!(page, "{heading}")?;
        for level in self.levels {
            let cells = cells(level);
            let row: String =
                COLUMNS.iter().zip(cells).map(|((_, width), cell)| format!("{cell:>width$}")).collect();
            writeln!(page, "{row}")?;
        }
        writeln!(
            page,
            "\nlag: from the arrival of a segment's first packet until it is safe on the disk; KiB/call: resident memory, with the \
             audio in flight; the sender takes {:.2} µs a frame more",
            self.levels.last().map_or(0.0, |level| level.sender_cpu_us)
        )?;
        writeln!(page, "\n{}", self.sentence())
    }

    /// How the frames came to the recorder.
    pub(super) fn way(&self) -> String {
        let Setting { send, receive, buffer, threads, .. } = self.setting;
        let threads = if *threads > 1 { format!(", {threads} capture threads") } else { String::new() };
        match (send, receive) {
            (Some(send), Some(receive)) => {
                format!(
                    "sent on {send}, recorded on {receive}, ring of {buffer} MiB{threads}; the sender is on the same box, and between two ends \
                     of a pair the kernel hands frames over in its time"
                )
            }
            _ => format!(
                "from a ring of {buffer} MiB in memory{threads}: what the kernel's capture costs is not in it; the sender is on the same box"
            ),
        }
    }

    /// What it comes to.
    pub(super) fn sentence(&self) -> String {
        let Knee { kept, lost, bound } = self.knee;
        let kept = match kept {
            Some(kept) => format!("This box keeps {} calls at once whole", count(kept.into())),
            None => "This box kept none of these numbers of calls whole".to_owned(),
        };
        let why = match (lost, bound) {
            (Some(lost), _) => {
                let level = self.levels.iter().find(|level| level.calls == lost);
                format!(
                    "; of {} {}",
                    count(lost.into()),
                    level.map_or_else(|| "not".to_owned(), what_went_wrong)
                )
            }
            (None, Bound::Time) => "; more were not tried: the time was over".to_owned(),
            (None, Bound::Memory) => "; more have no room in memory".to_owned(),
            (None, Bound::Asked | Bound::Knee) => "; more were not tried".to_owned(),
        };
        let also = if bound == Bound::Time && lost.is_some() && self.knee.kept.is_some() {
            " (between them nothing was tried: the time was over)"
        } else {
            ""
        };
        format!("{kept}{why}{also}.")
    }

    /// For programs. `schema` 1.
    pub(super) fn object(&self) -> Value {
        let levels: Vec<Value> = self
            .levels
            .iter()
            .map(|level| {
                let mut object = json!(level);
                object["kept"] = is_kept(level).into();
                object["kib_per_call"] = level.kib_per_call().into();
                object
            })
            .collect();
        let wire = self.setting.send.is_some();
        json!({
            "schema": 1,
            "processors": thread::available_parallelism().map_or(1, std::num::NonZero::get),
            "feed": if wire { "interfaces" } else { "memory" },
            "kernel_capture_included": wire,
            "setting": self.setting,
            "from_file": {
                "calls": self.as_fast.calls,
                "frames": self.as_fast.frames,
                "cpu_us_per_frame": self.as_fast.cpu_us(),
                "frames_per_second": self.as_fast.frames_per_second(),
                "runs": self.as_fast.costs,
            },
            "levels": levels,
            "calls_kept": self.knee.kept,
            "calls_lost_from": self.knee.lost,
            "bound_by": match self.knee.bound {
                Bound::Knee => "knee",
                Bound::Time => "time",
                Bound::Memory => "memory",
                Bound::Asked => "asked",
            },
        })
    }
}

/// Why a number of calls is not kept.
fn what_went_wrong(level: &Level) -> String {
    let lost = lost_percent(level);
    let late = level.lag_p99_ms.unwrap_or(0.0);
    if level.dropped + level.missing > 0 || level.calls_whole < level.calls {
        let gapped = match level.calls - level.calls_whole {
            all if all == level.calls => "all".to_owned(),
            some => count(some.into()),
        };
        format!("{gapped} have gaps: {lost:.2} % of the packets were lost")
    } else if level.late_ms >= super::LATE_MS / 10.0 {
        format!(
            "the frames could not be sent in time ({:.0} ms late): the sender needs a processor, too",
            level.late_ms
        )
    } else if late >= super::LATE_MS {
        format!("one frame of 100 was on the disk after {:.1} s or more", late / 1e3)
    } else {
        format!(
            "the recorder fell behind: {:.0} % of the ring were in use at the end",
            level.fill_end * 100.0
        )
    }
}

fn lost_percent(level: &Level) -> f64 {
    level.missing.max(level.dropped) as f64 * 100.0 / level.frames.max(1) as f64
}

fn cells(level: &Level) -> [String; COLUMNS.len()] {
    let ms = |ms: Option<f64>| ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.0}"));
    [
        level.calls.to_string(),
        if is_kept(level) { "all".to_owned() } else { level.calls_whole.to_string() },
        format!("{:.0}", level.frames_per_second),
        format!("{:.0}", level.taken_per_second),
        if level.missing.max(level.dropped) == 0 {
            "0".to_owned()
        } else {
            format!("{:.3} %", lost_percent(level))
        },
        format!("{:.2}", level.cpu_us),
        format!("{:.2}", level.processors),
        ms(level.lag_p50_ms),
        ms(level.lag_p99_ms),
        format!("{:.1}", level.disk_bytes_per_second / 1e6),
        format!("{:.1}", level.kib_per_call()),
    ]
}
