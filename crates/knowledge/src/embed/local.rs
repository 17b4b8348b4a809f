//! A model of this machine: an encoder of BERT's kind, as all-MiniLM-L6-v2 is, computed here.
//!
//! What it needs lies in a directory, as model hubs and packages have it: `config.json`, `model.safetensors` and
//! `vocab.txt`. `cargo xtask prove local-model` holds its vectors against those of the tokenizer and the formulas that
//! the model was published with.
//!
//! What a newcomer gets wrong: a runtime for models would bring hundreds of crates for these four formulas (look up,
//! multiply, soften, level). What takes time are the multiplications, and those are a crate's.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use ndarray::{Array1, Array2, Axis, Slice};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use super::Embedder;
use crate::endpoint::EndpointError;

/// What models of this kind were trained on; what is beyond says nothing to them.
const TOKENS: usize = 256;
/// A longer word is none.
const WORD: usize = 100;

/// Why a directory holds no model.
#[derive(Debug, thiserror::Error)]
pub enum LocalModelError {
    /// A file is not there, or can't be read.
    #[error("{0} cannot be read: {1}")]
    File(&'static str, #[source] std::io::Error),
    /// A file holds something else.
    #[error("{0} is not that of a model like all-MiniLM-L6-v2: {1}")]
    Content(&'static str, String),
}

/// A model that is computed here.
#[derive(Clone, Debug)]
pub struct LocalEmbedder {
    model: Arc<Encoder>,
    name: String,
}

impl LocalEmbedder {
    /// Reads the model of a directory: all of it, into memory.
    pub fn open(directory: &Path) -> Result<Self, LocalModelError> {
        let file = |name: &'static str| std::fs::read(directory.join(name)).map_err(|e| LocalModelError::File(name, e));
        let settings: Settings = serde_json::from_slice(&file("config.json")?)
            .map_err(|error| LocalModelError::Content("config.json", error.to_string()))?;
        let vocabulary = Vocabulary::read(&String::from_utf8_lossy(&file("vocab.txt")?))
            .ok_or_else(|| LocalModelError::Content("vocab.txt", "it lacks [CLS], [SEP] or [UNK]".to_owned()))?;
        let weights = file("model.safetensors")?;
        // Vectors of other weights are never compared with these.
        let digest = Sha256::digest(&weights);
        let name = format!("local-{:016x}", digest.iter().take(8).fold(0, |all, byte| all << 8 | u64::from(*byte)));
        let model = Encoder::read(settings, vocabulary, &weights)
            .map_err(|why| LocalModelError::Content("model.safetensors", why))?;
        Ok(Self { model: Arc::new(model), name })
    }
}

#[async_trait]
impl Embedder for LocalEmbedder {
    fn model(&self) -> &str {
        &self.name
    }

    async fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EndpointError> {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        let model = self.model.clone();
        let work = tokio::task::spawn_blocking(move || texts.iter().map(|text| model.embed(text)).collect());
        work.await.map_err(|error| EndpointError::Unavailable(error.to_string()))
    }
}

#[derive(Debug, Deserialize)]
struct Settings {
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    max_position_embeddings: usize,
    hidden_act: String,
    #[serde(default = "usual_epsilon")]
    layer_norm_eps: f32,
}

fn usual_epsilon() -> f32 {
    1e-12
}

/// The model: a table of words, and layers.
#[derive(Debug)]
struct Encoder {
    settings: Settings,
    vocabulary: Vocabulary,
    words: Array2<f32>,
    places: Array2<f32>,
    kinds: Array2<f32>,
    norm: Norm,
    layers: Vec<Layer>,
}

#[derive(Debug)]
struct Layer {
    query: Dense,
    key: Dense,
    value: Dense,
    seen: Dense,
    seen_norm: Norm,
    wide: Dense,
    narrow: Dense,
    norm: Norm,
}

#[derive(Debug)]
struct Dense {
    /// A row for each output.
    weight: Array2<f32>,
    bias: Array1<f32>,
}

#[derive(Debug)]
struct Norm {
    weight: Array1<f32>,
    bias: Array1<f32>,
    epsilon: f32,
}

impl Encoder {
    fn read(settings: Settings, vocabulary: Vocabulary, file: &[u8]) -> Result<Self, String> {
        let tensors = Tensors::read(file)?;
        let hidden = settings.hidden_size;
        if settings.num_attention_heads == 0 || hidden == 0 || !hidden.is_multiple_of(settings.num_attention_heads) {
            return Err("its heads do not divide its size".to_owned());
        }
        if settings.hidden_act != "gelu" {
            return Err(format!("it is softened by {:?}; only gelu is known", settings.hidden_act));
        }
        let epsilon = settings.layer_norm_eps;
        let words = tensors.table("embeddings.word_embeddings.weight", hidden)?;
        if words.nrows() < vocabulary.size {
            return Err("it has fewer words than vocab.txt".to_owned());
        }
        let places = tensors.table("embeddings.position_embeddings.weight", hidden)?;
        if places.nrows() < settings.max_position_embeddings.min(TOKENS) {
            return Err("it has too few places".to_owned());
        }
        let layers = (0..settings.num_hidden_layers)
            .map(|number| {
                let at = format!("encoder.layer.{number}.");
                let dense = |name: &str, from: usize| tensors.dense(&format!("{at}{name}"), from);
                let norm = |name: &str| tensors.norm(&format!("{at}{name}"), hidden, epsilon);
                let wide = dense("intermediate.dense", hidden)?;
                let between = wide.bias.len();
                Ok(Layer {
                    query: dense("attention.self.query", hidden)?,
                    key: dense("attention.self.key", hidden)?,
                    value: dense("attention.self.value", hidden)?,
                    seen: dense("attention.output.dense", hidden)?,
                    seen_norm: norm("attention.output.LayerNorm")?,
                    wide,
                    narrow: dense("output.dense", between)?,
                    norm: norm("output.LayerNorm")?,
                })
            })
            .collect::<Result<Vec<Layer>, String>>()?;
        let same_size = |layer: &Layer| {
            [&layer.query, &layer.key, &layer.value, &layer.seen, &layer.narrow]
                .iter()
                .all(|it| it.bias.len() == hidden)
        };
        if !layers.iter().all(same_size) {
            return Err("a layer has another size".to_owned());
        }
        Ok(Self {
            kinds: tensors.table("embeddings.token_type_embeddings.weight", hidden)?,
            norm: tensors.norm("embeddings.LayerNorm", hidden, epsilon)?,
            settings,
            vocabulary,
            words,
            places,
            layers,
        })
    }

    /// Returns what a text means: the mean over its tokens, of unit length.
    fn embed(&self, text: &str) -> Vec<f32> {
        let most = TOKENS.min(self.settings.max_position_embeddings);
        let tokens = self.vocabulary.tokens(text, most);
        let (hidden, heads) = (self.settings.hidden_size, self.settings.num_attention_heads);
        let each = hidden / heads;
        let mut x = Array2::<f32>::zeros((tokens.len(), hidden));
        for ((mut row, token), place) in x.rows_mut().into_iter().zip(&tokens).zip(self.places.rows()) {
            row += &self.words.row(*token);
            row += &place;
            row += &self.kinds.row(0);
        }
        self.norm.apply(&mut x);
        #[expect(clippy::cast_precision_loss, reason = "a few dozen")]
        let scale = (each as f32).sqrt().recip();
        for layer in &self.layers {
            let (query, key, value) = (layer.query.apply(&x), layer.key.apply(&x), layer.value.apply(&x));
            let mut seen = Array2::<f32>::zeros((tokens.len(), hidden));
            for head in 0..heads {
                let part = Slice::from(head * each..(head + 1) * each);
                let mut scores = query.slice_axis(Axis(1), part).dot(&key.slice_axis(Axis(1), part).t());
                for mut row in scores.rows_mut() {
                    let greatest = row.fold(f32::MIN, |most, number| most.max(*number));
                    row.mapv_inplace(|number| ((number - greatest) * scale).exp());
                    let sum = row.sum();
                    row /= sum;
                }
                seen.slice_axis_mut(Axis(1), part).assign(&scores.dot(&value.slice_axis(Axis(1), part)));
            }
            x += &layer.seen.apply(&seen);
            layer.seen_norm.apply(&mut x);
            let mut wide = layer.wide.apply(&x);
            wide.mapv_inplace(soften);
            x += &layer.narrow.apply(&wide);
            layer.norm.apply(&mut x);
        }
        let mean = x.mean_axis(Axis(0)).unwrap_or_else(|| Array1::zeros(hidden));
        let length = mean.dot(&mean).sqrt().max(f32::MIN_POSITIVE);
        mean.iter().map(|number| number / length).collect()
    }
}

impl Dense {
    fn apply(&self, x: &Array2<f32>) -> Array2<f32> {
        x.dot(&self.weight.t()) + &self.bias
    }
}

impl Norm {
    fn apply(&self, x: &mut Array2<f32>) {
        for mut row in x.rows_mut() {
            #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
            let count = row.len() as f32;
            let mean = row.sum() / count;
            row -= mean;
            let level = (row.dot(&row) / count + self.epsilon).sqrt().recip();
            row *= level;
            row *= &self.weight;
            row += &self.bias;
        }
    }
}

/// GELU, by the error function to seven digits (Abramowitz and Stegun, 7.1.26).
fn soften(x: f32) -> f32 {
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let sum = t * (0.254_829_6 + t * (-0.284_496_74 + t * (1.421_413_7 + t * (-1.453_152 + t * 1.061_405_4))));
    let erf = (1.0 - sum * (-z * z).exp()).copysign(x);
    0.5 * x * (1.0 + erf)
}

/// The tensors of a file: a length, a table of contents, and numbers.
struct Tensors<'f> {
    contents: HashMap<String, Entry>,
    numbers: &'f [u8],
}

#[derive(Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (usize, usize),
}

impl<'f> Tensors<'f> {
    fn read(file: &'f [u8]) -> Result<Self, String> {
        let broken = || "it is not in the format safetensors".to_owned();
        let (length, rest) = file.split_first_chunk::<8>().ok_or_else(broken)?;
        let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| broken())?;
        let (contents, numbers) = rest.split_at_checked(length).ok_or_else(broken)?;
        let contents: HashMap<String, serde_json::Value> = serde_json::from_slice(contents).map_err(|_| broken())?;
        let contents = contents
            .into_iter()
            .filter_map(|(name, entry)| Some((name, serde_json::from_value(entry).ok()?)))
            .collect();
        Ok(Self { contents, numbers })
    }

    fn numbers(&self, name: &str) -> Result<(&[usize], Vec<f32>), String> {
        let entry = self.contents.get(name).ok_or_else(|| format!("it has no {name}"))?;
        if entry.dtype != "F32" {
            return Err(format!("{name} is of {}, not of F32", entry.dtype));
        }
        let (begin, end) = entry.data_offsets;
        let bytes = self.numbers.get(begin..end).ok_or_else(|| format!("{name} is cut off"))?;
        let numbers = bytes.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]));
        Ok((&entry.shape, numbers.collect()))
    }

    fn table(&self, name: &str, columns: usize) -> Result<Array2<f32>, String> {
        let (shape, numbers) = self.numbers(name)?;
        let odd = || format!("{name} has the shape {shape:?}");
        let &[rows, wide] = shape else { return Err(odd()) };
        if wide != columns {
            return Err(odd());
        }
        Array2::from_shape_vec((rows, wide), numbers).map_err(|_| odd())
    }

    fn row(&self, name: &str, length: usize) -> Result<Array1<f32>, String> {
        let (shape, numbers) = self.numbers(name)?;
        if shape == [length] && numbers.len() == length {
            Ok(Array1::from_vec(numbers))
        } else {
            Err(format!("{name} has the shape {shape:?}"))
        }
    }

    fn dense(&self, name: &str, from: usize) -> Result<Dense, String> {
        let weight = self.table(&format!("{name}.weight"), from)?;
        let bias = self.row(&format!("{name}.bias"), weight.nrows())?;
        Ok(Dense { weight, bias })
    }

    fn norm(&self, name: &str, length: usize, epsilon: f32) -> Result<Norm, String> {
        let weight = self.row(&format!("{name}.weight"), length)?;
        Ok(Norm { weight, bias: self.row(&format!("{name}.bias"), length)?, epsilon })
    }
}

/// The pieces of words that a model knows, in small letters and without accents.
#[derive(Debug)]
struct Vocabulary {
    pieces: HashMap<String, usize>,
    begin: usize,
    end: usize,
    unknown: usize,
    size: usize,
}

impl Vocabulary {
    fn read(text: &str) -> Option<Self> {
        let pieces: HashMap<String, usize> =
            text.lines().enumerate().map(|(place, piece)| (piece.trim_end_matches('\r').to_owned(), place)).collect();
        let place = |piece: &str| pieces.get(piece).copied();
        let (begin, end, unknown) = (place("[CLS]")?, place("[SEP]")?, place("[UNK]")?);
        Some(Self { begin, end, unknown, size: text.lines().count(), pieces })
    }

    /// Returns the pieces of a text, at most so many, between a beginning and an end.
    fn tokens(&self, text: &str, most: usize) -> Vec<usize> {
        let mut tokens = vec![self.begin];
        for word in words(text) {
            if tokens.len() >= most {
                break;
            }
            self.cut(&word, &mut tokens);
        }
        tokens.truncate(most.saturating_sub(1));
        tokens.push(self.end);
        tokens
    }

    /// Cuts a word into the longest pieces that are known; a word with a part that is not is unknown.
    fn cut(&self, word: &str, tokens: &mut Vec<usize>) {
        let before = tokens.len();
        let letters: Vec<char> = word.chars().collect();
        let mut start = 0;
        while start < letters.len() && letters.len() <= WORD {
            let prefix = if start > 0 { "##" } else { "" };
            let known = (start + 1..=letters.len()).rev().find_map(|end| {
                let piece: String = prefix.chars().chain(letters[start..end].iter().copied()).collect();
                Some((end, *self.pieces.get(&piece)?))
            });
            let Some((end, piece)) = known else { break };
            tokens.push(piece);
            start = end;
        }
        if start < letters.len() {
            tokens.truncate(before);
            tokens.push(self.unknown);
        }
    }
}

/// The words of a text as models of this kind read it: small, without accents, each sign by itself.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let plain = text.chars().filter(|c| *c != '\0' && *c != '\u{fffd}').nfd().filter(|c| !is_combining_mark(*c));
    for c in plain.flat_map(char::to_lowercase).filter(|c| !is_combining_mark(*c)) {
        let ends = c.is_whitespace();
        let alone = is_sign(c) || is_chinese(c);
        if (ends || alone) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if alone {
            words.push(c.to_string());
        } else if !ends && !c.is_control() && !is_format(c) {
            word.push(c);
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// Signs that stand between words: ASCII's, and Unicode's punctuation as far as people type it.
fn is_sign(c: char) -> bool {
    c.is_ascii_punctuation()
        || matches!(c, '¡' | '§' | '«' | '¶' | '\u{b7}' | '»' | '¿' | '\u{37e}' | '\u{387}')
        || matches!(c, '\u{55a}'..='\u{55f}' | '\u{589}' | '\u{58a}' | '\u{5f3}' | '\u{5f4}')
        || matches!(c, '،' | '؛' | '؟' | '٪'..='٭' | '۔' | '।' | '॥')
        || matches!(c, '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{2043}' | '\u{2045}'..='\u{2051}' | '\u{2053}'..='\u{205e}')
        || matches!(
            c,
            '\u{207d}' | '\u{207e}' | '\u{208d}' | '\u{208e}' | '\u{2308}'..='\u{230b}' | '\u{2329}' | '\u{232a}'
        )
        || matches!(c, '\u{2768}'..='\u{2775}' | '\u{27e6}'..='\u{27ef}' | '\u{2983}'..='\u{2998}' | '\u{2e00}'..='\u{2e2e}')
        || matches!(c, '\u{3001}'..='\u{3003}' | '\u{3008}'..='\u{3011}' | '\u{3014}'..='\u{301f}' | '\u{30fb}')
        || matches!(c, '\u{ff01}'..='\u{ff03}' | '\u{ff05}'..='\u{ff0a}' | '\u{ff0c}'..='\u{ff0f}' | '\u{ff1a}' | '\u{ff1b}')
        || matches!(c, '\u{ff1f}' | '\u{ff20}' | '\u{ff3b}'..='\u{ff3d}' | '\u{ff5b}' | '\u{ff5d}' | '\u{ff5f}'..='\u{ff65}')
}

fn is_chinese(c: char) -> bool {
    matches!(c, '\u{4e00}'..='\u{9fff}' | '\u{3400}'..='\u{4dbf}' | '\u{20000}'..='\u{2a6df}' | '\u{2a700}'..='\u{2ceaf}')
        || matches!(c, '\u{f900}'..='\u{faff}' | '\u{2f800}'..='\u{2fa1f}')
}

/// Characters that only say how others are written.
fn is_format(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIECES: &str = "[PAD]\n[UNK]\n[CLS]\n[SEP]\nrefund\n##s\n##able\n,\nkayak\ncafe\n漢\ntwo";

    #[test]
    fn words_are_cut_into_the_longest_pieces_that_are_known() {
        let vocabulary = Vocabulary::read(PIECES).unwrap();
        let tokens = |text: &str| vocabulary.tokens(text, 32);
        assert_eq!(tokens("Refunds, refundable KAYAK"), [2, 4, 5, 7, 4, 6, 8, 3]);
        assert_eq!(tokens("Café 漢漢 refundx"), [2, 9, 10, 10, 1, 3]);
        assert_eq!(tokens(""), [2, 3]);
        assert_eq!(tokens(&"kayak".repeat(50)), [2, 1, 3], "an endless word is none");
        assert_eq!(vocabulary.tokens(&"two ".repeat(100), 8), [2, 11, 11, 11, 11, 11, 11, 3]);
    }

    #[test]
    fn gelu_is_right_to_six_digits() {
        for (x, right) in
            [(0.0, 0.0), (1.0, 0.841_344_7), (-1.0, -0.158_655_3), (3.0, 2.995_950_3), (-0.5, -0.154_268_8)]
        {
            assert!((soften(x) - right).abs() < 1e-6, "{x}: {}", soften(x));
        }
    }

    /// A model of one layer with numbers that are none of anybody's.
    fn model() -> (String, Vec<u8>) {
        let settings = r#"{"hidden_size": 4, "num_hidden_layers": 1, "num_attention_heads": 2, "hidden_act": "gelu",
                           "max_position_embeddings": 16}"#;
        let at = "encoder.layer.0.";
        let mut shapes: Vec<(String, Vec<usize>)> = vec![
            ("embeddings.word_embeddings.weight".to_owned(), vec![12, 4]),
            ("embeddings.position_embeddings.weight".to_owned(), vec![16, 4]),
            ("embeddings.token_type_embeddings.weight".to_owned(), vec![2, 4]),
        ];
        let mut dense = |name: &str, to: usize, from: usize| {
            shapes.push((format!("{at}{name}.weight"), vec![to, from]));
            shapes.push((format!("{at}{name}.bias"), vec![to]));
        };
        for name in ["attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"] {
            dense(name, 4, 4);
        }
        dense("intermediate.dense", 8, 4);
        dense("output.dense", 4, 8);
        for name in
            ["embeddings.LayerNorm", "encoder.layer.0.attention.output.LayerNorm", "encoder.layer.0.output.LayerNorm"]
        {
            shapes.push((format!("{name}.weight"), vec![4]));
            shapes.push((format!("{name}.bias"), vec![4]));
        }
        let (mut contents, mut numbers) = (serde_json::Map::new(), Vec::new());
        let mut number = 0.3_f32;
        for (name, shape) in shapes {
            let begin = numbers.len();
            for _ in 0..shape.iter().product::<usize>() {
                number = (number * 37.7 + 0.11).fract() - 0.2;
                numbers.extend_from_slice(&number.to_le_bytes());
            }
            let entry = serde_json::json!({"dtype": "F32", "shape": shape, "data_offsets": [begin, numbers.len()]});
            contents.insert(name, entry);
        }
        let contents = serde_json::to_vec(&contents).unwrap();
        let mut file = (contents.len() as u64).to_le_bytes().to_vec();
        file.extend(contents);
        file.extend(numbers);
        (settings.to_owned(), file)
    }

    fn read(settings: &str, file: &[u8]) -> Result<Encoder, String> {
        Encoder::read(serde_json::from_str(settings).unwrap(), Vocabulary::read(PIECES).unwrap(), file)
    }

    #[test]
    fn a_text_has_one_vector_of_unit_length_and_another_text_another() {
        let (settings, file) = model();
        let model = read(&settings, &file).unwrap();
        let vectors: Vec<Vec<f32>> = ["refund kayak", "refund kayak", "kayak refund", "", &"two ".repeat(99)]
            .iter()
            .map(|text| model.embed(text))
            .collect();
        assert_eq!(vectors[0], vectors[1]);
        assert_ne!(vectors[0], vectors[2], "the order counts");
        for vector in vectors {
            assert!((vector.iter().map(|number| number * number).sum::<f32>() - 1.0).abs() < 1e-5, "{vector:?}");
        }
    }

    #[test]
    fn a_file_that_is_no_model_says_why() {
        let (settings, file) = model();
        assert!(read(&settings, b"no").unwrap_err().contains("safetensors"));
        assert!(read(&settings, &file[..file.len() - 4]).unwrap_err().contains("cut off"));
        assert!(
            read(&settings.replace("\"hidden_size\": 4", "\"hidden_size\": 6"), &file).unwrap_err().contains("shape")
        );
        assert!(read(&settings.replace("_layers\": 1", "_layers\": 2"), &file).unwrap_err().contains("layer.1"));
        assert!(read(&settings.replace("gelu", "relu"), &file).unwrap_err().contains("relu"));
        let nowhere = LocalEmbedder::open(Path::new("/nonexistent")).unwrap_err().to_string();
        assert!(nowhere.contains("config.json"), "{nowhere}");
    }
}
