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

/// What no failure in so many seeds says about the chance of one: with 95 % confidence it is
/// below 3/n (the "rule of three"). As a percentage with what digits it needs.
#[must_use]
pub fn rule_of_three(seeds: u64) -> String {
    let percent = 300.0 / seeds.max(1) as f64;
    // One digit that counts is enough, and never a smaller number than the true one.
    let decimals = (-percent.log10().floor()).max(0.0) as usize;
    let scale = 10_f64.powi(decimals as i32);
    let rounded_up = (percent * scale - 1e-9).ceil() / scale;
    format!("{rounded_up:.decimals$} %")
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
    fn the_rule_of_three_is_never_too_optimistic() {
        assert_eq!(rule_of_three(100), "3 %");
        assert_eq!(rule_of_three(10_000), "0.03 %");
        assert_eq!(rule_of_three(500), "0.6 %");
        assert_eq!(rule_of_three(70), "5 %");
        assert_eq!(rule_of_three(7), "43 %");
    }
}
