//! `hostile-billing`: what somebody could try to do with payments, what answers, and the test that tries it.
//!
//! The table is the list of cases; the tests stand where they belong. Those that are named here are run, each by its
//! name, and a name that no test has is a case that does not hold. What does not apply says why.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::{Value, json};

use crate::test::unit;
use crate::workspace;

use super::Proof;

/// How a case is held.
enum Held {
    /// By a test of a package: of its library, or of its tests outside.
    By(Tests, &'static str),
    /// It cannot happen here: why.
    Not(&'static str),
}

/// Where tests are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Tests {
    /// Of the library of a package.
    Lib(&'static str),
    /// Of `tests/it` of a package.
    It(&'static str),
}

struct Case {
    area: &'static str,
    tried: &'static str,
    answers: &'static str,
    held: Held,
}

const fn case(area: &'static str, tried: &'static str, answers: &'static str, held: Held) -> Case {
    Case { area, tried, answers, held }
}

const fn server(test: &'static str) -> Held {
    Held::By(Tests::It("server"), test)
}

const fn services(test: &'static str) -> Held {
    Held::By(Tests::It("services"), test)
}

const fn stripe(test: &'static str) -> Held {
    Held::By(Tests::Lib("stripe"), test)
}

const fn sending(test: &'static str) -> Held {
    Held::By(Tests::It("stripe"), test)
}

const fn domain(test: &'static str) -> Held {
    Held::By(Tests::Lib("domain"), test)
}

use Held::Not;

const WEBHOOK: &str = "webhook";
const CHECKOUT: &str = "checkout";
const SUBSCRIPTION: &str = "subscription";
const USAGE: &str = "usage";
const PROVIDER: &str = "provider";
const API: &str = "operator, API";

#[rustfmt::skip]
const CASES: &[Case] = &[
    case(WEBHOOK, "no header, an empty one", "400", stripe("webhook::tests::no_header_and_an_empty_one_are_refused")),
    case(WEBHOOK, "a wrong secret", "400", stripe("webhook::tests::a_wrong_secret_is_refused")),
    case(WEBHOOK, "everything that is wrong, answered alike", "400", server("stripe_webhooks::what_stripe_has_signed_is_taken_and_everything_else_is_answered_alike")),
    case(WEBHOOK, "an empty secret in the settings", "does not start", server("stripe_webhooks::settings_that_would_believe_anybody_do_not_start")),
    case(WEBHOOK, "v0 alone", "400", stripe("webhook::tests::the_old_scheme_alone_is_refused")),
    case(WEBHOOK, "a time that is missing, text, or there twice", "400", stripe("webhook::tests::a_time_that_is_missing_or_text_or_there_twice_is_refused")),
    case(WEBHOOK, "times at the ends of i64", "400, no panic", stripe("webhook::tests::times_at_the_ends_of_what_can_be_counted_are_refused_without_a_panic")),
    case(WEBHOOK, "301 seconds old, 301 ahead", "400", stripe("webhook::tests::a_webhook_of_more_than_five_minutes_ago_or_ahead_is_refused")),
    case(WEBHOOK, "two v1, one of them right", "taken", stripe("webhook::tests::one_right_signature_of_several_is_enough")),
    case(WEBHOOK, "one byte changed, written anew, a byte order mark", "400", stripe("webhook::tests::a_body_that_was_changed_by_one_byte_or_written_anew_is_refused")),
    case(WEBHOOK, "a gzip body", "400, never unpacked", server("hostile_billing::webhooks::a_body_is_verified_as_it_came_and_never_unpacked")),
    case(WEBHOOK, "not UTF-8, deep nesting, fields twice, no event", "400, no panic", stripe("webhook::tests::what_is_signed_and_no_event_is_refused_without_a_panic")),
    case(WEBHOOK, "a byte more than 1 MiB", "413", server("stripe_webhooks::an_event_that_is_too_large_is_refused_before_it_is_read")),
    case(WEBHOOK, "a body that trickles", "broken off", Not("every door breaks it off after half a minute; `prove hostile-files` sends such bodies")),
    case(WEBHOOK, "the same event 100 times at once", "one payment", server("rails::stripe::events_that_come_a_hundred_times_at_once_pay_once")),
    case(WEBHOOK, "the same id with another body, again after it was acted on", "nothing", server("hostile_billing::webhooks::an_event_that_was_acted_on_does_nothing_again_whatever_it_says_then")),
    case(WEBHOOK, "one that was caught, within five minutes", "nothing", server("hostile_billing::webhooks::an_event_that_was_acted_on_does_nothing_again_whatever_it_says_then")),
    case(WEBHOOK, "one that was caught, later", "400", server("hostile_billing::webhooks::an_event_is_caught_too_late_to_be_sent_again")),
    case(WEBHOOK, "unknown kinds and versions, fields that are new or missing", "taken, nothing done", stripe("webhook::tests::fields_that_are_new_or_missing_and_types_that_nobody_knows_are_taken")),
    case(WEBHOOK, "live mode in test mode, a provider's event at our address and the reverse", "stored, nothing done", server("rails::stripe::an_event_of_live_mode_or_of_a_providers_account_is_stored_and_nothing_else")),
    case(WEBHOOK, "the other address's secret", "400", server("stripe_webhooks::each_address_believes_its_own_secret_alone")),
    case(WEBHOOK, "signed, and a lie about an order in metadata", "Stripe is asked; nothing", server("rails::stripe::what_an_event_says_is_not_believed_and_what_stripe_says_is")),
    case(WEBHOOK, "in any order: paid before completed", "the same end", server("rails::stripe::events_that_come_backwards_lead_to_the_same")),
    case(WEBHOOK, "a refund before its payment", "waits for it", services("orders::taking::a_refund_that_fails_is_tried_again_and_one_that_is_told_first_waits_for_its_payment")),
    case(WEBHOOK, "a dispute that is told twice, and of a payment that is not known yet", "one dispute; waits for it", services("orders::refunding::a_bank_takes_the_money_first_and_gives_it_back_where_it_decides_for_us")),
    case(WEBHOOK, "subscription.deleted of an old subscription", "", Not("periods are ours: no event of Stripe's says anything about a subscription")),
    case(WEBHOOK, "the database is away", "503, taken later", server("hostile_billing::webhooks::an_event_that_cannot_be_stored_is_asked_for_again_and_taken_then")),
    case(WEBHOOK, "a crash at every commit", "as without it", services("orders::machine::no_money_is_lost_or_taken_twice_whatever_happens")),
    case(WEBHOOK, "while the secret is replaced", "both are believed", stripe("webhook::tests::while_a_secret_is_replaced_both_are_believed")),
    case(WEBHOOK, "signatures guessed byte by byte, by time", "", Not("compared by the library's comparison that takes the same time; no test can see that")),
    case(WEBHOOK, "names and addresses of buyers in what is kept", "not kept", server("hostile_billing::webhooks::what_is_kept_of_an_event_is_its_name_and_nothing_that_buyers_told_stripe")),
    case(WEBHOOK, "paths with //, GET", "404, 405", server("stripe_webhooks::other_methods_and_addresses_take_nothing")),
    case(WEBHOOK, "no slash at the end, the older address", "taken", server("hostile_billing::webhooks::without_its_last_slash_an_address_is_the_same_and_with_two_it_is_none")),

    case(CHECKOUT, "price, amount, plan, currency, quantity in the body", "400, by field", server("stripe_api::a_checkout_takes_an_order_and_two_addresses_and_nothing_that_costs")),
    case(CHECKOUT, "somebody else's order", "404", server("access::everyone_who_should_be_refused_is")),
    case(CHECKOUT, "an archived plan, an offering that is not listed", "400, 404", services("orders::placing::only_what_is_on_sale_is_ordered_and_only_by_who_may_buy")),
    case(CHECKOUT, "its provider is stopped between the page and the payment", "paid back", server("hostile_billing::buying::what_is_taken_off_sale_before_it_is_paid_is_paid_back")),
    case(CHECKOUT, "coming back without having paid, with another visit's name", "nothing", server("hostile_billing::buying::coming_back_from_the_page_says_nothing_whatever_the_address_says")),
    case(CHECKOUT, "two tabs that pay twice", "the second goes back", services("orders::taking::of_two_payments_for_one_order_the_second_goes_back_and_the_first_stays")),
    case(CHECKOUT, "a page that is over, paid late", "no money, or it goes back", services("orders::taking::money_for_a_canceled_order_goes_back")),
    case(CHECKOUT, "complete and not paid", "waits", server("rails::stripe::a_visit_that_is_complete_and_not_paid_waits_for_its_money")),
    case(CHECKOUT, "the money never comes", "the order ends", server("rails::stripe::a_visit_whose_money_never_comes_ends_its_order")),
    case(CHECKOUT, "addresses of others: //evil, site@evil, javascript:, letters alike, \\", "400, by field", server("stripe_api::a_buyer_is_sent_back_to_us_and_to_nobody_else")),
    case(CHECKOUT, "another amount than the order's", "goes back", server("rails::stripe::a_payment_of_another_amount_than_the_orders_goes_back")),
    case(CHECKOUT, "a coupon of 100 %", "", Not("there are no coupons")),
    case(CHECKOUT, "a provider buys from itself", "403", services("orders::placing::only_what_is_on_sale_is_ordered_and_only_by_who_may_buy")),
    case(CHECKOUT, "a person who has left the organization", "404", server("hostile_billing::buying::who_has_left_the_organization_opens_no_page_and_what_was_paid_is_the_organizations")),
    case(CHECKOUT, "a form that another site posts", "403", server("guard::a_form_that_another_site_posts_is_refused")),
    case(CHECKOUT, "pages without end", "429", server("stripe_api::nobody_opens_payment_pages_without_end")),
    case(CHECKOUT, "a price that was changed meanwhile", "the order's price", services("orders::placing::the_price_is_the_plans_when_it_was_ordered")),

    case(CHECKOUT, "somebody else's card is preferred, removed; a name that changes a path", "404", server("rails::contract::nobody_touches_what_others_pay_with")),
    case(CHECKOUT, "the last card of a subscription is removed", "409", server("rails::contract::what_is_preferred_is_charged_and_what_is_forgotten_is_not")),
    case(CHECKOUT, "every card is removed in Stripe's own pages", "the month is declined", server("rails::contract::with_every_method_gone_a_month_is_declined_and_not_lost")),

    case(SUBSCRIPTION, "somebody else's is canceled, resumed, switched", "404", server("hostile_billing::buying::what_has_ended_is_not_resumed_switched_or_ended_again")),
    case(SUBSCRIPTION, "canceled twice", "200, the same", server("stripe_api::subscriptions_are_listed_in_stripes_words_and_chosen_by_them")),
    case(SUBSCRIPTION, "resumed after its end", "409", server("hostile_billing::buying::what_has_ended_is_not_resumed_switched_or_ended_again")),
    case(SUBSCRIPTION, "a plan of another offering, an archived one", "400", services("orders::changing::a_switch_to_where_one_cannot_go_is_refused")),
    case(SUBSCRIPTION, "up, down and up within a second", "as it was shown, once", server("hostile_billing::buying::up_and_down_and_up_within_a_second_is_charged_as_it_was_shown_and_once")),
    case(SUBSCRIPTION, "two orders for it at once", "409", services("orders::changing::one_order_at_a_time_changes_a_subscription")),
    case(SUBSCRIPTION, "a preview of the past or the future", "", Not("nobody says a time: a switch is worked out for today, and a body with another field is refused")),
    case(SUBSCRIPTION, "another amount than was shown", "409", services("orders::changing::the_rest_of_the_month_is_paid_and_what_is_shown_is_what_is_charged")),
    case(SUBSCRIPTION, "a cheaper plan below what was used", "priced by the plan it was used on", services("orders::pricing::what_was_used_on_one_plan_is_priced_by_it_whatever_plan_follows")),
    case(SUBSCRIPTION, "a key after suspension", "402, and why", services("orders::renewing::an_agent_that_is_suspended_answers_nobody_and_says_why")),
    case(SUBSCRIPTION, "a key after the end, kept in memory", "refused at once", services("orders::changing::the_end_takes_effect_at_once_and_the_gateway_hears_of_it")),
    case(SUBSCRIPTION, "trials again and again", "once an organization", services("orders::pricing::a_plan_is_tried_once_and_then_paid")),
    case(SUBSCRIPTION, "never paid", "ends after three weeks", services("orders::renewing::what_nobody_pays_for_three_weeks_ends")),
    case(SUBSCRIPTION, "the 31st, leap days, the turn of the year", "as Stripe World's", server("rails::stripe_world::months_and_years_end_when_stripe_worlds_do")),
    case(SUBSCRIPTION, "summer time", "", Not("everything is counted in UTC")),
    case(SUBSCRIPTION, "the program stood still for months", "one month is asked for", services("orders::renewing::subscriptions_from_before_have_a_period_from_the_start_of_the_program")),
    case(SUBSCRIPTION, "changed during the renewal", "409", services("orders::renewing::an_unpaid_month_can_be_ended_but_not_switched_or_canceled")),

    case(USAGE, "negative, fractional, text, 10^30, the largest number", "400, 422, and nothing runs over", server("hostile_billing::using::usage_that_cannot_be_is_refused_and_costs_nothing")),
    case(USAGE, "the same request twice", "once", services("gateway::reports::a_report_counts_once")),
    case(USAGE, "a configuration that nobody has", "refused", server("hostile_billing::using::usage_that_cannot_be_is_refused_and_costs_nothing")),
    case(USAGE, "of long ago, of the future", "", Not("a report says no time: it counts when it comes")),
    case(USAGE, "after its period was closed", "on the next bill, once", services("orders::pricing::a_call_that_is_reported_late_is_on_the_next_bill_and_none_is_on_two")),
    case(USAGE, "a wrong X-Runtime-Secret", "401", server("hostile_billing::using::usage_that_cannot_be_is_refused_and_costs_nothing")),
    case(USAGE, "64 calls at once on the last unit", "one is admitted", services("gateway::limits::of_64_calls_on_the_last_unit_exactly_one_is_admitted")),
    case(USAGE, "parallel calls at a cap", "exactly what the cap allows is answered; 402 `cap_reached`", services("gateway::caps::of_200_calls_on_the_last_unit_of_any_cap_exactly_one_is_answered")),

    case(PROVIDER, "an account for another provider", "404", server("access::everyone_who_should_be_refused_is")),
    case(PROVIDER, "an account page, by a member who may not", "403", services("orders::payouts::where_to_is_said_by_owners_alone")),
    case(PROVIDER, "an account page that leads back to somebody else; somebody else's acct_ in the body", "400", server("stripe_api::a_provider_sees_in_words_what_is_wanted_and_what_it_has")),
    case(PROVIDER, "coming back without having finished", "not ready", server("rails::contract::a_provider_has_one_account_which_is_ready_when_it_has_said_what_is_wanted")),
    case(PROVIDER, "a payout while Stripe restricts the account", "refused, available again", server("rails::contract::a_provider_is_paid_once_under_one_key_and_not_before_it_is_ready")),
    case(PROVIDER, "an account that is closed with money pending", "not paid, kept", services("orders::payouts::nothing_is_paid_to_nowhere_or_where_an_operator_holds_it_back")),
    case(PROVIDER, "two payout runs at once", "paid once", services("orders::payouts::two_runs_at_once_pay_once")),
    case(PROVIDER, "more than is available", "", Not("nobody says an amount: a payout is what is available")),
    case(PROVIDER, "paid out, then given back", "taken back from the account at the rail", server("rails::contract::what_was_paid_out_of_a_sale_that_goes_back_is_taken_back")),
    case(PROVIDER, "a reversal when the account is empty", "owed, settled by the next earning", services("orders::payouts::a_sale_that_goes_back_after_it_was_paid_out_is_owed_and_the_next_earning_settles_it")),
    case(PROVIDER, "more of a payout asked back than there is", "refused", server("rails::contract::of_a_payout_no_more_is_taken_back_than_there_is_and_once_under_one_key")),
    case(PROVIDER, "given back twice at once", "once", server("rails::contract::a_payment_goes_back_once_however_often_it_is_asked_for")),
    case(PROVIDER, "more given back than was paid", "Stripe refuses it", server("rails::stripe_world::a_payment_goes_back_whole_and_in_parts_and_never_more_than_it")),
    case(PROVIDER, "parts that are more than the sale, at once", "one of them fits", services("orders::refunding::no_more_goes_back_than_was_paid_and_only_who_may_gives_back")),
    case(PROVIDER, "a transfer that is reversed from an empty balance", "", Not("transfers are not reversed: what is given back is owed, and the next earnings settle it")),
    case(PROVIDER, "another bank account just before the payout", "waits two days, a letter", services("orders::payouts::a_new_bank_account_waits_two_days_and_its_owner_is_told")),
    case(PROVIDER, "the commission is changed between sale and refund", "the share of that day", services("orders::ledger::the_share_is_that_of_the_day_of_the_sale")),
    case(PROVIDER, "a commission of more than 100 %, below 0", "400", services("orders::ledger::a_rule_that_makes_no_sense_is_refused_with_every_reason")),
    case(PROVIDER, "a commission of 0 and of 100 %, sales of a cent", "adds up", domain("ledger::tests::the_shares_of_a_sale_are_the_sale")),
    case(PROVIDER, "three providers on one cent", "refused: nothing is left for two of them", services("orders::bundling::what_makes_no_bundle_is_said_when_it_is_put_together")),
    case(PROVIDER, "a bundle of others' products without their word", "404 until all have agreed", services("orders::bundling::a_bundle_is_offered_when_every_provider_has_agreed_to_its_part")),
    case(PROVIDER, "one charge for several providers: refunds and disputes of it", "each its part, to the cent", services("orders::bundling::money_of_a_bundle_goes_back_by_product_or_from_all_of_them_and_a_bank_takes_all")),
    case(PROVIDER, "a rail that paid and says nothing", "asked again, paid once", server("rails::stripe::whatever_happens_to_an_answer_a_provider_is_paid_once")),
    case(PROVIDER, "currencies without cents", "", Not("what is sold is in currencies that have them")),
    case(PROVIDER, "a bank's payout that fails after it was paid", "", Not("that is between Stripe and the provider, whose money it is then; its page at Stripe says so")),
    case(PROVIDER, "a provider that is deleted with a balance", "", Not("organizations are blocked and never deleted")),

    case(API, "secrets in pages, answers and the description", "none", server("stripe_webhooks::everybody_may_know_the_publishable_key_and_nothing_else")),
    case(API, "secrets in logs", "never printed", stripe("endpoint::tests::a_key_is_never_printed")),
    case(API, "a live key over http, a key of another kind", "does not start", stripe("endpoint::tests::a_key_never_travels_in_the_open")),
    case(API, "an identifier that changes a path", "never sent", server("rails::stripe::an_identifier_that_would_ask_for_something_else_is_never_sent")),
    case(API, "Stripe answers about another object, amount, currency", "an error, nothing booked", server("rails::stripe::an_answer_about_something_else_is_refused")),
    case(API, "no answer after Stripe has done it; 500 kept under the key; 429; 409", "charged once", server("rails::stripe::whatever_happens_to_an_answer_a_month_is_charged_once")),
    case(API, "the key for another body", "looked up, not sent again", sending("sending::the_same_key_for_other_bytes_is_to_be_looked_up")),
    case(API, "operations of more than a day ago", "looked up, not sent again", server("rails::stripe::after_a_day_what_came_of_a_charge_is_looked_up_and_it_is_not_sent_again")),
    case(API, "HTML and formulas in names, on invoices, PDF and CSV", "text", server("hostile_billing::using::what_people_call_themselves_is_text_on_every_document")),
    case(API, "a support role that reads payments", "", Not("there is no such role")),
    case(API, "four eyes above an amount", "", Not("one operator suffices; what each does is in the audit")),
    case(API, "every route by every role; identifiers of others", "401, 403, 404", server("access::everyone_who_should_be_refused_is")),
    case(API, "every server function by every role", "401, 403, 404", server("access::everyone_who_should_be_refused_by_a_server_function_is")),
    case(API, "every route by its older name", "as by the newer", server("stripe_api::the_older_names_are_answered_as_the_newer_ones_and_lead_nowhere_else")),
    case(API, "the ledger's rows are changed behind the program", "refused, or found", Held::By(Tests::It("store"), "ledger::a_change_behind_the_back_of_the_triggers_is_found")),
];

pub(super) fn prove() -> Result<Proof> {
    let mut wanted: BTreeMap<Tests, Vec<&str>> = BTreeMap::new();
    for case in CASES {
        if let Held::By(tests, name) = &case.held {
            let names = wanted.entry(*tests).or_default();
            if !names.contains(name) {
                names.push(name);
            }
        }
    }
    let mut passed: Vec<(Tests, String)> = Vec::new();
    for (tests, names) in &wanted {
        let mut cargo = workspace::cargo();
        match tests {
            Tests::Lib(package) => cargo.args(["test", "--package", package, "--lib"]),
            Tests::It(package) => cargo.args(["test", "--package", package, "--test", "it"]),
        };
        cargo.args(["--no-fail-fast", "--", "--exact"]).args(names);
        unit::watched(&mut cargo, |line| {
            if let Some(name) = line.strip_prefix("test ").and_then(|line| line.strip_suffix(" ... ok")) {
                passed.push((*tests, name.to_owned()));
            }
        })?;
    }
    let rows: Vec<Value> = CASES.iter().map(|case| row(case, &passed)).collect();
    let count = |word: &str| rows.iter().filter(|row| row["holds"] == word).count();
    let (held, broken) = (count("yes"), count("no"));
    let figures = json!({
        "cases": rows.len(),
        "hold": held,
        "do not": broken,
        "cannot happen here": count("cannot happen"),
        "tests": passed.len(),
        "table": rows,
    });
    Ok(Proof { holds: broken == 0 && held > 0, figures })
}

fn row(case: &Case, passed: &[(Tests, String)]) -> Value {
    let (test, holds) = match &case.held {
        Held::By(tests, name) => {
            let held = passed.iter().any(|(of, passed)| of == tests && passed == name);
            ((*name).to_owned(), if held { "yes" } else { "no" })
        }
        Not(why) => ((*why).to_owned(), "cannot happen"),
    };
    json!({
        "tried": format!("{}: {}", case.area, case.tried),
        "answer": if case.answers.is_empty() { "-" } else { case.answers },
        "holds": holds,
        "test, or why none": test,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_names_a_test_that_is_there() {
        for case in CASES {
            let Held::By(tests, name) = &case.held else { continue };
            let package = match tests {
                Tests::Lib(package) | Tests::It(package) => package,
            };
            let directory = if *package == "server" { "server".to_owned() } else { format!("crates/{package}") };
            let function = format!("fn {}(", name.rsplit("::").next().unwrap_or_default());
            let files = workspace::files(&workspace::root().join(directory)).expect("files");
            let found = files
                .iter()
                .filter(|file| file.extension().is_some_and(|it| it == "rs"))
                .any(|file| std::fs::read_to_string(file).is_ok_and(|text| text.contains(&function)));
            assert!(found, "{}: {name}", case.tried);
        }
    }
}
