//! Phones that follow a script: sipp, one call each, by way of the telephone system.

use std::{process::Command, time::Duration};

use anyhow::{Context, Result};

use super::{
    Lab, phones,
    program::Program,
    room::Host,
    softphones::{self, Carrier, Network},
};

/// From the first message to the end of a scripted call, at most.
const PATIENCE: Duration = Duration::from_secs(40);

/// What both phones of a scripted call do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scripts<'t> {
    /// sipp's scenarios, with words to fill in.
    pub(super) caller: &'t str,
    pub(super) callee: &'t str,
    /// What caller and callee say: captures in the scenario's folder.
    pub(super) voices: [&'t str; 2],
    /// Other words.
    pub(super) words: &'t [(&'t str, &'t str)],
}

/// A scripted call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scripted<'t> {
    /// Names its files.
    pub(super) scene: &'t str,
    /// Who is called, at a phone of [`Host::PhonesB`].
    pub(super) extension: &'t str,
    pub(super) network: Network,
    pub(super) carrier: Carrier,
    pub(super) scripts: Scripts<'t>,
}

impl Scripted<'_> {
    /// Makes the call; an error when a message was not what the scripts expect.
    pub(super) fn make(&self, lab: &Lab) -> Result<()> {
        let port = softphones::port_of(self.extension)?;
        let (caller, callee) = (
            format!("{}-{}-caller", self.scene, self.extension),
            format!("{}-{}-callee", self.scene, self.extension),
        );
        let Scripts { voices: [says, answers], words, .. } = self.scripts;
        for (name, script, voice) in
            [(&caller, self.scripts.caller, says), (&callee, self.scripts.callee, answers)]
        {
            let words = [&[("VOICE", voice)], words].concat();
            phones::write(&lab.path(&format!("{name}.xml")), script, &words)?;
        }
        let mut called = Program::start(&callee, self.sipp(lab, Host::PhonesB, &callee, port), &lab.folder)?;
        called.ready(Duration::from_secs(10), |_| match self.carrier {
            Carrier::Udp => lab.room.listens(Host::PhonesB, port),
            Carrier::Tcp => lab.room.accepts(Host::PhonesB, port),
        })?;
        let mut calling = self.sipp(lab, Host::PhonesA, &caller, port);
        let exchange = match self.network {
            Network::Four => format!("{}:5060", Host::Pbx.address()),
            Network::Six => format!("[{}]:5060", Host::Pbx.address_six()),
        };
        calling.args(["-s", self.extension, &exchange]);
        let mut calling = Program::start(&caller, calling, &lab.folder)?;
        calling.succeed(PATIENCE).context("the caller")?;
        called.succeed(Duration::from_secs(20)).context("the callee")
    }

    fn sipp(&self, lab: &Lab, host: Host, name: &str, port: u16) -> Command {
        let address = match self.network {
            Network::Four => host.address().to_string(),
            Network::Six => host.address_six().to_string(),
        };
        let carrier = match self.carrier {
            Carrier::Udp => "u1",
            Carrier::Tcp => "t1",
        };
        let mut command = host.command("sipp");
        command.current_dir(&lab.folder).args(["-sf", &format!("{name}.xml"), "-nostdin", "-m", "1"]);
        command.args(["-i", &address, "-mi", &address, "-p", &port.to_string(), "-t", carrier]);
        command.args(["-mp", "24000", "-trace_err", "-error_file", &format!("{name}.errors")]);
        command
    }
}
