//! Real calls whose every byte is known: held by sipp, looked for in the vault.

use anyhow::Result;

use crate::lab::{
    Lab,
    exchange::{Exchange, Plan},
    listing::{self, Call, Payload},
    phones::{Bank, Busy},
    room::{Host, Mirror},
    table::Table,
    voice::{Kept, Voice},
};

/// Calls of several banks of phones.
#[derive(Debug)]
pub(super) struct Talk {
    banks: Vec<Bank>,
    through: Host,
}

/// Calls that are going on.
#[derive(Debug)]
pub(super) struct Going {
    busy: Vec<Busy>,
    _exchange: Option<Exchange>,
}

/// What was found of the calls.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Calls of these phones in the listing.
    pub(super) calls: u64,
    /// Of these: answered.
    pub(super) answered: u64,
    /// Streams of these calls in the listing.
    pub(super) listed: u64,
    /// Streams of these calls that were exported.
    pub(super) streams: u64,
    /// Of these: kept whole.
    pub(super) whole: u64,
    /// Of these: with bytes that nobody said.
    pub(super) foreign: u64,
    /// Of these: with the last packet that was said.
    pub(super) to_the_end: u64,
    /// Packets that were kept.
    pub(super) kept: u64,
    /// Packets of these streams that were said and are not there.
    pub(super) missing: u64,
    /// Packets that the listing says are lost.
    pub(super) lost: u64,
    /// Packets that the listing says came again.
    pub(super) duplicates: u64,
    /// Gaps that the listing tells.
    pub(super) gaps: u64,
    /// The first stream that is not whole.
    pub(super) first: Option<String>,
}

impl Talk {
    /// `calls` calls of `seconds`, spread over `banks` banks.
    pub(super) fn new(banks: u16, calls: u32, seconds: u32, through: Host) -> Self {
        let each = calls.div_ceil(u32::from(banks));
        let banks = (0..banks).map(|number| Bank::new(number, each, seconds)).collect();
        Self { banks, through }
    }

    /// How many calls.
    pub(super) fn calls(&self) -> u64 {
        self.banks.iter().map(|bank| u64::from(bank.calls)).sum()
    }

    /// Packets of one party of one call.
    pub(super) fn packets(&self) -> u64 {
        self.banks.first().map_or(0, |bank| bank.caller.packets() as u64)
    }

    /// Streams of a call on the mirror: each party's voice, before and after a telephone system.
    pub(super) const fn streams(&self, mirror: Mirror) -> u64 {
        let hops = match self.through {
            Host::Pbx => 2,
            Host::Switch | Host::PhonesA | Host::PhonesB | Host::PhonesC | Host::Recorder => 1,
        };
        match mirror {
            Mirror::Both | Mirror::Doubled | Mirror::Narrow => 2 * hops,
            Mirror::OneWay => 1,
        }
    }

    /// Begins all calls, `rate` per second and bank.
    pub(super) fn start(&self, lab: &Lab, rate: u32) -> Result<Going> {
        let exchange = match self.through {
            Host::Pbx => Some(Exchange::start(lab, Plan::Anchored)?),
            Host::Switch | Host::PhonesA | Host::PhonesB | Host::PhonesC | Host::Recorder => None,
        };
        let busy = self.banks.iter().map(|bank| bank.call(lab, self.through, rate)).collect::<Result<_>>()?;
        Ok(Going { busy, _exchange: exchange })
    }

    /// Looks for these calls among `calls` and compares what was kept with what was said.
    pub(super) fn find(&self, lab: &Lab, vault: &std::path::Path, calls: &[Call]) -> Result<Found> {
        let payloads = listing::payloads(lab, vault, calls)?;
        let mut found = Found::default();
        for call in calls {
            let Some(bank) = self.banks.iter().find(|bank| bank.extension() == call.to()) else { continue };
            found.calls += 1;
            found.answered += u64::from(call.outcome() == "answered");
            found.gaps += call.gaps(None) as u64;
            found.lost += call.streams.iter().map(|stream| stream.lost).sum::<u64>();
            found.duplicates += call.streams.iter().map(|stream| stream.duplicates).sum::<u64>();
            found.listed += call.streams.len() as u64;
            let ours = |payload: &&Payload| {
                [&bank.caller, &bank.callee].iter().any(|voice| voice.ssrc() == payload.ssrc)
            };
            for payload in payloads.get(call.id()).map_or(&[][..], Vec::as_slice).iter().filter(ours) {
                let voice = if payload.leg == "caller" { &bank.caller } else { &bank.callee };
                found.add(voice, payload);
            }
        }
        Ok(found)
    }
}

impl Going {
    /// Waits for the end of every call.
    pub(super) fn finish(self) -> Result<()> {
        self.busy.into_iter().try_for_each(Busy::finish)
    }
}

impl Found {
    fn add(&mut self, voice: &Voice, payload: &Payload) {
        let kept = voice.compare(&payload.bytes);
        self.streams += 1;
        match &kept {
            Kept::Whole => self.whole += 1,
            Kept::Part { .. } => {}
            Kept::Foreign(_) => self.foreign += 1,
        }
        if let Some(missing) = kept.missing() {
            self.missing += missing as u64;
            self.kept += (voice.packets() - missing) as u64;
        }
        self.to_the_end += u64::from(kept.is_to_the_end(voice.packets()));
        if kept != Kept::Whole && self.first.is_none() {
            self.first = Some(format!("{}: {kept}", payload.name));
        }
    }

    /// The checks of calls that must be there to the last byte.
    pub(super) fn check_whole(&self, talk: &Talk, mirror: Mirror, table: &mut Table) {
        let streams = talk.calls() * talk.streams(mirror);
        table.equal("calls listed", self.calls, talk.calls());
        table.equal("calls answered", self.answered, talk.calls());
        table.equal("streams listed", self.listed, streams);
        table.equal("streams exported", self.streams, streams);
        table.equal("streams equal to what was said, byte for byte", self.whole, streams);
        table.equal("packets kept", self.kept, streams * talk.packets());
        table.equal("packets lost", self.lost, 0);
        let again = if mirror == Mirror::Doubled { streams * talk.packets() } else { 0 };
        table.equal("packets that came again", self.duplicates, again);
        if let Some(first) = &self.first {
            table.figure("the first stream that is not whole", first);
        }
    }
}
