//! How the host of a script was set up. RFC 9293 and RFC 7323 leave options and buffers to whoever
//! runs a host, and a script was written on one: what it shows of such choices is chosen here too.
//! The command line comes first, then what the script's commands set, then what its SYNs show.

use crate::script::{Action, Body, Direction, Flags, Options, Packet, Script, Tcp, TcpOption};
use seawall::shard::{ShardConfig, SynCookies};
use std::time::Duration;

/// More than this is offered by no script that says the window that it offers.
const BUFFER_MAX: u32 = 1 << 20;

/// What was chosen; what is absent is left to the stack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Host {
    pub(crate) timestamps: Option<bool>,
    pub(crate) sack: Option<bool>,
    pub(crate) window_scale: Option<bool>,
    /// The shift that is offered.
    pub(crate) shift: Option<u8>,
    /// Octets of the receive buffer.
    pub(crate) window: Option<u32>,
    pub(crate) mtu: Option<u16>,
    pub(crate) syn_retries: Option<u8>,
    pub(crate) syn_ack_retries: Option<u8>,
    pub(crate) retries: Option<u8>,
    pub(crate) fin_wait_2: Option<Duration>,
    pub(crate) cookies: Option<SynCookies>,
}

impl Host {
    /// The host that a script was written on.
    pub(crate) fn of(script: &Script) -> Self {
        let mut host = Self::default();
        for event in &script.events {
            if let Action::Shell(command) = &event.action {
                host.is_understood(command);
            }
        }
        let mut shown = Self::default();
        shown.show(script);
        host.or(&shown)
    }

    /// Itself, and `other` where it says nothing.
    #[must_use]
    pub(crate) fn or(&self, other: &Self) -> Self {
        Self {
            timestamps: self.timestamps.or(other.timestamps),
            sack: self.sack.or(other.sack),
            window_scale: self.window_scale.or(other.window_scale),
            shift: self.shift.or(other.shift),
            window: self.window.or(other.window),
            mtu: self.mtu.or(other.mtu),
            syn_retries: self.syn_retries.or(other.syn_retries),
            syn_ack_retries: self.syn_ack_retries.or(other.syn_ack_retries),
            retries: self.retries.or(other.retries),
            fin_wait_2: self.fin_wait_2.or(other.fin_wait_2),
            cookies: self.cookies.or(other.cookies),
        }
    }

    pub(super) fn apply(&self, config: &mut ShardConfig) {
        fn choose<T: Copy>(field: &mut T, choice: Option<T>) {
            *field = choice.unwrap_or(*field);
        }
        let tcp = &mut config.tcp;
        choose(&mut tcp.timestamps, self.timestamps);
        choose(&mut tcp.sack, self.sack);
        choose(&mut tcp.window_scale, self.window_scale);
        choose(&mut tcp.window_shift_min, self.shift);
        choose(&mut tcp.receive_buffer, self.window);
        choose(&mut tcp.mtu, self.mtu);
        choose(&mut tcp.syn_retries, self.syn_retries);
        choose(&mut tcp.syn_ack_retries, self.syn_ack_retries);
        choose(&mut tcp.retries, self.retries);
        choose(&mut tcp.fin_wait_2, self.fin_wait_2);
        choose(&mut config.syn_cookies, self.cookies);
        // A buffer that the largest shift offered can name, and no shift beyond what is offered.
        if let (Some(shift), None) = (self.shift, self.window) {
            tcp.receive_buffer = tcp.receive_buffer.min(u32::from(u16::MAX) << shift);
        }
    }

    /// Takes what commands set; `false` when they do more than what is known here.
    pub(super) fn is_understood(&mut self, commands: &str) -> bool {
        let commands = commands.split(['\n', ';', '&']).map(str::trim);
        let commands = commands.filter(|command| !command.is_empty());
        // All of them are taken, whether or not the first is known.
        let unknown = commands.filter(|command| !self.takes(command));
        unknown.count() == 0
    }

    // `sysctl -q net.ipv4.tcp_sack=0`, or `set_sysctls.py /proc/sys/net/ipv4/tcp_sack=0`
    fn takes(&mut self, command: &str) -> bool {
        let mut words = command.split_whitespace();
        let program = words.next().unwrap_or_default();
        if !["sysctl", "set_sysctls.py"].contains(&program.rsplit('/').next().unwrap_or_default()) {
            return false;
        }
        let settings = words.filter(|word| !word.starts_with('-'));
        let unknown = settings.filter(|word| {
            let pair = word.split_once('=');
            !pair.is_some_and(|(name, value)| {
                let name = name.trim_start_matches("/proc/sys/").replace('/', ".");
                self.set(&name, value.trim_matches('"'))
            })
        });
        unknown.count() == 0
    }

    fn set(&mut self, name: &str, value: &str) -> bool {
        let Ok(number) = value.parse::<u8>() else {
            return false;
        };
        let is_on = number != 0;
        match name {
            "net.ipv4.tcp_timestamps" => self.timestamps = Some(is_on),
            "net.ipv4.tcp_sack" | "net.inet.tcp.sack.enable" => self.sack = Some(is_on),
            "net.ipv4.tcp_window_scaling" => self.window_scale = Some(is_on),
            "net.inet.tcp.rfc1323" if number < 2 => {
                self.timestamps = Some(is_on);
                self.window_scale = Some(is_on);
            }
            "net.ipv4.tcp_syn_retries" => self.syn_retries = Some(number),
            "net.ipv4.tcp_synack_retries" => self.syn_ack_retries = Some(number),
            "net.ipv4.tcp_retries2" => self.retries = Some(number),
            "net.ipv4.tcp_fin_timeout" => {
                self.fin_wait_2 = Some(Duration::from_secs(number.into()));
            }
            "net.ipv4.tcp_syncookies" if number == 2 => self.cookies = Some(SynCookies::Always),
            "net.inet.tcp.syncookies_only" if is_on => self.cookies = Some(SynCookies::Always),
            // ECN is what this stack does not speak, and cookies are not its first choice.
            "net.ipv4.tcp_ecn" | "net.inet.tcp.ecn.enable" => return !is_on,
            "net.ipv4.tcp_syncookies"
            | "net.inet.tcp.syncookies"
            | "net.inet.tcp.syncookies_only"
            | "kern.timecounter.alloweddeviation" => {}
            _ => return false,
        }
        true
    }

    fn show(&mut self, script: &Script) {
        let packets = script
            .events
            .iter()
            .filter_map(|event| match &event.action {
                Action::Packet(Packet {
                    direction,
                    body: Body::Tcp(tcp),
                    ..
                }) => Some((*direction, tcp)),
                _ => None,
            });
        let mut offered: Option<&Tcp> = None;
        let mut is_shown = false;
        for (direction, tcp) in packets {
            let (is_syn, is_ack) = (tcp.flags.has(Flags::SYN), tcp.flags.has(Flags::ACK));
            match direction {
                Direction::Inject if is_syn && !is_ack && !is_shown => offered = Some(tcp),
                Direction::Inject => {}
                Direction::Expect if is_syn && !is_shown => {
                    is_shown = true;
                    self.show_syn(tcp, offered.filter(|_| is_ack));
                }
                Direction::Expect if is_syn || tcp.flags.has(Flags::RST) => {}
                Direction::Expect => return self.show_window(tcp),
            }
        }
    }

    // A SYN shows what was chosen, a SYN-ACK as far as it was asked.
    fn show_syn(&mut self, syn: &Tcp, asked: Option<&Tcp>) {
        let Options::List(list) = &syn.options else {
            return;
        };
        let is_asked = |is: fn(&TcpOption) -> bool| match asked.map(|asked| &asked.options) {
            Some(Options::List(asked)) => asked.iter().any(is),
            Some(Options::Any) => false,
            None => true,
        };
        let has = |is: fn(&TcpOption) -> bool| is_asked(is).then(|| list.iter().any(is));
        self.timestamps = has(|it| matches!(it, TcpOption::Timestamps { .. }));
        self.sack = has(|it| matches!(it, TcpOption::SackPermitted));
        self.window_scale = has(|it| matches!(it, TcpOption::WindowScale(_)));
        self.shift = list.iter().find_map(|option| match option {
            TcpOption::WindowScale(shift) => Some(*shift),
            _ => None,
        });
        // The field of a SYN is never shifted: with a shift it does not show the buffer.
        let is_shifted = self.shift.is_some_and(|shift| shift > 0);
        self.window = syn.window.filter(|_| !is_shifted).map(u32::from);
    }

    // The first segment behind the SYNs, when nothing was received yet.
    fn show_window(&mut self, tcp: &Tcp) {
        let shift = self.shift.unwrap_or(0);
        if let (Some(window), Some(1)) = (tcp.window, tcp.ack) {
            // The largest that it can mean.
            let window = ((u32::from(window) + 1) << shift) - 1;
            self.window = Some(window).filter(|it| (1..=BUFFER_MAX).contains(it));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::parse;

    fn host(text: &str) -> Host {
        Host::of(&parse(text).unwrap())
    }

    #[test]
    fn a_syn_shows_all_that_was_chosen() {
        let shown = host("0 > S 0:0(0) win 65535 <mss 1460,sackOK>\n");
        let expected = Host {
            timestamps: Some(false),
            sack: Some(true),
            window_scale: Some(false),
            window: Some(65535),
            ..Host::default()
        };
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_syn_ack_shows_what_it_was_asked_for() {
        let text = "0 < S 0:0(0) win 9 <mss 1460,nop,wscale 2>\n\
             0 > S. 0:0(0) ack 1 win 65535 <mss 1460,nop,wscale 6>\n\
             0 < . 1:1(0) ack 1 win 9\n0 < F. 1:1(0) ack 1 win 9\n0 > . 1:1(0) ack 1 win 1031\n";
        let expected = Host {
            window_scale: Some(true),
            shift: Some(6),
            window: Some((1032 << 6) - 1),
            ..Host::default()
        };
        assert_eq!(host(text), expected);
    }

    #[test]
    fn a_command_is_understood_when_all_of_it_is() {
        let rows = [
            (
                "sysctl -q net.ipv4.tcp_sack=0 net.ipv4.tcp_syn_retries=3",
                true,
            ),
            ("sysctl net.inet.tcp.rfc1323=0", true),
            ("sysctl net.inet.tcp.ecn.enable=2", false),
            (
                "sysctl net.ipv4.tcp_sack=0 net.ipv4.tcp_min_tso_segs=4",
                false,
            ),
            ("sysctl net.ipv4.tcp_rmem=\"4096 8192 9000\"", false),
            ("ip route show", false),
            (
                "../set_sysctls.py /proc/sys/net/ipv4/tcp_sack=0\nsysctl net.ipv4.tcp_ecn=0",
                true,
            ),
            ("../defaults.sh\nsysctl net.ipv4.tcp_sack=0", false),
        ];
        for (command, is_understood) in rows {
            let mut host = Host::default();
            assert_eq!(host.is_understood(command), is_understood, "{command}");
        }
        let of_two = host("`../defaults.sh\nsysctl net.ipv4.tcp_sack=0`\n");
        assert_eq!(of_two.sack, Some(false));
    }
}
