//! SRTP with keys in the signalling (RFC 4568): what was said is what is heard.

use std::{thread::sleep, time::Duration};

use anyhow::Result;

use super::scene::Scene;
use crate::lab::{
    room::Host,
    softphones::{Media, Softphone},
    voice::PACKET,
};

const TALK: Duration = Duration::from_secs(6);
/// Bytes that may be seen in one place alone: packets that cross the BYE, or the answer, are not sent on.
const CROSSING: usize = 2 * PACKET;

/// From phone to phone.
pub(super) fn by_both(scene: &mut Scene<'_>) -> Result<()> {
    talk(scene, "4000", Media::Locked, 2)
}

/// From the caller to the exchange, and plain from there on: each voice is on the mirror in both ways, and heard once.
pub(super) fn by_the_caller(scene: &mut Scene<'_>) -> Result<()> {
    talk(scene, "4400", Media::Plain, 4)
}

fn talk(scene: &mut Scene<'_>, extension: &'static str, media: Media, streams: usize) -> Result<()> {
    let (lab, name) = (scene.lab, scene.name);
    let _desk = Softphone { media, ..Softphone::new(Host::PhonesB, extension, "desk") }.start(lab, name)?;
    let citizen = Softphone { media: Media::Locked, ..Softphone::new(Host::PhonesA, "4100", "citizen") };
    let mut citizen = citizen.start(lab, name)?;
    citizen.dial(extension)?;
    citizen.talks(1)?;
    sleep(TALK);
    citizen.order("/hangup")?;
    citizen.wait("terminated", 1)?;

    let calls = scene.calls_between([("4100", extension)])?;
    let payloads = scene.payloads(&calls)?;
    let [call] = &calls;
    scene.equal("protection", call.text("protection"), "sdes".to_owned());
    scene.is_json("flags", &call.json["flags"], &serde_json::json!(["sdes"]));
    scene.equal("dialogs", call.count("legs"), 1);
    scene.equal("streams", call.streams.len(), streams);
    scene.equal("lost", call.streams.iter().map(|stream| stream.lost).sum::<u64>(), 0);
    scene.about("talk", call.seconds("talk_s"), TALK.as_secs_f64(), 1.0);
    for leg in ["caller", "callee"] {
        let seen: Vec<&[u8]> = payloads
            .iter()
            .filter(|payload| payload.leg == leg)
            .map(|payload| payload.bytes.as_slice())
            .collect();
        let of_leg = call.streams.iter().filter(|stream| stream.leg == leg).count();
        let lengths: Vec<String> = seen.iter().map(|payload| payload.len().to_string()).collect();
        scene.check(
            &format!("the {leg}'s voice is the same wherever it is seen"),
            format!("{} bytes in {of_leg} streams", lengths.join(" and ")),
            seen.len() == of_leg && is_one_voice(&seen),
        );
    }
    scene.is_between(call, "citizen", "desk")?;
    Ok(())
}

/// Whether all of them are one voice: each is a stretch of the longest, and lacks no more of it than what crosses.
fn is_one_voice(payloads: &[&[u8]]) -> bool {
    let Some(longest) = payloads.iter().max_by_key(|payload| payload.len()) else { return false };
    payloads.iter().all(|payload| {
        !payload.is_empty()
            && longest.len() - payload.len() <= CROSSING
            && longest.windows(payload.len()).any(|stretch| stretch == *payload)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_voice_is_byte_for_byte_the_same_but_for_packets_at_its_ends() {
        let said: Vec<u8> = (0..10 * PACKET).map(|at| (at / PACKET * 31 + at % 251) as u8).collect();
        let mut other = said.clone();
        other[700] ^= 1;
        let whole = said.as_slice();
        for same in [whole, &said[..8 * PACKET], &said[PACKET..], &said[PACKET..9 * PACKET]] {
            assert!(is_one_voice(&[whole, same]) && is_one_voice(&[same, whole]), "{}", same.len());
        }
        for foreign in [&other[..], &other[..9 * PACKET], &said[..7 * PACKET], &[]] {
            assert!(!is_one_voice(&[whole, foreign]), "{}", foreign.len());
        }
        assert!(!is_one_voice(&[]) && !is_one_voice(&[&[]]));
    }
}
