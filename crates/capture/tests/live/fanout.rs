//! One interface shared out between several sources.

use std::num::NonZeroU16;

use earwitness_capture::{CaptureError, Fanout, LiveOptions, LiveSource, Losses, Refusal};

use crate::{
    alone, cable, filtered,
    frames::{fragments, udp},
    ip, read, sender, small,
};

fn shared(group: u16, options: LiveOptions) -> LiveOptions {
    LiveOptions { fanout: Some(Fanout { group: NonZeroU16::new(group).unwrap() }), ..options }
}

#[test]
fn every_frame_comes_to_one_source_and_both_directions_of_a_flow_to_the_same() {
    alone("fanout::every_frame_comes_to_one_source_and_both_directions_of_a_flow_to_the_same", || {
        cable();
        let options = shared(7, filtered("udp"));
        let mut sources = [(); 3].map(|()| LiveSource::open("mirror", &options).unwrap());
        let mut sender = sender("phone");
        let flows = (0..64_u16).map(|place| (16_384 + 2 * place, 32_768 + 2 * place));
        for (caller, callee) in flows.clone() {
            for _ in 0..3 {
                sender.sendpacket(udp(&[], (caller, callee), 172)).unwrap();
                sender.sendpacket(udp(&[], (callee, caller), 172)).unwrap();
            }
        }
        let came = sources.each_mut().map(|source| read(source, 1));
        assert_eq!(came.iter().map(Vec::len).sum::<usize>(), 64 * 6);
        for (caller, callee) in flows {
            let both = [udp(&[], (caller, callee), 172), udp(&[], (callee, caller), 172)];
            let counts =
                came.each_ref().map(|came| came.iter().filter(|frame| both.contains(*frame)).count());
            assert!(counts.contains(&6), "{caller}: {counts:?}");
        }
        assert!(came.iter().all(|came| !came.is_empty()), "{:?}", came.each_ref().map(Vec::len));
        let received = sources.each_mut().map(|source| source.take_losses());
        assert!(received.iter().all(|losses| losses.kernel == 0));
        assert_eq!(received.iter().map(|losses| losses.received).sum::<u64>(), 64 * 6);
    });
}

#[test]
fn the_fragments_of_a_datagram_come_to_one_source_as_they_were_on_the_wire() {
    alone("fanout::the_fragments_of_a_datagram_come_to_one_source_as_they_were_on_the_wire", || {
        cable();
        let options = shared(6, filtered("udp port 5060"));
        let mut sources = [(); 2].map(|()| LiveSource::open("mirror", &options).unwrap());
        let mut sender = sender("phone");
        let datagrams: Vec<_> = (1..=40).map(|host| fragments([host, 200], (5_060, 5_060))).collect();
        for fragment in datagrams.as_flattened() {
            sender.sendpacket(&fragment[..]).unwrap();
        }
        let came = sources.each_mut().map(|source| read(source, 1));
        assert!(came.iter().all(|came| !came.is_empty()), "all to one source proves nothing");
        assert_eq!(came.iter().map(Vec::len).sum::<usize>(), 80);
        for datagram in datagrams {
            let at_one = came.iter().any(|came| datagram.iter().all(|fragment| came.contains(fragment)));
            assert!(at_one, "one fragment here and one there");
        }
    });
}

#[test]
fn no_frame_comes_to_two_sources_while_they_join() {
    alone("fanout::no_frame_comes_to_two_sources_while_they_join", || {
        cable();
        let roomy = LiveOptions { ring_bytes: 16 << 20, ..small() };
        let mut first = LiveSource::open("mirror", &shared(8, roomy.clone())).unwrap();
        let mut sender = sender("phone");
        let traffic = std::thread::spawn(move || {
            for place in 0..400 {
                sender.sendpacket(udp(&[], (16_384 + place, 5_060), 172)).unwrap();
                std::thread::sleep(std::time::Duration::from_micros(250));
            }
        });
        let mut second = LiveSource::open("mirror", &shared(8, roomy)).unwrap();
        traffic.join().unwrap();
        let came = [read(&mut first, 1), read(&mut second, 1)].concat();
        let distinct: std::collections::BTreeSet<_> = came.iter().collect();
        assert_eq!(came.len(), distinct.len(), "a frame came twice");
    });
}

#[test]
fn a_group_that_belongs_to_another_interface_is_refused() {
    alone("fanout::a_group_that_belongs_to_another_interface_is_refused", || {
        cable();
        let mut first = LiveSource::open("mirror", &shared(9, small())).unwrap();
        let error = LiveSource::open("phone", &shared(9, small())).expect_err("refused");
        assert!(
            matches!(&error, CaptureError::Interface { refusal: Refusal::Fanout { group: 9, .. }, .. }),
            "{error}"
        );
        assert_eq!(first.take_losses(), Losses::default());
    });
}

#[test]
fn a_shared_interface_that_goes_down_is_shared_afterwards() {
    alone("fanout::a_shared_interface_that_goes_down_is_shared_afterwards", || {
        cable();
        let mut sources = [(); 2].map(|()| LiveSource::open("mirror", &shared(10, small())).unwrap());
        ip("link set mirror down");
        ip("link set mirror up");
        sources.iter_mut().for_each(|source| drop(read(source, 0)));
        let mut sender = sender("phone");
        (0..200).for_each(|place| sender.sendpacket(udp(&[], (16_384 + place, 5_060), 172)).unwrap());
        let came = sources.each_mut().map(|source| read(source, 1).len());
        assert_eq!(came.iter().sum::<usize>(), 200, "{came:?}");
    });
}
