//! What strangers say of us: tools that others wrote and trust, over `AF_XDP` on veth in a lab.
//! Needs root and the tools; without them a test reports itself as skipped.

mod common;

#[path = "judges/blind.rs"]
mod blind;
#[path = "kernel/clients.rs"]
#[expect(dead_code, reason = "only the crowd is needed")]
mod clients;
#[path = "kernel/craft.rs"]
#[expect(dead_code, reason = "only whole frames of IPv4 are needed")]
mod craft;
#[path = "judges/expert.rs"]
mod expert;
#[path = "judges/nmap.rs"]
mod nmap;
#[path = "judges/p0f.rs"]
mod p0f;
#[path = "judges/scapy.rs"]
mod scapy;
#[path = "kernel/stage.rs"]
#[expect(
    dead_code,
    reason = "the clients of the kernel's tests need more of it"
)]
mod stage;

use common::ROOT;
use std::process::ExitCode;

const NMAP: &[&str] = &["root", "nmap"];
const P0F: &[&str] = &["root", "p0f"];
const SCAPY: &[&str] = &["root", "scapy"];
const TSHARK: &[&str] = &["root", "tshark"];

const TESTS: &[common::Row] = &[
    (
        "tshark_finds_nothing_wrong_in_ten_thousand_connections",
        TSHARK,
        expert::ten_thousand_connections,
    ),
    (
        "nmap_cannot_predict_our_sequence_numbers",
        NMAP,
        nmap::sequence_prediction,
    ),
    (
        "nmap_finds_the_ports_that_we_serve_and_no_other",
        NMAP,
        nmap::scans,
    ),
    (
        "a_hundred_thousand_blind_guesses_change_nothing",
        ROOT,
        blind::guesses,
    ),
    (
        "odd_segments_get_one_reply_at_most_and_disturb_nobody",
        SCAPY,
        scapy::odd_segments,
    ),
    (
        "a_cookie_has_the_options_of_a_syn_ack_in_the_same_order",
        SCAPY,
        scapy::option_order,
    ),
    ("p0f_takes_a_cookie_for_a_syn_ack", P0F, p0f::same_signature),
];

fn main() -> ExitCode {
    common::run(TESTS)
}
