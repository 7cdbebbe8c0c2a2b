//! An exchange that sends on what it hears in another encoding and in larger packets: the voice is on the mirror in both ways,
//! and heard once.

use std::{thread::sleep, time::Duration};

use anyhow::Result;

use super::scene::Scene;
use crate::lab::{
    room::Host,
    softphones::{Encoding, Softphone},
};

const TALK: Duration = Duration::from_secs(6);

pub(super) fn run(scene: &mut Scene<'_>) -> Result<()> {
    let (lab, name) = (scene.lab, scene.name);
    let desk = Softphone { encoding: Encoding::Pcmu, ..Softphone::new(Host::PhonesB, "4500", "desk") };
    let _desk = desk.start(lab, name)?;
    let mut citizen = Softphone::new(Host::PhonesA, "4100", "citizen").start(lab, name)?;
    citizen.dial("4500")?;
    citizen.talks(1)?;
    sleep(TALK);
    citizen.order("/hangup")?;
    citizen.wait("terminated", 1)?;

    let [call] = scene.calls_between([("4100", "4500")])?;
    scene.equal("dialogs", call.count("legs"), 1);
    let mut codecs: Vec<String> =
        call.streams.iter().map(|stream| format!("{} {}", stream.leg, stream.codec)).collect();
    codecs.sort();
    scene.equal(
        "streams",
        codecs.join(", "),
        "callee PCMA, callee PCMU, caller PCMA, caller PCMU".to_owned(),
    );
    let lengths: Vec<String> = call.streams.iter().map(|stream| stream.packets.to_string()).collect();
    scene.figure("packets", lengths.join(", "));
    scene.about("talk", call.seconds("talk_s"), TALK.as_secs_f64(), 1.0);
    let heard = scene.is_between(&call, "citizen", "desk")?;
    scene.about("length", Some(heard.left.len() as f64 / 8_000.0), TALK.as_secs_f64(), 1.0);
    Ok(())
}
