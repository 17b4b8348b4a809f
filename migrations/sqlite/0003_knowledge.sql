-- Documents of buyers ---------------------------------------------------------------------------
--
-- A document belongs to one config. What ranking needs of its passages is kept beside their text,
-- so that a base is put together without reading the texts again.

CREATE TABLE knowledge_documents (
    id BLOB PRIMARY KEY,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    config_id BLOB NOT NULL REFERENCES configs (id) ON DELETE CASCADE,
    -- file or qa.
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    -- SHA-256 of what was given; names the file. The same content is taken once a config.
    content_hash BLOB NOT NULL,
    bytes INTEGER NOT NULL,
    -- pending, processing, ready or failed.
    state TEXT NOT NULL,
    -- Of a hundred.
    progress INTEGER NOT NULL,
    -- Why it failed, in words for the buyer.
    reason TEXT NOT NULL,
    warnings TEXT NOT NULL,
    title TEXT NOT NULL,
    language TEXT NOT NULL,
    pages INTEGER NOT NULL,
    passages INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    modified_at INTEGER NOT NULL,
    UNIQUE (config_id, content_hash)
) STRICT;
CREATE INDEX knowledge_documents_by_config ON knowledge_documents (config_id, created_at);
CREATE INDEX knowledge_documents_by_organization ON knowledge_documents (organization_id);

-- What was given, to be read again when the reader has become better; the same content once an organization.
CREATE TABLE knowledge_files (
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    content_hash BLOB NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (organization_id, content_hash)
) STRICT;

CREATE TABLE knowledge_passages (
    id BLOB PRIMARY KEY,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    config_id BLOB NOT NULL REFERENCES configs (id) ON DELETE CASCADE,
    document_id BLOB NOT NULL REFERENCES knowledge_documents (id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    -- The headings above it, the outermost first.
    headings TEXT NOT NULL,
    first_page INTEGER,
    last_page INTEGER,
    text TEXT NOT NULL,
    language TEXT NOT NULL,
    -- `knowledge::Analysis`.
    analysis BLOB NOT NULL,
    UNIQUE (document_id, ordinal)
) STRICT;
CREATE INDEX knowledge_passages_by_config ON knowledge_passages (config_id);

-- Counts the changes of what a config may be asked about; processes keep bases by it.
CREATE TABLE knowledge_bases (
    config_id BLOB PRIMARY KEY REFERENCES configs (id) ON DELETE CASCADE,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    version INTEGER NOT NULL
) STRICT;

-- Questions that found nothing in the documents, for whoever has to write what is missing.
CREATE TABLE knowledge_gaps (
    config_id BLOB NOT NULL REFERENCES configs (id) ON DELETE CASCADE,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    -- In small letters, so that the same question is one.
    question TEXT NOT NULL,
    times INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    PRIMARY KEY (config_id, question)
) STRICT;

-- Whether visitors of the widget are told which documents an answer is from.
ALTER TABLE configs ADD COLUMN show_citations INTEGER NOT NULL DEFAULT 0;

-- The passages that an answer is from.
ALTER TABLE messages ADD COLUMN citations TEXT NOT NULL DEFAULT '[]';
