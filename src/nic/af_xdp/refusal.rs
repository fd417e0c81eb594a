//! What a kernel lacks that refuses the XDP program, from the words of its verifier.

/// What the words of a verifier give away, and what is missing then.
const FEATURES: &[(&str, &str)] = &[
    ("#189", "bpf_xdp_load_bytes (Linux 5.18)"),
    ("#160", "bpf_ktime_get_coarse_ns (Linux 5.11)"),
    ("#65", "bpf_xdp_adjust_tail (Linux 4.18)"),
    ("#51", "bpf_redirect_map (Linux 4.14)"),
    ("#28", "bpf_csum_diff for XDP (Linux 4.16)"),
    (
        "is not supported yet",
        "memory as an argument of global functions in BPF (Linux 5.12)",
    ),
    ("back-edge", "loops in BPF (Linux 5.3)"),
    (
        "program is too large",
        "the limit of a million verified instructions (Linux 5.2)",
    ),
];

/// The feature of the kernel for want of which its verifier wrote `log`; `None` when that does not
/// tell.
pub(super) fn missing_feature(log: &str) -> Option<&'static str> {
    // A helper has its number behind its name, at the end of a word.
    let has = |sign: &str| {
        log.match_indices(sign).any(|(at, _)| {
            let behind = log[at + sign.len()..].chars().next();
            !behind.is_some_and(|c| c.is_ascii_digit())
        })
    };
    // The last lines say why; what is before them lists what was good.
    let is_helper = log.contains("unknown func")
        || log.contains("invalid func")
        || log.contains("cannot use helper");
    let found = FEATURES
        .iter()
        .find(|(sign, _)| (is_helper || !sign.starts_with('#')) && has(sign));
    found.map(|(_, feature)| *feature)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_verifier_name_what_is_missing() {
        for (log, feature) in [
            (
                "invalid func unknown#189\nprocessed 12 insns",
                "bpf_xdp_load_bytes",
            ),
            (
                "unknown func bpf_ktime_get_coarse_ns#160",
                "bpf_ktime_get_coarse_ns",
            ),
            (
                "program of this type cannot use helper bpf_csum_diff#28",
                "bpf_csum_diff",
            ),
            (
                "Arg#0 type PTR in walk_options() is not supported yet.",
                "global functions",
            ),
            ("back-edge from insn 9 to 3", "loops"),
            (
                "BPF program is too large. Processed 131073 insn",
                "a million",
            ),
        ] {
            assert!(
                missing_feature(log).is_some_and(|f| f.contains(feature)),
                "{log}"
            );
        }
        for log in [
            "",
            "invalid func unknown#1890",
            "R1 offset is outside of the packet",
        ] {
            assert_eq!(missing_feature(log), None, "{log}");
        }
        // Helpers that were let through are not what is missing.
        let log = "3: (85) call bpf_redirect_map#51\nR0 invalid mem access";
        assert_eq!(missing_feature(log), None);
    }
}
