//! The fuzzers' corpus, without a fuzzer: inputs that reach far, and those that once found
//! something.

mod common;

#[path = "../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "there it is a library")]
mod fuzz;

use common::ROOT;
use std::fs;
use std::process::ExitCode;

const TESTS: &[common::Row<()>] = &[
    ("any_octets_into_wire", &[], any_octets_into_wire),
    ("any_frames_into_a_shard", &[], any_frames_into_a_shard),
    ("no_slot_without_a_cookie", &[], no_slot_without_a_cookie),
    (
        "the_xdp_program_agrees_with_wire",
        ROOT,
        the_xdp_program_agrees_with_wire,
    ),
    (
        "the_xdp_program_answers_as_the_shard",
        ROOT,
        the_xdp_program_answers_as_the_shard,
    ),
];

fn main() -> ExitCode {
    common::run_together(TESTS)
}

fn any_octets_into_wire() {
    replay("wire", fuzz::wire::run);
}

fn any_frames_into_a_shard() {
    replay("shard", fuzz::shard::run);
}

fn no_slot_without_a_cookie() {
    replay("cookies", fuzz::cookies::run);
}

fn the_xdp_program_agrees_with_wire() {
    replay("xdp", fuzz::xdp::run);
}

fn the_xdp_program_answers_as_the_shard() {
    replay("xdp_cookies", fuzz::xdp_cookies::run);
}

fn replay(target: &str, run: fn(&[u8])) {
    let folder = format!("fuzz/corpus/{target}");
    let mut inputs: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    inputs.sort();
    assert!(!inputs.is_empty(), "{folder} is empty");
    for input in inputs {
        println!("{}", input.display());
        run(&fs::read(input).unwrap());
    }
}
