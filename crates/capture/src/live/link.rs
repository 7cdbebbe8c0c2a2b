//! What becomes of an interface while it is captured: a state machine of the kernel's notices.

use std::collections::VecDeque;

use super::{
    Refusal,
    netlink::{Link, Notice, Which},
};

/// More events than anybody reads: of an interface that flaps while nobody asks, the oldest are forgotten.
const EVENTS: usize = 64;

/// Whether anything can come from an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    /// It is on, has a carrier, and is captured.
    Up,
    /// It is there, but off, without a carrier (no cable, or the other end is off), or may not be opened again.
    Down,
    /// There is no such interface now.
    Gone,
}

/// What happened to an interface.
#[derive(Debug)]
pub enum LinkEvent {
    /// It was switched off or lost its carrier: nothing can come.
    Down,
    /// It is captured again.
    Up,
    /// It was deleted, or its driver unloaded: it is waited for. [`LinkEvent::Down`] came before where the kernel switched it off
    /// first, as it mostly does.
    Gone,
    /// It is there again under its name. When it is still off, [`LinkEvent::Down`] follows at once.
    Back,
    /// It has another name now, and is captured on.
    Renamed {
        /// The new name.
        to: String,
    },
    /// It is there and on but could not be opened again, or read on. It is tried again every second; this tells of the
    /// first time only, and [`LinkEvent::Up`] of success.
    Refused(Refusal),
}

/// Follows one interface by its index, and by its name when it has none.
#[derive(Debug)]
pub(super) struct Watch {
    name: String,
    /// `None` while it is gone; 0 of `any`.
    index: Option<u32>,
    state: LinkState,
    is_on: bool,
    events: VecDeque<LinkEvent>,
    /// The interface's counter of lost frames when it was last seen.
    lost_seen: u64,
    /// Lost since it was last asked for.
    lost: u64,
}

impl Watch {
    pub(super) fn new(link: Link) -> Self {
        Self {
            index: Some(link.index),
            state: state_of(&link),
            is_on: link.is_on,
            events: VecDeque::new(),
            lost_seen: link.lost,
            lost: 0,
            name: link.name,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn index(&self) -> Option<u32> {
        self.index
    }

    pub(super) fn state(&self) -> LinkState {
        self.state
    }

    /// Whether a ring can be opened: also without a carrier.
    pub(super) fn can_open(&self) -> bool {
        self.is_on
    }

    /// By what the kernel is asked for it.
    pub(super) fn which(&self) -> Which<'_> {
        match self.index {
            Some(0) => Which::Any,
            Some(index) => Which::Index(index),
            None => Which::Name(&self.name),
        }
    }

    pub(super) fn handle_notice(&mut self, notice: &Notice) {
        match notice {
            Notice::Is(link) if self.index == Some(link.index) => self.handle_link(link),
            Notice::Is(link) if self.index.is_none() && link.name == self.name => self.handle_back(link),
            Notice::Went(index) if self.index == Some(*index) => self.handle_gone(),
            Notice::Is(_) | Notice::Went(_) => {}
        }
    }

    /// It does not exist.
    pub(super) fn handle_gone(&mut self) {
        if self.index.take().is_some() {
            (self.state, self.is_on) = (LinkState::Gone, false);
            self.tell(LinkEvent::Gone);
        }
    }

    fn handle_back(&mut self, link: &Link) {
        self.index = Some(link.index);
        self.lost_seen = link.lost;
        self.is_on = link.is_on;
        self.state = state_of(link);
        self.tell(LinkEvent::Back);
        if self.state == LinkState::Down {
            self.tell(LinkEvent::Down);
        }
    }

    fn handle_link(&mut self, link: &Link) {
        if link.name != self.name {
            self.name.clone_from(&link.name);
            self.tell(LinkEvent::Renamed { to: link.name.clone() });
        }
        self.is_on = link.is_on;
        // A driver that was reset counts from 0 again.
        self.lost += link.lost.checked_sub(self.lost_seen).unwrap_or(link.lost);
        self.lost_seen = link.lost;
        match (self.state, state_of(link)) {
            (LinkState::Up, LinkState::Down) => self.tell(LinkEvent::Down),
            (LinkState::Down | LinkState::Gone, LinkState::Up) => self.tell(LinkEvent::Up),
            (LinkState::Up | LinkState::Down | LinkState::Gone, _) => {}
        }
        self.state = state_of(link);
    }

    pub(super) fn tell(&mut self, event: LinkEvent) {
        if self.events.len() == EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    pub(super) fn poll_event(&mut self) -> Option<LinkEvent> {
        self.events.pop_front()
    }

    pub(super) fn take_interface_losses(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }
}

fn state_of(link: &Link) -> LinkState {
    if link.is_running { LinkState::Up } else { LinkState::Down }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(index: u32, name: &str, is_running: bool) -> Link {
        Link { index, name: name.to_owned(), is_on: true, is_running, lost: 0 }
    }

    /// What a watch of `eth1`, index 3, tells when it is told `notices`.
    fn check(notices: &[Notice], events: &[&str], state: LinkState) -> Watch {
        let mut watch = Watch::new(link(3, "eth1", true));
        notices.iter().for_each(|notice| watch.handle_notice(notice));
        let told: Vec<String> =
            std::iter::from_fn(|| watch.poll_event()).map(|event| format!("{event:?}")).collect();
        assert_eq!((told, watch.state()), (events.iter().map(|event| (*event).to_owned()).collect(), state));
        watch
    }

    #[test]
    fn the_notices_of_an_interface_are_its_events() {
        let is = |index, name, is_running| Notice::Is(link(index, name, is_running));
        check(&[is(3, "eth1", true), is(3, "eth1", true)], &[], LinkState::Up);
        check(&[is(3, "eth1", false), is(3, "eth1", false)], &["Down"], LinkState::Down);
        check(&[is(3, "eth1", false), is(3, "eth1", true)], &["Down", "Up"], LinkState::Up);
        check(&[Notice::Went(3), Notice::Went(3)], &["Gone"], LinkState::Gone);
        check(&[Notice::Went(3), is(9, "eth1", true)], &["Gone", "Back"], LinkState::Up);
        check(&[Notice::Went(3), is(9, "eth1", false)], &["Gone", "Back", "Down"], LinkState::Down);
        check(&[is(3, "span0", true)], &["Renamed { to: \"span0\" }"], LinkState::Up);
    }

    #[test]
    fn other_interfaces_are_none_of_its_business() {
        let others =
            [Notice::Is(link(4, "eth2", false)), Notice::Went(4), Notice::Is(link(4, "eth1", false))];
        let watch = check(&others, &[], LinkState::Up);
        assert_eq!((watch.name(), watch.index()), ("eth1", Some(3)));
        let gone = check(&[Notice::Went(3), Notice::Is(link(4, "eth2", true))], &["Gone"], LinkState::Gone);
        assert_eq!(gone.which(), Which::Name("eth1"));
    }

    #[test]
    fn losses_are_counted_from_when_it_was_first_seen_and_over_a_reset() {
        let mut watch = Watch::new(Link { lost: 100, ..link(3, "eth1", true) });
        for (counter, lost) in [(100, 0), (107, 7), (3, 3), (3, 0)] {
            watch.handle_notice(&Notice::Is(Link { lost: counter, ..link(3, "eth1", true) }));
            assert_eq!(watch.take_interface_losses(), lost);
        }
        watch.handle_notice(&Notice::Went(3));
        watch.handle_notice(&Notice::Is(Link { lost: 50, ..link(9, "eth1", true) }));
        assert_eq!(watch.take_interface_losses(), 0, "a new interface counts by itself");
    }

    #[test]
    fn an_interface_that_flaps_while_nobody_asks_takes_no_memory() {
        let mut watch = Watch::new(link(3, "eth1", true));
        for turn in 0..10_000 {
            watch.handle_notice(&Notice::Is(link(3, "eth1", turn % 2 == 1)));
        }
        assert_eq!(watch.events.len(), EVENTS);
    }
}
