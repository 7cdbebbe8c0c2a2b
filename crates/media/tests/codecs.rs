//! Every decoder against somebody else's: the ITU's vectors, other programs, and sums that others' decoders gave.
#![expect(clippy::disallowed_methods, reason = "a test reads vectors")]
#![expect(clippy::unwrap_used, reason = "what cannot be unwrapped fails the test")]

mod script;

use std::path::PathBuf;

use earwitness_media::export::{WavOptions, wav};
use earwitness_model::Codec;
use script::{MS, Outline, Spoken, program::piped, spoken};

/// A sender's RTP clock, and its units in a packet.
#[derive(Clone, Copy)]
struct Pace {
    clock: u32,
    units: u32,
}

/// The caller's packets in `codec`, decoded: samples per second, and the samples.
fn decoded(codec: &Codec, pace: Pace, packets: &[&[u8]]) -> (u32, Vec<i16>) {
    let outline = Outline { formats: vec![(96, Some(codec.clone()))], end: Some(0), ..Outline::default() };
    let said: Vec<Spoken> = (0u32..)
        .zip(packets)
        .map(|(n, payload)| Spoken {
            payload_type: 96,
            payload: payload.to_vec(),
            arrival: i64::from(n * pace.units) * 1_000 * MS / i64::from(pace.clock),
            ..spoken(n, n * pace.units, 0, (0, 0))
        })
        .collect();
    let mut out = Vec::new();
    let exported = wav(&outline.call(&said), WavOptions::default(), &mut out).unwrap();
    assert_eq!((exported.packets, exported.not_decoded.len()), (packets.len() as u64, 0));
    assert_eq!(out[24..28], exported.rate.to_le_bytes());
    let words = out[44..].as_chunks::<4>().0.iter();
    (exported.rate, words.map(|word| i16::from_le_bytes([word[0], word[1]])).collect())
}

/// Octets of no meaning, the same ones everywhere.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 11) as u8
    };
    (0..length).map(|_| next()).collect()
}

/// CRC-32 (IEEE) of little-endian samples.
fn sum(samples: &[i16]) -> u32 {
    !samples.iter().flat_map(|sample| sample.to_le_bytes()).fold(!0, |mut crc: u32, octet| {
        crc ^= u32::from(octet);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
        crc
    })
}

fn vectors(name: &str) -> Option<Vec<u16>> {
    let corpus = PathBuf::from(std::env::var_os("EARWITNESS_CORPUS")?);
    let bytes = std::fs::read(corpus.join("vectors_g722").join(name)).unwrap();
    Some(bytes.as_chunks::<2>().0.iter().map(|word| u16::from_le_bytes(*word)).collect())
}

#[test]
fn g722_equals_the_itu_vectors_sample_for_sample() {
    let (Some(codes), Some(expected)) = (vectors("codspw.cod"), vectors("outsp1.bin")) else {
        println!("left out: EARWITNESS_CORPUS is not set");
        return;
    };
    let payload: Vec<u8> = codes.iter().map(|code| *code as u8).collect();
    let packets: Vec<&[u8]> = payload.chunks(160).collect();
    let (rate, samples) = decoded(&Codec::G722, Pace { clock: 8_000, units: 160 }, &packets);
    assert_eq!((rate, samples.len()), (16_000, expected.len()));
    let differs = samples.iter().zip(&expected).position(|(sample, expected)| *sample as u16 != *expected);
    assert_eq!(differs, None);
}

#[test]
fn opus_is_the_tone_that_was_encoded_in_every_mode_and_length() {
    // SILK at 8 and 16 kHz and CELT at 48, 10 to 60 ms, one channel and two.
    for (rate, frame_ms, bitrate, channels) in
        [(8_000, 20, 10_000, 1), (16_000, 60, 16_000, 1), (48_000, 10, 64_000, 1), (48_000, 20, 96_000, 2)]
    {
        let mut encoder = opus_pure::OpusEncoder::new(rate, channels, opus_pure::Application::Voip).unwrap();
        encoder.bitrate_bps = bitrate;
        let length = (rate / 1_000 * frame_ms) as usize;
        let mut packets = Vec::new();
        for n in 0..3_000 / frame_ms {
            let sample = |at: usize| {
                let time = (n as usize * length + at / channels) as f32 / rate as f32;
                0.3 * (2.0 * std::f32::consts::PI * 500.0 * time).sin()
            };
            let pcm: Vec<f32> = (0..length * channels).map(sample).collect();
            let mut packet = vec![0; 4_000];
            let octets = encoder.encode(&pcm, length, &mut packet).unwrap();
            packet.truncate(octets);
            packets.push(packet);
        }
        let packets: Vec<&[u8]> = packets.iter().map(Vec::as_slice).collect();
        let pace = Pace { clock: 48_000, units: frame_ms as u32 * 48 };
        let (heard_rate, samples) = decoded(&Codec::from_rtpmap("opus", 48_000, Some(2)), pace, &packets);
        assert_eq!((heard_rate, samples.len()), (48_000, 144_000));
        // A second from the middle: 500 times up through zero, and as loud as what went in.
        let second = &samples[48_000..96_000];
        let ups = second.windows(2).filter(|pair| pair[0] < 0 && pair[1] >= 0).count();
        assert!((499..=501).contains(&ups), "{rate} Hz: {ups}");
        let power = second.iter().map(|&sample| f64::from(sample).powi(2)).sum::<f64>() / 48_000.0;
        let expected = (0.3 * 32_768.0_f64).powi(2) / 2.0;
        assert!((0.7..1.3).contains(&(power / expected)), "{rate} Hz: {power} of {expected}");
    }
}

#[test]
fn linear_samples_are_as_they_were_sent_and_two_channels_are_their_mean() {
    let payload: Vec<u8> = [1_000i16, -1_000, 32_767, 32_766].iter().flat_map(|s| s.to_be_bytes()).collect();
    let pace = Pace { clock: 16_000, units: 4 };
    let one = decoded(&Codec::from_rtpmap("L16", 16_000, None), pace, &[&payload]);
    assert_eq!(one, (16_000, vec![1_000, -1_000, 32_767, 32_766]));
    let two =
        decoded(&Codec::from_rtpmap("L16", 44_100, Some(2)), Pace { clock: 44_100, units: 2 }, &[&payload]);
    assert_eq!(two, (44_100, vec![0, 32_766]));
}

#[test]
fn gsm_equals_what_sox_decodes_sample_for_sample() {
    let mut frames = noise(33 * 500);
    frames.chunks_mut(33).for_each(|frame| frame[0] = 0xd0 | frame[0] & 0x0f);
    let packets: Vec<&[u8]> = frames.chunks(66).collect();
    let (rate, samples) = decoded(&Codec::Gsm, Pace { clock: 8_000, units: 320 }, &packets);
    assert_eq!((rate, samples.len()), (8_000, 80_000));
    let args = ["-D", "-t", "gsm", "-r", "8000", "-c", "1", "-", "-t", "s16", "-"];
    let Some(expected) = piped("sox", &args, frames) else {
        println!("left out: sox is not installed");
        return;
    };
    let expected = expected.as_chunks::<2>().0.iter().map(|word| i16::from_le_bytes(*word));
    assert!(samples.iter().copied().eq(expected));
}

/// The sums are of what spandsp 0.0.6 makes of the same octets, its overflows (2 % of the samples: the codes are noise)
/// clipped as ours are.
#[test]
fn g726_equals_spandsp_in_every_rate_and_packing() {
    for (name, bits, expected) in [
        ("G726-16", 2, 0xfaee_9615),
        ("G726-24", 3, 0xd6cb_6001),
        ("G726-32", 4, 0x624c_6541),
        ("G726-40", 5, 0x4931_f0e6),
        ("AAL2-G726-16", 2, 0xc139_66ae),
        ("AAL2-G726-24", 3, 0xcf5f_c73f),
        ("AAL2-G726-32", 4, 0x341c_ddd3),
        ("AAL2-G726-40", 5, 0xd561_3cee),
    ] {
        let payload = noise(20 * bits * 500);
        let packets: Vec<&[u8]> = payload.chunks(20 * bits).collect();
        let codec = Codec::from_rtpmap(name, 8_000, None);
        let (rate, samples) = decoded(&codec, Pace { clock: 8_000, units: 160 }, &packets);
        assert_eq!((rate, samples.len()), (8_000, 80_000));
        assert_eq!(sum(&samples), expected, "{name}");
    }
}
