//! The system's player, where there is one.

use std::{
    io::{self, BufWriter, Write},
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
};

use super::Sink;
use crate::exit::{Exit, Failure};

/// A player that takes a WAV on its standard input.
struct Player {
    name: &'static str,
    arguments: &'static [&'static str],
}

/// In the order in which they are tried.
const PLAYERS: [Player; 3] = [
    Player { name: "aplay", arguments: &["-q", "-"] },
    Player { name: "ffplay", arguments: &["-nodisp", "-autoexit", "-loglevel", "error", "-i", "-"] },
    Player { name: "play", arguments: &["-q", "-t", "wav", "-"] },
];

/// The players that are looked for.
pub(crate) fn player_names() -> String {
    PLAYERS.map(|player| player.name).join(", ")
}

/// Whether one is installed.
pub(super) fn is_there() -> bool {
    find().is_some()
}

fn find() -> Option<(&'static Player, PathBuf)> {
    let path = std::env::var_os("PATH")?;
    let find = |player: &'static Player| {
        let mut places = std::env::split_paths(&path).map(|dir| dir.join(player.name));
        places.find(|place| place.is_file()).map(|place| (player, place))
    };
    PLAYERS.iter().find_map(find)
}

/// A player that plays.
pub(super) struct Playing {
    name: &'static str,
    child: Child,
    /// Taken when everything was said.
    stdin: Option<BufWriter<ChildStdin>>,
}

impl Playing {
    pub(super) fn start() -> Result<Self, Failure> {
        let none = || Failure::new(Exit::Failed, format_args!("none of {} is installed", player_names()));
        let (player, program) = find().ok_or_else(none)?;
        let mut child = Command::new(program).args(player.arguments).stdin(Stdio::piped()).spawn()?;
        let stdin = child.stdin.take().map(BufWriter::new);
        Ok(Self { name: player.name, child, stdin })
    }
}

impl Write for Playing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.stdin {
            Some(stdin) => stdin.write(bytes),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stdin.as_mut().map_or(Ok(()), BufWriter::flush)
    }
}

impl Sink for Playing {
    fn finish(mut self: Box<Self>) -> Result<(), Failure> {
        let flushed = self.flush();
        self.stdin = None;
        let status = self.child.wait()?;
        // Whoever stops the player has heard enough: that its pipe is closed is no news.
        if !status.success() {
            return Err(Failure::new(Exit::Failed, format_args!("{} ended with {status}", self.name)));
        }
        Ok(flushed?)
    }
}

impl Drop for Playing {
    fn drop(&mut self) {
        self.stdin = None;
        // It ends by itself now that nothing more comes; how does not matter to anybody.
        drop(self.child.wait());
    }
}
