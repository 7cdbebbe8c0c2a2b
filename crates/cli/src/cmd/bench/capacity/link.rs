//! Made-up calls are sent only where nothing else is: on a mirror port they would be recorded as the office's, and on a link of
//! the office they would be traffic.
//!
//! What cannot be found out counts as in use. A mirror port has no routes and no addresses by design, so that it is also
//! listened to.

use std::{
    io,
    path::Path,
    time::{Duration, Instant},
};

use earwitness_capture::{Feed, LiveOptions, LiveSource, Polled, Source};

use crate::exit::{Exit, Failure};

/// For so long others are listened for.
const LISTEN: Duration = Duration::from_secs(1);
/// Room for what comes in that time; one frame is enough.
const RING: usize = 1 << 20;
/// How `/proc/net/if_inet6` writes the scope of a link.
const LINK_SCOPE: &str = "20";

/// Refuses to send on a link that is not the sender's own.
///
/// # Errors
/// When it is in use, or nobody can tell; or it cannot be listened to.
pub(super) fn refuse_one_in_use(send: &str, receive: &str) -> Result<(), Failure> {
    let why = if send == receive {
        Some("it is also named as the one that receives: name both ends of a cable or a pair".to_owned())
    } else {
        match use_of(send, Path::new("/proc/net"), Path::new("/sys/class/net")) {
            Some(why) => Some(why),
            None => hears_others(send)?.then(|| "others are heard on it: it may be a mirror port".to_owned()),
        }
    };
    why.map_or(Ok(()), |why| {
        let what = format_args!("--send {send}: {why}; made-up calls are only sent on a link of their own");
        Err(Failure::new(Exit::Refused, what))
    })
}

/// What a link is used for, by what the system has in `proc` and `sys`.
fn use_of(link: &str, proc: &Path, sys: &Path) -> Option<String> {
    let sought = (|| {
        if has_routes(link, proc)? {
            return Ok(Some("it has routes"));
        }
        if has_addresses(link, proc)? {
            return Ok(Some("it has addresses"));
        }
        Ok(is_part_of_another(link, sys)?.then_some("it is part of another interface, or carries one"))
    })();
    match sought {
        Ok(found) => found.map(str::to_owned),
        Err(cause) => Some(unknown(&cause)),
    }
}

fn unknown(cause: &io::Error) -> String {
    format!("whether it is in use cannot be found out: {cause}")
}

/// Its name is the first word of a line.
fn has_routes(link: &str, proc: &Path) -> io::Result<bool> {
    let routes = std::fs::read_to_string(proc.join("route"))?;
    Ok(routes.lines().skip(1).any(|line| line.split_whitespace().next() == Some(link)))
}

/// Of IPv6, and more than each interface gives itself. A line is address, index, prefix, scope, flags and name.
fn has_addresses(link: &str, proc: &Path) -> io::Result<bool> {
    let addresses = match std::fs::read_to_string(proc.join("if_inet6")) {
        // A system without IPv6 has none.
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(false),
        read => read?,
    };
    Ok(addresses.lines().any(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words.get(5) == Some(&link) && words.get(3) != Some(&LINK_SCOPE)
    }))
}

/// A bridge or bond has it, or it has VLANs or the like.
fn is_part_of_another(link: &str, sys: &Path) -> io::Result<bool> {
    for file in std::fs::read_dir(sys.join(link))? {
        let name = file?.file_name();
        let name = name.to_string_lossy();
        if name == "master" || name.starts_with("upper_") {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether frames for somebody are on a link. Those for all (what every interface says when it comes up) are nobody's.
fn hears_others(link: &str) -> Result<bool, Failure> {
    let options = LiveOptions { ring_bytes: RING, ..LiveOptions::default() };
    let source = LiveSource::open(link, &options).map_err(|cause| Failure::new(Exit::Failed, cause))?;
    let mut feed = Feed::from(source);
    let (began, mut heard) = (Instant::now(), false);
    while !heard && began.elapsed() < LISTEN {
        let polled = feed.poll(&mut |frame| heard |= is_for_somebody(frame.bytes));
        match polled.map_err(|cause| Failure::new(Exit::Failed, cause))? {
            Polled::Idle => Feed::wait(&[&feed], LISTEN.saturating_sub(began.elapsed())),
            Polled::Frames | Polled::End(_) => {}
        }
    }
    Ok(heard)
}

/// Whether an Ethernet frame is for one station: the lowest bit of its destination's first byte is not set (IEEE 802, clause 8).
fn is_for_somebody(frame: &[u8]) -> bool {
    frame.first().is_some_and(|first| first & 1 == 0)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const ROUTES: &str = "Iface\tDestination\tGateway\tFlags\neth0\t00000000\t0101000A\t0003\n";
    const ADDRESSES: &str = "00000000000000000000000000000001 01 80 10 80       lo\n\
                             fe800000000000000000000000000001 03 40 20 80     eth1\n\
                             fe800000000000000000000000000002 04 40 20 80     eth2\n\
                             20010db8000000000000000000000002 04 40 00 80     eth2\n";

    /// A system with `eth0` to `eth4`.
    fn system() -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        for place in ["proc", "sys/eth0", "sys/eth1", "sys/eth2", "sys/eth3/master", "sys/eth4/upper_eth4.7"]
        {
            fs::create_dir_all(home.path().join(place)).unwrap();
        }
        fs::write(home.path().join("proc/route"), ROUTES).unwrap();
        fs::write(home.path().join("proc/if_inet6"), ADDRESSES).unwrap();
        home
    }

    fn told(home: &tempfile::TempDir, link: &str) -> String {
        use_of(link, &home.path().join("proc"), &home.path().join("sys")).unwrap_or_default()
    }

    #[test]
    fn a_link_with_routes_addresses_or_interfaces_above_it_is_in_use() {
        let home = system();
        assert_eq!(told(&home, "eth1"), "", "each interface has a link-local address");
        for (link, why) in [
            ("eth0", "it has routes"),
            ("eth2", "it has addresses"),
            ("eth3", "it is part of another interface, or carries one"),
            ("eth4", "it is part of another interface, or carries one"),
        ] {
            assert_eq!(told(&home, link), why, "{link}");
        }
    }

    #[test]
    fn a_link_of_which_nothing_can_be_found_out_is_in_use() {
        let home = system();
        assert!(told(&home, "eth9").starts_with("whether it is in use cannot be found out: "));
        fs::remove_file(home.path().join("proc/if_inet6")).unwrap();
        assert_eq!(told(&home, "eth1"), "", "there is no IPv6");
        fs::remove_file(home.path().join("proc/route")).unwrap();
        assert!(told(&home, "eth1").starts_with("whether it is in use cannot be found out: "));
    }

    #[test]
    fn a_frame_is_for_somebody_unless_it_is_for_all() {
        for (first, expected) in [(0x02, true), (0x00, true), (0xff, false), (0x33, false), (0x01, false)] {
            assert_eq!(is_for_somebody(&[first, 0, 0, 0, 0, 0]), expected, "{first:x}");
        }
        assert!(!is_for_somebody(&[]));
    }
}
