//! Traces: written with their invocation, bounded in number, without what was said where that is not allowed.

use domain::InvocationId;
use domain::state::{InvocationState, Source};
use domain::view::trace::{TraceStep, TraceValue};
use store::gateway::{self as rows, InvocationRow};
use store::traces::{self, NewTrace};
use store::{Scope, Tenant};
use testkit::{Bought, TestCtx, on_every_ctx};
use uuid::Uuid;

fn invocation(t: &TestCtx, bought: &Bought, number: u32) -> InvocationRow {
    let at = t.ctx.now().plus_seconds(number.into());
    InvocationRow {
        id: InvocationId(Uuid::from_u128(number.into())),
        organization: bought.buyer.organization,
        config: bought.config,
        subscription: bought.subscription,
        provider: bought.offered.provider,
        offering: bought.offered.offering,
        key: None,
        session: "s".to_owned(),
        source: Source::Api,
        state: InvocationState::Succeeded,
        status: 200,
        input_tokens: 7,
        output_tokens: 11,
        elapsed_ms: 3,
        error: String::new(),
        started: at,
        finished: at,
    }
}

#[tokio::test]
async fn the_newest_are_kept_and_consent_is_looked_at_when_they_are_written() {
    on_every_ctx(async |t| {
        let bought = t.bought(None, 60).await;
        let said = TraceValue { text: Some("said".to_owned()), ..TraceValue::default() };
        let texts = [TraceStep { name: "Ask".to_owned(), inputs: vec![said], ..TraceStep::default() }];
        let steps = texts.clone().map(TraceStep::without_texts);
        let invocations: Vec<InvocationRow> = (1..=30).map(|number| invocation(&t, &bought, number)).collect();
        let new: Vec<NewTrace<'_>> = invocations
            .iter()
            .map(|invocation| NewTrace {
                invocation,
                agent: bought.offered.agent,
                flow_version: bought.offered.version,
                steps: &steps,
                texts: Some(&texts),
                left_out: 2,
            })
            .collect();
        let tenant = Tenant::assume_authorized(bought.offered.provider);
        let agent = bought.offered.agent;
        let mut tx = t.ctx.store.write(Scope::System).await.expect("a transaction");
        let all: Vec<&InvocationRow> = invocations.iter().collect();
        rows::record_invocations(&mut tx, &all).await.expect("invocations");
        traces::insert(&mut tx, &new).await.expect("traces");
        traces::insert(&mut tx, &new).await.expect("a second time changes nothing");
        assert_eq!(traces::count(&mut tx, tenant, agent, None).await.expect("a count"), 30);
        // The buyer has not allowed it, whatever whoever writes believes.
        let one = traces::get(&mut tx, tenant, invocations[0].id).await.expect("a read").expect("a trace");
        assert_eq!((one.steps.as_slice(), one.left_out, one.run.texts), (steps.as_slice(), 2, false));

        assert_eq!(traces::trim(&mut tx, agent, 30).await.expect("a trim"), 0);
        assert_eq!(traces::trim(&mut tx, agent, 12).await.expect("a trim"), 18);
        let kept = traces::list(&mut tx, tenant, agent, None, 50, 0).await.expect("a list");
        assert_eq!((kept.len(), kept[0].id, kept[11].id), (12, invocations[29].id, invocations[18].id));
        drop(tx);
        bought.finish().await;
    })
    .await;
}
