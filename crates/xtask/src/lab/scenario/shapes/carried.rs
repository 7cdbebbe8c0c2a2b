//! Calls whose messages go over TCP, each larger than a frame, and calls over IPv6.

use anyhow::Result;

use super::{held::kept_of, scene::Scene};
use crate::lab::{
    phones,
    scripted::{Scripted, Scripts},
    softphones::{Carrier, Network},
    voice::{Kept, Voice},
};

/// Packets of each voice.
const SPOKEN: usize = 250;
/// Bytes of a header that makes an INVITE larger than two frames.
const LONG: usize = 3_000;

/// By way of the telephone system over TCP on both sides of it.
pub(super) fn over_tcp(scene: &mut Scene<'_>) -> Result<()> {
    let subject = "lab ".repeat(LONG / 4);
    exactly(scene, "4003", (Network::Four, Carrier::Tcp), subject.trim())
}

/// SIP and RTP over IPv6.
pub(super) fn over_six(scene: &mut Scene<'_>) -> Result<()> {
    exactly(scene, "4002", (Network::Six, Carrier::Udp), "lab")
}

/// One scripted call, of which every byte must be there.
fn exactly(
    scene: &mut Scene<'_>,
    extension: &str,
    (network, carrier): (Network, Carrier),
    subject: &str,
) -> Result<()> {
    let (lab, name) = (scene.lab, scene.name);
    let names = [format!("{name}-says"), format!("{name}-answers")];
    let voices = [Voice::new(51, SPOKEN), Voice::new(52, SPOKEN)];
    for (name, voice) in names.iter().zip(&voices) {
        voice.write(&lab.path(&format!("{name}.pcap")))?;
    }
    let scripts = Scripts {
        caller: phones::CALLER,
        callee: phones::CALLEE,
        voices: [&names[0], &names[1]],
        words: &[("TALK", "6000"), ("SUBJECT", subject)],
    };
    Scripted { scene: name, extension, network, carrier, scripts }.make(lab)?;

    let calls = scene.calls_between([("03112341", extension)])?;
    let payloads = scene.payloads(&calls)?;
    let [call] = &calls;
    scene.equal("dialogs", call.count("legs"), 1);
    scene.equal("streams", call.streams.len(), 2);
    scene.equal("ended by", call.text("ended_by"), "caller".to_owned());
    for (leg, voice) in ["caller", "callee"].into_iter().zip(&voices) {
        let of_leg = call.streams.iter().find(|stream| stream.leg == leg && stream.ssrc == voice.ssrc());
        let (src, lost) = of_leg.map_or(("none", 0), |stream| (stream.src.as_str(), stream.lost));
        let is_six = src.starts_with("[fd77::");
        scene.check(
            &format!("the {leg} talks from"),
            src.to_owned(),
            is_six == (network == Network::Six) && src != "none",
        );
        scene.equal(&format!("lost of the {leg}"), lost, 0);
        let kept = kept_of(call, &payloads, voice).unwrap_or(Kept::Foreign(0));
        scene.equal(&format!("the {leg}'s bytes"), kept.to_string(), Kept::Whole.to_string());
    }
    Ok(())
}
