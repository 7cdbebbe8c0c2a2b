//! Raising the sampling rate of one voice to that of the export, where the voices of a call have several.
//!
//! An export has the highest rate of what is in it, so rates are only ever raised, and nothing is lost: every sample that
//! was decoded stands unchanged in the export where the rates divide each other, at every second or sixth place. Between
//! them is a windowed sinc of 32 samples, centred, so that nothing is delayed. Ours, because that law is worth more here
//! than the speed of a library, and is 60 lines.

use std::f64::consts::PI;

/// Samples on either side that a new one is made of.
const REACH: usize = 16;

/// Makes `up` samples of `down`, without delay, of a stretch that has no hole.
pub(crate) struct Upsampler {
    up: usize,
    down: usize,
    /// Weights of the samples around a place between two, by place.
    kernel: Vec<[f32; 2 * REACH]>,
    /// Samples that are still needed.
    waiting: Vec<i16>,
    /// The place of the next new sample: before it in `waiting`, and `up`ths beyond.
    before: usize,
    beyond: usize,
}

impl Upsampler {
    /// From one rate to one that is not lower; neither is 0.
    pub(crate) fn new(from: u32, to: u32) -> Self {
        let common = greatest_common_divisor(from, to).max(1);
        let (up, down) = ((to / common) as usize, (from / common) as usize);
        let kernel = (0..up).map(|place| weights(place as f64 / up as f64)).collect();
        let mut upsampler = Self { up, down, kernel, waiting: Vec::new(), before: 0, beyond: 0 };
        upsampler.begin();
        upsampler
    }

    fn begin(&mut self) {
        self.waiting.clear();
        self.waiting.resize(REACH - 1, 0);
        (self.before, self.beyond) = (REACH - 1, 0);
    }

    /// Takes the next samples, and appends what can be made by now.
    pub(crate) fn push(&mut self, samples: &[i16], out: &mut Vec<i16>) {
        self.waiting.extend_from_slice(samples);
        while let Some(around) = self.waiting.get(self.before + 1 - REACH..=self.before + REACH) {
            let weights = &self.kernel[self.beyond];
            let sum: f32 =
                around.iter().zip(weights).map(|(&sample, weight)| f32::from(sample) * weight).sum();
            out.push(sum.round().clamp(-32_768.0, 32_767.0) as i16);
            self.beyond += self.down;
            (self.before, self.beyond) = (self.before + self.beyond / self.up, self.beyond % self.up);
        }
        let done = (self.before + 1 - REACH).min(self.waiting.len());
        self.waiting.drain(..done);
        self.before -= done;
    }

    /// Appends the rest of the stretch, behind which is silence. The next samples begin another.
    pub(crate) fn finish(&mut self, out: &mut Vec<i16>) {
        self.push(&[0; REACH], out);
        self.begin();
    }
}

const fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

/// A sinc under a Blackman window, `beyond` behind the sample in the middle, with the sum 1: a constant stays what it is.
fn weights(beyond: f64) -> [f32; 2 * REACH] {
    let weight = |tap: usize| {
        let distance = tap as f64 - (REACH - 1) as f64 - beyond;
        let sinc = if distance.abs() < 1e-9 { 1.0 } else { (PI * distance).sin() / (PI * distance) };
        let phase = PI * distance / REACH as f64;
        sinc * (0.42 + 0.5 * phase.cos() + 0.08 * (2.0 * phase).cos())
    };
    let all: [f64; 2 * REACH] = std::array::from_fn(weight);
    let sum: f64 = all.iter().sum();
    all.map(|weight| (weight / sum) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raised(samples: &[i16], (from, to): (u32, u32), pieces: usize) -> Vec<i16> {
        let (mut upsampler, mut out) = (Upsampler::new(from, to), Vec::new());
        samples.chunks(pieces).for_each(|piece| upsampler.push(piece, &mut out));
        upsampler.finish(&mut out);
        out
    }

    fn noise() -> Vec<i16> {
        (0..2_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 16) as i16).collect()
    }

    #[test]
    fn every_decoded_sample_stands_in_the_export_where_rates_divide() {
        for (from, to) in [(8_000, 16_000), (8_000, 48_000), (16_000, 48_000), (8_000, 8_000)] {
            let out = raised(&noise(), (from, to), 160);
            assert_eq!(out.len(), noise().len() * (to / from) as usize);
            assert_eq!(out.iter().step_by((to / from) as usize).copied().collect::<Vec<_>>(), noise());
        }
    }

    #[test]
    fn how_samples_are_cut_into_packets_does_not_matter() {
        for rates in [(8_000, 48_000), (44_100, 48_000)] {
            assert_eq!(raised(&noise(), rates, 1), raised(&noise(), rates, 333));
        }
    }

    #[test]
    fn a_tone_is_the_same_tone_at_another_rate() {
        let tone = |rate: u32, length: u32| -> Vec<f64> {
            (0..length)
                .map(|n| 10_000.0 * (2.0 * PI * 1_000.0 * f64::from(n) / f64::from(rate)).sin())
                .collect()
        };
        for (from, to) in [(8_000, 16_000), (8_000, 48_000), (44_100, 48_000), (11_025, 48_000)] {
            let heard: Vec<i16> = tone(from, from).iter().map(|sample| sample.round() as i16).collect();
            let out = raised(&heard, (from, to), 160);
            assert_eq!(out.len() as u32, to, "a second");
            let worst = out.iter().zip(tone(to, to)).skip(1_000).take(to as usize - 2_000);
            let worst = worst.map(|(&out, expected)| (f64::from(out) - expected).abs()).fold(0.0, f64::max);
            assert!(worst < 20.0, "{from} to {to}: {worst}, 54 dB below the tone");
        }
    }
}
