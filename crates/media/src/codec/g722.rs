//! G.722 at 64 kbit/s (ITU-T G.722, mode 1): 16 kHz audio in two bands, an octet for two samples.
//!
//! ```text
//!   octet   7 6 | 5 4 3 2 1 0        high │ scale, adaptive predictor ├─► rH ┐
//!           IH  |     IL             low  │ scale, adaptive predictor ├─► rL ┴► QMF ─► two samples
//! ```
//!
//! The names of the blocks are those of the Recommendation's clause 6; the arithmetic is its 16-bit arithmetic, bit for
//! bit. Its RTP clock runs at 8 kHz (RFC 3551, 4.5.2): one unit for two samples.

/// Inverse quantiser of the low band, 6 bits (table 18: Q6), as multiplied by the scale factor.
#[rustfmt::skip]
const QM6: [i32; 64] = [
    -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232, -9360, -8576, -7856,
    -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776, -2400, -2032, -1688, -1360, -1040, -728,
    24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456,
    4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136,
];
/// The same by the 4 upper bits, which adapt the predictor and the scale.
const QM4: [i32; 16] =
    [0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584, 1200, 0];
/// Inverse quantiser of the high band, 2 bits.
const QM2: [i32; 4] = [-7408, -1616, 7408, 1616];
/// Logarithmic scale factor multipliers of the low band, by [`QM4`]'s index.
const WL: [i32; 16] = [-60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60];
/// The same of the high band, by [`QM2`]'s index.
const WH: [i32; 4] = [798, -214, 798, -214];
/// 2^(n/32), in 11 bits.
#[rustfmt::skip]
const ILB: [i32; 32] = [
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834,
    2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
];
/// The even coefficients of the quadrature mirror filter; the odd ones are the same backwards.
const QMF: [i32; 12] = [3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11];

/// The decoder's state between octets.
#[derive(Debug, Clone)]
pub(crate) struct Decoder {
    low: Band,
    high: Band,
    /// Sums and differences of the bands, newest last.
    delay: [i32; 24],
}

/// One band: its scale and its predictor.
#[derive(Debug, Clone)]
struct Band {
    /// Logarithmic scale factor (NBL, NBH).
    log_scale: i32,
    /// Linear scale factor (DETL, DETH).
    scale: i32,
    /// The predicted signal (SL, SH) and its part from the zeros (SZL, SZH).
    predicted: i32,
    from_zeros: i32,
    /// Reconstructed signal, newest first.
    r: [i32; 3],
    /// Partially reconstructed signal, newest first.
    p: [i32; 3],
    /// Quantised difference, newest first.
    d: [i32; 7],
    /// Coefficients of the poles and of the zeros; the first of each has no use.
    a: [i32; 3],
    b: [i32; 7],
}

/// Samples that so many octets become.
pub(crate) const fn samples(octets: usize) -> usize {
    octets * 2
}

const fn saturate(value: i32) -> i32 {
    if value > 32_767 {
        32_767
    } else if value < -32_768 {
        -32_768
    } else {
        value
    }
}

impl Decoder {
    pub(crate) const fn new() -> Self {
        Self { low: Band::new(32), high: Band::new(8), delay: [0; 24] }
    }

    /// Appends [`samples`] samples.
    pub(crate) fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) {
        out.extend(payload.iter().flat_map(|&octet| self.two_samples(octet)));
    }

    fn two_samples(&mut self, octet: u8) -> [i16; 2] {
        let (low, high) = (usize::from(octet & 0x3f), usize::from(octet >> 6));
        let heard_low = self.low.reconstruct(QM6[low]);
        self.low.adapt(QM4[low >> 2], Adaptation { weight: WL[low >> 2], most: 18_432, shift: 8 });
        let heard_high = self.high.reconstruct(QM2[high]);
        self.high.adapt(QM2[high], Adaptation { weight: WH[high], most: 22_528, shift: 10 });
        self.delay.copy_within(2.., 0);
        self.delay[22] = saturate(heard_low + heard_high);
        self.delay[23] = saturate(heard_low - heard_high);
        let sum = |first: usize, coefficient: &dyn Fn(usize) -> i32| -> i32 {
            (0..12).map(|tap| self.delay[first + 2 * tap] * coefficient(tap)).sum()
        };
        [sum(1, &|tap| QMF[11 - tap]), sum(0, &|tap| QMF[tap])].map(|sum| saturate(sum >> 11) as i16)
    }
}

/// How a band's scale follows its code.
struct Adaptation {
    weight: i32,
    /// The greatest logarithmic scale.
    most: i32,
    /// The scale's bits below the exponent.
    shift: i32,
}

impl Band {
    const fn new(scale: i32) -> Self {
        Self {
            log_scale: 0,
            scale,
            predicted: 0,
            from_zeros: 0,
            r: [0; 3],
            p: [0; 3],
            d: [0; 7],
            a: [0; 3],
            b: [0; 7],
        }
    }

    /// INVQAL and LIMIT, or INVQAH: the band's signal by its finest code.
    fn reconstruct(&self, quantised: i32) -> i32 {
        (self.predicted + ((self.scale * quantised) >> 15)).clamp(-16_384, 16_383)
    }

    /// LOGSC, SCALE and the predictor (block 4), by the code that both ends agree on.
    fn adapt(&mut self, quantised: i32, by: Adaptation) {
        let difference = (self.scale * quantised) >> 15;
        self.log_scale = (((self.log_scale * 127) >> 7) + by.weight).clamp(0, by.most);
        let exponent = by.shift - (self.log_scale >> 11);
        let mantissa = ILB[((self.log_scale >> 6) & 31) as usize];
        let scale = if exponent < 0 { mantissa << -exponent } else { mantissa >> exponent };
        self.scale = scale << 2;
        self.predict(difference);
    }

    fn predict(&mut self, difference: i32) {
        self.d[0] = difference;
        self.r[0] = saturate(self.predicted + difference);
        self.p[0] = saturate(self.from_zeros + difference);
        let (a1, a2) = self.poles();
        let zeros = self.zeros();
        self.r.copy_within(..2, 1);
        self.p.copy_within(..2, 1);
        self.d.copy_within(..6, 1);
        (self.a, self.b) = ([0, a1, a2], zeros);
        let pole = |coefficient: i32, signal: i32| (coefficient * saturate(signal + signal)) >> 15;
        let from_poles = saturate(pole(a1, self.r[1]) + pole(a2, self.r[2]));
        self.from_zeros = saturate((1..7).map(|at| pole(zeros[at], self.d[at])).sum());
        self.predicted = saturate(from_poles + self.from_zeros);
    }

    /// UPPOL1 and UPPOL2.
    fn poles(&self) -> (i32, i32) {
        let same_sign = |at: usize| (self.p[0] >> 15) == (self.p[at] >> 15);
        let fourfold = saturate(self.a[1] << 2);
        let leaning = if same_sign(1) { (-fourfold).min(32_767) } else { fourfold };
        let second = (leaning >> 7) + if same_sign(2) { 128 } else { -128 } + ((self.a[2] * 32_512) >> 15);
        let second = second.clamp(-12_288, 12_288);
        let first = saturate(((self.a[1] * 32_640) >> 15) + if same_sign(1) { 192 } else { -192 });
        let most = saturate(15_360 - second);
        (first.clamp(-most, most), second)
    }

    /// UPZERO.
    fn zeros(&self) -> [i32; 7] {
        let mut zeros = [0; 7];
        let step = if self.d[0] == 0 { 0 } else { 128 };
        for (at, zero) in zeros.iter_mut().enumerate().skip(1) {
            let same_sign = (self.d[at] >> 15) == (self.d[0] >> 15);
            *zero = saturate(((self.b[at] * 32_640) >> 15) + if same_sign { step } else { -step });
        }
        zeros
    }
}
