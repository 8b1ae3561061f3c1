-- Master keys are replaced: which one's claim each start of a sandbox was given, by the X25519 key that goes with it; null
-- until credentials has named its keys, in rows from before.
alter table enrolments add column credentials_key hash32;
