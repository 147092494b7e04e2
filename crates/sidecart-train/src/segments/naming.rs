//! Names of learned segments in the words of a shop.

use std::collections::BTreeMap;

use super::space::CLUSTERED;

/// What is said of a behaviour far above and far below the average customer.
struct Words {
    /// Behaviours of one family say nearly the same; a name holds one of each.
    family: u8,
    high: &'static str,
    low: &'static str,
}

const fn words(family: u8, high: &'static str, low: &'static str) -> Words {
    Words { family, high, low }
}

/// In the order of [`CLUSTERED`], which is also the order of the words in a name.
const WORDS: [Words; CLUSTERED.len()] = [
    words(0, "frequent", "infrequent"),
    words(1, "high spend", "low spend"),
    words(1, "large baskets", "small baskets"),
    words(2, "away for long", "here recently"),
    words(3, "deep discounts", "small discounts"),
    words(4, "much own brand", "little own brand"),
    words(3, "many discounts", "few discounts"),
    words(5, "dearer choices", "cheaper choices"),
    words(6, "wide choice", "narrow choice"),
];

/// Below so many standard deviations a behaviour is average.
const NOTABLE: f64 = 0.25;
/// A third behaviour is named from here on.
const STRIKING: f64 = 0.5;
const AVERAGE: &str = "average shoppers";

/// The phrases for one segment, the most telling first: place in the name and words.
fn phrases(deviations: &[f64], categories: &[String]) -> (usize, Vec<(usize, String)>) {
    let by_size = |columns: std::ops::Range<usize>| {
        let mut order: Vec<usize> = columns.collect();
        order.sort_by(|&a, &b| deviations[b].abs().total_cmp(&deviations[a].abs()).then(a.cmp(&b)));
        order
    };
    let mut phrases: Vec<(usize, String)> = Vec::new();
    let mut families = Vec::new();
    let mut n_first = 0;
    for column in by_size(0..CLUSTERED.len()) {
        let (value, words) = (deviations[column], &WORDS[column]);
        if value.abs() < NOTABLE || families.contains(&words.family) {
            continue;
        }
        families.push(words.family);
        n_first += usize::from(n_first < 2 || (n_first == 2 && value.abs() >= STRIKING));
        phrases.push((column, if value > 0.0 { words.high } else { words.low }.to_owned()));
    }
    // What is bought tells segments apart that shop alike.
    for column in by_size(CLUSTERED.len()..deviations.len()) {
        if deviations[column] >= NOTABLE {
            phrases.push((column, format!("much {}", categories[column - CLUSTERED.len()])));
        }
    }
    (n_first, phrases)
}

/// Distinct names from the mean of each segment in standard deviations: the two or three most
/// telling behaviours, more of them where two names would be the same, then a number.
pub(super) fn names(deviations: &[Vec<f64>], categories: &[String]) -> Vec<String> {
    let described: Vec<(usize, Vec<(usize, String)>)> = deviations.iter().map(|d| phrases(d, categories)).collect();
    let mut lengths: Vec<usize> = described.iter().map(|(n_first, _)| *n_first).collect();
    loop {
        let names: Vec<String> = described
            .iter()
            .zip(&lengths)
            .map(|((_, phrases), &length)| {
                let mut chosen: Vec<&(usize, String)> = phrases[..length].iter().collect();
                chosen.sort_by_key(|(column, _)| *column);
                let words: Vec<&str> = chosen.iter().map(|(_, words)| words.as_str()).collect();
                if words.is_empty() { AVERAGE.to_owned() } else { words.join(", ") }
            })
            .collect();
        let mut uses: BTreeMap<&str, usize> = BTreeMap::new();
        for name in &names {
            *uses.entry(name).or_default() += 1;
        }
        let mut longer = false;
        for (segment, name) in names.iter().enumerate() {
            if uses[name.as_str()] > 1 && lengths[segment] < described[segment].1.len() {
                lengths[segment] += 1;
                longer = true;
            }
        }
        if !longer {
            return numbered(&names);
        }
    }
}

/// The same names, equal ones told apart by numbers.
fn numbered(names: &[String]) -> Vec<String> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let number = |name: &str, n: usize| if n == 1 { name.to_owned() } else { format!("{name} ({n})") };
    names
        .iter()
        .map(|name| {
            let n = seen.entry(name).or_default();
            *n += 1;
            number(name, *n)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(values: &[(usize, f64)]) -> Vec<f64> {
        let mut row = vec![0.0; CLUSTERED.len() + 2];
        values.iter().for_each(|&(column, value)| row[column] = value);
        row
    }

    #[test]
    fn names_say_what_is_typical() {
        let categories = ["meat".to_owned(), "flowers".to_owned()];
        let rows = [
            row(&[(0, 1.2), (2, 0.9), (6, -1.1), (1, 1.0), (5, 0.3)]),
            row(&[(3, 2.0), (0, -1.9), (4, 0.4)]),
            row(&[(7, 0.6), (9, 1.5)]),
            row(&[(7, 0.7), (10, 0.5)]),
            row(&[(0, 0.1), (5, -0.2)]),
            row(&[]),
        ];
        assert_eq!(
            names(&rows, &categories),
            [
                "frequent, high spend, few discounts",
                "infrequent, away for long",
                "dearer choices, much meat",
                "dearer choices, much flowers",
                "average shoppers",
                "average shoppers (2)",
            ]
        );
    }
}
