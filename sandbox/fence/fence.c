/* The fence: makes the agent's network, in the namespace that it is started in, and ends; no process keeps its libraries. */
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/route.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "sandbox/fence/rules.h"

#define LO 1 /* its index in every namespace */

/* Addresses of lo besides its own; routes that make every address local. IPv6 may be missing, as a system may be without. */
static const struct {
	int family;
	const char *address, *all;
} nets[] = {
    {AF_INET, "10.200.0.1/32", "0.0.0.0/0"},
    {AF_INET6, "fd23:6f70:656e::1/128", "::/0"},
};

static int
add_address(struct nl_sock *sock, int family, const char *text)
{
	struct rtnl_addr *address = rtnl_addr_alloc();
	struct nl_addr *local = NULL;
	int r = address == NULL ? -NLE_NOMEM : nl_addr_parse(text, family, &local);

	if (r == 0)
		r = rtnl_addr_set_local(address, local);
	if (r == 0) {
		rtnl_addr_set_ifindex(address, LO);
		rtnl_addr_set_flags(address, family == AF_INET6 ? IFA_F_NODAD : 0);
		r = rtnl_addr_add(sock, address, 0);
	}
	nl_addr_put(local);
	rtnl_addr_put(address);
	return r;
}

static int
add_route(struct nl_sock *sock, int family, const char *text)
{
	struct rtnl_route *route = rtnl_route_alloc();
	struct rtnl_nexthop *hop = rtnl_route_nh_alloc();
	struct nl_addr *all = NULL;
	int r = route == NULL || hop == NULL ? -NLE_NOMEM : nl_addr_parse(text, family, &all);

	if (r == 0)
		r = rtnl_route_set_dst(route, all);
	if (r == 0) {
		rtnl_route_set_family(route, (uint8_t)family);
		rtnl_route_set_table(route, RT_TABLE_LOCAL);
		rtnl_route_set_type(route, RTN_LOCAL);
		rtnl_route_set_scope(route, RT_SCOPE_HOST);
		rtnl_route_nh_set_ifindex(hop, LO);
		rtnl_route_add_nexthop(route, hop); /* takes it over */
		hop = NULL;
		r = rtnl_route_add(sock, route, 0);
	}
	if (hop != NULL)
		rtnl_route_nh_free(hop);
	nl_addr_put(all);
	rtnl_route_put(route);
	return r;
}

static int
add_routes(void)
{
	struct nl_sock *sock = nl_socket_alloc();
	int r = sock == NULL ? -NLE_NOMEM : nl_connect(sock, NETLINK_ROUTE);

	for (size_t i = 0; r == 0 && i < sizeof(nets) / sizeof(nets[0]); i++) {
		if ((r = add_address(sock, nets[i].family, nets[i].address)) == 0)
			r = add_route(sock, nets[i].family, nets[i].all);
		if (r != 0 && nets[i].family == AF_INET6)
			r = 0; /* the supervisor sees that there is none, and that nothing answers there */
	}
	if (r != 0)
		fprintf(stderr, "routes: %s\n", nl_geterror(r));
	nl_socket_free(sock);
	return r;
}

/* Either all of a table is there or none of it. */
static int
add_rules(void)
{
	struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);
	int r = nft == NULL ? -1 : nft_ctx_buffer_error(nft);

	if (r == 0 && nft_run_cmd_from_buffer(nft, rules) != 0 &&
	    (r = nft_run_cmd_from_buffer(nft, rules_unlogged)) != 0)
		fprintf(stderr, "nftables: %s\n", nft_ctx_get_error_buffer(nft));
	if (nft != NULL)
		nft_ctx_free(nft);
	return r;
}

/* The rules first: there is no moment with a route and without them. */
int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--show") == 0)
		return printf("%s", rules) < 0;
	return add_rules() == 0 && add_routes() == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
