//! What was asked for with `--format`.

use std::str::FromStr;

use earwitness_media::export::ExportFormat;

/// A format, or an evidence bundle, which is several of them and more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// One format.
    Format(ExportFormat),
    /// An evidence bundle.
    Bundle,
}

impl FromStr for Asked {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        if name == "bundle" {
            return Ok(Self::Bundle);
        }
        name.parse().map(Self::Format).map_err(|unknown| format!("{unknown}; an evidence bundle is `bundle`"))
    }
}
