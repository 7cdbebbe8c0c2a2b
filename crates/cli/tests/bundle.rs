//! The evidence of a call, made for somebody and checked by a stranger.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test stops where it fails, and says what it left out"
)]

mod support;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use earwitness_testkit::{pcap, script};
use serde_json::Value;
use support::{Bench, Said};

const FOR: [&str; 4] = ["--to", "감사관실 김 주무관", "--purpose", "민원 2026-17 조사"];
const PASSPHRASE: &str = "열두 글자가 넘는 암호입니다";

/// A call in which everything happens: ringing, keys, loss, a hold and its end, a BYE.
const EVENTFUL: &str = "\
at 0.000 10.1.0.5:5060 > 10.1.0.9:5060 INVITE call-1 from=01098765432 to=4001 sdp=10.1.0.5:4000/PCMA,DTMF
at 0.010 10.1.0.9:5060 > 10.1.0.5:5060 100 call-1
at 1.100 10.1.0.9:5060 > 10.1.0.5:5060 180 call-1
at 4.000 10.1.0.9:5060 > 10.1.0.5:5060 200 call-1 sdp=10.1.0.9:4002/PCMA,DTMF
at 4.020 10.1.0.5:5060 > 10.1.0.9:5060 ACK call-1
rtp call-1 caller from=4.040 to=20.000 ssrc=0x11 speech-seed=1 lost=300-340
dtmf call-1 caller at=6.000 digit=1
dtmf call-1 caller at=6.500 digit=5
rtp call-1 callee from=4.040 to=20.000 ssrc=0x22 speech-seed=2 lost=500-590
at 20.000 10.1.0.9:5060 > 10.1.0.5:5060 INVITE call-1 sdp=10.1.0.9:4002/PCMA dir=inactive
at 20.010 10.1.0.5:5060 > 10.1.0.9:5060 200 call-1 sdp=10.1.0.5:4000/PCMA dir=inactive
at 20.020 10.1.0.9:5060 > 10.1.0.5:5060 ACK call-1
at 32.000 10.1.0.9:5060 > 10.1.0.5:5060 INVITE call-1 sdp=10.1.0.9:4002/PCMA
at 32.010 10.1.0.5:5060 > 10.1.0.9:5060 200 call-1 sdp=10.1.0.5:4000/PCMA
at 32.020 10.1.0.9:5060 > 10.1.0.5:5060 ACK call-1
rtp call-1 caller from=32.040 to=44.000 ssrc=0x11 speech-seed=1
rtp call-1 callee from=32.040 to=44.000 ssrc=0x22 speech-seed=2
at 44.000 10.1.0.5:5060 > 10.1.0.9:5060 BYE call-1
at 44.005 10.1.0.9:5060 > 10.1.0.5:5060 200 call-1
";

/// A vault with one call, as a script tells it, and its id.
fn told(script: &str) -> (Bench, String) {
    let bench = Bench::new();
    let path = bench.path("call.pcap");
    let file = std::io::BufWriter::new(fs::File::create(&path).unwrap());
    pcap::write_all(file, script::parse(script).unwrap().frames()).unwrap();
    bench.done(["record".as_ref(), "-r".as_ref(), path.as_os_str()]);
    let id = bench.calls(&[])[0]["id"].as_str().unwrap().to_owned();
    (bench, id)
}

#[test]
fn the_picture_has_everything_that_happened_and_the_page_says_it_in_both_languages() {
    let (bench, call) = told(EVENTFUL);
    made(&bench, &call, &["--no-passphrase", "-o", "folder/"]);
    let svg = fs::read_to_string(bench.path("folder/timeline.svg")).unwrap();
    let count = |what: &str| svg.matches(what).count();
    assert_eq!((count("class=\"hold\""), count("class=\"gap\""), count("class=\"key\"")), (1, 2, 2));
    assert_eq!(count("class=\"mark\""), 6, "call, ringing, answer, hold, its end, BYE");
    for part in
        ["벨 울림 · ringing", "보류 (re-INVITE) · hold", "종료: 발신자가 끊음 · end: the caller hung up"]
    {
        assert!(svg.contains(part), "{part}");
    }
    let page = fs::read_to_string(bench.path("folder/README.html")).unwrap();
    for part in [
        "감사관실 김 주무관",
        "01098765432",
        "the ledger tells",
        "보존",
        "820 ms of the caller",
        "820밀리초 동안 발신자의 음성 없음",
        "<svg xmlns",
        "earwitness-verify BUNDLE.zip --key recorder.pub",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("http-equiv=\"refresh\"") && !page.contains("<script") && !page.contains("src="));
    if let Some(keep) = std::env::var_os("EARWITNESS_KEEP_PICTURE") {
        fs::copy(bench.path("folder/timeline.svg"), Path::new(&keep).join("timeline.svg")).unwrap();
        fs::copy(bench.path("folder/README.html"), Path::new(&keep).join("README.html")).unwrap();
    }
}

/// The demo office, and an answered call of it with audio.
fn office() -> (Bench, String) {
    let bench = Bench::with_office();
    let calls = bench.calls(&[]);
    let talk = |call: &&Value| call["talk_s"].as_f64().unwrap_or(0.0);
    let call =
        calls.iter().filter(|call| call["recorded"] == true).max_by(|a, b| talk(a).total_cmp(&talk(b)));
    let id = call.unwrap()["id"].as_str().unwrap().to_owned();
    (bench, id)
}

fn export(bench: &Bench, call: &str, more: &[&str]) -> Said {
    let words = ["export", call, "--format", "bundle"];
    bench.run(words.iter().chain(&FOR).chain(more))
}

fn made(bench: &Bench, call: &str, more: &[&str]) -> String {
    let said = export(bench, call, more);
    assert_eq!(said.code, Some(0), "{said:?}");
    said.err
}

fn key(bench: &Bench) -> String {
    bench.vault().join("keys/recorder.pub").to_str().unwrap().to_owned()
}

/// Unpacks with 7-Zip, where it is installed.
fn unpacked(zip: &Path, to: &Path, passphrase: &str) -> bool {
    let mut command = Command::new("7z");
    command.args(["x", "-y", &format!("-p{passphrase}"), &format!("-o{}", to.display())]).arg(zip);
    let Ok(output) = command.stdout(Stdio::piped()).output() else {
        println!("left out: 7z is not installed");
        return false;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    true
}

/// What a program says; `None` where it is not installed.
fn asked(program: &str, arguments: &[&str], folder: &Path) -> Option<String> {
    let output = Command::new(program).args(arguments).current_dir(folder).output();
    let Ok(output) = output else {
        println!("left out: {program} is not installed");
        return None;
    };
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(output.status.success(), "{program} {arguments:?}: {text}");
    Some(text)
}

/// A short call, of which a copy is kept for ever.
const SHORT: &str = "\
at 0.000 10.1.0.5:5060 > 10.1.0.9:5060 INVITE call-1 from=01098765432 to=4001 sdp=10.1.0.5:4000/PCMA
at 0.100 10.1.0.9:5060 > 10.1.0.5:5060 180 call-1
at 0.300 10.1.0.9:5060 > 10.1.0.5:5060 200 call-1 sdp=10.1.0.9:4002/PCMA
at 0.320 10.1.0.5:5060 > 10.1.0.9:5060 ACK call-1
rtp call-1 caller from=0.340 to=1.300 ssrc=0x11 speech-seed=1
rtp call-1 callee from=0.340 to=1.300 ssrc=0x22 speech-seed=2
at 1.300 10.1.0.5:5060 > 10.1.0.9:5060 BYE call-1
at 1.305 10.1.0.9:5060 > 10.1.0.5:5060 200 call-1
";

#[test]
fn a_copy_of_the_first_version_is_checked_for_ever() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/bundle/v1");
    if std::env::var_os("UPDATE_BUNDLE").is_some() {
        let (bench, call) = told(SHORT);
        made(&bench, &call, &["--no-passphrase", "-o", "copy.zip"]);
        fs::copy(bench.path("copy.zip"), folder.join("copy.zip")).unwrap();
        fs::copy(key(&bench), folder.join("recorder.pub")).unwrap();
    }
    let bench = Bench::new();
    let at = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let said = bench.run(["verify", &at("copy.zip"), "--key", &at("recorder.pub")]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.out.ends_with("whole and unaltered\n") && !said.out.contains('✘'), "{}", said.out);
}

#[test]
fn a_copy_says_whose_it_is_and_a_stranger_checks_it_without_the_vault() {
    let (bench, call) = office();
    made(&bench, &call, &["--no-passphrase", "-o", "copy.zip"]);
    let key = key(&bench);
    fs::copy(&key, bench.path("office.pub")).unwrap();
    fs::rename(bench.vault(), bench.path("elsewhere")).unwrap();
    let said = bench.run(["verify", "copy.zip", "--key", "office.pub"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    for part in [
        "✔ 공개 열쇠 · public key: 맞음 · holds",
        "✔ 소리 · sound: ",
        "✔ 원장 · ledger: ",
        "받은 사람 · recipient: 감사관실 김 주무관",
        "목적 · purpose: 민원 2026-17 조사",
        "✔ 온전하며 변경되지 않았습니다 · whole and unaltered",
    ] {
        assert!(said.out.contains(part), "{part}: {}", said.out);
    }
    assert!(!said.out.contains('✘') && !said.out.contains("? 공개"), "{}", said.out);
    let said = bench.run(["verify", "copy.zip"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.out.contains("consistent, but not whose") && !said.out.contains("whole and unaltered"));
}

#[test]
fn a_copy_needs_somebody_and_something_and_a_passphrase_unless_told_otherwise() {
    let (bench, call) = office();
    let refused = |more: &[&str], code: i32, part: &str| {
        let said = bench.run(["export", &call, "-o", "copy.zip"].iter().chain(more));
        assert_eq!(said.code, Some(code), "{more:?}: {said:?}");
        assert!(said.err.contains(part), "{more:?}: {}", said.err);
        assert!(!bench.path("copy.zip").exists());
    };
    refused(&["--no-passphrase"], 2, "give --to");
    refused(&["--to", "kim", "--no-passphrase"], 2, "--purpose");
    refused(&["--to", " ", "--purpose", "x", "--no-passphrase"], 2, "give --to");
    refused(&["--to", "kim\nlee", "--purpose", "x", "--no-passphrase"], 2, "a line of at most");
    refused(&["--to", "kim", "--purpose", "x"], 4, "--copy-passphrase-file");
    fs::write(bench.path("short"), "kurz\n").unwrap();
    refused(&["--to", "kim", "--purpose", "x", "--copy-passphrase-file", "short"], 2, "too short");
    refused(&["--to", "kim", "--purpose", "x", "--age", "age1nobody"], 2, "age-keygen");
    refused(&["--format", "wav", "--to", "kim"], 2, "for --format bundle");
    let said = export(&bench, &call, &["-o", "folder/"]);
    assert!(said.code == Some(2) && said.err.contains("a folder cannot be locked"), "{said:?}");
}

#[test]
fn two_copies_of_one_call_differ_and_the_ledger_knows_whose_each_is() {
    let (bench, call) = office();
    fs::write(bench.path("passphrase"), format!("{PASSPHRASE}\n")).unwrap();
    let locked = ["--copy-passphrase-file", "passphrase"];
    let said = made(&bench, &call, &[&locked[..], &["-o", "one.zip", "--request", "2026-17"]].concat());
    made(&bench, &call, &[&locked[..], &["-o", "two.zip"]].concat());
    let bytes = |name: &str| fs::read(bench.path(name)).unwrap();
    assert_ne!(bytes("one.zip"), bytes("two.zip"));
    let hash = blake3::hash(&bytes("one.zip")).to_hex().to_string();
    assert!(said.contains(&hash), "{said}");
    let copies: Vec<String> = ["one.zip", "two.zip"]
        .iter()
        .map(|name| {
            let words = ["verify", *name, "--key", &key(&bench), "--passphrase-file", "passphrase"];
            let out = bench.done(words);
            out.lines().find_map(|line| line.trim().strip_prefix("사본 · copy: ")).unwrap().to_owned()
        })
        .collect();
    assert_ne!(copies[0], copies[1]);

    let shown = bench.done(["ledger", "show", "--kind", "exported"]);
    let line = shown.lines().find(|line| line.contains(&hash)).unwrap();
    assert!(line.contains("감사관실 김 주무관: 민원 2026-17 조사, request 2026-17, by uid"), "{line}");
    assert!(line.contains(&copies[0]) && shown.contains(&copies[1]), "{shown}");

    let vault = earwitness_vault::Vault::open(&bench.vault()).unwrap();
    let acts: Vec<_> = vault
        .ledger()
        .rows()
        .map(Result::unwrap)
        .filter(|row| row.kind == earwitness_vault::LedgerKind::Exported)
        .filter_map(|row| earwitness_vault::Act::from_bytes(&row.payload))
        .collect();
    let given = |act: &earwitness_vault::Act| match act {
        earwitness_vault::Act::Copy { given, .. } => given.clone(),
        earwitness_vault::Act::Words { .. } => panic!("{act:?}"),
    };
    let [one, two] = [given(&acts[0]), given(&acts[1])];
    assert_eq!([one.copy.to_string(), two.copy.to_string()], copies[..]);
    assert_eq!(blake3::Hash::from(one.blake3).to_hex().to_string(), hash);
    assert_eq!((one.recipient.as_str(), one.request.as_deref()), (FOR[1], Some("2026-17")));
    assert_eq!((two.purpose.as_str(), two.request), (FOR[3], None));
}

#[test]
fn a_wrong_passphrase_and_another_office_are_told_apart_from_damage() {
    let (bench, call) = office();
    fs::write(bench.path("passphrase"), PASSPHRASE).unwrap();
    fs::write(bench.path("wrong"), "a passphrase of somebody else").unwrap();
    made(&bench, &call, &["--copy-passphrase-file", "passphrase", "-o", "copy.zip"]);
    let said = bench.run(["verify", "copy.zip", "--passphrase-file", "wrong"]);
    assert!(said.code == Some(4) && said.err.contains("passphrase is not that of the zip"), "{said:?}");
    let (other, _) = office();
    let said = bench.run(["verify", "copy.zip", "--passphrase-file", "passphrase", "--key", &key(&other)]);
    assert_eq!(said.code, Some(5), "{said:?}");
    assert!(
        said.out.contains("✘ 공개 열쇠 · public key: ") && said.out.contains("not of this office's recorder")
    );
    let mut bytes = fs::read(bench.path("copy.zip")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(bench.path("copy.zip"), bytes).unwrap();
    let said = bench.run(["verify", "copy.zip", "--passphrase-file", "passphrase"]);
    assert!(said.code == Some(5) && said.err.contains("is not what was locked"), "{said:?}");
}

#[test]
fn other_peoples_programs_open_every_part() {
    let (bench, call) = office();
    fs::write(bench.path("passphrase"), PASSPHRASE).unwrap();
    made(&bench, &call, &["--copy-passphrase-file", "passphrase", "-o", "copy.zip"]);
    let folder = bench.path("unpacked");
    if !unpacked(&bench.path("copy.zip"), &folder, PASSPHRASE) {
        return;
    }
    let said = bench.run(["verify", "unpacked", "--key", &key(&bench)]);
    assert!(said.code == Some(0) && said.out.contains("an unpacked folder"), "{said:?}");

    asked("sha256sum", &["-c", "--strict", "SHA256SUMS"], &folder);
    let signed =
        ["pkeyutl", "-verify", "-pubin", "-inkey", "recorder.pem", "-rawin", "-in", "LIST.txt", "-sigfile"];
    if let Some(said) = asked("openssl", &[&signed[..], &["LIST.sig"]].concat(), &folder) {
        assert!(said.contains("Signature Verified Successfully"), "{said}");
    }
    let manifest = fs::read(folder.join("manifest.bin")).unwrap();
    fs::write(folder.join("signed"), [b"earwitness manifest 1\n", &manifest[64..]].concat()).unwrap();
    fs::write(folder.join("signature"), &manifest[..64]).unwrap();
    let signed = [
        "pkeyutl",
        "-verify",
        "-pubin",
        "-inkey",
        "recorder.pem",
        "-rawin",
        "-in",
        "signed",
        "-sigfile",
        "signature",
    ];
    asked("openssl", &signed, &folder);
    if let Some(said) = asked("sox", &["--info", "audio.wav"], &folder) {
        assert!(said.contains("Channels       : 2"), "{said}");
    }
    if let Some(said) = asked(
        "tshark",
        &["-r", "call.pcapng", "-Y", "sip.Method == \"INVITE\"", "-T", "fields", "-e", "sip.Method"],
        &folder,
    ) {
        assert!(said.contains("INVITE"), "{said}");
    }
    if let Some(said) = asked("tshark", &["-r", "call.pcapng", "-q", "-z", "rtp,streams"], &folder) {
        assert!(said.lines().filter(|line| line.contains("g711")).count() >= 2, "{said}");
    }
    asked("rsvg-convert", &["timeline.svg", "-o", "timeline.png"], &folder);
    for name in ["README.html", "README.txt", "manifest.json", "recipient.json", "ledger/proof.json"] {
        let text = fs::read_to_string(folder.join(name)).unwrap();
        assert!(!text.is_empty(), "{name}");
        if name.ends_with(".json") {
            serde_json::from_str::<Value>(&text).unwrap();
        }
    }
}

/// What a reader of a copy is told: the page, its text and its picture.
fn told_to_a_reader(bench: &Bench, call: &str) -> String {
    made(bench, call, &["--no-passphrase", "-o", "folder/"]);
    bench.done(["verify", "folder", "--key", &key(bench)]);
    ["README.html", "README.txt", "timeline.svg"]
        .map(|name| fs::read_to_string(bench.path(&format!("folder/{name}"))).unwrap())
        .concat()
}

#[test]
fn a_copy_of_an_imported_recording_claims_nothing_that_nobody_saw() {
    let bench = Bench::new();
    bench.done(["init", "--access", "open", "--zone", "Asia/Seoul"]);
    fs::create_dir(bench.path("old")).unwrap();
    // A-law, one channel, 8 kHz, one second.
    let (audio, mut wav) = (vec![0x55_u8; 8_000], b"RIFF".to_vec());
    wav.extend((36 + audio.len() as u32).to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0\x06\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0data");
    wav.extend((audio.len() as u32).to_le_bytes());
    wav.extend(audio);
    fs::write(bench.path("old/a.wav"), wav).unwrap();
    fs::write(bench.path("old/list.csv"), "file,start,from,to\na.wav,2026-10-05 09:10:11,01012345678,4001\n")
        .unwrap();
    bench.done(["import", "old", "--class", "imported-3y", "--keep", "P3Y"]);
    let id = bench.calls(&[])[0]["id"].as_str().unwrap().to_owned();
    let told = told_to_a_reader(&bench, &id);
    for untrue in [
        "crossed the telephone network",
        "전화망에서 실제로",
        "there was no conversation",
        "통화가 이루어지지",
        "no audio is missing",
        "no gap in the audio",
        "INVITE",
        "answered",
        "SIP Call-ID",
        "caller left",
        "rules/",
        "the recorder told nothing of how its clock",
    ] {
        assert!(!told.contains(untrue), "{untrue}");
    }
    for part in [
        "This recorder saw nothing of the call",
        "nothing of it was seen",
        "관찰하지 않음",
        "they were on no network",
        "whose voice it has is not known",
        "end: not known",
        "whether the other recorder missed any is not known",
        "Hashes of the original file",
        "01012345678",
    ] {
        assert!(told.contains(part), "{part}");
    }
}

#[test]
fn a_copy_of_audio_without_signalling_says_so_and_tells_of_no_message() {
    let bench = Bench::new();
    let talk = "rtp a caller from=0.000 to=2.000 src=10.1.0.5:4000 dst=10.1.0.9:4002 codec=PCMA ssrc=0x11 speech-seed=1\n\
        rtp a callee from=0.010 to=2.000 src=10.1.0.9:4002 dst=10.1.0.5:4000 codec=PCMA ssrc=0x22 speech-seed=2\n";
    let path = bench.path("talk.pcap");
    let file = std::io::BufWriter::new(fs::File::create(&path).unwrap());
    pcap::write_all(file, script::parse(talk).unwrap().frames()).unwrap();
    fs::create_dir(bench.path("rules")).unwrap();
    let rules = "schema = 1\n[[streams]]\nname = \"old-phones\"\nnetworks = [\"10.1.0.0/16\"]\nretention = \"short\"\n\
        notice = \"spoken\"\n[retention.short]\nkeep = \"P90D\"\n[notice.spoken]\naudio = \"none\"\n";
    fs::write(bench.path("rules/streams.toml"), rules).unwrap();
    bench.done(["record", "--rules", "rules", "-r", "talk.pcap"]);
    let id = bench.calls(&[])[0]["id"].as_str().unwrap().to_owned();
    let told = told_to_a_reader(&bench, &id);
    for untrue in ["INVITE", "answered", "SIP and RTP packets", "SIP Call-ID", "hung up"] {
        assert!(!told.contains(untrue), "{untrue}");
    }
    for part in [
        "No signalling of the call was seen",
        "only its audio was seen on the network",
        "not known: no signalling was seen",
        "rules/",
    ] {
        assert!(told.contains(part), "{part}");
    }
}

#[test]
fn a_folder_whose_list_is_gone_is_a_bundle_that_is_not_whole_and_keys_that_are_none_are_told() {
    let (bench, call) = office();
    made(&bench, &call, &["--no-passphrase", "-o", "folder/"]);
    fs::write(bench.path("text"), "no key").unwrap();
    for (more, code, part) in [
        (["--key", "text"], 2, "is not a recorder's public key"),
        (["--identity", "text"], 2, "has no key of age"),
        (["--key", "nothing"], 3, "cannot read nothing"),
    ] {
        let said = bench.run([&["verify", "folder"], &more[..]].concat());
        assert_eq!(said.code, Some(code), "{said:?}");
        assert!(said.err.contains(part), "{said:?}");
    }
    fs::remove_file(bench.path("folder/LIST.txt")).unwrap();
    let said = bench.run(["verify", "folder"]);
    assert!(said.code == Some(5) && said.out.contains("LIST.txt is missing"), "{said:?}");
}

#[test]
fn an_age_file_opens_with_the_recipients_key_and_the_age_program() {
    let (bench, call) = office();
    if asked("age-keygen", &["-o", "kim.key"], bench.home.path()).is_none() {
        return;
    }
    let public = asked("age-keygen", &["-y", "kim.key"], bench.home.path()).unwrap();
    made(&bench, &call, &["--age", public.trim(), "-o", "copy.age"]);
    let said = bench.run(["verify", "copy.age"]);
    assert!(said.code == Some(4) && said.err.contains("--identity"), "{said:?}");
    bench.done(["verify", "copy.age", "--identity", "kim.key", "--key", &key(&bench)]);
    asked("age", &["-d", "-i", "kim.key", "-o", "copy.zip", "copy.age"], bench.home.path());
    bench.done(["verify", "copy.zip", "--key", &key(&bench)]);
}

#[test]
fn a_bundle_may_be_a_folder_and_is_no_less_checked() {
    let (bench, call) = office();
    made(&bench, &call, &["--no-passphrase", "-o", "folder/"]);
    bench.done(["verify", "folder", "--key", &key(&bench)]);
    let audio: PathBuf = bench.path("folder/audio.wav");
    let mut bytes = fs::read(&audio).unwrap();
    bytes[1_000] ^= 1;
    fs::write(&audio, bytes).unwrap();
    let said = bench.run(["verify", "folder", "--key", &key(&bench)]);
    assert_eq!(said.code, Some(5));
    assert!(
        said.out.contains("audio.wav was changed") && said.out.contains("audio.wav is not the sound"),
        "{}",
        said.out
    );
    let said = export(&bench, &call, &["--no-passphrase", "-o", "folder/"]);
    assert!(said.code == Some(2) && said.err.contains("something already"), "{said:?}");
}
