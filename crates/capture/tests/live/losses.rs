//! Nothing is lost without a count.

use earwitness_capture::{LiveOptions, LiveSource, Losses};

use crate::{alone, cable, filtered, frames::udp, ip, read, sender};

const FLOW: (u16, u16) = (16_384, 16_400);

#[test]
fn what_was_received_is_what_was_handed_over_and_what_found_the_ring_full() {
    alone("losses::what_was_received_is_what_was_handed_over_and_what_found_the_ring_full", || {
        cable();
        let tiny = LiveOptions { ring_bytes: 512 << 10, ..filtered("udp port 16384") };
        let mut source = LiveSource::open("mirror", &tiny).unwrap();
        assert_eq!(source.take_losses(), Losses::default());
        let mut sender = sender("phone");
        // Four times what the ring holds, and nobody reads; half of it again is none of the filter's business.
        for place in 0..2_000 {
            sender.sendpacket(udp(&[], FLOW, 1_000)).unwrap();
            if place % 2 == 0 {
                sender.sendpacket(udp(&[], (443, 50_000), 1_000)).unwrap();
            }
        }
        let handed_over = read(&mut source, 1).len() as u64;
        let losses = source.take_losses();
        assert_eq!(losses.received, 2_000);
        assert_eq!(handed_over + losses.kernel, 2_000);
        assert!((1_000..2_000).contains(&losses.kernel), "{losses:?}");
        assert_eq!(source.take_losses(), Losses::default(), "counted once");

        sender.sendpacket(udp(&[], FLOW, 1_000)).unwrap();
        assert_eq!(read(&mut source, 1).len(), 1, "it goes on when there is room again");
        assert_eq!(source.take_losses(), Losses { received: 1, kernel: 0, interface: 0 });
    });
}

#[test]
fn what_a_deleted_interface_still_had_is_handed_over_and_counted() {
    alone("losses::what_a_deleted_interface_still_had_is_handed_over_and_counted", || {
        cable();
        let mut source = LiveSource::open("mirror", &filtered("udp port 16384")).unwrap();
        let mut sender = sender("phone");
        (0..300).for_each(|_| sender.sendpacket(udp(&[], FLOW, 172)).unwrap());
        ip("link delete mirror");
        assert_eq!(read(&mut source, 300).len(), 300);
        assert_eq!(source.take_losses(), Losses { received: 300, kernel: 0, interface: 0 });
    });
}
