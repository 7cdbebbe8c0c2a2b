//! What becomes of an interface while it is captured.

use std::time::{Duration, Instant};

use earwitness_capture::{LinkEvent, LinkState, LiveSource, Refusal, Source, wait};
use rustix::thread::CapabilitySet;

use crate::{alone, cable, event, frames::udp, ip, read, sender, small};

/// Frames get through, and come out.
fn is_captured(source: &mut LiveSource) {
    let frame = udp(&[], (16_384, 16_400), 172);
    sender("phone").sendpacket(&frame[..]).unwrap();
    assert_eq!(read(source, 1), [frame]);
}

/// It is told to be gone, after it was told to be down: the kernel switches an interface off before it deletes it.
fn is_gone(source: &mut LiveSource) {
    assert!(matches!(event(source), LinkEvent::Down));
    assert!(matches!(event(source), LinkEvent::Gone));
}

#[test]
fn switched_off_and_on_it_is_captured_on() {
    alone("link::switched_off_and_on_it_is_captured_on", || {
        cable();
        let mut source = LiveSource::open("mirror", &small()).unwrap();
        assert_eq!(source.link(), LinkState::Up);
        is_captured(&mut source);
        ip("link set mirror down");
        assert!(matches!(event(&mut source), LinkEvent::Down));
        assert_eq!(source.link(), LinkState::Down);
        ip("link set mirror up");
        assert!(matches!(event(&mut source), LinkEvent::Up));
        assert_eq!(source.link(), LinkState::Up);
        is_captured(&mut source);
        assert!(source.poll_event().is_none());
    });
}

#[test]
fn a_pulled_cable_is_an_interface_that_is_down() {
    alone("link::a_pulled_cable_is_an_interface_that_is_down", || {
        cable();
        let mut source = LiveSource::open("mirror", &small()).unwrap();
        ip("link set phone down");
        assert!(matches!(event(&mut source), LinkEvent::Down));
        ip("link set phone up");
        assert!(matches!(event(&mut source), LinkEvent::Up));
        is_captured(&mut source);
    });
}

#[test]
fn down_at_first_it_is_waited_for() {
    alone("link::down_at_first_it_is_waited_for", || {
        ip("link add mirror type veth peer name phone");
        let mut source = LiveSource::open("mirror", &small()).unwrap();
        assert_eq!(source.link(), LinkState::Down);
        assert!(read(&mut source, 0).is_empty());
        ip("link set mirror up");
        ip("link set phone up");
        assert!(matches!(event(&mut source), LinkEvent::Up));
        assert_eq!(source.link(), LinkState::Up);
        is_captured(&mut source);
    });
}

#[test]
fn deleted_and_made_again_it_is_captured_on() {
    alone("link::deleted_and_made_again_it_is_captured_on", || {
        cable();
        let mut source = LiveSource::open("mirror", &small()).unwrap();
        for _ in 0..2 {
            is_captured(&mut source);
            ip("link delete mirror");
            is_gone(&mut source);
            assert_eq!(source.link(), LinkState::Gone);
            cable();
            assert!(matches!(event(&mut source), LinkEvent::Back));
            while source.link() != LinkState::Up {
                // The kernel tells of the carrier a little later than of the interface.
                event(&mut source);
            }
            while source.poll_event().is_some() {}
        }
        is_captured(&mut source);
    });
}

#[test]
fn renamed_it_is_captured_on_and_waited_for_under_its_new_name() {
    alone("link::renamed_it_is_captured_on_and_waited_for_under_its_new_name", || {
        cable();
        let mut source = LiveSource::open("mirror", &small()).unwrap();
        ip("link set mirror name span0");
        assert!(matches!(event(&mut source), LinkEvent::Renamed { to } if to == "span0"));
        assert_eq!((source.name(), source.link()), ("span0", LinkState::Up));
        is_captured(&mut source);
        ip("link delete span0");
        is_gone(&mut source);
        ip("link add span0 type veth peer name phone");
        assert!(matches!(event(&mut source), LinkEvent::Back));
    });
}

#[test]
fn off_and_on_between_two_looks_is_told() {
    alone("link::off_and_on_between_two_looks_is_told", || {
        cable();
        let mut source = LiveSource::open("mirror", &small()).unwrap();
        ip("link set mirror down");
        ip("link set mirror up");
        assert!(matches!(event(&mut source), LinkEvent::Down));
        assert!(matches!(event(&mut source), LinkEvent::Up));
        is_captured(&mut source);
    });
}

#[test]
fn what_is_gone_or_off_keeps_nobody_busy() {
    alone("link::what_is_gone_or_off_keeps_nobody_busy", || {
        for change in ["link set mirror down", "link delete mirror"] {
            cable();
            let mut source = LiveSource::open("mirror", &small()).unwrap();
            ip(change);
            event(&mut source);
            let (begun, mut turns) = (Instant::now(), 0);
            while begun.elapsed() < Duration::from_millis(400) {
                wait(&[&source], Duration::from_millis(40));
                source.poll(&mut |_| ()).unwrap();
                turns += 1;
            }
            // Ten of the clock, and some of news.
            assert!(turns <= 20, "{turns} turns after {change}");
            if change.ends_with("down") {
                ip("link delete mirror");
            }
        }
    });
}

#[test]
fn what_may_not_be_opened_again_is_told_once_and_tried_again() {
    alone("link::what_may_not_be_opened_again_is_told_once_and_tried_again", || {
        cable();
        let mut source = LiveSource::open("mirror", &small()).unwrap();
        ip("link delete mirror");
        cable();
        // As a service does that gives its rights away when it has opened what it needs.
        let all = rustix::thread::capabilities(None).unwrap();
        let mut fewer = all;
        fewer.effective.remove(CapabilitySet::NET_RAW);
        rustix::thread::set_capabilities(None, fewer).unwrap();
        let mut events = Vec::new();
        while !events.last().is_some_and(|event| matches!(event, LinkEvent::Refused(_))) {
            events.push(event(&mut source));
        }
        assert!(matches!(events.last(), Some(LinkEvent::Refused(Refusal::NotPermitted))), "{events:?}");
        assert_eq!(source.link(), LinkState::Down);

        rustix::thread::set_capabilities(None, all).unwrap();
        let begun = Instant::now();
        while source.link() != LinkState::Up && begun.elapsed() < crate::PATIENCE {
            wait(&[&source], Duration::from_millis(100));
            source.poll(&mut |_| ()).unwrap();
        }
        is_captured(&mut source);
        let later: Vec<_> = std::iter::from_fn(|| source.poll_event()).collect();
        assert!(matches!(later.last(), Some(LinkEvent::Up)), "{later:?}");
        assert!(!later.iter().any(|event| matches!(event, LinkEvent::Refused(_))), "{later:?}");
    });
}
