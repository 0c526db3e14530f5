//! Exact decimals: read from text, multiplied exactly, written in one canonical form.
//!
//! A number never passes through a binary float. What does not fit exactly is an error, never
//! rounded: 96 bits of digits, at most 28 of them after the point (`rust_decimal`'s range).

use rust_decimal::Decimal;

/// Why a text or a product is not a decimal of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// Not a number in JSON's notation.
    #[error("not a decimal number")]
    Syntax,
    /// A number, but it does not fit exactly.
    #[error("does not fit exactly in 96 bits with at most 28 decimal places")]
    Overflow,
}

/// Reads a number in JSON's notation (RFC 8259, section 6): exponents are allowed, a plus sign,
/// leading zeros, spaces and digit separators are not.
///
/// Equal numbers give equal values: `1.50`, `1.5` and `15e-1` are the same.
///
/// # Errors
/// [`DecimalError::Syntax`] for anything else, [`DecimalError::Overflow`] if it does not fit exactly.
pub fn parse(text: &str) -> Result<Decimal, DecimalError> {
    let bytes = text.as_bytes();
    let (negative, mut at) = match bytes.first() {
        Some(b'-') => (true, 1),
        _ => (false, 0),
    };
    let mut digits = Digits::default();

    let integer_from = at;
    while let Some(digit) = digit_at(bytes, at) {
        digits.push(digit)?;
        at += 1;
    }
    let integer_len = at - integer_from;
    if integer_len == 0 || (integer_len > 1 && bytes[integer_from] == b'0') {
        return Err(DecimalError::Syntax);
    }

    if bytes.get(at) == Some(&b'.') {
        at += 1;
        let fraction_from = at;
        while let Some(digit) = digit_at(bytes, at) {
            digits.push(digit)?;
            digits.exponent -= 1;
            at += 1;
        }
        if at == fraction_from {
            return Err(DecimalError::Syntax);
        }
    }

    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let (exponent, end) = exponent(bytes, at + 1)?;
        digits.exponent = digits.exponent.saturating_add(exponent);
        at = end;
    }
    if at != bytes.len() {
        return Err(DecimalError::Syntax);
    }
    digits.finish(negative)
}

/// The exact product.
///
/// # Errors
/// [`DecimalError::Overflow`] if it does not fit exactly.
pub fn multiply(a: Decimal, b: Decimal) -> Result<Decimal, DecimalError> {
    let mantissa = a
        .mantissa()
        .checked_mul(b.mantissa())
        .ok_or(DecimalError::Overflow)?;
    let scale = i64::from(a.scale()) + i64::from(b.scale());
    from_parts(mantissa, -scale)
}

/// Significant digits read so far; trailing zeros are held back, so that they cost no range.
#[derive(Default)]
struct Digits {
    mantissa: i128,
    zeros_pending: u32,
    exponent: i64,
    too_many: bool,
}

impl Digits {
    fn push(&mut self, digit: u8) -> Result<(), DecimalError> {
        if digit == 0 {
            if self.mantissa != 0 {
                self.zeros_pending += 1;
            }
            return Ok(());
        }
        let shifted = 10_i128
            .checked_pow(self.zeros_pending + 1)
            .and_then(|power| self.mantissa.checked_mul(power))
            .and_then(|mantissa| mantissa.checked_add(i128::from(digit)));
        match shifted {
            Some(mantissa) => self.mantissa = mantissa,
            // Go on: whether the text is a number at all matters more than its size.
            None => self.too_many = true,
        }
        self.zeros_pending = 0;
        Ok(())
    }

    fn finish(self, negative: bool) -> Result<Decimal, DecimalError> {
        if self.too_many {
            return Err(DecimalError::Overflow);
        }
        let mantissa = if negative {
            -self.mantissa
        } else {
            self.mantissa
        };
        from_parts(
            mantissa,
            self.exponent.saturating_add(i64::from(self.zeros_pending)),
        )
    }
}

fn digit_at(bytes: &[u8], at: usize) -> Option<u8> {
    bytes
        .get(at)
        .filter(|byte| byte.is_ascii_digit())
        .map(|byte| byte - b'0')
}

fn exponent(bytes: &[u8], mut at: usize) -> Result<(i64, usize), DecimalError> {
    let negative = match bytes.get(at) {
        Some(b'-') => {
            at += 1;
            true
        }
        Some(b'+') => {
            at += 1;
            false
        }
        _ => false,
    };
    let from = at;
    let mut value: i64 = 0;
    while let Some(digit) = digit_at(bytes, at) {
        value = value.saturating_mul(10).saturating_add(i64::from(digit));
        at += 1;
    }
    if at == from {
        return Err(DecimalError::Syntax);
    }
    Ok((if negative { -value } else { value }, at))
}

/// `mantissa * 10^exponent`, in the one form with the fewest digits after the point.
fn from_parts(mut mantissa: i128, mut exponent: i64) -> Result<Decimal, DecimalError> {
    if mantissa == 0 {
        return Ok(Decimal::ZERO);
    }
    while exponent < 0 && mantissa % 10 == 0 {
        mantissa /= 10;
        exponent += 1;
    }
    if exponent > 0 {
        mantissa = u32::try_from(exponent)
            .ok()
            .and_then(|exponent| 10_i128.checked_pow(exponent))
            .and_then(|power| mantissa.checked_mul(power))
            .ok_or(DecimalError::Overflow)?;
        exponent = 0;
    }
    let scale = u32::try_from(-exponent).map_err(|_| DecimalError::Overflow)?;
    Decimal::try_from_i128_with_scale(mantissa, scale).map_err(|_| DecimalError::Overflow)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn canonical(text: &str) -> Result<String, DecimalError> {
        parse(text).map(|decimal| decimal.to_string())
    }

    #[test]
    fn equal_numbers_have_one_text() {
        for (text, expected) in [
            ("167.4100", "167.41"),
            ("0.000263", "0.000263"),
            ("-0", "0"),
            ("-0.000", "0"),
            ("0e999999999999999999999", "0"),
            ("1e3", "1000"),
            ("1.5E-7", "0.00000015"),
            ("120e-1", "12"),
            ("100", "100"),
            (
                "79228162514264337593543950335",
                "79228162514264337593543950335",
            ),
            ("1.0000000000000000000000000000000000000000", "1"),
            (
                "0.0000000000000000000000000001",
                "0.0000000000000000000000000001",
            ),
        ] {
            assert_eq!(canonical(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_json_would_refuse_is_refused() {
        for text in [
            "", "-", "+1", "01", "1.", ".5", "1e", "1e+", " 1", "1 ", "1_0", "NaN", "1.2.3", "0x1",
            "--1", "１",
        ] {
            assert_eq!(canonical(text), Err(DecimalError::Syntax), "{text}");
        }
    }

    #[test]
    fn what_does_not_fit_exactly_is_an_overflow() {
        for text in [
            "79228162514264337593543950336",
            "0.00000000000000000000000000001",
            "1e29",
            "1e-29",
            "1e999999999999999999999",
            "12345678901234567890123456789012345678901234567890",
            "0.12345678901234567890123456789012345678901234567890",
        ] {
            assert_eq!(canonical(text), Err(DecimalError::Overflow), "{text}");
        }
        let tiny = parse("1e-15").unwrap();
        assert_eq!(multiply(tiny, tiny), Err(DecimalError::Overflow));
        let huge = parse("1e20").unwrap();
        assert_eq!(multiply(huge, huge), Err(DecimalError::Overflow));
    }

    #[test]
    fn a_product_is_exact() {
        let product = |a: &str, b: &str| {
            multiply(parse(a).unwrap(), parse(b).unwrap()).map(|decimal| decimal.to_string())
        };
        assert_eq!(
            product("39432.48", "0.000263"),
            Ok("10.37074224".to_owned())
        );
        assert_eq!(product("167.4100", "100"), Ok("16741".to_owned()));
        assert_eq!(product("0.5", "-2"), Ok("-1".to_owned()));
        assert_eq!(product("0", "-2"), Ok("0".to_owned()));
    }

    proptest! {
        #[test]
        fn any_integer_and_scale_survives(mantissa in -(1_i128 << 95)..(1_i128 << 95), scale in 0_u32..=28) {
            let written = Decimal::from_i128_with_scale(mantissa, scale);
            let read = parse(&written.to_string()).unwrap();
            prop_assert_eq!(read, written);
            prop_assert_eq!(read.to_string(), written.normalize().to_string().replace("-0", if mantissa == 0 { "0" } else { "-0" }));
            prop_assert_eq!(parse(&read.to_string()).unwrap().to_string(), read.to_string());
        }

        #[test]
        fn spelling_does_not_matter(mantissa in -1_000_000_000_i64..1_000_000_000, shift in 0_i32..12, zeros in 0_usize..6) {
            let plain = parse(&format!("{mantissa}e-{shift}")).unwrap();
            let padded = format!("{mantissa}{}e-{}", "0".repeat(zeros), shift + zeros as i32);
            prop_assert_eq!(parse(&padded).unwrap().to_string(), plain.to_string());
        }

        #[test]
        fn a_product_agrees_with_integers(a in -1_000_000_000_i64..1_000_000_000, b in -1_000_000_000_i64..1_000_000_000) {
            let product = multiply(Decimal::from(a), Decimal::from(b)).unwrap();
            prop_assert_eq!(product.to_string(), (i128::from(a) * i128::from(b)).to_string());
        }

        #[test]
        fn any_text_is_answered(text in ".{0,40}") {
            let ours = parse(&text).is_ok();
            let json = serde_json::from_str::<serde_json::Value>(&text).is_ok_and(|value| value.is_number())
                && !text.starts_with(char::is_whitespace) && !text.ends_with(char::is_whitespace);
            prop_assert!(!ours || json, "{} is ours, but not JSON's", text);
        }
    }
}
