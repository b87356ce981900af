/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of agent/netlink.c and agent/netlink_route.c against the kernel, in namespaces of their own. Needs root.
 *
 *      our namespace (has no name)                       nlt<pid>a
 *   up0 2001:db8:a::1 ------------------ wire 2001:db8:a::2, 02:00:00:00:0a:02
 *   up1 2001:db8:b::1 ---------+
 *                              |                         nlt<pid>b
 *                              +-------- wire 2001:db8:b::2, 02:00:00:00:0b:02
 *
 * 2001:db8:100::/64 is behind the routers. No address is link-local, so that nothing happens by itself. What is
 * expected of a change is waited for in the loop, on what the callbacks were told, as in the agent.
 */
#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "agent/netlink.h"
#include "lib/error.h"
#include "lib/time.h"

#define BOUND_NS (20 * NSEC_PER_SEC) /* for each condition */
#define TICK_NS (2 * NSEC_PER_MSEC)
#define QUIET_NS (300 * NSEC_PER_MSEC)
#define LINKS 128
#define OVERRUN_SIZE 12000 /* routes: more than a receive buffer holds notifications of */
#define TARGET "2001:db8:100::5"

static struct loop *loop;
static struct netlink *netlink;
static char router_a[32], router_b[32];

/* What was told. */
static struct netlink_link links[LINKS]; /* by ifindex; ifindex 0: there is none */
static unsigned gone_count, routes_count, overrun_count;

/* What the agent would know of one address. */
static struct substrate target;
static int target_err;
static struct netlink_hop hop;

/* ---- the namespaces ---- */

static int PRINTF_LIKE(1, 2) run(const char *format, ...)
{
	char command[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	return system(command);
}

#define RUN(...) CU_ASSERT_EQUAL(run(__VA_ARGS__), 0)

static int router_make(const char *name, const char *uplink, char letter)
{
	return run("ip netns add %s && nsenter --net=/run/netns/%s sysctl -qw net.ipv6.conf.default.accept_dad=0 "
		   "net.ipv6.conf.default.ndisc_notify=1 net.ipv6.conf.default.keep_addr_on_down=1",
		       name, name) ||
	       run("ip link add %s address 02:00:00:00:0%c:01 type veth peer name wire address 02:00:00:00:0%c:02 netns %s",
		       uplink, letter, letter, name) ||
	       run("ip -n %s addr add 2001:db8:%c::2/64 dev wire && ip -n %s link set wire up", name, letter, name) ||
	       run("sysctl -qw net.ipv6.neigh.%s.retrans_time_ms=50", uplink) ||
	       run("ip addr add 2001:db8:%c::1/64 dev %s && ip link set %s up", letter, uplink, uplink);
}

static int namespaces_make(void)
{
	snprintf(router_a, sizeof(router_a), "nlt%da", (int)getpid());
	snprintf(router_b, sizeof(router_b), "nlt%db", (int)getpid());
	return unshare(CLONE_NEWNET) || run("ip link set lo up") ||
	       run("sysctl -qw net.ipv6.conf.default.accept_dad=0 "
		   "net.ipv6.conf.default.keep_addr_on_down=1 net.ipv6.route.max_size=1000000 "
		   "net.ipv4.nexthop_compat_mode=0") ||
	       router_make(router_a, "up0", 'a') || router_make(router_b, "up1", 'b');
}

static int namespaces_remove(void)
{
	run("ip netns del %s 2>/dev/null", router_a);
	run("ip netns del %s 2>/dev/null", router_b);
	return 0;
}

/* ---- what the callbacks do ---- */

static void on_link(void *context, const struct netlink_link *link)
{
	(void)context;
	CU_ASSERT_FATAL(link->ifindex < LINKS);
	links[link->ifindex] = *link;
}

static void on_link_gone(void *context, unsigned ifindex, const char *name)
{
	(void)context;
	CU_ASSERT_FATAL(ifindex < LINKS);
	CU_ASSERT_STRING_EQUAL(name, links[ifindex].name);
	gone_count++;
	links[ifindex] = (struct netlink_link){};
}

static void target_resolve(void)
{
	hop = (struct netlink_hop){};
	target_err = netlink_resolve(netlink, &target, &hop);
}

static void on_routes(void *context)
{
	(void)context;
	routes_count++;
	target_resolve();
}

static void on_overrun(void *context)
{
	(void)context;
	overrun_count++;
	CU_ASSERT_EQUAL(netlink_each_link(netlink), 0);
	target_resolve();
}

static void begin(const char *address)
{
	static const struct netlink_events events = {.link = on_link,
		.link_gone = on_link_gone,
		.routes = on_routes,
		.overrun = on_overrun};

	memset(links, 0, sizeof(links));
	gone_count = routes_count = overrun_count = 0;
	loop = loop_new();
	CU_ASSERT_PTR_NOT_NULL_FATAL(loop);
	CU_ASSERT_EQUAL_FATAL(netlink_open(loop, &events, &netlink), 0);
	CU_ASSERT_EQUAL(netlink_each_link(netlink), 0);
	CU_ASSERT_EQUAL_FATAL(substrate_parse(address, &target), 0);
	target_resolve();
}

static void end(void)
{
	netlink_close(netlink);
	loop_free(loop);
}

/* ---- waiting ---- */

struct wait {
	bool (*condition)(const void *context);
	const void *context;
	struct loop_timer *tick;
	uint64_t until_ns;
	bool met;
};

static void on_tick(void *context)
{
	struct wait *wait = context;

	wait->met = wait->condition(wait->context);
	if (wait->met || time_now_ns() > wait->until_ns)
		loop_stop(loop);
	else
		loop_timer_at(wait->tick, time_now_ns() + TICK_NS);
}

/* Runs the loop until the condition is met. Returns false when it is not in time. */
static bool wait_for(bool (*condition)(const void *context), const void *context)
{
	struct wait wait = {.condition = condition, .context = context, .until_ns = time_now_ns() + BOUND_NS};

	wait.tick = loop_timer(loop, on_tick, &wait);
	CU_ASSERT_PTR_NOT_NULL_FATAL(wait.tick);
	loop_timer_at(wait.tick, 0);
	CU_ASSERT_EQUAL(loop_run(loop), 0);
	loop_timer_free(wait.tick);
	return wait.met;
}

static const struct netlink_link *link_named(const char *name)
{
	for (size_t i = 0; i < LINKS; i++)
		if (links[i].ifindex && !strcmp(links[i].name, name))
			return &links[i];
	return NULL;
}

static bool is_seen(const void *name)
{
	return link_named(name);
}

static bool is_gone(const void *name)
{
	return !link_named(name);
}

static bool is_gone_count(const void *count)
{
	return gone_count == *(const unsigned *)count;
}

static bool has_mtu_1400(const void *name)
{
	return link_named(name)->mtu == 1400;
}

static bool is_running(const void *name)
{
	return link_named(name)->up && link_named(name)->running;
}

static bool is_down(const void *name)
{
	return !link_named(name)->up;
}

/* The MAC address to which the target's packets go. */
static bool goes_to(const void *mac)
{
	struct mac expected;

	return !mac_parse(mac, &expected) && !target_err && hop.reachable &&
	       !memcmp(&hop.dst_mac, &expected, sizeof(expected));
}

static bool is_unreachable(const void *unused)
{
	(void)unused;
	return target_err == -ENETUNREACH;
}

static bool is_waiting(const void *unused)
{
	(void)unused;
	return !target_err && !hop.reachable;
}

static bool hop_has_mtu(const void *mtu)
{
	return !target_err && hop.mtu == *(const uint32_t *)mtu;
}

static bool is_told(const void *unused)
{
	(void)unused;
	return routes_count;
}

static bool is_overrun(const void *unused)
{
	(void)unused;
	return overrun_count;
}

static bool succeeds(const void *command)
{
	return run("%s", (const char *)command) == 0;
}

struct quiet {
	unsigned count;
	uint64_t since_ns;
};

/* No `routes` since QUIET_NS. */
static bool is_quiet(const void *context)
{
	struct quiet *quiet = *(struct quiet *const *)context;

	if (quiet->count != routes_count)
		*quiet = (struct quiet){.count = routes_count, .since_ns = time_now_ns()};
	return time_now_ns() - quiet->since_ns > QUIET_NS;
}

static bool wait_for_quiet(void)
{
	struct quiet quiet = {.count = routes_count, .since_ns = time_now_ns()}, *const context = &quiet;

	return wait_for(is_quiet, &context);
}

/* ---- tests: links ---- */

static void test_links(void)
{
	const struct netlink_link *link;
	const unsigned one = 1;
	unsigned ifindex;
	struct mac mac;

	begin(TARGET);
	link = link_named("lo");
	CU_ASSERT_PTR_NOT_NULL_FATAL(link);
	CU_ASSERT(link->ifindex == 1 && link->up && !strcmp(link->kind, "") && !link->peer_elsewhere);
	link = link_named("up0");
	CU_ASSERT_PTR_NOT_NULL_FATAL(link);
	CU_ASSERT_EQUAL(mac_parse("02:00:00:00:0a:01", &mac), 0);
	CU_ASSERT(link->up && link->mtu == 1500 && !strcmp(link->kind, "veth") && link->peer_elsewhere);
	CU_ASSERT_EQUAL(memcmp(&link->mac, &mac, sizeof(mac)), 0);
	CU_ASSERT(wait_for(is_running, "up0") && wait_for(is_running, "up1"));

	RUN("ip link add x0 type veth peer name x1");
	CU_ASSERT_FATAL(wait_for(is_seen, "x0") && wait_for(is_seen, "x1"));
	link = link_named("x0");
	ifindex = link->ifindex;
	CU_ASSERT(!link->up && !link->running && !link->peer_elsewhere && ifindex == if_nametoindex("x0"));
	RUN("ip link set x0 mtu 1400");
	CU_ASSERT(wait_for(has_mtu_1400, "x0"));
	RUN("ip link set x0 name y0");
	CU_ASSERT_FATAL(wait_for(is_seen, "y0"));
	CU_ASSERT(link_named("y0")->ifindex == ifindex && !link_named("x0"));

	CU_ASSERT_EQUAL(netlink_set_up(netlink, ifindex, true), 0);
	CU_ASSERT_EQUAL(netlink_set_up(netlink, if_nametoindex("x1"), true), 0);
	CU_ASSERT(wait_for(is_running, "y0"));
	CU_ASSERT_EQUAL(netlink_set_up(netlink, ifindex, false), 0);
	CU_ASSERT(wait_for(is_down, "y0"));
	CU_ASSERT_EQUAL(netlink_set_up(netlink, LINKS, true), -ENODEV);
	CU_ASSERT_EQUAL(gone_count, 0);

	/* A bridge tells that a port is its port no more; the link itself stays. */
	RUN("ip link add bridge type bridge && ip link set y0 master bridge && ip link set y0 nomaster && "
	    "ip link del bridge");
	CU_ASSERT(wait_for(is_gone_count, &one));
	CU_ASSERT(!link_named("bridge") && link_named("y0"));

	RUN("ip link set x1 netns %s", router_a);
	CU_ASSERT(wait_for(is_gone, "x1"));
	CU_ASSERT_EQUAL(netlink_each_link(netlink), 0);
	CU_ASSERT(link_named("y0")->peer_elsewhere);
	RUN("ip link del y0");
	CU_ASSERT(wait_for(is_gone, "y0"));
	CU_ASSERT_EQUAL(gone_count, 3);
	end();
}

/* What was missed is made up for by netlink_each_link(), and is not told twice. */
static void test_each_link(void)
{
	begin(TARGET);
	RUN("ip link add x0 type veth peer name x1");
	CU_ASSERT_EQUAL(netlink_each_link(netlink), 0);
	CU_ASSERT_FATAL(link_named("x0") && link_named("x1"));
	RUN("ip link del x0");
	CU_ASSERT_EQUAL(netlink_each_link(netlink), 0);
	CU_ASSERT(!link_named("x0") && !link_named("x1"));
	CU_ASSERT(wait_for_quiet());
	CU_ASSERT(!link_named("x0") && !link_named("x1"));
	end();
}

static void test_flush_addresses(void)
{
	unsigned ifindex;

	begin(TARGET);
	RUN("ip link add x0 type veth peer name x1 && ip link set x0 up");
	RUN("for a in 192.0.2.1/24 192.0.2.2/24 192.0.2.9/32 2001:db8:f::1/64 2001:db8:f::2/128; "
	    "do ip addr add $a dev x0 || exit 1; done");
	RUN("ip addr add 192.0.2.17 peer 192.0.2.18 dev x0 && ip addr add 2001:db8:f::3 peer 2001:db8:f::4 dev x0");
	ifindex = if_nametoindex("x0");
	CU_ASSERT_EQUAL(netlink_flush_addresses(netlink, ifindex), 0);
	RUN("test -z \"$(ip -o addr show dev x0)\"");
	RUN("test -n \"$(ip -o addr show dev up0)\"");
	CU_ASSERT_EQUAL(netlink_flush_addresses(netlink, ifindex), 0);
	RUN("ip link del x0");
	end();
}

/* ---- tests: routes ---- */

static void test_resolve(void)
{
	struct mac mac;

	begin(TARGET);
	CU_ASSERT_EQUAL(target_err, -ENETUNREACH);
	RUN("ip -6 route add 2001:db8:100::/64 via 2001:db8:a::2");
	CU_ASSERT_FATAL(wait_for(goes_to, "02:00:00:00:0a:02"));
	CU_ASSERT_EQUAL(mac_parse("02:00:00:00:0a:01", &mac), 0);
	CU_ASSERT_EQUAL(memcmp(&hop.src_mac, &mac, sizeof(mac)), 0);
	CU_ASSERT(hop.ifindex == if_nametoindex("up0") && hop.mtu == 1500);
	RUN("ip -6 neigh show 2001:db8:a::2 dev up0 | grep -q managed");
	end();

	/* A new one finds it as it is. */
	begin(TARGET);
	CU_ASSERT(goes_to("02:00:00:00:0a:02"));
	RUN("ip -6 route del 2001:db8:100::/64");
	CU_ASSERT(wait_for(is_unreachable, NULL));
	end();
}

static void test_on_link(void)
{
	begin("2001:db8:b::2");
	CU_ASSERT(wait_for(goes_to, "02:00:00:00:0b:02"));
	CU_ASSERT_EQUAL(hop.ifindex, if_nametoindex("up1"));
	end();
}

static void test_no_route(void)
{
	static const char *const types[] = {"blackhole", "unreachable", "prohibit", "throw", "local"};

	begin("2001:db8:a::1"); /* our own */
	CU_ASSERT_EQUAL(target_err, -ENETUNREACH);
	end();
	begin(TARGET);
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		RUN("ip -6 route add 2001:db8:100::/64 via 2001:db8:a::2");
		CU_ASSERT(wait_for(goes_to, "02:00:00:00:0a:02"));
		RUN("ip -6 route add %s 2001:db8:100::/96 dev lo", types[i]);
		CU_ASSERT(wait_for(is_unreachable, NULL));
		RUN("ip -6 route del %s 2001:db8:100::/96 dev lo", types[i]);
		CU_ASSERT(wait_for(goes_to, "02:00:00:00:0a:02"));
		RUN("ip -6 route del 2001:db8:100::/64");
		CU_ASSERT(wait_for(is_unreachable, NULL));
	}
	end();
}

static void test_mtu(void)
{
	static const uint32_t device = 1300, route = 1400, full = 1500;

	begin(TARGET);
	RUN("ip -6 route add 2001:db8:100::/64 via 2001:db8:a::2");
	CU_ASSERT(wait_for(hop_has_mtu, &full));
	RUN("ip -6 route change 2001:db8:100::/64 via 2001:db8:a::2 mtu 1400");
	CU_ASSERT(wait_for(hop_has_mtu, &route));
	RUN("ip -6 route change 2001:db8:100::/64 via 2001:db8:a::2");
	CU_ASSERT(wait_for(hop_has_mtu, &full));
	RUN("ip link set up0 mtu 1300");
	CU_ASSERT(wait_for(hop_has_mtu, &device));
	RUN("ip link set up0 mtu 1500");
	CU_ASSERT(wait_for(hop_has_mtu, &full));
	RUN("ip -6 route del 2001:db8:100::/64");
	end();
}

static void test_router_mac(void)
{
	begin(TARGET);
	RUN("ip -6 route add 2001:db8:100::/64 via 2001:db8:a::2");
	CU_ASSERT(wait_for(goes_to, "02:00:00:00:0a:02"));
	RUN("ip -n %s link set wire address 02:00:00:00:0a:03", router_a);
	CU_ASSERT(wait_for(goes_to, "02:00:00:00:0a:03"));
	RUN("ip -n %s link set wire address 02:00:00:00:0a:02", router_a);
	CU_ASSERT(wait_for(goes_to, "02:00:00:00:0a:02"));
	RUN("ip -6 route del 2001:db8:100::/64");
	end();
}

static void test_other_gateway(void)
{
	begin(TARGET);
	RUN("ip -6 route add 2001:db8:100::/64 via 2001:db8:a::2");
	CU_ASSERT(wait_for(goes_to, "02:00:00:00:0a:02"));
	RUN("ip -6 route replace 2001:db8:100::/64 via 2001:db8:b::2");
	CU_ASSERT(wait_for(goes_to, "02:00:00:00:0b:02"));
	CU_ASSERT_EQUAL(hop.ifindex, if_nametoindex("up1"));

	/* A better one comes and goes. */
	RUN("ip -6 route add 2001:db8:100::/96 via 2001:db8:a::2");
	CU_ASSERT(wait_for(goes_to, "02:00:00:00:0a:02"));
	RUN("ip -6 route del 2001:db8:100::/96");
	CU_ASSERT(wait_for(goes_to, "02:00:00:00:0b:02"));
	RUN("ip -6 route del 2001:db8:100::/64");

	/* The route stays as it is and only what it points to is replaced: no notification of the route. */
	RUN("ip nexthop add id 7 via 2001:db8:a::2 dev up0 && ip -6 route add 2001:db8:100::/64 nhid 7");
	CU_ASSERT(wait_for(goes_to, "02:00:00:00:0a:02"));
	RUN("ip nexthop replace id 7 via 2001:db8:b::2 dev up1");
	CU_ASSERT(wait_for(goes_to, "02:00:00:00:0b:02"));
	RUN("ip nexthop del id 7");
	CU_ASSERT(wait_for(is_unreachable, NULL));

	/* Another table by a rule. */
	RUN("ip -6 route add 2001:db8:100::/64 via 2001:db8:a::2 table 77");
	RUN("ip -6 rule add to 2001:db8:100::/64 table 77");
	CU_ASSERT(wait_for(goes_to, "02:00:00:00:0a:02"));
	RUN("ip -6 rule del to 2001:db8:100::/64 table 77");
	CU_ASSERT(wait_for(is_unreachable, NULL));
	RUN("ip -6 route flush table 77");
	end();
}

/* Of two routers on one route the one that fails is left for the other, and each is found again. */
static void test_multipath(void)
{
	begin(TARGET);
	RUN("ip -6 route add 2001:db8:100::/64 nexthop via 2001:db8:a::2 nexthop via 2001:db8:b::2");
	for (int i = 0; i < 2; i++) {
		RUN("ip -n %s link set wire down", router_a);
		CU_ASSERT(wait_for(goes_to, "02:00:00:00:0b:02"));
		RUN("ip -n %s link set wire up", router_a);
		CU_ASSERT(wait_for(is_running, "up0"));
		RUN("ip -n %s link set wire down", router_b);
		CU_ASSERT(wait_for(goes_to, "02:00:00:00:0a:02"));
		RUN("ip -n %s link set wire up", router_b);
		CU_ASSERT(wait_for(is_running, "up1"));
	}
	RUN("ip -6 route del 2001:db8:100::/64");
	end();
}

/* ---- tests: neighbours ---- */

/* A router that falls silent without any change of the link, and comes back. */
static void test_silent_router(void)
{
	begin(TARGET);
	/* How long a neighbour counts as reachable is settled when it becomes so: hence the flush. */
	RUN("sysctl -qw net.ipv6.neigh.up0.base_reachable_time_ms=100 net.ipv6.neigh.up0.delay_first_probe_time=0 && "
	    "ip -6 neigh flush dev up0");
	RUN("ip -6 route add 2001:db8:100::/64 via 2001:db8:a::2");
	CU_ASSERT(wait_for(goes_to, "02:00:00:00:0a:02"));
	RUN("ip -n %s addr del 2001:db8:a::2/64 dev wire", router_a);
	CU_ASSERT(wait_for(is_waiting, NULL));
	RUN("ip -n %s addr add 2001:db8:a::2/64 dev wire", router_a);
	CU_ASSERT(wait_for(goes_to, "02:00:00:00:0a:02"));
	RUN("sysctl -qw net.ipv6.neigh.up0.base_reachable_time_ms=30000 net.ipv6.neigh.up0.delay_first_probe_time=5 && "
	    "ip -6 neigh flush dev up0");
	RUN("ip -6 route del 2001:db8:100::/64");
	end();
}

/* What is done to a neighbour by hand is made up for, but a permanent one is left as it is. */
static void test_neighbour_by_hand(void)
{
	static const char managed[] = "ip -6 neigh show 2001:db8:a::2 dev up0 | grep -q managed";

	begin(TARGET);
	RUN("ip -6 route add 2001:db8:100::/64 via 2001:db8:a::2");
	CU_ASSERT(wait_for(goes_to, "02:00:00:00:0a:02"));
	RUN("ip -6 neigh del 2001:db8:a::2 dev up0");
	CU_ASSERT(wait_for(succeeds, managed));
	CU_ASSERT(wait_for(goes_to, "02:00:00:00:0a:02"));
	RUN("ip -6 neigh replace 2001:db8:a::2 lladdr 02:00:00:00:0a:02 dev up0 nud reachable");
	CU_ASSERT(wait_for(succeeds, managed));
	RUN("ip -6 neigh replace 2001:db8:a::2 lladdr 02:00:00:00:0a:77 dev up0 nud permanent");
	CU_ASSERT(wait_for(goes_to, "02:00:00:00:0a:77"));
	CU_ASSERT(wait_for_quiet());
	target_resolve();
	RUN("ip -6 neigh show 2001:db8:a::2 dev up0 | grep -q PERMANENT");
	RUN("ip -6 neigh del 2001:db8:a::2 dev up0");
	CU_ASSERT(wait_for(goes_to, "02:00:00:00:0a:02"));
	RUN("ip -6 route del 2001:db8:100::/64");
	end();
}

/*
 * Each `routes` makes the agent resolve, which may make the kernel tell of the neighbour: that must come to an end.
 * With a router that answers, with one that does not, and with one that is put under the kernel's care only now.
 */
static void test_no_loop(void)
{
	static const char *const gateways[] = {"2001:db8:a::2", "2001:db8:a::99", "2001:db8:b::2"};
	unsigned count;

	begin(TARGET);
	RUN("ip -6 neigh flush dev up1; ip -6 neigh add 2001:db8:b::2 lladdr 02:00:00:00:0b:02 dev up1 nud stale");
	for (size_t i = 0; i < ARRAY_LEN(gateways); i++) {
		RUN("ip -6 route replace 2001:db8:100::/64 via %s", gateways[i]);
		CU_ASSERT(wait_for_quiet());
		/* Asking alone must not set anything off either. */
		count = routes_count;
		target_resolve();
		CU_ASSERT(target_err == 0 && hop.reachable == (i != 1));
		CU_ASSERT(wait_for_quiet());
		CU_ASSERT_EQUAL(routes_count, count);
		if (i != 1)
			continue;
		/* Nor does it matter to anybody that the kernel tries again from time to time, in vain. */
		RUN("ip -6 neigh replace 2001:db8:a::99 dev up0 use managed");
		CU_ASSERT(wait_for(succeeds, "ip -6 neigh show 2001:db8:a::99 dev up0 | grep -q FAILED"));
		CU_ASSERT(wait_for_quiet());
		CU_ASSERT_EQUAL(routes_count, count);
	}
	CU_ASSERT_EQUAL(overrun_count, 0);
	RUN("ip -6 route del 2001:db8:100::/64");
	end();
}

/* Changes that come without a pause are told nevertheless, and as fewer than they are. */
static void test_many_changes(void)
{
	begin(TARGET);
	CU_ASSERT(wait_for_quiet());
	routes_count = 0;
	RUN("( for i in $(seq 2000); do echo route add 2001:db8:200:$i::/80 dev up0; "
	    "echo route del 2001:db8:200:$i::/80 dev up0; done; "
	    "echo route add 2001:db8:100::/64 via 2001:db8:b::2 ) | ip -6 -batch - &");
	CU_ASSERT(wait_for(is_told, NULL) && target_err == -ENETUNREACH);
	CU_ASSERT(wait_for(goes_to, "02:00:00:00:0b:02"));
	CU_ASSERT(routes_count < 1000);
	RUN("ip -6 route del 2001:db8:100::/64");
	end();
}

/* More notifications than are kept for us: that is told, and what they would have said is found. */
static void test_overrun(void)
{
	begin(TARGET);
	RUN("for i in $(seq %d); do printf 'route add 2001:db8:200::%%x dev up1\\n' $i; done | ip -6 -batch -",
		OVERRUN_SIZE);
	RUN("ip link add x0 type veth peer name x1");
	RUN("ip -6 route add 2001:db8:100::/64 via 2001:db8:a::2");
	CU_ASSERT(wait_for(is_overrun, NULL));
	CU_ASSERT(wait_for(goes_to, "02:00:00:00:0a:02"));
	CU_ASSERT(wait_for(is_seen, "x0"));
	RUN("ip link del x0");
	CU_ASSERT(wait_for(is_gone, "x0"));
	RUN("ip -6 route del 2001:db8:100::/64");
	CU_ASSERT(wait_for(is_unreachable, NULL));
	end();
	RUN("ip -6 route flush root 2001:db8:200::/64");
}

/* ---- tests: the host's own prefix ---- */

static void run_local_route(const char *text)
{
	struct locator locator;

	CU_ASSERT_EQUAL_FATAL(locator_parse(text, &locator), 0);
	begin(TARGET);
	CU_ASSERT_EQUAL(netlink_local_route(netlink, &locator, false), 0);
	RUN("ip -6 route add default via 2001:db8:a::2");
	CU_ASSERT(wait_for(goes_to, "02:00:00:00:0a:02"));
	CU_ASSERT_EQUAL(netlink_local_route(netlink, &locator, true), 0);
	CU_ASSERT_EQUAL(netlink_local_route(netlink, &locator, true), 0);
	RUN("test $(ip -6 route show table local | grep -c '^local %s dev lo') -eq 1", text);
	CU_ASSERT(wait_for(is_unreachable, NULL));
	CU_ASSERT_EQUAL(netlink_local_route(netlink, &locator, false), 0);
	CU_ASSERT_EQUAL(netlink_local_route(netlink, &locator, false), 0);
	RUN("! ip -6 route show table local | grep -q '%s'", text);
	CU_ASSERT(wait_for(goes_to, "02:00:00:00:0a:02"));
	RUN("ip -6 route del default");
	end();
}

static void test_local_route(void)
{
	run_local_route("2001:db8:100::/64");
	run_local_route("2001:db8:100::/72");
}

/* ---- the uplink goes; the last test ---- */

static void test_uplink_gone(void)
{
	begin(TARGET);
	RUN("ip -6 route add 2001:db8:100::/64 via 2001:db8:a::2 && ip -6 route add default via 2001:db8:b::2");
	CU_ASSERT(wait_for(goes_to, "02:00:00:00:0a:02"));
	RUN("ip link set up0 down");
	CU_ASSERT(wait_for(goes_to, "02:00:00:00:0b:02"));
	RUN("ip link del up1");
	CU_ASSERT(wait_for(is_unreachable, NULL));
	end();
}

int main(void)
{
	static const struct {
		const char *name;
		CU_TestFunc fn;
	} tests[] = {
		{"links appear, change, are renamed, move and vanish", test_links},
		{"links are read again", test_each_link},
		{"addresses are flushed", test_flush_addresses},
		{"a route appears, is resolved, and vanishes", test_resolve},
		{"an address on the link", test_on_link},
		{"routes that lead nowhere", test_no_route},
		{"MTU of route and device", test_mtu},
		{"the router's MAC address changes", test_router_mac},
		{"another gateway", test_other_gateway},
		{"one of two routers fails", test_multipath},
		{"a router falls silent and comes back", test_silent_router},
		{"neighbours changed by hand", test_neighbour_by_hand},
		{"resolving sets off no loop", test_no_loop},
		{"many changes are told as few", test_many_changes},
		{"notifications are lost", test_overrun},
		{"the local route of the host's prefix", test_local_route},
		{"the uplink goes", test_uplink_gone},
	};
	unsigned failures;
	CU_pSuite suite;

	if (geteuid() != 0) {
		fprintf(stderr, "SKIP test_netlink: needs root\n");
		return 77;
	}
	if (CU_initialize_registry() != CUE_SUCCESS)
		return 1;
	suite = CU_add_suite("netlink", namespaces_make, namespaces_remove);
	if (!suite)
		return 1;
	for (size_t i = 0; i < ARRAY_LEN(tests); i++)
		if (!CU_add_test(suite, tests[i].name, tests[i].fn))
			return 1;
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	failures = CU_get_number_of_failures() + CU_get_number_of_suites_failed();
	CU_cleanup_registry();
	return failures != 0;
}
