//! Switches of who answers SYNs, and how: counted each time, logged once each.

use super::terminal::LiveLine;
use crate::control::view::XdpCounts;
use crate::shard::Counters;

/// What was logged of them.
#[derive(Default)]
pub(super) struct SwitchLog {
    cookies: Logged,
    xdp: Logged,
}

#[derive(Default)]
struct Logged {
    on: bool,
    off: bool,
}

impl SwitchLog {
    pub(super) fn look(&mut self, now: &Counters, live: &mut LiveLine) {
        let cookies = &now.cookies;
        self.cookies.look(
            (cookies.switched_on, cookies.switched_off),
            "too many handshakes at once: SYNs are answered by cookies",
            "handshakes are few again: SYNs have slots (from now on counted, not logged)",
            live,
        );
    }

    pub(super) fn look_at_xdp(&mut self, now: &XdpCounts, live: &mut LiveLine) {
        self.xdp.look(
            (now.switched_on, now.switched_off),
            "SYNs are answered by cookies in XDP",
            "SYNs go to the shards again (from now on counted, not logged)",
            live,
        );
    }
}

impl Logged {
    fn look(&mut self, (on, off): (u64, u64), is_on: &str, is_off: &str, live: &mut LiveLine) {
        for (logged, count, line) in [(&mut self.on, on, is_on), (&mut self.off, off, is_off)] {
            if !*logged && count > 0 {
                *logged = true;
                live.clear();
                eprintln!("{line}");
            }
        }
    }
}
