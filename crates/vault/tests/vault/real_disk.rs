//! A small real file system that is really full. Needs root, to mount it.

use std::{
    collections::BTreeMap,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::Command,
};

use earwitness_model::{CallSummary, Pii, Segment};
use earwitness_vault::{CipherSuite, NotTaken, Vault, VaultError};

use crate::support::{NOW, Office, begin, call_id, check_whole, entry, media, record, summary};

/// A tmpfs of 64 MiB with an office on it.
struct SmallDisk {
    office: Option<Office>,
    root: PathBuf,
}

impl SmallDisk {
    /// `None`, and said so, where it cannot be mounted.
    #[expect(clippy::print_stderr, reason = "who runs the tests is told what was left out")]
    fn mount() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().to_owned();
        let mount = ["-t", "tmpfs", "-o", "size=64m,mode=0700", "small"];
        let mounted = Command::new("mount").args(mount).arg(&root).output();
        if !mounted.is_ok_and(|output| output.status.success()) {
            eprintln!("LEFT OUT: a file system cannot be mounted here; run this test as root");
            return None;
        }
        Some(Self { office: Some(Office::on(dir, CipherSuite::Aes256Gcm)), root })
    }

    fn office(&self) -> &Office {
        self.office.as_ref().unwrap()
    }

    fn filler(&self) -> PathBuf {
        self.root.join("filler")
    }

    /// Somebody else fills the disk until so many bytes are free.
    fn fill_to(&self, free: u64) {
        let _absent = std::fs::remove_file(self.filler());
        let found = rustix::fs::statvfs(&self.root).unwrap();
        let mut left = (found.f_bavail * found.f_frsize).saturating_sub(free);
        let file = std::fs::File::create(self.filler()).unwrap();
        let (page, mut at) = (vec![1; 1 << 16], 0);
        while left > 0 {
            let bytes = left.min(page.len() as u64);
            file.write_all_at(&page[..bytes as usize], at).unwrap();
            (left, at) = (left - bytes, at + bytes);
        }
    }

    fn clear(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("-l").arg(&self.root).status();
        assert!(unmounted.is_ok_and(|status| status.success()) || std::thread::panicking());
        drop(self.office.take());
    }
}

fn large_segment(n: u32, from: u32) -> Segment {
    media(n, from..from + 400)
}

fn is_mounted(root: &Path) -> bool {
    std::fs::read_to_string("/proc/mounts").unwrap().contains(root.to_str().unwrap())
}

#[test]
fn on_a_small_disk_recording_stops_before_the_reserve_and_goes_on_when_there_is_room() {
    let Some(disk) = SmallDisk::mount() else { return };
    assert!(is_mounted(&disk.root));
    let vault = disk.office().open();
    let (sealer, mut writer) = vault.writer().unwrap();
    let mut recording = begin(&sealer, &mut writer, 1).unwrap();
    disk.fill_to(20 << 20);
    let mut sealed = 0;
    let (back, free) = loop {
        let block = recording.seal(large_segment(1, sealed * 400));
        sealed += 1;
        match writer.append(block) {
            Ok(()) => {}
            Err(NotTaken::ForNow { block, why: VaultError::NoRoom { free, .. } }) => break (block, free),
            Err(other) => panic!("{other}"),
        }
        if sealed % 7 == 0 {
            writer.commit(NOW).unwrap();
        }
    };
    assert!(sealed > 40 && free < 10 << 20, "{sealed} segments, {free} bytes free");
    writer.commit(NOW).unwrap();
    assert!(vault.space().unwrap().free > 7 << 20, "{:?}", vault.space());
    disk.clear();
    writer.append(*back).unwrap();
    writer.append(recording.finish(summary(1))).unwrap();
    record(&sealer, &mut writer, 2).unwrap();
    writer.close(NOW).unwrap();
    let opener = disk.office().opener(&vault);
    let entry = entry(&vault, 1);
    assert_eq!(vault.verify(&entry, Some(&opener)), []);
    assert_eq!(opener.segments(&entry).unwrap().map(Result::unwrap).count(), sealed as usize);
    check_whole(&vault, &opener, 2);
    assert_eq!(vault.check_index(), []);
    drop((vault, opener, sealer));
    assert!(disk.office().open().recovery().is_clean());
}

/// A call that nobody keeps, of which much is known.
fn long_story(n: u32) -> CallSummary {
    let mut story = summary(n);
    story.facts.from.display = Some(Pii::new("x".repeat(30 << 10)));
    story
}

#[test]
fn a_disk_that_somebody_fills_to_the_last_byte_stops_the_commit_and_loses_nothing() {
    let Some(disk) = SmallDisk::mount() else { return };
    let vault = disk.office().open();
    let (sealer, mut writer) = vault.writer().unwrap();
    let (mut doing, mut last) = (BTreeMap::<String, u32>::new(), 0);
    for free in (0..=30).map(|step: u64| step * (190 << 10)) {
        last += 10;
        record(&sealer, &mut writer, last).unwrap();
        (last + 1..last + 10).for_each(|n| writer.exclude(&long_story(n)));
        disk.fill_to(free);
        let mut listed = Vec::new();
        for try_again in 0..3 {
            if try_again == 2 {
                disk.clear();
            }
            match writer.commit(NOW) {
                Ok(committed) => listed.extend(committed.calls),
                Err(error) => {
                    assert!(try_again < 2 && error.is_full() && !error.must_reopen(), "{free} free: {error}");
                    let what =
                        error.to_string().split(':').next().unwrap().replace(disk.root.to_str().unwrap(), "");
                    *doing.entry(what).or_default() += 1;
                }
            }
        }
        assert_eq!(listed, (last..last + 10).map(call_id).collect::<Vec<_>>(), "{free} bytes free");
    }
    assert!(doing.len() > 2, "{doing:?}");
    writer.close(NOW).unwrap();
    let opener = disk.office().opener(&vault);
    (10..=last).step_by(10).for_each(|n| check_whole(&vault, &opener, n));
    assert_eq!(vault.check_index(), []);
    assert_eq!(vault.index().len(), u64::from(last));
    let told = vault.ledger().rows().map(Result::unwrap).count();
    assert_eq!(told, last as usize, "each is told of once");
}

#[test]
fn on_a_full_disk_calls_are_found_by_sip_call_ids_that_could_not_be_written() {
    let Some(disk) = SmallDisk::mount() else { return };
    let vault = disk.office().open();
    let (sealer, mut writer) = vault.writer().unwrap();
    for n in 1..=5 {
        writer.exclude(&summary(n));
        writer.commit(NOW).unwrap();
    }
    let found = |vault: &Vault| {
        for n in 1..=5 {
            let name = format!("dialog-{n}@pc33");
            assert_eq!(vault.index().by_sip_call_id(&name).unwrap(), [call_id(n)], "{n}");
        }
        assert_eq!(vault.check_index(), []);
    };
    // Less than what is asked for before anything is written; enough for what a vault writes when it is opened.
    disk.fill_to(3 << 20);
    found(&vault);
    drop((sealer, writer, vault));
    let vault = disk.office().open();
    assert!(vault.recovery().is_clean());
    found(&vault);
    disk.clear();
    drop(vault);
    found(&disk.office().open());
}
