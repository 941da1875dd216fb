-- What the last run wrote, where it is not known.
create table written.persons (person_id bigint, cluster bigint, signature ubigint, entity_id bigint);
create table written.marks (person_id bigint, mark varchar);
create table written.households (entity_id bigint, household_id bigint, reason varchar);
