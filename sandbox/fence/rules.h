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
 * The ports are those of sandbox/supervisor/network.c, which proves at each start that the rules do what they say.
 * What is refused is logged first, of TCP the connect alone: to the socket of sandbox/supervisor/refusals.c.
 */
#define RULES(log_connects, log_others) \
    "table inet openshell {\n" \
    "	chain refused {\n" \
    "		" log_connects \
    "		" log_others \
    "		meta l4proto tcp reject with tcp reset\n" \
    "		reject with icmpx port-unreachable\n" \
    "	}\n" \
    "	chain capture {\n" \
    "		type nat hook output priority -100; policy accept;\n" \
    /* a made-up address stands for a name: also its port 53 is an endpoint's */ \
    "		ip daddr 198.18.0.0/15 meta l4proto tcp redirect to :15001\n" \
    /* names are asked of us, whichever server is meant; 127.0.0.53 as well */ \
    "		meta nfproto ipv4 meta l4proto { tcp, udp } th dport 53 redirect to :53\n" \
    /* the agent's own servers, and the explicit proxy */ \
    "		ip daddr { 127.0.0.0/8, 10.200.0.1 } accept\n" \
    "		ip6 daddr ::1 accept\n" \
    "		meta l4proto tcp redirect to :15001\n" \
    "	}\n" \
    "	chain wall {\n" \
    "		type filter hook output priority 0; policy drop;\n" \
    "		ct state established,related accept\n" \
    /* who speaks to the transparent listener without having been redirected has no destination */ \
    "		tcp dport 15001 ct status dnat accept\n" \
    "		tcp dport 15001 goto refused\n" \
    "		ip daddr 127.0.0.0/8 accept\n" \
    "		ip daddr 10.200.0.1 meta l4proto tcp accept\n" \
    "		ip6 daddr ::1 accept\n" \
    "		goto refused\n" \
    "	}\n" \
    "	chain arrival {\n" \
    "		type filter hook input priority 0; policy accept;\n" \
    /* a source that had to be changed, for it was in use, would name another socket than the agent's */ \
    "		ct direction original ct status snat reject with tcp reset\n" \
    "	}\n" \
    "}\n"

#define LOG "log group 1 snaplen 128 queue-threshold 1\n"

static const char rules[] = RULES("tcp flags & (fin | syn | rst | ack) == syn " LOG, "meta l4proto != tcp " LOG);
static const char rules_unlogged[] = RULES("", ""); /* a kernel that cannot log refuses all the same */

#endif
