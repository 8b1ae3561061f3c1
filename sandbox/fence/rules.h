/* The rules of the fence: nftables(8) text, apart from the program so that it can be read, and checked, as it is. */
#ifndef SANDBOX_FENCE_RULES_H
#define SANDBOX_FENCE_RULES_H

/*
 * The agent's network has no interface but lo, and every address there is is local to it (routes of fence.c): nothing
 * leaves, whatever these rules say. They decide who answers:
 *
 *   15001   the transparent listeners, 127.0.0.1 and ::1        53      the DNS listener, 127.0.0.1, UDP and TCP
 *   3128    the explicit proxy, 10.200.0.1                      198.18.0.0/15   addresses that the DNS listener makes up
 *
 * Nothing is translated, and the kernel keeps no record of connections (conntrack) here: a packet on its way over lo is
 * handed to the listener's socket as it is. Both ends of a connection have the same four numbers, and as many may be open
 * from one port as the agent likes. What our own sockets send, and the agent cannot, bears MARK.
 *
 * Ports and mark are those of sandbox/supervisor/network.c, which proves at each start that the rules do what they say.
 * What is refused is logged first, of TCP the connect alone: to the socket of sandbox/supervisor/refusals.c.
 */
#define CONNECTS "tcp flags & (fin | syn | rst | ack) == syn "
#define MARK	 "0x6f73"
#define RULES(log_connects, log_others)                                                                                                                                                        \
	"table inet openshell {\n"                                                                                                                                                             \
	"	chain refused {\n"                                                                                                                                                                   \
	"		" log_connects "		" log_others                                                                                                                           \
	"		meta l4proto tcp reject with tcp reset\n"                                                                                                                                           \
	"		reject with icmpx port-unreachable\n"                                                                                                                                               \
	"	}\n"                                                                                                                                                                                 \
	"	chain wall {\n"                                                                                                                                                                      \
	"		type filter hook output priority 0; policy drop;\n"                                                                                                                                 \
	"		meta mark " MARK                                                                                                                                                       \
	" accept\n" /* who speaks to the transparent listener by its own name has no destination */                                                                                            \
	"		ip daddr 127.0.0.1 tcp dport 15001 goto refused\n"                                                                                                                                  \
	"		ip6 daddr ::1 tcp dport 15001 goto refused\n"                                                                                                                                       \
	"		meta l4proto tcp accept\n"                                                                                                                                                          \
	"		ip daddr 127.0.0.0/8 accept\n"                                                                                                                                                      \
	"		ip6 daddr ::1 accept\n"                                                                                                                                                             \
	"		meta nfproto ipv4 udp dport 53 accept\n" /* the kernel's own word about a refusal; the agent has no socket that could send one */                                      \
	"		icmp type destination-unreachable accept\n"                                                                                                                                         \
	"		icmpv6 type destination-unreachable accept\n"                                                                                                                                       \
	"		goto refused\n"                                                                                                                                                                     \
	"	}\n"                                                                                                                                                                                 \
	"	chain transparent {\n"                                                                                                                                                               \
	"		meta nfproto ipv4 meta l4proto tcp tproxy ip to 127.0.0.1:15001 accept\n"                                                                                                           \
	"		meta nfproto ipv6 meta l4proto tcp tproxy ip6 to [::1]:15001 accept\n" /* the other end is a socket of the agent's: at a far address it may not even talk to itself */ \
	"		" CONNECTS "goto refused\n"                                                                                                                                            \
	"	}\n"                                                                                                                                                                                 \
	"	chain names {\n"                                                                                                                                                                     \
	"		meta l4proto tcp tproxy ip to 127.0.0.1:53 accept\n"                                                                                                                                \
	"		meta l4proto udp tproxy ip to 127.0.0.1:53 accept\n"                                                                                                                                \
	"		goto refused\n"                                                                                                                                                                     \
	"	}\n"                                                                                                                                                                                 \
	"	chain arrival {\n"                                                                                                                                                                   \
	"		type filter hook prerouting priority -150; policy accept;\n"                                                                                                                        \
	"		meta mark " MARK                                                                                                                                                       \
	" accept\n" /* a made-up address stands for a name: also its port 53 is an endpoint's */                                                                                               \
	"		ip daddr 198.18.0.0/15 meta l4proto tcp goto transparent\n" /* names are asked of us, whichever server is meant; 127.0.0.53 as well */                                 \
	"		meta nfproto ipv4 meta l4proto { tcp, udp } th dport 53 goto names\n" /* the agent's own servers, and the explicit proxy */                                            \
	"		ip daddr { 127.0.0.0/8, 10.200.0.1 } accept\n"                                                                                                                                      \
	"		ip6 daddr ::1 accept\n"                                                                                                                                                             \
	"		meta l4proto tcp goto transparent\n"                                                                                                                                                \
	"	}\n"                                                                                                                                                                                 \
	"}\n"

#define LOG "log group 1 snaplen 128 queue-threshold 1\n"

static const char rules[] = RULES(CONNECTS LOG, "meta l4proto != tcp " LOG);
static const char rules_unlogged[] = RULES("", ""); /* a kernel that cannot log refuses all the same */

#endif
