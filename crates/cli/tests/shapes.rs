//! Every call of `fixtures/calls` through the whole program: what `list` says of it, and how long its file is and how much of
//! each party is heard in it, stand beside its script in `listed.txt`.
//!
//! `UPDATE_EXPECTED=1` rewrites what stands there; it is to be read against the scripts before it is committed.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in its helping functions too")]

mod support;

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    thread,
};

use earwitness_testkit::{pcap, script};
use serde_json::Value;
use support::Bench;

/// A stereo WAV: how long it is, and how much of each channel is not digital silence, in windows of 20 ms.
struct Wav {
    seconds: f64,
    heard: [f64; 2],
}

impl Wav {
    fn read(wav: &[u8]) -> Self {
        assert_eq!((&wav[..4], &wav[8..16], wav[22]), (&b"RIFF"[..], &b"WAVEfmt "[..], 2));
        let rate = u32::from_le_bytes(*wav[24..].first_chunk().unwrap()) as usize;
        let frames: Vec<[bool; 2]> = wav[44..]
            .as_chunks::<4>()
            .0
            .iter()
            .map(|[a, b, c, d]| [[*a, *b] != [0, 0], [*c, *d] != [0, 0]])
            .collect();
        let windows = |side: usize| {
            let loud = frames.chunks(rate / 50).filter(|window| window.iter().any(|frame| frame[side]));
            loud.count() as f64 / 50.0
        };
        Self { seconds: frames.len() as f64 / rate as f64, heard: [windows(0), windows(1)] }
    }
}

/// The words of a list, or nothing.
fn words(label: &str, list: &Value) -> String {
    let words: Vec<&str> = list.as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
    if words.is_empty() { String::new() } else { format!("  {label}: {}\n", words.join(" ")) }
}

/// The keys that one party pressed.
fn keys(call: &Value, leg: &str) -> String {
    let pressed = call["dtmf"].as_array().unwrap().iter().filter(|key| key["leg"] == leg);
    let digits: String = pressed.map(|key| key["digit"].as_str().unwrap()).collect();
    if digits.is_empty() { String::new() } else { format!("  keys of the {leg}: {digits}\n") }
}

/// How the other dialogs of a call and the calls that it names are known.
fn company(call: &Value) -> String {
    let reasons = |list: &str| -> Vec<String> {
        let reasons = call[list].as_array().unwrap().iter().filter_map(|of| of["reason"].as_str());
        reasons.filter(|reason| *reason != "first").map(str::to_owned).collect()
    };
    let (joined, related) = (reasons("legs"), reasons("related"));
    let mut said = String::new();
    if !joined.is_empty() {
        writeln!(said, "  further dialogs, known by: {}", joined.join(", ")).unwrap();
    }
    if !related.is_empty() {
        writeln!(said, "  names other calls, known by: {}", related.join(", ")).unwrap();
    }
    said
}

/// How long the WAV of a call is, and how much is heard in it.
fn file(bench: &Bench, id: &str) -> String {
    let path = bench.path(&format!("{id}.wav"));
    let made = bench.run(["export", id, "-o", path.to_str().unwrap()]);
    let (Some(0 | 7), Ok(wav)) = (made.code, fs::read(&path)) else {
        return format!("  no file: exit code {}\n", made.code.unwrap());
    };
    let Wav { seconds, heard: [caller, callee] } = Wav::read(&wav);
    let rest = if made.code == Some(7) { "; part of it cannot be decoded" } else { "" };
    format!("  file of {seconds:.3} s: caller heard in {caller:.2} s of it, callee in {callee:.2} s{rest}\n")
}

/// What the program says of one call, in a few lines for a reader.
fn told(bench: &Bench, call: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("nobody").to_owned();
    let mut said = format!(
        "{} to {}: {}",
        text(&call["from"]["user"]),
        text(&call["to"]["user"]),
        text(&call["outcome"])
    );
    if let Some(seconds) = call["talk_s"].as_f64() {
        write!(said, ", {seconds:.3} s of talk, ended by: {}", text(&call["ended_by"])).unwrap();
    } else {
        write!(said, ", status {}", call["sip_status"]).unwrap();
    }
    said.push('\n');
    said += &file(bench, call["id"].as_str().unwrap());
    said += &keys(call, "caller");
    said += &keys(call, "callee");
    said += &company(call);
    said += &words("flags", &call["flags"]);
    said
}

/// Records a script with the lab rule, and tells its calls.
fn listed(folder: &Path) -> String {
    let bench = Bench::new();
    let script = fs::read_to_string(folder.join("script.call")).unwrap();
    let capture = fs::File::create(bench.path("call.pcap")).unwrap();
    let frames = script::parse(&script).unwrap().frames();
    pcap::write_all(std::io::BufWriter::new(capture), frames).unwrap();
    bench.done(["record", "--lab", "-q", "-r", "call.pcap"]);
    let calls = bench.calls(&[]);
    if calls.is_empty() {
        return "no calls\n".to_owned();
    }
    calls.iter().map(|call| told(&bench, call)).collect()
}

/// What an office has that records its extensions but for 4002.
const RULES: [(&str, &str); 2] = [
    (
        "numbers.toml",
        "schema = 1\ncountry = \"82\"\narea = \"31\"\ninternal = [\"4000-4999\"]\nrepresentative = []\n",
    ),
    (
        "office.toml",
        "schema = 1\n[retention.a]\nkeep = \"P90D\"\n[notice.n]\naudio = \"none\"\nfrom = 2026-01-01\nrequired = true\n\
         [[rule]]\nname = \"desks\"\nmode = \"blanket\"\nextensions = [\"4001\", \"4003-4020\"]\n\
         direction = \"both\"\ninternal = \"record\"\nretention = \"a\"\nnotice = \"n\"\n\
         [[rule]]\nname = \"council\"\nmode = \"never\"\nextensions = [\"4002\"]\n",
    ),
];

/// The calls of a fixture that `list` gives with these arguments, under these rules.
fn recorded(fixture: &str, rules: &[&str], list: &[&str]) -> Vec<Value> {
    let bench = Bench::new();
    let calls = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/calls");
    let script = fs::read_to_string(calls.join(fixture).join("script.call")).unwrap();
    let capture = fs::File::create(bench.path("call.pcap")).unwrap();
    let frames = script::parse(&script).unwrap().frames();
    pcap::write_all(std::io::BufWriter::new(capture), frames).unwrap();
    fs::create_dir(bench.path("rules")).unwrap();
    for (name, text) in RULES {
        fs::write(bench.path("rules").join(name), text).unwrap();
    }
    bench.done([&["record"], rules, &["-q", "-r", "call.pcap"]].concat());
    bench.calls(list)
}

#[test]
fn a_party_of_a_dialog_that_joined_is_found_by_its_number() {
    let user = |leg: &Value, end: &str| leg[end]["user"].as_str().unwrap().to_owned();
    for (fixture, number, parties) in
        [("pick-up", "4002", ["4002", "4001"]), ("transfer-attended", "031-222-1111", ["0312221111", "4002"])]
    {
        let found = recorded(fixture, &["--lab"], &["--number", number]);
        let legs: Vec<&Value> = found.iter().flat_map(|call| call["legs"].as_array().unwrap()).collect();
        let joined: Vec<_> = legs.iter().filter(|leg| leg["reason"] == "replaces").collect();
        assert_eq!(
            joined.iter().map(|leg| [user(leg, "from"), user(leg, "to")]).collect::<Vec<_>>(),
            [parties]
        );
        assert!(found.iter().all(|call| call["legs"][0]["from"] == call["from"]), "the first is the call's");
        assert_eq!(recorded(fixture, &["--lab"], &["--number", "4009"]).len(), 0, "{fixture}");
    }
}

#[test]
fn a_call_picked_up_at_an_extension_that_is_never_recorded_is_still_an_inbound_one() {
    let calls = recorded("pick-up", &["--rules", "rules"], &[]);
    assert_eq!(calls.len(), 1, "{calls:?}");
    let told = ["direction", "recorded", "reason"].map(|name| calls[0][name].clone());
    assert_eq!(
        told,
        [Value::from("inbound"), Value::from(false), Value::from("the rule's mode is never")],
        "{}",
        calls[0]
    );
}

fn fixtures() -> Vec<PathBuf> {
    let calls = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/calls");
    let mut all: Vec<PathBuf> = fs::read_dir(calls).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.retain(|folder| folder.join("script.call").exists());
    all.sort();
    all
}

/// What is not as it stands beside its script.
fn differences(folders: &[PathBuf]) -> Vec<String> {
    let update = std::env::var_os("UPDATE_EXPECTED").is_some();
    let mut wrong = Vec::new();
    for folder in folders {
        let (found, path) = (listed(folder), folder.join("listed.txt"));
        if update {
            fs::write(&path, &found).unwrap();
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        if found != expected {
            wrong.push(format!("{}: found\n{found}expected\n{expected}", folder.display()));
        }
    }
    wrong
}

#[test]
fn every_call_is_listed_and_exported_as_stands_beside_its_script() {
    let all = fixtures();
    assert!(all.len() >= 75, "{} scripts", all.len());
    let halves = all.split_at(all.len() / 2);
    let wrong: Vec<String> = thread::scope(|scope| {
        let halves = [halves.0, halves.1].map(|half| scope.spawn(|| differences(half)));
        halves.into_iter().flat_map(|half| half.join().unwrap()).collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
