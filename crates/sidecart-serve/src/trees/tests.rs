use proptest::prelude::*;
use sidecart_core::Rng;

use super::{MAX_LEAVES, TreeEnsemble, TreeParts};

/// The arrays of [`TreeParts`], owned.
#[derive(Clone, Debug, Default)]
struct Arrays {
    offsets: Vec<u32>,
    features: Vec<u16>,
    thresholds: Vec<f32>,
    left: Vec<i32>,
    right: Vec<i32>,
    leaves: Vec<f32>,
}

impl Arrays {
    fn parts(&self) -> TreeParts<'_> {
        TreeParts {
            offsets: &self.offsets,
            features: &self.features,
            thresholds: &self.thresholds,
            left: &self.left,
            right: &self.right,
            leaves: &self.leaves,
        }
    }

    /// Adds a tree of a random shape: leaves are split one after the other.
    fn grow(&mut self, rng: &mut Rng, n_nodes: usize, n_features: usize) {
        if self.offsets.is_empty() {
            self.offsets.push(0);
        }
        let start = self.left.len();
        // Where each leaf hangs: node and side.
        let mut links: Vec<Option<(usize, bool)>> = vec![None];
        for node in 0..n_nodes {
            // Often the newest leaf, so that some trees are deep.
            let leaf = if rng.chance(0.5) { links.len() - 1 } else { rng.below(links.len()) };
            if let Some((parent, is_right)) = links[leaf] {
                let side = if is_right { &mut self.right } else { &mut self.left };
                side[start + parent] = node as i32;
            }
            self.left.push(!(leaf as i32));
            self.right.push(!(links.len() as i32));
            links[leaf] = Some((node, false));
            links.push(Some((node, true)));
            self.features.push(rng.below(n_features) as u16);
            self.thresholds.push(small_number(rng));
        }
        self.leaves.extend((0..=n_nodes).map(|_| (rng.unit() - 0.5) as f32));
        self.offsets.push(self.left.len() as u32);
    }
}

/// One of few numbers, so that values meet thresholds; both zeros and the extremes among them.
fn small_number(rng: &mut Rng) -> f32 {
    [-f32::MAX, -1.5, -f32::MIN_POSITIVE, -0.0, 0.0, 1e-40, 0.5, 1.0, f32::MAX][rng.below(9)]
}

fn forest(seed: u64, n_trees: usize, n_features: usize) -> Arrays {
    let mut rng = Rng::new(seed, 0);
    let mut arrays = Arrays { offsets: vec![0], ..Arrays::default() };
    for _ in 0..n_trees {
        let n_nodes = rng.below(MAX_LEAVES);
        arrays.grow(&mut rng, n_nodes, n_features);
    }
    arrays
}

proptest! {
    #[test]
    fn fast_paths_agree_with_the_plain_twin(
        seed in any::<u64>(),
        n_trees in 0usize..40,
        n_features in prop::sample::select(vec![1usize, 3, 40, 256, 300]),
        n_rows in 0usize..80,
    ) {
        let arrays = forest(seed, n_trees, n_features);
        let trees = TreeEnsemble::from_parts(n_features, arrays.parts()).unwrap();
        let mut rng = Rng::new(seed, 1);
        let rows: Vec<f32> = (0..n_rows * n_features).map(|_| small_number(&mut rng)).collect();
        let mut scores = vec![f32::NAN; n_rows];
        trees.score_block(&rows, &mut scores);
        for (row, score) in rows.chunks(n_features).zip(scores) {
            let plain = trees.score_plain(row).to_bits();
            prop_assert_eq!(trees.score(row).to_bits(), plain);
            prop_assert_eq!(score.to_bits(), plain);
        }
    }

    /// Whatever single number is changed, the trees are refused or still score without a panic.
    #[test]
    fn damage_is_refused_or_harmless(seed in any::<u64>(), array in 0usize..5, value in any::<i32>(), small in -40i32..40) {
        let mut arrays = forest(seed, 3, 4);
        let mut rng = Rng::new(seed, 2);
        let value = if rng.chance(0.7) { small } else { value };
        let mut at = |len: usize| rng.below(len.max(1));
        match array {
            0 => { let i = at(arrays.offsets.len()); arrays.offsets[i] = value as u32; }
            1 if !arrays.features.is_empty() => { let i = at(arrays.features.len()); arrays.features[i] = value as u16; }
            2 if !arrays.left.is_empty() => { let i = at(arrays.left.len()); arrays.left[i] = value; }
            3 if !arrays.right.is_empty() => { let i = at(arrays.right.len()); arrays.right[i] = value; }
            _ => { let i = at(arrays.leaves.len()); arrays.leaves[i] = f32::from_bits(value as u32); }
        }
        if let Ok(trees) = TreeEnsemble::from_parts(4, arrays.parts()) {
            let row = [0.0, 1.0, -1.0, 0.5];
            prop_assert_eq!(trees.score(&row).to_bits(), trees.score_plain(&row).to_bits());
        }
    }
}

#[test]
fn parts_come_back() {
    let arrays = forest(3, 20, 7);
    let trees = TreeEnsemble::from_parts(7, arrays.parts()).unwrap();
    assert_eq!(trees.parts(), arrays.parts());
    assert_eq!((trees.n_trees(), trees.n_features()), (20, 7));
    assert_eq!(TreeEnsemble::from_parts(7, trees.parts()).unwrap(), trees);
}

#[test]
fn a_full_tree_and_a_chain_are_the_limit() {
    for n_nodes in [MAX_LEAVES - 1, MAX_LEAVES] {
        // A chain: node i sends a row above i on.
        let arrays = Arrays {
            offsets: vec![0, n_nodes as u32],
            features: vec![0; n_nodes],
            thresholds: (0..n_nodes).map(|i| i as f32).collect(),
            left: (0..n_nodes).map(|i| !(i as i32)).collect(),
            right: (0..n_nodes).map(|i| if i + 1 < n_nodes { i as i32 + 1 } else { !(n_nodes as i32) }).collect(),
            leaves: (0..=n_nodes).map(|i| i as f32).collect(),
        };
        let trees = TreeEnsemble::from_parts(1, arrays.parts());
        assert_eq!(trees.is_ok(), n_nodes < MAX_LEAVES);
        let Ok(trees) = trees else { continue };
        let rows: Vec<f32> = (0..64u8).map(|v| f32::from(v) / 2.0).collect();
        let mut scores = [0.0; 64];
        trees.score_block(&rows, &mut scores);
        for (&value, score) in rows.iter().zip(scores) {
            let leaf = value.ceil().min(31.0);
            assert_eq!(trees.score(&[value]), leaf);
            assert_eq!(score, leaf);
        }
    }
}

#[test]
fn no_trees_score_zero_and_constants_need_no_features() {
    let none = Arrays { offsets: vec![0], ..Arrays::default() };
    assert_eq!(TreeEnsemble::from_parts(2, none.parts()).unwrap().score(&[1.0, 2.0]), 0.0);
    let constants = Arrays { offsets: vec![0, 0, 0], leaves: vec![0.25, 0.5], ..Arrays::default() };
    let trees = TreeEnsemble::from_parts(0, constants.parts()).unwrap();
    let mut scores = [0.0; 33];
    trees.score_block(&[], &mut scores);
    assert_eq!((trees.score(&[]), scores), (0.75, [0.75; 33]));
}

#[test]
#[should_panic(expected = "one value for each feature")]
fn a_short_row_is_the_callers_mistake() {
    let arrays = forest(1, 1, 3);
    let _ = TreeEnsemble::from_parts(3, arrays.parts()).unwrap().score(&[1.0]);
}

#[test]
fn every_kind_of_damage_is_named() {
    // Tree 0: root, right child inner node 1; tree 1: a constant.
    let good = Arrays {
        offsets: vec![0, 2, 2],
        features: vec![0, 1],
        thresholds: vec![0.5, -1.0],
        left: vec![-1, -2],
        right: vec![1, -3],
        leaves: vec![1.0, 2.0, 3.0, 4.0],
    };
    assert!(TreeEnsemble::from_parts(2, good.parts()).is_ok());
    type Damage<'a> = &'a dyn Fn(&mut Arrays);
    let cases: [(&str, Damage<'_>); 19] = [
        ("trees.offsets: wrong length", &|a| a.offsets.clear()),
        ("trees.offsets: wrong bounds", &|a| a.offsets[0] = 1),
        ("trees.offsets: wrong bounds", &|a| a.offsets[2] = 3),
        ("trees.offsets: falling", &|a| a.offsets = vec![0, 3, 2]),
        ("trees.offsets: tree too large", &|a| {
            *a = Arrays { offsets: vec![0, 40], leaves: vec![0.0; 41], ..Arrays::default() };
            a.features = vec![0; 40];
            a.thresholds = vec![0.0; 40];
            (a.left, a.right) = (vec![-1; 40], vec![-2; 40]);
        }),
        ("trees.thresholds: wrong length", &|a| a.thresholds.push(1.0)),
        ("trees.left: wrong length", &|a| a.left.truncate(1)),
        ("trees.right: wrong length", &|a| a.right.push(-1)),
        ("trees.leaves: wrong length", &|a| a.leaves.truncate(3)),
        ("trees.features: unknown feature", &|a| a.features[1] = 2),
        ("trees.thresholds: not finite", &|a| a.thresholds[0] = f32::NAN),
        ("trees.leaves: not finite", &|a| a.leaves[3] = f32::INFINITY),
        ("trees.right: child out of range", &|a| a.right[0] = 0),
        ("trees.right: child out of range", &|a| a.right[0] = 2),
        ("trees.left: child out of range", &|a| a.left[1] = 1),
        ("trees.right: child out of range", &|a| a.right[1] = -4),
        ("trees.right: child out of range", &|a| a.right[1] = i32::MIN),
        ("trees.right: child of two nodes", &|a| a.right[1] = -1),
        ("trees.right: child of two nodes", &|a| (a.left[0], a.right[0]) = (1, 1)),
    ];
    for (expected, damage) in cases {
        let mut arrays = good.clone();
        damage(&mut arrays);
        let message = TreeEnsemble::from_parts(2, arrays.parts()).unwrap_err().to_string();
        assert!(message.starts_with(expected), "expected `{expected}`, got `{message}`");
    }
}
