/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What Prometheus reads, where it is served, the histogram behind one of its families, and word to who started us.
 */
#include "selftests/unit/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#include "agent/latency.h"
#include "lib/endpoint.h"
#include "lib/error.h"
#include "lib/exposition.h"
#include "lib/notify.h"
#include "lib/time.h"
#include "lib/watchdog.h"

static void text(void)
{
	static const struct exposition_label labels[] = {{"a", "x\"y\\z\n"}, {"b", ""}};
	scope_free char *got = NULL;
	size_t length;
	FILE *out = open_memstream(&got, &length);

	exposition_head(out, "n_total", "counter", "a \"quote\", a \\ and\na line");
	exposition_series(out, "n_total", "", labels, 2, UINT64_MAX);
	exposition_one(out, "g", "gauge", "h", 0);
	exposition_seconds(out, "t_seconds", "h", 1.5);
	fclose(out);
	CU_ASSERT_STRING_EQUAL(got, "# HELP n_total a \"quote\", a \\\\ and\\na line\n# TYPE n_total counter\n"
				    "n_total{a=\"x\\\"y\\\\z\\n\",b=\"\"} 18446744073709551615\n"
				    "# HELP g h\n# TYPE g gauge\ng 0\n"
				    "# HELP t_seconds h\n# TYPE t_seconds gauge\nt_seconds 1.500\n");
}

static void endpoints(void)
{
	static const char *const bad[] = {"", ":", "9191", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536",
		"127.0.0.1:+1", "127.0.0.1:1 ", "localhost:1", "::1:1", "[::1]", "[::1:1", "[]:1", "[127.0.0.1]:1",
		"[fe80::1%lo]:1", "1.2.3:1", "[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:1"};
	struct sockaddr_storage address;
	const struct sockaddr_in *four = (const void *)&address;
	const struct sockaddr_in6 *six = (const void *)&address;
	socklen_t length = 0;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CU_ASSERT_EQUAL(endpoint_parse(bad[i], &address, &length), -EINVAL);
	CU_ASSERT_EQUAL(length, 0);
	CU_ASSERT_EQUAL(endpoint_parse("127.0.0.1:9191", &address, &length), 0);
	CU_ASSERT(length == sizeof(*four) && four->sin_family == AF_INET && ntohs(four->sin_port) == 9191);
	CU_ASSERT_EQUAL(ntohl(four->sin_addr.s_addr), INADDR_LOOPBACK);
	CU_ASSERT_EQUAL(endpoint_parse("[::1]:65535", &address, &length), 0);
	CU_ASSERT(length == sizeof(*six) && IN6_IS_ADDR_LOOPBACK(&six->sin6_addr) && ntohs(six->sin6_port) == 65535);
	CU_ASSERT_EQUAL(endpoint_parse(":1", &address, &length), 0);
	CU_ASSERT(six->sin6_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&six->sin6_addr));
}

static void histogram(void)
{
	struct latency latency = {0};

	latency_note(&latency, 0);
	latency_note(&latency, 100000);
	latency_note(&latency, 100001);
	latency_note(&latency, NSEC_PER_SEC);
	latency_note(&latency, NSEC_PER_SEC + 1);
	CU_ASSERT_EQUAL(latency.buckets[0], 2);
	CU_ASSERT_EQUAL(latency.buckets[1], 1);
	CU_ASSERT_EQUAL(latency.buckets[LATENCY_BUCKETS - 1], 1);
	CU_ASSERT_EQUAL(latency.count, 5);
	CU_ASSERT_EQUAL(latency.sum_ns, 2 * NSEC_PER_SEC + 200002);
}

/* ---- word to who started us */

/* A socket as systemd has it, in the abstract name space, named in NOTIFY_SOCKET. */
static int supervisor(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	char name[32];

	snprintf(name, sizeof(name), "@ovnet-test-%d", getpid());
	memcpy(address.sun_path + 1, name + 1, strlen(name) - 1);
	CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&address,
				      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
		0);
	setenv("NOTIFY_SOCKET", name, 1);
	return fd;
}

static const char *heard(int fd)
{
	static char message[128];
	ssize_t got = recv(fd, message, sizeof(message) - 1, 0);

	message[got > 0 ? got : 0] = '\0';
	return message;
}

static void notifications(void)
{
	scope_close int fd = supervisor();
	unsigned said = 0;

	notify_say("READY=1");
	CU_ASSERT_STRING_EQUAL(heard(fd), "READY=1");
	notify_reloading();
	CU_ASSERT(strncmp(heard(fd), "RELOADING=1\nMONOTONIC_USEC=", 27) == 0);
	/* Nobody reads: more than any queue holds, and nobody waits. */
	for (unsigned i = 0; i < 100000; i++)
		notify_say("STATUS=-");
	while (*heard(fd))
		said++;
	CU_ASSERT(said > 0 && said < 100000);
	unsetenv("NOTIFY_SOCKET");
	notify_say("READY=1");
	CU_ASSERT_STRING_EQUAL(heard(fd), "");
}

static void stop(void *context)
{
	loop_stop(context);
}

static void watched(void)
{
	scope_close int fd = supervisor();
	struct loop *loop = loop_new();
	struct loop_timer *timer = loop_timer(loop, stop, loop);
	struct watchdog *watchdog;
	char pid[16];
	unsigned said = 0;

	unsetenv("WATCHDOG_USEC");
	CU_ASSERT(watchdog_open(loop, &watchdog) == 0 && !watchdog);
	setenv("WATCHDOG_USEC", "2000", 1);
	setenv("WATCHDOG_PID", "1", 1);
	CU_ASSERT(watchdog_open(loop, &watchdog) == 0 && !watchdog);
	setenv("WATCHDOG_USEC", "2000x", 1);
	snprintf(pid, sizeof(pid), "%d", getpid());
	setenv("WATCHDOG_PID", pid, 1);
	CU_ASSERT(watchdog_open(loop, &watchdog) == 0 && !watchdog);
	setenv("WATCHDOG_USEC", "2000", 1);
	CU_ASSERT(watchdog_open(loop, &watchdog) == 0 && watchdog);
	loop_timer_at(timer, time_now_ns() + 50 * NSEC_PER_MSEC);
	loop_run(loop);
	while (strcmp(heard(fd), "WATCHDOG=1") == 0)
		said++;
	CU_ASSERT(said >= 2 && said <= 50);
	watchdog_close(watchdog);
	watchdog_close(NULL);
	loop_timer_free(timer);
	loop_free(loop);
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	unsetenv("NOTIFY_SOCKET");
}

static const struct unit_test tests[] = {
	{"heads and series", text},
	{"where to listen", endpoints},
	{"a histogram", histogram},
	{"word to who started us", notifications},
	{"a watchdog", watched},
};

int main(void)
{
	return unit_run("exposition", tests, ARRAY_LEN(tests));
}
