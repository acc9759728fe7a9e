"""The ledger's tables, and how files of older versions are brought up to date."""

from typing import Final

VERSION: Final = 6

ARTICLE_INDEXES: Final = {
    "articles_by_day": "articles (source_id, date_published)",
    "articles_unattributed": "articles (id) WHERE source_id IS NULL OR source_name IS NULL",
    "articles_by_look": "articles (looked)",
    "articles_due": "articles (due)",
}
"""Made after a table that is filled at once."""

_ARTICLES: Final = """
CREATE TABLE articles (
    id TEXT PRIMARY KEY, revision INTEGER NOT NULL, digest BLOB NOT NULL, source_id INTEGER, source_label TEXT,
    source_name TEXT, date_published TEXT, date_downloaded TEXT NOT NULL, status TEXT NOT NULL, access TEXT NOT NULL,
    begin INTEGER NOT NULL, looked INTEGER NOT NULL, due INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE earlier_lines (
    id TEXT NOT NULL, begin INTEGER NOT NULL, date_downloaded TEXT NOT NULL, PRIMARY KEY (id, begin)
) STRICT, WITHOUT ROWID;
CREATE INDEX earlier_lines_by_time ON earlier_lines (date_downloaded);
"""
_INDEXES: Final = "".join(f"CREATE INDEX {name} ON {columns};\n" for name, columns in ARTICLE_INDEXES.items())

SCHEMA: Final = f"""
CREATE TABLE logs (
    name TEXT PRIMARY KEY, end INTEGER NOT NULL, crc INTEGER NOT NULL, whole INTEGER NOT NULL
) STRICT;
{_ARTICLES}{_INDEXES}
CREATE TABLE wanted (
    id TEXT PRIMARY KEY, url TEXT NOT NULL, list INTEGER, card TEXT, date_published TEXT,
    reason TEXT, tries INTEGER NOT NULL DEFAULT 0, seen TEXT NOT NULL DEFAULT '', due TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;
CREATE INDEX wanted_by_list ON wanted (list);
CREATE TABLE sources (
    key INTEGER PRIMARY KEY, sid INTEGER UNIQUE, ajax_id INTEGER UNIQUE, label TEXT
) STRICT;
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE listed (
    id TEXT NOT NULL, list INTEGER NOT NULL, day TEXT, walked_range INTEGER NOT NULL, PRIMARY KEY (id, list)
) STRICT, WITHOUT ROWID;
CREATE TABLE looks (id TEXT PRIMARY KEY, etag TEXT, last_modified TEXT, missing TEXT) STRICT, WITHOUT ROWID;
CREATE TABLE sitemaps (
    url TEXT PRIMARY KEY, seen TEXT NOT NULL, lastmod TEXT, etag TEXT, last_modified TEXT
) STRICT;
CREATE INDEX listed_by_walked_range ON listed (walked_range);
CREATE TABLE walked_ranges (
    number INTEGER PRIMARY KEY, list INTEGER NOT NULL, since TEXT NOT NULL, until TEXT NOT NULL, walked TEXT NOT NULL,
    settled TEXT NOT NULL, as_of TEXT NOT NULL, offset INTEGER NOT NULL
) STRICT;
CREATE INDEX walked_ranges_by_list ON walked_ranges (list);
CREATE TABLE tops (list INTEGER PRIMARY KEY, ids TEXT NOT NULL, oldest_first INTEGER NOT NULL) STRICT;
"""

# To 4: sources have a key of their own; version 3 called a list by its source's sid, or by ``ajax:<id>``. A source of
# which nothing but the sid was remembered may have been a slip of the pen. To 6: articles are learned anew from the
# log, and LOOKS has from then on what version 5 knew of the looks at them.
LOOKS: Final = """
UPDATE articles SET looked = max(articles.looked, CAST(strftime('%s', looks_5.looked) AS INTEGER)),
    due = CAST(strftime('%s', looks_5.due) AS INTEGER) FROM looks_5 WHERE looks_5.id = articles.id;
DROP TABLE looks_5;
"""
MIGRATIONS: Final = {
    3: """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TEMP TABLE named AS
    SELECT list FROM listed UNION SELECT list FROM stretches UNION SELECT list FROM wanted WHERE list IS NOT NULL;
ALTER TABLE sources RENAME TO sources_3;
CREATE TABLE sources (
    key INTEGER PRIMARY KEY, sid INTEGER UNIQUE, ajax_id INTEGER UNIQUE, label TEXT
) STRICT;
INSERT INTO sources (sid, ajax_id, label) SELECT sid, ajax_id, label FROM sources_3 WHERE label IS NOT NULL
    OR ajax_id IS NOT NULL OR list IN (SELECT list FROM named)
    OR EXISTS (SELECT 1 FROM articles WHERE source_id = sid);
INSERT OR IGNORE INTO sources (sid) SELECT CAST(list AS INTEGER) FROM named WHERE list NOT LIKE 'ajax:%';
INSERT OR IGNORE INTO sources (ajax_id) SELECT CAST(substr(list, 6) AS INTEGER) FROM named WHERE list LIKE 'ajax:%';
CREATE TEMP TABLE keys AS
    SELECT list, key FROM named JOIN sources ON list = CAST(sid AS TEXT) OR list = 'ajax:' || ajax_id;
ALTER TABLE wanted RENAME TO wanted_3;
CREATE TABLE wanted (
    id TEXT PRIMARY KEY, url TEXT NOT NULL, list INTEGER, card TEXT, date_published TEXT,
    reason TEXT, tries INTEGER NOT NULL DEFAULT 0, seen TEXT NOT NULL DEFAULT '', due TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;
INSERT INTO wanted SELECT id, url, key, card, date_published, reason, tries, seen, due
    FROM wanted_3 LEFT JOIN keys USING (list);
ALTER TABLE listed RENAME TO listed_3;
CREATE TABLE listed (
    id TEXT NOT NULL, list INTEGER NOT NULL, day TEXT, stretch INTEGER NOT NULL, PRIMARY KEY (id, list)
) STRICT, WITHOUT ROWID;
INSERT OR IGNORE INTO listed SELECT id, key, day, stretch FROM listed_3 JOIN keys USING (list);
ALTER TABLE stretches RENAME TO stretches_3;
CREATE TABLE stretches (
    number INTEGER PRIMARY KEY, list INTEGER NOT NULL, since TEXT NOT NULL, until TEXT NOT NULL, walked TEXT NOT NULL,
    settled TEXT NOT NULL, as_of TEXT NOT NULL, offset INTEGER NOT NULL
) STRICT;
INSERT INTO stretches SELECT number, key, since, until, walked, settled, as_of, offset
    FROM stretches_3 JOIN keys USING (list);
DROP TABLE wanted_3;
DROP TABLE listed_3;
DROP TABLE stretches_3;
DROP TABLE sources_3;
DROP TABLE keys;
DROP TABLE named;
CREATE INDEX wanted_by_list ON wanted (list);
CREATE INDEX listed_by_stretch ON listed (stretch);
CREATE INDEX stretches_by_list ON stretches (list);
CREATE TABLE tops (list INTEGER PRIMARY KEY, ids TEXT NOT NULL, oldest_first INTEGER NOT NULL) STRICT""",
    4: """
DROP INDEX listed_by_stretch;
DROP INDEX stretches_by_list;
ALTER TABLE stretches RENAME TO walked_ranges;
ALTER TABLE listed RENAME COLUMN stretch TO walked_range;
CREATE INDEX listed_by_walked_range ON listed (walked_range);
CREATE INDEX walked_ranges_by_list ON walked_ranges (list)""",
    5: f"""
ALTER TABLE logs RENAME COLUMN mtime_ns TO whole;
UPDATE logs SET whole = crc;
DROP TABLE articles;
{_ARTICLES}
CREATE TEMP TABLE looks_5 AS SELECT id, looked, due FROM looks;
ALTER TABLE looks DROP COLUMN looked;
ALTER TABLE looks DROP COLUMN due;
""",  # noqa: S608 - our own words
}
