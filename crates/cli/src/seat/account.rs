//! Who runs a command: the account that the ledger names.

use std::{fmt, io::Read};

/// More of the list of accounts is not read.
const MAX_ACCOUNTS: u64 = 1 << 20;

/// A user of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    uid: u32,
    /// As `/etc/passwd` has it; accounts of a directory service have none there.
    name: Option<String>,
}

impl Account {
    /// The account of this uid.
    pub(crate) fn of(uid: u32) -> Self {
        let mut accounts = String::new();
        let read = std::fs::File::open("/etc/passwd")
            .and_then(|file| file.take(MAX_ACCOUNTS).read_to_string(&mut accounts));
        // Without a name the uid still names the account.
        let name = read.ok().and_then(|_read| name_in(&accounts, uid));
        Self { uid, name }
    }

    /// The account of this process.
    pub(super) fn own() -> Self {
        Self::of(rustix::process::getuid().as_raw())
    }
}

/// `uid 1000 (kim)`.
impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "uid {} ({name})", self.uid),
            None => write!(f, "uid {}", self.uid),
        }
    }
}

/// The name of `uid` in the text of `/etc/passwd` (passwd(5)), when it is one that cannot be taken for something else.
fn name_in(accounts: &str, uid: u32) -> Option<String> {
    let is_plain = |name: &str| {
        !name.is_empty() && name.chars().all(|letter| letter.is_alphanumeric() || "._-$@".contains(letter))
    };
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _password, of) = (fields.next()?, fields.next()?, fields.next()?);
        (of.parse() == Ok(uid) && is_plain(name)).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_the_name_that_the_machine_gives_it() {
        let accounts = "root:x:0:0:::\nbroken\nkim:x:1000:1000:::\n(x) y:x:7:7:::\n";
        for (uid, shown) in [(0, "uid 0 (root)"), (1000, "uid 1000 (kim)"), (7, "uid 7"), (12, "uid 12")] {
            assert_eq!(Account { uid, name: name_in(accounts, uid) }.to_string(), shown);
        }
    }
}
