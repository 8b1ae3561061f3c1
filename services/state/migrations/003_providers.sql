-- Providers: records with their secrets (each sealed by credentials, opaque here), profiles, what renews secrets, what is
-- attached to which sandbox, and which revision of its secrets a sandbox should have.

create domain sealed as bytea check (octet_length(value) between 8 and 24576);

create table providers (
	id		uuid primary key,
	workspace	dns_label not null references workspaces (name),
	name		text not null check (octet_length(name) between 1 and 253),
	type		text not null check (octet_length(type) between 1 and 64),
	profile_workspace text not null check (profile_workspace in ('', workspace)),
	labels		text[] not null check (cardinality(labels) <= 128),
	annotations	text[] not null check (cardinality(annotations) <= 128),
	config		text[] not null check (cardinality(config) <= 64),
	created_ms	wall_ms not null,
	resource_version bigint not null default 1 check (resource_version >= 1),
	unique (workspace, name)
);
create index providers_type on providers (type);

-- What master key the records were made under, by a fingerprint: the first that credentials ever told.
create table storage_key (
	single		boolean primary key default true check (single),
	fingerprint	bytea not null check (octet_length(fingerprint) = 16)
);

-- owner: '' a credential; else the credential that this is material to renew of.
create table provider_secrets (
	provider	uuid not null references providers on delete cascade,
	owner		text not null check (octet_length(owner) <= 256),
	key		text not null check (octet_length(key) between 1 and 256),
	record		sealed not null,
	storage_key	bytea not null generated always as (substring(record from 1 for 8)) stored,
	expires_ms	wall_ms not null default 0,
	primary key (provider, owner, key)
);
create index provider_secrets_storage on provider_secrets (storage_key, provider);

-- keys: the credential and what is minted beside it; empty where somebody else renews it. epoch: another one, another
-- credential. At most one state process runs it at a time: the one that holds the lease.
create table provider_refreshes (
	provider	uuid not null references providers on delete cascade,
	key		text not null check (octet_length(key) between 1 and 256),
	strategy	smallint not null check (strategy between 1 and 6),
	token_url	text not null check (octet_length(token_url) <= 2048),
	scopes		text[] not null check (cardinality(scopes) <= 64),
	material	text[] not null check (cardinality(material) <= 64),
	outputs		text[] not null check (cardinality(outputs) <= 8),
	keys		text[] not null check (cardinality(keys) <= 9),
	before_ms	wall_ms not null,
	lifetime_ms	wall_ms not null check (lifetime_ms between 1000 and 86400000),
	status		text not null check (status in ('configured', 'refreshed', 'error', 'rotation_requested')),
	expires_ms	wall_ms not null,
	next_ms		wall_ms not null,	-- 0: never
	last_ms		wall_ms not null default 0,
	error		text not null default '' check (octet_length(error) <= 512),
	epoch		uuid not null,
	lease		uuid,
	lease_until_ms	wall_ms not null default 0,
	primary key (provider, key)
);
create index provider_refreshes_due on provider_refreshes (next_ms) where next_ms > 0;

-- What credentials is to forget in a secret store outside: records that nothing refers to any more, and attempts that
-- were begun. An attempt is removed in the transaction that keeps what came of it.
create table secret_drops (
	id		bigserial primary key,
	provider	uuid not null,
	attempt		uuid unique,
	key		text,
	record		bytea,
	due_ms		wall_ms not null,
	check ((attempt is null) = (record is not null) and (key is null) = (record is null))
);
create index secret_drops_due on secret_drops (due_ms);

create table profiles (
	id		text not null check (octet_length(id) between 1 and 64),
	workspace	text not null,		-- empty: platform
	profile		bytea not null check (octet_length(profile) between 1 and 262144),
	created_ms	wall_ms not null,
	resource_version bigint not null default 1 check (resource_version >= 1),
	primary key (id, workspace)
);

create table sandbox_providers (
	sandbox		uuid not null references sandboxes on delete cascade,
	provider	uuid not null references providers,
	place		bigserial,
	primary key (sandbox, provider)
);
create index sandbox_providers_provider on sandbox_providers (provider, sandbox);

-- revision: of all secrets. generation: the last of them that was more than a renewal; placeholders carry it.
create table sandbox_secrets (
	sandbox		uuid primary key references sandboxes on delete cascade,
	revision	bigint not null check (revision >= 1),
	generation	bigint not null check (generation between 1 and revision),
	applied		bigint not null default 0
);
create table sandbox_slots (
	sandbox		uuid not null references sandbox_secrets on delete cascade,
	slot		text not null,
	handle		text not null check (octet_length(handle) = 64),
	generations	bigint[] not null check (cardinality(generations) between 1 and 8),	-- newest first
	primary key (sandbox, slot)
);

alter table enrolments add column router_key hash32, add column router_mac hash32;
alter table sandboxes
	add column secrets_status text not null default '' check (secrets_status in ('', 'True', 'False')),
	add column secrets_reason text not null default '' check (length(secrets_reason) <= 64),
	add column secrets_message text not null default '' check (octet_length(secrets_message) <= 2048),
	add column secrets_since_ms wall_ms not null default 0;

-- The secrets of these sandboxes changed: a new revision of each that has any, told to all state processes. minted: a
-- renewal, which leaves placeholders and configuration as they are.
alter table changes add column secrets boolean not null default false;
create function secrets_changed(boxes uuid[], minted boolean) returns void language plpgsql as $$
begin
	boxes := array(select sandbox from sandbox_secrets where sandbox = any(boxes) order by sandbox for update);
	if cardinality(boxes) = 0 then
		return;
	end if;
	update sandbox_secrets set revision = revision + 1,
	    generation = case when minted then generation else revision + 1 end where sandbox = any(boxes);
	perform pg_advisory_xact_lock(7461629514287612001);
	insert into changes (sandbox, desired, config, secrets) select box, false, not minted, true from unnest(boxes) box;
	perform pg_notify('openshell', 'rows');
end $$;
