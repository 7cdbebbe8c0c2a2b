//! Moments at which the mirror is known to have lost packets, by streams whose receivers report; and who could have known.
//!
//! Where nobody reports on a stream, a gap of it that begins at a moment when the mirror lost packets of nearly all streams of
//! other hosts that are reported on, and the network of none, is the mirror's as well. That many streams have a gap at once
//! shows nothing by itself: a switch before the mirror that stands still for a moment looks the same.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::IpAddr,
};

use earwitness_model::{GapCause, PacketTime};

/// Gaps that begin within this and its neighbours begin at one moment.
const MOMENT_NANOS: i64 = 50_000_000;
/// Other hosts of which the mirror has to have lost packets.
const LEAST_HOSTS: usize = 3;
/// Of ten other hosts that are reported on, so many have to be among them.
const TENTHS: usize = 9;
/// Gaps that are remembered; of more, those of the oldest moment go.
const MOST_NOTED: usize = 1 << 16;
/// Streams that are remembered to have been reported on; of more, the one whose call ended first goes.
const MOST_WITNESSES: usize = 1024;

/// What is known of the moments of all calls that are over.
#[derive(Debug, Default)]
pub(crate) struct Instants {
    moments: BTreeMap<i64, Moment>,
    noted: usize,
    witnesses: VecDeque<Witness>,
}

#[derive(Debug, Default)]
struct Moment {
    /// Whose packets the mirror lost.
    mirror: BTreeSet<IpAddr>,
    /// The network lost packets, too.
    network: bool,
}

/// A stream of which a gap would have been told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Witness {
    pub(super) host: IpAddr,
    pub(super) from: PacketTime,
    pub(super) to: PacketTime,
}

/// The witnesses that are not of one host: looked up once for all gaps of a stream.
#[derive(Debug)]
pub(super) struct Others {
    /// In the order of their hosts.
    witnesses: Vec<Witness>,
}

/// What other streams show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// The mirror lost their packets.
    Mirror,
    Nothing,
}

impl Instants {
    /// The receiver of a stream of `host` shows `cause` of a gap that begins at `at`.
    pub(super) fn note(&mut self, at: PacketTime, host: IpAddr, cause: GapCause) {
        let moment = at.nanos().div_euclid(MOMENT_NANOS);
        let is_new = match cause {
            GapCause::Mirror => self.moments.entry(moment).or_default().mirror.insert(host),
            GapCause::Network => {
                !std::mem::replace(&mut self.moments.entry(moment).or_default().network, true)
            }
            GapCause::Capture | GapCause::Sender | GapCause::Unknown => false,
        };
        self.noted += usize::from(is_new);
        while self.noted > MOST_NOTED {
            let Some((_, oldest)) = self.moments.pop_first() else { break };
            self.noted = self.noted.saturating_sub(oldest.mirror.len() + usize::from(oldest.network));
        }
    }

    pub(super) fn add_witness(&mut self, witness: Witness) {
        if self.witnesses.len() == MOST_WITNESSES {
            self.witnesses.pop_front();
        }
        self.witnesses.push_back(witness);
    }

    /// Who but `host` could tell of gaps of its streams.
    pub(super) fn others(&self, host: IpAddr) -> Others {
        let mut witnesses: Vec<Witness> =
            self.witnesses.iter().filter(|witness| witness.host != host).copied().collect();
        witnesses.sort_unstable_by_key(|witness| witness.host);
        Others { witnesses }
    }

    /// What streams of `others` show of a gap that begins at `at`.
    pub(super) fn shown(&self, at: PacketTime, others: &Others) -> Shown {
        let moment = at.nanos().div_euclid(MOMENT_NANOS);
        let near = || self.moments.range(moment - 1..=moment + 1).map(|(_, moment)| moment);
        let most = near().map(|moment| moment.mirror.len()).sum::<usize>();
        if most < LEAST_HOSTS || near().any(|moment| moment.network) {
            return Shown::Nothing;
        }
        let (mut before, mut heard, mut lost) = (None, 0, 0);
        for Witness { host, .. } in others.witnesses.iter().filter(|w| w.from <= at && at <= w.to) {
            if before.replace(host) != Some(host) {
                heard += 1;
                lost += usize::from(near().any(|moment| moment.mirror.contains(host)));
            }
        }
        let is_mirror = lost >= LEAST_HOSTS && lost * 10 >= heard * TENTHS;
        if is_mirror { Shown::Mirror } else { Shown::Nothing }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(n: u8) -> IpAddr {
        IpAddr::from([10, 1, 0, n])
    }

    fn ms(at: i64) -> PacketTime {
        PacketTime::from_nanos(at * 1_000_000)
    }

    fn shown(instants: &Instants, at: PacketTime, host: IpAddr) -> Shown {
        instants.shown(at, &instants.others(host))
    }

    fn witnessed(hosts: u8) -> Instants {
        let mut instants = Instants::default();
        for n in 1..=hosts {
            instants.add_witness(Witness { host: host(n), from: ms(0), to: ms(5000) });
        }
        instants
    }

    #[test]
    fn all_other_hosts_that_could_tell_show_the_mirror_unless_the_network_lost_some() {
        let mut instants = witnessed(3);
        instants.note(ms(1000), host(1), GapCause::Mirror);
        instants.note(ms(1010), host(2), GapCause::Mirror);
        instants.note(ms(1010), host(2), GapCause::Mirror);
        assert_eq!(shown(&instants, ms(1005), host(9)), Shown::Nothing, "two hosts");
        instants.note(ms(1055), host(3), GapCause::Mirror);
        assert_eq!(shown(&instants, ms(1005), host(9)), Shown::Mirror);
        assert_eq!(shown(&instants, ms(1005), host(3)), Shown::Nothing, "it is one of the three");
        assert_eq!(shown(&instants, ms(1200), host(9)), Shown::Nothing, "another moment");
        instants.note(ms(990), host(4), GapCause::Network);
        assert_eq!(shown(&instants, ms(1005), host(9)), Shown::Nothing);
    }

    #[test]
    fn a_few_of_many_that_have_a_gap_at_once_show_nothing() {
        let mut instants = witnessed(40);
        for n in 1..=35 {
            instants.note(ms(1000), host(n), GapCause::Mirror);
        }
        assert_eq!(shown(&instants, ms(1000), host(99)), Shown::Nothing);
        instants.note(ms(1000), host(36), GapCause::Mirror);
        assert_eq!(shown(&instants, ms(1000), host(99)), Shown::Mirror);
    }

    #[test]
    fn a_host_with_several_streams_is_one_witness_and_only_while_they_were_heard() {
        let mut instants = witnessed(2);
        (0..9).for_each(|_| instants.add_witness(Witness { host: host(1), from: ms(0), to: ms(5000) }));
        (1..=4).for_each(|n| instants.note(ms(1000), host(n), GapCause::Mirror));
        assert_eq!(shown(&instants, ms(1000), host(9)), Shown::Nothing, "two hosts could tell");
        instants.add_witness(Witness { host: host(3), from: ms(1001), to: ms(5000) });
        assert_eq!(shown(&instants, ms(1000), host(9)), Shown::Nothing, "the third spoke later");
        assert_eq!(shown(&instants, ms(1001), host(9)), Shown::Mirror);
        for n in 10..=12 {
            instants.add_witness(Witness { host: host(n), from: ms(0), to: ms(1000) });
        }
        assert_eq!(shown(&instants, ms(1001), host(9)), Shown::Mirror, "these were silent by then");
        assert_eq!(shown(&instants, ms(1000), host(9)), Shown::Nothing);
    }

    #[test]
    fn what_is_remembered_is_bounded_and_the_oldest_goes() {
        let mut instants = witnessed(200);
        for n in 0..100_000 {
            instants.note(ms(n * 100), host((n % 250) as u8), GapCause::Mirror);
            instants.add_witness(Witness { host: host(1), from: ms(n), to: ms(n) });
        }
        assert_eq!((instants.moments.len(), instants.noted), (MOST_NOTED, MOST_NOTED));
        assert_eq!(instants.witnesses.len(), MOST_WITNESSES);
        assert!(instants.moments.contains_key(&(99_999 * 2)) && !instants.moments.contains_key(&0));
    }
}
