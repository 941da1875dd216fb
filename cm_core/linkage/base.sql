-- base
-- What linkage keeps from run to run, in a database file of its own (`base`). Everything here is derived: without it, the
-- next run reads all rows again and comes to the same.
--
-- A row is a party of a source row, and goes by one number: the import's number, the row's number and the party's number in
-- 23, 32 and 8 bits. A contact is the hash of its kind and its text, a code that of a contact and a class.
create table base.about (fingerprint varchar);
create table base.imports (import_no bigint, import_id varchar, parts varchar);
create table base.chunks (import_id varchar, chunk bigint, row_count bigint, checksum varchar);
create table base.owned (row_id bigint, person_id bigint);
create table base.first_names (
    first_key varchar, name_class varchar, forms varchar[], is_known boolean, male_part double, given_over_surname double
);

-- The exact tier: who holds which contact (or name and ZIP), the contacts of too many surnames, what makes rows one.
create table base.holders (
    row_id bigint, person_id bigint, kind varchar, contact ubigint, class varchar, is_borrower boolean, surname varchar,
    date_of_birth date
);
create table base.shared_contacts (kind varchar, contact ubigint, surnames bigint);
create table base.row_facts (row_id bigint, person_id bigint, kind varchar, contact ubigint, code ubigint);
create table base.held_ids (
    row_id bigint, person_id bigint, id_type varchar, id_key varchar, first_key varchar, name_class varchar,
    is_known boolean, surname varchar, date_of_birth date
);
-- Ids that several persons have, or too many to count: what those beside the first agree in.
create table base.id_keys (
    id_type varchar, id_key varchar, is_filler boolean, rows bigint, others bigint, agreeing bigint, tested bigint,
    differing bigint
);
create table base.identifier_types (
    id_type varchar, is_personal boolean, shared_ids bigint, agreement double, is_used boolean
);
create table base.person_identifiers (person_id bigint, id_type varchar, key varchar, is_personal boolean);
create table base.decisions (decision varchar, id_l bigint, id_r bigint);
create table base.exact_components (id bigint, component bigint);

-- What is compared: one record per component, the blocks it is in, and the pairs that met there.
create table base.records (
    unique_id bigint, first_name varchar, last_name varchar, given_name varchar, first_names varchar[],
    last_names varchar[], name_class varchar, name_forms varchar[], name_is_known boolean, male_part double,
    generation varchar, generations varchar[], middles varchar[], dob date, phones varchar[], emails varchar[],
    address_keys varchar[], numbers varchar[], lines varchar[], streets varchar[], houses varchar[], zips varchar[],
    zip varchar, identifiers varchar[], personal_ids varchar[], personal_types varchar[]
);
create table base.legal_records (
    unique_id bigint, organization_key varchar, entity_type varchar, phones varchar[], emails varchar[],
    address_keys varchar[], numbers varchar[], streets varchar[], zips varchar[], identifiers varchar[]
);
-- What households are found by: ranks as in households.sql.
create table base.household_keys (code ubigint, rank utinyint, unique_id bigint);
create table base.block_keys (code ubigint, number bigint, unique_id bigint);
create table base.hot_blocks (code ubigint, rule varchar, key varchar, records bigint);
-- `bits`: what all comparisons say together, without how common the names are; these are named where they are the same.
create table base.scored_pairs (
    id_l bigint, id_r bigint, bits double, first_name varchar, last_name varchar
);
create table base.legal_pairs (id_l bigint, id_r bigint, match_probability double, is_one boolean);
create table base.judged_pairs (
    id_l bigint, id_r bigint, is_proven boolean, initial_id bigint, whole_name varchar, refusal varchar
);
create table base.explained_pairs (id_l bigint, id_r bigint, tier integer, score decimal(5, 2), reason varchar);

-- The outcome of the last run, by components.
create table base.evidence (
    id_l bigint, id_r bigint, match_probability double, tier integer, score decimal(5, 2), reason varchar
);
create table base.doubts (
    id_l bigint, id_r bigint, match_probability double, tier integer, score decimal(5, 2), reason varchar, cause varchar
);
