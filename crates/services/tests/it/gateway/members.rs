//! The portal's test chat: members talk to their own agent.

use services::gateway::{self, Call};
use testkit::{on_every_ctx, saying};

#[tokio::test]
async fn a_members_test_chat_goes_on_where_it_was_and_is_shown_again() {
    on_every_ctx(async |t| {
        let bought = t.bought(Some(100), 600).await;
        let who = &bought.buyer.who;
        let say = async |call: Call| {
            let caller = gateway::portal_caller(&t.ctx, who, bought.config).await.unwrap();
            gateway::invoke(&t.ctx, caller, call).await.unwrap().answer().await.unwrap()
        };
        // What a page without JavaScript sends names no conversation.
        let first = say(saying("My name is Ada.")).await;
        let second = say(saying("What is my name?")).await;
        assert_eq!(first.session_id, second.session_id);
        let told: Vec<String> = t.runtime.runs().last().unwrap().history.iter().map(|turn| turn.text.clone()).collect();
        assert_eq!(told, ["My name is Ada.", first.output.as_str()]);

        let shown = gateway::portal_messages(&t.ctx, who, bought.config).await.unwrap();
        let shown: Vec<&str> = shown.iter().map(|message| message.text.as_str()).collect();
        assert_eq!(shown, ["My name is Ada.", &first.output, "What is my name?", &second.output]);

        // A live page sends the conversation that it was answered: the same one.
        say(Call { session_id: Some(second.session_id), ..saying("And again?") }).await;
        assert_eq!(gateway::portal_messages(&t.ctx, who, bought.config).await.unwrap().len(), 6);
        bought.finish().await;
    })
    .await;
}
