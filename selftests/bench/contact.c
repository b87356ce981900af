/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * First contacts over UDP: a datagram from each of many nodes, and how long its answer took.
 *
 *   contact echo PORT[-PORT]    answers every datagram to these ports, until it is killed
 *   contact sink PORT           takes every datagram to this port; on SIGTERM, says how many came (count) and when the
 *                               last did (last_ns: of CLOCK_REALTIME, which a shell can compare with $EPOCHREALTIME)
 *   contact probe [--spacing-us N] [--probes N] [--ports N] [--window N] [--timeout-ms N] [--each]
 *           ADDRESS PORT NAMESPACE...
 *
 * `probe` opens one socket in each network namespace (a name below /run/netns, or a path), and then sends probes in
 * turns over the sockets, one each --spacing-us (default 1000; 0: as fast as the window lets), --probes a socket
 * (default 1). The destination port begins at PORT and goes round through --ports of them (default 1), so that each
 * probe may be a flow of its own. No more than --window probes are unanswered at any time (default: no limit); one is
 * lost after --timeout-ms (default 1000). Prints a line "NAME VALUE" each: rtt (nanoseconds, as the sender sees it: from
 * before the call that sends until after the call that receives) for every answer, in the order of sending; lost;
 * elapsed_ns from the first probe sent to the last that was settled. With --each, instead of rtt, a line
 * "probe SOCKET PORT SENT-NS RTT-NS" for every probe (CLOCK_MONOTONIC; RTT is 0 if it was lost).
 *
 * One thread, which sleeps whenever it has nothing to do: the machine's few CPUs are what is measured.
 * Percentiles are left to report.py. IPv4 only: it is what nodes speak.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "lib/error.h"

#define NSEC_PER_SEC 1000000000ull
#define EVENTS 64
#define DATAGRAM_LEN 64 /* of payload; an Ethernet frame of 106 octets */
#define SOCKETS_MAX 1024
#define PROBES_MAX 10000000ul

struct options {
	uint64_t spacing_ns, timeout_ns;
	unsigned long probes, ports, window;
	bool each;
};

struct probe {
	uint64_t sent_ns, rtt_ns; /* 0: no answer yet, or lost */
};

/* What a probe's datagram begins with; the rest is zeros. Host byte order: it comes back to this very process. */
struct payload {
	uint64_t run; /* tells this run's datagrams from a former one's */
	uint64_t number;
};

struct run {
	struct options options;
	struct sockaddr_in target;
	int sockets[SOCKETS_MAX];
	size_t socket_count;
	struct probe *probes;
	uint64_t total, sent, settled, answered;
	uint64_t oldest; /* all before this one are answered or lost */
	uint64_t id, start_ns;
};

static int fail(const char *what, const char *object, int error)
{
	fprintf(stderr, "contact: cannot %s %s: %s\n", what, object, strerror(-error));
	return error;
}

static uint64_t now_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

/* A whole decimal number between `low` and `high`. */
static int read_number(const char *text, unsigned long low, unsigned long high, unsigned long *out)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || value < low || value > high)
		return fail("take as a number in range:", text, -EINVAL);
	*out = value;
	return 0;
}

static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (!getrlimit(RLIMIT_NOFILE, &limit)) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* ---- echo and sink */

static int open_bound(unsigned long port, int *out)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), error;

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address))) {
		error = -errno;
		if (fd >= 0)
			close(fd);
		return error;
	}
	*out = fd;
	return 0;
}

/* Takes one datagram, waiting for it if there is none and `flags` allow, and sends it back. Returns 0 or -errno. */
static int echo_one(int fd, int flags)
{
	uint8_t buffer[2048];
	struct sockaddr_in from;
	socklen_t from_len = sizeof(from);
	ssize_t length = recvfrom(fd, buffer, sizeof(buffer), flags, (struct sockaddr *)&from, &from_len);

	if (length < 0)
		return -errno;
	/* An answer that cannot leave is a lost one, which the other end sees. */
	sendto(fd, buffer, (size_t)length, MSG_DONTWAIT, (struct sockaddr *)&from, from_len);
	return 0;
}

static int echo_many(const int *fds, size_t count)
{
	scope_close int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event events[EVENTS];
	int ready;

	if (epoll < 0)
		return fail("make an", "epoll instance", -errno);
	for (size_t i = 0; i < count; i++) {
		struct epoll_event event = {.events = EPOLLIN, .data.fd = fds[i]};

		if (epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i], &event))
			return fail("watch", "a socket", -errno);
	}
	for (;;) {
		ready = epoll_wait(epoll, events, EVENTS, -1);
		if (ready < 0)
			return fail("wait for", "datagrams", -errno);
		for (int i = 0; i < ready; i++)
			while (!echo_one(events[i].data.fd, MSG_DONTWAIT))
				;
	}
}

static int echo_run(const char *words)
{
	scope_free char *text = strdup(words);
	char *dash = text ? strchr(text, '-') : NULL;
	scope_free int *fds = NULL;
	unsigned long low, high;
	int error;

	if (!text)
		return -ENOMEM;
	if (dash)
		*dash = '\0';
	if (read_number(text, 1, 65535, &low) || read_number(dash ? dash + 1 : text, low, 65535, &high))
		return -EINVAL;
	raise_descriptor_limit();
	fds = calloc(high - low + 1, sizeof(*fds));
	if (!fds)
		return -ENOMEM;
	for (unsigned long port = low; port <= high; port++) {
		error = open_bound(port, &fds[port - low]);
		if (error)
			return fail("open ports", words, error);
	}
	if (high > low)
		return echo_many(fds, high - low + 1);
	for (;;) {
		error = echo_one(fds[0], 0);
		if (error)
			return fail("receive on port", words, error);
	}
}

static volatile sig_atomic_t ended;

static void on_end(int number)
{
	(void)number;
	ended = 1;
}

/* The signal is let in only while waiting, so that it cannot fall between the look at `ended` and the wait. */
static int sink_run(const char *words)
{
	struct sigaction action = {.sa_handler = on_end};
	uint64_t count = 0, last_ns = 0;
	scope_close int epoll = epoll_create1(EPOLL_CLOEXEC);
	scope_close int fd = -1;
	struct epoll_event event = {.events = EPOLLIN};
	sigset_t blocked, open;
	unsigned long port;
	uint8_t octet;
	int error;

	if (read_number(words, 1, 65535, &port))
		return -EINVAL;
	error = open_bound(port, &fd);
	if (error)
		return fail("open port", words, error);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	sigprocmask(SIG_BLOCK, &blocked, &open);
	sigaction(SIGTERM, &action, NULL);
	if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
		return fail("watch port", words, -errno);
	while (!ended) {
		epoll_pwait(epoll, &event, 1, -1, &open);
		while (recv(fd, &octet, 1, MSG_DONTWAIT) >= 0) {
			last_ns = now_ns(CLOCK_REALTIME);
			count++;
		}
	}
	printf("count %llu\nlast_ns %llu\n", (unsigned long long)count, (unsigned long long)last_ns);
	return 0;
}

/* ---- probe */

/* A socket of a namespace stays there when this process goes on to the next. */
static int open_in_namespace(const char *name, const struct sockaddr_in *target, bool connected, int *out)
{
	scope_close int namespace = -1;
	char path[256];
	int fd, error;

	if (snprintf(path, sizeof(path), "%s%s", strchr(name, '/') ? "" : "/run/netns/", name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	namespace = open(path, O_RDONLY | O_CLOEXEC);
	if (namespace < 0 || setns(namespace, CLONE_NEWNET))
		return -errno;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connected && connect(fd, (const struct sockaddr *)target, sizeof(*target))) {
		error = -errno;
		close(fd);
		return error;
	}
	*out = fd;
	return 0;
}

static uint16_t port_of(const struct run *run, uint64_t number)
{
	return (uint16_t)(ntohs(run->target.sin_port) + number / run->socket_count % run->options.ports);
}

/*
 * A probe that cannot leave is a lost one. What an ICMP error told of an earlier datagram fails the next call on a
 * connected socket, and is taken by that: so once more.
 */
static void send_probe(struct run *run)
{
	uint64_t number = run->sent++;
	int fd = run->sockets[number % run->socket_count];
	struct payload payload = {.run = run->id, .number = number};
	struct sockaddr_in to = run->target;
	bool connected = run->options.ports == 1;
	uint8_t datagram[DATAGRAM_LEN] = {};

	memcpy(datagram, &payload, sizeof(payload));
	to.sin_port = htons(port_of(run, number));
	run->probes[number].sent_ns = now_ns(CLOCK_MONOTONIC);
	for (int tries = 0; tries < 2; tries++)
		if (sendto(fd, datagram, sizeof(datagram), MSG_DONTWAIT, connected ? NULL : (struct sockaddr *)&to,
			    connected ? 0 : sizeof(to)) >= 0)
			return;
}

static void take_answers(struct run *run, int fd)
{
	uint8_t datagram[DATAGRAM_LEN];
	struct payload payload;
	struct probe *probe;
	ssize_t length;
	uint64_t now;

	while ((length = recv(fd, datagram, sizeof(datagram), MSG_DONTWAIT)) >= 0 || errno == ECONNREFUSED) {
		now = now_ns(CLOCK_MONOTONIC);
		if (length != sizeof(datagram))
			continue;
		memcpy(&payload, datagram, sizeof(payload));
		if (payload.run != run->id || payload.number >= run->sent || payload.number < run->oldest)
			continue;
		probe = &run->probes[payload.number];
		if (probe->rtt_ns)
			continue;
		probe->rtt_ns = now - probe->sent_ns;
		run->answered++;
		run->settled++;
	}
}

/* Goes past what is answered, and past what will not be. */
static void settle(struct run *run, uint64_t now)
{
	for (; run->oldest < run->sent; run->oldest++) {
		const struct probe *probe = &run->probes[run->oldest];

		if (probe->rtt_ns)
			continue;
		if (now < probe->sent_ns + run->options.timeout_ns)
			break;
		run->settled++;
	}
}

static bool may_send(const struct run *run)
{
	return run->sent < run->total && run->sent - run->settled < run->options.window;
}

static uint64_t due_ns(const struct run *run)
{
	return run->start_ns + run->sent * run->options.spacing_ns;
}

/* How long there is nothing to do but to receive. */
static struct timespec idle_time(const struct run *run)
{
	uint64_t now = now_ns(CLOCK_MONOTONIC), until = UINT64_MAX, left;

	if (may_send(run))
		until = due_ns(run);
	if (run->oldest < run->sent && run->probes[run->oldest].sent_ns + run->options.timeout_ns < until)
		until = run->probes[run->oldest].sent_ns + run->options.timeout_ns;
	left = until > now ? until - now : 0;
	return (struct timespec){.tv_sec = (time_t)(left / NSEC_PER_SEC), .tv_nsec = (long)(left % NSEC_PER_SEC)};
}

static int probe_all(struct run *run, int epoll)
{
	struct epoll_event events[EVENTS];
	struct timespec idle;
	int ready;

	run->start_ns = now_ns(CLOCK_MONOTONIC);
	while (run->settled < run->total) {
		while (may_send(run) && due_ns(run) <= now_ns(CLOCK_MONOTONIC))
			send_probe(run);
		idle = idle_time(run);
		ready = epoll_pwait2(epoll, events, EVENTS, &idle, NULL);
		if (ready < 0)
			return fail("wait for", "answers", -errno);
		for (int i = 0; i < ready; i++)
			take_answers(run, events[i].data.fd);
		settle(run, now_ns(CLOCK_MONOTONIC));
	}
	return 0;
}

static void print_run(const struct run *run, uint64_t elapsed_ns)
{
	for (uint64_t i = 0; i < run->total; i++) {
		const struct probe *probe = &run->probes[i];

		if (run->options.each)
			printf("probe %zu %u %llu %llu\n", (size_t)(i % run->socket_count), port_of(run, i),
				(unsigned long long)probe->sent_ns, (unsigned long long)probe->rtt_ns);
		else if (probe->rtt_ns)
			printf("rtt %llu\n", (unsigned long long)probe->rtt_ns);
	}
	printf("lost %llu\n", (unsigned long long)(run->total - run->answered));
	printf("elapsed_ns %llu\n", (unsigned long long)elapsed_ns);
}

static int probe_run(struct run *run, char **namespaces)
{
	scope_close int epoll = epoll_create1(EPOLL_CLOEXEC);
	scope_free struct probe *probes = NULL;
	int error;

	if (epoll < 0)
		return fail("make an", "epoll instance", -errno);
	for (; namespaces[run->socket_count]; run->socket_count++) {
		struct epoll_event event = {.events = EPOLLIN};
		int fd;

		if (run->socket_count == SOCKETS_MAX)
			return fail("open that many", "sockets", -EMFILE);
		error = open_in_namespace(namespaces[run->socket_count], &run->target, run->options.ports == 1, &fd);
		if (error)
			return fail("open a socket in", namespaces[run->socket_count], error);
		run->sockets[run->socket_count] = event.data.fd = fd;
		if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
			return fail("watch", "a socket", -errno);
	}
	run->total = run->socket_count * run->options.probes;
	if (run->total > PROBES_MAX)
		return fail("send that many", "probes", -E2BIG);
	probes = calloc(run->total, sizeof(*probes));
	if (!probes)
		return fail("remember", "the probes", -ENOMEM);
	/* Touched, so that no page is made while the clock runs. */
	memset(probes, 0, run->total * sizeof(*probes));
	run->probes = probes;
	run->id = now_ns(CLOCK_MONOTONIC);
	/* A thread's timers may come 50 us late unless it says otherwise. */
	prctl(PR_SET_TIMERSLACK, 1);
	error = probe_all(run, epoll);
	if (!error)
		print_run(run, now_ns(CLOCK_MONOTONIC) - run->start_ns);
	for (size_t i = 0; i < run->socket_count; i++)
		close(run->sockets[i]);
	return error;
}

static int read_options(int argc, char **argv, struct options *options)
{
	static const struct option words[] = {
		{"spacing-us", required_argument, NULL, 's'},
		{"probes", required_argument, NULL, 'n'},
		{"ports", required_argument, NULL, 'p'},
		{"window", required_argument, NULL, 'w'},
		{"timeout-ms", required_argument, NULL, 't'},
		{"each", no_argument, NULL, 'e'},
		{},
	};
	unsigned long spacing = 1000, timeout = 1000;
	int word, error = 0;

	*options = (struct options){.probes = 1, .ports = 1, .window = PROBES_MAX};
	while (!error && (word = getopt_long(argc, argv, "+", words, NULL)) != -1) {
		if (word == 's')
			error = read_number(optarg, 0, 10000000, &spacing);
		else if (word == 'n')
			error = read_number(optarg, 1, PROBES_MAX, &options->probes);
		else if (word == 'p')
			error = read_number(optarg, 1, 65535, &options->ports);
		else if (word == 'w')
			error = read_number(optarg, 1, PROBES_MAX, &options->window);
		else if (word == 't')
			error = read_number(optarg, 1, 60000, &timeout);
		else if (word == 'e')
			options->each = true;
		else
			error = -EINVAL;
	}
	options->spacing_ns = spacing * 1000;
	options->timeout_ns = timeout * 1000000;
	return error;
}

/* argv begins with the word `probe`. Returns the exit status. */
static int probe_main(int argc, char **argv)
{
	static struct run run; /* large, zeros */
	unsigned long port;

	if (read_options(argc, argv, &run.options) || argc - optind < 3)
		return 2;
	run.target.sin_family = AF_INET;
	if (inet_pton(AF_INET, argv[optind], &run.target.sin_addr) != 1)
		return fail("take as an IPv4 address:", argv[optind], -EINVAL), 2;
	if (read_number(argv[optind + 1], 1, 65535, &port))
		return 2;
	if (port + run.options.ports > 65536)
		return fail("count ports from", argv[optind + 1], -ERANGE), 2;
	run.target.sin_port = htons((uint16_t)port);
	raise_descriptor_limit();
	return probe_run(&run, argv + optind + 2) ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	int status = 2;

	if (argc == 3 && !strcmp(argv[1], "echo"))
		return echo_run(argv[2]) ? EXIT_FAILURE : EXIT_SUCCESS;
	if (argc == 3 && !strcmp(argv[1], "sink"))
		return sink_run(argv[2]) ? EXIT_FAILURE : EXIT_SUCCESS;
	if (argc > 2 && !strcmp(argv[1], "probe"))
		status = probe_main(argc - 1, argv + 1);
	if (status == 2)
		fprintf(stderr,
			"usage: contact echo PORT[-PORT] | contact sink PORT |\n"
			"       contact probe [--spacing-us N] [--probes N] [--ports N] [--window N] [--timeout-ms N] [--each]\n"
			"               ADDRESS PORT NAMESPACE...\n");
	return status;
}
