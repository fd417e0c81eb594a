//! What is under `deploy/` works: `tune-nic` on a veth in a namespace, and against a NIC that is
//! only played, so that every setting and every refusal occurs; the unit as systemd reads it.

mod common;

use common::Row;
use libtest_mimic::Failed;
use seawall::control::lab::{Lab, LabConfig, SERVER_INTERFACE};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};
use std::{env, fs, process};

const TUNE_NIC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/tune-nic");
const UNIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/seawall.service");

const TESTS: &[Row] = &[
    (
        "wrong_arguments_exit_with_2_and_the_usage",
        &["ethtool"],
        wrong_arguments,
    ),
    (
        "a_missing_interface_exits_with_1_and_its_name",
        &["ethtool"],
        missing_interface,
    ),
    (
        "dry_run_changes_nothing",
        &["root", "ethtool", "unshare"],
        dry_run,
    ),
    (
        "tune_then_undo_is_as_before",
        &["root", "ethtool", "unshare"],
        undo,
    ),
    (
        "undo_without_tune_exits_with_1",
        &["root", "ethtool", "unshare"],
        undo_first,
    ),
    (
        "every_setting_of_a_nic_is_restored",
        &["root", "unshare"],
        every_setting,
    ),
    (
        "a_refused_step_is_a_warning_and_the_rest_is_done",
        &["root", "unshare"],
        refused,
    ),
    (
        "shellcheck_finds_nothing_in_tune_nic",
        &["shellcheck"],
        shellcheck,
    ),
    ("systemd_understands_the_unit", &["systemd-analyze"], unit),
];

fn main() -> ExitCode {
    common::run_together(TESTS)
}

fn wrong_arguments() -> Result<(), Failed> {
    let rows: &[&[&str]] = &[
        &[],
        &["a", "b"],
        &["undo", "a", "b"],
        &["--queues"],
        &["--queues", "none", "a"],
        &["--queues", "0", "a"],
        &["--rings", "-1", "a"],
        &["--fast", "a"],
        &["../etc"],
        &[""],
    ];
    for arguments in rows {
        let output = Command::new(TUNE_NIC).args(*arguments).output()?;
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(
            text(&output.stderr).contains("Usage: tune-nic"),
            "{arguments:?}"
        );
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
    Ok(())
}

fn missing_interface() -> Result<(), Failed> {
    let output = Command::new(TUNE_NIC)
        .args(["--dry-run", "nosuch0"])
        .output()?;
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(
        said.contains("nosuch0") && said.lines().count() == 1,
        "{said}"
    );
    Ok(())
}

fn dry_run() -> Result<(), Failed> {
    let bench = Bench::new()?;
    bench.inside("ethtool", &["-K", SERVER_INTERFACE, "gro", "on"])?;
    let before = bench.settings()?;
    let output = bench.tune(&["--dry-run", "--queues", "2", SERVER_INTERFACE])?;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    for command in [
        "ethtool -L sw0 rx 2 tx 2",
        "ethtool -K sw0 gro off",
        "echo '2' > /sys/class/net/sw0/napi_defer_hard_irqs",
        "echo '200000' > /sys/class/net/sw0/gro_flush_timeout",
    ] {
        assert!(
            printed.lines().any(|line| line == command),
            "{command} in {printed}"
        );
    }
    assert_eq!(bench.settings()?, before);
    assert!(!bench.saved().exists());
    Ok(())
}

fn undo() -> Result<(), Failed> {
    let bench = Bench::new()?;
    bench.inside("ethtool", &["-K", SERVER_INTERFACE, "gro", "on"])?;
    let before = bench.settings()?;
    bench.tune_well(&["--queues", "2", SERVER_INTERFACE])?;
    let tuned = bench.settings()?;
    assert_ne!(tuned, before);
    assert!(tuned.contains("generic-receive-offload: off"), "{tuned}");
    // Tuned again, and differently: undo still goes back to the beginning.
    bench.tune_well(&["--queues", "1", SERVER_INTERFACE])?;
    bench.tune_well(&["undo", SERVER_INTERFACE])?;
    assert_eq!(bench.settings()?, before);
    assert!(!bench.saved().exists());
    Ok(())
}

fn undo_first() -> Result<(), Failed> {
    let bench = Bench::new()?;
    let output = bench.tune(&["undo", SERVER_INTERFACE])?;
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("nothing to undo"));
    Ok(())
}

fn every_setting() -> Result<(), Failed> {
    let bench = Bench::new()?;
    bench.play_nic("nothing")?;
    let before = bench.settings()?;
    bench.tune_well(&["--queues", "4", "--rings", "256", SERVER_INTERFACE])?;
    let log = bench.played()?;
    let expected = [
        "-L sw0 combined 4",
        "-G sw0 rx 256 tx 256",
        "-C sw0 adaptive-rx off adaptive-tx off",
        "-C sw0 rx-usecs 8",
        "-C sw0 tx-usecs 8",
        "-K sw0 gro off",
        "-K sw0 lro off",
    ];
    assert_eq!(log, expected);
    bench.tune_well(&["undo", SERVER_INTERFACE])?;
    let undone = [
        "-K sw0 lro on",
        "-K sw0 gro on",
        "-C sw0 tx-usecs 50",
        "-C sw0 rx-usecs 50",
        "-C sw0 adaptive-rx on adaptive-tx on",
        "-G sw0 rx 1024 tx 1024",
        "-L sw0 combined 8",
    ];
    assert_eq!(bench.played()?[expected.len()..], undone);
    assert_eq!(bench.settings()?, before);
    Ok(())
}

fn refused() -> Result<(), Failed> {
    let bench = Bench::new()?;
    bench.play_nic("-G")?;
    let before = bench.settings()?;
    let output = bench.tune(&["--queues", "4", SERVER_INTERFACE])?;
    assert_eq!(output.status.code(), Some(0));
    let said = text(&output.stderr);
    assert!(
        said.contains("warning: ethtool -G sw0 rx 512 tx 512 was refused: netlink error: no"),
        "{said}"
    );
    assert!(bench.played()?.contains(&"-K sw0 gro off".to_owned()));
    bench.tune_well(&["undo", SERVER_INTERFACE])?;
    // What was refused is not undone.
    let rings = bench
        .played()?
        .iter()
        .filter(|line| line.starts_with("-G"))
        .count();
    assert_eq!(rings, 0);
    assert_eq!(bench.settings()?, before);
    Ok(())
}

fn shellcheck() -> Result<(), Failed> {
    succeed(Command::new("shellcheck").arg(TUNE_NIC))
}

fn unit() -> Result<(), Failed> {
    let scratch = Scratch::new()?;
    let unit = scratch.0.join("seawall.service");
    // It looks whether the program is there.
    let text = fs::read_to_string(UNIT)?.replace("/usr/local/bin/seawall", "/bin/true");
    fs::write(&unit, text)?;
    let output = Command::new("systemd-analyze")
        .arg("verify")
        .arg(&unit)
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && !said.contains("seawall.service"),
        "{said}"
    );
    Ok(())
}

/// A veth in a namespace, and a directory for what `tune-nic` saves.
struct Bench {
    lab: Lab,
    scratch: Scratch,
}

impl Bench {
    fn new() -> Result<Self, Failed> {
        let lab = Lab::new(&LabConfig::default().with_queues(4))?;
        let scratch = Scratch::new()?;
        Ok(Self { lab, scratch })
    }

    // Runs a command in the server's namespace, with that namespace's /sys.
    fn inside(&self, command: &str, arguments: &[&str]) -> Result<Output, Failed> {
        let script = "mount -t sysfs sysfs /sys && exec \"$@\"";
        let path = format!("{}:{}", self.scratch.0.display(), env::var("PATH")?);
        let output = self.lab.server().run(|| {
            let mut unshare = Command::new("unshare");
            unshare
                .args(["-m", "sh", "-c", script, "sh", command])
                .args(arguments);
            unshare
                .env("SEAWALL_STATE_DIR", &self.scratch.0)
                .env("PATH", path);
            unshare.output()
        });
        Ok(output?)
    }

    fn tune(&self, arguments: &[&str]) -> Result<Output, Failed> {
        self.inside(TUNE_NIC, arguments)
    }

    fn tune_well(&self, arguments: &[&str]) -> Result<(), Failed> {
        let output = self.tune(arguments)?;
        if output.status.success() {
            return Ok(());
        }
        Err(format!("tune-nic {arguments:?}: {}", text(&output.stderr)).into())
    }

    // All that can be tuned, as text.
    fn settings(&self) -> Result<String, Failed> {
        let show = "for what in -k -l -g -c; do ethtool $what sw0; done 2>&1; \
                    cd /sys/class/net/sw0 && cat napi_defer_hard_irqs gro_flush_timeout";
        let output = self.inside("sh", &["-c", show])?;
        assert!(output.status.success(), "{}", text(&output.stderr));
        Ok(text(&output.stdout))
    }

    fn saved(&self) -> PathBuf {
        self.scratch.0.join("tune-sw0")
    }

    // Puts an `ethtool` in the way that plays a NIC with everything, which refuses `refuses`.
    fn play_nic(&self, refuses: &str) -> Result<(), Failed> {
        let at = self.scratch.0.join("ethtool");
        let directory = self.scratch.0.display().to_string();
        let script = PLAYED_NIC.replace("DIRECTORY", &directory);
        fs::write(&at, script.replace("REFUSES", refuses))?;
        fs::set_permissions(&at, fs::Permissions::from_mode(0o755))?;
        for (name, value) in [
            ("combined", "8"),
            ("rx", "1024"),
            ("tx", "1024"),
            ("rx-usecs", "50"),
            ("tx-usecs", "50"),
            ("adaptive-rx", "on"),
            ("adaptive-tx", "on"),
            ("gro", "on"),
            ("lro", "on"),
        ] {
            fs::write(self.scratch.0.join(name), value)?;
        }
        Ok(())
    }

    // What the played NIC was told, in order.
    fn played(&self) -> Result<Vec<String>, Failed> {
        let log = fs::read_to_string(self.scratch.0.join("log"))?;
        Ok(log.lines().map(str::to_owned).collect())
    }
}

/// `ethtool` for a NIC whose settings are files.
const PLAYED_NIC: &str = r#"#!/bin/sh
cd DIRECTORY || exit 1
what=$1 interface=$2
value() { cat "$1"; }
case $what in
REFUSES) echo "netlink error: no" >&2; exit 1 ;;
-l) printf 'Channel parameters for %s:\nPre-set maximums:\nRX:\t\tn/a\nTX:\t\tn/a\nOther:\t\tn/a\nCombined:\t16\nCurrent hardware settings:\nRX:\t\tn/a\nTX:\t\tn/a\nOther:\t\tn/a\nCombined:\t%s\n' "$interface" "$(value combined)" ;;
-g) printf 'Ring parameters for %s:\nPre-set maximums:\nRX:\t\t4096\nRX Mini:\tn/a\nTX:\t\t4096\nCurrent hardware settings:\nRX:\t\t%s\nRX Mini:\tn/a\nTX:\t\t%s\n' "$interface" "$(value rx)" "$(value tx)" ;;
-c) printf 'Coalesce parameters for %s:\nAdaptive RX: %s  TX: %s\nrx-usecs:\t%s\nrx-frames:\tn/a\ntx-usecs:\t%s\n' "$interface" "$(value adaptive-rx)" "$(value adaptive-tx)" "$(value rx-usecs)" "$(value tx-usecs)" ;;
-k) printf 'Features for %s:\ngeneric-receive-offload: %s\nlarge-receive-offload: %s\n' "$interface" "$(value gro)" "$(value lro)" ;;
-i) printf 'driver: played\nbus-info: \n' ;;
-L | -G | -C | -K)
    echo "$*" >>log
    shift 2
    while [ $# -gt 1 ]; do echo "$2" >"$1"; shift 2; done ;;
*) exit 1 ;;
esac
"#;

/// A directory that goes with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self, Failed> {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        // Relaxed: only that the numbers differ matters.
        let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = env::temp_dir().join(format!("seawall-deploy-{}-{count}", process::id()));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(Path::new(&self.0));
    }
}

fn succeed(command: &mut Command) -> Result<(), Failed> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "{command:?}: {}{}",
        text(&output.stdout),
        text(&output.stderr)
    )
    .into())
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}
