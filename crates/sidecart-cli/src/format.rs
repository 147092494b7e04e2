//! Tables and numbers that a person can read.

use std::io::Write;

/// Prints rows as aligned columns; columns of numbers stand right.
pub(crate) fn table(out: &mut impl Write, header: &[&str], rows: &[Vec<String>]) -> std::io::Result<()> {
    let n = header.len();
    let width = |column: usize| {
        rows.iter().map(|r| r[column].chars().count()).chain([header[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..n).map(width).collect();
    let right: Vec<bool> =
        (0..n).map(|c| !rows.is_empty() && rows.iter().all(|r| r[c].is_empty() || is_number(&r[c]))).collect();
    let mut line = |cells: &[String]| {
        let mut text = String::from(" ");
        for (column, cell) in cells.iter().enumerate() {
            let pad = " ".repeat(widths[column] - cell.chars().count());
            let (before, after) = if right[column] { (pad.as_str(), "") } else { ("", pad.as_str()) };
            text.push_str(&format!(" {before}{cell}{after} "));
        }
        writeln!(out, "{}", text.trim_end())
    };
    line(&header.iter().map(|h| (*h).to_owned()).collect::<Vec<_>>())?;
    line(&widths.iter().map(|&w| "-".repeat(w)).collect::<Vec<_>>())?;
    rows.iter().try_for_each(|row| line(row))
}

/// Digits with signs, points and separators, also in per cent (`12.6 %`) or as a range (`4.1 - 5.9`).
fn is_number(text: &str) -> bool {
    let text = text.strip_suffix(" %").unwrap_or(text);
    let is_plain = |text: &str| {
        text.contains(|c: char| c.is_ascii_digit()) && text.chars().all(|c| c.is_ascii_digit() || "+-.,%".contains(c))
    };
    text.split_once(" - ").map_or_else(|| is_plain(text), |(low, high)| is_plain(low) && is_plain(high))
}

/// A rate between 0 and 1 in per cent.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// A count with thin groups: 1234567 -> 1,234,567.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut out = Vec::new();
        table(&mut out, &["name", "n"], &[vec!["phone".into(), "12".into()], vec!["é".into(), "3".into()]]).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "  name    n\n  -----  --\n  phone  12\n  é       3\n");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(count(12), "12");
    }
    #[test]
    fn rates_and_ranges_stand_right_like_numbers() {
        let row = |cells: [&str; 4]| cells.map(str::to_owned).to_vec();
        let rows = [row(["tea", "12.6 %", "9.1 - 17.0", "-3"]), row(["oil", &percent(0.05), "", "12 items"])];
        let mut out = Vec::new();
        table(&mut out, &["name", "rate", "95 %", "n"], &rows).unwrap();
        let lines: Vec<String> = String::from_utf8(out).unwrap().lines().map(str::to_owned).collect();
        assert_eq!(lines[0], "  name    rate        95 %  n");
        assert_eq!(lines[2], "  tea   12.6 %  9.1 - 17.0  -3");
        assert_eq!(lines[3], "  oil    5.0 %              12 items");
        for text in ["", "-", " %", "x %", "a - b", "5 - b", "unknown"] {
            assert!(!is_number(text), "{text}");
        }
    }
}
