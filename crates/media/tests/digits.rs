//! Digits in audio: heard where they are, and nowhere else.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in its helping functions too")]
#![expect(clippy::print_stdout, reason = "a score is told")]

mod script;

use earwitness_media::Digits;
use earwitness_model::{Codec, Dtmf, DtmfVia, Leg, PacketTime, Pii, Segment, TrackIndex};
use earwitness_testkit::Random;
use g711::{Law, encode_sample};
use script::{MS, START, Spoken, program::piped, segment, spoken, track};

const PACKET: usize = 160;
/// The level of a tone whose peak is 32,124.
#[expect(clippy::approx_constant, reason = "it is the overload level of A-law, G.711 and not a circle")]
const LOUDEST_DBM0: f64 = 3.14;
const KEYS: [(char, f64, f64); 16] = [
    ('1', 697.0, 1209.0),
    ('2', 697.0, 1336.0),
    ('3', 697.0, 1477.0),
    ('A', 697.0, 1633.0),
    ('4', 770.0, 1209.0),
    ('5', 770.0, 1336.0),
    ('6', 770.0, 1477.0),
    ('B', 770.0, 1633.0),
    ('7', 852.0, 1209.0),
    ('8', 852.0, 1336.0),
    ('9', 852.0, 1477.0),
    ('C', 852.0, 1633.0),
    ('*', 941.0, 1209.0),
    ('0', 941.0, 1336.0),
    ('#', 941.0, 1477.0),
    ('D', 941.0, 1633.0),
];

/// Packets of 20 ms of a track's audio, from `START` on.
fn packets(index: u16, law: Law, samples: &[i16]) -> Vec<Spoken> {
    let payload_type = match law {
        Law::A => 8,
        Law::Mu => 0,
    };
    let packet = |(n, samples): (usize, &[i16])| Spoken {
        track: index,
        payload_type,
        payload: samples.iter().map(|sample| encode_sample(law, *sample)).collect(),
        ..spoken(n as u32, (n * PACKET) as u32, n as i64 * 20, (0, 0))
    };
    samples.chunks_exact(PACKET).enumerate().map(packet).collect()
}

fn listening(tracks: u16) -> Digits {
    let mut digits = Digits::default();
    for index in 0..tracks {
        let of = (TrackIndex(index), track(Leg::Caller, index as u8));
        digits.handle_stream(of, 8, Some(&Codec::Pcma));
        digits.handle_stream(of, 0, Some(&Codec::Pcmu));
    }
    digits
}

/// What is heard in one track, nothing signalled.
fn heard(law: Law, samples: &[i16]) -> Vec<Dtmf> {
    let mut digits = listening(1);
    for packets in packets(0, law, samples).chunks(25) {
        digits.handle_segment(&segment(packets));
    }
    digits.finish(&[])
}

fn told(presses: &[Dtmf]) -> String {
    presses.iter().map(|press| *press.digit.expose()).collect()
}

/// A normal deviate (Box and Muller).
fn deviate(random: &mut Random) -> f64 {
    let unit = |random: &mut Random| (random.below(1 << 30) as f64 + 0.5) / f64::from(1u32 << 30);
    let (one, two) = (unit(random), unit(random));
    (-2.0 * one.ln()).sqrt() * (std::f64::consts::TAU * two).cos()
}

/// Adds `ms` of the key's tones at `at`, `dbm0` together, the upper `twist` dB to the lower.
fn sound(samples: &mut [f64], at: usize, (key, ms): (usize, usize), (dbm0, twist): (f64, f64)) {
    let (_, low, high) = KEYS[key];
    let ratio = 10f64.powf(twist / 10.0);
    let whole = 32_124.0 * 10f64.powf((dbm0 - LOUDEST_DBM0) / 20.0);
    let (lower, upper) = (whole * (1.0 / (1.0 + ratio)).sqrt(), whole * (ratio / (1.0 + ratio)).sqrt());
    for n in 0..ms * 8 {
        let turn = |frequency: f64| (std::f64::consts::TAU * frequency * n as f64 / 8000.0).sin();
        samples[at + n] += lower * turn(low) + upper * turn(high);
    }
}

#[test]
fn digits_of_fifty_ms_at_twenty_db_above_noise_are_heard() {
    const EACH: usize = 160;
    let mut random = Random::new(2198);
    let (mut sent, mut right, mut wrong) = (0, 0, Vec::new());
    for law in [Law::A, Law::Mu] {
        for twist in [-8.0, -4.0, 0.0, 4.0] {
            for ms in [50, 60, 100] {
                let mut samples = vec![0.0; EACH * 1600 + 1600];
                let mut expected = String::new();
                for press in 0..EACH {
                    let at = 400 + press * 1600 + random.below(400) as usize;
                    let key = press % KEYS.len();
                    let dbm0 = -20.0 + random.below(14) as f64;
                    sound(&mut samples, at, (key, ms), (dbm0, twist));
                    // The noise is 20 dB under this digit, all about it.
                    let noise = 32_124.0 / 2f64.sqrt() * 10f64.powf((dbm0 - 20.0 - LOUDEST_DBM0) / 20.0);
                    for sample in &mut samples[400 + press * 1600..2000 + press * 1600] {
                        *sample += noise * deviate(&mut random);
                    }
                    expected.push(KEYS[key].0);
                }
                let samples: Vec<i16> = samples.iter().map(|sample| *sample as i16).collect();
                let presses = heard(law, &samples);
                sent += EACH;
                let found = told(&presses);
                let missed = expected.len().saturating_sub(found.len());
                if found == expected {
                    right += EACH;
                } else {
                    right += EACH - missed.max(1);
                    wrong.push(format!("{law:?} {twist} dB {ms} ms: {} of {EACH}", found.len()));
                }
                let far = presses.iter().filter(|press| press.ms.abs_diff(ms as u32) > 12).count();
                assert!(far * 20 <= EACH, "{law:?} {twist} dB: {far} lengths are far from {ms} ms");
            }
        }
    }
    println!("score: {right} of {sent} digits, {wrong:?}");
    assert!(right * 100 >= sent * 99, "{right} of {sent}: {wrong:?}");
}

#[test]
fn a_press_is_told_when_it_was_and_whose() {
    let mut samples = vec![0.0; 16_000];
    sound(&mut samples, 4_000, (5, 100), (-10.0, 0.0));
    let samples: Vec<i16> = samples.iter().map(|sample| *sample as i16).collect();
    let presses = heard(Law::A, &samples);
    assert_eq!(
        (told(&presses).as_str(), presses[0].leg, presses[0].via),
        ("5", Leg::Caller, DtmfVia::Inband)
    );
    let at = presses[0].at.since(START) / MS;
    assert!((490..=510).contains(&at) && presses[0].ms.abs_diff(100) <= 10, "{at} {}", presses[0].ms);
}

/// Half a second of silence, key 5 for 100 ms, silence.
fn one_press() -> Vec<i16> {
    let mut samples = vec![0.0; 16_000];
    sound(&mut samples, 4_000, (5, 100), (-10.0, 0.0));
    samples.iter().map(|sample| *sample as i16).collect()
}

#[test]
fn what_was_signalled_is_not_told_again() {
    let press = |ms: i64, digit, leg| Dtmf {
        at: START.plus_nanos(ms * MS),
        digit: Pii::new(digit),
        leg,
        via: DtmfVia::Rfc4733,
        ms: 100,
    };
    for (signalled, expected) in [
        (vec![press(540, '5', Leg::Caller)], ""),
        (vec![press(900, '5', Leg::Caller)], ""),
        (
            vec![press(540, '6', Leg::Caller), press(540, '5', Leg::Callee), press(1500, '5', Leg::Caller)],
            "5",
        ),
        (vec![], "5"),
    ] {
        let mut digits = listening(1);
        digits.handle_segment(&segment(&packets(0, Law::A, &one_press())));
        assert_eq!(told(&digits.finish(&signalled)), expected);
    }
}

#[test]
fn a_voice_that_is_heard_before_and_behind_an_exchange_pressed_once() {
    let mut digits = listening(2);
    for index in 0..2 {
        digits.handle_segment(&segment(&packets(index, Law::Mu, &one_press())));
    }
    assert_eq!(told(&digits.finish(&[])), "5");
}

#[test]
fn lost_late_and_doubled_packets_make_no_second_press() {
    let all = packets(0, Law::A, &one_press());
    let check = |order: &dyn Fn(&[Spoken]) -> Vec<Spoken>| {
        let mut digits = listening(1);
        digits.handle_segment(&segment(&order(&all)));
        assert_eq!(told(&digits.finish(&[])), "5");
    };
    let without = |place: usize| move |all: &[Spoken]| [&all[..place], &all[place + 1..]].concat();
    (24..31).for_each(|place| check(&without(place)));
    check(&|all| {
        let mut all = all.to_vec();
        all.swap(27, 28);
        all
    });
    check(&|all| all.iter().flat_map(|packet| [packet.clone(), packet.clone()]).collect());
    // The sender begins its clock anew.
    check(&|all| {
        let anew = |packet: &Spoken| Spoken {
            rtp_time: packet.rtp_time.wrapping_add(0x9000_0000),
            ..packet.clone()
        };
        all.iter().enumerate().map(|(n, packet)| if n < 40 { packet.clone() } else { anew(packet) }).collect()
    });
}

#[test]
fn a_key_before_a_pause_is_told_when_it_was_and_not_after_the_pause() {
    const PAUSE_MS: i64 = 15_000;
    let (press, all) = (START.plus_nanos(540 * MS), packets(0, Law::A, &one_press()));
    // The last of the key's packets is the 30th. In the pause the sender's clock goes on, stands still, or begins anew.
    for leap in [120_000u32, 0, 0x9000_0000] {
        let after_pause = |(n, packet): (usize, &Spoken)| match n {
            0..30 => packet.clone(),
            _ => Spoken {
                rtp_time: packet.rtp_time.wrapping_add(leap),
                arrival: packet.arrival + PAUSE_MS * MS,
                ..packet.clone()
            },
        };
        let paused: Vec<Spoken> = all.iter().enumerate().map(after_pause).collect();
        let heard = |signalled: &[Dtmf]| {
            let mut digits = listening(1);
            paused.chunks(10).for_each(|packets| digits.handle_segment(&segment(packets)));
            digits.finish(signalled)
        };
        let told: Vec<_> =
            heard(&[]).iter().map(|key| (*key.digit.expose(), key.at.since(START) / MS)).collect();
        assert!(matches!(told[..], [('5', 490..=510)]), "{leap}: {told:?}");
        let (digit, leg, via) = (Pii::new('5'), Leg::Caller, DtmfVia::Rfc4733);
        assert_eq!(heard(&[Dtmf { at: press, digit, leg, via, ms: 100 }]), [], "{leap}");
    }
}

#[test]
fn other_encodings_are_not_listened_to_and_nonsense_is_no_digit() {
    let mut digits = Digits::default();
    digits.handle_stream((TrackIndex(0), track(Leg::Caller, 0)), 8, Some(&Codec::Gsm));
    digits.handle_segment(&segment(&packets(0, Law::A, &one_press())));
    assert_eq!(digits.finish(&[]), []);
    let mut random = Random::new(7);
    let noise: Vec<i16> = (0..80_000).map(|_| random.below(65_536) as u16 as i16).collect();
    assert_eq!(told(&heard(Law::Mu, &noise)), "");
    let mut digits = listening(1);
    let empty = Segment { bytes: vec![], ..segment(&[]) };
    digits.handle_segment(&empty);
    assert_eq!(digits.finish(&[]), []);
}

/// Speech by voices and at paces that take turns, at 8 kHz; `None` where there is no program for it.
fn speech(text: &str, (voice, pace): (&str, u32)) -> Option<Vec<i16>> {
    let wav =
        piped("espeak-ng", &["-v", voice, "-s", &pace.to_string(), "--stdout", "--stdin"], text.into())?;
    let raw = piped(
        "sox",
        &["-t", "wav", "-", "-t", "raw", "-r", "8000", "-c", "1", "-e", "signed", "-b", "16", "-"],
        wav,
    )?;
    Some(raw.as_chunks::<2>().0.iter().map(|word| i16::from_le_bytes(*word)).collect())
}

/// Seconds of speech that were listened to, and the digits that were none.
fn false_starts(seconds: f64) -> Option<(f64, String)> {
    const VOICES: [&str; 10] =
        ["en-us", "en-us+f3", "ko", "ko+f2", "en-gb+m7", "de+f4", "fr", "cmn+f1", "en-us+croak", "ja+f5"];
    const TEXT: &str = include_str!("../../../capture-rules/README.md");
    let lines: Vec<&str> = TEXT.lines().filter(|line| line.len() > 20).collect();
    let (mut listened, mut found) = (0.0, String::new());
    let mut random = Random::new(1963);
    let mut turn = 0;
    while listened < seconds {
        let text: Vec<&str> = (0..40).map(|_| lines[random.below(lines.len() as u64) as usize]).collect();
        let pace = 110 + random.below(140) as u32;
        let samples = speech(&text.join("\n"), (VOICES[turn % VOICES.len()], pace))?;
        let law = if turn % 2 == 0 { Law::A } else { Law::Mu };
        found += &told(&heard(law, &samples));
        listened += samples.len() as f64 / 8000.0;
        turn += 1;
    }
    Some((listened, found))
}

fn check_speech(seconds: f64) {
    let Some((listened, found)) = false_starts(seconds) else {
        println!("left out: espeak-ng or sox is not installed");
        return;
    };
    println!("score: {} false starts in {:.0} s of speech", found.len(), listened);
    assert_eq!(found, "", "in {listened} s");
}

#[test]
fn a_few_minutes_of_speech_are_no_digits() {
    check_speech(240.0);
}

#[test]
#[ignore = "an hour of speech takes minutes"]
fn an_hour_of_speech_is_no_digits() {
    check_speech(3600.0);
}

#[test]
fn times_are_those_of_the_capture() {
    // A digit that ends with the call, in a call that began long ago.
    let mut samples = vec![0.0; 8_000];
    sound(&mut samples, 7_200, (15, 100), (-10.0, 0.0));
    let samples: Vec<i16> = samples.iter().map(|sample| *sample as i16).collect();
    let presses = heard(Law::Mu, &samples);
    assert_eq!(told(&presses), "D");
    assert!(presses[0].at > PacketTime::EPOCH && (presses[0].at.since(START) / MS - 900).abs() <= 10);
}
