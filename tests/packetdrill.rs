//! RFC 9293 and its companions as dialogues: each script below `tests/packetdrill` says which
//! section it shows, and is a trial of its own. They run as `--example packetdrill -- --exact
//! --strict` runs them: in this process, in memory, in simulated time.

#![expect(
    dead_code,
    unused_imports,
    reason = "the runner's own tests are run with the example"
)]

#[path = "../examples/packetdrill/code.rs"]
mod code;
#[path = "../examples/packetdrill/cursor.rs"]
mod cursor;
#[path = "../examples/packetdrill/define.rs"]
mod define;
#[path = "../examples/packetdrill/files.rs"]
mod files;
#[path = "../examples/packetdrill/flow/mod.rs"]
mod flow;
#[path = "../examples/packetdrill/frame.rs"]
mod frame;
#[path = "../examples/packetdrill/icmp.rs"]
mod icmp;
#[path = "../examples/packetdrill/parse/mod.rs"]
mod parse;
#[path = "../examples/packetdrill/print.rs"]
mod print;
#[path = "../examples/packetdrill/run/mod.rs"]
mod run;
#[path = "../examples/packetdrill/script.rs"]
mod script;

use flow::Rules;
use libtest_mimic::{Arguments, Trial};
use run::RunOptions;
use script::{Action, Body, Direction, Expr, Flags};
use std::path::Path;
use std::process::ExitCode;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/packetdrill");
/// As many as were promised at least.
const SCRIPTS_MIN: usize = 150;
/// The shortest mention of a section.
const CITATIONS: [&str; 4] = ["RFC ", "MUST-", "SHLD-", "MAY-"];

fn main() -> ExitCode {
    let found = files::scripts(&[FOLDER.into()]);
    let mut trials = vec![Trial::test("there_are_enough_scripts", {
        let count = found.len();
        move || {
            let is_enough = count >= SCRIPTS_MIN;
            is_enough
                .then_some(())
                .ok_or_else(|| format!("{count} scripts").into())
        }
    })];
    trials.extend(found.into_iter().map(|found| {
        let path = found.unwrap_or_else(|what| panic!("{what}"));
        let name = path
            .strip_prefix(FOLDER)
            .unwrap_or(&path)
            .with_extension("");
        let name = name.display().to_string();
        Trial::test(name, move || Ok(check(&path)?))
    }));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

// It passes, cites what it shows, and notices when what it expects is something else.
fn check(path: &Path) -> Result<(), String> {
    let options = RunOptions {
        is_strict: true,
        rules: Rules {
            is_exact: true,
            ..Rules::default()
        },
        ..RunOptions::default()
    };
    files::run(path, &options)?;
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let head = text
        .lines()
        .take_while(|line| line.starts_with("//") || line.starts_with("--"));
    if !head
        .into_iter()
        .any(|line| CITATIONS.iter().any(|it| line.contains(it)))
    {
        return Err("its head does not say which section it shows".into());
    }
    let mut script = parse::parse(&text).map_err(|error| error.to_string())?;
    let is_turned = script
        .events
        .iter_mut()
        .rev()
        .any(|event| turn(&mut event.action));
    match run::run(&script, &options) {
        Ok(_) => Err("it passes although what it expects last is something else".into()),
        Err(_) if is_turned => Ok(()),
        Err(_) => Err("it expects nothing".into()),
    }
}

// Makes what an event expects something else; `false` when it expects nothing.
fn turn(action: &mut Action) -> bool {
    match action {
        Action::Packet(packet) if packet.direction == Direction::Expect => {
            let Body::Tcp(tcp) = &mut packet.body else {
                return false;
            };
            // An initial sequence number is learned, whatever it is; flags are not.
            tcp.flags = Flags(tcp.flags.0 ^ Flags::URG.0);
            true
        }
        Action::Syscall(call) => {
            call.result = Expr::Number(-1);
            call.errno = Some("ENOTHING".into());
            true
        }
        _ => false,
    }
}
