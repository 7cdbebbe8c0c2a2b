//! G.726 at 16, 24, 32 and 40 kbit/s (ITU-T G.726): 8 kHz, one code of 2 to 5 bits for a sample.
//!
//! ```text
//!   code ─► log quantiser⁻¹ ─► difference ─┬─► + ─► signal      zeros: the last six differences
//!               ▲ scale                    │   ▲ prediction     poles: the last two signals
//! ```
//!
//! The arithmetic is that of clause 4, bit for bit, up to the reconstructed signal: for linear output there is no
//! synchronous tandem adjustment (4.2.8). Codes lie in octets in one of two orders, which nothing but the encoding's name
//! tells apart: `G726-32` begins at the least significant bit (RFC 3551, 4.5.4), `AAL2-G726-32` at the most significant.

/// Codes of one rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rate {
    /// 16 kbit/s.
    Two,
    /// 24 kbit/s.
    Three,
    /// 32 kbit/s.
    Four,
    /// 40 kbit/s.
    Five,
}

/// Where in an octet the first code is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    /// In the least significant bits (RFC 3551, 4.5.4).
    Rfc3551,
    /// In the most significant bits (ITU-T I.366.2, annex E).
    Aal2,
}

/// By code: tables 7 to 10 of the Recommendation.
struct Codes {
    /// Logarithm of the normalised difference.
    logarithm: &'static [i16],
    /// What the scale is multiplied by, in 1/16 of an octave.
    weight: &'static [i32],
    /// What the speed of adaptation follows.
    speed: &'static [i32],
}

const TWO: Codes = Codes { logarithm: &[116, 365], weight: &[-704, 14_048], speed: &[0, 0xe00] };
const THREE: Codes = Codes {
    logarithm: &[-2048, 135, 273, 373],
    weight: &[-128, 960, 4384, 18_624],
    speed: &[0, 0x200, 0x400, 0xe00],
};
const FOUR: Codes = Codes {
    logarithm: &[-2048, 4, 135, 213, 273, 323, 373, 425],
    weight: &[-384, 576, 1312, 2048, 3584, 6336, 11_360, 35_904],
    speed: &[0, 0, 0, 0x200, 0x200, 0x200, 0x600, 0xe00],
};
#[rustfmt::skip]
const FIVE: Codes = Codes {
    logarithm: &[-2048, -66, 28, 104, 169, 224, 274, 318, 358, 395, 429, 459, 488, 514, 539, 566],
    weight: &[448, 448, 768, 1248, 1280, 1312, 1856, 3200, 4512, 5728, 7008, 8960, 11_456, 14_080, 16_928, 22_272],
    speed: &[0, 0, 0, 0, 0, 0x200, 0x200, 0x200, 0x200, 0x200, 0x400, 0x600, 0x800, 0xa00, 0xc00, 0xc00],
};

impl Rate {
    /// Bits of a code.
    pub(crate) const fn bits(self) -> usize {
        match self {
            Self::Two => 2,
            Self::Three => 3,
            Self::Four => 4,
            Self::Five => 5,
        }
    }

    const fn codes(self) -> &'static Codes {
        match self {
            Self::Two => &TWO,
            Self::Three => &THREE,
            Self::Four => &FOUR,
            Self::Five => &FIVE,
        }
    }

    /// Samples that so many octets become: whole codes only.
    pub(crate) const fn samples(self, octets: usize) -> usize {
        octets * 8 / self.bits()
    }
}

/// The decoder's state between codes; the names in brackets are the Recommendation's.
#[derive(Debug, Clone)]
pub(crate) struct Decoder {
    rate: Rate,
    packing: Packing,
    /// Slow and fast scale factor (YL, YU).
    slow_scale: i32,
    fast_scale: i32,
    /// Short and long mean of the codes' speed, and the speed itself (DMS, DML, AP).
    short_mean: i32,
    long_mean: i32,
    speed: i32,
    poles: [i32; 2],
    zeros: [i32; 6],
    /// Signs of the two partial signals before (PK).
    negative: [bool; 2],
    /// The last differences and signals (DQ, SR).
    differences: [Float; 6],
    signals: [Float; 2],
    /// A tone was detected (TD).
    is_tone: bool,
}

/// Sign, 4 bits of exponent, 6 bits of mantissa (FLOATA, FLOATB).
#[derive(Debug, Clone, Copy)]
struct Float {
    is_negative: bool,
    exponent: i32,
    mantissa: i32,
}

impl Float {
    const ZERO: Self = Self { is_negative: false, exponent: 0, mantissa: 32 };

    const fn of(magnitude: i32, is_negative: bool) -> Self {
        if magnitude == 0 {
            return Self { is_negative, ..Self::ZERO };
        }
        let exponent = bits_of(magnitude);
        Self { is_negative, exponent, mantissa: (magnitude << 6) >> exponent }
    }

    /// FMULT: its product with a coefficient.
    fn times(self, coefficient: i32) -> i32 {
        let magnitude = if coefficient > 0 { coefficient } else { -coefficient & 0x1fff };
        let exponent = bits_of(magnitude) - 6;
        let mantissa = match magnitude {
            0 => 32,
            _ if exponent >= 0 => magnitude >> exponent,
            _ => magnitude << -exponent,
        };
        let exponent = exponent + self.exponent - 13;
        let product = (mantissa * self.mantissa + 0x30) >> 4;
        let product = if exponent >= 0 { (product << exponent) & 0x7fff } else { product >> -exponent };
        if (coefficient < 0) == self.is_negative { product } else { -product }
    }
}

/// Bits that a number of at most 15 bits needs.
const fn bits_of(magnitude: i32) -> i32 {
    let bits = 32 - magnitude.leading_zeros() as i32;
    if bits > 15 { 15 } else { bits }
}

/// What a code was heard as.
struct Heard {
    /// The difference's magnitude, and its sign, which zero has too.
    magnitude: i32,
    is_negative: bool,
    /// The reconstructed signal, and what of it the zeros did not predict.
    signal: i32,
    partial: i32,
}

impl Decoder {
    pub(crate) const fn new(rate: Rate, packing: Packing) -> Self {
        Self {
            rate,
            packing,
            slow_scale: 34_816,
            fast_scale: 544,
            short_mean: 0,
            long_mean: 0,
            speed: 0,
            poles: [0; 2],
            zeros: [0; 6],
            negative: [false; 2],
            differences: [Float::ZERO; 6],
            signals: [Float::ZERO; 2],
            is_tone: false,
        }
    }

    /// Appends [`Rate::samples`] samples; bits behind the last whole code are none.
    pub(crate) fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) {
        let bits = self.rate.bits();
        let (mut waiting, mut count) = (0u32, 0);
        for &octet in payload {
            waiting = match self.packing {
                Packing::Rfc3551 => waiting | u32::from(octet) << count,
                Packing::Aal2 => waiting << 8 | u32::from(octet),
            };
            count += 8;
            while count >= bits {
                count -= bits;
                let (code, rest) = match self.packing {
                    Packing::Rfc3551 => (waiting, waiting >> bits),
                    Packing::Aal2 => (waiting >> count, waiting),
                };
                waiting = rest;
                out.push(self.sample(code as usize & ((1 << bits) - 1)));
            }
        }
    }

    fn sample(&mut self, code: usize) -> i16 {
        let sum = |coefficients: &[i32], before: &[Float]| -> i32 {
            coefficients.iter().zip(before).map(|(coefficient, of)| of.times(coefficient >> 2)).sum()
        };
        // ACCUM, ADDB and ADDC have 16 bits and no saturation.
        let from_zeros = wrapped(sum(&self.zeros, &self.differences));
        let predicted = wrapped(from_zeros + sum(&self.poles, &self.signals)) >> 1;
        let scale = self.scale();
        let codes = self.rate.codes();
        let (place, is_negative) = place(code, self.rate.bits());
        let magnitude = linear(i32::from(codes.logarithm[place]) + (scale >> 2));
        let signed = if is_negative { -magnitude } else { magnitude };
        let signal = wrapped(predicted + signed);
        let is_transition = self.is_transition(magnitude);
        self.adapt_scale(scale, codes.weight[place]);
        let partial = wrapped(signed + (from_zeros >> 1));
        let heard = Heard { magnitude, is_negative, signal, partial };
        self.adapt_predictor(&heard, is_transition);
        self.adapt_speed(scale, codes.speed[place], is_transition);
        (signal << 2).clamp(-32_768, 32_767) as i16
    }

    /// MIX: the scale factor, between the fast and the slow one.
    const fn scale(&self) -> i32 {
        if self.speed >= 256 {
            return self.fast_scale;
        }
        let slow = self.slow_scale >> 6;
        let difference = self.fast_scale - slow;
        let part = difference * (self.speed >> 2);
        slow + if difference < 0 { (part + 0x3f) >> 6 } else { part >> 6 }
    }

    /// TRANS: a modem changed its tone.
    const fn is_transition(&self, magnitude: i32) -> bool {
        let (whole, fraction) = (self.slow_scale >> 15, (self.slow_scale >> 10) & 0x1f);
        let threshold = if whole > 9 { 31 << 10 } else { (32 + fraction) << whole };
        self.is_tone && magnitude > (threshold + (threshold >> 1)) >> 1
    }

    /// FILTD, LIMB and FILTE.
    fn adapt_scale(&mut self, scale: i32, weight: i32) {
        self.fast_scale = (scale + ((weight - scale) >> 5)).clamp(544, 5120);
        self.slow_scale += self.fast_scale + (-self.slow_scale >> 6);
    }

    fn adapt_predictor(&mut self, heard: &Heard, is_transition: bool) {
        let is_negative = heard.partial < 0;
        if is_transition {
            (self.poles, self.zeros) = ([0; 2], [0; 6]);
        } else {
            self.adapt_poles(heard.partial);
            self.adapt_zeros(heard);
        }
        self.differences.copy_within(..5, 1);
        self.differences[0] = Float::of(heard.magnitude, heard.is_negative);
        self.signals[1] = self.signals[0];
        self.signals[0] = Float::of(heard.signal.abs() & 0x7fff, heard.signal < 0);
        self.negative = [is_negative, self.negative[0]];
        self.is_tone = !is_transition && self.poles[1] < -11_776;
    }

    /// UPA2, LIMC, UPA1 and LIMD.
    fn adapt_poles(&mut self, partial: i32) {
        let is_negative = partial < 0;
        let [first, mut second] = self.poles;
        second -= second >> 7;
        let mut step = 0;
        if partial != 0 {
            let changed = is_negative != self.negative[0];
            let towards = if changed { first } else { -first };
            second += match towards {
                ..=-8192 => -0x100,
                8192.. => 0xff,
                _ => towards >> 5,
            };
            second += if is_negative == self.negative[1] { 0x80 } else { -0x80 };
            second = second.clamp(-12_288, 12_288);
            step = if changed { -192 } else { 192 };
        }
        let most = 15_360 - second;
        self.poles = [(first - (first >> 8) + step).clamp(-most, most), second];
    }

    /// UPB.
    fn adapt_zeros(&mut self, heard: &Heard) {
        let leak = match self.rate {
            Rate::Five => 9,
            Rate::Two | Rate::Three | Rate::Four => 8,
        };
        for (zero, before) in self.zeros.iter_mut().zip(&self.differences) {
            *zero -= *zero >> leak;
            if heard.magnitude != 0 {
                *zero += if heard.is_negative == before.is_negative { 128 } else { -128 };
            }
        }
    }

    /// FILTA, FILTB, SUBTC, FILTC and TRIGA.
    const fn adapt_speed(&mut self, scale: i32, speed: i32, is_transition: bool) {
        self.short_mean += (speed - self.short_mean) >> 5;
        self.long_mean += ((speed << 2) - self.long_mean) >> 7;
        let departs = ((self.short_mean << 2) - self.long_mean).abs() >= self.long_mean >> 3;
        if is_transition {
            self.speed = 256;
        } else if scale < 1536 || self.is_tone || departs {
            self.speed += (0x200 - self.speed) >> 4;
        } else {
            self.speed += -self.speed >> 4;
        }
    }
}

const fn wrapped(sum: i32) -> i32 {
    sum as i16 as i32
}

/// Where in the tables a code is, and its sign: negative codes count backwards.
const fn place(code: usize, bits: usize) -> (usize, bool) {
    let is_negative = code >> (bits - 1) != 0;
    (if is_negative { (1 << bits) - 1 - code } else { code }, is_negative)
}

/// ANTILOG: a logarithm with 7 bits of fraction.
const fn linear(logarithm: i32) -> i32 {
    if logarithm < 0 {
        return 0;
    }
    let exponent = (logarithm >> 7) & 15;
    ((128 + (logarithm & 127)) << 7) >> if exponent > 14 { 0 } else { 14 - exponent }
}
