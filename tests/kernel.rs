//! Our stack against Linux's, over `AF_XDP` on veth in a lab. Needs root, and some tests need a
//! tool; without them they report themselves as skipped.
//!
//! One test at a time: there are few processors, and each test fills two of them.

mod common;

#[path = "kernel/capture.rs"]
mod capture;
#[path = "kernel/clients.rs"]
mod clients;
#[path = "kernel/cookies.rs"]
mod cookies;
#[path = "kernel/craft.rs"]
mod craft;
#[path = "kernel/endings.rs"]
mod endings;
#[path = "kernel/frames.rs"]
mod frames;
#[path = "kernel/modes.rs"]
mod modes;
#[path = "kernel/stage.rs"]
mod stage;
#[path = "kernel/storm.rs"]
mod storm;
#[path = "kernel/streams.rs"]
mod streams;
#[path = "kernel/tagged.rs"]
mod tagged;
#[path = "kernel/xdp_cookies.rs"]
mod xdp_cookies;

use common::ROOT;
use std::process::ExitCode;

const CURL: &[&str] = &["root", "curl"];
const ETHTOOL: &[&str] = &["root", "ethtool"];

const TESTS: &[common::Row] = &[
    // clients
    (
        "curl_gets_pages_in_both_families",
        CURL,
        clients::curl_in_both_families,
    ),
    (
        "curl_succeeds_a_thousand_times_in_a_row",
        CURL,
        clients::curl_a_thousand_times,
    ),
    (
        "ten_thousand_connections_all_succeed",
        ROOT,
        clients::ten_thousand_connections,
    ),
    (
        "a_closed_port_is_refused_by_the_kernel",
        ROOT,
        clients::closed_port,
    ),
    (
        "the_kernel_answers_ping_and_serves_its_ports_beside_us_under_load",
        &["root", "ping"],
        clients::kernel_beside_us,
    ),
    // streams
    (
        "a_half_closed_client_gets_all_of_its_text_back",
        ROOT,
        streams::half_close,
    ),
    (
        "hundred_megabytes_come_back_octet_for_octet",
        ROOT,
        streams::hundred_megabytes,
    ),
    (
        "a_client_that_resets_frees_its_slot",
        ROOT,
        streams::client_resets,
    ),
    (
        "our_abort_is_a_reset_for_the_client",
        ROOT,
        streams::we_reset,
    ),
    (
        "a_reader_who_pauses_gets_everything_in_order",
        ROOT,
        streams::slow_reader,
    ),
    // endings
    (
        "time_wait_lasts_as_long_as_configured",
        ROOT,
        endings::time_wait,
    ),
    (
        "a_port_in_time_wait_can_be_used_again_at_once",
        ROOT,
        endings::reuse_in_time_wait,
    ),
    (
        "a_peer_that_vanishes_is_given_up",
        ROOT,
        endings::peer_vanishes,
    ),
    (
        "a_syn_ack_that_nobody_answers_is_given_up",
        ROOT,
        endings::syn_ack_is_given_up,
    ),
    // cookies
    (
        "whatever_a_syn_offers_survives_a_cookie",
        &["root", "ss"],
        cookies::every_mix_of_options,
    ),
    (
        "xdp_answers_keep_every_mix_of_options_of_the_syn",
        ROOT,
        xdp_cookies::every_mix_of_options,
    ),
    (
        "xdp_answers_wait_until_they_can_be_sent",
        ROOT,
        xdp_cookies::waits_until_it_can_send,
    ),
    (
        "new_keys_of_xdp_answers_lose_no_handshake",
        ROOT,
        xdp_cookies::rotation_loses_nobody,
    ),
    (
        "new_keys_beside_a_flood_lose_no_handshake",
        ROOT,
        xdp_cookies::rotation_beside_a_flood,
    ),
    (
        "xdp_answers_keep_the_vlan_tags_of_the_syn",
        ROOT,
        tagged::answers_keep_their_tags,
    ),
    (
        "a_flood_switches_to_xdp_answers_and_back",
        ROOT,
        xdp_cookies::a_flood_switches_it_on_and_its_end_off,
    ),
    // storm
    (
        "ten_thousand_connections_all_succeed_under_a_syn_flood",
        ROOT,
        storm::syn_flood,
    ),
    ("an_ack_flood_disturbs_nobody", ROOT, storm::ack_flood),
    ("a_rst_flood_disturbs_nobody", ROOT, storm::rst_flood),
    // frames
    (
        "each_bad_frame_has_its_counter_and_disturbs_nobody",
        ROOT,
        frames::bad_frames_are_counted,
    ),
    (
        "bad_frames_are_given_back",
        ROOT,
        frames::bad_frames_cost_no_frames,
    ),
    (
        "partial_checksums_are_refused_when_asked_to",
        ETHTOOL,
        frames::checksums_are_verified,
    ),
    // modes
    ("generic_mode_serves", ETHTOOL, modes::generic_mode),
    ("every_idle_mode_serves", ROOT, modes::every_idle_mode),
    (
        "one_shard_serves_two_queues",
        ROOT,
        modes::two_queues_one_shard,
    ),
    (
        "two_shards_serve_two_queues",
        ROOT,
        modes::two_queues_two_shards,
    ),
    (
        "after_kill_9_the_kernel_has_its_port_within_a_second",
        ROOT,
        modes::kill_9,
    ),
    // capture
    (
        "tshark_finds_nothing_wrong_with_what_we_send",
        &["root", "tshark"],
        capture::tshark_finds_nothing,
    ),
];

fn main() -> ExitCode {
    common::run(TESTS)
}
