//! What is not as the ground truth says, and why it is right so.

use std::fmt;

/// A difference that is explained.
pub(crate) struct Known {
    capture: &'static str,
    /// Which point, as the tally names it.
    point: &'static str,
    /// Where it shows, as `tshark` counts the frames of the capture.
    frames: &'static str,
    clause: &'static str,
    why: &'static str,
}

impl Known {
    /// As the tally names it.
    pub(crate) fn difference(&self) -> String {
        format!("{}: {}", self.capture, self.point)
    }
}

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { capture, point, frames, clause, why } = self;
        write!(f, "{capture}, {point}: frames {frames}, {clause}: {why}")
    }
}

/// A stream that turned from RTP into SRTP on its way, and is hashed by the truth as if it were one.
const ZRTP: &str = "the parties agree on keys by ZRTP in frames 32 to 47, and what follows is SRTP under keys that nobody \
    learns (164 bytes a packet, of which 4 authenticate): the truth hashes ciphertext. The 15 packets before are kept: \
    engine/tests/srtp.rs counts them";

const fn zrtp(point: &'static str) -> Known {
    Known {
        capture: "odedshimon+BruteShark/Asterisk_ZFONE_XLITE.pcap",
        point,
        frames: "32-47 (ZRTP), 48 and after (SRTP)",
        clause: "RFC 6189, 4.6 and 5.8",
        why: ZRTP,
    }
}

/// The only stream of a call in which nothing is said.
const VIDEO: &str = "nothing comes to the port of the audio line; what comes is that of the video line, and video is told of a \
    call and not kept";

const fn video(point: &'static str) -> Known {
    Known {
        capture: "odedshimon+BruteShark/h263-over-rtp.pcap",
        point,
        frames: "1 and 3 (SDP), 5-49 (H.263)",
        clause: "RFC 3551, 6, table 5: payload type 34 is H.263",
        why: VIDEO,
    }
}

/// All of them.
pub(crate) const KNOWN: [Known; 8] = [
    zrtp("Stream: 192.168.10.40:49848 > 192.168.10.41:64508 0xb72a7104"),
    zrtp("Stream: 192.168.10.41:64508 > 192.168.10.40:49848 0xbee0f2ed"),
    zrtp("G711: 192.168.10.40:49848 > 192.168.10.41:64508 0xb72a7104"),
    zrtp("G711: 192.168.10.41:64508 > 192.168.10.40:49848 0xbee0f2ed"),
    zrtp("Counts: 192.168.10.40:49848 > 192.168.10.41:64508 0xb72a7104: [790, 0, 1], found [12, 0, 778]"),
    zrtp("Counts: 192.168.10.41:64508 > 192.168.10.40:49848 0xbee0f2ed: [205, 0, 369], found [1, 0, 204]"),
    video("Counts: 192.168.6.199:57128 > 192.168.6.199:32976 0x5482ece0: [45, 0, 0], found [0, 0, 0]"),
    video("Leg: 192.168.6.199:57128 > 192.168.6.199:32976 0x5482ece0: callee"),
];
