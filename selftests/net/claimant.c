/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A host's agent that says what it is told to say: asks, with the host's own keys, for one of its nodes, with passports of a test's making.
 *
 *   claimant CONFIG VNI NODE SOURCE DESTINATION PORT INCARNATION:REVISION[:GROUP]...
 *
 * In the host's namespace, with its ovnet.json, while its ovnetd does not run. May SOURCE send DESTINATION UDP to PORT? One question a claim, one
 * after the other, by the same keys; prints a line each: granted, refused, silent, or no-host.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "config/config.h"
#include "lib/time.h"
#include "policy/policy.h"
#include "proto/engine.h"

struct claimant {
	const struct config *config;
	struct engine *engine;
	struct substrate self;
	int socket;
	bool ended;
};

static struct engine_time now(void)
{
	struct timespec wall;

	clock_gettime(CLOCK_REALTIME, &wall);
	return (struct engine_time){time_now_ns(), (uint64_t)wall.tv_sec, (uint32_t)wall.tv_nsec};
}

/* ---- ops of the engine */

static void op_send(void *context, const struct engine_path *path, const uint8_t *datagram, size_t length)
{
	const struct claimant *claimant = context;
	struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_port = htons(path->remote_port)};

	memcpy(&to.sin6_addr, path->remote.octet, 16);
	if (sendto(claimant->socket, datagram, length, 0, (struct sockaddr *)&to, sizeof(to)) < 0)
		perror("claimant: send");
}

static void op_random(void *context, void *out, size_t length)
{
	(void)context;
	if (getrandom(out, length, 0) != (ssize_t)length)
		abort();
}

static void host_of(const struct config_host *host, struct engine_host *out)
{
	*out = (struct engine_host){.host = host->id, .locator = host->locator};
	memcpy(out->key, host->key, sizeof(out->key));
}

static int op_host_at(void *context, const struct substrate *address, struct engine_host *out)
{
	const struct config *config = ((struct claimant *)context)->config;

	for (size_t i = 0; i < config->host_count; i++)
		if (memcmp(config->hosts[i].locator.octet, address->octet, 8) == 0) {
			host_of(&config->hosts[i], out);
			return 0;
		}
	return -ENOENT;
}

static int op_host_of(void *context, const uint8_t key[32], struct engine_host *out)
{
	const struct config *config = ((struct claimant *)context)->config;

	for (size_t i = 0; i < config->host_count; i++)
		if (memcmp(config->hosts[i].key, key, 32) == 0) {
			host_of(&config->hosts[i], out);
			return 0;
		}
	return -ENOENT;
}

static int op_decide(void *context, const struct engine_request *request, bool *granted, struct message_decision *out)
{
	(void)context, (void)request, (void)granted, (void)out;
	return -EAGAIN;
}

static void op_decided(void *context, const struct flow *flow, uint64_t cookie, enum engine_outcome outcome,
	const struct message_decision *decision)
{
	static const char *const words[] = {
		[OUTCOME_GRANTED] = "granted",
		[OUTCOME_REFUSED] = "refused",
		[OUTCOME_SILENT] = "silent",
		[OUTCOME_NO_HOST] = "no-host",
		[OUTCOME_BUSY] = "busy",
	};

	(void)flow, (void)cookie, (void)decision;
	puts(words[outcome]);
	((struct claimant *)context)->ended = true;
}

static void op_notice(void *context, const struct engine_host *peer, const struct message_notice *notice)
{
	(void)context, (void)peer, (void)notice;
}

static void op_moved(void *context, const struct engine_host *peer, const struct message_moved *moved)
{
	(void)context, (void)peer, (void)moved;
}

static const struct engine_ops ops = {
	.send = op_send,
	.random = op_random,
	.host_at = op_host_at,
	.host_of = op_host_of,
	.decide = op_decide,
	.decided = op_decided,
	.stale = op_notice,
	.withdrawn = op_notice,
	.moved = op_moved,
};

/* ---- questions */

static void receive(struct claimant *claimant)
{
	struct engine_path path = {.local = claimant->self, .local_port = PROTO_PORT};
	uint8_t datagram[PROTO_DATAGRAM_MAX + 1];
	struct sockaddr_in6 from;
	socklen_t size = sizeof(from);
	struct engine_time time;
	ssize_t length = recvfrom(claimant->socket, datagram, sizeof(datagram), MSG_DONTWAIT, (void *)&from, &size);

	if (length < 0)
		return;
	memcpy(path.remote.octet, &from.sin6_addr, 16);
	path.remote_port = ntohs(from.sin6_port);
	time = now();
	engine_receive(claimant->engine, &time, &path, datagram, (size_t)length);
}

static void wait_for_answer(struct claimant *claimant)
{
	while (!claimant->ended) {
		struct pollfd ready = {.fd = claimant->socket, .events = POLLIN};
		struct engine_time time = now();
		uint64_t due_ns = engine_due(claimant->engine);
		uint64_t left_ns = due_ns > time.now_ns ? due_ns - time.now_ns : 0;

		poll(&ready, 1, left_ns > NSEC_PER_SEC ? 1000 : (int)(left_ns / NSEC_PER_MSEC) + 1);
		if (ready.revents & POLLIN)
			receive(claimant);
		time = now();
		engine_tick(claimant->engine, &time);
		engine_flush(claimant->engine, &time);
	}
}

/* Returns 0 or -errno. */
static int ask(struct claimant *claimant, const struct authority_key *authority, const struct node_passport *passport,
	const struct flow *flow)
{
	struct message_ask question = {.flow = *flow, .source_says = SOURCE_ALLOWS_BY_DEFAULT};
	uint8_t octets[NODE_PASSPORT_LEN_MAX];
	int length = node_passport_sign(passport, authority->secret, octets), error = -ENOENT;
	struct engine_time time = now();

	if (length < 0)
		return length;
	question.passport = octets;
	question.passport_length = (size_t)length;
	claimant->ended = false;
	for (size_t i = 0; i < claimant->config->mapping_count; i++) {
		const struct config_mapping *mapping = &claimant->config->mappings[i];
		struct substrate at;

		if (!ipv4_equal(mapping->address, flow->destination) ||
			substrate_of_node(&mapping->locator, mapping->slot, flow->vni, mapping->address, &at))
			continue;
		error = engine_ask(claimant->engine, &time, &at, false, &question, 0);
	}
	if (error)
		return error;
	engine_flush(claimant->engine, &time);
	wait_for_answer(claimant);
	return 0;
}

static void report(void *context, const char *message)
{
	(void)context;
	fprintf(stderr, "claimant: %s\n", message);
}

static int begin(struct claimant *claimant, const struct config *config, struct authority_key *authority)
{
	struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_port = htons(PROTO_PORT)};
	struct engine_config own = {0};
	struct host_passport passport;
	struct engine_time time = now();
	enum key_kind kind;
	int error = key_library(), on = 1;

	if (!error)
		error = key_read(config->identity.key, &kind, &own.key, NULL);
	if (!error)
		error = key_read(config->identity.signing_key, &kind, NULL, authority);
	if (error)
		return error;
	host_of(&config->hosts[config->identity.host], &own.self);
	memcpy(own.authority, authority->public_key, sizeof(own.authority));
	passport = (struct host_passport){own.self.host, own.self.locator, {0}, time.wall_s, time.wall_s + 900,
		time.wall_s * NSEC_PER_SEC + time.wall_ns};
	memcpy(passport.key, own.key.public_key, sizeof(passport.key));
	host_passport_sign(&passport, authority->secret, own.passport);
	*claimant = (struct claimant){.config = config, .self = substrate_of_host(&own.self.locator)};
	claimant->engine = engine_new(&own, &ops, claimant);
	claimant->socket = socket(AF_INET6, SOCK_DGRAM, 0);
	memcpy(&at.sin6_addr, claimant->self.octet, 16);
	if (!claimant->engine || claimant->socket < 0 ||
		setsockopt(claimant->socket, IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof(on)) ||
		bind(claimant->socket, (struct sockaddr *)&at, sizeof(at)))
		return -errno;
	return 0;
}

int main(int argc, char **argv)
{
	struct flow flow = {.protocol = IPPROTO_UDP, .cast = CAST_UNICAST};
	struct authority_key authority;
	struct claimant claimant;
	struct config *config;
	int error;

	if (argc < 8 || config_load(argv[1], report, NULL, &config) || ipv4_parse(argv[4], &flow.source) ||
		ipv4_parse(argv[5], &flow.destination))
		return 2;
	flow.vni = (uint32_t)strtoul(argv[2], NULL, 10);
	flow.port = (uint16_t)strtoul(argv[6], NULL, 10);
	error = begin(&claimant, config, &authority);
	for (int i = 7; i < argc && !error; i++) {
		struct engine_time time = now();
		struct node_passport passport = {
			.vni = flow.vni,
			.node = policy_id(argv[3]),
			.host = config->hosts[config->identity.host].id,
			.not_before_s = time.wall_s,
			.not_after_s = time.wall_s + 60,
			.address_count = 1,
			.addresses = {flow.source},
		};
		char *end;

		passport.incarnation = strtoull(argv[i], &end, 10);
		passport.revision = strtoull(end + (*end == ':'), &end, 10);
		if (*end == ':')
			passport.groups[passport.group_count++] = policy_id(end + 1);
		error = ask(&claimant, &authority, &passport, &flow);
	}
	if (error)
		fprintf(stderr, "claimant: %s\n", strerror(-error));
	config_free(config);
	return error ? 1 : 0;
}
