//! What is said in the lab: random A-law, so that every packet is like no other and each can be found again.

use std::{collections::HashMap, fmt, fs, path::Path};

use anyhow::{Context, Result};

/// Bytes of a packet of 20 ms.
pub(super) const PACKET: usize = 160;

/// A-law's silence.
const SILENCE: u8 = 0xd5;

/// The known audio of one party.
#[derive(Debug, Clone)]
pub(super) struct Voice {
    ssrc: u32,
    payload: Vec<u8>,
}

/// What is left of a voice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kept {
    /// Every byte.
    Whole,
    /// Some packets, in order, each whole.
    Part {
        /// Those that are not there, as runs: the first, and how many.
        missing: Vec<(usize, usize)>,
    },
    /// Bytes that nobody said, or not in this order; the first such packet.
    Foreign(usize),
}

impl Voice {
    /// Another voice for every seed.
    pub(super) fn new(seed: u64, packets: usize) -> Self {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x6561_7277_6974_6e65;
        let mut words = std::iter::repeat_with(move || splitmix(&mut state));
        let ssrc = words.next().unwrap_or(1) as u32 | 1;
        let payload = words.flat_map(u64::to_le_bytes).take(packets * PACKET).collect();
        Self { ssrc, payload }
    }

    /// Says `payload`, its last part filled with silence to a whole packet.
    pub(super) fn saying(seed: u64, mut payload: Vec<u8>) -> Self {
        payload.resize(payload.len().next_multiple_of(PACKET), SILENCE);
        Self { payload, ..Self::new(seed, 0) }
    }

    /// Its SSRC, as the listing writes it.
    pub(super) fn ssrc(&self) -> String {
        format!("0x{:08x}", self.ssrc)
    }

    /// What is said.
    #[cfg(test)]
    pub(super) fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// In how many packets.
    pub(super) const fn packets(&self) -> usize {
        self.payload.len() / PACKET
    }

    /// Writes the capture that sipp plays: it takes payload, sequence and times from it, and puts its own addresses.
    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let mut file = Vec::with_capacity(self.payload.len() * 3 / 2);
        file.extend(0xa1b2_c3d4_u32.to_le_bytes());
        file.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        file.extend(65_535_u32.to_le_bytes());
        file.extend(1_u32.to_le_bytes());
        for (index, payload) in self.payload.chunks(PACKET).enumerate() {
            let frame = self.frame(index, payload);
            let micros = index as u32 * 20_000;
            for word in [1 + micros / 1_000_000, micros % 1_000_000, frame.len() as u32, frame.len() as u32] {
                file.extend(word.to_le_bytes());
            }
            file.extend(frame);
        }
        fs::write(path, file).with_context(|| format!("cannot write {}", path.display()))
    }

    /// One packet as an Ethernet frame between addresses that do not matter.
    fn frame(&self, index: usize, payload: &[u8]) -> Vec<u8> {
        let length = |headers: usize| ((headers + payload.len()) as u16).to_be_bytes();
        let marker = if index == 0 { 0x80 } else { 0 };
        let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0];
        frame.extend(length(40));
        frame.extend([0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0x0f, 0xa0, 0x0f, 0xa2]);
        frame.extend(length(20));
        frame.extend([0, 0, 0x80, marker | 8]);
        frame.extend((self.ssrc as u16).wrapping_add(index as u16).to_be_bytes());
        frame.extend(self.ssrc.rotate_left(13).wrapping_add(index as u32 * PACKET as u32).to_be_bytes());
        frame.extend(self.ssrc.to_be_bytes());
        frame.extend(payload);
        frame
    }

    /// Which of its packets this is.
    pub(super) fn place(&self, packet: &[u8]) -> Option<usize> {
        self.payload.chunks(PACKET).position(|said| said == packet)
    }

    /// Compares what was kept with what was said.
    pub(super) fn compare(&self, kept: &[u8]) -> Kept {
        if kept == self.payload {
            return Kept::Whole;
        }
        let places: HashMap<&[u8], usize> =
            self.payload.chunks(PACKET).enumerate().map(|(index, packet)| (packet, index)).collect();
        let (mut next, mut missing) = (0, Vec::new());
        for (number, packet) in kept.chunks(PACKET).enumerate() {
            match places.get(packet) {
                Some(&at) if at >= next => {
                    if at > next {
                        missing.push((next, at - next));
                    }
                    next = at + 1;
                }
                Some(_) | None => return Kept::Foreign(number),
            }
        }
        if next < self.packets() {
            missing.push((next, self.packets() - next));
        }
        Kept::Part { missing }
    }
}

impl Kept {
    /// Whether the last of `packets` is there.
    pub(super) fn is_to_the_end(&self, packets: usize) -> bool {
        match self {
            Self::Whole => true,
            Self::Part { missing } => missing.last().is_none_or(|(at, count)| at + count < packets),
            Self::Foreign(_) => false,
        }
    }

    /// Packets that are not there, for whatever is not foreign.
    pub(super) fn missing(&self) -> Option<usize> {
        match self {
            Self::Whole => Some(0),
            Self::Part { missing } => Some(missing.iter().map(|(_, count)| count).sum()),
            Self::Foreign(_) => None,
        }
    }
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => f.write_str("whole"),
            Self::Part { missing } => write!(f, "{} runs missing {missing:?}", missing.len()),
            Self::Foreign(at) => write!(f, "foreign bytes at packet {at}"),
        }
    }
}

/// Steele, Lea and Flood's SplitMix64.
fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut word = *state;
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_told_and_what_was_never_said_is_foreign() {
        let voice = Voice::new(1, 10);
        let said = voice.payload();
        assert_eq!(voice.compare(said), Kept::Whole);
        let kept = [&said[PACKET..3 * PACKET], &said[5 * PACKET..9 * PACKET]].concat();
        let part = voice.compare(&kept);
        assert_eq!(part, Kept::Part { missing: vec![(0, 1), (3, 2), (9, 1)] });
        assert_eq!(part.missing(), Some(4));
        let swapped = [&said[PACKET..2 * PACKET], &said[..PACKET]].concat();
        assert_eq!(voice.compare(&swapped), Kept::Foreign(1));
        assert_eq!(voice.compare(&Voice::new(2, 10).payload()[..PACKET]), Kept::Foreign(0));
    }

    #[test]
    fn the_capture_that_sipp_plays_has_a_frame_for_every_packet() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("voice.pcap");
        Voice::new(1, 3).write(&path).expect("it can be written");
        let bytes = fs::read(path).expect("it is there");
        assert_eq!(bytes.len(), 24 + 3 * (16 + 214));
        assert_eq!(&bytes[24 + 16 + 54..24 + 16 + 214], &Voice::new(1, 3).payload()[..PACKET]);
    }
}
