//! The description as a whole.

use std::net::IpAddr;

use super::{
    Media, MediaDirection, SdpCause, SdpError,
    address::connection_address,
    line::{Line, Lines},
};
use crate::sip::scan::first_word;

/// A session description: what stands before the first `m=` line, and the media behind it.
#[derive(Debug, Clone, Copy)]
pub struct Session<'b> {
    head: &'b [u8],
    media: &'b [u8],
}

/// Who made the description, and which version of it this is (RFC 8866, 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin<'b> {
    /// The user, `-` if it has none.
    pub username: &'b [u8],
    /// The name of the description, digits by the RFC.
    pub id: &'b [u8],
    /// Its version: unchanged, the media are unchanged (RFC 3264, 8).
    pub version: &'b [u8],
    /// The maker's address; `None` for a host name.
    pub address: Option<IpAddr>,
}

impl<'b> Session<'b> {
    /// Reads a description.
    ///
    /// # Errors
    /// When the first line is not `letter=value`, or a `v=` line before the media names another version than 0.
    pub fn parse(body: &'b [u8]) -> Result<Self, SdpError> {
        let first = body.len() - body.trim_ascii_start().len();
        let refuse = |at, cause| SdpError { offset: u32::try_from(at).unwrap_or(u32::MAX), cause };
        if first == body.len() {
            return Err(refuse(0, SdpCause::Empty));
        }
        let Some(_) = Lines::new(body).next().filter(|line| line.at == first) else {
            return Err(refuse(first, SdpCause::NotSdp));
        };
        let media_at = find_media(body).unwrap_or(body.len());
        let (head, media) = body.split_at_checked(media_at).unwrap_or((body, &[]));
        let version = Lines::new(head).find(|line| line.letter == b'v');
        if let Some(Line { at, .. }) = version.filter(|line| line.value != b"0") {
            return Err(refuse(at, SdpCause::BadVersion));
        }
        Ok(Self { head, media })
    }

    /// The address of the session-level `c=` line; `None` without one, or for a host name.
    #[must_use]
    pub fn connection(&self) -> Option<IpAddr> {
        connection_address(self.lines().values(b'c').next()?)
    }

    /// The `o=` line.
    #[must_use]
    pub fn origin(&self) -> Option<Origin<'b>> {
        let (username, rest) = first_word(self.lines().values(b'o').next()?);
        let (id, rest) = first_word(rest);
        let (version, address) = first_word(rest);
        (!version.is_empty()).then(|| Origin { username, id, version, address: connection_address(address) })
    }

    /// The `s=` line; `None` if it is missing or empty.
    #[must_use]
    pub fn name(&self) -> Option<&'b [u8]> {
        self.lines().values(b's').next().filter(|name| !name.is_empty())
    }

    /// Every `m=` section in order, the refused and the unreadable ones too: answers match offers by their order.
    pub fn media(&self) -> impl Iterator<Item = Media<'b>> + use<'b> {
        let Self { head, media } = *self;
        let mut rest = media;
        std::iter::from_fn(move || {
            let value = Lines::new(rest).next().filter(|line| line.letter == b'm')?.value;
            let next = next_media(rest).unwrap_or(rest.len());
            let (section, after) = rest.split_at_checked(next)?;
            rest = after;
            Some(Media::new(Self { head, media }, value, section))
        })
    }

    /// The direction of the session level, for the media that do not say their own.
    pub(crate) fn direction(&self) -> Option<MediaDirection> {
        direction_in(self.lines())
    }

    pub(crate) const fn lines(&self) -> Lines<'b> {
        Lines::new(self.head)
    }
}

pub(crate) fn direction_in(lines: Lines<'_>) -> Option<MediaDirection> {
    lines.attributes().find_map(|(name, _)| MediaDirection::from_name(name))
}

fn find_media(bytes: &[u8]) -> Option<usize> {
    Lines::new(bytes).find(|line| line.letter == b'm').map(|line| line.at)
}

/// The offset of the second `m=` line of `section`.
fn next_media(section: &[u8]) -> Option<usize> {
    Lines::new(section).skip(1).find(|line| line.letter == b'm').map(|line| line.at)
}
