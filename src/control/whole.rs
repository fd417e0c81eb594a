//! All queues of one interface in one port, for those who have it to themselves: a host, a load.

use crate::nic::af_xdp::{self, AfXdp, CopyMode, PortConfig, Program, QueueSpec, XdpMode};
use crate::nic::device::Device;
use crate::nic::netlink;

/// Attaches the program to `interface` and opens every queue that it has then. Nothing is owned
/// yet, so nothing is redirected.
pub(super) fn open<E>(interface: &str, mode: XdpMode, copy: CopyMode) -> Result<(Program, AfXdp), E>
where
    E: From<netlink::Error> + From<af_xdp::Error>,
{
    let mut program = Program::attach(interface, mode)?;
    // Attaching may have changed the queues (virtio_net): look again.
    let queues = 0..Device::open(interface)?.rx_queues();
    let queues: Vec<_> = queues
        .map(|queue| QueueSpec::new(interface, queue))
        .collect();
    let port_config = PortConfig {
        copy: copy.under(program.is_native()),
        ..PortConfig::default()
    };
    let port = AfXdp::open(&queues, &port_config)?;
    port.register(core::slice::from_mut(&mut program))?;
    Ok((program, port))
}
