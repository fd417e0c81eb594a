//! Every numbered requirement of RFC 9293 (its appendix B), and what we make of it.

pub(crate) enum Status {
    /// Obeyed where `src` cites the number, and held by this test.
    Done { test: &'static str },
    /// Not a matter of this stack.
    NotOurs { why: &'static str },
    /// Not done.
    Open { why: &'static str },
}

use Status::{Done, NotOurs, Open};

pub(crate) struct Requirement {
    /// As the RFC has it.
    pub(crate) number: &'static str,
    pub(crate) text: &'static str,
    /// Is it about opening, closing, resetting, or reporting the fate of connections?
    pub(crate) is_management: bool,
    pub(crate) status: Status,
}

const fn done(number: &'static str, claim: &'static str, test: &'static str) -> Requirement {
    row(number, claim, false, Done { test })
}

/// The same for connection management.
const fn managed(number: &'static str, claim: &'static str, test: &'static str) -> Requirement {
    row(number, claim, true, Done { test })
}

const fn not_ours(number: &'static str, text: &'static str, why: &'static str) -> Requirement {
    row(number, text, false, NotOurs { why })
}

const fn open(number: &'static str, text: &'static str, why: &'static str) -> Requirement {
    row(number, text, false, Open { why })
}

const fn row(
    number: &'static str,
    text: &'static str,
    is_management: bool,
    status: Status,
) -> Requirement {
    Requirement {
        number,
        text,
        is_management,
        status,
    }
}

/// How many of each kind the RFC has.
pub(crate) const KINDS: [(&str, usize); 4] = [("MUST", 69), ("SHLD", 31), ("MAY", 18), ("REC", 1)];

const NO_SOURCE_ROUTES: &str = "routers drop IPv4 source routes (RFC 7126 §4.3) and IPv6 has none \
    (RFC 5095): such options are skipped (MUST-50) and never sent";
const NO_IP_OPTIONS: &str =
    "no IP option is ever sent, and those that arrive are skipped (MUST-50)";

#[rustfmt::skip]
pub(crate) const REQUIREMENTS: &[Requirement] = &[
    done("MUST-1", "the window is an unsigned number", "windows_are_scaled_except_in_a_syn"),
    managed("MUST-2", "the sender computes the checksum", "a_syn_ack_is_octet_for_octet_what_linux_sends"),
    managed("MUST-3", "the receiver checks it", "every_bit_of_a_segment_is_under_a_checksum"),
    managed("MUST-4", "End of Option List, No-Operation and Maximum Segment Size are supported", "what_is_read_of_options"),
    managed("MUST-5", "options may come in any segment", "what_is_read_of_options"),
    managed("MUST-6", "unknown options are ignored", "what_is_read_of_options"),
    managed("MUST-7", "an illegal option length is coped with (the segment is dropped and counted; no reset)", "what_is_read_of_options"),
    managed("MUST-8", "initial sequence numbers are driven by a clock", "the_clock_ticks_every_four_microseconds"),
    managed("MUST-9", "and cannot be computed from outside", "tuples_and_secrets_do_not_share_numbers"),
    managed("MUST-10", "simultaneous open", "figure_7_simultaneous_connection_synchronization"),
    managed("MUST-11", "SYN-RECEIVED remembers which OPEN led to it", "a_refused_simultaneous_open_says_so"),
    managed("MUST-12", "the user learns whether the peer closed or aborted", "second_rst"),
    managed("MUST-13", "TIME-WAIT lasts 2 MSL (by default 60 s)", "it_lasts_for_2_msl"),
    managed("MUST-14", "the MSS option is sent and received", "an_mss_limit_holds_for_what_is_offered_and_what_is_sent"),
    managed("MUST-15", "without one, 536 and 1220 octets are assumed", "the_send_mss_is_the_smaller_less_options"),
    managed("MUST-16", "the effective send MSS is the smaller of what peer and path take", "the_send_mss_is_the_smaller_less_options"),
    done("MUST-17", "the Nagle algorithm can be turned off", "nagle_is_turned_off_and_on"),
    done("MUST-18", "RTO by RFC 6298, with Karn's algorithm (but at least 200 ms instead of 1 s)", "karn"),
    done("MUST-19", "slow start, congestion avoidance, exponential back-off", "congestion_avoidance_adds_one_segment_a_round_trip"),
    managed("MUST-20", "R1 is reported, R2 ends the connection (there is no IP layer to advise)", "text_and_fin_back_off_and_are_given_up_at_r2"),
    managed("MUST-21", "R2 can be set for one connection", "r2_is_set_for_one_connection"),
    managed("MUST-22", "the same holds for SYNs", "the_user_is_told_at_r1_once"),
    managed("MUST-23", "R2 of a SYN is at least 3 minutes", "a_syn_backs_off_and_is_given_up_after_247_seconds"),
    done("MUST-24", "keep-alives are turned on and off for each connection", "they_are_turned_on_and_off_for_one_connection_at_any_time"),
    done("MUST-25", "and are off by default", "they_are_off_by_default_and_two_hours_apart_when_on"),
    done("MUST-26", "they are sent only when nothing is outstanding and nothing came for an interval", "none_is_sent_while_text_is_outstanding"),
    done("MUST-27", "the interval is configurable", "they_are_turned_on_and_off_for_one_connection_at_any_time"),
    done("MUST-28", "and two hours by default", "they_are_off_by_default_and_two_hours_apart_when_on"),
    done("MUST-29", "one probe without answer ends nothing", "a_count_of_one_is_a_count_of_two"),
    done("MUST-30", "the urgent mechanism is supported", "what_is_sent_urgent_is_marked_until_it_is_acknowledged"),
    done("MUST-31", "urgent data may be of any length", "urgent_data_may_be_of_any_length"),
    done("MUST-32", "the user is told of it asynchronously", "the_user_is_told_of_what_is_new"),
    done("MUST-33", "and can learn how much is left", "the_user_learns_of_urgent_data_and_how_much_is_left"),
    done("MUST-34", "a window that shrinks does no harm", "a_window_may_shrink"),
    done("MUST-35", "a closed window is probed", "a_closed_window_is_probed_for_ever_while_the_peer_answers"),
    done("MUST-36", "by segments of an octet", "a_closed_window_is_probed_for_ever_while_the_peer_answers"),
    done("MUST-37", "for as long as the peer acknowledges the probes", "a_closed_window_is_probed_for_ever_while_the_peer_answers"),
    done("MUST-38", "the sender avoids silly windows", "a_sender_does_not_fill_silly_windows"),
    done("MUST-39", "so does the receiver", "a_receiver_offers_no_silly_windows"),
    done("MUST-40", "an ACK is delayed for less than half a second", "a_lone_segment_is_acknowledged_in_time"),
    managed("MUST-41", "one passive OPEN does not affect another", "one_passive_open_does_not_touch_another"),
    managed("MUST-42", "LISTEN on a port while a connection from it is in SYN-SENT", "one_port_listens_and_opens_at_once"),
    managed("MUST-43", "OPEN takes a local address", "a_listener_at_one_address_does_not_hear_another"),
    managed("MUST-44", "an OPEN without one is given one before the SYN", "a_connection_without_an_address_is_given_one_of_ours"),
    managed("MUST-45", "the connection keeps the local address that it began with", "every_segment_of_a_connection_is_from_the_address_of_its_syn"),
    managed("MUST-46", "OPEN to a broadcast or multicast address is an error", "an_open_to_what_is_no_host_is_an_error"),
    managed("MUST-47", "soft errors are reported", "soft_errors_are_told_and_end_nothing"),
    done("MUST-48", "the user sets the Differentiated Services field", "settings_hold_from_the_syn_on_and_may_change"),
    done("MUST-49", "TTL is configurable", "settings_hold_from_the_syn_on_and_may_change"),
    done("MUST-50", "IP options that say nothing to TCP are ignored", "options_of_ipv4_are_skipped"),
    not_ours("MUST-51", "the user may name a source route", NO_SOURCE_ROUTES),
    not_ours("MUST-52", "which overrides one received", NO_SOURCE_ROUTES),
    not_ours("MUST-53", "a passive OPEN answers by the return route", NO_SOURCE_ROUTES),
    managed("MUST-54", "ICMP errors reach the connection that they are about", "an_error_that_arrives_at_another_shard_reaches_its_connection"),
    managed("MUST-55", "Source Quench is discarded silently", "what_is_no_concern_of_a_connection_is_ignored"),
    managed("MUST-56", "Destination Unreachable 0, 1 and 5, Time Exceeded and Parameter Problem abort nothing", "soft_errors_are_told_and_end_nothing"),
    managed("MUST-57", "a SYN to a broadcast or multicast address is discarded silently", "each_malformed_ipv4_frame_has_its_reason"),
    done("MUST-58", "ACKs are aggregated", "a_burst_is_acknowledged_once_and_text_carries_it"),
    done("MUST-59", "all queued segments are processed before an ACK is sent", "a_burst_is_acknowledged_once_and_text_carries_it"),
    done("MUST-60", "text is not held back for ever", "nagle_does_not_hold_the_last_segment"),
    done("MUST-61", "the last segment of the queue has PSH", "psh_is_on_the_last_segment_of_the_queue"),
    done("MUST-62", "the urgent pointer is that of the first octet that is not urgent", "what_is_sent_urgent_is_marked_until_it_is_acknowledged"),
    managed("MUST-63", "a SYN from an address that is no host's is ignored", "each_malformed_ipv4_frame_has_its_reason"),
    managed("MUST-64", "options need not begin on a word", "what_is_read_of_options"),
    managed("MUST-65", "MSS is sent on SYNs alone", "every_mix_survives_and_has_the_length_foretold"),
    managed("MUST-66", "RST and URG count even with a closed window", "zero_window_bars_only_text_and_fin"),
    managed("MUST-67", "the MSS offered follows from what IP can receive", "mss_leaves_room_for_fixed_headers"),
    managed("MUST-68", "every option but two has a length", "every_mix_survives_and_has_the_length_foretold"),
    managed("MUST-69", "what is past End of Option List is zero", "options_stand_as_linux_puts_them"),

    managed("SHLD-1", "the initial sequence number has a keyed hash in it", "tuples_and_secrets_do_not_share_numbers"),
    managed("SHLD-2", "a RST may have text", "a_reset_may_carry_text"),
    managed("SHLD-3", "a reset says that text was lost", "close_both_with_unread_text_aborts"),
    managed("SHLD-4", "timestamps make a TIME-WAIT shorter (RFC 6191)", "a_newer_syn_takes_its_place"),
    managed("SHLD-5", "the MSS option is sent", "options_stand_as_linux_puts_them"),
    done("SHLD-6", "MSS follows an MTU that varies (it shrinks by path MTU discovery, and does not grow again)", "a_packet_that_is_too_big_makes_segments_smaller"),
    done("SHLD-7", "the Nagle algorithm", "nagle_holds_a_small_segment_while_something_is_out"),
    open("SHLD-8", "ECN", "RFC 3168 is not implemented: ECE and CWR are not read and never sent"),
    managed("SHLD-9", "the user is told at R1", "the_user_is_told_at_r1_once"),
    managed("SHLD-10", "R1 is at least 3 retransmissions", "the_user_is_told_at_r1_once"),
    managed("SHLD-11", "R2 is at least 100 s", "text_and_fin_back_off_and_are_given_up_at_r2"),
    done("SHLD-12", "keep-alives have no text", "a_peer_that_answers_none_of_them_is_given_up_with_a_reset"),
    done("SHLD-13", "new applications do not use urgent data: said where it is offered", "urgent_text_is_told_of_from_user_to_user"),
    done("SHLD-14", "the right edge of the window does not move left", "no_segment_breaks_an_invariant"),
    done("SHLD-15", "nothing new is sent past a window that shrank", "a_window_may_shrink"),
    done("SHLD-16", "what is old and in the window is sent again", "a_window_may_shrink"),
    done("SHLD-17", "text past the edge does not time the connection out", "a_closed_window_is_probed_for_ever_while_the_peer_answers"),
    done("SHLD-18", "ACKs are delayed", "a_lone_segment_is_acknowledged_in_time"),
    done("SHLD-19", "for two full segments at most", "every_second_full_segment_is_acknowledged"),
    managed("SHLD-20", "reports may be turned off: nobody has to listen to them", "soft_errors_are_told_and_end_nothing"),
    done("SHLD-21", "Differentiated Services may change", "settings_hold_from_the_syn_on_and_may_change"),
    done("SHLD-22", "and are handed to IP as they are", "settings_hold_from_the_syn_on_and_may_change"),
    not_ours("SHLD-23", "applications should not change them", "a word to applications"),
    not_ours("SHLD-24", "a later source route overrides", NO_SOURCE_ROUTES),
    managed("SHLD-25", "the user learns of soft ICMP errors", "soft_errors_are_told_and_end_nothing"),
    managed("SHLD-26", "Destination Unreachable 2 to 4 ends the connection (only a handshake: RFC 5927 §5.2; 4 is path MTU discovery)", "hard_errors_end_what_is_not_synchronized_and_nothing_else"),
    done("SHLD-27", "successive PSH bits collapse", "psh_is_on_the_last_segment_of_the_queue"),
    done("SHLD-28", "segments are full when possible", "a_sender_does_not_fill_silly_windows"),
    done("SHLD-29", "the first probe comes after an RTO", "a_closed_window_is_probed_for_ever_while_the_peer_answers"),
    done("SHLD-30", "and the next ever later", "a_closed_window_is_probed_for_ever_while_the_peer_answers"),
    done("SHLD-31", "text out of order is held", "text_out_of_order_is_stored_and_unlocked"),

    managed("MAY-1", "half-duplex close", "text_after_close_both_is_answered_by_a_reset"),
    managed("MAY-2", "a SYN may end TIME-WAIT", "a_newer_syn_takes_its_place"),
    managed("MAY-3", "the MSS option is sent always", "options_stand_as_linux_puts_them"),
    not_ours("MAY-4", "a segment sent again has the same IP identification", "DF is set, so there is none to keep (RFC 6864 §4.1)"),
    done("MAY-5", "keep-alives", "a_peer_that_answers_none_of_them_is_given_up_with_a_reset"),
    open("MAY-6", "keep-alives with an octet of garbage", "only stacks of long ago need it; those of a peer are answered"),
    open("MAY-7", "old text past a window that shrank is sent again", "it waits until the window takes it (SHLD-16)"),
    done("MAY-8", "our window may stay closed", "zero_window_bars_only_text_and_fin"),
    done("MAY-9", "the Differentiated Services field of what arrives is passed up", "the_last_segment_tells_its_differentiated_services"),
    not_ours("MAY-10", "the Timestamp option of IP", NO_IP_OPTIONS),
    not_ours("MAY-11", "the Record Route option of IP", NO_IP_OPTIONS),
    managed("MAY-12", "an ACK of what is long acknowledged is discarded (RFC 5961 §5)", "fifth_ack"),
    done("MAY-13", "segments out of order are acknowledged at once", "holes_are_acknowledged_at_once_and_so_is_their_end"),
    open("MAY-14", "FLUSH", "nothing takes back what was queued; ABORT does, with the connection"),
    open("MAY-15", "SEND takes PUSH", "every SEND is a PUSH"),
    open("MAY-16", "text without PUSH is gathered", "every SEND is a PUSH, and small ones are gathered by the Nagle algorithm"),
    open("MAY-17", "the receiver learns of PSH", "text is handed over as it comes, so PSH would say nothing"),
    open("MAY-18", "other congestion control", "NewReno (RFC 6582) alone"),

    done("REC-1", "windows are 32 bits wide", "windows_are_scaled_except_in_a_syn"),
];
