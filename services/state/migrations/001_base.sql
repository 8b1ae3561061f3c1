-- The first tables: workspaces, drivers, sandboxes with all that is their own, logs, audit and the change log.

create domain dns_label as text
	check (value ~ '^[a-z0-9]([a-z0-9-]{0,17}[a-z0-9])?$' and position('--' in value) = 0);
create domain wall_ms as bigint check (value >= 0);
create domain hash32 as bytea check (octet_length(value) = 32);

create table workspaces (
	name		dns_label primary key,
	created_ms	wall_ms not null
);

-- One row for each driver that ever joined; peer is its name in the roster, which its CURVE key proves.
create table drivers (
	peer		text primary key check (length(peer) between 1 and 64),
	name		text not null check (length(name) between 1 and 32),
	version		text not null check (length(version) <= 64),
	images		boolean not null,
	default_image	text not null check (octet_length(default_image) <= 1024),
	joined_ms	wall_ms not null
);

-- phase: 1 provisioning 2 ready 3 error 4 deleting 5 unknown 6 stopping 7 stopped 8 starting
-- want:  1 running 2 stopped 3 deleted
create table sandboxes (
	id		uuid primary key,
	request		uuid not null unique,
	workspace	dns_label not null references workspaces (name),
	name		dns_label not null,
	labels		text[] not null check (cardinality(labels) <= 128),
	annotations	text[] not null check (cardinality(annotations) <= 128),
	created_ms	wall_ms not null,
	resource_version bigint not null default 1 check (resource_version >= 1),
	phase		smallint not null check (phase between 1 and 8),
	want		smallint not null check (want between 1 and 3),
	epoch		bigint not null default 1 check (epoch between 1 and 4294967295),
	instance	uuid,
	ready_instance	uuid,
	exit_code	smallint not null default 256 check (exit_code between 0 and 256),
	driver		text not null references drivers (peer),
	session_state	text,
	session_relay	text,
	restarts	integer not null default 0 check (restarts >= 0),
	restarts_since_ms wall_ms not null default 0,
	ready		text not null check (ready in ('True', 'False', 'Unknown')),
	reason		text not null check (length(reason) between 1 and 64),
	message		text not null check (octet_length(message) <= 2048),
	ready_since_ms	wall_ms not null,
	walls		text[] not null default '{}' check (cardinality(walls) <= 32),
	walls_since_ms	wall_ms not null default 0,
	policy_version	bigint not null default 0 check (policy_version between 0 and 4294967295),
	spec		bytea not null check (octet_length(spec) <= 786432),
	image		text not null check (octet_length(image) <= 1024),
	command		text[] not null check (cardinality(command) between 1 and 256),
	environment	text[] not null check (cardinality(environment) <= 128),
	tty		boolean not null,
	cpu_milli	bigint not null check (cpu_milli between 0 and 1024000),
	memory_bytes	bigint not null check (memory_bytes >= 0),
	unique (workspace, name),
	check ((session_state is null) = (session_relay is null)),
	check (phase <> 2 or (ready = 'True' and want = 1)),
	check ((phase = 4) = (want = 3)),
	check (phase not in (3, 6, 7) or want = 2)
);
create index sandboxes_order on sandboxes (created_ms, name);
create index sandboxes_labels on sandboxes using gin (labels);
create index sandboxes_session on sandboxes (session_state, session_relay) where session_state is not null;

create table policies (
	sandbox		uuid not null references sandboxes on delete cascade,
	version		bigint not null check (version between 1 and 4294967295),
	policy		bytea not null check (octet_length(policy) between 1 and 262144),
	hash		hash32 not null,
	status		text not null check (status in ('pending', 'loaded', 'failed', 'superseded')),
	created_ms	wall_ms not null,
	primary key (sandbox, version)
);

create table gateway_settings (
	key		text primary key check (octet_length(key) between 1 and 256),
	value		text not null check (octet_length(key) + octet_length(value) < 4096)
);
create table sandbox_settings (
	sandbox		uuid not null references sandboxes on delete cascade,
	key		text not null check (octet_length(key) between 1 and 256),
	value		text not null check (octet_length(key) + octet_length(value) < 4096),
	primary key (sandbox, key)
);

-- A start's ticket: the hash of its token, and the CURVE key that first brought the token.
create table enrolments (
	sandbox		uuid not null references sandboxes on delete cascade,
	epoch		bigint not null check (epoch between 1 and 4294967295),
	token_hash	hash32 not null,
	bus_key		hash32,
	instance	uuid,
	primary key (sandbox, epoch),
	check ((bus_key is null) = (instance is null))
);

create table log_lines (
	id		bigserial primary key,
	sandbox		uuid not null references sandboxes on delete cascade,
	stored_ms	wall_ms not null,
	time_ms		wall_ms not null,
	source		text not null check (source in ('gateway', 'sandbox')),
	level		text not null check (length(level) between 1 and 8),
	target		text not null check (octet_length(target) <= 64),
	message		text not null check (octet_length(message) <= 8192),
	fields		text[] not null check (cardinality(fields) <= 32)
);
create index log_lines_sandbox on log_lines (sandbox, id);
create index log_lines_age on log_lines using brin (stored_ms);
create table log_drops (
	sandbox		uuid primary key references sandboxes on delete cascade,
	dropped		bigint not null check (dropped >= 0)
);

-- Each row's mac is a keyed hash over the row before and itself; audit_head has the last one.
create table audit (
	id		bigint primary key check (id >= 1),
	time_ms		wall_ms not null,
	subject		text not null check (octet_length(subject) <= 253),
	action		text not null check (length(action) between 1 and 64),
	object		text not null check (octet_length(object) <= 256),
	outcome		text not null check (length(outcome) between 1 and 32),
	mac		hash32 not null
);
create table audit_head (
	single		boolean primary key default true check (single),
	id		bigint not null,
	mac		hash32 not null
);
insert into audit_head (id, mac) values (0, decode(repeat('00', 32), 'hex'));

-- What changed, in the order of the commits (changes_note takes a lock that the commit gives back).
create table changes (
	id		bigserial primary key,
	sandbox		uuid not null,
	desired		boolean not null,	-- what its driver should do changed
	stored_at	timestamptz not null default clock_timestamp()
);
create table changes_pruned (
	single		boolean primary key default true check (single),
	up_to		bigint not null
);
insert into changes_pruned (up_to) values (0);

create function changes_note() returns trigger language plpgsql as $$
begin
	perform pg_advisory_xact_lock(7461629514287612001);
	insert into changes (sandbox, desired) values (coalesce(new.id, old.id),
	    tg_op <> 'UPDATE' or new.epoch <> old.epoch or new.want <> old.want);
	perform pg_notify('openshell', 'rows');
	return null;
end $$;
create trigger sandboxes_changed after insert or update or delete on sandboxes
	for each row execute function changes_note();

create function sandboxes_version() returns trigger language plpgsql as $$
begin
	new.resource_version = old.resource_version + 1;
	return new;
end $$;
create trigger sandboxes_written before update on sandboxes
	for each row execute function sandboxes_version();
