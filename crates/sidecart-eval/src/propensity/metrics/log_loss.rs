use sidecart_core::ln;

/// How near to 0 or 1 a prediction counts at most.
const CLIP: f64 = 1e-5;

/// Log loss of one case: minus the logarithm of the probability given to what happened; its mean
/// is the log loss. From 0 (certain and right) up; a prediction counts as within [1e-5, 1 - 1e-5],
/// so that one wrong certainty costs at most 11.5.
#[must_use]
pub fn log_loss(p: f64, upgraded: f64) -> f64 {
    let p = p.clamp(CLIP, 1.0 - CLIP);
    -ln(if upgraded > 0.0 { p } else { 1.0 - p })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::mean;
    use crate::propensity::metrics::sixty;

    #[test]
    fn by_hand() {
        assert!((log_loss(0.5, 1.0) - std::f64::consts::LN_2).abs() < 1e-15);
        assert!((log_loss(0.9, 0.0) - std::f64::consts::LN_10).abs() < 1e-14);
        assert!((log_loss(0.0, 1.0) - 11.512_925_464_970_23).abs() < 1e-11);
        assert!(log_loss(1.0, 1.0) < 1.1e-5);
    }

    #[test]
    fn as_scikit_learn() {
        let of = |p: Vec<f64>| mean(p.into_iter().zip(sixty::upgraded()).map(|(p, up)| log_loss(p, up))).unwrap();
        sixty::assert_close(of(sixty::fine()), 0.678_570_228_379);
        sixty::assert_close(of(sixty::coarse()), 0.631_931_603_405);
    }
}
