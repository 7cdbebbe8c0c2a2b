//! Redundant audio (RFC 2198): a packet that carries the audio before it again.
//!
//! ```text
//!   1  block PT 7  timestamp offset 14  block length 10     one for each earlier block
//!   0  block PT 7                                           the newest, which has all that is left
//!   earlier block … | newest block
//! ```
//!
//! What is kept, hashed and exported as payload is the packet as it was sent, headers and earlier blocks included. Only the
//! audio is made of blocks: the newest of each packet, and an earlier one where the packet it comes from is missing. Blocks
//! have no place of their own in the call's description: their encoding is that of a payload type seen in the call, or one
//! that RFC 3551 fixes.

/// A block of a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Block<'p> {
    pub(crate) payload_type: u8,
    /// RTP clock units before the packet's own time.
    pub(crate) earlier: u16,
    pub(crate) payload: &'p [u8],
}

/// More earlier blocks than this are no speech: RFC 2198 has one or two in mind, and Chrome sends at most ten.
const MOST: usize = 16;

/// The blocks of a payload, as they lie in it, the newest last; `None` when it is not made so.
pub(crate) fn blocks(payload: &[u8]) -> Option<Vec<Block<'_>>> {
    let (mut headers, mut rest) = (Vec::new(), payload);
    let newest = loop {
        match *rest {
            [first, high, middle, low, ref after @ ..] if first >= 0x80 && headers.len() < MOST => {
                let earlier = u16::from_be_bytes([high, middle]) >> 2;
                let length = usize::from(middle & 3) << 8 | usize::from(low);
                headers.push((first & 0x7f, earlier, length));
                rest = after;
            }
            [newest, ref after @ ..] if newest < 0x80 => {
                rest = after;
                break newest;
            }
            _ => return None,
        }
    };
    let mut blocks = Vec::with_capacity(headers.len() + 1);
    for (payload_type, earlier, length) in headers {
        let (payload, after) = rest.split_at_checked(length)?;
        blocks.push(Block { payload_type, earlier, payload });
        rest = after;
    }
    blocks.push(Block { payload_type: newest, earlier: 0, payload: rest });
    Some(blocks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_read_as_rfc_2198_draws_them() {
        let block = |payload_type, earlier, payload| Block { payload_type, earlier, payload };
        assert_eq!(blocks(&[0, 1, 2]), Some(vec![block(0, 0, &[1, 2])]));
        // One earlier block of two octets, 160 units before: 160 << 2 | 0 = 0x0280.
        assert_eq!(
            blocks(&[0x88, 0x02, 0x80, 2, 8, 7, 7, 9]),
            Some(vec![block(8, 160, &[7, 7]), block(8, 0, &[9])])
        );
        assert_eq!(blocks(&[0x88, 0x02, 0x81, 0, 8]), None, "256 octets are announced and none is there");
        for none in [&[][..], &[0x80], &[0x88, 0, 0, 0]] {
            assert_eq!(blocks(none), None);
        }
        assert_eq!(blocks(&[0x80; 400]), None);
    }
}
