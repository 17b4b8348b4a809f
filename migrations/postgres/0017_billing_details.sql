-- What stands on invoices of whoever buys and sells.
CREATE TABLE billing_details (
    organization_id UUID PRIMARY KEY REFERENCES organizations (id),
    -- The legal name; empty where the organization's own will do.
    name TEXT NOT NULL,
    -- In lines, as on a letter.
    address TEXT NOT NULL,
    vat_id TEXT NOT NULL,
    updated_at BIGINT NOT NULL
);

ALTER TABLE invoices ADD COLUMN buyer_address TEXT NOT NULL DEFAULT '';
ALTER TABLE invoices ADD COLUMN buyer_vat_id TEXT NOT NULL DEFAULT '';
ALTER TABLE invoices ADD COLUMN seller_address TEXT NOT NULL DEFAULT '';
ALTER TABLE invoices ADD COLUMN seller_vat_id TEXT NOT NULL DEFAULT '';

ALTER TABLE billing_details ENABLE ROW LEVEL SECURITY;
ALTER TABLE billing_details FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON billing_details USING (cmp_sees(organization_id));
