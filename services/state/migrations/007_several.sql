-- Several gateways on one database: under which storage key all of them write now. Whoever has a ring without it is told so.
alter table storage_key add column newest bytea check (octet_length(newest) = 8);
