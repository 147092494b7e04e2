//! Names of learned segments in the words of a shop.

use std::collections::BTreeMap;

use super::mix::OTHER;
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
        let category = &categories[column - CLUSTERED.len()];
        if deviations[column] >= NOTABLE && category != OTHER {
            phrases.push((column, format!("much {category}")));
        }
    }
    (n_first, phrases)
}

/// Distinct names from the mean of each segment in standard deviations: the two or three most
/// telling behaviours; where two names would be the same, what tells these segments apart as well;
/// then a number.
pub(super) fn names(deviations: &[Vec<f64>], categories: &[String]) -> Vec<String> {
    let mut chosen: Vec<Vec<(usize, String)>> = Vec::new();
    let mut unused: Vec<Vec<(usize, String)>> = Vec::new();
    for row in deviations {
        let (n_first, mut first) = phrases(row, categories);
        unused.push(first.split_off(n_first));
        chosen.push(first);
    }
    loop {
        let names: Vec<String> = chosen.iter_mut().map(|phrases| join(phrases)).collect();
        let mut namesakes: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (segment, name) in names.iter().enumerate() {
            namesakes.entry(name).or_default().push(segment);
        }
        let mut longer = false;
        for group in namesakes.values().filter(|group| group.len() > 1) {
            let mean = |column: usize| group.iter().map(|&s| deviations[s][column]).sum::<f64>() / group.len() as f64;
            for &segment in group {
                let apart = |phrase: &(usize, String)| (deviations[segment][phrase.0] - mean(phrase.0)).abs();
                let best = (0..unused[segment].len())
                    .max_by(|&a, &b| apart(&unused[segment][a]).total_cmp(&apart(&unused[segment][b])).then(b.cmp(&a)));
                if let Some(best) = best {
                    chosen[segment].push(unused[segment].remove(best));
                    longer = true;
                }
            }
        }
        if !longer {
            return numbered(&names);
        }
    }
}

/// The words of a name in the order of the columns.
fn join(phrases: &mut [(usize, String)]) -> String {
    if phrases.is_empty() {
        return AVERAGE.to_owned();
    }
    phrases.sort_by_key(|(column, _)| *column);
    phrases.iter().map(|(_, words)| words.as_str()).collect::<Vec<_>>().join(", ")
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
        let mut row = vec![0.0; CLUSTERED.len() + 3];
        values.iter().for_each(|&(column, value)| row[column] = value);
        row
    }

    #[test]
    fn names_say_what_is_typical() {
        let categories = ["meat", "flowers", OTHER].map(str::to_owned);
        let rows = [
            row(&[(0, 1.2), (2, 0.9), (6, -1.1), (1, 1.0), (5, 0.3)]),
            row(&[(3, 2.0), (0, -1.9), (4, 0.4)]),
            row(&[(7, 0.6), (9, 1.5)]),
            row(&[(7, 0.7), (10, 0.5), (11, 3.0)]),
            row(&[(0, 0.1), (5, -0.2)]),
            row(&[]),
            row(&[(1, -2.0), (3, 1.5), (8, -1.2), (0, -0.6), (6, 0.5)]),
            row(&[(1, -2.1), (3, 1.4), (8, -1.3), (0, -0.6), (6, -0.5)]),
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
                "low spend, away for long, many discounts, narrow choice",
                "low spend, away for long, few discounts, narrow choice",
            ]
        );
    }
}
