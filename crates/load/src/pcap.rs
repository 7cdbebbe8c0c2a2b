//! Capture files: classic pcap for everything, pcapng as far as tests need it.

use std::io::{self, Write};

use earwitness_model::{LinkType, PacketTime};

/// The unit of a file's times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// Microseconds: what every program reads. The rest of a time is cut off.
    Micro,
    /// Nanoseconds.
    Nano,
}

/// The link type's number in the registry at tcpdump.org.
#[must_use]
pub const fn link_number(link: LinkType) -> u16 {
    match link {
        LinkType::Null => 0,
        LinkType::Ethernet => 1,
        LinkType::RawIp => 101,
        LinkType::Loop => 108,
        LinkType::LinuxSll => 113,
        LinkType::Ipv4 => 228,
        LinkType::Ipv6 => 229,
        LinkType::LinuxSll2 => 276,
        // It has no number of its own: the first of those for private use.
        LinkType::Hep => 147,
        LinkType::Other(number) => number,
    }
}

/// Writes a classic pcap file, little-endian. Give it something buffered.
#[derive(Debug)]
pub struct PcapWriter<W> {
    to: W,
    precision: Precision,
}

impl<W: Write> PcapWriter<W> {
    /// Writes the file header.
    ///
    /// # Errors
    ///
    /// Those of `to`.
    pub fn new(mut to: W, link: LinkType, precision: Precision) -> io::Result<Self> {
        let magic = match precision {
            Precision::Micro => 0xa1b2_c3d4_u32,
            Precision::Nano => 0xa1b2_3c4d,
        };
        to.write_all(&magic.to_le_bytes())?;
        to.write_all(&[2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0])?;
        to.write_all(&u32::from(link_number(link)).to_le_bytes())?;
        Ok(Self { to, precision })
    }

    /// Writes one whole frame. Times before 1970 and after 2106 do not fit in the file and are clamped.
    ///
    /// # Errors
    ///
    /// Those of the writer, and [`io::ErrorKind::InvalidInput`] for a frame of 4 GiB.
    pub fn write(&mut self, time: PacketTime, bytes: &[u8]) -> io::Result<()> {
        self.write_cut(time, bytes, 0)
    }

    /// [`Self::write`] of a frame that was `wire_len` bytes long where it was captured, if that is more than there are.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn write_cut(&mut self, time: PacketTime, bytes: &[u8], wire_len: u32) -> io::Result<()> {
        let nanos = time.nanos().clamp(0, i64::from(u32::MAX) * 1_000_000_000);
        let (seconds, fraction) = ((nanos / 1_000_000_000) as u32, (nanos % 1_000_000_000) as u32);
        let fraction = match self.precision {
            Precision::Micro => fraction / 1_000,
            Precision::Nano => fraction,
        };
        let length =
            u32::try_from(bytes.len()).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let mut header = [0; 16];
        for (at, word) in [seconds, fraction, length, length.max(wire_len)].into_iter().enumerate() {
            header[at * 4..at * 4 + 4].copy_from_slice(&word.to_le_bytes());
        }
        self.to.write_all(&header)?;
        self.to.write_all(bytes)
    }

    /// Flushes, and gives the writer back.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn finish(mut self) -> io::Result<W> {
        self.to.flush()?;
        Ok(self.to)
    }
}

/// Writes `frames` as a pcap file of Ethernet frames with nanoseconds.
///
/// # Errors
///
/// Those of `to`.
pub fn write_all<W: Write>(to: W, frames: impl IntoIterator<Item = crate::Frame>) -> io::Result<W> {
    let mut writer = PcapWriter::new(to, LinkType::Ethernet, Precision::Nano)?;
    frames.into_iter().try_for_each(|frame| writer.write(frame.time, &frame.bytes))?;
    writer.finish()
}

/// The byte order of a pcapng section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
}

/// Builds a pcapng file block by block, nonsense included if a test wants it.
#[derive(Debug, Default)]
pub struct Pcapng {
    bytes: Vec<u8>,
    big: bool,
}

impl Pcapng {
    /// A file of no blocks.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Section Header Block; the blocks after it are in its byte order.
    pub fn section(&mut self, order: Order) -> &mut Self {
        self.big = order == Order::Big;
        let mut body = self.word(0x1a2b_3c4d).to_vec();
        body.extend(self.half(1));
        body.extend(self.half(0));
        body.extend([0xff; 8]);
        self.block(0x0a0d_0d0a, &body)
    }

    /// Interface Description Block with options given as (code, value).
    pub fn interface(&mut self, link: LinkType, snap_length: u32, options: &[(u16, &[u8])]) -> &mut Self {
        let mut body = self.half(link_number(link)).to_vec();
        body.extend([0, 0]);
        body.extend(self.word(snap_length));
        for (code, value) in options {
            body.extend(self.half(*code));
            body.extend(self.half(value.len() as u16));
            body.extend(*value);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        if !options.is_empty() {
            body.extend([0; 4]);
        }
        self.block(1, &body)
    }

    /// Enhanced Packet Block of `interface`; `ticks` in its unit.
    pub fn packet(&mut self, interface: u32, ticks: u64, bytes: &[u8]) -> &mut Self {
        let mut body = self.word(interface).to_vec();
        self.packet_body(&mut body, ticks, bytes);
        self.block(6, &body)
    }

    /// The obsolete Packet Block.
    pub fn obsolete_packet(&mut self, interface: u16, ticks: u64, bytes: &[u8]) -> &mut Self {
        let mut body = self.half(interface).to_vec();
        body.extend([0xff, 0xff]);
        self.packet_body(&mut body, ticks, bytes);
        self.block(2, &body)
    }

    /// Simple Packet Block of a frame that was `original` bytes long.
    pub fn simple_packet(&mut self, original: u32, bytes: &[u8]) -> &mut Self {
        let mut body = self.word(original).to_vec();
        body.extend(bytes);
        self.block(3, &body)
    }

    /// Any block: `body` is padded to four bytes.
    pub fn block(&mut self, kind: u32, body: &[u8]) -> &mut Self {
        let padded = body.len().next_multiple_of(4);
        let length = self.word(padded as u32 + 12);
        self.bytes.extend(self.word(kind));
        self.bytes.extend(length);
        self.bytes.extend(body);
        self.bytes.resize(self.bytes.len() + padded - body.len(), 0);
        self.bytes.extend(length);
        self
    }

    /// The file so far.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn packet_body(&self, body: &mut Vec<u8>, ticks: u64, bytes: &[u8]) {
        let length = bytes.len() as u32;
        for word in [(ticks >> 32) as u32, ticks as u32, length, length] {
            body.extend(self.word(word));
        }
        body.extend(bytes);
    }

    fn word(&self, value: u32) -> [u8; 4] {
        if self.big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    fn half(&self, value: u16) -> [u8; 2] {
        if self.big { value.to_be_bytes() } else { value.to_le_bytes() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pcap_file_is_these_bytes() {
        let mut writer = PcapWriter::new(Vec::new(), LinkType::LinuxSll, Precision::Micro).unwrap();
        writer.write(PacketTime::from_nanos(3_000_004_999), b"abc").unwrap();
        writer.write(PacketTime::from_nanos(-1), b"").unwrap();
        writer.write_cut(PacketTime::from_nanos(0), b"ab", 77).unwrap();
        let bytes = writer.finish().unwrap();
        assert_eq!(bytes[..4], [0xd4, 0xc3, 0xb2, 0xa1]);
        assert_eq!(bytes[20..24], [113, 0, 0, 0]);
        assert_eq!(bytes[24..43], *b"\x03\0\0\0\x04\0\0\0\x03\0\0\0\x03\0\0\0abc");
        assert_eq!(bytes[43..59], [0; 16]);
        assert_eq!(bytes[67..], *b"\x02\0\0\0\x4d\0\0\0ab");
    }

    #[test]
    fn a_pcapng_block_is_padded_and_says_its_length_twice() {
        let mut file = Pcapng::new();
        file.section(Order::Big).simple_packet(5, b"hello");
        assert_eq!(file.bytes()[..12], *b"\x0a\x0d\x0d\x0a\0\0\0\x1c\x1a\x2b\x3c\x4d");
        assert_eq!(file.bytes()[28..], *b"\0\0\0\x03\0\0\0\x18\0\0\0\x05hello\0\0\0\0\0\0\x18");
    }
}
