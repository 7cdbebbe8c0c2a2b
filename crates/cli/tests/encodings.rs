//! Real calls in encodings other than G.711, recorded and exported by the whole program.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test stops where it fails, and says what it left out"
)]

mod support;

use std::fs;

use serde_json::Value;
use support::{Bench, corpus};

/// Samples of the channel with the audio, from the first that is not silence to the last.
struct Voice {
    rate: u32,
    samples: Vec<i16>,
}

impl Voice {
    /// From a stereo WAV with the plain 44-byte header, one channel of which is silent.
    fn of(wav: &[u8]) -> Self {
        let words: Vec<i16> =
            wav[44..].as_chunks::<2>().0.iter().map(|word| i16::from_le_bytes(*word)).collect();
        let channel = |at: usize| words.iter().skip(at).step_by(2).copied().collect::<Vec<i16>>();
        let is_silent = |samples: &[i16]| samples.iter().all(|&sample| sample == 0);
        let (left, right) = (channel(0), channel(1));
        assert_ne!(is_silent(&left), is_silent(&right), "one party speaks");
        let heard = if is_silent(&left) { right } else { left };
        let first = heard.iter().position(|&sample| sample != 0).unwrap();
        let last = heard.iter().rposition(|&sample| sample != 0).unwrap();
        let rate = u32::from_le_bytes(*wav[24..].first_chunk().unwrap());
        Self { rate, samples: heard[first..=last].to_vec() }
    }

    /// CRC-32 (IEEE) of the little-endian samples.
    fn sum(&self) -> u32 {
        !self.samples.iter().flat_map(|sample| sample.to_le_bytes()).fold(!0, |mut crc: u32, octet| {
            crc ^= u32::from(octet);
            for _ in 0..8 {
                crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
            }
            crc
        })
    }
}

/// The calls of a capture with their WAVs, in the order of their beginning.
fn exported(capture: &str) -> Option<Vec<(Value, Vec<u8>)>> {
    let (corpus, bench) = (corpus()?, Bench::new());
    let capture = corpus.join("odedshimon+BruteShark").join(capture);
    bench.done(["record", "--lab", "-q", "-r", capture.to_str().unwrap()]);
    let calls = bench.calls(&[]).into_iter().map(|call| {
        let out = bench.path("call.wav");
        bench.done(["export", call["id"].as_str().unwrap(), "-o", out.to_str().unwrap(), "--force"]);
        (call, fs::read(out).unwrap())
    });
    Some(calls.collect())
}

/// The encodings, rates, lengths and sums that the calls of a capture come to.
fn check(capture: &str, expected: &[(&str, u32, usize, u32)]) {
    let Some(calls) = exported(capture) else { return };
    let found: Vec<_> = calls
        .iter()
        .map(|(call, wav)| {
            let voice = Voice::of(wav);
            (call["streams"][0]["codec"].as_str().unwrap(), voice.rate, voice.samples.len(), voice.sum())
        })
        .collect();
    assert_eq!(found, expected, "{capture}");
}

/// The sum is of what spandsp 0.0.6 decodes of the same payload; the decoder equals the ITU's vectors besides.
#[test]
fn a_g722_call_is_heard_at_16_khz_as_spandsp_hears_it() {
    check("sip-rtp-g722.pcap", &[("G722", 16_000, 135_999, 0x23e7_e9be)]);
}

/// The sum is of what libgsm 1.0.22 decodes of the same payload.
#[test]
fn a_gsm_call_is_heard_as_libgsm_hears_it() {
    check("sip-rtp-gsm.pcap", &[("GSM", 8_000, 68_000, 0x9411_7ed1)]);
}

/// The sums are of what spandsp 0.0.6 decodes of the same payloads. Four messages, each sent in both packings: told apart by
/// name, they sound the same.
#[test]
fn g726_calls_of_all_rates_are_heard_alike_in_both_packings() {
    let sent = [
        ("16", 68_000, 0x88e5_453c),
        ("24", 67_934, 0x80bf_f177),
        ("32", 67_935, 0x0e46_17b3),
        ("40", 67_935, 0x36b7_24ae),
    ];
    let names: Vec<(String, usize, u32)> = ["", "AAL2-"]
        .iter()
        .flat_map(|packing| {
            sent.map(|(rate, length, sum)| (format!("{packing}G726-{rate}/8000"), length, sum))
        })
        .collect();
    let expected: Vec<_> =
        names.iter().map(|(name, length, sum)| (name.as_str(), 8_000, *length, *sum)).collect();
    check("sip-rtp-g726.pcap", &expected);
}

/// The sum is of what opus-pure 0.2.2 decodes, which libopus 1.3.1 hears the same within one unit of 16 bits, in each of
/// the 408,000 samples (101 dB).
#[test]
fn an_opus_call_is_heard_at_48_khz() {
    check("sip-rtp-opus.pcap", &[("opus/48000/2", 48_000, 407_960, 0x65e3_7b8a)]);
}

#[test]
fn what_cannot_be_decoded_is_silence_of_the_calls_length_and_one_line_and_code_7() {
    let Some(corpus) = corpus() else { return };
    let bench = Bench::new();
    let capture = corpus.join("odedshimon+BruteShark/sip-rtp-g729a.pcap");
    bench.done(["record", "--lab", "-q", "-r", capture.to_str().unwrap()]);
    let call = &bench.calls(&[])[0];
    let id = call["id"].as_str().unwrap();
    for (format, name) in [("wav", "call.wav"), ("flac", "call.flac")] {
        let said = bench.run(["export", id, "-o", name, "--format", format]);
        assert_eq!(said.code, Some(7), "{said:?}");
        let lines: Vec<&str> = said.err.lines().filter(|line| line.contains("G729")).collect();
        assert_eq!(lines.len(), 1, "{said:?}");
        assert!(lines[0].contains("425 packets of the callee in G729 are silence"), "{said:?}");
        assert!(lines[0].ends_with("--format payload has them"), "{said:?}");
    }
    let wav = fs::read(bench.path("call.wav")).unwrap();
    let seconds = (wav.len() - 44) as f64 / 32_000.0;
    assert!((seconds - call["talk_s"].as_f64().unwrap()).abs() < 0.05, "{seconds} s of {call}");
    assert!(wav[44..].iter().all(|&octet| octet == 0));
    // The payload, and a pcapng, are whole.
    let (payloads, pcapng) = (bench.path("out/"), bench.path("call.pcapng"));
    bench.done(["export", id, "-o", &format!("{}/", payloads.display()), "--format", "payload"]);
    bench.done(["export", id, "-o", pcapng.to_str().unwrap()]);
    let kept: u64 = fs::read_dir(payloads).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum();
    assert_eq!(kept, 8_500);
}
