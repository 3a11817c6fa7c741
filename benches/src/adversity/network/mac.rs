//! Ethernet addresses of the nodes, which frames bear.

use std::fmt;

/// The address of a node's end of its link; of those that anybody may give out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mac([u8; 6]);

const OURS: [u8; 4] = [0x02, 0x77, 0, 0];

impl Mac {
    pub(super) fn of(node: usize) -> Self {
        let [high, low] = u16::try_from(node + 1).unwrap_or(u16::MAX).to_be_bytes();
        Self([OURS[0], OURS[1], OURS[2], OURS[3], high, low])
    }

    #[cfg(test)]
    pub(super) fn octets(self) -> [u8; 6] {
        self.0
    }

    /// To which node a frame goes; None if to all, or to somebody else.
    pub(super) fn destination(frame: &[u8]) -> Option<usize> {
        let (to, _) = frame.split_first_chunk::<6>()?;
        let [a, b, c, d, high, low] = *to;
        let number = usize::from(u16::from_be_bytes([high, low]));
        if [a, b, c, d] == OURS { number.checked_sub(1) } else { None }
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_goes_to_the_node_whose_address_it_bears_and_to_nobody_else() {
        assert_eq!(Mac::of(0).to_string(), "02:77:00:00:00:01");
        for node in [0, 1, 99, 300] {
            assert_eq!(Mac::destination(&Mac::of(node).octets()), Some(node));
        }
        let multicast = [0x33, 0x33, 0, 0, 0, 2, 9, 9];
        let nobody = [0x02, 0x77, 0, 0, 0, 0];
        for frame in [&multicast[..], &nobody, b"short", b""] {
            assert_eq!(Mac::destination(frame), None, "{frame:?}");
        }
    }
}
