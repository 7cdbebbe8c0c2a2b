//! Personal data is a type: it travels, it compares, it is stored, but it does not print.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A number, name, address or digit of a person. `Debug` and `Display` hide it; [`Pii::expose`] is the one way to read
/// it, and is called where a person with the right to see it is served, never where a log line is written.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pii<T>(T);

impl<T> Pii<T> {
    /// Marks `value` as personal.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself.
    pub const fn expose(&self) -> &T {
        &self.0
    }

    /// The value itself, owned.
    pub fn into_exposed(self) -> T {
        self.0
    }
}

impl<T> fmt::Debug for Pii<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("‹personal›")
    }
}

impl<T> fmt::Display for Pii<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("‹personal›")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_does_not_print() {
        let number = Pii::new("0312221111".to_owned());
        assert_eq!(format!("{number} {number:?}"), "‹personal› ‹personal›");
        assert_eq!(number.expose(), "0312221111");
    }
}
