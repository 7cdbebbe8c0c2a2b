//! One direction of a connection. Whoever forges segments can begin runs of numbers beside the one that is real: they are
//! read beside each other, a few at a time, so that no forged one takes the place of that which brings messages.

use earwitness_model::PacketTime;
use earwitness_tls::Role;

use super::{
    Sink, Standing, StreamLimits, StreamLoss,
    begin::{Beginning, is_server_hello, judge_anywhere},
    run::{Run, Verdict},
};

/// Runs that are read beside each other.
const MAX_RUNS: usize = 4;

/// The runs of one direction, the oldest first.
#[derive(Default)]
pub(super) struct Side {
    runs: Vec<Run>,
}

impl Side {
    /// A direction with one run.
    pub(super) fn of(run: Run) -> Self {
        Self { runs: vec![run] }
    }

    /// Memory of it.
    pub(super) fn held(&self) -> usize {
        let runs: usize = self.runs.iter().map(Run::held).sum();
        self.runs.capacity() * size_of::<Run>() + runs
    }

    /// Whether nothing is read of it.
    pub(super) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// A SYN says that `begins` is the number of the first byte: it comes again, or late, or of another connection.
    pub(super) fn handle_syn(&mut self, begins: u32, sink: &mut Sink<'_>) {
        if self.runs.iter().any(|run| run.begins() == Some(begins)) {
            return;
        }
        let near =
            self.runs.iter_mut().find(|run| run.begins().is_none() && run.is_near(begins, sink.limits));
        match near {
            Some(run) => run.handle_late_syn(begins),
            None => self.add(Run::beginning(begins), sink),
        }
    }

    /// The other side has everything before `number`.
    pub(super) fn handle_acknowledged(&mut self, number: u32, at: PacketTime, limits: &StreamLimits) {
        self.runs.iter_mut().for_each(|run| run.handle_acknowledged(number, at, limits));
    }

    /// Takes the payload of a segment.
    pub(super) fn handle_bytes(
        &mut self,
        (sequence, bytes, cut): (u32, &[u8], u32),
        at: PacketTime,
        sink: &mut Sink<'_>,
    ) -> Verdict {
        let place = match self.run_of(sequence, sink.limits) {
            Some(place) => place,
            None => match judge_anywhere(bytes).or_else(|| server_hello(bytes, sink)) {
                Some(beginning) => {
                    self.add(Run::picked_up(sequence, beginning), sink);
                    self.runs.len() - 1
                }
                // Of a direction that is not read nothing is expected anywhere.
                None if self.runs.is_empty() => return Verdict::Ours,
                None => match self.runs.iter_mut().position(|run| run.goes_on_at(sequence, bytes, sink)) {
                    Some(place) => place,
                    None => {
                        sink.losses.count(StreamLoss::Outside);
                        return Verdict::Ours;
                    }
                },
            },
        };
        let Some(run) = self.runs.get_mut(place) else { return Verdict::Ours };
        let verdict = run.handle_bytes((sequence, bytes, cut), at, sink);
        self.judged(place, verdict)
    }

    /// There may be keys that were not there before, or the other direction's hello.
    pub(super) fn handle_keys(&mut self, sink: &mut Sink<'_>) -> Verdict {
        let (mut place, mut verdict) = (0, Verdict::Ours);
        while let Some(run) = self.runs.get_mut(place) {
            let (read, before) = (run.handle_keys(sink), self.runs.len());
            verdict = self.judged(place, read);
            place += usize::from(before == self.runs.len());
        }
        verdict
    }

    /// When something that is missing is given up.
    pub(super) fn deadline(&self, limits: &StreamLimits) -> Option<PacketTime> {
        self.runs.iter().filter_map(|run| run.deadline(limits)).min()
    }

    /// Gives up what is missing at `now`.
    pub(super) fn handle_time(&mut self, now: PacketTime, sink: &mut Sink<'_>) -> Verdict {
        let (mut place, mut verdict) = (0, Verdict::Ours);
        while let Some(run) = self.runs.get_mut(place) {
            let runs = run.handle_time(now, sink);
            let before = self.runs.len();
            verdict = self.judged(place, runs);
            // What is taken out makes room for the one behind it.
            place += usize::from(before == self.runs.len());
        }
        verdict
    }

    /// The run whose next byte would be that of `number` is over; whether there was one, and there is no other.
    pub(super) fn handle_close(&mut self, number: u32, sink: &mut Sink<'_>) -> bool {
        let place = self.runs.iter().position(|run| run.next() == number);
        if let Some(place) = place {
            self.runs.remove(place).finish(sink);
        }
        place.is_some() && self.runs.is_empty()
    }

    /// Everything is over.
    pub(super) fn finish(&mut self, sink: &mut Sink<'_>) {
        self.runs.drain(..).for_each(|mut run| run.finish(sink));
    }

    /// Where the run is that `sequence` belongs to: where it is the next byte, or else where it is near, before others where
    /// messages came from.
    fn run_of(&self, sequence: u32, limits: &StreamLimits) -> Option<usize> {
        let next = self.runs.iter().position(|run| run.next() == sequence);
        next.or_else(|| {
            let near = self.runs.iter().enumerate().filter(|(_, run)| run.is_near(sequence, limits));
            near.max_by_key(|(_, run)| run.standing()).map(|(place, _)| place)
        })
    }

    /// Takes one more run. If there are too many, the latest goes that was picked up and brought nothing: whoever makes many
    /// does not displace the first.
    fn add(&mut self, run: Run, sink: &mut Sink<'_>) {
        if self.runs.len() >= MAX_RUNS {
            let latest = |is: &dyn Fn(&Run) -> bool| self.runs.iter().rposition(is);
            let unproven = |run: &Run| run.standing() == Standing::Unproven;
            let goes = latest(&|run| unproven(run) && run.begins().is_none())
                .or_else(|| latest(&unproven))
                .or_else(|| self.runs.iter().position(Run::is_quiet));
            self.runs.remove(goes.unwrap_or(0)).finish(sink);
        }
        self.runs.push(run);
    }

    /// A run that is none of ours goes, and with the last one the direction is none of ours.
    fn judged(&mut self, place: usize, verdict: Verdict) -> Verdict {
        if verdict == Verdict::Ours {
            return Verdict::Ours;
        }
        if self.runs.get(place).is_some_and(|run| run.standing() == Standing::Unproven) {
            self.runs.remove(place);
        }
        if self.runs.is_empty() { Verdict::NotOurs } else { Verdict::Ours }
    }
}

/// The answer to a ClientHello that is read, when its SYN was not seen.
fn server_hello(bytes: &[u8], sink: &Sink<'_>) -> Option<Beginning> {
    (is_server_hello(bytes) && sink.tls.is_some()).then_some(Beginning::Tls(Role::Server))
}
