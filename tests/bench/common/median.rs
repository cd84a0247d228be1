//! The middle of several measurements.

use anyhow::{Context, Result};

/// The one in the middle, the upper one of two; the measurements are in ascending order then.
pub fn median(measured: &mut [f64]) -> Result<f64> {
    measured.sort_by(f64::total_cmp);
    measured.get(measured.len() / 2).copied().context("nothing was measured")
}
