//! What `list`, `show` and `export` say of the demo office.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in its helping functions too")]

mod support;

use std::{collections::BTreeMap, fs, os::unix::fs::MetadataExt, path::Path, process::Command};

use earwitness_testkit::{pcap, script};
use earwitness_vault::{LedgerKind, Vault};
use serde_json::Value;
use support::{Bench, files};

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

fn text(call: &Value, field: &str) -> String {
    call[field].as_str().unwrap().to_owned()
}

/// The id of the demo office's call of this name.
fn id_of(calls: &[Value], name: &str) -> String {
    let is_it = |call: &&Value| call["sip_call_ids"][0].as_str().unwrap().starts_with(name);
    text(calls.iter().find(is_it).unwrap(), "id")
}

#[test]
fn a_call_is_found_by_id_prefix_and_sip_call_id_and_no_other_way() {
    let bench = Bench::with_office();
    let calls = bench.calls(&[]);
    assert_eq!(calls.len(), 9);
    let id = id_of(&calls, "hold-1");
    let whole = bench.done(["show", &id, "--json"]);
    let sip = calls.iter().find(|call| text(call, "id") == id).unwrap()["sip_call_ids"][0].as_str().unwrap();
    for other in [&id[..10], &id.to_lowercase()[..12], sip] {
        assert_eq!(bench.done(["show", other, "--json"]), whole, "{other}");
    }
    let ambiguous = bench.run(["show", &id[..4]]);
    assert_eq!(ambiguous.code, Some(2));
    assert!(calls.iter().all(|call| ambiguous.err.contains(&text(call, "id"))), "{}", ambiguous.err);
    for absent in ["7ZZZZZZZZZ", "no-such-call@nowhere", &id[..3], ""] {
        assert_eq!(bench.run(["show", absent]).code, Some(3), "{absent}");
    }
}

#[test]
fn piped_lists_are_lines_of_columns_and_a_csv_opens_in_korean() {
    let bench = Bench::with_office();
    let all = bench.run(["list", "--all"]);
    let lines: Vec<Vec<&str>> = all.out.lines().map(|line| line.split('\t').collect()).collect();
    assert!(lines.len() == 9 && lines.iter().all(|line| line.len() == 14), "{}", all.out);
    assert!(lines.is_sorted_by_key(|line| line[1]), "newest last: {}", all.out);
    assert_eq!(all.err.trim(), "earwitness: 9 calls");
    let admitted = bench.run(["list"]);
    assert_eq!(admitted.out.lines().count(), 6);
    assert!(admitted.err.contains("3 refused by the rules"), "{}", admitted.err);
    let csv = bench.done(["list", "--all", "--csv"]);
    assert!(csv.starts_with("\u{feff}id,start,direction,from,to,"), "{csv}");
    assert!(csv.lines().count() == 10 && csv.contains(",복지과,"), "{csv}");
}

#[test]
fn filters_choose_calls_and_a_wrong_one_says_what_is_allowed() {
    let bench = Bench::with_office();
    let count = |arguments: &[&str]| {
        let said = bench.run(["list", "--all"].iter().chain(arguments));
        assert_eq!(said.code, Some(0), "{said:?}");
        said.out.lines().count()
    };
    assert_eq!(count(&["--number", "+82 10-1234-5678"]), 1);
    assert_eq!(count(&["--number", "4002"]), 2);
    assert_eq!(count(&["--outcome", "busy"]), 1);
    assert_eq!(count(&["--mode", "never,selective"]), 2);
    assert_eq!(count(&["--since", "2026-11-21T00:00:45Z"]), 2);
    assert_eq!(count(&["--since", "2026-11-22T12:00:00Z"]), 0);
    assert_eq!(count(&["--min-duration", "30s"]), 3);
    assert_eq!(count(&["--lost-above", "0.5"]), 1);
    for (wrong, allowed) in [
        (["--since", "soon"], "yesterday"),
        (["--outcome", "lost"], "no_answer"),
        (["--min-duration", "long"], "1m30s"),
    ] {
        let said = bench.run(["list"].iter().chain(&wrong));
        assert!(said.code == Some(2) && said.err.contains(allowed), "{said:?}");
    }
}

#[test]
fn the_page_of_a_call_has_its_ladder_and_its_evidence() {
    let bench = Bench::with_office();
    let page = bench.done(["show", &id_of(&bench.calls(&[]), "hold-1")]);
    for part in [
        "talked for 0:30, by the caller",
        "manifest    signed by this vault's recorder, and every sealed block is as it was signed",
        "     12.020             |<---- INVITE ----|  PCMA telephone-event 10.1.0.9:20016 sendonly",
        "     32.020             |----- BYE ------>|",
    ] {
        assert!(page.contains(part), "{part:?} in\n{page}");
    }
    assert!(!page.contains('\u{1b}'), "no colour in a pipe");
}

#[test]
fn exported_payloads_hash_to_what_the_list_says() {
    let bench = Bench::with_office();
    let calls = bench.calls(&["--sha256"]);
    bench.done(["export", "--since", "2026-11-21T00:00:00Z", "-o", "out/", "--format", "payload"]);
    let sha256: BTreeMap<String, String> = files(&bench.path("out"))
        .iter()
        .map(|path| {
            let output = Command::new("sha256sum").arg(path).output().unwrap();
            (name(path), String::from_utf8(output.stdout).unwrap()[..64].to_owned())
        })
        .collect();
    let mut expected = BTreeMap::new();
    for call in calls.iter().filter(|call| call["recorded"] == true) {
        for stream in
            call["streams"].as_array().unwrap().iter().filter(|one| !one["payload_blake3"].is_null())
        {
            let name = [&text(call, "id"), &text(stream, "leg"), &text(stream, "ssrc"), "payload"].join(".");
            expected.insert(name, text(stream, "payload_sha256"));
        }
    }
    assert_eq!((sha256.len(), sha256), (10, expected));
}

#[test]
fn an_export_never_writes_over_a_file_unless_told_to() {
    let bench = Bench::with_office();
    let id = id_of(&bench.calls(&[]), "welfare-1");
    fs::write(bench.path("call.wav"), "mine").unwrap();
    let said = bench.run(["export", &id, "-o", "call.wav"]);
    assert!(said.code == Some(1) && said.err.contains("--force"), "{said:?}");
    assert_eq!(fs::read(bench.path("call.wav")).unwrap(), b"mine");
    bench.done(["export", &id, "-o", "call.wav", "--force"]);
    assert_eq!(fs::metadata(bench.path("call.wav")).unwrap().len(), 44 + 4 * 8_000 * 30);
}

#[test]
fn exports_end_with_the_code_of_what_became_of_them() {
    let bench = Bench::with_office();
    let calls = bench.calls(&[]);
    let [recorded, busy, internal] = ["welfare-1", "busy-1", "internal-1"].map(|name| id_of(&calls, name));
    for (arguments, code) in [
        (vec![&*recorded, "-o", "a.wav"], 0),
        (vec![&*busy, "-o", "b.wav"], 3),
        (vec![&*busy, "-o", "b.pcapng"], 0),
        (vec![&*internal, "-o", "c.wav"], 4),
        (vec![&*recorded, &*internal, "-o", "d/"], 7),
        (vec!["--since", "2027-01-01", "-o", "e/"], 3),
        (vec!["7ZZZZZZZZZ", "-o", "f.wav"], 3),
        (vec!["--number", "01012345678", "-o", "one"], 0),
        (vec!["-o", "g.wav"], 2),
        (vec![&*recorded, "-o", "h"], 2),
        (vec![&*recorded, &*busy, "-o", "-"], 2),
    ] {
        let said = bench.run(["export"].iter().chain(&arguments));
        assert_eq!(said.code, Some(code), "{arguments:?} {said:?}");
    }
    let made: Vec<String> = files(bench.home.path()).iter().map(|path| name(path)).collect();
    let ended = |end: &str| made.iter().filter(|name| name.ends_with(end)).count();
    assert!(bench.path("one").is_dir());
    assert_eq!((ended(".wav"), ended(".pcapng"), ended(".part")), (3, 1, 0), "{made:?}");
}

#[test]
fn every_export_is_in_the_ledger_with_its_recording_and_a_failed_one_is_not() {
    let bench = Bench::with_office();
    let calls = bench.calls(&[]);
    let id = id_of(&calls, "welfare-1");
    let recording = text(calls.iter().find(|call| text(call, "id") == id).unwrap(), "recording");
    bench.done(["export", &id, "-o", "a.wav"]);
    bench.done(["export", &id, "-o", "a.pcapng"]);
    assert_eq!(bench.run(["export", &id, "-o", "a.wav"]).code, Some(1), "it is there already");
    let vault = Vault::open(&bench.vault()).unwrap();
    let rows: Vec<_> = vault.ledger().rows().map(Result::unwrap).collect();
    let exported = rows.iter().filter(|row| row.kind == LedgerKind::Exported);
    let payloads: Vec<_> = exported.map(|row| row.payload.split_at(16)).collect();
    let name = recording.parse::<earwitness_model::RecordingId>().unwrap().to_bytes();
    let acts: Vec<_> = payloads.iter().map(|(_, act)| std::str::from_utf8(act).unwrap()).collect();
    assert!(payloads.len() == 2 && payloads.iter().all(|(id, _)| *id == name), "{payloads:?}");
    let by = format!(" by uid {}", fs::metadata("/proc/self").unwrap().uid());
    assert!(
        acts[0].starts_with(&format!("wav{by}")) && acts[1].starts_with(&format!("pcapng{by}")),
        "{acts:?}"
    );
}

#[test]
fn what_is_damaged_in_the_vault_is_named_and_the_rest_still_leaves() {
    let bench = Bench::with_office();
    let volume =
        files(&bench.vault()).into_iter().find(|path| path.extension().is_some_and(|end| end == "vol"));
    let volume = volume.unwrap();
    let mut bytes = fs::read(&volume).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&volume, bytes).unwrap();
    let hashed = bench.run(["list", "--json", "--sha256"]);
    assert_eq!(hashed.code, Some(5), "{}", hashed.err);
    let is_unread =
        |call: &&Value| call["recorded"] == true && call["streams"][0]["payload_sha256"].is_null();
    let calls: Vec<Value> = hashed.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let unread: Vec<_> = calls.iter().filter(is_unread).map(|call| text(call, "id")).collect();
    assert_eq!(unread.len(), 1, "one byte is in one call");
    let said = bench.run(["export", &unread[0], "-o", "damaged.wav"]);
    assert!(said.code == Some(5) && said.err.contains(&unread[0]) && said.err.contains(".vol"), "{said:?}");
    assert!(fs::metadata(bench.path("damaged.wav")).unwrap().len() > 44, "what opens is there");
    assert_eq!(bench.run(["export", "--since", "2026-11-21T00:00:00Z", "-o", "all/"]).code, Some(7));
    assert_eq!(files(&bench.path("all")).len(), 5);
    let page = bench.run(["show", &unread[0]]);
    assert!(page.code == Some(5) && page.out.contains("  broken      "), "{page:?}");
}

#[test]
fn without_the_officers_passphrase_nothing_sealed_is_shown_and_the_rest_is() {
    let bench = Bench::new();
    for (name, passphrase) in [("right", "correct horse battery staple\n"), ("wrong", "incorrect horse\n")] {
        fs::write(bench.path(name), passphrase).unwrap();
    }
    bench.done(["init", "--passphrase-file", "right"]);
    let office = bench.office();
    bench.done(["record".as_ref(), "-r".as_ref(), office.as_os_str()]);
    let id = id_of(&bench.calls(&[]), "hold-1");
    let wrong = bench.run(["export", &id, "-o", "a.wav", "--passphrase-file", "wrong"]);
    assert!(wrong.code == Some(4) && !bench.path("a.wav").exists(), "{wrong:?}");
    let page = bench.done(["show", &id, "--passphrase-file", "wrong"]);
    assert!(
        page.contains("01022221111@10.1.0.5") && page.contains("  not shown: the passphrase does not open"),
        "{page}"
    );
    assert!(!page.contains("INVITE"), "{page}");
    let page = bench.done(["show", &id, "--passphrase-file", "right"]);
    assert!(page.contains("|---- INVITE ---->|"), "{page}");
}

#[test]
fn a_reader_that_has_enough_is_no_failure() {
    let bench = Bench::with_office();
    let mut list = bench.command(["list", "--all", "--json"]);
    let mut child =
        list.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn what_came_after_the_bye_is_counted_by_export_and_is_in_the_payload() {
    let bench = Bench::new();
    let told = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/calls/media-after-bye/script.call");
    let frames = script::parse(&fs::read_to_string(told).unwrap()).unwrap().frames();
    pcap::write_all(fs::File::create(bench.path("call.pcap")).unwrap(), frames).unwrap();
    bench.done(["record", "--lab", "-q", "-r", "call.pcap"]);
    let id = text(&bench.calls(&[])[0], "id");
    // From 1.04 s to 6 s both send 248 packets; those later than 0.4 s after the BYE of 4 s are 79 of each.
    for format in ["wav", "flac"] {
        let said = bench.run(["export", &id, "-o", "call", "--format", format, "--force"]);
        assert!(said.code == Some(0) && said.err.contains(": 158 packets of audio came after"), "{said:?}");
    }
    let quiet = bench.run(["export", "-q", &id, "-o", "quiet.wav"]);
    assert_eq!((quiet.code, quiet.err.as_str()), (Some(0), ""));
    let whole = bench.run(["export", &id, "-o", "all/", "--format", "payload"]);
    assert!(whole.code == Some(0) && !whole.err.contains("came after"), "{whole:?}");
    let sizes =
        files(&bench.path("all")).iter().map(|file| fs::metadata(file).unwrap().len()).collect::<Vec<_>>();
    assert_eq!(sizes, [248 * 160; 2]);
}
