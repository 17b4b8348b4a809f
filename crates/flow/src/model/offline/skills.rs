//! What the answerer can do beside answering: review code by rules, write up notes, draft a reply.

use std::fmt::Write as _;

use super::passages::Knowledge;
use super::{Tone, first_sentences};

/// A skill that a prompt asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Skill {
    CodeReview,
    Message,
    Reply,
}

/// Returns the skill that a prompt asks for with a line `Skill: …`.
pub(super) fn of(system: &str) -> Option<Skill> {
    let line = system.lines().find_map(|line| line.trim().strip_prefix("Skill:"))?;
    match line.trim() {
        "code-review" => Some(Skill::CodeReview),
        "message" => Some(Skill::Message),
        "reply" => Some(Skill::Reply),
        _ => None,
    }
}

/// Uses a skill, if what was said is something for it.
pub(super) fn run(
    skill: Skill,
    system: &str,
    said: &str,
    knowledge: &Knowledge,
    tone: Tone,
    name: &str,
) -> Option<String> {
    match skill {
        Skill::CodeReview => review(system, said),
        Skill::Message => message(said),
        Skill::Reply => reply(said, knowledge, tone, name),
    }
}

/// Names each rule whose pattern is in the code: `- pattern | pattern => remark`.
fn review(system: &str, said: &str) -> Option<String> {
    let looks_like_code =
        said.contains(['{', '}', ';', '=', '(']) || said.contains("except:") || said.lines().count() > 2;
    if !looks_like_code {
        return None;
    }
    let lower = said.to_lowercase();
    let mut remarks = Vec::new();
    for line in system.lines() {
        let Some((patterns, remark)) = line.trim().strip_prefix("- ").and_then(|rule| rule.split_once(" => ")) else {
            continue;
        };
        let found = patterns.split(" | ").find(|pattern| {
            // Every part that is joined by "&" must be there.
            pattern.split(" & ").all(|part| lower.contains(&part.trim().to_lowercase()))
        });
        if found.is_some() {
            remarks.push(remark.trim().to_owned());
        }
    }
    if remarks.is_empty() {
        return Some(
            "None of the patterns that I know is in this code. That is no verdict: check its error paths, its names, and whether a test would fail without it."
                .to_owned(),
        );
    }
    let mut text = match remarks.len() {
        1 => "One thing to look at:\n".to_owned(),
        count => format!("{count} things to look at:\n"),
    };
    for (number, remark) in remarks.iter().enumerate() {
        let _ = write!(text, "\n{}. {remark}", number + 1);
    }
    Some(text)
}

/// Writes rough notes up as a Slack message.
fn message(said: &str) -> Option<String> {
    let (kind, rest) = said.split_once(':').unwrap_or((said, ""));
    let lower = kind.trim().to_lowercase();
    let (headline, rest) = if !rest.is_empty() && lower.starts_with("announce") {
        (":mega: *Announcement*", rest)
    } else if !rest.is_empty() && (lower.starts_with("incident") || lower.starts_with("outage")) {
        (":rotating_light: *Incident*", rest)
    } else if lower.starts_with("remind") {
        (":bell: *Reminder*", said.split_once(" that ").map_or(said, |(_, rest)| rest))
    } else if !rest.is_empty() && (lower.starts_with("decision") || lower.starts_with("decided")) {
        (":white_check_mark: *Decision*", rest)
    } else {
        return None;
    };
    let points: Vec<String> =
        rest.split([',', ';', '\n']).map(str::trim).filter(|point| !point.is_empty()).map(sentence).collect();
    let (first, more) = points.split_first()?;
    let mut text = format!("{headline}\n>{first}");
    for point in more {
        let _ = write!(text, "\n• {point}");
    }
    text.push_str(match headline {
        h if h.contains("Incident") => "\n\n_Updates follow in this thread._\n\nWhere to post it: the incident channel, with @here. Leave @channel for when everyone must act.",
        h if h.contains("Reminder") => "\n\nWhere to post it: the team's channel, the morning before.",
        _ => "\n\nWhere to post it: the channel of those it concerns; questions in the thread.",
    });
    Some(text)
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let Some(first) = chars.next() else {
        return String::new();
    };
    let mut out: String = first.to_uppercase().chain(chars).collect();
    if !out.ends_with(['.', '!', '?']) {
        out.push('.');
    }
    out
}

/// Drafts the answer to a mail.
fn reply(said: &str, knowledge: &Knowledge, tone: Tone, name: &str) -> Option<String> {
    let words = said.split_whitespace().count();
    let opens = ["hi", "hello", "dear", "good", "hey"].iter().any(|open| said.to_lowercase().starts_with(open));
    if words < 8 || !(opens || said.contains('\n')) {
        return None;
    }
    let writer = said.trim_end().rsplit([',', '\n']).next().map(str::trim).filter(|name| {
        (1..=3).contains(&name.split_whitespace().count()) && name.chars().next().is_some_and(char::is_uppercase)
    });
    let questions: Vec<&str> = said
        .split_inclusive(['.', '?', '!', '\n'])
        .filter(|sentence| sentence.trim_end().ends_with('?'))
        .map(|sentence| sentence.trim().trim_start_matches(['-', '•']).trim())
        .collect();
    let greeting = match (tone, writer) {
        (Tone::Professional, Some(writer)) => format!("Dear {writer},"),
        (Tone::Casual, Some(writer)) => format!("Hi {writer},"),
        (_, Some(writer)) => format!("Hello {writer},"),
        (Tone::Professional, None) => "Dear Sir or Madam,".to_owned(),
        (_, None) => "Hello,".to_owned(),
    };
    let mut text = format!("{greeting}\n\nThank you for your message.");
    let lower = said.to_lowercase();
    if ["twice", "wrong", "broken", "late", "complain", "disappoint", "not work"]
        .iter()
        .any(|word| lower.contains(word))
    {
        text.push_str(" I am sorry for the trouble.");
    }
    let found = knowledge.best(said, &[]);
    match found {
        Some(passage) => {
            let _ = write!(text, "\n\n{}", first_sentences(&passage, 3));
        }
        None => text.push_str("\n\n[Answer here: this is not in what I was given.]"),
    }
    if questions.len() > 1 {
        text.push_str("\n\nYou also asked:");
        for question in questions.iter().skip(1) {
            let _ = write!(text, "\n- {question} [answer]");
        }
    }
    let sign = if name.is_empty() { "[your name]" } else { name };
    let _ =
        write!(text, "\n\n{}\n{sign}", if tone == Tone::Professional { "Yours sincerely," } else { "Kind regards," });
    Some(text)
}
