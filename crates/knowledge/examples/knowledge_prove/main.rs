//! What stands behind `cargo xtask prove retrieval`.
//!
//! `texts DATA OUT` cuts the collections and writes what every engine gets; other engines then leave
//! their rankings in OUT; `figures DATA OUT` ranks with this crate and scores everyone alike. `tune DATA`
//! says what other settings of ours reach on the training questions, which is how ours were chosen.

#![expect(clippy::print_stdout, reason = "xtask reads the figures there")]

mod collection;
mod engine;
mod score;

use std::path::Path;

use anyhow::{Context as _, bail};
use knowledge::{HybridOptions, LexicalOptions};
use serde_json::{Value, json};

use collection::{Collection, Form, Part};
use engine::Ranker;
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
        _ => bail!("say texts DATA OUT, tune DATA, or figures DATA OUT"),
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
            let mut best_lexical = 0.0_f64;
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
                if system != "bm25s" && system != "tantivy" {
                    bail!("an engine that this proof does not know: {system}");
                }
                best_lexical = best_lexical.max(scores.ndcg);
                rows.push(row(system, rival["settings"].as_str().unwrap_or_default(), &scores));
            }
            let vectors = engine::Vectors::read(out, &name)?;
            let (words, mixed) = (LexicalOptions::default(), HybridOptions::default());
            let ranker = Ranker::new(&parts, words, mixed, Some(&vectors));
            let lexical = Scores::of(&collection.test, |question| ranker.rank(question, None));
            let settings =
                format!("k1 {} b {} title {} neighbours {}", words.k1, words.b, words.context, words.neighbours);
            rows.push(row("ours, words", &settings, &lexical));
            let dense = Ranker::new(&parts, words, HybridOptions { meaning: 1.0 }, Some(&vectors));
            let dense = Scores::of(&collection.test, |question| dense.rank(question, vectors.question(&question.id)));
            rows.push(row("ours, vectors", "wordllama, 256 dimensions", &dense));
            let hybrid = Scores::of(&collection.test, |question| ranker.rank(question, vectors.question(&question.id)));
            rows.push(row("ours, both", &format!("vectors weigh {}", mixed.meaning), &hybrid));
            holds &= lexical.ndcg >= best_lexical && hybrid.ndcg >= best_lexical.max(dense.ndcg);
        }
    }
    Ok(json!({"holds": holds, "figures": {"test questions": rows}}))
}

fn rounded(number: f64) -> f64 {
    (number * 10_000.0).round() / 10_000.0
}
