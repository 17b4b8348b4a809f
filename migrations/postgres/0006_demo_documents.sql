-- Documents that visitors try a product on ------------------------------------------------------
--
-- They belong to a conversation with a demo and go with it, at the latest when it expires.

CREATE TABLE demo_documents (
    demo_id TEXT NOT NULL REFERENCES demo_sessions (id) ON DELETE CASCADE,
    ordinal BIGINT NOT NULL,
    name TEXT NOT NULL,
    -- `services::ports::LoosePassage`.
    passages JSONB NOT NULL,
    PRIMARY KEY (demo_id, ordinal)
);
