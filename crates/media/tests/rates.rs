//! Calls whose voices have several encodings: rates, resampling, concealment, redundancy.
#![expect(clippy::unwrap_used, reason = "what cannot be unwrapped fails the test")]

mod script;

use earwitness_media::export::{Exported, WavOptions, wav};
use earwitness_model::{Leg, PayloadKind};
use g711::Law;
use script::{Outline, Spoken, spoken};

struct Heard {
    exported: Exported,
    samples: Vec<[i16; 2]>,
}

impl Heard {
    fn of(end: i64, packets: &[Spoken], conceal: bool) -> Self {
        let mut out = Vec::new();
        let outline = Outline { end: Some(end), ..Outline::default() };
        let options = WavOptions { conceal, ..WavOptions::default() };
        let exported = wav(&outline.call(packets), options, &mut out).unwrap();
        let words = out[44..].as_chunks::<4>().0.iter();
        let samples = words.map(|w| [i16::from_le_bytes([w[0], w[1]]), i16::from_le_bytes([w[2], w[3]])]);
        Self { exported, samples: samples.collect() }
    }

    /// Every `step`th sample of a leg.
    fn leg(&self, leg: Leg, step: usize) -> Vec<i16> {
        let at = if leg == Leg::Caller { 0 } else { 1 };
        self.samples.iter().step_by(step).map(|pair| pair[at]).collect()
    }
}

/// A packet of 20 ms in the stream of `of`, whose RTP clock counts `clock` a second.
fn packet(n: u32, of: (u16, u8), clock: u32, payload: Vec<u8>) -> Spoken {
    let (track, payload_type) = of;
    Spoken { track, payload_type, payload, ..spoken(n, n * (clock / 50), i64::from(n) * 20, (0, 0)) }
}

fn codes(n: u32) -> Vec<u8> {
    (0..160).map(|i| (n * 31 + i * 7) as u8).collect()
}

/// What Opus says when it is silent: 20 ms of CELT, nothing in it.
const OPUS: [u8; 3] = [0xf8, 0xff, 0xfe];

#[test]
fn a_wideband_party_sets_the_rate_and_the_other_keeps_its_samples() {
    let packets: Vec<Spoken> = (0..100)
        .flat_map(|n| [packet(n, (0, 8), 8_000, codes(n)), packet(n, (1, 9), 8_000, codes(n))])
        .collect();
    let heard = Heard::of(2_000, &packets, false);
    assert_eq!((heard.exported.rate, heard.exported.samples, heard.exported.packets), (16_000, 32_000, 200));
    let expected: Vec<i16> = (0..100).flat_map(codes).map(|code| g711::decode_sample(Law::A, code)).collect();
    assert_eq!(heard.leg(Leg::Caller, 2), expected, "every second sample is one that was sent");
}

#[test]
fn a_change_of_codec_in_mid_call_is_one_file_at_the_higher_rate_without_a_seam() {
    // A-law for a second, then Opus on the same SSRC, whose RTP clock is another, then A-law again.
    let packets: Vec<Spoken> = (0..150u32)
        .map(|n| match n / 50 {
            1 => packet(n, (0, 96), 48_000, OPUS.to_vec()),
            _ => packet(n, (0, 8), 8_000, codes(n)),
        })
        .collect();
    let heard = Heard::of(3_000, &packets, false);
    assert_eq!((heard.exported.rate, heard.exported.samples), (48_000, 144_000));
    let said = |n| codes(n).into_iter().map(|code| g711::decode_sample(Law::A, code));
    let narrow = heard.leg(Leg::Caller, 6);
    assert_eq!(narrow[..8_000], (0..50).flat_map(said).collect::<Vec<_>>());
    assert!(heard.leg(Leg::Caller, 1)[48_000..96_000].iter().all(|&sample| sample == 0));
    assert_eq!(narrow[16_000..], (100..150).flat_map(said).collect::<Vec<_>>());
}

#[test]
fn holes_are_silence_of_their_length_at_every_rate() {
    // G.722: lost packets, a telephone-event, comfort noise, and a pause without packets, in RTP time of 8 kHz.
    let mut event = packet(4, (0, 101), 8_000, vec![1, 10, 0, 160]);
    event.kind = PayloadKind::TelephoneEvent;
    let mut noise = packet(5, (0, 13), 8_000, vec![70]);
    noise.kind = PayloadKind::ComfortNoise;
    let voice = |n| packet(n, (0, 9), 8_000, vec![0xfa; 160]);
    let packets = [voice(0), voice(3), event, noise, voice(6), Spoken { sequence: 7, ..voice(40) }];
    let heard = Heard::of(900, &packets, false);
    assert_eq!((heard.exported.rate, heard.exported.samples), (16_000, 14_400));
    let caller = heard.leg(Leg::Caller, 1);
    let silent = |packets: std::ops::Range<usize>| {
        caller[packets.start * 320..packets.end * 320].iter().all(|&sample| sample == 0)
    };
    assert!(silent(1..3) && silent(4..6) && silent(7..40) && silent(41..45));
    for n in [0, 3, 6, 40] {
        assert!(!silent(n..n + 1), "packet {n} is heard");
    }
}

#[test]
fn concealment_fades_out_at_any_rate_and_opus_fills_its_own_gaps() {
    // 0x80 in A-law is a constant of 5,504; the callee is there to make the rate 48 kHz.
    let voice = |n| packet(n, (0, 8), 8_000, vec![0x80; 160]);
    let packets = [voice(0), voice(9), packet(0, (1, 96), 48_000, OPUS.to_vec())];
    let heard = Heard::of(200, &packets, true);
    let caller = heard.leg(Leg::Caller, 6);
    assert_eq!(caller[..240], [5_504; 240], "the packet and 10 ms");
    assert!(caller[241..640].windows(2).all(|pair| pair[0] >= pair[1] && pair[1] >= 0), "then it fades");
    assert!(caller[640..1_440].iter().all(|&sample| sample == 0), "to nothing after 60 ms");
    assert_eq!(Heard::of(200, &packets, false).leg(Leg::Caller, 6)[160..1_440], [0; 1_280]);

    let mut encoder = opus_pure::OpusEncoder::new(16_000, 1, opus_pure::Application::Voip).unwrap();
    let mut said = Vec::new();
    for n in 0..10u32 {
        let pcm: Vec<f32> = (0..320).map(|i| 0.3 * ((n * 320 + i) as f32 * 0.2).sin()).collect();
        let mut payload = vec![0; 1_000];
        let octets = encoder.encode(&pcm, 320, &mut payload).unwrap();
        payload.truncate(octets);
        said.push(packet(n, (0, 96), 48_000, payload));
    }
    said.remove(6);
    let gap = |heard: &Heard| {
        let samples = heard.leg(Leg::Caller, 1)[6 * 960..7 * 960].to_vec();
        samples.iter().map(|&sample| f64::from(sample).powi(2)).sum::<f64>() / 960.0
    };
    assert_eq!(gap(&Heard::of(200, &said, false)), 0.0);
    let filled = gap(&Heard::of(200, &said, true));
    assert!(filled > 1_000_000.0, "a voice of 7,000 goes on: {filled}");
}

#[test]
fn redundancy_is_heard_where_a_packet_is_missing_and_nowhere_else() {
    // RFC 2198: 20 ms before in A-law (160 units, 160 octets), then its own 20 ms.
    let carried = |n: u32| {
        let earlier = [vec![0x88, 0x02, 0x80, 160, 8], codes(n.wrapping_sub(1)), codes(n)].concat();
        packet(n, (0, 97), 8_000, earlier)
    };
    let all: Vec<Spoken> = (1..6).map(carried).collect();
    let (mut one_lost, mut two_lost) = (all.clone(), all.clone());
    one_lost.remove(2);
    two_lost.drain(1..3);
    let expected: Vec<i16> = (1..6).flat_map(codes).map(|code| g711::decode_sample(Law::A, code)).collect();
    let heard = |packets: &[Spoken]| {
        let heard = Heard::of(120, packets, false);
        assert!(heard.exported.not_decoded.is_empty());
        ((heard.exported.packets, heard.exported.recovered), heard.leg(Leg::Caller, 1)[160..].to_vec())
    };
    assert_eq!(heard(&all), ((5, 0), expected.clone()));
    assert_eq!(heard(&one_lost), ((4, 1), expected.clone()));
    let (counts, samples) = heard(&two_lost);
    assert_eq!(counts, (3, 1));
    assert_eq!(samples[..160], expected[..160]);
    assert_eq!(samples[160..320], [0; 160], "nobody carries it");
    assert_eq!(samples[320..], expected[320..]);
}

#[test]
fn redundancy_of_what_cannot_be_decoded_is_said_to_be_silent() {
    let g729 = packet(0, (0, 97), 8_000, [vec![18], codes(1)].concat());
    let torn = packet(1, (0, 97), 8_000, vec![0x88, 0x02]);
    let plain = packet(2, (0, 97), 8_000, [vec![8], codes(2)].concat());
    let heard = Heard::of(60, &[g729, torn, plain], false);
    let [silent] = &heard.exported.not_decoded[..] else { panic!("{:?}", heard.exported.not_decoded) };
    assert_eq!((silent.packets, silent.codec_name().as_str(), heard.exported.packets), (2, "red/8000", 1));
}
