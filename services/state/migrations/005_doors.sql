-- Doors into sandboxes that outlive a request: SSH sessions, and names under which a port of a sandbox is served.

-- How far the numbered lines of a sandbox's spool are stored; in the same transaction as they. A line's place is its
-- number behind those of all spools before (generation * 2^40 + number): it stays the same when it is stored again, after a
-- crash of the database that forgot it. 0: not numbered.
create table log_spools (
	sandbox		uuid primary key references sandboxes on delete cascade,
	spool		uuid not null,
	next		bigint not null check (next >= 1),
	generation	bigint not null check (generation >= 1)
);
alter table log_lines add column place bigint not null default 0;

create table services (
	id		uuid primary key,
	sandbox		uuid not null references sandboxes on delete cascade,
	name		text not null check (name = '' or (name ~ '^[a-z0-9]([a-z0-9-]{0,17}[a-z0-9])?$' and position('--' in name) = 0)),
	port		integer not null check (port between 1 and 65535),
	domain		boolean not null,
	created_ms	wall_ms not null,
	resource_version bigint not null default 1 check (resource_version >= 1),
	unique (sandbox, name)
);
create index services_order on services (created_ms);

-- Whoever routes requests by a service is told that it changed; the sandbox's own row did not.
alter table changes add column services boolean not null default false;
create function services_changed() returns trigger language plpgsql as $$
begin
	perform pg_advisory_xact_lock(7461629514287612001);
	insert into changes (sandbox, desired, services) values (coalesce(new.sandbox, old.sandbox), false, true);
	perform pg_notify('openshell', 'rows');
	return null;
end $$;
create trigger services_changed after insert or update or delete on services
	for each row execute function services_changed();

-- Tokens by which a caller opens doors into one sandbox. Only their hashes: who reads this table can open nothing.
create table ssh_sessions (
	id		uuid primary key,
	hash		bytea not null unique check (octet_length(hash) = 32),
	sandbox		uuid not null references sandboxes on delete cascade,
	created_ms	wall_ms not null,
	expires_ms	bigint not null check (expires_ms >= 0),	-- 0: never
	revoked		boolean not null default false
);
create index ssh_sessions_sandbox on ssh_sessions (sandbox);
