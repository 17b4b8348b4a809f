use proptest::prelude::*;

use super::*;

fn sent(text: &str) -> Event {
    Event::Sent { text: text.to_owned(), key: "k1".to_owned() }
}

/// A chat whose message is on its way.
fn asking() -> Chat {
    let mut chat = Chat::default();
    chat.on(sent("Hi"));
    let attempt = chat.attempt;
    chat.on(Event::Opened { attempt });
    chat
}

fn piece(chat: &mut Chat, text: &str) {
    let attempt = chat.attempt;
    chat.on(Event::Piece { attempt, text: text.to_owned() });
}

fn fail(chat: &mut Chat, problem: Problem) -> Vec<Effect> {
    let attempt = chat.attempt;
    chat.on(Event::Failed { attempt, problem })
}

fn tick(chat: &mut Chat) -> Vec<Effect> {
    let attempt = chat.attempt;
    chat.on(Event::Ticked { attempt })
}

fn texts(chat: &Chat) -> Vec<&str> {
    chat.messages().iter().map(|message| message.text.as_str()).collect()
}

#[test]
fn a_message_opens_a_session_and_then_invokes() {
    let mut chat = Chat::default();
    assert_eq!(chat.on(sent("  Hi ")), [Effect::Open { attempt: 1, renew: false }, Effect::Tell("message")]);
    let effects = chat.on(Event::Opened { attempt: 1 });
    assert_eq!(effects, [Effect::Invoke { attempt: 1, text: "Hi".to_owned(), key: "k1".to_owned() }]);
    piece(&mut chat, "Good ");
    piece(&mut chat, "day");
    assert!(chat.messages()[1].grows && chat.is_busy());
    assert_eq!(chat.on(Event::Answered { attempt: 1, text: "Good day".to_owned() }), [Effect::Tell("reply")]);
    assert_eq!(texts(&chat), ["Hi", "Good day"]);
    assert!(chat.takes_messages() && !chat.is_busy());
}

#[test]
fn nothing_is_sent_while_an_answer_comes_or_when_there_is_nothing_to_send() {
    let mut chat = asking();
    assert_eq!(chat.on(sent("More")), []);
    let mut chat = Chat::default();
    assert_eq!(chat.on(sent(" \n ")), []);
    assert_eq!(chat.on(sent(&"x".repeat(MOST_CHARACTERS + 1))), []);
    assert_eq!(chat.messages(), []);
}

#[test]
fn an_answer_without_pieces_is_taken_whole() {
    let mut chat = asking();
    chat.on(Event::Answered { attempt: 1, text: "All".to_owned() });
    assert_eq!(texts(&chat), ["Hi", "All"]);
}

#[test]
fn stopping_keeps_what_was_said_and_ignores_what_still_comes() {
    let mut chat = asking();
    piece(&mut chat, "Once upon");
    assert_eq!(chat.on(Event::Stopped), [Effect::Abort]);
    chat.on(Event::Piece { attempt: 1, text: " a time".to_owned() });
    chat.on(Event::Failed { attempt: 1, problem: Problem::Broken });
    assert_eq!(texts(&chat), ["Hi", "Once upon"]);
    assert!(chat.takes_messages() && chat.problem().is_none());
}

#[test]
fn a_refused_token_is_renewed_once() {
    let mut chat = asking();
    assert_eq!(fail(&mut chat, Problem::Refused), [Effect::Open { attempt: 2, renew: true }]);
    let effects = chat.on(Event::Opened { attempt: 2 });
    assert_eq!(effects, [Effect::Invoke { attempt: 2, text: "Hi".to_owned(), key: "k1".to_owned() }]);
    assert_eq!(fail(&mut chat, Problem::Refused), [Effect::Abort, Effect::Tell("error")]);
    assert_eq!(chat.problem(), Some(Problem::Refused));
    assert!(!chat.takes_messages() && !chat.can_retry());
}

#[test]
fn a_refused_key_is_not_tried_again() {
    let mut chat = Chat::default();
    chat.on(sent("Hi"));
    assert_eq!(fail(&mut chat, Problem::Refused), [Effect::Abort, Effect::Tell("error")]);
    assert_eq!(chat.problem(), Some(Problem::Refused));
}

#[test]
fn a_broken_answer_is_fetched_again_with_the_same_key() {
    let mut chat = asking();
    piece(&mut chat, "Half an");
    let effects = fail(&mut chat, Problem::Broken);
    assert!(matches!(effects.as_slice(), [Effect::Abort, Effect::Wait { milliseconds: 1000, .. }]), "{effects:?}");
    assert_eq!(texts(&chat), ["Hi"]);
    assert!(matches!(tick(&mut chat).as_slice(), [Effect::Open { .. }]));
    let attempt = chat.attempt;
    let effects = chat.on(Event::Opened { attempt });
    assert!(matches!(effects.as_slice(), [Effect::Invoke { key, .. }] if key == "k1"), "{effects:?}");
}

#[test]
fn after_three_tries_of_its_own_it_asks_the_visitor() {
    let mut chat = asking();
    for _ in 0..OWN_TRIES {
        fail(&mut chat, Problem::Broken);
        tick(&mut chat);
        let attempt = chat.attempt;
        chat.on(Event::Opened { attempt });
    }
    assert_eq!(fail(&mut chat, Problem::Broken), [Effect::Abort, Effect::Tell("error")]);
    assert!(chat.can_retry());
    chat.on(Event::Retried { key: "k2".to_owned() });
    assert_eq!(chat.key, "k1", "the agent may have answered: the same message must not be paid for twice");
}

#[test]
fn a_failed_message_is_tried_again_with_a_fresh_key() {
    let mut chat = asking();
    fail(&mut chat, Problem::Failed);
    assert!(chat.can_retry());
    assert!(matches!(chat.on(Event::Retried { key: "k2".to_owned() }).as_slice(), [Effect::Open { .. }]));
    assert_eq!((chat.key.as_str(), texts(&chat)), ("k2", vec!["Hi"]));
}

#[test]
fn too_many_messages_count_down() {
    let mut chat = asking();
    fail(&mut chat, Problem::TooMany(2));
    assert_eq!(chat.countdown(), 2);
    assert!(!chat.can_retry() && !chat.takes_messages());
    assert!(matches!(tick(&mut chat).as_slice(), [Effect::Wait { milliseconds: 1000, .. }]));
    assert_eq!(tick(&mut chat), []);
    assert!(chat.can_retry() && chat.takes_messages());
}

#[test]
fn offline_a_message_is_held_and_sent_when_the_network_is_back() {
    let mut chat = Chat::default();
    chat.on(Event::Network { online: false });
    assert_eq!(chat.problem(), Some(Problem::Offline));
    assert_eq!(chat.on(sent("Hi")), [Effect::Tell("message")]);
    assert!(matches!(chat.on(Event::Network { online: true }).as_slice(), [Effect::Open { .. }]));
    assert_eq!(chat.problem(), None);
}

#[test]
fn an_answer_that_the_network_cut_waits_for_the_network() {
    let mut chat = asking();
    chat.on(Event::Network { online: false });
    assert_eq!(fail(&mut chat, Problem::Broken), [Effect::Abort]);
    assert!(matches!(chat.on(Event::Network { online: true }).as_slice(), [Effect::Open { .. }]));
}

#[test]
fn an_earlier_conversation_comes_back() {
    let mut chat = Chat::default();
    assert_eq!(chat.on(Event::Started { has_handle: false }), []);
    assert_eq!(chat.on(Event::Started { has_handle: true }), [Effect::Open { attempt: 1, renew: false }]);
    assert_eq!(chat.on(Event::Opened { attempt: 1 }), [Effect::Return { attempt: 1 }]);
    let messages = vec![Message::whole(Role::Visitor, "Hi"), Message::whole(Role::Agent, "Hello")];
    chat.on(Event::Returned { attempt: 1, messages });
    assert_eq!(texts(&chat), ["Hi", "Hello"]);
}

#[test]
fn a_conversation_that_is_gone_is_no_error() {
    let mut chat = Chat::default();
    chat.on(Event::Started { has_handle: true });
    assert_eq!(fail(&mut chat, Problem::Gone), [Effect::Forget]);
    assert_eq!(chat.problem(), None);
    assert!(chat.takes_messages());
}

#[test]
fn a_handle_that_is_no_longer_known_costs_no_message() {
    let mut chat = Chat::default();
    chat.on(Event::Started { has_handle: true });
    fail(&mut chat, Problem::Broken);
    chat.on(sent("Hi"));
    assert_eq!(fail(&mut chat, Problem::Gone), [Effect::Forget, Effect::Open { attempt: 3, renew: true }]);
    assert_eq!(fail(&mut chat, Problem::Gone), [Effect::Abort, Effect::Tell("error")]);
}

#[test]
fn a_new_conversation_forgets_the_old_one() {
    let mut chat = asking();
    piece(&mut chat, "Half");
    assert_eq!(chat.on(Event::Renewed), [Effect::Abort, Effect::Forget, Effect::Tell("session")]);
    assert_eq!(chat.on(Event::Piece { attempt: 1, text: "late".to_owned() }), []);
    assert_eq!(chat.messages(), []);
}

#[test]
fn each_status_has_a_text_of_its_own() {
    let statuses = [401, 402, 403, 404, 409, 413, 422, 429, 500, 504];
    let mut names: Vec<&str> = statuses.iter().map(|&status| Problem::of_status(status, 0).text_name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), statuses.len());
}

fn problems() -> impl Strategy<Value = Problem> {
    prop::sample::select(vec![
        Problem::Broken,
        Problem::Refused,
        Problem::Quota,
        Problem::Busy,
        Problem::TooMany(2),
        Problem::Failed,
        Problem::Gone,
    ])
}

fn events() -> impl Strategy<Value = (u8, u32, Problem, bool)> {
    (0_u8..11, 0_u32..3, problems(), any::<bool>())
}

proptest! {
    #[test]
    fn whatever_happens_no_message_of_the_visitor_is_lost(script in prop::collection::vec(events(), 0..60)) {
        let mut chat = Chat::default();
        let mut said = 0;
        for (kind, behind, problem, flag) in script {
            let attempt = chat.attempt.saturating_sub(behind);
            let key = "k".to_owned();
            let before = chat.takes_messages();
            let event = match kind {
                0 => Event::Started { has_handle: flag },
                1 => sent("Hi"),
                2 => Event::Stopped,
                3 => Event::Retried { key },
                4 => Event::Opened { attempt },
                5 => Event::Piece { attempt, text: "a".to_owned() },
                6 => Event::Answered { attempt, text: String::new() },
                7 | 8 => Event::Failed { attempt, problem },
                9 => Event::Ticked { attempt },
                _ => Event::Network { online: flag },
            };
            // What only arrives while it was asked for.
            let fits = match event {
                Event::Piece { .. } | Event::Answered { .. } => chat.doing == Doing::Answering,
                Event::Failed { .. } => matches!(chat.doing, Doing::Answering | Doing::Opening | Doing::Returning),
                Event::Opened { .. } => matches!(chat.doing, Doing::Opening | Doing::Returning),
                _ => true,
            };
            if !fits {
                continue;
            }
            said += usize::from(kind == 1 && before);
            let effects = chat.on(event);
            let asks = effects.iter().filter(|effect| matches!(effect, Effect::Open { .. } | Effect::Invoke { .. } | Effect::Return { .. })).count();
            prop_assert!(asks <= 1);
            prop_assert_eq!(chat.messages().iter().filter(|message| message.role == Role::Visitor).count(), said);
            prop_assert!(chat.messages().iter().rev().skip(1).all(|message| !message.grows));
            prop_assert!(!chat.messages().iter().any(|message| message.grows) || chat.is_busy());
        }
    }
}
