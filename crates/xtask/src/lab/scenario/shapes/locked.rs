//! SRTP with keys in the signalling (RFC 4568): what was said is what is heard.

use std::{thread::sleep, time::Duration};

use anyhow::Result;

use super::scene::Scene;
use crate::lab::{
    room::Host,
    softphones::{Media, Softphone},
};

const TALK: Duration = Duration::from_secs(6);

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

    let [call] = scene.calls_between([("4100", extension)])?;
    scene.equal("protection", call.text("protection"), "sdes".to_owned());
    scene.is_json("flags", &call.json["flags"], &serde_json::json!(["sdes"]));
    scene.equal("dialogs", call.count("legs"), 1);
    scene.equal("streams", call.streams.len(), streams);
    scene.equal("lost", call.streams.iter().map(|stream| stream.lost).sum::<u64>(), 0);
    scene.about("talk", call.seconds("talk_s"), TALK.as_secs_f64(), 1.0);
    for leg in ["caller", "callee"] {
        let of_leg: Vec<_> = call.streams.iter().filter(|stream| stream.leg == leg).collect();
        let mut hashes: Vec<(u64, &str)> =
            of_leg.iter().map(|stream| (stream.packets, stream.blake3.as_str())).collect();
        hashes.sort_unstable();
        hashes.dedup();
        let (least, most) = (hashes.first().map_or(0, |one| one.0), hashes.last().map_or(0, |one| one.0));
        // A packet that crosses the BYE is not sent on; where there are as many, they are the same.
        scene.check(
            &format!("the {leg}'s voice is the same wherever it is seen"),
            format!("{} hashes of {least} to {most} packets", hashes.len()),
            hashes.len() == 1 || (least < most && most - least <= 2),
        );
    }
    scene.is_between(&call, "citizen", "desk")?;
    Ok(())
}
