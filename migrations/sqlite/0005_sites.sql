-- Pages of the web that agents answer from ------------------------------------------------------

CREATE TABLE knowledge_sites (
    id BLOB PRIMARY KEY,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    config_id BLOB NOT NULL REFERENCES configs (id) ON DELETE CASCADE,
    -- Where it begins.
    url TEXT NOT NULL,
    -- Pages that are read at the most; 1 is that page alone.
    most_pages INTEGER NOT NULL,
    -- Hours until it is read again; 0 is never.
    every_hours INTEGER NOT NULL,
    -- When that is.
    next_at INTEGER,
    -- Addresses of pages that were deleted, and are not to come back.
    without TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (config_id, url)
) STRICT;
CREATE INDEX knowledge_sites_by_organization ON knowledge_sites (organization_id);
CREATE INDEX knowledge_sites_due ON knowledge_sites (next_at) WHERE next_at IS NOT NULL;

-- A page is a document. Until it was fetched for the first time, its hash is that of its address.
ALTER TABLE knowledge_documents ADD COLUMN site_id BLOB REFERENCES knowledge_sites (id) ON DELETE CASCADE;
ALTER TABLE knowledge_documents ADD COLUMN url TEXT NOT NULL DEFAULT '';
CREATE UNIQUE INDEX knowledge_documents_by_url ON knowledge_documents (config_id, url) WHERE url <> '';
CREATE INDEX knowledge_documents_by_site ON knowledge_documents (site_id) WHERE site_id IS NOT NULL;
