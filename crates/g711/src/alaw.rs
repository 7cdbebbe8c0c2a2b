//! A-law: G.711 table 1. Thirteen segments, the two around zero in one straight line.
//!
//! ```text
//!    7   6   5   4   3   2   1   0
//!  +---+-----------+---------------+
//!  | S |  segment  |   interval    |   after inverting the even bits (XOR 0x55); S = 1 is positive
//!  +---+-----------+---------------+
//! ```

/// The even bits, inverted on the line.
const EVEN_BITS: u8 = 0x55;

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
    let bits = code ^ EVEN_BITS;
    let (segment, interval) = ((bits >> 4) & 7, (bits & 0x0f) as i16);
    let magnitude = match segment {
        0 => (interval << 4) + 8,
        _ => ((interval << 4) + 0x108) << (segment - 1),
    };
    if bits & 0x80 != 0 { magnitude } else { -magnitude }
}

/// The code of the interval that holds `sample`.
pub(crate) const fn compress(sample: i16) -> u8 {
    // Ones' complement for a negative sample; 11 bits of magnitude are left.
    let magnitude = ((sample ^ (sample >> 15)) >> 4) as u16;
    let bits = if magnitude < 16 {
        magnitude
    } else {
        // The leading one, at bit 4 to 10, is the segment; the four bits below it are the interval.
        let segment = 12 - magnitude.leading_zeros() as u16;
        (segment << 4) | ((magnitude >> (segment - 1)) & 0x0f)
    };
    let sign = if sample >= 0 { 0x80 } else { 0 };
    (bits as u8 | sign) ^ EVEN_BITS
}
