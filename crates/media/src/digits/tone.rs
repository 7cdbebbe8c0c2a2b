//! Dual tones in linear samples (ITU-T Q.23), told from speech as Q.24 asks.
//!
//! ```text
//!            1209   1336   1477   1633 Hz
//!    697      1      2      3      A
//!    770      4      5      6      B
//!    852      7      8      9      C
//!    941      *      0      #      D
//! ```
//!
//! Looked at are 20 ms at a time, every 8 ms. A look hears a digit where nearly all there is are two tones, one of each group,
//! at the levels of a telephone (Q.24: the upper one at most 4 dB stronger and 8 dB weaker), each without its second
//! harmonic, which voices have. Frequencies are told by how far the phase turned between two looks, finer than 20 ms could
//! tell otherwise: within 1.5 % is a digit, beyond 3.5 % is none. Three looks in a row make a press, which is to say 40 ms
//! do and 23 do not; an interruption of 10 ms does not end it, one of 40 ms does.

use std::f32::consts::{PI, TAU};

/// Samples per second.
const RATE: f32 = 8_000.0;
/// Samples of a look.
const LOOK: usize = 160;
/// Samples from one look to the next.
const STEP: usize = 64;
/// The tones: four of the lower group, four of the upper.
const TONES: [f32; 8] = [697.0, 770.0, 852.0, 941.0, 1209.0, 1336.0, 1477.0, 1633.0];
/// By row and column.
const KEYS: [[char; 4]; 4] =
    [['1', '2', '3', 'A'], ['4', '5', '6', 'B'], ['7', '8', '9', 'C'], ['*', '0', '#', 'D']];
/// A look hears a tone that fills all but its edges, where the window is small: so many samples.
const EDGE: u64 = 16;
/// Looks in a row that make a press.
const LEAST_LOOKS: u32 = 3;
/// Looks in a row without it that end it.
const MOST_MISSES: u32 = 5;

/// Each tone at least this, as a square of its peak: −30 dBm0, of which 32,124 is +3.14.
const LEAST_POWER: f32 = 4.9e5;
/// Of all there is, the two tones are this much; one that is 1.5 % off shows as 0.72 of what it is.
const LEAST_SHARE: f32 = 0.75;
/// How many times stronger a tone is than any other of its group.
const LEAST_AHEAD: f32 = 4.0;
/// The upper tone to the lower, as a ratio of powers: Q.24 has −8 dB to +4, and a tone that is off shows weaker.
const TWIST: std::ops::RangeInclusive<f32> = 0.09..=3.16;
/// A second harmonic is less than this share of its tone.
const MOST_HARMONIC: f32 = 0.03;
/// The upper tone hides the second harmonic of the lower one when they are nearer than so many Hz: of 1 and 7, 697 twice is
/// 1394.
const HIDES: f32 = 150.0;
/// How far off a frequency may be.
const MOST_OFF: f32 = 0.022;

/// A digit that was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tone {
    pub(super) digit: char,
    /// Where it begins, in samples from the first.
    pub(super) from: u64,
    /// How long it is, in samples.
    pub(super) samples: u64,
}

/// The memory of one voice.
pub(super) struct Tones {
    /// The samples of the next look, as far as they came; `at` is the place of the first.
    waiting: Vec<f32>,
    at: u64,
    window: [f32; LOOK],
    before: Option<Heard>,
    press: Option<Press>,
}

/// What a look heard: a digit's place and the phases of its tones.
#[derive(Clone, Copy)]
struct Heard {
    row: usize,
    column: usize,
    phases: (f32, f32),
}

/// A digit that may be pressed.
#[derive(Clone, Copy)]
struct Press {
    row: usize,
    column: usize,
    /// The places of its first and its last look.
    first: u64,
    last: u64,
    /// Looks in a row.
    looks: u32,
    /// There were enough of them.
    sure: bool,
}

impl Tones {
    pub(super) fn new() -> Self {
        // A Hann window: what is beside a tone hardly shows under it.
        let window = std::array::from_fn(|n| 0.5 - 0.5 * (TAU * (n as f32 + 0.5) / LOOK as f32).cos());
        Self { waiting: Vec::with_capacity(2 * LOOK), at: 0, window, before: None, press: None }
    }

    /// Takes the next samples, and adds to `tones` what ended in them.
    pub(super) fn handle_samples(&mut self, samples: impl Iterator<Item = i16>, tones: &mut Vec<Tone>) {
        for sample in samples {
            self.waiting.push(f32::from(sample));
            if self.waiting.len() == LOOK {
                self.look(tones);
                self.waiting.drain(..STEP);
                self.at += STEP as u64;
            }
        }
    }

    /// `samples` are missing, and those that come next follow them: a digit goes on over a short hole.
    pub(super) fn handle_gap(&mut self, samples: u64, tones: &mut Vec<Tone>) {
        self.at += self.waiting.len() as u64 + samples;
        self.waiting.clear();
        self.before = None;
        if samples > (MOST_MISSES as usize * STEP + LOOK) as u64 {
            self.finish(tones);
        }
    }

    /// Nothing comes any more, or not for a while: what comes then does not go on from what came before.
    pub(super) fn finish(&mut self, tones: &mut Vec<Tone>) {
        self.finish_press(tones);
        self.at += self.waiting.len() as u64;
        self.waiting.clear();
        self.before = None;
    }

    /// Where the press begins that did not end yet, as its tone will have it.
    pub(super) fn pressed_from(&self) -> Option<u64> {
        self.press.map(|press| press.first + EDGE)
    }

    fn look(&mut self, tones: &mut Vec<Tone>) {
        let heard = self.heard();
        let before = std::mem::replace(&mut self.before, heard);
        let heard = heard.filter(|heard| before.is_none_or(|before| heard.goes_on_from(&before)));
        match (heard, &mut self.press) {
            (Some(heard), Some(press)) if press.is_of(&heard) => press.hear(self.at),
            (Some(heard), _) => {
                self.finish_press(tones);
                self.press = Some(Press::begin(&heard, self.at));
            }
            (None, Some(press)) => {
                press.looks = 0;
                if self.at - press.last >= u64::from(MOST_MISSES) * STEP as u64 {
                    self.finish_press(tones);
                }
            }
            (None, None) => {}
        }
    }

    fn finish_press(&mut self, tones: &mut Vec<Tone>) {
        tones.extend(self.press.take().and_then(Press::tone));
    }

    /// The digit that all of the look is.
    fn heard(&self) -> Option<Heard> {
        let look = self.waiting.first_chunk::<LOOK>()?;
        let mut windowed = [0.0; LOOK];
        let mut energy = 0.0;
        for ((out, sample), weight) in windowed.iter_mut().zip(look).zip(&self.window) {
            *out = sample * weight;
            energy += *out * *out;
        }
        // The weakest digit has more: most looks end here.
        if energy < 2.0 * LEAST_POWER * ENERGY_OF_TONE {
            return None;
        }
        let tones = spectrum(&windowed, TONES);
        let powers = tones.map(Line::power);
        let (row, column) = (loudest(&powers[..4])?, loudest(&powers[4..])?);
        let (lower, upper) = (powers[row], powers[4 + column]);
        let is_dual = lower.min(upper) >= LEAST_POWER
            && TWIST.contains(&(upper / lower))
            && (lower + upper) * ENERGY_OF_TONE >= LEAST_SHARE * energy;
        if !is_dual {
            return None;
        }
        let harmonics = [2.0 * TONES[row], 2.0 * TONES[4 + column]];
        let [of_lower, of_upper] = spectrum(&windowed, harmonics).map(Line::power);
        let is_hidden = (harmonics[0] - TONES[4 + column]).abs() < HIDES;
        let is_pure = (is_hidden || of_lower <= MOST_HARMONIC * lower) && of_upper <= MOST_HARMONIC * upper;
        is_pure.then(|| Heard { row, column, phases: (tones[row].phase(), tones[4 + column].phase()) })
    }
}

impl Heard {
    /// Whether it is the same digit, its frequencies right.
    fn goes_on_from(&self, before: &Self) -> bool {
        (self.row, self.column) == (before.row, before.column)
            && is_tuned(TONES[self.row], self.phases.0 - before.phases.0)
            && is_tuned(TONES[4 + self.column], self.phases.1 - before.phases.1)
    }
}

/// Whether a tone whose phase turned so far from one look to the next is near enough to its frequency.
fn is_tuned(frequency: f32, turned: f32) -> bool {
    let expected = TAU * frequency * STEP as f32 / RATE;
    let off = (turned - expected + PI).rem_euclid(TAU) - PI;
    (off * RATE / (TAU * STEP as f32)).abs() <= frequency * MOST_OFF
}

impl Press {
    const fn begin(heard: &Heard, at: u64) -> Self {
        Self { row: heard.row, column: heard.column, first: at, last: at, looks: 1, sure: false }
    }

    const fn is_of(&self, heard: &Heard) -> bool {
        self.row == heard.row && self.column == heard.column
    }

    const fn hear(&mut self, at: u64) {
        if !self.sure && self.looks == 0 {
            self.first = at;
        }
        self.last = at;
        self.looks += 1;
        self.sure |= self.looks >= LEAST_LOOKS;
    }

    fn tone(self) -> Option<Tone> {
        let samples = self.last - self.first + LOOK as u64 - 2 * EDGE;
        self.sure.then(|| Tone { digit: KEYS[self.row][self.column], from: self.first + EDGE, samples })
    }
}

/// The place of the tone that is far ahead of the others.
fn loudest(powers: &[f32]) -> Option<usize> {
    let (place, most) = powers.iter().copied().enumerate().max_by(|(_, a), (_, b)| a.total_cmp(b))?;
    let is_ahead =
        powers.iter().enumerate().all(|(other, power)| other == place || power * LEAST_AHEAD <= most);
    is_ahead.then_some(place)
}

/// Energy of a windowed tone of which the square of the peak is 1: half the sum of the window's squares, 3/8 of its length.
const ENERGY_OF_TONE: f32 = LOOK as f32 * 0.375 / 2.0;

/// What there is at one frequency.
#[derive(Clone, Copy)]
struct Line {
    real: f32,
    imaginary: f32,
}

impl Line {
    /// The square of the peak of a tone that fills the look.
    fn power(self) -> f32 {
        // The sum of a Hann window is half its length, and a tone has half its peak on either side of zero.
        let scale = 4.0 / LOOK as f32;
        (self.real * self.real + self.imaginary * self.imaginary) * scale * scale
    }

    fn phase(self) -> f32 {
        self.imaginary.atan2(self.real)
    }
}

/// Goertzel's recursion, for several frequencies at once.
fn spectrum<const N: usize>(windowed: &[f32; LOOK], frequencies: [f32; N]) -> [Line; N] {
    let angles = frequencies.map(|frequency| TAU * frequency / RATE);
    let coefficients = angles.map(|angle| 2.0 * angle.cos());
    let (mut one, mut two) = ([0.0f32; N], [0.0f32; N]);
    for sample in windowed {
        for n in 0..N {
            let next = sample + coefficients[n] * one[n] - two[n];
            two[n] = one[n];
            one[n] = next;
        }
    }
    std::array::from_fn(|n| Line {
        real: one[n] - two[n] * angles[n].cos(),
        imaginary: two[n] * angles[n].sin(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `ms` of silence, then tones of `frequencies` with peaks `peaks` for `ms`, then silence.
    fn heard(frequencies: (f32, f32), peaks: (f32, f32), ms: usize, lead: usize) -> Vec<Tone> {
        let wave = |n: usize, frequency: f32, peak: f32| peak * (TAU * frequency * n as f32 / RATE).sin();
        let tone =
            (0..ms * 8).map(|n| (wave(n, frequencies.0, peaks.0) + wave(n, frequencies.1, peaks.1)) as i16);
        let silence = |length| std::iter::repeat_n(0i16, length);
        let (mut tones, mut all) = (Tones::new(), Vec::new());
        tones.handle_samples(silence(lead).chain(tone).chain(silence(800)), &mut all);
        tones.finish(&mut all);
        all
    }

    fn digits(frequencies: (f32, f32), peaks: (f32, f32), ms: usize) -> Vec<String> {
        let all = (0..64).map(|lead| heard(frequencies, peaks, ms, 800 + lead));
        let mut told: Vec<String> = all.map(|tones| tones.iter().map(|tone| tone.digit).collect()).collect();
        told.dedup();
        told
    }

    const LOUD: (f32, f32) = (8000.0, 8000.0);

    #[test]
    fn each_digit_is_heard_wherever_it_begins_and_as_long_as_it_is() {
        for (row, keys) in KEYS.iter().enumerate() {
            for (column, key) in keys.iter().enumerate() {
                assert_eq!(digits((TONES[row], TONES[4 + column]), LOUD, 60), [key.to_string()]);
            }
        }
        for ms in [50u64, 80, 200, 1000] {
            let tone = heard((770.0, 1336.0), LOUD, ms as usize, 800)[0];
            assert!(tone.samples.abs_diff(ms * 8) <= 80 && tone.from.abs_diff(800) <= 80, "{ms} {tone:?}");
        }
    }

    #[test]
    fn forty_ms_are_a_digit_and_twenty_are_none() {
        assert_eq!(digits((770.0, 1336.0), LOUD, 40), ["5"]);
        assert_eq!(digits((770.0, 1336.0), LOUD, 22), [""]);
    }

    #[test]
    fn frequencies_are_near_enough_within_one_and_a_half_percent_and_not_beyond_three_and_a_half() {
        for row in 0..4 {
            for column in 4..8 {
                let key = vec![KEYS[row][column - 4].to_string()];
                let of = |low: f32, high: f32| digits((TONES[row] * low, TONES[column] * high), LOUD, 50);
                for (low, high) in [(1.015, 1.015), (0.985, 0.985), (1.015, 0.985), (0.985, 1.015)] {
                    assert_eq!(of(low, high), key, "{low} {high}");
                }
                for off in [0.965, 1.035] {
                    assert_eq!(
                        (of(off, 1.0), of(1.0, off)),
                        (vec![String::new()], vec![String::new()]),
                        "{key:?} {off}"
                    );
                }
            }
        }
    }

    #[test]
    fn twist_and_level_are_those_of_a_telephone() {
        let twisted = |db: f32| digits((852.0, 1477.0), (6000.0, 6000.0 * 10f32.powf(db / 20.0)), 60);
        for db in [-8.0, 0.0, 4.0] {
            assert_eq!(twisted(db), ["9"], "{db} dB");
        }
        for db in [-12.0, 8.0] {
            assert_eq!(twisted(db), [""], "{db} dB");
        }
        assert_eq!(digits((852.0, 1477.0), (900.0, 900.0), 60), ["9"]);
        assert_eq!(digits((852.0, 1477.0), (300.0, 300.0), 60), [""]);
        assert_eq!(digits((852.0, 1477.0), (8000.0, 0.0), 60), [""]);
    }

    #[test]
    fn a_break_of_ten_ms_is_no_second_digit_and_forty_are() {
        let pressed = |pause: usize| {
            let wave = |n: usize| {
                let at = |frequency: f32| 8000.0 * (TAU * frequency * n as f32 / RATE).sin();
                let is_paused = (640..640 + pause * 8).contains(&n) || n > 1280 + pause * 8;
                if is_paused { 0 } else { (at(697.0) + at(1209.0)) as i16 }
            };
            let (mut tones, mut all) = (Tones::new(), Vec::new());
            tones.handle_samples((0..3200).map(wave), &mut all);
            tones.finish(&mut all);
            all.len()
        };
        assert_eq!((pressed(0), pressed(10), pressed(40), pressed(60)), (1, 1, 2, 2));
    }

    #[test]
    fn a_lost_packet_does_not_part_a_digit_and_a_long_gap_does() {
        let wave = |n: usize| {
            let at = |frequency: f32| 8000.0 * (TAU * frequency * n as f32 / RATE).sin();
            (at(941.0) + at(1336.0)) as i16
        };
        let pressed = |gap: usize| {
            let (mut tones, mut all) = (Tones::new(), Vec::new());
            tones.handle_samples((0..480).map(wave), &mut all);
            tones.handle_gap(gap as u64, &mut all);
            tones.handle_samples((480 + gap..960 + gap).map(wave), &mut all);
            tones.finish(&mut all);
            all
        };
        assert_eq!(pressed(160).len(), 1);
        assert!(pressed(160)[0].samples.abs_diff(1120) <= 80);
        assert_eq!(pressed(800).len(), 2);
    }
}
