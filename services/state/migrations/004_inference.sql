-- Where inference.local leads, per workspace: backends in order of preference, each a provider and the model to ask for.

create table inference_routes (
	id		uuid primary key,
	workspace	dns_label not null references workspaces (name),
	route		text not null check (route in ('inference.local', 'sandbox-system')),
	timeout_s	integer not null check (timeout_s between 0 and 3600),
	version		bigint not null default 1 check (version >= 1),
	created_ms	wall_ms not null,
	unique (workspace, route)
);

create table inference_backends (
	route		uuid not null references inference_routes on delete cascade,
	place		smallint not null check (place between 0 and 15),
	provider	uuid not null references providers,
	model		text not null check (octet_length(model) between 1 and 256),
	primary key (route, place)
);
create index inference_backends_provider on inference_backends (provider);
