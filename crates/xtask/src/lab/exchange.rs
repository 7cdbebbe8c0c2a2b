//! The telephone system: kamailio for SIP, rtpengine for media, both in user space.

use std::time::Duration;

use anyhow::{Context, Result};

use super::{Lab, phones, program::Program, room::Host};
use crate::process;

const ANCHORED: &str = include_str!("templates/kamailio.cfg");
const SHAPES: &str = include_str!("templates/shapes.cfg");

/// What the telephone system does with calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plan {
    /// All go to one phone each, and their media through the exchange.
    Anchored,
    /// What becomes of one, its number says: `templates/shapes.cfg`.
    ByNumber,
}

/// A telephone system at work.
#[derive(Debug)]
pub(super) struct Exchange {
    _kamailio: Program,
    _rtpengine: Program,
}

impl Exchange {
    /// Starts both and waits until they listen.
    pub(super) fn start(lab: &Lab, plan: Plan) -> Result<Self> {
        let pbx = Host::Pbx.address().to_string();
        let mut rtpengine = Host::Pbx.command("rtpengine");
        rtpengine.args(["--config-file=none", "--table=-1", "--listen-ng=127.0.0.1:2223", "--tos=0"]);
        rtpengine.args([
            "--port-min=30000",
            "--port-max=60000",
            "--foreground",
            "--log-stderr",
            "--log-level=4",
        ]);
        rtpengine.args(["--num-threads=2", "--pidfile=/dev/null", &format!("--interface={pbx}")]);
        let mut rtpengine = Program::start("rtpengine", rtpengine, &lab.folder)?;
        rtpengine.ready(Duration::from_secs(10), |_| lab.room.listens(Host::Pbx, 2_223))?;

        let file = lab.path("kamailio.cfg");
        let template = match plan {
            Plan::Anchored => ANCHORED,
            Plan::ByNumber => SHAPES,
        };
        let [a, b, c] = [Host::PhonesA, Host::PhonesB, Host::PhonesC].map(|host| host.address().to_string());
        let [six_b, six] = [Host::PhonesB, Host::Pbx].map(|host| host.address_six().to_string());
        let (modules, folder) = (modules()?, lab.folder.display().to_string());
        let words = [
            ("PBX", pbx.as_str()),
            ("PHONES", &b),
            ("A", &a),
            ("C", &c),
            ("SIX", &six),
            ("SIX-PHONES", &six_b),
            ("MODULES", &modules),
            ("FOLDER", &folder),
        ];
        phones::write(&file, template, &words)?;
        let mut kamailio = Host::Pbx.command("kamailio");
        kamailio.args(["-DD", "-E", "-m", "64", "-M", "8", "-f"]).arg(&file).arg("-Y").arg(&lab.folder);
        let mut kamailio = Program::start("kamailio", kamailio, &lab.folder)?;
        kamailio.ready(Duration::from_secs(10), |_| lab.room.listens(Host::Pbx, 5_060))?;
        Ok(Self { _kamailio: kamailio, _rtpengine: rtpengine })
    }
}

/// Where the package put kamailio's modules.
fn modules() -> Result<String> {
    let found =
        process::output(std::process::Command::new("sh").args(["-c", "echo /usr/lib/*/kamailio/modules/"]))?;
    found.split_whitespace().next().map(str::to_owned).context("kamailio has no modules")
}
