"""Works out what a ledger must say, from what happened alone, with fractions; and compares it with the ledger.

    python3 ledger.py DAY.json ...

Nothing here is from the program: the rules are those of docs/MONEY.md.
"""

import hashlib
import json
import sys
from fractions import Fraction


def half_even(exact):
    """Rounds to a whole number of minor units, a half to the even one."""
    down = exact.numerator // exact.denominator
    rest = exact - down
    if rest > Fraction(1, 2) or (rest == Fraction(1, 2) and down % 2 == 1):
        return down + 1
    return down


class Day:
    """The accounts of a day, and what stands."""

    def __init__(self):
        self.accounts = {}
        self.sales = {}
        self.rules = {}
        self.now = 0

    def move(self, account, owner, amount):
        key = (account, owner)
        self.accounts[key] = self.accounts.get(key, 0) + amount

    def balance(self, account, owner):
        return self.accounts.get((account, owner), 0)

    def share(self, provider, category):
        for scope in (str(provider), category, "all"):
            if scope in self.rules:
                return self.rules[scope]
        return self.otherwise

    def happen(self, event):
        what = event["what"]
        if what == "begin":
            self.otherwise = Fraction(event["share"], 10_000)
            self.hold = event["hold_hours"] * 3_600_000_000
            self.providers = event["providers"]
        elif what == "rule":
            self.rules[event["for"]] = Fraction(event["percent"]) / 100
        elif what == "time":
            self.pass_time(event["at"])
        elif what == "refunded":
            self.refund(event["payment"])
        elif what == "part":
            self.give_back(event["payment"], event["refund"], event["amount"])
        elif what == "fails":
            self.comes_again(event["payment"], event["refund"])
        else:
            self.pay(event)

    def pay(self, event):
        amount, fee = event["amount"], event["fee"]
        self.move("rail_balance", None, amount - fee)
        self.move("rail_fees", None, fee)
        if event["what"] == "wrong":
            # It is due back, and goes back.
            self.move("rail_balance", None, -amount)
            return
        commission = half_even(amount * self.share(event["provider"], event["category"]))
        provider = self.providers[event["provider"]]
        self.move("commission", None, -commission)
        self.move("provider_pending", provider, commission - amount)
        self.sales[event["payment"]] = {
            "provider": provider,
            "amount": amount,
            "commission": commission,
            "net": amount - commission,
            "until": event["at"] + self.hold,
            "released": False,
            "refunds": {},
        }
        if event["what"] == "failed":
            self.refund(event["payment"])

    def refund(self, payment):
        """All that is left goes back."""
        sale = self.sales[payment]
        left = sale["amount"] - sum(refund["amount"] for refund in sale["refunds"].values())
        if left:
            self.give_back(payment, "all", left)

    def give_back(self, payment, name, amount):
        sale = self.sales[payment]
        provider, refunds = sale["provider"], sale["refunds"].values()
        before = sum(refund["amount"] for refund in refunds)
        commission_before = sum(refund["commission"] for refund in refunds)
        # What the first cents of the sale are divided into, less what went back; and no more than is left.
        commission = half_even(Fraction((before + amount) * sale["commission"], sale["amount"])) - commission_before
        left = sale["commission"] - commission_before
        left_net = sale["net"] - (before - commission_before)
        commission = min(max(commission, amount - left_net, 0), left, amount)
        net = amount - commission
        taken = []
        if sale["released"]:
            there = min(net, -self.balance("provider_available", provider))
            taken = [("provider_available", there), ("provider_receivable", net - there)]
        else:
            taken = [("provider_pending", net)]
        for account, minor in taken:
            self.move(account, provider, minor)
        self.move("commission", None, commission)
        self.move("rail_balance", None, -amount)
        sale["refunds"][name] = {
            "amount": amount, "commission": commission, "net": net, "taken": taken, "released": sale["released"],
        }

    def comes_again(self, payment, name):
        """Everything is taken back; what is a provider's is where its other money is."""
        sale = self.sales[payment]
        refund = sale["refunds"].pop(name)
        provider = sale["provider"]
        for account, minor in refund["taken"]:
            self.move(account, provider, -minor)
        self.move("commission", None, -refund["commission"])
        self.move("rail_balance", None, refund["amount"])
        owed = self.balance("provider_receivable", provider)
        back = refund["net"] if sale["released"] and not refund["released"] else 0
        settled = min(owed, back)
        self.move("provider_pending", provider, back)
        self.move("provider_receivable", provider, -settled)
        self.move("provider_available", provider, settled - back)

    def pass_time(self, now):
        for sale in self.sales.values():
            back = sum(refund["amount"] for refund in sale["refunds"].values())
            if sale["released"] or sale["until"] > now or back == sale["amount"]:
                continue
            provider = sale["provider"]
            net = sale["net"] - sum(refund["net"] for refund in sale["refunds"].values())
            owed = min(net, self.balance("provider_receivable", provider))
            self.move("provider_pending", provider, net)
            self.move("provider_receivable", provider, -owed)
            self.move("provider_available", provider, owed - net)
            sale["released"] = True


def chain_holds(book, transactions):
    """Seals every transaction anew."""
    before = b""
    for number, row in enumerate(transactions, start=1):
        lines = [[account, owner, minor] for account, owner, minor, _ in row["lines"]]
        currency = row["lines"][0][3]
        sealed = [
            row["id"], row["number"], book, row["kind"], row["source"], currency, row["reverses"],
            row["memo"],
            row["occurred_at"], row["occurred_at"], lines,
        ]
        text = json.dumps(sealed, separators=(",", ":"), ensure_ascii=False)
        before = hashlib.sha256(before + text.encode()).digest()
        if row["number"] != number or row["hash"] != before.hex():
            return False
    return True


def main():
    report = []
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as file:
            day = json.load(file)
        ours = Day()
        for event in day["happened"]:
            ours.happen(event)
        theirs = {}
        balanced = 0
        for row in day["ledger"]:
            balanced += sum(minor for _, _, minor, _ in row["lines"]) == 0
            for account, owner, minor, _ in row["lines"]:
                theirs[(account, owner)] = theirs.get((account, owner), 0) + minor
        expected = {key: value for key, value in ours.accounts.items() if value}
        found = {key: value for key, value in theirs.items() if value}
        differences = {str(key): (expected.get(key, 0), found.get(key, 0))
                       for key in expected.keys() | found.keys() if expected.get(key) != found.get(key)}
        for key, (here, there) in differences.items():
            print(f"{path}: {key}: worked out {here}, in the ledger {there}", file=sys.stderr)
        report.append({
            "database": path.rsplit("/", 1)[-1].removesuffix(".json"),
            "payments": len([event for event in day["happened"] if event["what"] in ("sold", "failed", "wrong")]),
            "transactions": len(day["ledger"]),
            "balanced": balanced,
            "accounts": len(found),
            "differences": len(differences),
            "chain holds": chain_holds("fake", day["ledger"]),
        })
    fine = all(row["differences"] == 0 and row["balanced"] == row["transactions"] and row["chain holds"]
               and row["transactions"] > 200 for row in report)
    print(json.dumps({"holds": fine, "days": report}))


main()
