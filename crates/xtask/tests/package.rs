//! The package and its service: what can be said of them without installing them.
#![allow(clippy::print_stdout, reason = "a test says what it left out")]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// How exposed a service may be, by systemd's own measure: 10 is naked.
const EXPOSURE: f64 = 2.0;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the checkout exists")
}

fn unit() -> String {
    let path = root().join("crates/xtask/package/earwitness.service");
    fs::read_to_string(path).expect("there is a unit")
}

/// `systemd-analyze` with the unit in a folder of its own; `None`, said loudly, where systemd is not there.
fn analyze(arguments: &[&str], unit: &str) -> Option<Output> {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("earwitness.service");
    fs::write(&path, unit).expect("the unit can be written");
    match Command::new("systemd-analyze").args(arguments).arg(&path).output() {
        Ok(output) => Some(output),
        Err(error) => {
            println!("LEFT OUT: systemd-analyze cannot be started ({error}); the unit is not checked");
            None
        }
    }
}

#[test]
fn systemd_finds_nothing_wrong_with_the_unit() {
    // The program is not installed where the tests run; another that is stands for it.
    let unit = unit().replace("/usr/bin/earwitness", "/bin/true");
    let Some(output) = analyze(&["verify", "--man=no"], &unit) else { return };
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), said.trim()), (Some(0), ""));
}

#[test]
fn a_unit_with_a_mistake_is_found_out() {
    let unit = unit().replace("ProtectSystem=strict", "ProtectSystem=very");
    let Some(output) = analyze(&["verify", "--man=no"], &unit) else { return };
    assert!(String::from_utf8_lossy(&output.stderr).contains("very"), "{output:?}");
}

#[test]
fn the_service_is_hardly_exposed() {
    let Some(output) = analyze(&["security", "--offline=true", "--no-pager"], &unit()) else { return };
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find(|line| line.contains("Overall exposure level")).unwrap_or_else(|| {
        panic!("no exposure in:\n{text}{}", String::from_utf8_lossy(&output.stderr));
    });
    println!("{}", line.trim());
    let figure = line.rsplit(": ").next().and_then(|rest| rest.split(' ').next());
    let exposure: f64 = figure.expect("a figure").parse().expect("a number");
    assert!(exposure <= EXPOSURE, "{line}");
}

#[test]
fn the_service_has_the_one_capability_that_capture_needs_and_no_core_dumps() {
    let unit = unit();
    for line in [
        "Type=notify",
        "User=earwitness",
        "AmbientCapabilities=CAP_NET_RAW",
        "CapabilityBoundingSet=CAP_NET_RAW",
        "NoNewPrivileges=yes",
        "LimitCORE=0",
        "LimitMEMLOCK=infinity",
        "MemorySwapMax=0",
        "ReadWritePaths=/var/lib/earwitness",
    ] {
        assert!(unit.lines().any(|written| written == line), "{line}");
    }
}

#[test]
fn a_purge_never_removes_recordings() {
    let script = fs::read_to_string(root().join("crates/xtask/package/postrm")).expect("there is a postrm");
    let removes: Vec<&str> =
        script.lines().map(str::trim).filter(|line| !line.starts_with('#') && line.contains("rm ")).collect();
    assert_eq!(removes, [""; 0], "only rmdir, which takes nothing that holds something");
    assert!(script.contains("rmdir /var/lib/earwitness"));
}

/// Everything below `folder`, with what it says.
fn contents(package: &Path) -> String {
    let output = Command::new("dpkg-deb").arg("--contents").arg(package).output().expect("dpkg-deb runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn two_runs_make_the_same_package_with_everything_in_it() {
    if Command::new("dpkg-deb").arg("--version").output().is_err() {
        println!("LEFT OUT: there is no dpkg-deb; no package is made");
        return;
    }
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .current_dir(root())
        .args(["build", "--quiet", "--package", "earwitness-cli", "--bin", "earwitness"])
        .status()
        .expect("cargo runs");
    assert!(built.success());
    let program = Path::new(env!("CARGO_BIN_EXE_earwitness-xtask")).with_file_name("earwitness");
    let home = tempfile::tempdir().expect("a folder can be made");
    let make = |out: &str, umask: &str| {
        let xtask = env!("CARGO_BIN_EXE_earwitness-xtask");
        let out = home.path().join(out);
        let line = format!(
            "umask {umask}; exec '{xtask}' dist --debug --program '{}' --out '{}'",
            program.display(),
            out.display()
        );
        let output = Command::new("sh").args(["-c", &line]).output().expect("there is a shell");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut found =
            fs::read_dir(&out).expect("a folder was made").map(|entry| entry.expect("it can be read").path());
        found
            .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
            .expect("a package was made")
    };
    let (first, second) = (make("first", "022"), make("second", "077"));
    assert!(fs::read(&first).expect("a package") == fs::read(&second).expect("a package"), "they differ");
    let list = contents(&first);
    for path in [
        "./usr/bin/earwitness",
        "./usr/bin/earwitness-verify",
        "./usr/share/man/man1/earwitness-verify.1.gz",
        "./lib/systemd/system/earwitness.service",
        "./etc/default/earwitness",
        "./etc/earwitness/earwitness.toml",
        "./etc/earwitness/capture-rules/office.toml.example",
        "./usr/share/man/man1/earwitness.1.gz",
        "./usr/share/man/man1/earwitness-record.1.gz",
        "./usr/share/bash-completion/completions/earwitness",
        "./usr/share/zsh/vendor-completions/_earwitness",
        "./usr/share/fish/vendor_completions.d/earwitness.fish",
        "./usr/share/doc/earwitness/copyright",
        "./usr/share/doc/earwitness/changelog.gz",
    ] {
        assert!(list.lines().any(|line| line.ends_with(path)), "no {path} in\n{list}");
    }
    let in_force = list.lines().filter(|line| line.contains("capture-rules/") && line.ends_with(".toml"));
    assert_eq!(in_force.collect::<Vec<_>>(), [""; 0], "no rule is in force before the office wrote one");
    assert!(list.lines().all(|line| line.contains(" root/root ")), "{list}");
    what_an_office_may_change_is_kept_on_an_upgrade(&first, &list);
    the_verifier_runs_where_there_is_nothing_else(&home.path().join("first/earwitness-verify"));
}

/// One file and a bundle, in a root of their own, without a network: what a court has.
fn the_verifier_runs_where_there_is_nothing_else(verifier: &Path) {
    if let Ok(output) = Command::new("file").arg(verifier).output() {
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.contains("statically linked"), "{said}");
    }
    let root_of_its_own = tempfile::tempdir().expect("a folder can be made");
    let here = |name: &str| root_of_its_own.path().join(name);
    fs::copy(verifier, here("earwitness-verify")).expect("it can be copied");
    for name in ["copy.zip", "recorder.pub"] {
        fs::copy(root().join("fixtures/bundle/v1").join(name), here(name)).expect("it can be copied");
    }
    let run = |words: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--net", "chroot"]).arg(root_of_its_own.path());
        command.arg("/earwitness-verify").args(words).output()
    };
    let Ok(output) = run(&["/copy.zip", "--key", "/recorder.pub"]) else {
        println!("LEFT OUT: there is no unshare");
        return;
    };
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.ends_with("whole and unaltered\n") && !said.contains('✘'), "{said}");
    let mut bytes = fs::read(here("copy.zip")).expect("it is there");
    bytes[9_000] ^= 1;
    fs::write(here("copy.zip"), bytes).expect("it can be written");
    let output = run(&["/copy.zip", "--key", "/recorder.pub"]).expect("it ran before");
    assert_eq!(output.status.code(), Some(5), "{output:?}");
}

/// Debian policy, 10.7.2: everything below `/etc` is a conffile, and nothing else is.
fn what_an_office_may_change_is_kept_on_an_upgrade(package: &Path, list: &str) {
    let output = Command::new("dpkg-deb").arg("--info").arg(package).arg("conffiles").output();
    let output = output.expect("dpkg-deb runs");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout);
    let mut conffiles: Vec<&str> = text.lines().collect();
    let mut in_etc: Vec<&str> = list
        .lines()
        .filter(|line| !line.ends_with('/'))
        .filter_map(|line| line.split_once(" .").map(|(_, path)| path))
        .filter(|path| path.starts_with("/etc/"))
        .collect();
    conffiles.sort_unstable();
    in_etc.sort_unstable();
    assert_eq!(conffiles, in_etc);
    assert!(conffiles.contains(&"/etc/earwitness/earwitness.toml"), "{conffiles:?}");
}

#[test]
fn the_configuration_that_is_installed_changes_nothing() {
    let text = fs::read_to_string(root().join("crates/xtask/package/earwitness.toml")).expect("there is one");
    let in_force: Vec<&str> =
        text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert_eq!(in_force, [""; 0]);
}
