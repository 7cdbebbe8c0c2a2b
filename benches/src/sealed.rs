//! A call that is sealed into a vault, segment by segment, and what opens again.

use earwitness_model::{CallSummary, Flow, Leg, Segment, Track, TrackIndex};
use earwitness_vault::{Entry, Opener, RecordingSealer, Writer};

use crate::{
    office::{NOW, Office, call_id, opening, summary},
    tape::Tape,
    treadmill::PAYLOAD,
};

/// A recording that goes on.
pub struct Sealing<'o> {
    office: &'o Office,
    recording: RecordingSealer,
    writer: Writer,
    /// What is sealed next.
    pub tape: Tape,
    /// The bytes of every segment that was sealed.
    sealed: Vec<Vec<u8>>,
}

/// A recording that is over.
pub struct Recorded {
    /// Its row.
    pub entry: Entry,
    /// Who can open it.
    pub opener: Opener,
}

impl<'o> Sealing<'o> {
    /// Begins call 0 in `office`, in rounds of `segments` segments.
    ///
    /// # Panics
    /// When somebody else writes into the vault.
    #[must_use]
    pub fn begin(office: &'o Office, segments: u32) -> Self {
        let (sealer, mut writer) = office.vault.writer().expect("nobody else writes");
        let (recording, opened) = sealer.begin(&opening(0), NOW).expect("the lab rule admits every call");
        writer.append(opened).expect("there is room");
        Self { office, recording, writer, tape: Tape::new(call_id(0), segments), sealed: Vec::new() }
    }

    /// Seals and appends a round.
    ///
    /// # Panics
    /// When the disk is full.
    #[inline]
    pub fn round(&mut self) {
        for segment in self.tape.take() {
            self.writer.append(self.recording.seal(segment)).expect("there is room");
        }
        drop(self.writer.take_written());
    }

    /// Hands to the kernel what was appended.
    ///
    /// # Panics
    /// When the disk is full.
    pub fn write_out(&mut self) {
        self.writer.write_out().expect("there is room");
    }

    /// Remembers what was sealed, and goes on to the next round.
    pub fn turn(&mut self) {
        self.sealed.extend(self.tape.segments.iter().map(|segment| segment.bytes.clone()));
        self.tape.turn();
    }

    /// Ends the call, and opens it again: the same bytes, the right hashes, nothing for `verify` to find.
    ///
    /// # Panics
    /// When anything else comes out than was sealed.
    #[must_use]
    pub fn check(mut self) -> Recorded {
        self.writer.append(self.recording.finish(talked())).expect("there is room");
        self.writer.close(NOW).expect("there is room");
        let vault = &self.office.vault;
        let entry = vault.index().get(call_id(0)).expect("a whole index").expect("the call that ended");
        let opener = vault.opener(self.office.unlock.clone()).expect("its key lies beside the vault");
        let segments = opener.segments(&entry).expect("a recording");
        let opened: Vec<Segment> = segments.collect::<Result<_, _>>().expect("whole segments");
        assert!(
            opened.iter().map(|segment| &segment.bytes).eq(&self.sealed),
            "what opens is what was sealed"
        );
        assert_eq!(vault.verify(&entry, Some(&opener)), []);
        let hashes = &entry.recording.as_ref().expect("the call was kept").payload_hashes;
        let tracks: Vec<_> =
            hashes.iter().filter(|hash| hash.blake3.is_some()).map(|hash| hash.track).collect();
        assert_eq!(tracks, [TrackIndex(0), TrackIndex(1)]);
        let bytes: usize = opened.iter().flat_map(Segment::media).map(|packet| packet.payload.len()).sum();
        let rounds = self.sealed.len() / self.tape.segments.len();
        assert_eq!(bytes as u64, rounds as u64 * self.tape.packets() * PAYLOAD as u64);
        Recorded { entry, opener }
    }
}

/// Call 0 with the tracks of the tape, so that its audio has two sides.
fn talked() -> CallSummary {
    let (caller, callee) = (([10, 1, 0, 5], 10_000).into(), ([10, 129, 0, 9], 10_000).into());
    let flow = Flow { src: caller, dst: callee };
    let tracks = vec![
        Track { leg: Leg::Caller, flow, ssrc: 1 },
        Track { leg: Leg::Callee, flow: flow.reversed(), ssrc: 2 },
    ];
    CallSummary { tracks, ..summary(0) }
}
