-- Pages of the web that agents answer from ------------------------------------------------------

CREATE TABLE knowledge_sites (
    id UUID PRIMARY KEY,
    organization_id UUID NOT NULL REFERENCES organizations (id),
    config_id UUID NOT NULL REFERENCES configs (id) ON DELETE CASCADE,
    -- Where it begins.
    url TEXT NOT NULL,
    -- Pages that are read at the most; 1 is that page alone.
    most_pages BIGINT NOT NULL,
    -- Hours until it is read again; 0 is never.
    every_hours BIGINT NOT NULL,
    -- When that is.
    next_at BIGINT,
    -- Addresses of pages that were deleted, and are not to come back.
    without JSONB NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (config_id, url)
);
CREATE INDEX knowledge_sites_by_organization ON knowledge_sites (organization_id);
CREATE INDEX knowledge_sites_due ON knowledge_sites (next_at) WHERE next_at IS NOT NULL;

-- A page is a document. Until it was fetched for the first time, its hash is that of its address.
ALTER TABLE knowledge_documents ADD COLUMN site_id UUID REFERENCES knowledge_sites (id) ON DELETE CASCADE;
ALTER TABLE knowledge_documents ADD COLUMN url TEXT NOT NULL DEFAULT '';
CREATE UNIQUE INDEX knowledge_documents_by_url ON knowledge_documents (config_id, url) WHERE url <> '';
CREATE INDEX knowledge_documents_by_site ON knowledge_documents (site_id) WHERE site_id IS NOT NULL;

-- The second wall; see 0001.
ALTER TABLE knowledge_sites ENABLE ROW LEVEL SECURITY;
ALTER TABLE knowledge_sites FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON knowledge_sites USING (cmp_sees(organization_id));
