//! Vectors as compact blobs, searched exactly.
//!
//! A vector is stored with its length taken away and one byte a dimension: a quarter of what floats
//! take. A knowledge base is small, so every vector is compared and nothing is missed; cosines are
//! right to about a hundredth.

/// A vector of unit length, one byte a dimension.
#[derive(Clone, Debug, PartialEq)]
pub struct Vector {
    scale: f32,
    parts: Box<[i8]>,
}

/// Numbers that are no vector: none, all zero, or not finite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("these numbers are no vector")]
pub struct NoVector;

impl Vector {
    /// Makes one from what a model answered.
    pub fn new(numbers: &[f32]) -> Result<Self, NoVector> {
        let unit = unit(numbers)?;
        let greatest = unit.iter().fold(0.0_f32, |most, number| most.max(number.abs()));
        let scale = greatest / 127.0;
        #[expect(clippy::cast_possible_truncation, reason = "between -127 and 127")]
        let parts = unit.iter().map(|number| (number / scale).round() as i8).collect();
        Ok(Self { scale, parts })
    }

    /// Returns how many dimensions it has.
    pub fn dimensions(&self) -> usize {
        self.parts.len()
    }

    /// Writes it for the database: four bytes and one a dimension.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.scale.to_le_bytes().to_vec();
        bytes.extend(self.parts.iter().map(|part| part.to_ne_bytes()[0]));
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NoVector> {
        let (scale, parts) = bytes.split_first_chunk::<4>().ok_or(NoVector)?;
        let scale = f32::from_le_bytes(*scale);
        if !scale.is_finite() || scale <= 0.0 || parts.is_empty() {
            return Err(NoVector);
        }
        Ok(Self { scale, parts: parts.iter().map(|part| i8::from_ne_bytes([*part])).collect() })
    }

    /// Returns the cosine between this and another vector; nothing if their dimensions differ.
    pub fn cosine(&self, query: &Query) -> Option<f32> {
        if self.parts.len() != query.0.len() {
            return None;
        }
        // Eight sums at a time, which the compiler turns into one instruction.
        let mut sums = [0.0_f32; 8];
        let (parts, numbers) = (self.parts.chunks_exact(8), query.0.chunks_exact(8));
        let rest: f32 =
            parts.remainder().iter().zip(numbers.remainder()).map(|(part, number)| f32::from(*part) * number).sum();
        for (parts, numbers) in parts.zip(numbers) {
            for ((sum, part), number) in sums.iter_mut().zip(parts).zip(numbers) {
                *sum += f32::from(*part) * number;
            }
        }
        Some((sums.iter().sum::<f32>() + rest) * self.scale)
    }
}

/// The vector of a question, kept at full precision.
#[derive(Clone, Debug, PartialEq)]
pub struct Query(Vec<f32>);

impl Query {
    /// Makes one from what a model answered.
    pub fn new(numbers: &[f32]) -> Result<Self, NoVector> {
        unit(numbers).map(Self)
    }
}

fn unit(numbers: &[f32]) -> Result<Vec<f32>, NoVector> {
    let length = numbers.iter().map(|number| f64::from(*number).powi(2)).sum::<f64>().sqrt();
    if !length.is_finite() || length <= f64::from(f32::MIN_POSITIVE) {
        return Err(NoVector);
    }
    #[expect(clippy::cast_possible_truncation, reason = "at most 1")]
    let unit = numbers.iter().map(|number| (f64::from(*number) / length) as f32).collect();
    Ok(unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_has_no_direction_is_no_vector() {
        assert_eq!(Vector::new(&[]), Err(NoVector));
        assert_eq!(Vector::new(&[0.0, 0.0]), Err(NoVector));
        assert_eq!(Vector::new(&[f32::NAN, 1.0]), Err(NoVector));
        assert_eq!(Vector::from_bytes(&[0, 0, 0, 0, 1]), Err(NoVector));
        assert_eq!(Vector::from_bytes(&[1, 2, 3]), Err(NoVector));
    }

    #[test]
    fn vectors_of_other_dimensions_are_not_compared() {
        let vector = Vector::new(&[1.0, 0.0]).unwrap();
        assert_eq!(vector.cosine(&Query::new(&[1.0, 0.0, 0.0]).unwrap()), None);
    }

    proptest! {
        #[test]
        fn cosines_are_right_to_a_hundredth(pairs in prop::collection::vec((-1.0_f32..1.0, -1.0_f32..1.0), 4..400)) {
            let (a, b): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
            if let (Ok(a8), Ok(bq), Ok(a1), Ok(b1)) = (Vector::new(&a), Query::new(&b), unit(&a), unit(&b)) {
                let exact: f32 = a1.iter().zip(&b1).map(|(a, b)| a * b).sum();
                let near = Vector::from_bytes(&a8.to_bytes()).unwrap().cosine(&bq).unwrap();
                prop_assert!((exact - near).abs() < 0.01, "{exact} {near}");
            }
        }
    }
}
