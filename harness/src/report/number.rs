//! Numbers as people read them.

/// `98,300`.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 seed`, `3 seeds`.
#[must_use]
pub fn counted(number: u64, one: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{} {one}{s}", grouped(number))
}

/// What no failure in so many seeds says about the chance of one, with 95 % confidence: it is below
/// p where (1 − p)ⁿ = 0.05, for many seeds about 3/n (the "rule of three"). As a percentage with two
/// digits that count, never below the true one.
#[must_use]
pub fn failure_chance_max(seeds: u64) -> String {
    let percent = 100.0 * (1.0 - 0.05_f64.powf(1.0 / seeds.max(1) as f64));
    let decimals = (1.0 - percent.log10().floor()).max(0.0) as usize;
    let scale = 10_f64.powi(decimals as i32);
    let rounded_up = (percent * scale - 1e-9).ceil() / scale;
    let text = format!("{rounded_up:.decimals$}");
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => &text,
    };
    format!("{text} %")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        let texts: Vec<String> = [0, 999, 1_000, 98_300, 1_234_567]
            .into_iter()
            .map(grouped)
            .collect();
        assert_eq!(texts, ["0", "999", "1,000", "98,300", "1,234,567"]);
        assert_eq!(counted(1, "seed"), "1 seed");
        assert_eq!(counted(2_000, "seed"), "2,000 seeds");
    }

    #[test]
    fn the_chance_of_a_failure_is_never_too_optimistic() {
        let chances = [1, 7, 70, 100, 500, 2_000, 10_000, 1_000_000].map(failure_chance_max);
        let expected = [
            "95 %", "35 %", "4.2 %", "3 %", "0.6 %", "0.15 %", "0.03 %", "0.0003 %",
        ];
        assert_eq!(chances, expected);
    }
}
