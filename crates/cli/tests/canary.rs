//! What was said is looked for after the calls, of a recorded one and of a refused one: in the vault's directory and beside it, and
//! in the memory of the recorder that heard them.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test stops where it fails, and says what it left out"
)]

mod support;

use std::{
    collections::{BTreeSet, HashMap},
    fs::{self, File},
    os::unix::fs::FileExt,
    thread,
    time::{Duration, Instant},
};

use earwitness_testkit::{Frame, script};
use support::{Bench, files, wire::Wire};

/// A run of payload, by which it is known.
type Run = [u8; 16];

/// One call that is recorded and one that the rules refuse, of noise that comes again nowhere; early media of both, which is
/// dropped; and a marker in their signalling.
const CALLS: &str = r#"
at 0.000 10.1.0.5:5060 > 10.1.0.9:5060 INVITE kept from=01012345678 to=4001 sdp=10.1.0.5:4000/PCMA header="X-Canary: kept-signalling-5bd1e995"
at 0.100 10.1.0.9:5060 > 10.1.0.5:5060 183 kept sdp=10.1.0.9:4002/PCMA
rtp kept callee from=0.200 to=0.900 ssrc=0x1 noise-seed=1
at 1.000 10.1.0.9:5060 > 10.1.0.5:5060 200 kept sdp=10.1.0.9:4002/PCMA
at 1.020 10.1.0.5:5060 > 10.1.0.9:5060 ACK kept
rtp kept caller from=1.040 to=4.000 ssrc=0x2 noise-seed=2
rtp kept callee from=1.040 to=4.000 ssrc=0x1 noise-seed=3
at 0.010 10.1.0.5:5060 > 10.1.0.9:5060 INVITE refused from=01077778888 to=4900 sdp=10.1.0.5:4010/PCMA header="X-Canary: refused-signalling-1b873593"
at 0.200 10.1.0.9:5060 > 10.1.0.5:5060 183 refused sdp=10.1.0.9:4012/PCMA
rtp refused callee from=0.250 to=0.950 ssrc=0x3 noise-seed=4
at 1.000 10.1.0.9:5060 > 10.1.0.5:5060 200 refused sdp=10.1.0.9:4012/PCMA
at 1.020 10.1.0.5:5060 > 10.1.0.9:5060 ACK refused
rtp refused caller from=1.040 to=4.000 ssrc=0x4 noise-seed=5
rtp refused callee from=1.040 to=4.000 ssrc=0x3 noise-seed=6
at 4.000 10.1.0.5:5060 > 10.1.0.9:5060 BYE kept
at 4.005 10.1.0.9:5060 > 10.1.0.5:5060 200 kept
at 4.010 10.1.0.5:5060 > 10.1.0.9:5060 BYE refused
at 4.015 10.1.0.9:5060 > 10.1.0.5:5060 200 refused
"#;

/// RTP over IPv4 and Ethernet without tags.
const RTP_FRAME: usize = 14 + 20 + 8 + 12 + 160;

/// What the signalling of both calls has, and as what it is told of: no stream has these SSRCs.
const MARKS: [(u32, &str); 2] =
    [(0x5167_0001, "kept-signalling-5bd1e995"), (0x5167_0002, "refused-signalling-1b873593")];

/// What is looked for: runs of the payload of every RTP frame, and whose it is, by its SSRC; and the ends of the marks.
struct Canaries {
    runs: HashMap<Run, u32>,
    /// A bit for the first three bytes of each: hundreds of MiB are looked through.
    begins: Vec<u64>,
}

impl Canaries {
    fn of(frames: &[Frame]) -> Self {
        let media = frames.iter().filter(|frame| frame.bytes.len() == RTP_FRAME);
        let marks = MARKS.map(|(which, mark)| (*mark.as_bytes().last_chunk().unwrap(), which));
        let runs: HashMap<Run, u32> = media
            .flat_map(|frame| {
                let ssrc = u32::from_be_bytes(frame.bytes[50..54].try_into().unwrap());
                [60, 100, 190].map(|at| (Run::try_from(&frame.bytes[at..at + 16]).unwrap(), ssrc))
            })
            .chain(marks)
            .collect();
        let mut begins = vec![0; 1 << 18];
        for run in runs.keys() {
            let begin = usize::from(run[0]) | usize::from(run[1]) << 8 | usize::from(run[2]) << 16;
            begins[begin >> 6] |= 1_u64 << (begin & 63);
        }
        Self { runs, begins }
    }

    /// Whose of them are in some bytes.
    fn found_in(&self, bytes: &[u8]) -> Vec<u32> {
        let mut found = Vec::new();
        let mut begin = 0_usize;
        for (at, byte) in bytes.iter().enumerate() {
            begin = begin >> 8 | usize::from(*byte) << 16;
            if self.begins[begin >> 6] & (1 << (begin & 63)) != 0
                && at >= 2
                && let Some(run) = bytes.get(at - 2..at + 14)
                && let Some(ssrc) = self.runs.get(run)
            {
                found.push(*ssrc);
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// Frames of no telephone, until the kernel's ring has turned over.
fn others(last: &Frame) -> Vec<Frame> {
    let filler = |n: u32| {
        let mut bytes = vec![0; 1_000];
        bytes[..12].copy_from_slice(&[2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 8]);
        // A local experimental protocol (IEEE 802, 9.2.3).
        bytes[12..14].copy_from_slice(&[0x88, 0xb5]);
        bytes[14..18].copy_from_slice(&n.to_be_bytes());
        Frame { time: last.time.plus_nanos(200_000_000 + i64::from(n) * 200_000), bytes }
    };
    (0..12_000).map(filler).collect()
}

const PAGE: u64 = 4096;

/// What of the recorder's memory can be read: each mapping's name and its bytes.
fn each_mapping(pid: u32, mut each: impl FnMut(&str, &[u8])) {
    let memory = File::open(format!("/proc/{pid}/mem")).unwrap();
    for line in fs::read_to_string(format!("/proc/{pid}/maps")).unwrap().lines() {
        let mut words = line.split_whitespace();
        let (range, rights) = (words.next().unwrap(), words.next().unwrap());
        let name = words.nth(3).unwrap_or("anonymous");
        if !rights.starts_with('r') || name == "[vvar]" || name == "[vvar_vclock]" {
            continue;
        }
        let (from, to) = range.split_once('-').unwrap();
        let [mut at, to] = [from, to].map(|end| u64::from_str_radix(end, 16).unwrap());
        let mut piece = vec![0; 1 << 20];
        while at < to {
            let wanted = piece.len().min(usize::try_from(to - at).unwrap());
            // A page that is the device's own is not there to be read; what is behind it is.
            let read = memory.read_at(&mut piece[..wanted], at).unwrap_or(0);
            if read == 0 {
                at = (at / PAGE + 1) * PAGE;
                continue;
            }
            each(name, &piece[..read]);
            // What lies across two pieces is seen in the next.
            at += if read > 16 && at + (read as u64) < to { read as u64 - 16 } else { read as u64 };
        }
    }
}

/// What of the canaries is in the recorder's memory, and in which mapping.
fn heard(pid: u32, canaries: &Canaries) -> BTreeSet<(u32, String)> {
    let (mut heard, mut bytes_read) = (BTreeSet::new(), 0_u64);
    each_mapping(pid, |name, bytes| {
        bytes_read += bytes.len() as u64;
        heard.extend(canaries.found_in(bytes).into_iter().map(|which| (which, name.to_owned())));
    });
    assert!(bytes_read > 10 << 20, "its memory can be read: {bytes_read}");
    println!("{} MiB of memory, {} runs looked for: {heard:x?}", bytes_read >> 20, canaries.runs.len());
    heard
}

#[test]
fn nothing_of_a_call_is_in_the_recorders_memory_or_on_the_disk_when_it_is_over() {
    let Some(wire) = Wire::new() else { return };
    let bench = Bench::new();
    bench.done(["init", "--access", "open"]);
    let frames = script::parse(CALLS).unwrap().frames();
    let canaries = Canaries::of(&frames);
    assert!(canaries.runs.len() > 1_500, "{}", canaries.runs.len());
    let in_frames: BTreeSet<u32> = frames.iter().flat_map(|frame| canaries.found_in(&frame.bytes)).collect();
    assert!(MARKS.iter().all(|(mark, _)| in_frames.contains(mark)), "what is looked for was sent");
    let filler = others(frames.last().unwrap());
    let recorder = wire.record(&bench, &["-B", "2", "--memory", "64"]);
    let pid = recorder.pid();
    // While the calls run, whoever looks there finds them.
    let live = thread::scope(|scope| {
        let looking = scope.spawn(|| {
            thread::sleep(Duration::from_millis(2_500));
            heard(pid, &canaries)
        });
        wire.send(frames);
        looking.join().unwrap()
    });
    let is_heard = |which: u32| live.iter().any(|(heard, _)| *heard == which);
    assert!(is_heard(1) && is_heard(2), "{live:x?}");
    let listed = || bench.run(["list", "--all", "--json"]).out;
    support::until("both calls are listed", || listed().lines().count() == 2);
    let told = listed();
    let is_refused = |line: &str| line.contains("refused@") && line.contains("\"recorded\":false");
    assert!(told.lines().any(is_refused), "{told}");
    wire.send(filler);

    let begun = Instant::now();
    loop {
        let left = heard(pid, &canaries);
        if left.is_empty() {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(40), "in the recorder's memory: {left:x?}");
        thread::sleep(Duration::from_secs(2));
    }
    for path in files(bench.home.path()).into_iter().filter(|path| path.is_file()) {
        let bytes = fs::read(&path).unwrap();
        assert_eq!(canaries.found_in(&bytes), Vec::<u32>::new(), "{}", path.display());
    }
    assert_eq!(recorder.stop().code, Some(0));
    // It was heard: what is sealed opens, and is the noise that was sent.
    bench.done(["export", "--ext", "4001", "-o", "out/", "--format", "payload"]);
    let heard: Vec<u32> = files(&bench.path("out"))
        .iter()
        .flat_map(|path| canaries.found_in(&fs::read(path).unwrap()))
        .collect();
    assert!(heard.contains(&1) && heard.contains(&2), "{heard:?}");
}
