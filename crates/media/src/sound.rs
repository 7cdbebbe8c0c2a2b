//! What the two voices of a call are like: how loud, how much silence, whether they were clipped, and whether one comes back
//! in the other.
//!
//! Levels are dBm0: a sine of the highest level that A-law has is +3.14 (G.711). Echo is looked for where one party speaks:
//! in up to eight stretches of a second, its samples are compared with the other party's, at every delay up to half a
//! second. An echo is the same voice at the same delay in several of them. Tones (of a fax, a menu, music on hold) are alike at
//! many delays, and prove nothing.

use crate::{CallAudio, export::ExportError, stage::Stage, voicing::Linear};

/// Frames of silence and voice, per second.
const FRAMES: usize = 50;
/// Quieter than this is silence, dBm0.
const SILENCE_DBM0: f64 = -50.0;
/// Louder than this is a voice that may come back, dBm0.
const VOICE_DBM0: f64 = -30.0;
/// Samples that lie so far out one after the other were clipped: what is above A-law's and µ-law's last step but one.
const CLIPPED: (u16, usize) = (31_000, 3);
/// Seconds that are compared for echo.
const MOST_COMPARED: usize = 8;
/// Delays at which echo is looked for, ms.
const LONGEST_DELAY_MS: usize = 500;
/// How alike an echo is, of 1; speech of two people stays below a tenth or two over a second.
const LEAST_ALIKE: f64 = 0.3;
/// How much weaker an echo is at least, in dB: what is as loud is what somebody says, and what they say comes back.
const LEAST_WEAKER_DB: f64 = 3.0;
/// What is so much like itself a little later is no speech, of 1.
const TONE_ALIKE: f64 = 0.7;
/// A little later, ms: beyond a few periods of a voice.
const A_LITTLE_MS: (usize, usize) = (20, 250);
/// In so many of the seconds compared, at the same delay.
const LEAST_SECONDS: usize = 3;
/// Delays that differ by no more are the same, ms.
const SAME_DELAY_MS: f64 = 2.0;

/// A sine at the overload level of A-law, and what it is, dBm0.
#[expect(clippy::approx_constant, reason = "it is the overload level of A-law, G.711, and not a circle")]
const OVERLOAD: (f64, f64) = (32_124.0, 3.14);

/// What a party's voice is like, on the timeline of an export.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sound {
    /// How long the timeline is, in s.
    pub seconds: f64,
    /// Of that, what is silent in percent: nothing came, or it is below −50 dBm0.
    pub silent_percent: f64,
    /// The level of the rest, in dBm0; `None` when there is none.
    pub level_dbm0: Option<f64>,
    /// Samples that were clipped.
    pub clipped: u64,
    /// This voice comes back in the other party's.
    pub echo: Option<Echo>,
}

/// A voice that comes back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Echo {
    /// After so many ms.
    pub delay_ms: f64,
    /// So much weaker, in dB.
    pub weaker_db: f64,
}

/// The caller's voice and the callee's.
///
/// # Errors
/// [`ExportError::TooLong`].
pub fn sound(call: &CallAudio) -> Result<[Sound; 2], ExportError> {
    let stage = Stage::of(call)?;
    let mut meters = [Meter::default(), Meter::default()];
    let mut echoes = Echoes::default();
    let rate = stage.rate() as usize;
    stage.paint::<Linear>((0, false), |caller, callee| {
        let voices = [caller, callee];
        for (meter, voice) in meters.iter_mut().zip(voices) {
            meter.handle_second(voice, rate);
        }
        echoes.handle_second(voices, rate);
        Ok(())
    })?;
    let seconds = stage.samples() as f64 / f64::from(stage.rate());
    let found = echoes.finish();
    Ok([0, 1].map(|leg| Sound { echo: found[leg], ..meters[leg].sound(seconds) }))
}

/// dBm0 of a mean square.
fn dbm0(mean_square: f64) -> f64 {
    10.0 * (2.0 * mean_square.max(1e-9) / (OVERLOAD.0 * OVERLOAD.0)).log10() + OVERLOAD.1
}

fn mean_square(samples: &[i16]) -> f64 {
    let sum: f64 = samples.iter().map(|sample| f64::from(*sample) * f64::from(*sample)).sum();
    sum / samples.len().max(1) as f64
}

/// Counts one voice.
#[derive(Default)]
struct Meter {
    frames: u64,
    silent: u64,
    power: f64,
    clipped: u64,
}

impl Meter {
    fn handle_second(&mut self, voice: &[i16], rate: usize) {
        for frame in voice.chunks((rate / FRAMES).max(1)) {
            self.frames += 1;
            let power = mean_square(frame);
            if dbm0(power) < SILENCE_DBM0 {
                self.silent += 1;
            } else {
                self.power += power;
            }
        }
        let (most, least) = CLIPPED;
        let is_out = |sample: &i16| sample.unsigned_abs() >= most;
        let runs = voice.chunk_by(|one, other| is_out(one) && is_out(other) && (*one < 0) == (*other < 0));
        let clipped = runs.filter(|run| run.len() >= least).map(<[i16]>::len);
        self.clipped += clipped.sum::<usize>() as u64;
    }

    fn sound(&self, seconds: f64) -> Sound {
        let heard = self.frames - self.silent;
        Sound {
            seconds,
            silent_percent: if self.frames == 0 {
                100.0
            } else {
                self.silent as f64 * 100.0 / self.frames as f64
            },
            level_dbm0: (heard > 0).then(|| dbm0(self.power / heard as f64)),
            clipped: self.clipped,
            echo: None,
        }
    }
}

/// What came back in seconds of each voice that were compared: delay in ms, how strong.
#[derive(Default)]
struct Echoes {
    /// The second before, of both: what comes back may do so in the next one.
    before: [Vec<f32>; 2],
    compared: [usize; 2],
    found: [Vec<Echo>; 2],
}

impl Echoes {
    fn handle_second(&mut self, voices: [&[i16]; 2], rate: usize) {
        // Four thousand samples a second have the voice: each is the mean of what it stands for.
        let step = (rate / 4_000).max(1);
        let thinned = |voice: &[i16]| -> Vec<f32> {
            let mean = |few: &[i16]| few.iter().map(|it| f32::from(*it)).sum::<f32>() / few.len() as f32;
            voice.chunks_exact(step).map(mean).collect()
        };
        let now = voices.map(thinned);
        let kilo = rate as f64 / step as f64 / 1e3;
        for (speaker, listener) in [(0, 1), (1, 0)] {
            let said = &self.before[speaker];
            let heard: Vec<f32> = self.before[listener].iter().chain(&now[listener]).copied().collect();
            if self.compared[speaker] == MOST_COMPARED || said.len() * 2 > heard.len() || !is_a_voice(said) {
                continue;
            }
            self.compared[speaker] += 1;
            self.found[speaker].extend(echo_in(said, &heard, kilo));
        }
        self.before = now;
    }

    /// The delay at which most seconds agree.
    fn finish(self) -> [Option<Echo>; 2] {
        self.found.map(|found| {
            let alike = |one: &Echo| {
                let near = move |other: &&Echo| (other.delay_ms - one.delay_ms).abs() <= SAME_DELAY_MS;
                found.iter().filter(near).collect::<Vec<_>>()
            };
            let most = found.iter().map(alike).max_by_key(Vec::len)?;
            let mean =
                |of: fn(&Echo) -> f64| most.iter().map(|echo| of(echo)).sum::<f64>() / most.len() as f64;
            (most.len() >= LEAST_SECONDS).then(|| Echo {
                delay_ms: mean(|echo| echo.delay_ms),
                weaker_db: mean(|echo| echo.weaker_db),
            })
        })
    }
}

fn energy(samples: &[f32]) -> f64 {
    samples.iter().map(|it| f64::from(*it) * f64::from(*it)).sum()
}

fn is_a_voice(said: &[f32]) -> bool {
    dbm0(energy(said) / said.len().max(1) as f64) >= VOICE_DBM0
}

/// Whether it repeats itself.
fn is_a_tone(said: &[f32], kilo: f64) -> bool {
    let (from, to) = A_LITTLE_MS;
    let lags = (from as f64 * kilo) as usize..(to as f64 * kilo) as usize;
    lags.into_iter().any(|lag| {
        let (Some(later), Some(earlier)) =
            (said.get(lag..), said.len().checked_sub(lag).and_then(|n| said.get(..n)))
        else {
            return false;
        };
        let product: f32 = earlier.iter().zip(later).map(|(one, other)| one * other).sum();
        f64::from(product) >= TONE_ALIKE * (energy(earlier) * energy(later)).sqrt().max(1.0)
    })
}

/// The delay at which `heard`, which begins with `said`, is most like it.
fn echo_in(said: &[f32], heard: &[f32], kilo: f64) -> Option<Echo> {
    let of_said = energy(said);
    if is_a_tone(said, kilo) {
        return None;
    }
    let longest = ((LONGEST_DELAY_MS as f64 * kilo) as usize).min(heard.len().checked_sub(said.len())?);
    let at = |delay: usize| {
        let there = &heard[delay..delay + said.len()];
        let product: f32 = said.iter().zip(there).map(|(one, other)| one * other).sum();
        (f64::from(product), energy(there))
    };
    let alike = |(product, of_there): (f64, f64)| product.abs() / (of_said * of_there).sqrt().max(1.0);
    let best = (0..=longest)
        .map(|delay| (delay, at(delay)))
        .max_by(|(_, a), (_, b)| alike(*a).total_cmp(&alike(*b)))?;
    let (delay, found) = best;
    let echo = Echo {
        delay_ms: delay as f64 / kilo,
        weaker_db: -20.0 * (found.0.abs() / of_said).max(1e-9).log10(),
    };
    (alike(found) >= LEAST_ALIKE && echo.weaker_db >= LEAST_WEAKER_DB).then_some(echo)
}
