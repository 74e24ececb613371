-- One table for each file of ../data, joined as the files are:
-- strike.airport -> crosswalk.name, crosswalk.iata -> airport.iata.

CREATE TABLE airport (
	iata TEXT PRIMARY KEY,
	name TEXT NOT NULL,
	city TEXT NOT NULL,
	state TEXT NOT NULL,
	country TEXT NOT NULL,
	lat REAL NOT NULL,
	lon REAL NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE crosswalk (
	name TEXT PRIMARY KEY,
	iata TEXT NOT NULL UNIQUE REFERENCES airport (iata),
	label TEXT NOT NULL,
	note TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE strike (
	id INTEGER PRIMARY KEY,
	date TEXT NOT NULL, -- 2006-01-02
	airport TEXT NOT NULL REFERENCES crosswalk (name),
	state TEXT NOT NULL,
	species TEXT NOT NULL,
	phase TEXT NOT NULL,
	size TEXT NOT NULL,
	damage TEXT NOT NULL,
	time_of_day TEXT NOT NULL,
	operator TEXT NOT NULL,
	aircraft TEXT NOT NULL,
	cost INTEGER NOT NULL, -- US dollars
	speed INTEGER -- knots
) STRICT;
