//! Audible things to say: tones, melodies and something like speech, at 8 kHz.

use std::f64::consts::TAU;

use crate::Random;

/// Samples in a second.
pub const RATE: u32 = 8_000;

/// What a leg says.
#[derive(Debug, Clone, PartialEq)]
pub enum Voice {
    /// Nothing.
    Silence,
    /// A tone of so many Hz.
    Tone(f64),
    /// Notes of 0.4 s, in Hz, over and over; 0 is a pause.
    Melody(Vec<f64>),
    /// Syllables of a voice that the seed decides: pitch, vowels, pauses between phrases. It is not a language.
    Speech(u64),
    /// White noise of a seed.
    Noise(u64),
}

/// Formants F1, F2, F3 in Hz of a, e, i, o, u (Peterson and Barney, 1952, adults, rounded).
const VOWELS: [[f64; 3]; 5] = [
    [730., 1090., 2440.],
    [530., 1840., 2480.],
    [270., 2290., 3010.],
    [570., 840., 2410.],
    [300., 870., 2240.],
];
/// How sharp a formant is and how loud: bandwidth in Hz, gain.
const FORMANTS: [(f64, f64); 3] = [(80.0, 1.0), (110.0, 0.5), (160.0, 0.25)];
/// The length of a syllable, in samples.
const SYLLABLE: u32 = RATE / 5;
/// Syllables of a phrase and of the pause after it.
const PHRASE: (u32, u32) = (7, 3);

impl Voice {
    /// `length` samples, from sample `from` of what is said: the same as a cut from the whole.
    #[must_use]
    pub fn samples(&self, from: u32, length: u32) -> Vec<i16> {
        let mut said = Syllable::default();
        let mut level = |at: u32| -> f64 {
            let seconds = f64::from(at) / f64::from(RATE);
            match self {
                Self::Silence => 0.0,
                Self::Tone(hertz) => 0.4 * (TAU * hertz * seconds).sin(),
                Self::Melody(notes) => melody(notes, at),
                Self::Speech(seed) => {
                    if said.weights.is_empty() || said.index != at / SYLLABLE {
                        said = Syllable::of(*seed, at / SYLLABLE);
                    }
                    said.level(at % SYLLABLE)
                }
                Self::Noise(seed) => {
                    Random::keyed(&[*seed, u64::from(at)]).below(2_000) as f64 / 10_000.0 - 0.1
                }
            }
        };
        let levels = (from..from.saturating_add(length)).map(&mut level);
        levels.map(|level| (level.clamp(-1.0, 1.0) * 30_000.0) as i16).collect()
    }
}

fn melody(notes: &[f64], at: u32) -> f64 {
    let length = RATE * 2 / 5;
    let (index, within) = ((at / length) as usize, at % length);
    let Some(hertz) = notes.get(index % notes.len().max(1)) else { return 0.0 };
    let phase = TAU * hertz * f64::from(within) / f64::from(RATE);
    let fade = 1.0 - f64::from(within) / f64::from(length);
    let attack = (f64::from(within) / 80.0).min(1.0);
    0.4 * fade * attack * (phase.sin() + 0.3 * (2.0 * phase).sin())
}

/// A syllable: harmonics of its pitch, weighted by the formants of its vowel.
#[derive(Debug, Default)]
struct Syllable {
    index: u32,
    pitch: f64,
    /// Of the harmonics from the first on; none in a pause.
    weights: Vec<f64>,
}

impl Syllable {
    fn of(seed: u64, index: u32) -> Self {
        if index % (PHRASE.0 + PHRASE.1) >= PHRASE.0 {
            return Self { index, pitch: 0.0, weights: vec![0.0] };
        }
        let base = 95.0 + Random::keyed(&[seed]).below(120) as f64;
        let mut random = Random::keyed(&[seed, u64::from(index)]);
        let vowel = VOWELS[random.below(VOWELS.len() as u64) as usize];
        let pitch = base + random.below(25) as f64;
        let weight = |n: u32| -> f64 {
            let hertz = pitch * f64::from(n);
            let formant = |(centre, (width, gain)): (&f64, (f64, f64))| {
                gain / (1.0 + ((hertz - centre) / width).powi(2))
            };
            vowel.iter().zip(FORMANTS).map(formant).sum::<f64>() / f64::from(n).sqrt()
        };
        Self { index, pitch, weights: (1..=(3_400.0 / pitch) as u32).map(weight).collect() }
    }

    /// The level at a sample of the syllable. The sines of the multiples of an angle follow from those of the two before:
    /// sin (n + 1)φ = 2 cos φ sin nφ − sin (n − 1)φ.
    fn level(&self, at: u32) -> f64 {
        let part = f64::from(at) / f64::from(SYLLABLE);
        let envelope = (part * 8.0).min(1.0) * ((1.0 - part) * 5.0).min(1.0);
        let angle = TAU * self.pitch * f64::from(at) / f64::from(RATE);
        let (twice_cosine, mut before, mut sine) = (2.0 * angle.cos(), 0.0, angle.sin());
        let mut sum = 0.0;
        for weight in &self.weights {
            sum += weight * sine;
            (before, sine) = (sine, twice_cosine * sine - before);
        }
        (0.5 * envelope * sum).clamp(-0.9, 0.9)
    }
}

/// Note names to Hz: `A4` is 440, `C#5` is sharp, `-` is a pause. `None` if it is no note.
#[must_use]
pub fn note(name: &str) -> Option<f64> {
    if name == "-" {
        return Some(0.0);
    }
    let (letter, rest) = name.split_at_checked(1)?;
    let semitone = match letter {
        "C" => 0,
        "D" => 2,
        "E" => 4,
        "F" => 5,
        "G" => 7,
        "A" => 9,
        "B" => 11,
        _ => return None,
    };
    let (sharp, octave) = rest.strip_prefix('#').map_or((0, rest), |octave| (1, octave));
    let octave: i32 = octave.parse().ok().filter(|octave| (0..=8).contains(octave))?;
    Some(440.0 * 2_f64.powf(f64::from(semitone + sharp + 12 * (octave - 4) - 9) / 12.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_part_is_a_cut_from_the_whole() {
        for voice in
            [Voice::Tone(440.0), Voice::Melody(vec![440.0, 0.0, 660.0]), Voice::Speech(7), Voice::Noise(1)]
        {
            let whole = voice.samples(0, 16_000);
            assert_eq!(voice.samples(12_345, 160), whole[12_345..12_505], "{voice:?}");
            let loudest = whole.iter().map(|sample| sample.unsigned_abs()).max().unwrap();
            assert!((2_000..=30_000).contains(&loudest), "{voice:?} peaks at {loudest}");
        }
        assert_eq!(Voice::Melody(Vec::new()).samples(0, 3), [0; 3]);
    }

    #[test]
    fn speech_pauses_between_phrases_and_voices_differ() {
        let pause = Voice::Speech(7).samples(SYLLABLE * PHRASE.0, SYLLABLE * PHRASE.1);
        assert!(pause.iter().all(|sample| *sample == 0));
        assert_ne!(Voice::Speech(7).samples(0, 800), Voice::Speech(8).samples(0, 800));
    }

    #[test]
    fn notes_are_in_concert_pitch() {
        assert_eq!(note("A4"), Some(440.0));
        assert_eq!(note("A5"), Some(880.0));
        assert!((note("C4").unwrap() - 261.6256).abs() < 1e-3);
        assert!((note("C#5").unwrap() - 554.3653).abs() < 1e-3);
        assert_eq!((note("-"), note("H4"), note("A"), note("")), (Some(0.0), None, None, None));
    }
}
