use crate::top_k::index::TAME;

/// A query in int8 with what its error bound needs.
#[derive(Debug, Default)]
pub(crate) struct QuantisedQuery {
    pub(crate) words: Vec<i32>,
    pub(crate) correction: i32,
    pub(crate) scale: f32,
    pub(crate) residual_weight: f32,
    pub(crate) norm_weight: f32,
}

impl QuantisedQuery {
    /// Quantises a finite query; false when its size lies outside the range of the error bound.
    pub(crate) fn fill(&mut self, query: &[f32]) -> bool {
        let largest = query.iter().fold(0.0f32, |most, v| most.max(v.abs()));
        if !TAME.contains(&largest) {
            return false;
        }
        self.scale = largest / 127.0;
        let scale = f64::from(self.scale);
        let (mut sum, mut kept, mut lost, mut norm) = (0i32, 0.0f64, 0.0f64, 0.0f64);
        self.words.clear();
        for four in query.chunks(4) {
            let mut bytes = [0u8; 4];
            for (byte, &value) in bytes.iter_mut().zip(four) {
                let quantised = (value / self.scale).round().clamp(-127.0, 127.0);
                *byte = (quantised as i8) as u8;
                sum += quantised as i32;
                kept += (f64::from(quantised) * scale).powi(2);
                lost += (f64::from(value) - f64::from(quantised) * scale).powi(2);
                norm += f64::from(value).powi(2);
            }
            self.words.push(i32::from_le_bytes(bytes));
        }
        self.correction = 128 * sum;
        // A float dot product of d values is off by at most about d 2^-24 |q| |x|, the estimate by
        // a few roundings more; twice (d + 32) 2^-24 covers both.
        let rounding = (query.len() + 32) as f64 * 2.0 / f64::from(1 << 24);
        self.residual_weight = (kept.sqrt() * (1.0 + 1e-5)) as f32;
        self.norm_weight = ((lost.sqrt() + rounding * norm.sqrt()) * (1.0 + 1e-5)) as f32;
        true
    }
}
