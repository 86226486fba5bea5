//! Masking, RFC 6455 §5.3: every byte xor the byte of the key at its position.

/// Bytes handled in one step of the loop: wide enough for the compiler to use vector registers.
const STRIDE: usize = 32;

/// Masks or unmasks `payload`, whose first byte meets the first byte of the key.
pub(super) fn apply(key: [u8; 4], payload: &mut [u8]) {
    if key == [0; 4] {
        return;
    }
    let (strides, rest) = payload.as_chunks_mut::<STRIDE>();
    let wide: [u8; STRIDE] = std::array::from_fn(|at| key[at % 4]);
    for stride in strides {
        for (byte, key) in stride.iter_mut().zip(wide) {
            *byte ^= key;
        }
    }
    for (byte, key) in rest.iter_mut().zip(wide) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::apply;

    #[test]
    fn every_byte_meets_the_byte_of_the_key_at_its_position() {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        for length in 0..100 {
            let mut payload: Vec<u8> = (0..length).collect();
            apply(key, &mut payload);
            for (at, byte) in (0..length).zip(payload) {
                assert_eq!(byte, at ^ key[usize::from(at) % 4]);
            }
        }
    }
}
