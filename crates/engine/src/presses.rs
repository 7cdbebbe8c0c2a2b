//! Keys that were pressed, each once: an exchange sends on what it receives, from another address, in a dialog of its own, or
//! as INFO what came as an event, and the mirror shows both sides of it.

use earwitness_model::{Dtmf, PacketTime, Track};

/// What an exchange and the ways to it and from it may take, and by how much INFO comes behind the press.
const MOST_DELAY_NANOS: i64 = 500_000_000;
/// Places at which one press is seen; from one more it counts as another press.
const MOST_PLACES: usize = 8;

/// Where a press was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// As events among the packets of a track (RFC 4733).
    Track(Track),
    /// As INFO in the dialog at this place of the call's names.
    Dialog(usize),
}

/// A key press as it was seen at one place.
#[derive(Debug, Clone)]
pub(crate) struct Press {
    pub(crate) key: Dtmf,
    pub(crate) seen: Seen,
}

/// A press, and all the places where it was seen.
struct Told {
    key: Dtmf,
    seen: Vec<Seen>,
}

impl Told {
    /// Whether `press` is this one, seen at another place. What a place shows again is another press.
    fn is_seen_again(&self, press: &Press) -> bool {
        let (key, other) = (&self.key, &press.key);
        (key.leg, key.digit.expose()) == (other.leg, other.digit.expose())
            && other.at <= latest(key)
            && self.seen.len() < MOST_PLACES
            && !self.seen.contains(&press.seen)
    }
}

/// Until when a press that is seen elsewhere may be `key`.
fn latest(key: &Dtmf) -> PacketTime {
    key.at.plus_nanos(i64::from(key.ms) * 1_000_000 + MOST_DELAY_NANOS)
}

/// Every press once, as it was seen first, in the order of time.
pub(crate) fn united(mut presses: Vec<Press>) -> Vec<Dtmf> {
    presses.sort_by_key(|press| press.key.at);
    let mut told: Vec<Told> = Vec::with_capacity(presses.len());
    // Whatever was told before this place is too long ago to be seen again.
    let mut recent = 0;
    for press in presses {
        while told.get(recent).is_some_and(|before| latest(&before.key) < press.key.at) {
            recent += 1;
        }
        match told.iter_mut().skip(recent).find(|before| before.is_seen_again(&press)) {
            Some(before) => {
                before.seen.push(press.seen);
                if before.key.ms == 0 {
                    before.key.ms = press.key.ms;
                }
            }
            None => told.push(Told { key: press.key, seen: vec![press.seen] }),
        }
    }
    told.into_iter().map(|told| told.key).collect()
}

#[cfg(test)]
mod tests {
    use earwitness_model::{DtmfVia, Flow, Leg, Pii};

    use super::*;

    /// Digit, party, ms from the beginning, length in ms, and where: `a` and `b` are tracks, `1` and `2` dialogs.
    type Line = (char, Leg, i64, u32, char);

    fn press((digit, leg, at, ms, place): Line) -> Press {
        let end = "10.0.0.1:4000".parse().unwrap();
        let (seen, via) = match place.to_digit(10) {
            Some(place) => (Seen::Dialog(place as usize), DtmfVia::Info),
            None => {
                let track = Track { leg, flow: Flow { src: end, dst: end }, ssrc: u32::from(place) };
                (Seen::Track(track), DtmfVia::Rfc4733)
            }
        };
        let at = PacketTime::from_nanos(at * 1_000_000);
        Press { key: Dtmf { at, digit: Pii::new(digit), leg, via, ms }, seen }
    }

    fn check(lines: &[Line], expected: &str) {
        let told = united(lines.iter().copied().map(press).collect());
        let digits: String = told.iter().map(|key| *key.digit.expose()).collect();
        assert_eq!(digits, expected, "{lines:?}");
    }

    const A: Leg = Leg::Caller;
    const B: Leg = Leg::Callee;

    #[test]
    fn a_press_on_both_sides_of_an_exchange_is_one() {
        check(&[('5', A, 0, 100, 'a'), ('5', A, 1, 100, 'b')], "5");
        check(&[('5', A, 0, 0, '1'), ('5', A, 40, 0, '2')], "5");
        check(&[('5', A, 0, 200, 'a'), ('5', A, 230, 160, '1')], "5");
    }

    #[test]
    fn the_same_key_again_is_another_press_however_soon_and_wherever_it_was_lost() {
        check(&[('1', A, 0, 60, 'a'), ('1', A, 120, 60, 'a')], "11");
        let both =
            [('1', A, 0, 60, 'a'), ('1', A, 1, 60, 'b'), ('1', A, 120, 60, 'a'), ('1', A, 121, 60, 'b')];
        check(&both, "11");
        for lost in 0..both.len() {
            let mut rest = both.to_vec();
            rest.remove(lost);
            check(&rest, "11");
        }
    }

    #[test]
    fn another_party_another_key_and_another_time_are_other_presses() {
        check(&[('5', A, 0, 100, 'a'), ('5', B, 1, 100, 'b')], "55");
        check(&[('5', A, 0, 100, 'a'), ('6', A, 1, 100, 'b')], "56");
        check(&[('5', A, 0, 100, 'a'), ('5', A, 700, 100, 'b')], "55");
    }

    #[test]
    fn a_length_that_one_place_does_not_tell_is_taken_from_another() {
        let told = united(vec![press(('5', A, 30, 160, '1')), press(('5', A, 0, 0, 'a'))]);
        assert_eq!((told.len(), told[0].ms, told[0].via), (1, 160, DtmfVia::Rfc4733));
    }
}
