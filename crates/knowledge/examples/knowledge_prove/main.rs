//! What stands behind `cargo xtask prove retrieval`, `prove formats`, `prove bench-knowledge`
//! and `prove local-model`.
//!
//! `texts DATA OUT` cuts the collections and writes what every engine gets; other engines then leave
//! their rankings in OUT; `figures DATA OUT` ranks with this crate and scores everyone alike. `tune DATA`
//! says what other settings of ours reach on the training questions, which is how ours were chosen.
//! `formats FILES THEIRS SAID` reads files of every format beside what another extractor made of them.
//! `deal DATA OUT COUNT` makes so many passages, and `bench OUT COUNT` measures what ranking them costs.
//! `some DATA OUT` writes texts, and `local MODEL TEXTS THEIRS` compares the vectors of the model that is computed here.

#![expect(clippy::print_stdout, reason = "xtask reads the figures there")]

mod bench;
mod collection;
mod engine;
mod formats;
mod local;
mod score;

use std::path::Path;

use anyhow::{Context as _, bail};
use knowledge::{HybridOptions, LexicalOptions};
use serde_json::{Value, json};

use collection::{Collection, Form, Part};
use engine::{MODELS, Ranker, Vectors};
use score::Scores;

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["texts", data, out] => texts(Path::new(data), Path::new(out)),
        ["tune", data] => tune(Path::new(data)),
        ["figures", data, out] => {
            println!("{}", figures(Path::new(data), Path::new(out))?);
            Ok(())
        }
        ["formats", files, theirs, said] => {
            println!("{}", formats::compare(Path::new(files), Path::new(theirs), Path::new(said))?);
            Ok(())
        }
        ["deal", data, out, count] => bench::deal(Path::new(data), Path::new(out), count.parse()?),
        ["bench", out, count] => {
            println!("{}", Value::from(bench::measure(Path::new(out), count.parse()?)?));
            Ok(())
        }
        ["some", data, out] => local::some(Path::new(data), Path::new(out)),
        ["local", model, texts, theirs] => {
            println!("{}", local::compare(Path::new(model), Path::new(texts), Path::new(theirs))?);
            Ok(())
        }
        _ => bail!(
            "say texts DATA OUT, tune DATA, figures DATA OUT, formats FILES THEIRS SAID, deal DATA OUT COUNT, bench OUT COUNT, some DATA OUT or local MODEL TEXTS THEIRS"
        ),
    }
}

fn texts(data: &Path, out: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(out)?;
    for collection in Collection::all(data)? {
        for form in Form::BOTH {
            let lines: String = collection
                .parts(form)
                .iter()
                .map(|part| {
                    json!({"document": part.document, "title": part.title, "text": part.text}).to_string() + "\n"
                })
                .collect();
            std::fs::write(out.join(format!("{}-{}.jsonl", collection.name, form.name())), lines)?;
        }
        let questions = json!({"train": collection.train, "test": collection.test});
        std::fs::write(out.join(format!("{}-questions.json", collection.name)), questions.to_string())?;
    }
    Ok(())
}

fn tune(data: &Path) -> anyhow::Result<()> {
    let collections = Collection::all(data)?;
    for form in Form::BOTH {
        let prepared: Vec<(&Collection, Vec<Part>)> = collections.iter().map(|one| (one, one.parts(form))).collect();
        for k1 in [1.2, 1.5, 1.8] {
            for b in [0.6, 0.75] {
                for context in [1.0, 2.0, 3.0] {
                    for neighbours in [0.0, 0.2, 0.35, 0.5] {
                        let options = LexicalOptions { k1, b, context, neighbours };
                        let mut line = format!("{:<7}{k1:<5}{b:<6}{context:<4}{neighbours:<6}", form.name());
                        for (collection, parts) in &prepared {
                            let ranker = Ranker::new(parts, options, HybridOptions::default(), None);
                            let scores = Scores::of(&collection.train, |question| ranker.rank(question, None));
                            line += &format!("{} {:.4} {:.4}   ", collection.name, scores.ndcg, scores.recall);
                        }
                        println!("{line}");
                    }
                }
            }
        }
    }
    Ok(())
}

fn figures(data: &Path, out: &Path) -> anyhow::Result<Value> {
    let mut rows = Vec::new();
    let mut holds = true;
    for collection in Collection::all(data)? {
        for form in Form::BOTH {
            let name = format!("{}-{}", collection.name, form.name());
            let parts = collection.parts(form);
            let row = |system: &str, settings: &str, scores: &Scores| {
                json!({
                    "collection": name, "system": system, "ndcg_at_10": rounded(scores.ndcg),
                    "recall_at_100": rounded(scores.recall), "settings": settings,
                })
            };
            let (mut best_lexical, mut best_of_all) = (0.0_f64, 0.0_f64);
            let rivals: Value = serde_json::from_slice(
                &std::fs::read(out.join(format!("{name}-rankings.json")))
                    .context("the other engines left no rankings")?,
            )?;
            for rival in rivals.as_array().context("rankings are a list")? {
                let runs = &rival["rankings"];
                let scores = Scores::of(&collection.test, |question| {
                    let ranked = runs[&question.id].as_array().map(Vec::as_slice).unwrap_or_default();
                    ranked.iter().filter_map(|document| document.as_str().map(str::to_owned)).collect()
                });
                let system = rival["system"].as_str().unwrap_or_default();
                if ["bm25s", "tantivy"].contains(&system) {
                    best_lexical = best_lexical.max(scores.ndcg);
                }
                best_of_all = best_of_all.max(scores.ndcg);
                rows.push(row(system, rival["settings"].as_str().unwrap_or_default(), &scores));
            }
            let words = LexicalOptions::default();
            let alone = Ranker::new(&parts, words, HybridOptions::default(), None);
            let lexical = Scores::of(&collection.test, |question| alone.rank(question, None));
            let settings =
                format!("k1 {} b {} title {} neighbours {}", words.k1, words.b, words.context, words.neighbours);
            rows.push(row("ours, words", &settings, &lexical));
            holds &= lexical.ndcg >= best_lexical;
            for model in MODELS {
                let questions = collection.train.iter().chain(&collection.test);
                let vectors = Vectors::read(out, &name, model, questions)?;
                let ranked = |meaning: f32, questions: &[collection::Question]| {
                    let ranker = Ranker::new(&parts, words, HybridOptions { meaning }, Some(&vectors));
                    Scores::of(questions, |question| ranker.rank(question, vectors.question(&question.id)))
                };
                let what = |how: &str| format!("ours, {how} ({})", model.name);
                let dense = ranked(1.0, &collection.test);
                rows.push(row(&what("vectors"), &format!("{} dimensions", model.dimensions), &dense));
                let usual = HybridOptions::default().meaning;
                let hybrid = ranked(usual, &collection.test);
                rows.push(row(&what("both"), &format!("vectors weigh {usual}, as in the product"), &hybrid));
                // What other shares are worth is for the training questions to say.
                let shares = [0.2, 0.3, 0.4, 0.5, 0.6, 0.7];
                let mut tried: Vec<(f64, f32)> =
                    shares.iter().map(|share| (ranked(*share, &collection.train).ndcg, *share)).collect();
                tried.sort_by(|a, b| b.0.total_cmp(&a.0));
                let best = tried.first().map_or(usual, |(_, share)| *share);
                let tuned = ranked(best, &collection.test);
                rows.push(row(&what("both"), &format!("vectors weigh {best}, tuned"), &tuned));
                holds &= tuned.ndcg >= dense.ndcg.max(lexical.ndcg);
                if model.name == "minilm" {
                    holds &= hybrid.ndcg >= best_of_all;
                }
            }
        }
    }
    Ok(json!({"holds": holds, "figures": {"test questions": rows}}))
}

fn rounded(number: f64) -> f64 {
    (number * 10_000.0).round() / 10_000.0
}
