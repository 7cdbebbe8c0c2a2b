//! µ-law: G.711 table 2. Fifteen segments, the two around zero in one straight line.
//!
//! ```text
//!    7   6   5   4   3   2   1   0
//!  +---+-----------+---------------+
//!  | S |  segment  |   interval    |   after inverting all bits; S = 0 is positive
//!  +---+-----------+---------------+
//! ```

/// Half a step and the offset that makes every segment start at a power of two, on the 14-bit scale.
const BIAS: u16 = 33;
/// The largest biased magnitude, on the 14-bit scale.
const CLIP: u16 = 0x1fff;

/// Linear samples by code.
pub(crate) const EXPANDED: [i16; 256] = {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] = expand(code as u8);
        code += 1;
    }
    table
};

/// The middle of the code's interval, left-justified.
const fn expand(code: u8) -> i16 {
    let bits = !code;
    let (segment, interval) = ((bits >> 4) & 7, (bits & 0x0f) as u16);
    let biased = ((interval << 1) + BIAS) << segment;
    let magnitude = ((biased - BIAS) << 2) as i16;
    if bits & 0x80 == 0 { magnitude } else { -magnitude }
}

/// The code of the interval that holds `sample`.
pub(crate) const fn compress(sample: i16) -> u8 {
    // Ones' complement for a negative sample; 13 bits of magnitude are left.
    let biased = ((sample ^ (sample >> 15)) >> 2) as u16 + BIAS;
    let biased = if biased > CLIP { CLIP } else { biased };
    // `biased` is 33 to 8,191: its leading one is at bit 5 to 12 and is the segment, the four bits below it the interval.
    let segment = 10 - biased.leading_zeros() as u16;
    let bits = (segment << 4) | ((biased >> (segment + 1)) & 0x0f);
    let sign = if sample < 0 { 0x80 } else { 0 };
    !(bits as u8 | sign)
}
