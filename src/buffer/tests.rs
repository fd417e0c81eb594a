//! Chains against a model that has no blocks: a deque, and a map of octets stored ahead.

use super::*;
use crate::limits::BLOCK_BYTES;
use proptest::prelude::*;
use std::collections::{BTreeMap, VecDeque};

const BLOCKS: usize = 12;
const CHAINS: usize = 3;

#[derive(Clone, Debug)]
enum Op {
    Append(usize),
    StoreAhead(usize, usize),
    Extend(usize),
    Consume(usize),
    Read(usize, usize),
    Clear,
}

fn op() -> impl Strategy<Value = (usize, Op)> {
    let len = prop_oneof![
        0..2000_usize,
        Just(BLOCK_BYTES - 1),
        Just(BLOCK_BYTES),
        Just(BLOCK_BYTES + 1),
        0..5 * BLOCK_BYTES,
    ];
    let op = prop_oneof![
        4 => len.clone().prop_map(Op::Append),
        3 => (len.clone(), len.clone()).prop_map(|(hole, len)| Op::StoreAhead(hole, len)),
        3 => len.clone().prop_map(Op::Extend),
        5 => len.clone().prop_map(Op::Consume),
        4 => (len.clone(), len).prop_map(|(offset, len)| Op::Read(offset, len)),
        1 => Just(Op::Clear),
    ];
    (0..CHAINS, op)
}

#[derive(Default)]
struct Model {
    queue: VecDeque<u8>,
    // Octets stored ahead, by their offset from the front.
    ahead: BTreeMap<usize, u8>,
    skip: usize,
}

impl Model {
    fn blocks(&self) -> usize {
        let end = self
            .ahead
            .last_key_value()
            .map_or(0, |(offset, _)| offset + 1);
        match self.queue.len().max(end) {
            0 => 0,
            octets => (self.skip + octets).div_ceil(BLOCK_BYTES),
        }
    }

    fn append(&mut self, text: &[u8], free: usize) -> usize {
        let room = (self.blocks() + free) * BLOCK_BYTES - self.skip - self.queue.len();
        let taken = text.len().min(room);
        self.queue.extend(&text[..taken]);
        self.ahead = self.ahead.split_off(&self.queue.len());
        taken
    }

    fn store_ahead(&mut self, offset: usize, text: &[u8], free: usize) -> bool {
        let blocks = (self.skip + offset + text.len()).div_ceil(BLOCK_BYTES);
        let fits = text.is_empty() || blocks <= self.blocks() + free;
        if fits {
            self.ahead.extend((offset..).zip(text.iter().copied()));
        }
        fits
    }

    // Octets stored right behind the end.
    fn joined(&self) -> usize {
        let end = self.queue.len();
        (end..)
            .zip(self.ahead.keys())
            .take_while(|(a, b)| a == *b)
            .count()
    }

    fn extend(&mut self, n: usize) {
        for _ in 0..n {
            let octet = self.ahead.remove(&self.queue.len()).unwrap();
            self.queue.push_back(octet);
        }
    }

    fn consume(&mut self, n: usize) {
        self.queue.drain(..n);
        self.ahead = self
            .ahead
            .iter()
            .map(|(offset, octet)| (offset - n, *octet))
            .collect();
        self.skip = match self.blocks() {
            0 => 0,
            _ => (self.skip + n) % BLOCK_BYTES,
        };
    }
}

fn text(seed: &mut u8, len: usize) -> Vec<u8> {
    *seed = seed.wrapping_add(89);
    (0..len).map(|i| (i % 251) as u8 ^ *seed).collect()
}

fn drain(pool: &mut Pool, chain: &mut Chain) -> Vec<u8> {
    let mut all = Vec::new();
    while !chain.is_empty() {
        let front = pool.front(chain);
        assert!(!front.is_empty());
        all.extend_from_slice(front);
        let n = front.len();
        pool.consume(chain, n);
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn chains_agree_with_a_deque_and_a_map(ops in prop::collection::vec(op(), 1..150)) {
        let mut pool = Pool::new(BLOCKS);
        let mut chains: [Chain; CHAINS] = Default::default();
        let mut models: [Model; CHAINS] = Default::default();
        let mut seed = 0;
        for (which, op) in ops {
            let (chain, model) = (&mut chains[which], &mut models[which]);
            let free = pool.free_blocks();
            match op {
                Op::Append(len) => {
                    let text = text(&mut seed, len);
                    prop_assert_eq!(pool.append(chain, &text), model.append(&text, free));
                }
                Op::StoreAhead(hole, len) => {
                    let (offset, text) = (model.queue.len() + hole, text(&mut seed, len));
                    let stored = pool.store_ahead(chain, offset, &text);
                    prop_assert_eq!(stored, model.store_ahead(offset, &text, free));
                }
                Op::Extend(n) => {
                    let n = n.min(model.joined());
                    pool.extend(chain, n);
                    model.extend(n);
                }
                Op::Consume(n) => {
                    let n = n.min(model.queue.len());
                    pool.consume(chain, n);
                    model.consume(n);
                }
                Op::Read(offset, len) => {
                    let mut got = vec![0; len];
                    let n = pool.read_at(chain, offset, &mut got);
                    let want: Vec<u8> = model.queue.iter().skip(offset).take(len).copied().collect();
                    prop_assert_eq!(&got[..n], &want[..]);
                }
                Op::Clear => {
                    pool.clear(chain);
                    *model = Model::default();
                }
            }
            prop_assert_eq!(chain.len(), model.queue.len());
            let owned: usize = models.iter().map(Model::blocks).sum();
            prop_assert_eq!(pool.free_blocks(), BLOCKS - owned);
        }
        for (chain, model) in chains.iter_mut().zip(models) {
            let joined = model.joined();
            pool.extend(chain, joined);
            let want: Vec<u8> =
                model.queue.into_iter().chain(model.ahead.into_values().take(joined)).collect();
            prop_assert_eq!(drain(&mut pool, chain), want);
            pool.clear(chain);
        }
        prop_assert_eq!(pool.free_blocks(), BLOCKS);
    }
}

#[test]
fn append_takes_less_when_the_pool_runs_out() {
    let mut pool = Pool::new(2);
    let (mut a, mut b) = (Chain::default(), Chain::default());
    assert_eq!(pool.append(&mut a, &[1; 100]), 100);
    assert_eq!(pool.append(&mut b, &[2; 2 * BLOCK_BYTES]), BLOCK_BYTES);
    assert_eq!(pool.append(&mut b, &[2]), 0);
    assert_eq!(pool.append(&mut a, &[1; BLOCK_BYTES]), BLOCK_BYTES - 100);
    pool.consume(&mut b, BLOCK_BYTES);
    assert_eq!((pool.free_blocks(), pool.append(&mut a, &[1])), (1, 1));
}

#[test]
fn text_ahead_is_stored_whole_or_not_at_all() {
    let mut pool = Pool::new(3);
    let mut chain = Chain::default();
    assert!(!pool.store_ahead(&mut chain, 3 * BLOCK_BYTES - 1, &[7; 2]));
    assert_eq!(pool.free_blocks(), 3);
    assert!(pool.store_ahead(&mut chain, 3 * BLOCK_BYTES - 2, &[7; 2]));
    assert_eq!(pool.free_blocks(), 0);
    assert!(!pool.store_ahead(&mut chain, usize::MAX, &[7; 2]));
}

#[test]
fn text_fills_the_hole_in_blocks_that_are_already_there() {
    let mut pool = Pool::new(3);
    let mut chain = Chain::default();
    let hole = 2 * BLOCK_BYTES + 5;
    assert!(pool.store_ahead(&mut chain, hole, &[9; 10]));
    assert_eq!(pool.free_blocks(), 0);
    assert!(pool.front(&chain).is_empty());
    assert_eq!(pool.append(&mut chain, &vec![1; hole]), hole);
    pool.extend(&mut chain, 10);
    let mut got = [0; 12];
    assert_eq!(pool.read_at(&chain, hole - 1, &mut got), 11);
    assert_eq!(got, [1, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 0]);
}

#[test]
fn an_empty_queue_keeps_the_block_that_holds_text_ahead() {
    let mut pool = Pool::new(1);
    let mut chain = Chain::default();
    pool.append(&mut chain, b"abc");
    assert!(pool.store_ahead(&mut chain, 5, b"fg"));
    pool.consume(&mut chain, 3);
    assert_eq!(pool.free_blocks(), 0);
    pool.append(&mut chain, b"de");
    pool.extend(&mut chain, 2);
    assert_eq!(pool.front(&chain), b"defg");
    pool.consume(&mut chain, 4);
    assert_eq!(pool.free_blocks(), 1);
}

// Offsets that grow, as a sender's do, and go back to the front, as a retransmission's do, while
// acknowledgements take blocks away under the cursor.
#[test]
fn every_segment_reads_as_what_was_queued() {
    const WINDOW: usize = 256 * 1024;
    const MSS: usize = 1460;
    let text: Vec<u8> = (0..WINDOW).map(|i| (i % 251) as u8).collect();
    let mut pool = Pool::new(WINDOW / BLOCK_BYTES);
    let mut chain = Chain::default();
    assert_eq!(pool.append(&mut chain, &text), WINDOW);
    let (mut acked, mut frame) = (0, [0; MSS]);
    for nxt in (0..WINDOW).step_by(MSS) {
        let una = if nxt % 3 == 0 { nxt / 2 } else { acked };
        pool.consume(&mut chain, una.max(acked) - acked);
        acked = una.max(acked);
        for at in [nxt, acked] {
            let n = pool.read_at(&chain, at - acked, &mut frame);
            assert_eq!(frame[..n], text[at..WINDOW.min(at + MSS)]);
        }
    }
}
