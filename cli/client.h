/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The other end of the agent's control socket (docs/control.md): requests and answers, one JSON value a line.
 *
 * Says nothing to the user: what an error means is told by who asked.
 */
#ifndef OVNET_CLI_CLIENT_H
#define OVNET_CLI_CLIENT_H

#include <cjson/cJSON.h>
#include <stddef.h>

#define CLIENT_TIMEOUT_MS 10000
#define CLIENT_LINE_MAX ((size_t)64 << 20) /* octets of an answer; a long list of sessions takes megabytes */

struct client;

/*
 * Connects. `timeout_ms` bounds connecting, and every request until its answer is there.
 * Returns 0 and *out (client_close()); -ENOENT: no such socket; -ECONNREFUSED: nobody listens; -EACCES: not allowed;
 * -ENAMETOOLONG: no socket can have such a path; -EAGAIN: the agent did not take the connection in time; or another
 * -errno. *out is untouched on failure.
 */
int client_open(const char *path, unsigned timeout_ms, struct client **out);

/* NULL is allowed. */
void client_close(struct client *client);

/*
 * Sends a command and waits for its answer. `arguments` is an object, or NULL for none; it stays the caller's.
 * Returns 0 and *answer (cJSON_Delete()), an object that has a member "result", or a member "error" with a string
 * "message"; -ETIMEDOUT: no whole answer in time; -ECONNRESET: the agent closed the connection before it;
 * -EPROTO: what came is not such an answer; -EMSGSIZE: longer than CLIENT_LINE_MAX; -ENOMEM; or another -errno.
 * *answer is untouched on failure.
 */
int client_request(struct client *client, const char *command, const cJSON *arguments, cJSON **answer);

/*
 * After a request that watches: waits, for as long as it takes, for the next event. `output_fd` is where events are
 * going to be written: the wait ends when nobody reads there any more; -1 for none.
 * Returns 0 and *event (cJSON_Delete()); -EPIPE: nobody reads; -ECONNRESET, -EPROTO, -EMSGSIZE, -ENOMEM as above.
 * *event is untouched on failure.
 */
int client_event(struct client *client, int output_fd, cJSON **event);

#endif /* OVNET_CLI_CLIENT_H */
