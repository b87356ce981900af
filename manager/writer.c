/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two threads and the way back into the loop. See writer.h.
 */
#include "manager/writer.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/json.h"
#include "lib/log.h"
#include "manager/change.h"

#define FOLLOW_MS 1000
#define FOLLOW_AGAIN_S 1 /* after a failure */

struct job {
	TAILQ_ENTRY(job) links;
	int (*run)(struct store *store, void *argument);
	void (*done)(void *argument, int result);
	void *argument;
	int result;
};
TAILQ_HEAD(jobs, job);

struct writer {
	struct manager *manager;
	struct store *store, *followed;
	pthread_t thread, follower;
	bool started, following, shared;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool ending;
	struct jobs waiting, done;
	int event;
	struct loop_watch *watch;
};

/* ---- the loop's side */

static void on_done(void *context, uint32_t events)
{
	struct writer *writer = context;
	struct jobs done = TAILQ_HEAD_INITIALIZER(done);
	struct job *job;
	uint64_t count;

	(void)events;
	if (read(writer->event, &count, sizeof(count)) < 0)
		return;
	pthread_mutex_lock(&writer->lock);
	TAILQ_CONCAT(&done, &writer->done, links);
	pthread_mutex_unlock(&writer->lock);
	while ((job = TAILQ_FIRST(&done))) {
		TAILQ_REMOVE(&done, job, links);
		job->done(job->argument, job->result);
		free(job);
	}
}

int writer_run(struct manager *manager, int (*run)(struct store *store, void *argument),
	void (*done)(void *argument, int result), void *argument)
{
	struct writer *writer = manager->writer;
	struct job *job = calloc(1, sizeof(*job));

	if (!job)
		return -ENOMEM;
	*job = (struct job){.run = run, .done = done, .argument = argument};
	pthread_mutex_lock(&writer->lock);
	TAILQ_INSERT_TAIL(&writer->waiting, job, links);
	pthread_cond_signal(&writer->wake);
	pthread_mutex_unlock(&writer->lock);
	return 0;
}

bool writer_is_shared(const struct manager *manager)
{
	return manager->writer->shared;
}

/* ---- the thread that writes, and reads what is not in memory */

static void hand_back(struct writer *writer, struct job *job)
{
	static const uint64_t one = 1;

	pthread_mutex_lock(&writer->lock);
	TAILQ_INSERT_TAIL(&writer->done, job, links);
	pthread_mutex_unlock(&writer->lock);
	while (write(writer->event, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

static struct job *next_job(struct writer *writer)
{
	struct job *job = NULL;

	pthread_mutex_lock(&writer->lock);
	while (!writer->ending && TAILQ_EMPTY(&writer->waiting))
		pthread_cond_wait(&writer->wake, &writer->lock);
	job = writer->ending ? NULL : TAILQ_FIRST(&writer->waiting);
	if (job)
		TAILQ_REMOVE(&writer->waiting, job, links);
	pthread_mutex_unlock(&writer->lock);
	return job;
}

static void *work(void *context)
{
	struct writer *writer = context;
	struct job *job;

	while ((job = next_job(writer))) {
		job->result = job->run(writer->store, job->argument);
		hand_back(writer, job);
	}
	return NULL;
}

/* ---- the thread that follows */

/* A change of somebody's, on its way into the loop; NULL writes: how following goes. */
struct news {
	struct writer *writer;
	struct followed_change change;
};

static void news_free(struct news *news)
{
	for (size_t i = 0; i < news->change.count; i++) {
		free(news->change.keys[i]);
		free(news->change.bodies[i]);
	}
	free(news->change.keys);
	free(news->change.bodies);
	free(news->change.who);
	free(news->change.why);
	free(news);
}

static void on_news(void *context, int result)
{
	struct news *news = context;

	change_followed(news->writer->manager, result ? NULL : &news->change, result);
	news_free(news);
}

static int post(struct writer *writer, struct news *news, int result)
{
	struct job *job = calloc(1, sizeof(*job));

	if (!job) {
		news_free(news);
		return -ENOMEM;
	}
	*job = (struct job){.done = on_news, .argument = news, .result = result};
	hand_back(writer, job);
	return 0;
}

static int copy_writes(const struct store_change *change, struct followed_change *out)
{
	out->keys = calloc(change->count + 1, sizeof(*out->keys));
	out->bodies = calloc(change->count + 1, sizeof(*out->bodies));
	out->who = strdup(change->who);
	out->why = strdup(change->why);
	if (!out->keys || !out->bodies || !out->who || !out->why)
		return -ENOMEM;
	for (; out->count < change->count; out->count++) {
		const struct store_write *write = &change->writes[out->count];

		out->keys[out->count] = strdup(write->key);
		out->bodies[out->count] = write->body ? strdup(write->body) : NULL;
		if (!out->keys[out->count] || (write->body && !out->bodies[out->count])) {
			out->count++;
			return -ENOMEM;
		}
	}
	return 0;
}

static int on_change(void *context, const struct store_change *change)
{
	struct writer *writer = context;
	struct news *news = calloc(1, sizeof(*news));
	int error;

	if (!news)
		return -ENOMEM;
	news->writer = writer;
	news->change.revision = change->revision;
	news->change.time_ms = change->time_ms;
	error = copy_writes(change, &news->change);
	if (error) {
		news_free(news);
		return error;
	}
	return post(writer, news, 0);
}

static bool is_ending(struct writer *writer)
{
	bool ending;

	pthread_mutex_lock(&writer->lock);
	ending = writer->ending;
	pthread_mutex_unlock(&writer->lock);
	return ending;
}

static void *follow(void *context)
{
	struct writer *writer = context;
	int before = 0;

	while (!is_ending(writer)) {
		int error = store_follow(writer->followed, FOLLOW_MS, on_change, writer);
		struct news *news = error != before ? calloc(1, sizeof(*news)) : NULL;

		if (news) {
			news->writer = writer;
			/* 0: it works again. */
			post(writer, news, error ? error : -EAGAIN);
			before = error;
		}
		if (error)
			sleep(FOLLOW_AGAIN_S);
	}
	return NULL;
}

/* ---- start and end */

static int load_object(void *context, const char *key, uint64_t revision, const char *body)
{
	struct manager *manager = context;
	struct json_error error;
	cJSON *object = json_parse(body, strlen(body), &error);
	int result;

	(void)revision;
	if (!object) {
		log_error("store: %s: %s", key, error.message);
		return -EUCLEAN;
	}
	result = state_put(manager->state, object);
	if (!result)
		state_find_key(manager->state, key)->revision = revision;
	return result;
}

static int skip_object(void *context, const char *key, uint64_t revision, const char *body)
{
	(void)context, (void)key, (void)revision, (void)body;
	return 0;
}

static int load(struct manager *manager)
{
	uint64_t revision;
	int error;

	state_begin(manager->state);
	error = store_load(manager->writer->store, load_object, manager, &revision);
	if (!error)
		state_loaded(manager->state, revision);
	state_end(manager->state);
	return error;
}

static int open_stores(struct manager *manager)
{
	struct writer *writer = manager->writer;
	char message[STORE_MESSAGE_MAX] = "";
	uint64_t revision;
	int error = store_open(manager->options.store, &writer->store, message);

	if (error) {
		log_error("store %s: %s", manager->options.store, message);
		return error;
	}
	writer->shared = store_is_shared(writer->store);
	if (writer->shared) {
		error = store_open(manager->options.store, &writer->followed, message);
		if (!error)
			error = store_load(writer->followed, skip_object, NULL, &revision);
	}
	if (!error)
		error = load(manager);
	if (error)
		log_error("store %s: %s", manager->options.store, *message ? message : strerror(-error));
	return error;
}

static int start_threads(struct writer *writer)
{
	sigset_t all, before;
	int error;

	/* Signals are the loop's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = -pthread_create(&writer->thread, NULL, work, writer);
	writer->started = !error;
	if (!error && writer->shared) {
		error = -pthread_create(&writer->follower, NULL, follow, writer);
		writer->following = !error;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error;
}

int writer_open(struct manager *manager)
{
	struct writer *writer = calloc(1, sizeof(*writer));
	int error;

	if (!writer)
		return -ENOMEM;
	writer->manager = manager;
	manager->writer = writer;
	pthread_mutex_init(&writer->lock, NULL);
	pthread_cond_init(&writer->wake, NULL);
	TAILQ_INIT(&writer->waiting);
	TAILQ_INIT(&writer->done);
	writer->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (writer->event < 0)
		return -errno;
	writer->watch = loop_watch(manager->loop, writer->event, EPOLLIN, on_done, writer);
	if (!writer->watch)
		return -errno;
	error = open_stores(manager);
	return error ? error : start_threads(writer);
}

void writer_close(struct manager *manager)
{
	struct writer *writer = manager->writer;
	struct job *job;

	if (!writer)
		return;
	pthread_mutex_lock(&writer->lock);
	writer->ending = true;
	pthread_cond_signal(&writer->wake);
	pthread_mutex_unlock(&writer->lock);
	if (writer->started)
		pthread_join(writer->thread, NULL);
	if (writer->following)
		pthread_join(writer->follower, NULL);
	on_done(writer, 0);
	while ((job = TAILQ_FIRST(&writer->waiting))) {
		TAILQ_REMOVE(&writer->waiting, job, links);
		job->done(job->argument, -ECANCELED);
		free(job);
	}
	loop_unwatch(writer->watch);
	if (writer->event >= 0)
		close(writer->event);
	store_close(writer->followed);
	store_close(writer->store);
	pthread_cond_destroy(&writer->wake);
	pthread_mutex_destroy(&writer->lock);
	free(writer);
	manager->writer = NULL;
}
