//! A terminal of the test's own: who runs on it is shown one, and what it was left like can be looked at.
#![allow(dead_code, reason = "each test uses its part")]

use std::{
    fs::File,
    io::{Read, Write},
    process::{Child, Command},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
};

use rustix::{
    fs::{Mode, OFlags},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{InputModes, LocalModes, OutputModes, Winsize, tcgetattr, tcsetwinsize},
};

/// The alternate screen begins (xterm, DECSET 1049).
pub(crate) const ENTERED: &str = "\u{1b}[?1049h";
/// It ends.
pub(crate) const LEFT: &str = "\u{1b}[?1049l";
/// The cursor is shown (DECSET 25).
pub(crate) const CURSOR: &str = "\u{1b}[?25h";

/// How a terminal treats what is typed and printed.
pub(crate) type Modes = (InputModes, OutputModes, LocalModes);

/// A pseudo-terminal of 24 lines of 110 letters.
pub(crate) struct Pty {
    keyboard: File,
    /// Held while programs come and go: what they did to it would be undone when the last one closes it.
    screen: File,
    shown: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Pty {
    pub(crate) fn new() -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let keyboard = openpt(flags).unwrap();
        grantpt(&keyboard).unwrap();
        unlockpt(&keyboard).unwrap();
        let name = ptsname(&keyboard, Vec::new()).unwrap();
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let screen = File::from(rustix::fs::open(name, flags, Mode::empty()).unwrap());
        tcsetwinsize(&screen, Winsize { ws_row: 24, ws_col: 110, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let keyboard = File::from(keyboard);
        let shown = Arc::new(Mutex::new(Vec::new()));
        let (mut from, to) = (keyboard.try_clone().unwrap(), Arc::clone(&shown));
        // A terminal that nobody has open any more is read with an error: then all was shown.
        let reader = thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(read @ 1..) = from.read(&mut piece) {
                to.lock().unwrap().extend_from_slice(&piece[..read]);
            }
        });
        Self { keyboard, screen, shown, reader }
    }

    /// Starts a program on it.
    pub(crate) fn spawn(&self, command: &mut Command) -> Child {
        let screen = || self.screen.try_clone().unwrap();
        command.env("TERM", "xterm-256color").stdin(screen()).stdout(screen()).stderr(screen());
        let child = command.spawn().unwrap();
        // The command has copies of the terminal that would keep it open.
        command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null());
        command.stderr(std::process::Stdio::null());
        child
    }

    pub(crate) fn modes(&self) -> Modes {
        let modes = tcgetattr(&self.screen).unwrap();
        (modes.input_modes, modes.output_modes, modes.local_modes)
    }

    /// Whether keys are given to the program as they are pressed.
    pub(crate) fn is_raw(&self) -> bool {
        !self.modes().2.contains(LocalModes::ICANON)
    }

    pub(crate) fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// What was shown so far.
    pub(crate) fn shown(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().unwrap()).into_owned()
    }

    /// All that was shown, when the programs on it have ended.
    pub(crate) fn finish(self) -> String {
        drop(self.screen);
        self.reader.join().unwrap();
        String::from_utf8_lossy(&self.shown.lock().unwrap()).into_owned()
    }
}
