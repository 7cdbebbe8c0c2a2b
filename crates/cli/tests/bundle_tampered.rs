//! Bundles that somebody changed: whatever was done to them is noticed, and what it was is named.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in its helping functions too")]

mod support;

use std::{fs, path::PathBuf};

use earwitness_evidence::{
    Check, Container, Fault, Keys, Kind, Named, Report, Verdict, ZipFault, kind_of, public_key_in, unpack,
    verify,
};
use earwitness_testkit::{pcap, script};
use earwitness_vault::{LIST_SIGNED_AS, Vault};
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use rand::{Rng, SeedableRng, rngs::StdRng};
use sha2::{Digest, Sha256};
use support::Bench;

const TALKS: &str = "\
at 0.000 10.1.0.5:5060 > 10.1.0.9:5060 INVITE call-1 from=01098765432 to=4001 sdp=10.1.0.5:4000/PCMA
at 0.500 10.1.0.9:5060 > 10.1.0.5:5060 200 call-1 sdp=10.1.0.9:4002/PCMA
at 0.520 10.1.0.5:5060 > 10.1.0.9:5060 ACK call-1
rtp call-1 caller from=0.540 to=2.000 ssrc=0x11 speech-seed=1
rtp call-1 callee from=0.540 to=2.000 ssrc=0x22 speech-seed=2
at 2.000 10.1.0.5:5060 > 10.1.0.9:5060 BYE call-1
at 2.005 10.1.0.9:5060 > 10.1.0.5:5060 200 call-1
at 5.000 10.1.0.5:5060 > 10.1.0.9:5060 INVITE call-2 from=01011112222 to=4001 sdp=10.1.0.5:4000/PCMA
at 5.500 10.1.0.9:5060 > 10.1.0.5:5060 200 call-2 sdp=10.1.0.9:4002/PCMA
at 5.520 10.1.0.5:5060 > 10.1.0.9:5060 ACK call-2
rtp call-2 caller from=5.540 to=7.000 ssrc=0x33 speech-seed=3
rtp call-2 callee from=5.540 to=7.000 ssrc=0x44 speech-seed=4
at 7.000 10.1.0.5:5060 > 10.1.0.9:5060 BYE call-2
at 7.005 10.1.0.9:5060 > 10.1.0.5:5060 200 call-2
";

/// An office with two calls, and a copy of each.
struct Office {
    bench: Bench,
    key: VerifyingKey,
    zips: [Vec<u8>; 2],
}

impl Office {
    fn new() -> Self {
        let bench = Bench::new();
        let path = bench.path("calls.pcap");
        let file = std::io::BufWriter::new(fs::File::create(&path).unwrap());
        pcap::write_all(file, script::parse(TALKS).unwrap().frames()).unwrap();
        bench.done(["record".as_ref(), "-r".as_ref(), path.as_os_str()]);
        let ids: Vec<String> =
            bench.calls(&[]).iter().map(|call| call["id"].as_str().unwrap().to_owned()).collect();
        let zips = [0, 1].map(|place: usize| {
            let zip = format!("{place}.zip");
            let words =
                ["export", &ids[place], "-o", &zip, "--to", "kim", "--purpose", "a test", "--no-passphrase"];
            bench.done(words);
            fs::read(bench.path(&zip)).unwrap()
        });
        let public = fs::read(bench.vault().join("keys/recorder.pub")).unwrap();
        Self { key: public_key_in(&public).unwrap(), bench, zips }
    }

    fn files(&self, place: usize) -> Vec<Named> {
        unpack(&self.zips[place], &Keys::default()).unwrap().1
    }

    fn checked(&self, files: Vec<Named>) -> Report {
        verify(&(Container::Folder, files), Some(&self.key))
    }

    /// The files with a list of them as they are now, signed by the recorder: what only who has its key can do.
    fn signed_again(&self, files: Vec<Named>) -> Vec<Named> {
        let vault = Vault::open(&self.bench.vault()).unwrap();
        listed_again(files, |list| vault.sign_list(list).unwrap())
    }
}

/// The files with a new list, signed by `sign`.
fn listed_again(files: Vec<Named>, sign: impl Fn(&[u8]) -> [u8; 64]) -> Vec<Named> {
    let old = content(&files, "LIST.txt").to_vec();
    let old = String::from_utf8(old).unwrap();
    let head: Vec<&str> = old.lines().skip(1).take(3).collect();
    let mut kept: Vec<Named> = files
        .into_iter()
        .filter(|(name, _)| !["LIST.txt", "LIST.sig", "SHA256SUMS"].contains(&&**name))
        .collect();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let sha = |content: &[u8]| hex(&Sha256::digest(content));
    let sums: String = kept.iter().map(|(name, content)| format!("{}  {name}\n", sha(content))).collect();
    kept.push(("SHA256SUMS".to_owned(), sums.into_bytes()));
    let mut list = String::from_utf8(LIST_SIGNED_AS.to_vec()).unwrap();
    head.iter().for_each(|line| list.push_str(&format!("{line}\n")));
    for (name, content) in &kept {
        let blake3 = blake3::hash(content).to_hex();
        list.push_str(&format!("file {} {blake3} {} {name}\n", content.len(), sha(content)));
    }
    list.push_str(&format!("files {}\n", kept.len()));
    let signature = sign(list.as_bytes()).to_vec();
    kept.push(("LIST.txt".to_owned(), list.into_bytes()));
    kept.push(("LIST.sig".to_owned(), signature));
    kept
}

fn content<'f>(files: &'f [Named], name: &str) -> &'f [u8] {
    &files.iter().find(|(of, _)| of == name).unwrap().1
}

fn put(files: &mut [Named], name: &str, bytes: Vec<u8>) {
    files.iter_mut().find(|(of, _)| of == name).unwrap().1 = bytes;
}

fn verdict(report: &Report, check: Check) -> &Verdict {
    &report.lines.iter().find(|line| line.check == check).unwrap().verdict
}

/// One change of a file's bytes, by chance.
fn changed(whole: &[u8], chance: &mut StdRng) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    let at = chance.gen_range(0..bytes.len());
    let length = chance.gen_range(1..=64.min(bytes.len() - at));
    match chance.gen_range(0..8) {
        0 | 1 => bytes[at] ^= 1 << chance.gen_range(0..8),
        2 => bytes[at..at + length].fill_with(|| chance.r#gen()),
        3 => drop(bytes.drain(at..at + length)),
        4 => bytes.truncate(at),
        5 => {
            let more: Vec<u8> = bytes[at..at + length].to_vec();
            bytes.splice(at..at, more);
        }
        6 => {
            let other = chance.gen_range(0..=bytes.len() - length);
            let piece: Vec<u8> = bytes[other..other + length].to_vec();
            bytes[at..at + length].copy_from_slice(&piece);
        }
        _ => bytes.extend((0..length).map(|_| chance.r#gen::<u8>())),
    }
    bytes
}

#[test]
fn three_thousand_changes_of_a_zip_are_noticed_every_one() {
    let office = Office::new();
    let whole = &office.zips[0];
    assert!(verify(&unpack(whole, &Keys::default()).unwrap(), Some(&office.key)).is_whole());
    let mut chance = StdRng::seed_from_u64(17);
    let (mut tried, mut equal, mut in_the_zip, mut in_the_files) = (0, 0, 0, 0);
    while tried < 3_000 {
        let bytes = changed(whole, &mut chance);
        if bytes == *whole {
            equal += 1;
            continue;
        }
        tried += 1;
        match unpack(&bytes, &Keys::default()) {
            Err(_) => in_the_zip += 1,
            Ok(files) => {
                assert!(!verify(&files, Some(&office.key)).is_whole(), "a change was not noticed");
                in_the_files += 1;
            }
        }
    }
    println!(
        "3,000 changes: {in_the_zip} noticed in the zip, {in_the_files} in its files; {equal} changed nothing"
    );
    assert_eq!(in_the_zip + in_the_files, 3_000);
}

#[test]
fn changes_of_a_locked_zip_are_noticed_every_one() {
    let office = Office::new();
    fs::write(office.bench.path("passphrase"), "a long enough passphrase").unwrap();
    let id = office.bench.calls(&[])[0]["id"].as_str().unwrap().to_owned();
    let locked = ["--copy-passphrase-file", "passphrase", "--to", "kim", "--purpose", "a test"];
    office.bench.done(["export", &id, "-o", "locked.zip"].iter().chain(&locked));
    let whole = fs::read(office.bench.path("locked.zip")).unwrap();
    assert_eq!(kind_of(&whole), Some(Kind::LockedZip));
    let keys = || Keys { passphrase: Some("a long enough passphrase".into()), ..Keys::default() };
    assert!(verify(&unpack(&whole, &keys()).unwrap(), Some(&office.key)).is_whole());
    let mut chance = StdRng::seed_from_u64(18);
    for _ in 0..200 {
        let bytes = changed(&whole, &mut chance);
        if bytes != whole {
            assert!(unpack(&bytes, &keys()).is_err());
        }
    }
}

#[test]
fn each_file_that_is_changed_dropped_added_or_another_copys_is_named() {
    let office = Office::new();
    let (files, others) = (office.files(0), office.files(1));
    assert!(office.checked(files.clone()).is_whole());
    let names: Vec<String> = files.iter().map(|(name, _)| name.clone()).collect();
    let mut tried = 0;
    for (at, name) in names.iter().enumerate() {
        let length = files[at].1.len();
        for byte in [0, length / 3, length / 2, length - 1] {
            let mut flipped = files.clone();
            flipped[at].1[byte] ^= 0x10;
            let report = office.checked(flipped);
            let is_named = report.faults().any(|fault| fault.to_string().contains(name.as_str()));
            // The list and its signature do not name themselves: their line does.
            let is_list = matches!(verdict(&report, Check::List), Verdict::Broken(_));
            assert!(!report.is_whole() && (is_named || is_list), "{name}, byte {byte}: {report}");
            tried += 1;
        }
        let mut fewer = files.clone();
        fewer.remove(at);
        let report = office.checked(fewer);
        assert!(report.faults().any(|fault| *fault == Fault::Missing(name.clone())), "{name}: {report}");
        let mut swapped = files.clone();
        swapped[at] = others.iter().find(|(of, _)| of == name).unwrap().clone();
        if swapped[at] != files[at] {
            assert!(!office.checked(swapped).is_whole(), "{name} of the other copy");
            tried += 1;
        }
    }
    let mut more = files.clone();
    more.push(("note.txt".to_owned(), b"listen from 0:13".to_vec()));
    let report = office.checked(more);
    assert_eq!(*verdict(&report, Check::Files), Verdict::Broken(Fault::Extra("note.txt".to_owned())));
    assert!(tried > 70, "{tried}");
}

#[test]
fn what_whoever_has_the_recorders_key_puts_together_is_still_not_this_call() {
    let office = Office::new();
    let (files, others) = (office.files(0), office.files(1));
    assert!(
        office.checked(office.signed_again(files.clone())).is_whole(),
        "the list is written as in the bundle"
    );
    let swap = |names: &[&str]| {
        let mut swapped = files.clone();
        names.iter().for_each(|name| put(&mut swapped, name, content(&others, name).to_vec()));
        office.checked(office.signed_again(swapped))
    };
    let broken = |report: &Report, check: Check| {
        let Verdict::Broken(fault) = verdict(report, check) else { panic!("{check:?} holds: {report}") };
        fault.clone()
    };
    assert_eq!(broken(&swap(&["audio.wav"]), Check::Audio), Fault::Wav);
    assert!(matches!(broken(&swap(&["call.pcapng"]), Check::Payload), Fault::Packets(_)));
    assert!(matches!(broken(&swap(&["audio.wav", "call.pcapng"]), Check::Payload), Fault::Packets(_)));
    assert_eq!(broken(&swap(&["sealed/blocks.bin"]), Check::Sealed), Fault::Block(0));
    assert_eq!(broken(&swap(&["manifest.bin"]), Check::Manifest), Fault::OtherRecording("manifest.bin"));
    assert_eq!(
        broken(&swap(&["ledger/proof.json", "ledger/checkpoint.txt"]), Check::Ledger),
        Fault::OtherProof,
        "a proof of another call"
    );
    assert_eq!(broken(&swap(&["recipient.json"]), Check::Recipient), Fault::Recipient);
    let mut head = files.clone();
    put(&mut head, "ledger/checkpoint.txt", b"earwitness/00\n".to_vec());
    assert_eq!(broken(&office.checked(office.signed_again(head)), Check::Ledger), Fault::Checkpoint);
    let mut silent = files.clone();
    let mut wav = content(&silent, "audio.wav").to_vec();
    wav[20_000..20_400].fill(0);
    put(&mut silent, "audio.wav", wav);
    assert_eq!(
        broken(&office.checked(office.signed_again(silent)), Check::Audio),
        Fault::Wav,
        "a silenced word"
    );
}

#[test]
fn what_the_list_alone_would_not_tell_is_told_by_the_sealed_blocks() {
    let office = Office::new();
    let files = office.files(0);
    let opened = |change: &dyn Fn(&mut Vec<u8>), name: &str| {
        let mut changed = files.clone();
        let mut bytes = content(&changed, name).to_vec();
        change(&mut bytes);
        assert_ne!(bytes, content(&files, name));
        put(&mut changed, name, bytes);
        let report = office.checked(office.signed_again(changed));
        let holds = |check| !matches!(verdict(&report, check), Verdict::Broken(_));
        assert!(holds(Check::List) && holds(Check::Files) && holds(Check::Payload), "{report}");
        verdict(&report, Check::Opened).clone()
    };
    let invited = |bytes: &mut Vec<u8>| {
        let at = bytes.windows(7).position(|window| window == b"INVITE ").unwrap();
        bytes[at + 7..at + 10].copy_from_slice(b"tel");
    };
    assert_eq!(opened(&invited, "call.pcapng"), Verdict::Broken(Fault::NotAsSealed), "who was called");
    // The first enhanced packet block (type 6): 4 bytes type, 4 length, 4 interface, 4 and 4 of time.
    let later = |bytes: &mut Vec<u8>| {
        let at = bytes.windows(4).position(|window| window == 6_u32.to_le_bytes()).unwrap();
        bytes[at + 16] ^= 1;
    };
    assert_eq!(opened(&later, "call.pcapng"), Verdict::Broken(Fault::NotAsSealed), "a nanosecond");
    let other_key = |bytes: &mut Vec<u8>| bytes[0] = if bytes[0] == b'0' { b'1' } else { b'0' };
    assert_eq!(opened(&other_key, "sealed/key.txt"), Verdict::Broken(Fault::SealedKey));
}

#[test]
fn another_key_is_another_office() {
    let office = Office::new();
    let forger = SigningKey::from_bytes(&[7; 32]);
    let forged = listed_again(office.files(0), |list| forger.sign(list).to_bytes());
    let report = office.checked(forged);
    assert_eq!(*verdict(&report, Check::List), Verdict::Broken(Fault::ListSignature));
    // A whole office of the forger's: consistent, and not this one's.
    let other = Office::new();
    let report = office.checked(other.files(0));
    assert_eq!(*verdict(&report, Check::Key), Verdict::Broken(Fault::ForeignKey));
    assert!(verify(&(Container::Folder, other.files(0)), None).is_whole());
    // Its key under the forger's files does not help.
    let mut mixed = other.files(0);
    for name in ["recorder.pub", "recorder.pem"] {
        put(&mut mixed, name, content(&office.files(0), name).to_vec());
    }
    let report = office.checked(mixed);
    for check in [Check::List, Check::Manifest, Check::Ledger] {
        assert!(matches!(verdict(&report, check), Verdict::Broken(_)), "{report}");
    }
}

#[test]
fn bombs_links_and_paths_do_not_leave_the_zip() {
    let home = Bench::new();
    let zip = |name: &str, arguments: &[&str], script: &str| -> Option<Vec<u8>> {
        let path: PathBuf = home.path(name);
        let output = std::process::Command::new("python3")
            .args(["-c", script])
            .arg(&path)
            .args(arguments)
            .current_dir(home.home.path())
            .output();
        output.is_ok_and(|output| output.status.success()).then(|| fs::read(path).unwrap())
    };
    let bomb = "import sys,zipfile\nz=zipfile.ZipFile(sys.argv[1],'w',zipfile.ZIP_DEFLATED)\nz.writestr('audio.wav',b'\\0'*100_000_000)\nz.close()";
    let path = "import sys,zipfile\nz=zipfile.ZipFile(sys.argv[1],'w')\nz.writestr('../../etc/passwd','x')\nz.close()";
    let Some(bomb) = zip("bomb.zip", &[], bomb) else {
        println!("left out: python3 is not installed");
        return;
    };
    assert!(bomb.len() < 200_000);
    assert!(matches!(unpack(&bomb, &Keys::default()), Err(fault) if !fault.is_closed()));
    let path = zip("path.zip", &[], path).unwrap();
    assert!(unpack(&path, &Keys::default()).is_err());
    assert_eq!(unpack(b"PK\x03\x04", &Keys::default()).unwrap_err(), ZipFault::Cut { at: 4 }.into());
    assert!(unpack(b"", &Keys::default()).is_err());
    let said = home.run(["verify", "bomb.zip"]);
    assert!(said.code == Some(5) && said.err.contains("not as it was made"), "{said:?}");
}
