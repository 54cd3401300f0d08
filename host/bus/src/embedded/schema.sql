-- Version 1. Times are nanoseconds since the epoch.
CREATE TABLE events (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again: it is a delivery's token
  id TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,                    -- as Kind displays
  body TEXT NOT NULL,                    -- CloudEvents JSON
  bytes INTEGER NOT NULL,                -- of body
  stored_at INTEGER NOT NULL,
  open INTEGER NOT NULL,                 -- deliveries that are waiting or in flight
  dead INTEGER NOT NULL                  -- deliveries that were given up
);
-- What may go, oldest first; delivered before dead.
CREATE INDEX events_settled ON events (dead > 0, seq) WHERE open = 0;
CREATE INDEX events_aged ON events (stored_at) WHERE open = 0;

CREATE TABLE consumers (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  filter TEXT NOT NULL,                  -- JSON
  delivered INTEGER NOT NULL DEFAULT 0
);

-- One row for each consumer that still has to get an event; gone when it did.
CREATE TABLE deliveries (
  consumer INTEGER NOT NULL REFERENCES consumers (id),
  seq INTEGER NOT NULL REFERENCES events (seq),
  state INTEGER NOT NULL,                -- 0 waiting, 1 in flight, 2 dead
  due INTEGER NOT NULL,                  -- waiting: from when; in flight: until when; dead: since when
  attempts INTEGER NOT NULL DEFAULT 0,
  reason TEXT,                           -- why it is dead
  history TEXT NOT NULL DEFAULT '[]',    -- [[time, reason], ...]
  PRIMARY KEY (consumer, seq)
) WITHOUT ROWID;
CREATE INDEX deliveries_due ON deliveries (consumer, due, seq) WHERE state < 2;
CREATE INDEX deliveries_dead ON deliveries (due, consumer, seq) WHERE state = 2;
CREATE INDEX deliveries_event ON deliveries (seq);

CREATE TABLE totals (
  events INTEGER NOT NULL, bytes INTEGER NOT NULL, stored INTEGER NOT NULL, duplicates INTEGER NOT NULL,
  refused_full INTEGER NOT NULL, refused_large INTEGER NOT NULL, dead_dropped INTEGER NOT NULL
);
INSERT INTO totals VALUES (0, 0, 0, 0, 0, 0, 0);
