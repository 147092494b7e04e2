//! Package sizes as shops write them.

/// What a size counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum SizeUnit {
    /// Grams.
    Gram,
    /// Millilitres.
    Millilitre,
    /// Pieces.
    Piece,
    /// Metres of length.
    Metre,
    /// Square metres.
    SquareMetre,
}

/// A size in the unit it was written in.
///
/// ```
/// use sidecart_data::{SizeUnit, WrittenSize};
///
/// let size = WrittenSize::parse("2/12 OZ").unwrap();
/// assert_eq!((size.amount, size.unit), (24.0, "oz"));
/// let (grams, base) = size.in_base();
/// assert_eq!((grams.round(), base), (680.0, SizeUnit::Gram));
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct WrittenSize {
    /// How much, in `unit`; above zero and finite.
    pub amount: f64,
    /// Short name of the unit, such as `oz`, `ml` or `ct`; one name for all its spellings.
    pub unit: &'static str,
    /// How much of `base` one of `unit` is.
    pub scale: f64,
    /// What the size counts.
    pub base: SizeUnit,
}

/// Grams in an ounce.
const OUNCE: f64 = 28.349_523_125;
/// Millilitres in a fluid ounce of the United States.
const FLUID_OUNCE: f64 = 29.573_529_562_5;
/// A number of pieces from here on is an article number, as in "816595 PK".
const ARTICLE_NUMBER: f64 = 1e5;

impl WrittenSize {
    /// Reads the first amount of a text.
    ///
    /// Understands decimals with point or comma, fractions (`1/2`, `1 3/4`, `7-3/4`), packs
    /// (`2 x 500 ml`, `2/12 OZ`, `4-3 OZ`), areas (`8 X10 IN`), ranges (`18-22 LB`, their middle),
    /// `HALF GAL`, units without a number (`PT`) and words before the amount (`N  4.5 OZ`).
    /// `None` where the text names no amount of a known unit; a single letter alone is a clothing
    /// size and none. O(length).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let tokens = tokens(text);
        let mut at = 0;
        while at < tokens.len() {
            let Some(quantity) = quantity(&tokens, at) else {
                at += 1;
                continue;
            };
            if let Some(size) = size_of(&quantity, &tokens[quantity.next..]) {
                return Some(size);
            }
            at = quantity.next;
        }
        unit_alone(&tokens)
    }

    /// The size in grams, millilitres, pieces, metres or square metres.
    #[must_use]
    pub fn in_base(self) -> (f64, SizeUnit) {
        (self.amount * self.scale, self.base)
    }
}

/// Reads "16 OZ", "1.5 L", "2 x 500 ml", "12 CT" as an amount in grams, millilitres, pieces,
/// metres or square metres. `None` where the text names no known unit; see [`WrittenSize::parse`].
#[must_use]
pub fn parse_size(text: &str) -> Option<(f64, SizeUnit)> {
    WrittenSize::parse(text).map(WrittenSize::in_base)
}

#[derive(Clone, PartialEq, Debug)]
enum Token {
    /// A number, and whether it has a comma before exactly three digits.
    Number(f64, bool),
    /// Letters in lower case.
    Word(String),
    /// The sign between the factors of a product.
    Times,
    /// Any other sign.
    Sign(char),
}

fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().flat_map(char::to_lowercase).collect();
    let digit = |at: usize| chars.get(at).is_some_and(char::is_ascii_digit);
    let point = |at: usize| matches!(chars.get(at), Some('.' | ',')) && digit(at + 1);
    let letter = |at: usize| chars.get(at).is_some_and(|c| c.is_alphabetic() || *c == '²');
    let mut out = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let start = at;
        if digit(at) || point(at) {
            while digit(at) || point(at) {
                at += 1;
            }
            let written: String = chars[start..at].iter().collect();
            let grouped = written.split_once(',').is_some_and(|(whole, rest)| {
                rest.len() == 3 && !rest.contains(['.', ',']) && !whole.is_empty() && !whole.starts_with('0')
            });
            match written.replace(',', ".").parse() {
                Ok(value) => out.push(Token::Number(value, grouped)),
                Err(_) => out.push(Token::Sign('#')),
            }
        } else if letter(at) {
            while letter(at) {
                at += 1;
            }
            let word: String = chars[start..at].iter().collect();
            out.push(if word == "x" { Token::Times } else { Token::Word(word) });
        } else {
            match chars[at] {
                '×' | '*' => out.push(Token::Times),
                sign if !sign.is_whitespace() => out.push(Token::Sign(sign)),
                _ => {}
            }
            at += 1;
        }
    }
    out
}

/// A number in front of its unit, and where the unit begins.
struct Quantity {
    value: f64,
    /// How often the sign of a product stands in it.
    n_times: usize,
    /// Whether a comma may part thousands.
    grouped: bool,
    next: usize,
}

/// A quantity with the unit that follows it.
fn size_of(quantity: &Quantity, rest: &[Token]) -> Option<WrittenSize> {
    let gap = usize::from(matches!(rest.first(), Some(Token::Sign('-' | '.'))));
    let unit = unit(&rest[gap..])?;
    let unit = match (unit.base, quantity.n_times) {
        (SizeUnit::Metre, 1) => squared(unit)?,
        (SizeUnit::Metre | SizeUnit::SquareMetre, 1..) => return None,
        _ => unit,
    };
    // "1,500 ml" is far more than a spoon, "1,500 kg" far less than a lorry.
    let amount = if quantity.grouped && unit.scale < 100.0 { quantity.value * 1000.0 } else { quantity.value };
    let is_article = unit.base == SizeUnit::Piece && amount >= ARTICLE_NUMBER;
    (amount > 0.0 && amount.is_finite() && !is_article).then_some(WrittenSize { amount, ..unit })
}

/// A number, or several joined as a product or a range.
fn quantity(tokens: &[Token], at: usize) -> Option<Quantity> {
    let first = number(tokens, at)?;
    let sign = tokens.get(first.next);
    let times = matches!(sign, Some(Token::Times));
    if !times && !matches!(sign, Some(Token::Sign('/' | '-'))) {
        return Some(first);
    }
    let Some(rest) = quantity(tokens, first.next + 1) else { return Some(first) };
    // Packs hold few pieces: "18-22 LB" is a range, "3-3.5 OZ" three bags.
    let is_range = matches!(sign, Some(Token::Sign('-')))
        && first.value >= 8.0
        && rest.value > first.value
        && rest.value <= 2.0 * first.value;
    let value = if is_range { 0.5 * (first.value + rest.value) } else { first.value * rest.value };
    Some(Quantity {
        value,
        n_times: rest.n_times + usize::from(times),
        grouped: first.grouped || rest.grouped,
        next: rest.next,
    })
}

/// `12`, `1.5`, `1/2`, `1 1/2` or `7-3/4`.
fn number(tokens: &[Token], at: usize) -> Option<Quantity> {
    let Token::Number(first, grouped) = *tokens.get(at)? else { return None };
    let fraction_at = |at: usize| match tokens.get(at..at + 3) {
        Some(&[Token::Number(a, _), Token::Sign('/'), Token::Number(b, _)]) => fraction(a, b),
        _ => None,
    };
    let gap = usize::from(matches!(tokens.get(at + 1), Some(Token::Sign('-'))));
    let (value, next) = if let Some(fraction) = fraction_at(at) {
        (fraction, at + 3)
    } else if let Some(fraction) = fraction_at(at + 1 + gap).filter(|_| first.fract() == 0.0) {
        (first + fraction, at + 4 + gap)
    } else {
        (first, at + 1)
    };
    Some(Quantity { value, n_times: 0, grouped, next })
}

/// `a / b` where people write it as a fraction; "2/12" is two packs of twelve.
fn fraction(a: f64, b: f64) -> Option<f64> {
    let common = matches!((a, b), (1.0, 3.0) | (2.0, 3.0)) || ([2.0, 4.0, 8.0, 16.0].contains(&b) && a % 2.0 == 1.0);
    (common && a < b).then_some(a / b)
}

/// `HALF GAL`, `PT`, `PK-KING`: a text that begins with a unit.
fn unit_alone(tokens: &[Token]) -> Option<WrittenSize> {
    let Some(Token::Word(first)) = tokens.first() else { return None };
    if first.chars().count() == 1 {
        return None;
    }
    let half = first == "half";
    let gap = usize::from(half && matches!(tokens.get(1), Some(Token::Sign('-'))));
    let unit = unit(tokens.get(usize::from(half) + gap..)?)?;
    Some(WrittenSize { amount: if half { 0.5 } else { 1.0 }, ..unit })
}

/// The unit that a text begins with.
fn unit(tokens: &[Token]) -> Option<WrittenSize> {
    let mut words = tokens.iter().filter(|t| **t != Token::Sign('.')).map_while(|token| match token {
        Token::Word(word) => Some(word.as_str()),
        _ => None,
    });
    let first = words.next()?;
    match (first, words.next()) {
        ("fl" | "fluid", Some("oz" | "ounce" | "ounces")) => named("floz"),
        ("sq" | "square", Some(length)) => named(length).and_then(squared),
        _ => named(first),
    }
}

fn squared(length: WrittenSize) -> Option<WrittenSize> {
    let unit = match length.unit {
        "m" => "sq m",
        "cm" => "sq cm",
        "mm" => "sq mm",
        "in" => "sq in",
        "ft" => "sq ft",
        "yd" => "sq yd",
        _ => return None,
    };
    Some(WrittenSize { unit, scale: length.scale * length.scale, base: SizeUnit::SquareMetre, ..length })
}

/// The unit of a name in lower case, with the amount one.
fn named(name: &str) -> Option<WrittenSize> {
    use SizeUnit::{Gram, Metre, Millilitre, Piece, SquareMetre};
    let (unit, scale, base) = match name {
        "g" | "gr" | "gm" | "gms" | "gram" | "grams" => ("g", 1.0, Gram),
        "kg" | "kgs" | "kilo" | "kilos" => ("kg", 1000.0, Gram),
        "mg" => ("mg", 0.001, Gram),
        "oz" | "ozs" | "ounce" | "ounces" => ("oz", OUNCE, Gram),
        "lb" | "lbs" | "pound" | "pounds" => ("lb", 16.0 * OUNCE, Gram),
        "ml" => ("ml", 1.0, Millilitre),
        "cl" => ("cl", 10.0, Millilitre),
        "dl" => ("dl", 100.0, Millilitre),
        "l" | "lt" | "ltr" | "ltrs" | "liter" | "liters" | "litre" | "litres" => ("l", 1000.0, Millilitre),
        "floz" => ("fl oz", FLUID_OUNCE, Millilitre),
        "pt" | "pts" | "pint" | "pints" => ("pt", 16.0 * FLUID_OUNCE, Millilitre),
        "qt" | "qts" | "quart" | "quarts" => ("qt", 32.0 * FLUID_OUNCE, Millilitre),
        "ga" | "gal" | "gals" | "gallon" | "gallons" => ("gal", 128.0 * FLUID_OUNCE, Millilitre),
        "ct" | "cts" | "count" | "ea" | "each" | "pc" | "pcs" | "piece" | "pieces" | "stk" | "kit" | "kits"
        | "load" | "loads" | "ld" | "lds" | "use" | "uses" | "dose" | "doses" | "sheet" | "sheets" | "stem"
        | "stems" => ("ct", 1.0, Piece),
        "pk" | "pks" | "pack" | "packs" | "p" => ("pk", 1.0, Piece),
        "roll" | "rolls" | "rl" => ("rolls", 1.0, Piece),
        "pair" | "pairs" | "pr" => ("pairs", 1.0, Piece),
        "dz" | "dzn" | "doz" | "dozen" => ("doz", 12.0, Piece),
        "mm" => ("mm", 0.001, Metre),
        "cm" => ("cm", 0.01, Metre),
        "m" | "metre" | "metres" | "meter" | "meters" => ("m", 1.0, Metre),
        "in" | "inch" | "inches" => ("in", 0.0254, Metre),
        "ft" | "foot" | "feet" => ("ft", 0.3048, Metre),
        "yd" | "yds" | "yard" | "yards" => ("yd", 0.9144, Metre),
        "m²" | "sqm" | "qm" => ("sq m", 1.0, SquareMetre),
        "sqft" => ("sq ft", 0.092_903_04, SquareMetre),
        _ => return None,
    };
    Some(WrittenSize { amount: 1.0, unit, scale, base })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_are_read() {
        let cases = [
            // plain
            ("16 OZ", 16.0, "oz"),
            ("12CT", 12.0, "ct"),
            (".5 L", 0.5, "l"),
            ("1,5 L", 1.5, "l"),
            ("1,500 ml", 1500.0, "ml"),
            ("1,500 kg", 1.5, "kg"),
            ("0,250 ml", 0.25, "ml"),
            ("14. OZ", 14.0, "oz"),
            ("1-LB BAG", 1.0, "lb"),
            ("8 FL. OZ.", 8.0, "fl oz"),
            ("32 LOADS", 32.0, "ct"),
            ("55 SQ FT", 55.0, "sq ft"),
            ("6 ROLL", 6.0, "rolls"),
            ("3 PK", 3.0, "pk"),
            ("2 DZN", 2.0, "doz"),
            ("5 m²", 5.0, "sq m"),
            // fractions
            ("1 1/2 LB", 1.5, "lb"),
            ("8 1/2 OZ", 8.5, "oz"),
            ("7-3/4 OZ", 7.75, "oz"),
            ("1/2 GAL", 0.5, "gal"),
            ("3/4 OZ", 0.75, "oz"),
            ("HALF GAL", 0.5, "gal"),
            ("half-pint", 0.5, "pt"),
            // packs, ranges and areas
            ("2 x 500 ml", 1000.0, "ml"),
            ("6x330ml", 1980.0, "ml"),
            ("2 × 6 × 33 cl", 396.0, "cl"),
            ("2/12 OZ", 24.0, "oz"),
            ("12/12 OZ", 144.0, "oz"),
            ("6/.5 L", 3.0, "l"),
            ("24/1/2 L", 12.0, "l"),
            ("6-4 OZ", 24.0, "oz"),
            ("3-3.5 OZ", 10.5, "oz"),
            ("2 - 7.5 OZ", 15.0, "oz"),
            ("18-22 LB", 20.0, "lb"),
            ("8 X10 IN", 80.0, "sq in"),
            // the first amount counts
            ("12 PK/12 OZ", 12.0, "pk"),
            ("12 OZ/12 PK", 12.0, "oz"),
            ("100 CT(1)", 100.0, "ct"),
            // words and numbers around it
            ("N  4.5 OZ", 4.5, "oz"),
            ("L    46 OZ", 46.0, "oz"),
            ("ALL 8 OZ", 8.0, "oz"),
            ("527911 5 PK", 5.0, "pk"),
            ("(600) 4 LB", 4.0, "lb"),
            ("3 T-4 T/40 CT", 40.0, "ct"),
            ("16 OZ BTL", 16.0, "oz"),
            // a unit alone
            ("PT", 1.0, "pt"),
            ("PK-KING", 1.0, "pk"),
            ("DOZ", 1.0, "doz"),
        ];
        for (text, amount, unit) in cases {
            let size = WrittenSize::parse(text).unwrap_or_else(|| panic!("{text} is read"));
            assert!((size.amount - amount).abs() < 1e-9 && size.unit == unit, "{text}: {size:?}");
        }
    }

    #[test]
    fn amounts_are_in_base_units() {
        let rounded = |text| parse_size(text).map(|(a, u)| ((a * 1000.0).round() / 1000.0, u));
        assert_eq!(rounded("1 LB"), Some((453.592, SizeUnit::Gram)));
        assert_eq!(rounded("2 L"), Some((2000.0, SizeUnit::Millilitre)));
        assert_eq!(rounded("2 DOZ"), Some((24.0, SizeUnit::Piece)));
        assert_eq!(rounded("6 FT"), Some((1.829, SizeUnit::Metre)));
        assert_eq!(rounded("100 SQ FT"), Some((9.29, SizeUnit::SquareMetre)));
        assert_eq!(rounded("90 x 200 cm"), Some((1.8, SizeUnit::SquareMetre)));
    }

    #[test]
    fn what_is_no_size_is_none() {
        let texts = [
            "",
            "large",
            "L",
            "M",
            "XL",
            "M/L",
            "SIZE 4",
            "MENS 7-13",
            "2.50 DIOPT",
            "0 OZ",
            "816595 PK",
            "15 00 OZ",
            "1x2x3 IN",
        ];
        for text in texts {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics_and_is_positive(text in "[0-9./,x×* LOZCTINPKGALHFSQ()²-]{0,16}|\\PC{0,12}") {
            if let Some((amount, _)) = parse_size(&text) {
                prop_assert!(amount > 0.0 && amount.is_finite(), "{} is {}", text, amount);
            }
        }

        #[test]
        fn a_pack_is_its_pieces(n in 5u32..40, each in 17u32..900) {
            for text in [format!("{n} x {each} ml"), format!("{n}x{each}ML"), format!("{n}/{each} ml")] {
                prop_assert_eq!(parse_size(&text), Some((f64::from(n * each), SizeUnit::Millilitre)));
            }
        }
    }
}
