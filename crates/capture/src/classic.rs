//! Classic pcap: a file header, then frames, nothing else (draft-ietf-opsawg-pcap).
//!
//! ```text
//! file   magic 4 | major 2 | minor 2 | reserved 8 | snap length 4 | link type 4
//! frame  seconds 4 | µs or ns 4 | captured length 4 | original length 4 | captured bytes
//! ```

use earwitness_model::{LinkType, PacketTime, RawFrame};

use crate::{
    Damage, FileSource,
    window::{Stop, Window},
};

const FILE_HEADER: usize = 24;
const FRAME_HEADER: usize = 16;
/// Of Kuznetzov's "modified" format: interface index, protocol, packet type and a byte of padding follow.
const MODIFIED_FRAME_HEADER: usize = 24;

/// The byte order of the machine that wrote the capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Little,
    Big,
}

impl Order {
    #[inline]
    pub(crate) const fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }

    #[inline]
    pub(crate) const fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        }
    }
}

/// Which of a frame's two lengths comes first: before version 2.4 the programs did not agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lengths {
    CapturedFirst,
    OriginalFirst,
    /// The smaller one is the captured length.
    Either,
}

/// What stands before a frame.
struct Head {
    time: PacketTime,
    captured: u32,
    wire_len: u32,
}

/// What a classic file's header says of its frames.
#[derive(Debug)]
pub(crate) struct Classic {
    order: Order,
    /// Nanoseconds per unit of a time's second word.
    unit: i64,
    header: usize,
    lengths: Lengths,
    link: LinkType,
}

impl Classic {
    /// The byte order, unit of time and length of a frame's header that `magic` stands for.
    fn recognise(magic: [u8; 4]) -> Option<(Order, i64, usize)> {
        let order = |value| match value {
            0xa1b2_c3d4_u32 => Some((1_000, FRAME_HEADER)),
            0xa1b2_3c4d => Some((1, FRAME_HEADER)),
            0xa1b2_cd34 => Some((1_000, MODIFIED_FRAME_HEADER)),
            _ => None,
        };
        let little = order(u32::from_le_bytes(magic)).map(|(unit, header)| (Order::Little, unit, header));
        little.or_else(|| order(u32::from_be_bytes(magic)).map(|(unit, header)| (Order::Big, unit, header)))
    }

    /// Whether a file that begins with `magic` is a classic capture.
    pub(crate) fn knows(magic: [u8; 4]) -> bool {
        Self::recognise(magic).is_some()
    }

    /// Reads the file header. The snap length is not believed: files exist whose frames are longer.
    pub(crate) fn begin(window: &mut Window) -> Result<Self, Stop> {
        let [m0, m1, m2, m3, major @ .., _, _, _, _, _, _, _, _, _, _, _, _, l0, l1, l2, l3] =
            window.array::<FILE_HEADER>()?;
        let (order, unit, header) =
            Self::recognise([m0, m1, m2, m3]).expect("the magic was looked at before");
        let [major0, major1, minor0, minor1] = major;
        let lengths = match (order.u16([major0, major1]), order.u16([minor0, minor1])) {
            (2, 3) => Lengths::Either,
            (2, 0..3) | (543, 0) => Lengths::OriginalFirst,
            _ => Lengths::CapturedFirst,
        };
        // The upper half tells the length of the frame check sequence, if it is known.
        let link = LinkType::from_number((order.u32([l0, l1, l2, l3]) & 0xffff) as u16);
        window.consume(FILE_HEADER);
        Ok(Self { order, unit, header, lengths, link })
    }

    /// Puts the frames that lie whole in `held` into `frames`, as many as there is room for, numbered from `number` on: how many,
    /// and the bytes that they take in the file. What is not as it should be ends them, and is left to [`Self::step`].
    #[inline]
    pub(crate) fn lying_in<'h>(
        &self,
        held: &'h [u8],
        number: u64,
        frames: &mut [RawFrame<'h>],
    ) -> (usize, usize) {
        let (mut count, mut rest) = (0, held);
        for (place, number) in frames.iter_mut().zip(number..) {
            let Some((head, body)) = rest.split_first_chunk::<FRAME_HEADER>() else { break };
            let head = self.head(*head);
            let Some(body) = body.get(self.header - FRAME_HEADER..) else { break };
            let Some((bytes, after)) = body.split_at_checked(head.captured as usize) else { break };
            if head.captured > FileSource::MAX_FRAME {
                break;
            }
            *place = RawFrame { time: head.time, number, link: self.link, wire_len: head.wire_len, bytes };
            (count, rest) = (count + 1, after);
        }
        (count, held.len() - rest.len())
    }

    /// Hands the next frame to `visit` and gives its length.
    #[inline]
    pub(crate) fn step(
        &self,
        window: &mut Window,
        number: u64,
        visit: &mut dyn FnMut(&RawFrame<'_>),
    ) -> Result<usize, Stop> {
        let Head { time, captured, wire_len } = self.head(window.begin::<FRAME_HEADER>()?);
        if captured > FileSource::MAX_FRAME {
            return Err(Damage::FrameTooLong(captured).into());
        }
        let length = self.header + captured as usize;
        let bytes = &window.need(length)?[self.header..];
        visit(&RawFrame { time, number, link: self.link, wire_len, bytes });
        window.consume(length);
        Ok(captured as usize)
    }

    #[inline]
    fn head(&self, bytes: [u8; FRAME_HEADER]) -> Head {
        let [s0, s1, s2, s3, f0, f1, f2, f3, a0, a1, a2, a3, b0, b1, b2, b3] = bytes;
        let (a, b) = (self.order.u32([a0, a1, a2, a3]), self.order.u32([b0, b1, b2, b3]));
        let (captured, original) = match self.lengths {
            Lengths::CapturedFirst => (a, b),
            Lengths::OriginalFirst => (b, a),
            Lengths::Either => (a.min(b), a.max(b)),
        };
        let seconds = i64::from(self.order.u32([s0, s1, s2, s3]));
        let fraction = i64::from(self.order.u32([f0, f1, f2, f3]));
        // 2³² seconds and 2³² of the second word's units are far from the end of an i64 of nanoseconds.
        let time = PacketTime::from_nanos(seconds * 1_000_000_000 + fraction * self.unit);
        Head { time, captured, wire_len: original.max(captured) }
    }
}
