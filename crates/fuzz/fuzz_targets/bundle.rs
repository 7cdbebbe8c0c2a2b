//! A bundle of any bytes: what is read is, written again, the same bytes; a file of a whole bundle that is replaced by
//! anything else is noticed; and nothing panics.
#![no_main]

use std::sync::LazyLock;

use earwitness_evidence::{Container, Keys, Lock, Named, pack, unpack, verify};

/// A bundle of the first version: whole.
static WHOLE: LazyLock<(Container, Vec<Named>)> = LazyLock::new(|| {
    let zip = include_bytes!("../../../fixtures/bundle/v1/copy.zip");
    unpack(zip, &Keys::default()).expect("it is kept as it was made")
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok((Container::Zip(stamp), files)) = unpack(bytes, &Keys::default()) {
        assert_eq!(pack(&files, stamp, (&Lock::None, || [0; 16])), bytes);
        // What is consistent in itself is the whole bundle, for nobody else has a key.
        let (_, whole) = &*WHOLE;
        assert_eq!(verify(&(Container::Zip(stamp), files.clone()), None).is_whole(), files == *whole);
    }
    let Some((which, content)) = bytes.split_first() else { return };
    let (_, mut files) = WHOLE.clone();
    let place = usize::from(*which) % files.len();
    let is_same = files[place].1 == content;
    files[place].1 = content.to_vec();
    assert_eq!(verify(&(Container::Folder, files), None).is_whole(), is_same);
});
