//! Why a frame went nowhere: one variant, one counter, one line of help, one clause.
//!
//! Every frame that is not answered, delivered or forwarded has exactly one of these. The text
//! name is stable: it is the key in JSON and the label in metrics.

/// How much an operator should care.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Part of a healthy network: duplicates, late segments.
    Normal,
    /// Somebody sends what they should not: scans, floods, broken stacks.
    Suspect,
    /// We ran out of something: a limit was reached.
    Limit,
}

macro_rules! drop_reasons {
    ($($variant:ident, $name:literal, $severity:ident, $clause:literal, $help:literal;)+) => {
        /// Why a frame was dropped.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum DropReason {
            $(#[doc = concat!($help, " (", $clause, ")")] $variant,)+
        }

        impl DropReason {
            /// All reasons, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The stable name: key in JSON, label in metrics.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// How much an operator should care.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)+ }
            }

            /// The clause that says so.
            #[must_use]
            pub const fn clause(self) -> &'static str {
                match self { $(Self::$variant => $clause,)+ }
            }

            /// One line for people.
            #[must_use]
            pub const fn help(self) -> &'static str {
                match self { $(Self::$variant => $help,)+ }
            }
        }
    };
}

drop_reasons! {
    // Ethernet and IP
    FrameTruncated, "frame_truncated", Suspect, "RFC 894", "the frame ends before the header it announces";
    VlanTooDeep, "vlan_too_deep", Suspect, "IEEE 802.1Q", "more than two VLAN tags";
    NotIp, "not_ip", Normal, "RFC 894", "neither IPv4 nor IPv6";
    IpHeader, "ip_header", Suspect, "RFC 791 §3.1", "IP version, header length or total length lies";
    IpChecksum, "ip_checksum", Suspect, "RFC 791 §3.1", "the IPv4 header checksum is wrong";
    IpFragment, "ip_fragment", Suspect, "RFC 791 §3.2", "a fragment: TCP that we own is not reassembled from fragments";
    IpExtensions, "ip_extensions", Suspect, "RFC 8200 §4", "too many or broken IPv6 extension headers";
    NotTcp, "not_tcp", Normal, "RFC 9293 §3.1", "the payload is not TCP";
    AddressInvalid, "address_invalid", Suspect, "RFC 9293 §3.9.2.3", "source or destination may not be an end of a connection";
    Land, "land", Suspect, "RFC 9293 §3.9.2.3", "source equals destination";
    // TCP header
    TcpHeader, "tcp_header", Suspect, "RFC 9293 §3.1", "the data offset lies";
    TcpChecksum, "tcp_checksum", Suspect, "RFC 9293 §3.1", "the TCP checksum is wrong";
    TcpOptions, "tcp_options", Suspect, "RFC 9293 §3.1", "an option's length is zero, wrong or past the end";
    PortZero, "port_zero", Suspect, "RFC 6335 §6", "port 0";
    // ARP, Neighbour Discovery and ping, for addresses that the kernel does not hold
    NeighbourMalformed, "neighbour_malformed", Suspect, "RFC 4861 §7.1.1", "an ARP request, Neighbor Solicitation or ping that breaks its rules";
    NeighbourNotOurs, "neighbour_not_ours", Normal, "RFC 4861 §7.2.3", "ARP, ND or ping for an address that we do not answer for";
    AddressConflict, "address_conflict", Suspect, "RFC 5227 §2.4", "another host claims an address that is ours";
    // ICMP errors about segments of ours
    IcmpIgnored, "icmp_ignored", Normal, "RFC 5927 §4.1", "an ICMP error that no segment in flight caused, or that says nothing to TCP";
    // No connection
    NoConnection, "no_connection", Normal, "RFC 9293 §3.10.7.1", "no connection and no listener: answered by a reset";
    NoListener, "no_listener", Normal, "RFC 9293 §3.10.7.1", "a reset, or another segment that must not be answered, for no connection";
    FlagsInvalid, "flags_invalid", Suspect, "RFC 9293 §3.10.7.2", "neither SYN, RST nor ACK, for a listener: a scan";
    CookieWrong, "cookie_wrong", Suspect, "RFC 4987 §3.6", "an ACK that no SYN cookie of the last two epochs stands behind: answered by a reset";
    CookieAwaited, "cookie_awaited", Normal, "RFC 4987 §3.6", "text or a FIN of no connection while SYN cookies are out: the segment that brings the cookie back may follow";
    HalfOpenFull, "half_open_full", Limit, "limits", "a SYN that found too many handshakes under way, with cookies off";
    ListenerFull, "listener_full", Limit, "limits", "a SYN for a listener with as many connections as it may have";
    BacklogFull, "backlog_full", Limit, "limits", "a SYN for a listener with as many connections as may wait to be accepted";
    SourceFull, "source_full", Limit, "limits", "a SYN from a source with as many connections as it may have";
    TableFull, "table_full", Limit, "limits", "a SYN that found the connection table full";
    AtWorkFull, "at_work_full", Limit, "limits", "a SYN, or a segment for a connection at rest, that found too many connections with something under way";
    // Connections: RFC 9293 §3.10.7.3 and §3.10.7.4, in the order of the checks
    OutOfWindow, "out_of_window", Normal, "RFC 9293 §3.10.7.4", "no part of the segment is in the receive window";
    Paws, "paws", Normal, "RFC 7323 §5.3", "its timestamp is older than what was already seen";
    NoTimestamps, "no_timestamps", Suspect, "RFC 7323 §3.2", "timestamps were agreed on and are missing";
    Reset, "reset", Normal, "RFC 9293 §3.10.7.4", "a reset that was obeyed";
    RstNotExact, "rst_not_exact", Suspect, "RFC 5961 §3.2", "a reset in the window but not at its edge: challenged";
    RstInTimeWait, "rst_in_time_wait", Normal, "RFC 1337", "a reset for a connection in TIME-WAIT: ignored";
    UnexpectedSyn, "unexpected_syn", Suspect, "RFC 5961 §4.2", "a SYN for a connection that has one: challenged";
    NoAck, "no_ack", Suspect, "RFC 9293 §3.10.7.4", "no ACK where every segment has one";
    AckUnsent, "ack_unsent", Suspect, "RFC 9293 §3.10.7.4", "it acknowledges what was never sent";
    AckTooOld, "ack_too_old", Suspect, "RFC 5961 §5.2", "it acknowledges what is older than the largest window seen";
    TextAfterFin, "text_after_fin", Suspect, "RFC 9293 §3.10.7.4", "text past the peer's own FIN";
    TextAfterClose, "text_after_close", Normal, "RFC 9293 §3.6.1", "text for a user who has closed: answered by a reset";
    Duplicate, "duplicate", Normal, "RFC 9293 §3.10.7.4", "only text that was already received";
    // Limits
    ReassemblyFull, "reassembly_full", Limit, "limits", "text out of order that found no place to wait";
    NoBuffer, "no_buffer", Limit, "limits", "text that found the shard's buffers full";
    NoFrame, "no_frame", Limit, "limits", "a segment to send that found no free frame";
    HandOffFull, "hand_off_full", Limit, "limits", "a frame for another shard that found too many waiting there";
    TransmitFull, "transmit_full", Limit, "limits", "a frame to send that found the transmit ring full";
    ReplyBudget, "reply_budget", Limit, "RFC 5961 §7", "a reply withheld because its budget is spent";
}

/// Number of reasons.
pub const DROP_REASONS: usize = DropReason::ALL.len();

/// One counter for each reason; owned by one shard, so plain numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropCounters([u64; DROP_REASONS]);

impl Default for DropCounters {
    fn default() -> Self {
        Self([0; DROP_REASONS])
    }
}

impl DropCounters {
    /// Counts one frame.
    #[inline]
    pub const fn count(&mut self, reason: DropReason) {
        self.0[reason as usize] += 1;
    }

    /// Frames dropped for this reason.
    #[must_use]
    pub const fn of(&self, reason: DropReason) -> u64 {
        self.0[reason as usize]
    }

    /// Adds another shard's counts.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine += theirs;
        }
    }

    /// The reasons that occurred, with their counts.
    pub fn nonzero(&self) -> impl Iterator<Item = (DropReason, u64)> + '_ {
        let all = DropReason::ALL.iter().copied().zip(self.0.iter().copied());
        all.filter(|(_, count)| *count > 0)
    }

    /// Frames dropped for any reason.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The raw counts, in the order of [`DropReason::ALL`].
    #[must_use]
    pub const fn as_array(&self) -> &[u64; DROP_REASONS] {
        &self.0
    }

    /// From raw counts, in the order of [`DropReason::ALL`].
    #[must_use]
    pub const fn from_array(counts: [u64; DROP_REASONS]) -> Self {
        Self(counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_and_numbers_are_dense() {
        let names: HashSet<_> = DropReason::ALL.iter().map(|r| r.name()).collect();
        assert_eq!(names.len(), DROP_REASONS);
        for (index, reason) in DropReason::ALL.iter().enumerate() {
            assert_eq!(*reason as usize, index);
        }
    }

    #[test]
    fn a_counted_reason_shows_up_once() {
        let mut counters = DropCounters::default();
        counters.count(DropReason::Land);
        counters.count(DropReason::Land);
        assert_eq!(
            counters.nonzero().collect::<Vec<_>>(),
            [(DropReason::Land, 2)]
        );
    }
}
