//! The head of a script.

use crate::script::Setting;
use std::net::IpAddr;
use std::time::Duration;

/// What changes nothing here: who talks, and what the kernel's tools would do about it.
const IGNORED: [&str; 23] = [
    "gateway_ip",
    "netmask_ip",
    "local_linklayer",
    "verbose",
    "quiet",
    "non_fatal",
    "send_omit_free",
    "define",
    "init_scripts",
    "wire_protocol",
    "speed",
    "debug",
    "code_command",
    "strict_segments",
    "connect_port",
    "dry_run",
    "is_anyip",
    "local_linkaddr",
    "no_cleanup",
    "persistent_tun_dev",
    "tun_dev",
    "use_expect",
    "wire_client_dev",
];

#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) local: IpAddr,
    pub(super) remote: IpAddr,
    /// The port of the stack where a script names none.
    pub(super) port: u16,
    /// How far the time of an event may be off.
    pub(super) tolerance: Duration,
    pub(super) mtu: Option<u16>,
    pub(super) timestamp_tick: Option<Duration>,
}

impl Settings {
    pub(super) fn read(settings: &[Setting]) -> Result<Self, String> {
        let is_v6 = settings.iter().any(|setting| {
            setting.name == "ip_version" && setting.value.as_deref() == Some("ipv6")
        });
        // The addresses that packetdrill has when a script says nothing.
        let (local, remote) = if is_v6 {
            ("fd3d:0a0b:17d6::1", "2001:db8::1")
        } else {
            ("192.168.0.1", "192.0.2.1")
        };
        let mut read = Self {
            local: value("local_ip", local)?,
            remote: value("remote_ip", remote)?,
            port: 8080,
            tolerance: Duration::from_millis(4),
            mtu: None,
            timestamp_tick: None,
        };
        for setting in settings {
            let text = setting.value.as_deref().unwrap_or_default();
            let micros = || value(&setting.name, text).map(Duration::from_micros);
            match setting.name.as_str() {
                "ip_version" if ["ipv4", "ipv6"].contains(&text) => {}
                "local_ip" => read.local = value("local_ip", text)?,
                "remote_ip" => read.remote = value("remote_ip", text)?,
                "tolerance_usecs" => read.tolerance = micros()?,
                "tcp_ts_tick_usecs" => read.timestamp_tick = Some(micros()?),
                "bind_port" => read.port = value("bind_port", text)?,
                "mtu" => read.mtu = Some(value("mtu", text)?),
                name if IGNORED.contains(&name) => {}
                name => return Err(format!("--{name}={text} is not known to this runner")),
            }
        }
        Ok(read)
    }
}

fn value<T: std::str::FromStr>(name: &str, text: &str) -> Result<T, String> {
    // An address may have the length of its network behind it.
    let text = text.split('/').next().unwrap_or_default();
    text.parse().map_err(|_| format!("--{name}: `{text}`"))
}
