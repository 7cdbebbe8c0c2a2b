//! What a recording holds, opened.

use earwitness_media::CallAudio;
use earwitness_model::{Decision, RecordingId, Segment, SegmentContent, SignallingMessage};
use earwitness_vault::{Act, Entry, Opener, VaultError};

use crate::{
    context::Context,
    exit::{Exit, Failure},
    seat::Account,
    view::{is_recorded, reason},
};

/// Damaged places of one recording that are named; the rest is counted.
const NAMED_DAMAGE: usize = 5;

/// The audio and the messages of one call.
pub(crate) struct Unsealed {
    pub(crate) audio: CallAudio,
    signalling: Vec<Segment>,
    /// Segments that do not open. The others are here all the same.
    pub(crate) damage: Vec<VaultError>,
}

impl Unsealed {
    /// Opens a call's recording.
    ///
    /// # Errors
    /// When the call has none, its key is gone, or its manifest cannot be read.
    pub(crate) fn open(opener: &Opener, entry: &Entry) -> Result<Self, VaultError> {
        let mut audio = CallAudio::builder(&entry.summary);
        let (mut signalling, mut damage) = (Vec::new(), Vec::new());
        for segment in opener.segments(entry)? {
            match segment {
                Ok(segment) => match segment.content {
                    SegmentContent::Media => audio.add(&segment),
                    SegmentContent::Signalling => signalling.push(segment),
                },
                Err(error) => damage.push(error),
            }
        }
        Ok(Self { audio: audio.finish(), signalling, damage })
    }

    /// The SIP messages, as they were sealed.
    pub(crate) fn messages(&self) -> impl Iterator<Item = SignallingMessage<'_>> {
        self.signalling.iter().flat_map(Segment::signalling)
    }

    /// Says what does not open; returns whether everything does.
    pub(crate) fn tell_damage(&self, context: &Context, entry: &Entry) -> bool {
        let call = entry.summary.id;
        for error in self.damage.iter().take(NAMED_DAMAGE) {
            context.tell(format_args!("call {call}: {error}"));
        }
        if self.damage.len() > NAMED_DAMAGE {
            context.tell(format_args!("call {call}: and {} more", self.damage.len() - NAMED_DAMAGE));
        }
        self.damage.is_empty()
    }
}

/// What the ledger says of an act upon a recording: the word for the act and who did it (`wav by uid 1000 (kim)`).
pub(crate) fn act(entry: &Entry, word: &str, account: &Account) -> Vec<u8> {
    let none = RecordingId::from_bytes([0; 16]);
    let recording = entry.recording.as_ref().map_or(none, |recording| recording.id);
    Act::Words { recording, words: format!("{word} by {account}") }.to_bytes()
}

/// Whether there is audio of a call to be heard, or why not.
///
/// # Errors
/// [`Exit::Refused`] for a call that the rules refused, [`Exit::NotFound`] for one that had no audio.
pub(crate) fn audio_or_why(entry: &Entry) -> Result<(), Failure> {
    if is_recorded(entry) {
        return Ok(());
    }
    let exit = match entry.summary.verdict.decision {
        Decision::Refuse(_) => Exit::Refused,
        Decision::Admit(_) => Exit::NotFound,
    };
    Err(Failure::new(exit, format_args!("there is no audio of call {}: {}", entry.summary.id, reason(entry))))
}
