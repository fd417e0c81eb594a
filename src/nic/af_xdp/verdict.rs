//! What the XDP program made of frames: `enum verdict` of `xdp/seawall.h`, and its counters.

macro_rules! verdicts {
    ($($variant:ident, $name:literal, $help:literal;)+) => {
        /// What the XDP program made of a frame.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Verdict {
            $(#[doc = $help] $variant,)+
        }

        impl Verdict {
            /// All verdicts, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The stable name: key in JSON, label in metrics.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// One line for people.
            #[must_use]
            pub const fn help(self) -> &'static str {
                match self { $(Self::$variant => $help,)+ }
            }
        }
    };
}

impl Verdict {
    /// Did the frame go nowhere?
    #[must_use]
    pub const fn is_drop(self) -> bool {
        matches!(
            self,
            Self::DropFragment
                | Self::DropMalformed
                | Self::DropExtensions
                | Self::DropNoSocket
                | Self::DropChecksum
                | Self::DropOptions
                | Self::DropEnds
                | Self::DropFlags
                | Self::DropBudget
                | Self::DropSource
                | Self::DropBlocked
        )
    }
}

verdicts! {
    PassNotIp, "pass_not_ip", "neither IPv4 nor IPv6";
    PassVlan, "pass_vlan", "more than two VLAN tags: not recognisably ours";
    PassTruncated, "pass_truncated", "it ends before its destination address: nobody's";
    PassNotOwned, "pass_not_owned", "its address or its port is the kernel's";
    PassNotTcp, "pass_not_tcp", "to an owned address, but not TCP";
    PassFragment, "pass_fragment", "a later fragment whose first fragment was passed";
    Redirect, "redirect", "ours: to the socket of its queue";
    RedirectNeighbour, "redirect_neighbour", "ARP, ND or ping for an address that is ours alone";
    RedirectIcmp, "redirect_icmp", "an ICMP error about a segment from an owned endpoint";
    Answer, "answer", "a SYN to a listener: answered here by a SYN cookie";
    DropFragment, "drop_fragment", "a fragment of owned traffic, or one that cannot be judged";
    DropMalformed, "drop_malformed", "an IP or TCP header that lies";
    DropExtensions, "drop_extensions", "too many or broken IPv6 extension headers";
    DropNoSocket, "drop_no_socket", "ours, but its queue has no socket";
    DropChecksum, "drop_checksum", "a SYN with a wrong checksum";
    DropOptions, "drop_options", "a SYN with an option whose length lies";
    DropEnds, "drop_ends", "its source or its destination can be no end of a connection";
    DropFlags, "drop_flags", "no segment has these control bits: a scan";
    DropBudget, "drop_budget", "a SYN that found the budget of SYN-ACKs spent";
    DropSource, "drop_source", "a SYN from a source that sends too many";
    DropBlocked, "drop_blocked", "TCP to an owned endpoint from a blocked network";
}

/// Number of verdicts.
pub const VERDICTS: usize = Verdict::ALL.len();

/// Frames by verdict since the program was loaded, over all CPUs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdicts([u64; VERDICTS]);

impl Verdicts {
    pub(crate) const fn from_array(counts: [u64; VERDICTS]) -> Self {
        Self(counts)
    }

    /// Frames with this verdict.
    #[must_use]
    pub const fn of(&self, verdict: Verdict) -> u64 {
        self.0[verdict as usize]
    }

    /// Every verdict with its count.
    pub fn iter(&self) -> impl Iterator<Item = (Verdict, u64)> + '_ {
        Verdict::ALL.iter().copied().zip(self.0)
    }

    /// Adds the counts of another program.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine += theirs;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_has_the_same_list() {
        let header = include_str!("../../../xdp/seawall.h");
        let (_, list) = header.split_once("enum verdict {").unwrap();
        let (list, _) = list.split_once("VERDICT_COUNT").unwrap();
        let theirs: Vec<(String, &str)> = list
            .lines()
            .filter_map(|line| line.trim().strip_prefix("VERDICT_"))
            .map(|line| {
                let (name, comment) = line.split_once(',').unwrap();
                let comment = comment.trim().trim_start_matches("/* ");
                (name.to_lowercase(), comment.trim_end_matches(" */"))
            })
            .collect();
        let ours: Vec<_> = Verdict::ALL
            .iter()
            .map(|verdict| (verdict.name().to_owned(), verdict.help()))
            .collect();
        assert_eq!(theirs, ours);
    }
}
