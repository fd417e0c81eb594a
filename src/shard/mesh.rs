//! Between shards: a frame that arrives at one shard and belongs to another is handed over.
//!
//! Which queue a flow arrives on is the sender's choice (veth), or that of a hash that we do not
//! know (a NIC), and it may change while the flow lives. Which shard owns it is decided by the
//! keyed hash of its tuple alone, among the shards that have a queue of its interface. The frame
//! is copied into a parcel, of which each shard has a fixed number; there is no lock, and when the
//! parcels are out the frame is dropped by name.

use crate::limits::FRAME_BYTES;
use core::sync::atomic::{AtomicBool, Ordering, fence};
use crossbeam::queue::ArrayQueue;
use nix::sys::eventfd::{EfdFlags, EventFd};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

/// Frames that may wait for one shard.
const PARCELS: usize = 1024;

/// A frame under way.
pub(super) struct Parcel {
    /// The interface that it came by, as an index.
    pub(super) interface: u16,
    len: u16,
    bytes: [u8; FRAME_BYTES],
}

impl Parcel {
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len.into()).unwrap_or_default()
    }
}

/// What waits for one shard.
struct Inbox {
    empty: ArrayQueue<Box<Parcel>>,
    full: ArrayQueue<Box<Parcel>>,
    is_asleep: AtomicBool,
    wake: EventFd,
}

/// Where each shard stands among the others.
pub struct Mesh {
    me: usize,
    inboxes: Arc<[Inbox]>,
    /// The interface of each of our queues.
    interfaces: Vec<u16>,
    /// The shards that have a queue of each interface.
    owners: Arc<[Vec<usize>]>,
}

impl Mesh {
    /// One for each shard. `queues` has the interface, as an index from 0, of each queue of each
    /// shard.
    pub fn new(queues: &[Vec<u16>]) -> nix::Result<Vec<Self>> {
        let mut inboxes = Vec::new();
        for _ in queues {
            inboxes.push(Inbox::new()?);
        }
        let inboxes: Arc<[Inbox]> = inboxes.into();
        let interfaces = queues.iter().flatten().max().map_or(0, |max| max + 1);
        let owners: Arc<[Vec<usize>]> = (0..interfaces)
            .map(|interface| {
                let shards = queues.iter().enumerate();
                let having = shards.filter(|(_, queues)| queues.contains(&interface));
                having.map(|(shard, _)| shard).collect()
            })
            .collect();
        let meshes = queues.iter().enumerate().map(|(me, queues)| Self {
            me,
            inboxes: Arc::clone(&inboxes),
            interfaces: queues.clone(),
            owners: Arc::clone(&owners),
        });
        Ok(meshes.collect())
    }

    /// The shard that owns a connection, when it is not this one. `queue` is ours, `hash` is of
    /// the connection's tuple.
    #[inline]
    pub(super) fn other_owner(&self, queue: u16, hash: u64) -> Option<usize> {
        let interface = *self.interfaces.get(usize::from(queue))?;
        let owners = self.owners.get(usize::from(interface))?;
        // The high half: the table takes its buckets from the low one.
        let place = ((hash >> 32) * owners.len() as u64) >> 32;
        let owner = *owners.get(place as usize)?;
        (owner != self.me).then_some(owner)
    }

    /// Copies a frame that came by our `queue` to `shard`. `false` when too many wait there.
    pub(super) fn hand_over(&self, shard: usize, queue: u16, frame: &[u8]) -> bool {
        let (Some(inbox), Some(interface)) = (
            self.inboxes.get(shard),
            self.interfaces.get(usize::from(queue)),
        ) else {
            return false;
        };
        let Some(mut parcel) = inbox.empty.pop() else {
            return false;
        };
        let len = frame.len().min(FRAME_BYTES);
        parcel.bytes[..len].copy_from_slice(&frame[..len]);
        parcel.len = len as u16;
        parcel.interface = *interface;
        // There are as many places as parcels.
        let pushed = inbox.full.push(parcel).is_ok();
        debug_assert!(pushed);
        inbox.wake_up();
        true
    }

    /// The next frame that waits for this shard. Give it back with [`Mesh::give_back`].
    pub(super) fn take(&self) -> Option<Box<Parcel>> {
        self.inboxes.get(self.me)?.full.pop()
    }

    pub(super) fn give_back(&self, parcel: Box<Parcel>) {
        if let Some(inbox) = self.inboxes.get(self.me) {
            // There are as many places as parcels.
            let pushed = inbox.empty.push(parcel).is_ok();
            debug_assert!(pushed);
        }
    }

    /// The queue of ours by which `interface` is reached.
    pub(super) fn queue_of(&self, interface: u16) -> Option<u16> {
        let place = self.interfaces.iter().position(|own| *own == interface);
        place.map(|place| place as u16)
    }

    /// Says that this shard is about to sleep on [`Mesh::wake_fd`]. `false` when something waits
    /// already: then it must not.
    pub(super) fn fall_asleep(&self) -> bool {
        let Some(inbox) = self.inboxes.get(self.me) else {
            return true;
        };
        inbox.is_asleep.store(true, Ordering::Relaxed);
        // Partner: the fence in `wake_up`. Either we see the parcel or its sender sees us asleep.
        fence(Ordering::SeqCst);
        if inbox.full.is_empty() {
            return true;
        }
        self.awake();
        false
    }

    /// Says that this shard looks into its inbox again.
    pub(super) fn awake(&self) {
        if let Some(inbox) = self.inboxes.get(self.me)
            && !inbox.is_asleep.swap(false, Ordering::Relaxed)
        {
            // Somebody has rung, or is about to. An error says that nobody has yet: the next
            // sleep is short then.
            let _ = inbox.wake.read();
        }
    }

    /// Readable when a frame was handed to this shard while it slept.
    pub(super) fn wake_fd(&self) -> Option<BorrowedFd<'_>> {
        self.inboxes.get(self.me).map(|inbox| inbox.wake.as_fd())
    }
}

impl Inbox {
    fn new() -> nix::Result<Self> {
        let empty = ArrayQueue::new(PARCELS);
        for _ in 0..PARCELS {
            let parcel = Parcel {
                interface: 0,
                len: 0,
                bytes: [0; FRAME_BYTES],
            };
            let pushed = empty.push(Box::new(parcel)).is_ok();
            debug_assert!(pushed);
        }
        Ok(Self {
            empty,
            full: ArrayQueue::new(PARCELS),
            is_asleep: AtomicBool::new(false),
            wake: EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?,
        })
    }

    fn wake_up(&self) {
        // Partner: the fence in `fall_asleep`.
        fence(Ordering::SeqCst);
        if self.is_asleep.load(Ordering::Relaxed) && self.is_asleep.swap(false, Ordering::Relaxed) {
            // It can only fail when the counter is full, and then it is readable anyway.
            let _ = self.wake.write(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tuple_has_one_owner_that_can_answer() {
        // Shard 0 has interface 0 alone, shard 1 both.
        let meshes = Mesh::new(&[vec![0], vec![0, 1]]).unwrap();
        let mut owned = [0; 2];
        for n in 0..1000_u64 {
            let hash = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let seen_by_0 = meshes[0].other_owner(0, hash).unwrap_or(0);
            let seen_by_1 = meshes[1].other_owner(0, hash).unwrap_or(1);
            assert_eq!(seen_by_0, seen_by_1);
            owned[seen_by_0] += 1;
            assert_eq!(meshes[1].other_owner(1, hash), None, "nobody else has it");
        }
        assert!(owned.iter().all(|n| *n > 400), "{owned:?}");
    }

    #[test]
    fn parcels_arrive_and_run_out() {
        let meshes = Mesh::new(&[vec![0], vec![0]]).unwrap();
        for n in 0..PARCELS {
            assert!(meshes[0].hand_over(1, 0, &[n as u8; 60]));
        }
        assert!(!meshes[0].hand_over(1, 0, &[0; 60]), "all parcels are out");
        for n in 0..PARCELS {
            let parcel = meshes[1].take().unwrap();
            assert_eq!(parcel.bytes(), [n as u8; 60]);
            meshes[1].give_back(parcel);
        }
        assert!(meshes[1].take().is_none());
        assert!(meshes[0].hand_over(1, 0, &[0; 60]));
    }

    #[test]
    fn a_sleeper_is_woken_once_and_only_when_asleep() {
        let meshes = Mesh::new(&[vec![0], vec![0]]).unwrap();
        let rung = || meshes[1].inboxes[1].wake.read().is_ok();
        meshes[0].hand_over(1, 0, &[0; 60]);
        assert!(!rung(), "nobody slept");
        assert!(!meshes[1].fall_asleep(), "something waits");
        meshes[1].take().unwrap();
        assert!(meshes[1].fall_asleep());
        meshes[0].hand_over(1, 0, &[0; 60]);
        meshes[0].hand_over(1, 0, &[0; 60]);
        assert_eq!(meshes[1].inboxes[1].wake.read(), Ok(1));
        meshes[1].awake();
        assert!(!rung());
    }
}
