//! GSM full rate (GSM 06.10, ETSI EN 300 961): 160 samples at 8 kHz in 33 octets, the first four bits of which are 0xD
//! (RFC 3551, 4.5.8.1).
//!
//! ```text
//!   0xD | LAR 6 6 5 5 4 4 3 3 | four times: lag 7, gain 2, grid 2, level 6, thirteen pulses of 3
//!             pulses ─► long-term synthesis ─► short-term lattice ─► de-emphasis ─► 40 samples
//! ```
//!
//! The arithmetic is that of clause 5.3, 16 bits with saturation, bit for bit.

/// Octets of a frame.
pub(crate) const FRAME: usize = 33;
/// Samples of a frame.
const SAMPLES: usize = 160;
/// Longest lag of the long-term predictor.
const LONGEST_LAG: usize = 120;

/// Bits of the eight log area ratios.
const LAR_BITS: [u32; 8] = [6, 6, 5, 5, 4, 4, 3, 3];
/// Table 5.1: what undoes their quantisation.
const LAR_LEAST: [i16; 8] = [-32, -32, -16, -16, -8, -8, -4, -4];
const LAR_OFFSET: [i16; 8] = [0, 0, 2048, -2560, 94, -1792, -341, -1144];
const LAR_SLOPE: [i16; 8] = [13_107, 13_107, 13_107, 13_107, 19_223, 17_476, 31_454, 29_708];
/// Table 5.3b: gains of the long-term predictor.
const GAIN: [i16; 4] = [3277, 11_469, 21_299, 32_767];
/// Table 5.6: mantissas of the pulses' level.
const LEVEL: [i16; 8] = [18_431, 20_479, 22_527, 24_575, 26_623, 28_671, 30_719, 32_767];
/// De-emphasis: 0.86 in 15 bits.
const EMPHASIS: i16 = 28_180;

/// The decoder's state between frames.
#[derive(Debug, Clone)]
pub(crate) struct Decoder {
    /// The last 120 samples of the short-term residual, then the 40 that are being made.
    residual: [i16; LONGEST_LAG + 40],
    lag: usize,
    ratios: [i16; 8],
    lattice: [i16; 9],
    emphasis: i16,
}

/// Samples that so many octets become: whole frames only.
pub(crate) const fn samples(octets: usize) -> usize {
    octets / FRAME * SAMPLES
}

/// Parameters of a frame, read from the most significant bit on.
struct Bits<'f> {
    frame: &'f [u8],
    at: usize,
}

impl Bits<'_> {
    fn next(&mut self, bits: u32) -> i16 {
        let mut value = 0;
        for _ in 0..bits {
            let octet = self.frame.get(self.at / 8).copied().unwrap_or(0);
            value = value << 1 | i16::from(octet >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        value
    }
}

/// Product with rounding (mult_r).
const fn times(a: i16, b: i16) -> i16 {
    if a == i16::MIN && b == i16::MIN {
        return i16::MAX;
    }
    ((a as i32 * b as i32 + 16_384) >> 15) as i16
}

impl Decoder {
    pub(crate) const fn new() -> Self {
        Self { residual: [0; LONGEST_LAG + 40], lag: 40, ratios: [0; 8], lattice: [0; 9], emphasis: 0 }
    }

    /// Appends [`samples`] samples; octets behind the last whole frame are none.
    pub(crate) fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) {
        for frame in payload.chunks_exact(FRAME) {
            self.decode_frame(Bits { frame, at: 4 }, out);
        }
    }

    fn decode_frame(&mut self, mut bits: Bits<'_>, out: &mut Vec<i16>) {
        let ratios = ratios(&mut bits);
        let mut residual = [0; SAMPLES];
        for quarter in residual.as_chunks_mut::<40>().0 {
            self.long_term(&mut bits, quarter);
        }
        self.short_term(&ratios, &mut residual);
        out.extend(residual.map(|sample| {
            self.emphasis = sample.saturating_add(times(self.emphasis, EMPHASIS));
            self.emphasis.saturating_add(self.emphasis) & !7
        }));
    }

    /// Clause 5.3.2: the pulses, and the residual of one lag before.
    fn long_term(&mut self, bits: &mut Bits<'_>, out: &mut [i16; 40]) {
        let (lag, gain) = (bits.next(7) as usize, GAIN[bits.next(2) as usize & 3]);
        let pulses = pulses(bits);
        if (40..=LONGEST_LAG).contains(&lag) {
            self.lag = lag;
        }
        for (at, pulse) in pulses.into_iter().enumerate() {
            let before = self.residual[LONGEST_LAG + at - self.lag];
            self.residual[LONGEST_LAG + at] = pulse.saturating_add(times(gain, before));
        }
        out.copy_from_slice(&self.residual[LONGEST_LAG..]);
        self.residual.copy_within(40.., 0);
    }

    /// Clauses 5.2.9 and 5.3.4: the lattice filter, whose coefficients glide from the frame before in three steps.
    fn short_term(&mut self, ratios: &[i16; 8], residual: &mut [i16; SAMPLES]) {
        let before = std::mem::replace(&mut self.ratios, *ratios);
        let glide = |step: usize| {
            let mut coefficients = [0; 8];
            for (at, coefficient) in coefficients.iter_mut().enumerate() {
                let (old, new) = (before[at], ratios[at]);
                *coefficient = reflection(match step {
                    0 => (old >> 2).saturating_add(new >> 2).saturating_add(old >> 1),
                    1 => (old >> 1).saturating_add(new >> 1),
                    2 => (old >> 2).saturating_add(new >> 2).saturating_add(new >> 1),
                    _ => new,
                });
            }
            coefficients
        };
        for (step, part) in [0..13, 13..27, 27..40, 40..SAMPLES].into_iter().enumerate() {
            let coefficients = glide(step);
            for sample in &mut residual[part] {
                *sample = self.filter(&coefficients, *sample);
            }
        }
    }

    fn filter(&mut self, coefficients: &[i16; 8], mut sample: i16) -> i16 {
        for at in (0..8).rev() {
            sample = sample.saturating_sub(times(coefficients[at], self.lattice[at]));
            self.lattice[at + 1] = self.lattice[at].saturating_add(times(coefficients[at], sample));
        }
        self.lattice[0] = sample;
        sample
    }
}

/// Clause 5.2.8: the log area ratios.
fn ratios(bits: &mut Bits<'_>) -> [i16; 8] {
    let mut ratios = [0; 8];
    for (at, ratio) in ratios.iter_mut().enumerate() {
        let coded = bits.next(LAR_BITS[at]).saturating_add(LAR_LEAST[at]) << 10;
        let centred = coded.saturating_sub(LAR_OFFSET[at] << 1);
        let half = times(LAR_SLOPE[at], centred);
        *ratio = half.saturating_add(half);
    }
    ratios
}

/// Clause 5.2.9.2: a log area ratio as a reflection coefficient.
fn reflection(ratio: i16) -> i16 {
    let magnitude = ratio.saturating_abs();
    let coefficient = match magnitude {
        ..11_059 => magnitude << 1,
        11_059..20_070 => magnitude + 11_059,
        _ => (magnitude >> 2).saturating_add(26_112),
    };
    if ratio < 0 { -coefficient } else { coefficient }
}

/// Clauses 5.2.15 to 5.2.17: thirteen pulses on one of four grids.
fn pulses(bits: &mut Bits<'_>) -> [i16; 40] {
    let (grid, level) = (bits.next(2) as usize, bits.next(6));
    let (mut exponent, mut mantissa) = (if level > 15 { (level >> 3) - 1 } else { 0 }, 0);
    mantissa += level - (exponent << 3);
    if mantissa == 0 {
        (exponent, mantissa) = (-4, 7);
    } else {
        while mantissa <= 7 {
            mantissa = mantissa << 1 | 1;
            exponent -= 1;
        }
        mantissa -= 8;
    }
    let factor = LEVEL[mantissa as usize & 7];
    let shift = 6 - exponent;
    let rounding = if shift > 0 { 1 << (shift - 1) } else { 0 };
    let mut pulses = [0; 40];
    for pulse in 0..13 {
        let value = ((bits.next(3) << 1) - 7) << 12;
        // The last pulse of the last grid is sample 39.
        pulses[grid + 3 * pulse] = times(factor, value).saturating_add(rounding) >> shift;
    }
    pulses
}
