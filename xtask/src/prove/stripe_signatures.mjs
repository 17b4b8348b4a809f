// Signs bodies with Stripe's own library, or verifies what we have signed:
//   node stripe_signatures.mjs sign              prints a list
//   node stripe_signatures.mjs verify FILE       prints how many were believed, and how many of the changed ones
import { readFileSync } from "node:fs";
import Stripe from "stripe";

const { webhooks } = new Stripe("sk_test_1");
const [, , what, file] = process.argv;

if (what === "sign") {
  const event = (more) => JSON.stringify({ id: "evt_1", object: "event", type: "charge.refunded", livemode: false, ...more });
  const bodies = {
    "an event": event({ data: { object: { id: "ch_1" } } }),
    "letters beyond ASCII": event({ data: { object: { id: "ch_1", name: "Zoë & Söhne — “½” 🙂" } } }),
    "an event on many lines": JSON.stringify(JSON.parse(event({ data: { object: { id: "ch_1" } } })), null, 2) + "\r\n",
    "a large event": event({ data: { object: { id: "ch_1", text: "x".repeat(300_000) } } }),
    "dots and commas": event({ data: { object: { id: "ch_1", text: "t=1,v1=00.1.2," } } }),
  };
  const list = [];
  for (const [name, payload] of Object.entries(bodies)) {
    for (const secret of ["whsec_a_secret_of_tests", "whsec_" + "Zz09".repeat(20)]) {
      for (const timestamp of [1795262400, 1, 4102444800]) {
        const header = webhooks.generateTestHeaderString({ payload, secret, timestamp });
        list.push({ name, secret, at: timestamp, header, body: payload });
      }
    }
  }
  console.log(JSON.stringify(list));
} else {
  const figures = { believed: 0, "believed although changed": 0, of: 0 };
  const believes = ({ body, header, secret, at }) => {
    try {
      webhooks.constructEvent(body, header, secret, 300, undefined, at * 1000);
      return true;
    } catch {
      return false;
    }
  };
  for (const signed of JSON.parse(readFileSync(file, "utf8"))) {
    figures.of += 1;
    figures.believed += believes(signed) ? 1 : 0;
    const changed = [
      { ...signed, body: signed.body + " " },
      { ...signed, body: signed.body.replace("evt_1", "evt_2") },
      { ...signed, header: signed.header.replace("v1=", "v0=") },
      { ...signed, secret: signed.secret + "x" },
      { ...signed, at: signed.at + 301 },
    ];
    figures["believed although changed"] += changed.filter(believes).length;
  }
  console.log(JSON.stringify(figures));
}
