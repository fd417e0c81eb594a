//! TCP connection management on a Linux server's NIC, with the kernel out of the way.
//!
//! `AF_XDP` rings on the NIC feed pinned threads, the *shards*. Each owns a table of connections
//! and runs the whole of RFC 9293 for them: the three-way handshake, data both ways with
//! half-close, the four-way release, and TIME-WAIT for 2 MSL. What is not ours on the same
//! interface stays with the kernel.
//!
//! This page is the architecture. How to run it is the README; a server of one's own is
//! `examples/own_server.rs`.
//!
//! # Five sentences
//!
//! 1. **The protocol is a function.** [`tcp`] takes a block, a segment and the time, and leaves
//!    the new block and a sheet of [`Actions`](tcp::Actions). It reads no clock, touches no ring,
//!    allocates nothing, locks nothing and panics on no input.
//! 2. **A shard is a breath**: receive a burst, parse, look up, decide, act, run timers, send a
//!    burst ([`Shard::breathe`](shard::Shard::breathe)). One thread, one table, one wheel, one
//!    store of frames. Nothing is shared but counters, which readers get as copies, the tuples and
//!    states of connections, which they may walk ([`table::Reader`]), the keys of cookies
//!    ([`shard::SharedCookies`]), and frames handed over to their owners ([`shard::Mesh`]).
//! 3. **The RFC is the table of contents**: names and order of checks follow RFC 9293.
//! 4. **Everything has a limit and a name**: sizes are in [`limits`], and every frame that goes
//!    nowhere has one [`DropReason`](drop_reason::DropReason) and one counter.
//! 5. **Nothing that a stranger sends costs text**: buffers belong to connections whose handshake
//!    is done, and to those only while text waits in them.
//!
//! # One packet's walk
//!
//! The XDP program (`xdp/seawall.bpf.c`) finds the destination in its map of owned endpoints and
//! redirects the frame to the socket of its queue; everything else it passes to the kernel. In a
//! flood of SYNs it answers them itself, by the cookies that the shard would send
//! ([`control::server::CookiePath`]).
//! [`nic::af_xdp`] yields a burst of [`Frame`](nic::Frame)s. The shard parses all of them
//! ([`wire::parse`]), hashes all tuples and prefetches the [`table`]'s lines, so that by the time
//! the first segment is processed the memory of the last is on its way. For each segment the
//! table finds the connection, or [`tcp::on_listen`] and [`tcp::reset_for`] answer a stranger.
//! [`Tcb::on_segment`](tcp::Tcb::on_segment) runs the checks of RFC 9293 §3.10.7.4 and fills in
//! the `Actions`: the shard frees what was acknowledged, hands text to the connection's
//! [`Service`](service::Service) straight from the frame, stores what came out of order, and notes
//! that the connection may have something to send. When the burst is done, timers that are due
//! run through the same path ([`wheel`]). Then each connection is asked for its segments
//! ([`Tcb::next_segment`](tcp::Tcb::next_segment)); the first is written into the frame that came,
//! so an ACK leaves in the memory that its text arrived in. One
//! [`flush`](nic::Port::flush) a breath sends what is queued with one wakeup a queue.
//!
//! # Layers
//!
//! Imports run downward, and `tests/tidy.rs` holds them to it:
//!
//! | layer | knows | does not know |
//! |---|---|---|
//! | [`time`] [`limits`] [`drop_reason`] `pages` `prefetch` | numbers and names, memory | |
//! | [`wire`] | bytes and values | connections |
//! | [`buffer`] [`wheel`] [`table`] | blocks, deadlines, tuples | what they are for |
//! | [`tcp`] | RFC 9293 | tables, timers, packets |
//! | [`nic`] | frames and queues | TCP |
//! | [`service`] [`load`] | text | segments |
//! | [`flood`] | a target, a rate, a minute at most | connections |
//! | [`shard`] | all of the above, for one thread | threads, files, signals |
//! | [`socket`] | the calls of BSD sockets, over one shard | threads, clocks |
//! | [`control`] | threads, interfaces, start and end | arguments |
//! | [`cli`] | arguments, people, JSON | |
//!
//! So `tcp` is tested with two lines of set-up, a ring bug is never a protocol bug, and a shard
//! runs the same over [`nic::memory`] in simulated time as over a NIC.
//!
//! # Choices worth knowing
//!
//! - **SND.NXT is what the RFC says it is**, one past the last octet ever sent. What is to be sent
//!   again has a cursor of its own, `snd.rtx`, that runs from SND.UNA to SND.NXT after a timeout.
//! - **Two pools of blocks**, for text received and text to send, so that an echo whose receive
//!   side is full can still drain through its send side.
//! - **A connection on which nothing is under way is at rest**: two lines of the cache in the table,
//!   side by side, who it is in the first and from there on what its block is made of again when a
//!   segment, a timer or its user comes ([`tcp::TcbAtRest`]). What is under way is worked on in
//!   place, in a slab of its own. All told, an idle connection costs 161 octets.
//! - **Text that a connection at rest expects is taken without waking it** ([`tcp::TcbAtRest::take`]):
//!   header prediction, while it is acknowledged at once. That is so for the first eight segments of
//!   a connection, and for all when places at work are few, for who waits to acknowledge holds one.
//!   If its service does more than read, it is woken after all. Tests hold it to the long way.
//! - **Memory is called before it is waited for**, a burst at a time: index, second bucket, cell,
//!   place at work, timer; the bucket that a SYN will find room in; and what the wheel hands over likewise. Its buckets are chunks of a line
//!   that name fourteen slots each, for a list of links could only be followed one by one. Who is
//!   in a slot, and its state, lie on one line: a look-up asks for that and the index, not for more.
//! - **What goes by value is one word**: a handle, a frame. What was just written as several small
//!   pieces and is read as one has to reach the cache first, and that was a fifth of a look-up.
//!   Larger things are written once, where they stay.
//! - **TIME-WAIT is a record of 32 octets** beside its entry in the index, and takes no slot. Its
//!   timeout is constant, so records stand in the order of their ends. When their room is full the
//!   oldest goes before its time, and is counted.
//! - **Lists of work are bounded** by a burst a breath: timers, output, connections. What is left
//!   over makes the breath busy, and the next one follows without sleep; but whoever shares the core
//!   has a turn in between ([`control::worker`]), for in a flood there is always something left.
//! - **SYNs to be answered by cookies are answered in runs**, eight at most, that one look at
//!   listener, switch and settings decides; their hashes are computed side by side in vectors
//!   ([`tcp::cookie::Lanes`]). Floods mostly bring SYNs as Linux lays them out, so those are read
//!   and answered by a way of their own, and tests hold it to the general one. So do segments of
//!   connections that have timestamps or no options.
//! - **`unsafe`** is in [`nic`] (system calls and shared rings), a call of `prefetch` (an
//!   intrinsic), one of `pages` (advice about memory), where cookies are hashed by vectors that not
//!   every processor has, and where the [`table`] keeps its owner's values among what readers share.

pub mod buffer;
pub mod cli;
pub mod control;
pub mod drop_reason;
pub mod flood;
pub mod limits;
pub mod load;
pub mod nic;
mod pages;
mod prefetch;
pub mod service;
pub mod shard;
pub mod socket;
pub mod table;
pub mod tcp;
pub mod time;
pub mod wheel;
pub mod wire;
