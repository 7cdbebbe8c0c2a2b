//! What a filter lets through, by the kernel, on real interfaces.

use earwitness_capture::LiveSource;

use crate::{
    alone, cable, filtered,
    frames::{C_TAG, S_TAG, ipv6_fragment, later_fragment, udp},
    read, sender, small,
};

const SIP: (u16, u16) = (5060, 5062);
const WEB: (u16, u16) = (443, 50_000);

/// Sends `wanted` between `foreign` frames and asserts that the filter tells them apart, at both ends of the cable: at the far one
/// the kernel took the outer tag off before the filter sees the frame, at the near one the tag is still in it.
fn check(filter: &str, wanted: &[Vec<u8>], foreign: &[Vec<u8>]) {
    cable();
    let mut ends = ["mirror", "phone"].map(|end| LiveSource::open(end, &filtered(filter)).unwrap());
    let mut sender = sender("phone");
    foreign.iter().chain(wanted).chain(foreign).for_each(|frame| sender.sendpacket(&frame[..]).unwrap());
    for source in &mut ends {
        let came = read(source, wanted.len());
        assert_eq!(came, wanted, "at {}", source.name());
    }
}

#[test]
fn tagged_frames_and_later_fragments_pass_a_filter_on_ports_and_foreign_traffic_does_not() {
    alone(
        "filter::tagged_frames_and_later_fragments_pass_a_filter_on_ports_and_foreign_traffic_does_not",
        || {
            let tags: [&[_]; 4] =
                [&[], &[(C_TAG, 100)], &[(S_TAG, 7), (C_TAG, 100)], &[(C_TAG, 7), (C_TAG, 100)]];
            let wanted = tags.iter().flat_map(|tags| {
                [
                    udp(tags, SIP, 400),
                    udp(tags, (16_384, 16_400), 172),
                    later_fragment(tags),
                    ipv6_fragment(tags, WEB),
                ]
            });
            let foreign = tags.iter().map(|tags| udp(tags, WEB, 900));
            let (wanted, foreign): (Vec<_>, Vec<_>) = (wanted.collect(), foreign.collect());
            check("port 5060 or portrange 16384-32767", &wanted, &foreign);
        },
    );
}

#[test]
fn who_names_a_vlan_gets_that_one_and_fragments() {
    alone("filter::who_names_a_vlan_gets_that_one_and_fragments", || {
        let wanted = [udp(&[(C_TAG, 100)], SIP, 400), later_fragment(&[])];
        let foreign = [udp(&[(C_TAG, 200)], SIP, 400), udp(&[], SIP, 400), udp(&[(C_TAG, 100)], WEB, 400)];
        check("vlan 100 and port 5060", &wanted, &foreign);
    });
}

#[test]
fn a_filter_that_excludes_a_host_excludes_it_behind_a_tag() {
    alone("filter::a_filter_that_excludes_a_host_excludes_it_behind_a_tag", || {
        cable();
        let mut source = LiveSource::open("mirror", &filtered("not host 10.0.0.1")).unwrap();
        let mut sender = sender("phone");
        for tags in [&[][..], &[(C_TAG, 100)]] {
            sender.sendpacket(udp(tags, SIP, 400)).unwrap();
        }
        assert_eq!(read(&mut source, 0), Vec::<Vec<u8>>::new());
    });
}

#[test]
fn without_a_filter_everything_comes() {
    alone("filter::without_a_filter_everything_comes", || {
        cable();
        let sent = [udp(&[], SIP, 400), udp(&[(S_TAG, 7), (C_TAG, 100)], WEB, 80), vec![0xff; 60]];
        let mut source = LiveSource::open("mirror", &small()).unwrap();
        let mut sender = sender("phone");
        sent.iter().for_each(|frame| sender.sendpacket(&frame[..]).unwrap());
        assert_eq!(read(&mut source, 3), sent);
    });
}
