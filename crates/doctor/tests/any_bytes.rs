//! Whatever passes a mirror, the doctor ends, and counts no more than passed.

use earwitness_doctor::{Doctor, ExtensionReport, Options, Surroundings};
use earwitness_model::{LinkType, PacketTime, RawFrame};
use earwitness_testkit::script;
use proptest::prelude::*;

/// A call that a proxy forwards in pieces, as the bytes of its frames.
fn frames() -> Vec<Vec<u8>> {
    let text = "at 0 10.1.0.5:5060 > 10.1.0.9:5060 INVITE c from=1 to=4001 sdp=10.1.0.5:4000/PCMA fragment=200\n\
                at 1 10.1.0.9:5060 > 10.1.0.5:5060 200 c sdp=10.1.0.9:4002/PCMA\n\
                rtp c caller from=1.1 to=1.5\nrtp c callee from=1.1 to=1.5\n\
                at 2 10.1.0.5:5060 > 10.1.0.9:5060 BYE c\n";
    script::parse(text)
        .expect("the script makes sense")
        .frames()
        .into_iter()
        .map(|frame| frame.bytes)
        .collect()
}

/// What happens to a frame: which one it is, where a byte is changed and to what, how much is left, when it comes.
type Harm = (usize, usize, u8, usize, i64);

fn judge(link: LinkType, harms: &[Harm]) -> (u64, u64, u64) {
    let whole = frames();
    let mut doctor = Doctor::new(Options { rules: None, extensions: ExtensionReport::Always });
    for (at, (which, place, value, left, nanos)) in harms.iter().enumerate() {
        let mut bytes = whole[which % whole.len()].clone();
        let wire_len = bytes.len() as u32;
        let place = place % bytes.len();
        bytes[place] = *value;
        bytes.truncate(*left);
        let time = PacketTime::from_nanos(*nanos);
        doctor.handle_frame(&RawFrame { time, number: at as u64 + 1, link, wire_len, bytes: &bytes });
    }
    let report = doctor.finish(&Surroundings::default());
    let shown: u64 =
        report.findings.iter().flat_map(|finding| &finding.evidence.frames).copied().max().unwrap_or(0);
    (report.seen.frames, report.seen.messages + report.seen.packets, shown)
}

proptest! {
    #[test]
    fn damaged_frames_in_any_order_are_judged_and_none_is_made_up(
        harms in proptest::collection::vec((any::<usize>(), any::<usize>(), any::<u8>(), 0usize..400, any::<i64>()), 0..60),
        link in 0u16..300,
    ) {
        for link in [LinkType::Ethernet, LinkType::from_number(link)] {
            let (frames, understood, shown) = judge(link, &harms);
            prop_assert_eq!(frames, harms.len() as u64);
            prop_assert!(understood <= frames);
            prop_assert!(shown <= frames);
        }
    }
}
