/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Figures of the negotiation: questions, the engine, grants, peers, the queue, the resolver. See metrics.h.
 */
#include <stddef.h>

#include "agent/grant.h"
#include "agent/metrics.h"
#include "agent/question.h"
#include "agent/queue.h"
#include "agent/resolve.h"
#include "agent/transport.h"
#include "lib/error.h"
#include "lib/exposition.h"
#include "lib/time.h"

struct figure {
	const char *name; /* ovnet_NAME_total */
	size_t offset;
	const char *help;
};

static void write_counters(FILE *out, const void *counters, const struct figure *figures, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char name[64];

		snprintf(name, sizeof(name), "ovnet_%s_total", figures[i].name);
		exposition_one(out, name, "counter", figures[i].help,
			*(const uint64_t *)((const char *)counters + figures[i].offset));
	}
}

#define ROW(type, field, name, help)                                                                                   \
	{                                                                                                              \
		name, offsetof(struct type, field), help                                                               \
	}
#define EVERY(figures, type)                                                                                           \
	_Static_assert(ARRAY_LEN(figures) * sizeof(uint64_t) == sizeof(struct type), "every counter is here")

static void write_engine(const struct agent *agent, FILE *out)
{
#define ENGINE(field, help) ROW(engine_counters, field, "engine_" #field, help)
	static const struct figure figures[] = {
		ENGINE(received, "Datagrams of the negotiation that came."),
		ENGINE(sent, "Datagrams of the negotiation that were sent."),
		ENGINE(hellos, "Handshakes that peers began, past the first check."),
		ENGINE(welcomes, "Answers to handshakes of ours that were taken."),
		ENGINE(cookies_sent, "Handshakes that were asked to prove their address."),
		ENGINE(handshakes, "Key pairs that were proven."),
		ENGINE(signatures, "Signatures of passports that were verified."),
		ENGINE(malformed, "Datagrams that are no messages."),
		ENGINE(bad_mac, "Handshakes to another key than this host's."),
		ENGINE(bad_tag, "Datagrams that do not open."),
		ENGINE(replayed, "Datagrams that came before."),
		ENGINE(unknown_index, "Datagrams under keys that are not there (any more)."),
		ENGINE(bad_passport, "Passports that do not hold."),
		ENGINE(bad_claim, "Claims that the directory contradicts."),
		ENGINE(unknown_host, "Own questions and notices to hosts that are not known."),
		ENGINE(old_stamp, "Handshakes that are not newer than the latest."),
		ENGINE(over_load, "Handshakes for which there were too many."),
		ENGINE(asked, "Questions to peers."),
		ENGINE(retried, "Questions that were sent again."),
		ENGINE(granted, "Questions that peers granted."),
		ENGINE(refused, "Questions that peers refused."),
		ENGINE(silent, "Questions that peers did not answer."),
		ENGINE(ignored_decisions, "Decisions that nobody asked for, or that a notice overtook."),
		ENGINE(decided, "Questions of peers that were decided."),
		ENGINE(notices, "Notices of withdrawal to peers."),
		ENGINE(stale_limited, "Reports to peers that were left out for their number."),
	};
#undef ENGINE
	EVERY(figures, engine_counters);

	write_counters(out, engine_counters(transport_engine(agent)), figures, ARRAY_LEN(figures));
}

static void write_questions(const struct agent *agent, FILE *out)
{
#define QUESTION(field, name, help) ROW(question_counters, field, name, help)
	static const struct figure figures[] = {
		QUESTION(asked, "questions_asked", "Questions of the programs that were taken up."),
		QUESTION(answered, "questions_answered", "Questions that are over, however they ended."),
		QUESTION(stale, "arrivals_stale", "Arrivals that no rule lets in."),
		QUESTION(gone, "arrivals_gone", "Arrivals for addresses that no node here has."),
		QUESTION(unknown, "questions_unknown", "Packets that waited for a question that was over."),
		QUESTION(overdue, "questions_overdue", "Questions that nobody answered in time."),
	};
#undef QUESTION
	EVERY(figures, question_counters);

	write_counters(out, question_counters(agent), figures, ARRAY_LEN(figures));
}

static void write_queue(const struct agent *agent, FILE *out)
{
#define QUEUE(field, help) ROW(queue_counters, field, "queue_" #field, help)
	static const struct figure figures[] = {
		QUEUE(read, "Packets that came to wait."),
		QUEUE(injected, "Packets that were given back to the kernel."),
		QUEUE(discarded, "Packets that an agent before this one had left."),
		QUEUE(malformed, "Packets in the queue that no program had sent there."),
		QUEUE(failed, "Packets lost for want of memory or of the interface."),
	};
#undef QUEUE
	EVERY(figures, queue_counters);

	write_counters(out, question_queue_counters(agent), figures, ARRAY_LEN(figures));
}

static void write_resolve(const struct agent *agent, FILE *out)
{
#define RESOLVE(field, help) ROW(resolve_counters, field, "resolve_" #field, help)
	static const struct figure figures[] = {
		RESOLVE(asked, "Addresses that were looked up."),
		RESOLVE(refreshed, "Of those, for mappings in use."),
		RESOLVE(found, "Addresses that were found."),
		RESOLVE(absent, "Addresses that nobody has."),
		RESOLVE(refused, "Addresses that this host may not look up."),
		RESOLVE(failed, "Addresses that could not be looked up."),
		RESOLVE(timed_out, "Of those, for want of an answer."),
		RESOLVE(joined, "Questions that waited for a request in flight."),
		RESOLVE(cached, "Questions that met an answer in the negative in memory."),
		RESOLVE(full, "Questions that met a bound."),
		RESOLVE(late, "Answers that nobody waited for."),
		RESOLVE(invalidated, "Mappings that went before their end."),
	};
#undef RESOLVE
	EVERY(figures, resolve_counters);
	const struct resolve_status status = resolve_status(agent);

	write_counters(out, &status.counters, figures, ARRAY_LEN(figures));
	exposition_one(out, "ovnet_resolve_in_flight", "gauge", "Addresses that are being looked up.",
		status.in_flight);
	exposition_one(out, "ovnet_resolve_remembered", "gauge", "Answers in the negative that are remembered.",
		status.negatives);
	exposition_one(out, "ovnet_resolve_hosts", "gauge", "Hosts that were learned.", status.hosts);
}

static void write_latency(const struct agent *agent, FILE *out)
{
	static const char *const bounds[LATENCY_BUCKETS] = {
#define LATENCY(ns, seconds) seconds,
		LATENCY_BOUNDS
#undef LATENCY
	};
	static const char name[] = "ovnet_negotiation_duration_seconds";
	const struct latency *latency = question_latency(agent);
	struct exposition_label bound = {.name = "le"};
	uint64_t up_to = 0;

	exposition_head(out, name, "histogram", "From a question's arrival at the agent to its answer's rules.");
	for (size_t i = 0; i < LATENCY_BUCKETS; i++) {
		bound.value = bounds[i];
		up_to += latency->buckets[i];
		exposition_series(out, name, "_bucket", &bound, 1, up_to);
	}
	bound.value = "+Inf";
	exposition_series(out, name, "_bucket", &bound, 1, latency->count);
	fprintf(out, "%s_sum %llu.%09llu\n", name, (unsigned long long)(latency->sum_ns / NSEC_PER_SEC),
		(unsigned long long)(latency->sum_ns % NSEC_PER_SEC));
	exposition_series(out, name, "_count", NULL, 0, latency->count);
}

struct peers {
	uint64_t known, live, waiting;
};

static void count_peer(void *context, const struct engine_peer *peer)
{
	struct peers *peers = context;

	peers->known++;
	peers->live += peer->live;
	peers->waiting += peer->in_flight + peer->waiting;
}

static void write_peers(const struct agent *agent, FILE *out)
{
	struct peers peers = {0};

	engine_each_peer(transport_engine(agent), count_peer, &peers);
	exposition_one(out, "ovnet_peers", "gauge", "Hosts with which is negotiated.", peers.known);
	exposition_one(out, "ovnet_peers_live", "gauge", "Of those, with keys to send with.", peers.live);
	exposition_one(out, "ovnet_peer_questions", "gauge", "Questions to peers that are not answered yet.",
		peers.waiting);
}

static void write_grants(const struct agent *agent, FILE *out)
{
	const struct transport_figures figures = transport_figures(agent);

	exposition_one(out, "ovnet_grants", "gauge", "Grants that this host holds.", grant_count(agent));
	exposition_one(out, "ovnet_grants_renewed_total", "counter", "Grants in use whose renewal was asked for.",
		grant_renewals(agent));
	exposition_one(out, "ovnet_grants_withdrawn_total", "counter",
		"Notices of peers that what they decided holds no more.", figures.withdrawn);
	exposition_one(out, "ovnet_grants_stale_total", "counter",
		"Reports of peers that they have no rule for what arrives there.", figures.stale);
	exposition_one(out, "ovnet_passport_not_after_timestamp_seconds", "gauge",
		"The end of the passport that this host shows to its peers, since 1970.", figures.passport_not_after_s);
}

void metrics_write_negotiation(struct agent *agent, FILE *out)
{
	write_questions(agent, out);
	write_latency(agent, out);
	write_queue(agent, out);
	write_engine(agent, out);
	write_peers(agent, out);
	write_grants(agent, out);
	write_resolve(agent, out);
}
