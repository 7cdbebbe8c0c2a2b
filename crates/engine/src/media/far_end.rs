//! What the receivers of a call's streams report of them (RFC 3550, section 6.4), as far as it is needed at the call's end:
//! the last report of each, and the few points from which the causes of gaps are told.

use std::net::IpAddr;

use earwitness_model::PacketTime;
use earwitness_wire::rtcp::Block;

use super::measured::Measured;

/// Reporters and sources told apart in one call; of more, those give way of which no audio was heard, and that said least.
const MOST_SERIES: usize = 32;
/// Points kept of one series; of more, every second one between the ends is left out.
const MOST_POINTS: usize = 128;
/// Sender's reports that are remembered of one call: a receiver answers the last one it got.
const MOST_SENT: usize = 8;
/// A report that is the same within this is a copy that the mirror made.
const COPY_NANOS: i64 = 500_000_000;

/// Where a receiver stood when it reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) at: PacketTime,
    /// The highest sequence number it had received, with its own count of wraps.
    pub(crate) highest: u32,
    /// Packets that it had lost since its beginning.
    pub(crate) lost: i32,
}

/// What one host reports of one source of another host.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    /// The source.
    pub(crate) ssrc: u32,
    /// Who receives it, and reports.
    pub(crate) by: IpAddr,
    /// Who sends it.
    pub(crate) to: IpAddr,
    /// Its audio was heard when the first report came, by this part of the engine.
    pub(crate) is_heard: bool,
    pub(crate) reports: u32,
    /// When the last report came.
    pub(crate) at: PacketTime,
    pub(crate) last: Block,
    /// In the order of time. Of three in a row at which nothing more was lost, the one between is left out: it tells nothing.
    pub(crate) points: Vec<Point>,
    /// What it said went back, or losses were taken back: duplicates reached it, or packets that it had given up.
    pub(crate) took_back: bool,
}

/// A sender's report on its way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    pub(crate) ssrc: u32,
    pub(crate) by: IpAddr,
    /// The middle 32 bits of its NTP time, by which a receiver names it.
    pub(crate) name: u32,
    pub(crate) at: PacketTime,
}

/// All that is reported in one call.
#[derive(Debug, Clone, Default)]
pub(crate) struct FarEnds {
    pub(crate) series: Vec<Series>,
    pub(crate) sent: Vec<Sent>,
    /// What receivers measured besides.
    pub(crate) measured: Measured,
    /// Where the next of `sent` goes.
    next: usize,
}

impl FarEnds {
    /// The sender of `sent.ssrc` said where its clocks stand.
    pub(super) fn handle_sent(&mut self, sent: Sent) {
        if self.sent.len() < MOST_SENT {
            self.sent.push(sent);
        } else if let Some(place) = self.sent.get_mut(self.next) {
            *place = sent;
            self.next = (self.next + 1) % MOST_SENT;
        }
    }

    /// `by` said at `at` what it received of `to`. A series that is new is given back, to be [added](Self::add).
    pub(super) fn handle_block(
        &mut self,
        (by, to): (IpAddr, IpAddr),
        block: Block,
        at: PacketTime,
    ) -> Option<Series> {
        let known = |series: &Series| (series.ssrc, series.by, series.to) == (block.ssrc, by, to);
        if let Some(series) = self.series.iter_mut().find(|series| known(series)) {
            series.handle(block, at);
            return None;
        }
        Some(Series::new((by, to), block, at))
    }

    /// A series that is new, unless there are too many of those that matter more.
    pub(super) fn add(&mut self, series: Series) {
        if self.series.len() == MOST_SERIES {
            let all = self.series.iter().enumerate();
            let least = all.min_by_key(|(_, series)| (series.is_heard, series.reports, series.at));
            match least.map(|(place, least)| (place, least.is_heard)) {
                Some((place, is_heard)) if series.is_heard >= is_heard => {
                    drop(self.series.swap_remove(place))
                }
                Some(_) | None => return,
            }
        }
        self.series.push(series);
    }

    /// What another shard heard of the same call is heard of it, too.
    pub(crate) fn join(&mut self, other: Self) {
        for theirs in other.series {
            let known = |series: &&mut Series| {
                (series.ssrc, series.by, series.to) == (theirs.ssrc, theirs.by, theirs.to)
            };
            match self.series.iter_mut().find(known) {
                Some(series) => series.join(theirs),
                None => self.series.push(theirs),
            }
        }
        self.sent.extend(other.sent);
        self.measured.join(other.measured);
    }
}

impl Series {
    fn new((by, to): (IpAddr, IpAddr), last: Block, at: PacketTime) -> Self {
        let point = Point { at, highest: last.highest_sequence, lost: last.lost };
        Self {
            ssrc: last.ssrc,
            by,
            to,
            is_heard: false,
            reports: 1,
            at,
            last,
            points: vec![point],
            took_back: false,
        }
    }

    fn handle(&mut self, block: Block, at: PacketTime) {
        if block == self.last && at.since(self.at) < COPY_NANOS {
            return;
        }
        self.reports = self.reports.saturating_add(1);
        if block.highest_sequence < self.last.highest_sequence || at < self.at {
            // It was overtaken, or its receiver began anew: what it says cannot be laid beside what was said before.
            self.took_back = true;
            return;
        }
        self.took_back |= block.lost < self.last.lost;
        (self.at, self.last) = (at, block);
        self.add(Point { at, highest: block.highest_sequence, lost: block.lost });
    }

    fn add(&mut self, point: Point) {
        if let [.., before, last] = self.points.as_mut_slice()
            && before.lost == last.lost
            && last.lost == point.lost
        {
            *last = point;
            return;
        }
        if self.points.len() >= MOST_POINTS {
            let mut place = 0;
            self.points.retain(|_| {
                place += 1;
                place % 2 == 1
            });
        }
        self.points.push(point);
    }

    fn join(&mut self, other: Self) {
        self.reports = self.reports.saturating_add(other.reports);
        self.took_back |= other.took_back;
        if other.at > self.at {
            (self.at, self.last) = (other.at, other.last);
        }
        self.points.extend(other.points);
        self.points.sort_by_key(|point| point.at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTS: (IpAddr, IpAddr) =
        (IpAddr::V4(std::net::Ipv4Addr::new(10, 1, 0, 9)), IpAddr::V4(std::net::Ipv4Addr::new(10, 1, 0, 5)));

    fn block(ssrc: u32, highest_sequence: u32, lost: i32) -> Block {
        Block {
            ssrc,
            fraction_lost: 0,
            lost,
            highest_sequence,
            jitter: 0,
            last_sender_report: 0,
            delay_since: highest_sequence,
        }
    }

    fn say(heard: &mut FarEnds, block: Block, at: PacketTime) {
        if let Some(series) = heard.handle_block(HOSTS, block, at) {
            heard.add(Series { is_heard: block.ssrc == 1, ..series });
        }
    }

    fn second(at: u32) -> PacketTime {
        PacketTime::from_nanos(i64::from(at) * 1_000_000_000)
    }

    fn heard(reports: impl IntoIterator<Item = (u32, i32)>) -> FarEnds {
        let mut heard = FarEnds::default();
        for (at, (highest, lost)) in (0..).zip(reports) {
            say(&mut heard, block(1, highest, lost), second(at));
        }
        heard
    }

    #[test]
    fn of_a_stretch_without_loss_its_ends_are_kept() {
        let heard = heard([(10, 0), (20, 0), (30, 0), (40, 2), (50, 2), (60, 2), (70, 3)]);
        let points: Vec<_> = heard.series[0].points.iter().map(|p| (p.highest, p.lost)).collect();
        assert_eq!(points, [(10, 0), (30, 0), (40, 2), (60, 2), (70, 3)]);
        assert_eq!((heard.series[0].reports, heard.series[0].took_back), (7, false));
    }

    #[test]
    fn a_copy_is_no_report_and_one_that_was_overtaken_makes_the_series_doubtful() {
        let mut heard = heard([(10, 0), (20, 1)]);
        say(&mut heard, block(1, 20, 1), second(1).plus_nanos(1000));
        assert_eq!((heard.series[0].reports, heard.series[0].took_back), (2, false));
        say(&mut heard, block(1, 15, 1), second(2));
        assert_eq!((heard.series[0].reports, heard.series[0].took_back), (3, true));
        assert_eq!(heard.series[0].last.highest_sequence, 20);
    }

    #[test]
    fn a_long_lossy_call_and_a_flood_of_sources_stay_bounded_and_cost_no_honest_series() {
        let mut heard = heard((0..50_000_u32).map(|n| (n * 250, n.cast_signed())));
        assert!(heard.series[0].points.len() <= MOST_POINTS);
        assert!(heard.series[0].points.is_sorted_by_key(|point| point.highest));
        for ssrc in 2..100_000 {
            say(&mut heard, block(ssrc, 1, 0), second(60_000));
            heard.handle_sent(Sent { ssrc, by: HOSTS.0, name: 1, at: second(1) });
        }
        assert_eq!((heard.series.len(), heard.sent.len()), (MOST_SERIES, MOST_SENT));
        assert!(heard.series.iter().any(|series| series.ssrc == 1));
    }
}
