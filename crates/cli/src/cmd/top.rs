//! `earwitness top`: the recorder and the calls that run, on a full screen.

use std::{
    io::{self, IsTerminal, Stdout},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, TryRecvError, sync_channel},
    },
    thread,
    time::Duration,
};

use clap::Args;
use ratatui::{
    Terminal,
    backend::CrosstermBackend,
    crossterm::{
        cursor::Show,
        event::{self, Event},
        execute,
        terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode},
    },
};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};

use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
    instruments::Look,
    seat::{Colour, Screen},
    socket::Line,
    view::{Board, Flow, MOS_HELP, Palette, draw},
};

const KEYS: &str = "\
Keys: arrows and PgUp, PgDn move; Enter shows a call's details; / filters; s changes the order; p pauses; F1 helps; q leaves.
Numbers are shown to whoever may list calls: root, the recorder's user, and the group of the vault's directory.";
/// Calls that are shown at most: the newest.
const MOST_CALLS: u32 = 10_000;
/// How long a key is waited for before it is looked whether there is something new to show.
const ROUND: Duration = Duration::from_millis(100);

/// Show the recorder that runs on the vault, and the calls that run, as they change
#[derive(Debug, Args)]
#[command(after_help = after_help())]
pub(crate) struct Top {
    /// Seconds between two looks
    #[arg(short, long, value_name = "SECONDS", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..))]
    delay: u8,
}

fn after_help() -> String {
    format!("{KEYS}\n\n{MOS_HELP}")
}

impl Top {
    pub(crate) fn run(&self, context: &Context) -> Outcome {
        if !context.screen().is_for_people() || !io::stdin().is_terminal() {
            let what = "this needs a terminal: `earwitness status` tells how a recorder is without one";
            return Err(Failure::new(Exit::Usage, what));
        }
        let colour = match context.screen() {
            Screen::Terminal { colour, .. } => colour,
            Screen::Pipe => Colour::Plain,
        };
        let line = Line::to(context.vault.clone());
        // Whoever may not look, or has nothing to look at, is told so where it stays.
        look(&line)?;
        let looks = looking(line, Duration::from_secs(self.delay.into()))?;
        let ended = Arc::new(AtomicBool::new(false));
        for signal in [SIGTERM, SIGINT, SIGQUIT, SIGHUP] {
            signal_hook::flag::register(signal, Arc::clone(&ended))?;
        }
        let mut full = FullScreen::enter()?;
        let mut board = Board::new(Context::now());
        while !ended.load(Ordering::Relaxed) {
            board.handle_time(Context::now());
            handle_looks(&mut board, &looks)?;
            full.0.draw(|frame| draw(&mut board, Palette(colour), frame))?;
            if event::poll(ROUND)?
                && let Event::Key(key) = event::read()?
                && board.handle_key(key) == Flow::Leave
            {
                break;
            }
        }
        Ok(Exit::Done)
    }
}

/// What has come since.
///
/// # Errors
/// When nothing will come any more, because the thread that looks fell: its panic was told, and the terminal given back.
fn handle_looks(board: &mut Board, looks: &Receiver<Result<Look, String>>) -> Result<(), Failure> {
    loop {
        match looks.try_recv() {
            Ok(look) => board.handle_look(look),
            Err(TryRecvError::Empty) => return Ok(()),
            Err(TryRecvError::Disconnected) => {
                return Err(Failure::new(Exit::Failed, "nobody looks at the recorder any more"));
            }
        }
    }
}

fn look(line: &Line) -> Result<Look, Failure> {
    serde_json::from_slice(&line.look(MOST_CALLS)?)
        .map_err(|_other| Failure::new(Exit::Failed, "the recorder is of another version: restart it"))
}

/// Looks again and again, in a thread that ends with the program: a recorder that hangs does not hold the keys up.
fn looking(line: Line, delay: Duration) -> Result<Receiver<Result<Look, String>>, Failure> {
    let (seen, looks) = sync_channel(1);
    let look_on = move || {
        while seen.send(look(&line).map_err(|failure| failure.to_string())).is_ok() {
            thread::sleep(delay);
        }
    };
    thread::Builder::new().name("looking".into()).spawn(look_on)?;
    Ok(looks)
}

/// The terminal, in another mode until this is dropped, a panic is told, or a signal ends the program in order.
struct FullScreen(Terminal<CrosstermBackend<Stdout>>);

impl FullScreen {
    fn enter() -> Result<Self, Failure> {
        // A panic is told on a terminal that can show it.
        let told = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            restore();
            told(panic);
        }));
        enable_raw_mode()?;
        let entered = execute!(io::stdout(), EnterAlternateScreen)
            .and_then(|()| Terminal::new(CrosstermBackend::new(io::stdout())));
        match entered {
            Ok(terminal) => Ok(Self(terminal)),
            Err(cause) => {
                restore();
                Err(cause.into())
            }
        }
    }
}

impl Drop for FullScreen {
    fn drop(&mut self) {
        restore();
    }
}

/// Gives the terminal back as it was. One that is gone needs nothing.
fn restore() {
    disable_raw_mode().unwrap_or_default();
    execute!(io::stdout(), LeaveAlternateScreen, Show).unwrap_or_default();
}

#[cfg(test)]
#[path = "../../tests/support/pty.rs"]
mod pty;

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::{pty::Pty, *};

    /// What the test below runs, in a process and on a terminal of its own.
    #[test]
    #[ignore = "it panics, in a terminal that another test makes"]
    fn a_panic_on_a_full_screen() {
        let _full = FullScreen::enter().unwrap();
        panic!("on a full screen");
    }

    #[test]
    fn a_panic_is_told_on_a_terminal_that_is_as_it_was_before() {
        let pty = Pty::new();
        let before = pty.modes();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "cmd::top::tests::a_panic_on_a_full_screen", "--ignored", "--nocapture"]);
        let mut child = pty.spawn(&mut command);
        assert_eq!(child.wait().unwrap().code(), Some(101));
        assert_eq!(pty.modes(), before);
        let said = pty.finish();
        let entered = said.find(pty::ENTERED).unwrap();
        let left = said.find(pty::LEFT).unwrap();
        let told = said.find("on a full screen").unwrap();
        assert!(entered < left && left < told, "{said:?}");
        assert!(said.contains(pty::CURSOR), "{said:?}");
    }

    #[test]
    fn top_ends_when_nobody_looks_any_more() {
        let (seen, looks) = sync_channel(1);
        let mut board = Board::new(Context::now());
        assert!(handle_looks(&mut board, &looks).is_ok());
        drop(seen);
        assert_eq!(handle_looks(&mut board, &looks).map_err(|failure| failure.exit), Err(Exit::Failed));
    }
}
