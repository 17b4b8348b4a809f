//! How numbers and names are written. The same on server and browser: nothing here asks for a locale or the time.

/// Writes 12345 as `12,345`.
pub fn count(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if number < 0 {
        out.push('-');
    }
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Writes `1 review`, `2 reviews`.
pub fn plural(number: i64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// Writes a number of bytes as `512 B`, `12.3 kB`, `4.0 MB`.
pub fn bytes(bytes: i64) -> String {
    match bytes {
        ..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", tenths(bytes / 100)),
        _ => format!("{} MB", tenths(bytes / 100_000)),
    }
}

/// Writes 47 tenths as `4.7`.
pub fn tenths(tenths: i64) -> String {
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// Writes amounts of several currencies, `$29 + €5`; `$0` for none.
pub fn amounts(amounts: &[domain::Money]) -> String {
    if amounts.is_empty() {
        return domain::Money::new(0, domain::Currency::Usd).to_string();
    }
    amounts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" + ")
}

/// Returns up to two letters that stand for a name.
pub fn initials(name: &str) -> String {
    let mut words = name.split_whitespace().filter_map(|word| word.chars().find(|c| c.is_alphanumeric()));
    let first = words.next();
    let last = words.next_back();
    first.into_iter().chain(last).flat_map(char::to_uppercase).collect()
}

/// Returns the host of a URL, for showing.
pub fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_written_as_people_read_them() {
        assert_eq!(
            ["0", "999", "1,000", "-1,234,567"],
            [0, 999, 1000, -1_234_567].map(count).each_ref().map(String::as_str)
        );
        assert_eq!(plural(1, "call", "calls"), "1 call");
        assert_eq!(tenths(47), "4.7");
        assert_eq!(
            (initials("Ada King Lovelace"), initials("acme"), initials("…")),
            ("AL".into(), "A".into(), String::new())
        );
        assert_eq!(host("https://shop.example/a?b"), "shop.example");
    }
}
