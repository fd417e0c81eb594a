//! The keys of cookie epochs, the same for all who ask: drawn from the operating system when the
//! first of them does.

use crate::shard::{SharedCookies, draw_key};
use crate::time::Duration;
use std::sync::Mutex;

/// Epochs whose keys are kept: those of the shards, current and before, and the next, which the XDP
/// program is given ahead. A power of two.
const KEPT: usize = 4;

/// Keys that all shards of a server share with its XDP programs, each for an `epoch`. The lock is
/// taken once an epoch.
pub(crate) fn shared_cookies(epoch: Duration) -> SharedCookies {
    let kept = Mutex::new([None; KEPT]);
    SharedCookies::with_epochs(epoch, move |epoch| {
        let mut kept = kept.lock().expect("nobody panics while it is held");
        key_of(&mut kept, epoch)
    })
}

fn key_of(kept: &mut [Option<(u32, [u8; 16])>; KEPT], epoch: u32) -> [u8; 16] {
    let place = &mut kept[epoch as usize % KEPT];
    match *place {
        Some((of, key)) if of == epoch => key,
        _ => place.insert((epoch, draw_key())).1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tcp::cookie::EPOCH;

    #[test]
    fn all_are_told_the_same_key_and_each_epoch_has_its_own() {
        let cookies = shared_cookies(EPOCH);
        let other = cookies.clone();
        let keys: Vec<_> = (0..8)
            .map(|epoch| {
                let key = cookies.key_of(epoch + 1);
                // The next is drawn ahead of those who still ask for this one.
                let this = cookies.key_of(epoch);
                assert_eq!(this, other.key_of(epoch));
                assert_eq!(key, other.key_of(epoch + 1));
                this
            })
            .collect();
        for (at, key) in keys.iter().enumerate() {
            assert!(!keys[..at].contains(key));
        }
    }
}
