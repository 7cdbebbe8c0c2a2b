//! What frames do not show: the machine's clock and the vault's disk.

use std::{
    fs::{self, OpenOptions},
    io::{
        self,
        ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull},
        Write,
    },
    path::Path,
    process::Command,
    time::Instant,
};

use earwitness_doctor::{ClockState, DiskSpeed, DiskTrial};

use rustix::io::Errno;

use crate::context::Context;

/// What is written to the vault's disk for a trial, and removed again.
const TRIAL_BYTES: usize = 32 << 20;

/// What systemd says of the kernel's `STA_UNSYNC`; unknown where there is no systemd.
pub(super) fn clock_state() -> ClockState {
    let answer = Command::new("timedatectl").args(["show", "--property=NTPSynchronized", "--value"]).output();
    match answer.as_ref().map(|output| output.stdout.trim_ascii()) {
        Ok(b"yes") => ClockState::Synchronised,
        Ok(b"no") => ClockState::Unsynchronised,
        Ok(_) | Err(_) => ClockState::Unknown,
    }
}

/// What becomes of 32 MiB on the vault's disk; `None` without a vault, or where nobody may write into it.
pub(super) fn disk_trial(context: &Context) -> Option<DiskTrial> {
    if !context.vault.is_dir() {
        return None;
    }
    let path = context.vault.join(format!(".doctor-{}", std::process::id()));
    let nanos = trial(&path);
    if let Err(cause) = fs::remove_file(&path)
        && cause.kind() != io::ErrorKind::NotFound
    {
        context.say(format_args!("{} is left over from the trial of the disk: {cause}", path.display()));
    }
    match nanos {
        Ok(nanos) => Some(DiskTrial::Took(DiskSpeed { bytes: TRIAL_BYTES as u64, nanos })),
        Err(cause) if matches!(cause.kind(), StorageFull | QuotaExceeded) => {
            Some(DiskTrial::NoRoom { bytes: TRIAL_BYTES as u64 })
        }
        Err(cause) if is_fault(&cause) => Some(DiskTrial::Failed),
        // Whoever may not write there says nothing of the disk.
        Err(cause) => {
            context.say(format_args!("the vault's disk is not judged: {}: {cause}", path.display()));
            None
        }
    }
}

/// A read-only file system, or a device that does not answer (EIO).
fn is_fault(cause: &io::Error) -> bool {
    cause.kind() == ReadOnlyFilesystem || cause.raw_os_error() == Some(Errno::IO.raw_os_error())
}

/// Nanoseconds until all of it was on the medium.
fn trial(path: &Path) -> io::Result<u64> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    let block = noise(1 << 20);
    let began = Instant::now();
    for _ in 0..TRIAL_BYTES / block.len() {
        file.write_all(&block)?;
    }
    file.sync_data()?;
    Ok(u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX))
}

/// Bytes that no file system compresses (xorshift, Marsaglia 2003).
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let words = std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.take(len / 8).flatten().collect()
}
