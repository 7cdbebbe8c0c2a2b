//! `earwitness top`: the recorder and the calls that run, on a full screen.

use std::{
    io::{self, IsTerminal, Stdout},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, sync_channel},
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
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
    instruments::Look,
    seat::{Colour, Screen},
    socket::Line,
    view::{Board, Flow, Palette, draw},
};

/// Calls that are shown at most: the newest.
const MOST_CALLS: u32 = 10_000;
/// How long a key is waited for before it is looked whether there is something new to show.
const ROUND: Duration = Duration::from_millis(100);

/// Show the recorder that runs on the vault, and the calls that run, as they change
#[derive(Debug, Args)]
#[command(
    after_help = "Keys: arrows and PgUp, PgDn move; Enter shows a call's details; / filters; s changes the order; p pauses; F1 helps; q leaves.
Numbers are shown to whoever may list calls: root, the recorder's user, and the group of the vault's directory."
)]
pub(crate) struct Top {
    /// Seconds between two looks
    #[arg(short, long, value_name = "SECONDS", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..))]
    delay: u8,
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
        for signal in [SIGTERM, SIGINT, SIGHUP] {
            signal_hook::flag::register(signal, Arc::clone(&ended))?;
        }
        let mut full = FullScreen::enter()?;
        let mut board = Board::new(Context::now());
        while !ended.load(Ordering::Relaxed) {
            board.handle_time(Context::now());
            while let Ok(look) = looks.try_recv() {
                board.handle_look(look);
            }
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

/// The terminal, in another mode until this is dropped.
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
