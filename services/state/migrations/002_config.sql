-- Configuration that changes while sandboxes run: policy revisions with what became of them, the gateway's own policy,
-- settings with a revision, and the word in the change log that makes a change reach the sandboxes.

alter table policies
	add column loaded_ms wall_ms not null default 0,
	add column error text not null default '' check (octet_length(error) <= 2048),
	add column annotations text[] not null default '{}' check (cardinality(annotations) <= 128),
	add check (octet_length(array_to_string(annotations, '')) <= 12288),
	add check (status = 'failed' or error = '');
-- One at a time: a newer one takes the place of what was not loaded yet.
create unique index policies_pending on policies (sandbox) where status = 'pending';

-- The gateway's own policy: in force for every sandbox while gateway_config names its version.
create table gateway_policies (
	version		bigint primary key check (version between 1 and 4294967295),
	policy		bytea not null check (octet_length(policy) between 1 and 262144),
	hash		hash32 not null,
	status		text not null check (status in ('loaded', 'superseded')),
	created_ms	wall_ms not null,
	annotations	text[] not null default '{}' check (cardinality(annotations) <= 128),
	check (octet_length(array_to_string(annotations, '')) <= 12288)
);
create table gateway_config (
	single		boolean primary key default true check (single),
	policy_version	bigint references gateway_policies (version),	-- null: each sandbox has its own
	settings_revision bigint not null default 0 check (settings_revision >= 0)
);
insert into gateway_config default values;

alter table sandboxes add column settings_revision bigint not null default 0 check (settings_revision >= 0);

-- What is in force for a sandbox changed; no id: for each.
alter table changes add column config boolean not null default false;
create function config_changed(box uuid) returns void language plpgsql as $$
begin
	perform pg_advisory_xact_lock(7461629514287612001);
	insert into changes (sandbox, desired, config)
	    values (coalesce(box, '00000000-0000-0000-0000-000000000000'), false, true);
	perform pg_notify('openshell', 'rows');
end $$;
