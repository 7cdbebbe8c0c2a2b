//! pcapng: sections of blocks (draft-ietf-opsawg-pcapng).
//!
//! ```text
//! block      type 4 | total length 4 | body, padded to 4 | total length 4
//! section    byte-order magic 4 | major 2 | minor 2 | section length 8 | options
//! interface  link type 2 | reserved 2 | snap length 4 | options
//! enhanced   interface 4 | time, high 4, low 4 | captured length 4 | original length 4 | bytes | options
//! packet     interface 2 | drops 2 | then as in an enhanced packet block (obsolete)
//! simple     original length 4 | bytes
//! secrets    type 4 | length 4 | bytes | options
//! ```

use earwitness_model::{LinkType, PacketTime, RawFrame};
use zeroize::Zeroizing;

use crate::{
    Damage, FileSource,
    classic::Order,
    window::{Stop, Window},
};

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const PACKET: u32 = 2;
const SIMPLE: u32 = 3;
const ENHANCED: u32 = 6;
const SECRETS: u32 = 10;
/// Secrets that are lines of a TLS key log ("TLSK").
const TLS_KEY_LOG: u32 = 0x544c_534b;
/// The longest block of secrets that is read: longer ones are passed over.
const MAX_SECRETS: u32 = 16 << 20;
const BYTE_ORDER: u32 = 0x1a2b_3c4d;

/// Type, both lengths: what every block has.
const FRAME_OF_BLOCK: u32 = 12;
/// Room for the options of a frame of [`FileSource::MAX_FRAME`] bytes, and for those of an interface.
const MAX_BLOCK: u32 = FileSource::MAX_FRAME + (1 << 20);

const OPTION_END: u16 = 0;
const OPTION_TIME_RESOLUTION: u16 = 9;
const OPTION_TIME_OFFSET: u16 = 14;

/// What a section has told so far.
#[derive(Debug)]
pub(crate) struct Pcapng {
    order: Order,
    interfaces: Vec<Interface>,
    key_log: Option<Zeroizing<Vec<u8>>>,
    secrets_unread: u64,
}

#[derive(Debug, Clone, Copy)]
struct Interface {
    link: LinkType,
    /// 0 means no limit.
    snap_length: u32,
    unit: Unit,
    /// Nanoseconds to be added to each time.
    offset: i64,
}

/// The unit of an interface's times (`if_tsresol`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// So many nanoseconds.
    Nanos(u64),
    /// So many to the nanosecond; `None`: more than 64 bits can count.
    PerNano(Option<u64>),
    /// 2⁻ⁿ seconds.
    Binary(u8),
}

impl Unit {
    /// From the byte of the option: the exponent of a negative power of 10, or with the highest bit set of 2.
    fn from_option(byte: u8) -> Self {
        let exponent = u32::from(byte & 0x7f);
        match byte {
            0x80.. => Self::Binary(byte & 0x7f),
            0..=9 => Self::Nanos(10_u64.pow(9 - exponent)),
            10.. => Self::PerNano(10_u64.checked_pow(exponent - 9)),
        }
    }

    #[inline]
    fn nanos(self, ticks: u64) -> i64 {
        let nanos = match self {
            Self::Nanos(unit) => ticks.saturating_mul(unit),
            Self::PerNano(units) => units.map_or(0, |units| ticks / units),
            Self::Binary(bits) => {
                let nanos = (u128::from(ticks) * 1_000_000_000) >> bits;
                u64::try_from(nanos).unwrap_or(u64::MAX)
            }
        };
        i64::try_from(nanos).unwrap_or(i64::MAX)
    }
}

/// A packet block's header, whatever its kind.
struct Packet {
    interface: Interface,
    time: PacketTime,
    captured: u32,
    original: u32,
    /// Where the bytes begin in the block.
    at: u32,
}

impl Pcapng {
    /// Whether a file that begins with `magic` is a pcapng capture.
    pub(crate) fn knows(magic: [u8; 4]) -> bool {
        u32::from_le_bytes(magic) == SECTION
    }

    /// Before the first section.
    pub(crate) const fn new() -> Self {
        Self { order: Order::Little, interfaces: Vec::new(), key_log: None, secrets_unread: 0 }
    }

    /// The key log of a block that was just walked over.
    pub(crate) const fn take_key_log(&mut self) -> Option<Zeroizing<Vec<u8>>> {
        self.key_log.take()
    }

    /// Blocks of secrets that were passed over: they are too long, or their secrets are not whole in them.
    pub(crate) const fn secrets_unread(&self) -> u64 {
        self.secrets_unread
    }

    /// Walks over one block. If it holds a frame, hands it to `visit` and gives its length.
    pub(crate) fn step(
        &mut self,
        window: &mut Window,
        number: u64,
        visit: &mut dyn FnMut(&RawFrame<'_>),
    ) -> Result<Option<usize>, Stop> {
        let [t0, t1, t2, t3, l0, l1, l2, l3, w0, w1, w2, w3] = window.begin::<12>()?;
        let kind = self.order.u32([t0, t1, t2, t3]);
        if kind == SECTION {
            self.order = byte_order([w0, w1, w2, w3])?;
            self.interfaces.clear();
        }
        let length = self.order.u32([l0, l1, l2, l3]);
        let most = match kind {
            INTERFACE | PACKET | SIMPLE | ENHANCED => MAX_BLOCK,
            _ => u32::MAX,
        };
        if length < FRAME_OF_BLOCK || length > most || !length.is_multiple_of(4) {
            return Err(Damage::BlockLength(length).into());
        }
        match kind {
            SECTION => self.section(window, length).map(|()| None),
            INTERFACE => self.interface(window, length).map(|()| None),
            PACKET | SIMPLE | ENHANCED => self.frame(window, (kind, length), number, visit).map(Some),
            SECRETS if length <= MAX_SECRETS => self.secrets(window, length).map(|()| None),
            _ => {
                self.secrets_unread += u64::from(kind == SECRETS);
                self.pass(window, length).map(|()| None)
            }
        }
    }

    /// As [`Classic::lying_in`](crate::classic::Classic::lying_in), of enhanced packet blocks.
    pub(crate) fn lying_in<'h>(
        &self,
        held: &'h [u8],
        number: u64,
        frames: &mut [RawFrame<'h>],
    ) -> (usize, usize) {
        let (mut count, mut rest) = (0, held);
        for (place, number) in frames.iter_mut().zip(number..) {
            let Some((frame, after)) = self.enhanced(rest, number) else { break };
            *place = frame;
            (count, rest) = (count + 1, after);
        }
        (count, held.len() - rest.len())
    }

    /// The frame of the enhanced packet block that `held` begins with, and what comes after it.
    fn enhanced<'h>(&self, held: &'h [u8], number: u64) -> Option<(RawFrame<'h>, &'h [u8])> {
        let &[t0, t1, t2, t3, l0, l1, l2, l3] = held.first_chunk()?;
        let length = self.order.u32([l0, l1, l2, l3]);
        let fits = (FRAME_OF_BLOCK..=MAX_BLOCK).contains(&length) && length.is_multiple_of(4);
        if self.order.u32([t0, t1, t2, t3]) != ENHANCED || !fits {
            return None;
        }
        let (block, after) = held.split_at_checked(length as usize)?;
        let (block, ends) = block.split_last_chunk()?;
        check_end(length, self.order.u32(*ends)).ok()?;
        Some((self.lent((ENHANCED, block), number).ok()?, after))
    }

    fn section(&self, window: &mut Window, length: u32) -> Result<(), Stop> {
        if length < 28 {
            return Err(Damage::BlockLength(length).into());
        }
        let [.., v0, v1, _, _] = window.array::<16>()?;
        match self.order.u16([v0, v1]) {
            1 => self.pass(window, length),
            other => Err(Damage::Version(other).into()),
        }
    }

    /// Moves past a block whose body is not read here.
    fn pass(&self, window: &mut Window, length: u32) -> Result<(), Stop> {
        window.skip(u64::from(length - 4))?;
        let ends = self.order.u32(window.array::<4>()?);
        check_end(length, ends)?;
        window.consume(4);
        Ok(())
    }

    fn secrets(&mut self, window: &mut Window, length: u32) -> Result<(), Stop> {
        let order = self.order;
        let block = whole(window, order, length)?;
        let Some((&[_, _, _, _, _, _, _, _, k0, k1, k2, k3, l0, l1, l2, l3], rest)) =
            block.split_first_chunk()
        else {
            return Err(Damage::BlockLength(length).into());
        };
        let text = rest.get(..order.u32([l0, l1, l2, l3]) as usize);
        if order.u32([k0, k1, k2, k3]) == TLS_KEY_LOG {
            self.secrets_unread += u64::from(text.is_none());
            self.key_log = text.map(|text| Zeroizing::new(text.to_vec()));
        }
        window.consume(length as usize);
        Ok(())
    }

    fn interface(&mut self, window: &mut Window, length: u32) -> Result<(), Stop> {
        let order = self.order;
        let block = whole(window, order, length)?;
        let Some((&[_, _, _, _, _, _, _, _, k0, k1, _, _, s0, s1, s2, s3], rest)) = block.split_first_chunk()
        else {
            return Err(Damage::BlockLength(length).into());
        };
        let mut interface = Interface {
            link: LinkType::from_number(order.u16([k0, k1])),
            snap_length: order.u32([s0, s1, s2, s3]),
            unit: Unit::Nanos(1_000),
            offset: 0,
        };
        interface.read_options(order, rest);
        if self.interfaces.len() >= FileSource::MAX_INTERFACES as usize {
            return Err(Damage::TooManyInterfaces(FileSource::MAX_INTERFACES).into());
        }
        self.interfaces.push(interface);
        window.consume(length as usize);
        Ok(())
    }

    fn frame(
        &self,
        window: &mut Window,
        (kind, length): (u32, u32),
        number: u64,
        visit: &mut dyn FnMut(&RawFrame<'_>),
    ) -> Result<usize, Stop> {
        let frame = self.lent((kind, whole(window, self.order, length)?), number)?;
        let captured = frame.bytes.len();
        visit(&frame);
        window.consume(length as usize);
        Ok(captured)
    }

    /// The frame in a block of the kind, which has no last length any more.
    #[inline]
    fn lent<'h>(&self, (kind, block): (u32, &'h [u8]), number: u64) -> Result<RawFrame<'h>, Stop> {
        let packet = if kind == SIMPLE { self.simple(block) } else { self.timed(kind, block) }?;
        let room = block.len() as u32 - packet.at;
        if packet.captured > FileSource::MAX_FRAME {
            return Err(Damage::FrameTooLong(packet.captured).into());
        }
        if packet.captured > room {
            return Err(Damage::FrameOverrunsBlock { frame: packet.captured, room }.into());
        }
        let bytes = &block[packet.at as usize..(packet.at + packet.captured) as usize];
        let link = packet.interface.link;
        let wire_len = packet.original.max(packet.captured);
        Ok(RawFrame { time: packet.time, number, link, wire_len, bytes })
    }

    /// An enhanced or an obsolete packet block: they differ in the first word only.
    fn timed(&self, kind: u32, block: &[u8]) -> Result<Packet, Stop> {
        let Some(&head) = block.first_chunk::<28>() else {
            return Err(Damage::BlockLength(block.len() as u32 + 4).into());
        };
        let word = |at: usize| self.order.u32([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let index = if kind == PACKET { u32::from(self.order.u16([head[8], head[9]])) } else { word(8) };
        let interface = self.described(index)?;
        let ticks = u64::from(word(12)) << 32 | u64::from(word(16));
        let time = PacketTime::from_nanos(interface.unit.nanos(ticks)).plus_nanos(interface.offset);
        Ok(Packet { interface, time, captured: word(20), original: word(24), at: 28 })
    }

    /// A simple packet block: of the first interface, without a time (the epoch stands for it), and its captured length
    /// is what the snap length left.
    fn simple(&self, block: &[u8]) -> Result<Packet, Stop> {
        let Some(&[_, _, _, _, _, _, _, _, o0, o1, o2, o3]) = block.first_chunk::<12>() else {
            return Err(Damage::BlockLength(block.len() as u32 + 4).into());
        };
        let interface = self.described(0)?;
        let original = self.order.u32([o0, o1, o2, o3]);
        let captured = match interface.snap_length {
            0 => original,
            limit => original.min(limit),
        };
        Ok(Packet { interface, time: PacketTime::EPOCH, captured, original, at: 12 })
    }

    #[inline]
    fn described(&self, index: u32) -> Result<Interface, Damage> {
        self.interfaces.get(index as usize).copied().ok_or(Damage::UnknownInterface(index))
    }
}

impl Interface {
    /// The two options that a time needs. Reading stops where the options stop making sense.
    fn read_options(&mut self, order: Order, mut rest: &[u8]) {
        while let Some((&[c0, c1, l0, l1], after)) = rest.split_first_chunk() {
            let (code, length) = (order.u16([c0, c1]), usize::from(order.u16([l0, l1])));
            let Some(value) = after.get(..length) else { return };
            match (code, value) {
                (OPTION_END, _) => return,
                (OPTION_TIME_RESOLUTION, &[byte]) => self.unit = Unit::from_option(byte),
                (OPTION_TIME_OFFSET, &[a, b, c, d, e, f, g, h]) => {
                    let (first, second) =
                        (u64::from(order.u32([a, b, c, d])), u64::from(order.u32([e, f, g, h])));
                    let seconds = match order {
                        Order::Little => second << 32 | first,
                        Order::Big => first << 32 | second,
                    };
                    self.offset = seconds.cast_signed().saturating_mul(1_000_000_000);
                }
                _ => {}
            }
            rest = after.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
    }
}

fn byte_order(magic: [u8; 4]) -> Result<Order, Damage> {
    match (u32::from_le_bytes(magic), u32::from_be_bytes(magic)) {
        (BYTE_ORDER, _) => Ok(Order::Little),
        (_, BYTE_ORDER) => Ok(Order::Big),
        (other, _) => Err(Damage::ByteOrder(other)),
    }
}

/// A block up to its last length, which is compared with the first; not yet consumed.
fn whole(window: &mut Window, order: Order, length: u32) -> Result<&[u8], Stop> {
    let block = window.need(length as usize)?;
    let (block, ends) = block.split_last_chunk().expect("a block of 12 bytes or more has a last word");
    check_end(length, order.u32(*ends))?;
    Ok(block)
}

fn check_end(begins: u32, ends: u32) -> Result<(), Damage> {
    if begins == ends { Ok(()) } else { Err(Damage::BlockEnd { begins, ends }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_powers_of_ten_or_two_and_saturate() {
        let cases: [(u8, u64, i64); 12] = [
            (6, 1_700_000_000_123_456, 1_700_000_000_123_456_000),
            (9, 1_700_000_000_123_456_789, 1_700_000_000_123_456_789),
            (3, 1_700_000_000_123, 1_700_000_000_123_000_000),
            (0, 1_700_000_000, 1_700_000_000_000_000_000),
            (12, 1_700_000_123_456_789, 1_700_000_123_456),
            (6, u64::MAX, i64::MAX),
            (29, u64::MAX, 0),
            (127, u64::MAX, 0),
            (0x80, 3, 3_000_000_000),
            (0x80 | 20, 3 << 19, 1_500_000_000),
            (0x80 | 32, (5 << 32) | (1 << 31), 5_500_000_000),
            (0xff, u64::MAX, 0),
        ];
        for (byte, ticks, nanos) in cases {
            assert_eq!(Unit::from_option(byte).nanos(ticks), nanos, "if_tsresol {byte:#x}");
        }
        assert_eq!(Unit::from_option(0x80).nanos(u64::MAX), i64::MAX);
    }
}
