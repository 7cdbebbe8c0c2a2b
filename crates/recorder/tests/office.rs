//! The demo office from frames to the vault and back.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test stops where it fails, and says what it left out"
)]

use std::path::Path;

use earwitness_capture::FileSource;
use earwitness_engine::Limits;
use earwitness_model::{Decision, Outcome, Refusal, WallTime};
use earwitness_recorder::{Finished, Input, Recorder};
use earwitness_rules::{EXAMPLE, RuleSet, SourceText};
use earwitness_testkit::{demo, pcap};
use earwitness_vault::{Access, CipherSuite, Entry, NewVault, Unlock, Vault};

fn example_rules() -> RuleSet {
    let files: Vec<_> = EXAMPLE.iter().map(|(name, text)| SourceText { name, text }).collect();
    RuleSet::load(&files).unwrap()
}

fn new_vault(dir: &Path) -> Vault {
    let new = NewVault {
        access: Access::Open,
        cipher: CipherSuite::Aes256Gcm,
        zone: chrono_tz::Asia::Seoul,
        passphrase: None,
        officer_key: None,
        now: now(),
    };
    earwitness_vault::create(dir, new).unwrap();
    Vault::open(dir).unwrap()
}

fn now() -> WallTime {
    WallTime::from_nanos(1_795_219_200_000_000_000)
}

fn record(vault: &Vault) -> Finished {
    let mut file = Vec::new();
    pcap::write_all(&mut file, demo::office()).unwrap();
    let source = FileSource::from_reader(Box::new(std::io::Cursor::new(file)), "office.pcap").unwrap();
    let recorder = Recorder { vault, rules: example_rules(), limits: Limits::default(), clock: now };
    recorder.run(vec![Input { name: "office.pcap".into(), source }], &mut |_| {}).unwrap()
}

fn entries(vault: &Vault) -> Vec<Entry> {
    vault.index().newest_last(None, None).map(Result::unwrap).collect()
}

#[test]
fn admitted_calls_are_sealed_listed_and_whole_and_refused_ones_are_listed_with_the_reason() {
    let home = tempfile::tempdir().unwrap();
    let vault = new_vault(&home.path().join("vault"));
    let finished = record(&vault);
    let entries = entries(&vault);
    assert_eq!(finished.calls, entries.len() as u64);
    let opener = vault.opener(Unlock::KeyFile(vault.default_officer_key())).unwrap();
    let mut refusals = Vec::new();
    for entry in &entries {
        match &entry.summary.verdict.decision {
            Decision::Admit(_) => {
                assert!(entry.recording.is_some(), "{:?}", entry.summary.outcome);
                assert_eq!(vault.verify(entry, Some(&opener)), []);
                let heard = entry.summary.streams.iter().any(|stream| stream.packets > 0);
                assert_eq!(heard, entry.summary.outcome == Outcome::Answered);
            }
            Decision::Refuse(refusal) => {
                assert!(entry.recording.is_none() && entry.summary.streams.is_empty());
                refusals.push(*refusal);
            }
        }
    }
    for refusal in [Refusal::Never, Refusal::InternalCall, Refusal::SelectiveNotStarted] {
        assert!(refusals.contains(&refusal), "{refusal:?} in {refusals:?}");
    }
    assert_eq!(vault.check_index(), []);
}

#[test]
fn the_same_frames_a_second_time_add_nothing() {
    let home = tempfile::tempdir().unwrap();
    let vault = new_vault(&home.path().join("vault"));
    let first = record(&vault);
    let listed = entries(&vault);
    let second = record(&vault);
    assert_eq!((second.calls, second.known, second.bytes), (0, first.calls, 0));
    assert_eq!(entries(&vault), listed);
}

/// A capture of which the rest is read when the gate is opened.
struct Gated {
    first: std::io::Cursor<Vec<u8>>,
    rest: std::io::Cursor<Vec<u8>>,
    gate: std::sync::Arc<std::sync::atomic::AtomicBool>,
}

impl std::io::Read for Gated {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.first.read(buffer)?;
        if read > 0 {
            return Ok(read);
        }
        while !self.gate.load(std::sync::atomic::Ordering::SeqCst) {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        self.rest.read(buffer)
    }
}

#[test]
fn midnight_closes_the_day_with_every_call_that_ended_in_it_and_the_others_belong_to_the_next() {
    use std::sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering::SeqCst},
    };

    use earwitness_testkit::load::Load;
    const MINUTE: i64 = 60_000_000_000;
    /// 2026-11-21 23:59 in Seoul.
    const LATE: i64 = 1_795_186_800_000_000_000 + (24 * 60 - 1) * MINUTE;

    let home = tempfile::tempdir().unwrap();
    let vault = new_vault(&home.path().join("vault"));
    let load = |calls, seed| Load { calls, seed, seconds: 1.0, start_spread_s: 1.0, ..Load::default() };
    let mut frames: Vec<_> = load(7, 1).frames().collect();
    // A frame of an hour later ends every call before it.
    let last = frames.last().unwrap().clone();
    frames.push(earwitness_testkit::Frame { time: last.time.plus_nanos(60 * MINUTE), ..last });
    let first = pcap::write_all(Vec::new(), frames.clone()).unwrap();
    let start = frames.last().unwrap().time.plus_nanos(MINUTE);
    frames.extend(Load { start, ..load(5, 2) }.frames());
    let all = pcap::write_all(Vec::new(), frames).unwrap();
    let (clock, gate) = (AtomicI64::new(LATE), Arc::new(AtomicBool::new(false)));
    let rest = std::io::Cursor::new(all[first.len()..].to_vec());
    let gated = Gated { first: std::io::Cursor::new(first), rest, gate: Arc::clone(&gate) };
    let source = FileSource::from_reader(Box::new(gated), "gated.pcap").unwrap();
    let now = || WallTime::from_nanos(clock.load(SeqCst));
    let recorder = Recorder { vault: &vault, rules: RuleSet::lab(), limits: Limits::default(), clock: &now };
    let finished = std::thread::scope(|scope| {
        let recording = scope
            .spawn(|| recorder.run(vec![Input { name: "gated.pcap".into(), source }], &mut |_| {}).unwrap());
        let wait = |what: &str, is_so: &dyn Fn() -> bool| {
            let begun = std::time::Instant::now();
            while !is_so() {
                assert!(begun.elapsed().as_secs() < 60, "{what}");
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
        };
        wait("seven calls are listed", &|| vault.index().len() >= 7);
        clock.fetch_add(2 * MINUTE, SeqCst);
        wait("the day is closed", &|| !vault.heads().unwrap().is_empty());
        gate.store(true, SeqCst);
        recording.join().unwrap()
    });
    assert_eq!(finished.calls, 12);
    let (today, tomorrow) = (vault.civil_day(WallTime::from_nanos(LATE)), vault.civil_day(now()));
    let [first, second] = [today, tomorrow].map(|day| vault.statement(day, now()).unwrap());
    assert_eq!((first.counts.seen, first.counts.recorded), (7, 7), "{first:?}");
    assert_eq!((second.counts.seen, second.counts.recorded), (5, 5), "{second:?}");
    for statement in [&first, &second] {
        assert!(statement.counts.balances() && statement.agrees(), "{statement:?}");
        assert_eq!(statement.counts.counted, earwitness_vault::Counted::ByRecorders);
    }
    let closed = first.closed.as_ref().unwrap();
    assert_eq!(closed.content.closing, earwitness_vault::Closing::InTime);
    assert_eq!(first.head.unwrap().day, today);
    assert_eq!(vault.check_heads(Vec::new()).unwrap().findings, []);
}
