//! Audio that was sealed and has no place: only of a writer that has to end on a full disk.
//!
//! A recording ends then before its first block without a place, because its blocks have no holes between them. What comes
//! behind is counted from what [`Held`] tells of it, and the manifest, which the sealing side made for the whole, is made
//! again for what is there: as that of a recording that was interrupted, with the packets that are missing as lost, a gap
//! of [`GapCause::Capture`] in each voice, and without hashes of payloads, which nobody can tell of a part.

use earwitness_model::{CallSummary, Codec, Flag, Gap, GapCause, GapEvidence, PacketTime, PayloadKind};

use super::{NotTaken, Writer};
use crate::{
    container::{Block, BlockHead, BlockKind},
    manifest::Manifest,
    reading::{manifest_in, shelf_metadata},
    sealer::{Held, Sealed},
};

/// What was given up so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GivenUp {
    /// RTP packets.
    pub packets: u64,
    /// SIP messages.
    pub messages: u64,
    /// Capture time of the first and of the last of them.
    pub span: Option<(PacketTime, PacketTime)>,
}

/// What the reserve of the disk is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reserve {
    /// For the ends of recordings.
    EndsOnly,
    /// For all that tells of recordings. Audio without room is given up.
    AllButAudio,
}

/// What is missing behind the last block of a recording that was kept.
pub(super) struct Cut {
    /// So many blocks were kept.
    blocks: u64,
    /// Bytes of sealed media and signalling behind them.
    sealed_bytes: u64,
    held: Option<Held>,
}

impl Writer {
    /// From now on nothing is waited for, because the writer has to end: the reserve of the disk is used for all that tells of
    /// recordings, and sealed audio for which there is no room is given up, which the ends of its recordings say and
    /// [`Self::given_up`] counts.
    pub const fn end_on_reserve(&mut self) {
        self.reserve = Reserve::AllButAudio;
    }

    /// What was given up so far.
    #[must_use]
    pub const fn given_up(&self) -> GivenUp {
        self.given_up
    }

    /// Whether the block has its place behind one that was given up.
    pub(super) fn is_behind_a_cut(&self, sealed: &Sealed) -> bool {
        sealed.kind != BlockKind::Manifest
            && self.homes.get(&sealed.recording).is_some_and(|home| home.cut.is_some())
    }

    /// Whether the block may be given up when there is no room for it.
    pub(super) const fn may_give_up(&self, sealed: &Sealed) -> bool {
        match (self.reserve, sealed.kind) {
            (Reserve::AllButAudio, BlockKind::Media | BlockKind::Signalling) => true,
            (
                Reserve::EndsOnly | Reserve::AllButAudio,
                BlockKind::Opened
                | BlockKind::Stream
                | BlockKind::Media
                | BlockKind::Signalling
                | BlockKind::Running
                | BlockKind::Manifest,
            ) => false,
        }
    }

    pub(super) fn give_up(&mut self, sealed: Sealed) {
        if let Some(held) = &sealed.held {
            self.given_up.add(held);
        }
        if let (Some(home), Some(head)) = (self.homes.get_mut(&sealed.recording), head_of(&sealed)) {
            let blocks = head.counter;
            home.cut.get_or_insert(Cut { blocks, sealed_bytes: 0, held: None }).add(&sealed);
        }
        self.spent.extend(sealed.block.spent());
    }

    /// The end of a recording that was cut says so; any other block is as it was.
    pub(super) fn without_what_was_given_up(&mut self, sealed: Sealed) -> Result<Sealed, NotTaken> {
        let home = self.homes.get(&sealed.recording).filter(|_| sealed.kind == BlockKind::Manifest);
        if home.is_none_or(|home| home.cut.is_none()) {
            return Ok(sealed);
        }
        let metadata = match shelf_metadata(&self.parts, &sealed.shelf) {
            Ok(metadata) => metadata,
            Err(why) => return Err(NotTaken::ForNow { block: Box::new(sealed), why }),
        };
        let cut = self.homes.get_mut(&sealed.recording).and_then(|home| home.cut.take());
        let (Some(cut), Some(head)) = (cut, head_of(&sealed)) else { return Ok(sealed) };
        let block = Block { at: 0, head, sealed: sealed.block.body.clone() };
        let Some(mut manifest) = manifest_in((&self.parts, &metadata), &block) else { return Ok(sealed) };
        let head = BlockHead { counter: cut.blocks, ..head };
        cut.shorten(&mut manifest);
        let (block, entry, row) = self.parts.keys.manifest_block(metadata.newest(), head, manifest);
        Ok(Sealed { block, finished: Some(Box::new((entry, row))), ..sealed })
    }
}

/// The head of a sealed block; it has one.
fn head_of(sealed: &Sealed) -> Option<BlockHead> {
    BlockHead::from_bytes(&sealed.block.head).ok()
}

impl GivenUp {
    fn add(&mut self, held: &Held) {
        self.packets += held.packets();
        self.messages += held.messages;
        let (first, last) = held.span;
        let (from, to) = self.span.unwrap_or(held.span);
        self.span = Some((from.min(first), to.max(last)));
    }
}

impl Cut {
    fn add(&mut self, sealed: &Sealed) {
        let Some(held) = &sealed.held else { return };
        self.sealed_bytes += sealed.block.body.len() as u64;
        match &mut self.held {
            Some(all) => all.join(held),
            None => self.held = Some(held.clone()),
        }
    }

    /// The manifest of the whole becomes that of what was kept.
    fn shorten(&self, manifest: &mut Manifest) {
        manifest.interrupted = true;
        manifest.blocks.truncate(usize::try_from(self.blocks).unwrap_or(usize::MAX));
        manifest.sealed_blake3 = Manifest::hash_of_blocks(&manifest.blocks);
        manifest.sealed_bytes = manifest.sealed_bytes.saturating_sub(self.sealed_bytes);
        manifest.payload_hashes.iter_mut().for_each(|hash| hash.blake3 = None);
        if let Some(held) = &self.held {
            count_as_lost(held, &mut manifest.summary);
        }
        for flag in [Flag::CaptureLoss, Flag::Interrupted] {
            if !manifest.summary.flags.contains(&flag) {
                manifest.summary.flags.push(flag);
            }
        }
        manifest.summary.flags.sort_unstable();
    }
}

/// The packets of `held` were counted as kept. What a track lost stands on the stream with most audio.
fn count_as_lost(held: &Held, summary: &mut CallSummary) {
    for missing in held.streams() {
        let is_it = |stream: &&mut earwitness_model::StreamSummary| {
            (stream.track, stream.payload_type) == (missing.track, missing.payload_type)
        };
        if let Some(stream) = summary.streams.iter_mut().find(is_it) {
            stream.packets = stream.packets.saturating_sub(missing.packets);
            stream.payload_bytes = stream.payload_bytes.saturating_sub(missing.bytes);
        }
        let of_track = summary.streams.iter_mut().filter(|stream| stream.track == missing.track);
        let carrier = of_track.max_by_key(|stream| {
            let is_audio = stream.codec.as_ref().map(Codec::kind) == Some(PayloadKind::Audio);
            (is_audio, stream.packets)
        });
        let Some(carrier) = carrier else { continue };
        carrier.lost += missing.packets;
        let ms = u64::from(carrier.ptime_ms.unwrap_or(20)).saturating_mul(missing.packets);
        summary.gaps.push(Gap {
            leg: carrier.of.leg,
            at: missing.first,
            ms: u32::try_from(ms).unwrap_or(u32::MAX),
            cause: GapCause::Capture,
            evidence: Some(GapEvidence::Recorder),
        });
    }
    summary.gaps.sort_by_key(|gap| (gap.at, gap.leg));
}
