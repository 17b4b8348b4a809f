-- Where a buyer comes back to from a payment page; empty where that is the order's own page.
ALTER TABLE checkouts ADD COLUMN success_url TEXT NOT NULL DEFAULT '';
ALTER TABLE checkouts ADD COLUMN cancel_url TEXT NOT NULL DEFAULT '';
