/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Socket, timer and clock of the negotiation; see transport.h. The peer asks a node's substrate address and is answered from it: the
 * whole prefix is this host's own (a local route), so the socket may speak for every address in it.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/authority.h"
#include "agent/decision.h"
#include "agent/monitor.h"
#include "agent/resolve.h"
#include "agent/revocation.h"
#include "agent/transport.h"
#include "lib/error.h"
#include "lib/log.h"
#include "lib/time.h"
#include "maps/access.h"

#define BATCH 32
#define SOCKET_BUFFER (4 << 20)
/* The passport of this host is signed anew after this part of its life. */
#define PASSPORT_PERIOD_NS (60 * NSEC_PER_SEC)

struct transport {
	struct agent *agent;
	struct engine *engine;
	int socket;
	struct loop_watch *ready;
	struct loop_timer *tick_timer, *passport_timer;
	uint64_t armed_ns; /* what tick_timer is set to */
	uint64_t send_failed_logged_ns;
	struct transport_figures figures;
};

struct engine *transport_engine(const struct agent *agent)
{
	return agent->transport->engine;
}

struct engine_time transport_now(void)
{
	struct timespec wall;

	clock_gettime(CLOCK_REALTIME, &wall);
	return (struct engine_time){
		.now_ns = time_now_ns(),
		.wall_s = (uint64_t)wall.tv_sec,
		.wall_ns = (uint32_t)wall.tv_nsec,
	};
}

struct transport_figures transport_figures(const struct agent *agent)
{
	return agent->transport->figures;
}

/* As a peer would read it. */
static void note_passport(struct transport *transport, const uint8_t octets[HOST_PASSPORT_LEN])
{
	struct host_passport passport = {0};
	struct engine_config config;

	authority_engine_config(transport->agent, &config);
	host_passport_verify(octets, HOST_PASSPORT_LEN, config.authority, transport_now().wall_s, &passport);
	transport->figures.passport_not_after_s = passport.not_after_s;
	explicit_bzero(&config, sizeof(config));
}

static void arm(struct transport *transport)
{
	uint64_t due_ns = engine_due(transport->engine);

	if (due_ns >= transport->armed_ns)
		return;
	transport->armed_ns = due_ns;
	loop_timer_at(transport->tick_timer, due_ns);
}

void transport_flush(struct agent *agent)
{
	struct engine_time now = transport_now();

	engine_flush(agent->transport->engine, &now);
	arm(agent->transport);
}

static void on_tick(void *context)
{
	struct transport *transport = context;
	struct engine_time now = transport_now();

	transport->armed_ns = UINT64_MAX;
	engine_tick(transport->engine, &now);
	engine_flush(transport->engine, &now);
	arm(transport);
}

static void on_passport(void *context)
{
	struct transport *transport = context;
	uint8_t passport[HOST_PASSPORT_LEN];

	if (authority_host_passport(transport->agent, passport) == 0) {
		engine_passport(transport->engine, passport);
		note_passport(transport, passport);
	}
	loop_timer_at(transport->passport_timer, time_now_ns() + PASSPORT_PERIOD_NS);
}

void transport_passport(struct agent *agent)
{
	if (agent->transport)
		on_passport(agent->transport);
}

/* ---- ops of the engine */

static void op_send(void *context, const struct engine_path *path, const uint8_t *datagram, size_t length)
{
	struct transport *transport = ((struct agent *)context)->transport;
	struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_port = htons(path->remote_port)};
	struct iovec data = {(void *)datagram, length};
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(struct in6_pktinfo))];
	} control = {0};
	struct msghdr message = {
		.msg_name = &to,
		.msg_namelen = sizeof(to),
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct in6_pktinfo info = {0};
	uint64_t now_ns;

	memcpy(&to.sin6_addr, path->remote.octet, 16);
	memcpy(&info.ipi6_addr, path->local.octet, 16);
	control.header.cmsg_level = IPPROTO_IPV6;
	control.header.cmsg_type = IPV6_PKTINFO;
	control.header.cmsg_len = CMSG_LEN(sizeof(info));
	memcpy(CMSG_DATA(&control.header), &info, sizeof(info));
	if (sendmsg(transport->socket, &message, MSG_DONTWAIT) >= 0)
		return;
	/* As if it had been lost: the engine sends again. */
	now_ns = time_now_ns();
	if (now_ns < transport->send_failed_logged_ns + NSEC_PER_SEC)
		return;
	transport->send_failed_logged_ns = now_ns;
	log_warning("negotiation: cannot send: %s", strerror(errno));
}

static void op_random(void *context, void *out, size_t length)
{
	uint8_t *to = out;

	(void)context;
	while (length) {
		ssize_t got = getrandom(to, length, 0);

		if (got > 0) {
			to += got;
			length -= (size_t)got;
		}
	}
}

static int op_host_at(void *context, const struct substrate *address, struct engine_host *out)
{
	return authority_host_at(context, address, out);
}

static int op_host_of(void *context, const uint8_t key[32], struct engine_host *out)
{
	return authority_host_of(context, key, out);
}

static int op_decide(void *context, const struct engine_request *request, bool *granted, struct message_decision *out)
{
	return decision_decide(context, request, granted, out);
}

static void op_decided(void *context, const struct flow *flow, uint64_t cookie, enum engine_outcome outcome,
	const struct message_decision *decision)
{
	decision_decided(context, flow, cookie, outcome, decision);
}

static void op_stale(void *context, const struct engine_host *peer, const struct message_notice *notice)
{
	((struct agent *)context)->transport->figures.stale++;
	revocation_stale(context, peer, notice);
}

static void op_withdrawn(void *context, const struct engine_host *peer, const struct message_notice *notice)
{
	((struct agent *)context)->transport->figures.withdrawn++;
	revocation_withdrawn(context, peer, notice);
}

/* Nodes do not move yet; whoever says so is told that it was heard, and the mapping runs its course. */
static void op_moved(void *context, const struct engine_host *peer, const struct message_moved *moved)
{
	(void)context, (void)peer, (void)moved;
}

static void op_index(void *context, uint32_t index, const struct engine_host *peer, bool live)
{
	struct agent *agent = context;
	struct control_key value;
	int error;

	memcpy(value.prefix, peer->locator.octet, sizeof(value.prefix));
	error = live ? control_key_set(agent->maps->control_keys, index, &value)
		     : control_key_del(agent->maps->control_keys, index);
	if (error && live)
		log_warning("negotiation: control_keys: %s", strerror(-error));
}

static const struct engine_ops ops = {
	.send = op_send,
	.random = op_random,
	.host_at = op_host_at,
	.host_of = op_host_of,
	.decide = op_decide,
	.decided = op_decided,
	.stale = op_stale,
	.withdrawn = op_withdrawn,
	.moved = op_moved,
	.index = op_index,
};

/* ---- the socket */

static bool local_address(struct msghdr *message, struct substrate *out)
{
	for (struct cmsghdr *each = CMSG_FIRSTHDR(message); each; each = CMSG_NXTHDR(message, each)) {
		struct in6_pktinfo info;

		if (each->cmsg_level != IPPROTO_IPV6 || each->cmsg_type != IPV6_PKTINFO)
			continue;
		memcpy(&info, CMSG_DATA(each), sizeof(info));
		memcpy(out->octet, &info.ipi6_addr, sizeof(out->octet));
		return true;
	}
	return false;
}

static void on_ready(void *context, uint32_t events)
{
	struct transport *transport = context;
	static uint8_t datagrams[BATCH][PROTO_DATAGRAM_MAX + 1];
	char control[BATCH][CMSG_SPACE(sizeof(struct in6_pktinfo))];
	struct sockaddr_in6 from[BATCH];
	struct mmsghdr messages[BATCH];
	struct iovec data[BATCH];
	struct engine_time now;
	int count;

	(void)events;
	for (size_t i = 0; i < BATCH; i++) {
		data[i] = (struct iovec){datagrams[i], sizeof(datagrams[i])};
		messages[i] = (struct mmsghdr){.msg_hdr = {
						       .msg_name = &from[i],
						       .msg_namelen = sizeof(from[i]),
						       .msg_iov = &data[i],
						       .msg_iovlen = 1,
						       .msg_control = control[i],
						       .msg_controllen = sizeof(control[i]),
					       }};
	}
	count = recvmmsg(transport->socket, messages, BATCH, MSG_DONTWAIT, NULL);
	now = transport_now();
	for (int i = 0; i < count; i++) {
		struct engine_path path = {
			.local_port = PROTO_PORT,
			.remote_port = ntohs(from[i].sin6_port),
		};

		if (messages[i].msg_hdr.msg_flags & (MSG_TRUNC | MSG_CTRUNC) ||
			!local_address(&messages[i].msg_hdr, &path.local))
			continue;
		memcpy(path.remote.octet, &from[i].sin6_addr, 16);
		engine_receive(transport->engine, &now, &path, datagrams[i], messages[i].msg_len);
	}
	transport_flush(transport->agent);
}

static int open_socket(int *out)
{
	struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(PROTO_PORT), .sin6_addr = in6addr_any};
	static const int options[][2] = {
		{IPPROTO_IPV6, IPV6_V6ONLY},
		{IPPROTO_IPV6, IPV6_FREEBIND},
		{IPPROTO_IPV6, IPV6_RECVPKTINFO},
	};
	scope_close int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int one = 1, size = SOCKET_BUFFER;

	if (fd < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		if (setsockopt(fd, options[i][0], options[i][1], &one, sizeof(one)))
			return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (bind(fd, (struct sockaddr *)&any, sizeof(any)))
		return -errno;
	*out = fd;
	fd = -1;
	return 0;
}

void transport_forget_changed(struct agent *agent, const struct config *old)
{
	struct engine_time now = transport_now();

	for (size_t i = 0; agent->transport && i < old->host_count; i++) {
		const struct config_host *former = &old->hosts[i];
		struct substrate at = substrate_of_host(&former->locator);
		struct engine_host host;

		if (authority_host_at(agent, &at, &host) || host.host != former->id ||
			memcmp(host.key, former->key, sizeof(host.key)))
			engine_forget(transport_engine(agent), &now, &former->locator);
	}
}

static bool is_configured(const struct agent *agent, const struct locator *locator)
{
	for (size_t i = 0; i < agent->config->host_count; i++)
		if (memcmp(agent->config->hosts[i].locator.octet, locator->octet, 8) == 0)
			return true;
	return false;
}

void transport_host(struct agent *agent, const struct locator *locator, bool known)
{
	struct control_key key;
	int error = 0;

	if (!agent->transport)
		return;
	memcpy(key.prefix, locator->octet, sizeof(key.prefix));
	if (known)
		error = control_host_set(agent->maps->control_hosts, &key);
	else if (!is_configured(agent, locator))
		control_host_del(agent->maps->control_hosts, &key);
	if (error)
		log_debug("negotiation: a learned host has no gate of its own: %s", strerror(-error));
}

static void gate_learned(void *context, const struct engine_host *host)
{
	transport_host(context, &host->locator, true);
}

static void directory_write(struct agent *agent)
{
	const struct config *config = agent->config;

	control_host_clear(agent->maps->control_hosts);
	resolve_each_host(agent, gate_learned, agent);
	for (size_t i = 0; i < config->host_count; i++) {
		struct control_key key;
		int error;

		memcpy(key.prefix, config->hosts[i].locator.octet, sizeof(key.prefix));
		error = control_host_set(agent->maps->control_hosts, &key);
		if (error) {
			log_warning("negotiation: host %s has no gate of its own: %s", config->hosts[i].name,
				strerror(-error));
			return;
		}
	}
}

/* A notice is worth telling for as long as what it is about could last. */
static uint64_t longest_grant_ns(const struct config *config)
{
	uint64_t longest_s = 60;

	for (size_t i = 0; i < config->vnet_count; i++)
		if (config->vnets[i].grant_lifetime_s > longest_s)
			longest_s = config->vnets[i].grant_lifetime_s;
	return longest_s * NSEC_PER_SEC;
}

void transport_reload(struct agent *agent)
{
	if (!agent->transport)
		return;
	engine_notice_lifetime(transport_engine(agent), longest_grant_ns(agent->config));
	directory_write(agent);
}

static int start(struct agent *agent, struct transport *transport)
{
	struct engine_config config = {0};
	int error;

	authority_engine_config(agent, &config);
	note_passport(transport, config.passport);
	config.notice_lifetime_ns = longest_grant_ns(agent->config);
	/* Whom a former agent knew, this one does not: its keys went with it. */
	control_key_clear(agent->maps->control_keys);
	directory_write(agent);
	transport->engine = engine_new(&config, &ops, agent);
	memset(&config, 0, sizeof(config));
	if (!transport->engine)
		return -ENOMEM;
	error = open_socket(&transport->socket);
	if (error)
		return error;
	transport->ready = loop_watch(agent->loop, transport->socket, EPOLLIN, on_ready, transport);
	transport->tick_timer = loop_timer(agent->loop, on_tick, transport);
	transport->passport_timer = loop_timer(agent->loop, on_passport, transport);
	if (!transport->ready || !transport->tick_timer || !transport->passport_timer)
		return -errno;
	loop_timer_at(transport->passport_timer, time_now_ns() + PASSPORT_PERIOD_NS);
	return 0;
}

int transport_open(struct agent *agent)
{
	struct transport *transport;
	int error;

	if (!agent->authority)
		return 0;
	transport = calloc(1, sizeof(*transport));
	if (!transport)
		return -ENOMEM;
	transport->agent = agent;
	transport->socket = -1;
	transport->armed_ns = UINT64_MAX;
	agent->transport = transport;
	error = start(agent, transport);
	if (error) {
		log_error("negotiation: UDP port %d: %s", PROTO_PORT, strerror(-error));
		transport_close(agent);
	}
	return error;
}

void transport_close(struct agent *agent)
{
	struct transport *transport = agent->transport;

	if (!transport)
		return;
	if (transport->ready)
		loop_unwatch(transport->ready);
	loop_timer_free(transport->tick_timer);
	loop_timer_free(transport->passport_timer);
	engine_free(transport->engine);
	if (transport->socket >= 0)
		close(transport->socket);
	free(transport);
	agent->transport = NULL;
}
