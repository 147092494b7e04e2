use sidecart_core::{Customer, ItemId, Time};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::layout::{MAX_RECORD_BYTES, u32_at, u64_at};

/// Memory that reading records uses again and again.
#[derive(Clone, Debug, Default)]
pub struct RecordScratch {
    pub(super) bytes: Vec<u8>,
    items: Vec<(ItemId, f32)>,
}

/// Checksum, number of baskets, number of items, number of traits, segment.
const HEAD_BYTES: usize = 24;

/// "No segment".
const NO_SEGMENT: u32 = u32::MAX;

/// Writes a record over `out`. The hash of the customer's id seeds the checksum, so that a
/// record cannot stand in for another customer's.
pub(super) fn encode(customer: &Customer, id_hash: u64, n_items: u64, out: &mut Vec<u8>) -> Result<(), String> {
    let Customer { history, segment, traits } = customer;
    out.clear();
    out.extend_from_slice(&[0; 8]);
    let n_lines: usize = (0..history.len()).map(|i| history.get(i).items.len()).sum();
    let bytes = HEAD_BYTES + 12 * history.len() + 4 + 8 * n_lines + 4 * traits.len();
    if bytes as u64 > MAX_RECORD_BYTES {
        return Err(format!("a record of {bytes} bytes, at most {MAX_RECORD_BYTES} allowed; keep fewer baskets"));
    }
    // Below the limit all counts fit 32 bits.
    let segment = segment.map_or(NO_SEGMENT, u32::from);
    for field in [history.len() as u32, n_lines as u32, traits.len() as u32, segment] {
        out.extend_from_slice(&field.to_le_bytes());
    }
    let baskets = || (0..history.len()).map(|i| history.get(i));
    let mut last = Time(i64::MIN);
    for basket in baskets() {
        if basket.time < last {
            return Err("times fall".into());
        }
        last = basket.time;
        out.extend_from_slice(&basket.time.0.to_le_bytes());
    }
    let mut end = 0u32;
    out.extend_from_slice(&end.to_le_bytes());
    for basket in baskets() {
        end += basket.items.len() as u32;
        out.extend_from_slice(&end.to_le_bytes());
    }
    for item in baskets().flat_map(|basket| basket.items) {
        if u64::from(item.0) >= n_items {
            return Err(format!("item {} of {n_items}", item.0));
        }
        out.extend_from_slice(&item.0.to_le_bytes());
    }
    for &paid in baskets().flat_map(|basket| basket.paid) {
        if !(paid >= 0.0 && paid.is_finite()) {
            return Err(format!("an amount of {paid}"));
        }
        out.extend_from_slice(&paid.to_le_bytes());
    }
    for &value in traits {
        if !value.is_finite() {
            return Err(format!("a trait of {value}"));
        }
        out.extend_from_slice(&value.to_le_bytes());
    }
    let checksum = xxh3_64_with_seed(&out[8..], id_hash);
    out[..8].copy_from_slice(&checksum.to_le_bytes());
    Ok(())
}

/// Checks the record in `scratch.bytes` and fills `out`, which must be empty.
pub(super) fn decode(
    scratch: &mut RecordScratch,
    id_hash: u64,
    n_items: u64,
    out: &mut Customer,
) -> Result<(), String> {
    let RecordScratch { bytes, items } = scratch;
    if bytes.len() < HEAD_BYTES {
        return Err(format!("a record of {} bytes", bytes.len()));
    }
    let (expected, got) = (u64_at(bytes, 0), xxh3_64_with_seed(&bytes[8..], id_hash));
    if expected != got {
        return Err(format!("checksum of a record is {got:016x}, expected {expected:016x}"));
    }
    let [n_baskets, n_lines, n_traits] = [8, 12, 16].map(|at| u32_at(bytes, at) as usize);
    let stated = n_baskets as u64 * 12 + 4 + n_lines as u64 * 8 + n_traits as u64 * 4 + HEAD_BYTES as u64;
    if stated != bytes.len() as u64 {
        return Err(format!("a record states {stated} bytes and has {}", bytes.len()));
    }
    let (times, rest) = bytes[HEAD_BYTES..].split_at(8 * n_baskets);
    let (offsets, rest) = rest.split_at(4 * (n_baskets + 1));
    let (lines, rest) = rest.split_at(4 * n_lines);
    let (amounts, traits) = rest.split_at(4 * n_lines);
    items.clear();
    items.extend((0..n_lines).map(|i| (ItemId(u32_at(lines, 4 * i)), f32::from_bits(u32_at(amounts, 4 * i)))));
    if let Some((item, _)) = items.iter().find(|(item, _)| u64::from(item.0) >= n_items) {
        return Err(format!("a record names item {} of {n_items}", item.0));
    }
    if let Some((_, paid)) = items.iter().find(|(_, paid)| !(*paid >= 0.0 && paid.is_finite())) {
        return Err(format!("a record holds an amount of {paid}"));
    }
    if u32_at(offsets, 0) != 0 || u32_at(offsets, 4 * n_baskets) as usize != n_lines {
        return Err("basket offsets do not cover the items".into());
    }
    let mut last = Time(i64::MIN);
    for i in 0..n_baskets {
        let time = Time(u64_at(times, 8 * i) as i64);
        let (begin, end) = (u32_at(offsets, 4 * i) as usize, u32_at(offsets, 4 * i + 4) as usize);
        if time < last || begin > end || end > n_lines {
            return Err(format!("basket {i} of a record is out of order"));
        }
        out.history.push_lines(time, items[begin..end].iter().copied());
        last = time;
    }
    out.segment = match u32_at(bytes, 20) {
        NO_SEGMENT => None,
        segment => Some(u16::try_from(segment).map_err(|_| format!("a record names segment {segment}"))?),
    };
    out.traits.extend((0..n_traits).map(|i| f32::from_bits(u32_at(traits, 4 * i))));
    match out.traits.iter().find(|value| !value.is_finite()) {
        Some(value) => Err(format!("a record holds a trait of {value}")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn customer(baskets: &[(i64, Vec<u32>)]) -> Customer {
        let mut customer = Customer { segment: Some(3), traits: vec![0.5, -2.0], ..Customer::default() };
        for (time, items) in baskets {
            customer.history.push_lines(Time(*time), items.iter().map(|&i| (ItemId(i), i as f32 / 4.0)));
        }
        customer
    }

    /// Signs a record again after a change.
    fn signed(mut bytes: Vec<u8>, id_hash: u64) -> RecordScratch {
        let checksum = xxh3_64_with_seed(&bytes[8..], id_hash);
        bytes[..8].copy_from_slice(&checksum.to_le_bytes());
        RecordScratch { bytes, items: Vec::new() }
    }

    proptest! {
        #[test]
        fn records_come_back(mut baskets in proptest::collection::vec((any::<i64>(), proptest::collection::vec(0u32..50, 0..6)), 0..8)) {
            baskets.sort();
            let written = customer(&baskets);
            let mut scratch = RecordScratch::default();
            encode(&written, 9, 50, &mut scratch.bytes).unwrap();
            let mut read = Customer::default();
            decode(&mut scratch, 9, 50, &mut read).unwrap();
            prop_assert_eq!(&read, &written);
            prop_assert!(decode(&mut scratch, 8, 50, &mut Customer::default()).is_err());
        }

        #[test]
        fn signed_nonsense_never_panics(words in proptest::collection::vec(prop_oneof![0u32..6, any::<u32>()], 6..28)) {
            let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
            let mut read = Customer::default();
            if decode(&mut signed(bytes, 3), 3, 6, &mut read).is_ok() {
                prop_assert!((0..read.history.len()).all(|i| read.history.get(i).items.iter().all(|item| item.0 < 6)));
            }
        }
    }

    #[test]
    fn every_rule_of_a_record_is_checked() {
        let mut bytes = Vec::new();
        encode(&customer(&[(1, vec![0, 1]), (2, vec![2])]), 5, 3, &mut bytes).unwrap();
        assert!(decode(&mut signed(bytes.clone(), 5), 5, 3, &mut Customer::default()).is_ok());
        let refused = |at: usize, to: u8, n_items: u64| {
            let mut changed = bytes.clone();
            changed[at] = to;
            decode(&mut signed(changed, 5), 5, n_items, &mut Customer::default()).unwrap_err()
        };
        assert!(refused(8, 9, 3).contains("states"));
        assert!(refused(12, 2, 3).contains("states"));
        assert!(refused(16, 3, 3).contains("states"));
        assert!(refused(22, 1, 3).contains("segment"));
        assert!(refused(24, 3, 3).contains("out of order"));
        assert!(refused(40, 1, 3).contains("cover"));
        assert!(refused(44, 9, 3).contains("out of order"));
        assert!(refused(48, 2, 3).contains("cover"));
        assert!(refused(52, 3, 3).contains("item 3"));
        assert!(refused(52, 0, 2).contains("item 2"));
        assert!(refused(67, 0xbf, 3).contains("amount"));
        bytes[79..=79].copy_from_slice(&[0x7f]);
        bytes[78] = 0x80;
        assert!(decode(&mut signed(bytes.clone(), 5), 5, 3, &mut Customer::default()).unwrap_err().contains("trait"));
        let negative = Customer { traits: vec![f32::NAN], ..Customer::default() };
        assert!(encode(&negative, 5, 3, &mut bytes).unwrap_err().contains("trait"));
        assert!(encode(&customer(&[(1, vec![3])]), 5, 3, &mut bytes).is_err());
        let long = customer(&[(1, vec![0; MAX_RECORD_BYTES as usize / 4])]);
        assert!(encode(&long, 5, 3, &mut bytes).unwrap_err().contains("at most"));
    }
}
