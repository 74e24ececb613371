-- Made after the tables are full, which is quicker than keeping them up to date.

CREATE INDEX strike_date ON strike (date);
CREATE INDEX strike_state ON strike (state, date);
CREATE INDEX strike_species ON strike (species, date);
CREATE INDEX strike_phase ON strike (phase, date);
CREATE INDEX strike_cost ON strike (cost) WHERE cost > 0;
CREATE INDEX strike_airport ON strike (airport);

ANALYZE;
