use super::order::Order;
use super::sigmoid::sigmoid;

/// One of the two kinds of rows in a pair, by rank.
#[derive(Default)]
struct Side {
    rows: Vec<u32>,
    ranks: Vec<u32>,
    scores: Vec<f64>,
    discounts: Vec<f64>,
    /// Sums over the pairs of a row, of the first derivative's magnitude and of the second.
    lambdas: Vec<f64>,
    curvatures: Vec<f64>,
}

impl Side {
    fn clear(&mut self) {
        self.rows.clear();
        self.ranks.clear();
        self.scores.clear();
        self.discounts.clear();
        self.lambdas.clear();
        self.curvatures.clear();
    }

    fn push(&mut self, rank: usize, (score, row): (f64, u32), discount: f64) {
        self.rows.push(row);
        self.ranks.push(rank as u32);
        self.scores.push(score);
        self.discounts.push(discount);
        self.lambdas.push(0.0);
        self.curvatures.push(0.0);
    }
}

/// The pairs of a query, and memory for the next one.
#[derive(Default)]
pub(super) struct Pairs {
    relevant: Side,
    others: Side,
    /// Derivatives of the pairs of one relevant row.
    lambdas: Vec<f64>,
    curvatures: Vec<f64>,
}

impl Pairs {
    /// Sums the derivatives of all pairs with a row among the first `truncation`. `scale` turns
    /// differences of `discounts` into changes of NDCG.
    pub(super) fn derive(
        &mut self,
        order: &Order,
        relevant: &[bool],
        discounts: &[f64],
        truncation: usize,
        scale: f64,
    ) {
        self.relevant.clear();
        self.others.clear();
        for (rank, (&ranked, &discount)) in order.ranked().iter().zip(discounts).enumerate() {
            let side = if relevant[ranked.1 as usize] { &mut self.relevant } else { &mut self.others };
            side.push(rank, ranked, discount);
        }
        let n_leading = self.others.ranks.partition_point(|&rank| (rank as usize) < truncation);
        for better in 0..self.relevant.rows.len() {
            let is_leading = (self.relevant.ranks[better] as usize) < truncation;
            let n_pairs = if is_leading { self.others.rows.len() } else { n_leading };
            let (score, discount) = (self.relevant.scores[better], self.relevant.discounts[better]);
            self.lambdas.resize(n_pairs, 0.0);
            self.curvatures.resize(n_pairs, 0.0);
            let others = self.others.scores.iter().zip(&self.others.discounts);
            for ((lambda, curvature), (other_score, other_discount)) in
                self.lambdas.iter_mut().zip(&mut self.curvatures).zip(others)
            {
                let change = scale * (discount - other_discount).abs();
                let wrong = sigmoid(score - other_score);
                *lambda = change * wrong;
                *curvature = change * wrong * (1.0 - wrong);
            }
            let sums = self.others.lambdas.iter_mut().zip(&mut self.others.curvatures);
            for ((lambda_sum, curvature_sum), (lambda, curvature)) in
                sums.zip(self.lambdas.iter().zip(&self.curvatures))
            {
                *lambda_sum += lambda;
                *curvature_sum += curvature;
            }
            self.relevant.lambdas[better] = self.lambdas.iter().sum();
            self.relevant.curvatures[better] = self.curvatures.iter().sum();
        }
    }

    /// Writes the derivatives, times `weight`, by row: negative for relevant rows, positive for the others.
    pub(super) fn write(&self, weight: f64, gradients: &mut [f32], hessians: &mut [f32]) {
        for (side, sign) in [(&self.relevant, -1.0), (&self.others, 1.0)] {
            let sums = side.lambdas.iter().zip(&side.curvatures);
            for (&row, (lambda, curvature)) in side.rows.iter().zip(sums) {
                gradients[row as usize] = (sign * weight * lambda) as f32;
                hessians[row as usize] = (weight * curvature) as f32;
            }
        }
    }
}
