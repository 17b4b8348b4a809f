//! The state machines, with the wire values of the Waldur API.
//!
//! Each machine names its legal steps once; the store changes a state only through them.

use crate::text_enum::text_enum;

text_enum! {
    /// Where an organization stands as a provider.
    ProviderState {
        /// Asked, not yet decided.
        Applied = "applied",
        /// May sell.
        Approved = "approved",
        /// Was refused, with a reason; may ask again.
        Rejected = "rejected",
        /// May not sell for now.
        Suspended = "suspended",
    }
}

impl ProviderState {
    /// Tells whether a provider may go from this state to `next`.
    pub const fn may_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::Applied, Self::Approved | Self::Rejected)
                | (Self::Rejected, Self::Applied)
                | (Self::Approved, Self::Suspended)
                | (Self::Suspended, Self::Approved)
        )
    }
}

text_enum! {
    /// Where an offering stands. Only `Active` can be ordered; `Active` and `Paused` are listed.
    OfferingState {
        /// Being written; seen by its provider alone.
        Draft = "Draft",
        /// Submitted, and waiting for the operator.
        InReview = "In review",
        /// On sale.
        Active = "Active",
        /// Listed, but not for sale now.
        Paused = "Paused",
        /// Gone from the list for good; subscriptions go on.
        Archived = "Archived",
    }
}

impl OfferingState {
    /// Tells whether an offering may go from this state to `next`.
    pub const fn may_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::Draft, Self::InReview | Self::Archived)
                | (Self::InReview, Self::Active | Self::Draft)
                | (Self::Active, Self::Paused | Self::Draft | Self::Archived)
                | (Self::Paused, Self::Active | Self::Draft | Self::Archived)
                | (Self::Archived, Self::Draft)
        )
    }

    /// Returns the word of the Waldur API, which knows no review.
    pub const fn wire(self) -> &'static str {
        match self {
            Self::InReview => "Draft",
            other => other.as_str(),
        }
    }
}

text_enum! {
    /// How the operator answered a submission.
    SubmissionState {
        /// Not yet.
        Pending = "pending",
        /// Listed.
        Approved = "approved",
        /// Sent back with a reason.
        Rejected = "rejected",
        /// Taken back by the provider.
        Withdrawn = "withdrawn",
    }
}

impl SubmissionState {
    /// Tells whether a submission may go from this state to `next`.
    pub const fn may_become(self, next: Self) -> bool {
        matches!((self, next), (Self::Pending, Self::Approved | Self::Rejected | Self::Withdrawn))
    }
}

text_enum! {
    /// What an order changes.
    OrderKind {
        /// Buy.
        Create = "Create",
        /// Switch plan.
        Update = "Update",
        /// End the subscription.
        Terminate = "Terminate",
        /// Pay for another period; nobody orders it, it comes with the time.
        Renew = "Renew",
    }
}

text_enum! {
    /// Where an order stands.
    OrderState {
        /// Not paid yet.
        PendingConsumer = "pending-consumer",
        /// Paid, and waiting for the provider, where the offering asks for that.
        PendingProvider = "pending-provider",
        /// Being carried out.
        Executing = "executing",
        /// Carried out.
        Done = "done",
        /// Could not be carried out; what was paid goes back.
        Erred = "erred",
        /// Taken back by the buyer, or never paid.
        Canceled = "canceled",
        /// Refused by the provider or the operator; what was paid goes back.
        Rejected = "rejected",
    }
}

impl OrderState {
    /// Tells whether an order may go from this state to `next`.
    pub const fn may_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::PendingConsumer, Self::PendingProvider | Self::Executing | Self::Canceled | Self::Rejected)
                | (Self::PendingProvider, Self::Executing | Self::Canceled | Self::Rejected)
                | (Self::Executing, Self::Done | Self::Erred)
                | (Self::Erred, Self::Executing)
        )
    }

    /// Tells whether nothing will happen to the order any more, unless someone retries it.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Erred | Self::Canceled | Self::Rejected)
    }
}

text_enum! {
    /// Where a subscription stands.
    SubscriptionState {
        /// Bought, being provisioned.
        Creating = "Creating",
        /// Usable.
        Ok = "OK",
        /// Could not be provisioned or changed.
        Erred = "Erred",
        /// Its plan is being changed.
        Updating = "Updating",
        /// Being ended.
        Terminating = "Terminating",
        /// Ended; its rows stay for the bill.
        Terminated = "Terminated",
    }
}

impl SubscriptionState {
    /// Tells whether a subscription may go from this state to `next`.
    pub const fn may_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::Creating, Self::Ok | Self::Erred | Self::Terminated)
                | (Self::Ok, Self::Updating | Self::Terminating | Self::Erred)
                | (Self::Updating | Self::Terminating, Self::Ok | Self::Erred)
                | (Self::Terminating, Self::Terminated)
                | (Self::Erred, Self::Creating | Self::Ok | Self::Terminating | Self::Terminated)
        )
    }

    /// Tells whether calls are answered in this state.
    pub const fn is_usable(self) -> bool {
        matches!(self, Self::Ok | Self::Updating)
    }
}

text_enum! {
    /// Where a visit to a checkout page stands.
    CheckoutState {
        /// The page is open.
        Open = "open",
        /// Paid.
        Paid = "paid",
        /// Left or timed out.
        Expired = "expired",
    }
}

text_enum! {
    /// Where taken money stands.
    PaymentState {
        /// Taken.
        Succeeded = "succeeded",
        /// All of it is owed to its buyer: a refund is on its way, or a person looks after one that failed.
        Refunding = "refunding",
        /// Given back in full.
        Refunded = "refunded",
    }
}

text_enum! {
    /// Where money stands that goes back to a buyer.
    RefundState {
        /// Decided, and not given back yet.
        Due = "due",
        /// Given back.
        Paid = "paid",
        /// It came to us again: the rail could not give it back, or a bank has decided for us.
        Reversed = "reversed",
    }
}

text_enum! {
    /// Why money goes back.
    RefundCause {
        /// Somebody here has decided it, or an order could not be carried out.
        Decided = "decided",
        /// Somebody has given it back on the rail's own pages.
        Rail = "rail",
        /// The buyer's bank has taken it back.
        Dispute = "dispute",
    }
}

text_enum! {
    /// Where a dispute stands.
    DisputeState {
        /// The bank asks us what we say to it.
        NeedsResponse = "needs_response",
        /// The bank looks at what we said.
        UnderReview = "under_review",
        /// It was decided for us.
        Won = "won",
        /// It was decided for the buyer.
        Lost = "lost",
    }
}

text_enum! {
    /// What a case is about.
    CaseKind {
        /// A refund that the rail could not make.
        RefundFailed = "refund_failed",
        /// A payment that a buyer's bank has taken back.
        Dispute = "dispute",
        /// The rail and the ledger say different things.
        Mismatch = "mismatch",
    }
}

text_enum! {
    /// Whether what was bought may be used: apart from whether it works, and from how it is paid.
    Entitlement {
        /// It may.
        Granted = "granted",
        /// It may for some days more, although its period is not paid.
        Grace = "grace",
        /// It may not until its period is paid.
        Suspended = "suspended",
        /// It may not any more.
        Ended = "ended",
    }
}

impl Entitlement {
    /// Tells whether calls are answered.
    pub const fn is_usable(self) -> bool {
        matches!(self, Self::Granted | Self::Grace)
    }
}

text_enum! {
    /// Where a subscription stands, in Stripe's words.
    SubscriptionStatus {
        /// It is not set up yet.
        Incomplete = "incomplete",
        /// It is tried, and nothing was paid.
        Trialing = "trialing",
        /// Its period is paid.
        Active = "active",
        /// Its period is not paid, and it may be used for some days more.
        PastDue = "past_due",
        /// Its period is not paid, and it may not be used.
        Unpaid = "unpaid",
        /// It has ended.
        Canceled = "canceled",
    }
}

impl SubscriptionStatus {
    /// Says where a subscription stands; `tried` is whether nothing was paid yet of something that costs.
    pub const fn of(state: SubscriptionState, entitlement: Option<Entitlement>, tried: bool) -> Self {
        match (state, entitlement) {
            (SubscriptionState::Terminated, _) | (_, Some(Entitlement::Ended)) => Self::Canceled,
            (_, Some(Entitlement::Grace)) => Self::PastDue,
            (_, Some(Entitlement::Suspended)) => Self::Unpaid,
            (_, Some(Entitlement::Granted)) if tried => Self::Trialing,
            (_, Some(Entitlement::Granted)) => Self::Active,
            (_, None) => Self::Incomplete,
        }
    }
}

text_enum! {
    /// What a numbered document is.
    InvoiceKind {
        /// It says what was paid.
        Invoice = "invoice",
        /// It takes an invoice back, or a part of it.
        CreditNote = "credit_note",
        /// It takes a credit note back, because its money did not go back after all.
        DebitNote = "debit_note",
    }
}

text_enum! {
    /// Where an earning stands.
    EarningState {
        /// Held back, so that a refund finds the money there.
        Pending = "pending",
        /// No longer held back.
        Available = "available",
        /// Its sale went back to the buyer.
        Returned = "returned",
    }
}

text_enum! {
    /// What kind of credential a key is.
    KeyKind {
        /// For servers: `ar_sk_live_…`, shown once.
        Secret = "secret",
        /// For web pages: `ar_pk_live_…`, always visible, bound to origins.
        Publishable = "publishable",
    }
}

text_enum! {
    /// What a key may do.
    KeyScope {
        /// Call the agent.
        Invoke = "invoke",
        /// Read the config and its usage.
        Read = "read",
        /// Change the config.
        Admin = "admin",
    }
}

text_enum! {
    /// Through which door an invocation came.
    Source {
        /// The gateway, with a secret key.
        Api = "api",
        /// The widget, with a session token.
        Widget = "widget",
        /// The portal's test chat.
        Portal = "portal",
        /// A usage report of a remote runtime.
        Runtime = "runtime",
    }
}

impl Source {
    /// Returns what people call the door.
    pub const fn door(self) -> &'static str {
        match self {
            Self::Api => "API",
            Self::Widget => "Widget",
            Self::Portal => "Test chat",
            Self::Runtime => "Remote runtime",
        }
    }
}

text_enum! {
    /// How an invocation ended.
    InvocationState {
        /// Begun, not ended.
        Running = "running",
        /// Answered.
        Succeeded = "succeeded",
        /// Not answered; costs nothing.
        Failed = "failed",
        /// The process died in between; costs nothing.
        Unknown = "unknown",
    }
}

text_enum! {
    /// How an agent speaks.
    Tone {
        /// Precise and courteous.
        Professional = "professional",
        /// Warm and helpful.
        Friendly = "friendly",
        /// Short and relaxed.
        Casual = "casual",
    }
}

text_enum! {
    /// In which corner of a page the widget sits.
    WidgetPosition {
        /// Bottom right.
        BottomRight = "bottom-right",
        /// Bottom left.
        BottomLeft = "bottom-left",
        /// Top right.
        TopRight = "top-right",
        /// Top left.
        TopLeft = "top-left",
    }
}

text_enum! {
    /// The widget's colours.
    WidgetTheme {
        /// Light.
        Light = "light",
        /// Dark.
        Dark = "dark",
        /// As the visitor's system.
        Auto = "auto",
    }
}

text_enum! {
    /// What an offering's product can do, and so which settings a buyer sees (SPEC, capabilities).
    Capability {
        /// Widget position, theme, greeting.
        Chat = "chat",
        /// Keys, limits, quotas.
        Api = "api",
        /// Documents, questions and answers, addresses.
        Knowledge = "knowledge",
        /// Tone, avatar, name, behaviour.
        Persona = "persona",
        /// Colours, logo, welcome message.
        Branding = "branding",
        /// Webhooks and external services.
        Integrations = "integrations",
        /// Cron, interval, triggers.
        Scheduling = "scheduling",
    }
}

text_enum! {
    /// How far a payout is.
    PayoutState {
        /// It is set apart, and the rail is asked to pay it.
        Sending = "sending",
        /// The rail has paid it.
        Paid = "paid",
        /// The rail has refused it; the money is the provider's to be paid out again.
        Failed = "failed",
    }
}

text_enum! {
    /// How far it is to take something of a payout back.
    PayoutReversalState {
        /// The rail is asked for it.
        Sending = "sending",
        /// The rail has taken it back.
        Made = "made",
        /// The rail cannot; the provider owes it still.
        Refused = "refused",
    }
}

text_enum! {
    /// Where a bundle stands.
    BundleState {
        /// Is put together.
        Draft = "draft",
        /// Waits for the providers of its parts to agree.
        Proposed = "proposed",
        /// Can be bought.
        Offered = "offered",
        /// Can no longer be bought; who has it keeps it.
        Withdrawn = "withdrawn",
    }
}

text_enum! {
    /// What a document was given as.
    DocumentKind {
        /// A file.
        File = "file",
        /// A question with its answer.
        Answer = "qa",
        /// A page of the web.
        Page = "page",
    }
}

text_enum! {
    /// How far a document is.
    DocumentState {
        /// Waits to be read.
        Pending = "pending",
        /// Is being read.
        Processing = "processing",
        /// Can be found.
        Ready = "ready",
        /// Could not be read; its reason says why.
        Failed = "failed",
    }
}

impl DocumentState {
    /// Tells whether the document waits to be read, or is being read.
    pub const fn is_under_way(self) -> bool {
        matches!(self, Self::Pending | Self::Processing)
    }
}

impl Capability {
    /// Returns what a product of a category can do, by the category's slug.
    pub const fn of_category(slug: &str) -> &'static [Self] {
        match slug.as_bytes() {
            b"apps" => &[Self::Api, Self::Branding, Self::Integrations],
            b"automations" => &[Self::Api, Self::Branding, Self::Integrations, Self::Scheduling],
            _ => &[Self::Chat, Self::Api, Self::Knowledge, Self::Persona, Self::Branding],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_that_is_final_goes_nowhere_but_a_retry() {
        for &from in OrderState::ALL.iter().filter(|state| state.is_final()) {
            for &to in OrderState::ALL {
                let retry = (from, to) == (OrderState::Erred, OrderState::Executing);
                assert_eq!(from.may_become(to), retry, "{from} to {to}");
            }
        }
    }

    #[test]
    fn done_is_reached_from_executing_alone() {
        for &from in OrderState::ALL {
            assert_eq!(from.may_become(OrderState::Done), from == OrderState::Executing);
        }
    }

    #[test]
    fn a_terminated_subscription_stays_terminated() {
        for &to in SubscriptionState::ALL {
            assert!(!SubscriptionState::Terminated.may_become(to));
        }
    }

    #[test]
    fn only_the_operator_step_makes_an_offering_active_for_the_first_time() {
        assert!(!OfferingState::Draft.may_become(OfferingState::Active));
        assert!(OfferingState::InReview.may_become(OfferingState::Active));
    }
}
