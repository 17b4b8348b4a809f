//! How one price is divided between several sellers.

use super::{LARGEST, PostError};

/// Divides `total` in proportion to weights: each line gets its exact share rounded down, and what is left goes, a
/// unit each, to the lines that were rounded down most; of those that were rounded alike, to the smaller key first.
///
/// So the parts add up to the total, each is less than one unit from its exact share, a greater weight never gets
/// less, and the order of the lines does not matter. Returns the parts in the order of the lines.
///
/// # Errors
///
/// Without a line of more than nothing, with a negative weight, and beyond what the ledger holds.
pub fn split<K: Ord>(total: i64, lines: &[(K, i64)]) -> Result<Vec<i64>, PostError> {
    if !(0..=LARGEST).contains(&total) {
        return Err(PostError::OutOfBounds(total));
    }
    if let Some((_, wrong)) = lines.iter().find(|(_, weight)| !(0..=LARGEST).contains(weight)) {
        return Err(PostError::OutOfBounds(*wrong));
    }
    let sum: i128 = lines.iter().map(|(_, weight)| i128::from(*weight)).sum();
    if sum == 0 {
        return Err(PostError::OutOfBounds(0));
    }
    let exact = |weight: i64| i128::from(total) * i128::from(weight);
    let mut parts = Vec::with_capacity(lines.len());
    for (_, weight) in lines {
        parts.push(i64::try_from(exact(*weight) / sum).map_err(|_| PostError::OutOfBounds(*weight))?);
    }
    let mut by_loss: Vec<usize> = (0..lines.len()).collect();
    by_loss.sort_by(|&a, &b| {
        let lost = |line: usize| exact(lines[line].1) % sum;
        lost(b).cmp(&lost(a)).then_with(|| lines[a].0.cmp(&lines[b].0))
    });
    let left = total - parts.iter().sum::<i64>();
    for &line in by_loss.iter().take(usize::try_from(left).unwrap_or(0)) {
        parts[line] += 1;
    }
    Ok(parts)
}
