//! Instructions of this program: it runs itself under a counter.

use std::process::Command;

/// What counts instructions, with its arguments, and the words around the number in its output.
const COUNTERS: [(&str, &[&str], &str); 2] = [
    ("perf", &["stat", "-e", "instructions:u"], "instructions"),
    (
        "valgrind",
        &["--tool=callgrind", "--callgrind-out-file=/dev/null"],
        "Collected :",
    ),
];

/// Instructions of this program when it is run with `arguments`, and who counted them: `perf
/// stat`, or `valgrind --tool=callgrind` where the machine lends no counters. `None` when neither
/// is there.
pub(crate) fn instructions(arguments: &[&str]) -> Option<(&'static str, u64)> {
    let me = std::env::current_exe().expect("a program knows where it is");
    COUNTERS.iter().find_map(|&(counter, options, word)| {
        let mut command = Command::new(counter);
        let output = command.args(options).arg(&me).args(arguments).output();
        let output = output.ok().filter(|output| output.status.success())?;
        let text = String::from_utf8_lossy(&output.stderr);
        let line = text.lines().find(|line| line.contains(word))?;
        let is_digits = |word: &&str| word.chars().all(|c| c.is_ascii_digit() || c == ',');
        let number = line.split_whitespace().find(is_digits)?;
        Some((counter, number.replace(',', "").parse().ok()?))
    })
}
