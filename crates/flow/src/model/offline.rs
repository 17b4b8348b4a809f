//! The built-in answerer: no network, the same answer every time, and never an echo.
//!
//! It answers from what it is given — the buyer's instructions and documents, and the prompt's section
//! `# Knowledge` — by finding the passage that fits the question best. When none does it says so, and
//! names what it can talk about. A prompt may ask for a skill with a line `Skill: …`:
//! `code-review` (rules as `- pattern => remark`), `message` (a Slack message of rough notes) and
//! `reply` (a draft answer to a mail). What a newcomer gets wrong: what stands before `# Knowledge` are
//! instructions to the model, and is never quoted.

mod passages;
mod skills;

use async_trait::async_trait;

use super::{ModelAnswer, ModelError, ModelProvider, ModelRequest, TokenSink, Usage, estimate_tokens};
use passages::Knowledge;

/// The built-in answerer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Offline;

#[async_trait]
impl ModelProvider for Offline {
    async fn complete(&self, request: &ModelRequest, tokens: &dyn TokenSink) -> Result<ModelAnswer, ModelError> {
        let text = answer(request);
        if request.stream {
            for piece in text.split_inclusive(' ') {
                tokens.token(piece).await?;
            }
        }
        let read =
            request.full_system().len() + request.messages.iter().map(|message| message.text.len()).sum::<usize>();
        let usage =
            Usage { input_tokens: (read as u64).div_ceil(4), output_tokens: estimate_tokens(&text), estimated: true };
        Ok(ModelAnswer { text, tool_calls: Vec::new(), usage, model: "offline".to_owned() })
    }
}

fn answer(request: &ModelRequest) -> String {
    let asked = request.messages.last().map(|message| message.text.as_str()).unwrap_or_default();
    let question = if request.question.trim().is_empty() { asked } else { &request.question };
    let question = question.trim();
    let knowledge = Knowledge::of(request);
    let tone = Tone::of(&request.persona.tone);
    if let Some(skill) = skills::of(&request.system)
        && let Some(text) = skills::run(skill, &request.system, question, &knowledge, tone, &request.persona.name)
    {
        return text;
    }
    if let Some(text) = small_talk(question, request, &knowledge, tone) {
        return text;
    }
    match knowledge.best(question, &request.history) {
        Some(passage) => tone.wrap(&passage),
        None => nothing(&knowledge, tone),
    }
}

/// How the answer is dressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Professional,
    Friendly,
    Casual,
}

impl Tone {
    fn of(name: &str) -> Self {
        match name {
            "professional" => Self::Professional,
            "casual" => Self::Casual,
            _ => Self::Friendly,
        }
    }

    fn wrap(self, passage: &str) -> String {
        match self {
            Self::Professional => passage.to_owned(),
            Self::Friendly => format!("{passage}\n\nIs there anything else I can help you with?"),
            // Short: the first two sentences say it.
            Self::Casual => first_sentences(passage, 2),
        }
    }
}

fn first_sentences(text: &str, most: usize) -> String {
    let mut ends = text
        .match_indices(['.', '!', '?'])
        .filter(|(at, _)| text[at + 1..].chars().next().is_none_or(char::is_whitespace));
    match ends.nth(most - 1) {
        Some((at, _)) => text[..=at].to_owned(),
        None => text.to_owned(),
    }
}

fn small_talk(question: &str, request: &ModelRequest, knowledge: &Knowledge, tone: Tone) -> Option<String> {
    let words: Vec<String> = question
        .to_lowercase()
        .split(|c: char| !c.is_alphanumeric() && c != '\'')
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    let lower = question.to_lowercase();
    let name = if request.persona.name.is_empty() { "your assistant".to_owned() } else { request.persona.name.clone() };
    let about = knowledge.topics(6);
    let can = if about.is_empty() { String::new() } else { format!(" I can tell you about {}.", list(&about)) };
    if [
        "what can you do",
        "what do you do",
        "how can you help",
        "what can i ask",
        "who are you",
        "what are you",
        "your name",
        "what do you look for",
    ]
    .iter()
    .any(|phrase| lower.contains(phrase))
    {
        return Some(match tone {
            Tone::Professional => format!("I am {name}.{can}"),
            Tone::Friendly => format!("I'm {name}, happy to help!{can}"),
            Tone::Casual => format!("{name} here.{can}"),
        });
    }
    if words.len() <= 4 && has(&["hi", "hello", "hey", "morning", "evening", "hallo", "howdy"]) {
        return Some(if request.persona.greeting.is_empty() {
            format!("Hello! I am {name}.{can}")
        } else {
            request.persona.greeting.clone()
        });
    }
    if words.len() <= 6 && has(&["thanks", "thank", "thx", "cheers"]) {
        return Some(match tone {
            Tone::Professional => "You are welcome.".to_owned(),
            Tone::Friendly => "You're very welcome! Just ask if anything else comes up.".to_owned(),
            Tone::Casual => "Any time.".to_owned(),
        });
    }
    if words.len() <= 4 && has(&["bye", "goodbye"]) {
        return Some("Goodbye, and all the best.".to_owned());
    }
    None
}

/// Says that nothing fits, and what would.
fn nothing(knowledge: &Knowledge, tone: Tone) -> String {
    let about = knowledge.topics(6);
    let sorry = match tone {
        Tone::Professional => "I have no information about that.",
        Tone::Friendly => "I'm sorry, I could not find anything about that.",
        Tone::Casual => "No idea about that one, sorry.",
    };
    if about.is_empty() { sorry.to_owned() } else { format!("{sorry} What I can help with: {}.", list(&about)) }
}

/// Writes `a, b and c`.
pub(super) fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Persona;
    use crate::retrieve::Passage;

    fn ask(system: &str, question: &str) -> String {
        answer(&ModelRequest { system: system.to_owned(), question: question.to_owned(), ..ModelRequest::default() })
    }

    const SHOP: &str = "You are a shop's assistant. Never mention returns twice.\n\n# Knowledge\n\n## Returns\nYou can send an article back within 30 days. The label is in the parcel.\n\n## Delivery\nParcels take two to four working days.";

    #[test]
    fn a_question_is_answered_from_the_passage_that_fits() {
        assert!(ask(SHOP, "How do I return something?").starts_with("You can send an article back within 30 days."));
        assert!(ask(SHOP, "How long does delivery take?").starts_with("Parcels take two to four"));
    }

    #[test]
    fn a_question_that_nothing_fits_is_not_guessed_at() {
        let answer = ask(SHOP, "What is the capital of France?");
        assert!(
            answer.contains("could not find") && answer.contains("Returns") && !answer.contains("Never mention"),
            "{answer}"
        );
    }

    #[test]
    fn the_buyers_instructions_are_knowledge_too() {
        let persona = Persona {
            instructions: "Our shop in Bremen opens at nine in the morning.".to_owned(),
            tone: "professional".to_owned(),
            ..Persona::default()
        };
        let request = ModelRequest {
            system: SHOP.to_owned(),
            question: "When does the shop in Bremen open?".to_owned(),
            persona,
            ..ModelRequest::default()
        };
        assert_eq!(answer(&request), "Our shop in Bremen opens at nine in the morning.");
    }

    #[test]
    fn of_a_buyers_document_the_paragraph_that_fits_is_quoted() {
        let document = Passage {
            title: "[1] handbook.md › Handbook".to_owned(),
            text: "Returns\n\nOpened kayaks cost a fee of 17 percent.\n\nParking\n\nVisitors park behind the sawmill."
                .to_owned(),
            url: String::new(),
        };
        let request = |question: &str| ModelRequest {
            question: question.to_owned(),
            persona: Persona { tone: "professional".to_owned(), ..Persona::default() },
            knowledge: vec![document.clone()],
            ..ModelRequest::default()
        };
        assert_eq!(answer(&request("What is the fee for kayaks?")), "Opened kayaks cost a fee of 17 percent.");
        assert_eq!(answer(&request("How does parking go?")), "Visitors park behind the sawmill.");
        let none = answer(&request("Do you sell helicopters?"));
        assert!(none.contains("no information") && none.contains("Parking") && !none.contains("[1]"), "{none}");
    }

    #[test]
    fn the_same_question_has_the_same_answer_and_it_is_no_echo() {
        for question in ["Where is my parcel?", "xyzzy", "Hello", "Thanks!"] {
            let answer = ask(SHOP, question);
            assert_eq!(answer, ask(SHOP, question));
            assert_ne!(answer.to_lowercase().trim(), question.to_lowercase());
        }
    }
}
