//! One sender's packets: which of the keys that may be meant is its, and how often it came round.

use std::sync::Arc;

use crate::{cipher::Cipher, layout::Header, rollover::Rollover};

/// Keys that are tried of one source; of more the oldest are forgotten. A packet that none fits costs as many hashes.
pub const MOST_CIPHERS: usize = 16;

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    /// It is authentic, and was decrypted.
    Plain,
    /// No key makes it authentic, or it is too short to be protected.
    Refused,
}

/// The state of one SSRC between two addresses.
#[derive(Debug, Default)]
pub struct Source {
    /// The one that fitted last comes first, then the newest.
    keys: Vec<(Arc<Cipher>, Rollover)>,
}

impl Source {
    /// From now on these may be meant, too. One that is known already keeps what is known of it.
    pub fn add(&mut self, ciphers: &[Arc<Cipher>]) {
        for cipher in ciphers {
            if self.keys.iter().any(|(known, _)| Arc::ptr_eq(known, cipher) || known.is_same(cipher)) {
                continue;
            }
            if self.keys.len() == MOST_CIPHERS {
                self.keys.pop();
            }
            let place = usize::from(self.keys.first().is_some_and(|(_, rollover)| rollover.is_known()));
            self.keys.insert(place, (Arc::clone(cipher), Rollover::default()));
        }
    }

    /// Whether there is no key at all.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Opens `packet`, a datagram's payload: `plain` is then the RTP packet as it was before it was protected. When it is
    /// refused, `plain` is empty.
    pub fn open(&mut self, packet: &[u8], plain: &mut Vec<u8>) -> Opened {
        plain.clear();
        let Some(header) = Header::parse(packet) else { return Opened::Refused };
        let elsewhere = self.keys.first().and_then(|(_, rollover)| rollover.estimate(header.sequence));
        for place in 0..self.keys.len() {
            let (cipher, rollover) = &mut self.keys[place];
            let candidates = rollover.candidates(header.sequence, elsewhere);
            if let Some(roc) = cipher.open((packet, header), candidates, plain) {
                rollover.handle_authentic(roc, header.sequence);
                if place > 0 {
                    self.keys[..=place].rotate_right(1);
                }
                return Opened::Plain;
            }
        }
        Opened::Refused
    }
}
