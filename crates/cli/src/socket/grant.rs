//! What a client lets the recorder have done with its rights: what its own command line names, and nothing else.

use std::path::{Component, Path, PathBuf};

/// Places and devices that a command may use at its seat.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Grant {
    output: Option<PathBuf>,
    player: bool,
}

impl Grant {
    /// Files at this place: itself, or in it when it is a directory.
    pub(crate) fn output(place: &Path) -> Self {
        Self { output: Some(place.to_owned()), player: false }
    }

    /// The system's player.
    pub(crate) const fn player() -> Self {
        Self { output: None, player: true }
    }

    pub(super) const fn has_player(&self) -> bool {
        self.player
    }

    /// Whether a file may be made here.
    pub(super) fn permits(&self, path: &Path) -> bool {
        let Some(output) = &self.output else { return false };
        let Ok(below) = path.strip_prefix(output) else { return false };
        let mut steps = below.components();
        match (steps.next(), steps.next()) {
            (None, _) => true,
            (Some(Component::Normal(_)), None) => true,
            (Some(_), _) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_made_where_the_command_line_says_and_nowhere_else() {
        let check = |output: &str, path: &str, permitted| {
            assert_eq!(
                Grant::output(Path::new(output)).permits(Path::new(path)),
                permitted,
                "{output} {path}"
            );
        };
        for (output, path) in [
            ("out", "out"),
            ("out/", "out/a.wav"),
            ("/x/a.wav", "/x/a.wav"),
            (".", "./a.wav"),
            ("../out", "../out/b"),
        ] {
            check(output, path, true);
        }
        for (output, path) in [
            ("out", "out/../a"),
            ("out", "out/a/b"),
            ("out", "outer"),
            ("out", "/etc/passwd"),
            ("/x/a.wav", "/x/b.wav"),
            ("/x/a.wav", "/x"),
        ] {
            check(output, path, false);
        }
        assert!(!Grant::player().permits(Path::new("a")) && !Grant::default().has_player());
    }
}
