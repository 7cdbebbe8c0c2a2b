//! An interface that cannot be captured is refused, with the reason.

use earwitness_capture::{CaptureError, LiveOptions, LiveSource, Refusal};

use crate::{alone, alone_by, cable, filtered, ip, small};

fn refused(interface: &str, options: &LiveOptions) -> (Refusal, String) {
    let error = LiveSource::open(interface, options).expect_err("refused");
    let text = error.to_string();
    let CaptureError::Interface { interface: named, refusal } = error else { panic!("{text}") };
    assert_eq!(named, interface);
    (refusal, text)
}

#[test]
fn an_interface_that_is_not_there_is_refused_with_those_that_are() {
    alone("opening::an_interface_that_is_not_there_is_refused_with_those_that_are", || {
        cable();
        for name in ["eth7", "", "a-name-that-no-interface-can-have", "mirr\0r"] {
            let (Refusal::NoSuchInterface { mut there }, text) = refused(name, &small()) else {
                panic!("{name:?}")
            };
            there.sort();
            assert_eq!(there, ["lo", "mirror", "phone"]);
            assert!(text.contains("there is no such interface; there are: "), "{text}");
        }
    });
}

#[test]
fn who_may_not_capture_is_told_which_capability_is_missing() {
    let test = "opening::who_may_not_capture_is_told_which_capability_is_missing";
    alone_by(&["setpriv", "--bounding-set=-net_raw"], test, || {
        let (refusal, text) = refused("lo", &small());
        assert!(matches!(refusal, Refusal::NotPermitted), "{refusal:?}");
        assert!(text.contains("CAP_NET_RAW"), "{text}");
    });
}

#[test]
fn a_filter_that_makes_no_sense_is_refused_as_it_was_typed() {
    alone("opening::a_filter_that_makes_no_sense_is_refused_as_it_was_typed", || {
        cable();
        // The second would make sense to who only reads it in parentheses.
        for typed in ["port 5060 ond host", "port 5060) or (port 5061", "port 99999"] {
            let (refusal, text) = refused("mirror", &filtered(typed));
            assert!(matches!(refusal, Refusal::Filter { filter, .. } if filter == typed));
            assert!(text.contains(typed) && text.contains("pcap-filter(7)"), "{text}");
        }
    });
}

#[test]
fn a_ring_that_does_not_fit_is_refused_with_what_does() {
    alone("opening::a_ring_that_does_not_fit_is_refused_with_what_does", || {
        for asked in [0, 1 << 10, usize::MAX / 2, 1 << 40] {
            let (refusal, text) = refused("lo", &LiveOptions { ring_bytes: asked, ..small() });
            let Refusal::RingSize { asked: told, least, most } = refusal else { panic!("{text}") };
            assert_eq!((told, least), (asked, 512 << 10));
            assert!(most > least && !(least..=most).contains(&asked));
        }
        for asked in [0, LiveOptions::MAX_SNAP_LEN + 1] {
            let (refusal, _) = refused("lo", &LiveOptions { snap_len: asked, ..small() });
            assert!(matches!(refusal, Refusal::SnapLength { asked: told } if told == asked));
        }
    });
}

#[test]
fn the_ring_is_as_large_as_it_was_asked_for() {
    alone("opening::the_ring_is_as_large_as_it_was_asked_for", || {
        cable();
        for asked in [512 << 10, 1_000_000, 8 << 20] {
            let source = LiveSource::open("mirror", &LiveOptions { ring_bytes: asked, ..small() }).unwrap();
            let is = source.ring_bytes().expect("a ring") as usize;
            assert!((asked..asked + (256 << 10)).contains(&is), "{asked} asked, {is} mapped");
        }
        ip("link set mirror down");
        let waiting = LiveSource::open("mirror", &small()).unwrap();
        assert_eq!(waiting.ring_bytes(), None);
    });
}
