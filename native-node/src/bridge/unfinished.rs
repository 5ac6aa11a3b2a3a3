//! How many handshakes may be unfinished: a stranger costs memory and a socket until the password is proved.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use crate::lock::LockExt;

use super::guesses::network_of;

/// Unfinished handshakes in all.
const MOST: usize = 64;
/// Of these, from one address.
const MOST_OF_ONE: usize = 8;

/// The handshakes under way. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Unfinished(Arc<Mutex<BTreeMap<IpAddr, usize>>>);

/// The place of one handshake; free again when dropped.
#[derive(Debug)]
pub(super) struct HandshakePermit {
    places: Unfinished,
    address: IpAddr,
}

impl Unfinished {
    /// A place for a handshake with `address`, if there is one.
    pub(super) fn enter(&self, address: IpAddr) -> Option<HandshakePermit> {
        let address = network_of(address);
        let mut taken = self.0.locked();
        if taken.values().sum::<usize>() >= MOST {
            return None;
        }
        let own = taken.entry(address).or_default();
        if *own >= MOST_OF_ONE {
            return None;
        }
        *own += 1;
        Some(HandshakePermit { places: self.clone(), address })
    }
}

impl Drop for HandshakePermit {
    fn drop(&mut self) {
        let mut taken = self.places.0.locked();
        if let Some(own) = taken.get_mut(&self.address) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_of_one_address_and_sixty_four_in_all() {
        let unfinished = Unfinished::default();
        let address = |number: u8| IpAddr::from([127, 0, 0, number]);
        let enter = |number: u8| (0..100).filter_map(|_| unfinished.enter(address(number))).collect::<Vec<_>>();
        let mut held: Vec<_> = (1..20).map(enter).collect();
        assert_eq!(held.iter().map(Vec::len).collect::<Vec<_>>()[..9], [8, 8, 8, 8, 8, 8, 8, 8, 0]);
        held.remove(3);
        assert_eq!(enter(30).len(), 8);
        drop(held);
        assert!(unfinished.0.lock().unwrap().is_empty());
    }

    #[test]
    fn an_ipv6_network_is_one_address() {
        let unfinished = Unfinished::default();
        let enter = |host: u16| unfinished.enter(IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, host]));
        assert_eq!((0..100).filter_map(enter).collect::<Vec<_>>().len(), 8);
    }
}
