-- Documents of buyers ---------------------------------------------------------------------------
--
-- A document belongs to one config. What ranking needs of its passages is kept beside their text,
-- so that a base is put together without reading the texts again.

CREATE TABLE knowledge_documents (
    id UUID PRIMARY KEY,
    organization_id UUID NOT NULL REFERENCES organizations (id),
    config_id UUID NOT NULL REFERENCES configs (id) ON DELETE CASCADE,
    -- file or qa.
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    -- SHA-256 of what was given; names the file. The same content is taken once a config.
    content_hash BYTEA NOT NULL,
    bytes BIGINT NOT NULL,
    -- pending, processing, ready or failed.
    state TEXT NOT NULL,
    -- Of a hundred.
    progress BIGINT NOT NULL,
    -- Why it failed, in words for the buyer.
    reason TEXT NOT NULL,
    warnings JSONB NOT NULL,
    title TEXT NOT NULL,
    language TEXT NOT NULL,
    pages BIGINT NOT NULL,
    passages BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    UNIQUE (config_id, content_hash)
);
CREATE INDEX knowledge_documents_by_config ON knowledge_documents (config_id, created_at);
CREATE INDEX knowledge_documents_by_organization ON knowledge_documents (organization_id);

-- What was given, to be read again when the reader has become better; the same content once an organization.
CREATE TABLE knowledge_files (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    content_hash BYTEA NOT NULL,
    content BYTEA NOT NULL,
    PRIMARY KEY (organization_id, content_hash)
);

CREATE TABLE knowledge_passages (
    id UUID PRIMARY KEY,
    organization_id UUID NOT NULL REFERENCES organizations (id),
    config_id UUID NOT NULL REFERENCES configs (id) ON DELETE CASCADE,
    document_id UUID NOT NULL REFERENCES knowledge_documents (id) ON DELETE CASCADE,
    ordinal BIGINT NOT NULL,
    -- The headings above it, the outermost first.
    headings JSONB NOT NULL,
    first_page BIGINT,
    last_page BIGINT,
    text TEXT NOT NULL,
    language TEXT NOT NULL,
    -- `knowledge::Analysis`.
    analysis BYTEA NOT NULL,
    UNIQUE (document_id, ordinal)
);
CREATE INDEX knowledge_passages_by_config ON knowledge_passages (config_id);

-- Counts the changes of what a config may be asked about; processes keep bases by it.
CREATE TABLE knowledge_bases (
    config_id UUID PRIMARY KEY REFERENCES configs (id) ON DELETE CASCADE,
    organization_id UUID NOT NULL REFERENCES organizations (id),
    version BIGINT NOT NULL
);

-- Questions that found nothing in the documents, for whoever has to write what is missing.
CREATE TABLE knowledge_gaps (
    config_id UUID NOT NULL REFERENCES configs (id) ON DELETE CASCADE,
    organization_id UUID NOT NULL REFERENCES organizations (id),
    -- In small letters, so that the same question is one.
    question TEXT NOT NULL,
    times BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    PRIMARY KEY (config_id, question)
);

-- Whether visitors of the widget are told which documents an answer is from.
ALTER TABLE configs ADD COLUMN show_citations BOOLEAN NOT NULL DEFAULT FALSE;

-- The passages that an answer is from.
ALTER TABLE messages ADD COLUMN citations JSONB NOT NULL DEFAULT '[]';

-- The second wall; see 0001.
ALTER TABLE knowledge_documents ENABLE ROW LEVEL SECURITY;
ALTER TABLE knowledge_documents FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON knowledge_documents USING (cmp_sees(organization_id));
ALTER TABLE knowledge_files ENABLE ROW LEVEL SECURITY;
ALTER TABLE knowledge_files FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON knowledge_files USING (cmp_sees(organization_id));
ALTER TABLE knowledge_passages ENABLE ROW LEVEL SECURITY;
ALTER TABLE knowledge_passages FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON knowledge_passages USING (cmp_sees(organization_id));
ALTER TABLE knowledge_bases ENABLE ROW LEVEL SECURITY;
ALTER TABLE knowledge_bases FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON knowledge_bases USING (cmp_sees(organization_id));
ALTER TABLE knowledge_gaps ENABLE ROW LEVEL SECURITY;
ALTER TABLE knowledge_gaps FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON knowledge_gaps USING (cmp_sees(organization_id));
