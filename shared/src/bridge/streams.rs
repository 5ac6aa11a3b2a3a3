//! The streams of a session that one of its ends opened and that are not over, each with the bytes that may still be sent on it.

/// By number, in the order in which they were opened, which is that of their numbers: so this is sorted, and there are never
/// so many ([`STREAMS_PER_SESSION`](crate::limits::STREAMS_PER_SESSION)) that a tree would be faster.
#[derive(Debug, Default)]
pub(super) struct Streams(Vec<(u32, u64)>);

impl Streams {
    /// One more, whose number is larger than that of any before it.
    pub(super) fn open(&mut self, stream: u32, bytes: u64) {
        debug_assert!(self.0.last().is_none_or(|(last, _)| *last < stream));
        self.0.push((stream, bytes));
    }

    /// What may still be sent on it; none where it is over.
    pub(super) fn get(&self, stream: u32) -> Option<u64> {
        self.0.get(self.place(stream)?).map(|(_, bytes)| *bytes)
    }

    /// The same, to be changed.
    pub(super) fn get_mut(&mut self, stream: u32) -> Option<&mut u64> {
        let place = self.place(stream)?;
        self.0.get_mut(place).map(|(_, bytes)| bytes)
    }

    /// It is over; answers whether it was not before.
    pub(super) fn close(&mut self, stream: u32) -> bool {
        self.place(stream).map(|place| self.0.remove(place)).is_some()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    fn place(&self, stream: u32) -> Option<usize> {
        self.0.binary_search_by_key(&stream, |(number, _)| *number).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_map(steps in prop::collection::vec((0_u32..20, 0_u8..3), 0..60)) {
            let (mut streams, mut map, mut next) = (Streams::default(), BTreeMap::new(), 1);
            for (number, step) in steps {
                match step {
                    0 => {
                        streams.open(next, u64::from(number));
                        map.insert(next, u64::from(number));
                        next += 2;
                    }
                    1 => prop_assert_eq!(streams.close(number), map.remove(&number).is_some()),
                    _ => {
                        if let Some(bytes) = streams.get_mut(number) {
                            *bytes += 1;
                        }
                        map.entry(number).and_modify(|bytes| *bytes += 1);
                    }
                }
                prop_assert_eq!(streams.get(number), map.get(&number).copied());
                prop_assert_eq!(streams.len(), map.len());
            }
        }
    }
}
