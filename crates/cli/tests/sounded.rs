//! How it sounded, and digits in the audio, through the whole program.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test stops where it fails, and says what it left out"
)]

mod support;

use std::{f64::consts::TAU, fs::File, io::BufWriter, path::Path};

use earwitness_testkit::{Frame, Load, pcap};
use serde_json::Value;
use support::{Bench, corpus};

fn written(bench: &Bench, frames: impl IntoIterator<Item = Frame>) -> String {
    let path = bench.path("capture.pcap");
    pcap::write_all(BufWriter::new(File::create(&path).unwrap()), frames).unwrap();
    path.to_str().unwrap().to_owned()
}

/// The streams of `load`, as they are listed, and what `show` says of its first call.
fn told(load: &Load) -> (Vec<Value>, String) {
    let bench = Bench::new();
    let capture = written(&bench, load.frames());
    bench.done(["record", "--lab", "-q", "-r", &capture]);
    let calls = bench.calls(&[]);
    let page = bench.done(["show", calls[0]["id"].as_str().unwrap()]);
    (calls.iter().flat_map(|call| call["streams"].as_array().unwrap().clone()).collect(), page)
}

#[test]
fn a_tenth_lost_is_not_the_best_score_and_has_its_worst_ten_seconds() {
    let clean = Load { calls: 3, seconds: 35.0, seed: 11, ..Load::default() };
    let (streams, page) = told(&clean);
    for stream in &streams {
        assert_eq!((&stream["mos"], &stream["worst_10s"]), (&4.41.into(), &Value::Null), "{stream}");
    }
    assert!(!page.contains("worst 10 s") && page.contains("Voices\n  caller"), "{page}");
    let (streams, page) = told(&Load { loss_percent: 10.0, ..clean });
    assert_eq!(streams.len(), 6);
    for stream in &streams {
        let (mos, worst) = (stream["mos"].as_f64().unwrap(), &stream["worst_10s"]);
        let worst_mos = worst["mos"].as_f64().unwrap();
        assert!((3.0..3.8).contains(&mos) && worst_mos <= mos + 0.01, "{stream}");
        assert!(worst["lost"].as_u64().unwrap() >= 20 && worst["at_s"].as_f64().unwrap() < 36.0, "{stream}");
    }
    assert!(page.contains("  caller  mos 3.") && page.contains("worst 10 s at 0:"), "{page}");
    assert!(page.contains("  10 s each"), "{page}");
}

const RULES: &str = r#"schema = 1
[[rule]]
name = "all"
mode = "blanket"
extensions = ["*"]
internal = "record"
early_media = "keep"
inband_digits = true
retention = "month"
notice = "filed"
[retention.month]
keep = "P1M"
[notice.filed]
audio = "none"
"#;

/// Records `capture` by rules with or without in-band digits; the digits listed, by leg and way.
fn digits(capture: &Path, rules: &str) -> Vec<(String, String, String)> {
    let bench = Bench::new();
    let folder = bench.path("rules");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("all.toml"), rules).unwrap();
    bench.done(["record", "-q", "--rules", folder.to_str().unwrap(), "-r", capture.to_str().unwrap()]);
    let word = |press: &Value, name: &str| press[name].as_str().unwrap().to_owned();
    let calls = bench.calls(&[]);
    let presses = calls.iter().flat_map(|call| call["dtmf"].as_array().unwrap());
    presses.map(|press| (word(press, "leg"), word(press, "via"), word(press, "digit"))).collect()
}

#[test]
fn digits_that_are_sounded_are_listed_where_a_rule_wants_them_and_nowhere_else() {
    // 1, 5, 9, # of 70 ms every half second, from 2 s on, in the caller's A-law.
    const KEYS: [(f64, f64); 4] = [(697.0, 1209.0), (770.0, 1336.0), (852.0, 1477.0), (941.0, 1477.0)];
    let load = Load { calls: 1, seconds: 8.0, ..Load::default() };
    let caller = load.truth().calls[0].directions[0].clone();
    let std::net::IpAddr::V4(address) = caller.src.ip() else { panic!("the load is of IPv4") };
    let address = address.octets();
    let mut sample = 0u32;
    let frames = load.frames().map(|mut frame| {
        if frame.bytes.get(26..30) == Some(&address[..]) && frame.bytes.len() == 54 + 160 {
            for code in &mut frame.bytes[54..] {
                let at = f64::from(sample) / 8000.0;
                let (press, within) = (((at - 2.0) * 2.0).floor(), (at - 2.0).rem_euclid(0.5));
                let tone = KEYS.get(press as usize).filter(|_| at >= 2.0 && within < 0.07);
                let level = tone.map_or(0.0, |(low, high)| (TAU * low * at).sin() + (TAU * high * at).sin());
                *code = g711::encode_sample(g711::Law::A, (level * 6000.0) as i16);
                sample += 1;
            }
        }
        frame
    });
    let bench = Bench::new();
    let capture = written(&bench, frames);
    assert!(sample > 60_000, "{sample} samples were said");
    let expected = ["1", "5", "9", "#"].map(|key| ("caller".to_owned(), "inband".to_owned(), key.to_owned()));
    assert_eq!(digits(capture.as_ref(), RULES), expected);
    assert_eq!(digits(capture.as_ref(), &RULES.replace("inband_digits = true\n", "")), []);
}

#[test]
fn the_speech_of_real_captures_is_no_digits() {
    let Some(corpus) = corpus() else { return };
    let truth: Value =
        serde_json::from_str(&std::fs::read_to_string(corpus.join("EXPECTED.json")).unwrap()).unwrap();
    let has_g711 = |capture: &Value| {
        let streams = capture["rtp"]["streams"].as_array().unwrap();
        streams
            .iter()
            .any(|stream| stream["audio"].as_array().is_some_and(|a| a.iter().any(|a| a["g711"] == true)))
    };
    let (mut captures, mut found) = (0, Vec::new());
    for (name, _) in truth["captures"].as_object().unwrap().iter().filter(|(_, capture)| has_g711(capture)) {
        captures += 1;
        let heard = digits(&corpus.join(name), RULES);
        found.extend(
            heard.into_iter().filter(|(_, via, _)| via == "inband").map(|press| (name.clone(), press)),
        );
    }
    println!("score: {} digits in the audio of {captures} captures: {found:?}", found.len());
    assert!(captures > 20, "{captures}");
    assert_eq!(found, []);
}
