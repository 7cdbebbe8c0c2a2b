//! What voices are said to be like.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in its helping functions too")]

mod script;

use earwitness_media::{Sound, sound};
use earwitness_model::Leg;
use earwitness_testkit::audio::Voice;
use g711::{Law, encode_sample};
use script::{Outline, Spoken, spoken, track};

/// A call of two voices, at 8 kHz.
fn told(caller: &[i16], callee: &[i16]) -> [Sound; 2] {
    let of = |index: u16, samples: &[i16]| -> Vec<Spoken> {
        let packet = |(n, samples): (usize, &[i16])| Spoken {
            track: index,
            payload: samples.iter().map(|sample| encode_sample(Law::A, *sample)).collect(),
            ..spoken(n as u32, (n * 160) as u32, n as i64 * 20, (0, 0))
        };
        samples.chunks(160).enumerate().map(packet).collect()
    };
    let outline = Outline {
        tracks: vec![track(Leg::Caller, 0), track(Leg::Callee, 0)],
        end: Some(caller.len().max(callee.len()) as i64 / 8),
        ..Outline::default()
    };
    sound(&outline.call(&[of(0, caller), of(1, callee)].concat())).unwrap()
}

fn sine(peak: f64, samples: usize) -> Vec<i16> {
    (0..samples).map(|n| (peak * (std::f64::consts::TAU * 1000.3 * n as f64 / 8000.0).sin()) as i16).collect()
}

#[test]
fn levels_and_silence_are_those_of_the_samples() {
    let half = [sine(3_212.4, 80_000), vec![0; 80_000]].concat();
    let [caller, callee] = told(&half, &[]);
    assert!((caller.level_dbm0.unwrap() - -16.86).abs() < 0.1, "{caller:?}");
    assert!((caller.silent_percent - 50.0).abs() < 0.5 && (caller.seconds - 20.0).abs() < 0.01, "{caller:?}");
    assert_eq!((callee.level_dbm0, callee.silent_percent, callee.clipped), (None, 100.0, 0));
}

#[test]
fn a_voice_that_was_driven_into_the_limits_is_clipped_and_a_loud_one_is_not() {
    let driven: Vec<i16> = sine(30_000.0, 8_000).iter().map(|sample| sample.saturating_mul(4)).collect();
    let [caller, callee] = told(&driven, &sine(24_000.0, 8_000));
    assert!(caller.clipped > 4_000, "{caller:?}");
    assert_eq!(callee.clipped, 0);
}

#[test]
fn a_voice_that_comes_back_is_an_echo_and_two_that_speak_are_none() {
    let (one, other) = (Voice::Speech(1).samples(0, 64_000), Voice::Speech(2).samples(0, 64_000));
    assert_eq!(told(&one, &other).map(|sound| sound.echo), [None, None]);
    for (delay_ms, part) in [(12usize, 4), (180, 10), (430, 8)] {
        let mut back = vec![0i16; delay_ms * 8];
        back.extend(one.iter().map(|sample| sample / part));
        back.truncate(one.len());
        let [caller, callee] = told(&one, &back);
        let echo = caller.echo.unwrap();
        let weaker = 20.0 * f64::from(part).log10();
        assert!((echo.delay_ms - delay_ms as f64).abs() < 1.0, "{delay_ms} {echo:?}");
        assert!((echo.weaker_db - weaker).abs() < 1.5, "{echo:?} {weaker}");
        assert_eq!(callee.echo, None, "the echo is not the speaker");
    }
}

#[test]
fn a_tone_that_both_send_is_no_echo() {
    let (loud, faint) = (sine(12_000.0, 64_000), sine(600.0, 64_000));
    assert_eq!(told(&loud, &faint).map(|sound| sound.echo), [None, None]);
}

#[test]
fn a_call_without_audio_is_silent() {
    let [caller, callee] = told(&[], &[]);
    assert_eq!((caller.silent_percent, caller.level_dbm0, caller), (100.0, None, callee));
}
