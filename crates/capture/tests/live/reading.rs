//! Frames as they are handed over.

use std::time::{Duration, Instant};

use earwitness_capture::{LiveSource, Polled, Source, wait};
use earwitness_model::LinkType;

use crate::{alone, cable, filtered, frames::udp, ip, read, sender, small};

const FLOW: (u16, u16) = (16_384, 16_400);

#[test]
fn frames_come_whole_in_order_with_rising_times_and_numbers() {
    alone("reading::frames_come_whole_in_order_with_rising_times_and_numbers", || {
        cable();
        let mut source = LiveSource::open("mirror", &small()).unwrap();
        source.number_from(100);
        let mut sender = sender("phone");
        let sent: Vec<_> = (0..600).map(|place| udp(&[], FLOW, 20 + place)).collect();
        sent.iter().for_each(|frame| sender.sendpacket(&frame[..]).unwrap());
        let (mut came, mut heads, begun) = (Vec::new(), Vec::new(), Instant::now());
        while came.len() < sent.len() && begun.elapsed() < crate::PATIENCE {
            let mut batch = 0;
            let visit = &mut |frame: &earwitness_model::RawFrame<'_>| {
                came.push(frame.bytes.to_vec());
                heads.push((frame.time.nanos(), frame.number, frame.link, frame.wire_len));
                batch += 1;
            };
            let polled = source.poll(visit).unwrap();
            assert!(batch <= 256 && (polled == Polled::Frames) == (batch > 0), "{polled:?} with {batch}");
            wait(&[&source], Duration::from_millis(20));
        }
        assert_eq!(came, sent);
        assert!(heads.is_sorted_by(|left, right| left.0 <= right.0), "times fall");
        // Nanoseconds: a clock of microseconds would end each time in three zeros.
        assert!(heads.iter().any(|head| head.0 % 1000 != 0), "{:?}", heads[0]);
        for (place, head) in heads.iter().enumerate() {
            let length = sent[place].len() as u32;
            assert_eq!((head.1, head.2, head.3), (100 + place as u64, LinkType::Ethernet, length));
        }
        assert_eq!(source.next_number(), 700);
    });
}

#[test]
fn jumbo_frames_come_whole_and_a_short_snap_length_says_what_is_missing() {
    alone("reading::jumbo_frames_come_whole_and_a_short_snap_length_says_what_is_missing", || {
        cable();
        // The longest that a packet can be, as merged by the kernel; a packet socket may send it where the MTU allows it.
        ip("link set phone mtu 65535");
        ip("link set mirror mtu 65535");
        let mut whole = LiveSource::open("mirror", &small()).unwrap();
        let mut cut =
            LiveSource::open("mirror", &earwitness_capture::LiveOptions { snap_len: 100, ..small() })
                .unwrap();
        let sent = [udp(&[], FLOW, 8_900), udp(&[], FLOW, 65_500)];
        let mut sender = sender("phone");
        sent.iter().for_each(|frame| sender.sendpacket(&frame[..]).unwrap());
        assert_eq!(read(&mut whole, 2), sent);
        let mut lengths = Vec::new();
        let begun = Instant::now();
        while lengths.len() < 2 && begun.elapsed() < crate::PATIENCE {
            wait(&[&cut], Duration::from_millis(20));
            cut.poll(&mut |frame| lengths.push((frame.bytes.len(), frame.wire_len as usize))).unwrap();
        }
        assert_eq!(lengths, [(100, sent[0].len()), (100, sent[1].len())]);
    });
}

#[test]
fn several_interfaces_on_one_thread_are_waited_for_and_numbered_together() {
    alone("reading::several_interfaces_on_one_thread_are_waited_for_and_numbered_together", || {
        cable();
        ip("link add mirror2 type veth peer name phone2");
        ip("link set mirror2 up");
        ip("link set phone2 up");
        let mut sources = ["mirror", "mirror2"].map(|name| LiveSource::open(name, &small()).unwrap());
        let mut senders = ["phone", "phone2"].map(sender);
        let (mut seen, mut next) = (Vec::new(), 1);
        for turn in 0..6_usize {
            senders[turn % 2].sendpacket(udp(&[], FLOW, 40 + turn)).unwrap();
            let begun = Instant::now();
            while seen.len() <= turn && begun.elapsed() < crate::PATIENCE {
                wait(&sources.each_ref(), crate::PATIENCE);
                for source in &mut sources {
                    source.number_from(next);
                    source.poll(&mut |frame| seen.push((frame.number, frame.bytes.len()))).unwrap();
                    next = source.next_number();
                }
            }
        }
        assert_eq!(seen, (0..6).map(|turn| (turn + 1, 82 + turn as usize)).collect::<Vec<_>>());
    });
}

#[test]
fn waiting_ends_with_the_first_frame_and_otherwise_takes_its_time() {
    alone("reading::waiting_ends_with_the_first_frame_and_otherwise_takes_its_time", || {
        cable();
        let mut source = LiveSource::open("mirror", &small()).unwrap();
        // News of the interfaces that were just made.
        while source.poll(&mut |_| ()).unwrap() != Polled::Idle {}
        let begun = Instant::now();
        wait(&[&source], Duration::from_millis(120));
        assert!(begun.elapsed() >= Duration::from_millis(120), "{:?}", begun.elapsed());
        let begun = Instant::now();
        sender("phone").sendpacket(udp(&[], FLOW, 40)).unwrap();
        wait(&[&source], crate::PATIENCE);
        assert!(begun.elapsed() < crate::PATIENCE, "{:?}", begun.elapsed());
        assert_eq!(source.poll(&mut |_| ()).unwrap(), Polled::Frames);
    });
}

#[test]
fn all_interfaces_at_once_are_a_cooked_capture_and_filtered_as_well() {
    alone("reading::all_interfaces_at_once_are_a_cooked_capture_and_filtered_as_well", || {
        cable();
        let mut source = LiveSource::open("any", &filtered("udp port 5060")).unwrap();
        let mut sender = sender("phone");
        sender.sendpacket(udp(&[], (443, 50_000), 77)).unwrap();
        sender.sendpacket(udp(&[], (5060, 5062), 40)).unwrap();
        let mut seen = Vec::new();
        let begun = Instant::now();
        while seen.len() < 2 && begun.elapsed() < crate::PATIENCE {
            wait(&[&source], Duration::from_millis(20));
            source.poll(&mut |frame| seen.push((frame.link, frame.bytes.len()))).unwrap();
        }
        // As it left one end of the cable, and as it came to the other: the Ethernet header gives way to one of 16 bytes.
        assert_eq!(seen, [(LinkType::LinuxSll, 16 + 68); 2]);
    });
}
