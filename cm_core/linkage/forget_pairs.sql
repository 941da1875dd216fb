-- Pairs of records that are no more, and of records that are compared with each other again.
-- In:  touched_components, compared(unique_id, is_new). Out: base.*_pairs without them.
create or replace table compared_again as select unique_id from compared where not is_new;

delete from base.scored_pairs
where id_l in (select component from touched_components)
    or id_r in (select component from touched_components)
    or id_l in (select unique_id from compared_again) and id_r in (select unique_id from compared_again);

delete from base.legal_pairs
where id_l in (select component from touched_components)
    or id_r in (select component from touched_components)
    or id_l in (select unique_id from compared_again) and id_r in (select unique_id from compared_again);

delete from base.judged_pairs
where id_l in (select component from touched_components) or id_r in (select component from touched_components);

delete from base.explained_pairs
where id_l in (select component from touched_components) or id_r in (select component from touched_components);
