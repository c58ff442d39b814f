//! G.711 companding: the eight-bit sample codes of telephony (ITU-T G.711).

/// The sample behind each µ-law code, in 16-bit scale.
pub(crate) const ULAW: [i16; 256] = expand_all(true);
/// The sample behind each A-law code, in 16-bit scale.
pub(crate) const ALAW: [i16; 256] = expand_all(false);

const fn expand_all(mu: bool) -> [i16; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] = if mu { expand_ulaw(code as u8) } else { expand_alaw(code as u8) };
        code += 1;
    }
    table
}

const fn expand_ulaw(code: u8) -> i16 {
    let code = !code;
    let exponent = (code >> 4) & 7;
    let mantissa = (code & 15) as i16;
    let magnitude = (((mantissa << 3) + 0x84) << exponent) - 0x84;
    if code & 0x80 != 0 { -magnitude } else { magnitude }
}

const fn expand_alaw(code: u8) -> i16 {
    let code = code ^ 0x55;
    let exponent = (code >> 4) & 7;
    let mantissa = (code & 15) as i16;
    let magnitude = match exponent {
        0 => (mantissa << 4) + 8,
        e => ((mantissa << 4) + 0x108) << (e - 1),
    };
    // The sign bit is set for positive samples, unlike in µ-law.
    if code & 0x80 != 0 { magnitude } else { -magnitude }
}

/// The µ-law code nearest to a sample.
pub(crate) fn to_ulaw(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    // Half a step is added by the bias; past the largest code there is only the largest code.
    let magnitude = sample.unsigned_abs().min(32_635) + 0x84;
    let exponent = (magnitude >> 7).ilog2() as u8;
    let mantissa = (magnitude >> (exponent + 3)) as u8 & 15;
    !(sign | (exponent << 4) | mantissa)
}

/// The A-law code nearest to a sample.
pub(crate) fn to_alaw(sample: i16) -> u8 {
    let sign = if sample < 0 { 0 } else { 0x80 };
    // One's complement keeps −1 and 0 in mirrored intervals, as the standard draws them.
    let magnitude = if sample < 0 { !sample as u16 } else { sample as u16 };
    let (exponent, mantissa) = if magnitude < 256 {
        (0, (magnitude >> 4) as u8)
    } else {
        let exponent = (magnitude >> 7).ilog2() as u8;
        (exponent, (magnitude >> (exponent + 3)) as u8 & 15)
    };
    (sign | (exponent << 4) | mantissa) ^ 0x55
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_survives_the_way_there_and_back() {
        for code in 0..=255u8 {
            let ulaw = ULAW[code as usize];
            // µ-law has two zeros; either is right.
            assert!(to_ulaw(ulaw) == code || ulaw == 0, "µ-law {code:#x}");
            assert_eq!(to_alaw(ALAW[code as usize]), code, "A-law {code:#x}");
        }
    }

    #[test]
    fn known_values_of_the_standard_hold() {
        assert_eq!((ULAW[0x00], ULAW[0x80], ULAW[0xff]), (-32_124, 32_124, 0));
        assert_eq!((ALAW[0xd5], ALAW[0x55], ALAW[0xaa]), (8, -8, 32_256));
    }

    #[test]
    fn companding_error_stays_within_half_a_step() {
        for sample in i16::MIN..=i16::MAX {
            let (value, magnitude) = (i32::from(sample), i32::from(sample).abs());
            let bound = (magnitude + 0x84) / 32 + 8;
            let clipped = magnitude > 32_256;
            let ulaw = (i32::from(ULAW[to_ulaw(sample) as usize]) - value).abs();
            let alaw = (i32::from(ALAW[to_alaw(sample) as usize]) - value).abs();
            assert!(clipped || (ulaw <= bound && alaw <= bound), "{sample}: µ {ulaw}, A {alaw}, bound {bound}");
        }
    }
}
