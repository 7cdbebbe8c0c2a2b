//! How fast a capture is walked: `cargo run --release -p earwitness-capture --example walk -- FILE…`.
#![expect(clippy::print_stdout, reason = "an example speaks to the terminal")]

use std::{error::Error, path::Path, time::Instant};

use earwitness_capture::{FileSource, Polled, Source};

fn main() -> Result<(), Box<dyn Error>> {
    for path in std::env::args().skip(1) {
        let begun = Instant::now();
        let mut source = FileSource::open(Path::new(&path))?;
        let (mut frames, mut bytes) = (0_u64, 0_u64);
        let end = loop {
            let polled = source.poll(&mut |frame| {
                frames += 1;
                bytes += frame.bytes.len() as u64;
            })?;
            if let Polled::End(end) = polled {
                break end;
            }
        };
        let nanos = begun.elapsed().as_nanos() as f64;
        println!(
            "{path}: {frames} frames, {bytes} bytes, {:.1} ns per frame, {end:?}",
            nanos / frames as f64
        );
    }
    Ok(())
}
