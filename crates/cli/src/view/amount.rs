//! Amounts as people read them.

/// `1234567` as `1,234,567`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 call`, `12 calls`: so many of what forms its plural with an s; plain digits, which a script can read.
pub(crate) fn counted(number: u64, what: &str) -> String {
    format!("{number} {}", plural(number, what))
}

/// The same with commas, for a screen.
pub(crate) fn grouped(number: u64, what: &str) -> String {
    format!("{} {}", count(number), plural(number, what))
}

fn plural(number: u64, what: &str) -> String {
    format!("{what}{}", if number == 1 { "" } else { "s" })
}

/// `12.3 GB`: bytes in powers of a thousand, as disks are sold.
pub(crate) fn bytes(number: f64) -> String {
    scaled(number, 1000.0, ["B", "kB", "MB", "GB", "TB", "PB"])
}

/// `64 MiB`: bytes in powers of 1024, as memory is given.
pub(crate) fn memory(number: usize) -> String {
    scaled(number as f64, 1024.0, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"])
}

/// `39 days`, `2 h 5 min`, `12 s`: a time, in its two largest units.
pub(crate) fn time(seconds: f64) -> String {
    let seconds = seconds.max(0.0) as u64;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match () {
        () if days >= 10 => format!("{} days", count(days)),
        () if days > 0 => format!("{days} d {} h", hours % 24),
        () if hours > 0 => format!("{hours} h {} min", minutes % 60),
        () if minutes > 0 => format!("{minutes} min {} s", seconds % 60),
        () => format!("{seconds} s"),
    }
}

fn scaled(number: f64, base: f64, units: [&str; 6]) -> String {
    let mut number = number.max(0.0);
    let mut unit = 0;
    while number >= base && unit + 1 < units.len() {
        (number, unit) = (number / base, unit + 1);
    }
    if unit == 0 || number >= 100.0 {
        format!("{number:.0} {}", units[unit])
    } else {
        format!("{number:.1} {}", units[unit])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_short_and_right() {
        assert_eq!([count(0), count(999), count(1_234_567)], ["0", "999", "1,234,567"]);
        assert_eq!(
            [bytes(0.0), bytes(999.0), bytes(1500.0), bytes(2.5e11)],
            ["0 B", "999 B", "1.5 kB", "250 GB"]
        );
        assert_eq!([memory(64 << 20), memory(1024 << 20)], ["64.0 MiB", "1.0 GiB"]);
        assert_eq!(
            [counted(0, "call"), counted(1, "call"), counted(1_200, "call")],
            ["0 calls", "1 call", "1200 calls"]
        );
        let times = [12.9, 125.0, 7500.0, 100_000.0, 3_400_000.0].map(time);
        assert_eq!(times, ["12 s", "2 min 5 s", "2 h 5 min", "1 d 3 h", "39 days"]);
    }
}
