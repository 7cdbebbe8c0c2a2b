//! How a track came over time: its stretches of ten seconds, of which those are remembered in which something was wrong.
//!
//! What is remembered is counted, not judged: what it sounded like is for whoever shows it.

use earwitness_model::{Bursts, PacketTime, Stretch};

/// Stretches remembered of one track: the worst. Further ones are counted.
const MAX_STRETCHES: usize = 64;

/// The state of one track. In talk on which nothing is wrong it only counts.
#[derive(Debug, Default)]
pub(super) struct Course {
    open: Option<Open>,
    kept: Vec<Stretch>,
    unlisted: u32,
    /// Runs of missing packets, as they were found: some were only late.
    runs: u32,
    late: u32,
    longest_run: u32,
    /// The number of the packet that was left out last, and how many in a row were.
    left_out: Option<u32>,
    left_out_run: u32,
}

/// The stretch that runs.
#[derive(Debug, Clone, Copy)]
struct Open {
    from: PacketTime,
    until: PacketTime,
    packets: u32,
    lost: u32,
    longest_run: u32,
    /// Packets left out in a row, up to the last of them.
    left_out_run: u32,
    /// The sum of the jitter of its packets, in ns.
    jitter: f64,
}

impl Open {
    const fn beginning(from: PacketTime) -> Self {
        let until = from.plus_nanos(Stretch::NANOS);
        Self { from, until, packets: 0, lost: 0, longest_run: 0, left_out_run: 0, jitter: 0.0 }
    }

    const fn lose(&mut self, packets: u32) {
        self.lost = self.lost.saturating_add(packets);
        if packets > self.longest_run {
            self.longest_run = packets;
        }
    }

    fn stretch(&self) -> Stretch {
        let Self { from, packets, lost, longest_run, jitter, .. } = *self;
        let jitter_us = (jitter / f64::from(packets.max(1)) / 1e3) as u32;
        Stretch { at: from, packets, lost, longest_run: longest_run.min(lost), jitter_us }
    }
}

impl Course {
    /// Reads what the next packet needs: see `ahead.rs`.
    #[inline]
    pub(super) fn touch(&self) -> u64 {
        self.open.map_or(0, |open| u64::from(open.packets) ^ open.jitter.to_bits())
    }

    /// An audio packet was kept, at whose arrival the jitter was `jitter` ns.
    #[inline]
    pub(super) fn handle_packet(&mut self, arrival: PacketTime, jitter: f64) {
        let open = self.open_at(arrival);
        open.packets = open.packets.saturating_add(1);
        open.jitter += jitter;
    }

    /// `missing` numbers were skipped between the packet that came at `before` and that at `arrival`. They are missing from
    /// when they would have come.
    #[cold]
    pub(super) fn handle_missing(&mut self, missing: u32, before: PacketTime, arrival: PacketTime) {
        self.runs = self.runs.saturating_add(1);
        self.longest_run = self.longest_run.max(missing);
        let (mut left, mut from) = (missing, before);
        while let Some(open) = self.open.as_mut().filter(|open| arrival >= open.until) {
            from = from.max(open.from);
            let (part, whole) = (open.until.since(from).max(0), arrival.since(from).max(1));
            let share = (i128::from(left) * i128::from(part) / i128::from(whole)) as u32;
            let until = open.until;
            open.lose(share);
            left -= share.min(left);
            from = until;
            if share == 0 {
                // What is spread so thin belongs to no stretch in between.
                break;
            }
            self.turn(until);
        }
        self.open_at(arrival).lose(left);
    }

    /// One that was missing came after all.
    #[cold]
    pub(super) fn handle_late(&mut self) {
        self.late = self.late.saturating_add(1);
        if let Some(open) = self.open.as_mut().filter(|open| open.lost > 0) {
            open.lost -= 1;
            return;
        }
        let latest = self.kept.iter_mut().max_by_key(|stretch| stretch.at);
        if let Some(stretch) = latest.filter(|stretch| stretch.lost > 0) {
            stretch.lost -= 1;
            stretch.longest_run = stretch.longest_run.min(stretch.lost);
            self.kept.retain(Stretch::is_troubled);
        }
    }

    /// The packet numbered `sequence` came at `arrival`, and could not be kept.
    #[cold]
    pub(super) fn handle_left_out(&mut self, sequence: u32, arrival: PacketTime) {
        let goes_on =
            self.left_out.replace(sequence).is_some_and(|before| before.wrapping_add(1) == sequence);
        self.runs = self.runs.saturating_add(u32::from(!goes_on));
        let run = |before: u32| if goes_on { before.saturating_add(1) } else { 1 };
        self.left_out_run = run(self.left_out_run);
        self.longest_run = self.longest_run.max(self.left_out_run);
        let open = self.open_at(arrival);
        open.lose(1);
        open.left_out_run = run(open.left_out_run);
        open.longest_run = open.longest_run.max(open.left_out_run);
    }

    /// Runs of missing packets, and the length of the longest, where the list of holes does not have them all: of those that
    /// were only late, each is taken for a run of its own.
    pub(super) const fn bursts(&self) -> Bursts {
        Bursts { count: self.runs.saturating_sub(self.late), longest: self.longest_run }
    }

    /// The stretches in which something was wrong, in order, and how many there were besides.
    pub(super) fn stretches(&self) -> (Vec<Stretch>, u32) {
        let open = self.open.as_ref().map(Open::stretch).filter(Stretch::is_troubled);
        let mut all: Vec<Stretch> = self.kept.iter().copied().chain(open).collect();
        all.sort_unstable_by_key(|stretch| stretch.at);
        (all, self.unlisted)
    }

    #[inline]
    fn open_at(&mut self, arrival: PacketTime) -> &mut Open {
        if self.open.as_ref().is_some_and(|open| arrival >= open.until) {
            self.turn(arrival);
        }
        self.open.get_or_insert_with(|| Open::beginning(arrival))
    }

    /// Closes the stretch that runs, and begins the one that `time` is in.
    #[cold]
    fn turn(&mut self, time: PacketTime) {
        let Some(open) = self.open else { return };
        let whole = time.since(open.from) / Stretch::NANOS;
        self.open = Some(Open::beginning(open.from.plus_nanos(whole.saturating_mul(Stretch::NANOS))));
        let stretch = open.stretch();
        if !stretch.is_troubled() {
            return;
        }
        if self.kept.len() < MAX_STRETCHES {
            self.kept.push(stretch);
            return;
        }
        self.unlisted = self.unlisted.saturating_add(1);
        let least = self.kept.iter_mut().min_by_key(|kept| kept.badness());
        if let Some(least) = least.filter(|least| least.badness() < stretch.badness()) {
            *least = stretch;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn at(seconds: f64) -> PacketTime {
        PacketTime::from_nanos((seconds * 1e9) as i64)
    }

    /// When each stretch begins in s, its packets, and what it lost.
    fn told(course: &Course) -> Vec<(i64, u32, u32)> {
        let (stretches, _) = course.stretches();
        stretches.iter().map(|s| (s.at.nanos() / SECOND, s.packets, s.lost)).collect()
    }

    /// A packet each second of `seconds`.
    fn heard(course: &mut Course, seconds: std::ops::Range<i64>) {
        seconds.for_each(|second| course.handle_packet(at(second as f64), 0.0));
    }

    #[test]
    fn only_stretches_in_which_something_was_wrong_are_told_and_nothing_is_listed_before() {
        let mut course = Course::default();
        heard(&mut course, 0..35);
        assert_eq!((told(&course), course.kept.capacity()), (vec![], 0));
        course.handle_missing(2, at(34.0), at(36.0));
        heard(&mut course, 36..61);
        assert_eq!(told(&course), [(30, 9, 2)]);
        (61..100).for_each(|second| course.handle_packet(at(f64::from(second)), 12e6));
        assert_eq!(told(&course), [(30, 9, 2), (60, 10, 0), (70, 10, 0), (80, 10, 0), (90, 10, 0)]);
        assert_eq!(course.stretches().0[2].jitter_us, 12_000);
    }

    #[test]
    fn a_long_hole_is_missing_from_where_it_was() {
        let mut course = Course::default();
        heard(&mut course, 0..5);
        // From 5 s to 45 s: 40 packets, a second each, and that of 45 s came.
        course.handle_missing(40, at(5.0), at(45.0));
        course.handle_packet(at(45.0), 0.0);
        assert_eq!(told(&course), [(0, 5, 5), (10, 0, 10), (20, 0, 10), (30, 0, 10), (40, 1, 5)]);
        assert_eq!(course.bursts(), Bursts { count: 1, longest: 40 });
    }

    #[test]
    fn a_clock_that_leaps_a_year_makes_no_stretch_of_each_ten_seconds() {
        let mut course = Course::default();
        heard(&mut course, 0..1);
        course.handle_missing(3, at(0.0), at(3e7));
        assert_eq!(told(&course), [(30_000_000, 0, 3)]);
        course.handle_packet(PacketTime::from_nanos(i64::MAX), 0.0);
        course.handle_packet(PacketTime::from_nanos(i64::MIN), 0.0);
    }

    #[test]
    fn what_was_only_late_is_not_missing_also_in_the_stretch_before() {
        let mut course = Course::default();
        heard(&mut course, 0..9);
        course.handle_missing(1, at(9.0), at(9.9));
        course.handle_late();
        assert_eq!((told(&course), course.bursts().count), (vec![], 0));
        course.handle_missing(2, at(9.9), at(9.95));
        heard(&mut course, 10..12);
        course.handle_late();
        assert_eq!(told(&course), [(0, 9, 1)]);
        course.handle_late();
        assert_eq!(told(&course), []);
    }

    #[test]
    fn what_is_left_out_one_after_the_other_is_one_run() {
        let mut course = Course::default();
        for sequence in [7, 8, 9, 20] {
            course.handle_left_out(sequence, at(1.0));
        }
        assert_eq!((told(&course), course.bursts()), (vec![(1, 0, 4)], Bursts { count: 2, longest: 3 }));
        assert_eq!(course.stretches().0[0].longest_run, 3);
        // 500 in a row, of which the last 100 are in the next stretch.
        for n in 0..500u32 {
            course.handle_left_out(100 + n, at(3.0 + f64::from(n) * 0.02));
        }
        course.handle_left_out(900, at(14.0));
        assert_eq!(
            (told(&course), course.bursts()),
            (vec![(1, 0, 404), (11, 0, 101)], Bursts { count: 4, longest: 500 })
        );
        let runs: Vec<u32> = course.stretches().0.iter().map(|stretch| stretch.longest_run).collect();
        assert_eq!(runs, [400, 100]);
    }

    #[test]
    fn of_more_than_are_remembered_the_worst_are() {
        let mut course = Course::default();
        for stretch in 0..100i64 {
            let from = (stretch * 10) as f64;
            course.handle_packet(at(from), 0.0);
            course.handle_missing(1 + (stretch % 50) as u32, at(from), at(from + 1.0));
        }
        let (kept, unlisted) = course.stretches();
        assert_eq!((kept.len(), unlisted), (MAX_STRETCHES + 1, 35));
        assert!(kept.iter().all(|stretch| stretch.lost > 17), "the worst 65 of 1 to 50, twice");
        assert!(kept.is_sorted_by_key(|stretch| stretch.at));
    }
}
