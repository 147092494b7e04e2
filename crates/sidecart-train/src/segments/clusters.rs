//! Segments learned from behaviour.

use linfa::DatasetBase;
use linfa::ParamGuard;
use linfa::prelude::Fit;
use linfa_clustering::KMeans;
use ndarray::{Array2, Axis};
use rand_xoshiro::Xoshiro256Plus;
use rand_xoshiro::rand_core::SeedableRng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sidecart_core::mix64;

use super::behaviour::Behaviour;
use super::error::SegmentError;
use super::gaussian::{self, Shapes};
use super::mix::CategoryMix;
use super::naming;
use super::params::{LearnMethod, LearnedParams};
use super::space::{CLUSTERED, CustomerState, Space};

/// More active customers than this are drawn from; all are assigned.
const MAX_SHAPING: usize = 50_000;
/// Starts of k-means, of which the tightest result is kept.
const N_RUNS: usize = 24;
const MAX_ITERATIONS: u64 = 200;
const TOLERANCE: f64 = 1e-4;

/// Segments as regions of the space of behaviour, numbered by falling size.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct LearnedSegments {
    /// What they were learned with.
    pub params: LearnedParams,
    /// The period whose beginning they describe; nothing later entered.
    pub as_of: i32,
    /// What is typical of each segment, in words; distinct.
    pub names: Vec<String>,
    /// Active customers in each segment when it was learned.
    pub sizes: Vec<u32>,
    /// Mean of each behaviour of [`CLUSTERED`] in each segment, in standard deviations from the
    /// average active customer.
    pub profiles: Vec<Vec<f32>>,
    /// The categories whose shares of spend take part.
    pub mix: CategoryMix,
    space: Space,
    /// One row for each segment.
    centroids: Vec<Vec<f32>>,
    /// Of a Gaussian mixture.
    shapes: Option<Shapes>,
}

impl LearnedSegments {
    /// Learns segments from the customers with at least `min_baskets` baskets. `customers` are in
    /// the order of their ids and stand as of the beginning of period `as_of`, their shares over
    /// `mix`. The result does not depend on the number of threads.
    ///
    /// A segment that would be empty is left out, so there can be fewer than `k`.
    ///
    /// # Errors
    /// [`SegmentError::Parameter`], [`SegmentError::TooFewCustomers`] or [`SegmentError::NoFit`].
    pub fn fit(
        customers: &[CustomerState],
        mix: CategoryMix,
        as_of: i32,
        params: &LearnedParams,
        seed: u64,
    ) -> Result<Self, SegmentError> {
        params.check()?;
        let active: Vec<&CustomerState> = customers.iter().filter(|c| c.n_baskets >= params.min_baskets).collect();
        if active.len() < params.k as usize {
            let (got, min_baskets, k) = (active.len(), params.min_baskets, params.k);
            return Err(SegmentError::TooFewCustomers { got, min_baskets, k });
        }
        let shaping = sample(&active, seed);
        let space = Space::new(&shaping, mix.len());
        let points: Vec<f64> = shaping.iter().flat_map(|c| space.point(&c.behaviour, &c.mix)).map(f64::from).collect();
        let points = Array2::from_shape_vec((shaping.len(), space.n_columns()), points)
            .expect("every point has one number for each column");
        let (centroids, shapes) = learn(&points, params, mix64(seed ^ 0x5E67))?;
        let centroids = centroids.axis_iter(Axis(0)).map(|row| row.iter().map(|&v| v as f32).collect()).collect();
        let mut segments = Self {
            params: params.clone(),
            as_of,
            names: Vec::new(),
            sizes: Vec::new(),
            profiles: Vec::new(),
            mix,
            space,
            centroids,
            shapes,
        };
        segments.number_and_name(&active);
        Ok(segments)
    }

    /// The segment of a customer with enough baskets: the nearest centre, or the distribution of
    /// the highest responsibility; of equal ones the first. O(k * columns), squared for a mixture.
    #[must_use]
    pub fn assign(&self, behaviour: &Behaviour, mix: &[f32]) -> u16 {
        self.nearest(&self.space.point(behaviour, mix)) as u16
    }

    /// The segment of a customer; `None` with fewer than `min_baskets` baskets.
    #[must_use]
    pub fn segment_of(&self, customer: &CustomerState) -> Option<u16> {
        (customer.n_baskets >= self.params.min_baskets).then(|| self.assign(&customer.behaviour, &customer.mix))
    }

    /// Number of segments.
    #[must_use]
    pub fn len(&self) -> usize {
        self.centroids.len()
    }

    /// Whether there is no segment; never so after a fit.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.centroids.is_empty()
    }

    fn nearest(&self, point: &[f32]) -> usize {
        let mut best = (f64::NEG_INFINITY, 0);
        for (which, centroid) in self.centroids.iter().enumerate() {
            let score = match &self.shapes {
                Some(shapes) => shapes.log_density(which, centroid, point),
                None => -centroid.iter().zip(point).map(|(c, p)| f64::from(c - p) * f64::from(c - p)).sum::<f64>(),
            };
            if score > best.0 {
                best = (score, which);
            }
        }
        best.1
    }

    /// Puts segments in the order of their sizes, drops empty ones and names the rest.
    fn number_and_name(&mut self, active: &[&CustomerState]) {
        let points: Vec<Vec<f32>> = active.par_iter().map(|c| self.space.point(&c.behaviour, &c.mix)).collect();
        let assigned: Vec<usize> = points.par_iter().map(|point| self.nearest(point)).collect();
        let mut sizes = vec![0u32; self.len()];
        let mut sums = vec![vec![0.0f64; self.space.n_columns()]; self.len()];
        for (point, &segment) in points.iter().zip(&assigned) {
            sizes[segment] += 1;
            sums[segment].iter_mut().zip(point).for_each(|(sum, &v)| *sum += f64::from(v));
        }
        let mut order: Vec<usize> = (0..self.len()).filter(|&segment| sizes[segment] > 0).collect();
        order.sort_by_key(|&segment| (std::cmp::Reverse(sizes[segment]), segment));
        let deviations: Vec<Vec<f64>> = order
            .iter()
            .map(|&segment| {
                let mean: Vec<f64> = sums[segment].iter().map(|sum| sum / f64::from(sizes[segment])).collect();
                self.space.in_deviations(&mean)
            })
            .collect();
        self.names = naming::names(&deviations, &self.mix.names);
        self.profiles = deviations.iter().map(|d| d[..CLUSTERED.len()].iter().map(|&v| v as f32).collect()).collect();
        self.centroids = order.iter().map(|&segment| self.centroids[segment].clone()).collect();
        self.shapes = self.shapes.as_ref().map(|shapes| shapes.select(&order));
        self.sizes = order.iter().map(|&segment| sizes[segment]).collect();
    }
}

/// All customers, or as many as shape segments, drawn by seed and position.
fn sample<'a>(active: &[&'a CustomerState], seed: u64) -> Vec<&'a CustomerState> {
    let mut drawn: Vec<usize> = (0..active.len()).collect();
    if drawn.len() > MAX_SHAPING {
        let seed = mix64(seed);
        drawn.sort_unstable_by_key(|&position| (mix64(seed ^ position as u64), position));
        drawn.truncate(MAX_SHAPING);
        drawn.sort_unstable();
    }
    drawn.into_iter().map(|position| active[position]).collect()
}

/// Centres, one row each, and the shapes of a mixture.
fn learn(
    points: &Array2<f64>,
    params: &LearnedParams,
    seed: u64,
) -> Result<(Array2<f64>, Option<Shapes>), SegmentError> {
    let failed = |problem: String, remedy: &'static str| SegmentError::NoFit {
        method: params.learned.name(),
        k: params.k,
        problem,
        remedy,
    };
    match params.learned {
        LearnMethod::KMeans => {
            let fitted = KMeans::params_with_rng(params.k as usize, Xoshiro256Plus::seed_from_u64(seed))
                .n_runs(N_RUNS)
                .max_n_iterations(MAX_ITERATIONS)
                .tolerance(TOLERANCE)
                .check()
                .map_err(|error| failed(error.to_string(), "choose another k"))?
                .fit(&DatasetBase::from(points.view()))
                .map_err(|error| failed(error.to_string(), "choose another k"))?;
            Ok((fitted.centroids().clone(), None))
        }
        LearnMethod::GaussianMixture => gaussian::fit(points, params.k as usize, seed)
            .map(|(centres, shapes)| (centres, Some(shapes)))
            .map_err(|problem| failed(problem, "lower segments.by k or learn by k-means")),
    }
}
