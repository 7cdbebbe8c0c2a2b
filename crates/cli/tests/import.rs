//! Recordings of an earlier recorder, kept.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in its helping functions too")]

mod support;

use std::{fs, path::Path, process::Command};

use earwitness_vault::{LedgerNote, Vault};
use support::{Bench, files};

/// A WAV file of these samples.
fn wav(path: &Path, tag: u16, (channels, rate, bits): (u16, u32, u16), audio: &[u8]) {
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + audio.len() as u32).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0");
    bytes.extend(tag.to_le_bytes());
    bytes.extend(channels.to_le_bytes());
    bytes.extend(rate.to_le_bytes());
    bytes.extend((rate * u32::from(channels * bits / 8)).to_le_bytes());
    bytes.extend((channels * bits / 8).to_le_bytes());
    bytes.extend(bits.to_le_bytes());
    bytes.extend(b"data");
    bytes.extend((audio.len() as u32).to_le_bytes());
    bytes.extend(audio);
    fs::write(path, bytes).unwrap();
}

fn samples(count: usize, seed: u32) -> Vec<u8> {
    let mut bytes = vec![0; count * 2];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

/// The audio of a WAV file that `export` wrote.
fn audio(path: &Path) -> Vec<u8> {
    let bytes = fs::read(path).unwrap();
    let at = bytes.windows(4).position(|window| window == b"data").unwrap();
    bytes[at + 8..].to_vec()
}

/// A folder of an earlier recorder: three calls, and lines that are none.
fn old(bench: &Bench) -> Vec<u8> {
    let dir = bench.path("old");
    fs::create_dir_all(dir.join("2026")).unwrap();
    // 1.01 s: the last packet is half a packet.
    let stereo = samples(2 * 8_080, 1);
    wav(&dir.join("2026/a.wav"), 1, (2, 8_000, 16), &stereo);
    wav(&dir.join("2026/b.wav"), 6, (1, 8_000, 8), &samples(4_000, 2));
    wav(&dir.join("2026/c.wav"), 1, (1, 16_000, 16), &samples(16_000, 3));
    wav(&dir.join("fast.wav"), 1, (1, 44_100, 16), &samples(100, 4));
    let list = "파일명,통화일시,발신번호,수신번호,내선,부서,구분\r\n\
                2026\\a.wav,2026-10-05 09:10:11,01012345678,4001,4001,복지과,수신\r\n\
                2026\\b.wav,2026-10-05 09:20:00,4002,01087654321,4002,복지과,발신\r\n\
                2026\\c.wav,2026-10-05 09:30:00,,,,,\r\n\
                2026\\gone.wav,2026-10-05 09:40:00,,,,,\r\n\
                fast.wav,2026-10-05 09:50:00,,,,,\r\n\
                2026\\a.wav,2019-10-05 09:10:11,,,,,\r\n\
                2026\\a.wav,soon,,,,,\r\n\
                2026\\a.wav,2026-10-05 09:10:11,01012345678,4001,4001,복지과,수신\r\n";
    let (cp949, _, _) = encoding_rs::EUC_KR.encode(list);
    fs::write(dir.join("list.csv"), cp949).unwrap();
    stereo
}

#[test]
fn an_earlier_recorders_files_are_kept_sample_for_sample_and_say_that_nobody_saw_their_origin() {
    let bench = Bench::new();
    bench.done(["init", "--access", "open", "--zone", "Asia/Seoul"]);
    let stereo = old(&bench);
    let import = ["import", "old", "--class", "imported-3y", "--keep", "P3Y"];
    let dry = bench.run(import.iter().chain(&["--dry-run"]));
    assert_eq!(
        (dry.code, dry.out.as_str()),
        (Some(7), "3 recordings would be kept, 1 there already, 4 lines refused\n")
    );
    assert_eq!(bench.calls(&[]).len(), 0);
    let said = bench.run(import);
    assert_eq!(
        (said.code, said.out.as_str()),
        (Some(7), "3 recordings kept, 1 there already, 4 lines refused\n")
    );
    for line in ["line 5: ", "line 6: ", "line 7: ", "line 8: "] {
        assert!(said.err.contains(line), "{}", said.err);
    }
    assert!(!said.err.contains("0101234"), "no number: {}", said.err);
    // The same again is nothing new.
    assert!(bench.run(import).out.starts_with("0 recordings kept, 4 there already"));

    let calls = bench.calls(&["--sha256"]);
    assert_eq!(calls.len(), 3);
    assert!(calls.iter().all(|call| call["flags"] == serde_json::json!(["imported"])));
    let first = &calls[0];
    assert_eq!(
        (first["start"].as_str(), first["department"].as_str()),
        (Some("2026-10-05T09:10:11.000000+09:00"), Some("복지과"))
    );
    assert_eq!(
        (first["talk_s"].as_f64(), first["retention_until"].as_str()),
        (Some(1.01), Some("2029-10-05"))
    );
    let sum = Command::new("sha256sum").arg(bench.path("old/2026/a.wav")).output().unwrap();
    let sha256 = String::from_utf8(sum.stdout).unwrap()[..64].to_owned();
    assert!(first["sip_call_ids"][0].as_str().unwrap().contains(&sha256));

    bench.done(["verify", "--all", "--opened"]);
    bench.done(["index", "check"]);
    let id = |n: usize| calls[n]["id"].as_str().unwrap().to_owned();
    bench.done(["export", &id(0), "-o", "a.wav"]);
    assert!(audio(&bench.path("a.wav")) == stereo, "both channels, sample for sample");
    bench.done(["export", &id(1), "-o", "b/", "--format", "payload"]);
    assert!(fs::read(&files(&bench.path("b"))[0]).unwrap() == samples(4_000, 2), "A-law, byte for byte");
    bench.done(["export", &id(2), "-o", "c.wav"]);
    let left: Vec<u8> = audio(&bench.path("c.wav")).chunks(4).flat_map(|frame| frame[..2].to_vec()).collect();
    assert!(left == samples(16_000, 3), "16 kHz, on the left");
    let page = bench.done(["show", &id(0)]);
    assert!(page.contains("origin not observed"), "{page}");

    let vault = Vault::open(&bench.vault()).unwrap();
    let notes: Vec<_> = vault.ledger().rows().filter_map(|row| LedgerNote::of(&row.unwrap())).collect();
    let imported: Vec<_> = notes
        .iter()
        .filter_map(|note| if let LedgerNote::Imported(imported) = note { Some(imported) } else { None })
        .collect();
    assert_eq!(imported.len(), 1);
    assert_eq!((imported[0].recordings, imported[0].known, imported[0].refused), (3, 1, 4));
    assert_eq!(imported[0].class, "imported-3y");
}

#[test]
fn a_file_that_is_listed_again_beyond_a_commit_is_one_recording_and_so_says_a_dry_run() {
    let bench = Bench::new();
    bench.done(["init", "--access", "open", "--zone", "Asia/Seoul"]);
    fs::create_dir_all(bench.path("old")).unwrap();
    let mut list = "file,start\n".to_owned();
    for number in (0..70).chain([0, 69]) {
        wav(&bench.path(&format!("old/{number}.wav")), 6, (1, 8_000, 8), &samples(80, number));
        list.push_str(&format!("{number}.wav,2026-10-05 09:{:02}:{:02}\n", number / 60, number % 60));
    }
    fs::write(bench.path("old/list.csv"), list).unwrap();
    let import = ["import", "old", "--class", "imported-3y", "--keep", "P3Y"];
    let dry = bench.run(import.iter().chain(&["--dry-run"]));
    assert_eq!(dry.out, "70 recordings would be kept, 2 there already, 0 lines refused\n", "{dry:?}");
    assert_eq!(bench.done(import), "70 recordings kept, 2 there already, 0 lines refused\n");
    assert_eq!(bench.calls(&[]).len(), 70);
}
