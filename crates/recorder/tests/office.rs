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
