/// Shares of the old moments that a step keeps, and what a division by nothing is kept from.
const KEPT: f32 = 0.9;
const KEPT_SQUARES: f32 = 0.999;
const EPSILON: f32 = 1e-5;

/// AdamW (Loshchilov, Hutter: Decoupled Weight Decay Regularization, 2019): each parameter goes
/// against the running mean of its derivative, in units of its running size, and shrinks a little.
pub(super) struct AdamW {
    weight_decay: f64,
    means: Vec<f32>,
    squares: Vec<f32>,
    /// Share of the moments that is still their start, 0.
    start: (f64, f64),
}

impl AdamW {
    pub(super) fn new(n_parameters: usize, weight_decay: f64) -> Self {
        Self { weight_decay, means: vec![0.0; n_parameters], squares: vec![0.0; n_parameters], start: (1.0, 1.0) }
    }

    /// A step against the gradient.
    pub(super) fn step(&mut self, parameters: &mut [f32], gradient: &[f32], learning_rate: f64) {
        self.start.0 *= f64::from(KEPT);
        self.start.1 *= f64::from(KEPT_SQUARES);
        let (mean_weight, square_weight) = ((1.0 - self.start.0) as f32, (1.0 - self.start.1) as f32);
        let shrink = (1.0 - learning_rate * self.weight_decay) as f32;
        let length = learning_rate as f32;
        let moments = self.means.iter_mut().zip(&mut self.squares);
        for ((parameter, &slope), (mean, square)) in parameters.iter_mut().zip(gradient).zip(moments) {
            *mean = KEPT * *mean + (1.0 - KEPT) * slope;
            *square = KEPT_SQUARES * *square + (1.0 - KEPT_SQUARES) * (slope * slope);
            let size = (*square / square_weight).sqrt() + EPSILON;
            *parameter = *parameter * shrink - length * (*mean / mean_weight / size);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_those_of_the_paper() {
        // Two steps by hand, in double precision.
        let (mut parameters, slopes) = ([2.0f32, -1.0, 0.5], [[0.3f32, -4.0, 0.0], [0.1, 5.0, 0.0]]);
        let mut adam = AdamW::new(3, 0.5);
        for (step, slopes) in slopes.iter().enumerate() {
            adam.step(&mut parameters, slopes, 0.1 / (step + 1) as f64);
        }
        for (at, start) in [2.0, -1.0, 0.5].into_iter().enumerate() {
            let (a, b) = (f64::from(slopes[0][at]), f64::from(slopes[1][at]));
            let first = start * 0.95 - 0.1 * a / (a.abs() + 1e-5);
            let mean = (0.9 * 0.1 * a + 0.1 * b) / (1.0 - 0.9 * 0.9);
            let square = (0.999 * 0.001 * a * a + 0.001 * b * b) / (1.0 - 0.999 * 0.999);
            let second = first * 0.975 - 0.05 * mean / (square.sqrt() + 1e-5);
            assert!((f64::from(parameters[at]) - second).abs() < 1e-5, "{at}: {} for {second}", parameters[at]);
        }
    }
}
